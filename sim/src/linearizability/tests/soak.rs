//! What a history costs, and what happens when that is too much.

use super::super::model::State;
use super::drawer::Drawer;
use super::{Ending, Event, show};
use crate::history::{ClientId, Completion, HistoryEvent, OperationId};
use crate::linearizability::{Budget, Checker, Verdict, check};
use crate::time::Time;
use seaworthy_core::kv::{Answer, Command};
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
        }
    }

    fn invoke(&mut self, client: usize) -> HistoryEvent {
        let round = self.invoked / (self.operations_per_key * KEYS);
        let key = (round * KEYS + self.drawer.below(KEYS)) as usize;
        self.states.resize(((round + 1) * KEYS) as usize, State::Missing);
        let name = Bytes::from(format!("key{key}").as_str());
        let mut command = self.drawer.command(key as u64 % 3, name);
        if let Command::Set { value, .. } | Command::Append { value, .. } = &mut command {
            *value = Bytes::from(format!("c{client}.{};", self.invoked).as_str());
        }
        let operation = OperationId(self.invoked);
        self.invoked += 1;
        self.clients[client] = Some(Running { operation, key, command: command.clone(), answer: None });
        HistoryEvent::Invoked { operation, client: ClientId(client as u32 + 1), command, at: Time::ZERO }
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
fn unknown_outcomes_are_decided_while_keys_are_left_behind() {
    let mut workload = Workload::new(50, OPERATIONS_PER_KEY);
    let mut checker = Checker::new(Budget::default());
    let mut most = 0;
    while workload.invoked < 200_000 {
        checker.observe(&workload.next()).expect("the store is right");
        most = most.max(checker.configurations() / workload.states.len().max(1));
    }
    assert!(!checker.is_undecided());
    assert!(most <= 10, "{most} configurations a key");
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
