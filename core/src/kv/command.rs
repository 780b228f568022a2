//! The commands.

#[cfg(doc)]
use super::Answer;
use crate::types::Bytes;
use alloc::vec::Vec;
use core::fmt;

/// The longest key, field or member in bytes.
pub const NAME_MAX: usize = 4 << 10;

/// The longest value in bytes: of a STRING, or under a field of a HASH.
pub const VALUE_MAX: usize = 1 << 20;

/// One command. Any bytes may stand anywhere, the empty string too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// `SET key value`: binds key to a STRING, whatever it was. Answers [`Answer::Ok`].
    Set {
        /// What to bind.
        key: Bytes,
        /// To what.
        value: Bytes,
    },
    /// `GET key`: reads a STRING. Answers [`Answer::Value`] or [`Answer::Nil`].
    Get {
        /// What to read.
        key: Bytes,
    },
    /// `DEL key`: removes a key of any type. Answers [`Answer::Integer`] 1 or 0.
    Del {
        /// What to remove.
        key: Bytes,
    },
    /// `CAS key expected new`: binds key to `new` if it holds `expected` (`None`: if it is missing). Answers
    /// [`Answer::Ok`], or the value found ([`Answer::Value`] or [`Answer::Nil`]).
    Cas {
        /// What to bind.
        key: Bytes,
        /// What it must hold; `None` for nothing at all.
        expected: Option<Bytes>,
        /// What it then holds.
        new: Bytes,
    },
    /// `APPEND key value`: extends a STRING, a missing one from empty. Answers its new length in bytes, or
    /// [`Answer::TooLarge`], and extends nothing, if that were above [`VALUE_MAX`].
    Append {
        /// What to extend.
        key: Bytes,
        /// By what.
        value: Bytes,
    },
    /// `HSET hash f:v [f:v …]` or `HSET hash f v [f v …]`. Answers the number of new fields. Of a field that is
    /// named twice, the last value stays.
    HSet {
        /// The hash.
        key: Bytes,
        /// Fields and their values.
        pairs: Vec<(Bytes, Bytes)>,
    },
    /// `HGET hash field`. Answers [`Answer::Value`] or [`Answer::Nil`].
    HGet {
        /// The hash.
        key: Bytes,
        /// What to read in it.
        field: Bytes,
    },
    /// `HDEL hash f [f …]`: an emptied hash is gone. Answers the number removed.
    HDel {
        /// The hash.
        key: Bytes,
        /// What to remove from it.
        fields: Vec<Bytes>,
    },
    /// `HGETALL hash`. Answers [`Answer::Pairs`], in order of field; empty for a missing key.
    HGetAll {
        /// The hash.
        key: Bytes,
    },
    /// `SSET set m [m …]`. Answers the number added.
    SSet {
        /// The set.
        key: Bytes,
        /// What to add to it.
        members: Vec<Bytes>,
    },
    /// `SHAS set m`. Answers [`Answer::Boolean`].
    SHas {
        /// The set.
        key: Bytes,
        /// What to look for in it.
        member: Bytes,
    },
    /// `SDEL set m [m …]`: an emptied set is gone. Answers the number removed.
    SDel {
        /// The set.
        key: Bytes,
        /// What to remove from it.
        members: Vec<Bytes>,
    },
    /// `SMEMBERS set`. Answers [`Answer::Members`], in order; empty for a missing key.
    SMembers {
        /// The set.
        key: Bytes,
    },
    /// `EXISTS key`. Answers [`Answer::Boolean`].
    Exists {
        /// What to look for.
        key: Bytes,
    },
    /// `TYPE key`. Answers [`Answer::Type`].
    Type {
        /// What to look at.
        key: Bytes,
    },
}

impl Command {
    /// The command word, in capitals.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Set { .. } => "SET",
            Self::Get { .. } => "GET",
            Self::Del { .. } => "DEL",
            Self::Cas { .. } => "CAS",
            Self::Append { .. } => "APPEND",
            Self::HSet { .. } => "HSET",
            Self::HGet { .. } => "HGET",
            Self::HDel { .. } => "HDEL",
            Self::HGetAll { .. } => "HGETALL",
            Self::SSet { .. } => "SSET",
            Self::SHas { .. } => "SHAS",
            Self::SDel { .. } => "SDEL",
            Self::SMembers { .. } => "SMEMBERS",
            Self::Exists { .. } => "EXISTS",
            Self::Type { .. } => "TYPE",
        }
    }

    /// The one key that the command is about. No command touches two.
    pub fn key(&self) -> &Bytes {
        match self {
            Self::Set { key, .. }
            | Self::Get { key }
            | Self::Del { key }
            | Self::Cas { key, .. }
            | Self::Append { key, .. }
            | Self::HSet { key, .. }
            | Self::HGet { key, .. }
            | Self::HDel { key, .. }
            | Self::HGetAll { key }
            | Self::SSet { key, .. }
            | Self::SHas { key, .. }
            | Self::SDel { key, .. }
            | Self::SMembers { key }
            | Self::Exists { key }
            | Self::Type { key } => key,
        }
    }

    /// Whether the command changes nothing in any state, so that it need not go through the log.
    pub fn is_read(&self) -> bool {
        match self {
            Self::Get { .. }
            | Self::HGet { .. }
            | Self::HGetAll { .. }
            | Self::SHas { .. }
            | Self::SMembers { .. }
            | Self::Exists { .. }
            | Self::Type { .. } => true,
            Self::Set { .. }
            | Self::Del { .. }
            | Self::Cas { .. }
            | Self::Append { .. }
            | Self::HSet { .. }
            | Self::HDel { .. }
            | Self::SSet { .. }
            | Self::SDel { .. } => false,
        }
    }

    /// Whether every part is within its limit. To be asked where a command enters the cluster, and not where a
    /// log is applied: a limit that changes must not change what an old log means.
    ///
    /// # Errors
    /// The first part that is too long.
    pub fn validate(&self) -> Result<(), TooLong> {
        Part::Key.check(self.key())?;
        match self {
            Self::Set { value, .. } | Self::Append { value, .. } => Part::Value.check(value),
            Self::Cas { expected, new, .. } => {
                expected.iter().chain([new]).try_for_each(|value| Part::Value.check(value))
            }
            Self::HSet { pairs, .. } => pairs.iter().try_for_each(|(field, value)| {
                Part::Field.check(field).and_then(|()| Part::Value.check(value))
            }),
            Self::HGet { field, .. } => Part::Field.check(field),
            Self::HDel { fields, .. } => fields.iter().try_for_each(|field| Part::Field.check(field)),
            Self::SHas { member, .. } => Part::Member.check(member),
            Self::SSet { members, .. } | Self::SDel { members, .. } => {
                members.iter().try_for_each(|member| Part::Member.check(member))
            }
            Self::Get { .. }
            | Self::Del { .. }
            | Self::HGetAll { .. }
            | Self::SMembers { .. }
            | Self::Exists { .. }
            | Self::Type { .. } => Ok(()),
        }
    }
}

/// The parts of a command that have a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// At most [`NAME_MAX`].
    Key,
    /// At most [`NAME_MAX`].
    Field,
    /// At most [`NAME_MAX`].
    Member,
    /// At most [`VALUE_MAX`].
    Value,
}

impl Part {
    /// Its limit in bytes.
    pub const fn limit(self) -> usize {
        match self {
            Self::Key | Self::Field | Self::Member => NAME_MAX,
            Self::Value => VALUE_MAX,
        }
    }

    fn check(self, bytes: &[u8]) -> Result<(), TooLong> {
        if bytes.len() <= self.limit() { Ok(()) } else { Err(TooLong { part: self, length: bytes.len() }) }
    }
}

/// A part of a command is longer than its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong {
    /// Which.
    pub part: Part,
    /// How long it is, in bytes.
    pub length: usize,
}

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = match self.part {
            Part::Key => "key",
            Part::Field => "field",
            Part::Member => "member",
            Part::Value => "value",
        };
        write!(f, "a {part} has at most {} bytes, this one has {}", self.part.limit(), self.length)
    }
}

impl core::error::Error for TooLong {}
