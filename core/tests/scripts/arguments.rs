//! The words after a command of a script.

use seaworthy_core::membership::Change;
use seaworthy_core::types::NodeId;
use std::str::FromStr;
use std::time::Duration;

/// The words after a command: `key=value` and all others.
pub(crate) struct Arguments<'a> {
    pub(crate) words: Vec<&'a str>,
}

impl<'a> Arguments<'a> {
    pub(crate) fn key(&self, key: &str) -> Option<&'a str> {
        self.words.iter().find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
    }

    pub(crate) fn number<T: FromStr>(&self, key: &str) -> Result<Option<T>, String> {
        let number = |value: &str| value.parse().map_err(|_| format!("`{key}` takes a number"));
        self.key(key).map(number).transpose()
    }

    pub(crate) fn switch(&self, key: &str, default: bool) -> Result<bool, String> {
        match self.key(key) {
            None => Ok(default),
            Some("on") => Ok(true),
            Some("off") => Ok(false),
            Some(_) => Err(format!("`{key}` is on or off")),
        }
    }

    pub(crate) fn word(&self, position: usize) -> Result<&'a str, String> {
        self.words.get(position).copied().ok_or_else(|| format!("word {} is missing", position + 1))
    }

    pub(crate) fn span(&self) -> Result<Duration, String> {
        let millis = self.word(0)?.strip_suffix("ms").and_then(|millis| millis.parse().ok());
        millis.map(Duration::from_millis).ok_or_else(|| "a span is written as 50ms".to_string())
    }

    pub(crate) fn node(&self) -> Result<NodeId, String> {
        node(self.word(0)?)
    }

    /// What follows the node: `1 +4 -2`.
    pub(crate) fn changes(&self) -> Result<Vec<Change>, String> {
        self.words.iter().skip(1).map(|word| change(word)).collect()
    }
}

pub(crate) fn node(word: &str) -> Result<NodeId, String> {
    word.parse().ok().and_then(NodeId::try_new).ok_or_else(|| format!("`{word}` is no node"))
}

/// `+4` gives node 4 a vote, `~4` makes it a learner, `-4` removes it.
fn change(word: &str) -> Result<Change, String> {
    let (make, number): (fn(NodeId) -> Change, _) = match word.split_at_checked(1) {
        Some(("+", number)) => (Change::AddVoter, number),
        Some(("~", number)) => (Change::AddLearner, number),
        Some(("-", number)) => (Change::Remove, number),
        _ => return Err(format!("`{word}` is no change such as +4, ~4 or -4")),
    };
    node(number).map(make)
}

/// The terms of `1x3,4x2`: 1 1 1 4 4.
pub(crate) fn runs(text: &str) -> Result<Vec<u64>, String> {
    let mut terms = Vec::new();
    for run in text.split(',').filter(|run| !run.is_empty()) {
        let (term, count) = run.split_once('x').unwrap_or((run, "1"));
        let number = |text: &str| text.parse::<u64>().map_err(|_| format!("`{run}` is no run such as 4x2"));
        terms.extend((0..number(count)?).map(|_| number(term)).collect::<Result<Vec<_>, _>>()?);
    }
    Ok(terms)
}
