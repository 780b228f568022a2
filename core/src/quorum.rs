//! Majorities, and pairs of them. Pure arithmetic: it knows no node.

use crate::types::NodeId;
use alloc::vec::Vec;

/// A set of voters of which more than half must agree. Sorted, without repetition.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(from = "Vec<NodeId>"))]
pub struct Majority(Vec<NodeId>);

/// What is known of a vote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VoteResult {
    /// Neither side has a majority yet.
    Pending,
    /// A majority said yes.
    Won,
    /// A majority can no longer say yes.
    Lost,
}

/// Voter sets up to this size are counted without allocation.
const STACK_VOTERS: usize = 16;

impl Majority {
    /// The majority over `voters`, in any order.
    pub fn new(voters: impl IntoIterator<Item = NodeId>) -> Self {
        let mut voters: Vec<_> = voters.into_iter().collect();
        voters.sort();
        voters.dedup();
        Self(voters)
    }

    /// The voters, ascending.
    pub fn voters(&self) -> &[NodeId] {
        &self.0
    }

    /// Whether `node` has a vote.
    pub fn contains(&self, node: NodeId) -> bool {
        self.0.binary_search(&node).is_ok()
    }

    /// How many make a majority.
    pub fn size(&self) -> usize {
        self.0.len() / 2 + 1
    }

    /// The largest value that a majority has reached, where `reached` gives what each voter has, 0 for
    /// nothing. The empty set agrees to everything, so that it is neutral in a [`Joint`].
    pub fn agreed(&self, reached: impl Fn(NodeId) -> u64) -> u64 {
        let count = self.0.len();
        if count == 0 {
            return u64::MAX;
        }
        let mut stack = [0; STACK_VOTERS];
        let mut heap;
        let values = if count <= STACK_VOTERS {
            &mut stack[..count]
        } else {
            heap = alloc::vec![0; count];
            &mut heap[..]
        };
        for (value, voter) in values.iter_mut().zip(&self.0) {
            *value = reached(*voter);
        }
        values.sort();
        values[count - self.size()]
    }

    /// How the vote stands, where `votes` gives each voter's answer. The empty set elects anyone, so that it
    /// is neutral in a [`Joint`].
    pub fn vote(&self, votes: impl Fn(NodeId) -> Option<bool>) -> VoteResult {
        if self.0.is_empty() {
            return VoteResult::Won;
        }
        let yes = self.0.iter().filter(|voter| votes(**voter) == Some(true)).count();
        let no = self.0.iter().filter(|voter| votes(**voter) == Some(false)).count();
        if yes >= self.size() {
            VoteResult::Won
        } else if self.0.len() - no < self.size() {
            VoteResult::Lost
        } else {
            VoteResult::Pending
        }
    }
}

impl From<Vec<NodeId>> for Majority {
    fn from(voters: Vec<NodeId>) -> Self {
        Self::new(voters)
    }
}

/// Two majorities that must both agree, as while the membership changes (thesis §4.3). Outside a change
/// `outgoing` is empty, and so has no say.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Joint {
    /// The voters of the new configuration.
    pub incoming: Majority,
    /// The voters of the old configuration while both count.
    pub outgoing: Majority,
}

impl Joint {
    /// Whether `node` has a vote in either.
    pub fn contains(&self, node: NodeId) -> bool {
        self.incoming.contains(node) || self.outgoing.contains(node)
    }

    /// The largest value that a majority of both has reached; see [`Majority::agreed`].
    pub fn agreed(&self, reached: impl Fn(NodeId) -> u64) -> u64 {
        self.incoming.agreed(&reached).min(self.outgoing.agreed(&reached))
    }

    /// How the vote stands in both; lost in one is lost.
    pub fn vote(&self, votes: impl Fn(NodeId) -> Option<bool>) -> VoteResult {
        match (self.incoming.vote(&votes), self.outgoing.vote(&votes)) {
            (VoteResult::Lost, _) | (_, VoteResult::Lost) => VoteResult::Lost,
            (VoteResult::Won, VoteResult::Won) => VoteResult::Won,
            _ => VoteResult::Pending,
        }
    }
}

#[cfg(all(test, feature = "serde"))]
mod tests {
    use super::*;

    /// What finds voters by binary search must not get them in the order of whoever wrote the file.
    #[test]
    fn voters_from_outside_are_sorted_and_counted_once() {
        let majority: Majority = serde_json::from_str("[3, 1, 2, 3]").expect("four node numbers");
        assert_eq!(majority, Majority::new([1, 2, 3].map(NodeId::new)));
        assert_eq!(serde_json::to_string(&majority).expect("plain data"), "[1,2,3]");
    }
}
