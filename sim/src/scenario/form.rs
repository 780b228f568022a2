//! What may stand where in a scenario, read from the JSON Schema, so that there is one description of the format:
//! the types. Diagnostics and examples are made from it.

use super::schema;
use super::words::quoted;
use serde_json::Value;
use std::sync::OnceLock;

/// What may stand at a place.
#[derive(Debug)]
pub(super) struct Form {
    /// What a value of it is called: "an action", "a duration".
    pub(super) noun: String,
    /// Whether `null` may stand there too.
    pub(super) nullable: bool,
    /// What it consists of.
    pub(super) kind: Kind,
}

/// The kinds of values.
#[derive(Debug)]
pub(super) enum Kind {
    /// An object with these fields and no others.
    Object(Vec<Field>),
    /// A list.
    List(Box<Form>),
    /// One of several things by name: the name alone, or an object of the name and what belongs to it.
    Choice(Vec<Variant>),
    /// A whole number between the bounds of its type.
    Integer { min: i128, max: i128 },
    /// `true` or `false`.
    Boolean,
    /// Any text.
    Text,
    /// A number with a unit.
    Duration,
    /// A number from 0 to 1.
    Probability,
    /// A node's number, or one of these roles.
    Target { roles: Vec<String> },
}

/// A field of an object.
#[derive(Debug)]
pub(super) struct Field {
    /// Its key.
    pub(super) name: String,
    /// What it is for.
    pub(super) says: String,
    /// Whether it must be there.
    pub(super) required: bool,
    /// What may stand there.
    pub(super) form: Form,
}

/// One of several things.
#[derive(Debug)]
pub(super) struct Variant {
    /// Its name.
    pub(super) name: String,
    /// What belongs to it, if anything does.
    pub(super) content: Option<Form>,
}

/// The form of a whole scenario.
pub(super) fn scenario() -> &'static Form {
    static FORM: OnceLock<Form> = OnceLock::new();
    FORM.get_or_init(|| {
        let schema = schema::value();
        let mut form = Reader { schema: &schema }.form(&schema);
        form.noun = "a scenario".into();
        form
    })
}

impl Form {
    /// The smallest thing that may stand there, as JSON.
    pub(super) fn example(&self) -> String {
        match &self.kind {
            Kind::Object(fields) => {
                let fields = fields.iter().filter(|field| field.required).map(Field::example);
                let fields: Vec<String> = fields.collect();
                if fields.is_empty() { "{}".into() } else { format!("{{ {} }}", fields.join(", ")) }
            }
            Kind::List(item) => format!("[{}]", item.example()),
            Kind::Choice(variants) => shortest(variants),
            Kind::Integer { min, .. } => (*min).max(1).to_string(),
            Kind::Boolean => "true".into(),
            Kind::Text => "\"text\"".into(),
            Kind::Duration => "\"150ms\"".into(),
            Kind::Probability => "0.1".into(),
            Kind::Target { .. } => "1".into(),
        }
    }
}

impl Field {
    /// The field with the smallest thing that may stand there.
    pub(super) fn example(&self) -> String {
        format!("\"{}\": {}", self.name, self.form.example())
    }
}

impl Variant {
    /// The smallest way to write it.
    pub(super) fn example(&self) -> String {
        match &self.content {
            None => format!("\"{}\"", self.name),
            Some(content) => format!("{{ \"{}\": {} }}", self.name, content.example()),
        }
    }
}

/// The variant that takes the least to write.
fn shortest(variants: &[Variant]) -> String {
    let examples = variants.iter().map(Variant::example);
    examples.min_by_key(String::len).expect("a choice has variants")
}

/// Reads the part of JSON Schema that our types make. What it does not know is a bug in it, and a test's business.
struct Reader<'s> {
    schema: &'s Value,
}

impl Reader<'_> {
    fn form(&self, node: &Value) -> Form {
        if let Some(reference) = node["$ref"].as_str() {
            let name = reference.strip_prefix("#/$defs/").expect("references go to definitions");
            return self.definition(name);
        }
        if let Some(options) = node["anyOf"].as_array() {
            let value = options.iter().find(|option| option["type"] != "null").expect("more than null");
            return Form { nullable: true, ..self.form(value) };
        }
        let types: Vec<&str> = match &node["type"] {
            Value::Array(types) => types.iter().filter_map(Value::as_str).collect(),
            other => other.as_str().into_iter().collect(),
        };
        let (noun, kind) = if let Some(options) = node["oneOf"].as_array() {
            (
                "one of several things",
                Kind::Choice(options.iter().flat_map(|option| self.variants(option)).collect()),
            )
        } else {
            match types.first().copied() {
                Some("object") => ("an object", Kind::Object(self.fields(node))),
                Some("array") => ("a list", Kind::List(Box::new(self.form(&node["items"])))),
                Some("integer") => ("a whole number", integer(node)),
                Some("boolean") => ("`true` or `false`", Kind::Boolean),
                Some("string") if node["enum"].is_array() => ("a name", Kind::Choice(self.variants(node))),
                Some("string") => ("text in double quotes", Kind::Text),
                other => unreachable!("the schema has a value of type {other:?}"),
            }
        };
        Form { noun: noun.into(), nullable: types.contains(&"null"), kind }
    }

    fn definition(&self, name: &str) -> Form {
        let node = &self.schema["$defs"][name];
        let kind = match name {
            "Duration" => Kind::Duration,
            "Probability" => Kind::Probability,
            "Target" => {
                let roles = node["anyOf"][1]["enum"].as_array().expect("roles have names");
                Kind::Target { roles: roles.iter().filter_map(Value::as_str).map(Into::into).collect() }
            }
            _ => self.form(node).kind,
        };
        Form { noun: noun(name), nullable: false, kind }
    }

    fn fields(&self, node: &Value) -> Vec<Field> {
        let Some(properties) = node["properties"].as_object() else { return Vec::new() };
        let required = |name: &str| {
            node["required"].as_array().is_some_and(|names| names.iter().any(|required| required == name))
        };
        let field = |(name, form): (&String, &Value)| Field {
            name: name.clone(),
            says: form["description"].as_str().unwrap_or_default().replace('\n', " "),
            required: required(name),
            form: self.form(form),
        };
        properties.iter().map(field).collect()
    }

    fn variants(&self, node: &Value) -> Vec<Variant> {
        let unit = |name: &Value| Variant {
            name: name.as_str().expect("a unit variant is its name").into(),
            content: None,
        };
        if let Some(names) = node["enum"].as_array() {
            return names.iter().map(unit).collect();
        }
        if node["const"].is_string() {
            return vec![unit(&node["const"])];
        }
        let field = |field: Field| Variant { name: field.name, content: Some(field.form) };
        self.fields(node).into_iter().map(field).collect()
    }
}

/// What an integer can be at all. Narrower bounds are for editors, and `sense` has better words for them.
fn integer(node: &Value) -> Kind {
    let (min, max) = match node["format"].as_str() {
        Some("uint64") => (0, i128::from(u64::MAX)),
        Some("uint32") => (0, i128::from(u32::MAX)),
        Some("int64") => (i128::from(i64::MIN), i128::from(i64::MAX)),
        other => unreachable!("the schema has an integer of format {other:?}"),
    };
    Kind::Integer { min, max }
}

/// What a type is called in a sentence.
fn noun(name: &str) -> String {
    match name {
        "Action" => "an action".into(),
        "Property" => "a property".into(),
        "Predicate" => "a statement".into(),
        "Verdict" => "a verdict".into(),
        "Distribution" => "a distribution of durations".into(),
        "Fault" => "a fault".into(),
        "CrashPoint" => "a crash point".into(),
        "MessageKind" => "a kind of message".into(),
        "Duration" => "a duration".into(),
        "Probability" => "a probability".into(),
        "Target" => "a node's number or a role".into(),
        "Moment" => "a moment (`at` an instant, `do` an action)".into(),
        _ => format!("an object ({})", quoted(name).to_lowercase()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::words::alternatives;

    #[test]
    fn the_whole_schema_is_understood() {
        let Kind::Object(fields) = &scenario().kind else { panic!("a scenario is an object") };
        let required = fields.iter().filter(|field| field.required).map(|field| field.name.as_str());
        assert_eq!(alternatives(required), "`claim` or `name`");
        assert!(fields.iter().all(|field| !field.says.is_empty()), "every field says what it is for");
    }
}
