//! The planted bugs: each a flaw of the core under a name, where it really happened, and who must catch it.

pub mod elections;
pub mod replication;
pub mod clients;
pub mod membership;
pub mod snapshots;
pub mod storage;
pub mod hunt;
pub mod figures;
pub mod shrunk;
pub mod study;

use crate::observation::Property;
use crate::scenario::words;
use seaworthy_core::flaw::{Flaw, Planted};

/// One planted bug.
#[derive(Clone, Copy, Debug)]
pub struct PlantedBug {
    /// Its name in scenario files.
    pub name: &'static str,
    /// What is planted: the bug itself, and the loss of whatever would mask it.
    pub flaws: &'static [Flaw],
    /// What the wrong code does.
    pub wrong: &'static str,
    /// Where it is documented to have happened.
    pub source: &'static str,
    /// The properties of which one must be the first that is found violated, the likeliest in the swarm first.
    /// Empty for a bug that breaks no property of a run but the equality of two.
    pub caught_by: &'static [Property],
    /// The smallest cluster in which it shows.
    pub nodes: u64,
    /// What shows it instead, if it is nothing for the swarm.
    pub directed: Option<Directed>,
    /// In how few events a model checker showed it elsewhere, where that is known.
    pub depth: Option<u64>,
}

/// What shows a bug that the swarm finds too rarely to be relied upon, or never.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Directed {
    /// A bundled scenario in which the bug is planted, by its name: it shows it with any luck.
    pub scenario: &'static str,
    /// Why chance does not.
    pub why: &'static str,
}

/// All planted bugs, by what they are about.
pub const CATALOGUE: [&[PlantedBug]; 6] =
    [elections::BUGS, replication::BUGS, clients::BUGS, membership::BUGS, snapshots::BUGS, storage::BUGS];

/// All planted bugs, in the order of the catalogue.
pub fn all() -> impl Iterator<Item = &'static PlantedBug> {
    CATALOGUE.into_iter().flatten()
}

/// The bug called `name`.
pub fn find(name: &str) -> Option<&'static PlantedBug> {
    all().find(|bug| bug.name == name)
}

/// All names, in the order of the catalogue.
pub fn names() -> impl Iterator<Item = &'static str> {
    all().map(|bug| bug.name)
}

/// The name that was probably meant, if any is near enough.
pub fn nearest(name: &str) -> Option<&'static str> {
    words::nearest(name, names())
}

/// The flaws of these bugs together. Unknown names plant nothing; a valid scenario has none.
pub fn flaws<'a>(names: impl IntoIterator<Item = &'a str>) -> Planted {
    Planted::new(names.into_iter().filter_map(find).flat_map(|bug| bug.flaws.iter().copied()))
}

const fn bug(
    name: &'static str,
    flaws: &'static [Flaw],
    wrong: &'static str,
    source: &'static str,
    caught_by: &'static [Property],
    nodes: u64,
) -> PlantedBug {
    PlantedBug { name, flaws, wrong, source, caught_by, nodes, directed: None, depth: None }
}

impl PlantedBug {
    /// The same bug, shown by a scenario, since chance does not for this reason.
    const fn shown_by(self, scenario: &'static str, why: &'static str) -> Self {
        Self { directed: Some(Directed { scenario, why }), ..self }
    }

    /// The same bug, which a model checker showed in so many events (SandTable, EuroSys'24, table 2).
    const fn shown_in(self, events: u64) -> Self {
        Self { depth: Some(events), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_its_own_and_every_bug_names_its_catcher_and_its_source() {
        for (position, bug) in all().enumerate() {
            assert!(names().take(position).all(|other| other != bug.name), "{}", bug.name);
            assert!(!bug.source.is_empty() && !bug.flaws.is_empty(), "{}", bug.name);
            assert_eq!(bug.caught_by.is_empty(), bug.name == "address_leak");
            let Some(directed) = bug.directed else { continue };
            let path = format!("{}.json", directed.scenario);
            let shown = crate::scenario::bundled().iter().find(|bundled| bundled.path == path);
            let shown = shown.unwrap_or_else(|| panic!("{} names {path}, which is not there", bug.name));
            let scenario =
                crate::scenario::parse(shown.path, shown.text).expect("bundled scenarios are valid");
            assert!(
                scenario.planted.iter().any(|name| name == bug.name),
                "{path} does not plant {}",
                bug.name
            );
        }
    }

    /// What SandTable (EuroSys'24) showed in eight implementations, each under its name there, beside what stands for it
    /// here: the protocol's bugs, not the crashes of one implementation.
    const SANDTABLE: [(&str, &str); 16] = [
        ("Xraft#1", "stale_vote_counted"),
        ("Xraft-KV#1", "read_unconfirmed"),
        ("DaosRaft#1", "own_vote_forgotten"),
        ("RaftOS#1", "match_regresses"),
        ("RaftOS#2", "truncates_always"),
        ("RaftOS#4", "commit_stops_at_earlier_term"),
        ("PySyncObj#2", "commit_regresses"),
        ("PySyncObj#3", "next_not_raised"),
        ("PySyncObj#4", "match_regresses"),
        ("PySyncObj#5", "commits_earlier_term"),
        ("WRaft#1", "first_append_taken_again"),
        ("WRaft#2", "empty_append_at_base"),
        ("WRaft#3", "chunk_sent_once"),
        ("WRaft#4", "snapshot_restores_term"),
        ("WRaft#7", "next_not_raised"),
        ("WRaft#8", "heartbeats_end_at_snapshot"),
    ];

    #[test]
    fn what_a_model_checker_found_elsewhere_is_planted_here() {
        for (there, here) in SANDTABLE {
            assert!(names().any(|name| name == here), "{there} is to be planted as {here}");
        }
    }
}
