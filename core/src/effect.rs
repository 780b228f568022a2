//! What a step asks of the world.
//!
//! *Writes form one ordered queue; a send leaves only when the write that it names is durable; all else may
//! happen in any order, late, or, after a crash, not at all.*

use crate::message::{Entry, Message};
use crate::snapshot::Snapshot;
use crate::types::{EntryId, LogIndex, NodeId, Term, Token, WriteSeq};
use alloc::vec::Vec;

/// The effects of one step, in a buffer that the caller owns and drains after each step.
#[derive(Clone, Debug, Default)]
pub struct Effects {
    /// For the disk, in order.
    pub writes: Vec<Write>,
    /// For the network, each as soon as its write is durable.
    pub sends: Vec<Send>,
    /// For the layer above, in order.
    pub events: Vec<Event>,
}

/// One record of the write queue, atomic on disk: it is there whole or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Write {
    /// Its position in the queue; consecutive over the life of a node since its start.
    pub seq: WriteSeq,
    /// What to write.
    pub record: Record,
}

/// What is written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Record {
    /// Term and vote, always together: written apart, a crash between them forgets a vote.
    HardState(HardState),
    /// Cut the log before the first of these entries, then append them. Never empty.
    Append(Vec<Entry>),
    /// A snapshot takes the place of the one before it and of the log up to `compacted`. If the log does not hold
    /// the snapshot's last entry, all of it goes: what stands there belongs to no history that goes on from the
    /// snapshot.
    Snapshot {
        /// The snapshot.
        snapshot: Snapshot,
        /// The last entry that leaves the log, at most the snapshot's last: what stands between them stays for
        /// followers that lag a little.
        compacted: LogIndex,
    },
}

/// What must outlive a crash besides the log (Raft Figure 2, persistent state).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct HardState {
    /// The latest term seen.
    pub term: Term,
    /// The candidate that received this node's vote in `term`.
    pub vote: Option<NodeId>,
}

/// A message and the write that it waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Send {
    /// May leave once this write is durable; [`WriteSeq::ZERO`] may leave at once.
    pub after: WriteSeq,
    /// The message.
    pub message: Message,
}

/// What the layer above the consensus needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A proposal was appended at `id`. It commits if the entry applied at that index has that term, and never
    /// if it has another.
    Proposed {
        /// The caller's handle.
        token: Token,
        /// Where it stands.
        id: EntryId,
    },
    /// A proposal is surely not in the log.
    ProposalRefused {
        /// The caller's handle.
        token: Token,
        /// Who may be the leader.
        leader: Option<NodeId>,
    },
    /// A read is linearizable once everything up to `index` has been applied (ReadIndex, thesis §6.4).
    ReadReady {
        /// The caller's handle.
        token: Token,
        /// What must be applied first.
        index: LogIndex,
    },
    /// A read cannot be confirmed here.
    ReadRefused {
        /// The caller's handle.
        token: Token,
        /// Who may be the leader.
        leader: Option<NodeId>,
    },
    /// Entries up to `index` are committed and may be applied.
    Committed {
        /// The new commit index.
        index: LogIndex,
    },
}

impl Effects {
    /// Forgets everything, keeps the memory.
    pub fn clear(&mut self) {
        self.writes.clear();
        self.sends.clear();
        self.events.clear();
    }
}
