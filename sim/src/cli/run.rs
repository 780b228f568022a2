//! `seaworthy run`: one run a scenario.

use super::arguments::{Format, RunArguments, TraceArguments};
use super::{Error, Exit, Output, failure, human, interrupt};
use seaworthy_sim::artifact::TraceRecord;
use seaworthy_sim::report::RunRecord;
use seaworthy_sim::run::{RunReport, TraceLine, Verdict, run as simulate, run_recorded};
use seaworthy_sim::sweep::{Outcome, Source, attempt, caught};
use seaworthy_sim::time::Time;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Runs each scenario once. All of them are read before the first is run.
pub(super) fn run(arguments: &RunArguments, output: &mut Output) -> Result<Exit, Error> {
    let sources = arguments.scenarios.iter().map(|argument| Source::find(argument));
    let sources = sources.collect::<Result<Vec<_>, _>>()?;
    let interrupted = interrupt::watch();
    let mut exit = Exit::Ok;
    for (position, source) in sources.iter().enumerate() {
        if interrupted.load(Ordering::Relaxed) {
            exit = Exit::Interrupted;
            break;
        }
        if position > 0 && arguments.outcome.format == Format::Human {
            output.line("")?;
        }
        exit = exit.max(one(arguments, source, output)?);
        output.flush()?;
    }
    Ok(exit)
}

fn one(arguments: &RunArguments, source: &Source, output: &mut Output) -> Result<Exit, Error> {
    let seed = arguments.seed;
    let started = Instant::now();
    let outcome = attempt(source, seed, arguments.outcome.verify_determinism, &simulate);
    let wall = started.elapsed();
    let outcome = match outcome {
        Outcome::Finished(report) => match finished(arguments, source, &report, wall, output)? {
            Ok(exit) => return Ok(exit),
            Err(graver) => *graver,
        },
        outcome => outcome,
    };
    let mut stderr = Output::stderr();
    let output = if arguments.outcome.format == Format::Human { output } else { &mut stderr };
    Ok(match outcome {
        Outcome::Finished(_) => unreachable!("it was dealt with above"),
        Outcome::Differed { first, second } => failure::not_deterministic(output, source, &first, &second)?,
        Outcome::Panicked(panic) => failure::panicked(output, source, seed, &panic)?,
    })
}

/// Prints a run that came to its end; a failing one is made again and kept, which may turn out to be graver.
fn finished(
    arguments: &RunArguments,
    source: &Source,
    report: &RunReport,
    wall: Duration,
    output: &mut Output,
) -> Result<Result<Exit, Box<Outcome>>, Error> {
    let failed = matches!(report.verdict, Verdict::Violation | Verdict::Expectation);
    let kept = match failed.then(|| failure::keep(&arguments.outcome.out, source, report)).transpose() {
        Ok(kept) => kept,
        Err(graver) => return Ok(Err(graver)),
    };
    if arguments.trace.trace {
        let trace = match &kept {
            Some(kept) => kept.recording.trace.clone(),
            None => match recorded(source, report) {
                Ok(trace) => trace,
                Err(graver) => return Ok(Err(graver)),
            },
        };
        print_trace(&arguments.trace, arguments.outcome.format, &trace, output)?;
    }
    let artifact = kept.as_ref().and_then(|kept| kept.artifact.as_deref());
    match arguments.outcome.format {
        Format::Human => {
            human::run(output, report)?;
            if let Some(kept) = &kept {
                if !arguments.trace.trace {
                    failure::print_story(output, report, &kept.recording)?;
                }
                failure::print_commands(output, source, report, artifact)?;
            }
        }
        Format::Json => {
            output.json(&RunRecord::new(report, Some(wall)))?;
            output.flush()?;
            if failed {
                failure::print_commands(&mut Output::stderr(), source, report, artifact)?;
            }
        }
    }
    Ok(Ok(report.verdict.into()))
}

/// The trace of a run, which is made again for it.
fn recorded(source: &Source, report: &RunReport) -> Result<Vec<TraceLine>, Box<Outcome>> {
    let again = caught(|| run_recorded(&source.scenario(report.seed), report.seed));
    match again {
        Ok((again, recording)) if again == *report => Ok(recording.trace),
        Ok((again, _)) => {
            Err(Box::new(Outcome::Differed { first: Box::new(report.clone()), second: Box::new(again) }))
        }
        Err(panic) => Err(Box::new(Outcome::Panicked(panic))),
    }
}

/// Prints the part of a trace that was asked for.
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
            Format::Json => output.json(&TraceRecord::from(line))?,
        }
    }
    Ok(())
}
