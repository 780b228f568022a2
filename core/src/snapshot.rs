//! A snapshot: the state that the log up to an entry comes to, in place of that log (Raft §7, thesis §5).

use crate::membership::Membership;
use crate::message::SnapshotId;
use crate::types::{Bytes, EntryId};
use xxhash_rust::xxh3::xxh3_64;

/// What a part of the log came to. A cluster starts from one before its first entry, which says who belongs to it.
///
/// Equal state machines write equal bytes, so that any two snapshots at one entry are the same, whoever took them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Snapshot {
    /// The last entry that it stands for.
    pub last: EntryId,
    /// The configuration in force there: committed, never one that may yet be taken back.
    pub membership: Membership,
    /// The state machine, in bytes that the consensus layer never looks into.
    pub data: Bytes,
}

impl Snapshot {
    /// Which it is. Reads all of its bytes.
    pub fn id(&self) -> SnapshotId {
        SnapshotId { last: self.last, size: self.data.len() as u64, checksum: xxh3_64(&self.data) }
    }
}
