//! snapshot ≤ applied ≤ commit ≤ last, and match < next; entries are applied one after the other, and what a node shows
//! of its log is what it wrote. The checkers that follow rely on it: every index that they look up exists.

use super::ghost::Ghost;
use super::violation;
use super::words::At;
use crate::observation::{Property, View, Violation};
use seaworthy_core::types::{EntryId, NodeId};

/// A node has applied an entry.
pub(super) fn on_applied(ghost: &Ghost, node: NodeId, id: EntryId) -> Result<(), Violation> {
    let applied = ghost.node(node).applied;
    if id.index == applied.next() {
        return Ok(());
    }
    let detail = format!("{node} applied {id} when the last index that it had applied was {applied}");
    Err(violation(Property::Order, node, detail))
}

/// A node has taken a step.
pub(super) fn on_step(ghost: &Ghost, view: &View) -> Result<(), Violation> {
    let node = ghost.node(view.node);
    let (commit, applied, last) = (view.commit, view.applied, view.last);
    let failure = |detail: String| {
        let detail = format!("{} {detail}", At(view.node, view.term));
        Err(violation(Property::Order, view.node, detail))
    };
    if last != node.log.last() {
        return failure(format!(
            "shows a log that ends at {last}, but what it wrote ends at {}",
            node.log.last()
        ));
    }
    if applied != node.applied {
        return failure(format!("says that it applied up to {applied}, but the last was {}", node.applied));
    }
    if let Some(snapshot) = view.snapshot.filter(|snapshot| snapshot.index > applied) {
        return failure(format!("has applied up to {applied}, but shows a snapshot up to {snapshot}"));
    }
    if applied > commit {
        return failure(format!("has applied up to {applied}, but committed only up to {commit}"));
    }
    if commit > last.index {
        return failure(format!("has committed up to {commit}, but its log ends at {last}"));
    }
    for follower in &view.followers {
        let (who, matched, next) = (follower.node, follower.matched, follower.next);
        if matched >= next {
            return failure(format!(
                "believes that {who} holds all up to {matched}, but would send {next} next"
            ));
        }
        if matched > last.index {
            return failure(format!(
                "believes that {who} holds all up to {matched}, but its own log ends at {last}"
            ));
        }
    }
    Ok(())
}
