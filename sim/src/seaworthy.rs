//! Our own member behind [`Replica`]: what the real server drives is what the simulator drives.

use crate::disk::Format;
use crate::observation::{EntryFact, FollowerView, HardStateFact, LogFacts, Promise, SnapshotFact, View};
use crate::replica::{Boot, Effects, InitialState, Input, MessageFacts, MessageKind, Replica, WriteFacts};
use seaworthy_core::durable::Durable;
use seaworthy_core::effect::{HardState, Record};
use seaworthy_core::flaw::{Flaws, Planted, Sound};
use seaworthy_core::log::Log;
use seaworthy_core::member::{self, Member, founding_disk};
use seaworthy_core::membership::Membership;
use seaworthy_core::message::{AppendOutcome, Body, Entry, Message, Payload};
use seaworthy_core::snapshot::Snapshot;
use seaworthy_core::storage::{Geometry, Identity, Journal, Operation, RecoveryError};
use seaworthy_core::types::{EntryId, Instant, LogIndex, WriteSeq};
use std::fmt;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64;

/// A [`Member`] as a replica: sound, or with planted bugs.
#[derive(Debug)]
pub struct Seaworthy<F: Flaws = Sound> {
    member: Member<F>,
    /// Reused between steps.
    effects: member::Effects,
}

/// How a replica and its journal get their flaws from those that are to be planted.
pub trait FromPlanted: Flaws + fmt::Debug + 'static {
    /// The flaws to build with.
    fn from_planted(planted: Planted) -> Self;
}

impl FromPlanted for Sound {
    fn from_planted(_: Planted) -> Self {
        Self
    }
}

impl FromPlanted for Planted {
    fn from_planted(planted: Planted) -> Self {
        planted
    }
}

impl<F: FromPlanted> Replica for Seaworthy<F> {
    type Message = Message;
    type Write = Record;
    type Durable = Durable;

    fn durable(initial: Option<&InitialState>) -> Durable {
        let Some(initial) = initial else { return Durable::default() };
        let founding = founding_disk(initial.membership.clone(), initial.limits);
        let entry = |(position, term): (usize, _)| Entry {
            id: EntryId { term, index: LogIndex(position as u64 + 1) },
            payload: Payload::Noop,
        };
        Durable {
            hard_state: HardState { term: initial.hard_state.term, vote: initial.hard_state.vote },
            log: Log::new(initial.log.iter().copied().enumerate().map(entry).collect()),
            ..founding
        }
    }

    fn persist(durable: &mut Durable, write: Record) {
        durable.persist(write);
    }

    fn format(
        identity: Identity,
        geometry: Geometry,
        flaws: Planted,
        durable: &Durable,
    ) -> Option<Box<dyn Format<Self>>> {
        let flaws = F::from_planted(flaws);
        let journal = Journal::format(identity, geometry, flaws, durable.clone());
        Some(Box::new(Journaled { identity, geometry, flaws, journal }))
    }

    fn boot(boot: &Boot<'_>, now: Instant, durable: &Durable) -> Self {
        let flaws = F::from_planted(boot.flaws);
        let member = Member::with_flaws(boot.config.clone(), durable, now, flaws);
        Self {
            member: member.expect("a valid scenario makes valid settings"),
            effects: member::Effects::default(),
        }
    }

    fn step(&mut self, now: Instant, input: Input<Message>, effects: &mut Effects<Self>) {
        let input = match input {
            Input::Timeout => member::Input::Timeout,
            Input::Message(message) => member::Input::Message(message),
            Input::Request { token, request, mode } => member::Input::Request { token, request, mode },
            Input::Instruct { token, instruction } => member::Input::Instruct { token, instruction },
            Input::Persisted { seq } => member::Input::Persisted { seq },
            Input::Campaign => member::Input::Campaign,
        };
        let out = &mut self.effects;
        self.member.step(now, input, out);
        pour(&mut out.writes, &mut effects.writes, |write| (write.seq, write.record));
        pour(&mut out.sends, &mut effects.sends, |send| (send.after, send.message));
        pour(&mut out.replies, &mut effects.replies, |reply| (reply.token, reply.result));
        effects.applied.append(&mut out.applied);
    }

    fn deadline(&self) -> Instant {
        self.member.deadline()
    }

    fn view(&self, view: &mut View) {
        let ours = self.member.view();
        view.node = ours.id;
        view.role = ours.role;
        view.term = ours.term;
        view.vote = ours.vote;
        view.leader = ours.leader;
        view.commit = ours.commit;
        view.applied = self.member.applied();
        view.last = ours.last;
        view.snapshot = ours.snapshot;
        view.state_hash = self.member.machine().hash();
        view.followers.clear();
        view.followers.extend(ours.followers.iter().map(|follower| FollowerView {
            node: follower.node,
            matched: follower.matched,
            next: follower.next,
        }));
        let membership = self.member.node().shared_membership();
        if !Arc::ptr_eq(&view.membership, membership) {
            view.membership = Arc::clone(membership);
        }
        view.membership_index = ours.membership_index;
        view.usage = ours.usage;
    }

    fn lease_until(&self) -> Instant {
        self.member.node().lease_until()
    }

    fn describe(message: &Message) -> MessageFacts {
        let facts = |kind, promise, about, entries, granted| MessageFacts {
            from: message.from,
            to: message.to,
            term: message.term,
            kind,
            promise,
            about,
            entries,
            granted,
        };
        let nothing = Promise::Nothing;
        match &message.body {
            Body::PreVote { last } => facts(MessageKind::PreVote, nothing, *last, 0, false),
            Body::PreVoteReply { granted } => {
                facts(MessageKind::PreVoteReply, nothing, EntryId::ZERO, 0, *granted)
            }
            Body::RequestVote { last, .. } => {
                facts(MessageKind::RequestVote, Promise::Campaign { last: *last }, *last, 0, false)
            }
            Body::VoteReply { granted } => {
                let promise = if *granted { Promise::Vote } else { nothing };
                facts(MessageKind::VoteReply, promise, EntryId::ZERO, 0, *granted)
            }
            Body::AppendEntries { prev, entries, .. } => {
                let count = u32::try_from(entries.len()).unwrap_or(u32::MAX);
                facts(MessageKind::AppendEntries, Promise::Lead, *prev, count, false)
            }
            Body::AppendReply { outcome: AppendOutcome::Accepted { matched }, .. } => {
                let about = EntryId { index: *matched, ..EntryId::ZERO };
                facts(MessageKind::AppendReply, Promise::Acknowledge { matched: *matched }, about, 0, true)
            }
            Body::AppendReply { outcome: AppendOutcome::Rejected { hint, .. }, .. } => {
                facts(MessageKind::AppendReply, nothing, *hint, 0, false)
            }
            Body::InstallSnapshot(chunk) => {
                facts(MessageKind::InstallSnapshot, Promise::Lead, chunk.snapshot.last, 0, false)
            }
            Body::SnapshotReply { snapshot, .. } => {
                facts(MessageKind::SnapshotReply, nothing, snapshot.last, 0, true)
            }
            Body::TimeoutNow => facts(MessageKind::TimeoutNow, Promise::Lead, EntryId::ZERO, 0, false),
            Body::ReadIndex { .. } => facts(MessageKind::ReadIndex, nothing, EntryId::ZERO, 0, false),
            Body::ReadIndexReply { index, .. } => {
                let about = EntryId { index: *index, ..EntryId::ZERO };
                facts(MessageKind::ReadIndexReply, nothing, about, 0, true)
            }
            Body::Stale => facts(MessageKind::Stale, nothing, EntryId::ZERO, 0, false),
            Body::Blank { .. } => facts(MessageKind::Blank, nothing, EntryId::ZERO, 0, false),
        }
    }

    fn describe_write<'a>(write: &'a Record, log: &mut LogFacts) -> WriteFacts<'a> {
        match write {
            Record::HardState(hard_state) => WriteFacts::HardState(hard_state_fact(*hard_state)),
            Record::Append(appended) => {
                describe_entries(appended, log);
                WriteFacts::Append
            }
            Record::Snapshot { snapshot, compacted } => {
                WriteFacts::Snapshot { snapshot: snapshot_fact(snapshot), compacted: *compacted }
            }
        }
    }

    fn describe_durable<'a>(
        durable: &'a Durable,
        log: &mut LogFacts,
    ) -> (HardStateFact, Option<SnapshotFact<'a>>) {
        log.base = durable.log.base();
        describe_entries(durable.log.entries(), log);
        (hard_state_fact(durable.hard_state), durable.snapshot.as_ref().map(snapshot_fact))
    }
}

/// Moves all of `from` to the end of `to`. Most steps have nothing of most kinds, so that is asked first.
fn pour<T, U>(from: &mut Vec<T>, to: &mut Vec<U>, each: impl FnMut(T) -> U) {
    if !from.is_empty() {
        to.extend(from.drain(..).map(each));
    }
}

/// A journal, and what it takes to recover it.
#[derive(Debug)]
struct Journaled<F: Flaws> {
    identity: Identity,
    geometry: Geometry,
    flaws: F,
    journal: Journal<F>,
}

impl<F: FromPlanted> Format<Seaworthy<F>> for Journaled<F> {
    fn append(&mut self, write: Record) {
        self.journal.append(write);
    }

    fn sync(&mut self) {
        self.journal.sync();
    }

    fn next_operation(&mut self) -> Option<Operation> {
        self.journal.next_operation()
    }

    fn durable(&self) -> WriteSeq {
        self.journal.durable()
    }

    fn recover(&mut self, files: &[(String, &[u8])]) -> Result<Durable, RecoveryError> {
        let files = files.iter().map(|(name, bytes)| (name.as_str(), *bytes));
        let recovery = Journal::recover(self.identity, self.geometry, self.flaws, files)?;
        self.journal = recovery.journal;
        Ok(recovery.durable)
    }
}

fn describe_entries(entries: &[Entry], log: &mut LogFacts) {
    for entry in entries {
        let payload = match &entry.payload {
            Payload::Noop => 0,
            Payload::Data(data) => xxh3_64(data),
            Payload::Membership(membership) => {
                log.memberships.push((entry.id, Membership::clone(membership)));
                membership_hash(membership)
            }
        };
        log.entries.push(EntryFact { id: entry.id, payload, bytes: entry.size() as u64 });
    }
}

/// Of a configuration's nodes, in their order, and what each is.
fn membership_hash(membership: &Membership) -> u64 {
    let mut bytes = vec![u8::from(membership.auto_leave)];
    let Membership { voters, learners, learners_next, .. } = membership;
    for nodes in [voters.incoming.voters(), voters.outgoing.voters(), learners, learners_next] {
        bytes.extend_from_slice(&nodes.len().to_le_bytes());
        nodes.iter().for_each(|node| bytes.extend_from_slice(&node.get().to_le_bytes()));
    }
    xxh3_64(&bytes)
}

fn snapshot_fact(snapshot: &Snapshot) -> SnapshotFact<'_> {
    SnapshotFact { last: snapshot.last, membership: &snapshot.membership, data: xxh3_64(&snapshot.data) }
}

fn hard_state_fact(hard_state: HardState) -> HardStateFact {
    HardStateFact { term: hard_state.term, vote: hard_state.vote }
}
