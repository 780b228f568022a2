//! State Machine Safety (Raft §5.4.3): no two nodes ever commit or apply different entries at one index.

use super::chain::{Link, slot};
use super::ghost::{At, Ghost};
use super::violation;
use crate::observation::{Property, View, Violation};
use seaworthy_core::types::{EntryId, LogIndex, NodeId};

/// What was applied, by index.
#[derive(Clone, Debug, Default)]
pub(super) struct StateMachineSafety {
    /// From index 1: the entry, and who applied it first.
    applied: Vec<(Link, NodeId)>,
}

impl StateMachineSafety {
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
        match self.applied.get(slot(id.index) - 1) {
            None => self.applied.push((link, node)),
            Some((first, _)) if first.hash == link.hash => {}
            Some((first, who)) => {
                let detail = if first.term == link.term {
                    format!("{node} applied {id}, but after another history than {who}")
                } else {
                    let other = EntryId { term: first.term, index: id.index };
                    format!("{node} applied {id}, but {who} applied {other} at that index")
                };
                return Err(violation(Property::StateMachineSafety, node, detail));
            }
        }
        Ok(())
    }
}

/// A node's commit index has grown, or its log was cut: what it calls committed must be what others do. Only
/// the leader of a term may add to that.
pub(super) fn on_commit(ghost: &Ghost, view: &View) -> Result<(), Violation> {
    let log = &ghost.node(view.node).log;
    let common = view.commit.min(ghost.ledger.end());
    let me = At(view.node, view.term);
    if !log.holds(common, ghost.ledger.link(common).hash) {
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
