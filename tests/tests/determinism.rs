//! A run is a function of binary, scenario and seed: not of the threads beside it, nor of whether anybody records
//! it, nor of the process and its surroundings. `.ci/determinism` compares build profiles too, over more seeds.

use seaworthy_sim::planted::hunt;
use seaworthy_sim::run::{run, run_recorded};
use seaworthy_sim::swarm;
use seaworthy_sim::sweep::{Batch, Options, Outcome, Source, bundled_batches, sweep};
use seaworthy_tests::{root, scenario};
use std::fmt::Write;
use std::num::NonZeroUsize;
use std::ops::{ControlFlow, Range};
use std::process::Command;
use std::sync::atomic::AtomicBool;

const SEEDS: Range<u64> = 0..24;

/// Everything that came of the swarm and of the bundled scenarios.
fn outcomes(jobs: usize, verify_determinism: bool) -> Vec<(usize, u64, Outcome)> {
    let mut batches = bundled_batches((0..1).into()).expect("bundled scenarios are valid");
    batches.push(Batch { source: Source::SWARM, seeds: SEEDS.into() });
    let jobs = NonZeroUsize::new(jobs).expect("somebody works");
    let options = Options { jobs, verify_determinism, interrupt: &AtomicBool::new(false) };
    let mut outcomes = Vec::new();
    sweep(&batches, options, &run, &mut |batch, seed, outcome| {
        outcomes.push((batch, seed, outcome));
        ControlFlow::Continue(())
    });
    outcomes
}

#[test]
fn a_run_is_the_same_again_and_beside_others() {
    let alone = outcomes(1, true);
    let differed = |outcome: &&(usize, u64, Outcome)| !matches!(outcome.2, Outcome::Finished(_));
    assert_eq!(alone.iter().find(differed), None);
    assert_eq!(outcomes(3, false), alone);
}

#[test]
fn a_run_is_the_same_when_it_is_recorded() {
    for seed in SEEDS {
        let scenario = swarm::draw(seed);
        let (recorded, recording) = run_recorded(&scenario, seed);
        assert!(!recording.trace.is_empty(), "seed {seed} leaves no trace");
        assert_eq!(run(&scenario, seed), recorded, "seed {seed}");
    }
}

/// What a child process is asked for: `sound`, or the name of a planted bug.
const ASKED: &str = "SEAWORTHY_TEST_FINGERPRINTS";

/// How much a child process allocates before it does anything else.
const PADDING: &str = "SEAWORTHY_TEST_PADDING";

/// The fingerprints of the runs of the swarm, one a line.
fn fingerprints(bug: Option<&str>) -> String {
    let mut lines = String::new();
    for seed in SEEDS {
        let mut scenario = swarm::draw(seed);
        let fingerprint = match bug {
            None => run(&scenario, seed).fingerprint,
            Some(bug) => {
                scenario.planted = vec![bug.into()];
                hunt::run(&scenario, seed).fingerprint
            }
        };
        writeln!(lines, "swarm {seed} {fingerprint:016x}").expect("a string takes everything");
    }
    lines
}

/// The other half of the tests below, which run this test program again. By itself it does nothing.
#[test]
fn a_child_process_prints_its_fingerprints() {
    let Ok(asked) = std::env::var(ASKED) else { return };
    let padding = std::env::var(PADDING).ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    let held: Vec<Vec<u8>> = (0..padding).map(|size| Vec::with_capacity(size + 1)).collect();
    print!("\n{}", fingerprints(Some(&*asked).filter(|asked| *asked != "sound")));
    drop(held);
}

/// The fingerprints as a process with other surroundings finds them: another directory, time zone, language and
/// user, less stack, and a memory that is laid out otherwise.
fn fingerprints_of_a_child(asked: &str, padding: usize) -> String {
    let program = std::env::current_exe().expect("a test knows where it is");
    let elsewhere = std::env::temp_dir();
    let mut command = if cfg!(unix) {
        let mut shell = Command::new("sh");
        shell.args(["-c", "ulimit -s 2048; ulimit -n 128; exec \"$0\" \"$@\""]).arg(program);
        shell
    } else {
        Command::new(program)
    };
    let output = command
        .args(["--exact", "a_child_process_prints_its_fingerprints", "--nocapture", "--test-threads=1"])
        .env(ASKED, asked)
        .env(PADDING, padding.to_string())
        .env("TZ", "Pacific/Chatham")
        .env("LANG", "tr_TR.UTF-8")
        .env("LC_ALL", "tr_TR.UTF-8")
        .env("HOME", &elsewhere)
        .env("SEAWORTHY_SEED", "77")
        .env("RUST_MIN_STACK", "8000000")
        .env("UNRELATED", "x".repeat(3000 + padding))
        .current_dir(&elsewhere)
        .output()
        .expect("a test program can be run again");
    let text = String::from_utf8(output.stdout).expect("fingerprints are text");
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    text.lines().filter(|line| line.starts_with("swarm ")).flat_map(|line| [line, "\n"]).collect()
}

#[test]
fn a_run_is_the_same_in_another_process() {
    assert_eq!(fingerprints_of_a_child("sound", 0), fingerprints(None));
}

/// The comparison above can fail. Where memory lies is luck, so a few processes may be needed to see it.
#[test]
fn a_leaked_address_is_found_by_another_process() {
    let ours = fingerprints(Some("address_leak"));
    assert_eq!(ours.lines().count(), SEEDS.count());
    let differs = |padding| fingerprints_of_a_child("address_leak", padding) != ours;
    assert!([0, 1, 7, 50, 333, 1000, 2000, 3000].into_iter().any(differs), "nobody noticed the leak");
}

/// Scenarios of every topic, whose fingerprints are kept.
const GOLDEN: [&str; 12] = [
    "clients/retry-across-failover.json",
    "clocks/drift.json",
    "crashes/all-at-once.json",
    "crashes/mid-step.json",
    "disks/slow-leader-disk.json",
    "elections/first-election.json",
    "elections/split-vote.json",
    "partitions/bridge.json",
    "partitions/flapping-link.json",
    "planted/double-apply.json",
    "reads/loyal-readers.json",
    "replication/figure-8.json",
];

/// A fingerprint changes only with a change of behaviour, of the trace or of the scenario, and then somebody has
/// looked: the kept ones are those of every machine, toolchain and build profile.
#[test]
fn the_fingerprints_are_those_that_are_kept() {
    const UPDATE: &str = "UPDATE_GOLDEN=1 cargo test -p seaworthy-tests --test determinism the_fingerprints_are_those_that_are_kept";
    let path = root().join("tests/golden/fingerprints.txt");
    let mut current = String::from(
        "# Fingerprints of bundled scenarios at seed 0, the same on every machine and in every build. They change\n\
         # only with a change of behaviour, of the trace's format or of the scenario, never with a refactoring. So\n\
         # whoever runs this to write them anew says in the commit what has changed:\n",
    );
    writeln!(current, "# {UPDATE}").expect("a string takes everything");
    for name in GOLDEN {
        let fingerprint = run(&scenario(name), 0).fingerprint;
        writeln!(current, "{fingerprint:016x} {name}").expect("a string takes everything");
    }
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &current).expect("the checkout can be written");
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    for (kept, current) in kept.lines().zip(current.lines()) {
        assert_eq!(kept, current, "left: kept, right: now. If that is meant:\n{UPDATE}\n");
    }
    assert_eq!(kept, current, "the list has changed; this writes it anew:\n{UPDATE}\n");
}

#[test]
fn different_seeds_are_different_runs() {
    let mut all: Vec<u64> =
        SEEDS.map(|seed| run(&scenario("elections/first-election.json"), seed).fingerprint).collect();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), SEEDS.count());
}
