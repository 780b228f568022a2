//! `seaworthy sweep`: scenarios and the swarm over many seeds.

use super::arguments::{Format, SweepArguments};
use super::failure::{Settled, settle};
use super::output::{BAD, UNSURE};
use super::progress::Progress;
use super::{Error, Exit, Output, coverage, failure, github, human, interrupt, json, junit, threads};
use seaworthy_sim::coverage::Coverage;
use seaworthy_sim::report::headline;
use seaworthy_sim::run::{run as simulate, run_recorded};
use seaworthy_sim::scenario::Scenario;
use seaworthy_sim::sweep::{
    Batch, Options, Outcome, Runner, Seeds, Source, Summary, bundled_batches, runs, sweep as run_all,
};
use std::io;
use std::ops::{ControlFlow, Range};
use std::sync::Mutex;
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
    let options = Options {
        jobs: threads(arguments.jobs),
        verify_determinism: arguments.outcome.verify_determinism,
        interrupt,
    };
    let mut summary = Summary::new(&batches);
    summary.shard = arguments.shard;
    let progress = Progress::new(total, "runs");
    let mut voyage = Voyage { arguments, batches: &batches, output, summary, progress, failed: Vec::new() };
    let mut written = Ok(());
    let covered = Mutex::new(Coverage::default());
    let covering = |scenario: &Scenario, seed: u64| {
        let (report, recording) = run_recorded(scenario, seed);
        let coverage = Coverage::of(&report, &recording);
        covered.lock().expect("nothing panics while it holds the lock").add(coverage);
        report
    };
    let runner: Runner<'_> = if arguments.coverage { &covering } else { &simulate };
    run_all(&batches, options, runner, &mut |position, seed, outcome| {
        voyage.log(position, seed, outcome).unwrap_or_else(|error| {
            written = Err(error);
            ControlFlow::Break(())
        })
    });
    written?;
    let Voyage { output, mut summary, progress, failed, .. } = voyage;
    summary.interrupted = interrupt.load(Ordering::Relaxed) && summary.tally.runs < total;
    summary.clock(progress.finish());
    let covered = covered.into_inner().expect("nothing panics while it holds the lock");
    summary.coverage = arguments.coverage.then_some(covered);
    match arguments.outcome.format {
        Format::Human => print(&summary, &batches, &failed, output)?,
        Format::Json | Format::Jsonl => json::sweep(output, &summary)?,
        Format::Junit => junit::write(output, &summary)?,
        Format::Github => github::verdict(output, &summary)?,
    }
    output.flush()?;
    Ok(Exit::from(&summary))
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
    output: &'a mut Output,
    summary: Summary,
    progress: Progress,
    failed: Vec<Failed>,
}

/// A failure, with what the final report needs of it.
struct Failed {
    position: usize,
    seed: u64,
    settled: Settled,
}

impl Voyage<'_> {
    /// Counts an outcome. A failure is kept and announced at once.
    fn log(&mut self, position: usize, seed: u64, outcome: Outcome) -> io::Result<ControlFlow<()>> {
        let source = &self.batches[position].source;
        let out = &self.arguments.outcome.out;
        let mut settled = settle(&mut self.summary, (position, source, seed), outcome, out, false);
        match (self.arguments.outcome.format, &settled.failure) {
            (Format::Jsonl, _) => json::run(self.output, &settled, None)?,
            (Format::Github, Some(failure)) => github::error(self.output, source, failure)?,
            (Format::Github, None) | (Format::Human | Format::Json | Format::Junit, _) => {}
        }
        if let Some(failure) = &settled.failure {
            self.progress.say(&announcement(source, seed, &settled.outcome));
            self.summary.failures.push(failure.clone());
            // One story is enough to begin with.
            settled.recording = settled.recording.filter(|_| self.failed.is_empty());
            self.failed.push(Failed { position, seed, settled });
        }
        let failed = self.summary.tally.failed();
        self.progress.advance(failed);
        Ok(if failed < self.arguments.max_failures.get() {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        })
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
fn print(summary: &Summary, batches: &[Batch], failed: &[Failed], output: &mut Output) -> io::Result<()> {
    for Failed { position, seed, settled } in failed {
        if let Outcome::Finished(report) = &settled.outcome {
            human::which(output, report)?;
            if let Some(recording) = &settled.recording {
                failure::print_story(output, report, recording)?;
            }
        }
        failure::advise(output, &batches[*position].source, *seed, settled)?;
        output.line("")?;
    }
    output.line(human::table(summary))?;
    output.line("")?;
    if let Some(covered) = &summary.coverage {
        coverage::print(covered, output)?;
    }
    human::never_fired(output, summary)?;
    human::undecided(output, summary)?;
    human::sweep_verdict(summary).into_iter().try_for_each(|line| output.line(line))
}
