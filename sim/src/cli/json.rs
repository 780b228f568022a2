//! The objects of `--format json` and `jsonl`, one a line. Each says what it is and by which schema.

use super::Output;
use super::failure::Settled;
use seaworthy_sim::artifact::TraceRecord;
use seaworthy_sim::planted::figures::Catch;
use seaworthy_sim::planted::study::Study;
use seaworthy_sim::report::{RunRecord, SCHEMA_VERSION};
use seaworthy_sim::run::TraceLine;
use seaworthy_sim::sweep::{Failure, Outcome, Summary};
use serde::Serialize;
use std::io;
use std::time::Duration;

/// One line; its kind is in the field `type`.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Line<'a> {
    /// A record of the trace.
    Trace(Stamped<TraceRecord>),
    /// A run that came to its end.
    Run(RunRecord),
    /// A run that did not, or not to the same end twice.
    Failure(Stamped<&'a Failure>),
    /// A whole sweep.
    Sweep(&'a Summary),
    /// Planted bugs that were hunted.
    Bugs(&'a Catch),
    /// The same with different sights.
    Study(&'a Study),
}

/// What carries no version by itself.
#[derive(Serialize)]
struct Stamped<T> {
    schema_version: u32,
    #[serde(flatten)]
    value: T,
}

impl<T> Stamped<T> {
    fn new(value: T) -> Self {
        Self { schema_version: SCHEMA_VERSION, value }
    }
}

/// A record of the trace.
pub(super) fn trace_line(output: &mut Output, line: &TraceLine) -> io::Result<()> {
    output.json(&Line::Trace(Stamped::new(TraceRecord::from(line))))
}

/// What came of a run, with the real time that it took, if that is to be told.
pub(super) fn run(output: &mut Output, settled: &Settled, wall: Option<Duration>) -> io::Result<()> {
    match (&settled.outcome, &settled.failure) {
        (Outcome::Finished(report), _) => output.json(&Line::Run(RunRecord::new(report, wall)))?,
        (_, Some(failure)) => output.json(&Line::Failure(Stamped::new(failure)))?,
        (_, None) => unreachable!("a run that did not end well failed"),
    }
    output.flush()
}

/// A whole sweep.
pub(super) fn sweep(output: &mut Output, summary: &Summary) -> io::Result<()> {
    output.json(&Line::Sweep(summary))
}

/// Planted bugs that were hunted.
pub(super) fn bugs(output: &mut Output, catch: &Catch) -> io::Result<()> {
    output.json(&Line::Bugs(catch))
}

/// The same with different sights.
pub(super) fn study(output: &mut Output, study: &Study) -> io::Result<()> {
    output.json(&Line::Study(study))
}
