//! The commands and their answers: text in, text out, and the bytes that go into the log.

use crate::types::Bytes;
use alloc::vec::Vec;

/// One command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// `SET key value`: binds key to a STRING, whatever it was. Answers [`Answer::Ok`].
    Set { key: Bytes, value: Bytes },
    /// `GET key`: reads a STRING. Answers [`Answer::Value`] or [`Answer::Nil`].
    Get { key: Bytes },
    /// `DEL key`: removes a key of any type. Answers [`Answer::Integer`] 1 or 0.
    Del { key: Bytes },
    /// `CAS key expected new`: binds key to `new` if it holds `expected` (`None`: if it is missing). Answers
    /// [`Answer::Ok`], or the value found ([`Answer::Value`] or [`Answer::Nil`]).
    Cas { key: Bytes, expected: Option<Bytes>, new: Bytes },
    /// `APPEND key value`: extends a STRING, a missing one from empty. Answers its new length in bytes.
    Append { key: Bytes, value: Bytes },
    /// `HSET hash f:v [f:v …]` or `HSET hash f v [f v …]`. Answers the number of new fields.
    HSet { key: Bytes, pairs: Vec<(Bytes, Bytes)> },
    /// `HGET hash field`. Answers [`Answer::Value`] or [`Answer::Nil`].
    HGet { key: Bytes, field: Bytes },
    /// `HDEL hash f [f …]`: an emptied hash is gone. Answers the number removed.
    HDel { key: Bytes, fields: Vec<Bytes> },
    /// `HGETALL hash`. Answers [`Answer::Pairs`], in order of field; empty for a missing key.
    HGetAll { key: Bytes },
    /// `SSET set m [m …]`. Answers the number added.
    SSet { key: Bytes, members: Vec<Bytes> },
    /// `SHAS set m`. Answers [`Answer::Boolean`].
    SHas { key: Bytes, member: Bytes },
    /// `SDEL set m [m …]`: an emptied set is gone. Answers the number removed.
    SDel { key: Bytes, members: Vec<Bytes> },
    /// `SMEMBERS set`. Answers [`Answer::Members`], in order; empty for a missing key.
    SMembers { key: Bytes },
    /// `EXISTS key`. Answers [`Answer::Boolean`].
    Exists { key: Bytes },
    /// `TYPE key`. Answers [`Answer::Type`].
    Type { key: Bytes },
}

/// What a key can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A byte string.
    String,
    /// Fields with values.
    Hash,
    /// Members.
    Set,
}

/// What a command answers. A wrong type is an answer, never a failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// `OK`
    Ok,
    /// `(nil)`
    Nil,
    /// `"value"`
    Value(Bytes),
    /// `(integer) 1`
    Integer(u64),
    /// `true` or `false`
    Boolean(bool),
    /// Field and value in turn, in order of field.
    Pairs(Vec<(Bytes, Bytes)>),
    /// In order.
    Members(Vec<Bytes>),
    /// `STRING`, `HASH`, `SET`, or `NONE` for a missing key.
    Type(Option<Kind>),
    /// `(error) WRONGTYPE key holds a SET`
    WrongType {
        /// What the key holds.
        holds: Kind,
    },
}
