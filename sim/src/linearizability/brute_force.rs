//! The checker against a dumb twin that tries every order of effects, on small random histories.

use super::model::{State, key_of};
use super::{Budget, Checker, Seen, Unexplained};
use crate::choice::{Choice, Stream};
use crate::history::{ClientId, Completion, HistoryEvent, OperationId};
use crate::time::Time;
use seaworthy_core::kv::{Answer, Command};
use seaworthy_core::types::Bytes;
use std::collections::BTreeMap;

/// An event of a small history; operations are numbered from 0.
#[derive(Clone, Debug)]
pub(super) enum Event {
    Invoke(usize, u32, Command),
    End(usize, u32, Ending),
}

#[derive(Clone, Debug)]
pub(super) enum Ending {
    Ok(Answer),
    Effect,
    Refusal,
    Fail,
    Info,
}

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
    let mut operations: BTreeMap<usize, Operation> = BTreeMap::new();
    for (at, event) in history.iter().enumerate() {
        match event {
            Event::Invoke(operation, _, command) => {
                let new = Operation { command: command.clone(), invoked: at, completed: None };
                operations.insert(*operation, new);
            }
            Event::End(operation, _, Ending::Fail) => {
                operations.remove(operation);
            }
            Event::End(_, _, Ending::Info) => {}
            Event::End(operation, _, ending) => {
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
        let key = key_of(&operation.command);
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

/// Shows an event to the checker.
pub(super) fn show(checker: &mut Checker, event: &Event, at: Time) -> Result<(), Unexplained> {
    let (operation, client, completion) = match event {
        Event::Invoke(operation, client, command) => {
            return checker.observe(&HistoryEvent::Invoked {
                operation: OperationId(*operation as u64),
                client: ClientId(*client),
                command: command.clone(),
                at,
            });
        }
        Event::End(operation, client, ending) => {
            let operation = OperationId(*operation as u64);
            let completion = match ending {
                Ending::Ok(answer) => Completion::Ok(answer.clone()),
                Ending::Fail => Completion::Fail,
                Ending::Info => Completion::Info,
                Ending::Effect => return checker.complete(operation, Seen::Effect),
                Ending::Refusal => return checker.complete(operation, Seen::Refusal),
            };
            (operation, ClientId(*client), completion)
        }
    };
    checker.observe(&HistoryEvent::Completed { operation, client, completion, at })
}

/// The position of the first event that the checker refuses.
pub(super) fn first_refused(history: &[Event]) -> Option<usize> {
    let mut checker = Checker::new(Budget::default());
    let refused = history.iter().enumerate().position(|(position, event)| {
        let shown = show(&mut checker, event, Time(position as u64));
        if let (Err(unexplained), Event::End(operation, ..)) = (&shown, event) {
            assert_eq!(unexplained.operation.0, *operation as u64, "the response that is refused");
            assert!(unexplained.explanation.lines().count() <= 12, "{unexplained}");
        }
        shown.is_err()
    });
    assert!(!checker.is_undecided(), "a small history is within budget");
    refused
}

/// Draws small histories around a store that is right most of the time.
struct Drawer {
    choice: Choice,
}

/// An operation under way.
struct Running {
    operation: usize,
    client: u32,
    command: Command,
    /// Its answer, once it has taken effect.
    answer: Option<Answer>,
}

/// How a drawn history can be.
struct Shape {
    theme: u64,
    keys: u64,
    clients: u32,
    operations: usize,
}

impl Drawer {
    fn below(&mut self, bound: u64) -> u64 {
        self.choice.below(Stream::Swarm, bound)
    }

    fn one_in(&mut self, bound: u64) -> bool {
        self.below(bound) == 0
    }

    fn word(&mut self, words: [&str; 2]) -> Bytes {
        Bytes::from(words[self.below(2) as usize])
    }

    fn words(&mut self, words: [&str; 2]) -> Vec<Bytes> {
        match self.below(4) {
            0 => words.map(Bytes::from).to_vec(),
            pick => vec![Bytes::from(words[pick as usize % 2])],
        }
    }

    fn command(&mut self, theme: u64, keys: u64) -> Command {
        const VALUES: [&str; 2] = ["a", "bb"];
        const PARTS: [&str; 2] = ["f", "g"];
        let key = Bytes::from(["k", "l"][self.below(keys) as usize]);
        let pick = match theme {
            0 => self.below(8),
            1 => 8 + self.below(6),
            2 => 14 + self.below(6),
            3 => 2 + self.below(3),
            _ => self.below(22),
        };
        match pick {
            0 | 1 => Command::Get { key },
            2 => Command::Set { key, value: self.word(VALUES) },
            3 | 4 => Command::Append { key, value: self.word(VALUES) },
            5 => Command::Del { key },
            6 => Command::Cas { key, expected: Some(self.word(VALUES)), new: self.word(VALUES) },
            7 => Command::Cas { key, expected: None, new: self.word(VALUES) },
            8 | 9 => {
                let fields = self.words(PARTS);
                let pairs = fields.into_iter().map(|field| (field, self.word(VALUES))).collect();
                Command::HSet { key, pairs }
            }
            10 => Command::HGet { key, field: self.word(PARTS) },
            11 => Command::HDel { key, fields: self.words(PARTS) },
            12 => Command::HGetAll { key },
            13 => Command::Exists { key },
            14 | 15 => Command::SSet { key, members: self.words(PARTS) },
            16 => Command::SHas { key, member: self.word(PARTS) },
            17 => Command::SDel { key, members: self.words(PARTS) },
            18 => Command::SMembers { key },
            19 => Command::Del { key },
            _ => Command::Type { key },
        }
    }

    fn history(&mut self) -> Vec<Event> {
        let shape = Shape {
            theme: self.below(6),
            keys: if self.one_in(8) { 2 } else { 1 },
            clients: 2 + self.below(3) as u32,
            operations: 3 + self.below(4) as usize,
        };
        let mut history = Vec::new();
        let mut store: BTreeMap<Bytes, State> = BTreeMap::new();
        let mut past = vec![State::Missing];
        let mut running: Vec<Running> = Vec::new();
        let mut lost: Vec<Command> = Vec::new();
        let mut invoked = 0;
        while invoked < shape.operations || !running.is_empty() {
            if !lost.is_empty() && self.one_in(4) {
                take_effect(&mut store, &mut past, &lost.swap_remove(0));
            }
            let client = 1 + self.below(u64::from(shape.clients)) as u32;
            let Some(position) = running.iter().position(|running| running.client == client) else {
                if invoked < shape.operations {
                    let command = self.command(shape.theme, shape.keys);
                    history.push(Event::Invoke(invoked, client, command.clone()));
                    running.push(Running { operation: invoked, client, command, answer: None });
                    invoked += 1;
                }
                continue;
            };
            if running[position].answer.is_none() && !self.one_in(8) {
                let answer = take_effect(&mut store, &mut past, &running[position].command);
                running[position].answer = Some(answer);
                continue;
            }
            let ended = running.swap_remove(position);
            let (operation, client) = (ended.operation, ended.client);
            if ended.answer.is_none() && self.one_in(2) {
                lost.push(ended.command.clone());
            }
            let ending = self.ending(ended, &past);
            history.push(Event::End(operation, client, ending));
        }
        history
    }

    /// Mostly the truth; sometimes less, sometimes the answer of another moment.
    fn ending(&mut self, ended: Running, past: &[State]) -> Ending {
        let Some(answer) = ended.answer else {
            return if self.one_in(3) { Ending::Fail } else { Ending::Info };
        };
        match self.below(24) {
            0..6 => Ending::Ok(past[self.below(past.len() as u64) as usize].apply(&ended.command).answer),
            6 => Ending::Fail,
            7..10 => Ending::Info,
            10..12 => Ending::Effect,
            12..17 if answer != Answer::Ok && matches!(ended.command, Command::Cas { .. }) => Ending::Refusal,
            _ => Ending::Ok(answer),
        }
    }
}

fn take_effect(store: &mut BTreeMap<Bytes, State>, past: &mut Vec<State>, command: &Command) -> Answer {
    let state = store.entry(key_of(command).clone()).or_insert(State::Missing);
    let step = state.apply(command);
    if let Some(next) = step.next {
        past.push(next.clone());
        *state = next;
    }
    step.answer
}

#[test]
fn agrees_with_brute_force_to_the_very_response() {
    let mut drawer = Drawer { choice: Choice::seeded(1) };
    let mut refused = 0;
    for round in 0..400_000 {
        let history = drawer.history();
        let expected = first_impossible(&history);
        let found = first_refused(&history);
        assert_eq!(found, expected, "history {round}: {history:#?}");
        refused += u32::from(found.is_some());
    }
    assert!((80_000..320_000).contains(&refused), "{refused} histories are not linearizable");
}
