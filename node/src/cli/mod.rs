//! The command line. In the order in which to read: `arguments`, what can be asked for; `configuration`, or by a file;
//! `orders`, what can be typed at the prompt besides commands; `deck`, how orders are carried out: in the simulator's
//! world, `basin`, on `live` servers in this process, or on `remote` ones; `prompt`; `disks`; `serve`; `signals`;
//! `torture`; `bench`.

mod arguments;
mod configuration;
mod orders;
mod deck;
mod basin;
mod live;
mod remote;
mod prompt;
mod disks;
mod serve;
mod signals;
mod torture;
mod bench;

use arguments::{Arguments, Protocol, Reach, Task};
use clap::Parser;
use deck::Deck;
use orders::Order;
use prompt::{Prompt, Source};
use std::error::Error;
use std::io::{self, IsTerminal as _};
use std::process::ExitCode;
use tokio::runtime::{Builder, Runtime};
use tracing_subscriber::EnvFilter;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Bad usage, or bad input.
const USAGE: u8 = 2;

/// Parses, runs, and says how it went.
pub(super) fn main() -> ExitCode {
    let arguments = match configuration::expanded(std::env::args_os()).map(Arguments::try_parse_from) {
        Ok(Ok(arguments)) => arguments,
        Ok(Err(error)) => error.exit(),
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(USAGE);
        }
    };
    if let Err(error) = log(&arguments) {
        eprintln!("error: {error}");
        return ExitCode::from(USAGE);
    }
    let ran = runtime(&arguments).map_err(Box::from).and_then(|runtime| run(arguments, &runtime));
    ran.unwrap_or_else(|error| {
        eprintln!("error: {error}");
        ExitCode::FAILURE
    })
}

/// Threads for what is to be done: as many as there are cores, or as a server is told to have.
fn runtime(arguments: &Arguments) -> io::Result<Runtime> {
    let Some(Task::Serve(serve)) = &arguments.task else { return Runtime::new() };
    // Between two threads, what a request costs goes into waking each other: one alone never does.
    let mut builder =
        if serve.threads == 1 { Builder::new_current_thread() } else { Builder::new_multi_thread() };
    builder.worker_threads(usize::from(serve.threads)).enable_all().build()
}

/// Has everything that goes on told on stderr, as far as it is asked for; in colours on a terminal, unless somebody has
/// said that they want none.
fn log(arguments: &Arguments) -> Result<()> {
    let level = if matches!(arguments.task, Some(Task::Serve(_))) { "info" } else { "error" };
    let wanted = std::env::var("SEAWORTHY_LOG").unwrap_or_else(|_| level.to_owned());
    let filter = EnvFilter::try_new(&wanted).map_err(|error| format!("SEAWORTHY_LOG={wanted}: {error}"))?;
    let colours = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|no| no.is_empty());
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours).with_writer(io::stderr).init();
    Ok(())
}

fn run(arguments: Arguments, runtime: &Runtime) -> Result<ExitCode> {
    match arguments.task.unwrap_or_default() {
        Task::Start(start) => {
            let greeting = format!(
                "Seaworthy {}: a cluster of {} {}.\nHELP lists the commands, EXIT ends.",
                env!("CARGO_PKG_VERSION"),
                start.crew(),
                start.place(),
            );
            let deck = match start.protocol {
                Protocol::Memory if start.data.is_some() || start.storage.is_some() => {
                    eprintln!("error: --data and --storage are for rpc: servers in memory keep nothing");
                    return Ok(ExitCode::from(USAGE));
                }
                Protocol::Memory => Deck::Basin(basin::Basin::launch(start.servers)?),
                Protocol::Rpc => Deck::Live(runtime.block_on(live::Live::launch(&start))?),
            };
            let mut prompt = Prompt::new(runtime, deck);
            let code = prompt.run(Source::stdin(&greeting)?)?;
            runtime.block_on(prompt.into_deck().close());
            Ok(code)
        }
        Task::Serve(serve) => runtime.block_on(serve::serve(*serve)),
        Task::Torture(torture) => runtime.block_on(torture::torture(&torture)),
        Task::Bench(bench) => runtime.block_on(bench::bench(&bench)),
        Task::Client { reach, command } => {
            let greeting = format!(
                "Seaworthy {}: a client of {}.\nHELP lists the commands, EXIT ends.",
                env!("CARGO_PKG_VERSION"),
                reach.endpoints.join(", "),
            );
            let mut prompt = Prompt::new(runtime, remote(&reach)?);
            if command.is_empty() {
                prompt.run(Source::stdin(&greeting)?)
            } else {
                prompt.run(Source::Lines(command))
            }
        }
        Task::Status { reach } => order(runtime, &reach, &Order::Status),
        Task::Member { reach, change } => order(runtime, &reach, &change.order()),
        Task::Transfer { reach, node } => order(runtime, &reach, &Order::Transfer(node)),
        Task::Snapshot { reach, node } => order(runtime, &reach, &Order::Snapshot(node)),
    }
}

fn remote(reach: &Reach) -> Result<Deck> {
    Ok(Deck::Remote(remote::Remote::new(reach.endpoints.clone(), reach.tls.read(&reach.cluster)?)))
}

/// One order for a cluster elsewhere.
fn order(runtime: &Runtime, reach: &Reach, order: &Order) -> Result<ExitCode> {
    Prompt::new(runtime, remote(reach)?).give(order)
}
