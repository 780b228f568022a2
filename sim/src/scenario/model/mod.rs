//! What a scenario file says. Every field but `name` and `claim` has a default; unknown fields are errors.

mod aim;
mod demand;
mod event;
mod surroundings;

pub use demand::{Expectation, Liveness, Predicate};
pub use event::{Action, Fault, Moment, Nemesis, Rule, Verdict};
pub use surroundings::{Clock, Disk, Disks, Distribution, Link, Network};

use super::scalar::Ppm;
use crate::time::Span;
use schemars::JsonSchema;
use seaworthy_core::member::ReadMode;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A cluster, its world, what is done to it, and what must come of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Where the JSON Schema of this file is, for editors; nothing else reads it.
    #[serde(rename = "$schema", default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// A short name, lower case with dashes; in the bundled files that of the file.
    pub name: String,
    /// What this scenario shows, in a sentence or two.
    pub claim: String,
    /// How long the run lasts before its liveness phase. No instant of the scenario lies after it.
    #[serde(default = "Scenario::default_duration")]
    pub duration: Span,
    /// The servers.
    #[serde(default)]
    pub cluster: Cluster,
    /// How messages travel.
    #[serde(default)]
    pub network: Network,
    /// How fast disks are.
    #[serde(default)]
    pub disk: Disks,
    /// How clocks err.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clocks: Vec<Clock>,
    /// What clients do of their own accord.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload: Option<Workload>,
    /// What happens at given instants.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub timeline: Vec<Moment>,
    /// What happens to single messages; the first rule that matches decides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Rule>,
    /// Faults that come at random instants.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nemesis: Vec<Nemesis>,
    /// Whether, after `duration`, every fault is healed and the cluster must make progress, and by when.
    #[serde(default)]
    pub liveness: Liveness,
    /// What must hold at instants, and at the end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expect: Vec<Expectation>,
    /// Bugs planted in the servers, by their names in the catalogue.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub planted: Vec<String>,
}

/// The servers and their settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Cluster {
    /// How many found the cluster, numbered from 1.
    #[schemars(range(min = 1, max = 15))]
    pub nodes: u64,
    /// Those of the founders that are learners: they receive the log and have no vote (thesis §4.2.1).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub learners: Vec<u64>,
    /// How many more servers stand ready to be added, numbered on from the founders. They belong to no cluster yet.
    #[serde(skip_serializing_if = "is_zero")]
    #[schemars(range(max = 14))]
    pub spares: u64,
    /// The shortest election timeout.
    pub election_timeout_min: Span,
    /// The longest election timeout, exclusive.
    pub election_timeout_max: Span,
    /// How often a leader speaks when it has nothing to say.
    pub heartbeat_interval: Span,
    /// Whether a node asks before it campaigns (thesis §9.6).
    pub pre_vote: bool,
    /// Whether a leader without a quorum steps down, and voters that hear a leader refuse to vote (thesis §6.2).
    pub check_quorum: bool,
    /// How far the rates of any two clocks may lie apart, so that leaders may answer reads on a lease (thesis §6.4.1).
    /// Without it there are no leases. Clocks that the scenario makes worse than that break their promise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lease_drift: Option<Ppm>,
    /// Entries in one AppendEntries, at most.
    #[schemars(range(min = 1))]
    pub max_batch_entries: u32,
    /// Bytes in one AppendEntries, at most, unless a single entry has more.
    #[schemars(range(min = 1))]
    pub max_batch_bytes: u32,
    /// AppendEntries with entries on their way to one follower, at most.
    #[schemars(range(min = 1))]
    pub max_inflight_messages: u32,
    /// Bytes of entries on their way to one follower, at most, unless a single message has more.
    #[schemars(range(min = 1))]
    pub max_inflight_bytes: u32,
    /// Bytes in one entry, at most.
    #[schemars(range(min = 1))]
    pub max_entry_bytes: u32,
    /// Bytes of entries that wait to be committed, at most, unless a single entry has more; what goes beyond is refused.
    #[schemars(range(min = 1))]
    pub max_uncommitted_bytes: u32,
    /// Reads that wait to be confirmed at one node, at most.
    #[schemars(range(min = 1))]
    pub max_pending_reads: u32,
    /// Entries applied in one step, at most.
    #[schemars(range(min = 1))]
    pub max_apply_entries: u32,
    /// How many entries are applied between one snapshot and the next; 0 for none but those that are asked for.
    pub snapshot_interval: u64,
    /// How many entries before a snapshot's last stay in the log for followers that lag a little.
    pub trailing_entries: u64,
    /// How many bytes of entries are applied between one snapshot and the next, and stay in the log before its last, at
    /// most; 0 for as many as may be by number.
    #[serde(skip_serializing_if = "is_zero")]
    pub snapshot_bytes: u64,
    /// Bytes of a snapshot in one message, at most.
    #[schemars(range(min = 1))]
    pub max_chunk_bytes: u32,
    /// Client sessions that are open at a time, at most: one more, and the least recently used one expires.
    #[schemars(range(min = 1))]
    pub max_sessions: u32,
    /// For how many entries of the log a session stays open after the one that used it last.
    #[schemars(range(min = 1))]
    pub session_lifetime: u64,
    /// What the disks of some nodes hold at the start.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub initial: Vec<InitialDisk>,
}

/// What one node's disk holds at the start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InitialDisk {
    /// Which node.
    #[schemars(range(min = 1))]
    pub node: u64,
    /// Its term; at least that of its last entry.
    pub term: u64,
    /// Its vote in that term.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub vote: Option<u64>,
    /// The terms of its log's entries, from index 1; never descending.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log: Vec<u64>,
}

/// What clients do of their own accord.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Workload {
    /// How many clients, numbered from 1; each has one operation at a time.
    #[schemars(range(min = 1, max = 64))]
    pub clients: u32,
    /// How long a client waits between operations.
    pub think: Distribution,
    /// How long a client waits for an answer before it tries elsewhere.
    pub attempt_timeout: Span,
    /// How long a client tries before it gives the operation up, its outcome unknown.
    pub operation_timeout: Span,
    /// How many keys there are at a time.
    #[schemars(range(min = 1, max = 1000))]
    pub keys: u32,
    /// How often each command is chosen, relative to the others: `{"SET": 3, "GET": 5}`.
    pub commands: BTreeMap<CommandName, u32>,
    /// How often each way to read is chosen, relative to the others: `{"leader": 2, "follower": 1}`.
    #[schemars(schema_with = "crate::scenario::schema::reads")]
    pub reads: BTreeMap<ReadModeName, u32>,
    /// How likely a client asks a node at random rather than the one it believes to lead.
    pub stray: Ppm,
    /// How likely a client sends a request a second time without need.
    pub resend: Ppm,
    /// How many clients only read and stay with the node that they asked last, as long as it answers at all.
    pub loyal_readers: u32,
    /// How many others stay with the node that they asked last in the same way, and write as well: a leader that nobody
    /// hears any more goes on filling its log.
    pub loyal_writers: u32,
    /// When clients begin.
    pub start: Span,
    /// When clients begin no more; by default when the duration ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop: Option<Span>,
}

/// On whose word a read is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReadModeName {
    /// The leader's, once a quorum has confirmed that it leads (thesis §6.4).
    Leader,
    /// The leader's alone while its lease lasts (thesis §6.4.1).
    Lease,
    /// Anybody's, who asks the leader for the index to read at.
    Follower,
    /// Anybody's, at once: some state that the cluster went through.
    Stale,
}

/// The commands of the store.
#[allow(missing_docs)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum CommandName {
    Set,
    Get,
    Del,
    Cas,
    Append,
    HSet,
    HGet,
    HDel,
    HGetAll,
    SSet,
    SHas,
    SDel,
    SMembers,
    Exists,
    Type,
}

impl ReadModeName {
    /// How files say it: the leader's goes without saying.
    pub fn said(mode: ReadMode) -> Option<Self> {
        Some(Self::from(mode)).filter(|name| *name != Self::Leader)
    }
}

impl From<ReadMode> for ReadModeName {
    fn from(mode: ReadMode) -> Self {
        match mode {
            ReadMode::Leader => Self::Leader,
            ReadMode::Lease => Self::Lease,
            ReadMode::Follower => Self::Follower,
            ReadMode::Stale => Self::Stale,
        }
    }
}

impl From<ReadModeName> for ReadMode {
    fn from(name: ReadModeName) -> Self {
        match name {
            ReadModeName::Leader => Self::Leader,
            ReadModeName::Lease => Self::Lease,
            ReadModeName::Follower => Self::Follower,
            ReadModeName::Stale => Self::Stale,
        }
    }
}

impl Scenario {
    /// A calm scenario with every default: three nodes, no clients, no faults.
    pub fn named(name: &str, claim: &str) -> Self {
        Self {
            schema: None,
            name: name.into(),
            claim: claim.into(),
            duration: Self::default_duration(),
            cluster: Cluster::default(),
            network: Network::default(),
            disk: Disks::default(),
            clocks: Vec::new(),
            workload: None,
            timeline: Vec::new(),
            rules: Vec::new(),
            nemesis: Vec::new(),
            liveness: Liveness::default(),
            expect: Vec::new(),
            planted: Vec::new(),
        }
    }

    fn default_duration() -> Span {
        Span::seconds(10)
    }
}

impl Default for Cluster {
    fn default() -> Self {
        Self {
            nodes: 3,
            election_timeout_min: Span::millis(150),
            election_timeout_max: Span::millis(300),
            heartbeat_interval: Span::millis(50),
            pre_vote: true,
            check_quorum: true,
            learners: Vec::new(),
            spares: 0,
            lease_drift: None,
            max_batch_entries: 64,
            max_batch_bytes: 1 << 20,
            max_inflight_messages: 64,
            max_inflight_bytes: 8 << 20,
            max_entry_bytes: 2 << 20,
            max_uncommitted_bytes: 64 << 20,
            max_pending_reads: 4_096,
            max_apply_entries: 256,
            snapshot_interval: 1_000,
            trailing_entries: 200,
            snapshot_bytes: 0,
            max_chunk_bytes: 64 << 10,
            max_sessions: 4_096,
            session_lifetime: 1_000_000,
            initial: Vec::new(),
        }
    }
}

impl Cluster {
    /// How many servers there are, members or not.
    pub fn servers(&self) -> u64 {
        self.nodes.saturating_add(self.spares)
    }
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Default for Workload {
    fn default() -> Self {
        use CommandName::*;
        let commands = [
            (Set, 20),
            (Get, 20),
            (Del, 3),
            (Cas, 6),
            (Append, 8),
            (HSet, 8),
            (HGet, 6),
            (HDel, 3),
            (HGetAll, 3),
            (SSet, 8),
            (SHas, 5),
            (SDel, 4),
            (SMembers, 3),
            (Exists, 2),
            (Type, 1),
        ];
        Self {
            clients: 4,
            think: Distribution::Uniform { min: Span::ZERO, max: Span::millis(50) },
            attempt_timeout: Span::millis(300),
            operation_timeout: Span::seconds(2),
            keys: 4,
            commands: BTreeMap::from(commands),
            reads: BTreeMap::from([(ReadModeName::Leader, 1)]),
            stray: Ppm::new(50_000),
            resend: Ppm::ZERO,
            loyal_readers: 0,
            loyal_writers: 0,
            start: Span::ZERO,
            stop: None,
        }
    }
}
