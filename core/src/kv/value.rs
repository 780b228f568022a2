//! The values and the commands' effect on them.

use super::answer::{Answer, Kind};
use super::command::{Command, VALUE_MAX};
use super::digest::{Digest, Item};
use crate::types::Bytes;
use alloc::collections::btree_map::{BTreeMap, Entry};
use alloc::collections::btree_set::BTreeSet;
use alloc::vec::Vec;

/// What a key holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A byte string, maybe empty.
    String(Bytes),
    /// Fields with their values, never none.
    Hash(BTreeMap<Bytes, Bytes>),
    /// Members, never none.
    Set(BTreeSet<Bytes>),
}

impl Value {
    /// Its type.
    pub fn kind(&self) -> Kind {
        match self {
            Self::String(_) => Kind::String,
            Self::Hash(_) => Kind::Hash,
            Self::Set(_) => Kind::Set,
        }
    }

    fn wrong_type(&self) -> Answer {
        Answer::WrongType { holds: self.kind() }
    }

    pub(super) fn is_empty_collection(&self) -> bool {
        match self {
            Self::String(_) => false,
            Self::Hash(fields) => fields.is_empty(),
            Self::Set(members) => members.is_empty(),
        }
    }

    /// Calls `each` with all that the value has in the digest of a store that holds it under `key`.
    fn for_each_item(&self, key: &Bytes, mut each: impl FnMut(Item)) {
        match self {
            Self::String(value) => each(Item::string(key).part(value)),
            Self::Hash(fields) => {
                let item = Item::hash(key);
                fields.iter().for_each(|(field, value)| each(item.part(field).part(value)));
            }
            Self::Set(members) => {
                let item = Item::set(key);
                members.iter().for_each(|member| each(item.part(member)));
            }
        }
    }
}

/// Keys and what they hold.
///
/// * No key holds a HASH or SET without elements.
/// * `digest` is the hash of the items of `values`: one for each STRING, field and member.
#[derive(Clone, Debug, Default)]
pub struct Store {
    values: BTreeMap<Bytes, Value>,
    digest: Digest,
}

impl Store {
    /// What is under each key, in order of key.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Bytes, &Value)> {
        self.values.iter()
    }

    /// A hash of the contents, whatever way led to them. Kept up to date at the cost of what a command changes.
    pub fn hash(&self) -> u64 {
        self.digest.get()
    }

    /// Runs any command. Total: every command has an answer in every state.
    pub fn execute(&mut self, command: &Command) -> Answer {
        match command {
            Command::Set { key, value } => self.set(key, value),
            Command::Del { key } => self.del(key),
            Command::Cas { key, expected, new } => self.cas(key, expected.as_ref(), new),
            Command::Append { key, value } => self.append(key, value),
            Command::HSet { key, pairs } => self.hset(key, pairs),
            Command::HDel { key, fields } => self.hdel(key, fields),
            Command::SSet { key, members } => self.sset(key, members),
            Command::SDel { key, members } => self.sdel(key, members),
            Command::Get { .. }
            | Command::HGet { .. }
            | Command::HGetAll { .. }
            | Command::SHas { .. }
            | Command::SMembers { .. }
            | Command::Exists { .. }
            | Command::Type { .. } => self.query(command).expect("a command that only reads is a query"),
        }
    }

    /// Answers a command that only reads; `None` for any other. Which it is depends on the command alone.
    pub fn query(&self, command: &Command) -> Option<Answer> {
        Some(match command {
            Command::Get { key } => self.get(key),
            Command::HGet { key, field } => self.hget(key, field),
            Command::HGetAll { key } => self.hgetall(key),
            Command::SHas { key, member } => self.shas(key, member),
            Command::SMembers { key } => self.smembers(key),
            Command::Exists { key } => Answer::Boolean(self.values.contains_key(key)),
            Command::Type { key } => Answer::Type(self.values.get(key).map(Value::kind)),
            Command::Set { .. }
            | Command::Del { .. }
            | Command::Cas { .. }
            | Command::Append { .. }
            | Command::HSet { .. }
            | Command::HDel { .. }
            | Command::SSet { .. }
            | Command::SDel { .. } => return None,
        })
    }

    fn set(&mut self, key: &Bytes, value: &Bytes) -> Answer {
        self.bind(key.clone(), Value::String(value.clone()));
        Answer::Ok
    }

    fn get(&self, key: &Bytes) -> Answer {
        match self.values.get(key) {
            None => Answer::Nil,
            Some(Value::String(value)) => Answer::Value(value.clone()),
            Some(other) => other.wrong_type(),
        }
    }

    fn del(&mut self, key: &Bytes) -> Answer {
        let removed = self.values.remove(key);
        if let Some(value) = &removed {
            value.for_each_item(key, |item| self.digest.remove(item));
        }
        Answer::Integer(u64::from(removed.is_some()))
    }

    fn cas(&mut self, key: &Bytes, expected: Option<&Bytes>, new: &Bytes) -> Answer {
        match self.values.get(key) {
            Some(Value::String(value)) if expected != Some(value) => Answer::Value(value.clone()),
            None if expected.is_some() => Answer::Nil,
            None | Some(Value::String(_)) => self.set(key, new),
            Some(other) => other.wrong_type(),
        }
    }

    fn append(&mut self, key: &Bytes, value: &Bytes) -> Answer {
        let before: &[u8] = match self.values.get(key) {
            None => &[],
            Some(Value::String(before)) => before,
            Some(other) => return other.wrong_type(),
        };
        let length = before.len() + value.len();
        if length > VALUE_MAX {
            return Answer::TooLarge;
        }
        let mut after = Vec::with_capacity(length);
        after.extend_from_slice(before);
        after.extend_from_slice(value);
        self.bind(key.clone(), Value::String(after.into()));
        Answer::Integer(length as u64)
    }

    /// Binds `key` to `value`, whatever it was.
    pub(super) fn bind(&mut self, key: Bytes, value: Value) {
        value.for_each_item(&key, |item| self.digest.add(item));
        if let Some(before) = self.values.insert(key.clone(), value) {
            before.for_each_item(&key, |item| self.digest.remove(item));
        }
    }

    fn hset(&mut self, key: &Bytes, pairs: &[(Bytes, Bytes)]) -> Answer {
        let value = self.values.entry(key.clone()).or_insert_with(|| Value::Hash(BTreeMap::new()));
        let Value::Hash(fields) = value else {
            return value.wrong_type();
        };
        let item = Item::hash(key);
        let mut new = 0;
        for (field, value) in pairs {
            self.digest.add(item.part(field).part(value));
            match fields.entry(field.clone()) {
                Entry::Vacant(entry) => {
                    entry.insert(value.clone());
                    new += 1;
                }
                Entry::Occupied(mut entry) => {
                    let before = entry.insert(value.clone());
                    self.digest.remove(item.part(field).part(&before));
                }
            }
        }
        self.remove_emptied(key);
        Answer::Integer(new)
    }

    fn hget(&self, key: &Bytes, field: &Bytes) -> Answer {
        match self.values.get(key) {
            None => Answer::Nil,
            Some(Value::Hash(fields)) => {
                fields.get(field).map_or(Answer::Nil, |value| Answer::Value(value.clone()))
            }
            Some(other) => other.wrong_type(),
        }
    }

    fn hdel(&mut self, key: &Bytes, fields: &[Bytes]) -> Answer {
        let held = match self.values.get_mut(key) {
            None => return Answer::Integer(0),
            Some(Value::Hash(held)) => held,
            Some(other) => return other.wrong_type(),
        };
        let item = Item::hash(key);
        let mut removed = 0;
        for field in fields {
            if let Some(value) = held.remove(field) {
                self.digest.remove(item.part(field).part(&value));
                removed += 1;
            }
        }
        self.remove_emptied(key);
        Answer::Integer(removed)
    }

    fn hgetall(&self, key: &Bytes) -> Answer {
        match self.values.get(key) {
            None => Answer::Pairs(Vec::new()),
            Some(Value::Hash(fields)) => {
                Answer::Pairs(fields.iter().map(|(field, value)| (field.clone(), value.clone())).collect())
            }
            Some(other) => other.wrong_type(),
        }
    }

    fn sset(&mut self, key: &Bytes, members: &[Bytes]) -> Answer {
        let value = self.values.entry(key.clone()).or_insert_with(|| Value::Set(BTreeSet::new()));
        let Value::Set(held) = value else {
            return value.wrong_type();
        };
        let item = Item::set(key);
        let mut added = 0;
        for member in members {
            if held.insert(member.clone()) {
                self.digest.add(item.part(member));
                added += 1;
            }
        }
        self.remove_emptied(key);
        Answer::Integer(added)
    }

    fn shas(&self, key: &Bytes, member: &Bytes) -> Answer {
        match self.values.get(key) {
            None => Answer::Boolean(false),
            Some(Value::Set(members)) => Answer::Boolean(members.contains(member)),
            Some(other) => other.wrong_type(),
        }
    }

    fn sdel(&mut self, key: &Bytes, members: &[Bytes]) -> Answer {
        let held = match self.values.get_mut(key) {
            None => return Answer::Integer(0),
            Some(Value::Set(held)) => held,
            Some(other) => return other.wrong_type(),
        };
        let item = Item::set(key);
        let mut removed = 0;
        for member in members {
            if held.remove(member) {
                self.digest.remove(item.part(member));
                removed += 1;
            }
        }
        self.remove_emptied(key);
        Answer::Integer(removed)
    }

    fn smembers(&self, key: &Bytes) -> Answer {
        match self.values.get(key) {
            None => Answer::Members(Vec::new()),
            Some(Value::Set(members)) => Answer::Members(members.iter().cloned().collect()),
            Some(other) => other.wrong_type(),
        }
    }

    /// A HASH or SET without elements is no value: also one that a command without elements would have made.
    fn remove_emptied(&mut self, key: &Bytes) {
        if self.values.get(key).is_some_and(Value::is_empty_collection) {
            self.values.remove(key);
        }
    }
}
