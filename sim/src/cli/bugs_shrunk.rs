//! `seaworthy bugs --shrink`: how small the run becomes that found a bug.

use super::arguments::BugsArguments;
use super::human::counted;
use super::progress::Progress;
use super::threads;
use seaworthy_sim::planted::figures::{BugFigures, Catch, Verdict};
use seaworthy_sim::planted::hunt::Ground;
use seaworthy_sim::planted::shrunk::{FEW, ShrunkFigures, SmallRun};
use seaworthy_sim::shrink::{CANDIDATES, Options, shrink};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The columns that it adds to the table.
pub(super) const COLUMNS: [&str; 3] = ["shrunk", "events", "known"];

/// Shrinks the first run of each bug that was found as it must be: one after the other, each with all threads.
pub(super) fn shrink_all(
    catch: &mut Catch,
    grounds: &[Ground],
    arguments: &BugsArguments,
    interrupt: &AtomicBool,
) {
    let mut progress = Progress::new(catch.bugs.len() as u64, "shrunk");
    for (place, ground) in grounds.iter().enumerate().take(catch.bugs.len()) {
        if interrupt.load(Ordering::Relaxed) {
            break;
        }
        let run = match &catch.bugs[place] {
            BugFigures { verdict: Verdict::Found, first_seed: Some(seed), .. } => {
                shrunk(ground, *seed, arguments, interrupt)
            }
            _ => None,
        };
        catch.add_shrunk(place, run);
        progress.advance(0);
    }
    progress.finish();
}

/// What the run of `seed` becomes. Nothing, if it breaks no property: a bug that shows only in two runs that differ.
fn shrunk(ground: &Ground, seed: u64, arguments: &BugsArguments, interrupt: &AtomicBool) -> Option<SmallRun> {
    let started = Instant::now();
    let budget = Duration::from(arguments.budget);
    let options = Options {
        jobs: threads(arguments.jobs),
        candidates: CANDIDATES.get(),
        stop: &|| interrupt.load(Ordering::Relaxed) || budget <= started.elapsed(),
        progress: &|_| {},
    };
    shrink(&ground.scenario(seed), seed, &options).ok().map(|shrunk| SmallRun::from(&shrunk))
}

/// The line of a bug in these columns. What time cut short may have become smaller yet.
pub(super) fn cells(bug: &BugFigures) -> [String; 3] {
    let depth = bug.depth.map_or_else(String::new, |depth| depth.to_string());
    bug.shrunk.map_or_else(
        || ["-".to_owned(), "-".to_owned(), depth.clone()],
        |run| {
            let mark = if run.cut_short { "≤" } else { "" };
            [format!("{mark}{}", run.deeds()), format!("{mark}{}", run.size.events), depth.clone()]
        },
    )
}

/// What it all comes to.
pub(super) fn summary(figures: &ShrunkFigures) -> String {
    let ShrunkFigures { bugs, few, of_known_depth, within_twice, cut_short } = figures;
    let bugs = counted(*bugs as u64, "bug");
    format!(
        "shrunk: {few} of {bugs} to at most {FEW} faults and operations, {within_twice} of {of_known_depth} to at most \
         twice the events in which a model checker showed them; {cut_short} cut short"
    )
}
