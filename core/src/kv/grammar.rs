//! The commands as text: what is typed at the prompt, and what traces and reports print.

use super::command::{Command, TooLong};
use super::quote::{self, Word};
use crate::types::Bytes;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

/// A command's name and arguments, for usage, help and completion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Synopsis {
    /// The command word, in capitals.
    pub name: &'static str,
    /// Its arguments, as usage shows them.
    pub arguments: &'static str,
    /// What it does, in a few words.
    pub summary: &'static str,
}

impl fmt::Display for Synopsis {
    /// `SET key value`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.arguments)
    }
}

const fn synopsis(name: &'static str, arguments: &'static str, summary: &'static str) -> Synopsis {
    Synopsis { name, arguments, summary }
}

/// All commands, in the order in which help lists them.
pub const SYNOPSES: [Synopsis; 15] = [
    synopsis("SET", "key value", "binds a key to a STRING, whatever it was"),
    synopsis("GET", "key", "reads a STRING"),
    synopsis("DEL", "key", "removes a key of any type"),
    synopsis("CAS", "key expected new", "binds a key if it holds what is expected; nil: if it is missing"),
    synopsis("APPEND", "key value", "extends a STRING"),
    synopsis("HSET", "hash f:v [f:v …]", "sets fields of a HASH"),
    synopsis("HGET", "hash field", "reads a field of a HASH"),
    synopsis("HDEL", "hash f [f …]", "removes fields; an emptied HASH is gone"),
    synopsis("HGETALL", "hash", "reads all fields of a HASH, in order"),
    synopsis("SSET", "set m [m …]", "adds members to a SET"),
    synopsis("SHAS", "set m", "looks for a member of a SET"),
    synopsis("SDEL", "set m [m …]", "removes members; an emptied SET is gone"),
    synopsis("SMEMBERS", "set", "reads all members of a SET, in order"),
    synopsis("EXISTS", "key", "looks for a key of any type"),
    synopsis("TYPE", "key", "tells what a key holds: STRING, HASH, SET or NONE"),
];

/// The bare word that stands for a missing key in CAS.
const NIL: &str = "nil";

/// Why a line is no command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParseError {
    /// There is no word in it.
    Empty,
    /// No command has this name.
    UnknownCommand {
        /// The first word, escaped and shortened for display.
        word: String,
        /// The command that may have been meant.
        nearest: Option<&'static str>,
    },
    /// The number of words is wrong.
    Usage(&'static Synopsis),
    /// Some pairs of an HSET have a colon, this word has none.
    NoColon {
        /// The word, escaped and shortened for display.
        word: String,
    },
    /// A quote is not closed.
    Unclosed {
        /// Which sort.
        quote: char,
        /// Where it was opened: characters from 1.
        column: usize,
    },
    /// A backslash in double quotes is followed by something else than an escape.
    Escape {
        /// Where the backslash is: characters from 1.
        column: usize,
    },
    /// A part is too long.
    TooLong(TooLong),
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => write_names(f, format_args!("no command")),
            Self::UnknownCommand { word, nearest: Some(name) } => {
                write!(f, "unknown command {word}: did you mean {name}?")
            }
            Self::UnknownCommand { word, nearest: None } => {
                write_names(f, format_args!("unknown command {word}"))
            }
            Self::Usage(synopsis) => write!(f, "usage: {synopsis}"),
            Self::NoColon { word } => {
                write!(f, "{word} has no ':': write all pairs as f:v, or all as f v and colons as \"\\x3a\"")
            }
            Self::Unclosed { quote, column } => {
                write!(f, "the quote {quote} at column {column} is not closed: end it with another {quote}")
            }
            Self::Escape { column } => {
                let known = r#"\", \\, \n, \t or \xHH with two hexadecimal digits"#;
                write!(f, "unknown escape at column {column}: write {known}")
            }
            Self::TooLong(error) => error.fmt(f),
        }
    }
}

fn write_names(f: &mut fmt::Formatter<'_>, problem: fmt::Arguments<'_>) -> fmt::Result {
    write!(f, "{problem}: use one of ")?;
    for (i, synopsis) in SYNOPSES.iter().enumerate() {
        let separator = if i == 0 { "" } else { ", " };
        write!(f, "{separator}{}", synopsis.name)?;
    }
    Ok(())
}

impl core::error::Error for ParseError {}

impl Command {
    /// The command that `line` says: a command word in any case and its arguments, split at white space.
    ///
    /// Single quotes group as they are; double quotes group and know `\"`, `\\`, `\n`, `\t` and `\xHH`. An HSET
    /// takes pairs `f:v`, split at the first colon that is not written `\x3a`, or, if no word has one, fields and
    /// values in turn. In a CAS the bare word `nil` expects a missing key, a quoted `"nil"` that string.
    ///
    /// ```
    /// use seaworthy_core::kv::Command;
    ///
    /// let command = Command::parse("hset ship name:'Sea Witch' built:1846")?;
    /// assert_eq!(command.to_string(), r#"HSET ship name:"Sea Witch" built:1846"#);
    /// # Ok::<(), seaworthy_core::kv::ParseError>(())
    /// ```
    ///
    /// # Errors
    /// What is wrong with the line, where, and what would be right.
    pub fn parse(line: &str) -> Result<Self, ParseError> {
        let mut words = quote::split(line)?.into_iter();
        let first = words.next().ok_or(ParseError::Empty)?;
        let synopsis = SYNOPSES
            .iter()
            .find(|synopsis| first.bytes.eq_ignore_ascii_case(synopsis.name.as_bytes()))
            .ok_or_else(|| ParseError::UnknownCommand {
                word: shortened(&first.bytes),
                nearest: nearest_name(&first.bytes),
            })?;
        let command = build(synopsis.name, words.collect())?.ok_or(ParseError::Usage(synopsis))?;
        command.validate().map_err(ParseError::TooLong)?;
        Ok(command)
    }
}

/// The command `name` with these arguments; `None` if their number is wrong.
fn build(name: &str, words: Vec<Word>) -> Result<Option<Command>, ParseError> {
    let command = match name {
        "SET" => exactly(words).map(|[key, value]| Command::Set { key: key.into(), value: value.into() }),
        "GET" => exactly(words).map(|[key]| Command::Get { key: key.into() }),
        "DEL" => exactly(words).map(|[key]| Command::Del { key: key.into() }),
        "CAS" => exactly(words).map(|[key, expected, new]| Command::Cas {
            key: key.into(),
            expected: (expected.quoted || expected.bytes != NIL.as_bytes()).then(|| expected.into()),
            new: new.into(),
        }),
        "APPEND" => {
            exactly(words).map(|[key, value]| Command::Append { key: key.into(), value: value.into() })
        }
        "HSET" => match key_and_more(words) {
            Some((key, words)) => pairs(words)?.map(|pairs| Command::HSet { key, pairs }),
            None => None,
        },
        "HGET" => exactly(words).map(|[key, field]| Command::HGet { key: key.into(), field: field.into() }),
        "HDEL" => key_and_more(words).map(|(key, words)| Command::HDel { key, fields: all_bytes(words) }),
        "HGETALL" => exactly(words).map(|[key]| Command::HGetAll { key: key.into() }),
        "SSET" => key_and_more(words).map(|(key, words)| Command::SSet { key, members: all_bytes(words) }),
        "SHAS" => {
            exactly(words).map(|[key, member]| Command::SHas { key: key.into(), member: member.into() })
        }
        "SDEL" => key_and_more(words).map(|(key, words)| Command::SDel { key, members: all_bytes(words) }),
        "SMEMBERS" => exactly(words).map(|[key]| Command::SMembers { key: key.into() }),
        "EXISTS" => exactly(words).map(|[key]| Command::Exists { key: key.into() }),
        "TYPE" => exactly(words).map(|[key]| Command::Type { key: key.into() }),
        _ => unreachable!("every name in the table has its arm: a test builds each"),
    };
    Ok(command)
}

impl From<Word> for Bytes {
    fn from(word: Word) -> Self {
        word.bytes.into()
    }
}

fn exactly<const N: usize>(words: Vec<Word>) -> Option<[Word; N]> {
    words.try_into().ok()
}

/// The first word, and the others, of which there must be one.
fn key_and_more(mut words: Vec<Word>) -> Option<(Bytes, Vec<Word>)> {
    if words.len() < 2 {
        return None;
    }
    let others = words.split_off(1);
    let key = words.pop().expect("the first word was left");
    Some((key.into(), others))
}

fn all_bytes(words: Vec<Word>) -> Vec<Bytes> {
    words.into_iter().map(Bytes::from).collect()
}

/// Fields and values: `f:v` each, or in turn if no word has a colon. `None` if a last field has no value.
fn pairs(words: Vec<Word>) -> Result<Option<Vec<(Bytes, Bytes)>>, ParseError> {
    if words.iter().all(|word| word.colon.is_none()) {
        let (pairs, rest) = words.as_chunks::<2>();
        let bytes = |word: &Word| Bytes::new(&word.bytes);
        return Ok(rest.is_empty().then(|| pairs.iter().map(|[f, v]| (bytes(f), bytes(v))).collect()));
    }
    let split = |word: Word| match word.colon {
        Some(colon) => Ok((Bytes::new(&word.bytes[..colon]), Bytes::new(&word.bytes[colon + 1..]))),
        None => Err(ParseError::NoColon { word: shortened(&word.bytes) }),
    };
    words.into_iter().map(split).collect::<Result<_, _>>().map(Some)
}

/// The start of a word, cut between two characters, in quotes and escaped.
fn shortened(bytes: &[u8]) -> String {
    const SHOWN: usize = 32;
    if bytes.len() <= SHOWN {
        return quote::quoted(bytes).to_string();
    }
    let end = (0..=SHOWN).rfind(|end| bytes[*end] & 0xc0 != 0x80).unwrap_or(SHOWN);
    alloc::format!("{}…", quote::quoted(&bytes[..end]))
}

/// The name nearest to `word`, if less than about half of it is wrong.
fn nearest_name(word: &[u8]) -> Option<&'static str> {
    let longest = SYNOPSES.iter().map(|synopsis| synopsis.name.len()).max()?;
    if word.len() > 2 * longest {
        return None;
    }
    let word = word.to_ascii_uppercase();
    SYNOPSES
        .iter()
        .map(|synopsis| (distance(&word, synopsis.name.as_bytes()), synopsis.name))
        .filter(|(distance, name)| distance * 2 <= name.len())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// How many letters must be inserted, removed, replaced or swapped with their neighbour to make `b` of `a`
/// (optimal string alignment).
fn distance(a: &[u8], b: &[u8]) -> usize {
    let mut before_previous = Vec::new();
    let mut previous: Vec<usize> = (0..=b.len()).collect();
    for i in 0..a.len() {
        let mut row = alloc::vec![i + 1];
        for j in 0..b.len() {
            let replaced = previous[j] + usize::from(a[i] != b[j]);
            let mut least = replaced.min(previous[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
                least = least.min(before_previous[j - 1] + 1);
            }
            row.push(least);
        }
        before_previous = core::mem::replace(&mut previous, row);
    }
    previous[b.len()]
}

impl fmt::Display for Command {
    /// As it would be typed, on one line and harmless to a terminal: [`Command::parse`] reads it back, if it is
    /// within the limits and no list in it is empty.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name(), quote::word(self.key()))?;
        match self {
            Self::Get { .. }
            | Self::Del { .. }
            | Self::HGetAll { .. }
            | Self::SMembers { .. }
            | Self::Exists { .. }
            | Self::Type { .. } => Ok(()),
            Self::Set { value: word, .. }
            | Self::Append { value: word, .. }
            | Self::HGet { field: word, .. }
            | Self::SHas { member: word, .. } => write!(f, " {}", quote::word(word)),
            Self::Cas { expected, new, .. } => {
                match expected {
                    None => write!(f, " {NIL}")?,
                    Some(expected) if **expected == *NIL.as_bytes() => {
                        write!(f, " {}", quote::quoted(expected))?
                    }
                    Some(expected) => write!(f, " {}", quote::word(expected))?,
                }
                write!(f, " {}", quote::word(new))
            }
            Self::HSet { pairs, .. } => pairs
                .iter()
                .try_for_each(|(field, value)| write!(f, " {}:{}", quote::field(field), quote::word(value))),
            Self::HDel { fields: words, .. }
            | Self::SSet { members: words, .. }
            | Self::SDel { members: words, .. } => {
                words.iter().try_for_each(|word| write!(f, " {}", quote::word(word)))
            }
        }
    }
}
