//! One way in which everything seen so far of a key can have come about.

use super::model::State;
use seaworthy_core::kv::{Answer, Command};

/// A state that the key can be in, with what had to take effect to bring it there. Two lists run beside those of the
/// frontier that holds the configuration: `claims` beside its open operations, `used` beside its lost ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Configuration {
    pub(super) state: State,
    /// What became of each open operation here.
    pub(super) claims: Vec<Claim>,
    /// How many of each lot of lost operations took effect here.
    pub(super) used: Vec<u32>,
}

/// What became of an operation, whose answer is not known yet, in one configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Claim {
    /// It took effect, and must answer this.
    Done(Answer),
    /// It has not taken effect, and still may. But there were moments since its invocation when it could have done
    /// so without anybody being able to tell, and then would have answered one of these.
    Open(Vec<Answer>),
}

impl Claim {
    /// Of an operation that has just been invoked.
    pub(super) const NEW: Self = Self::Open(Vec::new());

    /// Whether whatever the future holds that fits `other` fits this too.
    ///
    /// A done operation is covered by an open one that can claim the same answer: it passes the same completions, and
    /// is at greater liberty in every other future.
    fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Open(mine), Self::Open(others)) => others.iter().all(|answer| mine.contains(answer)),
            (Self::Open(mine), Self::Done(answer)) => mine.contains(answer),
            (Self::Done(mine), Self::Done(answer)) => mine == answer,
            (Self::Done(_), Self::Open(_)) => false,
        }
    }
}

impl Configuration {
    /// Whether every future that `other` allows is allowed by this one, so that `other` need not be kept: the state
    /// is the same, every open operation has at least the same liberty, and no lost operation was spent that `other`
    /// still has.
    pub(super) fn covers(&self, other: &Self) -> bool {
        self.state == other.state && self.covers_beside_state(other)
    }

    /// [`Configuration::covers`] for configurations whose states are known to be equal.
    pub(super) fn covers_beside_state(&self, other: &Self) -> bool {
        self.used.iter().zip(&other.used).all(|(mine, others)| mine <= others)
            && self.claims.iter().zip(&other.claims).all(|(mine, others)| mine.covers(others))
    }

    /// Lets `command` take effect: what it answers, and the configuration behind it, or `None` if it changes nothing.
    /// The caller marks the operation itself as done or used. `open` are the commands of the open operations, and
    /// `mover` the position of the one that moves, if it is one of these.
    ///
    /// Before the state is left behind, every other open operation claims what it could have answered in it:
    /// - one that changes nothing here, its answer. It may still take effect, with a change, in another state: a SET of
    ///   the value held is a resource for later too;
    /// - a SET that `command` would have wiped out without a trace, its OK. The answer and the effect of a SET depend on
    ///   nothing, so any number of them, with the readers of the state before them, fit in at the same place.
    pub(super) fn advance<'a>(
        &self,
        command: &Command,
        mover: Option<usize>,
        open: impl Iterator<Item = &'a Command>,
    ) -> (Answer, Option<Self>) {
        let step = self.state.apply(command);
        let Some(next) = step.next else { return (step.answer, None) };
        let mut claims = self.claims.clone();
        for (position, (other, claim)) in open.zip(&mut claims).enumerate() {
            let Claim::Open(answers) = claim else { continue };
            if Some(position) == mover {
                continue;
            }
            let seen = self.state.apply(other);
            let unnoticed = match &seen.next {
                None => true,
                Some(between) => {
                    let again = between.apply(command);
                    matches!(other, Command::Set { .. })
                        && again.answer == step.answer
                        && again.next.as_ref().unwrap_or(between) == &next
                }
            };
            if unnoticed && !answers.contains(&seen.answer) {
                answers.push(seen.answer);
            }
        }
        (step.answer, Some(Self { state: next, claims, used: self.used.clone() }))
    }
}

/// Adds `new` to `kept` unless one of these covers it, and drops those that it covers. Returns whether it was added.
pub(super) fn add_uncovered(kept: &mut Vec<Configuration>, new: Configuration) -> bool {
    if kept.iter().any(|old| old.covers(&new)) {
        return false;
    }
    kept.retain(|old| !new.covers(old));
    kept.push(new);
    true
}
