//! `seaworthy bugs`: the planted bugs, and how soon each is found.

use super::arguments::{BugsArguments, BugsFormat};
use super::human::{counted, grouped};
use super::output::{BAD, FAINT, GOOD, UNSURE};
use super::progress::Progress;
use super::{Error, Exit, Output, bugs_shrunk, interrupt, json, study, threads};
use anstyle::Style;
use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};
use cpu_time::ThreadTime;
use seaworthy_sim::planted::figures::{BugFigures, Catch, Spread, Verdict};
use seaworthy_sim::planted::hunt::Ground;
use seaworthy_sim::planted::{self, PlantedBug};
use seaworthy_sim::report::property_name;
use seaworthy_sim::sweep::{SWARM, ordered};
use std::io;
use std::num::NonZeroUsize;
use std::ops::{ControlFlow, Range};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Hunts for the bugs that were named, or for all, and prints what came of it.
pub(super) fn bugs(arguments: &BugsArguments, output: &mut Output) -> Result<Exit, Error> {
    let ground = |bug| {
        if arguments.by_chance || arguments.study { Ok(Ground::swarm(bug)) } else { Ground::best(bug) }
    };
    let grounds = all_named(&arguments.names)?.into_iter().map(ground).collect::<Result<Vec<_>, _>>()?;
    let ranges = ranges(&arguments.seeds, arguments.hunts)?;
    if ranges.iter().all(Range::is_empty) {
        anstream::eprintln!("{UNSURE}nothing ran{UNSURE:#}: there are no seeds to look in");
        return Ok(Exit::NothingRan);
    }
    if arguments.study {
        return Ok(study::study(arguments, &grounds, &ranges, output)?);
    }
    let mut catch = Catch::new(&ranges);
    let interrupt = interrupt::watch();
    let hunt = |ground: &Ground, seeds: &Range<u64>| {
        let start = ThreadTime::now();
        let hunt = ground.hunt(seeds.clone(), interrupt);
        (hunt, start.elapsed())
    };
    let jobs = threads(arguments.jobs);
    let time = hunt_all(&grounds, &ranges, jobs, interrupt, &hunt, &mut |ground, hunts| {
        catch.add(BugFigures::new(ground, hunts));
        failed(&catch)
    });
    if arguments.shrink {
        bugs_shrunk::shrink_all(&mut catch, &grounds, arguments, interrupt);
    }
    catch.interrupted = interrupt.load(Ordering::Relaxed);
    match arguments.format {
        BugsFormat::Human => print(&catch, time, !arguments.names.is_empty(), output)?,
        BugsFormat::Json => json::bugs(output, &catch)?,
    }
    output.flush()?;
    Ok(if catch.interrupted { Exit::Interrupted } else { Exit::from(catch.verdict()) })
}

/// Hunts on every ground over every range of seeds. `take` is given what came of each ground, in order, and says how many
/// have failed so far.
pub(super) fn hunt_all<T: Send>(
    grounds: &[Ground],
    ranges: &[Range<u64>],
    jobs: NonZeroUsize,
    interrupt: &AtomicBool,
    hunt: &(dyn Fn(&Ground, &Range<u64>) -> T + Sync),
    take: &mut dyn FnMut(&Ground, &[T]) -> u64,
) -> Duration {
    let hunts = ranges.len() as u64;
    let total = grounds.len() as u64 * hunts;
    let place = |number: u64| (&grounds[(number / hunts) as usize], &ranges[(number % hunts) as usize]);
    let work = |number| {
        let (ground, range) = place(number);
        hunt(ground, range)
    };
    let mut progress = Progress::new(total, "hunts");
    let (mut of_one, mut failed) = (Vec::new(), 0);
    ordered(total, jobs, interrupt, &work, &mut |number, hunted| {
        of_one.push(hunted);
        if of_one.len() == ranges.len() {
            failed = take(place(number).0, &std::mem::take(&mut of_one));
        }
        progress.advance(failed);
        ControlFlow::Continue(())
    });
    progress.finish()
}

/// How many bugs were missed, or found by somebody else than who must find them.
fn failed(catch: &Catch) -> u64 {
    catch.bugs.iter().filter(|bug| bug.verdict > Verdict::Interrupted).count() as u64
}

/// The bugs of these names, or all.
fn all_named(names: &[String]) -> Result<Vec<&'static PlantedBug>, Error> {
    if names.is_empty() {
        Ok(planted::all().collect())
    } else {
        names.iter().map(|name| named(name)).collect()
    }
}

/// The bug of this name.
pub(super) fn named(name: &str) -> Result<&'static PlantedBug, Error> {
    planted::find(name).ok_or_else(|| {
        let right = planted::nearest(name)
            .map_or_else(|| "seaworthy bugs lists them all".to_owned(), |near| format!("is it {near:?}?"));
        Error::Input(format!("there is no planted bug {name:?}; {right}"))
    })
}

/// So many ranges of the same length, one after the other.
fn ranges(first: &Range<u64>, count: NonZeroUsize) -> Result<Vec<Range<u64>>, Error> {
    let length = first.end - first.start;
    let range = |position: usize| {
        let start = length.checked_mul(position as u64)?.checked_add(first.start)?;
        Some(start..start.checked_add(length)?)
    };
    let ranges: Option<Vec<_>> = (0..count.get()).map(range).collect();
    ranges.ok_or_else(|| Error::Input(format!("{count} times {length} seeds are more than there are")))
}

/// Prints the table and the verdict, and before it, of bugs that were asked for by name, what there is to know.
fn print(catch: &Catch, time: Duration, tell: bool, output: &mut Output) -> io::Result<()> {
    if tell {
        catch.bugs.iter().try_for_each(|bug| story(bug, output))?;
    }
    output.line(table(catch))?;
    output.line("")?;
    for bug in catch.bugs.iter().filter(|bug| bug.verdict > Verdict::Interrupted) {
        output.line(complaint(bug))?;
    }
    summary(catch, time).into_iter().try_for_each(|line| output.line(line))
}

/// What is known of a bug, and where it was found.
fn story(bug: &BugFigures, output: &mut Output) -> io::Result<()> {
    let catchers: Vec<String> = bug.caught_by.iter().map(|property| property_name(*property)).collect();
    output.line(format_args!("{}: {}", bug.bug, bug.wrong))?;
    output.line(format_args!("{FAINT}  source{FAINT:#}    {}", bug.source))?;
    output.line(format_args!("{FAINT}  cluster{FAINT:#}   of {} or more", counted(bug.nodes, "node")))?;
    let catchers = if catchers.is_empty() { "a second run".to_owned() } else { catchers.join(", ") };
    output.line(format_args!("{FAINT}  caught by{FAINT:#} {catchers}"))?;
    if let Some(why) = bug.why {
        output.line(format_args!("{FAINT}  shown by{FAINT:#}  {}, not by the swarm: {why}", bug.ground))?;
    }
    if let (Some(seed), Some(detail)) = (bug.first_seed, &bug.detail) {
        output.line(format_args!("{FAINT}  seed {seed}{FAINT:#}: {detail}"))?;
        let again = if bug.ground == SWARM {
            format!(
                "seaworthy new {}.json --swarm {seed} --plant {0} && seaworthy run {0}.json --seed {seed}",
                bug.bug
            )
        } else {
            format!("seaworthy run {} --seed {seed}", bug.ground)
        };
        output.line(format_args!("{FAINT}  again{FAINT:#}     {again}"))?;
    }
    output.line("")
}

/// The table: a line a bug.
fn table(catch: &Catch) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING);
    let mut header = vec!["bug", "found by", "first", "median", "worst", "step", "cpu"];
    header.extend(catch.shrunk.iter().flat_map(|_| bugs_shrunk::COLUMNS));
    table.set_header(header);
    for bug in &catch.bugs {
        let name = if bug.ground == SWARM { bug.bug.to_owned() } else { format!("{} *", bug.bug) };
        let found_by = match (bug.verdict, bug.found_by.first()) {
            (Verdict::Found | Verdict::Misattributed, Some(property)) => property_name(*property),
            (Verdict::Found, None) => "a second run".to_owned(),
            (Verdict::Misattributed, None) => "a second run, wrongly".to_owned(),
            (Verdict::Missed, _) => "NOBODY".to_owned(),
            (Verdict::Panicked, _) => "a panic".to_owned(),
            (Verdict::Interrupted, _) => "-".to_owned(),
        };
        let Spread { median, worst } = bug.runs;
        let cpu = bug.cpu_seconds.median.map_or_else(|| "-".to_owned(), |cpu| format!("{cpu:.1}s"));
        let (first, step) = (number(bug.first_seed), number(bug.step));
        let mut row = vec![name, found_by, first, number(median), number(worst), step, cpu];
        row.extend(catch.shrunk.iter().flat_map(|_| bugs_shrunk::cells(bug)));
        table.add_row(row);
    }
    for (position, column) in table.column_iter_mut().enumerate() {
        if position < 2 {
            column.set_padding((0, 1));
        } else {
            column.set_padding((0, 1)).set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt()
}

fn number(number: Option<u64>) -> String {
    number.map_or_else(|| "-".to_owned(), grouped)
}

/// What is wrong with how a bug was found, or that it was not.
fn complaint(bug: &BugFigures) -> String {
    let what = match bug.verdict {
        Verdict::Missed => "was not found".to_owned(),
        Verdict::Misattributed => {
            let right: Vec<String> = bug.caught_by.iter().map(|property| property_name(*property)).collect();
            format!("was found by a checker that should not be the first; right are {}", right.join(", "))
        }
        Verdict::Panicked => "made the simulator panic".to_owned(),
        Verdict::Found | Verdict::Interrupted => unreachable!("nobody complains of that"),
    };
    let detail = bug.detail.as_ref().map_or_else(String::new, |detail| format!(": {detail}"));
    format!("{BAD}{}{BAD:#} {what}{detail}", bug.bug)
}

/// What it all comes to.
fn summary(catch: &Catch, time: Duration) -> Vec<String> {
    let mut lines = Vec::new();
    let swarm = &catch.swarm;
    if catch.bugs.len() > swarm.bugs {
        lines.push(format!("{FAINT}* shown by a directed scenario, not by the swarm{FAINT:#}"));
    }
    if swarm.bugs > 1 {
        lines.push(format!(
            "the swarm: {} of {} bugs found in most of {} of {}, {} within 20 seeds; median {}, worst {}",
            swarm.found,
            swarm.bugs,
            counted(catch.bases.len() as u64, "hunt"),
            counted(catch.seeds, "seed"),
            swarm.within_20,
            number(swarm.median),
            number(swarm.worst)
        ));
    }
    lines.extend(catch.shrunk.as_ref().map(bugs_shrunk::summary));
    let (style, word): (Style, String) = match (failed(catch), catch.interrupted) {
        (0, false) => (GOOD, "ok".to_owned()),
        (0, true) => (UNSURE, "INTERRUPTED".to_owned()),
        (bad, _) => (BAD, format!("{bad} FAILED")),
    };
    let bugs = counted(catch.bugs.len() as u64, "bug");
    lines.push(format!("{style}{word}{style:#}: {bugs} hunted in {}", super::human::rough(time)));
    lines
}
