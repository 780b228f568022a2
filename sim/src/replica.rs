//! The small trait that a foreign Raft implements. Our own stands behind it in [`crate::seaworthy`].

use crate::disk::Format;
use crate::observation::{HardStateFact, LogFacts, Promise, SnapshotFact, View};
use seaworthy_core::config::Config;
use seaworthy_core::flaw::Planted;
use seaworthy_core::kv::Limits;
use seaworthy_core::member::{AppliedEntry, Instruction, ReadMode, Refusal};
use seaworthy_core::membership::Membership;
use seaworthy_core::state_machine::{Outcome, Request};
use seaworthy_core::storage::{Geometry, Identity};
use seaworthy_core::types::{EntryId, Instant, LogIndex, NodeId, Term, Token, WriteSeq};

/// A server under test: synchronous, without clock, randomness or I/O of its own.
///
/// The contract of effects: writes form one ordered queue; a send leaves only when the write that it names is
/// durable; all else may happen in any order, late, or, after a crash, not at all.
pub trait Replica: Sized {
    /// What the replicas say to each other.
    type Message: Clone;
    /// One atomic record for the disk.
    type Write: Clone;
    /// What a disk holds: what a replica can be built from.
    type Durable: Clone;

    /// The disk of a founding member, or a blank one: that of whoever joins later, or has lost everything.
    fn durable(initial: Option<&InitialState>) -> Self::Durable;

    /// Puts one record on the disk.
    fn persist(durable: &mut Self::Durable, write: Self::Write);

    /// How its records stand in the files of a new disk that begins with `durable`. A replica that leaves this out has
    /// a disk that takes whole records.
    fn format(
        _identity: Identity,
        _geometry: Geometry,
        _flaws: Planted,
        _durable: &Self::Durable,
    ) -> Option<Box<dyn Format<Self>>> {
        None
    }

    /// Starts from what the disk holds.
    fn boot(boot: &Boot<'_>, now: Instant, durable: &Self::Durable) -> Self;

    /// Takes one step.
    fn step(&mut self, now: Instant, input: Input<Self::Message>, effects: &mut Effects<Self>);

    /// When to call with [`Input::Timeout`] at the latest. May move with every step.
    fn deadline(&self) -> Instant;

    /// Writes the visible state into `view`, whose buffers are reused.
    fn view(&self, view: &mut View);

    /// Until when, by its own clock, it may answer reads on a lease; long ago if it has none, as by default.
    fn lease_until(&self) -> Instant {
        Instant::default()
    }

    /// What a message is, for rules, traces and checkers.
    fn describe(message: &Self::Message) -> MessageFacts;

    /// What a record is, for checkers. An append puts its entries into `log`.
    fn describe_write<'a>(write: &'a Self::Write, log: &mut LogFacts) -> WriteFacts<'a>;

    /// What a disk holds, for checkers. The log goes into `log`.
    fn describe_durable<'a>(
        durable: &'a Self::Durable,
        log: &mut LogFacts,
    ) -> (HardStateFact, Option<SnapshotFact<'a>>);
}

/// What a replica is told when it starts.
#[derive(Clone, Debug)]
pub struct Boot<'a> {
    /// Who it is, its seed and its settings.
    pub config: &'a Config,
    /// The flaws to plant, if it can be built with any.
    pub flaws: Planted,
}

/// A founding member's state to start a run from, as in Raft Figure 7.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct InitialState {
    /// Who belongs to the cluster.
    pub membership: Membership,
    /// How many client sessions are open at a time, and for how long.
    pub limits: Limits,
    /// Term and vote.
    pub hard_state: HardStateFact,
    /// The terms of the entries from index 1 on; all are no-op entries.
    pub log: Vec<Term>,
}

/// One thing that happened to a replica.
#[derive(Clone, Debug)]
pub enum Input<M> {
    /// The clock may have reached the deadline.
    Timeout,
    /// A message from a peer.
    Message(M),
    /// A client's request.
    Request {
        /// For the reply.
        token: Token,
        /// What.
        request: Request,
        /// On whose word it is answered, if it changes nothing.
        mode: ReadMode,
    },
    /// An operator's instruction.
    Instruct {
        /// For the reply.
        token: Token,
        /// What.
        instruction: Instruction,
    },
    /// Every write up to `seq` is durable.
    Persisted {
        /// The last durable write.
        seq: WriteSeq,
    },
    /// Behave as if the election timeout had elapsed.
    Campaign,
}

/// The effects of one step. The caller owns the buffers and drains them.
#[derive(Debug)]
pub struct Effects<R: Replica> {
    /// For the disk, in order.
    pub writes: Vec<(WriteSeq, R::Write)>,
    /// For the network, each once the write that it names is durable.
    pub sends: Vec<(WriteSeq, R::Message)>,
    /// For the clients.
    pub replies: Vec<(Token, Result<Outcome, Refusal>)>,
    /// What was applied, in order.
    pub applied: Vec<AppliedEntry>,
}

impl<R: Replica> Default for Effects<R> {
    fn default() -> Self {
        Self { writes: Vec::new(), sends: Vec::new(), replies: Vec::new(), applied: Vec::new() }
    }
}

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageFacts {
    /// The sender.
    pub from: NodeId,
    /// The addressee.
    pub to: NodeId,
    /// The term that it carries.
    pub term: Term,
    /// Which of the kinds.
    pub kind: MessageKind,
    /// What it promises.
    pub promise: Promise,
    /// The entry that it is about: the candidate's last, the one before the entries, the refusal's hint.
    pub about: EntryId,
    /// How many entries it carries.
    pub entries: u32,
    /// Whether it says yes, if it is an answer.
    pub granted: bool,
}

/// The kinds of messages, as they are named in scenario files.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
pub enum MessageKind {
    /// "Would you vote for me?"
    PreVote,
    /// Its answer.
    PreVoteReply,
    /// "Vote for me."
    RequestVote,
    /// Its answer.
    VoteReply,
    /// Replication and heartbeat.
    AppendEntries,
    /// Its answer.
    AppendReply,
    /// A part of a snapshot.
    InstallSnapshot,
    /// How much of a snapshot is there.
    SnapshotReply,
    /// "Campaign now."
    TimeoutNow,
    /// "As of which index may I read?"
    ReadIndex,
    /// Its answer.
    ReadIndexReply,
    /// The answer to a message of an older term.
    Stale,
    /// "I have nothing at all."
    Blank,
}

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteFacts<'a> {
    /// Term and vote.
    HardState(HardStateFact),
    /// The log is cut before the first of the entries and extended by them.
    Append,
    /// A snapshot takes the place of the log up to an index, or of all of it.
    Snapshot {
        /// What it is.
        snapshot: SnapshotFact<'a>,
        /// The last entry that leaves the log.
        compacted: LogIndex,
    },
}
