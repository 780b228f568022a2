//! What never goes back: the term and the snapshot, on disk and so across crashes; the vote and the leader within a
//! term; the commit index and the applied index while a node runs; a follower's match index while its leader leads
//! and does not drop it.

use super::ghost::Ghost;
use super::violation;
use super::words::At;
use crate::observation::{HardStateFact, Property, View, Violation};
use seaworthy_core::types::{EntryId, NodeId};
use seaworthy_core::view::Role;
use std::fmt::Display;

/// A node has taken a step.
pub(super) fn on_step(ghost: &Ghost, view: &View) -> Result<(), Violation> {
    let node = ghost.node(view.node);
    let before = &node.seen;
    if view.term < before.term {
        return Err(back(view.node, "term", before.term, view.term));
    }
    if view.term == before.term {
        if before.vote.is_some() && view.vote != before.vote {
            return Err(changed(view, "vote", before.vote, view.vote));
        }
        if view.leader.is_some() && before.leader.is_some() && view.leader != before.leader {
            return Err(changed(view, "leader", before.leader, view.leader));
        }
    }
    if view.commit < before.commit {
        return Err(back(At(view.node, view.term), "commit index", before.commit, view.commit));
    }
    if view.applied < before.applied {
        return Err(back(At(view.node, view.term), "applied index", before.applied, view.applied));
    }
    if before.role == Role::Leader && before.term == view.term {
        for follower in &view.followers {
            let matched = node.matched(follower.node);
            if follower.matched < matched {
                let name = format!("match index of {}", follower.node);
                return Err(back(At(view.node, view.term), &name, matched, follower.matched));
            }
        }
    }
    Ok(())
}

/// A disk takes in a term and vote.
pub(super) fn on_durable(ghost: &Ghost, node: NodeId, hard_state: HardStateFact) -> Result<(), Violation> {
    let held = ghost.node(node).disk_hard_state.term;
    if hard_state.term < held {
        return Err(back(node, "durable term", held, hard_state.term));
    }
    Ok(())
}

/// A disk takes in a snapshot.
pub(super) fn on_durable_snapshot(ghost: &Ghost, node: NodeId, last: EntryId) -> Result<(), Violation> {
    match ghost.node(node).disk_snapshot {
        Some(held) if last.index < held.index => Err(back(node, "durable snapshot", held, last)),
        _ => Ok(()),
    }
}

fn back(who: impl Display + Node, name: &str, from: impl Display, to: impl Display) -> Violation {
    let detail = format!("the {name} of {who} went back from {from} to {to}");
    violation(Property::Monotonicity, who.node(), detail)
}

fn changed(view: &View, name: &str, from: Option<NodeId>, to: Option<NodeId>) -> Violation {
    let word = |node: Option<NodeId>| node.map_or("none".into(), |node| node.to_string());
    let me = At(view.node, view.term);
    let detail = format!("the {name} of {me} changed within the term, from {} to {}", word(from), word(to));
    violation(Property::Monotonicity, view.node, detail)
}

/// Whoever a sentence is about.
trait Node {
    fn node(&self) -> NodeId;
}

impl Node for NodeId {
    fn node(&self) -> NodeId {
        *self
    }
}

impl Node for At {
    fn node(&self) -> NodeId {
        self.0
    }
}
