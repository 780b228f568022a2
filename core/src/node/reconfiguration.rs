//! Changes of the membership (thesis §4): by joint consensus, of which a change of a single server is the simple case.

use super::Node;
use super::progress::Progress;
use super::read::refuse;
use super::role::State;
use crate::effect::{Effects, Event, Refusal};
use crate::flaw::{Flaw, Flaws};
use crate::membership::{Change, Membership};
use crate::message::{Body, Payload};
use crate::quorum::{Joint, Majority};
use crate::types::{Instant, NodeId, Token, WriteSeq};
use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::vec::Vec;

impl<F: Flaws> Node<F> {
    /// Appends the configuration that an operator asks for. One change at a time, and none before the leader has
    /// committed an entry of its own term: until then a change of an earlier leader may still be under way elsewhere,
    /// and two changes from one configuration need not have a server in common (Ongaro, raft-dev, 2015).
    pub(super) fn on_change_membership(
        &mut self,
        now: Instant,
        token: Token,
        changes: &[Change],
        effects: &mut Effects,
    ) {
        let State::Leader(leadership) = &self.state else {
            return refuse(token, Refusal::NotLeader { leader: self.leader }, effects);
        };
        let settled = leadership.term_start <= self.commit || self.flaws.has(Flaw::ChangeBeforeOwnCommit);
        let alone = self.configurations.latest_index() <= self.commit
            || self.flaws.has(Flaw::ChangeBeforeLastCommitted);
        if !settled || !alone || leadership.transfer.is_some() {
            return refuse(token, Refusal::Busy, effects);
        }
        match self.changed(changes) {
            Ok(membership) => {
                let id = self.append(now, Payload::Membership(Box::new(membership)), effects);
                effects.events.push(Event::Proposed { token, id });
            }
            Err(refusal) => refuse(token, refusal, effects),
        }
    }

    /// What the configuration in force becomes by `changes`.
    fn changed(&self, changes: &[Change]) -> Result<Membership, Refusal> {
        let latest = self.configurations.latest();
        let next = if changes.is_empty() { latest.leave_joint() } else { latest.change(changes) };
        let mut next = next.map_err(Refusal::Change)?;
        if self.flaws.has(Flaw::NoJointPhase) {
            next.voters.outgoing = Majority::default();
        }
        let State::Leader(leadership) = &self.state else { return Ok(next) };
        let newcomers = next
            .voters
            .incoming
            .voters()
            .iter()
            .filter(|node| !latest.voters.contains(**node) && **node != self.config.id);
        for node in newcomers {
            if !leadership.follower(*node).is_some_and(Progress::is_caught_up) {
                return Err(Refusal::NotCaughtUp { node: *node });
            }
        }
        Ok(next)
    }

    /// Who decides: both halves of the configuration in force, committed or not.
    pub(super) fn voters(&self) -> Cow<'_, Joint> {
        let latest = self.configurations.latest();
        if F::SOUND { Cow::Borrowed(&latest.voters) } else { Cow::Owned(self.voters_with_flaws(latest)) }
    }

    fn voters_with_flaws(&self, latest: &Membership) -> Joint {
        let mut voters = latest.voters.clone();
        if self.flaws.has(Flaw::ConfigurationOnCommit) {
            voters = self.configurations.at(self.commit).voters.clone();
        }
        if self.flaws.has(Flaw::OnlyNewMajority) {
            voters.outgoing = Majority::default();
        }
        if self.flaws.has(Flaw::MajorityOfUnion) {
            let union = latest.voters.incoming.voters().iter().chain(latest.voters.outgoing.voters());
            voters = Joint { incoming: Majority::new(union.copied()), outgoing: Majority::default() };
        }
        if self.flaws.has(Flaw::LearnersCounted) {
            let all = voters.incoming.voters().iter().chain(&latest.learners);
            voters.incoming = Majority::new(all.copied());
        }
        voters
    }

    /// Whether this node may ask for votes: as a voter of one of the last two configurations of its log. One that is to
    /// go must still be able to win while it alone may hold the newest log (openraft#2098), and which of the two is
    /// committed a restarted node does not know.
    pub(super) fn may_campaign(&self) -> bool {
        let me = self.config.id;
        let votes = |membership: &Membership| membership.voters.contains(me);
        let before =
            !self.flaws.has(Flaw::RemovedCannotCampaign) && self.configurations.previous().is_some_and(votes);
        votes(self.configurations.latest()) || before
    }

    /// Whether `node` has a vote in the configuration in force, or in the one before while that may yet come back.
    pub(super) fn may_decide(&self, node: NodeId) -> bool {
        let votes = |membership: &Membership| membership.voters.contains(node);
        let open = self.commit < self.configurations.latest_index();
        votes(self.configurations.latest()) || open && self.configurations.previous().is_some_and(votes)
    }

    /// A leader's configuration has changed: it follows whoever is in it, and until it is committed also those whom it
    /// drops, so that they learn of it.
    pub(super) fn track_followers(&mut self, now: Instant) {
        let last = self.log.last().index;
        let me = self.config.id;
        let committed = self.configurations.latest_index() <= self.commit;
        let dropped = self.configurations.previous().filter(|_| !committed);
        let mut nodes: Vec<NodeId> = self
            .configurations
            .latest()
            .nodes()
            .chain(dropped.into_iter().flat_map(Membership::nodes))
            .collect();
        nodes.sort();
        nodes.dedup();
        let State::Leader(leadership) = &mut self.state else { return };
        let mut known = core::mem::take(&mut leadership.followers).into_iter().peekable();
        for node in nodes.into_iter().filter(|node| *node != me) {
            while known.next_if(|follower| follower.node < node).is_some() {}
            let follower = known.next_if(|follower| follower.node == node);
            leadership.followers.push(follower.unwrap_or_else(|| Progress::new(node, last, now)));
        }
        leadership.drops_followers = dropped.is_some();
        leadership.lease.begin_again();
    }

    /// The leader's commit index has risen, perhaps past the configuration in force: what comes next in a change?
    pub(super) fn advance_reconfiguration(&mut self, now: Instant, effects: &mut Effects) {
        let State::Leader(leadership) = &self.state else { return };
        let early = self.flaws.has(Flaw::LeavesJointEarly);
        let committed = self.configurations.latest_index() <= self.commit || early;
        if !committed || self.commit < leadership.term_start {
            return;
        }
        if leadership.drops_followers {
            self.track_followers(now);
        }
        let latest = self.configurations.latest();
        if latest.is_joint() {
            if latest.auto_leave {
                let left = latest.leave_joint().expect("it is joint");
                self.append(now, Payload::Membership(Box::new(left)), effects);
            }
        } else if !latest.voters.contains(self.config.id) && !self.flaws.has(Flaw::RemovedLeaderStays) {
            self.retire(now, effects);
        }
    }

    /// A leader that has removed itself leaves when that is committed (thesis §4.2.2), and hands over to whoever has
    /// got furthest, so that nobody has to wait for a timeout.
    fn retire(&mut self, now: Instant, effects: &mut Effects) {
        self.broadcast(now, effects);
        if let State::Leader(leadership) = &self.state {
            let voters = &self.configurations.latest().voters;
            let fit = |follower: &&Progress| voters.contains(follower.node) && !follower.is_amnesiac();
            let heirs = leadership.followers.iter().filter(fit);
            if let Some(heir) = heirs.max_by_key(|follower| follower.matched) {
                self.send(heir.node, WriteSeq::ZERO, Body::TimeoutNow, effects);
            }
        }
        self.step_down(now, effects);
    }
}
