//! What each command does and answers.

use seaworthy_core::flaw::Sound;
use seaworthy_core::kv::{Answer, Command, Kind, SYNOPSES, Store, VALUE_MAX, Value};
use seaworthy_core::state_machine::{Operation, Request, StateMachine};
use seaworthy_core::types::{Bytes, LogIndex, SessionId};

/// Runs commands one after the other in an empty store and compares what each answers.
#[track_caller]
fn script(lines: &[(&str, &str)]) {
    let mut store = Store::default();
    for (line, expected) in lines {
        let command = Command::parse(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert_eq!(store.execute(&command).to_string(), *expected, "{line}");
    }
}

/// A STRING is bound whatever the key was, an empty value is a value, and a missing one is nil.
#[test]
fn set_and_get() {
    script(&[
        ("GET a", "(nil)"),
        ("SET a 1", "OK"),
        ("GET a", r#""1""#),
        ("SET a ''", "OK"),
        ("GET a", r#""""#),
        ("SSET a m", "(error) WRONGTYPE key holds a STRING"),
        ("DEL a", "(integer) 1"),
        ("SSET a m", "(integer) 1"),
        ("SET a 2", "OK"),
        ("GET a", r#""2""#),
        ("GET A", "(nil)"),
        ("SET '' nothing", "OK"),
        ("GET ''", r#""nothing""#),
    ]);
}

/// DEL removes a key of any type, once.
#[test]
fn del() {
    script(&[
        ("DEL a", "(integer) 0"),
        ("SET a 1", "OK"),
        ("DEL a", "(integer) 1"),
        ("DEL a", "(integer) 0"),
        ("HSET a f:v g:w", "(integer) 2"),
        ("DEL a", "(integer) 1"),
        ("HGET a f", "(nil)"),
        ("SSET a m n", "(integer) 2"),
        ("DEL a", "(integer) 1"),
        ("SHAS a m", "false"),
        ("TYPE a", "NONE"),
    ]);
}

/// CAS answers OK or what it found; the bare word nil expects nothing, a quoted one that string.
#[test]
fn cas() {
    script(&[
        ("CAS a 0 1", "(nil)"),
        ("EXISTS a", "false"),
        ("CAS a \"nil\" 1", "(nil)"),
        ("CAS a nil 1", "OK"),
        ("CAS a nil 2", r#""1""#),
        ("CAS a 0 2", r#""1""#),
        ("CAS a 1 nil", "OK"),
        ("GET a", r#""nil""#),
        ("CAS a nil 3", r#""nil""#),
        ("CAS a 'nil' 3", "OK"),
        ("CAS a 3 ''", "OK"),
        ("CAS a '' 4", "OK"),
        ("GET a", r#""4""#),
    ]);
}

/// APPEND extends, a missing STRING from empty, and answers the length in bytes.
#[test]
fn append() {
    script(&[
        ("APPEND a ''", "(integer) 0"),
        ("EXISTS a", "true"),
        ("APPEND a xy", "(integer) 2"),
        ("APPEND a é", "(integer) 4"),
        ("GET a", r#""xyé""#),
    ]);
}

/// A STRING grows by APPEND to its limit and not beyond; what would is refused and changes nothing.
#[test]
fn append_stops_at_the_limit() {
    let mut store = Store::default();
    let mut append = |length: usize| {
        let before = store.hash();
        let value = Bytes::from(vec![b'x'; length]);
        let answer = store.execute(&Command::Append { key: "a".into(), value });
        (answer, store.hash() != before)
    };
    assert_eq!(append(VALUE_MAX - 1), (Answer::Integer(VALUE_MAX as u64 - 1), true));
    assert_eq!(append(2), (Answer::TooLarge, false));
    assert_eq!(append(1), (Answer::Integer(VALUE_MAX as u64), true));
    assert_eq!(append(1), (Answer::TooLarge, false));
    assert_eq!(append(0), (Answer::Integer(VALUE_MAX as u64), false));
}

/// HSET counts new fields, once each, and the last value of a field stays; HDEL of the last field removes the hash.
#[test]
fn hashes() {
    script(&[
        ("HGETALL h", "{}"),
        ("HDEL h f", "(integer) 0"),
        ("HSET h g:w f:v", "(integer) 2"),
        ("HSET h f:x k:y", "(integer) 1"),
        ("HSET h m:1 m:2", "(integer) 1"),
        ("HGET h m", r#""2""#),
        ("HGET h f", r#""x""#),
        ("HGET h none", "(nil)"),
        ("HGETALL h", r#"{"f": "x", "g": "w", "k": "y", "m": "2"}"#),
        ("HDEL h f f none g", "(integer) 2"),
        ("TYPE h", "HASH"),
        ("HDEL h k m", "(integer) 2"),
        ("EXISTS h", "false"),
        ("SSET h m", "(integer) 1"),
    ]);
}

/// SSET counts new members, once each; SDEL of the last member removes the set.
#[test]
fn sets() {
    script(&[
        ("SMEMBERS s", "[]"),
        ("SDEL s a", "(integer) 0"),
        ("SSET s b a b", "(integer) 2"),
        ("SSET s b c", "(integer) 1"),
        ("SHAS s a", "true"),
        ("SHAS s A", "false"),
        ("SMEMBERS s", r#"["a", "b", "c"]"#),
        ("SDEL s a a none", "(integer) 1"),
        ("TYPE s", "SET"),
        ("SDEL s b c", "(integer) 2"),
        ("TYPE s", "NONE"),
        ("HSET s f:v", "(integer) 1"),
    ]);
}

/// EXISTS and TYPE work on keys of any type.
#[test]
fn exists_and_type() {
    script(&[
        ("EXISTS a", "false"),
        ("TYPE a", "NONE"),
        ("SET a 1", "OK"),
        ("EXISTS a", "true"),
        ("TYPE a", "STRING"),
        ("HSET h f:v", "(integer) 1"),
        ("EXISTS h", "true"),
        ("TYPE h", "HASH"),
        ("SSET s m", "(integer) 1"),
        ("EXISTS s", "true"),
        ("TYPE s", "SET"),
    ]);
}

/// One command of each sort, on the key `k`.
fn one_of_each() -> Vec<Command> {
    let arguments = |name| match name {
        "SET" | "APPEND" | "HGET" | "SHAS" => "k v",
        "CAS" => "k v w",
        "HSET" => "k f:v",
        "HDEL" | "SSET" | "SDEL" => "k v w",
        _ => "k",
    };
    let parse = |line: String| Command::parse(&line).unwrap_or_else(|error| panic!("{line}: {error}"));
    SYNOPSES.iter().map(|synopsis| parse(format!("{} {}", synopsis.name, arguments(synopsis.name)))).collect()
}

/// The one type that a command works on, if it does not work on all.
fn needs(command: &Command) -> Option<Kind> {
    match command {
        Command::Get { .. } | Command::Cas { .. } | Command::Append { .. } => Some(Kind::String),
        Command::HSet { .. } | Command::HGet { .. } | Command::HDel { .. } | Command::HGetAll { .. } => {
            Some(Kind::Hash)
        }
        Command::SSet { .. } | Command::SHas { .. } | Command::SDel { .. } | Command::SMembers { .. } => {
            Some(Kind::Set)
        }
        Command::Set { .. } | Command::Del { .. } | Command::Exists { .. } | Command::Type { .. } => None,
    }
}

/// Each command on each type: where it needs another, it answers so and changes nothing.
#[test]
fn a_wrong_type_is_an_answer() {
    let holders = [(Kind::String, "SET k v"), (Kind::Hash, "HSET k f:v"), (Kind::Set, "SSET k v")];
    let mut refused = 0;
    for command in one_of_each() {
        for (holds, make) in holders {
            let mut store = Store::default();
            store.execute(&Command::parse(make).expect("it is a command"));
            let before: Vec<(Bytes, Value)> = contents(&store);
            let hash = store.hash();
            let answer = store.execute(&command);
            let wrong = needs(&command).is_some_and(|needed| needed != holds);
            assert_eq!(answer == Answer::WrongType { holds }, wrong, "{command} on a {holds}: {answer}");
            if wrong {
                assert_eq!((contents(&store), store.hash()), (before, hash), "{command} on a {holds}");
                refused += 1;
            }
        }
    }
    assert_eq!(refused, 11 * 2, "eleven commands need one type of three");
}

fn contents(store: &Store) -> Vec<(Bytes, Value)> {
    store.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// What the log may hold though no prompt would write it: lists without elements make no value and count nothing.
#[test]
fn commands_without_elements_do_nothing() {
    let key = || Bytes::from("k");
    let hollow = [
        Command::HSet { key: key(), pairs: vec![] },
        Command::HDel { key: key(), fields: vec![] },
        Command::SSet { key: key(), members: vec![] },
        Command::SDel { key: key(), members: vec![] },
    ];
    for command in hollow {
        let mut store = Store::default();
        assert_eq!(store.execute(&command), Answer::Integer(0), "{command}");
        assert_eq!((store.iter().count(), store.hash()), (0, 0), "{command}");
        store.execute(&Command::Set { key: key(), value: key() });
        assert_eq!(store.execute(&command), Answer::WrongType { holds: Kind::String }, "{command}");
    }
}

/// The state machine answers reads beside the log, and refuses writes there.
#[test]
fn a_query_reads_and_nothing_else() {
    let mut machine = StateMachine::default();
    let mut apply = |index, session, sequence, operation| {
        let request = Request { session: SessionId(session), sequence, operation };
        machine.apply(Sound, LogIndex(index), &request.encode());
    };
    apply(1, 0, 0, Operation::Register);
    apply(2, 1, 1, Operation::Command(Command::parse("SET k v").expect("it is a command")));
    for command in one_of_each() {
        assert_eq!(machine.query(&command).is_some(), command.is_read(), "{command}");
    }
    let get = Command::Get { key: "k".into() };
    assert_eq!(machine.query(&get), Some(Answer::Value("v".into())));
}
