//! What a leader believes of one follower.

use crate::types::{LogIndex, NodeId};

/// Where one follower stands, in its leader's eyes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Which.
    pub node: NodeId,
    /// The highest entry known to be durable there (Raft Figure 2, matchIndex).
    pub matched: LogIndex,
    /// The next entry to send (Raft Figure 2, nextIndex).
    pub next: LogIndex,
}
