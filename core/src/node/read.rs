//! Linearizable reads by ReadIndex (thesis §6.4), and the leader's own doubt whether it still leads (thesis §6.2).

use super::Node;
use super::role::{PendingRead, Reader, State};
use crate::effect::{Effects, Event, Refusal};
use crate::flaw::{Flaw, Flaws};
use crate::input::ReadMode;
use crate::message::Body;
use crate::types::{Instant, LogIndex, NodeId, Round, Token, WriteSeq};
use alloc::collections::VecDeque;

/// What a follower has asked its leader on behalf of its own readers.
///
/// - Ascending in name and time.
/// - All of them to the leader that the node knows now: when that changes they are refused.
#[derive(Clone, Debug)]
pub(super) struct Questions {
    /// The name of the next. It starts at random, so that an answer to an earlier life is nobody's.
    next: u64,
    open: VecDeque<Question>,
}

#[derive(Clone, Copy, Debug)]
struct Question {
    id: u64,
    token: Token,
    asked: Instant,
}

impl Questions {
    pub(super) fn new(next: u64) -> Self {
        Self { next, open: VecDeque::new() }
    }

    /// How many are open.
    pub(super) fn open(&self) -> usize {
        self.open.len()
    }
}

impl<F: Flaws> Node<F> {
    /// Somebody above wants to read. A leader notes its commit index and waits until a quorum has answered a message
    /// that it sent after the read arrived: until then a newer leader may have committed more. A follower asks.
    pub(super) fn on_read(&mut self, now: Instant, token: Token, mode: ReadMode, effects: &mut Effects) {
        match (&self.state, self.leader) {
            (State::Leader(_), _) if mode == ReadMode::Lease && self.holds_lease(now) => {
                effects.events.push(Event::ReadReady { token, index: self.read_index() });
            }
            (State::Leader(_), _) => self.queue_read(now, Reader::Own(token), effects),
            (_, Some(leader)) if mode == ReadMode::Follower => self.ask(now, token, leader, effects),
            (_, leader) => refuse(token, Refusal::NotLeader { leader }, effects),
        }
    }

    /// A follower asks on behalf of its clients. Whoever is no leader says nothing: the asker will hear of the one that
    /// is, and give up.
    pub(super) fn on_read_index(&mut self, now: Instant, from: NodeId, id: u64, effects: &mut Effects) {
        if matches!(self.state, State::Leader(_)) {
            self.queue_read(now, Reader::Peer(from, id), effects);
        }
    }

    pub(super) fn on_read_index_reply(&mut self, id: u64, index: LogIndex, effects: &mut Effects) {
        let open = &mut self.questions.open;
        if let Ok(position) = open.binary_search_by_key(&id, |question| question.id) {
            let question = open.remove(position).expect("it was just found");
            effects.events.push(Event::ReadReady { token: question.token, index });
        }
    }

    /// The leader that was asked is the leader no longer: whatever it answers would be too old.
    pub(super) fn refuse_questions(&mut self, effects: &mut Effects) {
        for question in self.questions.open.drain(..) {
            refuse(question.token, Refusal::NotLeader { leader: self.leader }, effects);
        }
    }

    /// Questions get lost. Those that have waited for an election timeout are refused, so that they make room.
    pub(super) fn refuse_old_questions(&mut self, now: Instant, effects: &mut Effects) {
        let patience = self.config.election_timeout_max;
        while let Some(question) =
            self.questions.open.pop_front_if(|question| patience <= now.since(question.asked))
        {
            refuse(question.token, Refusal::NotLeader { leader: self.leader }, effects);
        }
    }

    fn ask(&mut self, now: Instant, token: Token, leader: NodeId, effects: &mut Effects) {
        self.refuse_old_questions(now, effects);
        if self.config.max_pending_reads <= self.questions.open.len() {
            refuse(token, Refusal::Overloaded, effects);
            return;
        }
        let id = self.questions.next;
        // It wraps after as many questions as nobody asks, and starts below half of them.
        if !self.flaws.has(Flaw::QuestionsShareName) {
            self.questions.next += 1;
        }
        self.questions.open.push_back(Question { id, token, asked: now });
        self.send(leader, WriteSeq::ZERO, Body::ReadIndex { id }, effects);
    }

    /// Before the first entry of its own term is committed a leader's commit index may lag behind what its
    /// predecessor answered, so that a read waits at least for that entry.
    fn read_index(&self) -> LogIndex {
        match &self.state {
            State::Leader(leadership) if !self.flaws.has(Flaw::ReadBeforeOwnCommit) => {
                self.commit.max(leadership.term_start)
            }
            _ => self.commit,
        }
    }

    fn queue_read(&mut self, now: Instant, reader: Reader, effects: &mut Effects) {
        let index = self.read_index();
        let State::Leader(leadership) = &mut self.state else { return };
        if self.flaws.has(Flaw::ReadUnconfirmed) {
            self.answer_read(reader, index, effects);
            return;
        }
        if self.config.max_pending_reads <= leadership.reads.len() {
            self.refuse_read(reader, Refusal::Overloaded, effects);
            return;
        }
        // Reads share rounds: those that arrive while one is under way wait for the next together.
        leadership.reads.push_back(PendingRead { reader, round: leadership.round.next(), index });
        if leadership.confirmed == leadership.round {
            self.begin_round(now, effects);
        }
        self.confirm_reads(now, effects);
    }

    fn answer_read(&self, reader: Reader, index: LogIndex, effects: &mut Effects) {
        match reader {
            Reader::Own(token) => effects.events.push(Event::ReadReady { token, index }),
            Reader::Peer(node, id) => {
                self.send(node, WriteSeq::ZERO, Body::ReadIndexReply { id, index }, effects);
            }
        }
    }

    /// A peer is told nothing: it gives up by itself.
    pub(super) fn refuse_read(&self, reader: Reader, refusal: Refusal, effects: &mut Effects) {
        if let Reader::Own(token) = reader {
            refuse(token, refusal, effects);
        }
    }

    /// Speaks to everybody in a new round, by which the waiting reads can be confirmed.
    pub(super) fn begin_round(&mut self, now: Instant, effects: &mut Effects) {
        if let State::Leader(leadership) = &mut self.state {
            leadership.round = leadership.round.next();
            if self.config.lease_drift_ppm.is_some() {
                leadership.lease.ask(leadership.round, now);
            }
            self.broadcast(now, effects);
        }
    }

    /// Releases the reads whose round a quorum has answered, and begins the next round if reads wait for it.
    pub(super) fn confirm_reads(&mut self, now: Instant, effects: &mut Effects) {
        let me = self.config.id;
        loop {
            let State::Leader(leadership) = &self.state else { return };
            // Nobody has been asked anything since a quorum answered, and nobody waits to have it asked.
            if leadership.confirmed == leadership.round && leadership.reads.is_empty() {
                return;
            }
            let own = leadership.round.0;
            let reached = |voter| leadership.reached(voter, me, own, |follower| follower.answered.0);
            let confirmed = Round(self.voters().agreed(reached)).min(leadership.round);
            let State::Leader(leadership) = &mut self.state else { return };
            let before = core::mem::replace(&mut leadership.confirmed, confirmed);
            if let Some(mut length) = self.config.lease() {
                if self.flaws.has(Flaw::LeaseOutlastsPromise) {
                    length = 2 * self.config.election_timeout_max;
                }
                leadership.lease.extend(confirmed, length);
                if before < confirmed && self.flaws.has(Flaw::LeaseFromReceipt) {
                    leadership.lease.until = now + length;
                }
            }
            while let State::Leader(leadership) = &mut self.state
                && let Some(read) = leadership.reads.pop_front_if(|read| read.round <= confirmed)
            {
                self.answer_read(read.reader, read.index, effects);
            }
            let State::Leader(leadership) = &self.state else { return };
            if leadership.reads.is_empty() || confirmed < leadership.round {
                return;
            }
            self.begin_round(now, effects);
        }
    }

    /// The heartbeat is due, or the question whether anybody still answers, or a transfer has failed.
    pub(super) fn on_leader_timeout(&mut self, now: Instant, effects: &mut Effects) {
        if self.config.check_quorum && !self.still_has_quorum(now) {
            self.step_down(now, effects);
            return;
        }
        self.expire_transfer(now, effects);
        let State::Leader(leadership) = &mut self.state else { return };
        if leadership.heartbeat_at <= now {
            self.remind_of_transfer(effects);
            let State::Leader(leadership) = &mut self.state else { return };
            // What the last round was sent may be lost. Reads that came since can be confirmed by this one, a lease
            // lasts only as long as rounds go on, and what is said in a new round cannot be late.
            let waits = leadership.reads.back().is_some_and(|read| leadership.round < read.round);
            let in_doubt = core::mem::take(&mut leadership.in_doubt);
            if waits || in_doubt || self.config.lease_drift_ppm.is_some() {
                self.begin_round(now, effects);
            } else {
                self.broadcast(now, effects);
            }
        }
    }

    /// Whether a quorum was heard within the longest election timeout; looks again when it next might not.
    fn still_has_quorum(&mut self, now: Instant) -> bool {
        let me = self.config.id;
        let patience = self.config.election_timeout_max;
        let State::Leader(leadership) = &self.state else { return false };
        if now < leadership.quorum_check_at {
            return true;
        }
        let reached = |voter| leadership.reached(voter, me, now.0, |follower| follower.contact.0);
        let heard = Instant(self.voters().agreed(reached));
        let State::Leader(leadership) = &mut self.state else { return false };
        leadership.quorum_check_at = heard + patience;
        now < leadership.quorum_check_at
    }
}

pub(super) fn refuse(token: Token, refusal: Refusal, effects: &mut Effects) {
    effects.events.push(Event::Refused { token, refusal });
}
