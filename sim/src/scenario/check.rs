//! Whether a JSON tree has the form of a scenario; if not, every place where it has not.

use super::diagnostic::{Diagnostics, Problem};
use super::form::{Field, Form, Kind, Variant};
use super::path::{Path, bytes};
use super::scalar::Ppm;
use super::words::{alternatives, nearest, quoted, shown};
use crate::time::Span;
use jsonc_parser::ast::{Object, ObjectProp, Value};
use jsonc_parser::common::Ranged;
use std::collections::BTreeSet;
use std::ops::Range;

/// Adds what is wrong with `tree` to `diagnostics`. The tree is not deep: the caller has looked.
pub(super) fn check(tree: &Value<'_>, form: &Form, diagnostics: &mut Diagnostics) {
    Checker { diagnostics }.value(tree, form, None, &Path::ROOT);
}

struct Checker<'d> {
    diagnostics: &'d mut Diagnostics,
}

impl Checker<'_> {
    fn report(
        &mut self,
        code: &'static str,
        path: &Path<'_>,
        span: Range<usize>,
        message: String,
        help: String,
    ) {
        let path = shown(&path.to_string(), 200);
        self.diagnostics.add(Problem { code, message, path, help }, span);
    }

    fn value(&mut self, value: &Value<'_>, form: &Form, field: Option<&Field>, path: &Path<'_>) {
        match (&form.kind, value) {
            (_, Value::NullKeyword(_)) if form.nullable => {}
            (Kind::Object(fields), Value::Object(object)) => self.object(object, fields, path),
            (Kind::List(item), Value::Array(array)) => {
                for (position, element) in array.elements.iter().enumerate() {
                    self.value(element, item, None, &path.index(position));
                }
            }
            (Kind::Choice(variants), Value::Object(object)) => self.tagged(object, form, variants, path),
            (Kind::Choice(variants), Value::StringLit(text)) => {
                self.named(&text.value, bytes(value), form, variants, path);
            }
            (Kind::Boolean, Value::BooleanLit(_)) | (Kind::Text, Value::StringLit(_)) => {}
            (Kind::Integer { min, max }, Value::NumberLit(number)) => {
                self.integer(number.value, (*min, *max), value, form, field, path);
            }
            (Kind::Target { .. }, Value::NumberLit(number)) if number.value.starts_with('-') => {
                let message = format!("there is no node {}", shown(number.value, 40));
                self.report("E0201", path, bytes(value), message, "nodes are numbered from 1".into());
            }
            (Kind::Target { .. }, Value::NumberLit(number)) => {
                let bounds = (0, i128::from(u64::MAX));
                self.integer(number.value, bounds, value, form, field, path);
            }
            (Kind::Duration, Value::StringLit(text)) => self.duration(&text.value, bytes(value), path),
            (Kind::Probability, Value::NumberLit(number)) => {
                self.probability(number.value, bytes(value), path)
            }
            (Kind::Target { roles }, Value::StringLit(text)) => {
                self.role(&text.value, roles, bytes(value), path)
            }
            _ => self.wrong_type(value, form, field, path),
        }
    }

    fn object(&mut self, object: &Object<'_>, fields: &[Field], path: &Path<'_>) {
        let mut seen = BTreeSet::new();
        let mut meant = BTreeSet::new();
        for property in &object.properties {
            let name = property.name.as_str();
            if !seen.insert(name) {
                self.twice(property, path);
            } else if let Some(field) = fields.iter().find(|field| field.name == name) {
                self.value(&property.value, &field.form, Some(field), &path.key(name));
            } else {
                meant.extend(self.unknown_field(property, fields, &seen, path));
            }
        }
        for field in fields.iter().filter(|field| field.required) {
            let name = field.name.as_str();
            if !seen.contains(name) && !meant.contains(name) {
                let message = format!("{} is missing here", quoted(name));
                let help = format!("add `{}`: {}", field.example(), sentence(&field.says));
                self.report("E0107", path, opening_of(object), message, help);
            }
        }
    }

    fn twice(&mut self, property: &ObjectProp<'_>, path: &Path<'_>) {
        let name = property.name.as_str();
        let message = format!("{} stands here a second time", quoted(name));
        let help = "keep one of the two; a key may stand once in an object".into();
        self.report("E0104", &path.key(name), key(property), message, help);
    }

    /// Reports a field that does not exist; returns the one that was probably meant.
    fn unknown_field<'f>(
        &mut self,
        property: &ObjectProp<'_>,
        fields: &'f [Field],
        seen: &BTreeSet<&str>,
        path: &Path<'_>,
    ) -> Option<&'f str> {
        let name = property.name.as_str();
        if self.diagnostics.is_full() {
            // To look for what was meant takes long, and nobody will read it.
            self.diagnostics.omit(1);
            return None;
        }
        let free = || fields.iter().filter(|field| !seen.contains(field.name.as_str()));
        let near = nearest(name, free().map(|field| field.name.as_str()));
        // `"crash": [1]` beside `at`, where `"do": {"crash": [1]}` was meant.
        let holder = free().find(|field| match &field.form.kind {
            Kind::Choice(variants) => variants.iter().any(|variant| variant.name == name),
            _ => false,
        });
        let (meant, help) = match (near, holder) {
            (Some(near), _) => (Some(near), format!("did you mean {}?", quoted(near))),
            (None, Some(field)) => (
                Some(field.name.as_str()),
                format!("put it into `{0}`: `\"{0}\": {{ \"{name}\": ... }}`", field.name),
            ),
            (None, None) if fields.is_empty() => (None, "nothing belongs here: write `{}`".into()),
            (None, None) => {
                let all = alternatives(fields.iter().map(|field| field.name.as_str()));
                (None, format!("the fields here are {}", all.replace(" or ", " and ")))
            }
        };
        self.report("E0105", &path.key(name), key(property), format!("unknown field {}", quoted(name)), help);
        meant
    }

    /// A choice written as an object of one name.
    fn tagged(&mut self, object: &Object<'_>, form: &Form, variants: &[Variant], path: &Path<'_>) {
        let Some(property) = object.properties.first() else {
            let message = format!("{} is expected, and this object is empty", form.noun);
            let help = format!("as in `{}`", form.example());
            return self.report("E0108", path, bytes_of(object), message, help);
        };
        let name = property.name.as_str();
        match variants.iter().find(|variant| variant.name == name) {
            None => self.unknown_variant(name, key(property), form, variants, path),
            Some(Variant { content: Some(content), .. }) => {
                self.value(&property.value, content, None, &path.key(name));
            }
            Some(variant) => {
                let message = format!("{} is written without braces", quoted(name));
                let help = format!("write `{}`", variant.example());
                self.report("E0108", path, bytes_of(object), message, help);
            }
        }
        for surplus in object.properties.iter().skip(1) {
            let message = format!("{} is one thing, and this is a second", form.noun);
            let help = format!("write {} on its own, in braces of its own", quoted(surplus.name.as_str()));
            self.report("E0108", &path.key(surplus.name.as_str()), key(surplus), message, help);
        }
    }

    /// A choice written as a name.
    fn named(&mut self, name: &str, span: Range<usize>, form: &Form, variants: &[Variant], path: &Path<'_>) {
        match variants.iter().find(|variant| variant.name == name) {
            None => self.unknown_variant(name, span, form, variants, path),
            Some(Variant { content: None, .. }) => {}
            Some(variant) => {
                let message = format!("{} needs to be told more than its name", quoted(name));
                self.report("E0108", path, span, message, format!("as in `{}`", variant.example()));
            }
        }
    }

    fn unknown_variant(
        &mut self,
        name: &str,
        span: Range<usize>,
        form: &Form,
        variants: &[Variant],
        path: &Path<'_>,
    ) {
        let names = || variants.iter().map(|variant| variant.name.as_str());
        let help = match nearest(name, names()) {
            Some(near) => format!("did you mean {}?", quoted(near)),
            None => format!("{} is {}", form.noun, alternatives(names())),
        };
        self.report("E0106", path, span, format!("{} is not {}", quoted(name), form.noun), help);
    }

    fn integer(
        &mut self,
        digits: &str,
        (min, max): (i128, i128),
        value: &Value<'_>,
        form: &Form,
        field: Option<&Field>,
        path: &Path<'_>,
    ) {
        // What JSON calls an integer; its writers of negative zero mean something else.
        let whole = digits.bytes().skip(1).all(|byte| byte.is_ascii_digit()) && digits != "-0";
        if !whole {
            return self.wrong_type(value, form, field, path);
        }
        if digits.parse::<i128>().is_ok_and(|number| (min..=max).contains(&number)) {
            return;
        }
        let subject = field.map_or("this number".into(), |field| quoted(&field.name));
        let message = format!("{subject} cannot be {}", shown(digits, 40));
        let bound =
            if digits.starts_with('-') { format!("at least {min}") } else { format!("at most {max}") };
        let help = bound + &field.map(purpose).unwrap_or_default();
        self.report("E0109", path, bytes(value), message, help);
    }

    fn duration(&mut self, text: &str, span: Range<usize>, path: &Path<'_>) {
        let Err(why) = text.parse::<Span>() else { return };
        let bare = !text.is_empty() && text.len() < 10 && text.bytes().all(|byte| byte.is_ascii_digit());
        let (message, help) = if bare {
            (
                format!("\"{text}\" has no unit"),
                format!("write \"{text}ms\" or \"{text}s\" (ns, us, ms, s, min, h)"),
            )
        } else {
            (format!("{} is not a duration", quoted(text)), why)
        };
        self.report("E0109", path, span, message, help);
    }

    fn probability(&mut self, digits: &str, span: Range<usize>, path: &Path<'_>) {
        let number = digits.parse().expect("the number of a JSON tree");
        let Err(help) = Ppm::from_fraction(number) else { return };
        let message = format!("a probability cannot be {}", shown(digits, 40));
        self.report("E0109", path, span, message, help);
    }

    fn role(&mut self, text: &str, roles: &[String], span: Range<usize>, path: &Path<'_>) {
        let names = || roles.iter().map(String::as_str);
        if names().any(|role| role == text) {
            return;
        }
        let number = text.strip_prefix('n').unwrap_or(text);
        let help = match nearest(text, names()) {
            _ if number.parse::<u8>().is_ok() => {
                format!("a node's number is written without quotes: {number}")
            }
            Some(near) => format!("did you mean \"{near}\"?"),
            None => format!("a node's number, or {}", alternatives(names()).replace('`', "\"")),
        };
        self.report("E0106", path, span, format!("{} is neither a node nor a role", quoted(text)), help);
    }

    fn wrong_type(&mut self, value: &Value<'_>, form: &Form, field: Option<&Field>, path: &Path<'_>) {
        let found = match value {
            Value::StringLit(text) => format!("the text {}", quoted(&text.value)),
            Value::NumberLit(number) => format!("the number {}", shown(number.value, 40)),
            Value::BooleanLit(boolean) => format!("`{}`", boolean.value),
            Value::Object(_) => "an object".into(),
            Value::Array(_) => "a list".into(),
            Value::NullKeyword(_) => "`null`".into(),
        };
        let noun = match &form.kind {
            Kind::List(item) => format!("a list (each element {})", item.noun),
            _ => form.noun.clone(),
        };
        let example = match (&form.kind, value) {
            (Kind::Duration, Value::NumberLit(number)) if number.value.len() < 10 => {
                format!("a number and a unit in double quotes: \"{}ms\"", number.value)
            }
            // Most often one thing stands where a list of such things is expected.
            (Kind::List(item), Value::StringLit(_) | Value::NumberLit(_)) if scalar(item) => {
                "put it in brackets: `[...]`".into()
            }
            (Kind::Object(fields), _) if fields.iter().all(|field| !field.required) => {
                let names = alternatives(fields.iter().map(|field| field.name.as_str()));
                format!("an object in braces, of which the fields are {}", names.replace(" or ", " and "))
            }
            (Kind::Object(_), _) => format!("an object in braces, as in `{}`", form.example()),
            _ => format!("as in `{}`", form.example()),
        };
        let help = example + &field.map(purpose).unwrap_or_default();
        self.report("E0108", path, bytes(value), format!("expected {noun}, found {found}"), help);
    }
}

/// Whether values of a form are written without brackets.
fn scalar(form: &Form) -> bool {
    !matches!(form.kind, Kind::Object(_) | Kind::List(_))
}

/// What a field is for, to be put after another sentence; nothing if it says no more than its name.
fn purpose(field: &Field) -> String {
    let says = sentence(&field.says);
    if says.contains(' ') { format!(". {says}") } else { String::new() }
}

/// The first sentence of a description.
fn sentence(says: &str) -> &str {
    says.split_inclusive(". ").next().unwrap_or(says).trim().trim_end_matches('.')
}

fn key(property: &ObjectProp<'_>) -> Range<usize> {
    let range = property.name.range();
    range.start..range.end
}

fn bytes_of(object: &Object<'_>) -> Range<usize> {
    object.range.start..object.range.end
}

fn opening_of(object: &Object<'_>) -> Range<usize> {
    object.range.start..object.range.start + 1
}
