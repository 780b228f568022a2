//! What nodes say to each other, and the entries that they carry (Raft Figure 2, thesis §9.6 for PreVote).

use crate::membership::Membership;
use crate::types::{Bytes, EntryId, LogIndex, NodeId, Round, Term};
use alloc::boxed::Box;
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
        /// The leader of the term before asked for this campaign, so that nobody need be loyal to it (thesis §3.10).
        transfer: bool,
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
    /// A part of a snapshot, for a follower whose next entry the leader has compacted away (Raft Figure 13). Also a
    /// heartbeat.
    InstallSnapshot(Box<Chunk>),
    /// The answer to an [`Body::InstallSnapshot`] while parts are missing. Once nothing is, the answer is an
    /// [`Body::AppendReply`] that accepts everything up to the snapshot's last entry.
    SnapshotReply {
        /// The round of the message answered.
        round: Round,
        /// Which snapshot.
        snapshot: SnapshotId,
        /// How many of its bytes are there, from the first on: where to go on.
        received: u64,
    },
    /// "Campaign now": the leader hands over to a voter that holds all of its log (thesis §3.10).
    TimeoutNow,
    /// "As of which index may I read?": a follower on behalf of its clients (thesis §6.4).
    ReadIndex {
        /// The asker's own name for the question, never used twice, also not by its next life.
        id: u64,
    },
    /// The answer to [`Body::ReadIndex`].
    ReadIndexReply {
        /// The question.
        id: u64,
        /// A read is linearizable once everything up to here has been applied.
        index: LogIndex,
    },
    /// The answer to any message of an older term. It has no round: counting it as contact with a leader
    /// would confirm reads of another term.
    Stale,
    /// The answer of a node whose disk holds nothing to the leader that would have it follow: it needs a snapshot to
    /// start from. It confirms nothing: a node that has lost its disk may have voted for somebody else before.
    Blank {
        /// The node's name for its life since its start, never used twice.
        life: u64,
        /// The round of the message answered, which tells whether this is late.
        round: Round,
    },
}

/// A part of a snapshot. It is rare and large, so that it is boxed where it is carried: all other messages stay small.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Chunk {
    /// Which snapshot.
    pub snapshot: SnapshotId,
    /// The configuration at its last entry.
    pub membership: Membership,
    /// Where in its bytes the chunk begins.
    pub offset: u64,
    /// The bytes from there on.
    pub bytes: Bytes,
    /// The life of the blank node that the leader knows for a newcomer; `None` for a follower that only lags. A node
    /// that is blank takes no snapshot but by the name of its own life: one that has lost its disk is not to go on
    /// with what was meant for the life before, or for a node that remembers.
    pub newcomer: Option<u64>,
    /// The leader's contact round, echoed in the answer.
    pub round: Round,
}

/// A snapshot's identity: two are the same bytes, whoever took them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SnapshotId {
    /// The last entry that it stands for.
    pub last: EntryId,
    /// How many bytes it has.
    pub size: u64,
    /// Their hash.
    pub checksum: u64,
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

impl Entry {
    /// What it counts for wherever bytes are limited.
    pub fn size(&self) -> usize {
        self.payload.size()
    }
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
    Membership(Box<Membership>),
}

impl Payload {
    /// What an entry of it counts for wherever bytes are limited: its own, and a few for the entry.
    pub fn size(&self) -> usize {
        const ENTRY: usize = 24;
        ENTRY
            + match self {
                Self::Noop => 0,
                Self::Data(data) => data.len(),
                Self::Membership(membership) => membership.nodes().count() * size_of::<NodeId>(),
            }
    }
}
