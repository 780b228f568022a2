//! What a run comes to: expectations, the liveness phase, the report.

use super::{Stop, World};
use crate::check::Checkers;
use crate::fault::in_play;
use crate::observation::{Fact, Property, Violation};
use crate::replica::Replica;
use crate::run::{Cutoff, Found, Recording, RunReport, Verdict};
use crate::scenario::expectation::{Standing, holds};
use crate::scenario::model::Predicate;
use crate::time::Time;

/// In the liveness phase, how many steps go by between looks at whether all is settled. A look costs more than
/// a step.
const SETTLED_EVERY: u64 = 32;

impl<R: Replica> World<'_, R> {
    /// Runs until the run is over.
    pub fn run(mut self) -> (RunReport, Recording) {
        loop {
            if let Err(stop) = self.step() {
                return self.conclude(stop);
            }
        }
    }

    /// An expectation is due.
    pub(super) fn expect(&mut self, position: usize) -> Result<(), Stop> {
        self.expected[position] = true;
        let that = &self.scenario.expect[position].that;
        self.standing(|standing| holds(that, standing)).map_err(Stop::Missed)
    }

    /// Goes on to what comes after if there is nothing left to wait for.
    pub(super) fn check_settled(&mut self) -> Result<(), Stop> {
        let due = self.witness.steps.is_multiple_of(SETTLED_EVERY) && self.clients.open() == 0;
        let settled = |checkers: &Checkers| checkers.is_settled();
        let settled = due && self.witness.checkers.as_ref().is_none_or(settled);
        if settled { self.go_on_with_drill() } else { Ok(()) }
    }

    pub(super) fn overdue(&self) -> Result<(), Stop> {
        if self.drill.has_time(self.now()) {
            return Ok(());
        }
        let Some(what) = self.unsettled() else { return Err(Stop::Ended) };
        let detail = format!("{} after the last fault: {what}", self.scenario.liveness.within);
        Err(Stop::Violation(Violation { property: Property::Liveness, node: None, detail }))
    }

    /// What there is to wait for, in words.
    fn unsettled(&self) -> Option<String> {
        let checkers = self.witness.checkers.as_ref();
        checkers.and_then(Checkers::unsettled).or_else(|| match self.clients.open() {
            0 => self.drill.outstanding(),
            1 => Some("one operation is unanswered".into()),
            open => Some(format!("{open} operations are unanswered")),
        })
    }

    /// Draws the conclusions from why a [`World::step`] said that the run is over.
    pub fn conclude(mut self, stop: Stop) -> (RunReport, Recording) {
        let stop = if stop == Stop::Ended { self.end() } else { stop };
        let demanded = |property: Property| {
            self.scenario.expect.iter().any(|expected| expected.that == Predicate::Violated(property))
        };
        let cutoff = if let Stop::Cutoff(cutoff) = stop { Some(cutoff) } else { None };
        let (verdict, violation, missed) = match stop {
            Stop::Ended => (Verdict::Ok, None, None),
            Stop::Cutoff(_) => (Verdict::Cutoff, None, None),
            Stop::Missed(what) => (Verdict::Expectation, None, Some(what)),
            Stop::Violation(violation) if demanded(violation.property) => {
                (Verdict::Ok, Some(violation), None)
            }
            Stop::Violation(violation) => (Verdict::Violation, Some(violation), None),
        };
        let (at, step) = (self.witness.now, self.witness.steps);
        let found =
            violation.map(|Violation { property, node, detail }| Found { property, at, step, node, detail });
        let report = RunReport {
            scenario: self.scenario.name.clone(),
            seed: 0,
            verdict,
            violation: found,
            missed,
            cutoff,
            fingerprint: self.witness.trace.fingerprint(),
            steps: step,
            virtual_time: at - Time::ZERO,
            messages: self.counts.messages,
            operations: self.counts.operations,
            elections: self.counts.elections,
            faults: self.counts.faults.iter().map(|(kind, count)| (kind.name(), *count)).collect(),
            in_play: in_play(self.scenario),
        };
        let history = self.witness.history.unwrap_or_default();
        let deeds = self.witness.deeds.unwrap_or_default();
        (report, Recording { trace: self.witness.trace.into_lines(), history, deeds })
    }

    /// The run has run its course: was all well?
    fn end(&mut self) -> Stop {
        if let Err(violation) = self.witness.observe(&Fact::Ended) {
            return violation;
        }
        for position in 0..self.expected.len() {
            if !self.expected[position]
                && let Err(missed) = self.expect(position)
            {
                return missed;
            }
        }
        let undecided = self.witness.checkers.as_ref().is_some_and(|checkers| checkers.is_undecided());
        if undecided { Stop::Cutoff(Cutoff::Linearizability) } else { Stop::Ended }
    }

    fn standing<T>(&self, look: impl FnOnce(&Standing<'_>) -> T) -> T {
        look(&Standing {
            nodes: self.nodes().collect(),
            log_terms: &|node| self.log(node).iter().map(|entry| entry.id.term).collect(),
            elections: self.counts.elections,
            answered: self.counts.operations.ok,
            last_completions: &self.last_completions,
            violated: None,
        })
    }
}
