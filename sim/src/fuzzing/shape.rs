//! The shape of a cluster: what its nodes are to each other, whoever they are and however far they have come. It tells a
//! fuzzer that a run has come somewhere new where the code that it went through does not.

use crate::observation::View;
use seaworthy_core::types::{EntryId, LogIndex, Term};
use std::hash::Hasher;
use xxhash_rust::xxh3::Xxh3Default;

/// The furthest that any node has come.
#[derive(Clone, Copy, Debug, Default)]
struct Front {
    term: Term,
    commit: LogIndex,
    last: EntryId,
    snapshot: LogIndex,
    membership: LogIndex,
}

/// A hash of the shape of these nodes, each with whether it runs: the same in whatever order they come.
pub(super) fn shape<'a>(nodes: impl Iterator<Item = (bool, &'a View)> + Clone) -> u64 {
    let mut front = Front::default();
    for (_, view) in nodes.clone() {
        front.term = front.term.max(view.term);
        front.commit = front.commit.max(view.commit);
        front.last = front.last.max(view.last);
        front.snapshot = front.snapshot.max(snapshot(view));
        front.membership = front.membership.max(view.membership_index);
    }
    let mut standings: Vec<[u8; 10]> = nodes.map(|(runs, view)| front.standing(runs, view)).collect();
    standings.sort_unstable();
    let mut hash = Xxh3Default::new();
    standings.iter().for_each(|standing| hash.write(standing));
    hash.finish()
}

impl Front {
    /// How one node stands to the others.
    fn standing(&self, runs: bool, view: &View) -> [u8; 10] {
        [
            u8::from(runs),
            view.role as u8,
            few(self.term.0 - view.term.0),
            few(self.commit.0 - view.commit.0),
            few(self.last.term.0 - view.last.term.0),
            view.last.index.cmp(&self.commit) as u8,
            u8::from(view.membership.is_joint()),
            u8::from(view.membership_index < self.membership),
            u8::from(snapshot(view) < self.snapshot),
            u8::from(view.last.index < self.snapshot),
        ]
    }
}

fn snapshot(view: &View) -> LogIndex {
    view.snapshot.unwrap_or_default().index
}

/// None, one, some or many.
fn few(count: u64) -> u8 {
    match count {
        0 => 0,
        1 => 1,
        2..=4 => 2,
        _ => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choice::Choice;
    use crate::fuzzing::schedule;
    use crate::scenario::Scenario;
    use crate::seaworthy::Seaworthy;
    use crate::world::{Options, World};
    use seaworthy_core::types::NodeId;

    #[test]
    fn it_matters_what_nodes_are_to_each_other_and_not_which_they_are_or_how_far() {
        let scenario = Scenario::named("calm", "Nothing happens.");
        let options = Options { record: false, check: false, max_steps: 2_000 };
        let mut choice = Choice::seeded(1);
        let mut world = World::<Seaworthy>::new(&scenario, &mut choice, options);
        let blank = shape([1, 2, 3].map(|node| world.node(NodeId::new(node))).into_iter());
        while world.step().is_ok() {}
        let views = || [1, 2, 3].map(|node| world.node(NodeId::new(node)));
        let led = shape(views().into_iter());
        assert_ne!(led, blank);
        assert_eq!(shape(views().into_iter().rev()), led);
        let mut later = views().map(|(_, view)| view.clone());
        for view in &mut later {
            view.term.0 += 7;
            view.last.term.0 += 7;
        }
        assert_eq!(shape(later.iter().map(|view| (true, view))), led);
        later[0].term.0 += 1;
        assert_ne!(shape(later.iter().map(|view| (true, view))), led);
        assert_ne!(shape(later.iter().map(|view| (false, view))), led);
    }

    #[test]
    fn a_schedule_tells_each_shape_when_it_comes_to_it() {
        let shapes = || {
            let mut shapes = Vec::new();
            schedule(&[], &mut |shape| shapes.push(shape));
            shapes
        };
        assert!(3 < shapes().len(), "{:?}", shapes());
        assert!(shapes().windows(2).all(|pair| pair[0] != pair[1]));
        assert_eq!(shapes(), shapes());
    }
}
