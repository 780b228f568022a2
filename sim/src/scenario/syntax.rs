//! From text to a JSON tree, or the first place where it is not JSON.

use super::diagnostic::{Diagnostics, Problem};
use super::words::{count, quoted};
use jsonc_parser::ast::Value;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};
use serde::de::IgnoredAny;

/// The largest scenario file that is read, in bytes.
pub(super) const MAX_BYTES: u64 = 4 << 20;

/// How deep objects and lists may be nested. A scenario needs 8; the parser of the tree recurses.
const MAX_DEPTH: u32 = 64;

/// Something wrong with the text at a byte of it.
struct Complaint {
    code: &'static str,
    offset: usize,
    length: usize,
    message: String,
    help: String,
}

impl Complaint {
    fn new(code: &'static str, offset: usize, message: &str, help: &str) -> Self {
        Self { code, offset, length: 1, message: message.into(), help: help.into() }
    }

    fn into_diagnostics(self, name: &str, text: &str) -> Diagnostics {
        let Self { code, offset, length, message, help } = self;
        let mut diagnostics = Diagnostics::new(name, text);
        diagnostics.add(Problem { code, message, path: String::new(), help }, offset..offset + length);
        diagnostics
    }
}

/// The tree of a text that is strict JSON, neither large nor deep.
pub(super) fn tree<'t>(name: &str, text: &'t str) -> Result<Value<'t>, Diagnostics> {
    if text.len() as u64 > MAX_BYTES {
        return Err(too_large(name, text.len() as u64));
    }
    guard(text).and_then(|()| parse(text)).map_err(|complaint| complaint.into_diagnostics(name, text))
}

/// The refusal of a text of so many bytes.
pub(super) fn too_large(name: &str, bytes: u64) -> Diagnostics {
    let message = format!("the file is too large for a scenario: {}", count(bytes, "byte"));
    Diagnostics::unread(name, "E0003", message, "a scenario has at most 4 MiB; is this a trace or a history?")
}

/// Refuses what a parser should not see.
fn guard(text: &str) -> Result<(), Complaint> {
    if text.starts_with('\u{feff}') {
        let help = "save the file as UTF-8 without a byte order mark";
        return Err(Complaint {
            length: 3,
            ..Complaint::new("E0006", 0, "a byte order mark stands before the text", help)
        });
    }
    if text.trim().is_empty() {
        let help = "`seaworthy new FILE` writes a scenario to start from";
        return Err(Complaint::new("E0005", 0, "the file is empty", help));
    }
    let mut depth = 0_u32;
    let mut in_string = false;
    let mut escaped = false;
    for (offset, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => depth += 1,
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            let message = format!("more than {MAX_DEPTH} brackets are open here");
            let help = "a scenario is never nested deeper than 8; is a bracket not closed?";
            return Err(Complaint::new("E0007", offset, &message, help));
        }
    }
    Ok(())
}

fn parse(text: &str) -> Result<Value<'_>, Complaint> {
    serde_json::from_str::<IgnoredAny>(text).map_err(|error| explain(text, &error))?;
    let strict = ParseOptions {
        allow_comments: false,
        allow_loose_object_property_names: false,
        allow_trailing_commas: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    };
    // Of what is JSON, this parser refuses only escapes without their other half.
    let tree = parse_to_ast(text, &CollectOptions::default(), &strict).map_err(|error| {
        let range = error.range();
        let message = "a text holds an escape that stands for half a character";
        let help = "such escapes come in pairs, as in `\\ud83d\\ude00`";
        Complaint { length: range.end - range.start, ..Complaint::new("E0110", range.start, message, help) }
    })?;
    Ok(tree.value.expect("a text that is not empty has a value"))
}

/// Says what a syntax error most probably comes from, by what stands there.
fn explain(text: &str, error: &serde_json::Error) -> Complaint {
    let plain = error.to_string();
    let message = plain.split(" at line ").next().unwrap_or(&plain);
    // Of a control character the parser names the byte before.
    let late = usize::from(message.starts_with("control character"));
    let offset = text.floor_char_boundary(offset(text, error) + late);
    let (before, after) = text.split_at(offset);
    let next = after.chars().next();
    let open = before.trim_end();
    let at = |message: &str, help: &str| Complaint::new("E0101", offset, message, help);

    if error.is_eof() {
        let end = text.trim_end().len();
        let (what, help) = match message {
            "EOF while parsing an object" => ("an object", "close it with `}`"),
            "EOF while parsing a list" => ("a list", "close it with `]`"),
            "EOF while parsing a string" => ("a text", "close it with `\"`"),
            _ => ("a value", "is the file cut off?"),
        };
        return Complaint::new("E0101", end, &format!("the file ends within {what}"), help);
    }
    if after.starts_with("//") || after.starts_with("/*") || after.starts_with('#') {
        let help = "JSON has no comments; `claim` is the place for words";
        let length = after.lines().next().unwrap_or("").len();
        return Complaint { length, ..Complaint::new("E0102", offset, "a comment", help) };
    }
    if matches!(next, Some(']' | '}')) && open.ends_with(',') {
        let help = "take the comma away: JSON has none after the last element";
        return Complaint::new("E0103", open.len() - 1, "a comma after the last element", help);
    }
    match message {
        "expected `,` or `}`" | "expected `,` or `]`"
            if matches!(next, Some('"' | '{' | '[' | '0'..='9' | '-')) =>
        {
            at("a comma is missing before this", "put `,` between the elements")
        }
        "expected `:`" => at("a colon is missing before this", "a field is written `\"name\": value`"),
        "key must be a string" => {
            at("a field's name is expected here", "names stand in double quotes: `\"name\": value`")
        }
        "trailing characters" => at(
            "something follows the end of the scenario",
            "one file holds one scenario; is a bracket closed too early?",
        ),
        "invalid escape" => at("a backslash that stands for nothing", "a backslash itself is written `\\\\`"),
        _ if message.starts_with("control character") && next == Some('\n') => at(
            "the text is not closed on its line",
            "close it with `\"`; a line break within a text is written `\\n`",
        ),
        _ if message.starts_with("control character") => {
            at("a control character within a text", "write it as an escape, as in `\\t` or `\\u001b`")
        }
        _ => stranger(text, offset, message),
    }
}

/// Something that is no JSON value where one is expected.
fn stranger(text: &str, offset: usize, message: &str) -> Complaint {
    // A word begins before the parser gives up on it: `5s`, `nul`, `1.2.3`.
    let within = |c: char| c.is_alphanumeric() || "_+-.".contains(c);
    let offset = text[..offset].trim_end_matches(within).len();
    let after = &text[offset..];
    let length = after.find(|c| !within(c)).unwrap_or(after.len());
    let word = &after[..length];
    let at = |message: &str, help: &str| Complaint {
        length: length.max(1),
        ..Complaint::new("E0101", offset, message, help)
    };
    match word.trim_start_matches(['+', '-']).to_ascii_lowercase().as_str() {
        "nan" | "inf" | "infinity" => {
            at("this is no number in JSON", "numbers are written as in 0, 25 or 0.05")
        }
        "true" => at("this is no JSON value", "write `true`"),
        "false" => at("this is no JSON value", "write `false`"),
        "none" | "nil" | "undefined" => at("this is no JSON value", "leave the field out"),
        _ if after.starts_with('\'') => at("a single quote", "texts stand in double quotes: `\"text\"`"),
        _ if word.contains(|c: char| c.is_alphabetic() && c != 'e' && c != 'E') => {
            let message = format!("{} is no JSON value", quoted(word));
            at(&message, "texts stand in double quotes: `\"text\"`")
        }
        _ if message == "invalid number" || word.starts_with(['+', '-', '.']) => {
            at("this is no number in JSON", "numbers are written as in 0, 25 or 0.05")
        }
        _ if after.starts_with(',') => {
            at("a value is missing before this comma", "is there a comma too many?")
        }
        _ => at(message, "see the field's description in the schema (`seaworthy schema`)"),
    }
}

/// The byte at which the parser stopped. It counts columns in bytes, from 1.
fn offset(text: &str, error: &serde_json::Error) -> usize {
    let line_start = match error.line() {
        0 | 1 => 0,
        line => text.match_indices('\n').nth(line - 2).map_or(text.len(), |(newline, _)| newline + 1),
    };
    text.floor_char_boundary((line_start + error.column()).saturating_sub(1))
}
