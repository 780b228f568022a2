//! Membership and the leadership that is handed over.

use super::{PlantedBug, bug};
use crate::observation::Property as P;
use seaworthy_core::flaw::Flaw;

/// The bugs.
pub const BUGS: &[PlantedBug] = &[
    bug(
        "only_new_majority",
        &[Flaw::OnlyNewMajority],
        "in a joint configuration only the new majority counts",
        "a mutation of thesis §4.3",
        &[P::CommitJustified, P::LeaderQuorum],
        3,
    ),
    bug(
        "majority_of_union",
        &[Flaw::MajorityOfUnion],
        "in a joint configuration one majority of all voters counts",
        "CCF#3948, openraft 6c0ccaf3",
        &[P::CommitJustified, P::LeaderQuorum],
        3,
    ),
    bug(
        "learners_counted",
        &[Flaw::LearnersCounted],
        "learners count as voters",
        "async-raft d882e743",
        &[P::CommitJustified, P::LeaderQuorum],
        3,
    ),
    bug(
        "change_before_own_commit",
        &[Flaw::ChangeBeforeOwnCommit],
        "a leader changes the membership before it has committed in its own term",
        "Ongaro, raft-dev 2015",
        &[P::MembershipSafety],
        4,
    ),
    bug(
        "change_before_last_committed",
        &[Flaw::ChangeBeforeLastCommitted],
        "a leader changes the membership before the last change is committed",
        "etcd e51bb3c",
        &[P::MembershipSafety],
        3,
    ),
    bug(
        "no_joint_phase",
        &[Flaw::NoJointPhase],
        "several voters change in one step",
        "thesis Figure 4.2",
        &[P::MembershipSafety],
        3,
    ),
    bug(
        "leaves_joint_early",
        &[Flaw::LeavesJointEarly],
        "a joint configuration is left before it is committed",
        "camunda#60086",
        &[P::MembershipSafety],
        3,
    ),
    bug(
        "configuration_on_commit",
        &[Flaw::ConfigurationOnCommit],
        "a configuration counts from its commit on, not from its entry on",
        "etcd#7625, #11284; the original system's defect 17",
        &[P::CommitJustified, P::Liveness, P::LeaderQuorum],
        3,
    ),
    bug(
        "joint_dropped_at_restart",
        &[Flaw::JointDroppedAtRestart],
        "a restart falls back to the configuration before a joint one",
        "etcd e515a67",
        &[P::MembershipSafety],
        3,
    ),
    bug(
        "membership_not_rolled_back",
        &[Flaw::MembershipNotRolledBack],
        "a configuration stays in force when its entry is cut off",
        "scylladb#30984, canonical/raft#250",
        &[P::MembershipSafety],
        3,
    ),
    bug(
        "removed_leader_stays",
        &[Flaw::RemovedLeaderStays],
        "a leader that has removed itself leads on",
        "the original system's defect 21",
        &[P::MembershipSafety],
        2,
    ),
    bug(
        "removed_cannot_campaign",
        &[Flaw::RemovedCannotCampaign],
        "only a voter of the latest configuration may campaign, though a removed one alone may hold the newest log",
        "openraft#2098",
        &[P::Liveness],
        2,
    ),
    bug(
        "learner_refuses_to_vote",
        &[Flaw::LearnerRefusesToVote],
        "a learner refuses its vote, though it has been given one that it does not know of",
        "raft-rs#57, etcd#10998",
        &[P::Liveness],
        3,
    ),
    bug(
        "wiped_node_welcome",
        &[Flaw::WipedNodeWelcome],
        "a voter that has lost its disk is taken back under its old number",
        "Protocol-Aware Recovery (FAST 2018); etcd refuses it",
        &[P::Durability],
        3,
    ),
    bug(
        "lease_survives_transfer",
        &[Flaw::LeaseSurvivesTransfer],
        "a leader that hands over goes on reading on its lease",
        "openraft#1747",
        &[P::LeaseExclusivity],
        3,
    )
    .shown_by(
        "planted/lease-survives-transfer",
        "it finds it, in one run of hundreds: the word to campaign must be late",
    ),
    bug(
        "transfer_skips_log_check",
        &[Flaw::TransferSkipsLogCheck, Flaw::TransferToLaggard],
        "whoever was asked to campaign gets votes, whatever its log",
        "a mutation of thesis §3.10",
        &[P::LeaderCompleteness],
        3,
    ),
    bug(
        "transfer_never_expires",
        &[Flaw::TransferNeverExpires],
        "a leader waits for ever for its successor, and so do its clients",
        "hashicorp/raft#581, redpanda#2606",
        &[P::Liveness],
        2,
    )
    .shown_by(
        "planted/transfer-never-expires",
        "it finds it, in one run of hundreds: the successor must be lost for good",
    ),
    bug(
        "stale_timeout_now_obeyed",
        &[Flaw::StaleTimeoutNowObeyed],
        "TimeoutNow of an older term is obeyed, in spite of the lease of a leader that is back",
        "camunda#58339 checks the term",
        &[P::LeaseExclusivity],
        3,
    )
    .shown_by(
        "planted/stale-timeout-now-obeyed",
        "the word to campaign must be late by an office of another and a new lease",
    ),
];
