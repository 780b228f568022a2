//! What a sweep came to: figures by scenario and in all, and the failures in the order of their seeds.

use super::{Batch, Outcome, Shard, runs};
use crate::artifact::quoted;
use crate::coverage::Coverage;
use crate::observation::Property;
use crate::report::{Fingerprint, SCHEMA_VERSION, name_in_files, property_name, since_start};
use crate::run::{Cutoff, MessageCounts, OperationCounts, RunReport, Verdict};
use crate::time::Span;
use crate::trace;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

/// A sweep as one JSON object. All of it but [`Summary::pace`] is a function of the batches.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// How many runs were asked for; fewer were begun if the sweep was interrupted or had failures enough.
    pub planned: u64,
    /// Which shard of the sweep this is, as in `"2/3"`; nothing if it is all of it.
    pub shard: Option<Shard>,
    /// Whether the sweep was interrupted.
    pub interrupted: bool,
    /// Everything together.
    #[serde(flatten)]
    pub tally: Tally,
    /// How many different runs there were.
    pub distinct_fingerprints: usize,
    /// A hash over the fingerprints of all runs in their order: equal for two sweeps of the same seeds, whatever
    /// the machine, the threads and the build profile.
    pub fingerprint: Fingerprint,
    /// What depends on real time.
    #[serde(flatten)]
    pub pace: Pace,
    /// What the runs went through, if that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coverage: Option<Coverage>,
    /// Each scenario for itself, in the order in which they were run.
    pub scenarios: Vec<ScenarioFigures>,
    /// What failed, in the order of batches and seeds.
    pub failures: Vec<Failure>,
    /// What was cut off, in the same order; no more than the first ten.
    pub undecided: Vec<Undecided>,
    #[serde(skip)]
    fingerprints: BTreeSet<u64>,
    #[serde(skip)]
    running: trace::fingerprint::Fingerprint,
}

/// How many undecided runs are named.
const UNDECIDED_KEPT: usize = 10;

/// One seed that was cut off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Undecided {
    /// The scenario's name.
    pub scenario: String,
    /// What to ask for to get it again, with `seed`.
    pub argument: String,
    /// The seed.
    pub seed: u64,
    /// What there was too much of.
    pub cutoff: Cutoff,
}

/// Counts over runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Runs that were begun and ended.
    pub runs: u64,
    /// Those in which everything held.
    pub ok: u64,
    /// Those with a violation.
    pub violations: u64,
    /// Those that missed an expectation.
    pub expectations: u64,
    /// Those that were cut off, undecided.
    pub cutoffs: u64,
    /// Those in which the simulator or the core panicked.
    pub panics: u64,
    /// Those that came out differently the second time.
    pub not_deterministic: u64,
    /// Checked steps.
    pub steps: u64,
    /// Virtual time; in JSON a number of seconds.
    #[serde(rename = "virtual_seconds", serialize_with = "seconds")]
    pub virtual_time: Duration,
    /// What became of the messages between nodes.
    pub messages: MessageCounts,
    /// What became of the clients' operations.
    pub operations: OperationCounts,
    /// Elections won.
    pub elections: u64,
    /// How often each kind of fault happened.
    pub faults: BTreeMap<&'static str, u64>,
    /// Each kind of fault that never happened though scenarios ask for it, and in how many runs they do.
    pub never_fired: BTreeMap<&'static str, u64>,
}

/// What depends on the machine and on its mood, and on nothing that was simulated.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Pace {
    /// Real seconds.
    pub wall_seconds: f64,
    /// Checked steps in a real second.
    pub steps_per_second: f64,
    /// Virtual seconds in a real second.
    pub virtual_per_wall: f64,
}

/// One scenario's share of a sweep.
#[derive(Clone, Debug, Serialize)]
pub struct ScenarioFigures {
    /// Its name.
    pub scenario: String,
    /// What to ask for to get it again.
    pub argument: String,
    /// Its counts.
    #[serde(flatten)]
    pub tally: Tally,
}

/// One seed that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// The scenario's name.
    pub scenario: String,
    /// What to ask for to get it again, with `seed`.
    pub argument: String,
    /// The seed.
    pub seed: u64,
    /// In which way it failed.
    pub cause: Cause,
    /// The property, if one was violated.
    pub property: Option<Property>,
    /// When, in virtual time, as in `"3.39s"`.
    pub at: Option<Span>,
    /// At which step.
    pub step: Option<u64>,
    /// The contradiction, the missed expectation, or the panic, in words.
    pub detail: String,
    /// The run's fingerprint, unless it did not end.
    pub fingerprint: Option<Fingerprint>,
    /// Where the run was kept, if it was.
    pub artifact: Option<PathBuf>,
}

/// In which way a run failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// A property does not hold.
    Violation,
    /// An expectation was missed.
    Expectation,
    /// The same run came out differently the second time.
    NotDeterministic,
    /// The simulator or the core panicked.
    Panic,
}

impl Summary {
    /// Nothing yet, of `batches`.
    pub fn new(batches: &[Batch]) -> Self {
        let scenarios = batches.iter().map(|batch| ScenarioFigures {
            scenario: batch.source.name().to_owned(),
            argument: batch.source.argument().to_owned(),
            tally: Tally::default(),
        });
        let running = trace::fingerprint::Fingerprint::default();
        Self {
            schema_version: SCHEMA_VERSION,
            planned: runs(batches),
            shard: None,
            interrupted: false,
            tally: Tally::default(),
            distinct_fingerprints: 0,
            fingerprint: Fingerprint(running.value()),
            pace: Pace::default(),
            scenarios: scenarios.collect(),
            coverage: None,
            failures: Vec::new(),
            undecided: Vec::new(),
            fingerprints: BTreeSet::new(),
            running,
        }
    }

    /// Counts one outcome of the batch at `position`, and says how it failed, if it did. The caller adds the
    /// failure to [`Summary::failures`] when it has kept what there is to keep.
    pub fn count(&mut self, position: usize, seed: u64, outcome: &Outcome) -> Option<Failure> {
        let figures = &mut self.scenarios[position];
        figures.tally.count(outcome);
        let failure = Failure::of(figures, seed, outcome);
        self.tally.count(outcome);
        // A run that did not end has no fingerprint, but has its place.
        self.running.word(0);
        if let Outcome::Finished(report) = outcome {
            if let Some(cutoff) = report.cutoff
                && self.undecided.len() < UNDECIDED_KEPT
            {
                let (scenario, argument) = (figures.scenario.clone(), figures.argument.clone());
                self.undecided.push(Undecided { scenario, argument, seed, cutoff });
            }
            self.fingerprints.insert(report.fingerprint);
            self.distinct_fingerprints = self.fingerprints.len();
            self.running.word(report.fingerprint);
        }
        self.fingerprint = Fingerprint(self.running.value());
        failure
    }

    /// Notes how long it all took.
    #[allow(clippy::float_arithmetic, reason = "rates are for the reader; no run sees them")]
    pub fn clock(&mut self, wall: Duration) {
        let wall = wall.as_secs_f64();
        let rate = |amount: f64| if wall > 0.0 { amount / wall } else { 0.0 };
        self.pace = Pace {
            wall_seconds: wall,
            steps_per_second: rate(self.tally.steps as f64),
            virtual_per_wall: rate(self.tally.virtual_time.as_secs_f64()),
        };
    }
}

impl Tally {
    /// Runs that failed.
    pub fn failed(&self) -> u64 {
        self.violations + self.expectations + self.panics + self.not_deterministic
    }

    /// Faults of all kinds.
    pub fn faults_fired(&self) -> u64 {
        self.faults.values().sum()
    }

    fn count(&mut self, outcome: &Outcome) {
        self.runs += 1;
        match outcome {
            Outcome::Finished(report) => self.add(report),
            Outcome::Differed { .. } => self.not_deterministic += 1,
            Outcome::Panicked(_) => self.panics += 1,
        }
    }

    fn add(&mut self, report: &RunReport) {
        match report.verdict {
            Verdict::Ok => self.ok += 1,
            Verdict::Violation => self.violations += 1,
            Verdict::Expectation => self.expectations += 1,
            Verdict::Cutoff => self.cutoffs += 1,
        }
        self.steps += report.steps;
        self.virtual_time += Duration::from(report.virtual_time);
        self.messages.sent += report.messages.sent;
        self.messages.delivered += report.messages.delivered;
        self.messages.dropped += report.messages.dropped;
        self.messages.duplicated += report.messages.duplicated;
        self.operations.ok += report.operations.ok;
        self.operations.fail += report.operations.fail;
        self.operations.info += report.operations.info;
        self.elections += report.elections;
        for (name, count) in &report.faults {
            *self.faults.entry(name).or_default() += count;
        }
        for kind in &report.in_play {
            *self.never_fired.entry(kind.name()).or_default() += 1;
        }
        self.never_fired.retain(|name, _| !self.faults.contains_key(name));
    }
}

impl Undecided {
    /// The command that shows it again.
    pub fn again(&self) -> String {
        replay_by_seed(&self.argument, self.seed)
    }
}

impl Failure {
    /// The property that was violated, or else in which way it failed: in a word, as in files.
    pub fn word(&self) -> String {
        self.property.map_or_else(|| name_in_files(&self.cause), property_name)
    }

    /// What went wrong: `election_safety at 3.39s (step 1247): n1@3 and n2@3 both lead`.
    pub fn headline(&self) -> String {
        let when =
            self.at.zip(self.step).map_or_else(String::new, |(at, step)| format!(" at {at} (step {step})"));
        format!("{}{when}: {}", self.word(), self.detail)
    }

    /// The command that shows it again.
    pub fn again(&self) -> String {
        match (&self.artifact, self.cause) {
            (Some(artifact), _) => format!("seaworthy replay {}", quoted(&artifact.to_string_lossy())),
            (None, Cause::NotDeterministic) => verify_by_seed(&self.argument, self.seed),
            (None, _) => replay_by_seed(&self.argument, self.seed),
        }
    }

    fn of(figures: &ScenarioFigures, seed: u64, outcome: &Outcome) -> Option<Self> {
        let mut failure = Self {
            scenario: figures.scenario.clone(),
            argument: figures.argument.clone(),
            seed,
            cause: Cause::Panic,
            property: None,
            at: None,
            step: None,
            detail: String::new(),
            fingerprint: None,
            artifact: None,
        };
        match outcome {
            Outcome::Panicked(panic) => failure.detail = panic.to_string(),
            Outcome::Differed { first, second } => {
                failure.cause = Cause::NotDeterministic;
                failure.detail = difference(first, second);
            }
            Outcome::Finished(report) => {
                failure.fingerprint = Some(Fingerprint(report.fingerprint));
                failure.cause = match report.verdict {
                    Verdict::Ok | Verdict::Cutoff => return None,
                    Verdict::Violation => Cause::Violation,
                    Verdict::Expectation => Cause::Expectation,
                };
                failure.blame(report);
            }
        }
        Some(failure)
    }

    fn blame(&mut self, report: &RunReport) {
        if let Some(found) = &report.violation {
            self.property = Some(found.property);
            self.at = Some(since_start(found.at));
            self.step = Some(found.step);
            self.detail.clone_from(&found.detail);
        }
        if let Some(missed) = &report.missed {
            self.detail.clone_from(missed);
        }
    }
}

/// The command that makes a run again, of which nothing was kept.
pub fn replay_by_seed(argument: &str, seed: u64) -> String {
    format!("seaworthy replay {} --seed {seed}", quoted(argument))
}

/// The command that makes a run twice and compares.
pub fn verify_by_seed(argument: &str, seed: u64) -> String {
    format!("seaworthy run {} --seed {seed} --verify-determinism", quoted(argument))
}

/// How two runs that should be one differ.
pub fn difference(first: &RunReport, second: &RunReport) -> String {
    let [one, other] = [first, second].map(|report| Fingerprint(report.fingerprint));
    if one == other {
        format!("two runs have the fingerprint {one}, but differ in their figures")
    } else {
        format!("two runs have the fingerprints {one} and {other}")
    }
}

fn seconds<S: serde::Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64())
}
