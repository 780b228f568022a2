//! What a disk keeps, and what is recovered from it.

use super::{PlantedBug, bug};
use crate::observation::Property as P;
use seaworthy_core::flaw::Flaw;

/// The bugs.
pub const BUGS: &[PlantedBug] = &[
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
];
