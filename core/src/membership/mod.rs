//! Who belongs to the cluster, who has a vote, and how that changes.

mod change;

pub use change::{Change, ChangeError};

use crate::quorum::{Joint, Majority};
use crate::types::NodeId;
use alloc::vec::Vec;
use core::fmt;

/// The most nodes that a configuration may have, so that no peer and no operator can make one that nobody can hold.
pub const MAX_NODES: usize = 1_000;

/// A configuration of the cluster. A change arrives as a log entry that holds the whole new configuration, and is in
/// force as soon as it is appended (thesis §4.1).
///
/// - There is an incoming voter. Only the default has none: it is what a node knows that knows no configuration.
/// - A learner has no vote in either half of `voters`.
/// - `learners_next` are voters of the outgoing half alone; it is empty outside a joint configuration.
/// - `auto_leave` is false outside a joint configuration.
/// - There are at most [`MAX_NODES`] nodes.
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

    /// Whether the invariants hold. What the methods of this type return keeps them; what comes over a wire or from a
    /// disk may not.
    ///
    /// # Errors
    /// The first invariant that is broken.
    pub fn validate(&self) -> Result<(), MembershipError> {
        let Joint { incoming, outgoing } = &self.voters;
        if incoming.voters().is_empty() {
            return Err(MembershipError::NoVoters);
        }
        let is_set = |nodes: &[NodeId]| nodes.is_sorted_by(|one, other| one < other);
        if !is_set(&self.learners) || !is_set(&self.learners_next) {
            return Err(MembershipError::Unsorted);
        }
        if let Some(node) = self.learners.iter().find(|node| self.voters.contains(**node)) {
            return Err(MembershipError::LearnerVotes(*node));
        }
        let leaves = |node: NodeId| outgoing.contains(node) && !incoming.contains(node);
        if let Some(node) = self.learners_next.iter().find(|node| !leaves(**node)) {
            return Err(MembershipError::NextLearnerStays(*node));
        }
        if self.auto_leave && !self.is_joint() {
            return Err(MembershipError::NothingToLeave);
        }
        if MAX_NODES < self.nodes().count() { Err(MembershipError::TooManyNodes) } else { Ok(()) }
    }
}

/// Why a configuration from outside is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MembershipError {
    /// There is no incoming voter.
    NoVoters,
    /// Learners are out of order, or one is named twice.
    Unsorted,
    /// A learner has a vote.
    LearnerVotes(NodeId),
    /// Someone becomes a learner that is not a voter of the outgoing half alone.
    NextLearnerStays(NodeId),
    /// A configuration that is not joint would be left.
    NothingToLeave,
    /// There are more than [`MAX_NODES`].
    TooManyNodes,
}

impl fmt::Display for MembershipError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoVoters => f.write_str("a configuration needs a voter"),
            Self::Unsorted => f.write_str("learners must be in ascending order, each once"),
            Self::LearnerVotes(node) => write!(f, "{node} is a learner and has a vote"),
            Self::NextLearnerStays(node) => {
                write!(f, "{node} becomes a learner, but does not leave the voters")
            }
            Self::NothingToLeave => f.write_str("a configuration that is not joint cannot be left"),
            Self::TooManyNodes => write!(f, "a configuration has at most {MAX_NODES} nodes"),
        }
    }
}

impl core::error::Error for MembershipError {}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    fn nodes<const N: usize>(numbers: [u64; N]) -> Vec<NodeId> {
        numbers.map(NodeId::new).into()
    }

    /// n1 and n2 vote, n3 comes, n4 and n5 go; n5 stays as a learner, as n6 is one.
    fn joint() -> Membership {
        Membership {
            voters: Joint {
                incoming: Majority::new(nodes([1, 2, 3])),
                outgoing: Majority::new(nodes([1, 2, 4, 5])),
            },
            learners: nodes([6]),
            learners_next: nodes([5]),
            auto_leave: true,
        }
    }

    #[test]
    fn a_configuration_that_breaks_an_invariant_is_refused() {
        assert_eq!(joint().validate(), Ok(()));
        assert_eq!(joint().nodes().collect::<Vec<_>>(), nodes([1, 2, 3, 4, 5, 6]));
        assert_eq!(Membership::new(nodes([7])).validate(), Ok(()));

        let no_incoming = Joint { incoming: Majority::default(), ..joint().voters };
        let crowd = |most| (7..=most).map(NodeId::new).collect();
        for (broken, error) in [
            (Membership::default(), "a configuration needs a voter"),
            (Membership { voters: no_incoming, ..joint() }, "a configuration needs a voter"),
            (
                Membership { learners: nodes([7, 6]), ..joint() },
                "learners must be in ascending order, each once",
            ),
            (
                Membership { learners_next: nodes([5, 5]), ..joint() },
                "learners must be in ascending order, each once",
            ),
            (Membership { learners: nodes([3, 6]), ..joint() }, "n3 is a learner and has a vote"),
            (Membership { learners: nodes([4, 6]), ..joint() }, "n4 is a learner and has a vote"),
            (
                Membership { learners_next: nodes([2, 5]), ..joint() },
                "n2 becomes a learner, but does not leave the voters",
            ),
            (
                Membership { learners_next: nodes([5, 6]), ..joint() },
                "n6 becomes a learner, but does not leave the voters",
            ),
            (
                Membership { auto_leave: true, ..Membership::new(nodes([1])) },
                "a configuration that is not joint cannot be left",
            ),
            (Membership { learners: crowd(1_002), ..joint() }, "a configuration has at most 1000 nodes"),
        ] {
            let refused = broken.validate().expect_err(error);
            assert_eq!(refused.to_string(), error, "{broken:?}");
        }
        assert_eq!(Membership { learners: crowd(1_001), ..joint() }.validate(), Ok(()), "five and 995");
    }
}
