//! A server: consensus, sessions and the key-value store as one machine. The simulator and the real
//! server drive this very type.

use crate::effect::{Send, Write};
use crate::message::Message;
use crate::state_machine::{Outcome, Request};
use crate::types::{EntryId, NodeId, SessionId, Token, WriteSeq};
use alloc::vec::Vec;

/// One thing that happened to a [`Member`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// The clock may have reached the deadline.
    Timeout,
    /// A message from a peer.
    Message(Message),
    /// A client's request. Commands that change nothing go by ReadIndex, all else through the log.
    Request {
        /// The caller's handle for the reply.
        token: Token,
        /// The request.
        request: Request,
    },
    /// Every write up to `seq` is durable.
    Persisted {
        /// The last durable write.
        seq: WriteSeq,
    },
    /// Behave as if the election timeout had elapsed.
    Campaign,
}

/// The effects of one step; the contract is that of [`crate::effect`].
#[derive(Clone, Debug, Default)]
pub struct Effects {
    /// For the disk, in order.
    pub writes: Vec<Write>,
    /// For the network, each as soon as its write is durable.
    pub sends: Vec<Send>,
    /// For the clients.
    pub replies: Vec<Reply>,
    /// What was applied, in order of index.
    pub applied: Vec<AppliedEntry>,
}

/// An answer to [`Input::Request`]; each request gets at most one while the member lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The caller's handle.
    pub token: Token,
    /// What came of it.
    pub result: Result<Outcome, Refusal>,
}

/// Why a request has no outcome here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Nothing was or will be done on account of this attempt. Try the hint, or anybody.
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
}

/// One entry that was applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppliedEntry {
    /// Which.
    pub id: EntryId,
    /// The session and sequence of its request, if it holds one.
    pub request: Option<(SessionId, u64)>,
    /// Whether the request's command ran now, rather than being answered from the session table or refused.
    pub executed: bool,
    /// The hash of the state after it.
    pub state_hash: u64,
}
