//! Replication: a leader's entries on their way into everybody's log, and the commit index (Raft §5.3, §5.4.2).

use super::Node;
use super::progress::Pace;
use super::role::State;
use crate::effect::{Effects, Event};
use crate::flaw::{Flaw, Flaws};
use crate::message::{AppendOutcome, Body, Entry, Payload};
use crate::types::{Bytes, EntryId, Instant, LogIndex, NodeId, Round, Term, Token, WriteSeq};
use alloc::vec;
use alloc::vec::Vec;

/// What an AppendEntries says.
pub(super) struct Append {
    pub(super) prev: EntryId,
    pub(super) entries: Vec<Entry>,
    pub(super) commit: LogIndex,
    pub(super) round: Round,
}

impl Append {
    /// The last entry that the message speaks of.
    fn last(&self) -> EntryId {
        self.entries.last().map_or(self.prev, |entry| entry.id)
    }

    /// Whether a leader of `term` can have sent this.
    fn is_well_formed(&self, term: Term) -> bool {
        let mut previous = self.prev;
        self.entries.iter().all(|entry| {
            let adjacent = previous.index.0.checked_add(1) == Some(entry.id.index.0);
            let follows = adjacent && previous.term <= entry.id.term;
            previous = entry.id;
            follows
        }) && previous.term <= term
    }
}

impl<F: Flaws> Node<F> {
    /// A leader appends; anybody else knows at most who might.
    pub(super) fn on_propose(&mut self, token: Token, data: Bytes, effects: &mut Effects) {
        if !matches!(self.state, State::Leader(_)) {
            effects.events.push(Event::ProposalRefused { token, leader: self.leader });
            return;
        }
        let id = self.append(Payload::Data(data), effects);
        effects.events.push(Event::Proposed { token, id });
    }

    /// Appends one entry of the own term and sends it out. The write and the messages leave together: a
    /// leader may replicate what it has not yet written itself (thesis §10.2.1), it only must not count it.
    pub(super) fn append(&mut self, payload: Payload, effects: &mut Effects) -> EntryId {
        let id = EntryId { term: self.hard_state.term, index: self.log.last().index.next() };
        let entry = Entry { id, payload };
        self.log.push(entry.clone());
        self.queue.write_entries(vec![entry], effects);
        self.replicate(effects);
        if self.flaws.has(Flaw::LeaderCountsUnpersisted) {
            self.advance_commit(effects);
        }
        id
    }

    /// Sends each follower the entries that it lacks, as far as its window allows.
    fn replicate(&mut self, effects: &mut Effects) {
        for position in self.serving_order() {
            self.replicate_to(position, effects);
        }
    }

    /// Speaks to every follower: entries where there are any to send, an empty message otherwise.
    pub(super) fn broadcast(&mut self, now: Instant, effects: &mut Effects) {
        let interval = self.config.heartbeat_interval;
        let State::Leader(leadership) = &mut self.state else { return };
        leadership.heartbeat_at = now + interval;
        for follower in &mut leadership.followers {
            // What a probe waited for may be lost: it is due again.
            if let Pace::Probe { waiting, .. } = &mut follower.pace {
                *waiting = false;
            }
        }
        for position in self.serving_order() {
            if !self.replicate_to(position, effects) {
                self.send_append(position, 0, effects);
            }
        }
    }

    /// The positions of the followers in the order in which they are served: ascending.
    fn serving_order(&self) -> impl Iterator<Item = usize> + use<F> {
        let followers = match &self.state {
            State::Leader(leadership) => leadership.followers.as_slice(),
            _ => &[],
        };
        let count = followers.len();
        let first = if self.flaws.has(Flaw::AddressLeak) {
            (followers.as_ptr() as usize >> 6) % count.max(1)
        } else {
            0
        };
        (first..count).chain(0..first)
    }

    /// Sends one follower what it lacks. Says whether anything was sent.
    fn replicate_to(&mut self, position: usize, effects: &mut Effects) -> bool {
        let mut sent = false;
        loop {
            let last = self.log.last().index;
            let State::Leader(leadership) = &mut self.state else { return sent };
            let follower = &mut leadership.followers[position];
            let ready = match &mut follower.pace {
                Pace::Probe { waiting, .. } => !core::mem::replace(waiting, true),
                Pace::Replicate { inflight } => {
                    follower.next <= last && inflight.len() < self.config.max_inflight_messages
                }
            };
            if !ready {
                return sent;
            }
            self.send_append(position, self.config.max_batch_entries, effects);
            sent = true;
        }
    }

    /// Sends one AppendEntries with at most `limit` entries from the follower's next on.
    fn send_append(&mut self, position: usize, limit: usize, effects: &mut Effects) {
        let State::Leader(leadership) = &mut self.state else { return };
        let follower = &mut leadership.followers[position];
        let entries = self.log.slice(follower.next, limit).to_vec();
        let index = follower.next.previous();
        let term = self.log.term(index).expect("next lies at most one past the log");
        if let (Pace::Replicate { inflight }, Some(last)) = (&mut follower.pace, entries.last()) {
            inflight.push_back(last.id.index);
            follower.next = last.id.index.next();
        }
        let (to, round) = (follower.node, leadership.round);
        let body = Body::AppendEntries { prev: EntryId { term, index }, entries, commit: self.commit, round };
        self.send(to, WriteSeq::ZERO, body, effects);
    }

    /// The leader of this term speaks (Raft Figure 2, AppendEntries).
    pub(super) fn on_append_entries(
        &mut self,
        now: Instant,
        from: NodeId,
        append: Append,
        effects: &mut Effects,
    ) {
        if !append.is_well_formed(self.hard_state.term) {
            // No correct peer sends this: not obeyed, and no reason to fall over.
            return;
        }
        if matches!(self.state, State::Leader(_)) {
            // Two leaders of one term cannot be (Raft §5.2), so neither comes this from a correct peer.
            if self.flaws.has(Flaw::StaleAppendObeyed) {
                self.accept(append, effects);
            }
            return;
        }
        if matches!(self.state, State::PreCandidate(_) | State::Candidate { .. }) {
            self.step_down(now, effects);
        }
        self.leader = Some(from);
        self.leader_heard_at = now;
        self.reset_election_timer(now);

        let round = append.round;
        let known = self.log.contains(append.prev)
            || self.flaws.has(Flaw::NoPrevTermCheck) && append.prev.index <= self.log.last().index;
        if !known {
            // Nothing is promised by a refusal, so it waits for nothing.
            let mut hint = self.log.backtrack(append.prev).unwrap_or(self.log.base());
            if self.flaws.has(Flaw::ConservativeHint) {
                hint = self.log.get(self.commit).map_or(EntryId::ZERO, |entry| entry.id);
            }
            let outcome = AppendOutcome::Rejected { refused: append.prev.index, hint };
            self.send(from, WriteSeq::ZERO, Body::AppendReply { round, outcome }, effects);
            return;
        }
        let last = append.last();
        let commit = append.commit;
        if !self.accept(append, effects) {
            return;
        }
        // Beyond `last` this log may still hold what another leader left.
        let verified =
            if self.flaws.has(Flaw::CommitsUnverified) { self.log.last().index } else { last.index };
        self.raise_commit(commit.min(verified), effects);
        let matched = if self.flaws.has(Flaw::AcksWholeLog) { self.log.last().index } else { last.index };
        let after =
            if self.flaws.has(Flaw::AckNotGated) { WriteSeq::ZERO } else { self.queue.covering(matched) };
        let outcome = AppendOutcome::Accepted { matched };
        self.send(from, after, Body::AppendReply { round, outcome }, effects);
    }

    /// Makes the log agree with the message: what is there stays, the first entry that conflicts goes with all
    /// that follow it, the rest is appended. To cut more would take back what an earlier message, overtaken by
    /// this one, has been acknowledged for. Says whether the message was obeyed.
    fn accept(&mut self, append: Append, effects: &mut Effects) -> bool {
        let mut entries = append.entries;
        let held = entries.iter().take_while(|entry| self.log.contains(entry.id)).count();
        let held = if self.flaws.has(Flaw::TruncatesAlways) { 0 } else { held };
        entries.drain(..held);
        let Some(first) = entries.first().map(|entry| entry.id.index) else { return true };
        if first <= self.commit && !self.flaws.has(Flaw::TruncatesAlways) {
            // A correct leader never contradicts a committed entry (Raft §5.4.3).
            return false;
        }
        self.log.truncate(first);
        for entry in &entries {
            self.log.push(entry.clone());
        }
        self.queue.write_entries(entries, effects);
        true
    }

    /// A follower has answered. Whatever it says, it still follows: that confirms reads and keeps the quorum.
    pub(super) fn on_append_reply(
        &mut self,
        now: Instant,
        from: NodeId,
        round: Round,
        outcome: AppendOutcome,
        effects: &mut Effects,
    ) {
        let last = self.log.last().index;
        let State::Leader(leadership) = &mut self.state else { return };
        let Some(position) = leadership.followers.iter().position(|follower| follower.node == from) else {
            return;
        };
        let current = leadership.round;
        let follower = &mut leadership.followers[position];
        follower.contact = now;
        // A round from the future or an index beyond the log is no answer to anything that was sent.
        follower.answered = follower.answered.max(round.min(current));
        if self.flaws.has(Flaw::AnyRoundConfirms) {
            follower.answered = current;
        }
        match outcome {
            AppendOutcome::Accepted { matched } if matched <= last => {
                if self.flaws.has(Flaw::MatchRegresses) {
                    follower.matched = matched;
                    follower.next = matched.next();
                }
                follower.accepted(matched);
                self.advance_commit(effects);
            }
            AppendOutcome::Rejected { refused, hint } if follower.is_current_refusal(refused) => {
                let agreed = self.log.backtrack(hint).unwrap_or(self.log.base()).index.min(refused.previous());
                let agreed = if self.flaws.has(Flaw::NoBacktracking) { refused } else { agreed };
                follower.refused(agreed);
            }
            _ => {}
        }
        // A new round says all that there is to say to a follower that is probed, so it goes first.
        self.confirm_reads(now, effects);
        self.replicate_to(position, effects);
    }

    /// Commits what a quorum holds durably, if it is of this term (Raft §5.4.2): an earlier term's entry
    /// commits only together with one of this term after it, or a later leader might still replace it.
    pub(super) fn advance_commit(&mut self, effects: &mut Effects) {
        let State::Leader(leadership) = &self.state else { return };
        let me = self.config.id;
        let own = if self.flaws.has(Flaw::LeaderCountsUnpersisted) {
            self.log.last().index
        } else {
            self.queue.durable_index()
        };
        let reached = |voter| leadership.reached(voter, me, own.0, |follower| follower.matched.0);
        let mut agreed = LogIndex(self.membership.voters.agreed(reached));
        if self.flaws.has(Flaw::HalfIsQuorum) {
            let mut matched: Vec<u64> =
                self.membership.voters.incoming.voters().iter().map(|n| reached(*n)).collect();
            matched.sort();
            agreed = LogIndex(matched[matched.len() / 2]);
        }
        let own_term = self.log.term(agreed) == Some(self.hard_state.term);
        if own_term || self.flaws.has(Flaw::CommitsEarlierTerm) {
            self.raise_commit(agreed, effects);
        }
    }

    /// The commit index never goes back, whatever the order in which messages arrive.
    fn raise_commit(&mut self, index: LogIndex, effects: &mut Effects) {
        if self.commit < index || self.flaws.has(Flaw::CommitRegresses) && self.commit != index {
            self.commit = index;
            effects.events.push(Event::Committed { index });
        }
    }
}
