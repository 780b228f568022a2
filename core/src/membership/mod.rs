//! Who belongs to the cluster, and who has a vote.

use crate::quorum::{Joint, Majority};
use crate::types::NodeId;
use alloc::vec::Vec;

/// A configuration of the cluster. A change arrives as a log entry that holds the whole new configuration, and is in
/// force as soon as it is appended (thesis §4.1).
///
/// - A learner has no vote in either half of `voters`.
/// - `learners_next` are voters of the outgoing half alone; it is empty outside a joint configuration.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Membership {
    /// The voters.
    pub voters: Joint,
    /// Who receives the log without a vote (thesis §4.2.1). Sorted, without repetition.
    pub learners: Vec<NodeId>,
    /// Who still votes in the outgoing half and becomes a learner when it goes. Sorted, without repetition.
    pub learners_next: Vec<NodeId>,
    /// Whether the leader leaves the joint configuration by itself once that is committed.
    pub auto_leave: bool,
}

impl Membership {
    /// A configuration in which `voters` vote.
    pub fn new(voters: impl IntoIterator<Item = NodeId>) -> Self {
        let voters = Joint { incoming: Majority::new(voters), outgoing: Majority::default() };
        Self { voters, ..Self::default() }
    }

    /// Whether two majorities count at the moment.
    pub fn is_joint(&self) -> bool {
        !self.voters.outgoing.voters().is_empty()
    }

    /// Whether `node` receives the log: as a voter or as a learner.
    pub fn contains(&self, node: NodeId) -> bool {
        self.voters.contains(node) || self.learners.binary_search(&node).is_ok()
    }

    /// Everybody, each once: the incoming voters ascending, then the outgoing, then the learners.
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> {
        let incoming = self.voters.incoming.voters().iter();
        let outgoing =
            self.voters.outgoing.voters().iter().filter(|node| !self.voters.incoming.contains(**node));
        incoming.chain(outgoing).chain(&self.learners).copied()
    }
}
