//! Log Matching (Raft §5.3): entries of equal index and term are equal, and so is all before them; for all
//! pairs of logs, at all times. Two more facts keep it so: only the leader of a term creates entries of that
//! term, and the terms in a log never descend.

use super::chain::{Chain, Gap};
use super::ghost::Ghost;
use super::violation;
use super::window::Window;
use super::words::At;
use crate::observation::{Property, View, Violation};
use seaworthy_core::types::{EntryId, LogIndex, NodeId, Term};

/// Every entry that was ever in a log, and the history that it stands for, but for those that no log goes back to.
#[derive(Clone, Debug)]
pub(super) struct LogMatching {
    /// Where in `known` the latest entry of an index stands, plus 1; 0 for none.
    heads: Window<u32>,
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
    pub(super) fn new() -> Self {
        Self { heads: Window::new(LogIndex(1)), known: Vec::new() }
    }

    /// A run starts with this log, which owes its history to nobody but must match the others'.
    pub(super) fn on_initial(&mut self, node: NodeId, log: &Chain) -> Result<(), Violation> {
        self.take(node, log, LogIndex(1), |_| true)
    }

    /// A node has taken a step, in which its log got a new end; it is new from where it was appended to.
    pub(super) fn on_step(&mut self, ghost: &Ghost, view: &View) -> Result<(), Violation> {
        let node = ghost.node(view.node);
        let log = &node.log;
        if log.tip().term > view.term {
            let me = At(view.node, view.term);
            let detail = format!("{me} holds {}, an entry of a term that it has not reached", log.last());
            return Err(violation(Property::LogMatching, view.node, detail));
        }
        let Some(first) = node.appended_from else { return Ok(()) };
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
        for index in (first.max(self.heads.base()).0..=log.end().0).map(LogIndex) {
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
        let mut next = *self.heads.get(id.index)?;
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
        let Some(head) = self.heads.reach(id.index) else { return };
        self.known.push(Known { term: id.term, hash, holder, next: *head });
        *head = u32::try_from(self.known.len()).expect("logs hold fewer than 2^32 entries");
    }

    /// Forgets the entries before `floor`.
    pub(super) fn forget_before(&mut self, floor: LogIndex) {
        self.heads.forget_before(floor);
        let all = std::mem::take(&mut self.known);
        for head in self.heads.iter_mut() {
            let mut next = std::mem::take(head);
            while next != 0 {
                let known = all[next as usize - 1];
                next = known.next;
                self.known.push(Known { next: *head, ..known });
                *head = u32::try_from(self.known.len()).expect("there are no more than before");
            }
        }
    }

    /// How much is kept.
    pub(super) fn len(&self) -> usize {
        self.heads.len() + self.known.len()
    }
}

/// A node appended what does not continue its log.
pub(super) fn gap(node: NodeId, gap: Gap) -> Violation {
    violation(Property::LogMatching, node, format!("{node} {gap}"))
}
