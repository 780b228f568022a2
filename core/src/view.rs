//! The one window into a node: for metrics, for the prompt and for the checkers alike.

use crate::membership::Membership;
use crate::types::{EntryId, Instant, LogIndex, NodeId, Term};

/// What a node is (Raft Figure 4, thesis §9.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Passive: answers leaders and candidates.
    Follower,
    /// Asks whether it would win an election.
    PreCandidate,
    /// Campaigns.
    Candidate,
    /// Leads its term.
    Leader,
}

/// A node's visible state.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// Who it is.
    pub id: NodeId,
    /// What it is.
    pub role: Role,
    /// Its current term.
    pub term: Term,
    /// Its vote in that term.
    pub vote: Option<NodeId>,
    /// The leader that it knows of in that term.
    pub leader: Option<NodeId>,
    /// Its commit index.
    pub commit: LogIndex,
    /// The last entry of its log, durable or not.
    pub last: EntryId,
    /// The last entry of its snapshot; `None` while it is blank.
    pub snapshot: Option<EntryId>,
    /// The configuration in force.
    pub membership: &'a Membership,
    /// Where that stands in the log, or is known to have been in force.
    pub membership_index: LogIndex,
    /// Until when, by its own clock, it may answer reads on its lease; long ago if it has none.
    pub lease_until: Instant,
    /// Where each follower stands; empty unless it leads.
    pub followers: &'a [Progress],
    /// What it holds that must not grow without bound.
    pub usage: Usage,
}

/// How much a node holds of what [`Config`](crate::config::Config) limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Usage {
    /// Entries in the log.
    pub log_entries: usize,
    /// Bytes of what a leader has appended and not committed, or holds back until it is known who leads.
    pub uncommitted_bytes: usize,
    /// Messages with entries on their way to one follower, the most of all.
    pub inflight_messages: usize,
    /// Reads that wait to be confirmed, or for the leader's word.
    pub pending_reads: usize,
}

pub use crate::node::Progress;
