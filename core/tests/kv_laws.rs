//! Laws of the store and of its commands' text and bytes: random commands against deliberately dumb twins.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use seaworthy_core::flaw::Sound;
use seaworthy_core::kv::{Answer, Command, Kind, Store, VALUE_MAX, Value};
use seaworthy_core::state_machine::{Operation, Outcome, Request, StateMachine};
use seaworthy_core::types::{Bytes, LogIndex, SessionId};
use std::collections::BTreeMap;

/// Commands whose parts come from these, so that few choices make them meet.
fn commands(name: BoxedStrategy<Bytes>, value: BoxedStrategy<Bytes>) -> BoxedStrategy<Command> {
    let names = || vec(name.clone(), 1..4);
    let (key, pair) = (name.clone(), (name.clone(), value.clone()));
    prop_oneof![
        (key.clone(), value.clone()).prop_map(|(key, value)| Command::Set { key, value }),
        key.clone().prop_map(|key| Command::Get { key }),
        key.clone().prop_map(|key| Command::Del { key }),
        (key.clone(), prop::option::of(value.clone()), value.clone())
            .prop_map(|(key, expected, new)| Command::Cas { key, expected, new }),
        (key.clone(), value).prop_map(|(key, value)| Command::Append { key, value }),
        (key.clone(), vec(pair, 1..4)).prop_map(|(key, pairs)| Command::HSet { key, pairs }),
        (key.clone(), name.clone()).prop_map(|(key, field)| Command::HGet { key, field }),
        (key.clone(), names()).prop_map(|(key, fields)| Command::HDel { key, fields }),
        key.clone().prop_map(|key| Command::HGetAll { key }),
        (key.clone(), names()).prop_map(|(key, members)| Command::SSet { key, members }),
        (key.clone(), name.clone()).prop_map(|(key, member)| Command::SHas { key, member }),
        (key.clone(), names()).prop_map(|(key, members)| Command::SDel { key, members }),
        key.clone().prop_map(|key| Command::SMembers { key }),
        key.clone().prop_map(|key| Command::Exists { key }),
        key.prop_map(|key| Command::Type { key }),
    ]
    .boxed()
}

/// Commands on few keys, fields and values. Some run into each other when glued together.
fn meeting() -> BoxedStrategy<Command> {
    let few = |words: &'static [&str]| select(words).prop_map(Bytes::from).boxed();
    commands(few(&["", "a", "b", "ab"]), few(&["", "a", "b", "ab", "nil"]))
}

/// Commands of any bytes, with a liking for those that mean something to the grammar.
fn of_any_bytes() -> BoxedStrategy<Command> {
    let telling = select(&b" \t\n\r\"'\\:xn\x00\x1b\x7f\xc3\xa9\xe2\x80\xae\xff"[..]);
    let bytes = || vec(prop_oneof![telling.clone(), any::<u8>()], 0..8).prop_map(Bytes::from);
    let part = prop_oneof![bytes(), select(&["nil", "NIL", "f:v", "é", ":"][..]).prop_map(Bytes::from)];
    commands(part.clone().boxed(), part.boxed())
}

/// The store, as a list of rows in no order, searched from the start each time. A STRING is one row without a
/// field, a member is a row without a value.
#[derive(Clone, Default)]
struct Twin(Vec<(Bytes, Kind, Bytes, Bytes)>);

impl Twin {
    fn kind(&self, key: &Bytes) -> Option<Kind> {
        self.0.iter().find(|row| row.0 == *key).map(|row| row.1)
    }

    /// Takes out the row under `key` and `field`.
    fn take(&mut self, key: &Bytes, field: &Bytes) -> Option<Bytes> {
        let position = self.0.iter().position(|row| row.0 == *key && row.2 == *field)?;
        Some(self.0.remove(position).3)
    }

    /// Puts in a row, and says whether there was none before.
    fn put(&mut self, key: &Bytes, kind: Kind, field: &Bytes, value: &Bytes) -> u64 {
        let before = self.take(key, field);
        self.0.push((key.clone(), kind, field.clone(), value.clone()));
        u64::from(before.is_none())
    }

    fn look(&self, key: &Bytes, field: &Bytes) -> Option<Bytes> {
        self.clone().take(key, field)
    }

    /// Fields and values under `key`, in order of field.
    fn under(&self, key: &Bytes) -> Vec<(Bytes, Bytes)> {
        let rows = self.0.iter().filter(|row| row.0 == *key);
        let mut pairs: Vec<_> = rows.map(|row| (row.2.clone(), row.3.clone())).collect();
        pairs.sort();
        pairs
    }

    fn bind(&mut self, key: &Bytes, value: &Bytes) {
        self.0.retain(|row| row.0 != *key);
        self.put(key, Kind::String, &Bytes::default(), value);
    }

    fn execute(&mut self, command: &Command) -> Answer {
        let kind = self.kind(command.key());
        let needs = match command.name() {
            "GET" | "CAS" | "APPEND" => Some(Kind::String),
            "HSET" | "HGET" | "HDEL" | "HGETALL" => Some(Kind::Hash),
            "SSET" | "SHAS" | "SDEL" | "SMEMBERS" => Some(Kind::Set),
            _ => None,
        };
        if let (Some(needs), Some(holds)) = (needs, kind)
            && needs != holds
        {
            return Answer::WrongType { holds };
        }
        let whole = Bytes::default();
        let value_or_nil = |value: Option<Bytes>| value.map_or(Answer::Nil, Answer::Value);
        match command {
            Command::Set { key, value } => {
                self.bind(key, value);
                Answer::Ok
            }
            Command::Get { key } => value_or_nil(self.look(key, &whole)),
            Command::Del { key } => {
                self.0.retain(|row| row.0 != *key);
                Answer::Integer(u64::from(kind.is_some()))
            }
            Command::Cas { key, expected, new } => {
                let found = self.look(key, &whole);
                if found != *expected {
                    return value_or_nil(found);
                }
                self.bind(key, new);
                Answer::Ok
            }
            Command::Append { key, value } => {
                let before = self.look(key, &whole).unwrap_or_default();
                let after = [&before[..], value].concat();
                assert!(after.len() <= VALUE_MAX, "these commands are small");
                self.bind(key, &Bytes::new(&after));
                Answer::Integer(after.len() as u64)
            }
            Command::HSet { key, pairs } => Answer::Integer(
                pairs.iter().map(|(field, value)| self.put(key, Kind::Hash, field, value)).sum(),
            ),
            Command::HGet { key, field } => value_or_nil(self.look(key, field)),
            Command::HGetAll { key } => Answer::Pairs(self.under(key)),
            Command::SSet { key, members } => {
                Answer::Integer(members.iter().map(|member| self.put(key, Kind::Set, member, &whole)).sum())
            }
            Command::SHas { key, member } => Answer::Boolean(self.look(key, member).is_some()),
            Command::HDel { key, fields: gone } | Command::SDel { key, members: gone } => {
                Answer::Integer(gone.iter().filter_map(|field| self.take(key, field)).count() as u64)
            }
            Command::SMembers { key } => {
                Answer::Members(self.under(key).into_iter().map(|(member, _)| member).collect())
            }
            Command::Exists { .. } => Answer::Boolean(kind.is_some()),
            Command::Type { .. } => Answer::Type(kind),
        }
    }

    /// Its rows, in order.
    fn contents(&self) -> Vec<(Bytes, Kind, Bytes, Bytes)> {
        let mut rows = self.0.clone();
        rows.sort();
        rows
    }

    /// A store with its contents, made from nothing, row by row.
    fn rebuilt(&self) -> Store {
        let mut store = Store::default();
        for (key, kind, field, value) in self.0.iter().cloned() {
            store.execute(&match kind {
                Kind::String => Command::Set { key, value },
                Kind::Hash => Command::HSet { key, pairs: vec![(field, value)] },
                Kind::Set => Command::SSet { key, members: vec![field] },
            });
        }
        store
    }
}

/// The contents of a store, as its twin has them.
fn rows(store: &Store) -> Vec<(Bytes, Kind, Bytes, Bytes)> {
    let mut rows = vec![];
    for (key, value) in store.iter() {
        let mut row =
            |field: &Bytes, part: &Bytes| rows.push((key.clone(), value.kind(), field.clone(), part.clone()));
        match value {
            Value::String(value) => row(&Bytes::default(), value),
            Value::Hash(fields) => fields.iter().for_each(|(field, value)| row(field, value)),
            Value::Set(members) => members.iter().for_each(|member| row(member, &Bytes::default())),
        }
    }
    rows
}

proptest! {
    /// The store answers and holds what its twin does. Its hash is that of a store made from nothing with the same
    /// contents, and no other contents have it.
    #[test]
    fn store_agrees_with_its_twin(commands in vec(meeting(), 1..60)) {
        let (mut store, mut twin) = (Store::default(), Twin::default());
        let mut seen = BTreeMap::from([(store.hash(), vec![])]);
        for command in &commands {
            let (before, queried) = (store.hash(), store.query(command));
            let answer = store.execute(command);
            prop_assert_eq!(&answer, &twin.execute(command), "{}", command);
            prop_assert_eq!(queried.is_some(), command.is_read(), "{}", command);
            if command.is_read() {
                prop_assert_eq!(queried, Some(answer), "{}", command);
                prop_assert_eq!(store.hash(), before, "{}", command);
            }
            let contents = twin.contents();
            prop_assert_eq!(&rows(&store), &contents, "{}", command);
            prop_assert_eq!(store.hash(), twin.rebuilt().hash(), "{}", command);
            let same = seen.entry(store.hash()).or_insert_with(|| contents.clone());
            prop_assert_eq!(&*same, &contents, "{}", command);
        }
    }

    /// Commands on different keys commute: in order of key, and else as they were, they give the same state.
    #[test]
    fn keys_do_not_matter_to_each_other(commands in vec(meeting(), 1..60)) {
        let run = |commands: &[Command]| {
            let mut store = Store::default();
            commands.iter().for_each(|command| drop(store.execute(command)));
            (store.hash(), rows(&store))
        };
        let mut by_key = commands.clone();
        by_key.sort_by_key(|command| command.key().clone());
        prop_assert_eq!(run(&commands), run(&by_key));
    }

    /// What is printed reads back, and is on one line and harmless to a terminal.
    #[test]
    fn text_reads_back(command in of_any_bytes()) {
        let text = command.to_string();
        prop_assert!(!text.contains(|c: char| c.is_control() || c == '\u{202e}'), "{text:?}");
        prop_assert_eq!(Command::parse(&text), Ok(command), "{}", text);
    }

    /// Any line is a command, which prints as one that is equal, or is refused on one harmless line.
    #[test]
    fn any_line_is_read(line in r#"(?s)([a-zA-Z]{3}|HSET|CAS|SET)([ \t"'\\:xn0a]|.){0,20}"#) {
        let text = match Command::parse(&line) {
            Ok(command) => {
                let text = command.to_string();
                prop_assert_eq!(Command::parse(&text), Ok(command), "{}", &text);
                text
            }
            Err(error) => error.to_string(),
        };
        prop_assert!(!text.contains(char::is_control), "{text:?}");
    }

    /// Answers are on one line and harmless to a terminal.
    #[test]
    fn answers_are_harmless(value in vec(any::<u8>(), 0..20).prop_map(Bytes::from)) {
        for answer in [
            Answer::Value(value.clone()),
            Answer::Members(vec![value.clone(), value.clone()]),
            Answer::Pairs(vec![(value.clone(), value)]),
        ] {
            let text = answer.to_string();
            prop_assert!(!text.contains(char::is_control), "{text:?}");
        }
    }

    /// What is encoded decodes, and leaves what follows.
    #[test]
    fn bytes_read_back(command in of_any_bytes(), session: u64, sequence: u64, after in vec(any::<u8>(), 0..4)) {
        let mut bytes = vec![];
        command.encode(&mut bytes);
        bytes.extend(&after);
        prop_assert_eq!(Command::decode(&bytes), Some((command.clone(), &after[..])));
        let request = Request { session: SessionId(session), sequence, operation: Operation::Command(command) };
        prop_assert_eq!(Request::decode(&request.encode()), Some(request));
    }

    /// Bytes near a request's are refused, or are the one encoding of another.
    #[test]
    fn each_request_has_one_encoding(
        command in meeting(), sequence in 0..300_u64, at: prop::sample::Index, byte: u8,
    ) {
        let request = Request { session: SessionId(1), sequence, operation: Operation::Command(command) };
        let mut bytes = request.encode().to_vec();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Some(other) = Request::decode(&bytes) {
            prop_assert_eq!(&*other.encode(), &bytes[..]);
        }
    }

    /// Any bytes decode or are refused; as an entry they have an outcome, the same on two replicas.
    #[test]
    fn any_bytes_are_applied(bytes in prop_oneof![
        vec(any::<u8>(), 0..40),
        vec(0..16_u8, 0..40).prop_map(|bytes| [&[1, 1, 1, 1][..], &bytes].concat()),
    ]) {
        let mut replicas = [StateMachine::default(), StateMachine::default()];
        let open = Request { session: SessionId::ZERO, sequence: 0, operation: Operation::Register };
        let outcomes = replicas.each_mut().map(|replica| {
            replica.apply(Sound, LogIndex(1), &open.encode());
            (replica.apply(Sound, LogIndex(2), &bytes), replica.hash())
        });
        prop_assert_eq!(&outcomes[0], &outcomes[1]);
        let malformed = outcomes[0].0.outcome == Outcome::Malformed;
        prop_assert_eq!(malformed, Request::decode(&bytes).is_none());
        if let Some((_, rest)) = Command::decode(&bytes) {
            prop_assert!(rest.len() < bytes.len());
        }
    }
}
