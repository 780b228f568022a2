//! Handing over the leadership (thesis §3.10), and giving it up.

use super::Node;
use super::read::refuse;
use super::role::State;
use crate::effect::{Effects, Event, Refusal};
use crate::flaw::{Flaw, Flaws};
use crate::message::Body;
use crate::types::{Bytes, Instant, NodeId, Token, WriteSeq};
use alloc::vec::Vec;

/// A handing over that is under way.
#[derive(Clone, Debug)]
pub(super) struct Transfer {
    /// Who asked.
    token: Token,
    to: NodeId,
    /// When to give up: the old leader has held up its clients for long enough.
    pub(super) deadline: Instant,
    /// Whether the target has been told to campaign.
    told: bool,
    /// What was proposed meanwhile, and waits to see who leads.
    held: Vec<(Token, Bytes)>,
    held_bytes: usize,
}

impl<F: Flaws> Node<F> {
    pub(super) fn on_transfer(&mut self, now: Instant, token: Token, to: NodeId, effects: &mut Effects) {
        let State::Leader(leadership) = &mut self.state else {
            return refuse(token, Refusal::NotLeader { leader: self.leader }, effects);
        };
        if to == self.config.id {
            effects.events.push(Event::Done { token });
        } else if leadership.transfer.is_some() {
            refuse(token, Refusal::Busy, effects);
        } else if !self.configurations.latest().voters.contains(to) {
            refuse(token, Refusal::NotVoter { node: to }, effects);
        } else {
            let patience = self.config.election_timeout_max;
            let never = self.flaws.has(Flaw::TransferNeverExpires);
            let deadline = if never { Instant::NEVER } else { now + patience };
            let transfer = Transfer { token, to, deadline, told: false, held: Vec::new(), held_bytes: 0 };
            leadership.transfer = Some(transfer);
            self.advance_transfer(effects);
        }
    }

    /// Leads no longer, at somebody's wish.
    pub(super) fn on_step_down(&mut self, now: Instant, token: Token, effects: &mut Effects) {
        if matches!(self.state, State::Leader(_)) {
            self.step_down(now, effects);
            effects.events.push(Event::Done { token });
        } else {
            refuse(token, Refusal::NotLeader { leader: self.leader }, effects);
        }
    }

    /// The leader hands over. Its followers need not be loyal to it, since it says so itself.
    pub(super) fn on_timeout_now(&mut self, now: Instant, from: NodeId, effects: &mut Effects) {
        let follows = self.leader.is_none_or(|leader| leader == from);
        if follows && !matches!(self.state, State::Leader(_)) && self.may_campaign() {
            self.reset_election_timer(now);
            if self.config.pre_vote && self.flaws.has(Flaw::TransferAsksFirst) {
                return self.become_pre_candidate(now, effects);
            }
            self.become_candidate(now, true, effects);
        }
    }

    /// Tells the target to campaign as soon as it holds all of the log, which grows no longer.
    pub(super) fn advance_transfer(&mut self, effects: &mut Effects) {
        let State::Leader(leadership) = &mut self.state else { return };
        let Some(transfer) = leadership.transfer.as_mut().filter(|transfer| !transfer.told) else { return };
        let to = transfer.to;
        let last = self.log.last().index;
        let level =
            leadership.followers.iter().any(|follower| follower.node == to && follower.matched == last);
        if level || self.flaws.has(Flaw::TransferToLaggard) {
            transfer.told = true;
            if !self.flaws.has(Flaw::LeaseSurvivesTransfer) {
                leadership.lease.revoke();
            }
            self.send(to, WriteSeq::ZERO, Body::TimeoutNow, effects);
        }
    }

    /// What the target was told may be lost.
    pub(super) fn remind_of_transfer(&mut self, effects: &mut Effects) {
        if let State::Leader(leadership) = &self.state
            && let Some(transfer) = leadership.transfer.as_ref().filter(|transfer| transfer.told)
        {
            self.send(transfer.to, WriteSeq::ZERO, Body::TimeoutNow, effects);
        }
    }

    /// Gives up on a target that has not taken over in time, and goes on with what was held.
    pub(super) fn expire_transfer(&mut self, now: Instant, effects: &mut Effects) {
        let State::Leader(leadership) = &mut self.state else { return };
        let Some(transfer) = leadership.transfer.take_if(|transfer| transfer.deadline <= now) else { return };
        refuse(transfer.token, Refusal::TransferFailed, effects);
        for (token, data) in transfer.held {
            self.on_propose(now, token, data, effects);
        }
    }
}

impl Transfer {
    /// Keeps a proposal until it is known who leads.
    pub(super) fn hold(&mut self, token: Token, data: Bytes, size: usize) {
        self.held.push((token, data));
        self.held_bytes += size;
    }

    /// The bytes of what is held.
    pub(super) fn held_bytes(&self) -> usize {
        self.held_bytes
    }

    /// The leader that hands over leads no longer.
    pub(super) fn end(self, effects: &mut Effects) {
        for (token, _) in self.held {
            refuse(token, Refusal::NotLeader { leader: self.told.then_some(self.to) }, effects);
        }
        if self.told {
            effects.events.push(Event::Done { token: self.token });
        } else {
            refuse(self.token, Refusal::NotLeader { leader: None }, effects);
        }
    }
}
