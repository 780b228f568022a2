//! What one key does, one command after another: the sequential specification that histories are held against.
//!
//! Written from the commands' documentation alone. It shares no code with the store that the replicas run, so that
//! one mistake cannot make both of them agree.

use seaworthy_core::kv::{Answer, Command, Kind, VALUE_MAX};
use seaworthy_core::types::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What a key holds. Cheap to clone. A hash without fields and a set without members do not exist: the key is missing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    Missing,
    String(Bytes),
    Hash(Arc<BTreeMap<Bytes, Bytes>>),
    Set(Arc<BTreeSet<Bytes>>),
}

/// What a command does to a state.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) answer: Answer,
    /// The state afterwards; `None` exactly if it is the same as before.
    pub(super) next: Option<State>,
}

impl Step {
    fn unchanged(answer: Answer) -> Self {
        Self { answer, next: None }
    }
}

impl State {
    /// What `command` answers here and what it leaves behind. Total: a wrong type is an answer.
    pub(super) fn apply(&self, command: &Command) -> Step {
        match command {
            Command::Set { value, .. } => Step { answer: Answer::Ok, next: self.replaced_by(value) },
            Command::Get { .. } => Step::unchanged(match self {
                Self::Missing => Answer::Nil,
                Self::String(value) => Answer::Value(value.clone()),
                Self::Hash(_) | Self::Set(_) => self.wrong_type(),
            }),
            Command::Del { .. } => match self {
                Self::Missing => Step::unchanged(Answer::Integer(0)),
                _ => Step { answer: Answer::Integer(1), next: Some(Self::Missing) },
            },
            Command::Cas { expected, new, .. } => self.compare_and_set(expected.as_ref(), new),
            Command::Append { value, .. } => self.append(value),
            Command::HSet { pairs, .. } => self.set_fields(pairs),
            Command::HGet { field, .. } => Step::unchanged(match self {
                Self::Missing => Answer::Nil,
                Self::Hash(fields) => fields.get(field).cloned().map_or(Answer::Nil, Answer::Value),
                Self::String(_) | Self::Set(_) => self.wrong_type(),
            }),
            Command::HDel { fields, .. } => self.remove_fields(fields),
            Command::HGetAll { .. } => Step::unchanged(match self {
                Self::Missing => Answer::Pairs(Vec::new()),
                Self::Hash(fields) => Answer::Pairs(
                    fields.iter().map(|(field, value)| (field.clone(), value.clone())).collect(),
                ),
                Self::String(_) | Self::Set(_) => self.wrong_type(),
            }),
            Command::SSet { members, .. } => self.add_members(members),
            Command::SHas { member, .. } => Step::unchanged(match self {
                Self::Missing => Answer::Boolean(false),
                Self::Set(members) => Answer::Boolean(members.contains(member)),
                Self::String(_) | Self::Hash(_) => self.wrong_type(),
            }),
            Command::SDel { members, .. } => self.remove_members(members),
            Command::SMembers { .. } => Step::unchanged(match self {
                Self::Missing => Answer::Members(Vec::new()),
                Self::Set(members) => Answer::Members(members.iter().cloned().collect()),
                Self::String(_) | Self::Hash(_) => self.wrong_type(),
            }),
            Command::Exists { .. } => Step::unchanged(Answer::Boolean(*self != Self::Missing)),
            Command::Type { .. } => Step::unchanged(Answer::Type(self.kind())),
        }
    }

    fn kind(&self) -> Option<Kind> {
        match self {
            Self::Missing => None,
            Self::String(_) => Some(Kind::String),
            Self::Hash(_) => Some(Kind::Hash),
            Self::Set(_) => Some(Kind::Set),
        }
    }

    fn wrong_type(&self) -> Answer {
        Answer::WrongType { holds: self.kind().expect("a missing key has no wrong type") }
    }

    /// The STRING `value`, or `None` if the key holds it already.
    fn replaced_by(&self, value: &Bytes) -> Option<Self> {
        match self {
            Self::String(held) if held == value => None,
            _ => Some(Self::String(value.clone())),
        }
    }

    fn compare_and_set(&self, expected: Option<&Bytes>, new: &Bytes) -> Step {
        match (self, expected) {
            (Self::Hash(_) | Self::Set(_), _) => Step::unchanged(self.wrong_type()),
            (Self::Missing, Some(_)) => Step::unchanged(Answer::Nil),
            (Self::String(held), expected) if expected != Some(held) => {
                Step::unchanged(Answer::Value(held.clone()))
            }
            (Self::Missing | Self::String(_), _) => Step { answer: Answer::Ok, next: self.replaced_by(new) },
        }
    }

    fn append(&self, value: &Bytes) -> Step {
        let held: &[u8] = match self {
            Self::Missing => &[],
            Self::String(held) => held,
            Self::Hash(_) | Self::Set(_) => return Step::unchanged(self.wrong_type()),
        };
        if held.len() + value.len() > VALUE_MAX {
            return Step::unchanged(Answer::TooLarge);
        }
        let long: Vec<u8> = [held, value].concat();
        let answer = Answer::Integer(long.len() as u64);
        Step { answer, next: self.replaced_by(&Bytes::from(long)) }
    }

    fn set_fields(&self, pairs: &[(Bytes, Bytes)]) -> Step {
        let nothing = BTreeMap::new();
        let before = match self {
            Self::Missing => &nothing,
            Self::Hash(fields) => fields,
            Self::String(_) | Self::Set(_) => return Step::unchanged(self.wrong_type()),
        };
        if pairs.iter().all(|(field, value)| before.get(field) == Some(value)) {
            return Step::unchanged(Answer::Integer(0));
        }
        let mut fields = before.clone();
        fields.extend(pairs.iter().cloned());
        let answer = Answer::Integer((fields.len() - before.len()) as u64);
        // A field given twice can leave everything as it was.
        Step { answer, next: (fields != *before).then(|| Self::Hash(Arc::new(fields))) }
    }

    fn remove_fields(&self, gone: &[Bytes]) -> Step {
        let before = match self {
            Self::Missing => return Step::unchanged(Answer::Integer(0)),
            Self::Hash(fields) => fields,
            Self::String(_) | Self::Set(_) => return Step::unchanged(self.wrong_type()),
        };
        let mut fields = BTreeMap::clone(before);
        fields.retain(|field, _| !gone.contains(field));
        let removed = before.len() - fields.len();
        let next = match fields.len() {
            _ if removed == 0 => None,
            0 => Some(Self::Missing),
            _ => Some(Self::Hash(Arc::new(fields))),
        };
        Step { answer: Answer::Integer(removed as u64), next }
    }

    fn add_members(&self, new: &[Bytes]) -> Step {
        let nothing = BTreeSet::new();
        let before = match self {
            Self::Missing => &nothing,
            Self::Set(members) => members,
            Self::String(_) | Self::Hash(_) => return Step::unchanged(self.wrong_type()),
        };
        if new.iter().all(|member| before.contains(member)) {
            return Step::unchanged(Answer::Integer(0));
        }
        let mut members = before.clone();
        members.extend(new.iter().cloned());
        let answer = Answer::Integer((members.len() - before.len()) as u64);
        Step { answer, next: Some(Self::Set(Arc::new(members))) }
    }

    fn remove_members(&self, gone: &[Bytes]) -> Step {
        let before = match self {
            Self::Missing => return Step::unchanged(Answer::Integer(0)),
            Self::Set(members) => members,
            Self::String(_) | Self::Hash(_) => return Step::unchanged(self.wrong_type()),
        };
        let mut members = BTreeSet::clone(before);
        members.retain(|member| !gone.contains(member));
        let removed = before.len() - members.len();
        let next = match members.len() {
            _ if removed == 0 => None,
            0 => Some(Self::Missing),
            _ => Some(Self::Set(Arc::new(members))),
        };
        Step { answer: Answer::Integer(removed as u64), next }
    }
}

/// Whether `command` leaves every state as it is: the reads, and writes that write nothing.
pub(super) fn never_changes(command: &Command) -> bool {
    match command {
        Command::Cas { expected, new, .. } => expected.as_ref() == Some(new),
        Command::HSet { pairs, .. } => pairs.is_empty(),
        Command::HDel { fields: names, .. }
        | Command::SSet { members: names, .. }
        | Command::SDel { members: names, .. } => names.is_empty(),
        _ => command.is_read(),
    }
}

/// Whether the order of the two commands can be told: `false` promises that from every state both orders give the
/// same answers and leave the same state behind. Both are commands on the same key.
pub(super) fn depend(left: &Command, right: &Command) -> bool {
    if never_changes(left) && never_changes(right) {
        return false;
    }
    match (Parts::of(left), Parts::of(right)) {
        // Each sees and changes its own fields (members) alone, and both find the same wrong type or none. That the
        // last field out takes the key away, and the first one in brings it back, is seen only by those who look at
        // the whole key.
        (Parts::Fields(left), Parts::Fields(right)) | (Parts::Members(left), Parts::Members(right)) => {
            left.iter().any(|name| right.contains(name))
        }
        _ => true,
    }
}

/// What of a key a command sees and changes.
enum Parts<'a> {
    Whole,
    Fields(Vec<&'a Bytes>),
    Members(Vec<&'a Bytes>),
}

impl<'a> Parts<'a> {
    fn of(command: &'a Command) -> Self {
        match command {
            Command::HSet { pairs, .. } => Self::Fields(pairs.iter().map(|(field, _)| field).collect()),
            Command::HGet { field, .. } => Self::Fields(vec![field]),
            Command::HDel { fields, .. } => Self::Fields(fields.iter().collect()),
            Command::SSet { members, .. } | Command::SDel { members, .. } => {
                Self::Members(members.iter().collect())
            }
            Command::SHas { member, .. } => Self::Members(vec![member]),
            Command::Set { .. }
            | Command::Get { .. }
            | Command::Del { .. }
            | Command::Cas { .. }
            | Command::Append { .. }
            | Command::HGetAll { .. }
            | Command::SMembers { .. }
            | Command::Exists { .. }
            | Command::Type { .. } => Self::Whole,
        }
    }
}
