//! Nothing that was committed is ever lost: a quorum of disks holds the whole committed sequence, at all
//! times. It does when an entry is committed, so it is counted again only when a disk lets go of something; by
//! the configuration whose quorums committed the last entry. And a client is told that its request took effect
//! only once that is committed.
//!
//! A disk that is lost as a whole is nobody's fault, and no harm is done while its node decides nothing any
//! more: a quorum that held something holds it still as far as those go who take part. So the node counts with
//! what it held, and must neither vote nor acknowledge where that counts, until it has started anew as somebody
//! without a vote.

use super::exactly_once::{ExactlyOnce, Ran};
use super::ghost::Ghost;
use super::violation;
use super::words::{At, picked};
use crate::observation::{Property, Violation};
use seaworthy_core::quorum::VoteResult;
use seaworthy_core::types::{NodeId, SessionId, Term};

/// The log on a node's disk has lost or replaced entries.
pub(super) fn on_loss(ghost: &Ghost, node: NodeId) -> Result<(), Violation> {
    let end = ghost.ledger.end();
    let hash = ghost.ledger.get(end).expect("the end of the ledger is never forgotten").hash;
    let voters = &ghost.ledger.committed_by.voters;
    let holds = |voter| ghost.node(voter).has_held(end, hash);
    if voters.vote(|voter| holds(voter).then_some(true)) == VoteResult::Won {
        return Ok(());
    }
    let lost = ghost.ledger.first_missing(&ghost.node(node).disk, end).unwrap_or(ghost.ledger.last());
    let holders = picked(ghost, voters, holds);
    let detail = format!(
        "the disk of {node} let go of {lost}, which was committed; \
         those of {holders} still hold it, which are no quorum"
    );
    Err(violation(Property::Durability, node, detail))
}

/// A vote or an acknowledgement of `from` leaves for `to`, or its campaign for itself.
pub(super) fn on_promise(ghost: &Ghost, from: NodeId, to: NodeId, term: Term) -> Result<(), Violation> {
    if !ghost.node(from).amnesiac || !ghost.node(to).membership.voters.contains(from) {
        return Ok(());
    }
    let detail = format!(
        "{} has lost its disk, but goes on deciding as a voter of {to}'s configuration: \
         nobody knows what it promised before",
        At(from, term)
    );
    Err(violation(Property::Durability, from, detail))
}

/// A client was told that its request took effect.
pub(super) fn on_acknowledged(
    ghost: &Ghost,
    applied: &ExactlyOnce,
    session: SessionId,
    sequence: u64,
) -> Result<(), Violation> {
    let end = ghost.ledger.end();
    let place = match applied.find(session, sequence) {
        Ran::At(index) if index <= end => return Ok(()),
        Ran::At(index) => format!("it stands at index {index}, and only {end} entries were committed"),
        Ran::LongAgo => return Ok(()),
        Ran::Never => "no node had applied it".into(),
    };
    let detail =
        format!("request {sequence} of session {session} was acknowledged to its client, but {place}");
    Err(Violation { property: Property::Durability, node: None, detail })
}
