//! `seaworthy bugs --study`: what each way of looking finds, as a table for a document.

use super::arguments::{BugsArguments, BugsFormat};
use super::bugs::hunt_all;
use super::human::{counted, grouped};
use super::{Exit, Output, interrupt, json, threads};
use cpu_time::ThreadTime;
use seaworthy_sim::planted::hunt::Ground;
use seaworthy_sim::planted::study::{self, Control, SightFigures, StudiedBug, Study};
use seaworthy_sim::sweep::ordered;
use std::io;
use std::ops::{ControlFlow, Range};
use std::sync::atomic::Ordering;

/// Hunts on every ground with every sight, and runs the same seeds with nothing planted.
pub(super) fn study(
    arguments: &BugsArguments,
    grounds: &[Ground],
    ranges: &[Range<u64>],
    output: &mut Output,
) -> io::Result<Exit> {
    let interrupt = interrupt::watch();
    let mut study = Study::new(ranges);
    let control = |number| Control::of(ranges[number as usize].clone(), interrupt);
    ordered(ranges.len() as u64, threads(arguments.jobs), interrupt, &control, &mut |_, control| {
        study.control = study.control.and(control);
        ControlFlow::Continue(())
    });
    let hunt = |ground: &Ground, seeds: &Range<u64>| {
        let start = ThreadTime::now();
        study::hunt(ground, seeds, interrupt, &|| start.elapsed())
    };
    hunt_all(grounds, ranges, threads(arguments.jobs), interrupt, &hunt, &mut |ground, hunts| {
        study.add(ground.bug(), hunts);
        study.control.failed
    });
    study.interrupted = interrupt.load(Ordering::Relaxed);
    match arguments.format {
        BugsFormat::Human => print(&study, output)?,
        BugsFormat::Json => json::study(output, &study)?,
    }
    output.flush()?;
    Ok(match (study.interrupted, study.control.failed) {
        (true, _) => Exit::Interrupted,
        (false, 0) => Exit::Ok,
        (false, _) => Exit::Failed,
    })
}

/// Prints the study as a table in Markdown.
fn print(study: &Study, output: &mut Output) -> io::Result<()> {
    let Control { runs, steps, failed } = study.control;
    output.line(format_args!(
        "{} of at most {}; median / worst, CPU seconds beside; nothing planted: {}, {} steps, {failed} failed",
        counted(study.bases.len() as u64, "hunt"),
        counted(study.seeds, "seed"),
        counted(runs, "run"),
        grouped(steps),
    ))?;
    output.line("")?;
    output.line("| bug | everything | | no disks | | clients alone | |")?;
    output.line("|---|---|---|---|---|---|---|")?;
    for StudiedBug { bug, sights } in &study.bugs {
        let cells: Vec<String> = sights.iter().map(|sight| cell(sight, study.bases.len())).collect();
        output.line(format_args!("| {bug} | {} |", cells.join(" | ")))?;
    }
    Ok(())
}

/// `12 / 90 | 0.4 / 2.1`; where hunts came home with nothing, how many did not.
fn cell(figures: &SightFigures, hunts: usize) -> String {
    let seeds = |runs: Option<u64>| runs.map_or_else(|| "-".to_owned(), grouped);
    let cpu =
        |seconds: Option<f64>| seconds.map_or_else(|| "-".to_owned(), |seconds| format!("{seconds:.1}"));
    let (runs, times) = (figures.runs, figures.cpu_seconds);
    let share =
        if figures.found < hunts { format!(" ({} of {hunts})", figures.found) } else { String::new() };
    format!(
        "{} / {}{share} | {} / {}",
        seeds(runs.median),
        seeds(runs.worst),
        cpu(times.median),
        cpu(times.worst)
    )
}
