//! The JSON Schema of scenario files, for editors and for our own diagnostics.

use super::Scenario;
use super::model::ReadModeName;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value};

/// The JSON Schema (draft 2020-12) of scenario files, pretty-printed. It comes from the very types that read them.
pub fn schema() -> String {
    let mut text = serde_json::to_string_pretty(&value()).expect("a schema is plain JSON");
    text.push('\n');
    text
}

/// The schema as a tree.
pub(super) fn value() -> Value {
    let mut schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Scenario>();
    schema.insert("title".into(), "Seaworthy scenario".into());
    schema.into()
}

/// How often each way to read is chosen. Of a map, schemars names the keys only where they have no descriptions.
pub(super) fn reads(generator: &mut SchemaGenerator) -> Schema {
    let modes = ReadModeName::json_schema(generator).to_value();
    let modes = modes["oneOf"].as_array().expect("there are several ways to read");
    let property = |mode: &Value| {
        let name = mode["const"].as_str().expect("a unit variant is its name");
        let mut weight = u32::json_schema(generator);
        weight.insert("description".into(), mode["description"].clone());
        (name.to_owned(), weight.to_value())
    };
    let properties: Map<String, Value> = modes.iter().map(property).collect();
    json_schema!({ "type": "object", "properties": properties, "additionalProperties": false })
}
