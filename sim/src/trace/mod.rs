//! What happened, as records of plain integers: each goes into the fingerprint, and, if the run is recorded, on
//! a line of the trace.
//!
//! The notation is that of the whole house: `n1@3` is node 1 in term 3, `7@2` index 7 of term 2, `→` sent,
//! `←` arrived, `⇥` lost, `⇨` became.

pub mod fingerprint;
mod record;

pub use record::{InstructionName, Record};

use crate::history::{Completion, HistoryEvent};
use crate::run::TraceLine;
use crate::time::Time;
use fingerprint::Fingerprint;

/// The trace of a run. Where it is not recorded only the fingerprint remains, and no text is made.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    fingerprint: Fingerprint,
    /// Reused between events of clients.
    bytes: Vec<u8>,
    lines: Option<Vec<TraceLine>>,
}

impl Trace {
    /// An empty trace, which keeps its lines if it is `recorded`.
    pub fn new(recorded: bool) -> Self {
        Self { lines: recorded.then(Vec::new), ..Self::default() }
    }

    /// Takes in what happened.
    pub fn note(&mut self, at: Time, step: u64, record: Record) {
        self.fingerprint.word(at.0);
        record.fold(&mut self.fingerprint);
        if self.lines.is_some() && !record.is_silent() {
            let (node, text) = (record.node(), record.to_string());
            self.line(TraceLine { at, step, node, text, record: Some(record) });
        }
    }

    /// Takes in what a client did or saw.
    pub fn note_client(&mut self, step: u64, event: &HistoryEvent) {
        self.bytes.clear();
        let (at, words) = match event {
            HistoryEvent::Invoked { operation, client, command, at, .. } => {
                command.encode(&mut self.bytes);
                (*at, [operation.0, u64::from(client.0), 0])
            }
            HistoryEvent::Completed { operation, client, completion, at } => {
                let outcome = match completion {
                    Completion::Ok(answer) => {
                        answer.encode(&mut self.bytes);
                        1
                    }
                    Completion::Fail => 2,
                    Completion::Info => 3,
                };
                (*at, [operation.0, u64::from(client.0), outcome])
            }
        };
        self.fingerprint.bytes(&self.bytes);
        self.fingerprint.word(at.0);
        words.into_iter().for_each(|word| self.fingerprint.word(word));
        if self.lines.is_some() {
            self.line(TraceLine { at, step, node: None, text: client_text(event), record: None });
        }
    }

    /// The hash over all records so far.
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint.value()
    }

    /// The lines; none if the trace was not recorded.
    pub fn into_lines(self) -> Vec<TraceLine> {
        self.lines.unwrap_or_default()
    }

    fn line(&mut self, line: TraceLine) {
        self.lines.as_mut().expect("only a recorded trace makes lines").push(line);
    }
}

fn client_text(event: &HistoryEvent) -> String {
    match event {
        HistoryEvent::Invoked { operation, client, command, .. } => {
            format!("c{} #{} asks {command}", client.0, operation.0)
        }
        HistoryEvent::Completed { operation, client, completion, .. } => {
            let end = match completion {
                Completion::Ok(answer) => answer.to_string(),
                Completion::Fail => "refused".into(),
                Completion::Info => "unknown".into(),
            };
            format!("c{} #{} ⇨ {end}", client.0, operation.0)
        }
    }
}
