//! What is done and printed when something failed: the run is kept, and the reader gets the end of the story and
//! the commands that show it again.

use super::output::{BAD, FAINT, Output};
use super::{Exit, human};
use seaworthy_sim::artifact::{Capture, STORY_LINES, capture, commands, quoted, traces_part};
use seaworthy_sim::report::{identity, story};
use seaworthy_sim::run::{Recording, RunReport, run_recorded};
use seaworthy_sim::sweep::{Outcome, Panic, Source, caught, difference};
use std::io;
use std::path::{Path, PathBuf};

/// A failing run that was made again, recorded, and kept if that was possible.
pub(super) struct Kept {
    pub(super) recording: Recording,
    pub(super) artifact: Option<PathBuf>,
}

/// Makes a failing run again, recorded, and keeps it below `out`. If it cannot be kept, stderr says why. If the
/// run comes out differently, or panics, that is the graver outcome.
pub(super) fn keep(out: &Path, source: &Source, report: &RunReport) -> Result<Kept, Box<Outcome>> {
    match caught(|| capture(out, &source.scenario(report.seed), report, &run_recorded)) {
        Err(panic) => Err(Box::new(Outcome::Panicked(panic))),
        Ok(Capture::Differed { report: second, .. }) => {
            Err(Box::new(Outcome::Differed { first: Box::new(report.clone()), second }))
        }
        Ok(Capture::Same { recording, artifact }) => {
            let artifact = artifact.inspect_err(|error| {
                anstream::eprintln!("{BAD}warning:{BAD:#} the failing run could not be kept: {error}");
            });
            Ok(Kept { recording, artifact: artifact.ok() })
        }
    }
}

/// Prints the end of a failing run's story, set apart from what is around it.
pub(super) fn print_story(output: &mut Output, report: &RunReport, recording: &Recording) -> io::Result<()> {
    output.line("")?;
    for line in story(report, recording, STORY_LINES) {
        output.line(human::trace_line(line))?;
    }
    output.line("")
}

/// Prints the commands for a failing run.
pub(super) fn print_commands(
    output: &mut Output,
    source: &Source,
    report: &RunReport,
    artifact: Option<&Path>,
) -> io::Result<()> {
    match artifact {
        Some(artifact) => commands(artifact, report)
            .into_iter()
            .try_for_each(|(what, command)| output.line(format_args!("{what:8} {command}"))),
        None => print_replay_by_seed(output, source, report.seed),
    }
}

/// The command that makes a run again without anything having been kept.
pub(super) fn print_replay_by_seed(output: &mut Output, source: &Source, seed: u64) -> io::Result<()> {
    output.line(format_args!("Replay:  seaworthy replay {} --seed {seed}", quoted(source.argument())))
}

/// Prints that the simulator or the core panicked in a run.
pub(super) fn panicked(output: &mut Output, source: &Source, seed: u64, panic: &Panic) -> io::Result<Exit> {
    output.line(format_args!("{BAD}PANIC{BAD:#} in the simulator or the core: {panic}"))?;
    output.line(format_args!("{FAINT}seed {seed} · scenario {}{FAINT:#}", source.name()))?;
    print_replay_by_seed(output, source, seed)?;
    output.flush()?;
    Ok(Exit::Internal)
}

/// Prints that a run is not deterministic, and where two recorded runs of it part.
pub(super) fn not_deterministic(
    output: &mut Output,
    source: &Source,
    first: &RunReport,
    second: &RunReport,
) -> io::Result<Exit> {
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
    let argument = quoted(source.argument());
    output.line(format_args!("Again:   seaworthy run {argument} --seed {seed} --verify-determinism"))?;
    output.flush()?;
    Ok(Exit::NotDeterministic)
}
