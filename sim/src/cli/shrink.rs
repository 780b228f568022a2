//! `seaworthy shrink`: the smallest scenario that still fails in the same way.

use super::arguments::ShrinkArguments;
use super::human::{counted, grouped};
use super::output::{GOOD, UNSURE};
use super::progress::Ticker;
use super::{Error, Exit, Output, interrupt, threads};
use seaworthy_sim::artifact::{is_artifact, quoted, read};
use seaworthy_sim::report::property_name;
use seaworthy_sim::scenario::Scenario;
use seaworthy_sim::shrink::{Options, Progress, ShrinkError, Shrunk, shrink as make_small};
use seaworthy_sim::sweep::Source;
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Shrinks a kept failure, or the run of a scenario at a seed.
pub(super) fn shrink(arguments: &ShrinkArguments, output: &mut Output) -> Result<Exit, Error> {
    let (scenario, seed) = what(arguments)?;
    let interrupted = interrupt::watch();
    let started = Instant::now();
    let budget = Duration::from(arguments.budget);
    let ticker = Mutex::new(Ticker::new());
    let options = Options {
        jobs: threads(arguments.jobs),
        candidates: arguments.candidates.get(),
        stop: &|| interrupted.load(Ordering::Relaxed) || budget <= started.elapsed(),
        progress: &|progress| ticker.lock().expect("no teller panics").tell(&line(progress)),
    };
    let shrunk = make_small(&scenario, seed, &options);
    ticker.into_inner().expect("no teller panics").finish();
    let shrunk = match shrunk {
        Ok(shrunk) => shrunk,
        Err(ShrinkError::Stopped) if interrupted.load(Ordering::Relaxed) => return Ok(Exit::Interrupted),
        Err(error) => return Err(Error::Input(error.to_string())),
    };
    write(arguments, &shrunk, output)?;
    output.flush()?;
    Ok(if interrupted.load(Ordering::Relaxed) { Exit::Interrupted } else { Exit::Ok })
}

/// The scenario and the seed that are asked for.
fn what(arguments: &ShrinkArguments) -> Result<(Scenario, u64), Error> {
    let target = &arguments.target;
    match (arguments.seed, is_artifact(Path::new(target))) {
        (Some(seed), _) => Ok((Source::find(target)?.scenario(seed).into_owned(), seed)),
        (None, Some(dir)) => {
            let artifact = read(&dir)?;
            if let Some(warning) = artifact.warning() {
                anstream::eprintln!("{UNSURE}warning:{UNSURE:#} {warning}");
            }
            Ok((artifact.scenario, artifact.result.run.seed))
        }
        (None, None) => {
            // A name that is wrong is the greater mistake.
            Source::find(target)?;
            let again = format!("seaworthy shrink {} --seed N", quoted(target));
            Err(Error::Input(format!("{target:?} is no artifact and does not say which seed: {again}")))
        }
    }
}

fn line(progress: &Progress) -> String {
    format!("{}: {} after {} candidates", progress.stage, progress.size, grouped(progress.candidates))
}

/// Writes the scenario where it is wanted, and tells on stderr what it is.
fn write(arguments: &ShrinkArguments, shrunk: &Shrunk, output: &mut Output) -> Result<(), Error> {
    let text = shrunk.scenario.to_short_json();
    let Shrunk { property, size, candidates, any_seed, seed, stopped, .. } = shrunk;
    let luck = if *any_seed { "at any seed".to_owned() } else { format!("at seed {seed}") };
    let end = if *stopped { ", stopped before it was done" } else { "" };
    anstream::eprintln!(
        "{GOOD}shrunk{GOOD:#} to {size}, after {}{end}: breaks {} {luck}",
        counted(*candidates, "candidate"),
        property_name(*property),
    );
    match &arguments.output {
        None => output.text(text.as_bytes())?,
        Some(path) => {
            fs::write(path, text)
                .map_err(|error| Error::Input(format!("cannot write {}: {error}", path.display())))?;
            let file = quoted(&path.to_string_lossy());
            output.line(format_args!("Replay:  seaworthy replay {file} --seed {seed}"))?;
            output.line(format_args!("View:    seaworthy replay {file} --seed {seed} --html run.html"))?;
        }
    }
    Ok(())
}
