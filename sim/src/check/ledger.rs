//! The committed sequence: what the cluster has promised never to lose, in order, and who committed it when.

use super::chain::{Chain, Link};
use super::configurations::Configurations;
use seaworthy_core::membership::Membership;
use seaworthy_core::types::{EntryId, LogIndex, NodeId, Term};

/// Every entry that some node has called committed, as the first to do so held it. It only grows, and forgets what
/// no log goes back to.
#[derive(Clone, Debug)]
pub(super) struct Ledger {
    chain: Chain,
    /// Ascending by term and by end.
    runs: Vec<Run>,
    /// The configurations that are committed.
    pub(super) configurations: Configurations,
    /// By whose quorums the last entry was committed.
    pub(super) committed_by: Membership,
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
    /// Nothing is committed but the configuration of the start.
    pub(super) fn new(membership: &Membership) -> Self {
        Self {
            chain: Chain::new(),
            runs: Vec::new(),
            configurations: Configurations::after(LogIndex::ZERO, membership.clone()),
            committed_by: membership.clone(),
        }
    }

    /// Everything before this index is forgotten.
    pub(super) fn base(&self) -> LogIndex {
        self.chain.base()
    }

    /// The last committed index.
    pub(super) fn end(&self) -> LogIndex {
        self.chain.end()
    }

    /// The last committed entry.
    pub(super) fn last(&self) -> EntryId {
        self.chain.last()
    }

    /// How much is kept.
    pub(super) fn len(&self) -> usize {
        self.chain.len() + self.runs.len() + self.configurations.len()
    }

    /// The last run.
    pub(super) fn last_run(&self) -> Option<Run> {
        self.runs.last().copied()
    }

    /// The link at an index, if it is committed and not forgotten.
    pub(super) fn get(&self, index: LogIndex) -> Option<Link> {
        self.chain.get(index)
    }

    /// The entry at an index, if it is committed and not forgotten.
    pub(super) fn id(&self, index: LogIndex) -> Option<EntryId> {
        self.chain.id(index)
    }

    /// The last index that was committed in a term before `term`; [`LogIndex::ZERO`] also if that is forgotten.
    pub(super) fn end_before(&self, term: Term) -> LogIndex {
        let runs = self.runs.partition_point(|run| run.term < term);
        runs.checked_sub(1).map_or(LogIndex::ZERO, |last| self.runs[last].end)
    }

    /// The run that committed `index`, which is not forgotten.
    pub(super) fn run(&self, index: LogIndex) -> Run {
        self.runs[self.runs.partition_point(|run| run.end < index)]
    }

    /// Whether `log` holds the committed entries up to `end`. Of what is forgotten it is enough to go so far.
    pub(super) fn is_held_by(&self, log: &Chain, end: LogIndex) -> bool {
        self.get(end).map_or(end <= log.end(), |link| log.holds(end, link.hash))
    }

    /// The first committed entry up to `end` that `log` does not hold, among those that are not forgotten.
    pub(super) fn first_missing(&self, log: &Chain, end: LogIndex) -> Option<EntryId> {
        let first = self.base().next().0;
        let missing = (first..=end.0).map(LogIndex).find(|index| !self.is_held_by(log, *index));
        missing.and_then(|index| self.id(index))
    }

    /// `leader` of `term` has committed its log up to `end`, by the quorums of `membership`.
    pub(super) fn extend(
        &mut self,
        log: &Chain,
        end: LogIndex,
        (leader, term): (NodeId, Term),
        membership: &Membership,
    ) {
        self.chain.extend_from(log, end);
        match self.runs.last_mut() {
            Some(run) if run.term == term => run.end = end,
            _ => self.runs.push(Run { term, leader, end }),
        }
        if self.committed_by != *membership {
            self.committed_by.clone_from(membership);
        }
    }

    /// Forgets what stands before `floor`, which is committed.
    pub(super) fn forget_before(&mut self, floor: LogIndex) {
        self.chain.forget_before(floor);
        self.runs.retain(|run| floor <= run.end);
        self.configurations.forget_before(floor);
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
            (1..=9).map(|index| EntryFact { id: EntryId::new(1, index), payload: index, bytes: 0 }).collect();
        log.replace(&entries).unwrap();
        let membership = Membership::new([NodeId::new(1)]);
        let mut ledger = Ledger::new(&membership);
        assert_eq!(ledger.end_before(Term(9)), LogIndex(0));
        ledger.extend(&log, LogIndex(3), (NodeId::new(1), Term(2)), &membership);
        ledger.extend(&log, LogIndex(4), (NodeId::new(1), Term(2)), &membership);
        ledger.extend(&log, LogIndex(9), (NodeId::new(3), Term(5)), &membership);
        let ends: Vec<_> = (2..=6).map(|term| ledger.end_before(Term(term)).0).collect();
        assert_eq!(ends, [0, 4, 4, 4, 9]);
        assert_eq!(ledger.run(LogIndex(4)).leader, NodeId::new(1));
        assert_eq!(ledger.run(LogIndex(5)).leader, NodeId::new(3));
        assert_eq!(ledger.first_missing(&log, LogIndex(9)), None);

        ledger.forget_before(LogIndex(5));
        assert_eq!((ledger.base(), ledger.run(LogIndex(5)).leader), (LogIndex(5), NodeId::new(3)));
        assert_eq!((ledger.end_before(Term(3)), ledger.end_before(Term(6))), (LogIndex(0), LogIndex(9)));
        assert!(ledger.is_held_by(&log, LogIndex(4)) && ledger.is_held_by(&log, LogIndex(9)));
        assert!(!ledger.is_held_by(&Chain::new(), LogIndex(4)), "a blank log holds nothing");
        assert_eq!(ledger.first_missing(&Chain::new(), LogIndex(9)), Some(EntryId::new(1, 6)));
    }
}
