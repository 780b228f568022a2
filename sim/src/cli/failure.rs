//! What is done and printed when something failed: the run is kept, and the reader gets the end of the story and
//! the commands that show it again.

use super::output::{BAD, FAINT, Output};
use super::{Exit, human};
use seaworthy_sim::artifact::{Capture, capture, commands, traces_part};
use seaworthy_sim::report::identity;
use seaworthy_sim::run::{Recording, RunReport, run_recorded};
use seaworthy_sim::story::{STORY_LINES, statement, story};
use seaworthy_sim::sweep::{
    Failure, Outcome, Panic, Source, Summary, caught, difference, replay_by_seed, verify_by_seed,
};
use std::io;
use std::path::{Path, PathBuf};

/// An outcome that was counted, when all was done that it asks for.
pub(super) struct Settled {
    pub(super) outcome: Outcome,
    /// In which way it failed, if it did.
    pub(super) failure: Option<Failure>,
    /// Its trace and history, if it failed or they were asked for.
    pub(super) recording: Option<Recording>,
}

/// Counts what came of the batch at `position`. A failing run is made again, recorded, and kept below `out`; with
/// `record` any run is made again. If that comes out differently, or panics, it is the graver outcome and counts.
pub(super) fn settle(
    summary: &mut Summary,
    (position, source, seed): (usize, &Source, u64),
    outcome: Outcome,
    out: &Path,
    record: bool,
) -> Settled {
    let (mut outcome, mut recording, mut artifact) = (outcome, None, None);
    if let Outcome::Finished(report) = &outcome {
        let again = match Exit::from(report.verdict) {
            Exit::Failed => Some(keep(out, source, report)),
            _ => record.then(|| recorded(source, report).map(|recording| (recording, None))),
        };
        match again {
            Some(Ok((trace, kept))) => (recording, artifact) = (Some(trace), kept),
            Some(Err(graver)) => outcome = *graver,
            None => {}
        }
    }
    let mut failure = summary.count(position, seed, &outcome);
    if let Some(failure) = &mut failure {
        failure.artifact = artifact;
    }
    Settled { outcome, failure, recording }
}

/// Makes a failing run again, recorded, and keeps it. If it cannot be kept, stderr says why.
fn keep(
    out: &Path,
    source: &Source,
    report: &RunReport,
) -> Result<(Recording, Option<PathBuf>), Box<Outcome>> {
    match caught(|| capture(out, &source.scenario(report.seed), report, &run_recorded)) {
        Err(panic) => Err(Box::new(Outcome::Panicked(panic))),
        Ok(Capture::Differed { report: second, .. }) => Err(differed(report, second)),
        Ok(Capture::Same { recording, artifact }) => {
            let artifact = artifact.inspect_err(|error| {
                anstream::eprintln!("{BAD}warning:{BAD:#} the failing run could not be kept: {error}");
            });
            Ok((recording, artifact.ok()))
        }
    }
}

/// Makes a run again, recorded.
fn recorded(source: &Source, report: &RunReport) -> Result<Recording, Box<Outcome>> {
    match caught(|| run_recorded(&source.scenario(report.seed), report.seed)) {
        Err(panic) => Err(Box::new(Outcome::Panicked(panic))),
        Ok((second, _)) if second != *report => Err(differed(report, Box::new(second))),
        Ok((_, recording)) => Ok(recording),
    }
}

fn differed(first: &RunReport, second: Box<RunReport>) -> Box<Outcome> {
    Box::new(Outcome::Differed { first: Box::new(first.clone()), second })
}

/// Prints the story of a failing run, set apart from what is around it: what should have held, and what led to it that
/// it does not.
pub(super) fn print_story(output: &mut Output, report: &RunReport, recording: &Recording) -> io::Result<()> {
    output.line("")?;
    if let Some(found) = &report.violation {
        output.line(format_args!("  {FAINT}{}{FAINT:#}", statement(found.property)))?;
    }
    for line in story(report, recording, STORY_LINES) {
        output.line(human::trace_line(&line))?;
    }
    output.line("")
}

/// Prints what a reader can do about a failure; of a run that did not end well, first what it was.
pub(super) fn advise(output: &mut Output, source: &Source, seed: u64, settled: &Settled) -> io::Result<()> {
    let artifact = settled.failure.as_ref().and_then(|failure| failure.artifact.as_deref());
    match (&settled.outcome, artifact) {
        (Outcome::Finished(report), Some(artifact)) => commands(artifact, report)
            .into_iter()
            .try_for_each(|(what, command)| output.line(format_args!("{what:8} {command}")))?,
        (Outcome::Finished(_), None) => {
            output.line(format_args!("Replay:  {}", replay_by_seed(source.argument(), seed)))?;
        }
        (Outcome::Differed { first, second }, _) => not_deterministic(output, source, first, second)?,
        (Outcome::Panicked(panic), _) => panicked(output, source, seed, panic)?,
    }
    output.flush()
}

/// Prints that the simulator or the core panicked in a run.
pub(super) fn panicked(output: &mut Output, source: &Source, seed: u64, panic: &Panic) -> io::Result<()> {
    output.line(format_args!("{BAD}PANIC{BAD:#} in the simulator or the core: {panic}"))?;
    output.line(format_args!("{FAINT}seed {seed} · scenario {}{FAINT:#}", source.name()))?;
    output.line(format_args!("Replay:  {}", replay_by_seed(source.argument(), seed)))
}

/// Prints that a run is not deterministic, and where two recorded runs of it part.
fn not_deterministic(
    output: &mut Output,
    source: &Source,
    first: &RunReport,
    second: &RunReport,
) -> io::Result<()> {
    output.line(format_args!("{BAD}NOT DETERMINISTIC{BAD:#}: {}", difference(first, second)))?;
    output.line(format_args!("{FAINT}{}{FAINT:#}", identity(first)))?;
    let seed = first.seed;
    let traces = caught(|| {
        let scenario = source.scenario(seed);
        let [one, other] = [(); 2].map(|()| run_recorded(&scenario, seed).1.trace);
        traces_part(&one, &other)
    });
    match traces {
        Ok(Some(difference)) => human::difference(output, &difference)?,
        Ok(None) => output.line("two recorded runs have the same trace: what differs is not in it")?,
        Err(panic) => output.line(format_args!("a recorded run panicked: {panic}"))?,
    }
    output.line(format_args!("Again:   {}", verify_by_seed(source.argument(), seed)))
}
