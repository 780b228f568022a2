//! raft-rs as a [`Replica`]: one input in, the library's [`Ready`]s out, as effects.

use crate::convert;
use crate::disk::{Disk, Snapshot, Write};
use crate::message::describe;
use crate::service::{Consensus, Reply, Service};
use crate::ticks::Ticks;
use raft::eraftpb::{Message, MessageType};
use raft::{Config, RawNode, ReadOnlyOption, Ready, SnapshotStatus, StateRole};
use seaworthy_core::config::Config as Settings;
use seaworthy_core::member::{Instruction, Refusal};
use seaworthy_core::membership::Membership;
use seaworthy_core::state_machine::Outcome;
use seaworthy_core::types::{Bytes, EntryId, Instant, LogIndex, NodeId, Term, Token, WriteSeq};
use seaworthy_core::view::{Role, Usage};
use seaworthy_sim::observation::{FollowerView, HardStateFact, LogFacts, SnapshotFact, View};
use seaworthy_sim::replica::{Boot, Effects, InitialState, Input, MessageFacts, Replica, WriteFacts};
use slog::{Discard, Logger, o};
use std::collections::{BTreeMap, VecDeque};
use std::marker::PhantomData;

/// The manner in which the library is used, or looked at: right in [`Careful`], wrong in one way in each of the others.
pub trait Manner: 'static {
    /// A follower's promises leave before they are durable.
    const SENDS_EARLY: bool = false;
    /// While a snapshot is on its way to the disk the library hears of messages and time.
    const HEARS_WHILE_INSTALLING: bool = false;
    /// Whoever is told to campaign does so, also without a vote.
    const LETS_LEARNERS_CAMPAIGN: bool = false;
    /// Checkers see next indexes as the library has them.
    const SHOWS_NEXT: bool = false;
    /// How the library confirms reads.
    const READS: ReadOnlyOption = ReadOnlyOption::Safe;
}

/// As the library's documentation says, and as its source does where that says nothing.
#[derive(Debug)]
pub enum Careful {}

impl Manner for Careful {}

/// raft-rs behind [`Replica`].
///
/// - `raw.store()` is what the server has written, durable or not; the disk of the world follows it.
/// - A [`Ready`] is reported as persisted once the last write that was queued with it, or before it, is durable.
pub struct RaftRs<M: Manner = Careful> {
    raw: RawNode<Disk>,
    service: Service,
    ticks: Ticks,
    settings: Settings,
    /// Who belongs to the cluster, for ever. Nobody, on a blank disk.
    membership: Membership,
    written: WriteSeq,
    durable: WriteSeq,
    /// The write with the latest snapshot that came from a leader.
    installed: WriteSeq,
    /// The numbers of the [`Ready`]s that are not persisted, and the write that each waits for.
    persisting: VecDeque<(WriteSeq, u64)>,
    /// When a snapshot was sent to whom, and not heard of since.
    snapshots: BTreeMap<u64, Instant>,
    /// The term and leader that it knew of after the latest step.
    leader: (u64, u64),
    /// Empty between steps.
    replies: Vec<Reply>,
    manner: PhantomData<M>,
}

impl<M: Manner> Replica for RaftRs<M> {
    type Message = Message;
    type Write = Write;
    type Durable = Disk;

    fn durable(initial: Option<&InitialState>) -> Disk {
        initial.map_or_else(Disk::default, Disk::founding)
    }

    fn persist(durable: &mut Disk, write: Write) {
        durable.write(write);
    }

    fn boot(boot: &Boot<'_>, now: Instant, disk: &Disk) -> Self {
        let settings = boot.config.clone();
        let snapshot = disk.snapshot();
        let membership = snapshot.map(|snapshot| snapshot.membership.clone()).unwrap_or_default();
        let service = Service::new(&settings, snapshot);
        let ticks = Ticks::new(&settings, now);
        let config = config::<M>(&settings, &ticks, service.applied());
        let raw = RawNode::new(&config, disk.clone(), &Logger::root(Discard, o!()));
        let mut replica = Self {
            raw: raw.expect("the settings are valid and the disk can be read"),
            service,
            ticks,
            settings,
            membership,
            written: WriteSeq::ZERO,
            durable: WriteSeq::ZERO,
            installed: WriteSeq::ZERO,
            persisting: VecDeque::new(),
            snapshots: BTreeMap::new(),
            leader: (0, 0),
            replies: Vec::new(),
            manner: PhantomData,
        };
        replica.raw.raft.set_randomized_election_timeout(replica.ticks.timeout(true));
        replica
    }

    fn step(&mut self, now: Instant, input: Input<Message>, effects: &mut Effects<Self>) {
        if let Input::Persisted { seq } = input {
            self.on_persisted(seq);
        }
        if self.is_installing() {
            return ignore(&input, effects);
        }
        let timed_out = matches!(input, Input::Timeout);
        self.ticks.catch_up(now, || self.raw.tick());
        match input {
            Input::Timeout | Input::Persisted { .. } => {}
            // What the library does not want is from a stranger, or no longer of use: as good as lost.
            Input::Message(message) => drop(self.raw.step(message)),
            Input::Request { token, request, mode } => {
                let answer = self.service.on_request(&mut self.raw, now, token, &request, mode);
                self.replies.extend(answer.map(|answer| (token, answer)));
            }
            Input::Instruct { token, instruction } => self.on_instruction(token, &instruction, effects),
            // The library asks whether a server has a vote when its own time is up or a leader tells it to campaign, but
            // not when its user does.
            Input::Campaign if self.raw.raft.promotable() || M::LETS_LEARNERS_CAMPAIGN => {
                drop(self.raw.campaign());
            }
            Input::Campaign => {}
        }
        self.report_snapshots(now);
        self.drain(now, effects);
        let raft = &self.raw.raft;
        let leader = (raft.term, raft.leader_id);
        let news = leader != std::mem::replace(&mut self.leader, leader);
        if news {
            self.service.dismiss(convert::node(leader.1), &mut self.replies);
        }
        self.service.answer_reads(now, &mut self.replies);
        if self.settings.snapshot_interval.is_some_and(|interval| interval.get() <= self.since_snapshot()) {
            self.take_snapshot(effects);
        }
        effects.replies.append(&mut self.replies);
        self.raw.raft.set_randomized_election_timeout(self.ticks.timeout(timed_out || news));
    }

    fn deadline(&self) -> Instant {
        let raft = &self.raw.raft;
        if self.is_installing() {
            Instant::NEVER
        } else if raft.state == StateRole::Leader {
            let to_heartbeat = raft.heartbeat_timeout() - raft.heartbeat_elapsed();
            self.ticks.after(to_heartbeat.min(raft.election_timeout() - raft.election_elapsed))
        } else if raft.promotable() {
            self.ticks.after(self.ticks.to_election(raft.election_elapsed))
        } else {
            Instant::NEVER
        }
    }

    fn view(&self, view: &mut View) {
        let raft = &self.raw.raft;
        let log = &raft.raft_log;
        view.role = match raft.state {
            StateRole::Follower => Role::Follower,
            StateRole::PreCandidate => Role::PreCandidate,
            StateRole::Candidate => Role::Candidate,
            StateRole::Leader => Role::Leader,
        };
        view.term = Term(raft.term);
        view.vote = convert::node(raft.vote);
        view.leader = convert::node(raft.leader_id);
        view.commit = LogIndex(log.committed);
        view.applied = self.service.applied();
        view.last = EntryId::new(log.last_term(), log.last_index());
        view.snapshot = self.raw.store().snapshot().map(|snapshot| snapshot.last);
        view.state_hash = self.service.hash();
        view.followers.clear();
        let mut inflight_messages = 0;
        if raft.state == StateRole::Leader {
            for (number, progress) in raft.prs().iter().filter(|(number, _)| **number != raft.id) {
                inflight_messages = inflight_messages.max(progress.ins.count());
                // A late refusal takes the library's next index back behind what it knows to match (raft-rs#555).
                let least = if M::SHOWS_NEXT { 0 } else { progress.matched + 1 };
                view.followers.push(FollowerView {
                    node: NodeId::new(*number),
                    matched: LogIndex(progress.matched),
                    next: LogIndex(progress.next_idx.max(least)),
                });
            }
            // They come out of a hash map.
            view.followers.sort_by_key(|follower| follower.node);
        }
        view.show_membership(&self.membership);
        view.usage = Usage {
            log_entries: self.raw.store().len(),
            inflight_messages,
            pending_reads: self.service.pending_reads(),
            // The library's own bound counts otherwise.
            uncommitted_bytes: 0,
        };
    }

    fn describe(message: &Message) -> MessageFacts {
        describe(message)
    }

    fn describe_write<'a>(write: &'a Write, log: &mut LogFacts) -> WriteFacts<'a> {
        write.describe(log)
    }

    fn describe_durable<'a>(
        durable: &'a Disk,
        log: &mut LogFacts,
    ) -> (HardStateFact, Option<SnapshotFact<'a>>) {
        durable.describe(log)
    }
}

fn config<M: Manner>(settings: &Settings, ticks: &Ticks, applied: LogIndex) -> Config {
    let bytes = |limit: usize| u64::try_from(limit).unwrap_or(u64::MAX);
    let max_size_per_msg = bytes(settings.max_batch_bytes);
    Config {
        id: settings.id.get(),
        election_tick: ticks.election_min,
        heartbeat_tick: ticks.heartbeat,
        min_election_tick: ticks.election_min,
        max_election_tick: ticks.election_max,
        applied: applied.0,
        max_size_per_msg,
        max_inflight_msgs: settings.max_inflight_messages,
        // The library wants room for a message of the largest size.
        max_uncommitted_size: bytes(settings.max_uncommitted_bytes).max(max_size_per_msg),
        check_quorum: settings.check_quorum,
        pre_vote: settings.pre_vote,
        read_only_option: M::READS,
        ..Config::default()
    }
}

impl Consensus for RawNode<Disk> {
    fn leads(&self) -> bool {
        self.raft.state == StateRole::Leader
    }

    fn leader(&self) -> Option<NodeId> {
        convert::node(self.raft.leader_id)
    }

    fn has_committed(&self) -> bool {
        self.raft.commit_to_current_term()
    }

    fn propose(&mut self, data: Bytes) -> Option<EntryId> {
        self.propose(Vec::new(), data.to_vec()).ok()?;
        Some(EntryId::new(self.raft.term, self.raft.raft_log.last_index()))
    }

    fn read_index(&mut self, context: Vec<u8>) {
        self.read_index(context);
    }
}

/// As if the server were away for a moment.
pub(crate) fn ignore<R: Replica>(input: &Input<R::Message>, effects: &mut Effects<R>) {
    if let Input::Request { token, .. } | Input::Instruct { token, .. } = input {
        effects.replies.push((*token, Err(Refusal::Overloaded)));
    }
}

impl<M: Manner> RaftRs<M> {
    /// Whether a leader's snapshot is on its way to the disk. The library has given it away by then and does not count it
    /// as applied yet: to look for what is not, as it does before it campaigns, it would read entries that are gone.
    fn is_installing(&self) -> bool {
        self.durable < self.installed && !M::HEARS_WHILE_INSTALLING
    }

    fn on_instruction(&mut self, token: Token, instruction: &Instruction, effects: &mut Effects<Self>) {
        let leader = convert::node(self.raw.raft.leader_id);
        let result = match instruction {
            Instruction::TransferLeadership(to) if self.raw.raft.state == StateRole::Leader => {
                self.raw.transfer_leader(to.get());
                Ok(Outcome::Done)
            }
            Instruction::TransferLeadership(_) => Err(Refusal::NotLeader { leader }),
            Instruction::TakeSnapshot => {
                self.take_snapshot(effects);
                Ok(Outcome::Done)
            }
            // What this adapter does not do: see `supported`.
            Instruction::ChangeMembership(_) | Instruction::StepDown => Err(Refusal::Busy),
        };
        self.replies.push((token, result));
    }

    fn on_persisted(&mut self, seq: WriteSeq) {
        self.durable = seq;
        while let Some((_, number)) = self.persisting.pop_front_if(|(after, _)| *after <= seq) {
            self.raw.on_persist_ready(number);
        }
        self.report_applied();
    }

    /// The library takes no word for it that something is applied that is not durable, as is a snapshot at first.
    fn report_applied(&mut self) {
        let persisted = self.raw.raft.raft_log.persisted;
        self.raw.advance_apply_to(self.service.applied().0.min(persisted));
    }

    /// What was sent may be lost, and only the sender's own word makes the library send it again.
    fn report_snapshots(&mut self, now: Instant) {
        let patience = self.settings.election_timeout_max;
        let overdue = self.snapshots.extract_if(.., |_, sent| *sent + patience <= now);
        for (to, _) in overdue {
            self.raw.report_snapshot(to, SnapshotStatus::Failure);
        }
    }

    /// Turns all that the library has to say into effects.
    fn drain(&mut self, now: Instant, effects: &mut Effects<Self>) {
        while self.raw.has_ready() {
            let ready = self.raw.ready();
            self.follow(now, ready, effects);
        }
    }

    /// Term and vote go first, then the snapshot, then the entries: whatever prefix a crash leaves, no entry is of a
    /// later term than the disk knows of. Messages of a follower wait for all of them, those of a leader for nothing
    /// (thesis §10.2.1).
    fn follow(&mut self, now: Instant, mut ready: Ready, effects: &mut Effects<Self>) {
        for message in ready.take_messages() {
            self.send(now, WriteSeq::ZERO, message, effects);
        }
        if let Some(hard_state) = ready.hs().filter(|_| ready.must_sync()) {
            self.write(Write::HardState(convert::hard_state(hard_state)), effects);
        }
        if !ready.snapshot().is_empty() {
            let snapshot = convert::snapshot(ready.snapshot());
            self.service.restore(&snapshot);
            let compacted = snapshot.last.index;
            self.write(Write::Snapshot { snapshot, compacted }, effects);
            self.installed = self.written;
        }
        if !ready.entries().is_empty() {
            let entries = ready.entries().iter().map(convert::entry).collect();
            self.write(Write::Append(entries), effects);
        }
        let promises = if M::SENDS_EARLY { WriteSeq::ZERO } else { self.written };
        for message in ready.take_persisted_messages() {
            self.send(now, promises, message, effects);
        }
        for entry in ready.take_committed_entries() {
            effects.applied.push(self.service.apply(&convert::entry(&entry), &mut self.replies));
        }
        for read in ready.take_read_states() {
            self.service.confirm(&read.request_ctx, LogIndex(read.index));
        }
        let number = ready.number();
        self.raw.advance_append_async(ready);
        if self.durable < self.written {
            self.persisting.push_back((self.written, number));
        } else {
            self.raw.on_persist_ready(number);
        }
        self.report_applied();
    }

    fn write(&mut self, write: Write, effects: &mut Effects<Self>) {
        self.written = self.written.next();
        self.raw.mut_store().write(write.clone());
        effects.writes.push((self.written, write));
    }

    fn send(&mut self, now: Instant, after: WriteSeq, message: Message, effects: &mut Effects<Self>) {
        if message.get_msg_type() == MessageType::MsgSnapshot {
            self.snapshots.insert(message.to, now);
        }
        effects.sends.push((after, message));
    }

    /// How much has been applied since the latest snapshot.
    fn since_snapshot(&self) -> u64 {
        let snapshot = self.raw.store().snapshot();
        snapshot.map_or(0, |snapshot| self.service.applied().0 - snapshot.last.index.0)
    }

    /// Writes down the state as of what is applied, and cuts the log, but for what those who lag a little still need.
    fn take_snapshot(&mut self, effects: &mut Effects<Self>) {
        let index = self.service.applied();
        if self.since_snapshot() == 0 {
            return;
        }
        let store = self.raw.store();
        let term = store.term(index).expect("what was applied since the snapshot is in the log");
        let last = EntryId { term, index };
        let trailing = index.0.saturating_sub(self.settings.trailing_entries);
        let compacted = LogIndex(trailing).max(store.base().index);
        let snapshot = Snapshot { last, membership: self.membership.clone(), data: self.service.encode() };
        self.write(Write::Snapshot { snapshot, compacted }, effects);
    }
}
