//! The tester is tested: each planted bug is found, by a checker that was named beforehand, and the same seeds
//! find nothing where nothing is planted.

use Property as P;
use seaworthy_sim::observation::Property;
use seaworthy_sim::planted::{self, CATALOGUE, PlantedBug};
use seaworthy_sim::run::{Verdict, run};
use seaworthy_sim::swarm;
use seaworthy_tests::{demanded, run_planted, scenario, topic};

/// The swarm finds all bugs but those of [`NOT_BY_THE_SWARM`] within so many seeds, most within twenty.
const SEEDS: u64 = 1_500;

/// So many of the same seeds are shown to find nothing where nothing is planted.
const CLEAN_SEEDS: u64 = 500;

/// Longer than any sound run of these seeds.
const MAX_STEPS: u64 = 300_000;

/// Bugs for which the swarm is the wrong tool, and why.
const NOT_BY_THE_SWARM: [(&str, &str); 3] = [
    ("any_round_confirms", "an answer must be seconds late, in the one second in which it matters"),
    (
        "no_backtracking",
        "leader and follower repeat themselves as fast as the network allows: most runs are cut off",
    ),
    ("address_leak", "it breaks nothing in one run; the determinism suite compares two"),
];

/// By what the bugs are about, so that each group is a test and the tests share the cores.
const ELECTIONS: [&str; 14] = [
    "vote_not_persisted",
    "vote_reply_not_gated",
    "campaign_not_gated",
    "votes_twice",
    "vote_forgotten_at_step_down",
    "no_up_to_date_check",
    "index_before_term",
    "stale_vote_counted",
    "duplicate_vote_counted",
    "elected_twice",
    "amnesia_at_restart",
    "half_is_quorum",
    "strictly_newer_log",
    "no_jitter",
];
const REPLICATION: [&str; 10] = [
    "commits_earlier_term",
    "ack_not_gated",
    "leader_counts_unpersisted",
    "truncates_always",
    "no_prev_term_check",
    "acks_whole_log",
    "stale_append_obeyed",
    "commits_unverified",
    "match_regresses",
    "commit_regresses",
];
const CLIENTS: [&str; 9] = [
    "read_unconfirmed",
    "read_before_own_commit",
    "read_before_apply",
    "no_deduplication",
    "deduplicates_across_sessions",
    "deduplicates_on_leader",
    "applies_uncommitted",
    "answers_before_commit",
    "no_noop",
];

/// The first property that the swarm's run of `seed` breaks with `bug` planted, if it breaks any.
fn first_violation(bug: &PlantedBug, seed: u64) -> Option<Property> {
    let mut scenario = swarm::draw(seed);
    scenario.planted = vec![bug.name.into()];
    let found = run_planted(&scenario, seed, MAX_STEPS).violation?;
    assert!(
        bug.caught_by.contains(&found.property),
        "{} was found at seed {seed} by a checker that should not be the first: {:?}, not one of {:?}\n{}",
        bug.name,
        found.property,
        bug.caught_by,
        found.detail
    );
    Some(found.property)
}

fn find(name: &str) -> &'static PlantedBug {
    planted::find(name).unwrap_or_else(|| panic!("there is no planted bug {name}"))
}

fn assert_found_by_the_swarm(names: &[&str]) {
    for name in names {
        let bug = find(name);
        let found = (0..SEEDS).find(|seed| first_violation(bug, *seed).is_some());
        assert!(found.is_some(), "{name} was not found in {SEEDS} seeds: {}", bug.wrong);
    }
}

#[test]
fn the_swarm_finds_what_is_wrong_with_elections() {
    assert_found_by_the_swarm(&ELECTIONS);
}

#[test]
fn the_swarm_finds_what_is_wrong_with_replication() {
    assert_found_by_the_swarm(&REPLICATION);
}

#[test]
fn the_swarm_finds_what_is_wrong_with_reads_and_sessions() {
    assert_found_by_the_swarm(&CLIENTS);
}

/// The other half of the proof: the same draws with nothing planted.
#[test]
fn the_swarm_finds_nothing_wrong_with_the_sound_core() {
    for seed in 0..CLEAN_SEEDS {
        let report = run(&swarm::draw(seed), seed);
        assert!(report.verdict == Verdict::Ok, "seed {seed}: {:?} {:?}", report.verdict, report.violation);
        assert!(report.steps < MAX_STEPS, "seed {seed} takes {} steps", report.steps);
    }
}

#[test]
fn every_planted_bug_is_in_one_of_the_groups() {
    let mut tested = [&ELECTIONS[..], &REPLICATION, &CLIENTS].concat();
    tested.extend(NOT_BY_THE_SWARM.iter().map(|(name, _)| *name));
    tested.sort();
    let mut all: Vec<&str> = planted::names().collect();
    all.sort();
    assert_eq!(tested, all);
}

/// A directed scenario breaks the one property that it is meant to, and not without the bug.
#[test]
fn every_planted_scenario_breaks_what_it_says_and_nothing_without_its_bug() {
    for (path, mut scenario) in topic("planted") {
        let property = demanded(&scenario).unwrap_or_else(|| panic!("{path} demands nothing"));
        for seed in 0..3 {
            let report = run_planted(&scenario, seed, MAX_STEPS);
            let found = report.violation.map(|found| (found.property, found.detail));
            assert!(
                found.as_ref().is_some_and(|found| found.0 == property),
                "{path} at seed {seed} should break {property:?}, not {found:?}"
            );
        }
        let blamed = scenario.planted.iter().any(|name| find(name).caught_by.contains(&property));
        assert!(blamed, "{path} breaks {property:?}, which the catalogue does not name");

        scenario.planted.clear();
        scenario.expect.clear();
        let report = run(&scenario, 0);
        assert!(report.verdict == Verdict::Ok, "{path} without its bug: {:?}", report.violation);
    }
}

/// Where a property is the first to be found broken.
enum Shown {
    /// In a directed scenario of that name.
    By(&'static str),
    /// With that bug planted, somewhere in the swarm.
    InTheSwarm(&'static str),
    /// Nowhere, for a reason.
    Not(&'static str),
}

/// For each property, what proves that its checker can find something. A new property is an error here until it
/// has its proof.
fn shown(property: Property) -> Shown {
    use Shown::{By, InTheSwarm, Not};
    match property {
        P::ElectionSafety => InTheSwarm("elected_twice"),
        P::VoteOnce => By("votes-twice"),
        P::LeaderQuorum => By("stale-vote-counted"),
        P::LeaderAppendOnly => By("stale-append-obeyed"),
        P::LogMatching => By("no-prev-term-check"),
        P::LeaderCompleteness => By("index-before-term"),
        P::StateMachineSafety => By("commits-unverified"),
        P::CommitJustified => By("figure-8-commits"),
        P::Monotonicity => InTheSwarm("commit_regresses"),
        P::Order => InTheSwarm("applies_uncommitted"),
        P::PersistBeforeSend => By("forgotten-vote"),
        P::MatchSoundness => By("truncates-always"),
        P::CrashConsistency => Not(
            "it watches over the disk below the node, of which the simulator keeps the only one: a flaw of the \
             node changes what is written, not what becomes of it. The checkers' own tests tell it of disks that lie",
        ),
        P::Durability => By("answers-before-commit"),
        P::ExactlyOnce => By("double-apply"),
        P::ReplicasAgree => InTheSwarm("deduplicates_on_leader"),
        P::Linearizability => By("any-round-confirms"),
        P::Liveness => By("no-backtracking"),
    }
}

const PROPERTIES: [Property; 18] = [
    P::ElectionSafety,
    P::VoteOnce,
    P::LeaderQuorum,
    P::LeaderAppendOnly,
    P::LogMatching,
    P::LeaderCompleteness,
    P::StateMachineSafety,
    P::CommitJustified,
    P::Monotonicity,
    P::Order,
    P::PersistBeforeSend,
    P::MatchSoundness,
    P::CrashConsistency,
    P::Durability,
    P::ExactlyOnce,
    P::ReplicasAgree,
    P::Linearizability,
    P::Liveness,
];

#[test]
fn every_property_is_the_first_to_find_some_planted_bug() {
    for (position, property) in PROPERTIES.into_iter().enumerate() {
        assert_eq!(property as usize, position, "the list has them all, in order");
        let named = CATALOGUE.iter().any(|bug| bug.caught_by.contains(&property));
        match shown(property) {
            // That it breaks it is for the test above.
            Shown::By(name) => {
                assert_eq!(demanded(&scenario(&format!("planted/{name}.json"))), Some(property), "{name}");
            }
            Shown::InTheSwarm(name) => {
                let found = (0..SEEDS).any(|seed| first_violation(find(name), seed) == Some(property));
                assert!(found, "{name} was not found by {property:?} in {SEEDS} seeds");
            }
            Shown::Not(why) => assert!(!named, "{property:?} finds something after all: {why}"),
        }
    }
}
