//! What a scenario file says. Every field but `name` and `claim` has a default; unknown fields are errors.

use super::scalar::{Ppm, Target};
use crate::observation::Property;
use crate::replica::MessageKind;
use crate::time::Span;
use schemars::JsonSchema;
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
    /// Bugs planted in the servers, by name (`seaworthy bugs` lists them).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub planted: Vec<String>,
}

/// The servers and their settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Cluster {
    /// How many, numbered from 1.
    #[schemars(range(min = 1, max = 15))]
    pub nodes: u64,
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
    /// Entries in one AppendEntries, at most.
    #[schemars(range(min = 1))]
    pub max_batch_entries: u32,
    /// AppendEntries with entries on their way to one follower, at most.
    #[schemars(range(min = 1))]
    pub max_inflight_messages: u32,
    /// Entries applied in one step, at most.
    #[schemars(range(min = 1))]
    pub max_apply_entries: u32,
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

/// How messages travel between nodes, and between clients and nodes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Network {
    /// How long a message takes.
    pub latency: Distribution,
    /// How likely a message is lost, from 0 (never) to 1 (always).
    pub loss: Ppm,
    /// How likely a message arrives a second time, later.
    pub duplicate: Ppm,
    /// Whether messages of one link arrive in the order in which they were sent.
    pub fifo: bool,
    /// How long a message between a client and a node takes.
    pub client_latency: Distribution,
    /// How likely a message between a client and a node is lost.
    pub client_loss: Ppm,
    /// Links that differ, each in one direction.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Link>,
}

/// One direction between two nodes. What is not given is as everywhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// The sender.
    #[schemars(range(min = 1))]
    pub from: u64,
    /// The addressee.
    #[schemars(range(min = 1))]
    pub to: u64,
    /// How long a message takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<Distribution>,
    /// How likely a message is lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<Ppm>,
    /// How likely a message arrives twice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duplicate: Option<Ppm>,
}

/// A random length of time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Distribution {
    /// Always the same.
    Constant(Span),
    /// Anything between two bounds, both included.
    Uniform {
        /// The shortest.
        min: Span,
        /// The longest.
        max: Span,
    },
    /// Log-normal: half are shorter than the median, one in a hundred is longer than `p99`.
    LogNormal {
        /// The middle.
        median: Span,
        /// The hundredth-longest; at least the median.
        p99: Span,
    },
    /// Mostly one thing, rarely much longer.
    HeavyTail {
        /// The usual range.
        min: Span,
        /// The end of the usual range.
        max: Span,
        /// The longest of the rare ones, which lie between `max` and this.
        tail: Span,
        /// How likely a rare one is.
        probability: Ppm,
    },
}

/// How long a sync takes, and the exceptions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Disks {
    /// How long a sync takes; all that is written when it starts is durable when it ends.
    pub sync: Distribution,
    /// Nodes whose disks differ.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<Disk>,
}

/// One node's disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Disk {
    /// Which node.
    #[schemars(range(min = 1))]
    pub node: u64,
    /// How long its syncs take.
    pub sync: Distribution,
}

/// One node's clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Clock {
    /// Which node.
    #[schemars(range(min = 1))]
    pub node: u64,
    /// How far it is ahead at the start.
    #[serde(default)]
    pub offset: Span,
    /// How much faster it runs than time, in parts per million; negative is slower.
    #[serde(default)]
    #[schemars(range(min = -500_000, max = 1_000_000))]
    pub drift_ppm: i64,
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
    /// How likely a client asks a node at random rather than the one it believes to lead.
    pub stray: Ppm,
    /// How likely a client sends a request a second time without need.
    pub resend: Ppm,
    /// How many clients only read and stay with the node that they asked last, as long as it answers at all.
    pub loyal_readers: u32,
    /// When clients begin.
    pub start: Span,
    /// When clients begin no more; by default when the duration ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop: Option<Span>,
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

/// Something that happens at an instant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Moment {
    /// When, from the start.
    pub at: Span,
    /// What.
    #[serde(rename = "do")]
    pub action: Action,
}

/// Something that is done to the cluster. A role among the targets is looked up at that instant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Action {
    /// Cuts every link between nodes of different groups, both ways. Nodes in no group form one more.
    Partition {
        /// The groups.
        groups: Vec<Vec<Target>>,
    },
    /// Cuts the links from some nodes to others, one way only.
    Cut {
        /// The senders.
        from: Vec<Target>,
        /// The addressees.
        to: Vec<Target>,
    },
    /// Cuts the links between some nodes and others, both ways, and no others: a partial partition.
    Sever {
        /// One side.
        between: Vec<Target>,
        /// The other side.
        and: Vec<Target>,
    },
    /// Cuts a node off from all others, both ways.
    Isolate(Target),
    /// Mends every cut link.
    Heal {},
    /// Stops nodes at once; what was not durable is lost, as the luck of the disk has it.
    Crash(Vec<Target>),
    /// Stops a node in the middle of its next step's effects.
    CrashMidStep(Target),
    /// Starts nodes again.
    Restart(Vec<Target>),
    /// Freezes a node: messages and timers wait.
    Pause(Target),
    /// Wakes a frozen node.
    Resume(Target),
    /// Makes a node behave as if its election timeout had elapsed.
    Campaign(Target),
    /// Moves a node's clock forward at once.
    JumpClock {
        /// Which node.
        node: Target,
        /// How far.
        by: Span,
    },
    /// Changes how long a node's syncs take.
    SlowDisk {
        /// Which node.
        node: Target,
        /// How long.
        sync: Distribution,
    },
    /// Changes how likely messages between nodes are lost.
    Loss(Ppm),
    /// Changes how likely messages between nodes arrive twice.
    Duplicate(Ppm),
    /// Changes how long messages between nodes take.
    Latency(Distribution),
    /// Has a client issue one operation.
    Invoke {
        /// Which client, from 1; one that the workload does not drive.
        #[schemars(range(min = 1, max = 200))]
        client: u32,
        /// The command, as at the prompt.
        command: String,
        /// Which node to ask first; otherwise the one that the client believes to lead.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        node: Option<Target>,
        /// Whether the client stays with that node and takes no hint.
        #[serde(default)]
        stay: bool,
    },
}

/// What happens to single messages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Only messages of this sender.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub from: Option<u64>,
    /// Only messages to this node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub to: Option<u64>,
    /// Only messages of this kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<MessageKind>,
    /// Only messages of this term.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub term: Option<u64>,
    /// Only messages that carry at least one entry, or only those that carry none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub with_entries: Option<bool>,
    /// Only the so-manieth message that the rest of this rule matches, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub nth: Option<u64>,
    /// Only messages sent from this instant on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Span>,
    /// Only messages sent before this instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Span>,
    /// What happens to them.
    pub verdict: Verdict,
}

/// What happens to a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Verdict {
    /// It arrives as usual, whatever later rules and random loss say. Partitions still hold.
    Deliver,
    /// It is lost.
    Drop,
    /// It arrives after exactly this long.
    Delay(Span),
    /// It arrives as usual, and again after exactly this long.
    Duplicate(Span),
}

/// A fault that comes at random, again and again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Nemesis {
    /// What it does.
    pub fault: Fault,
    /// How long it waits between the end of one fault and the beginning of the next.
    pub every: Distribution,
    /// How long one fault lasts.
    #[serde(rename = "for")]
    pub duration: Distribution,
}

/// What a nemesis does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Splits the nodes in two groups at random.
    Partition,
    /// Cuts the leader off from all others.
    IsolateLeader,
    /// Cuts any one node off from all others.
    IsolateAny,
    /// Cuts random links, one way.
    OneWay,
    /// Cuts one pair of nodes that others still reach.
    Sever,
    /// Splits the nodes in two halves that only one node still reaches.
    Bridge,
    /// Crashes any node.
    Crash,
    /// Crashes the leader.
    CrashLeader,
    /// Crashes a node in the middle of a step's effects.
    CrashMidStep,
    /// Crashes a majority.
    CrashMajority,
    /// Crashes all nodes.
    CrashAll,
    /// Freezes any node.
    Pause,
    /// Freezes the leader.
    PauseLeader,
    /// Makes any node's disk slow.
    SlowDisk,
    /// Makes the leader's disk slow.
    SlowLeaderDisk,
    /// Loses many messages.
    LossBurst,
    /// Delivers many messages twice, some of them late.
    DuplicateBurst,
    /// Makes messages slow.
    LatencyBurst,
    /// Moves any node's clock forward.
    JumpClock,
    /// Fires any node's election timeout.
    Campaign,
}

/// The second phase of a run: every fault over, and progress demanded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Liveness {
    /// Whether there is such a phase.
    pub check: bool,
    /// How long after the last fault, at the latest, there must be a leader, every operation answered and all
    /// replicas level.
    pub within: Span,
}

/// What must hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// When; at the end of the run if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Span>,
    /// What.
    pub that: Predicate,
}

/// A statement about a run at an instant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Predicate {
    /// Some running node leads, in a term no lower than any running node's.
    LeaderExists(bool),
    /// This node leads.
    Leads(u64),
    /// This node does not lead.
    DoesNotLead(u64),
    /// This node has exactly this vote.
    VotedFor {
        /// Which node.
        #[schemars(range(min = 1))]
        node: u64,
        /// For whom.
        #[schemars(range(min = 1))]
        candidate: u64,
    },
    /// No running node's term is above this.
    TermAtMost(u64),
    /// Some running node's term is at least this.
    TermAtLeast(u64),
    /// At most so many elections were won so far.
    ElectionsAtMost(u64),
    /// At least so many elections were won so far.
    ElectionsAtLeast(u64),
    /// The terms of this node's log, from index 1, are exactly these.
    Log {
        /// Which node.
        #[schemars(range(min = 1))]
        node: u64,
        /// The terms.
        terms: Vec<u64>,
    },
    /// All running nodes have equal logs, and have applied all of them.
    Level(bool),
    /// The highest commit index of any running node is at least this.
    CommitAtLeast(u64),
    /// The highest commit index of any running node is at most this.
    CommitAtMost(u64),
    /// At least so many operations were answered so far.
    AnsweredAtLeast(u64),
    /// At most so many operations were answered so far.
    AnsweredAtMost(u64),
    /// The last operation that this client completed was answered so, as at the prompt.
    Answered {
        /// Which client.
        #[schemars(range(min = 1, max = 200))]
        client: u32,
        /// What it was answered: `OK`, `"value"`, `(nil)`, `(integer) 1`; or `(unknown)` if it was given up.
        with: String,
    },
    /// The run must break this property, and is a failure if it does not.
    Violated(Property),
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
            max_batch_entries: 64,
            max_inflight_messages: 64,
            max_apply_entries: 256,
            initial: Vec::new(),
        }
    }
}

impl Default for Network {
    fn default() -> Self {
        let latency = Distribution::Uniform { min: Span::millis(1), max: Span::millis(10) };
        Self {
            latency: latency.clone(),
            loss: Ppm::ZERO,
            duplicate: Ppm::ZERO,
            fifo: false,
            client_latency: latency,
            client_loss: Ppm::ZERO,
            links: Vec::new(),
        }
    }
}

impl Default for Disks {
    fn default() -> Self {
        Self {
            sync: Distribution::Uniform { min: Span::micros(100), max: Span::millis(2) },
            nodes: Vec::new(),
        }
    }
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
            stray: Ppm::new(50_000),
            resend: Ppm::ZERO,
            loyal_readers: 0,
            start: Span::ZERO,
            stop: None,
        }
    }
}

impl Default for Liveness {
    fn default() -> Self {
        Self { check: true, within: Span::seconds(5) }
    }
}
