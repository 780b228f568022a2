//! Porcupine's key-value histories: `{:process 9, :type :ok, :f :append, :key "0", :value "x 9 0 y"}`, a line an event.
//!
//! Every key begins with the empty string. What an append answered is not recorded.

use crate::edn::{self, Edn};
use crate::recording::Recording;
use seaworthy_core::kv::{Answer, Command};
use seaworthy_core::types::Bytes;
use seaworthy_sim::history::Completion;
use std::collections::BTreeSet;

pub(crate) fn recording(text: &str) -> Recording {
    let events = edn::parse(text);
    let mut recording = Recording::default();
    let keys: BTreeSet<&str> = events.iter().map(|event| event.get("key").text()).collect();
    for key in keys {
        let command = Command::Set { key: Bytes::from(key), value: Bytes::default() };
        recording.begin(command, Answer::Ok);
    }
    for event in &events {
        let process = event.get("process").int();
        let function = event.get("f").keyword();
        match event.get("type").keyword() {
            "invoke" => recording.invoke(process, command(function, event)),
            "ok" if function == "get" => {
                let answer = Answer::Value(Bytes::from(event.get("value").text()));
                recording.complete(process, Completion::Ok(answer));
            }
            "ok" => recording.effect(process),
            other => panic!("not an outcome: {other}"),
        }
    }
    recording
}

fn command(function: &str, event: &Edn) -> Command {
    let key = Bytes::from(event.get("key").text());
    let value = || Bytes::from(event.get("value").text());
    match function {
        "get" => Command::Get { key },
        "put" => Command::Set { key, value: value() },
        "append" => Command::Append { key, value: value() },
        other => panic!("not a command: {other}"),
    }
}
