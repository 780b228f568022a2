//! What each command does and answers, and what sessions make of requests that come again.

use seaworthy_core::flaw::{Flaw, Flaws, Planted, Sound};
use seaworthy_core::kv::{Answer, Command, Kind, SYNOPSES, Store, VALUE_MAX, Value};
use seaworthy_core::state_machine::{Applied, Operation, Outcome, Request, StateMachine};
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

/// A state machine and the index of its newest entry.
#[derive(Default)]
struct Replica {
    machine: StateMachine,
    index: LogIndex,
}

impl Replica {
    fn apply(&mut self, flaws: impl Flaws, request: &Request) -> Applied {
        self.index = self.index.next();
        self.machine.apply(flaws, self.index, &request.encode())
    }

    /// Opens a session.
    fn register(&mut self) -> SessionId {
        let request = Request { session: SessionId::ZERO, sequence: 0, operation: Operation::Register };
        let applied = self.apply(Sound, &request);
        assert_eq!((applied.request, applied.executed), (Some((SessionId::ZERO, 0)), false));
        match applied.outcome {
            Outcome::Registered(session) => session,
            other => panic!("a session opens: {other:?}"),
        }
    }

    /// Applies a command and shows what came of it: what it answered, and whether it ran.
    fn run(&mut self, flaws: impl Flaws, session: SessionId, sequence: u64, line: &str) -> (String, bool) {
        let command = Command::parse(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        let request = Request { session, sequence, operation: Operation::Command(command) };
        let applied = self.apply(flaws, &request);
        assert_eq!(applied.request, Some((session, sequence)), "the entry holds the request");
        let shown = match applied.outcome {
            Outcome::Answer(answer) => answer.to_string(),
            other => format!("{other:?}"),
        };
        (shown, applied.executed)
    }
}

fn ran(answer: &str) -> (String, bool) {
    (answer.to_string(), true)
}

fn not_run(answer: &str) -> (String, bool) {
    (answer.to_string(), false)
}

/// A session's identity is the index of the entry that opened it (thesis §6.3).
#[test]
fn a_session_is_named_by_its_index() {
    let mut replica = Replica::default();
    assert_eq!(replica.register(), SessionId(1));
    assert_eq!(replica.run(Sound, SessionId(1), 1, "SET a 1"), ran("OK"));
    assert_eq!(replica.register(), SessionId(3));
}

/// A request that comes again is answered as it was and not run, whatever has happened since (thesis §6.3).
#[test]
fn a_retry_is_answered_from_the_session() {
    let mut replica = Replica::default();
    let (one, two) = (replica.register(), replica.register());
    assert_eq!(replica.run(Sound, one, 1, "APPEND a x"), ran("(integer) 1"));
    assert_eq!(replica.run(Sound, two, 1, "APPEND a y"), ran("(integer) 2"));
    let hash = replica.machine.hash();
    assert_eq!(replica.run(Sound, one, 1, "APPEND a x"), not_run("(integer) 1"));
    assert_eq!(replica.machine.hash(), hash, "a retry changes nothing");
    assert_eq!(replica.run(Sound, one, 2, "GET a"), ran(r#""xy""#));
}

/// A client may give up on a request and go on; one that then arrives late is not run.
#[test]
fn a_late_request_is_superseded() {
    let mut replica = Replica::default();
    let session = replica.register();
    assert_eq!(replica.run(Sound, session, 1, "APPEND a x"), ran("(integer) 1"));
    assert_eq!(replica.run(Sound, session, 5, "APPEND a y"), ran("(integer) 2"));
    let hash = replica.machine.hash();
    assert_eq!(replica.run(Sound, session, 3, "APPEND a z"), not_run("Superseded"));
    assert_eq!(replica.run(Sound, session, 1, "APPEND a x"), not_run("Superseded"));
    assert_eq!(replica.machine.hash(), hash, "what is superseded changes nothing");
}

/// Without a session nothing runs: a session that expired must not be made anew by its client's retry.
#[test]
fn an_unknown_session_runs_nothing() {
    let mut replica = Replica::default();
    replica.register();
    let hash = replica.machine.hash();
    assert_eq!(replica.run(Sound, SessionId(7), 1, "SET a 1"), not_run("UnknownSession"));
    assert_eq!(replica.run(Sound, SessionId::ZERO, 1, "SET a 1"), not_run("UnknownSession"));
    assert_eq!(replica.machine.hash(), hash);
}

/// A wrong type is remembered like any other answer, also when the key has changed its type since.
#[test]
fn an_error_is_remembered() {
    let mut replica = Replica::default();
    let (one, two) = (replica.register(), replica.register());
    replica.run(Sound, two, 1, "SSET a m");
    assert_eq!(replica.run(Sound, one, 1, "APPEND a x"), ran("(error) WRONGTYPE key holds a SET"));
    replica.run(Sound, two, 2, "DEL a");
    assert_eq!(replica.run(Sound, one, 1, "APPEND a x"), not_run("(error) WRONGTYPE key holds a SET"));
}

/// Bytes that are no request are an outcome.
#[test]
fn what_is_no_request_is_malformed() {
    let mut replica = Replica::default();
    replica.register();
    let hash = replica.machine.hash();
    for data in [&b""[..], b"\x01", b"\x02\x01\x01\x00", b"SET a 1"] {
        let applied = replica.machine.apply(Sound, LogIndex(9), data);
        assert_eq!(applied, Applied { outcome: Outcome::Malformed, request: None, executed: false });
        assert_eq!(replica.machine.hash(), hash);
    }
}

/// The state machine answers reads beside the log, and refuses writes there.
#[test]
fn a_query_reads_and_nothing_else() {
    let mut replica = Replica::default();
    let session = replica.register();
    replica.run(Sound, session, 1, "SET k v");
    for command in one_of_each() {
        assert_eq!(replica.machine.query(&command).is_some(), command.is_read(), "{command}");
    }
    let get = Command::Get { key: "k".into() };
    assert_eq!(replica.machine.query(&get), Some(Answer::Value("v".into())));
}

/// Sessions are state: replicas that differ in them alone differ in their hash.
#[test]
fn the_hash_covers_sessions() {
    let mut hashes = vec![];
    let mut replica = Replica::default();
    hashes.push(replica.machine.hash());
    let session = replica.register();
    hashes.push(replica.machine.hash());
    replica.register();
    hashes.push(replica.machine.hash());
    for (sequence, line) in [(1, "DEL a"), (2, "DEL a"), (3, "GET a"), (4, "TYPE a"), (5, "HGETALL a")] {
        replica.run(Sound, session, sequence, line);
        hashes.push(replica.machine.hash());
    }
    let count = hashes.len();
    hashes.sort();
    hashes.dedup();
    assert_eq!(hashes.len(), count, "each step changes the session table and so the hash");
}

/// The planted bug runs a retry again.
#[test]
fn without_deduplication_a_retry_runs() {
    let flawed = Planted::new([Flaw::NoDeduplication]);
    let mut replica = Replica::default();
    let session = replica.register();
    assert_eq!(replica.run(flawed, session, 1, "APPEND a x"), ran("(integer) 1"));
    assert_eq!(replica.run(flawed, session, 1, "APPEND a x"), ran("(integer) 2"));
    assert_eq!(replica.run(flawed, SessionId(7), 1, "APPEND a x"), not_run("UnknownSession"));
}

/// The planted bug takes another session's equal number for a retry.
#[test]
fn deduplication_across_sessions_swallows_requests() {
    let flawed = Planted::new([Flaw::DeduplicatesAcrossSessions]);
    let mut replica = Replica::default();
    let (one, two) = (replica.register(), replica.register());
    assert_eq!(replica.run(flawed, one, 1, "APPEND a x"), ran("(integer) 1"));
    assert_eq!(replica.run(flawed, two, 1, "APPEND b y"), not_run("(integer) 1"));
    assert_eq!(replica.run(flawed, two, 2, "APPEND b y"), ran("(integer) 1"));
}
