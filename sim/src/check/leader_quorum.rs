//! A leader holds the grants of a quorum (Raft §5.2), recounted from the votes that really left their voters,
//! not from what the leader thinks that it received.

use super::ghost::Ghost;
use super::violation;
use super::words::{At, Voters, picked};
use crate::observation::{Property, View, Violation};
use seaworthy_core::quorum::VoteResult;
use seaworthy_core::types::{NodeId, Term};

/// A node has become a leader. It counts under the configuration from before the step.
pub(super) fn on_election(ghost: &Ghost, view: &View) -> Result<(), Violation> {
    let voters = &ghost.node(view.node).membership.voters;
    let granted = |voter| has_granted(ghost, voter, view.node, view.term);
    if voters.vote(|voter| granted(voter).then_some(true)) == VoteResult::Won {
        return Ok(());
    }
    let (granted, all) = (picked(ghost, voters, granted), Voters(voters));
    let me = At(view.node, view.term);
    let detail = format!("{me} became leader with the votes of {granted}, which are no quorum of {all}");
    Err(violation(Property::LeaderQuorum, view.node, detail))
}

/// A message has left its sender in a leader's name.
pub(super) fn on_lead(ghost: &Ghost, sender: NodeId, term: Term) -> Result<(), Violation> {
    if ghost.leaders.of(term) == Some(sender) {
        return Ok(());
    }
    let detail = format!("{} spoke as leader without having been elected in that term", At(sender, term));
    Err(violation(Property::LeaderQuorum, sender, detail))
}

/// A candidate's own vote counts once it is durable: where it is the only voter, no message carries it.
fn has_granted(ghost: &Ghost, voter: NodeId, candidate: NodeId, term: Term) -> bool {
    let voter = ghost.node(voter);
    let durable = voter.disk_hard_state;
    voter.granted(term) == Some(candidate)
        || voter.id == candidate && durable.term == term && durable.vote == Some(candidate)
}
