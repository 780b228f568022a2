//! The notation of traces, scripts and pictures: `n1@3` node 1 in term 3, `7@2` index 7 of term 2, `→` sent,
//! `⇥` dropped, `⇨` became. One line a fact.

use seaworthy_core::Node;
use seaworthy_core::effect::{Effects, Event, Record, Refusal, Send, Write};
use seaworthy_core::flaw::Flaws;
use seaworthy_core::log::Log;
use seaworthy_core::membership::Membership;
use seaworthy_core::message::{AppendOutcome, Body, Chunk, Entry, Message, Payload, SnapshotId};
use seaworthy_core::quorum::Joint;
use seaworthy_core::snapshot::Snapshot;
use seaworthy_core::types::{EntryId, LogIndex, NodeId, Term, Token, WriteSeq};
use seaworthy_core::view::Role;
use std::fmt::Write as _;

/// What happened, line by line, for whoever asked for it.
#[derive(Debug, Default)]
pub(crate) struct Notation {
    detail: Detail,
    lines: String,
    /// Whether the lines tell what a delivery led to.
    nested: bool,
}

/// How much is written down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Detail {
    #[default]
    Nothing,
    /// Roles, commits, and what clients are told.
    Turns,
    /// Messages and writes too.
    Everything,
}

/// What a token stands for. Scripts number each kind from 1: `p1` is the first proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Letter {
    /// A proposal.
    P = b'p' as isize,
    /// A read.
    R = b'r' as isize,
    /// A change of the membership.
    C = b'c' as isize,
    /// A transfer of leadership, or giving it up.
    T = b't' as isize,
}

impl Letter {
    /// The `number`th of its kind.
    pub(crate) fn token(self, number: u64) -> Token {
        Token((self as u64) << LETTER | number)
    }
}

/// Where the letter stands in a token.
const LETTER: u32 = 56;

fn token(Token(token): Token) -> String {
    let letter = char::from((token >> LETTER) as u8);
    format!("{letter}{}", token & !(u64::MAX << LETTER))
}

/// What a node was before a step.
pub(crate) struct Before {
    pub(crate) role: Role,
    pub(crate) commit: LogIndex,
    pub(crate) term: Term,
    leader: Option<NodeId>,
    pub(crate) last: EntryId,
    pub(crate) snapshot: Option<EntryId>,
    membership: Membership,
}

impl Before {
    pub(crate) fn of<F: Flaws>(node: &Node<F>) -> Self {
        let view = node.view();
        Self {
            role: view.role,
            commit: view.commit,
            term: view.term,
            leader: view.leader,
            last: view.last,
            snapshot: view.snapshot,
            membership: view.membership.clone(),
        }
    }
}

impl Notation {
    /// Starts over, at this detail.
    pub(crate) fn start(&mut self, detail: Detail) {
        *self = Self { detail, ..Self::default() };
    }

    pub(crate) fn take(&mut self) -> String {
        std::mem::take(&mut self.lines)
    }

    fn line(&mut self, detail: Detail, line: impl FnOnce() -> String) {
        if detail <= self.detail {
            let indent = if self.nested { "  " } else { "" };
            writeln!(self.lines, "{indent}{}", line()).expect("a string takes everything");
        }
    }

    pub(crate) fn receives<F: Flaws>(&mut self, node: &Node<F>, message: &Message) {
        let Message { from, term, body, .. } = message;
        self.line(Detail::Everything, || {
            format!("{} receives {} from {from}", name(node), said(*term, body))
        });
        self.nested = Detail::Everything <= self.detail;
    }

    pub(crate) fn end_delivery(&mut self) {
        self.nested = false;
    }

    pub(crate) fn became<F: Flaws>(&mut self, before: &Before, node: &Node<F>) {
        let view = node.view();
        if (before.role, before.term) != (view.role, view.term) {
            let was = format!("{}@{}", view.id, before.term);
            self.line(Detail::Turns, || {
                format!("{was} {} ⇨ {} {}", role(before.role), name(node), role(view.role))
            });
        }
        if let Some(leader) = view.leader
            && before.leader != view.leader
            && leader != view.id
        {
            self.line(Detail::Everything, || format!("{} follows {leader}", name(node)));
        }
        if before.membership != *view.membership {
            self.line(Detail::Everything, || format!("{} ⇨ {}", name(node), members(view.membership)));
        }
    }

    pub(crate) fn writes<F: Flaws>(&mut self, before: &Before, node: &Node<F>, writes: &[Write]) {
        let mut last = before.last.index;
        for Write { seq, record } in writes {
            self.line(Detail::Everything, || {
                format!("{} writes w{seq}: {}", name(node), written(record, &mut last))
            });
        }
    }

    pub(crate) fn send<F: Flaws>(&mut self, node: &Node<F>, send: &Send, leaves: bool) {
        let Message { from, to, term, body } = &send.message;
        let own = node.view().term;
        self.line(Detail::Everything, || {
            let what = if *term == own { kind_and_fields(body, None) } else { said(*term, body) };
            let gate = if leaves { String::new() } else { format!(", waits for w{}", send.after) };
            format!("{from}@{own} → {to} {what}{gate}")
        });
    }

    pub(crate) fn dropped(&mut self, message: &Message) {
        let Message { from, to, term, body } = message;
        self.line(Detail::Everything, || format!("{from} ⇥ {to} {}", said(*term, body)));
    }

    pub(crate) fn durable<F: Flaws>(&mut self, node: &Node<F>, seq: WriteSeq) {
        self.line(Detail::Everything, || format!("{} has w{seq} on disk", name(node)));
    }

    pub(crate) fn crashed(&mut self, id: NodeId, lost: &[WriteSeq]) {
        self.line(Detail::Turns, || {
            let lost: Vec<_> = lost.iter().map(|seq| format!("w{seq}")).collect();
            let lost = if lost.is_empty() { String::new() } else { format!(" and loses {}", lost.join(" ")) };
            format!("{id} ⇨ down{lost}")
        });
    }

    pub(crate) fn restarted<F: Flaws>(&mut self, node: &Node<F>) {
        let view = node.view();
        self.line(Detail::Turns, || {
            let snapshot = match view.snapshot {
                None => ", blank".to_string(),
                Some(EntryId::ZERO) => String::new(),
                Some(last) => format!(", snapshot {last}"),
            };
            let (vote, log) = (known(view.vote), held(node.log()));
            format!("{} ⇨ {} {}, vote {vote}{snapshot}, log {log}", view.id, name(node), role(view.role))
        });
    }

    pub(crate) fn wiped(&mut self, id: NodeId) {
        self.line(Detail::Turns, || format!("{id} ⇨ wiped"));
    }

    pub(crate) fn events<F: Flaws>(&mut self, before: &Before, node: &Node<F>, events: &[Event]) {
        let mut commit = before.commit;
        for event in events {
            let line = || told(node, &mut commit, event);
            self.line(Detail::Turns, line);
        }
    }
}

/// What of a step is rare, in short.
pub(crate) fn rarities(before: &Before, effects: &Effects) -> impl Iterator<Item = &'static str> {
    let sends = effects.sends.iter().filter_map(|send| match &send.message.body {
        Body::TimeoutNow => Some("TimeoutNow"),
        Body::ReadIndexReply { .. } => Some("ReadIndexReply"),
        Body::InstallSnapshot(_) => Some("InstallSnapshot"),
        _ => None,
    });
    let writes = effects.writes.iter().filter_map(|write| match &write.record {
        Record::Append(entries) if entries[0].id.index <= before.last.index => Some("truncation"),
        Record::Append(entries) => match &entries[0].payload {
            Payload::Membership(membership) if membership.is_joint() => Some("joint configuration"),
            Payload::Membership(_) => Some("configuration"),
            Payload::Noop | Payload::Data(_) => None,
        },
        Record::Snapshot { .. } => Some("snapshot"),
        Record::HardState(_) => None,
    });
    let events = effects.events.iter().filter_map(|event| match event {
        Event::SnapshotReceived { .. } => Some("received snapshot"),
        Event::Amnesia { .. } => Some("amnesia"),
        Event::Done { .. } => Some("handing over"),
        Event::ReadReady { .. } => Some("read"),
        Event::Refused { refusal: Refusal::Busy, .. } => Some("busy"),
        Event::Refused { refusal: Refusal::NotCaughtUp { .. }, .. } => Some("laggard"),
        _ => None,
    });
    sends.chain(writes).chain(events)
}

/// `n1@3`.
pub(crate) fn name<F: Flaws>(node: &Node<F>) -> String {
    let view = node.view();
    format!("{}@{}", view.id, view.term)
}

pub(crate) fn role(role: Role) -> &'static str {
    match role {
        Role::Follower => "follower",
        Role::PreCandidate => "pre-candidate",
        Role::Candidate => "candidate",
        Role::Leader => "leader",
    }
}

/// `n1`, or `nobody`.
pub(crate) fn known(node: Option<NodeId>) -> String {
    node.map_or("nobody".to_string(), |node| node.to_string())
}

/// `1@1 2@1 3@2`, or `empty`; behind what was compacted away `(3@2) 4@2`.
pub(crate) fn held(log: &Log) -> String {
    let base = Some(log.base()).filter(|base| *base != EntryId::ZERO).map(|base| format!("({base})"));
    let ids = log.entries().iter().map(|entry| entry.id.to_string());
    let ids: Vec<_> = base.into_iter().chain(ids).collect();
    if ids.is_empty() { "empty".to_string() } else { ids.join(" ") }
}

/// `{1 2 3 ~4}`: three voters and a learner. `{1 2 4 / 1 2 ~3}`: a joint configuration, the new half first, after which
/// node 3 is a learner.
pub(crate) fn members(membership: &Membership) -> String {
    let Joint { incoming, outgoing } = &membership.voters;
    let learner = |node: &NodeId| format!("~{}", node.get());
    let voter = |node: &NodeId| match membership.learners_next.contains(node) {
        true => learner(node),
        false => node.get().to_string(),
    };
    let mut words: Vec<_> = incoming.voters().iter().map(|node| node.get().to_string()).collect();
    words.extend(membership.learners.iter().map(learner));
    if membership.is_joint() {
        words.push("/".to_string());
        words.extend(outgoing.voters().iter().map(voter));
    }
    let stays = if membership.is_joint() && !membership.auto_leave { " until told" } else { "" };
    format!("{{{}}}{stays}", words.join(" "))
}

fn refused(refusal: Refusal) -> String {
    match refusal {
        Refusal::NotLeader { leader } => format!("knows as leader {}", known(leader)),
        Refusal::Unknown { leader } => format!("cannot tell, knows as leader {}", known(leader)),
        Refusal::Overloaded => "overloaded".to_string(),
        Refusal::TooLarge => "too large".to_string(),
        Refusal::Busy => "busy".to_string(),
        Refusal::Change(error) => error.to_string(),
        Refusal::NotCaughtUp { node } => format!("{node} has not caught up"),
        Refusal::NotVoter { node } => format!("{node} is no voter"),
        Refusal::TransferFailed => "the other did not take over".to_string(),
    }
}

fn told<F: Flaws>(node: &Node<F>, commit: &mut LogIndex, event: &Event) -> String {
    let name = name(node);
    match event {
        Event::Proposed { token: taken, id } => format!("{name} takes {} as {id}", token(*taken)),
        Event::ReadReady { token: read, index } => {
            format!("{name} may answer {} once {index} is applied", token(*read))
        }
        Event::Done { token: done } => format!("{name} has done {}", token(*done)),
        Event::Refused { token: asked, refusal } => {
            format!("{name} refuses {}, {}", token(*asked), refused(*refusal))
        }
        Event::Committed { index } => {
            let log = node.log();
            let covered = Some(log.base()).filter(|base| commit.0 < base.index.0);
            let covered = covered.map(|base| format!("all up to {base}"));
            let ids = (commit.0 + 1..=index.0).filter_map(|index| log.get(LogIndex(index)));
            let ids: Vec<_> = covered.into_iter().chain(ids.map(|entry| entry.id.to_string())).collect();
            *commit = *index;
            format!("{name} commits {}", ids.join(" "))
        }
        Event::SnapshotReceived { snapshot } => format!("{name} has all of snapshot {}", snapshot.last),
        Event::Amnesia { node } => format!("{name} finds that {node} has lost its memory"),
    }
}

fn written(record: &Record, last: &mut LogIndex) -> String {
    match record {
        Record::HardState(hard_state) => {
            format!("term {}, vote {}", hard_state.term, known(hard_state.vote))
        }
        Record::Append(entries) => {
            let kept = entries[0].id.index.previous();
            let cut = if kept < *last { format!("cut after {kept}, ") } else { String::new() };
            *last = entries[entries.len() - 1].id.index;
            format!("{cut}append {}", listed(entries))
        }
        Record::Snapshot { snapshot, compacted } => {
            let Snapshot { last, membership, data } = &**snapshot;
            format!("snapshot {last} {} of {} bytes, log after {compacted}", members(membership), data.len())
        }
    }
}

fn listed(entries: &[Entry]) -> String {
    let entry = |entry: &Entry| match &entry.payload {
        Payload::Noop => format!("{} noop", entry.id),
        Payload::Data(data) => format!("{} {}", entry.id, String::from_utf8_lossy(data)),
        Payload::Membership(membership) => format!("{} {}", entry.id, members(membership)),
    };
    entries.iter().map(entry).collect::<Vec<_>>().join(", ")
}

/// `RequestVote@3 last=7@2`.
pub(crate) fn said(term: Term, body: &Body) -> String {
    kind_and_fields(body, Some(term))
}

/// The name of a message, as scripts select it.
pub(crate) fn kind(body: &Body) -> &'static str {
    match body {
        Body::PreVote { .. } => "PreVote",
        Body::PreVoteReply { .. } => "PreVoteReply",
        Body::RequestVote { .. } => "RequestVote",
        Body::VoteReply { .. } => "VoteReply",
        Body::AppendEntries { .. } => "AppendEntries",
        Body::AppendReply { .. } => "AppendReply",
        Body::InstallSnapshot(_) => "InstallSnapshot",
        Body::SnapshotReply { .. } => "SnapshotReply",
        Body::TimeoutNow => "TimeoutNow",
        Body::ReadIndex { .. } => "ReadIndex",
        Body::ReadIndexReply { .. } => "ReadIndexReply",
        Body::Stale => "Stale",
        Body::Blank { .. } => "Blank",
    }
}

fn kind_and_fields(body: &Body, term: Option<Term>) -> String {
    let kind = kind(body);
    let term = term.map_or(String::new(), |term| format!("@{term}"));
    let verdict = |granted| if granted { "granted" } else { "refused" };
    match body {
        Body::PreVote { last } | Body::RequestVote { last, transfer: false } => {
            format!("{kind}{term} last={last}")
        }
        Body::RequestVote { last, transfer: true } => format!("{kind}{term} last={last} transfer"),
        Body::PreVoteReply { granted } | Body::VoteReply { granted } => {
            format!("{kind}{term} {}", verdict(*granted))
        }
        Body::AppendEntries { prev, entries, commit, round } => {
            format!("{kind}{term} prev={prev} [{}] commit={commit} round={round}", listed(entries))
        }
        Body::AppendReply { round, outcome: AppendOutcome::Accepted { matched } } => {
            format!("{kind}{term} matched={matched} round={round}")
        }
        Body::AppendReply { round, outcome: AppendOutcome::Rejected { refused, hint } } => {
            format!("{kind}{term} refused={refused} hint={hint} round={round}")
        }
        Body::InstallSnapshot(chunk) => {
            let Chunk { snapshot: SnapshotId { last, size, .. }, membership, offset, bytes, newcomer, round } =
                &**chunk;
            let (members, end) = (members(membership), offset + bytes.len() as u64);
            let welcome = if newcomer.is_some() { " newcomer" } else { "" };
            format!(
                "{kind}{term} snapshot={last} {members} bytes={offset}..{end} of {size}{welcome} round={round}"
            )
        }
        Body::SnapshotReply { round, snapshot: SnapshotId { last, size, .. }, received } => {
            format!("{kind}{term} snapshot={last} received={received} of {size} round={round}")
        }
        Body::ReadIndex { id } => format!("{kind}{term} question={}", question(*id)),
        Body::ReadIndexReply { id, index } => {
            format!("{kind}{term} question={} index={index}", question(*id))
        }
        Body::TimeoutNow | Body::Stale | Body::Blank { .. } => format!("{kind}{term}"),
    }
}

/// Questions are named at random; a part of the name tells them apart here.
fn question(id: u64) -> String {
    format!("{:04x}", id & 0xffff)
}
