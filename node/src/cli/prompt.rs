//! The prompt: lines in, answers out, in the order in which they were asked.

use super::deck::Deck;
use super::orders::{ORDERS, Order};
use super::{Result, USAGE};
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::history::MemHistory;
use rustyline::{Editor, Helper, Highlighter, Hinter, Validator};
use seaworthy_core::kv::{Command, SYNOPSES};
use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::process::ExitCode;
use tokio::runtime::Runtime;

/// The longest line: a command whose every byte is written as `\xHH`.
const LINE_MAX: u64 = 16 << 20;

/// Where lines come from.
pub(super) enum Source {
    Terminal(Box<Editor<Names, MemHistory>>),
    Stdin,
    Lines(Vec<String>),
}

impl Source {
    /// The standard input. A terminal is greeted, and has its lines edited.
    pub(super) fn stdin(greeting: &str) -> Result<Self> {
        if !io::stdin().is_terminal() {
            return Ok(Self::Stdin);
        }
        let mut editor = Editor::with_history(rustyline::Config::default(), MemHistory::new())?;
        editor.set_helper(Some(Names));
        writeln!(io::stdout(), "{greeting}")?;
        Ok(Self::Terminal(Box::new(editor)))
    }

    /// The next line; `None` at the end.
    fn next(&mut self) -> Result<Option<String>> {
        match self {
            Self::Terminal(editor) => match editor.readline("> ") {
                Ok(line) => {
                    editor.add_history_entry(&line)?;
                    Ok(Some(line))
                }
                Err(ReadlineError::Eof) => Ok(None),
                // What was being typed is dropped, as in a shell.
                Err(ReadlineError::Interrupted) => Ok(Some(String::new())),
                Err(error) => Err(error.into()),
            },
            Self::Stdin => {
                let mut line = Vec::new();
                let read = io::stdin().lock().take(LINE_MAX + 1).read_until(b'\n', &mut line)?;
                if LINE_MAX < read as u64 {
                    return Err(format!("a line has {LINE_MAX} bytes at most").into());
                }
                let line = String::from_utf8(line)
                    .map_err(|_| "a line is text in UTF-8; write other bytes as \\xHH")?;
                Ok((read != 0).then_some(line))
            }
            Self::Lines(lines) => Ok((!lines.is_empty()).then(|| lines.remove(0))),
        }
    }
}

/// A prompt for the servers of a deck.
pub(super) struct Prompt<'a> {
    runtime: &'a Runtime,
    deck: Deck,
    /// Whether everything was done so far.
    done: bool,
}

impl<'a> Prompt<'a> {
    pub(super) fn new(runtime: &'a Runtime, deck: Deck) -> Self {
        Self { runtime, deck, done: true }
    }

    pub(super) fn into_deck(self) -> Deck {
        self.deck
    }

    /// Answers line by line until the end. Whoever types sees what went wrong; whoever does not learns it from the exit
    /// code.
    pub(super) fn run(&mut self, mut source: Source) -> Result<ExitCode> {
        loop {
            let line = match source.next() {
                Ok(Some(line)) => line,
                Ok(None) => break,
                Err(error) => {
                    eprintln!("error: {error}");
                    return Ok(ExitCode::from(USAGE));
                }
            };
            let answer = match Order::parse(&line) {
                Some(Ok(Order::Exit)) => break,
                Some(Ok(order)) => self.runtime.block_on(self.deck.follow(&order)),
                Some(Err(usage)) => Err(usage),
                None if line.trim().is_empty() => continue,
                None => self.execute(&line),
            };
            if !self.print(answer)? {
                break;
            }
        }
        let failed = !self.done && !matches!(source, Source::Terminal(_));
        Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }

    /// Carries out one order.
    pub(super) fn give(&mut self, order: &Order) -> Result<ExitCode> {
        let answer = self.runtime.block_on(self.deck.follow(order));
        self.print(answer)?;
        Ok(if self.done { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn execute(&mut self, line: &str) -> std::result::Result<String, String> {
        let command = Command::parse(line).map_err(|error| error.to_string())?;
        let answer = self.runtime.block_on(self.deck.execute(command));
        answer.map(|answer| answer.to_string()).map_err(|error| error.to_string())
    }

    /// Prints an answer. Says whether anybody still reads.
    fn print(&mut self, answer: std::result::Result<String, String>) -> Result<bool> {
        self.done &= answer.is_ok();
        let text = match answer {
            Ok(text) => harmless(&text),
            Err(reason) => format!("(error) {}", harmless(&reason)),
        };
        let mut out = io::stdout().lock();
        match writeln!(out, "{text}").and_then(|()| out.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
            written => Ok(written.map(|()| true)?),
        }
    }
}

/// A text without anything that controls a terminal, wherever it came from.
fn harmless(text: &str) -> String {
    let harmful = |c: char| {
        c.is_control() && c != '\n' || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars()
        .flat_map(|c| {
            let (as_is, escaped) =
                if harmful(c) { (None, Some(c.escape_unicode())) } else { (Some(c), None) };
            as_is.into_iter().chain(escaped.into_iter().flatten())
        })
        .collect()
}

/// Completes the names of commands and orders.
#[derive(Helper, Highlighter, Hinter, Validator)]
pub(super) struct Names;

impl Completer for Names {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        position: usize,
        _: &rustyline::Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        let typed = line.get(..position).unwrap_or(line).to_ascii_uppercase();
        let names = SYNOPSES.iter().chain(&ORDERS).map(|synopsis| synopsis.name);
        let fitting = names.filter(|name| !typed.is_empty() && name.starts_with(&typed));
        Ok((0, fitting.map(|name| format!("{name} ")).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_printed_controls_the_terminal() {
        assert_eq!(harmless("a\u{1b}[2Jb\nc\u{202e}"), "a\\u{1b}[2Jb\nc\\u{202e}");
    }
}
