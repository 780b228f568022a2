//! How big a failing run is.

use crate::history::HistoryEvent;
use crate::network::Owner;
use crate::run::{Deed, Recording, RunReport};
use crate::scenario::Scenario;
use crate::scenario::model::Action;
use crate::story::depth;
use std::fmt;

/// How big a failing run is, up to the violation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, serde::Serialize)]
pub struct Size {
    /// Servers.
    pub nodes: u64,
    /// Faults: what was done to the cluster, and the rules for single messages.
    pub faults: u64,
    /// Operations of clients.
    pub operations: u64,
    /// Events that led to the violation, see [`depth`].
    pub events: u64,
    /// Checked steps.
    pub steps: u64,
}

impl Size {
    /// The size of a run of `scenario`.
    pub fn of(scenario: &Scenario, report: &RunReport, recording: &Recording) -> Self {
        // The drill stands in no timeline.
        let is_fault =
            |deed: &&Deed| !matches!(deed.action, Action::Invoke { .. }) && deed.owner != Owner::Drill;
        let faults = recording.deeds.iter().filter(is_fault).count();
        let invoked = |event: &&HistoryEvent| matches!(event, HistoryEvent::Invoked { .. });
        Self {
            nodes: scenario.cluster.servers(),
            faults: (faults + scenario.rules.len()) as u64,
            operations: recording.history.iter().filter(invoked).count() as u64,
            events: depth(report, recording),
            steps: report.steps,
        }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { nodes, faults, operations, events, .. } = self;
        write!(f, "{nodes} nodes, {faults} faults, {operations} operations, {events} events")
    }
}
