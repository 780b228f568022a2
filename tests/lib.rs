//! Suites that span crates; what they share.

use seaworthy_sim::observation::Property;
use seaworthy_sim::scenario::model::Predicate;
use seaworthy_sim::scenario::{Scenario, bundled, parse};
use std::path::{Path, PathBuf};

/// The top of the checkout.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the workspace").to_path_buf()
}

/// Every file below `folder` whose name ends with `ending`, sorted.
///
/// # Panics
/// If the folder cannot be read.
pub fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries {
        let path = entry.expect("a folder that opened can be listed").path();
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path.to_string_lossy().ends_with(ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The bundled scenarios of one topic, with their paths.
///
/// # Panics
/// If one is not valid.
pub fn topic(name: &str) -> Vec<(&'static str, Scenario)> {
    let entries = bundled().iter().filter(|entry| entry.topic() == name);
    entries.map(|entry| (entry.path, valid(entry.path, entry.text))).collect()
}

/// The bundled scenario at `path`, as in `planted/votes-twice.json`.
///
/// # Panics
/// If there is none, or it is not valid.
pub fn scenario(path: &str) -> Scenario {
    let entry = bundled().iter().find(|entry| entry.path == path);
    let entry = entry.unwrap_or_else(|| panic!("there is no scenarios/{path}"));
    valid(entry.path, entry.text)
}

fn valid(path: &str, text: &str) -> Scenario {
    parse(path, text).unwrap_or_else(|problems| panic!("scenarios/{path} is not valid\n{problems}"))
}

/// The property that `scenario` says must be violated, if it does.
pub fn demanded(scenario: &Scenario) -> Option<Property> {
    scenario.expect.iter().find_map(|expected| match expected.that {
        Predicate::Violated(property) => Some(property),
        _ => None,
    })
}
