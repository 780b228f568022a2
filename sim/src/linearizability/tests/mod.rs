//! The checker, checked.

mod anomalies;
mod brute_force;
mod drawer;
mod metamorphic;
mod model;
mod soak;
mod stale;

use super::{Budget, Checker, Seen, Unexplained};
use crate::history::{ClientId, Completion, HistoryEvent, OperationId};
use crate::time::Time;
use seaworthy_core::kv::{Answer, Command};
use seaworthy_core::member::ReadMode;

/// An event of a small history; operations are numbered from 0, clients from 1.
#[derive(Clone, Debug)]
enum Event {
    Invoke { operation: u64, client: u32, command: Command },
    End { operation: u64, client: u32, ending: Ending },
}

#[derive(Clone, Debug)]
enum Ending {
    Ok(Answer),
    Effect,
    Refusal,
    Fail,
    Info,
}

/// Shows an event to a checker.
fn show(checker: &mut Checker, event: &Event, at: Time) -> Result<(), Unexplained> {
    match event.clone() {
        Event::Invoke { operation, client, command } => checker.observe(&HistoryEvent::Invoked {
            operation: OperationId(operation),
            client: ClientId(client),
            command,
            mode: ReadMode::Leader,
            at,
        }),
        Event::End { operation, ending: Ending::Effect, .. } => {
            checker.complete(OperationId(operation), Seen::Effect)
        }
        Event::End { operation, ending: Ending::Refusal, .. } => {
            checker.complete(OperationId(operation), Seen::Refusal)
        }
        Event::End { operation, client, ending } => checker.observe(&HistoryEvent::Completed {
            operation: OperationId(operation),
            client: ClientId(client),
            completion: match ending {
                Ending::Ok(answer) => Completion::Ok(answer),
                Ending::Fail => Completion::Fail,
                Ending::Info | Ending::Effect | Ending::Refusal => Completion::Info,
            },
            at,
        }),
    }
}

/// The position of the first event that a checker refuses, and what it says.
fn first_refused(history: &[Event]) -> Option<(usize, Unexplained)> {
    let mut checker = Checker::new(Budget::default());
    for (position, event) in history.iter().enumerate() {
        if let Err(unexplained) = show(&mut checker, event, Time(position as u64)) {
            let Event::End { operation, .. } = event else { panic!("an invocation is never refused") };
            assert_eq!(unexplained.operation, OperationId(*operation));
            assert!(unexplained.explanation.lines().count() <= 12, "{unexplained}");
            return Some((position, unexplained));
        }
    }
    assert!(!checker.is_undecided(), "a small history is within budget");
    None
}
