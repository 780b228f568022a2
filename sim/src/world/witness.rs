//! Where everything that happens is shown: checkers, trace, history.

use super::Stop;
use crate::check::Checkers;
use crate::history::HistoryEvent;
use crate::network::Owner;
use crate::observation::Fact;
use crate::run::Deed;
use crate::scenario::model::Action;
use crate::time::Time;
use crate::trace::{Record, Trace};

/// Sees everything and changes nothing.
pub(super) struct Witness {
    pub(super) now: Time,
    pub(super) steps: u64,
    pub(super) checkers: Option<Checkers>,
    pub(super) trace: Trace,
    /// What the clients saw, if the run is recorded.
    pub(super) history: Option<Vec<HistoryEvent>>,
    /// What was done to the cluster, if the run is recorded.
    pub(super) deeds: Option<Vec<Deed>>,
}

impl Witness {
    pub(super) fn new(checkers: Option<Checkers>, trace: Trace, record: bool) -> Self {
        Self {
            now: Time::ZERO,
            steps: 0,
            checkers,
            trace,
            history: record.then(Vec::new),
            deeds: record.then(Vec::new),
        }
    }

    pub(super) fn observe(&mut self, fact: &Fact<'_>) -> Result<(), Stop> {
        match &mut self.checkers {
            Some(checkers) => Ok(checkers.observe(fact)?),
            None => Ok(()),
        }
    }

    pub(super) fn note(&mut self, record: Record) {
        self.trace.note(self.now, self.steps, record);
    }

    /// Something is about to be done to the cluster.
    pub(super) fn deed(&mut self, owner: Owner, action: &Action) {
        if let Some(deeds) = &mut self.deeds {
            deeds.push(Deed { at: self.now, owner, action: action.clone() });
        }
    }

    pub(super) fn client(&mut self, event: HistoryEvent) -> Result<(), Stop> {
        self.trace.note_client(self.steps, &event);
        let seen = self.observe(&Fact::Client(&event));
        if let Some(history) = &mut self.history {
            history.push(event);
        }
        seen
    }
}
