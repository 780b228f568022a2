//! What a step asks of the world.
//!
//! *Writes form one ordered queue; a send leaves only when the write that it names is durable; all else may
//! happen in any order, late, or, after a crash, not at all.*

use crate::membership::ChangeError;
use crate::message::{Entry, Message};
use crate::snapshot::Snapshot;
use crate::types::{EntryId, LogIndex, NodeId, Term, Token, WriteSeq};
use alloc::boxed::Box;
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
        snapshot: Box<Snapshot>,
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
    /// A read is linearizable once everything up to `index` has been applied (ReadIndex, thesis §6.4).
    ReadReady {
        /// The caller's handle.
        token: Token,
        /// What must be applied first.
        index: LogIndex,
    },
    /// What was asked for is done: leadership was handed over, or given up.
    Done {
        /// The caller's handle.
        token: Token,
    },
    /// Nothing was done, and nothing will be, on account of what was asked for.
    Refused {
        /// The caller's handle.
        token: Token,
        /// Why.
        refusal: Refusal,
    },
    /// Entries up to `index` are committed and may be applied.
    Committed {
        /// The new commit index.
        index: LogIndex,
    },
    /// A whole snapshot has arrived. Whether its bytes mean anything the layer above must say, by
    /// [`Input::SnapshotRead`](crate::input::Input::SnapshotRead), before the next message is taken.
    SnapshotReceived {
        /// The snapshot.
        snapshot: Snapshot,
    },
    /// A member has come back without what it once acknowledged. It is given nothing under its old identity: it must
    /// be removed, and may be added again under a new one.
    Amnesia {
        /// Which.
        node: NodeId,
    },
}

/// Why something that was asked for is not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Only the leader can. Try the hint, or anybody.
    NotLeader {
        /// Who may be the leader.
        leader: Option<NodeId>,
    },
    /// Leadership was lost while the request was under way: it may yet take effect. Only a retry with the same
    /// session and sequence is safe.
    Unknown {
        /// Who may be the leader.
        leader: Option<NodeId>,
    },
    /// As much is under way as may be. Try again a little later.
    Overloaded,
    /// The request is larger than an entry may be.
    TooLarge,
    /// Another change of the membership, or a transfer of leadership, is under way, or the leader has not committed
    /// anything in its term yet (Ongaro, raft-dev, 2015). Try again a little later.
    Busy,
    /// The membership cannot be changed so.
    Change(ChangeError),
    /// The node has not caught up with the log well enough to be given a vote (thesis §4.2.1).
    NotCaughtUp {
        /// Which.
        node: NodeId,
    },
    /// Only a voter can be handed the leadership.
    NotVoter {
        /// Which is none.
        node: NodeId,
    },
    /// The node did not take over in time. The old leader goes on.
    TransferFailed,
}

impl Effects {
    /// Forgets everything, keeps the memory.
    pub fn clear(&mut self) {
        self.writes.clear();
        self.sends.clear();
        self.events.clear();
    }
}
