//! The state as bytes: what they are for ever, what is refused and why, and laws of state and bytes against a
//! deliberately dumb twin.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use seaworthy_core::flaw::Sound;
use seaworthy_core::kv::{Answer, Command, Kind, Limits, NAME_MAX, Store, VALUE_MAX, Value};
use seaworthy_core::state_machine::{Applied, Operation, Outcome, Request, StateMachine};
use seaworthy_core::types::{Bytes, LogIndex, SessionId};
use std::collections::BTreeMap;
use std::num::{NonZeroU32, NonZeroU64};

fn limits(max_sessions: u32, session_lifetime: u64) -> Limits {
    Limits {
        max_sessions: NonZeroU32::new(max_sessions).expect("tests ask for some"),
        session_lifetime: NonZeroU64::new(session_lifetime).expect("tests ask for some"),
    }
}

fn parse(line: &str) -> Command {
    Command::parse(line).unwrap_or_else(|error| panic!("{line}: {error}"))
}

fn register() -> Request {
    Request { session: SessionId::ZERO, sequence: 0, operation: Operation::Register }
}

fn ask(session: u64, sequence: u64, command: Command) -> Request {
    Request { session: SessionId(session), sequence, operation: Operation::Command(command) }
}

/// The state after `requests`, from index 1.
fn after(limits: Limits, requests: impl IntoIterator<Item = Request>) -> StateMachine {
    let mut machine = StateMachine::new(limits);
    for (index, request) in (1..).map(LogIndex).zip(requests) {
        machine.apply(Sound, index, &request.encode());
    }
    machine
}

fn restored(machine: &StateMachine) -> StateMachine {
    StateMachine::decode(&machine.encode(Sound)).expect("it was encoded")
}

/// Bytes from pairs of digits, with spaces wherever they help.
fn bytes(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|digit| *digit != b' ').collect();
    let byte = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).expect("digits"), 16).expect("digits");
    digits.chunks(2).map(byte).collect()
}

/// The bytes of a state. Snapshots on disk hold them: a difference here is a snapshot that can no longer be read.
#[test]
fn golden_state() {
    let requests = [
        register(),
        register(),
        ask(1, 200, parse("SET s value")),
        ask(1, 201, parse("HSET h g:'' f:v")),
        ask(1, 202, parse("SSET m b a ''")),
    ];
    let golden = [
        "01",      // the version
        "03 ac02", // at most three sessions, each for 300 entries
        "02",      // two are open:
        "01 05",   // session 1, used by entry 5,
        "01 ca01", // has run its request 202,
        "04 03",   // which answered the integer 3;
        "02 02",   // session 2, used by entry 2,
        "00",      // has run nothing
        "03",      // there are three keys:
        "0168 02", // h, a HASH
        "02",      // of two fields:
        "0166 0176",
        "0167 00",
        "016d 03", // m, a SET
        "03",      // of three members
        "00 0161 0162",
        "0173 01", // s, a STRING
        "05 76616c7565",
    ];
    let machine = after(limits(3, 300), requests);
    assert_eq!(machine.encode(Sound)[..], bytes(&golden.concat()));
    assert_eq!(restored(&machine).hash(), machine.hash());
}

/// The bytes of each answer, as a session remembers it for a retry.
#[test]
fn golden_answers() {
    let name = |text| Bytes::from(text);
    for (golden, answer) in [
        ("01", Answer::Ok),
        ("02", Answer::Nil),
        ("03 05 76616c7565", Answer::Value(name("value"))),
        ("04 ac02", Answer::Integer(300)),
        ("05 00", Answer::Boolean(false)),
        ("05 01", Answer::Boolean(true)),
        ("06 02 0166 0176 0167 00", Answer::Pairs(vec![(name("f"), name("v")), (name("g"), name(""))])),
        ("07 02 0161 0162", Answer::Members(vec![name("a"), name("b")])),
        ("08 00", Answer::Type(None)),
        ("08 01 01", Answer::Type(Some(Kind::String))),
        ("08 01 02", Answer::Type(Some(Kind::Hash))),
        ("08 01 03", Answer::Type(Some(Kind::Set))),
        ("09 03", Answer::WrongType { holds: Kind::Set }),
        ("0a", Answer::TooLarge),
    ] {
        let golden = bytes(&format!("01 03 ac02  01 01 01 01 09 {golden}  00"));
        let mut machine = StateMachine::decode(&golden).unwrap_or_else(|error| panic!("{answer}: {error}"));
        assert_eq!(machine.encode(Sound)[..], golden, "{answer}");
        let retry = ask(1, 9, parse("GET k")).encode();
        assert_eq!(machine.apply(Sound, LogIndex(2), &retry).outcome, Outcome::Answer(answer));
    }
}

/// What is no state is refused with what is wrong and where, and no length or count is believed.
#[test]
fn what_is_refused_and_why() {
    let incomplete = "the bytes end before this is complete";
    let (number, tag) =
        ("the number is above 64 bits or not in its shortest form", "no meaning of this byte is known");
    let (limit, disorder) =
        ("the limit of sessions is zero or too high", "the element is not above the one before it");
    let hollow = "a HASH or SET without elements is no value";
    for (text, offset, problem) in [
        ("", 0, incomplete),
        ("00", 0, "version 0 is not known, only 1 is"),
        ("02 03 09 00 00", 0, "version 2 is not known, only 1 is"),
        ("01", 1, incomplete),
        ("01 8300", 1, number),
        ("01 00 09 00 00", 1, limit),
        ("01 8080808010 09 00 00", 1, limit),
        ("01 03 00 00 00", 2, limit),
        ("01 03 09", 3, incomplete),
        ("01 03 09 80808080808080808001", 13, incomplete),
        ("01 03 09 ffffffffffffffffff02", 3, number),
        ("01 01 09 02 010100 020200 00", 3, "there are more sessions than the limit allows"),
        ("01 03 09 02 020200 010100 00", 7, disorder),
        ("01 03 09 02 010100 010200 00", 7, disorder),
        ("01 03 09 01 020100 00", 5, "the session was used before it was opened"),
        ("01 03 09 01 010102 00", 6, tag),
        ("01 03 09 01 010101 05 00 00", 8, tag),
        ("01 03 09 01 010101 05 0b 00", 8, tag),
        ("01 03 09 01 010101 05 0502 00", 9, tag),
        ("01 03 09 01 010101 05 0904 00", 9, tag),
        ("01 03 09 01 010101 05 07 808080808001 00", 16, incomplete),
        ("01 03 09 00 02 0162 01 00 0161 01 00", 9, disorder),
        ("01 03 09 00 02 0161 01 00 0161 01 00", 9, disorder),
        ("01 03 09 00 01 80808080808080808001 61", 5, incomplete),
        ("01 03 09 00 01 0161 00", 7, tag),
        ("01 03 09 00 01 0161 04 00", 7, tag),
        ("01 03 09 00 01 0161 01 02 78", 8, incomplete),
        ("01 03 09 00 01 0161 02 00", 8, hollow),
        ("01 03 09 00 01 0161 03 00", 8, hollow),
        ("01 03 09 00 01 0161 02 02 0166 00 0166 00", 12, disorder),
        ("01 03 09 00 01 0161 03 02 0162 0161", 11, disorder),
        ("01 03 09 00 00 00", 5, "nothing more should follow"),
    ] {
        let error = StateMachine::decode(&bytes(text)).expect_err(text);
        assert_eq!(error.to_string(), format!("at byte {offset}: {problem}"), "{text}");
    }
}

/// A log may hold what no server would let in, such as a key above its limit: a snapshot of it can still be read.
#[test]
fn no_state_is_without_a_snapshot() {
    let command = Command::Set { key: vec![7; NAME_MAX + 1].into(), value: vec![8; VALUE_MAX + 1].into() };
    assert!(command.validate().is_err());
    let machine = after(Limits::default(), [register(), ask(1, 1, command)]);
    assert_eq!(restored(&machine).hash(), machine.hash());
}

/// A state machine without an index, without a digest and without a codec: all sessions are looked at each time.
struct Twin {
    limits: Limits,
    sessions: Vec<TwinSession>,
    store: Store,
}

struct TwinSession {
    id: u64,
    last_use: u64,
    ran: Option<(u64, Answer)>,
}

impl Twin {
    fn apply(&mut self, index: u64, request: &Request) -> (Outcome, bool) {
        self.expire(index);
        let Operation::Command(command) = &request.operation else {
            if self.sessions.len() == self.limits.max_sessions.get() as usize {
                let oldest = self.sessions.iter().map(|session| session.last_use).min();
                self.sessions.retain(|session| Some(session.last_use) != oldest);
            }
            self.sessions.push(TwinSession { id: index, last_use: index, ran: None });
            return (Outcome::Registered(SessionId(index)), false);
        };
        let Some(session) = self.sessions.iter_mut().find(|session| session.id == request.session.0) else {
            return (Outcome::UnknownSession, false);
        };
        session.last_use = index;
        match &session.ran {
            Some((sequence, _)) if *sequence > request.sequence => (Outcome::Superseded, false),
            Some((sequence, answer)) if *sequence == request.sequence => {
                (Outcome::Answer(answer.clone()), false)
            }
            _ => {
                let answer = self.store.execute(command);
                session.ran = Some((request.sequence, answer.clone()));
                (Outcome::Answer(answer), true)
            }
        }
    }

    fn expire(&mut self, index: u64) {
        self.sessions.retain(|session| session.last_use + self.limits.session_lifetime.get() >= index);
    }

    /// The bytes of the state, if all its numbers are small.
    fn encode(&self) -> Vec<u8> {
        let mut out =
            vec![1, small(self.limits.max_sessions.get()), small(self.limits.session_lifetime.get())];
        out.push(small(self.sessions.len() as u64));
        // They are in the order in which they were opened.
        for session in &self.sessions {
            out.extend([small(session.id), small(session.last_use), u8::from(session.ran.is_some())]);
            if let Some((sequence, answer)) = &session.ran {
                out.push(small(*sequence));
                out.extend(answer_bytes(answer));
            }
        }
        out.push(small(self.store.iter().count() as u64));
        for (key, value) in self.store.iter() {
            out.extend(string(key));
            match value {
                Value::String(value) => out.extend([vec![1], string(value)].concat()),
                Value::Hash(fields) => {
                    out.extend([2, small(fields.len() as u64)]);
                    fields
                        .iter()
                        .for_each(|(field, value)| out.extend([string(field), string(value)].concat()));
                }
                Value::Set(members) => {
                    out.extend([3, small(members.len() as u64)]);
                    members.iter().for_each(|member| out.extend(string(member)));
                }
            }
        }
        out
    }
}

fn small(number: impl Into<u64>) -> u8 {
    u8::try_from(number.into()).ok().filter(|number| *number < 128).expect("histories are short")
}

fn string(bytes: &[u8]) -> Vec<u8> {
    [&[small(bytes.len() as u64)], bytes].concat()
}

fn answer_bytes(answer: &Answer) -> Vec<u8> {
    let kind = |kind: &Kind| match kind {
        Kind::String => 1,
        Kind::Hash => 2,
        Kind::Set => 3,
    };
    match answer {
        Answer::Ok => vec![1],
        Answer::Nil => vec![2],
        Answer::Value(value) => [vec![3], string(value)].concat(),
        Answer::Integer(number) => vec![4, small(*number)],
        Answer::Boolean(whether) => vec![5, u8::from(*whether)],
        Answer::Pairs(pairs) => {
            let parts = pairs.iter().flat_map(|(field, value)| [string(field), string(value)].concat());
            [6, small(pairs.len() as u64)].into_iter().chain(parts).collect()
        }
        Answer::Members(members) => {
            let parts = members.iter().flat_map(|member| string(member));
            [7, small(members.len() as u64)].into_iter().chain(parts).collect()
        }
        Answer::Type(None) => vec![8, 0],
        Answer::Type(Some(held)) => vec![8, 1, kind(held)],
        Answer::WrongType { holds } => vec![9, kind(holds)],
        Answer::TooLarge => vec![10],
    }
}

/// One entry of a random log.
#[derive(Clone, Debug)]
struct Step {
    /// Entries before it that are not applied.
    skipped: u64,
    /// What it asks; nothing that makes sense if `None`.
    asks: Option<Asks>,
    /// Whether the replica is built anew from its own snapshot first.
    restores: bool,
}

#[derive(Clone, Debug)]
enum Asks {
    Session,
    /// Of one of the sessions that were opened, if any were.
    Command(Index, u64, Command),
}

fn histories() -> impl Strategy<Value = Vec<Step>> {
    let lines = &[
        "SET a x",
        "GET a",
        "DEL a",
        "CAS a x y",
        "APPEND a yz",
        "HSET b f:v g:w",
        "HSET a g:x",
        "HDEL b g",
        "HGETALL b",
        "SSET c m n",
        "SDEL c m n",
        "SMEMBERS c",
        "EXISTS a",
        "TYPE b",
    ];
    let command = (any::<Index>(), 1..5_u64, select(&lines[..]));
    let asks = prop_oneof![
        1 => Just(None),
        3 => Just(Some(Asks::Session)),
        9 => command.prop_map(|(who, sequence, line)| Some(Asks::Command(who, sequence, parse(line)))),
    ];
    let skipped = prop_oneof![4 => Just(0), 1 => 1..3_u64];
    let step = (skipped, asks, any::<bool>());
    vec(step.prop_map(|(skipped, asks, restores)| Step { skipped, asks, restores }), 1..40)
}

fn small_limits() -> impl Strategy<Value = Limits> {
    (1..4_u32, 1..11_u64).prop_map(|(most, lifetime)| limits(most, lifetime))
}

/// The entries of a history, with their indexes.
fn entries(history: &[Step]) -> Vec<(LogIndex, Option<Request>)> {
    let mut index = LogIndex::ZERO;
    let mut opened = vec![];
    let entry = |step: &Step| {
        index.0 += step.skipped + 1;
        let request = step.asks.as_ref().map(|asks| match asks {
            Asks::Session => {
                opened.push(index.0);
                register()
            }
            Asks::Command(who, sequence, command) => {
                let session = if opened.is_empty() { 0 } else { *who.get(&opened) };
                ask(session, *sequence, command.clone())
            }
        });
        (index, request)
    };
    history.iter().map(entry).collect()
}

/// The bytes of an entry.
fn payload(request: &Option<Request>) -> Bytes {
    request.as_ref().map_or_else(Bytes::default, Request::encode)
}

proptest! {
    /// After every entry a state machine has done what its twin did, and so has a replica that was now and then built
    /// from its own snapshot. Their bytes are those that the twin would write. Equal states, and no others, have equal
    /// hashes.
    #[test]
    fn states_agree_with_their_twin(limits in small_limits(), history in histories()) {
        let (mut machine, mut replica) = (StateMachine::new(limits), StateMachine::new(limits));
        let mut twin = Twin { limits, sessions: vec![], store: Store::default() };
        let mut hashes = BTreeMap::from([(machine.hash(), machine.encode(Sound))]);
        for (step, (index, request)) in history.iter().zip(entries(&history)) {
            if step.restores {
                replica = restored(&replica);
            }
            let expected = match &request {
                Some(request) => {
                    let (outcome, executed) = twin.apply(index.0, request);
                    Applied { outcome, request: Some((request.session, request.sequence)), executed }
                }
                None => {
                    twin.expire(index.0);
                    Applied { outcome: Outcome::Malformed, request: None, executed: false }
                }
            };
            let data = payload(&request);
            prop_assert_eq!(&machine.apply(Sound, index, &data), &expected, "{:?} at {}", request, index);
            prop_assert_eq!(&replica.apply(Sound, index, &data), &expected, "{:?} at {}", request, index);
            let bytes = machine.encode(Sound);
            prop_assert_eq!(&bytes[..], twin.encode());
            prop_assert_eq!(&replica.encode(Sound), &bytes);
            prop_assert_eq!(replica.hash(), machine.hash());
            let same = hashes.entry(machine.hash()).or_insert_with(|| bytes.clone());
            prop_assert_eq!(&*same, &bytes);
            prop_assert_eq!(restored(&machine).hash(), machine.hash());
        }
    }

    /// Bytes near a state's are refused, or are the one encoding of another, which lives.
    #[test]
    fn each_state_has_one_encoding(
        limits in small_limits(), history in histories(), at: Index, byte: u8, cut: bool, insert: bool,
    ) {
        let mut machine = StateMachine::new(limits);
        for (index, request) in entries(&history) {
            machine.apply(Sound, index, &payload(&request));
        }
        let mut bytes = machine.encode(Sound).to_vec();
        let at = at.index(bytes.len());
        bytes.splice(at..if insert { at } else { at + 1 }, if cut { None } else { Some(byte) });
        if let Ok(mut other) = StateMachine::decode(&bytes) {
            prop_assert_eq!(&other.encode(Sound)[..], &bytes[..]);
            prop_assert_eq!(other.hash() == machine.hash(), machine.encode(Sound)[..] == bytes[..]);
            entries(&history).iter().for_each(|(index, request)| drop(other.apply(Sound, *index, &payload(request))));
            prop_assert_eq!(restored(&other).hash(), other.hash());
        }
    }

    /// No part of a state's bytes from the start is a state, and nothing may follow them.
    #[test]
    fn a_state_is_all_of_its_bytes(limits in small_limits(), history in histories(), more: u8) {
        let mut machine = StateMachine::new(limits);
        for (index, request) in entries(&history) {
            machine.apply(Sound, index, &payload(&request));
        }
        let mut bytes = machine.encode(Sound).to_vec();
        for end in 0..bytes.len() {
            prop_assert!(StateMachine::decode(&bytes[..end]).is_err(), "the first {} bytes", end);
        }
        bytes.push(more);
        prop_assert!(StateMachine::decode(&bytes).is_err());
    }

    /// Any bytes are refused, or are the one encoding of a state.
    #[test]
    fn any_bytes_are_read(bytes in prop_oneof![
        vec(any::<u8>(), 0..40),
        vec(0..12_u8, 0..40).prop_map(|bytes| [&[1, 9, 9][..], &bytes].concat()),
    ]) {
        match StateMachine::decode(&bytes) {
            Ok(machine) => prop_assert_eq!(&machine.encode(Sound)[..], &bytes[..]),
            Err(error) => prop_assert!(error.offset <= bytes.len(), "{}", error),
        }
    }
}
