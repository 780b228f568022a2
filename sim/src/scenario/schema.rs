//! The JSON Schema of scenario files, for editors and for our own diagnostics.

use super::Scenario;
use schemars::generate::SchemaSettings;
use serde_json::Value;

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
