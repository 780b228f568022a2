//! The planted bugs: each a flaw of the core under a name, where it really happened, and who must catch it.

use crate::observation::Property;
use seaworthy_core::flaw::{Flaw, Planted};

/// One planted bug.
#[derive(Clone, Copy, Debug)]
pub struct PlantedBug {
    /// Its name in scenario files.
    pub name: &'static str,
    /// What is planted: the bug itself, and the loss of whatever would mask it.
    pub flaws: &'static [Flaw],
    /// What the wrong code does.
    pub wrong: &'static str,
    /// Where it is documented to have happened.
    pub source: &'static str,
    /// The properties of which one must be the first that is found violated, the likeliest in the swarm first.
    /// Empty for a bug that breaks no property of a run but the equality of two.
    pub caught_by: &'static [Property],
    /// The smallest cluster in which it shows.
    pub nodes: u64,
}

/// The bug called `name`.
pub fn find(name: &str) -> Option<&'static PlantedBug> {
    CATALOGUE.iter().find(|bug| bug.name == name)
}

/// All names, in the order of the catalogue.
pub fn names() -> impl Iterator<Item = &'static str> {
    CATALOGUE.iter().map(|bug| bug.name)
}

/// The flaws of these bugs together. Unknown names plant nothing; a valid scenario has none.
pub fn flaws<'a>(names: impl IntoIterator<Item = &'a str>) -> Planted {
    Planted::new(names.into_iter().filter_map(find).flat_map(|bug| bug.flaws.iter().copied()))
}

const fn bug(
    name: &'static str,
    flaws: &'static [Flaw],
    wrong: &'static str,
    source: &'static str,
    caught_by: &'static [Property],
    nodes: u64,
) -> PlantedBug {
    PlantedBug { name, flaws, wrong, source, caught_by, nodes }
}

use Property as P;

/// All planted bugs: elections, replication and commit, reads, sessions, storage, determinism.
pub const CATALOGUE: &[PlantedBug] = &[
    bug(
        "vote_not_persisted",
        &[Flaw::VoteNotPersisted],
        "a vote is granted without being written down",
        "Raft Figure 2; robustmq#2039",
        &[P::PersistBeforeSend],
        2,
    ),
    bug(
        "vote_reply_not_gated",
        &[Flaw::VoteReplyNotGated],
        "a granted vote leaves before the write of it is durable",
        "openraft ee460f37",
        &[P::PersistBeforeSend],
        2,
    ),
    bug(
        "campaign_not_gated",
        &[Flaw::CampaignNotGated],
        "RequestVote leaves before the candidate's own vote and log are durable",
        "etcd raft's send(): only MsgAppResp and the vote answers wait",
        &[P::PersistBeforeSend],
        2,
    ),
    bug(
        "votes_twice",
        &[Flaw::VotesTwice],
        "a voter grants to whoever asks, also when its vote of the term is given",
        "a mutation of Raft §5.2",
        &[P::VoteOnce],
        2,
    ),
    bug(
        "vote_forgotten_at_step_down",
        &[Flaw::VoteForgottenAtStepDown],
        "stepping down within a term clears the vote",
        "microsoft/CCF#8091, redpanda#19, akka-raft#56",
        &[P::Monotonicity, P::VoteOnce],
        3,
    ),
    bug(
        "no_up_to_date_check",
        &[Flaw::NoUpToDateCheck],
        "a vote goes to any log",
        "Raft §5.4.1; akka-raft 1b0799d",
        &[P::LeaderCompleteness, P::StateMachineSafety],
        3,
    ),
    bug(
        "index_before_term",
        &[Flaw::IndexBeforeTerm],
        "logs are compared by last index first, by last term second",
        "Raft §5.4.1, a classic misreading",
        &[P::LeaderCompleteness],
        3,
    ),
    bug(
        "stale_vote_counted",
        &[Flaw::StaleVoteCounted],
        "a vote answer counts whatever its term",
        "Xraft#33 (SandTable), akka-raft#46",
        &[P::LeaderQuorum, P::ElectionSafety],
        3,
    ),
    bug(
        "duplicate_vote_counted",
        &[Flaw::DuplicateVoteCounted],
        "vote answers are counted, not voters: a duplicate is a second vote",
        "the original system's defect 8",
        &[P::LeaderQuorum],
        3,
    ),
    bug(
        "elected_twice",
        &[Flaw::ElectedTwice],
        "a leader that stepped down takes office again in the same term when a late vote arrives",
        "openraft 511f33c7, a neighbour of it",
        &[P::ElectionSafety, P::LeaderQuorum],
        2,
    ),
    bug(
        "amnesia_at_restart",
        &[Flaw::AmnesiaAtRestart],
        "a restart forgets the vote",
        "the original system's defect 11; NATS#7038",
        &[P::Monotonicity],
        1,
    ),
    bug(
        "half_is_quorum",
        &[Flaw::HalfIsQuorum],
        "half of an even number of voters is taken for a quorum",
        "hashicorp/raft 163a55f, raft-rs 2d89626",
        &[P::LeaderQuorum, P::CommitJustified],
        4,
    ),
    bug(
        "strictly_newer_log",
        &[Flaw::StrictlyNewerLog],
        "a vote needs a strictly newer log",
        "nebula#2419",
        &[P::Liveness],
        2,
    ),
    bug(
        "no_jitter",
        &[Flaw::NoJitter],
        "every election timeout is the shortest",
        "thesis §9.3",
        &[P::Liveness],
        3,
    ),
    bug(
        "commits_earlier_term",
        &[Flaw::CommitsEarlierTerm],
        "an entry of an earlier term commits by counting its replicas",
        "Raft Figure 8; LogCabin#44, async-raft#106, PySyncObj#169",
        &[P::CommitJustified],
        3,
    ),
    bug(
        "ack_not_gated",
        &[Flaw::AckNotGated],
        "entries are acknowledged before they are durable",
        "tikv#994, yugabyte#32875, Jepsen NATS 2.12.1",
        &[P::PersistBeforeSend],
        2,
    ),
    bug(
        "leader_counts_unpersisted",
        &[Flaw::LeaderCountsUnpersisted],
        "a leader counts its own entry before it is durable",
        "openraft a9f696a9, etcd#14370, dragonboat#224",
        &[P::CommitJustified],
        1,
    ),
    bug(
        "truncates_always",
        &[Flaw::TruncatesAlways],
        "every append cuts the log behind its first entry, though it holds the same",
        "openraft 9540c904, RaftOS#26, CCF#5991",
        &[P::Order, P::MatchSoundness, P::Durability, P::CommitJustified],
        3,
    ),
    bug(
        "no_prev_term_check",
        &[Flaw::NoPrevTermCheck],
        "entries are taken if the log is long enough, whatever term stands before them",
        "Raft §5.3; thesis §3.5",
        &[P::LogMatching, P::StateMachineSafety],
        3,
    ),
    bug(
        "acks_whole_log",
        &[Flaw::AcksWholeLog, Flaw::ConservativeHint],
        "an acknowledgement speaks of the follower's whole log, not of what the message verified",
        "CCF \"inaccurate AE-ACK\" (#6001)",
        &[P::PersistBeforeSend],
        3,
    ),
    bug(
        "stale_append_obeyed",
        &[Flaw::StaleAppendObeyed],
        "AppendEntries of an older term are obeyed, even by a leader",
        "the original system's defect 19",
        &[P::Monotonicity, P::LeaderAppendOnly],
        3,
    ),
    bug(
        "commits_unverified",
        &[Flaw::CommitsUnverified, Flaw::ConservativeHint],
        "a follower commits to the leader's commit index beyond what it has verified of its own log",
        "copycat#265, scylladb#9965",
        &[P::StateMachineSafety],
        3,
    ),
    bug(
        "match_regresses",
        &[Flaw::MatchRegresses],
        "match index is assigned from each answer, also a delayed one",
        "PySyncObj#167, RaftOS#25",
        &[P::Monotonicity, P::Liveness],
        2,
    ),
    bug(
        "commit_regresses",
        &[Flaw::CommitRegresses],
        "commit index is assigned from each message, also a delayed one",
        "PySyncObj#166, raft.tla#19",
        &[P::Monotonicity],
        2,
    ),
    bug(
        "no_backtracking",
        &[Flaw::NoBacktracking],
        "a refusal does not lower next index",
        "openraft 6d53aa12, CCF#3723",
        &[P::Liveness],
        2,
    ),
    bug(
        "read_unconfirmed",
        &[Flaw::ReadUnconfirmed],
        "a leader answers reads without asking whether it still leads",
        "etcd 0.4 and Consul (Jepsen 2014), d-engine#381",
        &[P::Linearizability],
        3,
    ),
    bug(
        "read_before_own_commit",
        &[Flaw::ReadBeforeOwnCommit],
        "a new leader reads at a commit index that may lag behind its predecessor's",
        "etcd#7331, tikv#9208",
        &[P::Linearizability],
        3,
    ),
    bug(
        "read_before_apply",
        &[Flaw::ReadBeforeApply],
        "a confirmed read is answered before its index is applied",
        "etcd#13464",
        &[P::Linearizability],
        1,
    ),
    bug(
        "any_round_confirms",
        &[Flaw::AnyRoundConfirms],
        "an answer to an old message confirms a new read",
        "a variant of etcd#20418",
        &[P::Linearizability],
        3,
    ),
    bug(
        "no_deduplication",
        &[Flaw::NoDeduplication],
        "a retried request is applied again",
        "thesis §6.3; redisraft#52, TiDB 2.1.7",
        &[P::ExactlyOnce],
        1,
    ),
    bug(
        "deduplicates_across_sessions",
        &[Flaw::DeduplicatesAcrossSessions],
        "requests are told apart by sequence number alone",
        "a mutation of thesis §6.3",
        &[P::Durability],
        1,
    ),
    bug(
        "deduplicates_on_leader",
        &[Flaw::DeduplicatesOnLeader],
        "only the leader consults its session table",
        "a mutation of thesis §6.3",
        &[P::ReplicasAgree, P::ExactlyOnce],
        2,
    ),
    bug(
        "applies_uncommitted",
        &[Flaw::AppliesUncommitted],
        "entries are applied as soon as they are in the log",
        "the original system's defect 2",
        &[P::Order],
        1,
    ),
    bug(
        "answers_before_commit",
        &[Flaw::AnswersBeforeCommit],
        "a write is answered when it is appended",
        "the original system's defect 15",
        &[P::Durability, P::Liveness, P::Linearizability],
        1,
    ),
    bug(
        "no_noop",
        &[Flaw::NoNoop],
        "a new leader appends nothing, so that reads and earlier entries wait for the next write",
        "thesis §6.4",
        &[P::Liveness],
        1,
    ),
    bug(
        "log_deleted_before_snapshot",
        &[Flaw::LogDeletedBeforeSnapshot],
        "the log that a snapshot takes the place of is deleted before the snapshot is durable",
        "uwplse/verdi-raft#51",
        &[P::CrashConsistency],
        1,
    ),
    bug(
        "cuts_at_first_damage",
        &[Flaw::CutsAtFirstDamage],
        "recovery cuts the log at the first damaged record, though records after it show that it was durable",
        "protocol-aware recovery (FAST'18), the approach that truncates",
        &[P::CrashConsistency],
        3,
    ),
    bug(
        "directory_not_synced",
        &[Flaw::DirectoryNotSynced],
        "a file gets its name and the directory is not synced before it is relied upon",
        "ALICE (OSDI'14); hashicorp/consul#3362",
        &[P::CrashConsistency],
        1,
    ),
    bug(
        "address_leak",
        &[Flaw::AddressLeak],
        "followers are served in an order that depends on a memory address",
        "camunda#13093 (unordered listeners)",
        &[],
        3,
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_its_own_and_every_bug_names_its_catcher_and_its_source() {
        for (position, bug) in CATALOGUE.iter().enumerate() {
            assert!(CATALOGUE[..position].iter().all(|other| other.name != bug.name), "{}", bug.name);
            assert!(!bug.source.is_empty() && !bug.flaws.is_empty(), "{}", bug.name);
            assert_eq!(bug.caught_by.is_empty(), bug.name == "address_leak");
        }
    }
}
