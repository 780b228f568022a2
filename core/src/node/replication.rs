//! Replication: a leader's entries on their way into everybody's log, and the commit index (Raft §5.3, §5.4.2). What a
//! follower makes of them is told by `append`.

use super::Node;
use super::progress::{Pace, Progress};
use super::read::refuse;
use super::role::State;
use crate::effect::{Effects, Event, Refusal};
use crate::flaw::{Flaw, Flaws};
use crate::message::{AppendOutcome, Body, Entry, Payload};
use crate::types::{Bytes, EntryId, Instant, LogIndex, NodeId, Round, Term, Token, WriteSeq};
use alloc::vec;
use alloc::vec::Vec;

impl<F: Flaws> Node<F> {
    /// A leader appends, as much as may be under way; anybody else knows at most who might.
    pub(super) fn on_propose(&mut self, now: Instant, token: Token, data: Bytes, effects: &mut Effects) {
        let State::Leader(leadership) = &mut self.state else {
            return refuse(token, Refusal::NotLeader { leader: self.leader }, effects);
        };
        if self.config.max_entry_bytes < data.len() {
            return refuse(token, Refusal::TooLarge, effects);
        }
        let size = Payload::Data(data.clone()).size();
        let under_way = leadership.bytes_under_way();
        let full = 0 < under_way && self.config.max_uncommitted_bytes < under_way + size;
        if full && !self.flaws.has(Flaw::AcceptsWithoutLimit) {
            return refuse(token, Refusal::Overloaded, effects);
        }
        if let Some(transfer) = &mut leadership.transfer {
            return transfer.hold(token, data, size);
        }
        let id = self.append(now, Payload::Data(data), effects);
        effects.events.push(Event::Proposed { token, id });
    }

    /// Appends one entry of the own term and sends it out. The write and the messages leave together: a
    /// leader may replicate what it has not yet written itself (thesis §10.2.1), it only must not count it.
    pub(super) fn append(&mut self, now: Instant, payload: Payload, effects: &mut Effects) -> EntryId {
        let id = EntryId { term: self.hard_state.term, index: self.log.last().index.next() };
        let entry = Entry { id, payload };
        if let State::Leader(leadership) = &mut self.state {
            leadership.uncommitted_bytes += entry.size();
        }
        self.log.push(entry.clone());
        if let Payload::Membership(membership) = &entry.payload {
            // In force at once, also for what is not committed yet (thesis §4.1).
            self.configurations.push(id.index, membership);
            self.track_followers(now);
        }
        let changes = matches!(entry.payload, Payload::Membership(_));
        self.queue.write_entries(vec![entry], effects);
        self.replicate(effects);
        if changes {
            // Those who count now may all have answered what the reads wait for; perhaps there is nobody else.
            self.confirm_reads(now, effects);
        }
        if self.flaws.has(Flaw::LeaderCountsUnpersisted) {
            self.advance_commit(now, effects);
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
        let flaws = self.flaws;
        for follower in &mut leadership.followers {
            if !(follower.is_receiving_snapshot() && flaws.has(Flaw::ChunkSentOnce)) {
                follower.retry();
            }
        }
        let mut receiving = leadership.followers.iter().map(Progress::is_receiving_snapshot);
        let end = if flaws.has(Flaw::HeartbeatsEndAtSnapshot) { receiving.position(|it| it) } else { None };
        for position in self.serving_order().filter(|position| end.is_none_or(|end| *position <= end)) {
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

    /// Sends one follower what it lacks. Says whether that is all that there is to say to it.
    fn replicate_to(&mut self, position: usize, effects: &mut Effects) -> bool {
        let mut sent = false;
        loop {
            let (base, last) = (self.log.base().index, self.log.last().index);
            let State::Leader(leadership) = &mut self.state else { return sent };
            let follower = &mut leadership.followers[position];
            let edge = follower.next == base && self.flaws.has(Flaw::EmptyAppendAtBase);
            let gone = follower.next <= base && !edge;
            match &mut follower.pace {
                Pace::Amnesiac => return true,
                Pace::Snapshot(transfer) => {
                    if !core::mem::replace(&mut transfer.waiting, true) {
                        self.send_chunk(position, effects);
                    }
                    return true;
                }
                _ if gone => {
                    self.begin_snapshot(position);
                    continue;
                }
                Pace::Probe { waiting, .. } if *waiting => return sent,
                Pace::Probe { waiting, .. } => *waiting = true,
                Pace::Replicate { inflight } => {
                    let config = &self.config;
                    let room = inflight.has_room(config.max_inflight_messages, config.max_inflight_bytes);
                    if last < follower.next || !room || edge {
                        return sent;
                    }
                }
            }
            self.send_append(position, self.config.max_batch_entries, effects);
            sent = true;
        }
    }

    /// Speaks to one follower, if there is anything to say.
    pub(super) fn serve(&mut self, node: NodeId, effects: &mut Effects) {
        if let State::Leader(leadership) = &self.state
            && let Some(position) = leadership.followers.iter().position(|follower| follower.node == node)
        {
            self.replicate_to(position, effects);
        }
    }

    /// Sends one AppendEntries with at most `limit` entries from the follower's next on.
    fn send_append(&mut self, position: usize, limit: usize, effects: &mut Effects) {
        let State::Leader(leadership) = &mut self.state else { return };
        let follower = &mut leadership.followers[position];
        let candidates = self.log.slice(follower.next, limit);
        let mut bytes = 0;
        let fits = |entry: &&Entry| {
            let first = bytes == 0;
            bytes += entry.size();
            first || bytes <= self.config.max_batch_bytes
        };
        let count = candidates.iter().take_while(fits).count();
        let mut entries = candidates[..count].to_vec();
        if self.flaws.has(Flaw::PacksWithGap) && count < candidates.len() {
            entries.extend(candidates.last().cloned());
        }
        let index = follower.next.previous();
        let mut term = self.log.term(index);
        if self.flaws.has(Flaw::EmptyAppendAtBase) {
            term = term.or(Some(Term::ZERO));
        }
        let term = term.expect("next lies after the base and at most one past the log");
        if let (Pace::Replicate { inflight }, Some(last)) = (&mut follower.pace, entries.last()) {
            inflight.add(last.id.index, entries.iter().map(Entry::size).sum());
            follower.next = last.id.index.next();
        }
        let (to, round) = (follower.node, leadership.round);
        let body = Body::AppendEntries { prev: EntryId { term, index }, entries, commit: self.commit, round };
        self.send(to, WriteSeq::ZERO, body, effects);
    }

    /// The latest contact round begun.
    fn round(&self) -> Round {
        match &self.state {
            State::Leader(leadership) => leadership.round,
            _ => Round::ZERO,
        }
    }

    /// A follower has answered in this term. Whatever it says, it still follows: that confirms reads and keeps the
    /// quorum.
    pub(super) fn hear(&mut self, now: Instant, from: NodeId, round: Round) -> Option<&mut Progress> {
        let current = self.round();
        let State::Leader(leadership) = &mut self.state else { return None };
        let follower = leadership.followers.iter_mut().find(|follower| follower.node == from)?;
        follower.contact = now;
        // A round from the future is no answer to anything that was sent.
        follower.answered = follower.answered.max(round.min(current));
        if self.flaws.has(Flaw::AnyRoundConfirms) {
            follower.answered = current;
        }
        Some(follower)
    }

    /// A follower has answered an AppendEntries, or has installed a snapshot.
    pub(super) fn on_append_reply(
        &mut self,
        now: Instant,
        from: NodeId,
        round: Round,
        outcome: AppendOutcome,
        effects: &mut Effects,
    ) {
        let last = self.log.last().index;
        let limit = self.config.election_timeout_min;
        let flaws = self.flaws;
        let current = self.round();
        let Some(follower) = self.hear(now, from, round) else { return };
        match outcome {
            // An index beyond the log is no answer to anything that was sent.
            AppendOutcome::Accepted { matched } if matched <= last => {
                if flaws.has(Flaw::MatchRegresses) {
                    follower.matched = matched;
                    follower.next = matched.next();
                }
                let next = follower.next;
                follower.accepted(matched, current);
                if flaws.has(Flaw::NextNotRaised) {
                    follower.next = next;
                }
                follower.race(now, last, limit);
                self.advance_commit(now, effects);
                self.advance_transfer(effects);
            }
            AppendOutcome::Rejected { hint, .. }
                if follower.is_broken_promise(hint.index, round) && !flaws.has(Flaw::ConservativeHint) =>
            {
                if flaws.has(Flaw::BrokenPromiseForgiven) {
                    *follower = Progress::new(from, hint.index, now);
                } else {
                    follower.pace = Pace::Amnesiac;
                    effects.events.push(Event::Amnesia { node: from });
                }
            }
            AppendOutcome::Rejected { refused, hint } if follower.is_current_refusal(refused) => {
                self.on_refusal(from, refused, hint);
            }
            AppendOutcome::Rejected { hint, .. } if hint.index < follower.matched => {
                // Late, or a broken promise: the answer to a message of a round that begins only now will tell.
                if let State::Leader(leadership) = &mut self.state {
                    leadership.in_doubt = true;
                }
            }
            _ => {}
        }
        // A new round says all that there is to say to a follower that is probed, so it goes first.
        self.confirm_reads(now, effects);
        self.serve(from, effects);
    }

    /// A follower does not hold `refused`, and nothing of this log after `hint`.
    fn on_refusal(&mut self, from: NodeId, refused: LogIndex, hint: EntryId) {
        let agreed = self.log.backtrack(hint);
        let State::Leader(leadership) = &mut self.state else { return };
        let followers = &mut leadership.followers;
        let follower =
            followers.iter_mut().find(|follower| follower.node == from).expect("it was just heard");
        match agreed {
            _ if self.flaws.has(Flaw::NoBacktracking) => follower.refused(refused),
            Some(agreed) => follower.refused(agreed.index.min(refused.previous())),
            // Where the logs agree has been compacted away.
            None => follower.refused(LogIndex::ZERO),
        }
    }

    /// Commits what a quorum holds durably, if it is of this term (Raft §5.4.2): an earlier term's entry
    /// commits only together with one of this term after it, or a later leader might still replace it.
    pub(super) fn advance_commit(&mut self, now: Instant, effects: &mut Effects) {
        let State::Leader(leadership) = &self.state else { return };
        if self.commit == self.log.last().index {
            return;
        }
        let me = self.config.id;
        let own = if self.flaws.has(Flaw::LeaderCountsUnpersisted) {
            self.log.last().index
        } else {
            self.queue.durable_index()
        };
        let reached = |voter| leadership.reached(voter, me, own.0, |follower| follower.matched.0);
        let voters = self.voters();
        let mut agreed = LogIndex(voters.agreed(reached));
        if self.flaws.has(Flaw::HalfIsQuorum) || self.flaws.has(Flaw::UnsortedQuorum) {
            let mut matched: Vec<u64> = voters.incoming.voters().iter().map(|n| reached(*n)).collect();
            if !self.flaws.has(Flaw::UnsortedQuorum) {
                matched.sort();
            }
            agreed = LogIndex(matched[matched.len() / 2]);
        }
        let mut own_term = self.log.term(agreed) == Some(self.hard_state.term);
        if self.flaws.has(Flaw::CommitStopsAtEarlierTerm) {
            own_term &= self.log.term(self.commit.next()) == Some(self.hard_state.term);
        }
        if self.commit < agreed && (own_term || self.flaws.has(Flaw::CommitsEarlierTerm)) {
            let committed: usize = (self.commit.0 + 1..=agreed.0)
                .filter_map(|index| self.log.get(LogIndex(index)))
                .filter(|entry| {
                    matches!(entry.payload, Payload::Data(_)) || !self.flaws.has(Flaw::UncommittedBytesLeak)
                })
                .map(Entry::size)
                .sum();
            if let State::Leader(leadership) = &mut self.state {
                leadership.uncommitted_bytes = leadership.uncommitted_bytes.saturating_sub(committed);
            }
            self.raise_commit(agreed, effects);
            self.advance_reconfiguration(now, effects);
        }
    }

    /// The commit index never goes back, whatever the order in which messages arrive.
    pub(super) fn raise_commit(&mut self, index: LogIndex, effects: &mut Effects) {
        if self.commit < index || self.flaws.has(Flaw::CommitRegresses) && self.commit != index {
            self.commit = index;
            effects.events.push(Event::Committed { index });
        }
    }
}
