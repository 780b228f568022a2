//! The states that a key may have gone through: what a stale read may answer from.
//!
//! Effects wait in a frontier until something depends on them. So the states that a key may be in at one moment are
//! those of its configurations, and all that operations under way or of unknown outcome can make of them. They are
//! taken together whenever an operation completes: between two completions they only become more.
//!
//! What is remembered is every state that was possible by what had been seen *then*. What was seen later may rule some
//! of them out; that is not taken back, for each would have to remember which past it belongs to.

use super::configuration::Configuration;
use super::frontier::Frontier;
use super::model::{State, never_changes};
use seaworthy_core::kv::{Answer, Command};
use std::collections::BTreeSet;

/// The states of one key since it was first touched.
///
/// - `states` holds the missing key, which every key has been, or nothing if there were too many.
#[derive(Clone, Debug)]
pub(super) struct Passed {
    states: BTreeSet<State>,
    /// Whether a write was invoked since the states were last taken.
    is_stirred: bool,
    /// Whether there were too many states to remember: then anything may have been.
    is_full: bool,
}

/// The most states that are remembered of one key.
const MOST_STATES: usize = 4_096;

/// The most ways in which what is under way can take effect that are followed at one moment.
const MOST_WAYS: usize = 2_048;

impl Passed {
    /// Of a key that nobody has touched.
    pub(super) fn new() -> Self {
        Self { states: BTreeSet::from([State::Missing]), is_stirred: false, is_full: false }
    }

    /// Whether this says no more than [`Passed::new`].
    pub(super) fn is_untouched(&self) -> bool {
        self.states.len() == 1 && !self.is_stirred
    }

    /// A command was invoked on the key.
    pub(super) fn on_invoked(&mut self, command: &Command) {
        self.is_stirred |= !never_changes(command);
    }

    /// Adds the states that the key may be in now.
    pub(super) fn take(&mut self, frontier: &Frontier) {
        if std::mem::take(&mut self.is_stirred) && !self.is_full {
            self.is_full = !frontier.reach(&mut self.states) || MOST_STATES < self.states.len();
            if self.is_full {
                self.states.clear();
            }
        }
    }

    /// Whether `command` may have answered so at some moment.
    pub(super) fn could_have_answered(&self, command: &Command, answer: &Answer) -> bool {
        self.is_full || self.states.iter().any(|state| state.apply(command).answer == *answer)
    }

    /// How many states are remembered.
    pub(super) fn len(&self) -> usize {
        self.states.len()
    }
}

impl Frontier {
    /// Adds every state to `states` that what is under way can lead to. `false` if there are too many ways to follow.
    fn reach(&self, states: &mut BTreeSet<State>) -> bool {
        let mut known: BTreeSet<Way> = self.configurations.iter().map(|one| self.way(one)).collect();
        let mut ahead: Vec<Way> = known.iter().cloned().collect();
        while let Some(way) = ahead.pop() {
            states.insert(way.state.clone());
            for (mover, command) in self.movers() {
                if way.left[mover] == 0 {
                    continue;
                }
                let Some(state) = way.state.apply(command).next else { continue };
                let mut left = way.left.clone();
                left[mover] -= 1;
                let next = Way { state, left };
                if known.insert(next.clone()) {
                    ahead.push(next);
                }
            }
            if MOST_WAYS < known.len() {
                return false;
            }
        }
        true
    }

    /// All that may yet take effect, in the order of [`Way::left`].
    fn movers(&self) -> impl Iterator<Item = (usize, &Command)> {
        let open = self.open.iter().map(|pending| &pending.command);
        open.chain(self.lost.iter().map(|lost| &lost.command)).enumerate()
    }

    fn way(&self, Configuration { state, past }: &Configuration) -> Way {
        let open = past.claims.iter().map(|claim| u32::from(!claim.is_done));
        let lost = self.lost.iter().zip(&past.used).map(|(lost, used)| lost.count - used);
        Way { state: state.clone(), left: open.chain(lost).collect() }
    }
}

/// A state, and how often each of the operations that are not over may still take effect.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Way {
    state: State,
    left: Vec<u32>,
}
