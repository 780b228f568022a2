//! One run: a scenario and a seed in, a report out.

use crate::choice::Choice;
use crate::fault::FaultKind;
use crate::history::HistoryEvent;
use crate::network::Owner;
use crate::observation::Property;
use crate::replica::Replica;
use crate::scenario::Scenario;
use crate::scenario::model::Action;
use crate::seaworthy::Seaworthy;
use crate::time::{Span, Time};
use crate::trace::Record;
use crate::world::{Options, World};
use seaworthy_core::flaw::{Planted, Sound};
use seaworthy_core::types::NodeId;
use std::collections::{BTreeMap, BTreeSet};

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Everything held; or what had to be violated was.
    Ok,
    /// A property does not hold.
    Violation,
    /// An expectation of the scenario was missed.
    Expectation,
    /// The run was cut off: see [`Cutoff`].
    Cutoff,
}

/// What there was too much of in a run of which nothing is known but that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cutoff {
    /// It took more steps than it may.
    Steps,
    /// It had more events to come than it may.
    Pending,
    /// More orders of the operations would have had to be tried to explain what clients saw.
    Linearizability,
}

impl Cutoff {
    /// In words: `too many steps`.
    pub fn words(self) -> &'static str {
        match self {
            Self::Steps => "too many steps",
            Self::Pending => "too many events to come",
            Self::Linearizability => "too many orders of the operations to try",
        }
    }
}

/// What a run came to. A function of (binary, scenario, seed), down to the last bit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunReport {
    /// The scenario's name.
    pub scenario: String,
    /// The seed.
    pub seed: u64,
    /// How it ended.
    pub verdict: Verdict,
    /// The violation, also where the scenario demands one.
    pub violation: Option<Found>,
    /// The expectation that was missed, in words.
    pub missed: Option<String>,
    /// What there was too much of, if the run was cut off.
    pub cutoff: Option<Cutoff>,
    /// A hash over all trace records.
    pub fingerprint: u64,
    /// Checked steps: events that did something, each followed by every checker.
    pub steps: u64,
    /// How much virtual time went by.
    pub virtual_time: Span,
    /// What became of the messages between nodes.
    pub messages: MessageCounts,
    /// What became of the clients' operations.
    pub operations: OperationCounts,
    /// Elections won.
    pub elections: u64,
    /// How often each kind of fault happened, by its name.
    pub faults: BTreeMap<&'static str, u64>,
    /// The kinds of faults that the scenario asks for, whether they happened or not.
    pub in_play: BTreeSet<FaultKind>,
}

/// A violation and when it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The property.
    pub property: Property,
    /// When.
    pub at: Time,
    /// At which step.
    pub step: u64,
    /// The node at fault, where there is one.
    pub node: Option<NodeId>,
    /// The facts that contradict each other.
    pub detail: String,
}

/// What became of the messages between nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct MessageCounts {
    /// Handed to the network.
    pub sent: u64,
    /// Arrived at a running node.
    pub delivered: u64,
    /// Lost: by luck, cut, rule, or arriving at a node that is down.
    pub dropped: u64,
    /// Sent once, scheduled twice.
    pub duplicated: u64,
}

/// What became of the clients' operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct OperationCounts {
    /// Answered.
    pub ok: u64,
    /// Surely without effect.
    pub fail: u64,
    /// Outcome unknown.
    pub info: u64,
}

/// What is kept of a run that is recorded.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    /// One line a record, in the notation.
    pub trace: Vec<TraceLine>,
    /// What the clients saw.
    pub history: Vec<HistoryEvent>,
    /// What was done to the cluster, in order, with each role in it replaced by who had it.
    pub deeds: Vec<Deed>,
}

/// One thing that was done to a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deed {
    /// When.
    pub at: Time,
    /// By whom.
    pub owner: Owner,
    /// What.
    pub action: Action,
}

/// One line of a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceLine {
    /// When.
    pub at: Time,
    /// At which step.
    pub step: u64,
    /// The node whose record this is, where there is one.
    pub node: Option<NodeId>,
    /// What happened: `n1@3 ⇨ leader`, `n1@3 → n2 AppendEntries 7@2 +1`.
    pub text: String,
    /// The same as data. Nothing if a client did or saw it, which the history holds, or if the line was read back
    /// from a file, which holds words.
    pub record: Option<Record>,
}

/// More steps than any sane run takes: the longest of the swarm take some hundred thousand.
pub const DEFAULT_MAX_STEPS: u64 = 20_000_000;

/// Runs `scenario`, which must be valid (see [`crate::scenario`]), with the luck of `seed`.
pub fn run(scenario: &Scenario, seed: u64) -> RunReport {
    run_with(scenario, Choice::seeded(seed), seed, false).0
}

/// The same run, with its trace and history.
pub fn run_recorded(scenario: &Scenario, seed: u64) -> (RunReport, Recording) {
    run_with(scenario, Choice::seeded(seed), seed, true)
}

/// Runs `scenario` with any luck: a fuzzer's, or a tape's. `seed` is what the report says. The recording is
/// empty unless it is asked for.
pub fn run_with(scenario: &Scenario, mut choice: Choice, seed: u64, record: bool) -> (RunReport, Recording) {
    let (report, recording) = if scenario.planted.is_empty() {
        run_replica::<Seaworthy<Sound>>(scenario, &mut choice, record)
    } else {
        run_replica::<Seaworthy<Planted>>(scenario, &mut choice, record)
    };
    (RunReport { seed, ..report }, recording)
}

/// Runs `scenario` on servers of any kind. Afterwards `choice` holds the tape of the run, if it was recording.
/// The report's seed is 0.
pub fn run_replica<R: Replica>(
    scenario: &Scenario,
    choice: &mut Choice,
    record: bool,
) -> (RunReport, Recording) {
    let options = Options { record, check: true, max_steps: DEFAULT_MAX_STEPS };
    World::<R>::new(scenario, choice, options).run()
}

/// The same run without checkers: it says nothing about right and wrong, only what the world itself costs.
pub fn run_unchecked(scenario: &Scenario, seed: u64) -> RunReport {
    let options = Options { record: false, check: false, max_steps: DEFAULT_MAX_STEPS };
    let (report, _) = World::<Seaworthy<Sound>>::new(scenario, &mut Choice::seeded(seed), options).run();
    RunReport { seed, ..report }
}
