//! The scenarios that come with the program, and their index.

use super::parse;
use std::fmt::Write;

/// One scenario of the `scenarios` folder, compiled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bundled {
    /// Its path from that folder, with forward slashes: `elections/first-election.json`.
    pub path: &'static str,
    /// Its text.
    pub text: &'static str,
}

impl Bundled {
    /// The folder, which is its topic: `elections`; nothing for a file beside the index.
    pub fn topic(&self) -> &'static str {
        self.path.rsplit_once('/').map_or("", |(topic, _)| topic)
    }

    /// The file's name without its extension, which is the scenario's name: `first-election`.
    pub fn stem(&self) -> &'static str {
        let file = self.path.rsplit('/').next().unwrap_or(self.path);
        file.strip_suffix(".json").unwrap_or(file)
    }
}

/// Every bundled scenario, in order of path.
pub fn bundled() -> &'static [Bundled] {
    include!(concat!(env!("OUT_DIR"), "/bundled.rs"))
}

/// The text of `scenarios/README.md`: every bundled scenario and what it claims, by topic.
///
/// # Panics
/// If a bundled scenario is not valid, which is this program's own fault.
pub fn index() -> String {
    let mut text = String::from(
        "# Scenarios\n\n\
         Each file is a claim about Raft that is checked by running it: `seaworthy run scenarios/PATH`. Those in\n\
         `planted/` hold a bug on purpose and must be caught; those in `regressions/` once failed and must not again.\n\
         Editors complete and check these files by `scenario.schema.json`.\n",
    );
    let mut topic = None;
    for bundled in bundled() {
        if topic.replace(bundled.topic()) != Some(bundled.topic()) {
            let name = bundled.topic();
            let title = if name.is_empty() { "Others" } else { name };
            write!(text, "\n## {title}\n| scenario | claim |\n|---|---|\n").expect("a string takes all");
        }
        let Bundled { path, text: json } = bundled;
        let scenario =
            parse(path, json).unwrap_or_else(|problems| panic!("a bundled scenario is valid\n{problems}"));
        let claim = scenario.claim.replace('|', "\\|").replace('\n', " ");
        writeln!(text, "| [{}]({path}) | {claim} |", bundled.stem()).expect("a string takes all");
    }
    text
}
