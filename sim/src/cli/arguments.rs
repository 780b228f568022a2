//! What can be asked for: the grammar of the command line, and its help.

use clap::builder::styling::{AnsiColor, Styles};
use clap::{Args, Parser, Subcommand, ValueEnum};
use seaworthy_core::types::NodeId;
use seaworthy_sim::artifact::DEFAULT_OUT;
use seaworthy_sim::shrink::CANDIDATES;
use seaworthy_sim::sweep::Shard;
use seaworthy_sim::time::Span;
use std::num::{NonZeroU64, NonZeroUsize};
use std::ops::Range;
use std::path::PathBuf;

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

const AFTER_HELP: &str = "\
Examples:
  seaworthy sweep                           all scenarios, and the swarm
  seaworthy run elections/first-election    one run of a bundled scenario
  seaworthy new my.json                     a scenario of your own

Exit codes: 0 as expected; 1 a violation, or an expectation missed; 2 bad usage
or bad input; 3 undecided; 4 nothing ran; 5 not deterministic; 70 the simulator
itself failed; 130 interrupted.";

const RUN_EXAMPLES: &str = "\
A run that fails is kept below --out, with all that `seaworthy replay` needs.
Formats:
  human   words
  json    an object a run, and before it one a line of the trace
  jsonl   the same
  junit   one XML document, in which a scenario is a suite
  github  workflow commands of GitHub Actions: an error a failure, and a notice
Each object has a schema_version, and a type: \"trace\", \"run\", or \"failure\" of a
run that panicked or came out differently the second time. Fields that end in
_seconds are numbers; instants are texts, as in \"3.39s\".

Examples:
  seaworthy run elections/first-election
  seaworthy run my.json --seed 7 --trace --until 3s --node 1
  seaworthy run my.json --html run.html     lanes, messages and the trace
  seaworthy run swarm --seed 1234 --format json";

const SWEEP_EXAMPLES: &str = "\
With no scenario: every bundled one over 20 seeds each, then the swarm over
2000, in which each seed draws a cluster, a workload and faults of its own.
A run that fails is kept below --out, with all that `seaworthy replay` needs.
Shard K/N runs, of every scenario, the seeds that leave the remainder K-1 when
divided by N: shards 1/N to N/N together run what one sweep would, each run once.
Formats:
  human   words and a table
  json    one object for the whole sweep, of the type \"sweep\"
  jsonl   an object a run as soon as it is over, of the type \"run\", or \"failure\"
          if it panicked or was not deterministic; the \"sweep\" comes last
  junit   one XML document: a scenario is a suite, a seed that failed a case,
          and all seeds that hold are one case together
  github  workflow commands of GitHub Actions: an error a failure, and a notice
Each object has a schema_version. Only wall_seconds, steps_per_second and
virtual_per_wall, and the time in junit, differ when a sweep is done again.

Examples:
  seaworthy sweep
  seaworthy sweep my.json --seeds 0..10000 --jobs 8
  seaworthy sweep --shard 2/4               the second of four machines
  seaworthy sweep --no-swarm --format json";

const BUGS_EXAMPLES: &str = "\
Each bug is planted into our own core, and the swarm's runs are made with it,
seed after seed, until a checker finds it; several times, from different seeds on.
A bug that chance finds too rarely has a scenario that shows it, marked *.
The table: by what it was found, the seed of the first find, how many seeds it
took (median and worst), the step of the first find, and CPU time (median).
Exits with 1 if a bug is missed, or if a checker finds it that should not be the
first.
With --study the checkers look at everything, at no disk, or at clients alone,
each from the run on in which the sharper saw something, so that its CPU time is
an upper bound. The table is in Markdown, of the bugs so far if called off;
exits with 1 if a run with nothing planted fails.
Formats:
  human   a table; of bugs that are named also what they are and how to see them
  json    one object, of the type \"bugs\" or \"study\"
Only cpu_seconds differ when it is done again.

Examples:
  seaworthy bugs
  seaworthy bugs votes_twice commits_earlier_term
  seaworthy bugs --seeds 5000..6000 --hunts 5 --format json
  seaworthy bugs --study --seeds 0..750 --hunts 20";

const REPLAY_EXAMPLES: &str = "\
Exits with 1 if the run still fails, with 0 if it does not any more.

Examples:
  seaworthy replay seaworthy.out/9c1f0a3e00c0ffee
  seaworthy replay seaworthy.out/9c1f0a3e00c0ffee --html run.html
  seaworthy replay my.json --seed 7 --trace
  seaworthy replay --fuzz-input fuzz/artifacts/schedule/crash-0c0ffee";

const SHRINK_EXAMPLES: &str = "\
The result is a scenario that demands the same violation. It is the same for the
same number of candidates, however many jobs; the budget only cuts it short, as
does Ctrl-C, and the best so far is kept.

Examples:
  seaworthy shrink seaworthy.out/9c1f0a3e00c0ffee
  seaworthy shrink seaworthy.out/9c1f0a3e00c0ffee -o scenarios/regressions/x.json
  seaworthy shrink my.json --seed 7 --budget 10s";

/// Is your raft seaworthy? Sails Raft clusters through simulated storms, and checks every step.
#[derive(Debug, Parser)]
#[command(
    name = "seaworthy",
    version,
    styles = STYLES,
    after_help = AFTER_HELP,
    disable_help_subcommand = true,
    max_term_width = 80
)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run scenarios, once each
    Run(RunArguments),
    /// Run scenarios and the swarm over many seeds
    Sweep(SweepArguments),
    /// Plant bugs, and see how soon each is found
    Bugs(BugsArguments),
    /// Run a failure again, and say whether it is still the same
    Replay(ReplayArguments),
    /// Make a failure as small as it gets, and write it out moment by moment
    Shrink(ShrinkArguments),
    /// Print the JSON Schema of scenario files, for editors
    Schema,
    /// Write a scenario to start from
    New(NewArguments),
    /// Print a completion script for a shell
    Completions(CompletionsArguments),
}

#[derive(Debug, Args)]
#[command(after_help = RUN_EXAMPLES)]
pub(super) struct RunArguments {
    /// Files, names of bundled scenarios, or "swarm"
    #[arg(value_name = "SCENARIO", required = true)]
    pub(super) scenarios: Vec<String>,
    /// The run's luck
    #[arg(long, value_name = "N", default_value = "0", value_parser = seed, allow_negative_numbers = true, env = "SEAWORTHY_SEED", hide_env_values = true)]
    pub(super) seed: u64,
    #[command(flatten)]
    pub(super) trace: TraceArguments,
    #[command(flatten)]
    pub(super) outcome: OutcomeArguments,
}

/// What is shown of how a run went. The run is the same whatever is shown of it.
#[derive(Debug, Args)]
pub(super) struct TraceArguments {
    /// Write the run as a picture to this file, for a browser
    #[arg(long, value_name = "OUT")]
    pub(super) html: Option<PathBuf>,
    /// Print the trace
    #[arg(long)]
    pub(super) trace: bool,
    /// Print the trace only up to this virtual time, as in 2.5s
    #[arg(long, value_name = "T", requires = "trace")]
    pub(super) until: Option<Span>,
    /// Print the trace of this node only, as in 1 or n1
    #[arg(long, value_name = "N", requires = "trace", value_parser = node)]
    pub(super) node: Option<NodeId>,
}

/// What is done with the outcomes of runs. It changes none of them.
#[derive(Debug, Args)]
pub(super) struct OutcomeArguments {
    /// Run everything twice and compare
    #[arg(long)]
    pub(super) verify_determinism: bool,
    /// Where failing runs are kept
    #[arg(long, value_name = "DIR", default_value = DEFAULT_OUT, env = "SEAWORTHY_OUT", hide_env_values = true)]
    pub(super) out: PathBuf,
    /// How to print the results
    #[arg(long, default_value = "human")]
    pub(super) format: Format,
}

#[derive(Debug, Args)]
#[command(after_help = SWEEP_EXAMPLES)]
pub(super) struct SweepArguments {
    /// Files, names of bundled scenarios, or "swarm" [default: all]
    #[arg(value_name = "SCENARIO")]
    pub(super) scenarios: Vec<String>,
    /// Seeds for each scenario, B not included [default: 0..20, or 0..100 of named scenarios]
    #[arg(long, value_name = "A..B", value_parser = seeds)]
    pub(super) seeds: Option<Range<u64>>,
    /// Seeds for the swarm [default: 0..2000, or none beside named scenarios]
    #[arg(long, value_name = "A..B", value_parser = seeds, conflicts_with = "no_swarm")]
    pub(super) swarm_seeds: Option<Range<u64>>,
    /// The share of one of N machines: of each scenario every Nth seed, K from 1 to N
    #[arg(long, value_name = "K/N", allow_hyphen_values = true)]
    pub(super) shard: Option<Shard>,
    /// Leave the swarm out
    #[arg(long)]
    pub(super) no_swarm: bool,
    /// Threads; they change no result [default: one a core]
    #[arg(long, value_name = "N", value_parser = positive::<NonZeroUsize>, env = "SEAWORTHY_JOBS", hide_env_values = true)]
    pub(super) jobs: Option<NonZeroUsize>,
    /// Show what the runs went through: messages by role, changes of role, terms, logs and faults
    #[arg(long, conflicts_with = "verify_determinism")]
    pub(super) coverage: bool,
    /// Stop after so many failures
    #[arg(long, value_name = "N", default_value = "10", value_parser = positive::<NonZeroU64>)]
    pub(super) max_failures: NonZeroU64,
    #[command(flatten)]
    pub(super) outcome: OutcomeArguments,
}

#[derive(Debug, Args)]
#[command(after_help = BUGS_EXAMPLES)]
pub(super) struct BugsArguments {
    /// Names of planted bugs [default: all]
    #[arg(value_name = "NAME")]
    pub(super) names: Vec<String>,
    /// The seeds that the first hunt for each bug may take, B not included
    #[arg(long, value_name = "A..B", value_parser = seeds, default_value = "0..1000")]
    pub(super) seeds: Range<u64>,
    /// Hunts for each bug, over as many seeds each, one range after the other
    #[arg(long, value_name = "N", default_value = "3", value_parser = positive::<NonZeroUsize>)]
    pub(super) hunts: NonZeroUsize,
    /// Look in the swarm also for those that a scenario shows
    #[arg(long)]
    pub(super) by_chance: bool,
    /// Look in the swarm for each with three sets of checkers, and run the same seeds with nothing planted
    #[arg(long)]
    pub(super) study: bool,
    /// Shrink the first run that finds each, and tell what is left: its faults and operations, and its events
    #[arg(long, conflicts_with = "study")]
    pub(super) shrink: bool,
    /// Shrink each for no longer than this
    #[arg(long, value_name = "T", default_value = "60s", requires = "shrink")]
    pub(super) budget: Span,
    /// Threads; they change no result but the time [default: one a core]
    #[arg(long, value_name = "N", value_parser = positive::<NonZeroUsize>, env = "SEAWORTHY_JOBS", hide_env_values = true)]
    pub(super) jobs: Option<NonZeroUsize>,
    /// How to print the results
    #[arg(long, default_value = "human")]
    pub(super) format: BugsFormat,
}

#[derive(Debug, Args)]
#[command(after_help = REPLAY_EXAMPLES)]
pub(super) struct ReplayArguments {
    /// The directory of a kept failure, or a scenario with --seed
    #[arg(value_name = "ARTIFACT|SCENARIO", required_unless_present = "fuzz_input")]
    pub(super) target: Option<String>,
    /// The run's luck; an artifact knows its own
    #[arg(long, value_name = "N", value_parser = seed, allow_negative_numbers = true)]
    pub(super) seed: Option<u64>,
    /// An input of a fuzz target, in a folder of the target's name
    #[arg(long, value_name = "FILE", conflicts_with_all = ["target", "seed"])]
    pub(super) fuzz_input: Option<PathBuf>,
    #[command(flatten)]
    pub(super) trace: TraceArguments,
}

#[derive(Debug, Args)]
#[command(after_help = SHRINK_EXAMPLES)]
pub(super) struct ShrinkArguments {
    /// The directory of a kept failure, or a scenario with --seed
    #[arg(value_name = "ARTIFACT|SCENARIO")]
    pub(super) target: String,
    /// The run's luck; an artifact knows its own
    #[arg(long, value_name = "N", value_parser = seed, allow_negative_numbers = true)]
    pub(super) seed: Option<u64>,
    /// Write the scenario to this file rather than to standard output
    #[arg(short, long, value_name = "OUT")]
    pub(super) output: Option<PathBuf>,
    /// Stop after so much time, with the best so far
    #[arg(long, value_name = "T", default_value = "60s")]
    pub(super) budget: Span,
    /// Stop after so many candidates
    #[arg(long, value_name = "N", default_value_t = CANDIDATES, value_parser = positive::<NonZeroU64>)]
    pub(super) candidates: NonZeroU64,
    /// Threads; they change no result [default: one a core]
    #[arg(long, value_name = "N", value_parser = positive::<NonZeroUsize>, env = "SEAWORTHY_JOBS", hide_env_values = true)]
    pub(super) jobs: Option<NonZeroUsize>,
}

#[derive(Debug, Args)]
pub(super) struct NewArguments {
    /// The file, which must not exist
    #[arg(value_name = "FILE")]
    pub(super) file: PathBuf,
    /// Write what the swarm draws from this seed
    #[arg(long, value_name = "SEED", value_parser = seed, allow_negative_numbers = true)]
    pub(super) swarm: Option<u64>,
    /// Plant a bug in it
    #[arg(long, value_name = "BUG", requires = "swarm")]
    pub(super) plant: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct CompletionsArguments {
    /// Which shell
    #[arg(value_name = "SHELL")]
    pub(super) shell: clap_complete::Shell,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    Human,
    Json,
    Jsonl,
    Junit,
    Github,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum BugsFormat {
    Human,
    Json,
}

/// A seed: decimal, or hexadecimal after `0x`.
fn seed(text: &str) -> Result<u64, String> {
    let number = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    number.map_err(|_| format!("a seed is a whole number from 0 to {}", u64::MAX))
}

/// A count of which there must be at least one.
fn positive<N: std::str::FromStr>(text: &str) -> Result<N, String> {
    text.parse().map_err(|_| "a whole number from 1".to_owned())
}

/// Seeds: `A..B` without B, `A..=B` with it, or one seed alone.
fn seeds(text: &str) -> Result<Range<u64>, String> {
    const RIGHT: &str = "seeds are written A..B, as in 0..100, which leaves out 100";
    let wrong = |_| RIGHT.to_owned();
    let (start, end) = match text.split_once("..") {
        Some((start, end)) => match end.strip_prefix('=') {
            Some(last) => (seed(start).map_err(wrong)?, after(seed(last).map_err(wrong)?)?),
            None => (seed(start).map_err(wrong)?, seed(end).map_err(wrong)?),
        },
        None => {
            let only = seed(text).map_err(wrong)?;
            (only, after(only)?)
        }
    };
    if start <= end {
        Ok(start..end)
    } else {
        Err(format!("{start} comes after {end}; is it {end}..{start}?"))
    }
}

fn after(last: u64) -> Result<u64, String> {
    last.checked_add(1).ok_or_else(|| "the last seed that a range can hold is one less".to_owned())
}

/// A node: `1` or `n1`.
fn node(text: &str) -> Result<NodeId, String> {
    let number = text.strip_prefix('n').unwrap_or(text).parse().ok().and_then(NodeId::try_new);
    number.ok_or_else(|| "a node is a number from 1, as in 1 or n1".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_grammar_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn seeds_are_a_range_and_a_wrong_one_is_answered_with_what_is_right() {
        let cases =
            ["0..20", "5..5", "3..=7", "7", "0x10..0x20", "5..2", "abc", "1..", "..2", "-1..3", "1.5", ""];
        let last = format!("0..={}", u64::MAX);
        let lines: Vec<String> = cases
            .into_iter()
            .chain([last.as_str()])
            .map(|text| match seeds(text) {
                Ok(range) => format!("{text:?} is {range:?}"),
                Err(error) => format!("{text:?}: {error}"),
            })
            .collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
            "0..20" is 0..20
            "5..5" is 5..5
            "3..=7" is 3..8
            "7" is 7..8
            "0x10..0x20" is 16..32
            "5..2": 5 comes after 2; is it 2..5?
            "abc": seeds are written A..B, as in 0..100, which leaves out 100
            "1..": seeds are written A..B, as in 0..100, which leaves out 100
            "..2": seeds are written A..B, as in 0..100, which leaves out 100
            "-1..3": seeds are written A..B, as in 0..100, which leaves out 100
            "1.5": seeds are written A..B, as in 0..100, which leaves out 100
            "": seeds are written A..B, as in 0..100, which leaves out 100
            "0..=18446744073709551615": the last seed that a range can hold is one less
        "#);
    }

    #[test]
    fn a_node_is_named_as_in_the_trace_or_by_its_number() {
        assert_eq!(node("n3"), Ok(NodeId::new(3)));
        assert_eq!(node("3"), Ok(NodeId::new(3)));
        for wrong in ["0", "n", "leader", "-1", "nn1"] {
            assert!(node(wrong).is_err(), "{wrong}");
        }
    }
}
