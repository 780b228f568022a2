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

    /// Whether every quorum of this pair shares a node with every quorum of `other`, so that the two cannot decide
    /// apart (thesis §4.1, §4.3). Exact. Without voters the empty set is a quorum, and it meets nobody.
    pub fn overlaps(&self, other: &Joint) -> bool {
        // What a node is worth to a quorum depends only on its kind, so it is enough to count them.
        let mut nodes = [[0; KINDS + 1]; KINDS + 1];
        let halves = [&self.incoming, &self.outgoing, &other.incoming, &other.outgoing];
        for node in Majority::new(halves.into_iter().flat_map(Majority::voters).copied()).voters() {
            nodes[self.kind(*node)][other.kind(*node)] += 1;
        }
        let apart = |ours| other.demands().any(|theirs| can_serve(&nodes, ours, theirs));
        !self.demands().any(apart)
    }

    /// In which halves `node` votes. The last kind is no voter.
    fn kind(&self, node: NodeId) -> usize {
        match (self.incoming.contains(node), self.outgoing.contains(node)) {
            (true, false) => 0,
            (false, true) => 1,
            (true, true) => 2,
            (false, false) => KINDS,
        }
    }

    /// The ways to make a quorum: how many nodes it takes of each kind. Who votes in both halves counts in both, and
    /// the number of those is what the ways differ in.
    fn demands(&self) -> impl Iterator<Item = [usize; KINDS]> {
        let size = |half: &Majority| if half.0.is_empty() { 0 } else { half.size() };
        let (incoming, outgoing) = (size(&self.incoming), size(&self.outgoing));
        (0..=incoming.max(outgoing))
            .map(move |both| [incoming.saturating_sub(both), outgoing.saturating_sub(both), both])
    }
}

/// The kinds of voters in a pair of majorities: incoming alone, outgoing alone, both.
const KINDS: usize = 3;

/// Whether two quorums without a common node can get what they demand, where `nodes` counts the nodes by their kind
/// for ours and for theirs. They can unless some of the demands together exceed the nodes that could serve any of
/// them (Hall's theorem).
fn can_serve(nodes: &[[usize; KINDS + 1]; KINDS + 1], ours: [usize; KINDS], theirs: [usize; KINDS]) -> bool {
    let pairs = |end: usize| (0..end).flat_map(move |one| (0..end).map(move |two| (one, two)));
    let is_in = |kind: usize, selection: usize| selection >> kind & 1 == 1;
    let demanded = |demands: [usize; KINDS], selection: usize| -> usize {
        (0..KINDS).filter(|kind| is_in(*kind, selection)).map(|kind| demands[kind]).sum()
    };
    let serving = |our_selection: usize, their_selection: usize| -> usize {
        let serves =
            |(our, their): &(usize, usize)| is_in(*our, our_selection) || is_in(*their, their_selection);
        pairs(KINDS + 1).filter(serves).map(|(our, their)| nodes[our][their]).sum()
    };
    pairs(1 << KINDS).all(|(our, their)| demanded(ours, our) + demanded(theirs, their) <= serving(our, their))
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
