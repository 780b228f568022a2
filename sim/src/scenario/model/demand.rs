//! What must come of a run.

use crate::observation::Property;
use crate::time::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The second phase of a run: every fault over, and progress demanded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Liveness {
    /// Whether there is such a phase.
    pub check: bool,
    /// How long after the last fault, at the latest, there must be a leader, every operation answered and all
    /// replicas level.
    pub within: Span,
    /// Whether only a core comes back: so many servers, picked at random, as every configuration needs that anybody knows
    /// of; all others are gone for good. Otherwise everybody comes back.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub core: bool,
    /// Whether the cluster, once it has settled, is told what operators have to tell it, and must do it: the leader
    /// hands over to another voter; it steps down; a server that stands ready takes its place, and it comes back. Each
    /// within the same time, as far as there are servers for it; nothing of it where only a core is left.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub drill: bool,
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
    /// The terms of this node's log, from index 1 or from where its snapshot ends, are exactly these.
    Log {
        /// Which node.
        #[schemars(range(min = 1))]
        node: u64,
        /// The terms.
        terms: Vec<u64>,
    },
    /// All running members have equal logs, and have applied all of them.
    Level(bool),
    /// The leader's configuration is committed and not joint, and exactly these nodes vote in it.
    Voters(Vec<u64>),
    /// The leader's configuration is committed and not joint, and exactly these nodes learn in it.
    Learners(Vec<u64>),
    /// This node goes on from a snapshot that stands for at least so many entries.
    SnapshotAtLeast {
        /// Which node.
        #[schemars(range(min = 1))]
        node: u64,
        /// How many.
        entries: u64,
    },
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

impl Default for Liveness {
    fn default() -> Self {
        Self { check: true, within: Span::seconds(5), core: false, drill: false }
    }
}
