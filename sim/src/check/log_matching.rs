//! Log Matching (Raft §5.3): entries of equal index and term are equal, and so is all before them; for all
//! pairs of logs, at all times. Two more facts keep it so: only the leader of a term creates entries of that
//! term, and the terms in a log never descend.

use super::chain::{Chain, Gap, slot};
use super::ghost::{At, Ghost};
use super::violation;
use crate::observation::{Property, View, Violation};
use seaworthy_core::types::{EntryId, LogIndex, NodeId, Term};

/// Every entry that was ever in a log, and the history that it stands for.
#[derive(Clone, Debug, Default)]
pub(super) struct LogMatching {
    /// By index: where in `known` the latest entry of that index stands, plus 1; 0 for none.
    heads: Vec<u32>,
    known: Vec<Known>,
}

/// An entry, when it was first seen.
#[derive(Clone, Copy, Debug)]
struct Known {
    term: Term,
    hash: u64,
    /// In whose log.
    holder: NodeId,
    /// The one of the same index seen before this, as in `heads`.
    next: u32,
}

impl LogMatching {
    /// A run starts with this log, which owes its history to nobody but must match the others'.
    pub(super) fn on_initial(&mut self, node: NodeId, log: &Chain) -> Result<(), Violation> {
        self.take(node, log, LogIndex(1), |_| true)
    }

    /// A node has taken a step; its log is new from `first` on.
    pub(super) fn on_step(&mut self, ghost: &Ghost, view: &View, first: LogIndex) -> Result<(), Violation> {
        let log = &ghost.node(view.node).log;
        if log.tip().term > view.term {
            let me = At(view.node, view.term);
            let detail = format!("{me} holds {}, an entry of a term that it has not reached", log.last());
            return Err(violation(Property::LogMatching, view.node, detail));
        }
        let office = ghost.office(view);
        self.take(view.node, log, first, |term| office == Some(term))
    }

    /// Looks at a log from `first` on. `creates` says whether the node may create entries of a term.
    fn take(
        &mut self,
        node: NodeId,
        log: &Chain,
        first: LogIndex,
        creates: impl Fn(Term) -> bool,
    ) -> Result<(), Violation> {
        let mut previous = log.get(first.previous()).expect("logs have no gaps").term;
        for index in (first.0..=log.end().0).map(LogIndex) {
            let link = log.get(index).expect("within the log");
            let id = EntryId { term: link.term, index };
            if link.term < previous {
                let detail = format!("{node} holds {id} after an entry of term {previous}");
                return Err(violation(Property::LogMatching, node, detail));
            }
            previous = link.term;
            match self.find(id) {
                Some(known) if known.hash == link.hash => {}
                Some(known) => {
                    let holder = known.holder;
                    let detail = format!(
                        "{node} holds {id} with other content, or after another history, than {holder} did"
                    );
                    return Err(violation(Property::LogMatching, node, detail));
                }
                None if creates(link.term) => self.insert(id, link.hash, node),
                None => {
                    let detail = format!(
                        "{node} holds {id}, which is in no other log, without leading term {}",
                        link.term
                    );
                    return Err(violation(Property::LogMatching, node, detail));
                }
            }
        }
        Ok(())
    }

    fn find(&self, id: EntryId) -> Option<Known> {
        let mut next = *self.heads.get(slot(id.index))?;
        while next != 0 {
            let known = self.known[next as usize - 1];
            if known.term == id.term {
                return Some(known);
            }
            next = known.next;
        }
        None
    }

    fn insert(&mut self, id: EntryId, hash: u64, holder: NodeId) {
        let place = slot(id.index);
        if self.heads.len() <= place {
            self.heads.resize(place + 1, 0);
        }
        self.known.push(Known { term: id.term, hash, holder, next: self.heads[place] });
        self.heads[place] = u32::try_from(self.known.len()).expect("a run creates fewer than 2^32 entries");
    }
}

/// A node appended what does not continue its log.
pub(super) fn gap(node: NodeId, gap: Gap) -> Violation {
    let detail = format!("{node} appended {} to a log that ends at {}", gap.next, gap.after);
    violation(Property::LogMatching, node, detail)
}
