//! Each bundled scenario is a claim; here all of them are checked, over a few seeds each. `seaworthy sweep` does
//! the same over many.

use seaworthy_sim::scenario::{Scenario, bundled};
use seaworthy_sim::testing::Sweep;
use seaworthy_tests::{demanded, scenario, topic};
use std::collections::BTreeSet;

/// The topics of the tests below.
const TOPICS: [&str; 13] = [
    "clients",
    "clocks",
    "crashes",
    "disks",
    "elections",
    "flow",
    "membership",
    "partitions",
    "reads",
    "replication",
    "sessions",
    "snapshots",
    "transfers",
];

/// The claims of a topic over `0..seeds`: the failures of all of them, each with its claim.
fn holds(name: &str, seeds: u64) {
    let scenarios = topic(name);
    assert!(!scenarios.is_empty() || name == "regressions", "there is nothing in scenarios/{name}");
    let failures: Vec<String> =
        scenarios.into_iter().filter_map(|(path, scenario)| failure(path, scenario, seeds)).collect();
    assert!(failures.is_empty(), "\n{}", failures.join("\n\n"));
}

/// What went wrong, and what should have been.
fn failure(path: &str, scenario: Scenario, seeds: u64) -> Option<String> {
    let claim = scenario.claim.clone();
    let outcome = std::panic::catch_unwind(|| Sweep::new(scenario).seeds(0..seeds).assert_holds());
    let problem = outcome.err()?;
    let text = problem.downcast_ref::<String>().map_or("it panicked", String::as_str);
    Some(format!("scenarios/{path} claims: {claim}\n{text}"))
}

#[test]
fn what_is_claimed_of_clients_holds() {
    holds("clients", 8);
}

#[test]
fn what_is_claimed_of_clocks_holds() {
    holds("clocks", 8);
}

#[test]
fn what_is_claimed_of_crashes_holds() {
    holds("crashes", 8);
}

#[test]
fn what_is_claimed_of_disks_holds() {
    holds("disks", 8);
}

#[test]
fn what_is_claimed_of_elections_holds() {
    holds("elections", 8);
}

#[test]
fn what_is_claimed_of_flow_control_holds() {
    holds("flow", 8);
}

#[test]
fn what_is_claimed_of_membership_holds() {
    holds("membership", 8);
}

#[test]
fn what_is_claimed_of_partitions_holds() {
    holds("partitions", 8);
}

#[test]
fn what_is_claimed_of_reads_holds() {
    holds("reads", 8);
}

#[test]
fn what_is_claimed_of_replication_holds() {
    holds("replication", 8);
}

#[test]
fn what_is_claimed_of_sessions_holds() {
    holds("sessions", 8);
}

#[test]
fn what_is_claimed_of_snapshots_holds() {
    holds("snapshots", 8);
}

#[test]
fn what_is_claimed_of_transfers_holds() {
    holds("transfers", 8);
}

/// What once failed is looked at more closely.
#[test]
fn what_once_failed_does_not_fail_again() {
    holds("regressions", 50);
}

#[test]
fn no_topic_is_left_out() {
    let elsewhere = ["planted", "regressions"];
    let found: BTreeSet<&str> = bundled().iter().map(|entry| entry.topic()).collect();
    let tested: BTreeSet<&str> = TOPICS.into_iter().chain(elsewhere).collect();
    assert!(found.is_subset(&tested), "no test runs {:?}", found.difference(&tested));
}

/// What holds a bug on purpose stands apart, so that nobody takes it for a claim about Raft.
#[test]
fn only_the_planted_hold_bugs_and_demand_a_violation() {
    for entry in bundled() {
        let scenario = scenario(entry.path);
        let planted = entry.topic() == "planted";
        assert_eq!(!scenario.planted.is_empty(), planted, "{}", entry.path);
        assert_eq!(demanded(&scenario).is_some(), planted, "{}", entry.path);
    }
}
