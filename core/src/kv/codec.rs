//! The commands as bytes, as they stand in log entries on disk. Once written, a tag keeps its meaning for ever.
//!
//! A command is a tag and its parts in the order of its fields, put down as `encoding` does: each command has
//! exactly one encoding.

use super::command::Command;
use super::encoding::{Reader, put_bytes, put_varint};
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
                out.push(u8::from(expected.is_some()));
                expected.iter().for_each(|expected| put_bytes(out, expected));
                put_bytes(out, new);
            }
            Self::HSet { pairs, .. } => {
                put_varint(out, pairs.len() as u64);
                for (field, value) in pairs {
                    put_bytes(out, field);
                    put_bytes(out, value);
                }
            }
            Self::HDel { fields: list, .. }
            | Self::SSet { members: list, .. }
            | Self::SDel { members: list, .. } => {
                put_varint(out, list.len() as u64);
                list.iter().for_each(|element| put_bytes(out, element));
            }
        }
    }

    /// The command at the start of `bytes`, and what follows it; `None` if there is none. Total, and of a cost in
    /// proportion to the bytes that are there, whatever lengths they claim.
    pub fn decode(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let mut reader = Reader::new(bytes);
        let command = reader.command()?;
        Some((command, reader.rest()))
    }
}

impl Reader<'_> {
    /// A command.
    pub(crate) fn command(&mut self) -> Option<Command> {
        let tag = self.byte()?;
        let key = self.bytes()?;
        Some(match tag {
            tag::SET => Command::Set { key, value: self.bytes()? },
            tag::GET => Command::Get { key },
            tag::DEL => Command::Del { key },
            tag::CAS => Command::Cas { key, expected: self.optional_bytes()?, new: self.bytes()? },
            tag::APPEND => Command::Append { key, value: self.bytes()? },
            tag::HSET => {
                Command::HSet { key, pairs: self.list(|reader| Some((reader.bytes()?, reader.bytes()?)))? }
            }
            tag::HGET => Command::HGet { key, field: self.bytes()? },
            tag::HDEL => Command::HDel { key, fields: self.list(Self::bytes)? },
            tag::HGETALL => Command::HGetAll { key },
            tag::SSET => Command::SSet { key, members: self.list(Self::bytes)? },
            tag::SHAS => Command::SHas { key, member: self.bytes()? },
            tag::SDEL => Command::SDel { key, members: self.list(Self::bytes)? },
            tag::SMEMBERS => Command::SMembers { key },
            tag::EXISTS => Command::Exists { key },
            tag::TYPE => Command::Type { key },
            _ => return None,
        })
    }
}
