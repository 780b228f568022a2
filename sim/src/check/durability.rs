//! Nothing that was committed is ever lost: a quorum of disks holds the whole committed sequence, at all
//! times. It does when an entry is committed, so it is counted again only when a disk lets go of something.
//! And a client is told that its request took effect only once that is committed.

use super::exactly_once::ExactlyOnce;
use super::ghost::Ghost;
use super::{listed, violation};
use crate::observation::{Property, Violation};
use seaworthy_core::quorum::VoteResult;
use seaworthy_core::types::{LogIndex, NodeId, SessionId};

/// The log on a node's disk has lost or replaced entries.
pub(super) fn on_loss(ghost: &Ghost, node: NodeId) -> Result<(), Violation> {
    let end = ghost.ledger.end();
    let hash = ghost.ledger.link(end).hash;
    let voters = &ghost.authority.voters;
    // A disk that was wiped held what it had acknowledged, and its server votes no more.
    let holds = |voter| ghost.node(voter).wiped || ghost.node(voter).disk.holds(end, hash);
    if voters.vote(|voter| holds(voter).then_some(true)) == VoteResult::Won {
        return Ok(());
    }
    let lost = ghost.ledger.first_missing(&ghost.node(node).disk, end).unwrap_or(ghost.ledger.last());
    let holders = listed(ghost, voters, holds);
    let detail = format!(
        "the disk of {node} let go of {lost}, which was committed; \
         those of {holders} still hold it, which are no quorum"
    );
    Err(violation(Property::Durability, node, detail))
}

/// A client was told that its request took effect.
pub(super) fn on_acknowledged(
    ghost: &Ghost,
    applied: &ExactlyOnce,
    session: SessionId,
    sequence: u64,
) -> Result<(), Violation> {
    let index = applied.index_of(session, sequence);
    let end = ghost.ledger.end();
    if index.is_some_and(|index| index <= end) {
        return Ok(());
    }
    let place = index.map_or("no node had applied it".into(), |index: LogIndex| {
        format!("it stands at index {index}, and only {end} entries were committed")
    });
    let detail =
        format!("request {sequence} of session {session} was acknowledged to its client, but {place}");
    Err(Violation { property: Property::Durability, node: None, detail })
}
