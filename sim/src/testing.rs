//! Sweeps in `cargo test`: a few lines, and a failure that says how to see it again.
//!
//! ```
//! use seaworthy_sim::testing::Sweep;
//!
//! # /*
//! #[test]
//! # */
//! fn somebody_is_elected() {
//!     Sweep::of_bundled("elections/first-election").expect("it is bundled").seeds(0..20).assert_holds();
//! }
//! # somebody_is_elected();
//! ```
//!
//! `SEAWORTHY_SEED=7 cargo test NAME` runs the one seed, which need not be in the range. The run that failed is
//! kept in `seaworthy.out/`, or in the directory that `SEAWORTHY_OUT` names.
#![allow(
    clippy::disallowed_methods,
    reason = "what is read from the environment chooses runs, it changes none"
)]

use crate::artifact::{Capture, DEFAULT_OUT, Recorder, capture, commands};
use crate::report::{headline, identity};
use crate::run::{RunReport, Verdict, run, run_recorded};
use crate::scenario::Scenario;
use crate::story::telling;
use crate::sweep::{Batch, Options, Outcome, Runner, Seeds, Source, SourceError, difference, sweep};
use std::fmt::Write;
use std::num::NonZeroUsize;
use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

/// A scenario over some seeds, as a test.
#[derive(Clone, Debug)]
#[must_use = "a sweep does nothing until it is asserted to hold"]
pub struct Sweep {
    batch: Batch,
}

impl Sweep {
    /// Of a scenario that was made in code.
    pub fn new(scenario: Scenario) -> Self {
        Self::of(Source::fixed(&scenario.name.clone(), scenario))
    }

    /// Of a scenario file.
    ///
    /// # Errors
    /// If it cannot be read or is not valid.
    pub fn of_file(path: impl AsRef<Path>) -> Result<Self, SourceError> {
        let path = path.as_ref();
        let scenario = crate::scenario::load(path)?;
        Ok(Self::of(Source::fixed(&path.to_string_lossy(), scenario)))
    }

    /// Of a scenario that comes with this crate, by its name or path: `"elections/first-election"`.
    ///
    /// # Errors
    /// If there is none of that name.
    pub fn of_bundled(name: &str) -> Result<Self, SourceError> {
        Source::bundled(name).map(Self::of)
    }

    /// Of the swarm: each seed draws a scenario of its own.
    pub fn of_swarm() -> Self {
        Self::of(Source::SWARM)
    }

    fn of(source: Source) -> Self {
        Self { batch: Batch { source, seeds: (0..10).into() } }
    }

    /// Over these seeds; over 0..10 if nothing is said.
    pub fn seeds(mut self, seeds: Range<u64>) -> Self {
        self.batch.seeds = seeds.into();
        self
    }

    /// Runs every seed.
    ///
    /// # Panics
    /// If a property does not hold, an expectation is missed, a run is cut off undecided, or there is no seed to run: with the
    /// seed, the end of the story, and the one command that shows it again.
    #[track_caller]
    pub fn assert_holds(mut self) {
        if let Some(seed) = seed_of_environment() {
            self.batch.seeds = Seeds::only(seed);
        }
        let out = std::env::var("SEAWORTHY_OUT").map_or_else(|_| PathBuf::from(DEFAULT_OUT), PathBuf::from);
        if let Err(failure) = self.check(&run, &run_recorded, &out) {
            panic!("{failure}");
        }
    }

    fn check(self, runner: Runner<'_>, recorder: Recorder<'_>, out: &Path) -> Result<(), String> {
        if self.batch.seeds.is_empty() {
            return Err("no seed to run: the range is empty".to_owned());
        }
        let interrupt = AtomicBool::new(false);
        // The tests of a crate already share the cores.
        let options = Options { jobs: NonZeroUsize::MIN, verify_determinism: false, interrupt: &interrupt };
        let batches = [self.batch];
        let mut failure = Ok(());
        sweep(&batches, options, runner, &mut |_, seed, outcome| {
            failure = match outcome {
                Outcome::Finished(report) if report.verdict == Verdict::Ok => {
                    return ControlFlow::Continue(());
                }
                Outcome::Finished(report) => {
                    let scenario = batches[0].source.scenario(seed);
                    Err(tell(&report, capture(out, &scenario, &report, recorder)))
                }
                Outcome::Differed { first, second } => Err(difference(&first, &second)),
                Outcome::Panicked(panic) => Err(format!(
                    "seed {seed}: the simulator or the core panicked: {panic}\n{}",
                    by_seed(seed)
                )),
            };
            ControlFlow::Break(())
        });
        failure
    }
}

/// What a failing test says.
fn tell(report: &RunReport, capture: Capture) -> String {
    let (word, rest) = headline(report);
    let mut text = format!("{word} {rest}\n{}\n", identity(report));
    let (recording, artifact) = match capture {
        Capture::Same { recording, artifact } => (recording, artifact),
        Capture::Differed { report: again, .. } => {
            return format!("{text}not deterministic: {}", difference(report, &again));
        }
    };
    for line in telling(report, &recording) {
        writeln!(text, "{line}").expect("a string takes everything");
    }
    match artifact {
        Ok(dir) => {
            let dir = dir.canonicalize().unwrap_or(dir);
            for (what, command) in commands(&dir, report) {
                writeln!(text, "{what:8} {command}").expect("a string takes everything");
            }
        }
        Err(_) => text.push_str(&by_seed(report.seed)),
    }
    text
}

/// The command that runs one seed of the test again.
fn by_seed(seed: u64) -> String {
    let thread = std::thread::current();
    let test = thread.name().filter(|name| *name != "main").unwrap_or("");
    format!("Replay:  SEAWORTHY_SEED={seed} cargo test {test}").trim_end().to_owned()
}

fn seed_of_environment() -> Option<u64> {
    let text = std::env::var("SEAWORTHY_SEED").ok()?;
    let seed = text.parse();
    Some(seed.unwrap_or_else(|_| panic!("SEAWORTHY_SEED is a number, as in SEAWORTHY_SEED=7, not {text:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::{line, sample};
    use crate::run::Recording;
    use crate::scenario::parse;

    #[test]
    fn the_readme_shows_the_code_that_the_documentation_runs() {
        let code = include_str!("testing.rs").split("//! ```\n").nth(1).unwrap();
        let shown = code.lines().map(|line| line.trim_start_matches("//!").trim_start_matches(' '));
        let readme = include_str!("../../README.md");
        for line in shown.filter(|line| !line.starts_with("# ")) {
            assert!(readme.contains(line), "the README lacks {line:?}");
        }
    }

    fn scenario() -> Scenario {
        parse("sample.json", r#"{"name": "sample", "claim": "Whatever the runner says."}"#).unwrap()
    }

    fn fails_from(seed: u64) -> impl Fn(&Scenario, u64) -> RunReport + Sync {
        move |_, at| sample(at, if at < seed { Verdict::Ok } else { Verdict::Violation })
    }

    fn recorder(_: &Scenario, seed: u64) -> (RunReport, Recording) {
        let trace = vec![line(11, Some(2), "n2@3 ⇨ leader"), line(12, Some(1), "n1@3 ⇨ leader")];
        (sample(seed, Verdict::Violation), Recording { trace, ..Recording::default() })
    }

    /// A failure names the property, the seed and the command, and the artifact that the command needs is there.
    #[test]
    fn a_failure_names_the_property_the_seed_and_the_command() {
        let out = tempfile::tempdir().unwrap();
        let sweep = Sweep::new(scenario()).seeds(0..9);
        let failure = sweep.check(&fails_from(5), &recorder, out.path()).unwrap_err();
        let shown = failure.replace(&*out.path().canonicalize().unwrap().to_string_lossy(), "OUT");
        insta::assert_snapshot!(shown, @r#"
            VIOLATION election_safety at 3.39s (step 12): n1@3 and n2@3 both lead
            seed 5 · scenario sample · fingerprint 00c0ffee00000005 · seaworthy 0.1.0
              At most one leader is ever elected in a term (Raft §5.2).
               0.011000s      11  n2@3 ⇨ leader
               0.012000s      12  n1@3 ⇨ leader
            Replay:  seaworthy replay OUT/00c0ffee00000005
            Shrink:  seaworthy shrink OUT/00c0ffee00000005
            View:    seaworthy replay OUT/00c0ffee00000005 --html run.html
            Keep:    cp OUT/00c0ffee00000005/scenario.json scenarios/regressions/sample.json  # fails with seed 5
        "#);
        assert!(out.path().join("00c0ffee00000005/trace.jsonl.zst").is_file());
    }

    #[test]
    fn where_nothing_can_be_written_the_seed_is_the_command() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let failure = Sweep::new(scenario()).check(&fails_from(5), &recorder, file.path()).unwrap_err();
        let last = failure.lines().last().unwrap();
        assert!(
            last.starts_with("Replay:  SEAWORTHY_SEED=5 cargo test testing::tests::where_nothing"),
            "{last}"
        );
    }

    #[test]
    fn a_panic_of_the_core_names_its_seed() {
        let out = tempfile::tempdir().unwrap();
        let runner = |_: &Scenario, seed| -> RunReport { panic!("future match index at {seed}") };
        let failure = Sweep::new(scenario()).check(&runner, &recorder, out.path()).unwrap_err();
        assert!(failure.starts_with("seed 0: the simulator or the core panicked: future match index at 0"));
    }

    #[test]
    fn a_sweep_that_holds_says_nothing_and_an_empty_one_does() {
        let out = tempfile::tempdir().unwrap();
        let check = |seeds| Sweep::new(scenario()).seeds(seeds).check(&fails_from(5), &recorder, out.path());
        assert_eq!(check(0..5), Ok(()));
        assert_eq!(check(3..3), Err("no seed to run: the range is empty".to_owned()));
        assert_eq!(std::fs::read_dir(out.path()).unwrap().count(), 0);
    }
}
