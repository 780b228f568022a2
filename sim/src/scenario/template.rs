//! The scenario that `seaworthy new` writes.

use super::sense::MAX_NAME;

const TEMPLATE: &str = r#"{
  "$schema": "SCHEMA",
  "name": "NAME",
  "claim": "The leader is cut off from all others; they elect a new one, and nothing is lost.",
  "duration": "8s",
  "cluster": { "nodes": 5 },
  "network": { "latency": { "uniform": { "min": "1ms", "max": "10ms" } }, "loss": 0.01 },
  "workload": { "clients": 3 },
  "timeline": [
    { "at": "3s", "do": { "isolate": "leader" } },
    { "at": "6s", "do": { "heal": {} } }
  ],
  "expect": [
    { "at": "6s", "that": { "leader_exists": true } },
    { "that": { "level": true } }
  ]
}
"#;

/// Where editors find the schema.
const SCHEMA: &str = concat!(env!("CARGO_PKG_REPOSITORY"), "/raw/main/scenarios/scenario.schema.json");

/// A small, valid scenario called `name` to start from: a leader is cut off, another takes over, all agree again.
/// What `name` may not hold (capitals, spaces, a folder, an extension) is made to fit.
pub fn template(name: &str) -> String {
    TEMPLATE.replace("SCHEMA", SCHEMA).replace("NAME", &slug(name))
}

/// `name` in lower case with dashes, without folder and extension.
fn slug(name: &str) -> String {
    let file = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let stem = file.strip_suffix(".json").unwrap_or(file);
    let dashes = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let slug: String = stem.chars().take(MAX_NAME).map(dashes).collect();
    let words: Vec<&str> = slug.split('-').filter(|word| !word.is_empty()).collect();
    if words.is_empty() { "scenario".into() } else { words.join("-") }
}
