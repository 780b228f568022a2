//! What may happen to one server, from bytes: any message at all, from anybody, and all that its driver may do.
//!
//! Numbers are mostly told from where the server stands, since others get nowhere, and now and then they are as large as
//! they can be. Every event has the same width, so that the mutation of one byte changes one thing.

use super::server::Server;
use arbitrary::{Arbitrary, Unstructured};
use seaworthy_core::config::Config;
use seaworthy_core::durable::Durable;
use seaworthy_core::effect::{HardState, Record};
use seaworthy_core::flaw::{Flaws, Sound};
use seaworthy_core::kv::{Command, Limits};
use seaworthy_core::member::{Input, Instruction, ReadMode, founding_disk};
use seaworthy_core::membership::{Change, Membership};
use seaworthy_core::message::{AppendOutcome, Body, Chunk, Entry, Message, Payload, SnapshotId};
use seaworthy_core::snapshot::Snapshot;
use seaworthy_core::state_machine::{Operation, Request, StateMachine};
use seaworthy_core::types::{Bytes, EntryId, Instant, LogIndex, NodeId, Round, SessionId, Term};
use std::num::NonZeroU64;
use std::time::Duration;

/// How many events there are at most.
const MOST_EVENTS: usize = 200;

/// Who is who: the server is the first, and there are so many others.
const SERVERS: u64 = 5;

/// What the server is like, and what it starts from.
#[derive(Arbitrary, Debug)]
struct Head {
    voters: u8,
    /// Bit 0: no PreVote. Bit 1: no CheckQuorum. Bit 2: leases. Bit 3: a learner. Bit 4: a blank disk.
    doubts: u8,
    log: u8,
    snapshots: u8,
    trailing: u8,
    limits: u8,
}

/// One thing that happens.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub(super) struct Event {
    kind: u8,
    peer: u8,
    term: u8,
    index: u8,
    /// What else there is to be told.
    more: u8,
}

/// A server, and what is to happen to it.
pub(super) fn read<F: Flaws>(bytes: &[u8], flaws: F) -> (Server<F>, Vec<Event>) {
    let mut input = Unstructured::new(bytes);
    let head = Head::arbitrary(&mut input).expect("bytes that run out go on as zeros");
    let mut events = Vec::new();
    while !input.is_empty() && events.len() < MOST_EVENTS {
        events.push(Event::arbitrary(&mut input).expect("bytes that run out go on as zeros"));
    }
    (head.server(flaws), events)
}

impl Head {
    fn server<F: Flaws>(&self, flaws: F) -> Server<F> {
        let doubts = |bit: u8| self.doubts >> bit & 1 == 1;
        let limit = |most: usize| if self.limits & 1 == 1 { 1 } else { most };
        let defaults = Config::new(NodeId::new(1), u64::from(self.limits));
        let config = Config {
            pre_vote: !doubts(0),
            check_quorum: !doubts(1),
            lease_drift_ppm: (doubts(2) && !doubts(1)).then_some(10_000),
            max_batch_entries: limit(defaults.max_batch_entries),
            max_inflight_messages: limit(defaults.max_inflight_messages),
            max_apply_entries: limit(defaults.max_apply_entries),
            max_pending_reads: limit(defaults.max_pending_reads),
            snapshot_interval: NonZeroU64::new(u64::from(self.snapshots) % 4),
            trailing_entries: u64::from(self.trailing) % 4,
            max_chunk_bytes: if self.limits & 2 == 2 { 8 } else { defaults.max_chunk_bytes },
            ..defaults
        };
        let durable = if doubts(4) { Durable::default() } else { self.founding(doubts(3)) };
        Server::new(config, durable, Instant(1 << 40), flaws)
    }

    /// A founder's disk, with up to seven entries of up to three terms.
    fn founding(&self, learns: bool) -> Durable {
        let nodes = (1..=u64::from(self.voters) % SERVERS + 1).map(NodeId::new);
        let membership = if learns {
            Membership { learners: vec![NodeId::new(1)], ..Membership::new((2..4).map(NodeId::new)) }
        } else {
            Membership::new(nodes)
        };
        let mut durable = founding_disk(membership, Limits::default());
        let count = u64::from(self.log) % 8;
        let entry = |index| Entry {
            id: EntryId::new(1 + u64::from(self.log) / 64 * index / 8, index),
            payload: Payload::Noop,
        };
        if count > 0 {
            durable.persist(Record::HardState(HardState { term: Term(4), vote: None }));
            durable.persist(Record::Append((1..=count).map(entry).collect()));
        }
        durable
    }
}

impl Event {
    /// Whether this is where one looks at what a restart would make of the server.
    pub(super) fn is_probe(self) -> bool {
        self.kind >= 192
    }

    /// Has it happen.
    pub(super) fn happen_to(self, server: &mut Server<impl Flaws>) {
        match self.kind % 32 {
            0 => {
                server.now = server.now.max(server.member.deadline());
                server.step(Input::Timeout);
            }
            1 => server.now = server.now + Duration::from_millis(u64::from(self.more)),
            2 => server.persist(1),
            3 => server.persist_all(),
            4 => *server = server.restarted(usize::from(self.more) % (server.pending() + 1)),
            5 => server.step(Input::Campaign),
            6..=8 => self.request(server),
            9 => self.instruct(server),
            _ => {
                let message = self.message(server);
                server.step(Input::Message(message));
            }
        }
    }

    /// A message of a later term that a correct peer may send: it contradicts nothing that is committed.
    pub(super) fn probe(self, server: &Server<impl Flaws>) -> Option<Message> {
        let view = server.member.view();
        let term = Term(view.term.0.saturating_add(1 + u64::from(self.term % 4)));
        let last = self.id(server);
        let body = if self.more & 1 == 1 {
            Body::RequestVote { last, transfer: true }
        } else if view.commit <= last.index && last.term <= term {
            let entries = Event { term: 7, ..self }.entries(server, last);
            Body::AppendEntries { prev: last, entries, commit: view.commit, round: Round(1) }
        } else {
            return None;
        };
        (self.peer() != server.config.id).then_some(Message {
            from: self.peer(),
            to: server.config.id,
            term,
            body,
        })
    }

    fn peer(self) -> NodeId {
        NodeId::new(u64::from(self.peer) % SERVERS + 1)
    }

    fn request(self, server: &mut Server<impl Flaws>) {
        const COMMANDS: [&str; 4] = ["SET a 1", "GET a", "APPEND a x", "SADD"];
        let mode = [ReadMode::Leader, ReadMode::Follower, ReadMode::Lease, ReadMode::Stale]
            [usize::from(self.peer) % 4];
        let command = Command::parse(COMMANDS[usize::from(self.more) % COMMANDS.len()]);
        let operation = command.map_or(Operation::Register, Operation::Command);
        let session = SessionId(u64::from(self.index));
        let request = Request { session, sequence: u64::from(self.term), operation };
        let token = server.token();
        server.step(Input::Request { token, request, mode });
    }

    fn instruct(self, server: &mut Server<impl Flaws>) {
        let changes = |all: &[fn(NodeId) -> Change]| {
            let change = |(place, change): (u64, &fn(NodeId) -> Change)| {
                change(NodeId::new((u64::from(self.peer) + place) % SERVERS + 1))
            };
            Instruction::ChangeMembership((0..).zip(all).map(change).collect())
        };
        let instruction = match self.more % 8 {
            0 => changes(&[Change::AddVoter]),
            1 => changes(&[Change::Remove]),
            2 => changes(&[Change::AddLearner]),
            3 => changes(&[Change::AddVoter, Change::Remove]),
            4 => changes(&[]),
            5 => Instruction::TransferLeadership(self.peer()),
            6 => Instruction::StepDown,
            _ => Instruction::TakeSnapshot,
        };
        let token = server.token();
        server.step(Input::Instruct { token, instruction });
    }

    /// A term near that of the server, or one that nobody gets to.
    fn term(self, server: &Server<impl Flaws>) -> Term {
        let now = server.member.view().term.0;
        Term(match self.term {
            255 => u64::MAX,
            254 => u64::MAX / 2,
            near => (now + u64::from(near % 8)).saturating_sub(if near & 8 == 8 { 2 } else { 0 }),
        })
    }

    /// An entry near where something is, of the term that it has in the server's log, or of another.
    fn id(self, server: &Server<impl Flaws>) -> EntryId {
        let view = server.member.view();
        let points = [view.last.index.0, view.commit.0, server.member.node().log().base().index.0, 0];
        let index = match self.index {
            255 => u64::MAX,
            near => (points[usize::from(near) / 16 % 4] + u64::from(near % 4))
                .saturating_sub(u64::from(near / 4 % 4)),
        };
        let index = LogIndex(index);
        let known = server.member.node().log().term(index).filter(|_| self.index & 64 == 0);
        EntryId { term: known.unwrap_or(self.term(server)), index }
    }

    fn message(self, server: &Server<impl Flaws>) -> Message {
        let id = self.id(server);
        let granted = self.more & 1 == 1;
        let round = echo(server, |body| match body {
            Body::AppendEntries { round, .. } => Some(*round),
            Body::InstallSnapshot(chunk) => Some(chunk.round),
            _ => None,
        });
        let round = round.filter(|_| self.more & 64 == 0).unwrap_or(Round(u64::from(self.more)));
        let body = match self.kind % 32 {
            10..=12 => Body::AppendEntries {
                prev: id,
                entries: self.entries(server, id),
                commit: self.commit(id),
                round,
            },
            13 | 14 => {
                let outcome = AppendOutcome::Accepted { matched: id.index };
                Body::AppendReply { round, outcome }
            }
            15 => {
                let refused = LogIndex(id.index.0.wrapping_add(u64::from(self.more % 4)));
                Body::AppendReply { round, outcome: AppendOutcome::Rejected { refused, hint: id } }
            }
            16 | 17 => Body::RequestVote { last: id, transfer: granted },
            18 | 19 => Body::VoteReply { granted },
            20 => Body::PreVote { last: id },
            21 => Body::PreVoteReply { granted },
            22 | 23 => self.chunk(server, id, round),
            24 => {
                let known = echo(server, |body| match body {
                    Body::InstallSnapshot(chunk) => Some(chunk.snapshot),
                    _ => None,
                });
                let snapshot = known.unwrap_or(SnapshotId { last: id, size: 4, checksum: 0 });
                Body::SnapshotReply { round, snapshot, received: u64::from(self.more) }
            }
            25 => Body::TimeoutNow,
            26 => Body::ReadIndex { id: u64::from(self.more) },
            27 => {
                let asked = echo(server, |body| match body {
                    Body::ReadIndex { id } => Some(*id),
                    _ => None,
                });
                Body::ReadIndexReply { id: asked.unwrap_or(u64::from(self.more)), index: id.index }
            }
            28 => Body::Stale,
            29 => Body::Blank { life: u64::from(self.more), round },
            _ => Body::AppendEntries { prev: id, entries: Vec::new(), commit: self.commit(id), round },
        };
        Message { from: self.peer(), to: server.config.id, term: self.term(server), body }
    }

    fn commit(self, prev: EntryId) -> LogIndex {
        LogIndex(match self.more / 16 % 4 {
            0 => 0,
            1 => prev.index.0,
            2 => prev.index.0.saturating_add(u64::from(self.more % 4)),
            _ => u64::MAX,
        })
    }

    /// Up to three entries that follow `prev`, or do not.
    fn entries(self, server: &Server<impl Flaws>, prev: EntryId) -> Vec<Entry> {
        let term = self.term(server).max(prev.term);
        let first = if self.more == 255 { prev.index.0 } else { prev.index.0.wrapping_add(1) };
        let payload = match self.more / 4 % 4 {
            0 => Payload::Noop,
            1 => Payload::Data(Bytes::from("SET a 1")),
            2 => Payload::Data(
                Request { session: SessionId::ZERO, sequence: 0, operation: Operation::Register }.encode(),
            ),
            _ => Payload::Membership(Box::new(Membership::new(
                (1..=u64::from(self.peer) % SERVERS + 1).map(NodeId::new),
            ))),
        };
        let id = |offset| EntryId { term, index: LogIndex(first.wrapping_add(offset)) };
        (0..u64::from(self.more) % 4)
            .map(|offset| Entry { id: id(offset), payload: payload.clone() })
            .collect()
    }

    /// A part of a snapshot: of an empty store, so that parts of several messages fit, or of nonsense.
    fn chunk(self, server: &Server<impl Flaws>, last: EntryId, round: Round) -> Body {
        let data = if self.more & 2 == 2 {
            Bytes::from("nonsense")
        } else {
            StateMachine::new(Limits::default()).encode(Sound)
        };
        let membership = Membership::new((1..=u64::from(self.more / 4) % 4).map(NodeId::new));
        let snapshot = Snapshot { last, membership: membership.clone(), data: data.clone() }.id();
        let middle = data.len() / 2;
        let (offset, bytes) = match self.more / 32 % 4 {
            0 => (0, &data[..]),
            1 => (0, &data[..middle]),
            2 => (middle, &data[middle..]),
            _ => (usize::from(self.more), &data[..1]),
        };
        let life = echo(server, |body| match body {
            Body::Blank { life, .. } => Some(*life),
            _ => None,
        });
        let newcomer = life.filter(|_| self.more & 1 == 1);
        let (offset, bytes) = (offset as u64, Bytes::new(bytes));
        Body::InstallSnapshot(Box::new(Chunk { snapshot, membership, offset, bytes, newcomer, round }))
    }
}

/// What the server last said to somebody, if it said such a thing.
fn echo<T>(server: &Server<impl Flaws>, of: impl Fn(&Body) -> Option<T>) -> Option<T> {
    server.sent.iter().rev().take(16).find_map(|message| of(&message.body))
}
