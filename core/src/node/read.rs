//! Linearizable reads by ReadIndex (thesis §6.4), and the leader's own doubt whether it still leads (thesis §6.2).

use super::Node;
use super::role::{PendingRead, State};
use crate::effect::{Effects, Event};
use crate::flaw::{Flaw, Flaws};
use crate::types::{Instant, Round, Token};

impl<F: Flaws> Node<F> {
    /// Notes the commit index, then waits until a quorum has answered a message that was sent after the read
    /// arrived: until then a newer leader may have committed more.
    pub(super) fn on_read(&mut self, now: Instant, token: Token, effects: &mut Effects) {
        let State::Leader(leadership) = &mut self.state else {
            effects.events.push(Event::ReadRefused { token, leader: self.leader });
            return;
        };
        // Before the first entry of its own term is committed a leader's commit index may lag behind what its
        // predecessor answered, so the read waits at least for that entry.
        let index = if self.flaws.has(Flaw::ReadBeforeOwnCommit) {
            self.commit
        } else {
            self.commit.max(leadership.term_start)
        };
        if self.flaws.has(Flaw::ReadUnconfirmed) {
            effects.events.push(Event::ReadReady { token, index });
            return;
        }
        // Reads share rounds: those that arrive while one is under way wait for the next together.
        leadership.reads.push_back(PendingRead { token, round: leadership.round.next(), index });
        if leadership.confirmed == leadership.round {
            self.begin_round(now, effects);
        }
        self.confirm_reads(now, effects);
    }

    /// Speaks to everybody in a new round, by which the waiting reads can be confirmed.
    fn begin_round(&mut self, now: Instant, effects: &mut Effects) {
        if let State::Leader(leadership) = &mut self.state {
            leadership.round = leadership.round.next();
            self.broadcast(now, effects);
        }
    }

    /// Releases the reads whose round a quorum has answered, and begins the next round if reads wait for it.
    pub(super) fn confirm_reads(&mut self, now: Instant, effects: &mut Effects) {
        let me = self.config.id;
        loop {
            let State::Leader(leadership) = &mut self.state else { return };
            let own = leadership.round.0;
            let reached = |voter| leadership.reached(voter, me, own, |follower| follower.answered.0);
            leadership.confirmed = Round(self.membership.voters.agreed(reached));
            while let Some(read) = leadership.reads.front().filter(|read| read.round <= leadership.confirmed)
            {
                effects.events.push(Event::ReadReady { token: read.token, index: read.index });
                leadership.reads.pop_front();
            }
            if leadership.reads.is_empty() || leadership.confirmed < leadership.round {
                return;
            }
            self.begin_round(now, effects);
        }
    }

    /// The heartbeat is due, or the question whether anybody still answers.
    pub(super) fn on_leader_timeout(&mut self, now: Instant, effects: &mut Effects) {
        if self.config.check_quorum && !self.still_has_quorum(now) {
            self.step_down(now, effects);
            return;
        }
        let State::Leader(leadership) = &mut self.state else { return };
        if leadership.heartbeat_at <= now {
            // What the last round was sent may be lost. Reads that came since can be confirmed by this one.
            if leadership.reads.back().is_some_and(|read| leadership.round < read.round) {
                leadership.round = leadership.round.next();
            }
            self.broadcast(now, effects);
        }
    }

    /// Whether a quorum was heard within the longest election timeout; looks again when it next might not.
    fn still_has_quorum(&mut self, now: Instant) -> bool {
        let me = self.config.id;
        let patience = self.config.election_timeout_max;
        let State::Leader(leadership) = &mut self.state else { return false };
        if now < leadership.quorum_check_at {
            return true;
        }
        let reached = |voter| leadership.reached(voter, me, now.0, |follower| follower.contact.0);
        let heard = Instant(self.membership.voters.agreed(reached));
        leadership.quorum_check_at = heard + patience;
        now < leadership.quorum_check_at
    }
}
