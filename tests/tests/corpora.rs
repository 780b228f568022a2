//! What the fuzzers have found worth keeping, replayed without them.

use seaworthy_sim::choice::{Choice, Stream};
use seaworthy_sim::fuzzing::{self, TARGETS};
use seaworthy_tests::{files, root};
use std::path::PathBuf;

/// The inputs of one fuzz target, with their names. Small and few, for the repository is no place for more.
fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let paths = files(&root().join("fuzz/corpus").join(target), "");
    assert!((1..=500).contains(&paths.len()), "{target} has {} inputs", paths.len());
    let read = |path: PathBuf| {
        let bytes = std::fs::read(&path).expect("an input can be read");
        assert!(bytes.len() < 4096, "{} has {} bytes", path.display(), bytes.len());
        (path, bytes)
    };
    paths.into_iter().map(read).collect()
}

#[test]
fn no_kept_input_breaks_what_its_target_states() {
    for target in TARGETS.iter().filter(|target| !target.name.ends_with("schedule")) {
        for (path, bytes) in corpus(target.name) {
            println!("{}", path.display());
            (target.run)(&bytes);
        }
    }
}

/// The kept schedules break nothing, and they get somewhere: a corpus that only ever waits for a leader tests
/// nothing but elections.
#[test]
fn no_kept_schedule_sinks_the_core_and_most_of_them_get_somewhere() {
    let schedules = corpus("schedule");
    let mut elected = 0;
    let mut answered = 0;
    let mut faulty = 0;
    for (path, bytes) in &schedules {
        println!("{}", path.display());
        fuzzing::schedule(bytes, &mut |_| {});
        let report = fuzzing::long_schedule(bytes, &mut |_| {});
        elected += usize::from(report.elections > 0);
        answered += usize::from(report.operations.ok > 0);
        faulty += usize::from(report.faults.values().sum::<u64>() > 1);
    }
    let all = schedules.len();
    assert!(elected * 4 > all * 3, "{elected} of {all} elect a leader");
    assert!(answered * 2 > all, "{answered} of {all} answer a client");
    assert!(faulty * 2 > all, "{faulty} of {all} have a fault");
}

#[test]
fn no_bytes_are_the_calmest_schedule() {
    let report = fuzzing::schedule(&[], &mut |_| {});
    assert_eq!((report.elections, report.messages.dropped), (1, 0));
}

/// A fuzzer knows what it has reached and goes on from there, and runs elsewhere. What luck alone reaches is reached here.
#[test]
fn no_random_bytes_break_what_a_target_states() {
    for target in TARGETS {
        for seed in 0..200 {
            println!("{} {seed}", target.name);
            let mut choice = Choice::seeded(seed);
            let length = choice.below(Stream::Swarm, 1_000);
            let bytes: Vec<u8> = (0..length).map(|_| choice.below(Stream::Swarm, 256) as u8).collect();
            (target.run)(&bytes);
        }
    }
}
