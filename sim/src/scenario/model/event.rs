//! What is done to a cluster: at given instants, to single messages, and at random.

use super::{Distribution, ReadModeName};
use crate::disk::CrashPoint;
use crate::replica::MessageKind;
use crate::scenario::scalar::{Ppm, Target};
use crate::time::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
    /// Holds back every message from and to a node, also those that are on their way, until it is unclogged.
    Clog(Target),
    /// Lets go whatever was held back, in the order in which it was sent.
    Unclog {},
    /// Mends every cut link.
    Heal {},
    /// Stops nodes at once; what was not durable is lost, as the luck of the disk has it.
    Crash(Vec<Target>),
    /// Stops a node in the middle of its next step's effects.
    CrashMidStep(Target),
    /// Stops a node at a point of its dealings with its disk, when it next comes there: as it runs, or as it starts.
    CrashAt {
        /// Which node.
        node: Target,
        /// Where.
        point: CrashPoint,
    },
    /// Has a node's next sync fail, at which the node stops.
    FailSync(Target),
    /// Takes all space on a node's disk: a write that fails stops the node, and it cannot start again.
    FillDisk(Target),
    /// Makes space on a node's disk.
    FreeDisk(Target),
    /// Stops a node, flips a bit or zeroes a sector of what is durable on its disk, and starts it. If recovery needs what
    /// is damaged it refuses the disk, and the node is down for good.
    Rot(Target),
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
    /// Has an operator change the membership. Whoever is added as a voter is a learner first, until it has caught up
    /// (thesis §4.2.1); the operator goes on until all is as it should be, whoever leads.
    ChangeMembership {
        /// Who is to vote.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        add: Vec<Target>,
        /// Who is to learn.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        learn: Vec<Target>,
        /// Who is to go.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        remove: Vec<Target>,
        /// Says all of it to this node, once, and leaves it at that.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        node: Option<Target>,
    },
    /// Has the leader hand over to a node (thesis §3.10).
    TransferLeadership(Target),
    /// Has the leader give up its office.
    StepDown {},
    /// Has a node take a snapshot.
    TakeSnapshot(Target),
    /// Stops a node, takes everything from its disk, and starts it again under its old number.
    Wipe(Target),
    /// Keeps a copy of what is durable on a node's disk.
    BackUp(Target),
    /// Stops a node, puts the last copy in the place of its disk, if there is one, and starts it again under its old
    /// number: it does not know what it has promised since.
    RestoreBackup(Target),
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
        /// On whose word it is answered, if it only reads; the leader's if nothing is said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        read: Option<ReadModeName>,
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
    /// Cuts a voter off from the leader alone, and after a while has it campaign at the very time at which something
    /// happens to the leader or to another voter.
    Ambush,
    /// Holds back all messages of any node for a while. Several of these together clog and unclog nodes in all orders.
    Clog,
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
    /// Holds up a few messages for so long that others of later terms overtake them.
    Stragglers,
    /// Moves any node's clock forward.
    JumpClock,
    /// Fires any node's election timeout.
    Campaign,
    /// Adds, removes, replaces, promotes or demotes members.
    Reconfigure,
    /// Tells any leader, also one that was deposed, to change the membership, and cuts it off at once but for one link.
    ReconfigureAndIsolate,
    /// Hands the leadership to a node.
    TransferLeadership,
    /// Has the leader give up its office.
    StepDown,
    /// Has a node take a snapshot.
    TakeSnapshot,
    /// Wipes a voter's disk, and has it replaced by a server that stands ready.
    Wipe,
    /// Crashes any node at any point of its dealings with its disk, as it runs or as it starts.
    CrashAt,
    /// Has any node's next sync fail.
    FailSync,
    /// Takes all space on any node's disk.
    FillDisk,
    /// Damages a voter's disk, and has it replaced by a server that stands ready.
    Rot,
}
