//! Words and their quoting: how a line is split into words of any bytes, and how such words are written.
//!
//! White space separates words. Single quotes group as they are; double quotes group and know `\"`, `\\`, `\n`,
//! `\t` and `\xHH`. Quotes may stand inside a word: `f:"a b"` is one. Elsewhere a backslash is itself.

use super::grammar::ParseError;
use alloc::vec::Vec;
use core::fmt::{self, Write as _};
use core::iter::{Enumerate, Peekable};
use core::str::Chars;

/// A word of a line.
#[derive(Debug, Default)]
pub(super) struct Word {
    /// What it says.
    pub(super) bytes: Vec<u8>,
    /// Whether any of it was quoted: `"nil"` is not the bare word `nil`.
    pub(super) quoted: bool,
    /// Where in `bytes` its first colon is. One that is written `\x3a` is not counted, so that a field can hold one.
    pub(super) colon: Option<usize>,
}

impl Word {
    fn push(&mut self, c: char) {
        if c == ':' {
            self.colon.get_or_insert(self.bytes.len());
        }
        self.bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

/// The characters left of a line, each with its position from 0.
type Cursor<'a> = Peekable<Enumerate<Chars<'a>>>;

/// The words of `line`.
pub(super) fn split(line: &str) -> Result<Vec<Word>, ParseError> {
    let mut words = Vec::new();
    let mut cursor: Cursor<'_> = line.chars().enumerate().peekable();
    loop {
        while cursor.next_if(|(_, c)| c.is_ascii_whitespace()).is_some() {}
        if cursor.peek().is_none() {
            return Ok(words);
        }
        words.push(next_word(&mut cursor)?);
    }
}

fn next_word(cursor: &mut Cursor<'_>) -> Result<Word, ParseError> {
    let mut word = Word::default();
    while let Some((position, c)) = cursor.next_if(|(_, c)| !c.is_ascii_whitespace()) {
        match c {
            '"' | '\'' => {
                word.quoted = true;
                quotation(cursor, position, c, &mut word)?;
            }
            c => word.push(c),
        }
    }
    Ok(word)
}

/// Reads on to the `quote` that closes the one at `start`.
fn quotation(cursor: &mut Cursor<'_>, start: usize, quote: char, word: &mut Word) -> Result<(), ParseError> {
    while let Some((position, c)) = cursor.next() {
        match c {
            c if c == quote => return Ok(()),
            '\\' if quote == '"' => {
                escape(cursor, word).ok_or(ParseError::Escape { column: position + 1 })?;
            }
            c => word.push(c),
        }
    }
    Err(ParseError::Unclosed { quote, column: start + 1 })
}

/// Reads what follows a backslash.
fn escape(cursor: &mut Cursor<'_>, word: &mut Word) -> Option<()> {
    match cursor.next()?.1 {
        c @ ('"' | '\\') => word.push(c),
        'n' => word.push('\n'),
        't' => word.push('\t'),
        'x' => {
            let high = cursor.next()?.1.to_digit(16)?;
            let low = cursor.next()?.1.to_digit(16)?;
            word.bytes.push(u8::try_from(high * 16 + low).expect("two hexadecimal digits are a byte"));
        }
        _ => return None,
    }
    Some(())
}

/// `bytes` in double quotes: always on one line, and harmless to a terminal. What is no UTF-8, controls the
/// terminal, cannot be seen, or turns the direction of the text is written as `\xHH`.
pub(super) fn quoted(bytes: &[u8]) -> impl fmt::Display {
    fmt::from_fn(move |f| write_quoted(f, bytes, false))
}

/// `bytes` as a word: bare where that reads back the same, quoted otherwise.
pub(super) fn word(bytes: &[u8]) -> impl fmt::Display {
    let bare = !bytes.is_empty() && bytes.iter().all(|byte| is_plain(*byte));
    fmt::from_fn(move |f| if bare { write_plain(f, bytes) } else { write_quoted(f, bytes, false) })
}

/// `bytes` as the field of a pair, which ends at the first colon that is not escaped.
pub(super) fn field(bytes: &[u8]) -> impl fmt::Display {
    let bare = !bytes.is_empty() && bytes.iter().all(|byte| is_plain(*byte) && *byte != b':');
    fmt::from_fn(move |f| if bare { write_plain(f, bytes) } else { write_quoted(f, bytes, true) })
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'\\')
}

fn write_plain(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| f.write_char(char::from(*byte)))
}

fn write_quoted(f: &mut fmt::Formatter<'_>, bytes: &[u8], escape_colons: bool) -> fmt::Result {
    f.write_char('"')?;
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                '\t' => f.write_str("\\t")?,
                c if is_hidden(c) || (escape_colons && c == ':') => {
                    write_hexadecimal(f, c.encode_utf8(&mut [0; 4]).as_bytes())?;
                }
                c => f.write_char(c)?,
            }
        }
        write_hexadecimal(f, chunk.invalid())?;
    }
    f.write_char('"')
}

fn write_hexadecimal(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "\\x{byte:02x}"))
}

/// Whether a terminal would obey `c`, or not show it, or show what surrounds it in another order. A fixed list,
/// so that what is printed does not depend on the Unicode version of the toolchain.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}
