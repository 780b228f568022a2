//! Stale reads: outside of linearizability, and not outside of everything.

use super::toy::Toy;
use crate::history::{ClientId, Completion, HistoryEvent, OperationId};
use crate::observation::Fact;
use crate::observation::Property::*;
use crate::time::Time;
use seaworthy_core::kv::{Answer, Command};
use seaworthy_core::member::ReadMode;
use seaworthy_core::types::Bytes;

/// Clients that ask one after the other and are answered at once.
struct Clients {
    toy: Toy,
    asked: u64,
}

impl Clients {
    fn new() -> Self {
        let mut toy = Toy::new(1);
        toy.checkers = toy.checkers.judging_stale_reads();
        Self { toy, asked: 0 }
    }

    fn ask(&mut self, command: &str, mode: ReadMode, answer: Answer) {
        let (operation, client, at) = (OperationId(self.asked), ClientId(1), Time::ZERO);
        let command = Command::parse(command).expect("it is a command");
        self.asked += 1;
        self.toy.tell(&Fact::Client(&HistoryEvent::Invoked { operation, client, command, mode, at }));
        let completion = Completion::Ok(answer);
        self.toy.tell(&Fact::Client(&HistoryEvent::Completed { operation, client, completion, at }));
    }

    fn write(&mut self, value: &str) {
        self.ask(&format!("SET k {value}"), ReadMode::Leader, Answer::Ok);
    }

    fn read(&mut self, mode: ReadMode, value: Option<&str>) {
        self.ask("GET k", mode, value.map_or(Answer::Nil, |value| Answer::Value(value.into())));
    }
}

#[test]
fn a_stale_read_may_answer_from_any_past_and_no_other_read_may() {
    for mode in [ReadMode::Stale, ReadMode::Leader, ReadMode::Lease, ReadMode::Follower] {
        let mut clients = Clients::new();
        clients.write("a");
        clients.write("b");
        clients.read(mode, Some("a"));
        if mode == ReadMode::Stale {
            clients.read(mode, None);
            clients.read(mode, Some("b"));
            clients.toy.calm();
        } else {
            clients.toy.caught(Linearizability, "GET k");
        }
    }
}

#[test]
fn a_stale_read_answers_nothing_that_never_was() {
    let mut clients = Clients::new();
    clients.write("a");
    clients.read(ReadMode::Stale, Some("b"));
    clients.toy.caught(StaleReads, "c1 #1 read stale by GET k and was answered \"b\", which no state gives");
}

#[test]
fn a_stale_read_does_not_answer_from_the_future() {
    let mut clients = Clients::new();
    clients.write("a");
    clients.read(ReadMode::Stale, Some("b"));
    clients.write("b");
    clients.toy.caught(StaleReads, "was answered \"b\"");
}

#[test]
fn a_retired_key_has_no_past() {
    let mut clients = Clients::new();
    clients.write("a");
    clients.toy.tell(&Fact::Retired { key: &Bytes::from("k") });
    clients.read(ReadMode::Stale, Some("a"));
    clients.toy.caught(StaleReads, "was answered \"a\"");
}
