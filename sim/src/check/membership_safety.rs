//! The membership changes one step at a time, and no two configurations can decide apart (thesis §4).
//!
//! A node shows the last configuration in its log, committed or not. Whoever appends one leads, has committed an
//! entry of its own term (Ongaro, raft-dev, 2015), and has committed the configuration before, so that a log never
//! holds two changes that are not committed and a joint configuration is left only when that is. Every quorum of the
//! one meets every quorum of the other. A leader that has removed itself leads until that is committed, and no longer
//! (thesis §4.2.2).

use super::ghost::Ghost;
use super::violation;
use super::words::{At, Words};
use crate::observation::{Property, View, Violation};
use seaworthy_core::types::LogIndex;
use seaworthy_core::view::Role;
use std::sync::Arc;

/// A node has taken a step. A blank one belongs to nothing yet: what it shows says nothing.
pub(super) fn on_step(ghost: &Ghost, view: &View) -> Result<(), Violation> {
    let node = ghost.node(view.node);
    if node.is_blank() {
        return Ok(());
    }
    let me = At(view.node, view.term);
    let (index, latest) = node.configurations.latest();
    let failure = |detail| Err(violation(Property::MembershipSafety, view.node, detail));
    // What it showed after its latest step was compared then.
    let known = !node.reconfigured && Arc::ptr_eq(&view.membership, &node.membership);
    if !known && *view.membership != *latest {
        return failure(format!(
            "{me} goes by {}, but the last configuration in its log, at index {index}, is {}",
            Words(&view.membership),
            Words(latest)
        ));
    }
    if node.appended_from.is_some_and(|first| first <= index) {
        on_change(ghost, view)?;
    }
    let leads_on = view.role == Role::Leader && !latest.voters.contains(view.node) && !latest.is_joint();
    if leads_on && index <= view.commit && commits_in_own_term(ghost, view) {
        return failure(format!(
            "{me} leads on, though it has committed at index {index} that it has no vote any more: {}",
            Words(latest)
        ));
    }
    Ok(())
}

/// The configuration in force is new. If the node has made it, it must have been free to.
#[cold]
fn on_change(ghost: &Ghost, view: &View) -> Result<(), Violation> {
    let node = ghost.node(view.node);
    let (index, latest) = node.configurations.latest();
    let term = node.log.get(index).map(|link| link.term);
    let Some(office) = ghost.office(view).filter(|office| term == Some(*office)) else { return Ok(()) };
    let me = At(view.node, office);
    let failure = |detail| Err(violation(Property::MembershipSafety, view.node, detail));
    let Some((before, previous)) = node.configurations.previous() else { return Ok(()) };
    if view.commit < before {
        let what = if previous.is_joint() { "joint configuration" } else { "configuration" };
        return failure(format!(
            "{me} appended a configuration at index {index}, but the {what} before it, at index {before}, \
             was not committed: that went up to {}",
            view.commit
        ));
    }
    if !commits_in_own_term(ghost, view) {
        return failure(format!(
            "{me} appended a configuration at index {index} before it committed an entry of its own term"
        ));
    }
    if !previous.voters.overlaps(&latest.voters) {
        return failure(format!(
            "{me} went from {} to {} at index {index}: a quorum of the one need not meet a quorum of the other",
            Words(previous),
            Words(latest)
        ));
    }
    if let Err(error) = latest.validate() {
        return failure(format!("{me} appended a configuration at index {index} that is none: {error}"));
    }
    Ok(())
}

/// Whether the last entry that a leader has committed is of its own term.
fn commits_in_own_term(ghost: &Ghost, view: &View) -> bool {
    let last = ghost.node(view.node).log.get(view.commit);
    last.is_some_and(|link| ghost.office(view) == Some(link.term)) && view.commit > LogIndex::ZERO
}
