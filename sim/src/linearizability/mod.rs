//! Whether what clients saw can be explained: an online checker of linearizability (Herlihy & Wing 1990).
//!
//! A history is linearizable if every operation can be given one moment between its invocation and its completion such
//! that the commands, run one after another at these moments, give the answers that the clients saw. Every command
//! touches one key, so each key is held against the specification on its own (Herlihy & Wing 1990, locality).
//!
//! [`Checker::observe`] takes the events one by one and refuses the very response that cannot be explained: all before
//! it can. It keeps, for each key, the *frontier*: every state that the key can be in, with what had to take effect to
//! bring it there, after just-in-time linearization (Lowe 2017, "Testing for linearizability"). It holds open
//! operations, operations of unknown outcome and the frontier, never the history.
//!
//! What keeps frontiers small, and where it is argued that nothing is lost:
//! - reads, and whatever else could have gone unnoticed, are not tried in every place but claim their possible
//!   answers in passing: `Search`;
//! - only what can matter to the operation that completes takes effect before it: `Search`;
//! - configurations with more liberty stand for those with less: `Past::covers`;
//! - configurations that differ only in what one open operation did or would answer are one: `Past::add_to`;
//! - operations of unknown outcome with the same command are interchangeable (`Lost`), and gone once they can change
//!   nothing: `Frontier::lose`.
//!
//! **Stale reads** promise less, and are left out: they answer from some state that the key went through, however long
//! ago. [`Checker::could_have_answered`] says whether there was such a state.
//!
//! **What it does not do.** Deciding linearizability is NP-complete (Gibbons & Korach 1997). A key whose search runs
//! out of its [`Budget`] is given up, and [`Checker::is_undecided`] says so; it takes many operations open at once, or
//! of unknown outcome, on one key. Once touched, a key's state is kept until the key is missing again for sure, or
//! [retired](Checker::retire).

mod configuration;
mod explanation;
mod frontier;
mod model;
mod passed;
mod places;
mod search;

#[cfg(test)]
mod tests;

use crate::history::{Completion, HistoryEvent, OperationId};
use frontier::{Frontier, Pending, Refused};
use passed::Passed;
use seaworthy_core::kv::{Answer, Command};
use seaworthy_core::member::ReadMode;
use seaworthy_core::types::Bytes;
use std::collections::{BTreeMap, BTreeSet};

/// How much a checker may do before it gives up on a key. Counted, never timed, so that a verdict is the same on every
/// machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Steps in search of the explanations of one completion: effects tried and configurations compared.
    pub steps: u64,
    /// Configurations that such a search may come by, and so at most twice as many to keep behind it.
    pub configurations: usize,
}

impl Default for Budget {
    /// Room for more than ten operations at once on a key; gives up on a completion after some seconds.
    fn default() -> Self {
        Self { steps: 40_000_000, configurations: 200_000 }
    }
}

/// A response that no order of effects explains, while there was one for everything before it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{explanation}")]
pub struct Unexplained {
    /// The operation that the response ended.
    pub operation: OperationId,
    /// The key that it touched; empty if the operation was not open.
    pub key: Bytes,
    /// What was seen, beside what, and what would have been possible. At most twelve lines.
    pub explanation: String,
}

/// What is known of the answer of an operation that took effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen<'a> {
    /// All of it.
    Answer(&'a Answer),
    /// Nothing: the history does not tell.
    Effect,
    /// That it was not [`Answer::Ok`]: a CAS that found something other than it expected, in a history that does not
    /// tell what.
    Refusal,
}

impl Seen<'_> {
    fn fits(self, answer: &Answer) -> bool {
        match self {
            Self::Answer(seen) => seen == answer,
            Self::Effect => true,
            Self::Refusal => *answer != Answer::Ok,
        }
    }
}

/// How an operation ended, as far as its client knows: a [`Completion`] that may be less than precise.
#[derive(Clone, Copy)]
enum End<'a> {
    Ok(Seen<'a>),
    Fail,
    Info,
}

/// Whether a history is linearizable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every response is explained.
    Linearizable,
    /// The first response that is not, among the keys within budget.
    Violation(Unexplained),
    /// No violation was found, but a key ran out of its budget.
    Undecided,
}

/// Holds the events of one run, in their order, against the specification.
#[derive(Debug, Default)]
pub struct Checker {
    budget: Budget,
    /// Where in `keys` the frontier of each key is.
    slots: BTreeMap<Bytes, usize>,
    keys: Vec<Key>,
    /// Slots in `keys` that are free for another key.
    vacant: Vec<usize>,
    /// The slot of each open operation's key.
    open: BTreeMap<OperationId, usize>,
    /// The stale reads that are open.
    left_out: BTreeSet<OperationId>,
    /// Whether to remember the states that keys went through.
    remembers: bool,
    is_undecided: bool,
}

#[derive(Debug)]
struct Key {
    key: Bytes,
    /// `None` once the key has been given up.
    frontier: Option<Frontier>,
    /// The states that it went through, if they are remembered.
    passed: Passed,
}

impl Checker {
    /// A checker of an empty store.
    pub fn new(budget: Budget) -> Self {
        Self { budget, ..Self::default() }
    }

    /// Has it remember from the start which states keys may have gone through, for
    /// [`Checker::could_have_answered`]: until a key is retired, or has been in thousands.
    #[must_use]
    pub fn remembering(self) -> Self {
        Self { remembers: true, ..self }
    }

    /// Takes in what happened next.
    ///
    /// # Errors
    /// If the response cannot be explained, or if its operation is not open (or invoked while it is): nobody can answer
    /// twice. A checker that has refused a response is of no more use.
    pub fn observe(&mut self, event: &HistoryEvent) -> Result<(), Unexplained> {
        match event {
            HistoryEvent::Invoked { operation, mode: ReadMode::Stale, command, .. } if command.is_read() => {
                self.left_out.insert(*operation);
                Ok(())
            }
            HistoryEvent::Invoked { operation, client, command, at, .. } => self.invoke(Pending {
                operation: *operation,
                client: *client,
                command: command.clone(),
                invoked: *at,
            }),
            HistoryEvent::Completed { operation, .. } if self.left_out.remove(operation) => Ok(()),
            HistoryEvent::Completed { operation, completion, .. } => {
                let end = match completion {
                    Completion::Ok(answer) => End::Ok(Seen::Answer(answer)),
                    Completion::Fail => End::Fail,
                    Completion::Info => End::Info,
                };
                self.settle(*operation, end)
            }
        }
    }

    /// Takes in that `operation` took effect between its invocation and now, from a history that may not tell all of
    /// its answer.
    ///
    /// # Errors
    /// As [`Checker::observe`].
    pub fn complete(&mut self, operation: OperationId, seen: Seen) -> Result<(), Unexplained> {
        self.settle(operation, End::Ok(seen))
    }

    /// Forgets a key, of which nothing will be seen again: a promise of whoever shows the history, who must keep it.
    /// To a checker that has forgotten a key, it is one that nobody has touched. (It cannot find out: to tell a retired
    /// key from a new one, it would have to remember it.) Operations of unknown outcome may still take effect on the
    /// key, which nobody will see.
    ///
    /// # Panics
    /// If an operation on the key is open.
    pub fn retire(&mut self, key: &Bytes) {
        // Without a slot, nothing is known of it that there is to forget.
        let Some(slot) = self.slots.remove(key) else { return };
        assert!(self.open.values().all(|open| *open != slot), "operations on a retired key are over");
        self.keys[slot].frontier = Some(Frontier::new());
        self.keys[slot].passed = Passed::new();
        self.vacant.push(slot);
    }

    /// Whether there was a moment up to now at which, by all that had been seen until then, the key could have been in
    /// a state in which `command`, a read, gives `answer`. Of a key with more states than are remembered, or that was
    /// given up, anything is believed; and so it is by a checker that is not [`Checker::remembering`].
    pub fn could_have_answered(&mut self, command: &Command, answer: &Answer) -> bool {
        if !self.remembers {
            return true;
        }
        let Some(slot) = self.slots.get(command.key()) else {
            return Passed::new().could_have_answered(command, answer);
        };
        let Key { frontier: Some(frontier), passed, .. } = &mut self.keys[*slot] else { return true };
        passed.take(frontier);
        passed.could_have_answered(command, answer)
    }

    /// Whether a key ran out of its budget. What is seen of that key is no longer checked, all other keys are.
    pub fn is_undecided(&self) -> bool {
        self.is_undecided
    }

    /// How many keys something is known of.
    pub fn keys(&self) -> usize {
        self.slots.len()
    }

    /// How many configurations are kept, over all keys.
    pub fn configurations(&self) -> usize {
        let frontiers = self.slots.values().filter_map(|slot| self.keys[*slot].frontier.as_ref());
        frontiers.map(|frontier| frontier.configurations.len()).sum()
    }

    /// How many states are remembered, over all keys.
    pub fn states(&self) -> usize {
        self.slots.values().map(|slot| self.keys[*slot].passed.len()).sum()
    }

    fn invoke(&mut self, pending: Pending) -> Result<(), Unexplained> {
        let operation = pending.operation;
        let slot = self.slot(pending.command.key());
        if self.open.insert(operation, slot).is_some() {
            return Err(explanation::not_in_order(operation, "is invoked while it is open"));
        }
        let Key { frontier, passed, .. } = &mut self.keys[slot];
        if self.remembers {
            passed.on_invoked(&pending.command);
        }
        if let Some(frontier) = frontier {
            frontier.invoke(pending);
        }
        Ok(())
    }

    fn settle(&mut self, operation: OperationId, end: End) -> Result<(), Unexplained> {
        let Some(slot) = self.open.remove(&operation) else {
            return Err(explanation::not_in_order(operation, "gets a response but is not open"));
        };
        let Key { key, frontier: Some(frontier), passed } = &mut self.keys[slot] else { return Ok(()) };
        passed.take(frontier);
        let settled = match end {
            End::Ok(seen) => frontier.complete(operation, seen, &self.budget),
            End::Fail => frontier.fail(operation),
            End::Info => {
                frontier.lose(operation);
                Ok(())
            }
        };
        match settled {
            Ok(()) if frontier.is_untouched() && passed.is_untouched() => {
                self.slots.remove(key);
                self.vacant.push(slot);
            }
            Ok(()) => {}
            Err(Refused::Unexplained) => {
                let explanation = explanation::explain(frontier, operation, end);
                return Err(Unexplained { operation, key: key.clone(), explanation });
            }
            Err(Refused::OverBudget) => {
                self.keys[slot].frontier = None;
                self.is_undecided = true;
            }
        }
        Ok(())
    }

    fn slot(&mut self, key: &Bytes) -> usize {
        if let Some(slot) = self.slots.get(key) {
            return *slot;
        }
        let slot = match self.vacant.pop() {
            Some(slot) => {
                self.keys[slot].key = key.clone();
                slot
            }
            None => {
                let (frontier, passed) = (Some(Frontier::new()), Passed::new());
                self.keys.push(Key { key: key.clone(), frontier, passed });
                self.keys.len() - 1
            }
        };
        self.slots.insert(key.clone(), slot);
        slot
    }
}

/// Checks a whole history, within the default budget.
pub fn check(history: &[HistoryEvent]) -> Verdict {
    let mut checker = Checker::new(Budget::default());
    for event in history {
        if let Err(unexplained) = checker.observe(event) {
            return Verdict::Violation(unexplained);
        }
    }
    if checker.is_undecided() { Verdict::Undecided } else { Verdict::Linearizable }
}
