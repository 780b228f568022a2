//! Elections: asking, voting, winning (Raft §5.2, §5.4.1; thesis §4.2.3, §9.6).

use super::Node;
use super::lease::Lease;
use super::role::{Ballot, Leadership, State};
use crate::effect::{Effects, HardState};
use crate::flaw::{Flaw, Flaws};
use crate::message::{Body, Entry, Payload};
use crate::quorum::VoteResult;
use crate::types::{EntryId, Instant, NodeId, Round, Term, WriteSeq};
use alloc::collections::VecDeque;
use alloc::vec::Vec;

impl<F: Flaws> Node<F> {
    /// The election timeout has elapsed, or somebody says so. A leader has nothing to campaign for.
    pub(super) fn on_campaign(&mut self, now: Instant, effects: &mut Effects) {
        if matches!(self.state, State::Leader(_)) {
            return;
        }
        self.reset_election_timer(now);
        // Who may not campaign still learns here that its leader is silent.
        self.refuse_old_questions(now, effects);
        // Its own vote is help like any other: a promise binds the node itself too.
        if !self.may_campaign() || self.has_promised(now, self.config.id) {
            return;
        }
        if self.config.pre_vote {
            self.become_pre_candidate(now, effects);
        } else {
            self.become_candidate(now, false, effects);
        }
    }

    /// Asks who would vote for it, without disturbing anybody's term (thesis §9.6).
    pub(super) fn become_pre_candidate(&mut self, now: Instant, effects: &mut Effects) {
        self.lose_leader(effects);
        let mut ballot = Ballot::default();
        ballot.record(self.config.id, true);
        self.state = State::PreCandidate(ballot);
        let term = self.hard_state.term.next();
        let last = self.log.last();
        for peer in self.other_voters() {
            self.send_in(term, peer, WriteSeq::ZERO, Body::PreVote { last }, effects);
        }
        self.count_pre_votes(now, effects);
    }

    /// Campaigns in the next term (Raft §5.2); at the wish of the leader itself if it is a `transfer`.
    pub(super) fn become_candidate(&mut self, now: Instant, transfer: bool, effects: &mut Effects) {
        self.lose_leader(effects);
        let term = self.hard_state.term.next();
        let vote = (!self.flaws.has(Flaw::OwnVoteForgotten)).then_some(self.config.id);
        self.write_hard_state(HardState { term, vote }, effects);
        self.state = State::Candidate { ballot: Ballot::default(), vote: self.queue.hard_state() };
        // The request names this log and claims this vote, so both must be durable first: a candidate that
        // restarts with less and campaigns again in the same term would win on votes given to more.
        let after =
            if self.flaws.has(Flaw::CampaignNotGated) { WriteSeq::ZERO } else { self.queue.everything() };
        let last = self.log.last();
        for peer in self.other_voters() {
            self.send(peer, after, Body::RequestVote { last, transfer }, effects);
        }
        self.count_own_vote(now, effects);
    }

    /// The own vote is a promise like any other and counts once durable.
    pub(super) fn count_own_vote(&mut self, now: Instant, effects: &mut Effects) {
        if let State::Candidate { ballot, vote } = &mut self.state
            && self.queue.is_durable(*vote)
        {
            ballot.record(self.config.id, true);
            self.count_votes(now, effects);
        }
    }

    /// Would this node vote for `from` in `term`? Answers without remembering anything.
    pub(super) fn on_pre_vote(
        &mut self,
        now: Instant,
        from: NodeId,
        term: Term,
        last: EntryId,
        effects: &mut Effects,
    ) {
        let granted = self.hard_state.term < term
            && self.may_vote()
            && self.is_up_to_date(last)
            && !self.is_loyal(now, from);
        // A grant names the term asked about. A refusal names this node's own, by which a pre-candidate of a
        // lower term catches up: otherwise it might ask in vain for ever.
        let answer = if granted { term } else { self.hard_state.term };
        self.send_in(answer, from, WriteSeq::ZERO, Body::PreVoteReply { granted }, effects);
    }

    pub(super) fn on_pre_vote_reply(
        &mut self,
        now: Instant,
        from: NodeId,
        term: Term,
        granted: bool,
        effects: &mut Effects,
    ) {
        let asked = self.hard_state.term.next();
        if let State::PreCandidate(ballot) = &mut self.state
            && (!granted || term == asked)
            && self.configurations.latest().voters.contains(from)
        {
            ballot.record(from, granted);
            self.count_pre_votes(now, effects);
        }
    }

    fn count_pre_votes(&mut self, now: Instant, effects: &mut Effects) {
        let State::PreCandidate(ballot) = &self.state else { return };
        match self.voters().vote(|voter| ballot.of(voter)) {
            VoteResult::Won => self.become_candidate(now, false, effects),
            VoteResult::Lost => self.step_down(now, effects),
            VoteResult::Pending => {}
        }
    }

    /// One vote a term, first come first served, and only to a log that is no less up to date (Raft §5.4.1). A promise
    /// to a leader binds in this term too, which the node may have learned of since by any other message.
    pub(super) fn on_request_vote(
        &mut self,
        now: Instant,
        from: NodeId,
        last: EntryId,
        transfer: bool,
        effects: &mut Effects,
    ) {
        let promised = !transfer && self.has_promised(now, from);
        let free = self.hard_state.vote.is_none_or(|vote| vote == from) || self.flaws.has(Flaw::VotesTwice);
        let fit = self.is_up_to_date(last) || transfer && self.flaws.has(Flaw::TransferSkipsLogCheck);
        if !free || promised || !self.may_vote() || !fit {
            self.send(from, WriteSeq::ZERO, Body::VoteReply { granted: false }, effects);
            return;
        }
        if self.hard_state.vote.is_none() {
            let hard_state = HardState { vote: Some(from), ..self.hard_state };
            if self.flaws.has(Flaw::VoteNotPersisted) {
                self.hard_state = hard_state;
            } else {
                self.write_hard_state(hard_state, effects);
            }
        }
        if let State::PreCandidate(_) = self.state {
            // It has just helped somebody else.
            self.step_down(now, effects);
        }
        self.reset_election_timer(now);
        let after =
            if self.flaws.has(Flaw::VoteReplyNotGated) { WriteSeq::ZERO } else { self.queue.hard_state() };
        self.send(from, after, Body::VoteReply { granted: true }, effects);
    }

    pub(super) fn on_vote_reply(&mut self, now: Instant, from: NodeId, granted: bool, effects: &mut Effects) {
        if let State::Candidate { ballot, .. } = &mut self.state
            && self.configurations.latest().voters.contains(from)
        {
            if self.flaws.has(Flaw::DuplicateVoteCounted) {
                ballot.record_again(from, granted);
            }
            ballot.record(from, granted);
            self.count_votes(now, effects);
        }
    }

    fn count_votes(&mut self, now: Instant, effects: &mut Effects) {
        let State::Candidate { ballot, .. } = &self.state else { return };
        let voters = self.voters();
        let mut result = voters.vote(|voter| ballot.of(voter));
        let voters = voters.incoming.voters();
        if self.flaws.has(Flaw::HalfIsQuorum) {
            let granted = voters.iter().filter(|voter| ballot.of(**voter) == Some(true)).count();
            if granted * 2 >= voters.len() {
                result = VoteResult::Won;
            }
        }
        if self.flaws.has(Flaw::DuplicateVoteCounted) && ballot.grants() * 2 > voters.len() {
            result = VoteResult::Won;
        }
        match result {
            VoteResult::Won => self.become_leader(now, effects),
            VoteResult::Lost => self.step_down(now, effects),
            VoteResult::Pending => {}
        }
    }

    /// Takes office: assumes nothing of its followers, and appends a no-op entry, through which everything
    /// before it can commit (Raft §5.4.2, thesis §6.4).
    fn become_leader(&mut self, now: Instant, effects: &mut Effects) {
        self.leader = Some(self.config.id);
        let uncommitted = self.log.slice(self.commit.next(), usize::MAX);
        self.state = State::Leader(Leadership {
            followers: Vec::new(),
            drops_followers: false,
            term_start: self.log.last().index.next(),
            round: Round::ZERO.next(),
            confirmed: Round::ZERO,
            reads: VecDeque::new(),
            lease: Lease::default(),
            in_doubt: false,
            transfer: None,
            uncommitted_bytes: uncommitted.iter().map(Entry::size).sum(),
            heartbeat_at: now + self.config.heartbeat_interval,
            quorum_check_at: now + self.config.election_timeout_max,
        });
        self.track_followers(now);
        if self.flaws.has(Flaw::NoNoop) {
            self.broadcast(now, effects);
        } else {
            self.append(now, Payload::Noop, effects);
        }
    }

    /// Everybody else who may vote, each once.
    fn other_voters(&self) -> Vec<NodeId> {
        let latest = self.configurations.latest();
        latest.nodes().filter(|node| *node != self.config.id && latest.voters.contains(*node)).collect()
    }

    /// Whether this node votes at all. A learner does when it is asked: it may have been given a vote and not know
    /// of it yet, and then its vote may be the one that is missing.
    fn may_vote(&self) -> bool {
        let learner = !self.configurations.latest().voters.contains(self.config.id);
        !(self.is_blank() || learner && self.flaws.has(Flaw::LearnerRefusesToVote))
    }

    /// Whether a candidate whose log ends with `last` may have this node's vote (Raft §5.4.1). The own log is
    /// what has been accepted, durable or not: a stale view of it would elect a leader without it.
    fn is_up_to_date(&self, last: EntryId) -> bool {
        let own = self.log.last();
        if self.flaws.has(Flaw::NoUpToDateCheck) {
            return true;
        }
        if self.flaws.has(Flaw::IndexBeforeTerm) {
            return (last.index, last.term) >= (own.index, own.term);
        }
        if self.flaws.has(Flaw::IndexAndTerm) {
            return own.index <= last.index && own.term <= last.term;
        }
        if self.flaws.has(Flaw::StaleViewOfOwnLog) {
            let index = self.queue.durable_index();
            return self.log.term(index).is_none_or(|term| EntryId { term, index } <= last);
        }
        if self.flaws.has(Flaw::StrictlyNewerLog) {
            return last > own;
        }
        last >= own
    }

    /// Whether this node hears a leader and so refuses to help anybody else depose it (thesis §4.2.3). A
    /// leader that has lost its quorum steps down by itself, so that it need not be told.
    pub(super) fn is_loyal(&self, now: Instant, candidate: NodeId) -> bool {
        if !self.config.check_quorum {
            return false;
        }
        let hears = match self.leader {
            None => false,
            Some(leader) if leader == candidate => false,
            Some(leader) if leader == self.config.id => true,
            Some(_) => now.since(self.leader_heard_at) < self.config.election_timeout_min,
        };
        hears && !self.flaws.has(Flaw::LeaseWithoutPromise) || self.has_promised(now, candidate)
    }
}
