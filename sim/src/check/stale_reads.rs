//! A stale read is answered from a state that the key can have gone through, however long ago: there was a moment up
//! to now at which, by all that had been seen until then, the key could have been in a state that gives the answer.
//!
//! More cannot be said exactly at the cost of what happens: what was seen since may rule such a state out, which would
//! take a past for each state that is remembered. Nor is a client promised that it never reads what is older than what
//! it has read before.

use super::linearizable::Linearizable;
use crate::history::{Completion, HistoryEvent, OperationId};
use crate::observation::{Property, Violation};
use seaworthy_core::kv::Command;
use seaworthy_core::member::ReadMode;
use std::collections::BTreeMap;

/// The stale reads that wait for an answer.
#[derive(Clone, Debug, Default)]
pub(super) struct StaleReads(BTreeMap<OperationId, Command>);

impl StaleReads {
    /// A client did or saw something; `linearizable` knows of it already.
    pub(super) fn on_client(
        &mut self,
        linearizable: &mut Linearizable,
        event: &HistoryEvent,
    ) -> Result<(), Violation> {
        match event {
            HistoryEvent::Invoked { operation, command, mode: ReadMode::Stale, .. } if command.is_read() => {
                self.0.insert(*operation, command.clone());
                Ok(())
            }
            HistoryEvent::Invoked { .. } => Ok(()),
            HistoryEvent::Completed { operation, client, completion, .. } => {
                let Some(command) = self.0.remove(operation) else { return Ok(()) };
                match completion {
                    Completion::Ok(answer) if !linearizable.could_have_answered(&command, answer) => {
                        let detail = format!(
                            "c{} #{} read stale by {command} and was answered {answer}, \
                             which no state gives that the key can have gone through",
                            client.0, operation.0
                        );
                        Err(Violation { property: Property::StaleReads, node: None, detail })
                    }
                    _ => Ok(()),
                }
            }
        }
    }
}
