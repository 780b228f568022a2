//! Leader Completeness (Raft §5.4): the leader of a term holds every entry committed in an earlier term. More
//! than that: *any* log, in memory or on disk, whose last entry is of term T holds every entry committed in a
//! term before T. So a poisoned log is noticed before it wins an election.
//!
//! What was committed in T or later proves nothing: a slow old leader may miss what a newer one committed.

use super::chain::Chain;
use super::ghost::Ghost;
use super::violation;
use super::words::At;
use crate::observation::{Property, View, Violation};
use seaworthy_core::types::{EntryId, NodeId, Term};

/// A node has become a leader.
pub(super) fn on_election(ghost: &Ghost, view: &View) -> Result<(), Violation> {
    let log = &ghost.node(view.node).log;
    match missing(ghost, log, view.term) {
        None => Ok(()),
        Some(entry) => {
            let me = At(view.node, view.term);
            let detail =
                format!("{me} became leader without {entry}, which {} had committed", by(ghost, entry));
            Err(violation(Property::LeaderCompleteness, view.node, detail))
        }
    }
}

/// A node's log in memory has a new end.
pub(super) fn on_log(ghost: &Ghost, node: NodeId) -> Result<(), Violation> {
    tail(ghost, node, &ghost.node(node).log, "log")
}

/// A node's log on disk has a new end.
pub(super) fn on_disk(ghost: &Ghost, node: NodeId) -> Result<(), Violation> {
    tail(ghost, node, &ghost.node(node).disk, "disk")
}

fn tail(ghost: &Ghost, node: NodeId, log: &Chain, place: &str) -> Result<(), Violation> {
    let term = log.tip().term;
    match missing(ghost, log, term) {
        Some(entry) if !ghost.is_initial(term) => {
            let (last, by) = (log.last(), by(ghost, entry));
            let detail =
                format!("the {place} of {node} ends at {last} and lacks {entry}, which {by} had committed");
            Err(violation(Property::LeaderCompleteness, node, detail))
        }
        _ => Ok(()),
    }
}

/// The step to `view` commits what nobody had committed, in `term`: leaders and logs of later terms must hold
/// it.
pub(super) fn on_commit(ghost: &Ghost, view: &View, term: Term) -> Result<(), Violation> {
    let committed = &ghost.node(view.node).log;
    let last = committed.id(view.commit).expect("what is committed is in the log");
    let hash = committed.get(view.commit).expect("what is committed is in the log").hash;
    for node in ghost.nodes() {
        if node.leads() && node.seen.term > term && !node.log.holds(view.commit, hash) {
            let (me, leader) = (At(view.node, term), At(node.id, node.seen.term));
            let detail = format!("{me} committed {last}, which {leader}, already elected, does not hold");
            return Err(violation(Property::LeaderCompleteness, node.id, detail));
        }
        for (log, place, exists) in [(&node.log, "log", node.up), (&node.disk, "disk", true)] {
            let tip = log.tip().term;
            if exists && tip > term && !log.holds(view.commit, hash) && !ghost.is_initial(tip) {
                let me = At(view.node, term);
                let (who, end) = (node.id, log.last());
                let detail = format!(
                    "{me} committed {last}, which the {place} of {who}, that ends at {end}, does not hold"
                );
                return Err(violation(Property::LeaderCompleteness, node.id, detail));
            }
        }
    }
    Ok(())
}

/// The first entry committed before `term` that `log` does not hold: one comparison when there is none.
fn missing(ghost: &Ghost, log: &Chain, term: Term) -> Option<EntryId> {
    let end = ghost.ledger.end_before(term);
    if ghost.ledger.is_held_by(log, end) { None } else { ghost.ledger.first_missing(log, end) }
}

/// Who committed `entry`, and when.
fn by(ghost: &Ghost, entry: EntryId) -> At {
    let run = ghost.ledger.run(entry.index);
    At(run.leader, run.term)
}
