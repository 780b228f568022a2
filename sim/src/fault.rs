//! What can go wrong in a run, by the names under which reports count it.
//!
//! Each kind is counted when it takes effect, not when it is asked for: a crash of a node that is down is none. So a
//! fault that a scenario has in play and that was never counted has tested nothing, and a sweep says so.

use crate::disk::Failure;
use crate::scenario::Scenario;
use crate::scenario::model::{Action, Fault};
use crate::scenario::scalar::Ppm;
use std::collections::BTreeSet;

/// A kind of fault, or the end of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FaultKind {
    /// Links between groups of nodes were cut.
    Partition,
    /// Links were cut, one way.
    Cut,
    /// Links between some nodes and others were cut, both ways.
    Sever,
    /// A node was cut off from all others.
    Isolate,
    /// A node's messages were held back.
    Clog,
    /// Links that had been cut were mended.
    Heal,
    /// A node stopped.
    Crash,
    /// A node stopped in the middle of a step's effects.
    CrashMidStep,
    /// A node stopped at a point of its dealings with its disk.
    CrashAt,
    /// A node that stopped lost writes that were not durable.
    LostWrites,
    /// A node that stopped left a sector that is neither what it was nor what was written.
    TornWrite,
    /// A node that stopped lost the creation, the renaming or the deletion of a file.
    LostName,
    /// A node that was down started again.
    Restart,
    /// A node froze.
    Pause,
    /// A disk became slower.
    SlowDisk,
    /// A sync failed, and its node stopped.
    FailSync,
    /// A write found no space, and its node stopped.
    FillDisk,
    /// What was durable on a disk was damaged.
    Rot,
    /// A node found its disk damaged, and is down for good.
    RefusedDisk,
    /// A clock was set forward.
    ClockJump,
    /// A node was told to campaign.
    Campaign,
    /// An operator set out to change the membership.
    ChangeMembership,
    /// A leader was told to hand over.
    TransferLeadership,
    /// A leader was told to step down.
    StepDown,
    /// A node was told to take a snapshot.
    TakeSnapshot,
    /// A node lost its disk.
    Wipe,
    /// An old copy took the place of a node's disk.
    RestoreBackup,
    /// Messages between nodes became likelier to be lost than usual, or less likely.
    Loss,
    /// The same of messages that arrive twice.
    Duplication,
    /// Messages between nodes became slower than usual, or faster.
    Latency,
    /// A message between nodes was lost by luck.
    Drop,
    /// A message between nodes arrived twice.
    Duplicate,
    /// A message between nodes was lost because its link was full.
    Overflow,
    /// A message between a client and a node was lost by luck.
    ClientDrop,
    /// A rule decided on a message.
    Rule,
}

/// Every kind there is.
pub const KINDS: [FaultKind; 35] = [
    FaultKind::Partition,
    FaultKind::Cut,
    FaultKind::Sever,
    FaultKind::Isolate,
    FaultKind::Clog,
    FaultKind::Heal,
    FaultKind::Crash,
    FaultKind::CrashMidStep,
    FaultKind::CrashAt,
    FaultKind::LostWrites,
    FaultKind::TornWrite,
    FaultKind::LostName,
    FaultKind::Restart,
    FaultKind::Pause,
    FaultKind::SlowDisk,
    FaultKind::FailSync,
    FaultKind::FillDisk,
    FaultKind::Rot,
    FaultKind::RefusedDisk,
    FaultKind::ClockJump,
    FaultKind::Campaign,
    FaultKind::ChangeMembership,
    FaultKind::TransferLeadership,
    FaultKind::StepDown,
    FaultKind::TakeSnapshot,
    FaultKind::Wipe,
    FaultKind::RestoreBackup,
    FaultKind::Loss,
    FaultKind::Duplication,
    FaultKind::Latency,
    FaultKind::Drop,
    FaultKind::Duplicate,
    FaultKind::Overflow,
    FaultKind::ClientDrop,
    FaultKind::Rule,
];

impl FaultKind {
    /// Its name in reports. It never changes its meaning.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Partition => "partition",
            Self::Cut => "cut",
            Self::Sever => "sever",
            Self::Isolate => "isolate",
            Self::Clog => "clog",
            Self::Heal => "heal",
            Self::Crash => "crash",
            Self::CrashMidStep => "crash_mid_step",
            Self::CrashAt => "crash_at",
            Self::LostWrites => "lost_writes",
            Self::TornWrite => "torn_write",
            Self::LostName => "lost_name",
            Self::Restart => "restart",
            Self::Pause => "pause",
            Self::SlowDisk => "slow_disk",
            Self::FailSync => "fail_sync",
            Self::FillDisk => "fill_disk",
            Self::Rot => "rot",
            Self::RefusedDisk => "refused_disk",
            Self::ClockJump => "clock_jump",
            Self::Campaign => "campaign",
            Self::ChangeMembership => "change_membership",
            Self::TransferLeadership => "transfer_leadership",
            Self::StepDown => "step_down",
            Self::TakeSnapshot => "take_snapshot",
            Self::Wipe => "wipe",
            Self::RestoreBackup => "restore_backup",
            Self::Loss => "loss",
            Self::Duplication => "duplication",
            Self::Latency => "latency",
            Self::Drop => "drop",
            Self::Duplicate => "duplicate",
            Self::Overflow => "overflow",
            Self::ClientDrop => "client_drop",
            Self::Rule => "rule",
        }
    }

    /// What an action is counted as, if it is any fault.
    pub const fn of_action(action: &Action) -> Option<Self> {
        Some(match action {
            Action::Partition { .. } => Self::Partition,
            Action::Cut { .. } => Self::Cut,
            Action::Sever { .. } => Self::Sever,
            Action::Isolate(_) => Self::Isolate,
            Action::Clog(_) => Self::Clog,
            Action::Heal {} => Self::Heal,
            Action::Crash(_) => Self::Crash,
            Action::CrashMidStep(_) => Self::CrashMidStep,
            Action::CrashAt { .. } => Self::CrashAt,
            Action::FailSync(_) => Self::FailSync,
            Action::FillDisk(_) => Self::FillDisk,
            Action::Rot(_) => Self::Rot,
            Action::Restart(_) => Self::Restart,
            Action::Pause(_) => Self::Pause,
            Action::Campaign(_) => Self::Campaign,
            Action::JumpClock { .. } => Self::ClockJump,
            Action::SlowDisk { .. } => Self::SlowDisk,
            Action::Loss(_) => Self::Loss,
            Action::Duplicate(_) => Self::Duplication,
            Action::Latency(_) => Self::Latency,
            Action::ChangeMembership { .. } => Self::ChangeMembership,
            Action::TransferLeadership(_) => Self::TransferLeadership,
            Action::StepDown {} => Self::StepDown,
            Action::TakeSnapshot(_) => Self::TakeSnapshot,
            Action::Wipe(_) => Self::Wipe,
            Action::RestoreBackup(_) => Self::RestoreBackup,
            Action::Unclog {}
            | Action::FreeDisk(_)
            | Action::Resume(_)
            | Action::BackUp(_)
            | Action::Invoke { .. } => return None,
        })
    }

    /// What the strikes of a nemesis are counted as. What undoes them is not among it.
    pub const fn of_nemesis(fault: Fault) -> &'static [Self] {
        match fault {
            Fault::Partition => &[Self::Partition],
            Fault::IsolateLeader | Fault::IsolateAny => &[Self::Isolate],
            Fault::OneWay => &[Self::Cut],
            Fault::Clog => &[Self::Clog],
            Fault::Sever | Fault::Bridge => &[Self::Sever],
            Fault::Ambush => &[Self::Sever, Self::Campaign],
            Fault::Crash | Fault::CrashLeader | Fault::CrashMajority | Fault::CrashAll => &[Self::Crash],
            Fault::CrashMidStep => &[Self::CrashMidStep],
            Fault::CrashAt => &[Self::CrashAt],
            Fault::FailSync => &[Self::FailSync],
            Fault::FillDisk => &[Self::FillDisk],
            Fault::Rot => &[Self::Rot, Self::ChangeMembership],
            Fault::Pause | Fault::PauseLeader => &[Self::Pause],
            Fault::SlowDisk | Fault::SlowLeaderDisk => &[Self::SlowDisk],
            Fault::LossBurst => &[Self::Loss],
            Fault::DuplicateBurst => &[Self::Duplication],
            Fault::LatencyBurst | Fault::Stragglers => &[Self::Latency],
            Fault::JumpClock => &[Self::ClockJump],
            Fault::Campaign => &[Self::Campaign],
            Fault::Reconfigure => &[Self::ChangeMembership],
            Fault::ReconfigureAndIsolate => &[Self::ChangeMembership, Self::Sever],
            Fault::TransferLeadership => &[Self::TransferLeadership],
            Fault::StepDown => &[Self::StepDown],
            Fault::TakeSnapshot => &[Self::TakeSnapshot],
            Fault::Wipe => &[Self::Wipe, Self::ChangeMembership],
        }
    }
}

impl From<Failure> for FaultKind {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Crash(_) => Self::CrashAt,
            Failure::Sync => Self::FailSync,
            Failure::Full => Self::FillDisk,
        }
    }
}

/// The kinds that `scenario` asks for: by its nemeses, its timeline, its network or its rules.
pub fn in_play(scenario: &Scenario) -> BTreeSet<FaultKind> {
    let struck = scenario.nemesis.iter().flat_map(|nemesis| FaultKind::of_nemesis(nemesis.fault)).copied();
    let done = scenario.timeline.iter().filter_map(|moment| FaultKind::of_action(&moment.action));
    let network = &scenario.network;
    let somewhere = |everywhere: Ppm, own: &mut dyn Iterator<Item = Option<Ppm>>| {
        Ppm::ZERO < everywhere || own.flatten().any(|own| Ppm::ZERO < own)
    };
    let links = &network.links;
    let by_luck = [
        (FaultKind::Drop, somewhere(network.loss, &mut links.iter().map(|link| link.loss))),
        (FaultKind::Duplicate, somewhere(network.duplicate, &mut links.iter().map(|link| link.duplicate))),
        (FaultKind::Overflow, network.capacity.is_some()),
        (FaultKind::ClientDrop, Ppm::ZERO < network.client_loss),
        (FaultKind::Rule, !scenario.rules.is_empty()),
    ];
    let by_luck = by_luck.into_iter().filter(|(_, may)| *may).map(|(kind, _)| kind);
    struck.chain(done).chain(by_luck).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nemesis::FAULTS;
    use crate::scenario::parse;

    fn names(kinds: impl IntoIterator<Item = FaultKind>) -> Vec<&'static str> {
        kinds.into_iter().map(FaultKind::name).collect()
    }

    #[test]
    fn every_kind_stands_in_the_list_once_under_a_name_of_its_own() {
        assert!(KINDS.is_sorted_by(|one, other| one < other));
        let last = KINDS.last().expect("there are kinds");
        assert_eq!(*last as usize, KINDS.len() - 1, "a kind is missing from the list");
        assert_eq!(names(KINDS).into_iter().collect::<BTreeSet<_>>().len(), KINDS.len());
    }

    #[test]
    fn every_nemesis_is_counted_as_something() {
        for fault in FAULTS {
            assert!(!FaultKind::of_nemesis(fault).is_empty(), "{fault:?}");
        }
    }

    #[test]
    fn in_play_is_what_nemeses_timeline_network_and_rules_ask_for() {
        let of = |fields: &str| {
            let text = format!(r#"{{"name": "x", "claim": "A test.", {fields}}}"#);
            names(in_play(&parse("x.json", &text).expect("a valid scenario")))
        };
        assert_eq!(of(r#""duration": "1s""#), [""; 0]);
        let lossy = r#""network": {"loss": 0.1, "client_loss": 0.1, "links": [{"from": 1, "to": 2, "duplicate": 1}]}"#;
        assert_eq!(of(lossy), ["drop", "duplicate", "client_drop"]);
        assert_eq!(of(r#""rules": [{"verdict": "drop"}]"#), ["rule"]);
        let nemesis =
            r#""nemesis": [{"fault": "wipe", "every": {"constant": "1s"}, "for": {"constant": "1s"}}]"#;
        assert_eq!(of(nemesis), ["change_membership", "wipe"]);
        let timeline = r#""timeline": [{"at": "1s", "do": {"crash": [1]}}, {"at": "2s", "do": {"restart": [1]}},
            {"at": "3s", "do": {"invoke": {"client": 1, "command": "GET k"}}}]"#;
        assert_eq!(of(timeline), ["crash", "restart"]);
    }
}
