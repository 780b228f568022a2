//! `schema`, `new` and `completions`: text for editors, people and shells.

use super::arguments::{Arguments, CompletionsArguments, NewArguments};
use super::{Error, Exit, Output};
use clap::CommandFactory;
use seaworthy_sim::artifact::quoted;
use seaworthy_sim::{scenario, swarm};
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};

/// Prints the JSON Schema of scenario files.
pub(super) fn schema(output: &mut Output) -> Result<Exit, Error> {
    output.line(scenario::schema().trim_end())?;
    output.flush()?;
    Ok(Exit::Ok)
}

/// Writes a scenario to start from, unless there is something already.
pub(super) fn new(arguments: &NewArguments, output: &mut Output) -> Result<Exit, Error> {
    let path = &arguments.file;
    let text = match arguments.swarm {
        Some(seed) => draw(seed, &arguments.plant)?,
        None => scenario::template(&path.to_string_lossy()),
    };
    let shown = path.display();
    let mut file = OpenOptions::new().write(true).create_new(true).open(path).map_err(|error| {
        Error::Input(match error.kind() {
            ErrorKind::AlreadyExists => format!("{shown} exists already, and is left as it is"),
            _ => format!("cannot create {shown}: {error}"),
        })
    })?;
    writeln!(file, "{}", text.trim_end())?;
    let again = arguments.swarm.map_or_else(String::new, |seed| format!(" --seed {seed}"));
    let name = quoted(&path.to_string_lossy());
    output.line(format_args!("wrote {shown}; try it: seaworthy run {name}{again}"))?;
    output.flush()?;
    Ok(Exit::Ok)
}

/// What the swarm draws from `seed`, with these bugs planted.
fn draw(seed: u64, plant: &[String]) -> Result<String, Error> {
    let mut drawn = swarm::draw(seed);
    for name in plant {
        drawn.planted.push(super::bugs::named(name)?.name.to_owned());
    }
    Ok(drawn.to_json())
}

/// Prints a completion script.
pub(super) fn completions(arguments: &CompletionsArguments, output: &mut Output) -> Result<Exit, Error> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Arguments::command(), "seaworthy", &mut script);
    output.text(&script)?;
    output.flush()?;
    Ok(Exit::Ok)
}
