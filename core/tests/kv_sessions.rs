//! What sessions make of requests that come again, when they expire, and what a snapshot keeps of them.

use seaworthy_core::flaw::{Flaw, Flaws, Planted, Sound};
use seaworthy_core::kv::{Command, Limits};
use seaworthy_core::state_machine::{Applied, Operation, Outcome, Request, StateMachine};
use seaworthy_core::types::{LogIndex, SessionId};
use std::num::{NonZeroU32, NonZeroU64};

/// A state machine and the index of its newest entry.
#[derive(Default)]
struct Replica {
    machine: StateMachine,
    index: LogIndex,
}

impl Replica {
    /// With so many sessions at most, of such a lifetime.
    fn new((max_sessions, session_lifetime): (u32, u64)) -> Self {
        let limits = Limits {
            max_sessions: NonZeroU32::new(max_sessions).expect("tests ask for some"),
            session_lifetime: NonZeroU64::new(session_lifetime).expect("tests ask for some"),
        };
        Self { machine: StateMachine::new(limits), index: LogIndex::ZERO }
    }

    /// As built from its own snapshot.
    fn restored(&self, flaws: impl Flaws) -> Self {
        let machine = StateMachine::decode(&self.machine.encode(flaws)).expect("it was encoded");
        Self { machine, index: self.index }
    }

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
    assert_eq!(replica.run(Sound, one, 1, "APPEND a x"), not_run("(integer) 1"));
    assert_eq!(replica.run(Sound, one, 2, "GET a"), ran(r#""xy""#));
}

/// A client may give up on a request and go on; one that then arrives late is not run.
#[test]
fn a_late_request_is_superseded() {
    let mut replica = Replica::default();
    let session = replica.register();
    assert_eq!(replica.run(Sound, session, 1, "APPEND a x"), ran("(integer) 1"));
    assert_eq!(replica.run(Sound, session, 5, "APPEND a y"), ran("(integer) 2"));
    assert_eq!(replica.run(Sound, session, 3, "APPEND a z"), not_run("Superseded"));
    assert_eq!(replica.run(Sound, session, 1, "APPEND a x"), not_run("Superseded"));
    assert_eq!(replica.run(Sound, session, 6, "GET a"), ran(r#""xy""#));
}

/// Without a session nothing runs.
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

/// Sessions are state: replicas that differ in them alone, or in their limits or last uses, differ in their hash.
#[test]
fn the_hash_covers_sessions() {
    let limits = [(1, 1), (1, 2), (2, 1)];
    let mut hashes: Vec<u64> = limits.map(|limits| Replica::new(limits).machine.hash()).into();
    let mut replica = Replica::default();
    hashes.push(replica.machine.hash());
    let session = replica.register();
    hashes.push(replica.machine.hash());
    replica.register();
    hashes.push(replica.machine.hash());
    for (sequence, line) in [(1, "DEL a"), (2, "DEL a"), (3, "GET a"), (3, "GET a"), (4, "TYPE a")] {
        replica.run(Sound, session, sequence, line);
        hashes.push(replica.machine.hash());
    }
    let count = hashes.len();
    hashes.sort();
    hashes.dedup();
    assert_eq!(hashes.len(), count, "each differs in the session table or its limits");
}

/// A session outlives its last use by as many entries as its lifetime, and not one more.
#[test]
fn a_session_expires_one_entry_after_its_lifetime() {
    for (unused, expected) in [(9, ran("(integer) 2")), (10, not_run("UnknownSession"))] {
        let mut replica = Replica::new((9, 10));
        let session = replica.register();
        assert_eq!(replica.run(Sound, session, 1, "APPEND a x"), ran("(integer) 1"));
        replica.index.0 += unused;
        assert_eq!(replica.run(Sound, session, 2, "APPEND a y"), expected, "after {unused} entries");
    }
}

/// Opening a session is its first use.
#[test]
fn a_session_that_is_never_used_expires_too() {
    let mut replica = Replica::new((9, 1));
    let session = replica.register();
    replica.index.0 += 1;
    assert_eq!(replica.run(Sound, session, 1, "SET a 1"), not_run("UnknownSession"));
}

/// A client whose requests arrive is alive, whether they run, or are answered from the table, or come too late.
#[test]
fn each_request_that_arrives_is_a_use() {
    let mut replica = Replica::new((9, 1));
    let session = replica.register();
    assert_eq!(replica.run(Sound, session, 2, "APPEND a x"), ran("(integer) 1"));
    assert_eq!(replica.run(Sound, session, 2, "APPEND a x"), not_run("(integer) 1"));
    assert_eq!(replica.run(Sound, session, 1, "APPEND a x"), not_run("Superseded"));
    assert_eq!(replica.run(Sound, session, 3, "APPEND a y"), ran("(integer) 2"));
}

/// An entry that is no request is an entry: what has expired by it leaves state and hash.
#[test]
fn any_entry_lets_time_pass() {
    let mut replica = Replica::new((9, 1));
    let empty = replica.machine.hash();
    replica.register();
    let open = replica.machine.hash();
    replica.machine.apply(Sound, LogIndex(2), b"");
    assert_eq!(replica.machine.hash(), open, "the second entry is within the lifetime");
    replica.machine.apply(Sound, LogIndex(3), b"");
    assert_eq!(replica.machine.hash(), empty, "the third is not");
}

/// Above the limit the least recently used session expires, not the one that was opened first.
#[test]
fn the_least_recently_used_session_makes_room() {
    let mut replica = Replica::new((2, 100));
    let (one, two) = (replica.register(), replica.register());
    assert_eq!(replica.run(Sound, one, 1, "SET a 1"), ran("OK"));
    let three = replica.register();
    assert_eq!(replica.run(Sound, two, 1, "SET a 2"), not_run("UnknownSession"));
    assert_eq!(replica.run(Sound, one, 2, "GET a"), ran(r#""1""#));
    assert_eq!(replica.run(Sound, three, 1, "GET a"), ran(r#""1""#));
}

/// A retry of what an expired session once ran is refused: it neither runs nor opens the session again (thesis §6.3).
#[test]
fn a_retry_in_an_expired_session_is_refused() {
    let mut replica = Replica::new((1, 100));
    let one = replica.register();
    assert_eq!(replica.run(Sound, one, 1, "APPEND a x"), ran("(integer) 1"));
    let two = replica.register();
    assert_eq!(replica.run(Sound, one, 1, "APPEND a x"), not_run("UnknownSession"));
    assert_eq!(replica.run(Sound, one, 2, "APPEND a x"), not_run("UnknownSession"));
    assert_eq!(replica.run(Sound, two, 1, "GET a"), ran(r#""x""#));
}

/// A retry is answered from the table that a snapshot brought, if its first copy is in the snapshot.
#[test]
fn a_retry_across_a_restore_is_answered_from_the_session() {
    let mut replica = Replica::default();
    let session = replica.register();
    assert_eq!(replica.run(Sound, session, 1, "APPEND a x"), ran("(integer) 1"));
    let mut restored = replica.restored(Sound);
    assert_eq!(restored.run(Sound, session, 1, "APPEND a x"), not_run("(integer) 1"));
    assert_eq!(restored.run(Sound, session, 2, "GET a"), ran(r#""x""#));
}

/// Limits and last uses are in the snapshot: after a restore the same session makes room.
#[test]
fn expiry_goes_on_across_a_restore() {
    let mut replica = Replica::new((2, 100));
    let (one, two) = (replica.register(), replica.register());
    replica.run(Sound, one, 1, "SET a 1");
    let mut restored = replica.restored(Sound);
    restored.register();
    assert_eq!(restored.run(Sound, two, 1, "GET a"), not_run("UnknownSession"));
    assert_eq!(restored.run(Sound, one, 2, "GET a"), ran(r#""1""#));
}

/// The planted bug runs what an expired session asks for.
#[test]
fn a_session_that_is_recreated_runs_twice() {
    let flawed = Planted::new([Flaw::ExpiredSessionRecreated]);
    let mut replica = Replica::new((1, 100));
    let one = replica.register();
    assert_eq!(replica.run(flawed, one, 1, "APPEND a x"), ran("(integer) 1"));
    replica.register();
    assert_eq!(replica.run(flawed, one, 1, "APPEND a x"), ran("(integer) 2"));
}

/// The planted bug loses the sessions, and nothing else, at a restore.
#[test]
fn a_snapshot_without_sessions_forgets_them() {
    let flawed = Planted::new([Flaw::SessionsNotInSnapshot]);
    let mut replica = Replica::default();
    let session = replica.register();
    assert_eq!(replica.run(flawed, session, 1, "APPEND a x"), ran("(integer) 1"));
    let mut restored = replica.restored(flawed);
    assert_eq!(restored.run(flawed, session, 1, "APPEND a x"), not_run("UnknownSession"));
    let get = Command::parse("GET a").expect("it is a command");
    assert_eq!(restored.machine.query(&get), replica.machine.query(&get));
}

/// The planted bug makes a restored replica expire another session than the replica that wrote the snapshot.
#[test]
fn a_snapshot_without_last_uses_expires_another_session() {
    let flawed = Planted::new([Flaw::LastUseNotInSnapshot]);
    let mut replica = Replica::new((2, 100));
    let (one, _) = (replica.register(), replica.register());
    replica.run(flawed, one, 1, "SET a 1");
    let mut restored = replica.restored(flawed);
    for (replica, expected) in [(&mut replica, ran("OK")), (&mut restored, not_run("UnknownSession"))] {
        replica.register();
        assert_eq!(replica.run(flawed, one, 2, "SET a 2"), expected);
    }
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
