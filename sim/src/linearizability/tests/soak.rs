//! What a history costs, and what happens when that is too much.

use super::super::model::State;
use super::drawer::Drawer;
use super::{Ending, Event, show};
use crate::history::{ClientId, Completion, HistoryEvent, OperationId};
use crate::linearizability::{Budget, Checker, Verdict, check};
use crate::time::Time;
use seaworthy_core::kv::{Answer, Command};
use seaworthy_core::member::ReadMode;
use seaworthy_core::types::Bytes;

const CLIENTS: u64 = 5;
const KEYS: u64 = 3;
const OPERATIONS_PER_KEY: u64 = 60;

/// An operation under way, and its answer, once it has taken effect.
struct Running {
    operation: OperationId,
    key: usize,
    command: Command,
    answer: Option<Answer>,
}

/// A store that is always right under a workload as a simulator's: clients with one operation at a time, unique
/// values, keys that are left behind after some use.
struct Workload {
    drawer: Drawer,
    lost_one_in: u64,
    operations_per_key: u64,
    states: Vec<State>,
    clients: Vec<Option<Running>>,
    invoked: u64,
    /// The first key that is not retired.
    retired: usize,
}

fn name_of(key: usize) -> Bytes {
    Bytes::from(format!("key{key}").as_str())
}

impl Workload {
    fn new(lost_one_in: u64, operations_per_key: u64) -> Self {
        let clients = (0..CLIENTS).map(|_| None).collect();
        Self {
            drawer: Drawer::new(8),
            lost_one_in,
            operations_per_key,
            states: Vec::new(),
            clients,
            invoked: 0,
            retired: 0,
        }
    }

    /// A key, retired now, that was left behind and that no client still waits for.
    fn retire(&mut self) -> Option<Bytes> {
        let waits = |running: &Running| running.key == self.retired;
        let used = self.states.len().saturating_sub(KEYS as usize);
        if used <= self.retired || self.clients.iter().flatten().any(waits) {
            return None;
        }
        self.retired += 1;
        Some(name_of(self.retired - 1))
    }

    fn invoke(&mut self, client: usize) -> HistoryEvent {
        let round = self.invoked / (self.operations_per_key * KEYS);
        let key = (round * KEYS + self.drawer.below(KEYS)) as usize;
        self.states.resize(((round + 1) * KEYS) as usize, State::Missing);
        let mut command = self.drawer.command(key as u64 % 3, name_of(key));
        if let Command::Set { value, .. } | Command::Append { value, .. } = &mut command {
            *value = Bytes::from(format!("c{client}.{};", self.invoked).as_str());
        }
        let operation = OperationId(self.invoked);
        self.invoked += 1;
        self.clients[client] = Some(Running { operation, key, command: command.clone(), answer: None });
        let (client, mode) = (ClientId(client as u32 + 1), ReadMode::Leader);
        HistoryEvent::Invoked { operation, client, command, mode, at: Time::ZERO }
    }

    fn complete(&mut self, client: usize, completion: Completion) -> HistoryEvent {
        let running = self.clients[client].take().expect("it is under way");
        let client = ClientId(client as u32 + 1);
        HistoryEvent::Completed { operation: running.operation, client, completion, at: Time::ZERO }
    }

    fn next(&mut self) -> HistoryEvent {
        loop {
            let client = self.drawer.below(CLIENTS) as usize;
            let Some(running) = &mut self.clients[client] else { return self.invoke(client) };
            if let Some(answer) = running.answer.take() {
                return self.complete(client, Completion::Ok(answer));
            }
            if self.drawer.below(self.lost_one_in) == 0 {
                return self.complete(client, Completion::Info);
            }
            let state = &mut self.states[running.key];
            let step = state.apply(&running.command);
            running.answer = Some(step.answer);
            *state = step.next.unwrap_or_else(|| state.clone());
        }
    }
}

#[test]
fn what_is_kept_does_not_grow_with_the_history() {
    let mut workload = Workload::new(u64::MAX, 1_000_000);
    let mut checker = Checker::new(Budget::default());
    let mut most = 0;
    while workload.invoked < 200_000 {
        checker.observe(&workload.next()).expect("the store is right");
        most = most.max(checker.configurations());
    }
    assert!(!checker.is_undecided());
    assert!(most <= 100, "{most} configurations of three keys at once");
}

#[test]
fn unknown_outcomes_are_decided_and_leave_nothing_behind_while_keys_retire() {
    let mut workload = Workload::new(50, OPERATIONS_PER_KEY);
    let mut checker = Checker::new(Budget::default());
    let (mut keys, mut configurations) = (0, 0);
    while workload.invoked < 200_000 {
        checker.observe(&workload.next()).expect("the store is right");
        while let Some(key) = workload.retire() {
            checker.retire(&key);
        }
        keys = keys.max(checker.keys());
        configurations = configurations.max(checker.configurations());
    }
    assert!(!checker.is_undecided());
    assert!(3_000 < workload.states.len(), "{} keys were used", workload.states.len());
    assert!(keys <= 20, "{keys} keys at once");
    assert!(configurations <= 500, "{configurations} configurations at once");
}

/// Whoever comes back to a retired key finds it as new.
#[test]
fn a_retired_key_is_forgotten_also_if_it_was_given_up() {
    let mut checker = Checker::new(Budget { steps: 3, configurations: 100 });
    let key = Bytes::from("k");
    let append = |operation| Event::Invoke {
        operation,
        client: operation as u32,
        command: Command::Append { key: key.clone(), value: Bytes::from("a") },
    };
    let end = |operation, ending| Event::End { operation, client: operation as u32, ending };
    for operation in 0..4 {
        show(&mut checker, &append(operation), Time::ZERO).expect("nothing is answered");
    }
    show(&mut checker, &end(3, Ending::Ok(Answer::Integer(9))), Time::ZERO).expect("the key is given up");
    assert!(checker.is_undecided());
    for operation in 0..3 {
        show(&mut checker, &end(operation, Ending::Info), Time::ZERO).expect("it is no longer checked");
    }
    assert_eq!(checker.keys(), 1);
    checker.retire(&key);
    assert_eq!((checker.keys(), checker.configurations()), (0, 0));
    show(&mut checker, &append(4), Time::ZERO).expect("nothing is answered");
    show(&mut checker, &end(4, Ending::Ok(Answer::Integer(2))), Time::ZERO).expect_err("it held nothing");
    assert!(checker.is_undecided(), "what was given up stays so");
}

#[test]
#[should_panic(expected = "operations on a retired key are over")]
fn a_key_is_not_retired_while_an_operation_is_open() {
    let mut checker = Checker::default();
    let key = Bytes::from("k");
    let invoked = Event::Invoke { operation: 0, client: 1, command: Command::Get { key: key.clone() } };
    show(&mut checker, &invoked, Time::ZERO).expect("nothing is answered");
    checker.retire(&key);
}

/// Out of budget is neither right nor wrong, and concerns one key alone.
#[test]
fn a_key_beyond_the_budget_is_given_up_and_the_others_are_not() {
    let mut checker = Checker::new(Budget { steps: 3, configurations: 100 });
    let invoke = |operation, key: &str, value: &str| Event::Invoke {
        operation,
        client: operation as u32,
        command: Command::Append { key: Bytes::from(key), value: Bytes::from(value) },
    };
    let end = |operation, length| Event::End {
        operation,
        client: operation as u32,
        ending: Ending::Ok(Answer::Integer(length)),
    };
    for (operation, value) in (0..).zip(["a", "bb", "ccc", "dddd"]) {
        show(&mut checker, &invoke(operation, "busy", value), Time::ZERO).expect("nothing is answered");
    }
    assert!(!checker.is_undecided());
    show(&mut checker, &end(3, 1_000), Time::ZERO).expect("this key is given up");
    assert!(checker.is_undecided());
    show(&mut checker, &end(2, 1_000), Time::ZERO).expect("so is whatever else is seen of it");
    show(&mut checker, &invoke(9, "calm", "a"), Time::ZERO).expect("nothing is answered");
    show(&mut checker, &end(9, 2), Time::ZERO).expect_err("the answer to a lone APPEND of one byte is 1");
}

#[test]
fn a_whole_history_gets_a_verdict() {
    let mut workload = Workload::new(50, OPERATIONS_PER_KEY);
    let mut history: Vec<HistoryEvent> = (0..1_000).map(|_| workload.next()).collect();
    assert_eq!(check(&history), Verdict::Linearizable);
    history.push(history.last().expect("it is long").clone());
    assert!(matches!(check(&history), Verdict::Violation(_)), "nobody asks or answers twice");
}
