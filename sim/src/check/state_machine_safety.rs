//! State Machine Safety (Raft §5.4.3): no two nodes ever commit or apply different entries at one index.

use super::chain::Link;
use super::ghost::Ghost;
use super::violation;
use super::window::Window;
use super::words::At;
use crate::observation::{Property, View, Violation};
use seaworthy_core::types::{EntryId, LogIndex, NodeId};

/// What was applied, by index.
#[derive(Clone, Debug)]
pub(super) struct StateMachineSafety {
    /// The entry, and who applied it first.
    applied: Window<Option<(Link, NodeId)>>,
}

impl StateMachineSafety {
    pub(super) fn new() -> Self {
        Self { applied: Window::new(LogIndex(1)) }
    }

    /// A node has applied an entry, the next in its order.
    pub(super) fn on_applied(&mut self, ghost: &Ghost, node: NodeId, id: EntryId) -> Result<(), Violation> {
        let log = &ghost.node(node).log;
        let Some(link) = log.get(id.index).filter(|link| link.term == id.term) else {
            let detail = match log.id(id.index) {
                Some(held) => format!("{node} applied {id}, but its log holds {held}"),
                None => format!("{node} applied {id}, but its log ends at {}", log.last()),
            };
            return Err(violation(Property::StateMachineSafety, node, detail));
        };
        let Some(applied) = self.applied.reach(id.index) else { return Ok(()) };
        let (first, who) = *applied.get_or_insert((link, node));
        if first.hash == link.hash {
            return Ok(());
        }
        let detail = if first.term == link.term {
            format!("{node} applied {id}, but after another history than {who}")
        } else {
            let other = EntryId { term: first.term, index: id.index };
            format!("{node} applied {id}, but {who} applied {other} at that index")
        };
        Err(violation(Property::StateMachineSafety, node, detail))
    }

    /// Forgets what was applied before `floor`.
    pub(super) fn forget_before(&mut self, floor: LogIndex) {
        self.applied.forget_before(floor);
    }

    /// How much is kept.
    pub(super) fn len(&self) -> usize {
        self.applied.len()
    }
}

/// A node's commit index has grown, or its log was cut: what it calls committed must be what others do. Only
/// the leader of a term may add to that.
pub(super) fn on_commit(ghost: &Ghost, view: &View) -> Result<(), Violation> {
    let log = &ghost.node(view.node).log;
    let common = view.commit.min(ghost.ledger.end());
    let me = At(view.node, view.term);
    if !ghost.ledger.is_held_by(log, common) {
        let entry = ghost.ledger.first_missing(log, common).expect("unequal hashes stand for unequal logs");
        let run = ghost.ledger.run(entry.index);
        let held = log.id(entry.index).expect("a commit index lies within the log");
        let detail = if held == entry {
            format!("{me} committed {held} with other content than {}", At(run.leader, run.term))
        } else {
            format!("{me} committed {held}, but {} committed {entry}", At(run.leader, run.term))
        };
        return Err(violation(Property::StateMachineSafety, view.node, detail));
    }
    if view.commit > ghost.ledger.end() && ghost.office(view).is_none() {
        let detail = format!(
            "{me} does not lead, but called {} committed before any leader did: \
             the last committed entry was {}",
            log.id(LogIndex(ghost.ledger.end().0 + 1)).expect("a commit index lies within the log"),
            ghost.ledger.last()
        );
        return Err(violation(Property::StateMachineSafety, view.node, detail));
    }
    Ok(())
}
