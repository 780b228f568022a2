//! `seaworthy run`: one run a scenario.

use super::arguments::{Format, RunArguments, TraceArguments};
use super::failure::{Settled, settle};
use super::{Error, Exit, Output, failure, github, human, interrupt, json, junit};
use seaworthy_sim::run::{Recording, RunReport, TraceLine, run as simulate};
use seaworthy_sim::scenario::Scenario;
use seaworthy_sim::sweep::{Batch, Outcome, Seeds, Source, Summary, attempt};
use seaworthy_sim::time::Time;
use seaworthy_sim::viewer;
use std::fs;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// Runs each scenario once. All of them are read before the first is run.
pub(super) fn run(arguments: &RunArguments, output: &mut Output) -> Result<Exit, Error> {
    let format = arguments.outcome.format;
    if arguments.trace.trace && matches!(format, Format::Junit | Format::Github) {
        return Err(Error::Input("a trace is printed with --format human, json or jsonl".to_owned()));
    }
    if arguments.trace.html.is_some() && arguments.scenarios.len() > 1 {
        return Err(Error::Input("--html shows one run: name one scenario".to_owned()));
    }
    let batch = |argument: &String| {
        Source::find(argument).map(|source| Batch { source, seeds: Seeds::only(arguments.seed) })
    };
    let batches = arguments.scenarios.iter().map(batch).collect::<Result<Vec<_>, _>>()?;
    let interrupted = interrupt::watch();
    let started = Instant::now();
    let mut summary = Summary::new(&batches);
    for (position, batch) in batches.iter().enumerate() {
        if interrupted.load(Ordering::Relaxed) {
            summary.interrupted = true;
            break;
        }
        if position > 0 && format == Format::Human {
            output.line("")?;
        }
        one(arguments, position, &batch.source, &mut summary, output)?;
        output.flush()?;
    }
    summary.clock(started.elapsed());
    match format {
        Format::Human | Format::Json | Format::Jsonl => {}
        Format::Junit => junit::write(output, &summary)?,
        Format::Github => github::verdict(output, &summary)?,
    }
    output.flush()?;
    Ok(Exit::from(&summary))
}

/// Runs one scenario, counts what came of it, and prints it.
fn one(
    arguments: &RunArguments,
    position: usize,
    source: &Source,
    summary: &mut Summary,
    output: &mut Output,
) -> Result<(), Error> {
    let (seed, format) = (arguments.seed, arguments.outcome.format);
    let started = Instant::now();
    let outcome = attempt(source, seed, arguments.outcome.verify_determinism, &simulate);
    let wall = started.elapsed();
    let record = arguments.trace.trace || arguments.trace.html.is_some();
    let settled = settle(summary, (position, source, seed), outcome, &arguments.outcome.out, record);
    if let Some(recording) = settled.recording.as_ref().filter(|_| arguments.trace.trace) {
        print_trace(&arguments.trace, format, &recording.trace, output)?;
    }
    match (format, &settled.failure) {
        (Format::Human, _) => tell(arguments, source, &settled, output)?,
        (Format::Json | Format::Jsonl, _) => json::run(output, &settled, Some(wall))?,
        (Format::Github, Some(failure)) => github::error(output, source, failure)?,
        (Format::Github, None) | (Format::Junit, _) => {}
    }
    if format != Format::Human && settled.failure.is_some() {
        failure::advise(&mut Output::stderr(), source, seed, &settled)?;
    }
    if let (Outcome::Finished(report), Some(recording)) = (&settled.outcome, &settled.recording) {
        write_page(&arguments.trace, &source.scenario(seed), report, recording)?;
    }
    summary.failures.extend(settled.failure);
    Ok(())
}

/// Tells people what came of a run.
fn tell(
    arguments: &RunArguments,
    source: &Source,
    settled: &Settled,
    output: &mut Output,
) -> Result<(), Error> {
    if let Outcome::Finished(report) = &settled.outcome {
        human::run(output, report)?;
        if matches!(source, Source::Drawn(_)) {
            human::draw(output, &source.scenario(arguments.seed))?;
        }
        if let Some(recording) = settled.recording.as_ref().filter(|_| !arguments.trace.trace)
            && settled.failure.is_some()
        {
            failure::print_story(output, report, recording)?;
        }
    }
    if settled.failure.is_some() {
        failure::advise(output, source, arguments.seed, settled)?;
    }
    Ok(())
}

/// Writes the page of a run, if it was asked for.
pub(super) fn write_page(
    arguments: &TraceArguments,
    scenario: &Scenario,
    report: &RunReport,
    recording: &Recording,
) -> Result<(), Error> {
    let Some(path) = &arguments.html else { return Ok(()) };
    fs::write(path, viewer::page(scenario, report, recording))
        .map_err(|error| Error::Input(format!("cannot write {}: {error}", path.display())))?;
    anstream::eprintln!("wrote {}: open it in a browser", path.display());
    Ok(())
}

/// Prints the part of a trace that was asked for: as words, or for programs as objects.
pub(super) fn print_trace(
    arguments: &TraceArguments,
    format: Format,
    trace: &[TraceLine],
    output: &mut Output,
) -> Result<(), Error> {
    let wanted = |line: &&TraceLine| {
        arguments.until.is_none_or(|until| line.at <= Time::ZERO + until)
            && arguments.node.is_none_or(|node| line.node == Some(node))
    };
    for line in trace.iter().filter(wanted) {
        match format {
            Format::Human => output.line(human::trace_line(line))?,
            _ => json::trace_line(output, line)?,
        }
    }
    Ok(())
}
