//! What a follower makes of a leader's entries (Raft §5.3).

use super::Node;
use super::lease::Promise;
use super::role::State;
use crate::effect::Effects;
use crate::flaw::{Flaw, Flaws};
use crate::message::{AppendOutcome, Body, Entry, Payload};
use crate::types::{EntryId, Instant, LogIndex, NodeId, Round, Term, WriteSeq};
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
            let meant = match &entry.payload {
                Payload::Membership(membership) => membership.validate().is_ok(),
                Payload::Noop | Payload::Data(_) => true,
            };
            follows && meant
        }) && previous.term <= term
    }

    /// Whether the message names `base`, if it speaks of an entry there: what is compacted away is committed, so that no
    /// correct leader says otherwise (Raft §5.4.3).
    fn agrees_with(&self, base: EntryId) -> bool {
        let offset = base.index.0.checked_sub(self.prev.index.0).and_then(|offset| offset.checked_sub(1));
        let entry = offset.and_then(|offset| self.entries.get(usize::try_from(offset).ok()?));
        entry.is_none_or(|entry| entry.id == base)
    }

    /// The part of the message that follows `base`, up to which everything is committed and compacted away: what the
    /// leader says of that agrees with it. `None` if nothing does.
    fn after(self, base: EntryId) -> Option<Self> {
        if base.index <= self.prev.index {
            return Some(self);
        }
        let known = usize::try_from(base.index.0 - self.prev.index.0).unwrap_or(usize::MAX);
        let mut entries = self.entries;
        if entries.len() < known {
            return None;
        }
        Some(Self { prev: base, entries: entries.split_off(known), ..self })
    }

    /// The same entries as if they followed `last`: what [`Flaw::FirstAppendTakenAgain`] makes of them.
    fn moved_behind(mut self, last: EntryId) -> Self {
        self.prev = last;
        let mut index = last.index;
        for entry in &mut self.entries {
            index = index.next();
            entry.id = EntryId { term: entry.id.term.max(last.term), index };
        }
        self
    }
}

impl<F: Flaws> Node<F> {
    /// The leader of this term speaks (Raft Figure 2, AppendEntries).
    pub(super) fn on_append_entries(
        &mut self,
        now: Instant,
        from: NodeId,
        mut append: Append,
        effects: &mut Effects,
    ) {
        // No correct peer sends what is not well formed: not obeyed, and no reason to fall over.
        if !append.is_well_formed(self.hard_state.term) {
            return;
        }
        if matches!(self.state, State::Leader(_)) && self.flaws.has(Flaw::StaleAppendObeyed) {
            self.accept(append, effects);
            return;
        }
        if !self.follow(now, from, effects) {
            return;
        }
        if self.is_blank() {
            // A log goes on from something, and here is nothing.
            self.send(from, WriteSeq::ZERO, Body::Blank { life: self.life, round: append.round }, effects);
            return;
        }
        if !append.agrees_with(self.log.base()) {
            return;
        }
        let compacted = EntryId::ZERO < self.log.base();
        if self.flaws.has(Flaw::FirstAppendTakenAgain) && append.prev == EntryId::ZERO && compacted {
            append = append.moved_behind(self.log.last());
        }
        let (round, last) = (append.round, append.last());
        if self.flaws.has(Flaw::CompactedIsConflict) && append.prev.index < self.log.base().index {
            self.log.truncate(self.log.base().index.next());
            self.configurations.truncate(self.log.base().index.next());
            self.commit = self.log.base().index;
        }
        let Some(append) = append.after(self.log.base()) else {
            // All of it has been committed, applied and compacted away.
            self.acknowledge(from, round, last.index, effects);
            return;
        };
        let known = self.log.contains(append.prev)
            || self.flaws.has(Flaw::NoPrevTermCheck) && append.prev.index <= self.log.last().index;
        if !known {
            if self.flaws.has(Flaw::CommitsAtRefusal) {
                self.raise_commit(append.commit.min(self.log.last().index), effects);
            }
            // Nothing is promised by a refusal, so it waits for nothing.
            // Everything up to the base is committed, so that the leader holds it too.
            let mut hint = self.log.backtrack(append.prev).unwrap_or(self.log.base());
            if self.flaws.has(Flaw::ConservativeHint) {
                hint = self.log.get(self.commit).map_or(EntryId::ZERO, |entry| entry.id);
            }
            let outcome = AppendOutcome::Rejected { refused: append.prev.index, hint };
            self.send(from, WriteSeq::ZERO, Body::AppendReply { round, outcome }, effects);
            return;
        }
        let commit = append.commit;
        if !self.accept(append, effects) {
            return;
        }
        // Beyond `last` this log may still hold what another leader left.
        let verified =
            if self.flaws.has(Flaw::CommitsUnverified) { self.log.last().index } else { last.index };
        self.raise_commit(commit.min(verified), effects);
        let matched = if self.flaws.has(Flaw::AcksWholeLog) { self.log.last().index } else { last.index };
        self.acknowledge(from, round, matched, effects);
    }

    /// Promises that the log agrees with the leader's up to `matched`, once that is durable.
    pub(super) fn acknowledge(&self, leader: NodeId, round: Round, matched: LogIndex, effects: &mut Effects) {
        let after =
            if self.flaws.has(Flaw::AckNotGated) { WriteSeq::ZERO } else { self.queue.covering(matched) };
        let outcome = AppendOutcome::Accepted { matched };
        self.send(leader, after, Body::AppendReply { round, outcome }, effects);
    }

    /// The leader of this term has spoken. Says whether that is somebody else, as it must be: two leaders of one term
    /// cannot be (Raft §5.2).
    pub(super) fn follow(&mut self, now: Instant, leader: NodeId, effects: &mut Effects) -> bool {
        match self.state {
            State::Leader(_) => return false,
            State::PreCandidate(_) | State::Candidate { .. } => self.step_down(now, effects),
            State::Follower => {}
        }
        if self.leader != Some(leader) {
            self.leader = Some(leader);
            self.refuse_questions(effects);
        }
        self.refuse_old_questions(now, effects);
        self.leader_heard_at = now;
        self.promise = Promise { to: Some(leader), until: now + self.config.election_timeout_min };
        self.reset_election_timer(now);
        true
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
        if !self.flaws.has(Flaw::MembershipNotRolledBack) {
            self.configurations.truncate(first);
        }
        for entry in &entries {
            self.log.push(entry.clone());
            if let Payload::Membership(membership) = &entry.payload {
                self.configurations.push(entry.id.index, membership);
            }
        }
        self.queue.write_entries(entries, effects);
        true
    }
}
