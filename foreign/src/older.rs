//! raft-rs 0.4.0 as a [`Replica`], as far as it takes to show what was mended since: no snapshots and no
//! transfers.
//!
//! Its messages and records are those of 0.7.0 on the wire, so that they are turned into each other there, and read by
//! the same eyes. Its `Ready` is another: the server is not to be called again before all of it is durable.

use crate::convert;
use crate::disk::{Disk, Write};
use crate::message::describe;
use crate::replica::ignore;
use crate::service::{Consensus, Reply, Service};
use crate::ticks::Ticks;
use raft_0_4::eraftpb::{Entry, HardState, Message, Snapshot};
use raft_0_4::util::limit_size;
use raft_0_4::{
    Config, Inflights, RaftState, RawNode, ReadOnlyOption, Ready, Result, StateRole, Storage, StorageError,
};
use seaworthy_core::member::Refusal;
use seaworthy_core::membership::Membership;
use seaworthy_core::types::{Bytes, EntryId, Instant, LogIndex, NodeId, Term, WriteSeq};
use seaworthy_core::view::{Role, Usage};
use seaworthy_sim::observation::{FollowerView, HardStateFact, LogFacts, SnapshotFact, View};
use seaworthy_sim::replica::{Boot, Effects, InitialState, Input, MessageFacts, Replica, WriteFacts};
use std::collections::VecDeque;
use std::marker::PhantomData;

/// How 0.4.0 is used: right in [`Careful`], wrong in one way in each of the others.
pub trait Manner: 'static {
    /// How the library confirms reads.
    const READS: ReadOnlyOption = ReadOnlyOption::Safe;
    /// Term and vote are what `RawNode::new` leaves of them.
    const TRUSTS_NEW: bool = false;
}

/// In the way that does no harm.
#[derive(Debug)]
pub enum Careful {}

impl Manner for Careful {}

/// raft-rs 0.4.0 behind [`Replica`].
pub struct RaftRs04<M: Manner = Careful> {
    raw: RawNode<Disk>,
    service: Service,
    ticks: Ticks,
    /// Who belongs to the cluster, for ever.
    membership: Membership,
    written: WriteSeq,
    durable: WriteSeq,
    /// What the library has said last, and the write with which all of it is durable. Until then it hears nothing, and
    /// clients are refused.
    under_way: Option<(WriteSeq, Ready)>,
    /// The messages that it is to hear then.
    backlog: VecDeque<Message>,
    /// The term and leader that it knew of after the latest step.
    leader: (u64, u64),
    /// Empty between steps.
    replies: Vec<Reply>,
    manner: PhantomData<M>,
}

impl<M: Manner> Replica for RaftRs04<M> {
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
        let settings = boot.config;
        let snapshot = disk.snapshot();
        let membership = snapshot.map(|snapshot| snapshot.membership.clone()).unwrap_or_default();
        let service = Service::new(settings, snapshot);
        let mut ticks = Ticks::new(settings, now);
        let config = Config {
            id: settings.id.get(),
            election_tick: ticks.election_min,
            heartbeat_tick: ticks.heartbeat,
            min_election_tick: ticks.election_min,
            max_election_tick: ticks.election_max,
            max_size_per_msg: u64::try_from(settings.max_batch_bytes).unwrap_or(u64::MAX),
            max_inflight_msgs: settings.max_inflight_messages,
            check_quorum: settings.check_quorum,
            pre_vote: settings.pre_vote,
            read_only_option: M::READS,
            ..Config::default()
        };
        let raw = RawNode::new(&config, disk.clone(), Vec::new());
        let mut raw = raw.expect("the settings are valid and the disk can be read");
        if !M::TRUSTS_NEW {
            // It takes a log without entries for a new server's, and makes a follower of term 1 without a vote of it.
            raw.raft.load_state(&wire(&convert::to_hard_state(disk.hard_state())));
        }
        raw.raft.set_randomized_election_timeout(ticks.timeout(true));
        Self {
            raw,
            service,
            ticks,
            membership,
            written: WriteSeq::ZERO,
            durable: WriteSeq::ZERO,
            under_way: None,
            backlog: VecDeque::new(),
            leader: (0, 0),
            replies: Vec::new(),
            manner: PhantomData,
        }
    }

    fn step(&mut self, now: Instant, input: Input<Message>, effects: &mut Effects<Self>) {
        let timed_out = matches!(input, Input::Timeout);
        match input {
            Input::Persisted { seq } => self.durable = seq,
            Input::Message(message) => self.backlog.push_back(message),
            input if self.under_way.is_some() => return ignore(&input, effects),
            input => self.hear(now, input),
        }
        while self.go_on(now, effects) {}
        let leader = (self.raw.raft.term, self.raw.raft.leader_id);
        let news = leader != std::mem::replace(&mut self.leader, leader);
        if news {
            self.service.dismiss(convert::node(leader.1), &mut self.replies);
        }
        self.service.answer_reads(now, &mut self.replies);
        effects.replies.append(&mut self.replies);
        self.raw.raft.set_randomized_election_timeout(self.ticks.timeout(timed_out || news));
    }

    fn deadline(&self) -> Instant {
        let raft = &self.raw.raft;
        if self.under_way.is_some() {
            Instant::NEVER
        } else if raft.state == StateRole::Leader {
            // It does not say how much of a heartbeat is over.
            self.ticks.after(1)
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
        view.snapshot = raft.get_store().snapshot().map(|snapshot| snapshot.last);
        view.state_hash = self.service.hash();
        view.followers.clear();
        let mut inflight_messages = 0;
        if raft.state == StateRole::Leader {
            for (number, progress) in raft.prs().iter().filter(|(number, _)| **number != raft.id) {
                inflight_messages = inflight_messages.max(count(&progress.ins));
                view.followers.push(FollowerView {
                    node: NodeId::new(*number),
                    matched: LogIndex(progress.matched),
                    // As in 0.7.0, a late refusal takes it back behind what is known to match.
                    next: LogIndex(progress.next_idx.max(progress.matched + 1)),
                });
            }
            // They come out of a hash map.
            view.followers.sort_by_key(|follower| follower.node);
        }
        view.show_membership(&self.membership);
        view.usage = Usage {
            log_entries: raft.get_store().len(),
            inflight_messages,
            pending_reads: self.service.pending_reads(),
            // The library does not say.
            uncommitted_bytes: 0,
        };
    }

    fn describe(message: &Message) -> MessageFacts {
        describe(&wire(message))
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

impl<M: Manner> RaftRs04<M> {
    /// Does the next thing that can be done, if there is one.
    fn go_on(&mut self, now: Instant, effects: &mut Effects<Self>) -> bool {
        if let Some((_, ready)) = self.under_way.take_if(|(after, _)| *after <= self.durable) {
            self.finish(ready, effects);
        } else if self.under_way.is_some() {
            return false;
        } else if self.raw.has_ready() {
            self.begin(effects);
        } else if let Some(message) = self.backlog.pop_front() {
            self.hear(now, Input::Message(message));
        } else {
            return false;
        }
        true
    }

    /// Term and vote go first, as in 0.7.0; what is sent waits for all of it.
    fn begin(&mut self, effects: &mut Effects<Self>) {
        let mut ready = self.raw.ready();
        if let Some(hard_state) = ready.hs.as_ref().filter(|_| ready.must_sync) {
            self.write(Write::HardState(convert::hard_state(&wire(hard_state))), effects);
        }
        if !ready.entries.is_empty() {
            let entries = ready.entries.iter().map(|entry| convert::entry(&wire(entry))).collect();
            self.write(Write::Append(entries), effects);
        }
        let messages = std::mem::take(&mut ready.messages).into_iter();
        effects.sends.extend(messages.map(|message| (self.written, message)));
        self.under_way = Some((self.written, ready));
    }

    fn write(&mut self, write: Write, effects: &mut Effects<Self>) {
        self.written = self.written.next();
        self.raw.mut_store().write(write.clone());
        effects.writes.push((self.written, write));
    }

    /// All of it is durable.
    fn finish(&mut self, ready: Ready, effects: &mut Effects<Self>) {
        for entry in ready.committed_entries.iter().flatten() {
            let entry = convert::entry(&wire(entry));
            effects.applied.push(self.service.apply(&entry, &mut self.replies));
        }
        for read in &ready.read_states {
            self.service.confirm(&read.request_ctx, LogIndex(read.index));
        }
        self.raw.advance(ready);
    }

    fn hear(&mut self, now: Instant, input: Input<Message>) {
        self.ticks.catch_up(now, || self.raw.tick());
        match input {
            Input::Timeout | Input::Persisted { .. } => {}
            Input::Message(message) => drop(self.raw.step(message)),
            Input::Request { token, request, mode } => {
                let answer = self.service.on_request(&mut self.raw, now, token, &request, mode);
                self.replies.extend(answer.map(|answer| (token, answer)));
            }
            Input::Instruct { token, .. } => self.replies.push((token, Err(Refusal::Busy))),
            Input::Campaign if self.raw.raft.promotable() => drop(self.raw.campaign()),
            Input::Campaign => {}
        }
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
        let log = &self.raft.raft_log;
        log.term(log.committed).ok() == Some(self.raft.term)
    }

    fn propose(&mut self, data: Bytes) -> Option<EntryId> {
        self.propose(Vec::new(), data.to_vec()).ok()?;
        Some(EntryId::new(self.raft.term, self.raft.raft_log.last_index()))
    }

    fn read_index(&mut self, context: Vec<u8>) {
        self.read_index(context);
    }
}

/// How many messages are on their way. The library says only when there is no room for another; a copy has room for no more
/// than there ever were.
fn count(inflight: &Inflights) -> usize {
    let mut copy = inflight.clone();
    let mut room = 0;
    while !copy.full() {
        copy.add(u64::MAX);
        room += 1;
    }
    copy.cap() - room
}

/// The same in the words of the other version: on the wire they are one.
fn wire<A: protobuf::Message, B: protobuf::Message>(from: &A) -> B {
    let bytes = from.write_to_bytes().expect("all that is required is there");
    B::parse_from_bytes(&bytes).expect("the versions understand each other")
}

impl Storage for Disk {
    fn initial_state(&self) -> Result<RaftState> {
        let conf_state = self.snapshot().map(|snapshot| wire(&convert::conf_state(&snapshot.membership)));
        Ok(RaftState {
            hard_state: wire::<_, HardState>(&convert::to_hard_state(self.hard_state())),
            conf_state: conf_state.unwrap_or_default(),
        })
    }

    fn entries(&self, low: u64, high: u64, max_size: u64) -> Result<Vec<Entry>> {
        let entries = self.entries(LogIndex(low), LogIndex(high)).iter();
        let mut entries = entries.map(|entry| wire(&convert::to_entry(entry))).collect();
        limit_size(&mut entries, max_size);
        Ok(entries)
    }

    fn term(&self, index: u64) -> Result<u64> {
        Ok(self.term(LogIndex(index)).ok_or(StorageError::Unavailable)?.0)
    }

    fn first_index(&self) -> Result<u64> {
        Ok(self.base().index.0 + 1)
    }

    fn last_index(&self) -> Result<u64> {
        Ok(self.last().index.0)
    }

    /// Nothing leaves the log, so that nobody needs any.
    fn snapshot(&self) -> Result<Snapshot> {
        Err(StorageError::SnapshotTemporarilyUnavailable.into())
    }
}
