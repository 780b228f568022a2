//! What can happen to a node.

use crate::membership::Change;
use crate::message::Message;
use crate::types::{Bytes, LogIndex, NodeId, Token, WriteSeq};
use alloc::vec::Vec;

/// One thing that happened to a [`Node`](crate::Node).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// The node's clock may have reached its deadline. Early or repeated calls do nothing.
    Timeout,
    /// A message arrived: late, twice, out of order, as networks do.
    Message(Message),
    /// The layer above asks for these bytes to be replicated.
    Propose {
        /// The caller's handle for the outcome.
        token: Token,
        /// The payload.
        data: Bytes,
    },
    /// The layer above asks for a point at which a read is linearizable.
    Read {
        /// The caller's handle for the outcome.
        token: Token,
        /// On whose word.
        mode: ReadMode,
    },
    /// An operator asks for other members (thesis §4).
    ChangeMembership {
        /// The caller's handle for the outcome.
        token: Token,
        /// The changes, all of which take effect together. None at all ends a joint configuration that is not left
        /// automatically.
        changes: Vec<Change>,
    },
    /// An operator asks for another leader (thesis §3.10).
    TransferLeadership {
        /// The caller's handle for the outcome.
        token: Token,
        /// Who is to lead.
        to: NodeId,
    },
    /// An operator asks the leader to lead no longer, whoever comes next.
    StepDown {
        /// The caller's handle for the outcome.
        token: Token,
    },
    /// Every write up to `seq` is durable.
    Persisted {
        /// The last durable write.
        seq: WriteSeq,
    },
    /// The layer above has written down what the log up to `index` comes to.
    SnapshotTaken {
        /// The last entry that it has applied.
        index: LogIndex,
        /// Its state.
        data: Bytes,
    },
    /// The layer above has looked into the snapshot of the last
    /// [`Event::SnapshotReceived`](crate::effect::Event::SnapshotReceived).
    SnapshotRead {
        /// Whether it can go on from it.
        usable: bool,
    },
    /// Behave as if the election timeout had elapsed. Operators, tests and scenarios use it.
    Campaign,
}

/// On whose word a read is answered. All but the last are linearizable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum ReadMode {
    /// The leader's, once a quorum has confirmed that it still leads (ReadIndex, thesis §6.4). Anybody else refuses.
    #[default]
    Leader,
    /// The leader's alone while its lease lasts, which is right for as long as clocks keep to the stated bound on
    /// their drift (thesis §6.4.1). Without a lease as [`ReadMode::Leader`].
    Lease,
    /// Anybody's, who asks the leader for the index to read at (thesis §6.4).
    Follower,
    /// Anybody's, at once: some state that the cluster went through, however long ago.
    Stale,
}
