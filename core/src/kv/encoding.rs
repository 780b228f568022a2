//! What the encodings are made of: numbers, byte strings, lists and options.
//!
//! A byte string is its length and its bytes, a list its count and its elements, an option the byte 0, or the byte 1
//! and what it holds. Numbers are little-endian base 128 (LEB128), in their shortest form.

use crate::membership::MembershipError;
use crate::types::Bytes;
use alloc::vec::Vec;
use core::fmt;

/// Appends `number` in its shortest form.
pub(crate) fn put_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Appends a byte string.
pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

pub(super) fn put_pair(out: &mut Vec<u8>, (first, second): (&Bytes, &Bytes)) {
    put_bytes(out, first);
    put_bytes(out, second);
}

/// Appends each of `elements` as `put` does.
pub(crate) fn put_list<T>(
    out: &mut Vec<u8>,
    elements: impl ExactSizeIterator<Item = T>,
    put: impl Fn(&mut Vec<u8>, T),
) {
    put_varint(out, elements.len() as u64);
    elements.for_each(|element| put(out, element));
}

/// Appends what there is as `put` does.
pub(crate) fn put_option<T>(out: &mut Vec<u8>, option: Option<T>, put: impl Fn(&mut Vec<u8>, T)) {
    out.push(u8::from(option.is_some()));
    option.into_iter().for_each(|held| put(out, held));
}

/// Reads bytes that may be anything from their front. After an error nothing more can be read that makes sense.
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    /// At the start of `bytes`.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, offset: 0 }
    }

    /// What `content` reads from all of `bytes` but the first, which is the version of the encoding.
    pub(crate) fn versioned<T>(
        bytes: &'a [u8],
        known: u8,
        content: impl FnOnce(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<T, DecodeError> {
        let mut reader = Self::new(bytes);
        match reader.byte()? {
            version if version == known => {}
            version => return Err(DecodeError { offset: 0, problem: Problem::Version { version, known } }),
        }
        let content = content(&mut reader)?;
        if reader.rest().is_empty() { Ok(content) } else { Err(reader.problem(Problem::Trailing)) }
    }

    /// What has not been read.
    pub(crate) fn rest(&self) -> &'a [u8] {
        &self.bytes[self.offset..]
    }

    /// That what is read next is wrong.
    pub(crate) fn problem(&self, problem: Problem) -> DecodeError {
        DecodeError { offset: self.offset, problem }
    }

    /// One byte.
    pub(crate) fn byte(&mut self) -> Result<u8, DecodeError> {
        let byte = *self.rest().first().ok_or(self.problem(Problem::Incomplete))?;
        self.offset += 1;
        Ok(byte)
    }

    /// Whether, as 0 or 1.
    pub(crate) fn boolean(&mut self) -> Result<bool, DecodeError> {
        let unknown = self.problem(Problem::Tag);
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(unknown),
        }
    }

    /// A number, refused if it is not in its shortest form.
    pub(crate) fn varint(&mut self) -> Result<u64, DecodeError> {
        let wrong = self.problem(Problem::Number);
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let part = u64::from(byte & 0x7f);
            if part << shift >> shift != part {
                return Err(wrong);
            }
            number |= part << shift;
            if byte & 0x80 == 0 {
                let shortest = byte != 0 || shift == 0;
                return if shortest { Ok(number) } else { Err(wrong) };
            }
        }
        Err(wrong)
    }

    /// A byte string.
    pub(crate) fn bytes(&mut self) -> Result<Bytes, DecodeError> {
        let incomplete = self.problem(Problem::Incomplete);
        let length = self.varint()?;
        let bytes =
            usize::try_from(length).ok().and_then(|length| self.rest().get(..length)).ok_or(incomplete)?;
        self.offset += bytes.len();
        Ok(Bytes::new(bytes))
    }

    /// Two byte strings.
    pub(super) fn pair(&mut self) -> Result<(Bytes, Bytes), DecodeError> {
        Ok((self.bytes()?, self.bytes()?))
    }

    /// What `held` reads, if anything is there.
    pub(crate) fn option<T>(
        &mut self,
        held: impl FnOnce(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Option<T>, DecodeError> {
        if self.boolean()? { held(self).map(Some) } else { Ok(None) }
    }

    /// A list of what `element` reads.
    pub(crate) fn list<T>(
        &mut self,
        element: impl FnMut(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Vec<T>, DecodeError> {
        self.list_in_order(element, |_, _| true)
    }

    /// A list of what `element` reads, each of which `follows` the one before it. Nothing is reserved for the count
    /// that it claims: memory grows with the elements that are there.
    pub(crate) fn list_in_order<T>(
        &mut self,
        mut element: impl FnMut(&mut Self) -> Result<T, DecodeError>,
        follows: impl Fn(&T, &T) -> bool,
    ) -> Result<Vec<T>, DecodeError> {
        let count = self.varint()?;
        let mut list = Vec::new();
        for _ in 0..count {
            let disorder = self.problem(Problem::Disorder);
            let next = element(self)?;
            if list.last().is_some_and(|last| !follows(&next, last)) {
                return Err(disorder);
            }
            list.push(next);
        }
        Ok(list)
    }
}

/// Why bytes are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeError {
    /// How many bytes stand before what is wrong.
    pub offset: usize,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What can be wrong with bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// They end too early.
    Incomplete,
    /// They are of a version that is not known here.
    Version {
        /// Which.
        version: u8,
        /// The one that is known.
        known: u8,
    },
    /// A number is above 64 bits, or not in its shortest form.
    Number,
    /// A byte that says what follows has a value without a meaning.
    Tag,
    /// An element is not above the one before it.
    Disorder,
    /// A limit of the sessions is zero, or above 32 bits for their number.
    Limit,
    /// There are more sessions than the limit allows.
    Crowded,
    /// A session was used before the entry that opened it.
    Unopened,
    /// A HASH or SET has no elements.
    Hollow,
    /// They go on after the end.
    Trailing,
    /// No cluster has this configuration.
    Membership(MembershipError),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Incomplete => f.write_str("the bytes end before this is complete"),
            Self::Version { version, known } => write!(f, "version {version} is not known, only {known} is"),
            Self::Number => f.write_str("the number is above 64 bits or not in its shortest form"),
            Self::Tag => f.write_str("no meaning of this byte is known"),
            Self::Disorder => f.write_str("the element is not above the one before it"),
            Self::Limit => f.write_str("the limit of sessions is zero or too high"),
            Self::Crowded => f.write_str("there are more sessions than the limit allows"),
            Self::Unopened => f.write_str("the session was used before it was opened"),
            Self::Hollow => f.write_str("a HASH or SET without elements is no value"),
            Self::Trailing => f.write_str("nothing more should follow"),
            Self::Membership(error) => error.fmt(f),
        }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at byte {}: {}", self.offset, self.problem)
    }
}

impl core::error::Error for DecodeError {}
