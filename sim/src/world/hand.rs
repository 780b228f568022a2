//! A world that is steered by hand while it runs, instead of by a timeline that was written before.

use super::{Stop, World};
use crate::history::{ClientId, Completion};
use crate::network::Owner;
use crate::replica::Replica;
use crate::scenario::model::Action;
use crate::time::Time;

impl<R: Replica> World<'_, R> {
    /// When the next event is to happen.
    pub fn next_at(&self) -> Time {
        self.queue.next_at().expect("until the run is over its end is on the queue")
    }

    /// Has something done to the cluster at `at`, as if the timeline said so: a scenario that does, and is otherwise the
    /// same, runs the same with the same luck. The action must be one that a valid scenario could hold.
    ///
    /// # Errors
    /// Why the run is over, if it is.
    ///
    /// # Panics
    /// If that is in the past, or events before it have not happened yet.
    pub fn intervene(&mut self, at: Time, action: &Action) -> Result<(), Stop> {
        assert!(self.witness.now <= at, "the past cannot be changed");
        assert!(at <= self.next_at(), "what happens before has happened");
        self.witness.now = at;
        self.act(Owner::Timeline, action)
    }

    /// Operations that clients have begun, or are to begin, and that are not over.
    pub fn open_operations(&self) -> usize {
        self.clients.open()
    }

    /// How the last operation of a client ended.
    pub fn last_completion(&self, client: ClientId) -> Option<&Completion> {
        self.last_completions.get(&client)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choice::Choice;
    use crate::run::{DEFAULT_MAX_STEPS, run};
    use crate::scenario::model::{Moment, Scenario};
    use crate::scenario::scalar::Target;
    use crate::seaworthy::Seaworthy;
    use crate::time::Span;
    use crate::world::Options;
    use seaworthy_core::flaw::Sound;

    #[test]
    fn what_is_done_by_hand_is_what_the_timeline_would_have_done() {
        let invoke = |command: &str| Action::Invoke {
            client: 1,
            command: command.to_owned(),
            node: None,
            stay: false,
            read: None,
        };
        let actions = [
            (400, invoke("SET a 1")),
            (900, Action::Isolate(Target::Leader)),
            (900, invoke("APPEND a 2")),
            (2_500, Action::Heal {}),
            (3_000, Action::Crash(vec![Target::Leader])),
            (3_700, Action::Restart(vec![Target::Node(1), Target::Node(2), Target::Node(3)])),
        ];
        let moments = actions.map(|(at, action)| Moment { at: Span::millis(at), action });
        let by_hand = Scenario::named("by-hand", "Somebody steers it.");
        let written = Scenario { timeline: moments.to_vec(), ..by_hand.clone() };
        for seed in 0..5 {
            let mut choice = Choice::seeded(seed);
            let options = Options { record: false, check: true, max_steps: DEFAULT_MAX_STEPS };
            let mut world = World::<Seaworthy<Sound>>::new(&by_hand, &mut choice, options);
            let mut stop = Ok(());
            for moment in &moments {
                let at = Time::ZERO + moment.at;
                while stop.is_ok() && world.next_at() < at {
                    stop = world.step();
                }
                stop = stop.and_then(|()| world.intervene(at, &moment.action));
            }
            while stop.is_ok() {
                stop = world.step();
            }
            let (steered, _) = world.conclude(stop.expect_err("it has come to an end"));
            assert_eq!(steered.fingerprint, run(&written, seed).fingerprint, "seed {seed}");
        }
    }
}
