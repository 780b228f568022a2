//! A recorded history in our own terms.

use seaworthy_core::kv::{Answer, Command};
use seaworthy_core::member::ReadMode;
use seaworthy_sim::history::{ClientId, Completion, HistoryEvent, OperationId};
use seaworthy_sim::linearizability::{Budget, Checker, Seen};
use seaworthy_sim::time::Time;
use std::collections::BTreeMap;

/// What a checker says of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It has an explanation.
    Linearizable,
    /// It has none.
    Violation,
    /// The budget ran out.
    Undecided,
}

/// Events in the order in which they were recorded.
#[derive(Default)]
pub(crate) struct Recording {
    events: Vec<Event>,
    /// The open operation of each process.
    open: BTreeMap<i64, OperationId>,
    operations: u64,
}

enum Event {
    Plain(HistoryEvent),
    /// An operation took effect with an answer that is not recorded.
    Effect(OperationId),
    /// A CAS was refused, and what it found is not recorded.
    Refusal(OperationId),
}

impl Recording {
    /// A process asks. If it never got a response to what it asked before, it never will.
    pub(crate) fn invoke(&mut self, process: i64, command: Command) {
        if self.open.contains_key(&process) {
            self.complete(process, Completion::Info);
        }
        let operation = OperationId(self.operations);
        self.operations += 1;
        self.open.insert(process, operation);
        let at = self.now();
        self.events.push(Event::Plain(HistoryEvent::Invoked {
            operation,
            client: ClientId(0),
            command,
            mode: ReadMode::Leader,
            at,
        }));
    }

    /// What the process asked comes to its end.
    pub(crate) fn complete(&mut self, process: i64, completion: Completion) {
        let operation = self.close(process);
        let at = self.now();
        let client = ClientId(0);
        self.events.push(Event::Plain(HistoryEvent::Completed { operation, client, completion, at }));
    }

    /// What the process asked took effect; what it answered is not recorded.
    pub(crate) fn effect(&mut self, process: i64) {
        let operation = self.close(process);
        self.events.push(Event::Effect(operation));
    }

    /// The CAS that the process asked for was refused; what it found is not recorded.
    pub(crate) fn refusal(&mut self, process: i64) {
        let operation = self.close(process);
        self.events.push(Event::Refusal(operation));
    }

    /// A command that came before anything else and answered `answer`.
    pub(crate) fn begin(&mut self, command: Command, answer: Answer) {
        const NOBODY: i64 = -1;
        self.invoke(NOBODY, command);
        self.complete(NOBODY, Completion::Ok(answer));
    }

    /// Shows all of it to a checker.
    pub(crate) fn check(&self) -> Verdict {
        // One of Knossos' histories has 17 operations open and 6 of unknown outcome at once.
        let mut checker = Checker::new(Budget { steps: 50_000_000, ..Budget::default() });
        for event in &self.events {
            let explained = match event {
                Event::Plain(event) => checker.observe(event),
                Event::Effect(operation) => checker.complete(*operation, Seen::Effect),
                Event::Refusal(operation) => checker.complete(*operation, Seen::Refusal),
            };
            if explained.is_err() {
                return Verdict::Violation;
            }
        }
        if checker.is_undecided() { Verdict::Undecided } else { Verdict::Linearizable }
    }

    fn close(&mut self, process: i64) -> OperationId {
        self.open
            .remove(&process)
            .unwrap_or_else(|| panic!("process {process} gets an answer and has not asked"))
    }

    fn now(&self) -> Time {
        Time(self.events.len() as u64)
    }
}
