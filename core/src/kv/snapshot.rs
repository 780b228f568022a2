//! The replicated state as bytes, as a snapshot holds them (thesis §5.1), put down as `encoding` does.
//!
//! | what | its parts, in order |
//! |---|---|
//! | state | version, limits, list of sessions, list of keys |
//! | version | the byte 1 |
//! | limits | most sessions, lifetime in entries |
//! | session | identity, index of its last use, option of its newest request that ran: sequence, answer |
//! | key | the key, a byte for the kind of its value, the value |
//! | value | 1 STRING: the byte string · 2 HASH: list of field and value · 3 SET: list of members |
//! | answer | a byte and what it says follows: 1 OK · 2 nil · 3 value: the byte string · 4 integer: the number |
//! | | 5 boolean: 0 or 1 · 6 pairs: list of field and value · 7 members: list of them |
//! | | 8 type: option of the byte for a kind · 9 wrong type: the byte for the kind held · 10 too large |
//!
//! Sessions, keys, fields and members ascend, so that a state has one encoding, and snapshots of replicas can be
//! compared by their bytes. What follows from them, the order of last uses and the hashes, is not written. No length
//! is too long: what a log could bring in, a snapshot must give back.

use super::answer::{Answer, Kind};
use super::encoding::{DecodeError, Problem, Reader, put_bytes, put_list, put_option, put_pair, put_varint};
use super::session::{Last, Limits, Session, Sessions};
use super::value::{Store, Value};
use crate::flaw::{Flaw, Flaws};
use crate::types::{LogIndex, SessionId};
use alloc::vec::Vec;
use core::num::{NonZeroU32, NonZeroU64};

mod kind {
    pub(super) const STRING: u8 = 1;
    pub(super) const HASH: u8 = 2;
    pub(super) const SET: u8 = 3;
}

mod answer {
    pub(super) const OK: u8 = 1;
    pub(super) const NIL: u8 = 2;
    pub(super) const VALUE: u8 = 3;
    pub(super) const INTEGER: u8 = 4;
    pub(super) const BOOLEAN: u8 = 5;
    pub(super) const PAIRS: u8 = 6;
    pub(super) const MEMBERS: u8 = 7;
    pub(super) const TYPE: u8 = 8;
    pub(super) const WRONG_TYPE: u8 = 9;
    pub(super) const TOO_LARGE: u8 = 10;
}

impl Sessions {
    /// Appends the limits and the table.
    pub(crate) fn encode(&self, flaws: impl Flaws, out: &mut Vec<u8>) {
        let limits = self.limits();
        put_varint(out, limits.max_sessions.get().into());
        put_varint(out, limits.session_lifetime.get());
        let table = if flaws.has(Flaw::SessionsNotInSnapshot) { &Self::new(limits) } else { self };
        put_list(out, table.iter(), |out, (id, session)| {
            let last_use = if flaws.has(Flaw::LastUseNotInSnapshot) { id.0 } else { session.last_use.0 };
            put_varint(out, id.0);
            put_varint(out, last_use);
            put_option(out, session.last.as_ref(), |out, last| last.encode(out));
        });
    }

    /// The limits and the table.
    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let wrong = reader.problem(Problem::Limit);
        let max_sessions = u32::try_from(reader.varint()?).ok().and_then(NonZeroU32::new).ok_or(wrong)?;
        let wrong = reader.problem(Problem::Limit);
        let session_lifetime = NonZeroU64::new(reader.varint()?).ok_or(wrong)?;
        let mut sessions = Self::new(Limits { max_sessions, session_lifetime });
        let crowded = reader.problem(Problem::Crowded);
        for (id, session) in reader.list_in_order(Session::decode, |(id, _), (before, _)| id > before)? {
            if sessions.is_full() {
                return Err(crowded);
            }
            sessions.insert(id, session);
        }
        Ok(sessions)
    }
}

impl Session {
    fn decode(reader: &mut Reader<'_>) -> Result<(SessionId, Self), DecodeError> {
        let id = SessionId(reader.varint()?);
        let unopened = reader.problem(Problem::Unopened);
        let last_use = LogIndex(reader.varint()?);
        if last_use.0 < id.0 {
            return Err(unopened);
        }
        Ok((id, Self { last_use, last: reader.option(|reader| Last::decode(reader, id))? }))
    }
}

impl Last {
    fn decode(reader: &mut Reader<'_>, id: SessionId) -> Result<Self, DecodeError> {
        let sequence = reader.varint()?;
        Ok(Self::new(id, sequence, Answer::decode(reader)?))
    }
}

impl Store {
    /// Appends keys and values.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        put_list(out, self.iter(), |out, (key, value)| {
            put_bytes(out, key);
            value.kind().encode(out);
            match value {
                Value::String(value) => put_bytes(out, value),
                Value::Hash(fields) => put_list(out, fields.iter(), put_pair),
                Value::Set(members) => put_list(out, members.iter(), |out, member| put_bytes(out, member)),
            }
        });
    }

    /// Keys and values.
    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut store = Self::default();
        let key = |reader: &mut Reader<'_>| Ok((reader.bytes()?, Value::decode(reader)?));
        for (key, value) in reader.list_in_order(key, |(key, _), (before, _)| key > before)? {
            store.bind(key, value);
        }
        Ok(store)
    }
}

impl Value {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let kind = Kind::decode(reader)?;
        let hollow = reader.problem(Problem::Hollow);
        let value = match kind {
            Kind::String => Self::String(reader.bytes()?),
            Kind::Hash => {
                let fields = reader.list_in_order(Reader::pair, |(field, _), (before, _)| field > before)?;
                Self::Hash(fields.into_iter().collect())
            }
            Kind::Set => {
                let members = reader.list_in_order(Reader::bytes, |member, before| member > before)?;
                Self::Set(members.into_iter().collect())
            }
        };
        if value.is_empty_collection() { Err(hollow) } else { Ok(value) }
    }
}

impl Kind {
    fn encode(self, out: &mut Vec<u8>) {
        out.push(match self {
            Self::String => kind::STRING,
            Self::Hash => kind::HASH,
            Self::Set => kind::SET,
        });
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let unknown = reader.problem(Problem::Tag);
        Ok(match reader.byte()? {
            kind::STRING => Self::String,
            kind::HASH => Self::Hash,
            kind::SET => Self::Set,
            _ => return Err(unknown),
        })
    }
}

impl Answer {
    /// Appends the answer's bytes to `out`: each answer has exactly one encoding.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(match self {
            Self::Ok => answer::OK,
            Self::Nil => answer::NIL,
            Self::Value(_) => answer::VALUE,
            Self::Integer(_) => answer::INTEGER,
            Self::Boolean(_) => answer::BOOLEAN,
            Self::Pairs(_) => answer::PAIRS,
            Self::Members(_) => answer::MEMBERS,
            Self::Type(_) => answer::TYPE,
            Self::WrongType { .. } => answer::WRONG_TYPE,
            Self::TooLarge => answer::TOO_LARGE,
        });
        match self {
            Self::Ok | Self::Nil | Self::TooLarge => {}
            Self::Value(value) => put_bytes(out, value),
            Self::Integer(number) => put_varint(out, *number),
            Self::Boolean(whether) => out.push(u8::from(*whether)),
            Self::Pairs(pairs) => {
                put_list(out, pairs.iter(), |out, (field, value)| put_pair(out, (field, value)));
            }
            Self::Members(members) => put_list(out, members.iter(), |out, member| put_bytes(out, member)),
            Self::Type(kind) => put_option(out, *kind, |out, kind| kind.encode(out)),
            Self::WrongType { holds } => holds.encode(out),
        }
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let unknown = reader.problem(Problem::Tag);
        Ok(match reader.byte()? {
            answer::OK => Self::Ok,
            answer::NIL => Self::Nil,
            answer::VALUE => Self::Value(reader.bytes()?),
            answer::INTEGER => Self::Integer(reader.varint()?),
            answer::BOOLEAN => Self::Boolean(reader.boolean()?),
            answer::PAIRS => Self::Pairs(reader.list(Reader::pair)?),
            answer::MEMBERS => Self::Members(reader.list(Reader::bytes)?),
            answer::TYPE => Self::Type(reader.option(Kind::decode)?),
            answer::WRONG_TYPE => Self::WrongType { holds: Kind::decode(reader)? },
            answer::TOO_LARGE => Self::TooLarge,
            _ => return Err(unknown),
        })
    }
}
