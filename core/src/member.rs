//! A server: consensus, sessions and the key-value store as one machine. The simulator and the real
//! server drive this very type.

use crate::config::{Config, StartError};
use crate::durable::Durable;
pub use crate::effect::Refusal;
use crate::effect::{self, Event, Send, Write};
use crate::flaw::{Flaw, Flaws, Planted, Sound};
use crate::input;
pub use crate::input::ReadMode;
use crate::kv::{Command, Limits};
use crate::membership::{Change, Membership};
use crate::message::{Message, Payload};
use crate::node::Node;
use crate::snapshot::Snapshot;
use crate::state_machine::{Applied, Operation, Outcome, Request, StateMachine};
use crate::types::{Bytes, EntryId, Instant, LogIndex, NodeId, SessionId, Term, Token, WriteSeq};
use crate::view::{Role, View};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::num::NonZeroU64;

/// One thing that happened to a [`Member`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// The clock may have reached the deadline.
    Timeout,
    /// A message from a peer.
    Message(Message),
    /// A client's request. Commands that change nothing are answered without the log, all else goes through it.
    Request {
        /// The caller's handle for the reply; no other request that waits for one has it.
        token: Token,
        /// The request.
        request: Request,
        /// On whose word it is answered, if it changes nothing.
        mode: ReadMode,
    },
    /// An operator's instruction.
    Instruct {
        /// The caller's handle for the reply, as for a request.
        token: Token,
        /// What to do.
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

/// What an operator may ask of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Instruction {
    /// Change who belongs to the cluster, all at once (thesis §4). Done once the entry that says so is applied: a joint
    /// configuration may still have to be left then. No changes at all leave one that is not left automatically.
    ChangeMembership(Vec<Change>),
    /// Hand the leadership to a voter (thesis §3.10). Done once that is told to campaign and this node leads no longer.
    TransferLeadership(NodeId),
    /// Lead no longer.
    StepDown,
    /// Take a snapshot now. Done once it is on its way to the disk; at once if it would bring nothing new.
    TakeSnapshot,
}

/// The effects of one step; the contract is that of [`crate::effect`].
#[derive(Clone, Debug, Default)]
pub struct Effects {
    /// For the disk, in order.
    pub writes: Vec<Write>,
    /// For the network, each as soon as its write is durable.
    pub sends: Vec<Send>,
    /// For the clients.
    pub replies: Vec<Reply>,
    /// What was applied, in order of index. A snapshot that is installed takes the place of entries, and is found
    /// among the writes.
    pub applied: Vec<AppliedEntry>,
    /// Members that have come back without what they once acknowledged: an operator must remove them.
    pub amnesiacs: Vec<NodeId>,
}

/// An answer to [`Input::Request`] or [`Input::Instruct`]; each gets at most one while the member lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The caller's handle.
    pub token: Token,
    /// What came of it.
    pub result: Result<Outcome, Refusal>,
}

/// One entry that was applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppliedEntry {
    /// Which.
    pub id: EntryId,
    /// The session and sequence of its request, if it holds one.
    pub request: Option<(SessionId, u64)>,
    /// Whether the request's command ran now, rather than being answered from the session table or refused.
    pub executed: bool,
    /// The hash of the state after it.
    pub state_hash: u64,
}

impl Effects {
    /// Forgets everything, keeps the memory.
    pub fn clear(&mut self) {
        self.writes.clear();
        self.sends.clear();
        self.replies.clear();
        self.applied.clear();
        self.amnesiacs.clear();
    }
}

/// A server: a [`Node`], and above it the replicated [`StateMachine`] and the clients that wait for it.
///
/// - `applied <= node.commit()`; what lies between them is applied in the next steps, which are due at once.
/// - The state machine is what the node's snapshot and the log from there up to `applied` come to.
/// - A client waits either for an entry of this node's own term of office, or for a read.
/// - A request that is retried while its entry is under way waits for that entry: a leader that appended each
///   retry would be kept busy by its clients' impatience alone.
#[derive(Clone, Debug)]
pub struct Member<F: Flaws = Sound> {
    flaws: F,
    node: Node<F>,
    machine: StateMachine,
    applied: LogIndex,
    max_apply_entries: u64,
    /// Who waits for which entry, and its term; only while leading.
    writers: BTreeMap<(LogIndex, Token), Term>,
    /// The entries of requests that are under way; only while leading.
    under_way: BTreeMap<(SessionId, u64), EntryId>,
    /// Reads that are not yet confirmed.
    readers: BTreeMap<Token, Command>,
    /// Confirmed reads that wait for their index to be applied.
    ready: BTreeMap<(LogIndex, Token), Command>,
    /// The leader that the node knew of after its latest step.
    leader: Option<NodeId>,
    snapshot_interval: Option<NonZeroU64>,
    snapshot_bytes: Option<NonZeroU64>,
    /// How many bytes of entries were applied since the last snapshot that was taken or installed.
    bytes_since_snapshot: u64,
    max_pending_reads: usize,
    /// Reused between steps.
    effects: effect::Effects,
}

/// The disk of a founding member before its first start: who belongs to the cluster, and an empty store that keeps
/// sessions within `limits`. All founders start with the same; whoever joins later starts with nothing, a
/// [`Durable::default`].
pub fn founding_disk(membership: Membership, limits: Limits) -> Durable {
    Durable::founding(membership, StateMachine::new(limits).encode(Sound))
}

impl Member<Sound> {
    /// A member built from its durable state alone: at the first start and after every crash alike.
    ///
    /// # Errors
    /// If the settings make no sense together, or the disk holds what no node writes.
    pub fn new(config: Config, durable: &Durable, now: Instant) -> Result<Self, StartError> {
        Self::with_flaws(config, durable, now, Sound)
    }
}

impl<F: Flaws> Member<F> {
    /// As [`Member::new`], with planted bugs.
    ///
    /// # Errors
    /// If the settings make no sense together, or the disk holds what no node writes.
    pub fn with_flaws(config: Config, durable: &Durable, now: Instant, flaws: F) -> Result<Self, StartError> {
        let machine = match &durable.snapshot {
            Some(snapshot) => StateMachine::decode(&snapshot.data).map_err(StartError::State)?,
            None => StateMachine::default(),
        };
        let max_apply_entries = u64::try_from(config.max_apply_entries).unwrap_or(u64::MAX);
        let (snapshot_interval, snapshot_bytes) = (config.snapshot_interval, config.snapshot_bytes);
        let max_pending_reads = config.max_pending_reads;
        let node = Node::with_flaws(config, durable, now, flaws)?;
        Ok(Self {
            flaws,
            applied: node.commit(),
            node,
            machine,
            max_apply_entries,
            writers: BTreeMap::new(),
            under_way: BTreeMap::new(),
            readers: BTreeMap::new(),
            ready: BTreeMap::new(),
            leader: None,
            snapshot_interval,
            snapshot_bytes,
            bytes_since_snapshot: 0,
            max_pending_reads,
            effects: effect::Effects::default(),
        })
    }

    /// Takes one step. Total, as [`Node::step`]; the effects are appended to `effects`.
    pub fn step(&mut self, now: Instant, input: Input, effects: &mut Effects) {
        match input {
            Input::Timeout => self.drive(now, input::Input::Timeout, effects),
            Input::Message(message) => self.drive(now, input::Input::Message(message), effects),
            Input::Request { token, request, mode } => self.on_request(now, token, request, mode, effects),
            Input::Instruct { token, instruction } => self.on_instruction(now, token, instruction, effects),
            Input::Persisted { seq } => self.drive(now, input::Input::Persisted { seq }, effects),
            Input::Campaign => self.drive(now, input::Input::Campaign, effects),
        }
        self.apply(effects);
        self.answer_reads(effects);
        if self.leader != self.node.leader() {
            self.leader = self.node.leader();
            self.dismiss(effects);
        }
        if self.is_snapshot_due() {
            self.take_snapshot(now, effects);
        }
    }

    /// When [`Input::Timeout`] is due: at once while committed entries wait to be applied.
    pub fn deadline(&self) -> Instant {
        if self.applied < self.node.commit() { Instant::default() } else { self.node.deadline() }
    }

    /// The visible state of the consensus.
    pub fn view(&self) -> View<'_> {
        self.node.view()
    }

    /// The consensus below.
    pub fn node(&self) -> &Node<F> {
        &self.node
    }

    /// The state machine, as of [`Member::applied`].
    pub fn machine(&self) -> &StateMachine {
        &self.machine
    }

    /// The last index that was applied since the start.
    pub fn applied(&self) -> LogIndex {
        self.applied
    }

    fn on_request(
        &mut self,
        now: Instant,
        token: Token,
        request: Request,
        mode: ReadMode,
        effects: &mut Effects,
    ) {
        match request.operation {
            Operation::Command(command) if command.is_read() => {
                self.on_read(now, token, command, mode, effects);
            }
            Operation::Command(_) | Operation::Register => self.on_write(now, token, &request, effects),
        }
    }

    fn on_read(
        &mut self,
        now: Instant,
        token: Token,
        mut command: Command,
        mode: ReadMode,
        effects: &mut Effects,
    ) {
        if mode == ReadMode::Stale && self.flaws.has(Flaw::StaleGetSeeks) {
            self.machine.seek(&mut command);
        }
        if mode == ReadMode::Stale && !self.node.is_blank() || self.flaws.has(Flaw::FollowerReadsLocally) {
            self.ready.insert((self.applied, token), command);
        } else if self.max_pending_reads <= self.ready.len() {
            effects.replies.push(Reply { token, result: Err(Refusal::Overloaded) });
        } else {
            self.readers.insert(token, command);
            self.drive(now, input::Input::Read { token, mode }, effects);
        }
    }

    fn on_instruction(
        &mut self,
        now: Instant,
        token: Token,
        instruction: Instruction,
        effects: &mut Effects,
    ) {
        match instruction {
            Instruction::ChangeMembership(changes) => {
                self.drive(now, input::Input::ChangeMembership { token, changes }, effects);
            }
            Instruction::TransferLeadership(to) => {
                self.drive(now, input::Input::TransferLeadership { token, to }, effects);
            }
            Instruction::StepDown => self.drive(now, input::Input::StepDown { token }, effects),
            Instruction::TakeSnapshot => {
                self.take_snapshot(now, effects);
                effects.replies.push(Reply { token, result: Ok(Outcome::Done) });
            }
        }
    }

    fn on_write(&mut self, now: Instant, token: Token, request: &Request, effects: &mut Effects) {
        let key = (request.session, request.sequence);
        if let Some(id) = self.under_way.get(&key)
            && !self.flaws.has(Flaw::NoDeduplication)
        {
            self.writers.insert((id.index, token), id.term);
            return;
        }
        let data = request.encode();
        if self.flaws.has(Flaw::AnswersBeforeCommit) && self.node.role() == Role::Leader {
            self.answer_early(token, &data, effects);
        }
        self.drive(now, input::Input::Propose { token, data }, effects);
        let last = self.node.log().last();
        if request.sequence > 0 && self.writers.contains_key(&(last.index, token)) {
            self.under_way.insert(key, last);
        }
    }

    /// A write answered as soon as it is appended, as if it were committed already.
    fn answer_early(&self, token: Token, data: &Bytes, effects: &mut Effects) {
        let index = self.node.log().last().index.next();
        let outcome = self.machine.clone().apply(self.flaws, index, data).outcome;
        effects.replies.push(Reply { token, result: Ok(outcome) });
    }

    /// Steps the node and takes in what it has to say.
    fn drive(&mut self, now: Instant, input: input::Input, effects: &mut Effects) {
        self.node.step(now, input, &mut self.effects);
        effects.writes.append(&mut self.effects.writes);
        effects.sends.append(&mut self.effects.sends);
        let mut received = None;
        for event in self.effects.events.drain(..) {
            match event {
                Event::Proposed { token, id } => {
                    self.writers.insert((id.index, token), id.term);
                }
                Event::ReadReady { token, index } => {
                    if let Some(command) = self.readers.remove(&token) {
                        self.ready.insert((index, token), command);
                    }
                }
                Event::Done { token } => effects.replies.push(Reply { token, result: Ok(Outcome::Done) }),
                Event::Refused { token, refusal } => {
                    self.readers.remove(&token);
                    effects.replies.push(Reply { token, result: Err(refusal) });
                }
                Event::SnapshotReceived { snapshot } => received = Some(snapshot),
                Event::Amnesia { node } => effects.amnesiacs.push(node),
                // The commit index is looked up when entries are applied.
                Event::Committed { .. } => {}
            }
        }
        if let Some(snapshot) = received {
            self.install(now, &snapshot, effects);
        }
    }

    /// Goes on from a snapshot instead of the entries that it stands for.
    fn install(&mut self, now: Instant, snapshot: &Snapshot, effects: &mut Effects) {
        let machine = StateMachine::decode(&snapshot.data);
        // Its bytes are what the leader sent, and the leader can read them; so it speaks another version, and this
        // node stays where it is until it is replaced.
        let usable = machine.is_ok();
        if let Ok(machine) = machine {
            self.machine = machine;
            self.applied = snapshot.last.index;
            self.bytes_since_snapshot = 0;
        }
        self.drive(now, input::Input::SnapshotRead { usable }, effects);
    }

    /// Whether enough has been applied since the last snapshot.
    fn is_snapshot_due(&self) -> bool {
        let covered = self.node.snapshot().map_or(self.applied, |snapshot| snapshot.last.index);
        let many =
            self.snapshot_interval.is_some_and(|interval| covered.0 + interval.get() <= self.applied.0);
        let large = self.snapshot_bytes.is_some_and(|bytes| bytes.get() <= self.bytes_since_snapshot);
        (many || large) && !self.node.is_taking_snapshot()
    }

    /// Writes down the state as of what is applied.
    fn take_snapshot(&mut self, now: Instant, effects: &mut Effects) {
        if !self.node.is_blank() && !self.node.is_taking_snapshot() {
            let data = self.machine.encode(self.flaws);
            self.bytes_since_snapshot = 0;
            self.drive(now, input::Input::SnapshotTaken { index: self.applied, data }, effects);
        }
    }

    /// Applies what is committed, in order, as much as one step may.
    fn apply(&mut self, effects: &mut Effects) {
        let mut commit = self.node.commit();
        if self.flaws.has(Flaw::AppliesUncommitted) {
            commit = self.node.log().last().index;
        }
        let end = LogIndex(commit.0.min(self.applied.0.saturating_add(self.max_apply_entries)));
        let leads = self.node.role() == Role::Leader;
        while self.applied < end {
            let index = self.applied.next();
            let entry = self.node.log().get(index).expect("what is committed is in the log");
            let id = entry.id;
            self.bytes_since_snapshot += entry.size() as u64;
            let mut outcome = None;
            let applied = match &entry.payload {
                Payload::Noop => None,
                Payload::Membership(_) => {
                    outcome = Some(Outcome::Done);
                    None
                }
                Payload::Data(data) if self.flaws.has(Flaw::DeduplicatesOnLeader) && !leads => {
                    let careless = Planted::new([Flaw::NoDeduplication]);
                    Some(self.machine.apply(careless, index, data))
                }
                Payload::Data(data) => Some(self.machine.apply(self.flaws, index, data)),
            };
            self.applied = index;
            effects.applied.push(AppliedEntry {
                id,
                request: applied.as_ref().and_then(|applied| applied.request),
                executed: applied.as_ref().is_some_and(|applied| applied.executed),
                state_hash: self.machine.hash(),
            });
            if let Some(Applied { request: Some(request), .. }) = applied {
                self.under_way.remove(&request);
            }
            self.answer_writers(id, outcome.or(applied.map(|applied| applied.outcome)), effects);
        }
    }

    /// Answers whoever waits for the entry at `id.index`.
    fn answer_writers(&mut self, id: EntryId, outcome: Option<Outcome>, effects: &mut Effects) {
        while let Some(writer) = self.writers.first_entry().filter(|writer| writer.key().0 <= id.index) {
            let (_, token) = *writer.key();
            let term = writer.remove();
            let result = match &outcome {
                Some(outcome) if term == id.term => Ok(outcome.clone()),
                // Another entry stands where the proposal stood, so that it can never commit.
                _ => Err(Refusal::NotLeader { leader: self.node.leader() }),
            };
            effects.replies.push(Reply { token, result });
        }
    }

    /// Answers the confirmed reads whose index has been applied.
    fn answer_reads(&mut self, effects: &mut Effects) {
        let early = self.flaws.has(Flaw::ReadBeforeApply);
        while let Some(read) = self.ready.first_entry().filter(|read| read.key().0 <= self.applied || early) {
            let ((_, token), command) = read.remove_entry();
            let answer = self.machine.query(&command).expect("only reads are asked to be confirmed");
            effects.replies.push(Reply { token, result: Ok(Outcome::Answer(answer)) });
        }
    }

    /// Answers whoever still waits when another leads, or nobody. What will become of an entry cannot be told; a read
    /// that waits for its index is refused, since nobody knows when this node will get there.
    fn dismiss(&mut self, effects: &mut Effects) {
        let leader = self.leader;
        self.under_way.clear();
        while let Some(((_, token), _)) = self.writers.pop_first() {
            effects.replies.push(Reply { token, result: Err(Refusal::Unknown { leader }) });
        }
        while let Some(((_, token), _)) = self.ready.pop_first() {
            effects.replies.push(Reply { token, result: Err(Refusal::NotLeader { leader }) });
        }
    }
}
