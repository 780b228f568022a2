//! The simplest replica that needs the whole world: node 1 leads for ever, everybody else copies its log.

use crate::observation::{EntryFact, HardStateFact, LogFacts, Promise, SnapshotFact, View};
use crate::replica::{Boot, Effects, InitialState, Input, MessageFacts, MessageKind, Replica, WriteFacts};
use seaworthy_core::kv::Answer;
use seaworthy_core::member::{AppliedEntry, Refusal};
use seaworthy_core::membership::Membership;
use seaworthy_core::state_machine::{Operation, Outcome, Request};
use seaworthy_core::types::{EntryId, Instant, LogIndex, NodeId, SessionId, Term, Token, WriteSeq};
use seaworthy_core::view::Role;
use std::time::Duration;

pub(super) struct Toy {
    id: NodeId,
    /// Who founded the cluster: it never changes. Nobody, as far as a server knows that found nothing on its disk.
    membership: Membership,
    heartbeat: Duration,
    log: Vec<u64>,
    seq: WriteSeq,
    /// The log's length after each write that is not durable yet.
    unsynced: Vec<(WriteSeq, u64)>,
    durable: u64,
    commit: u64,
    applied: u64,
    matched: Vec<u64>,
    deadline: Instant,
    asked: Vec<(u64, Token, Operation)>,
}

#[derive(Clone, Debug)]
pub(super) struct ToyMessage {
    from: NodeId,
    to: NodeId,
    says: Says,
}

#[derive(Clone, Debug)]
enum Says {
    Append { before: u64, entries: Vec<u64>, commit: u64 },
    Ack { matched: u64 },
}

#[derive(Clone, Debug)]
pub(super) struct ToyWrite {
    before: u64,
    entries: Vec<u64>,
}

#[derive(Clone)]
pub(super) struct ToyDisk {
    membership: Membership,
    log: Vec<u64>,
}

const LEADER: NodeId = NodeId::new(1);

fn fact(position: u64, payload: u64) -> EntryFact {
    EntryFact { id: EntryId::new(1, position + 1), payload, bytes: 0 }
}

fn facts(before: u64, payloads: &[u64], entries: &mut Vec<EntryFact>) {
    entries.extend((before..).zip(payloads).map(|(position, payload)| fact(position, *payload)));
}

impl Toy {
    fn append(&mut self, before: u64, entries: Vec<u64>, effects: &mut Effects<Self>) {
        self.log.truncate(before as usize);
        self.log.extend_from_slice(&entries);
        self.seq = self.seq.next();
        self.unsynced.push((self.seq, self.log.len() as u64));
        effects.writes.push((self.seq, ToyWrite { before, entries }));
    }

    fn broadcast(&mut self, effects: &mut Effects<Self>) {
        for peer in self.membership.nodes().filter(|node| *node != LEADER) {
            let before = self.matched[peer.get() as usize].min(self.log.len() as u64);
            let entries = self.log[before as usize..].to_vec();
            let says = Says::Append { before, entries, commit: self.commit };
            effects.sends.push((WriteSeq::ZERO, ToyMessage { from: self.id, to: peer, says }));
        }
    }

    fn advance(&mut self, effects: &mut Effects<Self>) {
        self.matched[1] = self.durable;
        let mut all = self.matched[1..].to_vec();
        all.sort();
        let quorum = all[(all.len() - 1) / 2];
        self.commit = self.commit.max(quorum.min(self.durable));
        self.apply(effects);
    }

    fn apply(&mut self, effects: &mut Effects<Self>) {
        while self.applied < self.commit.min(self.log.len() as u64) {
            self.applied += 1;
            let id = EntryId::new(1, self.applied);
            let entry = AppliedEntry { id, request: None, executed: true, state_hash: self.applied };
            effects.applied.push(entry);
        }
        let applied = self.applied;
        for (index, token, operation) in self.asked.extract_if(.., |asked| asked.0 <= applied) {
            let outcome = match operation {
                Operation::Register => Outcome::Registered(SessionId(index)),
                Operation::Command(_) => Outcome::Answer(Answer::Ok),
            };
            effects.replies.push((token, Ok(outcome)));
        }
    }

    fn on_message(&mut self, message: ToyMessage, effects: &mut Effects<Self>) {
        match message.says {
            Says::Append { before, .. } if before > self.log.len() as u64 => {
                let says = Says::Ack { matched: self.log.len() as u64 };
                effects.sends.push((self.seq, ToyMessage { from: self.id, to: LEADER, says }));
            }
            Says::Append { before, entries, commit } => {
                let matched = before + entries.len() as u64;
                let same = self.log.get(before as usize..matched as usize) == Some(&entries);
                if !same {
                    self.append(before, entries, effects);
                }
                self.commit = self.commit.max(commit.min(matched));
                self.apply(effects);
                let ack = ToyMessage { from: self.id, to: LEADER, says: Says::Ack { matched } };
                effects.sends.push((self.seq, ack));
            }
            Says::Ack { matched } => {
                self.matched[message.from.get() as usize] = matched;
                self.advance(effects);
            }
        }
    }

    fn on_request(&mut self, token: Token, request: Request, effects: &mut Effects<Self>) {
        if self.id != LEADER {
            effects.replies.push((token, Err(Refusal::NotLeader { leader: Some(LEADER) })));
            return;
        }
        let before = self.log.len() as u64;
        self.append(before, vec![token.0], effects);
        self.asked.push((before + 1, token, request.operation));
        self.broadcast(effects);
    }
}

impl Replica for Toy {
    type Message = ToyMessage;
    type Write = ToyWrite;
    type Durable = ToyDisk;

    fn durable(initial: Option<&InitialState>) -> ToyDisk {
        let membership = initial.map(|initial| initial.membership.clone()).unwrap_or_default();
        ToyDisk { membership, log: Vec::new() }
    }

    fn persist(durable: &mut ToyDisk, write: ToyWrite) {
        durable.log.truncate(write.before as usize);
        durable.log.extend(write.entries);
    }

    fn boot(boot: &Boot<'_>, now: Instant, durable: &ToyDisk) -> Self {
        Self {
            id: boot.config.id,
            membership: durable.membership.clone(),
            heartbeat: boot.config.heartbeat_interval,
            log: durable.log.clone(),
            seq: WriteSeq::ZERO,
            unsynced: Vec::new(),
            durable: durable.log.len() as u64,
            commit: 0,
            applied: 0,
            matched: vec![0; durable.membership.nodes().count() + 1],
            deadline: if boot.config.id == LEADER { now } else { Instant::NEVER },
            asked: Vec::new(),
        }
    }

    fn step(&mut self, now: Instant, input: Input<ToyMessage>, effects: &mut Effects<Self>) {
        match input {
            Input::Timeout => {
                assert!(self.deadline <= now, "only the deadline is a timeout");
                self.deadline = now + self.heartbeat;
                self.broadcast(effects);
            }
            Input::Message(message) => self.on_message(message, effects),
            Input::Request { token, request, .. } => self.on_request(token, request, effects),
            // It cannot do any of it.
            Input::Instruct { token, .. } => effects.replies.push((token, Err(Refusal::Busy))),
            Input::Persisted { seq } => {
                for (_, length) in self.unsynced.extract_if(.., |write| write.0 <= seq) {
                    self.durable = length;
                }
                if self.id == LEADER {
                    self.advance(effects);
                }
            }
            Input::Campaign => {}
        }
    }

    fn deadline(&self) -> Instant {
        self.deadline
    }

    fn view(&self, view: &mut View) {
        view.role = if self.id == LEADER { Role::Leader } else { Role::Follower };
        view.term = Term(1);
        view.commit = LogIndex(self.commit);
        view.applied = LogIndex(self.applied);
        view.last = EntryId::new(u64::from(!self.log.is_empty()), self.log.len() as u64);
        view.show_membership(&self.membership);
        view.state_hash = self.applied;
    }

    fn describe(message: &ToyMessage) -> MessageFacts {
        let (kind, promise, about, entries) = match &message.says {
            Says::Append { before, entries, .. } => {
                let about = EntryId::new(u64::from(*before > 0), *before);
                (MessageKind::AppendEntries, Promise::Lead, about, entries.len() as u32)
            }
            Says::Ack { matched } => {
                let promise = Promise::Acknowledge { matched: LogIndex(*matched) };
                (MessageKind::AppendReply, promise, EntryId::ZERO, 0)
            }
        };
        let (from, to) = (message.from, message.to);
        MessageFacts { from, to, term: Term(1), kind, promise, about, entries, granted: true }
    }

    fn describe_write<'a>(write: &'a ToyWrite, log: &mut LogFacts) -> WriteFacts<'a> {
        facts(write.before, &write.entries, &mut log.entries);
        WriteFacts::Append
    }

    fn describe_durable<'a>(
        durable: &'a ToyDisk,
        log: &mut LogFacts,
    ) -> (HardStateFact, Option<SnapshotFact<'a>>) {
        facts(0, &durable.log, &mut log.entries);
        (HardStateFact { term: Term(u64::from(!durable.log.is_empty())), vote: None }, None)
    }
}
