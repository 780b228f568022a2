//! What a checker may know: facts about a run, in the order in which they became true. Neutral: a foreign Raft
//! behind [`Replica`](crate::replica::Replica) yields the same facts.

use crate::history::HistoryEvent;
use crate::time::Time;
use seaworthy_core::member::ReadMode;
use seaworthy_core::membership::Membership;
use seaworthy_core::types::{Bytes, EntryId, LogIndex, NodeId, SessionId, Term, Token};
use seaworthy_core::view::{Role, Usage};
use std::sync::Arc;

/// One fact.
#[derive(Clone, Debug)]
pub enum Fact<'a> {
    /// A node started from its durable state: at the start of a run, or after a crash. `applied` starts again
    /// from the snapshot's last entry. Its first [`Fact::Stepped`] follows at once.
    Booted {
        /// Who.
        node: NodeId,
        /// The term and vote that the disk held.
        hard_state: HardStateFact,
        /// The snapshot that the disk held; `None` on a blank disk.
        snapshot: Option<SnapshotFact<'a>>,
        /// The log that the disk held.
        log: &'a LogFacts,
        /// Whether this is the start of the run, whose state is given and owes its history to nobody.
        initial: bool,
    },
    /// A node lost everything but its disk.
    Crashed {
        /// Who.
        node: NodeId,
    },
    /// A node that does not run lost its disk, and with it everything that it ever promised.
    Wiped {
        /// Who.
        node: NodeId,
    },
    /// An old copy took the place of the disk of a node that does not run: it has lost what it promised since. What the
    /// copy holds is what it starts with next.
    Restored {
        /// Who.
        node: NodeId,
    },
    /// A node's term or vote changed; the write is queued, not yet durable. In the queue's order with
    /// [`Fact::Appended`].
    HardStateWritten {
        /// Who.
        node: NodeId,
        /// What.
        hard_state: HardStateFact,
    },
    /// A node cut its log before `entries[0]`, behind its snapshot, and appended `entries`; the write is queued, not yet
    /// durable.
    Appended {
        /// Who.
        node: NodeId,
        /// Contiguous, never empty.
        log: &'a LogFacts,
    },
    /// A node put a snapshot in place of its log up to `compacted`, or of all of it if it does not hold the snapshot's
    /// last entry; the write is queued, not yet durable. In the queue's order with [`Fact::Appended`]. If its log held
    /// that entry, the node has applied it by the end of the step, otherwise it goes on from there.
    SnapshotWritten {
        /// Who.
        node: NodeId,
        /// What.
        snapshot: SnapshotFact<'a>,
        /// The last entry that leaves the log on disk; in memory it may stay until the write is durable.
        compacted: LogIndex,
    },
    /// A node's disk now holds this term and vote: the next record of its queue. What a crash leaves of the
    /// queue is told so too, or only by the next [`Fact::Booted`].
    DurableHardState {
        /// Who.
        node: NodeId,
        /// What.
        hard_state: HardStateFact,
    },
    /// A node's disk cut its log before `entries[0]` and appended `entries`.
    DurableAppend {
        /// Who.
        node: NodeId,
        /// Contiguous, never empty.
        log: &'a LogFacts,
    },
    /// A node's disk now holds this snapshot, and no longer what it stands for.
    DurableSnapshot {
        /// Who.
        node: NodeId,
        /// What.
        snapshot: SnapshotFact<'a>,
        /// The last entry that left the log.
        compacted: LogIndex,
    },
    /// A message left its sender: what it waited for was said to be durable. What waits for nothing leaves
    /// after the [`Fact::Stepped`] of its step.
    Released {
        /// The sender.
        from: NodeId,
        /// The addressee.
        to: NodeId,
        /// The term that the message carries.
        term: Term,
        /// What the message promises on its sender's behalf.
        promise: Promise,
        /// The entries that it carries.
        entries: Carried,
    },
    /// A client's request has come to a node, which takes a step at once.
    Requested {
        /// Who was asked.
        node: NodeId,
        /// The name of the request at that node, in its answer too.
        token: Token,
        /// What for.
        asks: Asks,
    },
    /// A node answers a request, of a client or of an operator. Precedes the step's [`Fact::Stepped`]; the answer is on
    /// its way only after it.
    Replied {
        /// Who answers.
        node: NodeId,
        /// Which request.
        token: Token,
        /// Whether it was done, rather than refused.
        granted: bool,
    },
    /// A node applied one entry. No-op entries are applied too.
    Applied {
        /// Who.
        node: NodeId,
        /// Which entry.
        id: EntryId,
        /// The session and sequence of the client's request in it, if there is one.
        request: Option<(SessionId, u64)>,
        /// Whether a command ran, rather than being answered from the session table or refused.
        executed: bool,
        /// A hash of the whole state after it.
        state_hash: u64,
    },
    /// A node has taken a step; this is what it looks like now. Follows the step's `HardStateWritten`,
    /// `Appended` and `Applied`, and precedes all that the world makes of its effects, also where a crash
    /// cuts these short.
    Stepped {
        /// When.
        at: Time,
        /// Its state.
        view: &'a View,
    },
    /// A client was told that its request took effect, now or when it was first sent. Not for what goes by no
    /// log entry: reads, and requests that were refused.
    Acknowledged {
        /// The session.
        session: SessionId,
        /// The request's number in it.
        sequence: u64,
    },
    /// A client did or saw something.
    Client(&'a HistoryEvent),
    /// No operation on a key is under way, and no client will ever ask for it again: checkers may forget it. A
    /// promise of whoever drives the clients, and no part of the history.
    Retired {
        /// The key.
        key: &'a Bytes,
    },
    /// The last fault is over: from here on the cluster must make progress. Everything that is to be up is up.
    Healed,
    /// The run is over.
    Ended,
}

/// A durable term and vote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct HardStateFact {
    /// The term.
    pub term: Term,
    /// The vote in it.
    pub vote: Option<NodeId>,
}

/// A snapshot as checkers see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotFact<'a> {
    /// The last entry that it stands for.
    pub last: EntryId,
    /// The configuration that it names.
    pub membership: &'a Membership,
    /// A hash of the state that it holds.
    pub data: u64,
}

/// A part of a log as checkers see it. A buffer that is used again and again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogFacts {
    /// The entry before the first.
    pub base: EntryId,
    /// The entries.
    pub entries: Vec<EntryFact>,
    /// Those of them that hold a configuration, and which.
    pub memberships: Vec<(EntryId, Membership)>,
}

impl LogFacts {
    /// Forgets everything, keeps the memory.
    pub fn clear(&mut self) {
        self.base = EntryId::ZERO;
        self.entries.clear();
        self.memberships.clear();
    }
}

/// A log entry as checkers see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryFact {
    /// Its place and term.
    pub id: EntryId,
    /// A hash of its payload.
    pub payload: u64,
    /// What it counts for wherever bytes are limited; 0 where it counts for nothing.
    pub bytes: u64,
}

/// What a message promises when it leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Promise {
    /// "I campaign in this term with a log that ends here": own vote, term and log must be durable.
    Campaign {
        /// The candidate's last entry.
        last: EntryId,
    },
    /// "You have my vote in this term": must be durable.
    Vote,
    /// "My log agrees with yours up to here": must be durable.
    Acknowledge {
        /// How far.
        matched: LogIndex,
    },
    /// "I lead this term." (AppendEntries)
    Lead,
    /// Nothing.
    Nothing,
}

/// The entries of a message: as many as it says, from the one after `previous` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Carried {
    /// The entry before them.
    pub previous: LogIndex,
    /// How many there are; none, as a rule.
    pub count: u32,
}

/// What a client asks of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asks {
    /// To look something up, and on whose word.
    Read(ReadMode),
    /// To change something. The same request may be sent again, under another name.
    Write {
        /// The client's session.
        session: SessionId,
        /// The request's number in it.
        sequence: u64,
    },
}

/// A node's visible state after a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// Who.
    pub node: NodeId,
    /// What it is.
    pub role: Role,
    /// Its current term.
    pub term: Term,
    /// Its vote in that term.
    pub vote: Option<NodeId>,
    /// The leader that it knows of.
    pub leader: Option<NodeId>,
    /// Its commit index.
    pub commit: LogIndex,
    /// The last index that it applied since it started.
    pub applied: LogIndex,
    /// The last entry of its log, durable or not.
    pub last: EntryId,
    /// The last entry of the snapshot that its log goes on from; `None` while it is blank.
    pub snapshot: Option<EntryId>,
    /// A hash of its state machine.
    pub state_hash: u64,
    /// What it believes of its followers; empty unless it leads.
    pub followers: Vec<FollowerView>,
    /// The configuration in force; see [`View::show_membership`].
    pub membership: Arc<Membership>,
    /// Where that stands in its log, or is known to have been in force.
    pub membership_index: LogIndex,
    /// Until when it may answer reads on its lease, if it has one; filled in by the world, which knows its clock.
    pub lease_until: Option<Time>,
    /// What it holds that must not grow without bound.
    pub usage: Usage,
}

impl View {
    /// Shows `membership` as the configuration in force. One that is shown already stays where it is, so that nobody
    /// needs to look at it again.
    pub fn show_membership(&mut self, membership: &Membership) {
        if *self.membership != *membership {
            self.membership = Arc::new(membership.clone());
        }
    }
}

/// What a leader believes of one follower.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FollowerView {
    /// Which.
    pub node: NodeId,
    /// The highest entry known to be durable there.
    pub matched: LogIndex,
    /// The next entry to send.
    pub next: LogIndex,
}

/// A statement of the catalogue, as it is named in files and reports.
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
#[serde(rename_all = "snake_case")]
pub enum Property {
    /// At most one leader is ever elected in a term (Raft §5.2).
    ElectionSafety,
    /// A node grants at most one vote in a term (Raft §5.2).
    VoteOnce,
    /// A leader holds released grants of a quorum (Raft §5.2).
    LeaderQuorum,
    /// A leader never overwrites or deletes entries of its log (Raft §5.3).
    LeaderAppendOnly,
    /// Equal index and term: equal entry and equal log before it (Raft §5.3).
    LogMatching,
    /// A leader's log holds every entry committed in an earlier term (Raft §5.4).
    LeaderCompleteness,
    /// No two nodes commit or apply different entries at one index (Raft §5.4.3).
    StateMachineSafety,
    /// Only a leader commits, an entry of its own term, that a quorum holds durably (Raft §5.4.2).
    CommitJustified,
    /// Term, vote within it, commit, applied and match index never go back.
    Monotonicity,
    /// snapshot ≤ applied ≤ commit ≤ last, and match < next.
    Order,
    /// What a message promises is durable when it leaves (thesis §3.8).
    PersistBeforeSend,
    /// A leader believes of a follower only what the follower's disk holds.
    MatchSoundness,
    /// A restarted node stands on a prefix of its writes that holds all that was reported durable.
    CrashConsistency,
    /// Nothing that was committed is ever lost from a quorum, nothing acknowledged from the final state; and who has
    /// lost what it promised decides nothing any more.
    Durability,
    /// A client's request runs once (thesis §6.3).
    ExactlyOnce,
    /// Equal applied index: equal state.
    ReplicasAgree,
    /// A node goes by the last configuration in its log; one change at a time, by a leader that has committed in its
    /// term, and quorums of adjacent configurations overlap (thesis §4; Ongaro, raft-dev, 2015).
    MembershipSafety,
    /// A snapshot is of a committed entry, with the configuration in force there and the state that the log comes to
    /// (Raft §7, thesis §5).
    SnapshotMatchesLog,
    /// While a leader holds a lease nobody else is elected, and only then it answers on it (thesis §6.4.1).
    LeaseExclusivity,
    /// What a node holds stays within its limits: uncommitted bytes, messages on their way, waiting reads, the log.
    BoundedResources,
    /// Every answer can be explained by an order of the operations that respects real time.
    Linearizability,
    /// A stale read is answered from a state that the key can have gone through, however long ago.
    StaleReads,
    /// After the last fault: a leader soon, every operation answered, all members level.
    Liveness,
}

/// What a checker found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The statement that does not hold.
    pub property: Property,
    /// The node at fault, where there is one.
    pub node: Option<NodeId>,
    /// The facts that contradict each other, in one or two sentences in the notation (`n1@3`, `7@2`).
    pub detail: String,
}
