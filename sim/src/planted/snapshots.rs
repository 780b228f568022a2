//! Snapshots and compaction.

use super::{PlantedBug, bug};
use crate::observation::Property as P;
use seaworthy_core::flaw::Flaw;

/// The bugs.
pub const BUGS: &[PlantedBug] = &[
    bug(
        "empty_append_at_base",
        &[Flaw::EmptyAppendAtBase],
        "who lacks the last entry that was compacted away gets an empty message instead of a snapshot",
        "WRaft#118, etcd raft#31",
        &[P::Liveness],
        2,
    )
    .shown_in(20),
    bug(
        "first_append_taken_again",
        &[Flaw::FirstAppendTakenAgain],
        "an append that begins with the first entry of all is always taken: what was compacted away comes again, behind \
         the rest",
        "WRaft#118 (SandTable), RedisLabs/raft#49",
        &[P::LogMatching],
        2,
    )
    .shown_in(22),
    bug(
        "chunk_sent_once",
        &[Flaw::ChunkSentOnce],
        "a chunk of a snapshot that is lost is not sent again: the follower waits for the next snapshot",
        "WRaft#3 (SandTable)",
        &[P::Liveness],
        2,
    ),
    bug(
        "heartbeats_end_at_snapshot",
        &[Flaw::HeartbeatsEndAtSnapshot],
        "those behind a follower that is being sent a snapshot get no heartbeats",
        "WRaft#8 (SandTable); raft_send_appendentries_all of willemt/raft ends at the first that fails",
        &[P::Liveness],
        3,
    ),
    bug(
        "snapshot_with_old_membership",
        &[Flaw::SnapshotWithOldMembership],
        "a snapshot carries the configuration of the one before it",
        "scylladb#9551, openraft#1808",
        &[P::SnapshotMatchesLog],
        3,
    ),
    bug(
        "installs_stale_snapshot",
        &[Flaw::InstallsStaleSnapshot],
        "a snapshot is installed though the log goes further",
        "redisraft#42, canonical/raft#191",
        &[P::Monotonicity, P::Order],
        2,
    ),
    bug(
        "install_discards_suffix",
        &[Flaw::InstallDiscardsSuffix],
        "a snapshot takes the place of entries that go on from it",
        "etcd PR#1763",
        &[P::Order],
        3,
    ),
    bug(
        "conflicting_log_kept",
        &[Flaw::ConflictingLogKept],
        "a log that is long enough is kept, though it conflicts with the snapshot",
        "hashicorp/raft#697",
        &[P::SnapshotMatchesLog, P::StateMachineSafety],
        3,
    ),
    bug(
        "snapshot_restores_term",
        &[Flaw::SnapshotRestoresTerm],
        "whoever installs a snapshot goes back to its term",
        "WRaft#118",
        &[P::Monotonicity],
        2,
    )
    .shown_in(23),
    bug(
        "compacted_is_conflict",
        &[Flaw::CompactedIsConflict],
        "a message that begins before what was compacted away is taken for a conflict, and the log goes",
        "openraft 44381b0c",
        &[P::Order, P::Monotonicity],
        2,
    ),
    bug(
        "chunk_offset_ignored",
        &[Flaw::ChunkOffsetIgnored],
        "chunks of a snapshot are put together as they come",
        "openraft 2eccb9e1",
        &[P::Liveness],
        2,
    ),
    bug(
        "snapshots_mixed",
        &[Flaw::SnapshotsMixed],
        "the chunks of one snapshot are put together with those of another",
        "LogCabin#174",
        &[P::Liveness],
        3,
    ),
    bug(
        "sessions_not_in_snapshot",
        &[Flaw::SessionsNotInSnapshot],
        "a snapshot leaves the session table out",
        "thesis §6.3; atomix#1101",
        &[P::SnapshotMatchesLog],
        1,
    ),
    bug(
        "last_use_not_in_snapshot",
        &[Flaw::LastUseNotInSnapshot],
        "a snapshot leaves out when each session was last used",
        "a mutation of thesis §6.3",
        &[P::SnapshotMatchesLog],
        1,
    ),
];
