//! Leader Append-Only (Raft §5.3): while a node leads a term, its log only grows.

use super::ghost::Ghost;
use super::violation;
use super::words::At;
use crate::observation::{Property, View, Violation};
use seaworthy_core::view::Role;

/// A node has taken a step.
pub(super) fn on_step(ghost: &Ghost, view: &View) -> Result<(), Violation> {
    let node = ghost.node(view.node);
    let before = &node.seen;
    if before.role != Role::Leader || view.role != Role::Leader || before.term != view.term {
        return Ok(());
    }
    if view.last.index >= before.last.index
        && (!node.cut() || node.log.holds(before.last.index, before.last_hash))
    {
        return Ok(());
    }
    let detail = format!(
        "{} led before the step and after it, but its log, which ended at {}, \
         has lost or changed an entry: it ends at {}",
        At(view.node, view.term),
        before.last,
        view.last
    );
    Err(violation(Property::LeaderAppendOnly, view.node, detail))
}
