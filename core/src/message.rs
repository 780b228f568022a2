//! What nodes say to each other, and the entries that they carry (Raft Figure 2, thesis §9.6 for PreVote).

use crate::membership::Membership;
use crate::types::{Bytes, EntryId, LogIndex, NodeId, Round, Term};
use alloc::vec::Vec;

/// One message on its way from one node to another.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Message {
    /// The sender.
    pub from: NodeId,
    /// The addressee.
    pub to: NodeId,
    /// The sender's current term, except in [`Body::PreVote`] and a granted [`Body::PreVoteReply`], where it is
    /// the term in which the pre-candidate would campaign.
    pub term: Term,
    /// What it says.
    pub body: Body,
}

/// What a message says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Body {
    /// "Would you vote for me?" Nobody's term changes (thesis §9.6).
    PreVote {
        /// The pre-candidate's last entry.
        last: EntryId,
    },
    /// The answer to [`Body::PreVote`].
    PreVoteReply {
        /// Whether the voter would grant.
        granted: bool,
    },
    /// "Vote for me in this term" (Raft §5.2).
    RequestVote {
        /// The candidate's last entry (Raft §5.4.1).
        last: EntryId,
    },
    /// The answer to [`Body::RequestVote`].
    VoteReply {
        /// Whether the vote was granted.
        granted: bool,
    },
    /// Replication and heartbeat in one (Raft §5.3).
    AppendEntries {
        /// The entry just before `entries`.
        prev: EntryId,
        /// New entries, contiguous from `prev.index + 1`; empty in a heartbeat.
        entries: Vec<Entry>,
        /// The leader's commit index.
        commit: LogIndex,
        /// The leader's contact round, echoed in the answer.
        round: Round,
    },
    /// The answer to an [`Body::AppendEntries`] of the current term.
    AppendReply {
        /// The round of the message answered.
        round: Round,
        /// Whether the entries were taken.
        outcome: AppendOutcome,
    },
    /// The answer to any message of an older term. It has no round: counting it as contact with a leader
    /// would confirm reads of another term.
    Stale,
}

/// What a follower made of an [`Body::AppendEntries`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum AppendOutcome {
    /// The follower's log agrees with the leader's up to `matched`, durably.
    Accepted {
        /// `prev.index` plus the number of entries in the message answered, never more.
        matched: LogIndex,
    },
    /// The follower's log does not hold `prev`.
    Rejected {
        /// The `prev.index` that was refused, so that a delayed refusal can be told.
        refused: LogIndex,
        /// The last entry of the follower with index ≤ `prev.index` and term ≤ `prev.term`: no entry between
        /// it and `prev` can match (conflict backtracking, Raft §5.3 end).
        hint: EntryId,
    },
}

/// One entry of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Entry {
    /// Its place and term.
    pub id: EntryId,
    /// What it holds.
    pub payload: Payload,
}

/// What an entry holds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Payload {
    /// Appended by each new leader at the start of its term, so that earlier entries can commit (thesis §6.4).
    Noop,
    /// Bytes for the state machine; the consensus layer never looks inside.
    Data(Bytes),
    /// A configuration, in force from here on (thesis §4.1).
    Membership(Membership),
}
