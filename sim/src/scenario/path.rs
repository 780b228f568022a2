//! Where in a scenario: chains of keys and positions, their text, and their bytes in a file.

use jsonc_parser::ast::Value;
use jsonc_parser::common::Ranged;
use std::fmt;
use std::ops::Range;

/// A way from the root to a value; each step lives on the stack of whoever goes there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Path<'a> {
    parent: Option<&'a Path<'a>>,
    step: Step<'a>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step<'a> {
    Root,
    Key(&'a str),
    Index(usize),
}

impl<'a> Path<'a> {
    /// The whole scenario.
    pub(super) const ROOT: Self = Self { parent: None, step: Step::Root };

    /// The value of a field here.
    pub(super) fn key(&'a self, name: &'a str) -> Self {
        Self { parent: Some(self), step: Step::Key(name) }
    }

    /// What a sentence calls it.
    pub(super) fn name(&self) -> String {
        match self.step {
            Step::Key(name) => format!("`{name}`"),
            Step::Root | Step::Index(_) => "this".into(),
        }
    }

    /// The element at a position here, from 0.
    pub(super) fn index(&'a self, position: usize) -> Self {
        Self { parent: Some(self), step: Step::Index(position) }
    }
}

impl fmt::Display for Path<'_> {
    /// `timeline[2].do.crash[0]`; nothing for the root.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parent = self.parent;
        if let Some(parent) = parent {
            parent.fmt(f)?;
        }
        match self.step {
            Step::Root => Ok(()),
            Step::Index(position) => write!(f, "[{position}]"),
            Step::Key(name) => {
                let first = parent.is_none_or(|parent| parent.step == Step::Root);
                write!(f, "{}{name}", if first { "" } else { "." })
            }
        }
    }
}

/// The bytes of the value at `path`, as a [`Path`] is displayed; of its nearest ancestor's key where the file
/// leaves it to a default.
pub(super) fn locate(tree: &Value<'_>, path: &str) -> Range<usize> {
    let mut value = tree;
    let mut named = opening(value);
    for step in path.split(['.', '[']).filter(|step| !step.is_empty()) {
        let index = step.strip_suffix(']').and_then(|digits| digits.parse::<usize>().ok());
        let next = match (value, index) {
            (Value::Array(array), Some(index)) => {
                array.elements.get(index).map(|value| (value, opening(value)))
            }
            (Value::Object(object), None) => object.get(step).map(|property| {
                let name = property.name.range();
                (&property.value, name.start..name.end)
            }),
            _ => None,
        };
        match next {
            Some((next, name)) => (value, named) = (next, name),
            None => return named,
        }
    }
    bytes(value)
}

/// The bytes of a value.
pub(super) fn bytes(value: &Value<'_>) -> Range<usize> {
    let range = value.range();
    range.start..range.end
}

/// The bracket that opens a value.
pub(super) fn opening(value: &Value<'_>) -> Range<usize> {
    let start = value.range().start;
    start..start + 1
}
