//! Everything that can be the case with one key, kept up to date event by event.

use super::configuration::{Claim, Configuration, Past};
use super::model::{State, never_changes};
use super::search::{OverBudget, Search};
use super::{Budget, Seen};
use crate::history::{ClientId, OperationId};
use crate::time::Time;
use seaworthy_core::kv::{Answer, Command};

/// The configurations of one key and the operations that may yet take effect.
///
/// - `configurations` is never empty between events, and none of them covers another.
/// - The `claims` of each run beside `open`, its `used` beside `lost`; so does `answers` beside `open`.
#[derive(Debug)]
pub(super) struct Frontier {
    /// Invoked, not completed.
    pub(super) open: Vec<Pending>,
    /// Every answer that came up for each open operation: what the claims refer to.
    pub(super) answers: Vec<Vec<Answer>>,
    /// Completed with an unknown outcome: may take effect at any time, or never.
    pub(super) lost: Vec<Lost>,
    pub(super) configurations: Vec<Configuration>,
}

/// An operation that waits for its completion.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) operation: OperationId,
    pub(super) client: ClientId,
    pub(super) command: Command,
    pub(super) invoked: Time,
}

/// Operations of unknown outcome with the same command. All of them were invoked before now, nobody waits for an
/// answer, so they are interchangeable and only their number matters.
#[derive(Debug)]
pub(super) struct Lost {
    pub(super) command: Command,
    pub(super) count: u32,
}

/// Why a completion was not taken in.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// No configuration allows it. The frontier is as it was before.
    Unexplained,
    /// The search ran out of its budget. The frontier is as it was before, and of no more use.
    OverBudget,
}

impl Frontier {
    /// Of a key that nobody has touched.
    pub(super) fn new() -> Self {
        let past = Past { claims: Vec::new(), used: Vec::new() };
        let untouched = Configuration { state: State::Missing, past };
        Self { open: Vec::new(), answers: Vec::new(), lost: Vec::new(), configurations: vec![untouched] }
    }

    /// Whether this says no more than [`Frontier::new`].
    pub(super) fn is_untouched(&self) -> bool {
        self.open.is_empty()
            && self.lost.is_empty()
            && self.configurations.len() == 1
            && self.configurations[0].state == State::Missing
    }

    pub(super) fn invoke(&mut self, pending: Pending) {
        self.open.push(pending);
        self.answers.push(Vec::new());
        for configuration in &mut self.configurations {
            configuration.past.claims.push(Claim::default());
        }
    }

    /// Takes in that an open operation took effect and what its client saw of the answer.
    pub(super) fn complete(
        &mut self,
        operation: OperationId,
        seen: Seen,
        budget: &Budget,
    ) -> Result<(), Refused> {
        let goal = self.position(operation);
        if self.complete_in_place(goal, seen) {
            self.close(goal);
            self.drop_covered();
            return Ok(());
        }
        let search = Search::new(&self.open, &self.lost, &mut self.answers, (goal, seen), budget);
        let explained = search.run(&self.configurations).map_err(|OverBudget| Refused::OverBudget)?;
        if explained.is_empty() {
            return Err(Refused::Unexplained);
        }
        self.configurations = explained;
        self.close(goal);
        Ok(())
    }

    /// The two common cases, for which nothing needs to be searched: a read that every configuration allows as it
    /// stands, and an operation that has the key to itself. Returns whether it was one of these; if not, nothing has
    /// changed.
    fn complete_in_place(&mut self, goal: usize, seen: Seen) -> bool {
        let Self { open, answers, lost, configurations } = self;
        let command = &open[goal].command;
        if never_changes(command) {
            // Whatever is to take effect before the read can take effect later, since nothing can tell. So the
            // configurations as they are, without the read, stand for all that a search would find.
            return configurations.iter().all(|configuration| {
                let claim = &configuration.past.claims[goal];
                let mut claimed = answers[goal].iter().enumerate();
                claimed.any(|(position, answer)| claim.answers.contains(position) && seen.fits(answer))
                    || seen.fits(&configuration.state.apply(command).answer)
            });
        }
        let ([configuration], [_], []) = (configurations.as_mut_slice(), open.as_slice(), lost.as_slice())
        else {
            return false;
        };
        if configuration.past.claims[goal] != Claim::default() {
            return false;
        }
        let step = configuration.state.apply(command);
        if !seen.fits(&step.answer) {
            return false;
        }
        if let Some(next) = step.next {
            configuration.state = next;
        }
        true
    }

    /// Takes in that an open operation did not and will not take effect.
    pub(super) fn fail(&mut self, operation: OperationId) -> Result<(), Refused> {
        let position = self.position(operation);
        let is_done = |configuration: &Configuration| configuration.past.claims[position].is_done;
        if self.configurations.iter().all(is_done) {
            return Err(Refused::Unexplained);
        }
        self.configurations.retain(|configuration| !is_done(configuration));
        self.close(position);
        self.drop_covered();
        Ok(())
    }

    /// Takes in that nobody will know whether an open operation took effect. Where it has, it is used up; where it has
    /// not, it still may. It is forgotten only if it can change nothing any more: because it never could, or because
    /// it has taken effect in every configuration (which [`Frontier::close`] sees to).
    pub(super) fn lose(&mut self, operation: OperationId) {
        let position = self.position(operation);
        let command = &self.open[position].command;
        if !never_changes(command) {
            let lot = self.lot(command.clone());
            self.lost[lot].count += 1;
            for Configuration { past, .. } in &mut self.configurations {
                past.used[lot] += u32::from(past.claims[position].is_done);
            }
        }
        self.close(position);
        self.drop_covered();
    }

    /// The position of the lot of `command`; a new one if there is none.
    fn lot(&mut self, command: Command) -> usize {
        if let Some(lot) = self.lost.iter().position(|lost| lost.command == command) {
            return lot;
        }
        self.lost.push(Lost { command, count: 0 });
        for configuration in &mut self.configurations {
            configuration.past.used.push(0);
        }
        self.lost.len() - 1
    }

    fn position(&self, operation: OperationId) -> usize {
        self.open
            .iter()
            .position(|pending| pending.operation == operation)
            .expect("the checker sends an operation to the key that it was invoked on")
    }

    /// Forgets an open operation that has come to its end.
    fn close(&mut self, position: usize) {
        self.open.swap_remove(position);
        self.answers.swap_remove(position);
        for configuration in &mut self.configurations {
            configuration.past.claims.swap_remove(position);
        }
        self.forget_spent();
    }

    /// Forgets the lost operations that have taken effect in all configurations.
    fn forget_spent(&mut self) {
        for lot in (0..self.lost.len()).rev() {
            let used = self.configurations.iter().map(|configuration| configuration.past.used[lot]);
            let spent = used.min().expect("there is a configuration");
            self.lost[lot].count -= spent;
            let is_empty = self.lost[lot].count == 0;
            if is_empty {
                self.lost.swap_remove(lot);
            }
            for Configuration { past, .. } in &mut self.configurations {
                past.used[lot] -= spent;
                if is_empty {
                    past.used.swap_remove(lot);
                }
            }
        }
    }

    /// Restores that none of the configurations covers another, after an operation has ceased to tell them apart.
    fn drop_covered(&mut self) {
        if self.configurations.len() == 1 {
            return;
        }
        let mut kept: Vec<(State, Vec<Past>)> = Vec::new();
        for Configuration { state, past } in self.configurations.drain(..) {
            match kept.iter_mut().find(|(other, _)| *other == state) {
                Some((_, pasts)) => {
                    past.add_to(pasts);
                }
                None => kept.push((state, vec![past])),
            }
        }
        let apart = |(state, pasts): (State, Vec<Past>)| {
            pasts.into_iter().map(move |past| Configuration { state: state.clone(), past })
        };
        self.configurations.extend(kept.into_iter().flat_map(apart));
    }
}
