use super::ordered::AHEAD_MAX;
use super::*;
use crate::fault::FaultKind;
use crate::report::tests::sample;
use crate::run::Verdict;
use crate::scenario::parse;
use std::ops::Range;
use std::sync::atomic::Ordering;
use std::time::Duration;

fn scenario(name: &str) -> Scenario {
    let text = format!(r#"{{"name": "{name}", "claim": "Whatever the runner says."}}"#);
    parse("test.json", &text).unwrap()
}

fn batch(name: &str, seeds: Range<u64>) -> Batch {
    Batch { source: Source::fixed(name, scenario(name)), seeds: seeds.into() }
}

fn batches() -> Vec<Batch> {
    let drawn = Source::Drawn(|seed| scenario(&format!("drawn-{seed}")));
    vec![batch("calm", 0..40), batch("storm", 5..60), Batch { source: drawn, seeds: (100..150).into() }]
}

/// Every seventh run fails, every eleventh panics, every thirteenth is cut off; some are slow.
fn runner(scenario: &Scenario, seed: u64) -> RunReport {
    let luck = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    for _ in 0..luck % 50_000 {
        std::hint::spin_loop();
    }
    assert!(!seed.is_multiple_of(11), "the core fell over at seed {seed}");
    let verdict = match seed {
        _ if seed.is_multiple_of(7) => Verdict::Violation,
        _ if seed.is_multiple_of(13) => Verdict::Cutoff,
        _ => Verdict::Ok,
    };
    RunReport { scenario: scenario.name.clone(), steps: luck % 1000, ..sample(seed, verdict) }
}

fn options(jobs: usize) -> Options<'static> {
    static NEVER: AtomicBool = AtomicBool::new(false);
    Options { jobs: NonZeroUsize::new(jobs).unwrap(), verify_determinism: false, interrupt: &NEVER }
}

fn summary(jobs: usize, failures_max: usize) -> Summary {
    let batches = batches();
    let mut summary = Summary::new(&batches);
    sweep(&batches, options(jobs), &runner, &mut |position, seed, outcome| {
        let failure = summary.count(position, seed, &outcome);
        summary.failures.extend(failure);
        if summary.failures.len() < failures_max { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    summary
}

#[test]
fn many_jobs_come_to_the_same_as_one() {
    for failures_max in [usize::MAX, 9] {
        let one = serde_json::to_string(&summary(1, failures_max)).unwrap();
        for jobs in [2, 4, 16] {
            assert_eq!(serde_json::to_string(&summary(jobs, failures_max)).unwrap(), one);
        }
    }
}

/// Which runs, in which order, and what each came to: a sweep is as distinct as its runs.
#[test]
fn the_fingerprint_of_a_sweep_is_that_of_its_runs_in_order() {
    let of = |fingerprints: &[u64]| {
        let mut summary = Summary::new(&batches());
        for fingerprint in fingerprints {
            let report = RunReport { fingerprint: *fingerprint, ..sample(0, Verdict::Ok) };
            summary.count(0, 0, &Outcome::Finished(report));
        }
        summary.fingerprint
    };
    assert_eq!(of(&[1, 2, 3]), of(&[1, 2, 3]));
    assert_ne!(of(&[1, 2, 3]), of(&[1, 3, 2]));
    assert_ne!(of(&[1, 2, 3]), of(&[1, 2]));
    assert_ne!(of(&[]), of(&[0]));
    assert_ne!(summary(2, usize::MAX).fingerprint, summary(2, 9).fingerprint);
}

/// What fires in one of many runs has fired.
#[test]
fn a_fault_that_is_in_play_and_never_fires_is_named() {
    let mut summary = Summary::new(&[batch("calm", 0..9)]);
    let mut never_fired = |in_play: &[FaultKind], fired: &[FaultKind]| {
        let faults = fired.iter().map(|kind| (kind.name(), 1)).collect();
        let in_play = in_play.iter().copied().collect();
        let report = RunReport { faults, in_play, ..sample(0, Verdict::Ok) };
        summary.count(0, 0, &Outcome::Finished(report));
        assert_eq!(summary.scenarios[0].tally, summary.tally);
        summary.tally.never_fired.iter().map(|(name, runs)| (*name, *runs)).collect::<Vec<_>>()
    };
    let (crash, wipe) = (FaultKind::Crash, FaultKind::Wipe);
    assert_eq!(never_fired(&[], &[]), []);
    assert_eq!(never_fired(&[crash, wipe], &[]), [("crash", 1), ("wipe", 1)]);
    assert_eq!(never_fired(&[wipe], &[]), [("crash", 1), ("wipe", 2)]);
    assert_eq!(never_fired(&[crash], &[crash]), [("wipe", 2)]);
    assert_eq!(never_fired(&[crash, wipe], &[]), [("wipe", 3)]);
}

#[test]
fn failures_come_in_the_order_of_batches_and_seeds() {
    let summary = summary(4, usize::MAX);
    let order: Vec<_> =
        summary.failures.iter().map(|failure| (failure.argument.as_str(), failure.seed)).collect();
    let expected: Vec<_> = batches()
        .iter()
        .flat_map(|batch| {
            let name = batch.source.argument().to_owned();
            batch
                .seeds
                .iter()
                .filter(|seed| seed % 7 == 0 || seed % 11 == 0)
                .map(move |seed| (name.clone(), seed))
        })
        .collect();
    assert_eq!(order, expected.iter().map(|(name, seed)| (name.as_str(), *seed)).collect::<Vec<_>>());
    let tally = &summary.tally;
    assert_eq!(tally.runs, 145);
    assert_eq!(tally.ok + tally.cutoffs + tally.failed(), 145);
}

#[test]
fn a_panic_is_a_failure_of_its_seed_and_of_no_other() {
    let summary = summary(4, usize::MAX);
    let panic = summary.failures.iter().find(|failure| failure.cause == Cause::Panic).unwrap();
    assert_eq!((panic.argument.as_str(), panic.seed), ("calm", 0));
    assert!(panic.detail.starts_with("the core fell over at seed 0 ("), "{}", panic.detail);
    assert_eq!(summary.tally.panics, 4 + 5 + 4);
}

#[test]
fn a_sweep_ends_at_the_last_failure_that_is_wanted() {
    let summary = summary(4, 3);
    let seeds: Vec<_> = summary.failures.iter().map(|failure| failure.seed).collect();
    assert_eq!(seeds, [0, 7, 11]);
    assert_eq!(summary.tally.runs, 12);
}

#[test]
fn a_run_that_is_not_deterministic_is_found_by_running_it_twice() {
    let calls = std::sync::atomic::AtomicU64::new(0);
    let fickle = |_: &Scenario, seed: u64| {
        let call = calls.fetch_add(1, Ordering::Relaxed);
        RunReport { fingerprint: if seed == 3 { call } else { seed }, ..sample(seed, Verdict::Ok) }
    };
    let batches = [batch("fickle", 0..5)];
    let mut summary = Summary::new(&batches);
    let options = Options { verify_determinism: true, ..options(2) };
    sweep(&batches, options, &fickle, &mut |position, seed, outcome| {
        let failure = summary.count(position, seed, &outcome);
        summary.failures.extend(failure);
        ControlFlow::Continue(())
    });
    assert_eq!(summary.tally.not_deterministic, 1);
    assert_eq!((summary.failures[0].seed, summary.failures[0].cause), (3, Cause::NotDeterministic));
}

/// After an interrupt the runs that were begun are finished and consumed, without a gap, and no more.
#[test]
fn an_interrupted_sweep_consumes_what_was_begun() {
    let interrupt = AtomicBool::new(false);
    let batches = [batch("long", 0..100_000)];
    let mut seeds = Vec::new();
    let runner = |_: &Scenario, seed: u64| {
        if seed == 20 {
            interrupt.store(true, Ordering::Relaxed);
        }
        sample(seed, Verdict::Ok)
    };
    let options = Options { interrupt: &interrupt, ..options(4) };
    sweep(&batches, options, &runner, &mut |_, seed, _| {
        seeds.push(seed);
        ControlFlow::Continue(())
    });
    assert!(seeds.len() > 20 && seeds.len() < 100_000);
    assert!(seeds.iter().copied().eq(0..seeds.len() as u64));
}

/// One slow run does not let the others fill the memory: no run begins too far ahead of it.
#[test]
fn no_run_begins_too_far_ahead_of_one_that_is_slow() {
    let furthest = std::sync::atomic::AtomicU64::new(0);
    let runner = |_: &Scenario, seed: u64| {
        if seed == 0 {
            while furthest.load(Ordering::Relaxed) < AHEAD_MAX - 1 {
                std::thread::yield_now();
            }
        }
        furthest.fetch_max(seed, Ordering::Relaxed);
        sample(seed, Verdict::Ok)
    };
    let batches = [batch("slow", 0..3 * AHEAD_MAX)];
    let mut first = None;
    sweep(&batches, options(2), &runner, &mut |_, _, _| {
        first.get_or_insert(furthest.load(Ordering::Relaxed));
        ControlFlow::Continue(())
    });
    assert!(first.unwrap() <= AHEAD_MAX, "{first:?}");
}

#[test]
fn a_sweep_of_nothing_ends_at_once() {
    sweep(&[], options(4), &runner, &mut |_, _, _| unreachable!());
    sweep(&[batch("calm", 7..7)], options(4), &runner, &mut |_, _, _| unreachable!());
    assert_eq!(runs(&[batch("all", 0..u64::MAX), batch("calm", 0..7)]), u64::MAX);
}

/// Only three figures depend on the clock; the rest is as documented.
#[test]
fn the_json_of_a_sweep_has_the_documented_fields() {
    let batches = [batch("storm", 7..9)];
    let mut summary = Summary::new(&batches);
    sweep(
        &batches,
        options(1),
        &|_, seed| runner(&scenario("storm"), seed),
        &mut |position, seed, outcome| {
            let failure = summary.count(position, seed, &outcome);
            summary.failures.extend(failure);
            ControlFlow::Continue(())
        },
    );
    summary.clock(Duration::from_secs(2));
    insta::assert_json_snapshot!(summary, @r#"
        {
          "schema_version": 1,
          "planned": 2,
          "shard": null,
          "interrupted": false,
          "runs": 2,
          "ok": 1,
          "violations": 1,
          "expectations": 0,
          "cutoffs": 0,
          "panics": 0,
          "not_deterministic": 0,
          "steps": 1173,
          "virtual_seconds": 21.0,
          "messages": {
            "sent": 1800,
            "delivered": 1600,
            "dropped": 220,
            "duplicated": 20
          },
          "operations": {
            "ok": 140,
            "fail": 2,
            "info": 4
          },
          "elections": 6,
          "faults": {
            "crash": 4,
            "partition": 2
          },
          "never_fired": {
            "wipe": 2
          },
          "distinct_fingerprints": 2,
          "fingerprint": "6ec9092debc78ef6",
          "wall_seconds": 2.0,
          "steps_per_second": 586.5,
          "virtual_per_wall": 10.5,
          "scenarios": [
            {
              "scenario": "storm",
              "argument": "storm",
              "runs": 2,
              "ok": 1,
              "violations": 1,
              "expectations": 0,
              "cutoffs": 0,
              "panics": 0,
              "not_deterministic": 0,
              "steps": 1173,
              "virtual_seconds": 21.0,
              "messages": {
                "sent": 1800,
                "delivered": 1600,
                "dropped": 220,
                "duplicated": 20
              },
              "operations": {
                "ok": 140,
                "fail": 2,
                "info": 4
              },
              "elections": 6,
              "faults": {
                "crash": 4,
                "partition": 2
              },
              "never_fired": {
                "wipe": 2
              }
            }
          ],
          "failures": [
            {
              "scenario": "storm",
              "argument": "storm",
              "seed": 7,
              "cause": "violation",
              "property": "election_safety",
              "at": "3.39s",
              "step": 12,
              "detail": "n1@3 and n2@3 both lead",
              "fingerprint": "00c0ffee00000007",
              "artifact": null
            }
          ],
          "undecided": []
        }
    "#);
}
