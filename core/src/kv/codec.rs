//! The commands as bytes, as they stand in log entries on disk. Once written, a tag keeps its meaning for ever.
//!
//! A command is a tag and its parts in the order of its fields, put down as `encoding` does: each command has
//! exactly one encoding.

use super::command::Command;
use super::encoding::{DecodeError, Problem, Reader, put_bytes, put_list, put_option, put_pair};
use alloc::vec::Vec;

mod tag {
    pub(super) const SET: u8 = 1;
    pub(super) const GET: u8 = 2;
    pub(super) const DEL: u8 = 3;
    pub(super) const CAS: u8 = 4;
    pub(super) const APPEND: u8 = 5;
    pub(super) const HSET: u8 = 6;
    pub(super) const HGET: u8 = 7;
    pub(super) const HDEL: u8 = 8;
    pub(super) const HGETALL: u8 = 9;
    pub(super) const SSET: u8 = 10;
    pub(super) const SHAS: u8 = 11;
    pub(super) const SDEL: u8 = 12;
    pub(super) const SMEMBERS: u8 = 13;
    pub(super) const EXISTS: u8 = 14;
    pub(super) const TYPE: u8 = 15;
}

impl Command {
    /// Appends the command's bytes to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let tag = match self {
            Self::Set { .. } => tag::SET,
            Self::Get { .. } => tag::GET,
            Self::Del { .. } => tag::DEL,
            Self::Cas { .. } => tag::CAS,
            Self::Append { .. } => tag::APPEND,
            Self::HSet { .. } => tag::HSET,
            Self::HGet { .. } => tag::HGET,
            Self::HDel { .. } => tag::HDEL,
            Self::HGetAll { .. } => tag::HGETALL,
            Self::SSet { .. } => tag::SSET,
            Self::SHas { .. } => tag::SHAS,
            Self::SDel { .. } => tag::SDEL,
            Self::SMembers { .. } => tag::SMEMBERS,
            Self::Exists { .. } => tag::EXISTS,
            Self::Type { .. } => tag::TYPE,
        };
        out.push(tag);
        put_bytes(out, self.key());
        match self {
            Self::Get { .. }
            | Self::Del { .. }
            | Self::HGetAll { .. }
            | Self::SMembers { .. }
            | Self::Exists { .. }
            | Self::Type { .. } => {}
            Self::Set { value: part, .. }
            | Self::Append { value: part, .. }
            | Self::HGet { field: part, .. }
            | Self::SHas { member: part, .. } => put_bytes(out, part),
            Self::Cas { expected, new, .. } => {
                put_option(out, expected.as_ref(), |out, expected| put_bytes(out, expected));
                put_bytes(out, new);
            }
            Self::HSet { pairs, .. } => {
                put_list(out, pairs.iter(), |out, (field, value)| put_pair(out, (field, value)));
            }
            Self::HDel { fields: list, .. }
            | Self::SSet { members: list, .. }
            | Self::SDel { members: list, .. } => {
                put_list(out, list.iter(), |out, element| put_bytes(out, element));
            }
        }
    }

    /// The command at the start of `bytes`, and what follows it; `None` if there is none. Total, and of a cost in
    /// proportion to the bytes that are there, whatever lengths they claim.
    pub fn decode(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let mut reader = Reader::new(bytes);
        let command = reader.command().ok()?;
        Some((command, reader.rest()))
    }
}

impl Reader<'_> {
    /// A command.
    pub(crate) fn command(&mut self) -> Result<Command, DecodeError> {
        let unknown = self.problem(Problem::Tag);
        let tag = self.byte()?;
        let key = self.bytes()?;
        Ok(match tag {
            tag::SET => Command::Set { key, value: self.bytes()? },
            tag::GET => Command::Get { key },
            tag::DEL => Command::Del { key },
            tag::CAS => Command::Cas { key, expected: self.option(Self::bytes)?, new: self.bytes()? },
            tag::APPEND => Command::Append { key, value: self.bytes()? },
            tag::HSET => Command::HSet { key, pairs: self.list(Self::pair)? },
            tag::HGET => Command::HGet { key, field: self.bytes()? },
            tag::HDEL => Command::HDel { key, fields: self.list(Self::bytes)? },
            tag::HGETALL => Command::HGetAll { key },
            tag::SSET => Command::SSet { key, members: self.list(Self::bytes)? },
            tag::SHAS => Command::SHas { key, member: self.bytes()? },
            tag::SDEL => Command::SDel { key, members: self.list(Self::bytes)? },
            tag::SMEMBERS => Command::SMembers { key },
            tag::EXISTS => Command::Exists { key },
            tag::TYPE => Command::Type { key },
            _ => return Err(unknown),
        })
    }
}
