//! Against a dumb twin that tries every order of effects.

use super::super::model::State;
use super::drawer::Drawer;
use super::{Ending, Event, first_refused};
use seaworthy_core::kv::{Answer, Command};
use seaworthy_core::types::Bytes;
use std::collections::BTreeMap;

/// What the twin knows of an operation.
struct Operation {
    command: Command,
    invoked: usize,
    /// When it completed and what was seen, if it did so with an answer.
    completed: Option<(usize, Ending)>,
}

/// Whether some order of effects that respects real time, with any of those that need not have happened, explains
/// the history: tries them all.
fn is_linearizable(history: &[Event]) -> bool {
    let mut operations: BTreeMap<u64, Operation> = BTreeMap::new();
    for (at, event) in history.iter().enumerate() {
        match event {
            Event::Invoke { operation, command, .. } => {
                let new = Operation { command: command.clone(), invoked: at, completed: None };
                operations.insert(*operation, new);
            }
            Event::End { operation, ending: Ending::Fail, .. } => {
                operations.remove(operation);
            }
            Event::End { ending: Ending::Info, .. } => {}
            Event::End { operation, ending, .. } => {
                let ended = operations.get_mut(operation).expect("invoked before");
                ended.completed = Some((at, ending.clone()));
            }
        }
    }
    let operations: Vec<Operation> = operations.into_values().collect();
    explains(&operations, &mut vec![false; operations.len()], &BTreeMap::new())
}

fn explains(operations: &[Operation], done: &mut Vec<bool>, store: &BTreeMap<Bytes, State>) -> bool {
    let first_completion = operations
        .iter()
        .zip(done.iter())
        .filter(|(_, done)| !**done)
        .filter_map(|(operation, _)| operation.completed.as_ref().map(|(at, _)| *at))
        .min();
    let Some(first_completion) = first_completion else { return true };
    for (position, operation) in operations.iter().enumerate() {
        if done[position] || operation.invoked > first_completion {
            continue;
        }
        let key = operation.command.key();
        let state = store.get(key).unwrap_or(&State::Missing);
        let step = state.apply(&operation.command);
        let fits = match &operation.completed {
            None | Some((_, Ending::Effect)) => true,
            Some((_, Ending::Ok(answer))) => step.answer == *answer,
            Some((_, Ending::Refusal)) => step.answer != Answer::Ok,
            Some((_, Ending::Fail | Ending::Info)) => unreachable!("these have no answer"),
        };
        if !fits {
            continue;
        }
        let mut after = store.clone();
        if let Some(next) = step.next {
            after.insert(key.clone(), next);
        }
        done[position] = true;
        let explained = explains(operations, done, &after);
        done[position] = false;
        if explained {
            return true;
        }
    }
    false
}

/// The position of the first event that the twin cannot explain.
fn first_impossible(history: &[Event]) -> Option<usize> {
    // A history with an explanation has one for each of its prefixes.
    if is_linearizable(history) {
        return None;
    }
    (0..history.len()).find(|end| !is_linearizable(&history[..=*end]))
}

/// Both must explain the same histories, and find the rest impossible at the same response.
#[test]
fn agrees_with_brute_force_to_the_very_response() {
    let mut drawer = Drawer::new(1);
    let mut refused = 0;
    for round in 0..300_000 {
        let history = drawer.history(6);
        let found = first_refused(&history).map(|(position, _)| position);
        assert_eq!(found, first_impossible(&history), "history {round}: {history:#?}");
        refused += u32::from(found.is_some());
    }
    assert!((60_000..240_000).contains(&refused), "{refused} histories are not linearizable");
}

/// What a read saw that hangs while others come and go is checked against what every other one saw, and against what
/// else hangs.
#[test]
fn agrees_with_brute_force_beside_reads_that_hang() {
    let mut drawer = Drawer::new(6);
    let mut refused = 0;
    for round in 0..100_000 {
        let reads = 1 + drawer.below(3);
        let history = drawer.history_beside(6, reads);
        let found = first_refused(&history).map(|(position, _)| position);
        assert_eq!(found, first_impossible(&history), "history {round}: {history:#?}");
        refused += u32::from(found.is_some_and(|position| position + reads as usize >= history.len()));
    }
    assert!((2_000..).contains(&refused), "{refused} histories are refused at a read that hung");
}
