//! A node for each of some terms: who led it, or whom it was that somebody voted for in it.

use seaworthy_core::types::{NodeId, Term};

/// Ascending by term.
#[derive(Clone, Debug, Default)]
pub(super) struct ByTerm {
    nodes: Vec<(Term, NodeId)>,
    /// How many were left when something was last forgotten.
    left: usize,
}

/// How many terms are kept before it is worth asking which of them still matter.
const LEAST: usize = 64;

impl ByTerm {
    /// The node of `term`.
    pub(super) fn of(&self, term: Term) -> Option<NodeId> {
        // Nearly always the latest.
        match self.nodes.last() {
            Some((last, node)) if *last == term => Some(*node),
            Some((last, _)) if *last > term => {
                let place = self.nodes.binary_search_by_key(&term, |node| node.0).ok()?;
                Some(self.nodes[place].1)
            }
            _ => None,
        }
    }

    /// The highest term, and its node.
    pub(super) fn latest(&self) -> Option<(Term, NodeId)> {
        self.nodes.last().copied()
    }

    /// Notes the node of `term`, unless there is one.
    pub(super) fn insert(&mut self, term: Term, node: NodeId) {
        if let Err(place) = self.nodes.binary_search_by_key(&term, |node| node.0) {
            self.nodes.insert(place, (term, node));
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there are so many that forgetting pays: more than twice as many as were left the last time.
    pub(super) fn is_long(&self) -> bool {
        LEAST.max(2 * self.left) < self.nodes.len()
    }

    /// Forgets all but those that `matter`.
    pub(super) fn keep(&mut self, matter: impl Fn(Term, NodeId) -> bool) {
        self.nodes.retain(|(term, node)| matter(*term, *node));
        self.left = self.nodes.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_longer_matters_is_forgotten_now_and_then() {
        let node = NodeId::new(1);
        let mut leaders = ByTerm::default();
        let mut most = 0;
        for term in (1..=10_000).map(Term) {
            leaders.insert(term, node);
            most = most.max(leaders.len());
            if leaders.is_long() {
                leaders.keep(|other, _| term.0 < other.0 + 100);
            }
        }
        assert!(most <= 201, "{most}");
        assert_eq!((leaders.of(Term(9_950)), leaders.of(Term(1))), (Some(node), None));
        assert_eq!(leaders.latest(), Some((Term(10_000), node)));
    }
}
