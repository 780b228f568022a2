//! Reads, leases, sessions.

use super::{PlantedBug, bug};
use crate::observation::Property as P;
use seaworthy_core::flaw::Flaw;

/// The bugs.
pub const BUGS: &[PlantedBug] = &[
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
    )
    .shown_by("planted/any-round-confirms", "an answer must be seconds late, in the one second in which it matters"),
    bug(
        "questions_share_name",
        &[Flaw::QuestionsShareName],
        "a follower asks all its questions under one name, so that the answer to one answers the next",
        "etcd#20418",
        &[P::Linearizability],
        2,
    ),
    bug(
        "follower_reads_locally",
        &[Flaw::FollowerReadsLocally],
        "whoever is asked answers reads from its own state",
        "Consul's stale mode, MicroRaft's eventual reads",
        &[P::Linearizability],
        2,
    ),
    bug(
        "lease_too_long",
        &[Flaw::LeaseTooLong],
        "a lease lasts longer than a voter's promise",
        "tikv#964, thesis §6.4.1",
        &[P::LeaseExclusivity],
        3,
    ),
    bug(
        "lease_from_receipt",
        &[Flaw::LeaseFromReceipt],
        "a lease counts from when the answers arrived",
        "openraft, leader_lease.md",
        &[P::LeaseExclusivity],
        3,
    ),
    bug(
        "lease_without_promise",
        &[Flaw::LeaseWithoutPromise],
        "voters promise a leader nothing, and its lease rests on that",
        "nebula#5351",
        &[P::LeaseExclusivity],
        3,
    )
    .shown_by("planted/lease-without-promise", "it finds it, in one run of hundreds: a voter must be asked by who hears no leader"),
    bug(
        "promise_forgotten_at_restart",
        &[Flaw::PromiseForgottenAtRestart],
        "a restarted voter votes at once, whatever it may have promised before",
        "CockroachDB's fortification asserts the like",
        &[P::LeaseExclusivity],
        3,
    )
    .shown_by("planted/promise-forgotten-at-restart", "a voter must restart, and be asked, within the lease that rests on it"),
    bug(
        "promise_forgotten_at_term",
        &[Flaw::PromiseForgottenAtTerm],
        "a voter forgets what it promised when it sees a higher term",
        "a mutation of thesis §6.4.1",
        &[P::LeaseExclusivity],
        3,
    )
    .shown_by("planted/promise-forgotten-at-term", "word of a higher term must reach the one voter on which a lease rests"),
    bug(
        "stale_refusal_echoes_round",
        &[Flaw::StaleRefusalEchoesRound],
        "a message of an older term is refused in the new term with the old round, and a leader that is back takes it for an answer",
        "a prototype of this core",
        &[P::Linearizability, P::LeaseExclusivity, P::Liveness],
        3,
    )
    .shown_by("planted/stale-refusal-echoes-round", "a leader must be back in office before what it said in the last arrives"),
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
        &[P::SnapshotMatchesLog, P::ReplicasAgree, P::ExactlyOnce],
        2,
    ),
    bug(
        "expired_session_recreated",
        &[Flaw::ExpiredSessionRecreated],
        "a request of an expired session opens it again and runs",
        "thesis §6.3",
        &[P::ExactlyOnce],
        1,
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
];
