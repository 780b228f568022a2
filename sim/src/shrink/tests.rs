use super::*;
use crate::planted;
use crate::run::run;
use crate::scenario::model::{Action, Moment};
use crate::scenario::{parse, validate};
use crate::swarm;
use std::sync::atomic::{AtomicU64, Ordering};

/// The swarm's run of `seed` with a bug planted.
fn planted(name: &str, seed: u64) -> Scenario {
    assert!(planted::find(name).is_some(), "there is no planted bug {name}");
    Scenario { planted: vec![name.into()], ..swarm::draw(seed) }
}

fn shrunk(scenario: &Scenario, seed: u64, jobs: usize, candidates: u64) -> Shrunk {
    let jobs = NonZeroUsize::new(jobs).unwrap();
    let options = Options { jobs, candidates, stop: &|| false, progress: &|_| {} };
    shrink(scenario, seed, &options).unwrap()
}

fn broken(scenario: &Scenario, seed: u64) -> Option<Property> {
    run(scenario, seed).violation.map(|found| found.property)
}

/// Bugs of different kinds: each shrinks to a scenario of no more faults and operations than this, that reads back from
/// its file, fails at every seed, and not without the bug.
#[test]
fn what_is_shrunk_is_small_and_fails_whatever_the_seed() {
    let bounds = [
        ("votes_twice", 10, 4),
        ("no_up_to_date_check", 0, 5),
        ("truncates_always", 0, 10),
        ("commit_regresses", 0, 10),
        ("follower_reads_locally", 1, 10),
        // With more room behind a snapshot it would take two hundred operations.
        ("first_append_taken_again", 28, 4),
    ];
    for (name, seed, most) in bounds {
        let scenario = planted(name, seed);
        let property = broken(&scenario, seed).unwrap();
        let shrunk = shrunk(&scenario, seed, 2, 2_500);
        let Size { faults, operations, .. } = shrunk.size;
        assert!(faults + operations <= most, "{name}: {}\n{}", shrunk.size, shrunk.scenario);
        assert!(shrunk.any_seed && shrunk.property == property, "{name}\n{}", shrunk.scenario);
        let small = parse("small.json", &shrunk.scenario.to_short_json()).unwrap();
        assert_eq!(small, shrunk.scenario, "{name}");
        for seed in 0..5 {
            assert_eq!(broken(&small, seed), Some(property), "{name} at seed {seed}\n{small}");
        }
        let sound = Scenario { planted: Vec::new(), ..small };
        assert_eq!(broken(&sound, 0), None, "{name}");
    }
}

#[test]
fn threads_change_nothing() {
    let scenario = planted("no_up_to_date_check", 0);
    let [one, three] = [1, 3].map(|jobs| shrunk(&scenario, 0, jobs, 300));
    assert_eq!((one.scenario, one.seed, one.candidates), (three.scenario, three.seed, three.candidates));
    assert_eq!(one.size, three.size);
}

/// Whenever shrinking is told to stop, what it has by then still fails.
#[test]
fn being_told_to_stop_keeps_the_best_so_far() {
    let scenario = planted("no_up_to_date_check", 0);
    let property = broken(&scenario, 0).unwrap();
    for enough in [1, 20, 120] {
        let asked = AtomicU64::new(0);
        let stop = || enough < asked.fetch_add(1, Ordering::Relaxed);
        let options = Options { jobs: NonZeroUsize::MIN, candidates: 10_000, stop: &stop, progress: &|_| {} };
        let shrunk = shrink(&scenario, 0, &options).unwrap();
        assert!(shrunk.stopped, "{} candidates", shrunk.candidates);
        assert!(shrunk.candidates <= enough, "{} candidates", shrunk.candidates);
        assert_eq!(validate(&shrunk.scenario), Ok(()));
        assert_eq!(broken(&shrunk.scenario, shrunk.seed), Some(property));
    }
}

#[test]
fn there_is_nothing_to_shrink_where_nothing_breaks() {
    let options = Options {
        jobs: NonZeroUsize::MIN,
        candidates: 10,
        stop: &|| false,
        progress: &|_| panic!("no size"),
    };
    let error = |scenario: &Scenario| shrink(scenario, 3, &options).unwrap_err().to_string();
    let calm = Scenario::named("calm", "Nothing happens.");
    assert_eq!(error(&calm), "the run breaks no property at seed 3, so that there is nothing to shrink");
    let mut wrong = calm.clone();
    wrong.cluster.nodes = 0;
    assert!(error(&wrong).starts_with("the scenario is not valid: "), "{}", error(&wrong));
    let stopped = Options { stop: &|| true, ..options };
    let scenario = planted("votes_twice", 10);
    assert!(matches!(shrink(&scenario, 10, &stopped), Err(ShrinkError::Stopped)));
}

/// That nobody leads is seen without anybody who asks for something.
#[test]
fn a_dead_cluster_needs_no_clients() {
    let text = r#"{
        "name": "dead",
        "claim": "Who has more entries asks in vain.",
        "duration": "290ms",
        "cluster": {
            "nodes": 2,
            "election_timeout_max": "450ms",
            "check_quorum": false,
            "initial": [
                { "node": 1, "term": 5, "log": [1, 2] },
                { "node": 2, "term": 4, "log": [1, 2, 2, 2, 3, 3, 3] }
            ]
        },
        "workload": { "clients": 2 },
        "planted": ["refused_pre_vote_tells_nothing"]
    }"#;
    let shrunk = shrunk(&parse("dead.json", text).unwrap(), 0, 2, 200);
    assert_eq!((shrunk.property, shrunk.scenario.workload), (Property::Liveness, None));
    assert_eq!((shrunk.size.faults, shrunk.size.operations), (0, 0));
}

/// What the drill told nodes goes on the timeline, and the end of all faults is no more.
#[test]
fn what_breaks_in_a_drill_is_written_out() {
    let text = r#"{
        "name": "drilled",
        "claim": "A new member installs a snapshot.",
        "duration": "1s",
        "cluster": { "nodes": 1, "spares": 1 },
        "liveness": { "drill": true },
        "planted": ["snapshot_restores_term"]
    }"#;
    let Shrunk { scenario, property, size, any_seed, .. } =
        shrunk(&parse("drilled.json", text).unwrap(), 0, 2, 1_000);
    assert!(any_seed && property == Property::Monotonicity, "{scenario}");
    assert_eq!(scenario.liveness, Liveness { check: false, ..Liveness::default() });
    let told = |moment: &Moment| matches!(moment.action, Action::ChangeMembership { node: Some(_), .. });
    assert!(scenario.timeline.iter().any(told), "{scenario}");
    assert!(size.faults <= 3 && size.events <= 10, "{size}\n{scenario}");
}

/// A claim says what is planted and where that happened, what is done, and what contradicts what.
#[test]
fn a_shrunk_scenario_says_what_it_shows() {
    let shrunk = shrunk(&planted("votes_twice", 10), 10, 2, 2_500);
    assert_eq!(shrunk.scenario.name, "votes-twice");
    insta::assert_snapshot!(shrunk.scenario.to_short_json());
}
