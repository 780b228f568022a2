//! The tester is tested: each planted bug is found, by a checker that was named beforehand, and the same seeds
//! find nothing where nothing is planted.

use Property as P;
use seaworthy_sim::observation::Property;
use seaworthy_sim::planted::hunt::{self, End, Ground, Hunt, MAX_STEPS};
use seaworthy_sim::planted::{self, PlantedBug};
use seaworthy_sim::run::{Verdict, run};
use seaworthy_sim::swarm;
use seaworthy_tests::{demanded, scenario, topic};
use std::sync::atomic::AtomicBool;

/// The swarm finds every bug that it is to find within so many seeds, most within twenty.
const SEEDS: u64 = 1_500;

/// So many of the same seeds are shown to find nothing where nothing is planted.
const CLEAN_SEEDS: u64 = 500;

fn find(name: &str) -> &'static PlantedBug {
    planted::find(name).unwrap_or_else(|| panic!("there is no planted bug {name}"))
}

/// The hunt for `bug` in the swarm from seed `first` on. Whoever finds it must be who was named beforehand.
fn hunt_in_the_swarm(bug: &'static PlantedBug, first: u64) -> Hunt {
    let hunt = Ground::swarm(bug).hunt(first..SEEDS, &AtomicBool::new(false));
    assert!(
        hunt.is_rightly_found(bug) != Some(false),
        "{} was found by a checker that should not be the first, not one of {:?}: {:?}",
        bug.name,
        bug.caught_by,
        hunt.end
    );
    hunt
}

/// Whether `property` is the first to find `bug` somewhere in the swarm.
fn finds(bug: &'static PlantedBug, property: Property) -> bool {
    let mut first = 0;
    while let End::Violation { seed, found } = hunt_in_the_swarm(bug, first).end {
        if found.property == property {
            return true;
        }
        first = seed + 1;
    }
    false
}

/// Each group of the catalogue is a test, so that the tests share the cores.
fn assert_found_by_the_swarm(bugs: &'static [PlantedBug]) {
    for bug in bugs.iter().filter(|bug| bug.directed.is_none() && !bug.caught_by.is_empty()) {
        let hunt = hunt_in_the_swarm(bug, 0);
        assert!(hunt.property().is_some(), "{} was not found: {}: {:?}", bug.name, bug.wrong, hunt.end);
    }
}

#[test]
fn the_swarm_finds_what_is_wrong_with_elections() {
    assert_found_by_the_swarm(planted::elections::BUGS);
}

#[test]
fn the_swarm_finds_what_is_wrong_with_replication() {
    assert_found_by_the_swarm(planted::replication::BUGS);
}

#[test]
fn the_swarm_finds_what_is_wrong_with_reads_and_sessions() {
    assert_found_by_the_swarm(planted::clients::BUGS);
}

#[test]
fn the_swarm_finds_what_is_wrong_with_membership() {
    assert_found_by_the_swarm(planted::membership::BUGS);
}

#[test]
fn the_swarm_finds_what_is_wrong_with_snapshots() {
    assert_found_by_the_swarm(planted::snapshots::BUGS);
}

#[test]
fn the_swarm_finds_what_is_wrong_with_storage() {
    assert_found_by_the_swarm(planted::storage::BUGS);
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

/// A directed scenario breaks the one property that it is meant to, and not without the bug.
#[test]
fn every_planted_scenario_breaks_what_it_says_and_nothing_without_its_bug() {
    for (path, mut scenario) in topic("planted") {
        let property = demanded(&scenario).unwrap_or_else(|| panic!("{path} demands nothing"));
        for seed in 0..3 {
            let report = hunt::run(&scenario, seed);
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
}

/// For each property, what proves that its checker can find something. A new property is an error here until it
/// has its proof.
fn shown(property: Property) -> Shown {
    use Shown::{By, InTheSwarm};
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
        P::CrashConsistency => InTheSwarm("log_deleted_before_snapshot"),
        P::Durability => By("answers-before-commit"),
        P::ExactlyOnce => By("double-apply"),
        P::ReplicasAgree => InTheSwarm("deduplicates_on_leader"),
        P::MembershipSafety => By("change-before-own-commit"),
        P::SnapshotMatchesLog => InTheSwarm("sessions_not_in_snapshot"),
        P::LeaseExclusivity => By("lease-from-receipt"),
        P::BoundedResources => By("accepts-without-limit"),
        P::Linearizability => By("any-round-confirms"),
        P::StaleReads => InTheSwarm("stale_get_seeks"),
        P::Liveness => By("no-backtracking"),
    }
}

const PROPERTIES: [Property; 23] = [
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
    P::MembershipSafety,
    P::SnapshotMatchesLog,
    P::LeaseExclusivity,
    P::BoundedResources,
    P::Linearizability,
    P::StaleReads,
    P::Liveness,
];

#[test]
fn every_property_is_the_first_to_find_some_planted_bug() {
    for (position, property) in PROPERTIES.into_iter().enumerate() {
        assert_eq!(property as usize, position, "the list has them all, in order");
        match shown(property) {
            // That it breaks it is for the test above.
            Shown::By(name) => {
                assert_eq!(demanded(&scenario(&format!("planted/{name}.json"))), Some(property), "{name}");
            }
            Shown::InTheSwarm(name) => {
                assert!(finds(find(name), property), "{name} was not found by {property:?} in {SEEDS} seeds");
            }
        }
    }
}
