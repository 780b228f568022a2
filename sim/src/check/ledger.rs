//! The committed sequence: what the cluster has promised never to lose, in order, and who committed it when.

use super::chain::{Chain, Link};
use seaworthy_core::types::{EntryId, LogIndex, NodeId, Term};

/// Every entry that some node has called committed, as the first to do so held it. It only grows.
#[derive(Clone, Debug)]
pub(super) struct Ledger {
    chain: Chain,
    /// Ascending by term and by end.
    runs: Vec<Run>,
}

/// Entries committed one after the other in one term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// The term of the leader at the time, which is not always that of the entries.
    pub(super) term: Term,
    /// The leader.
    pub(super) leader: NodeId,
    /// The index of the last of them.
    end: LogIndex,
}

impl Ledger {
    /// Nothing is committed.
    pub(super) fn new() -> Self {
        Self { chain: Chain::new(), runs: Vec::new() }
    }

    /// The committed sequence.
    pub(super) fn chain(&self) -> &Chain {
        &self.chain
    }

    /// The last committed index.
    pub(super) fn end(&self) -> LogIndex {
        self.chain.end()
    }

    /// The last committed entry.
    pub(super) fn last(&self) -> EntryId {
        self.chain.last()
    }

    /// The last run.
    pub(super) fn last_run(&self) -> Option<Run> {
        self.runs.last().copied()
    }

    /// The link at a committed index.
    pub(super) fn link(&self, index: LogIndex) -> Link {
        self.chain.get(index).expect("only asked of what is committed")
    }

    /// The entry at a committed index.
    pub(super) fn id(&self, index: LogIndex) -> EntryId {
        EntryId { term: self.link(index).term, index }
    }

    /// The last index that was committed in a term before `term`.
    pub(super) fn end_before(&self, term: Term) -> LogIndex {
        let runs = self.runs.partition_point(|run| run.term < term);
        runs.checked_sub(1).map_or(LogIndex::ZERO, |last| self.runs[last].end)
    }

    /// The run that committed `index`.
    pub(super) fn run(&self, index: LogIndex) -> Run {
        self.runs[self.runs.partition_point(|run| run.end < index)]
    }

    /// The first committed entry up to `end` that `log` does not hold.
    pub(super) fn first_missing(&self, log: &Chain, end: LogIndex) -> Option<EntryId> {
        (1..=end.0).map(LogIndex).find(|index| !log.holds(*index, self.link(*index).hash)).map(|i| self.id(i))
    }

    /// `leader` of `term` has committed its log up to `end`.
    pub(super) fn extend(&mut self, log: &Chain, end: LogIndex, leader: NodeId, term: Term) {
        self.chain.extend_from(log, end);
        match self.runs.last_mut() {
            Some(run) if run.term == term => run.end = end,
            _ => self.runs.push(Run { term, leader, end }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::EntryFact;

    #[test]
    fn what_was_committed_before_a_term_is_a_prefix() {
        let mut log = Chain::new();
        let entries: Vec<_> =
            (1..=9).map(|index| EntryFact { id: EntryId::new(1, index), payload: index }).collect();
        log.replace(&entries).unwrap();
        let mut ledger = Ledger::new();
        assert_eq!(ledger.end_before(Term(9)), LogIndex(0));
        ledger.extend(&log, LogIndex(3), NodeId::new(1), Term(2));
        ledger.extend(&log, LogIndex(4), NodeId::new(1), Term(2));
        ledger.extend(&log, LogIndex(9), NodeId::new(3), Term(5));
        let ends: Vec<_> = (2..=6).map(|term| ledger.end_before(Term(term)).0).collect();
        assert_eq!(ends, [0, 4, 4, 4, 9]);
        assert_eq!(ledger.run(LogIndex(4)).leader, NodeId::new(1));
        assert_eq!(ledger.run(LogIndex(5)).leader, NodeId::new(3));
        assert_eq!(ledger.first_missing(&log, LogIndex(9)), None);
    }
}
