//! The command line. It chooses what is run and prints what came of it; it decides nothing.
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "clocks and the environment choose and time runs from outside; no run sees them"
)]

mod arguments;
mod bugs;
mod bugs_shrunk;
mod coverage;
mod exit;
mod failure;
mod files;
mod fuzz_input;
mod github;
mod human;
mod interrupt;
mod json;
mod junit;
mod output;
mod progress;
mod replay;
mod run;
mod shrink;
mod study;
mod sweep;

use arguments::{Arguments, Command};
use clap::Parser;
use exit::Exit;
use output::Output;
use seaworthy_sim::artifact::ArtifactError;
use seaworthy_sim::sweep::SourceError;
use std::io;
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::thread::available_parallelism;

/// Why a command could not do what it was asked to do.
#[derive(Debug, thiserror::Error)]
enum Error {
    /// The input is wrong. What would be right is part of the message.
    #[error("{0}")]
    Input(String),
    /// An argument that should give a scenario does not.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// An artifact cannot be read.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// The results could not be written.
    #[error("cannot write: {0}")]
    Io(#[from] io::Error),
}

/// How many threads work: as many as are asked for, or as there are processors.
fn threads(jobs: Option<NonZeroUsize>) -> NonZeroUsize {
    jobs.or_else(|| available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN)
}

/// Parses, runs and prints; the exit code is the verdict.
pub(crate) fn main() -> ExitCode {
    let exit = match Arguments::try_parse() {
        Ok(arguments) => dispatch(arguments.command).unwrap_or_else(|error| explain(&error)),
        Err(error) => {
            // Help for a reader who has gone is no failure.
            let _ = error.print();
            if error.use_stderr() { Exit::BadInput } else { Exit::Ok }
        }
    };
    exit.into()
}

fn dispatch(command: Command) -> Result<Exit, Error> {
    let mut output = Output::stdout();
    match command {
        Command::Run(arguments) => run::run(&arguments, &mut output),
        Command::Sweep(arguments) => sweep::sweep(&arguments, &mut output),
        Command::Bugs(arguments) => bugs::bugs(&arguments, &mut output),
        Command::Replay(arguments) => replay::replay(&arguments, &mut output),
        Command::Shrink(arguments) => shrink::shrink(&arguments, &mut output),
        Command::Schema => files::schema(&mut output),
        Command::New(arguments) => files::new(&arguments, &mut output),
        Command::Completions(arguments) => files::completions(&arguments, &mut output),
    }
}

/// Says on stderr what was wrong.
fn explain(error: &Error) -> Exit {
    match error {
        Error::Source(SourceError::Invalid(diagnostics))
        | Error::Artifact(ArtifactError::Scenario(diagnostics)) => {
            anstream::eprint!("{}", diagnostics.render(output::stderr_is_styled()));
        }
        error => anstream::eprintln!("{}error:{:#} {error}", output::BAD, output::BAD),
    }
    match error {
        Error::Input(_) | Error::Source(_) | Error::Artifact(_) => Exit::BadInput,
        Error::Io(_) => Exit::Internal,
    }
}
