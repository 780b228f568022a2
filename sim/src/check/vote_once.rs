//! A node grants at most one vote in a term (Raft §5.2), over all time and restarts: neither may the votes
//! that left it differ, nor may its disk change its mind.

use super::ghost::Ghost;
use super::violation;
use super::words::At;
use crate::observation::{HardStateFact, Property, Violation};
use seaworthy_core::types::{NodeId, Term};

/// A vote has left its voter; a candidate's own leaves with its campaign.
pub(super) fn on_grant(ghost: &Ghost, voter: NodeId, term: Term, candidate: NodeId) -> Result<(), Violation> {
    match ghost.node(voter).granted(term) {
        Some(earlier) if earlier != candidate => {
            let detail = format!(
                "{} granted its vote to {candidate}, but had granted it to {earlier} at an earlier step",
                At(voter, term)
            );
            Err(violation(Property::VoteOnce, voter, detail))
        }
        _ => Ok(()),
    }
}

/// A disk takes in a term and vote.
pub(super) fn on_durable(ghost: &Ghost, node: NodeId, hard_state: HardStateFact) -> Result<(), Violation> {
    let held = ghost.node(node).disk_hard_state;
    match held.vote {
        Some(vote) if held.term == hard_state.term && hard_state.vote != held.vote => {
            let now = hard_state.vote.map_or("none".into(), |vote| format!("one for {vote}"));
            let detail =
                format!("the disk of {} held a vote for {vote}, and now holds {now}", At(node, held.term));
            Err(violation(Property::VoteOnce, node, detail))
        }
        _ => Ok(()),
    }
}
