//! What is wrong with a scenario, and how it is shown: the place, the line with a caret, what would be right.

use super::words::shown;
use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Report, Snippet};
use serde::Serialize;
use std::fmt;
use std::ops::Range;

/// Problems beyond this many are counted, not collected: a broken generator should not fill the memory.
pub(super) const LIMIT: usize = 100;

/// A line of more characters than this is cut around the caret.
const LONG: usize = 200;

/// How many characters of a long line are shown before, under and after the caret.
const MARGIN: usize = 80;

/// Something senseless in a scenario that is otherwise well formed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The error code, as in the table of [`crate::scenario`].
    pub code: &'static str,
    /// What is wrong, without a full stop.
    pub message: String,
    /// Where, as in `timeline[2].do.crash[0]`; empty for the whole scenario.
    pub path: String,
    /// What would be right.
    pub help: String,
}

impl fmt::Display for Problem {
    /// `error[E0201]: cluster.initial[0].node: there is no node 9 (help: …)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, message, path, help } = self;
        write!(f, "error[{code}]: {path}: {message} (help: {help})")
    }
}

/// Something wrong at a place in a scenario file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// The error code, as in the table of [`crate::scenario`].
    pub code: &'static str,
    /// What is wrong, without a full stop.
    pub message: String,
    /// Where in the scenario, as in `timeline[2].do.crash[0]`; empty where that cannot be said.
    pub path: String,
    /// The line, from 1; 0 if the file could not be read at all.
    pub line: usize,
    /// The column in characters, from 1; 0 if the file could not be read at all.
    pub column: usize,
    /// What would be right.
    pub help: String,
    /// The culprit's bytes in the text.
    #[serde(skip)]
    span: Range<usize>,
}

/// Why a scenario file is refused. Its [`Display`](fmt::Display) is plain text in the manner of rustc.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostics {
    /// The problems in the order in which they were found; at least one, at most 100.
    pub problems: Vec<Diagnostic>,
    /// How many more there are.
    pub omitted: usize,
    name: String,
    text: String,
}

impl Diagnostics {
    /// No problems yet, in the file `name` that holds `text`.
    pub(super) fn new(name: &str, text: &str) -> Self {
        Self { problems: Vec::new(), omitted: 0, name: name.into(), text: text.into() }
    }

    /// One problem of a file that could not be read.
    pub(super) fn unread(name: &str, code: &'static str, message: String, help: &str) -> Self {
        let diagnostic = Diagnostic {
            code,
            message,
            path: String::new(),
            line: 0,
            column: 0,
            help: help.into(),
            span: 0..0,
        };
        Self { problems: vec![diagnostic], ..Self::new(name, "") }
    }

    /// Whether further problems will only be counted.
    pub(super) fn is_full(&self) -> bool {
        self.problems.len() == LIMIT
    }

    /// Adds a problem at these bytes of the text.
    pub(super) fn add(&mut self, problem: Problem, span: Range<usize>) {
        if self.is_full() {
            self.omitted += 1;
            return;
        }
        let Problem { code, message, path, help } = problem;
        let start = self.text.floor_char_boundary(span.start);
        let end = self.text.ceil_char_boundary(span.end.max(start));
        let line = self.text[..start].matches('\n').count() + 1;
        let column = self.text[self.line_start(start)..start].chars().count() + 1;
        self.problems.push(Diagnostic { code, message, path, line, column, help, span: start..end });
    }

    /// Counts problems that were found and not kept.
    pub(super) fn omit(&mut self, count: usize) {
        self.omitted += count;
    }

    /// The text for people; with colours if `styled`.
    pub fn render(&self, styled: bool) -> String {
        let renderer = if styled { Renderer::styled() } else { Renderer::plain() };
        let renderer = renderer.decor_style(DecorStyle::Ascii).term_width(2 * LONG);
        let mut blocks: Vec<String> =
            self.problems.iter().map(|problem| self.render_one(&renderer, problem)).collect();
        if self.omitted > 0 {
            let message = format!("{} more problems are not shown", self.omitted);
            let group = Level::NOTE.primary_title(message);
            let report: Report<'_> = &[Group::with_title(group)];
            blocks.push(renderer.render(report));
        }
        let mut text = blocks.join("\n\n");
        text.push('\n');
        text
    }

    fn render_one(&self, renderer: &Renderer, problem: &Diagnostic) -> String {
        let name = shown(&self.name, 300);
        let title = Level::ERROR.primary_title(problem.message.as_str()).id(problem.code);
        let help = Level::HELP.message(problem.help.as_str());
        if problem.line == 0 {
            let report: Report<'_> = &[title.element(Origin::path(name.as_str())).element(help)];
            return renderer.render(report);
        }
        let (line, span) = self.excerpt(&problem.span);
        let column = line[..span.start].chars().count() + 1;
        let snippet = Snippet::source(line).path(name.as_str()).line_start(problem.line);
        let report: Report<'_> =
            &[title.element(snippet.annotation(AnnotationKind::Primary.span(span))).element(help)];
        let text = renderer.render(report);
        // The renderer counts columns in what it is shown, which is not the whole line if that is long.
        let place = |column: usize| format!("{name}:{}:{column}", problem.line);
        if column == problem.column { text } else { text.replacen(&place(column), &place(problem.column), 1) }
    }

    fn line_start(&self, offset: usize) -> usize {
        self.text[..offset].rfind('\n').map_or(0, |newline| newline + 1)
    }

    /// The line of a span, cut around it if it is long, control characters made visible, and the span in it.
    fn excerpt(&self, span: &Range<usize>) -> (String, Range<usize>) {
        let start = self.line_start(span.start);
        let line = self.text[start..].lines().next().unwrap_or("");
        let from = (span.start - start).min(line.len());
        let until = (span.end - start).clamp(from, line.len());
        let (before, culprit, after) = (&line[..from], &line[from..until], &line[until..]);

        let margin = if line.chars().nth(LONG).is_some() { MARGIN } else { LONG };
        let skipped = before.chars().count().saturating_sub(margin);
        let mut text = String::from(if skipped > 0 { "..." } else { "" });
        text.extend(before.chars().skip(skipped).map(harmless));
        let caret = text.len();
        text.extend(culprit.chars().take(margin).map(harmless));
        let caret = caret..text.len();
        text.extend(after.chars().take(margin).map(harmless));
        let cut = culprit.chars().nth(margin).is_some() || after.chars().nth(margin).is_some();
        text.push_str(if cut { "..." } else { "" });
        (text, caret)
    }
}

/// A character that a terminal only prints.
fn harmless(character: char) -> char {
    match character {
        '\t' => ' ',
        _ if character.is_control() => char::REPLACEMENT_CHARACTER,
        // Marks that reorder or hide what follows them.
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' => {
            char::REPLACEMENT_CHARACTER
        }
        _ => character,
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.render(false).trim_end())
    }
}

impl std::error::Error for Diagnostics {}
