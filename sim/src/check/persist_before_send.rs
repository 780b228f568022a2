//! What a message promises is durable when it leaves (thesis §3.8). Checked at the release, against the disk:
//! a promise that is not kept shows at once here, and almost never in what comes of it.
//!
//! One exception is legal. A promise may be released when its writer has moved on, because a later write
//! became durable together with the one that the promise waited for: it was kept, then superseded. So once
//! the durable term is above the message's, only that is asked.

use super::ghost::{Ghost, NodeGhost};
use super::violation;
use super::words::At;
use crate::observation::{Property, Violation};
use seaworthy_core::types::{EntryId, LogIndex, NodeId, Term};

/// "I campaign in this term with a log that ends at `last`."
pub(super) fn on_campaign(ghost: &Ghost, from: NodeId, term: Term, last: EntryId) -> Result<(), Violation> {
    on_vote(ghost, from, from, term)?;
    let node = ghost.node(from);
    if node.disk_hard_state.term > term || node.disk.id(last.index) == Some(last) {
        return Ok(());
    }
    let me = At(from, term);
    let detail = format!("{me} campaigned with a log that ends at {last}, but on its disk {}", end(node));
    Err(violation(Property::PersistBeforeSend, from, detail))
}

/// "You have my vote in this term."
pub(super) fn on_vote(ghost: &Ghost, from: NodeId, to: NodeId, term: Term) -> Result<(), Violation> {
    let durable = ghost.node(from).disk_hard_state;
    if durable.term > term || durable.term == term && durable.vote == Some(to) {
        return Ok(());
    }
    let me = At(from, term);
    let whose = if from == to { "itself".into() } else { to.to_string() };
    let vote = durable.vote.map_or("no vote".into(), |vote| format!("a vote for {vote}"));
    let detail =
        format!("a vote of {me} for {whose} left, but its disk held term {} and {vote}", durable.term);
    Err(violation(Property::PersistBeforeSend, from, detail))
}

/// "My log agrees with yours up to `matched`."
pub(super) fn on_acknowledge(
    ghost: &Ghost,
    from: NodeId,
    to: NodeId,
    term: Term,
    matched: LogIndex,
) -> Result<(), Violation> {
    let node = ghost.node(from);
    let me = At(from, term);
    let failure = |detail| Err(violation(Property::PersistBeforeSend, from, detail));
    if node.disk_hard_state.term < term {
        let durable = node.disk_hard_state.term;
        return failure(format!(
            "{me} acknowledged up to {matched} to {to}, but its disk held term {durable}"
        ));
    }
    if node.disk_hard_state.term > term {
        return Ok(());
    }
    let Some(held) = node.disk.get(matched) else {
        if matched < node.disk.base() {
            return Ok(());
        }
        return failure(format!("{me} acknowledged up to {matched} to {to}, but on its disk {}", end(node)));
    };
    let leader = ghost.node(to);
    if leader.leads() && leader.seen.term == term && !leader.log.holds(matched, held.hash) {
        let held = EntryId { term: held.term, index: matched };
        return failure(format!(
            "{me} acknowledged up to {matched} to {to}, but its disk held {held}, \
             which does not agree with the leader's log"
        ));
    }
    Ok(())
}

fn end(node: &NodeGhost) -> String {
    format!("it ended at {}", node.disk.last())
}
