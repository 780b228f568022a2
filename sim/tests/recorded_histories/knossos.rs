//! Knossos' histories of a register and of a mutex: one list of maps,
//! `{:process 16, :type :ok, :f :cas, :value [4 0]}`.
//!
//! The register begins with 0, the mutex free. What failed did not happen, also a CAS; a read of nil saw whatever was
//! there.

use crate::edn::{self, Edn};
use crate::recording::Recording;
use seaworthy_core::kv::{Answer, Command};
use seaworthy_core::types::Bytes;
use seaworthy_sim::history::Completion;

pub(crate) fn recording(text: &str) -> Recording {
    let mut recording = Recording::default();
    let documents = edn::parse(text);
    let events = documents.first().expect("a list of events").list();
    let is_mutex = events.iter().any(|event| matches!(event.get("f"), Edn::Keyword(f) if f == "acquire"));
    let initial = if is_mutex { "free" } else { "0" };
    recording.begin(Command::Set { key: key(), value: Bytes::from(initial) }, Answer::Ok);
    for event in events {
        let Edn::Int(process) = event.get("process") else { continue };
        let function = event.get("f").keyword();
        match (event.get("type").keyword(), function) {
            ("invoke", _) => recording.invoke(*process, command(function, event.get("value"))),
            ("fail", _) => recording.complete(*process, Completion::Fail),
            ("info", _) => recording.complete(*process, Completion::Info),
            ("ok", "read") => recording.complete(
                *process,
                match event.get("value") {
                    Edn::Nil => Completion::Info,
                    value => Completion::Ok(Answer::Value(number(value))),
                },
            ),
            ("ok", _) => recording.complete(*process, Completion::Ok(Answer::Ok)),
            other => panic!("not an outcome: {other:?}"),
        }
    }
    recording
}

fn command(function: &str, value: &Edn) -> Command {
    let cas = |expected: Bytes, new: Bytes| Command::Cas { key: key(), expected: Some(expected), new };
    match function {
        "read" => Command::Get { key: key() },
        "write" => Command::Set { key: key(), value: number(value) },
        "cas" => match value.list() {
            [expected, new] => cas(number(expected), number(new)),
            other => panic!("not a pair: {other:?}"),
        },
        "acquire" => cas(Bytes::from("free"), Bytes::from("held")),
        "release" => cas(Bytes::from("held"), Bytes::from("free")),
        other => panic!("not a command: {other}"),
    }
}

fn key() -> Bytes {
    Bytes::from("object")
}

fn number(value: &Edn) -> Bytes {
    Bytes::from(value.int().to_string().as_str())
}
