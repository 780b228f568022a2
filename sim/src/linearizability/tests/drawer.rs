//! Small random histories around a store that is right most of the time.

use super::super::model::State;
use super::{Ending, Event};
use crate::choice::{Choice, Stream};
use seaworthy_core::kv::{Answer, Command};
use seaworthy_core::types::Bytes;
use std::collections::BTreeMap;

const VALUES: &[&str] = &["a", "bb", "a", "bb", ""];
const PARTS: &[&str] = &["f", "g"];

/// Draws histories and commands.
pub(super) struct Drawer {
    choice: Choice,
}

/// An operation under way.
struct Running {
    operation: u64,
    client: u32,
    command: Command,
    /// Its answer, once it has taken effect.
    answer: Option<Answer>,
}

/// The store behind the clients, which now and then drops or repeats an effect.
#[derive(Default)]
struct Store {
    states: BTreeMap<Bytes, State>,
    /// Every state that a key was ever in.
    past: Vec<State>,
}

impl Store {
    fn apply(&mut self, command: &Command) -> Answer {
        let state = self.states.entry(command.key().clone()).or_insert(State::Missing);
        let step = state.apply(command);
        self.past.extend(step.next.clone());
        *state = step.next.unwrap_or_else(|| state.clone());
        step.answer
    }

    fn peek(&self, command: &Command) -> Answer {
        self.states.get(command.key()).unwrap_or(&State::Missing).apply(command).answer
    }
}

impl Drawer {
    pub(super) fn new(seed: u64) -> Self {
        Self { choice: Choice::seeded(seed) }
    }

    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.choice.below(Stream::Swarm, bound)
    }

    fn one_in(&mut self, bound: u64) -> bool {
        self.below(bound) == 0
    }

    fn word(&mut self, words: &[&str]) -> Bytes {
        Bytes::from(words[self.below(words.len() as u64) as usize])
    }

    /// One or several of them, now and then one twice.
    fn words(&mut self, words: &[&str]) -> Vec<Bytes> {
        let count = if self.one_in(3) { 2 } else { 1 };
        (0..count).map(|_| self.word(words)).collect()
    }

    /// A command on `key`; themes below 4 keep to one type.
    pub(super) fn command(&mut self, theme: u64, key: Bytes) -> Command {
        let pick = match theme {
            0 => self.below(8),
            1 => 8 + self.below(6),
            2 => 14 + self.below(6),
            3 => 1 + self.below(4),
            _ => self.below(21),
        };
        match pick {
            0 | 1 => Command::Get { key },
            2 => Command::Set { key, value: self.word(VALUES) },
            3 | 4 => Command::Append { key, value: self.word(VALUES) },
            5 | 19 => Command::Del { key },
            6 => Command::Cas { key, expected: Some(self.word(VALUES)), new: self.word(VALUES) },
            7 => Command::Cas { key, expected: None, new: self.word(VALUES) },
            8 | 9 => {
                let fields = self.words(PARTS);
                Command::HSet { key, pairs: fields.into_iter().map(|f| (f, self.word(VALUES))).collect() }
            }
            10 => Command::HGet { key, field: self.word(PARTS) },
            11 => Command::HDel { key, fields: self.words(PARTS) },
            12 => Command::HGetAll { key },
            13 => Command::Exists { key },
            14 | 15 => Command::SSet { key, members: self.words(PARTS) },
            16 => Command::SHas { key, member: self.word(PARTS) },
            17 => Command::SDel { key, members: self.words(PARTS) },
            18 => Command::SMembers { key },
            _ => Command::Type { key },
        }
    }

    /// A history of at most `operations_max` operations, and at least half as many.
    pub(super) fn history(&mut self, operations_max: u64) -> Vec<Event> {
        self.history_beside(operations_max, 0)
    }

    /// A history as [`Drawer::history`]'s, beside so many reads that begin before all of it and end after it. Each of
    /// them has seen some state that the key was in, or the one that it is in at the end.
    pub(super) fn history_beside(&mut self, operations_max: u64, reads: u64) -> Vec<Event> {
        let theme = self.below(6);
        let keys: &[&str] = if self.one_in(8) { &["k", "l"] } else { &["k"] };
        let clients = 2 + self.below(3);
        let operations = operations_max - self.below(operations_max.div_ceil(2));
        let readers: Vec<(u64, u32, Command)> = (0..reads)
            .map(|reader| (100 + reader, 10 + reader as u32, self.read(Bytes::from("k"))))
            .collect();
        let invocation = |(operation, client, command): &(u64, u32, Command)| Event::Invoke {
            operation: *operation,
            client: *client,
            command: command.clone(),
        };
        let mut history: Vec<Event> = readers.iter().map(invocation).collect();
        let mut store = Store { past: vec![State::Missing], ..Store::default() };
        let mut running: Vec<Running> = Vec::new();
        let mut lost: Vec<Command> = Vec::new();
        let mut operation = 0;
        while operation < operations || !running.is_empty() {
            if !lost.is_empty() && self.one_in(4) {
                store.apply(&lost.swap_remove(0));
            }
            let client = 1 + self.below(clients) as u32;
            match running.iter().position(|running| running.client == client) {
                None if operation < operations => {
                    let key = self.word(keys);
                    let command = self.command(theme, key);
                    history.push(Event::Invoke { operation, client, command: command.clone() });
                    running.push(Running { operation, client, command, answer: None });
                    operation += 1;
                }
                None => {}
                Some(position) if running[position].answer.is_none() && !self.one_in(8) => {
                    let Running { command, answer, .. } = &mut running[position];
                    *answer = Some(self.take_effect(&mut store, command));
                }
                Some(position) => {
                    let ended = running.swap_remove(position);
                    let (operation, client) = (ended.operation, ended.client);
                    if ended.answer.is_none() && self.one_in(2) {
                        lost.push(ended.command.clone());
                    }
                    let ending = self.ending(ended, &store.past);
                    history.push(Event::End { operation, client, ending });
                }
            }
        }
        for (operation, client, command) in readers {
            let seen = self.below(store.past.len() as u64) as usize;
            let ending = Ending::Ok(store.past[seen].apply(&command).answer);
            history.push(Event::End { operation, client, ending });
        }
        history
    }

    /// A command that sees all of the key.
    fn read(&mut self, key: Bytes) -> Command {
        match self.below(4) {
            0 => Command::Get { key },
            1 => Command::HGetAll { key },
            2 => Command::SMembers { key },
            _ => Command::Exists { key },
        }
    }

    /// Mostly once.
    fn take_effect(&mut self, store: &mut Store, command: &Command) -> Answer {
        match self.below(10) {
            0 => store.peek(command),
            1 => {
                let answer = store.apply(command);
                store.apply(command);
                answer
            }
            _ => store.apply(command),
        }
    }

    /// Mostly the truth; sometimes less, sometimes the answer of another moment.
    fn ending(&mut self, ended: Running, past: &[State]) -> Ending {
        let Some(answer) = ended.answer else {
            return if self.one_in(3) { Ending::Fail } else { Ending::Info };
        };
        match self.below(24) {
            0..4 => Ending::Ok(past[self.below(past.len() as u64) as usize].apply(&ended.command).answer),
            4 => Ending::Fail,
            5..9 => Ending::Info,
            9..11 => Ending::Effect,
            11..16 if answer != Answer::Ok && matches!(ended.command, Command::Cas { .. }) => Ending::Refusal,
            _ => Ending::Ok(answer),
        }
    }
}
