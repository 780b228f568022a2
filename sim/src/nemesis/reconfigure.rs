//! Changes of the membership at random: what an operator may ask for without doing harm by himself.
//!
//! There is always a voter left whose disk is whole, and nobody is added who has ever lost what he promised: such a
//! server must come back under a new number.

use super::strike::{targets, without};
use super::target::{Status, some};
use crate::choice::{Choice, Stream};
use crate::scenario::model::Action;
use crate::scenario::scalar::Target;
use seaworthy_core::types::NodeId;

/// The most voters that a change leads to: of more there is little to learn, and much to wait for.
const MOST_VOTERS: usize = 7;

/// Adds, removes, replaces, promotes or demotes one member or several; `None` if nothing of the kind can be done now.
pub(super) fn change(status: &Status, choice: &mut Choice, stream: Stream) -> Option<Action> {
    let cast = Cast::of(status);
    let style = choice.weighted(stream, &[3, 3, 4, 2, 2, 1]);
    let mut add = Vec::new();
    let mut learn = Vec::new();
    let mut remove = Vec::new();
    match style {
        0 => add = some(cast.eligible(), 1, choice, stream),
        1 => remove = some(cast.voters.clone(), 1, choice, stream),
        // From one server to all of them at once: joint consensus knows no difference (thesis §4.3).
        2 => {
            let most = cast.eligible().len().min(cast.voters.len());
            let size = choice.between(stream, most.min(1) as u64, most as u64) as usize;
            add = some(cast.eligible(), size, choice, stream);
            remove = some(cast.voters.clone(), size, choice, stream);
        }
        3 => learn = some(cast.voters.clone(), 1, choice, stream),
        4 => learn = some(cast.strangers.clone(), 1, choice, stream),
        _ => {
            let size = choice.between(stream, 1, cast.voters.len() as u64) as usize;
            remove = some(cast.voters.clone(), size, choice, stream);
        }
    }
    let going = remove.len() + learn.iter().filter(|node| cast.voters.contains(node)).count();
    let voters = cast.voters.len() + add.len();
    let sensible =
        going < voters && voters - going <= MOST_VOTERS && !(add.is_empty() && going + learn.len() == 0);
    sensible.then(|| wish(&add, &learn, &remove, None))
}

/// A change told to somebody who leads, or believes so, and the cut of all its links but one: what it appends hardly
/// anybody hears of, and two leaders each have a change of their own under way.
pub(super) fn change_and_isolate(
    status: &Status,
    choice: &mut Choice,
    stream: Stream,
) -> Option<Vec<Action>> {
    let leaders = status.those(|node| node.up && node.leads.is_some());
    let leader = *some(leaders, 1, choice, stream).first()?;
    let cast = Cast::of(status);
    let add = some(cast.learners.clone(), 1, choice, stream);
    let remove = some(cast.voters.clone(), 1, choice, stream);
    let change = match choice.below(stream, 4) {
        0 if !add.is_empty() => wish(&add, &[], &[], Some(leader)),
        1 if !add.is_empty() => wish(&add, &[], &remove, Some(leader)),
        2 if 2 < cast.voters.len() => wish(&[], &[], &[leader], Some(leader)),
        _ if 1 < cast.voters.len() => wish(&[], &[], &remove, Some(leader)),
        _ => return None,
    };
    let mut others = without(&status.all(), &[leader]);
    let spared = some(others.clone(), choice.below(stream, 2) as usize, choice, stream);
    others = without(&others, &spared);
    Some(vec![change, Action::Sever { between: targets(&[leader]), and: targets(&others) }])
}

/// A voter that loses its disk in some way, and an operator who puts another server in its place. One at a time: a
/// second lost disk could be one more than a majority has to spare.
pub(super) fn lose_disk_and_replace(
    lose: impl FnOnce(Target) -> Action,
    status: &Status,
    choice: &mut Choice,
    stream: Stream,
) -> Option<Vec<Action>> {
    let cast = Cast::of(status);
    if cast.voters.len() < 3 || !status.settled || status.membership.is_joint() || cast.has_lost_members {
        return None;
    }
    let lost = some(cast.voters.clone(), 1, choice, stream);
    let substitute = some(cast.strangers.clone(), 1, choice, stream);
    let change = wish(&substitute, &[], &lost, None);
    Some(vec![lose(Target::from(*lost.first()?)), change])
}

/// Who is what.
struct Cast {
    voters: Vec<NodeId>,
    learners: Vec<NodeId>,
    /// Who belongs to nobody and is of use.
    strangers: Vec<NodeId>,
    /// Whether a server that has lost its disk still counts as a member.
    has_lost_members: bool,
}

impl Cast {
    fn of(status: &Status) -> Self {
        let membership = &status.membership;
        let learners = &membership.learners;
        Self {
            voters: membership.voters.incoming.voters().to_vec(),
            learners: status.those(|node| learners.contains(&node.node) && !node.gone),
            strangers: status.those(|node| !membership.contains(node.node) && !node.gone),
            has_lost_members: status.nodes.iter().any(|node| node.gone && membership.contains(node.node)),
        }
    }

    /// Who may be given a vote.
    fn eligible(&self) -> Vec<NodeId> {
        self.learners.iter().chain(&self.strangers).copied().collect()
    }
}

fn wish(add: &[NodeId], learn: &[NodeId], remove: &[NodeId], node: Option<NodeId>) -> Action {
    let node: Option<Target> = node.map(Target::from);
    Action::ChangeMembership { add: targets(add), learn: targets(learn), remove: targets(remove), node }
}
