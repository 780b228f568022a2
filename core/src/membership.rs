//! Who belongs to the cluster, and who has a vote.

use crate::quorum::{Joint, Majority};
use crate::types::NodeId;

/// A configuration of the cluster. So far it is fixed at the start; a change will arrive as a log entry and
/// be in force as soon as it is appended (thesis §4.1).
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Membership {
    /// The voters.
    pub voters: Joint,
}

impl Membership {
    /// A configuration in which `voters` vote.
    pub fn new(voters: impl IntoIterator<Item = NodeId>) -> Self {
        Self { voters: Joint { incoming: Majority::new(voters), outgoing: Majority::default() } }
    }

    /// Everybody but `me`, ascending.
    pub fn peers(&self, me: NodeId) -> impl Iterator<Item = NodeId> {
        let incoming = self.voters.incoming.voters().iter();
        let outgoing =
            self.voters.outgoing.voters().iter().filter(|node| !self.voters.incoming.contains(**node));
        incoming.chain(outgoing).copied().filter(move |node| *node != me)
    }
}
