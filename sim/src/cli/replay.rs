//! `seaworthy replay`: the same run again, and whether it still is the same.

use super::arguments::{Format, ReplayArguments};
use super::output::{BAD, GOOD, UNSURE};
use super::run::{print_trace, write_page};
use super::{Error, Exit, Output, failure, fuzz_input, human};
use seaworthy_sim::artifact::{Likeness, compare, is_artifact, quoted, read};
use seaworthy_sim::report::{RunRecord, property_name};
use seaworthy_sim::run::{RunReport, Verdict, run_recorded};
use seaworthy_sim::sweep::{Source, caught};
use std::path::Path;

/// Runs an artifact, or a scenario with a seed.
pub(super) fn replay(arguments: &ReplayArguments, output: &mut Output) -> Result<Exit, Error> {
    let exit = match (&arguments.fuzz_input, &arguments.target) {
        (Some(path), _) => fuzz_input::replay(arguments, path, output)?,
        (None, Some(target)) => kept(arguments, target, output)?,
        (None, None) => unreachable!("there is one of both"),
    };
    output.flush()?;
    Ok(exit)
}

fn kept(arguments: &ReplayArguments, target: &str, output: &mut Output) -> Result<Exit, Error> {
    match (arguments.seed, is_artifact(Path::new(target))) {
        (Some(seed), _) => by_seed(arguments, &Source::find(target)?, seed, output),
        (None, Some(dir)) => artifact(arguments, &dir, output),
        (None, None) => {
            // A name that is wrong is the greater mistake.
            Source::find(target)?;
            let again = format!("seaworthy replay {} --seed N", quoted(target));
            Err(Error::Input(format!("{target:?} is no artifact and does not say which seed: {again}")))
        }
    }
}

fn by_seed(
    arguments: &ReplayArguments,
    source: &Source,
    seed: u64,
    output: &mut Output,
) -> Result<Exit, Error> {
    let (report, recording) = match caught(|| run_recorded(&source.scenario(seed), seed)) {
        Ok(run) => run,
        Err(panic) => {
            failure::panicked(output, source, seed, &panic)?;
            return Ok(Exit::Internal);
        }
    };
    if arguments.trace.trace {
        print_trace(&arguments.trace, Format::Human, &recording.trace, output)?;
    }
    human::run(output, &report)?;
    if matches!(report.verdict, Verdict::Violation | Verdict::Expectation) && !arguments.trace.trace {
        failure::print_story(output, &report, &recording)?;
    }
    write_page(&arguments.trace, &source.scenario(seed), &report, &recording)?;
    Ok(report.verdict.into())
}

fn artifact(arguments: &ReplayArguments, dir: &Path, output: &mut Output) -> Result<Exit, Error> {
    let artifact = read(dir)?;
    if let Some(warning) = artifact.warning() {
        anstream::eprintln!("{UNSURE}warning:{UNSURE:#} {warning}");
    }
    let seed = artifact.result.run.seed;
    let (report, recording) = match caught(|| run_recorded(&artifact.scenario, seed)) {
        Ok(run) => run,
        Err(panic) => {
            let source = Source::fixed(&dir.join("scenario.json").to_string_lossy(), artifact.scenario);
            failure::panicked(output, &source, seed, &panic)?;
            return Ok(Exit::Internal);
        }
    };
    let comparison = compare(&artifact, &report, &recording.trace)?;
    if arguments.trace.trace {
        print_trace(&arguments.trace, Format::Human, &recording.trace, output)?;
    }
    human::run(output, &report)?;
    if report.verdict != Verdict::Ok && !arguments.trace.trace {
        failure::print_story(output, &report, &recording)?;
    }
    if let Some(difference) = &comparison.difference {
        human::difference(output, difference)?;
    }
    output.line(in_a_word(&artifact.result.run, comparison.likeness, &report))?;
    write_page(&arguments.trace, &artifact.scenario, &report, &recording)?;
    Ok(report.verdict.into())
}

/// What became of the failure that was kept.
fn in_a_word(kept: &RunRecord, likeness: Likeness, report: &RunReport) -> String {
    let what = if kept.verdict == Verdict::Expectation { "missed expectation" } else { "violation" };
    let before = match (&kept.missed, &kept.violation) {
        (Some(missed), _) => missed.clone(),
        (None, Some(violation)) => property_name(violation.property),
        (None, None) => "nothing".to_owned(),
    };
    match likeness {
        Likeness::Same if report.verdict == Verdict::Ok => {
            format!("{GOOD}same run{GOOD:#}, same fingerprint")
        }
        Likeness::Same => format!("{BAD}same {what}{BAD:#}, same fingerprint"),
        Likeness::SameFailure => {
            format!("{BAD}same {what}{BAD:#} in another run: its fingerprint was {}", kept.fingerprint)
        }
        Likeness::OtherFailure => format!("{BAD}different violation{BAD:#}: it was {before}"),
        Likeness::Fixed => format!("{GOOD}no {what} any more{GOOD:#} (fixed): it was {before}"),
        Likeness::Undecided => format!("{UNSURE}undecided{UNSURE:#}: it was {before}"),
    }
}
