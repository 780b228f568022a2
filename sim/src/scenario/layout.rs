//! JSON as a person would write it: what fits on a line stands on a line.

use jsonc_parser::ast::Value;
use jsonc_parser::common::Ranged;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};
use std::fmt::Write;

/// Lines are at most this long where the values allow it.
const WIDTH: usize = 100;

/// Lays out `json`, which must be JSON. The order of fields stays. Ends with a newline.
pub(super) fn layout(json: &str) -> String {
    let tree = parse_to_ast(json, &CollectOptions::default(), &ParseOptions::default());
    let tree = tree.expect("the caller has JSON").value.expect("the caller has a value");
    let mut text = String::new();
    // The outermost object is always laid open, so that files begin alike.
    open(&mut text, json, &tree, 0);
    text.push('\n');
    text
}

/// `json` without the fields of its outermost object, and without those of the objects right in it, that stand in
/// `usual` with the same value.
pub(super) fn without(json: &str, usual: &str) -> String {
    let parse = |json| parse_to_ast(json, &CollectOptions::default(), &ParseOptions::default());
    let tree = parse(json).expect("the caller has JSON").value.expect("the caller has a value");
    let other = parse(usual).expect("the caller has JSON").value.expect("the caller has a value");
    fields_without((json, &tree), (usual, &other), true).expect("the caller has two objects")
}

/// An object without what another has too; nothing if they are not both objects.
fn fields_without(
    (json, value): (&str, &Value<'_>),
    (usual, other): (&str, &Value<'_>),
    outermost: bool,
) -> Option<String> {
    let (Value::Object(object), Value::Object(other)) = (value, other) else { return None };
    let field = |property: &jsonc_parser::ast::ObjectProp<'_>| {
        let name = property.name.text(json);
        let same = other.properties.iter().find(|other| other.name.text(usual) == name);
        let text = flat(json, &property.value);
        if same.is_some_and(|same| flat(usual, &same.value) == text) {
            return None;
        }
        let inner = same.filter(|_| outermost);
        let less =
            inner.and_then(|same| fields_without((json, &property.value), (usual, &same.value), false));
        Some(format!("{name}: {}", less.unwrap_or(text)))
    };
    Some(format!("{{{}}}", object.properties.iter().filter_map(field).collect::<Vec<_>>().join(",")))
}

/// Writes a value that begins at column `column` of a line indented by `indent`.
fn put(text: &mut String, json: &str, value: &Value<'_>, indent: usize, column: usize) {
    let flat = flat(json, value);
    // One column for a comma.
    if column + flat.chars().count() < WIDTH {
        text.push_str(&flat);
    } else {
        open(text, json, value, indent);
    }
}

fn open(text: &mut String, json: &str, value: &Value<'_>, indent: usize) {
    let inner = indent + 2;
    let separate = |text: &mut String, position: usize| {
        text.push_str(if position > 0 { ",\n" } else { "\n" });
        write!(text, "{:inner$}", "").expect("a string takes all");
    };
    match value {
        Value::Object(object) if !object.properties.is_empty() => {
            text.push('{');
            for (position, property) in object.properties.iter().enumerate() {
                separate(text, position);
                let name = property.name.text(json);
                write!(text, "{name}: ").expect("a string takes all");
                put(text, json, &property.value, inner, inner + name.chars().count() + 2);
            }
            write!(text, "\n{:indent$}}}", "").expect("a string takes all");
        }
        Value::Array(array) if array.elements.iter().any(nested) => {
            text.push('[');
            for (position, element) in array.elements.iter().enumerate() {
                separate(text, position);
                put(text, json, element, inner, inner);
            }
            write!(text, "\n{:indent$}]", "").expect("a string takes all");
        }
        _ => text.push_str(&flat(json, value)),
    }
}

fn nested(value: &Value<'_>) -> bool {
    matches!(value, Value::Object(_) | Value::Array(_))
}

/// A value on one line: `{ "at": "1s", "do": { "crash": [1, 2] } }`.
fn flat(json: &str, value: &Value<'_>) -> String {
    let join = |elements: Vec<String>| elements.join(", ");
    match value {
        Value::Object(object) if object.properties.is_empty() => "{}".into(),
        Value::Object(object) => {
            let properties = object.properties.iter();
            let field = |property: &jsonc_parser::ast::ObjectProp<'_>| {
                format!("{}: {}", property.name.text(json), flat(json, &property.value))
            };
            format!("{{ {} }}", join(properties.map(field).collect()))
        }
        Value::Array(array) => {
            format!("[{}]", join(array.elements.iter().map(|element| flat(json, element)).collect()))
        }
        _ => value.text(json).into(),
    }
}
