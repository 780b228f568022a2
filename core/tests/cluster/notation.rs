//! The notation of traces, scripts and pictures: `n1@3` node 1 in term 3, `7@2` index 7 of term 2, `→` sent,
//! `⇥` dropped, `⇨` became. One line a fact.

use seaworthy_core::Node;
use seaworthy_core::effect::{Event, Record, Send, Write};
use seaworthy_core::flaw::Flaws;
use seaworthy_core::log::Log;
use seaworthy_core::message::{AppendOutcome, Body, Entry, Message, Payload};
use seaworthy_core::types::{LogIndex, NodeId, Term, WriteSeq};
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

/// What a node was before a step.
pub(crate) struct Before {
    pub(crate) role: Role,
    pub(crate) commit: LogIndex,
    term: Term,
    leader: Option<NodeId>,
    last: LogIndex,
}

impl Before {
    pub(crate) fn of<F: Flaws>(node: &Node<F>) -> Self {
        let view = node.view();
        Self {
            role: view.role,
            commit: view.commit,
            term: view.term,
            leader: view.leader,
            last: view.last.index,
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
    }

    pub(crate) fn writes<F: Flaws>(&mut self, before: &Before, node: &Node<F>, writes: &[Write]) {
        let mut last = before.last;
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
        let vote = view.vote.map_or("nobody".to_string(), |vote| vote.to_string());
        self.line(Detail::Turns, || {
            format!("{} ⇨ {} {}, vote {vote}, log {}", view.id, name(node), role(view.role), held(node.log()))
        });
    }

    pub(crate) fn events<F: Flaws>(&mut self, before: &Before, node: &Node<F>, events: &[Event]) {
        let mut commit = before.commit;
        for event in events {
            let line = || told(node, &mut commit, event);
            self.line(Detail::Turns, line);
        }
    }
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

/// `1@1 2@1 3@2`, or `empty`.
pub(crate) fn held(log: &Log) -> String {
    let ids: Vec<_> = log.entries().iter().map(|entry| entry.id.to_string()).collect();
    if ids.is_empty() { "empty".to_string() } else { ids.join(" ") }
}

fn told<F: Flaws>(node: &Node<F>, commit: &mut LogIndex, event: &Event) -> String {
    let name = name(node);
    let nobody = |leader: &Option<NodeId>| leader.map_or("nobody".to_string(), |leader| leader.to_string());
    match event {
        Event::Proposed { token, id } => format!("{name} takes p{token} as {id}"),
        Event::ProposalRefused { token, leader } => {
            format!("{name} refuses p{token}, knows as leader {}", nobody(leader))
        }
        Event::ReadReady { token, index } => format!("{name} may answer r{token} once {index} is applied"),
        Event::ReadRefused { token, leader } => {
            format!("{name} refuses r{token}, knows as leader {}", nobody(leader))
        }
        Event::Committed { index } => {
            let ids = (commit.0 + 1..=index.0).filter_map(|index| node.log().get(LogIndex(index)));
            let ids: Vec<_> = ids.map(|entry| entry.id.to_string()).collect();
            *commit = *index;
            format!("{name} commits {}", ids.join(" "))
        }
    }
}

fn written(record: &Record, last: &mut LogIndex) -> String {
    match record {
        Record::HardState(hard_state) => {
            let vote = hard_state.vote.map_or("nobody".to_string(), |vote| vote.to_string());
            format!("term {}, vote {vote}", hard_state.term)
        }
        Record::Append(entries) => {
            let kept = entries[0].id.index.previous();
            let cut = if kept < *last { format!("cut after {kept}, ") } else { String::new() };
            *last = entries[entries.len() - 1].id.index;
            format!("{cut}append {}", listed(entries))
        }
    }
}

fn listed(entries: &[Entry]) -> String {
    let entry = |entry: &Entry| match &entry.payload {
        Payload::Noop => format!("{} noop", entry.id),
        Payload::Data(data) => format!("{} {}", entry.id, String::from_utf8_lossy(data)),
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
        Body::Stale => "Stale",
    }
}

fn kind_and_fields(body: &Body, term: Option<Term>) -> String {
    let kind = kind(body);
    let term = term.map_or(String::new(), |term| format!("@{term}"));
    let verdict = |granted| if granted { "granted" } else { "refused" };
    match body {
        Body::PreVote { last } | Body::RequestVote { last } => format!("{kind}{term} last={last}"),
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
        Body::Stale => format!("{kind}{term}"),
    }
}
