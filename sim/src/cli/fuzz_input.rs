//! `seaworthy replay --fuzz-input`: what a fuzzer has found, without the fuzzer.

use super::arguments::{Format, ReplayArguments};
use super::output::{BAD, GOOD};
use super::run::{print_trace, write_page};
use super::{Error, Exit, Output, failure, human};
use seaworthy_sim::choice::Choice;
use seaworthy_sim::fuzzing::{TARGETS, Target, read_schedule};
use seaworthy_sim::run::{Verdict, run_with};
use seaworthy_sim::sweep::caught;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// No fuzzer gives longer ones.
const MOST_BYTES: u64 = 1 << 20;

/// Runs the input at `path`, whose target its folder is named after.
pub(super) fn replay(arguments: &ReplayArguments, path: &Path, output: &mut Output) -> Result<Exit, Error> {
    let folder = path.parent().and_then(Path::file_name).unwrap_or_default();
    let target = TARGETS.iter().find(|target| folder == target.name).ok_or_else(|| {
        let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
        Error::Input(format!(
            "{} lies in no folder named after a fuzz target, which would be one of {}",
            path.display(),
            names.join(", ")
        ))
    })?;
    let bytes = read(path)?;
    if target.name.ends_with("schedule") {
        run(arguments, &bytes, output)
    } else {
        judge(target, &bytes, output)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let unreadable = |error| Error::Input(format!("cannot read {}: {error}", path.display()));
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut bytes))
        .map_err(unreadable)?;
    if MOST_BYTES < bytes.len() as u64 {
        return Err(Error::Input(format!("{} has more than {MOST_BYTES} bytes", path.display())));
    }
    Ok(bytes)
}

/// A schedule is a run like any other, but for its luck.
fn run(arguments: &ReplayArguments, bytes: &[u8], output: &mut Output) -> Result<Exit, Error> {
    let (scenario, luck) = read_schedule(bytes);
    let (report, recording) = match caught(|| run_with(&scenario, Choice::bytes(luck), 0, true)) {
        Ok(run) => run,
        Err(panic) => {
            output.line(format!("{BAD}panic{BAD:#} {panic}"))?;
            output.line(scenario.to_json())?;
            return Ok(Exit::Internal);
        }
    };
    if arguments.trace.trace {
        print_trace(&arguments.trace, Format::Human, &recording.trace, output)?;
    }
    human::run(output, &report)?;
    if report.verdict == Verdict::Violation {
        if !arguments.trace.trace {
            failure::print_story(output, &report, &recording)?;
        }
        output.line(scenario.to_json())?;
    }
    write_page(&arguments.trace, &scenario, &report, &recording)?;
    Ok(report.verdict.into())
}

/// Anything else holds, or panics.
fn judge(target: &Target, bytes: &[u8], output: &mut Output) -> Result<Exit, Error> {
    match caught(|| (target.run)(bytes)) {
        Ok(()) => {
            output.line(format!("{GOOD}ok{GOOD:#} {} holds", target.name))?;
            Ok(Exit::Ok)
        }
        Err(panic) => {
            output.line(format!("{BAD}failed{BAD:#} {}: {panic}", target.name))?;
            Ok(Exit::Failed)
        }
    }
}
