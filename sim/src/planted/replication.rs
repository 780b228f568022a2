//! Replication, commit, flow control.

use super::{PlantedBug, bug};
use crate::observation::Property as P;
use seaworthy_core::flaw::Flaw;

/// The bugs.
pub const BUGS: &[PlantedBug] = &[
    bug(
        "commits_earlier_term",
        &[Flaw::CommitsEarlierTerm],
        "an entry of an earlier term commits by counting its replicas",
        "Raft Figure 8; LogCabin#44, async-raft#106, PySyncObj#169",
        &[P::CommitJustified],
        3,
    )
    .shown_in(14),
    bug(
        "commit_stops_at_earlier_term",
        &[Flaw::CommitStopsAtEarlierTerm],
        "nothing commits while the first entry that has not is of an earlier term",
        "RaftOS#30",
        &[P::Liveness],
        1,
    ),
    bug(
        "unsorted_quorum",
        &[Flaw::UnsortedQuorum],
        "what the voter in the middle of an unsorted list holds is taken for what a majority holds",
        "openraft#1802",
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
        &[P::Order, P::MatchSoundness, P::Durability, P::CommitJustified, P::LogMatching],
        3,
    )
    .shown_in(9),
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
        "broken_promise_forgiven",
        &[Flaw::BrokenPromiseForgiven],
        "a leader goes on feeding a follower that has come back without what it acknowledged",
        "an old backup restored: Protocol-Aware Recovery, FAST'18, section 3",
        &[P::Monotonicity],
        3,
    )
    .shown_by(
        "planted/broken-promise-forgiven",
        "the swarm restores no backups: Raft cannot stand what they do to votes",
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
        "commits_at_refusal",
        &[Flaw::CommitsAtRefusal],
        "a follower commits what the leader has, though its log does not agree with the message",
        "etcd 31ef059",
        &[P::StateMachineSafety],
        3,
    ),
    bug(
        "stale_ack_counted",
        &[Flaw::StaleAckCounted],
        "an acknowledgement counts whatever its term",
        "CCF, DropStaleResponse; raft.tla",
        &[P::MatchSoundness, P::Liveness, P::LeaseExclusivity],
        3,
    )
    .shown_by(
        "planted/stale-ack-counted",
        "an answer must come in another term than it was sent in, and be wrong by then: up to two thousand seeds",
    ),
    bug(
        "match_regresses",
        &[Flaw::MatchRegresses],
        "match index is assigned from each answer, also a delayed one",
        "PySyncObj#167, RaftOS#25",
        &[P::Monotonicity, P::Liveness],
        2,
    )
    .shown_in(10),
    bug(
        "next_not_raised",
        &[Flaw::NextNotRaised],
        "next index is not raised with match index",
        "PySyncObj#167, WRaft#7, etcd raft#149",
        &[P::Order],
        2,
    ),
    bug(
        "commit_regresses",
        &[Flaw::CommitRegresses],
        "commit index is assigned from each message, also a delayed one",
        "PySyncObj#166, raft.tla#19",
        &[P::Monotonicity],
        2,
    )
    .shown_in(13),
    bug(
        "no_backtracking",
        &[Flaw::NoBacktracking],
        "a refusal does not lower next index",
        "openraft 6d53aa12, CCF#3723",
        &[P::Liveness],
        2,
    )
    .shown_by(
        "planted/no-backtracking",
        "it is found by chance too, but its runs take forty times as long: leader and follower repeat themselves",
    ),
    bug(
        "packs_with_gap",
        &[Flaw::PacksWithGap],
        "a message that is full leaves out what does not fit and goes on with what does",
        "LogCabin#160",
        &[P::Liveness, P::BoundedResources],
        2,
    ),
    bug(
        "accepts_without_limit",
        &[Flaw::AcceptsWithoutLimit],
        "a leader takes all that is proposed, however much waits to be committed",
        "etcd#10167",
        &[P::BoundedResources],
        2,
    ),
    bug(
        "uncommitted_bytes_leak",
        &[Flaw::UncommittedBytesLeak],
        "what is under way is never reckoned down for no-ops and configurations, until nothing more is accepted",
        "etcd a370b6f",
        &[P::Liveness],
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
