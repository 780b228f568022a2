//! What the adapter says it can do.

use seaworthy_sim::scenario::Scenario;
use seaworthy_sim::scenario::model::{Action, Fault, ReadModeName};

/// Whether the scenario asks for nothing that the adapter cannot do: change the membership, step down when it is told
/// to, keep a lease, weigh its log, know that its disk was lost, or go by the vote of one server alone.
pub fn supports(scenario: &Scenario) -> bool {
    let cluster = &scenario.cluster;
    let beyond = |action: &Action| {
        matches!(
            action,
            Action::ChangeMembership { .. } | Action::StepDown {} | Action::Wipe(_) | Action::Rot(_)
        )
    };
    1 < cluster.nodes - cluster.learners.len() as u64
        && cluster.spares == 0
        && cluster.lease_drift.is_none()
        && cluster.snapshot_bytes == 0
        && !scenario.liveness.drill
        && scenario.planted.is_empty()
        && scenario.nemesis.iter().all(|nemesis| does(nemesis.fault))
        && !scenario.timeline.iter().any(|moment| beyond(&moment.action))
}

/// The scenario without what the adapter cannot do, as far as that can be left out.
#[must_use]
pub fn restrict(mut scenario: Scenario) -> Scenario {
    scenario.cluster.spares = 0;
    scenario.cluster.lease_drift = None;
    scenario.cluster.snapshot_bytes = 0;
    scenario.liveness.drill = false;
    scenario.nemesis.retain(|nemesis| does(nemesis.fault));
    if let Some(workload) = &mut scenario.workload {
        workload.reads.remove(&ReadModeName::Lease);
    }
    scenario
}

fn does(fault: Fault) -> bool {
    !matches!(
        fault,
        Fault::Reconfigure | Fault::ReconfigureAndIsolate | Fault::StepDown | Fault::Wipe | Fault::Rot
    )
}
