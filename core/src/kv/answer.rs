//! What commands answer.

use super::quote::quoted;
use crate::types::Bytes;
use alloc::vec::Vec;
use core::fmt;

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

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::String => "STRING",
            Self::Hash => "HASH",
            Self::Set => "SET",
        })
    }
}

/// What a command answers. A wrong type is an answer, never a failure: a committed entry can stop no node.
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
    /// Fields with their values, in order of field: `{"f": "v", "g": "w"}`
    Pairs(Vec<(Bytes, Bytes)>),
    /// In order: `["a", "b"]`
    Members(Vec<Bytes>),
    /// `STRING`, `HASH`, `SET`, or `NONE` for a missing key.
    Type(Option<Kind>),
    /// `(error) WRONGTYPE key holds a SET`
    WrongType {
        /// What the key holds.
        holds: Kind,
    },
    /// `(error) value too large`: the STRING would have grown beyond [`VALUE_MAX`](super::VALUE_MAX).
    TooLarge,
}

impl fmt::Display for Answer {
    /// On one line, and harmless to a terminal whatever the bytes are.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ok => f.write_str("OK"),
            Self::Nil => f.write_str("(nil)"),
            Self::Value(value) => quoted(value).fmt(f),
            Self::Integer(number) => write!(f, "(integer) {number}"),
            Self::Boolean(whether) => whether.fmt(f),
            Self::Pairs(pairs) => {
                f.write_str("{")?;
                for (i, (field, value)) in pairs.iter().enumerate() {
                    let separator = if i == 0 { "" } else { ", " };
                    write!(f, "{separator}{}: {}", quoted(field), quoted(value))?;
                }
                f.write_str("}")
            }
            Self::Members(members) => {
                f.write_str("[")?;
                for (i, member) in members.iter().enumerate() {
                    let separator = if i == 0 { "" } else { ", " };
                    write!(f, "{separator}{}", quoted(member))?;
                }
                f.write_str("]")
            }
            Self::Type(Some(kind)) => kind.fmt(f),
            Self::Type(None) => f.write_str("NONE"),
            Self::WrongType { holds } => write!(f, "(error) WRONGTYPE key holds a {holds}"),
            Self::TooLarge => f.write_str("(error) value too large"),
        }
    }
}
