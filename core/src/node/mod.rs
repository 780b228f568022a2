//! The consensus machine: one node of Raft.
//!
//! The state and the way in and out are here; what happens is told by activity: `election`, `replication`,
//! `read`. Each is an `impl Node` of its own over the same private fields.

mod election;
mod invariants;
mod progress;
mod read;
mod replication;
mod role;
mod write_queue;

pub use progress::Progress;

use crate::config::{Config, StartError};
use crate::durable::Durable;
use crate::effect::{Effects, Event, HardState, Send};
use crate::flaw::{Flaw, Flaws, Sound};
use crate::input::Input;
use crate::log::Log;
use crate::membership::Membership;
use crate::message::{Body, Message};
use crate::types::{Instant, LogIndex, NodeId, Term, WriteSeq};
use crate::view::{Role, View};
use alloc::vec::Vec;
use core::time::Duration;
use role::{Ballot, State};
use write_queue::WriteQueue;

/// Messages of later terms are dropped: elections do not get there within the age of the universe, and a node
/// that followed a mistaken peer so far would have no term left to campaign in.
const TERM_MAX: Term = Term(u64::MAX / 2);

/// One node of a Raft cluster: a synchronous state machine without clock, randomness or I/O.
///
/// - `commit <= log.last().index`.
/// - The vote, once given in a term, does not change in it.
/// - While it leads, it knows itself as the leader of its term.
///
/// `F` plants bugs for the tests of the simulator; see [`crate::flaw`].
#[derive(Clone, Debug)]
pub struct Node<F: Flaws = Sound> {
    config: Config,
    flaws: F,
    membership: Membership,
    hard_state: HardState,
    log: Log,
    commit: LogIndex,
    queue: WriteQueue,
    state: State,
    /// The leader of the current term, if it is known.
    leader: Option<NodeId>,
    /// When it was last heard.
    leader_heard_at: Instant,
    /// When to campaign, unless leading.
    election_at: Instant,
    jitter: Jitter,
}

impl Node<Sound> {
    /// A node built from its durable state alone: at the first start and after every crash alike.
    ///
    /// # Errors
    /// If the settings make no sense together, or the disk holds what no node writes.
    pub fn new(
        config: Config,
        durable: &Durable,
        now: Instant,
    ) -> Result<Self, StartError> {
        Self::with_flaws(config, durable, now, Sound)
    }
}

impl<F: Flaws> Node<F> {
    /// As [`Node::new`], with planted bugs.
    ///
    /// # Errors
    /// If the settings make no sense together, or the disk holds what no node writes.
    pub fn with_flaws(
        config: Config,
        durable: &Durable,
        now: Instant,
        flaws: F,
    ) -> Result<Self, StartError> {
        config.validate()?;
        durable.validate()?;
        let log = durable.log.clone();
        let mut hard_state = durable.hard_state;
        if flaws.has(Flaw::AmnesiaAtRestart) {
            hard_state.vote = None;
        }
        let mut node = Self {
            queue: WriteQueue::new(log.last().index),
            jitter: Jitter(config.seed),
            config,
            flaws,
            membership: durable.snapshot.as_ref().map(|snapshot| snapshot.membership.clone()).unwrap_or_default(),
            hard_state,
            log,
            commit: LogIndex::ZERO,
            state: State::Follower,
            leader: None,
            leader_heard_at: now,
            election_at: now,
        };
        node.reset_election_timer(now);
        Ok(node)
    }

    /// Takes one step. Total: any input in any state, no panic on account of a peer or a client. `now` is the
    /// node's own monotonic clock; should it go back, timeouts come later and nothing else changes.
    ///
    /// The effects are appended to `effects`, which the caller drains; their contract is that of
    /// [`crate::effect`].
    ///
    /// # Panics
    /// If [`Input::Persisted`] names a write that was never issued: only a broken driver does that.
    pub fn step(&mut self, now: Instant, input: Input, effects: &mut Effects) {
        match input {
            Input::Timeout => self.on_timeout(now, effects),
            Input::Message(message) => self.on_message(now, message, effects),
            Input::Propose { token, data } => self.on_propose(token, data, effects),
            Input::Read { token } => self.on_read(now, token, effects),
            Input::Persisted { seq } => self.on_persisted(now, seq, effects),
            Input::Campaign => self.on_campaign(now, effects),
        }
        if F::SOUND {
            self.assert_invariants();
        }
    }

    /// When [`Input::Timeout`] is due. May move with every step.
    pub fn deadline(&self) -> Instant {
        match &self.state {
            State::Leader(leadership) if self.config.check_quorum => {
                leadership.heartbeat_at.min(leadership.quorum_check_at)
            }
            State::Leader(leadership) => leadership.heartbeat_at,
            _ => self.election_at,
        }
    }

    /// The visible state.
    pub fn view(&self) -> View<'_> {
        View {
            id: self.config.id,
            role: self.state.role(),
            term: self.hard_state.term,
            vote: self.hard_state.vote,
            leader: self.leader,
            commit: self.commit,
            last: self.log.last(),
            membership: &self.membership,
            followers: match &self.state {
                State::Leader(leadership) => &leadership.followers,
                _ => &[],
            },
        }
    }

    /// The log.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// What it is.
    pub fn role(&self) -> Role {
        self.state.role()
    }

    /// The leader of the current term, if it is known.
    pub fn leader(&self) -> Option<NodeId> {
        self.leader
    }

    /// Everything up to here is committed.
    pub fn commit(&self) -> LogIndex {
        self.commit
    }

    fn on_timeout(&mut self, now: Instant, effects: &mut Effects) {
        if now < self.deadline() {
            return;
        }
        if matches!(self.state, State::Leader(_)) {
            self.on_leader_timeout(now, effects);
        } else {
            self.on_campaign(now, effects);
        }
    }

    /// First the rules for terms, which hold for every message (Raft §5.1), then what the message says.
    fn on_message(&mut self, now: Instant, message: Message, effects: &mut Effects) {
        let Message { from, to, term, body } = message;
        if to != self.config.id || from == self.config.id || TERM_MAX < term {
            return;
        }
        if term < self.hard_state.term {
            self.on_older_term(from, &body, effects);
            let excused = self.flaws.has(Flaw::StaleVoteCounted) && matches!(body, Body::VoteReply { .. })
                || self.flaws.has(Flaw::StaleAppendObeyed) && matches!(body, Body::AppendEntries { .. });
            if !excused {
                return;
            }
        } else if self.hard_state.term < term {
            match body {
                // Nobody has campaigned in that term yet: it is only asked about.
                Body::PreVote { .. } | Body::PreVoteReply { granted: true } => {}
                // While a leader is heard nobody may depose it, not even by raising the term (thesis §4.2.3).
                Body::RequestVote { .. } if self.is_loyal(now, from) => return,
                _ => self.adopt_term(now, term, effects),
            }
        }
        match body {
            Body::PreVote { last } => self.on_pre_vote(now, from, term, last, effects),
            Body::PreVoteReply { granted } => self.on_pre_vote_reply(now, from, term, granted, effects),
            Body::RequestVote { last } => self.on_request_vote(now, from, last, effects),
            Body::VoteReply { granted } => self.on_vote_reply(now, from, granted, effects),
            Body::AppendEntries { prev, entries, commit, round } => {
                self.on_append_entries(
                    now,
                    from,
                    replication::Append { prev, entries, commit, round },
                    effects,
                );
            }
            Body::AppendReply { round, outcome } => self.on_append_reply(now, from, round, outcome, effects),
            // Its term has been adopted above; there is nothing more in it.
            Body::Stale => {}
        }
    }

    /// A request of an older term is answered, or its sender would never learn that it has been left behind.
    /// An answer of an older term is dropped.
    fn on_older_term(&mut self, from: NodeId, body: &Body, effects: &mut Effects) {
        match body {
            Body::PreVote { .. } | Body::RequestVote { .. } | Body::AppendEntries { .. } => {
                self.send(from, WriteSeq::ZERO, Body::Stale, effects);
            }
            Body::PreVoteReply { .. } | Body::VoteReply { .. } | Body::AppendReply { .. } | Body::Stale => {}
        }
    }

    fn on_persisted(&mut self, now: Instant, seq: WriteSeq, effects: &mut Effects) {
        self.queue.persisted(seq);
        match self.state {
            State::Candidate { .. } => self.count_own_vote(now, effects),
            State::Leader(_) => self.advance_commit(effects),
            State::Follower | State::PreCandidate(_) => {}
        }
    }

    /// Enters a higher term as a follower of nobody yet (Raft §5.1).
    fn adopt_term(&mut self, now: Instant, term: Term, effects: &mut Effects) {
        assert!(self.hard_state.term < term, "terms only go up");
        self.step_down(now, effects);
        self.write_hard_state(HardState { term, vote: None }, effects);
    }

    /// Becomes a follower of the same term, of nobody yet. The vote stays: to forget it here would allow a
    /// second one in this term.
    fn step_down(&mut self, now: Instant, effects: &mut Effects) {
        self.leader = None;
        if let State::Leader(leadership) = core::mem::replace(&mut self.state, State::Follower) {
            for read in leadership.reads {
                effects.events.push(Event::ReadRefused { token: read.token, leader: None });
            }
            // A leader has no election timer; everybody else's runs on.
            self.reset_election_timer(now);
            if self.flaws.has(Flaw::ElectedTwice) {
                let mut ballot = Ballot::default();
                self.membership.voters.incoming.voters().iter().for_each(|voter| ballot.record(*voter, true));
                self.state = State::Candidate { ballot, vote: WriteSeq::ZERO };
            }
        }
        if self.flaws.has(Flaw::VoteForgottenAtStepDown) {
            self.hard_state.vote = None;
        }
    }

    /// Everybody else in the configuration in force.
    fn peers(&self) -> Vec<NodeId> {
        self.membership.nodes().filter(|node| *node != self.config.id).collect()
    }

    fn write_hard_state(&mut self, hard_state: HardState, effects: &mut Effects) {
        self.hard_state = hard_state;
        self.queue.write_hard_state(hard_state, effects);
    }

    fn reset_election_timer(&mut self, now: Instant) {
        let min = self.config.election_timeout_min;
        let spread = self.config.election_timeout_max.saturating_sub(min);
        let jitter = if self.flaws.has(Flaw::NoJitter) { Duration::ZERO } else { self.jitter.below(spread) };
        self.election_at = now + min + jitter;
    }

    /// Sends in the current term.
    fn send(&self, to: NodeId, after: WriteSeq, body: Body, effects: &mut Effects) {
        self.send_in(self.hard_state.term, to, after, body, effects);
    }

    fn send_in(&self, term: Term, to: NodeId, after: WriteSeq, body: Body, effects: &mut Effects) {
        effects.sends.push(Send { after, message: Message { from: self.config.id, to, term, body } });
    }
}

/// The only randomness in the core: the spread of election timeouts (Raft §5.2), from the configured seed.
/// SplitMix64 (Steele, Lea, Flood 2014): one word of state, and enough for a timer.
#[derive(Clone, Debug)]
struct Jitter(u64);

impl Jitter {
    /// Something below `spread`, evenly.
    fn below(&mut self, spread: Duration) -> Duration {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^= word >> 31;
        let nanos = (u128::from(word) * spread.as_nanos()) >> 64;
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}
