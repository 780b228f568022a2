//! One node and the messages that a test invents for it.

use super::{Options, disk};
use seaworthy_core::Node;
use seaworthy_core::durable::Durable;
use seaworthy_core::effect::{Effects, Record, Write};
use seaworthy_core::input::Input;
use seaworthy_core::message::{AppendOutcome, Body, Entry, Message};
use seaworthy_core::types::{EntryId, Instant, LogIndex, NodeId, Round, Term, Token, WriteSeq};

/// Node 1 of a cluster whose other members are played by the test.
#[derive(Debug)]
pub(crate) struct Lone {
    pub(crate) node: Node,
    pub(crate) now: Instant,
    pub(crate) disk: Durable,
    unwritten: Vec<Write>,
}

impl Lone {
    /// The paper's node, with a durable log of these terms.
    pub(crate) fn paper(nodes: u64, term: u64, terms: &[u64]) -> Self {
        Self::new(&Options::paper(nodes), disk(nodes, term, terms))
    }

    pub(crate) fn new(options: &Options, disk: Durable) -> Self {
        let config = options.config(NodeId::new(1), 0);
        let node = Node::new(config, &disk, Instant::default());
        let node = node.expect("the options of a test make sense");
        Self { node, now: Instant::default(), disk, unwritten: Vec::new() }
    }

    /// One step; its writes stay unwritten.
    pub(crate) fn step(&mut self, input: Input) -> Effects {
        let mut effects = Effects::default();
        self.node.step(self.now, input, &mut effects);
        self.unwritten.extend(effects.writes.iter().cloned());
        effects
    }

    /// Node `from` says something in `term`.
    pub(crate) fn receive(&mut self, from: u64, term: u64, body: Body) -> Effects {
        let (from, to) = (NodeId::new(from), NodeId::new(1));
        self.step(Input::Message(Message { from, to, term: Term(term), body }))
    }

    /// Makes everything durable that was written so far, and says so.
    pub(crate) fn persist(&mut self) -> Effects {
        let mut seq = WriteSeq::ZERO;
        for write in self.unwritten.drain(..) {
            seq = write.seq;
            self.disk.persist(write.record);
        }
        self.step(Input::Persisted { seq })
    }

    /// The election timeout passes.
    pub(crate) fn time_out(&mut self) -> Effects {
        self.now = self.now.max(self.node.deadline());
        self.step(Input::Timeout)
    }

    pub(crate) fn propose(&mut self, data: &str) -> Effects {
        self.step(Input::Propose { token: Token(1), data: data.into() })
    }

    /// Leads, with the votes of all the others, and has its own no-op entry on disk.
    pub(crate) fn lead(&mut self) -> Effects {
        self.time_out();
        self.persist();
        let term = self.node.view().term.0;
        let others: Vec<u64> =
            self.node.membership().nodes().map(NodeId::get).filter(|id| *id != 1).collect();
        let mut effects = Effects::default();
        for other in others {
            let step = self.receive(other, term, Body::VoteReply { granted: true });
            if effects.sends.is_empty() {
                effects = step;
            }
        }
        self.persist();
        effects
    }

    pub(crate) fn term(&self) -> u64 {
        self.node.view().term.0
    }

    pub(crate) fn vote(&self) -> Option<u64> {
        self.node.view().vote.map(NodeId::get)
    }

    pub(crate) fn leader(&self) -> Option<u64> {
        self.node.leader().map(NodeId::get)
    }

    pub(crate) fn commit(&self) -> u64 {
        self.node.commit().0
    }

    /// The terms of the log, from index 1.
    pub(crate) fn terms(&self) -> Vec<u64> {
        self.node.log().entries().iter().map(|entry| entry.id.term.0).collect()
    }
}

/// An AppendEntries in round 1, behind `prev` (index, term).
pub(crate) fn append(prev: (u64, u64), entries: Vec<Entry>, commit: u64) -> Body {
    Body::AppendEntries {
        prev: EntryId::new(prev.1, prev.0),
        entries,
        commit: LogIndex(commit),
        round: Round(1),
    }
}

/// A request of a candidate whose log ends with index `index` of term `term`.
pub(crate) fn vote_request(index: u64, term: u64) -> Body {
    Body::RequestVote { last: EntryId::new(term, index), transfer: false }
}

/// An acknowledgement in round 1.
pub(crate) fn accepted(matched: u64) -> Body {
    Body::AppendReply { round: Round(1), outcome: AppendOutcome::Accepted { matched: LogIndex(matched) } }
}

/// A refusal in round 1, with a hint (index, term).
pub(crate) fn rejected(refused: u64, hint: (u64, u64)) -> Body {
    let outcome = AppendOutcome::Rejected { refused: LogIndex(refused), hint: EntryId::new(hint.1, hint.0) };
    Body::AppendReply { round: Round(1), outcome }
}

/// What is said to whom, without the gates.
pub(crate) fn bodies(effects: &Effects) -> Vec<(u64, &Body)> {
    effects.sends.iter().map(|send| (send.message.to.get(), &send.message.body)).collect()
}

/// The votes among what is said: to whom, and whether granted.
pub(crate) fn votes(effects: &Effects) -> Vec<(u64, bool)> {
    let vote = |(to, body): (u64, &Body)| match body {
        Body::VoteReply { granted } => Some((to, *granted)),
        _ => None,
    };
    bodies(effects).into_iter().filter_map(vote).collect()
}

/// Whether a record of term and vote is among the writes.
pub(crate) fn writes_hard_state(effects: &Effects) -> bool {
    effects.writes.iter().any(|write| matches!(write.record, Record::HardState(_)))
}
