//! A snapshot is what the log up to its last entry comes to (Raft §7): that entry is committed, the configuration is
//! the one that was in force there, all snapshots at one index hold the same, and whoever goes on from one is in the
//! state that applying the entries would have led to.

use super::chain::Link;
use super::ghost::Ghost;
use super::replicas_agree::ReplicasAgree;
use super::violation;
use super::words::{At, Words};
use crate::observation::{Property, SnapshotFact, View, Violation};
use seaworthy_core::membership::Membership;
use seaworthy_core::types::{EntryId, NodeId};

/// A node writes a snapshot; gives what its last entry stands for. One that it took itself may be of an entry that
/// it applies in this very step: that is seen when the step is over.
pub(super) fn on_written(
    ghost: &Ghost,
    node: NodeId,
    snapshot: &SnapshotFact<'_>,
) -> Result<Link, Violation> {
    let index = snapshot.last.index;
    let (link, membership) = if ghost.replaces_log(node, snapshot.last) {
        (anchor(ghost, node, snapshot.last)?, committed(ghost, snapshot))
    } else {
        let writer = ghost.node(node);
        let link = writer.log.get(index).expect("a log that is not replaced holds the last entry");
        (link, Some(writer.configurations.at(index)))
    };
    compare(ghost, node, snapshot, membership)?;
    Ok(link)
}

/// A node starts from a snapshot.
pub(super) fn on_boot(ghost: &Ghost, node: NodeId, snapshot: &SnapshotFact<'_>) -> Result<Link, Violation> {
    let link = anchor(ghost, node, snapshot.last)?;
    compare(ghost, node, snapshot, committed(ghost, snapshot))?;
    Ok(link)
}

/// What the entry stands for with which a snapshot ends that a node goes on from.
pub(super) fn anchor(ghost: &Ghost, node: NodeId, last: EntryId) -> Result<Link, Violation> {
    ghost.anchor(node, last).ok_or_else(|| {
        let end = ghost.ledger.end();
        let detail = match ghost.ledger.id(last.index) {
            Some(committed) => format!("{node} goes on from {last}, but {committed} was committed there"),
            None => format!("{node} goes on from {last}, but only {end} entries were committed"),
        };
        violation(Property::SnapshotMatchesLog, node, detail)
    })
}

/// A node has taken a step.
pub(super) fn on_step(ghost: &Ghost, states: &ReplicasAgree, view: &View) -> Result<(), Violation> {
    let node = ghost.node(view.node);
    let me = At(view.node, view.term);
    // What is applied is committed.
    if let Some(last) = node.snapshot.filter(|last| last.index > view.applied) {
        let detail =
            format!("{me} took a snapshot up to {last}, but has applied only up to {}", view.applied);
        return Err(violation(Property::SnapshotMatchesLog, view.node, detail));
    }
    let Some(index) = node.restored.filter(|index| *index == view.applied) else { return Ok(()) };
    let state = states.at(index).or_else(|| ghost.snapshots.at(index)?.state);
    match state.filter(|(hash, _)| *hash != view.state_hash) {
        None => Ok(()),
        Some((hash, first)) => {
            let detail = format!(
                "{me} is in state {:016x} after a snapshot up to index {index}, \
                 where {first} was in {hash:016x}",
                view.state_hash
            );
            Err(violation(Property::SnapshotMatchesLog, view.node, detail))
        }
    }
}

/// The configuration that was in force where a snapshot ends, unless that is forgotten.
fn committed<'a>(ghost: &'a Ghost, snapshot: &SnapshotFact<'_>) -> Option<&'a Membership> {
    let index = snapshot.last.index;
    (ghost.ledger.base() <= index).then(|| ghost.ledger.configurations.at(index))
}

/// A snapshot must name `membership`, and be like any other at its index.
fn compare(
    ghost: &Ghost,
    node: NodeId,
    snapshot: &SnapshotFact<'_>,
    membership: Option<&Membership>,
) -> Result<(), Violation> {
    let last = snapshot.last;
    let failure = |detail| Err(violation(Property::SnapshotMatchesLog, node, detail));
    if let Some(membership) = membership.filter(|membership| *membership != snapshot.membership) {
        return failure(format!(
            "the snapshot of {node} up to {last} names {}, but in force there was {}",
            Words(snapshot.membership),
            Words(membership)
        ));
    }
    let Some(known) = ghost.snapshots.at(last.index) else { return Ok(()) };
    let holder = known.holder;
    if known.last(last.index) != last {
        return failure(format!(
            "{node} has a snapshot up to {last}, but {holder} had one up to {}",
            known.last(last.index)
        ));
    }
    if known.membership != *snapshot.membership {
        return failure(format!(
            "the snapshot of {node} up to {last} names {}, but that of {holder} {}",
            Words(snapshot.membership),
            Words(&known.membership)
        ));
    }
    if known.data != snapshot.data {
        return failure(format!(
            "the snapshot of {node} up to {last} holds another state than that of {holder}"
        ));
    }
    Ok(())
}
