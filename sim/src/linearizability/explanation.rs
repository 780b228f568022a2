//! Why a response cannot be explained, in words.

use super::frontier::{Frontier, Pending};
use super::model::State;
use super::{End, Seen, Unexplained};
use crate::history::OperationId;
use seaworthy_core::kv::Command;
use seaworthy_core::types::Bytes;
use std::fmt;

/// How much of a value is shown, in characters.
const TEXT_MAX: usize = 100;

/// A response, or an invocation, that makes no sense whatever the key holds.
pub(super) fn not_in_order(operation: OperationId, what: &str) -> Unexplained {
    Unexplained { operation, key: Bytes::default(), explanation: format!("operation {} {what}", operation.0) }
}

/// Why `operation`, one of those open, cannot have come to this `end`: it, those beside it, and what it would have
/// answered in each state that the key could be in. At most twelve lines.
pub(super) fn explain(frontier: &Frontier, operation: OperationId, end: End) -> String {
    let goal = frontier
        .open
        .iter()
        .position(|pending| pending.operation == operation)
        .expect("a refused frontier is as it was before");
    let pending = &frontier.open[goal];
    let ended = match end {
        End::Ok(Seen::Answer(answer)) => format!("answered {}", short(answer)),
        End::Ok(Seen::Effect) => "took effect".to_owned(),
        End::Ok(Seen::Refusal) => "was refused".to_owned(),
        End::Fail => "did not take effect".to_owned(),
        End::Info => unreachable!("an unknown outcome is always explained"),
    };
    let mut lines = vec![format!("{} {ended}, which nothing explains", named(pending))];

    let others = frontier.open.iter().enumerate().filter(|(position, _)| *position != goal);
    list(&mut lines, "open at the same time:", 3, others.map(|(_, other)| named(other)).collect());

    let lost = frontier.lost.iter().map(|lost| match lost.count {
        1 => short(&lost.command),
        count => format!("{}, {count} times", short(&lost.command)),
    });
    list(&mut lines, "of unknown outcome, at any time or never:", 2, lost.collect());

    let mut before = Vec::new();
    for configuration in &frontier.configurations {
        let state = short(&configuration.state);
        let claim = &configuration.past.claims[goal];
        let came_up = frontier.answers[goal].iter().enumerate();
        let claimed = came_up.filter(|(position, _)| claim.answers.contains(*position));
        let mut answers: Vec<String> = claimed.map(|(_, answer)| answer.to_string()).collect();
        let line = if claim.is_done {
            format!("{state}, only because this took effect and answered {}", short(&answers.join(" or ")))
        } else {
            answers.push(configuration.state.apply(&pending.command).answer.to_string());
            answers.dedup();
            format!("{state}, where this would have answered {}", short(&answers.join(" or ")))
        };
        if !before.contains(&line) {
            before.push(line);
        }
    }
    list(&mut lines, "what the key could hold just before, unless others took effect first:", 3, before);
    lines.join("\n")
}

/// Adds a title and the items below it, at most `max` lines of them; nothing if there are none.
fn list(lines: &mut Vec<String>, title: &str, max: usize, items: Vec<String>) {
    if items.is_empty() {
        return;
    }
    let shown = if items.len() > max { max - 1 } else { items.len() };
    lines.push(title.to_owned());
    lines.extend(items[..shown].iter().map(|item| format!("  {item}")));
    if shown < items.len() {
        lines.push(format!("  and {} more", items.len() - shown));
    }
}

fn named(pending: &Pending) -> String {
    let Pending { operation, client, command, invoked } = pending;
    format!("operation {} of client {} at {invoked:?}: {}", operation.0, client.0, short(command))
}

fn short(text: &dyn fmt::Display) -> String {
    let text = text.to_string();
    match text.char_indices().nth(TEXT_MAX) {
        None => text,
        Some((end, _)) => format!("{}… ({} more bytes)", &text[..end], text.len() - end),
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("nothing"),
            Self::String(_) => {
                write!(f, "STRING {}", self.apply(&Command::Get { key: Bytes::default() }).answer)
            }
            Self::Hash(_) => {
                write!(f, "HASH {}", self.apply(&Command::HGetAll { key: Bytes::default() }).answer)
            }
            Self::Set(_) => {
                write!(f, "SET {}", self.apply(&Command::SMembers { key: Bytes::default() }).answer)
            }
        }
    }
}
