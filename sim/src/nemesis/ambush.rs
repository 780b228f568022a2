//! A rival for the leader, at the worst time for somebody else.
//!
//! Much of what is rare takes three: a leader, a voter that does not hear it and so may campaign, and another whose vote
//! decides, and which restarts, has a slow disk or loses the leader as well within the same election timeout. By chance
//! these meet in one run of thousands.

use super::strike::{Ground, Strike, targets};
use super::target::{Status, some};
use crate::choice::{Choice, Stream};
use crate::scenario::model::Action;
use crate::scenario::scalar::Target;
use crate::time::Span;
use seaworthy_core::types::NodeId;

/// Cuts one link of the leader, and a while later has whom it led to campaign, at once with a blow to the others.
pub(super) fn ambush(
    ground: &Ground,
    status: &Status,
    choice: &mut Choice,
    stream: Stream,
) -> Option<Strike> {
    let leader = status.leader()?;
    let voters = status.those(|node| {
        node.up && !node.paused && node.node != leader && status.membership.voters.contains(node.node)
    });
    let rival = *some(voters.clone(), 1, choice, stream).first()?;
    let mut others: Vec<NodeId> = voters.into_iter().filter(|voter| *voter != rival).collect();
    if others.is_empty() {
        return None;
    }
    if choice.chance(stream, 500_000) {
        others = some(others, 1, choice, stream);
    }
    let apart = |nodes: &[NodeId]| Action::Sever { between: targets(&[leader]), and: targets(nodes) };
    let mut actions = vec![apart(&[rival])];
    let mut undo = vec![Action::Heal {}];
    if choice.chance(stream, 400_000) {
        for [slow, usual] in others.iter().map(|other| ground.slow_disk_and_usual(*other)) {
            actions.push(slow);
            undo.push(usual);
        }
    }
    // The leader is not heard by the others any more, or does not hear them either.
    let mut then = match choice.below(stream, 4) {
        0 => vec![Action::Cut { from: targets(&[leader]), to: targets(&others) }],
        1 => vec![apart(&others)],
        _ => Vec::new(),
    };
    match choice.weighted(stream, &[3, 3, 1, 1, 1, 1]) {
        0 => {}
        1 => then.extend(restart(&others)),
        2 => then.extend(restart(&[leader])),
        3 => {
            then.push(Action::Pause(Target::from(leader)));
            undo.push(Action::Resume(Target::from(leader)));
        }
        4 => then.push(Action::TransferLeadership(Target::from(rival))),
        _ => then.push(Action::TakeSnapshot(Target::from(others[0]))),
    }
    then.push(Action::Campaign(Target::from(rival)));
    // At once the rival still has the whole log; after a while it lacks what nobody has told it, and would campaign anyway.
    let longest = if choice.chance(stream, 500_000) { 0 } else { ground.election_timeout_min.0 * 2 };
    let wait = Span(choice.between(stream, 0, longest));
    Some(Strike::twofold(actions, (wait, then), undo))
}

/// A crash, and no time to be missed.
fn restart(nodes: &[NodeId]) -> [Action; 2] {
    [Action::Crash(targets(nodes)), Action::Restart(targets(nodes))]
}
