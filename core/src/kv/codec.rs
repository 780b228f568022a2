//! The commands as bytes, as they stand in log entries on disk. Once written, a tag keeps its meaning for ever.
//!
//! A command is a tag and its parts in the order of its fields. A byte string is its length and its bytes, a list
//! its count and its elements, an option the byte 0, or the byte 1 and what it holds. Numbers are little-endian
//! base 128 (LEB128), in their shortest form: each command has exactly one encoding.

use super::command::Command;
use crate::types::Bytes;
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

/// Appends `number` in its shortest form.
pub(crate) fn put_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Reads from the front of bytes that may be anything. After a `None` what is left is unspecified.
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// At the start of `bytes`.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// What has not been read.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.0
    }

    /// One byte.
    pub(crate) fn byte(&mut self) -> Option<u8> {
        self.0.split_off_first().copied()
    }

    /// A number, refused if it is not in its shortest form.
    pub(crate) fn varint(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let part = u64::from(byte & 0x7f);
            if part << shift >> shift != part {
                return None;
            }
            number |= part << shift;
            if byte & 0x80 == 0 {
                let shortest = byte != 0 || shift == 0;
                return shortest.then_some(number);
            }
        }
        None
    }

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

    fn bytes(&mut self) -> Option<Bytes> {
        let length = usize::try_from(self.varint()?).ok()?;
        self.0.split_off(..length).map(Bytes::new)
    }

    fn optional_bytes(&mut self) -> Option<Option<Bytes>> {
        match self.byte()? {
            0 => Some(None),
            1 => self.bytes().map(Some),
            _ => None,
        }
    }

    /// A list. Nothing is reserved for the count that it claims: memory grows with the elements that are there.
    fn list<T>(&mut self, mut element: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = self.varint()?;
        let mut list = Vec::new();
        for _ in 0..count {
            list.push(element(self)?);
        }
        Some(list)
    }
}
