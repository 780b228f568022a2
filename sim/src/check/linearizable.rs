//! Linearizability, online: the checker of histories, fed with what the clients of this run see.

use crate::history::HistoryEvent;
use crate::linearizability::{Budget, Checker};
use crate::observation::{Property, Violation};
use seaworthy_core::types::Bytes;

/// The checker of this run's history.
#[derive(Debug)]
pub(super) struct Linearizable(Checker);

impl Linearizable {
    pub(super) fn new() -> Self {
        Self(Checker::new(Budget::default()))
    }

    /// A client did or saw something.
    pub(super) fn on_client(&mut self, event: &HistoryEvent) -> Result<(), Violation> {
        self.0.observe(event).map_err(|unexplained| Violation {
            property: Property::Linearizability,
            node: None,
            detail: unexplained.explanation,
        })
    }

    /// Nobody will hear of a key again.
    pub(super) fn on_retired(&mut self, key: &Bytes) {
        self.0.retire(key);
    }

    /// Whether a key was given up.
    pub(super) fn is_undecided(&self) -> bool {
        self.0.is_undecided()
    }
}
