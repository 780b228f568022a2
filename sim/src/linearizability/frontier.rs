//! Everything that can be the case with one key, kept up to date event by event.

use super::configuration::{Claim, Configuration, add_uncovered};
use super::model::{State, never_changes};
use super::search::Search;
use super::{Budget, Seen};
use crate::history::{ClientId, OperationId};
use crate::time::Time;
use seaworthy_core::kv::Command;

/// The configurations of one key, none of which covers another, and the operations that may yet take effect.
///
/// - `configurations` is never empty between events.
/// - The `claims` of each run beside `open`, its `used` beside `lost`.
#[derive(Debug)]
pub(super) struct Frontier {
    /// Invoked, not completed.
    pub(super) open: Vec<Pending>,
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
        let untouched = Configuration { state: State::Missing, claims: Vec::new(), used: Vec::new() };
        Self { open: Vec::new(), lost: Vec::new(), configurations: vec![untouched] }
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
        for configuration in &mut self.configurations {
            configuration.claims.push(Claim::NEW);
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
        let explained = Search::new(self, goal, seen, budget).run().ok_or(Refused::OverBudget)?;
        if explained.is_empty() {
            return Err(Refused::Unexplained);
        }
        if explained.len() > budget.configurations {
            return Err(Refused::OverBudget);
        }
        self.configurations = explained;
        self.close(goal);
        Ok(())
    }

    /// The two common cases, for which nothing needs to be searched: a read that every configuration allows as it
    /// stands, and an operation that has the key to itself. Returns whether it was one of these; if not, nothing has
    /// changed.
    fn complete_in_place(&mut self, goal: usize, seen: Seen) -> bool {
        let Self { open, lost, configurations } = self;
        let command = &open[goal].command;
        if never_changes(command) {
            // A configuration that allows the read covers all that others could make of it: whatever is to take effect
            // before the read can take effect later, since nothing can tell.
            return configurations.iter().all(|configuration| match &configuration.claims[goal] {
                Claim::Done(_) => unreachable!("an operation that changes nothing is never done ahead"),
                Claim::Open(answers) => {
                    answers.iter().any(|answer| seen.fits(answer))
                        || seen.fits(&configuration.state.apply(command).answer)
                }
            });
        }
        let ([configuration], [_], []) = (configurations.as_mut_slice(), open.as_slice(), lost.as_slice())
        else {
            return false;
        };
        if configuration.claims[goal] != Claim::NEW {
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
        let untouched =
            |configuration: &Configuration| matches!(configuration.claims[position], Claim::Open(_));
        if !self.configurations.iter().any(untouched) {
            return Err(Refused::Unexplained);
        }
        self.configurations.retain(untouched);
        self.close(position);
        self.drop_covered();
        Ok(())
    }

    /// Takes in that nobody will know whether an open operation took effect.
    pub(super) fn lose(&mut self, operation: OperationId) {
        let position = self.position(operation);
        let command = self.open[position].command.clone();
        let done = |configuration: &Configuration| matches!(configuration.claims[position], Claim::Done(_));
        // It can change something only if it can change anything at all, and has not done so in every configuration.
        if !never_changes(&command) && !self.configurations.iter().all(done) {
            let lot = self.lot(command);
            self.lost[lot].count += 1;
            for configuration in &mut self.configurations {
                configuration.used[lot] +=
                    u32::from(matches!(configuration.claims[position], Claim::Done(_)));
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
            configuration.used.push(0);
        }
        self.lost.len() - 1
    }

    fn position(&self, operation: OperationId) -> usize {
        self.open
            .iter()
            .position(|pending| pending.operation == operation)
            .expect("the checker sends an operation to the key that it was invoked on")
    }

    /// Forgets an open operation that has come to its end, and lost ones that have taken effect in all configurations.
    fn close(&mut self, position: usize) {
        self.open.swap_remove(position);
        for configuration in &mut self.configurations {
            configuration.claims.swap_remove(position);
        }
        for lot in (0..self.lost.len()).rev() {
            let spent =
                self.configurations.iter().map(|configuration| configuration.used[lot]).min().unwrap_or(0);
            self.lost[lot].count -= spent;
            let gone = self.lost[lot].count == 0;
            if gone {
                self.lost.swap_remove(lot);
            }
            for configuration in &mut self.configurations {
                configuration.used[lot] -= spent;
                if gone {
                    configuration.used.swap_remove(lot);
                }
            }
        }
    }

    /// Restores that no configuration covers another, after an operation has ceased to tell them apart.
    fn drop_covered(&mut self) {
        if self.configurations.len() > 1 {
            let mut kept = Vec::new();
            for configuration in self.configurations.drain(..) {
                add_uncovered(&mut kept, configuration);
            }
            self.configurations = kept;
        }
    }
}
