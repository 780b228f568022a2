//! The tester is tested: each planted bug is found, by a checker that was named beforehand, and the same seeds
//! find nothing where nothing is planted.

use Property as P;
use seaworthy_sim::observation::Property;
use seaworthy_sim::planted::{self, PlantedBug};
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
const NOT_BY_THE_SWARM: [(&str, &str); 17] = [
    ("stale_view_of_own_log", "a vote must be asked for while the one entry that matters is being written"),
    ("refused_pre_vote_tells_nothing", "the better logs must be one term behind, and no leader in between"),
    ("older_pre_vote_unanswered", "the better logs must be behind, and hear nothing of the higher term"),
    ("stale_ack_counted", "a leader must lose its office and get it back while an answer is on its way"),
    (
        "no_backtracking",
        "leader and follower repeat themselves as fast as the network allows: most runs are cut off",
    ),
    ("broken_promise_forgiven", "the swarm restores no backups: Raft cannot stand what they do to votes"),
    ("accepts_without_limit", "its entries are far smaller than the one that a leader may always take"),
    ("address_leak", "it breaks nothing in one run; the determinism suite compares two"),
    ("any_round_confirms", "an answer must be seconds late, in the one second in which it matters"),
    (
        "lease_without_promise",
        "it finds it, in one run of hundreds: a voter must be asked by who hears no leader",
    ),
    ("promise_forgotten_at_restart", "a voter must restart, and be asked, within the lease that rests on it"),
    ("promise_forgotten_at_term", "word of a higher term must reach the one voter on which a lease rests"),
    ("stale_refusal_echoes_round", "a leader must be back in office before what it said in the last arrives"),
    ("lease_survives_transfer", "it finds it, in one run of hundreds: the word to campaign must be late"),
    ("transfer_never_expires", "it finds it, in one run of hundreds: the successor must be lost for good"),
    ("stale_timeout_now_obeyed", "the word to campaign must be late by an office of another and a new lease"),
    ("snapshots_mixed", "two leaders must have snapshots of their own, and the first be half sent"),
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

/// Each group of the catalogue is a test, so that the tests share the cores.
fn assert_found_by_the_swarm(bugs: &[PlantedBug]) {
    for bug in bugs.iter().filter(|bug| NOT_BY_THE_SWARM.iter().all(|(name, _)| *name != bug.name)) {
        let found = (0..SEEDS).find(|seed| first_violation(bug, *seed).is_some());
        assert!(found.is_some(), "{} was not found in {SEEDS} seeds: {}", bug.name, bug.wrong);
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

#[test]
fn what_the_swarm_does_not_find_a_scenario_shows() {
    let shown: Vec<String> =
        topic("planted").into_iter().flat_map(|(_, scenario)| scenario.planted).collect();
    for (name, why) in NOT_BY_THE_SWARM {
        let catchable = !find(name).caught_by.is_empty();
        assert_eq!(shown.iter().any(|shown| shown == name), catchable, "{name}: {why}");
    }
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
        P::CrashConsistency => InTheSwarm("log_deleted_before_snapshot"),
        P::Durability => By("answers-before-commit"),
        P::ExactlyOnce => By("double-apply"),
        P::ReplicasAgree => InTheSwarm("deduplicates_on_leader"),
        P::MembershipSafety => By("change-before-own-commit"),
        P::SnapshotMatchesLog => InTheSwarm("sessions_not_in_snapshot"),
        P::LeaseExclusivity => By("lease-from-receipt"),
        P::BoundedResources => By("accepts-without-limit"),
        P::Linearizability => By("any-round-confirms"),
        P::StaleReads => Not(
            "whatever gives a state that no key went through shows in the state itself, or in a read that may not be \
             stale. The checkers' own tests answer stale reads from nowhere",
        ),
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
        let named = planted::all().any(|bug| bug.caught_by.contains(&property));
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
