//! The places where a node's dealings with its disk can break off.

use seaworthy_core::storage::{File, Operation};
use std::fmt;

/// A place among the operations of a disk, before or after one of a kind or in the middle of it.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum CrashPoint {
    /// Before a new segment is begun under a temporary name.
    BeforeCreate,
    /// After that, while it is empty.
    AfterCreate,
    /// With half of a new segment written: half of the checkpoint, if a snapshot takes the place of the log.
    MidSegment,
    /// Before records are appended to a segment.
    BeforeAppend,
    /// With half of them written.
    MidAppend,
    /// After they are written, and not synced.
    AfterAppend,
    /// Before a file is synced.
    BeforeSync,
    /// After it is synced, and nobody knows yet.
    AfterSync,
    /// Before a new segment gets its name.
    BeforeRename,
    /// After it got its name, which may still be lost.
    AfterRename,
    /// Before the directory is synced.
    BeforeDirectorySync,
    /// After the directory is synced.
    AfterDirectorySync,
    /// Before a segment that is not needed any more is deleted.
    BeforeDelete,
    /// After it is deleted, which may still be undone.
    AfterDelete,
}

/// Every crash point.
pub const CRASH_POINTS: [CrashPoint; 14] = [
    CrashPoint::BeforeCreate,
    CrashPoint::AfterCreate,
    CrashPoint::MidSegment,
    CrashPoint::BeforeAppend,
    CrashPoint::MidAppend,
    CrashPoint::AfterAppend,
    CrashPoint::BeforeSync,
    CrashPoint::AfterSync,
    CrashPoint::BeforeRename,
    CrashPoint::AfterRename,
    CrashPoint::BeforeDirectorySync,
    CrashPoint::AfterDirectorySync,
    CrashPoint::BeforeDelete,
    CrashPoint::AfterDelete,
];

/// The points that an operation goes through: before it, in its middle if it has one, after it.
pub(super) struct Points {
    pub(super) before: Option<CrashPoint>,
    pub(super) middle: Option<CrashPoint>,
    pub(super) after: Option<CrashPoint>,
}

impl Points {
    pub(super) fn of(operation: &Operation) -> Self {
        use CrashPoint::*;
        let (before, middle, after) = match operation {
            Operation::Create(_) => (Some(BeforeCreate), None, Some(AfterCreate)),
            Operation::Write { file: File::Temporary(_), .. } => (None, Some(MidSegment), None),
            Operation::Write { file: File::Segment(_), .. } => {
                (Some(BeforeAppend), Some(MidAppend), Some(AfterAppend))
            }
            Operation::Sync(_) => (Some(BeforeSync), None, Some(AfterSync)),
            Operation::Rename { .. } => (Some(BeforeRename), None, Some(AfterRename)),
            Operation::SyncDirectory => (Some(BeforeDirectorySync), None, Some(AfterDirectorySync)),
            Operation::Delete(_) => (Some(BeforeDelete), None, Some(AfterDelete)),
        };
        Self { before, middle, after }
    }
}

impl fmt::Display for CrashPoint {
    /// The name in files.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::report::name_in_files(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use seaworthy_core::storage::Padded;
    use std::collections::BTreeSet;

    #[test]
    fn every_point_is_one_of_some_operation() {
        let (file, to) = (File::Temporary(1), File::Segment(1));
        let write = |file| Operation::Write { file, offset: 0, bytes: Padded::default() };
        let operations = [
            Operation::Create(file),
            write(file),
            write(to),
            Operation::Sync(file),
            Operation::Rename { from: file, to },
            Operation::SyncDirectory,
            Operation::Delete(to),
        ];
        let points = operations.iter().map(Points::of);
        let reached: BTreeSet<_> =
            points.flat_map(|points| [points.before, points.middle, points.after]).flatten().collect();
        assert_eq!(reached, BTreeSet::from(CRASH_POINTS));
        assert_eq!(CrashPoint::BeforeDirectorySync.to_string(), "before_directory_sync");
    }
}
