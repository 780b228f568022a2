//! Jepsen logs of one etcd register: `INFO  jepsen.util - 3  :ok  :cas  [1 2]`, columns apart by tabs or by spaces.
//!
//! The register begins without a value. A failed CAS found something other than it expected, and does not tell what.

use crate::recording::Recording;
use seaworthy_core::kv::{Answer, Command};
use seaworthy_core::types::Bytes;
use seaworthy_sim::history::Completion;

pub(crate) fn recording(text: &str) -> Recording {
    let mut recording = Recording::default();
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let ["INFO", "jepsen.util", "-", process, kind, function, value @ ..] = words.as_slice() else {
            panic!("not an operation: {line}");
        };
        let process = process.parse().expect("a process is a number");
        match (*kind, *function, value) {
            (":invoke", ..) => recording.invoke(process, command(function, value)),
            (":ok", ":read", ["nil"]) => recording.complete(process, Completion::Ok(Answer::Nil)),
            (":ok", ":read", [value]) => {
                recording.complete(process, Completion::Ok(Answer::Value(Bytes::from(*value))));
            }
            (":ok", ":write" | ":cas", _) => recording.complete(process, Completion::Ok(Answer::Ok)),
            (":fail", ":cas", [_, _]) => recording.refusal(process),
            (":info", ..) | (":fail", ":read", [":timed-out"]) => {
                recording.complete(process, Completion::Info)
            }
            _ => panic!("not an outcome: {line}"),
        }
    }
    recording
}

fn command(function: &str, value: &[&str]) -> Command {
    let key = Bytes::from("register");
    match (function, value) {
        (":read", _) => Command::Get { key },
        (":write", [value]) => Command::Set { key, value: Bytes::from(*value) },
        (":cas", [expected, new]) => Command::Cas {
            key,
            expected: Some(Bytes::from(expected.trim_start_matches('['))),
            new: Bytes::from(new.trim_end_matches(']')),
        },
        _ => panic!("not a command: {function} {value:?}"),
    }
}
