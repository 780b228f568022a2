//! Linearizability, online: the checker of histories, fed with what the clients of this run see.

use crate::history::HistoryEvent;
use crate::linearizability::{Budget, Checker};
use crate::observation::{Property, Violation};
use seaworthy_core::kv::{Answer, Command};
use seaworthy_core::types::Bytes;

/// The checker of this run's history.
#[derive(Debug)]
pub(super) struct Linearizable(Checker);

impl Linearizable {
    pub(super) fn new() -> Self {
        Self(Checker::new(Budget::default()))
    }

    /// Has it remember which states keys went through.
    pub(super) fn remembering(self) -> Self {
        Self(self.0.remembering())
    }

    /// Whether a read may have been answered so in some state up to now.
    pub(super) fn could_have_answered(&mut self, command: &Command, answer: &Answer) -> bool {
        self.0.could_have_answered(command, answer)
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
