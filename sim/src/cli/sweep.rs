//! `seaworthy sweep`: scenarios and the swarm over many seeds.

use super::arguments::{Format, SweepArguments};
use super::output::{BAD, UNSURE};
use super::progress::Progress;
use super::{Error, Exit, Output, failure, human, interrupt};
use seaworthy_sim::report::headline;
use seaworthy_sim::run::{Recording, RunReport, run as simulate};
use seaworthy_sim::sweep::{
    Batch, Options, Outcome, Seeds, Source, Summary, bundled_batches, runs, sweep as run_all,
};
use std::num::NonZeroUsize;
use std::ops::{ControlFlow, Range};
use std::path::PathBuf;
use std::sync::atomic::Ordering;

/// Seeds for each bundled scenario, for each that was named, and for the swarm: about a minute on two cores.
const BUNDLED_SEEDS: Range<u64> = 0..20;
const NAMED_SEEDS: Range<u64> = 0..100;
const SWARM_SEEDS: Range<u64> = 0..2000;

/// Runs everything that was asked for, and prints a table and a verdict.
pub(super) fn sweep(arguments: &SweepArguments, output: &mut Output) -> Result<Exit, Error> {
    let batches = batches(arguments)?;
    let total = runs(&batches);
    if total == 0 {
        let whose = arguments.shard.map_or_else(String::new, |shard| format!(" for shard {shard}"));
        anstream::eprintln!("{UNSURE}nothing ran{UNSURE:#}: what was asked for has no seeds{whose}");
        return Ok(Exit::NothingRan);
    }
    let interrupt = interrupt::watch();
    let jobs = arguments.jobs.or_else(|| std::thread::available_parallelism().ok());
    let options = Options {
        jobs: jobs.unwrap_or(NonZeroUsize::MIN),
        verify_determinism: arguments.outcome.verify_determinism,
        interrupt,
    };
    let mut summary = Summary::new(&batches);
    summary.shard = arguments.shard;
    let mut voyage = Voyage {
        arguments,
        batches: &batches,
        summary,
        progress: Progress::new(total),
        failed: Vec::new(),
    };
    run_all(&batches, options, &simulate, &mut |position, seed, outcome| voyage.log(position, seed, outcome));
    let Voyage { mut summary, progress, failed, .. } = voyage;
    summary.interrupted = interrupt.load(Ordering::Relaxed) && summary.tally.runs < total;
    summary.clock(progress.finish());
    match arguments.outcome.format {
        Format::Json => output.json(&summary)?,
        Format::Human => print(&summary, &batches, &failed, output)?,
    }
    output.flush()?;
    Ok(exit(&summary))
}

/// What is to be run. Scenarios are read before the first is run.
fn batches(arguments: &SweepArguments) -> Result<Vec<Batch>, Error> {
    let share = |seeds: Range<u64>| match arguments.shard {
        Some(shard) => Seeds::of_shard(&seeds, shard),
        None => seeds.into(),
    };
    let mut batches = Vec::new();
    for argument in &arguments.scenarios {
        let seeds = arguments.seeds.clone().unwrap_or(NAMED_SEEDS);
        batches.push(Batch { source: Source::find(argument)?, seeds: share(seeds) });
    }
    if arguments.scenarios.is_empty() {
        batches = bundled_batches(share(arguments.seeds.clone().unwrap_or(BUNDLED_SEEDS)))?;
    }
    let by_default = arguments.scenarios.is_empty() && !arguments.no_swarm;
    if let Some(seeds) = arguments.swarm_seeds.clone().or(by_default.then_some(SWARM_SEEDS)) {
        batches.push(Batch { source: Source::SWARM, seeds: share(seeds) });
    }
    batches.retain(|batch| !batch.seeds.is_empty());
    Ok(batches)
}

/// A sweep under way.
struct Voyage<'a> {
    arguments: &'a SweepArguments,
    batches: &'a [Batch],
    summary: Summary,
    progress: Progress,
    failed: Vec<Failed>,
}

/// A failure, with what the final report needs of it.
struct Failed {
    position: usize,
    seed: u64,
    outcome: Outcome,
    /// Only of the first failure: one story is enough to begin with.
    recording: Option<Recording>,
    artifact: Option<PathBuf>,
}

impl Voyage<'_> {
    /// Counts an outcome. A failure is kept and announced at once.
    fn log(&mut self, position: usize, seed: u64, outcome: Outcome) -> ControlFlow<()> {
        let source = &self.batches[position].source;
        let (mut recording, mut artifact) = (None, None);
        let outcome = match outcome {
            Outcome::Finished(report) if Exit::from(report.verdict) == Exit::Failed => {
                match failure::keep(&self.arguments.outcome.out, source, &report) {
                    Ok(kept) => {
                        recording = self.failed.is_empty().then_some(kept.recording);
                        artifact = kept.artifact;
                        Outcome::Finished(report)
                    }
                    Err(graver) => *graver,
                }
            }
            outcome => outcome,
        };
        let failure = self.summary.count(position, seed, &outcome);
        if let Some(mut failure) = failure {
            failure.artifact.clone_from(&artifact);
            self.progress.say(&announcement(source, seed, &outcome));
            self.summary.failures.push(failure);
            self.failed.push(Failed { position, seed, outcome, recording, artifact });
        }
        let failed = self.summary.tally.failed();
        self.progress.advance(failed);
        if failed < self.arguments.max_failures.get() {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    }
}

/// One line as soon as something fails: what it says on further lines is said at the end.
fn announcement(source: &Source, seed: u64, outcome: &Outcome) -> String {
    let what = match outcome {
        Outcome::Finished(report) => {
            let (word, rest) = headline(report);
            format!("{BAD}{word}{BAD:#} {}", rest.lines().next().unwrap_or_default())
        }
        Outcome::Differed { .. } => format!("{BAD}NOT DETERMINISTIC{BAD:#}"),
        Outcome::Panicked(panic) => format!("{BAD}PANIC{BAD:#} {panic}"),
    };
    format!("{} seed {seed}: {what}", source.argument())
}

/// Prints the failures, the table, and the verdict last.
fn print(summary: &Summary, batches: &[Batch], failed: &[Failed], output: &mut Output) -> Result<(), Error> {
    for failed in failed {
        let source = &batches[failed.position].source;
        match &failed.outcome {
            Outcome::Finished(report) => print_failure(failed, source, report, output)?,
            Outcome::Differed { first, second } => {
                failure::not_deterministic(output, source, first, second)?;
            }
            Outcome::Panicked(panic) => {
                failure::panicked(output, source, failed.seed, panic)?;
            }
        }
        output.line("")?;
    }
    output.line(human::table(summary))?;
    output.line("")?;
    for line in human::sweep_verdict(summary) {
        output.line(line)?;
    }
    Ok(())
}

fn print_failure(
    failed: &Failed,
    source: &Source,
    report: &RunReport,
    output: &mut Output,
) -> Result<(), Error> {
    human::which(output, report)?;
    if let Some(recording) = &failed.recording {
        failure::print_story(output, report, recording)?;
    }
    failure::print_commands(output, source, report, failed.artifact.as_deref())?;
    Ok(())
}

/// The gravest of all that happened.
fn exit(summary: &Summary) -> Exit {
    let tally = &summary.tally;
    let happened = [
        (summary.interrupted, Exit::Interrupted),
        (tally.panics > 0, Exit::Internal),
        (tally.not_deterministic > 0, Exit::NotDeterministic),
        (tally.violations + tally.expectations > 0, Exit::Failed),
        (tally.cutoffs > 0, Exit::Undecided),
        (tally.runs == 0, Exit::NothingRan),
    ];
    happened.into_iter().filter_map(|(so, exit)| so.then_some(exit)).max().unwrap_or(Exit::Ok)
}
