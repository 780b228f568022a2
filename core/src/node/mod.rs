//! The consensus machine: one node of Raft.
//!
//! The state and the way in and out are here; what happens is told by activity: `election`, `replication` and
//! `append`, `read` and `lease`, `snapshot`, `reconfiguration`, `transfer`. Each is an `impl Node` of its own over the
//! same private fields.

mod write_queue;
mod configurations;
mod role;
mod progress;
mod election;
mod replication;
mod append;
mod read;
mod lease;
mod snapshot;
mod reconfiguration;
mod transfer;
mod invariants;

pub use progress::Progress;

use crate::config::{Config, StartError};
use crate::durable::Durable;
use crate::effect::{Effects, HardState, Refusal, Send};
use crate::flaw::{Flaw, Flaws, Sound};
use crate::input::Input;
use crate::log::Log;
use crate::membership::Membership;
use crate::message::{AppendOutcome, Body, Message};
use crate::snapshot::Snapshot;
use crate::types::{Instant, LogIndex, NodeId, Term, WriteSeq};
use crate::view::{Role, Usage, View};
use alloc::sync::Arc;
use configurations::Configurations;
use core::time::Duration;
use lease::Promise;
use read::Questions;
use role::{Ballot, State};
use snapshot::{Assembly, Taken};
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
    hard_state: HardState,
    /// What the log goes on from; `None` while the node is blank. Durable, but for one that has just been installed.
    snapshot: Option<Snapshot>,
    taken: Option<Taken>,
    assembly: Option<Assembly>,
    /// What came of the assembly, until the layer above has looked at it.
    received: Option<Snapshot>,
    log: Log,
    configurations: Configurations,
    commit: LogIndex,
    queue: WriteQueue,
    state: State,
    questions: Questions,
    /// The name of this life, by which a blank node is known.
    life: u64,
    /// The leader of the current term, if it is known.
    leader: Option<NodeId>,
    /// When it was last heard.
    leader_heard_at: Instant,
    /// What the node owes the leader, under leases.
    promise: Promise,
    /// When to campaign, unless leading.
    election_at: Instant,
    jitter: Jitter,
}

impl Node<Sound> {
    /// A node built from its durable state alone: at the first start and after every crash alike.
    ///
    /// # Errors
    /// If the settings make no sense together, or the disk holds what no node writes.
    pub fn new(config: Config, durable: &Durable, now: Instant) -> Result<Self, StartError> {
        Self::with_flaws(config, durable, now, Sound)
    }
}

impl<F: Flaws> Node<F> {
    /// As [`Node::new`], with planted bugs.
    ///
    /// # Errors
    /// If the settings make no sense together, or the disk holds what no node writes.
    pub fn with_flaws(config: Config, durable: &Durable, now: Instant, flaws: F) -> Result<Self, StartError> {
        config.validate()?;
        durable.validate()?;
        let mut hard_state = durable.hard_state;
        if flaws.has(Flaw::AmnesiaAtRestart) {
            hard_state.vote = None;
        }
        let mut jitter = Jitter(config.seed);
        let life = jitter.word();
        let promised = if flaws.has(Flaw::PromiseForgottenAtRestart) {
            Duration::ZERO
        } else {
            config.election_timeout_min
        };
        let mut configurations = Configurations::of(durable.snapshot.as_ref(), &durable.log);
        if flaws.has(Flaw::JointDroppedAtRestart) && configurations.latest().is_joint() {
            configurations.truncate(configurations.latest_index());
        }
        let mut node = Self {
            hard_state,
            snapshot: durable.snapshot.clone(),
            taken: None,
            assembly: None,
            received: None,
            configurations,
            commit: durable.snapshot.as_ref().map_or(LogIndex::ZERO, |snapshot| snapshot.last.index),
            queue: WriteQueue::new(durable.log.last().index),
            log: durable.log.clone(),
            state: State::Follower,
            questions: Questions::new(life >> 1),
            life,
            leader: None,
            leader_heard_at: now,
            promise: Promise::at_start(now, promised),
            election_at: now,
            jitter,
            config,
            flaws,
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
            Input::Propose { token, data } => self.on_propose(now, token, data, effects),
            Input::Read { token, mode } => self.on_read(now, token, mode, effects),
            Input::ChangeMembership { token, changes } => {
                self.on_change_membership(now, token, &changes, effects);
            }
            Input::TransferLeadership { token, to } => self.on_transfer(now, token, to, effects),
            Input::StepDown { token } => self.on_step_down(now, token, effects),
            Input::Persisted { seq } => self.on_persisted(now, seq, effects),
            Input::SnapshotTaken { index, data } => self.on_snapshot_taken(index, data, effects),
            Input::SnapshotRead { usable } => self.on_snapshot_read(usable, effects),
            Input::Campaign => self.on_campaign(now, effects),
        }
        if F::SOUND {
            self.assert_invariants();
        }
    }

    /// When [`Input::Timeout`] is due. May move with every step.
    pub fn deadline(&self) -> Instant {
        let State::Leader(leadership) = &self.state else { return self.election_at };
        let mut deadline = leadership.heartbeat_at;
        if self.config.check_quorum {
            deadline = deadline.min(leadership.quorum_check_at);
        }
        if let Some(transfer) = &leadership.transfer {
            deadline = deadline.min(transfer.deadline);
        }
        deadline
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
            snapshot: self.snapshot.as_ref().map(|snapshot| snapshot.last),
            membership: self.membership(),
            membership_index: self.configurations.latest_index(),
            lease_until: self.lease_until(),
            followers: match &self.state {
                State::Leader(leadership) => &leadership.followers,
                _ => &[],
            },
            usage: self.usage(),
        }
    }

    /// Before this, by the node's own clock, nobody else leads; the earliest instant if that is not known. As in the view.
    pub fn lease_until(&self) -> Instant {
        match &self.state {
            State::Leader(leadership) => leadership.lease.end(),
            _ => Instant::default(),
        }
    }

    fn usage(&self) -> Usage {
        let mut usage = Usage {
            log_entries: self.log.entries().len(),
            pending_reads: self.questions.open(),
            ..Usage::default()
        };
        if let State::Leader(leadership) = &self.state {
            usage.pending_reads += leadership.reads.len();
            usage.uncommitted_bytes = leadership.bytes_under_way();
            let inflight = leadership.followers.iter().map(Progress::inflight_messages);
            usage.inflight_messages = inflight.max().unwrap_or(0);
        }
        usage
    }

    /// The log.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// The snapshot that the log goes on from; `None` while the node is blank.
    pub fn snapshot(&self) -> Option<&Snapshot> {
        self.snapshot.as_ref()
    }

    /// The configuration in force.
    pub fn membership(&self) -> &Membership {
        self.configurations.latest()
    }

    /// The same, for whoever keeps it: as long as it is in force, it is the same one.
    pub fn shared_membership(&self) -> &Arc<Membership> {
        self.configurations.latest()
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
            if !self.excuses_older_term(&body) {
                return;
            }
        } else if self.hard_state.term < term {
            match body {
                // Nobody has campaigned in that term yet: it is only asked about.
                Body::PreVote { .. } | Body::PreVoteReply { granted: true } => {}
                Body::PreVoteReply { .. } if self.flaws.has(Flaw::RefusedPreVoteTellsNothing) => {}
                // While a leader is heard nobody may depose it, not even by raising the term (thesis §4.2.3).
                Body::RequestVote { transfer: false, .. } if self.is_loyal(now, from) => return,
                _ => self.adopt_term(now, term, effects),
            }
        }
        match body {
            Body::PreVote { last } => self.on_pre_vote(now, from, term, last, effects),
            Body::PreVoteReply { granted } => self.on_pre_vote_reply(now, from, term, granted, effects),
            Body::RequestVote { last, transfer } => {
                self.on_request_vote(now, from, last, transfer, effects);
            }
            Body::VoteReply { granted } => self.on_vote_reply(now, from, granted, effects),
            Body::AppendEntries { prev, entries, commit, round } => {
                let append = append::Append { prev, entries, commit, round };
                self.on_append_entries(now, from, append, effects);
            }
            Body::AppendReply { round, outcome } => self.on_append_reply(now, from, round, outcome, effects),
            Body::InstallSnapshot(chunk) => self.on_install_snapshot(now, from, *chunk, effects),
            Body::SnapshotReply { round, snapshot, received } => {
                self.on_snapshot_reply(now, from, round, (snapshot, received), effects);
            }
            Body::TimeoutNow => self.on_timeout_now(now, from, effects),
            Body::ReadIndex { id } => self.on_read_index(now, from, id, effects),
            Body::ReadIndexReply { id, index } => self.on_read_index_reply(id, index, effects),
            Body::Blank { life, round } => self.on_blank(from, life, round, effects),
            // Its term has been adopted above; there is nothing more in it.
            Body::Stale => {}
        }
    }

    /// Whether the node is flawed in that it takes part of older terms seriously.
    fn excuses_older_term(&self, body: &Body) -> bool {
        let flaw = match body {
            Body::VoteReply { .. } => Flaw::StaleVoteCounted,
            Body::AppendEntries { .. } => Flaw::StaleAppendObeyed,
            Body::AppendReply { .. } => Flaw::StaleAckCounted,
            Body::TimeoutNow => Flaw::StaleTimeoutNowObeyed,
            _ => return false,
        };
        self.flaws.has(flaw)
    }

    /// A request of an older term is answered, or its sender would never learn that it has been left behind.
    /// An answer of an older term is dropped.
    fn on_older_term(&self, from: NodeId, body: &Body, effects: &mut Effects) {
        match body {
            Body::PreVote { .. } if self.flaws.has(Flaw::OlderPreVoteUnanswered) => {}
            Body::AppendEntries { .. } if self.flaws.has(Flaw::OlderLeaderUnanswered) => {}
            Body::AppendEntries { prev, round, .. } if self.flaws.has(Flaw::StaleRefusalEchoesRound) => {
                let outcome = AppendOutcome::Rejected { refused: prev.index, hint: self.log.base() };
                let refusal = Body::AppendReply { round: *round, outcome };
                self.send(from, WriteSeq::ZERO, refusal, effects);
            }
            Body::PreVote { .. }
            | Body::RequestVote { .. }
            | Body::AppendEntries { .. }
            | Body::InstallSnapshot(_)
            | Body::ReadIndex { .. } => self.send(from, WriteSeq::ZERO, Body::Stale, effects),
            Body::PreVoteReply { .. }
            | Body::VoteReply { .. }
            | Body::AppendReply { .. }
            | Body::SnapshotReply { .. }
            | Body::TimeoutNow
            | Body::ReadIndexReply { .. }
            | Body::Stale
            | Body::Blank { .. } => {}
        }
    }

    fn on_persisted(&mut self, now: Instant, seq: WriteSeq, effects: &mut Effects) {
        self.queue.persisted(seq);
        self.adopt_taken_snapshot();
        match self.state {
            State::Candidate { .. } => self.count_own_vote(now, effects),
            State::Leader(_) => self.advance_commit(now, effects),
            State::Follower | State::PreCandidate(_) => {}
        }
    }

    /// Enters a higher term as a follower of nobody yet (Raft §5.1).
    fn adopt_term(&mut self, now: Instant, term: Term, effects: &mut Effects) {
        assert!(self.hard_state.term < term, "terms only go up");
        self.step_down(now, effects);
        if self.flaws.has(Flaw::PromiseForgottenAtTerm) {
            self.promise.until = now;
        }
        let hard_state = HardState { term, vote: None };
        if self.flaws.has(Flaw::TermNotPersisted) {
            self.hard_state = hard_state;
        } else {
            self.write_hard_state(hard_state, effects);
        }
    }

    /// Becomes a follower of the same term, of nobody yet. The vote stays: to forget it here would allow a
    /// second one in this term.
    fn step_down(&mut self, now: Instant, effects: &mut Effects) {
        self.lose_leader(effects);
        if let State::Leader(leadership) = core::mem::replace(&mut self.state, State::Follower) {
            for read in leadership.reads {
                self.refuse_read(read.reader, Refusal::NotLeader { leader: None }, effects);
            }
            if let Some(transfer) = leadership.transfer {
                transfer.end(effects);
            }
            // A leader has no election timer; everybody else's runs on.
            self.reset_election_timer(now);
            if self.flaws.has(Flaw::ElectedTwice) {
                let mut ballot = Ballot::default();
                self.membership()
                    .voters
                    .incoming
                    .voters()
                    .iter()
                    .for_each(|voter| ballot.record(*voter, true));
                self.state = State::Candidate { ballot, vote: WriteSeq::ZERO };
            }
        }
        if self.flaws.has(Flaw::VoteForgottenAtStepDown) {
            self.hard_state.vote = None;
        }
    }

    /// Knows no leader any more, for now.
    fn lose_leader(&mut self, effects: &mut Effects) {
        self.leader = None;
        self.refuse_questions(effects);
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

/// The only randomness in the core: the spread of election timeouts (Raft §5.2), and the names of a life's questions,
/// from the configured seed. SplitMix64 (Steele, Lea, Flood 2014): one word of state, and enough for a timer.
#[derive(Clone, Debug)]
struct Jitter(u64);

impl Jitter {
    /// Something below `spread`, evenly.
    fn below(&mut self, spread: Duration) -> Duration {
        let nanos = (u128::from(self.word()) * spread.as_nanos()) >> 64;
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }
}
