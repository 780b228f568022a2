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
}

pub use crate::node::Progress;
