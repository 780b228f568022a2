//! One server with its disk and nobody else: what a driver owes it, and what it owes everybody.

use seaworthy_core::config::Config;
use seaworthy_core::durable::Durable;
use seaworthy_core::effect::{Record, Send};
use seaworthy_core::flaw::Flaws;
use seaworthy_core::member::{Effects, Input, Member};
use seaworthy_core::message::{AppendOutcome, Body, Message};
use seaworthy_core::types::{Instant, LogIndex, NodeId, Term, Token, WriteSeq};
use std::collections::{BTreeSet, VecDeque};

/// A server, what is on its disk, and what is on its way there. Sound, or with the flaws by which a target is tested.
#[derive(Clone, Debug)]
pub(super) struct Server<F: Flaws> {
    pub(super) config: Config,
    flaws: F,
    pub(super) member: Member<F>,
    pub(super) durable: Durable,
    pub(super) now: Instant,
    /// The messages that have left since somebody last looked.
    pub(super) sent: Vec<Message>,
    queue: VecDeque<(WriteSeq, Record)>,
    written: WriteSeq,
    /// Messages that wait for their write.
    held: Vec<Send>,
    /// Requests that wait for their answer.
    open: BTreeSet<Token>,
    tokens: u64,
    seen: Seen,
    effects: Effects,
}

/// What never goes back while a server lives.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    term: Term,
    vote: Option<NodeId>,
    commit: LogIndex,
    applied: LogIndex,
}

impl<F: Flaws> Server<F> {
    pub(super) fn new(config: Config, durable: Durable, now: Instant, flaws: F) -> Self {
        let member = Member::with_flaws(config.clone(), &durable, now, flaws);
        let member = member.expect("the disk is one that a node wrote");
        let mut server = Self {
            config,
            flaws,
            member,
            durable,
            now,
            sent: Vec::new(),
            queue: VecDeque::new(),
            written: WriteSeq::ZERO,
            held: Vec::new(),
            open: BTreeSet::new(),
            tokens: 0,
            seen: Seen::default(),
            effects: Effects::default(),
        };
        server.look();
        server
    }

    /// What would be there after a crash now that takes all but the `kept` oldest writes that are not reported: a server
    /// of the same number, at the same time, with another seed, since no two lives are alike.
    pub(super) fn restarted(&self, kept: usize) -> Self {
        let mut durable = self.durable.clone();
        self.queue.iter().take(kept).for_each(|(_, record)| durable.persist(record.clone()));
        let config = Config { seed: self.config.seed.wrapping_add(1), ..self.config.clone() };
        Self::new(config, durable, self.now, self.flaws)
    }

    /// How many writes are not durable.
    pub(super) fn pending(&self) -> usize {
        self.queue.len()
    }

    /// A handle that nobody has.
    pub(super) fn token(&mut self) -> Token {
        self.tokens += 1;
        self.open.insert(Token(self.tokens));
        Token(self.tokens)
    }

    pub(super) fn step(&mut self, input: Input) {
        self.member.step(self.now, input, &mut self.effects);
        for write in self.effects.writes.drain(..) {
            assert!(self.written < write.seq, "writes are in order");
            self.written = write.seq;
            self.queue.push_back((write.seq, write.record));
        }
        let durable = self.queue.front().map_or(self.written, |(next, _)| WriteSeq(next.0 - 1));
        let mut sends = std::mem::take(&mut self.effects.sends);
        for send in sends.drain(..) {
            assert!(send.after <= self.written, "nothing waits for a write that nobody has issued");
            if send.after <= durable { self.release(send.message) } else { self.held.push(send) }
        }
        self.effects.sends = sends;
        for reply in self.effects.replies.drain(..) {
            assert!(self.open.remove(&reply.token), "a request is answered once");
        }
        self.effects.clear();
        self.look();
    }

    /// Makes the `count` oldest writes durable, and lets go what waits for each.
    pub(super) fn persist(&mut self, count: usize) {
        let mut last = None;
        for _ in 0..count.min(self.queue.len()) {
            let (seq, record) = self.queue.pop_front().expect("it was counted");
            self.durable.persist(record);
            assert_eq!(self.durable.validate(), Ok(()), "a disk holds what a node can start from");
            let free: Vec<_> = self.held.extract_if(.., |send| send.after <= seq).collect();
            free.into_iter().for_each(|send| self.release(send.message));
            last = Some(seq);
        }
        if let Some(seq) = last {
            self.step(Input::Persisted { seq });
        }
    }

    /// Makes everything durable, also what comes of that.
    pub(super) fn persist_all(&mut self) {
        while !self.queue.is_empty() {
            self.persist(self.queue.len());
        }
    }

    /// A message leaves: what it promises is on the disk (thesis §3.8), unless the disk has moved on since.
    fn release(&mut self, message: Message) {
        assert!(message.from == self.config.id && message.to != message.from, "{message:?} is from here");
        let hard_state = self.durable.hard_state;
        let (term, last) = (message.term, self.durable.log.last());
        let voted = |whom| term < hard_state.term || term == hard_state.term && hard_state.vote == Some(whom);
        let kept = match &message.body {
            Body::VoteReply { granted: true } => voted(message.to),
            Body::RequestVote { last: claimed, .. } => {
                voted(message.from) && (term < hard_state.term || *claimed == last)
            }
            Body::AppendReply { outcome: AppendOutcome::Accepted { matched }, .. } => {
                term < hard_state.term || term == hard_state.term && *matched <= last.index
            }
            _ => true,
        };
        assert!(
            kept,
            "{message:?} promises more than a disk with {hard_state:?} and a log up to {last} holds"
        );
        self.sent.push(message);
    }

    /// Nothing goes back.
    fn look(&mut self) {
        let view = self.member.view();
        let before = self.seen;
        let now =
            Seen { term: view.term, vote: view.vote, commit: view.commit, applied: self.member.applied() };
        assert!(before.term <= now.term, "the term went back");
        let kept = before.term < now.term || before.vote.is_none() || before.vote == now.vote;
        assert!(kept, "the vote changed within a term");
        assert!(before.commit <= now.commit, "the commit index went back");
        assert!(before.applied <= now.applied && now.applied <= now.commit, "what is applied is committed");
        self.seen = now;
    }
}
