//! The shape of a cluster: what its nodes are to each other, whoever they are and however far they have come. It tells a
//! fuzzer that a run has come somewhere new where the code that it went through does not.

use crate::observation::View;
use seaworthy_core::types::{EntryId, LogIndex, Term};
use xxhash_rust::xxh3::xxh3_64;

/// The furthest that any node has come.
#[derive(Clone, Copy, Debug, Default)]
struct Front {
    term: Term,
    commit: LogIndex,
    last: EntryId,
    snapshot: LogIndex,
    membership: LogIndex,
}

/// A hash of the shape of these nodes, each with whether it runs. It is a sum, so that they may come in any order.
pub(super) fn shape<'a>(nodes: impl Iterator<Item = (bool, &'a View)> + Clone) -> u64 {
    let mut front = Front::default();
    for (_, view) in nodes.clone() {
        front.term = front.term.max(view.term);
        front.commit = front.commit.max(view.commit);
        front.last = front.last.max(view.last);
        front.snapshot = front.snapshot.max(snapshot(view));
        front.membership = front.membership.max(view.membership_index);
    }
    let hash = |(runs, view)| xxh3_64(&front.standing(runs, view).to_le_bytes());
    nodes.map(hash).fold(0, u64::wrapping_add)
}

impl Front {
    /// How one node stands to the others, as the digits of a number.
    fn standing(&self, runs: bool, view: &View) -> u32 {
        let digits = [
            u32::from(runs),
            view.role as u32,
            few(self.term.0 - view.term.0),
            few(self.commit.0 - view.commit.0),
            few(self.last.term.0 - view.last.term.0),
            view.last.index.cmp(&self.commit) as i8 as u32 % 4,
            u32::from(view.membership.is_joint()),
            u32::from(view.membership_index < self.membership),
            u32::from(snapshot(view) < self.snapshot),
            u32::from(view.last.index < self.snapshot),
        ];
        digits.iter().fold(0, |number, digit| number * 4 + digit)
    }
}

fn snapshot(view: &View) -> LogIndex {
    view.snapshot.unwrap_or_default().index
}

/// None, one, some or many.
fn few(count: u64) -> u32 {
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

    #[test]
    fn it_matters_what_nodes_are_to_each_other_and_not_which_they_are_or_how_far() {
        let scenario = Scenario::named("calm", "Nothing happens.");
        let options = Options { record: false, check: false, max_steps: 2_000 };
        let mut choice = Choice::seeded(1);
        let mut world = World::<Seaworthy>::new(&scenario, &mut choice, options);
        let blank = shape(world.nodes());
        while world.step().is_ok() {}
        let led = shape(world.nodes());
        assert_ne!(led, blank);
        assert_eq!(shape(world.nodes().rev()), led);
        let mut later: Vec<_> = world.nodes().map(|(_, view)| view.clone()).collect();
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
