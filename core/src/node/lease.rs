//! The leader's lease (thesis §6.4.1): for how long nobody else can have been elected.
//!
//! Two promises make it. A node that answers a leader helps nobody else for the shortest election timeout, by its own
//! clock, whatever terms it sees meanwhile; and for as long after a start, since it cannot know what it promised before.
//! And a leader counts from when it *asked*, not from when it was answered, for a time that is shorter by all that two
//! clocks may drift apart ([`Config::lease_drift_ppm`](crate::config::Config::lease_drift_ppm)).

use super::Node;
use super::role::State;
use crate::flaw::{Flaw, Flaws};
use crate::types::{Instant, NodeId, Round};
use alloc::collections::VecDeque;
use core::time::Duration;

/// What a leader knows of its lease.
#[derive(Clone, Debug, Default)]
pub(super) struct Lease {
    /// The rounds that no quorum has answered yet, and when they began. Ascending.
    rounds: VecDeque<(Round, Instant)>,
    /// Nobody else leads before this.
    pub(super) until: Instant,
    /// Somebody was told to campaign in spite of it: there is no lease in this term any more (thesis §3.10), since that
    /// campaign may come late.
    revoked: bool,
}

/// Whom a node has promised not to help anybody against, and until when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Promise {
    /// The leader; `None` if it may be anybody.
    pub(super) to: Option<NodeId>,
    /// By the node's own clock.
    pub(super) until: Instant,
}

impl Lease {
    /// A round begins.
    pub(super) fn ask(&mut self, round: Round, now: Instant) {
        self.rounds.push_back((round, now));
    }

    /// A quorum has answered `round`: what was asked then counts for `length` since.
    pub(super) fn extend(&mut self, round: Round, length: Duration) {
        while let Some((_, began)) = self.rounds.pop_front_if(|(asked, _)| *asked <= round) {
            self.until = self.until.max(began + length);
        }
    }

    /// Another quorum counts from now on: what the old one promised says nothing about it.
    pub(super) fn begin_again(&mut self) {
        self.rounds.clear();
        self.until = Instant::default();
    }

    pub(super) fn revoke(&mut self) {
        self.revoked = true;
    }

    /// Before this nobody else leads.
    pub(super) fn end(&self) -> Instant {
        if self.revoked { Instant::default() } else { self.until }
    }
}

impl Promise {
    /// What a node must keep that cannot remember what it promised in the life before.
    pub(super) fn at_start(now: Instant, length: Duration) -> Self {
        Self { to: None, until: now + length }
    }
}

impl<F: Flaws> Node<F> {
    /// Whether this node has promised a leader other than `candidate` not to help anybody yet.
    pub(super) fn has_promised(&self, now: Instant, candidate: NodeId) -> bool {
        self.config.lease_drift_ppm.is_some()
            && now < self.promise.until
            && self.promise.to != Some(candidate)
            && !self.flaws.has(Flaw::LeaseWithoutPromise)
    }

    /// Whether this node leads and nobody else can have been elected yet.
    pub(super) fn holds_lease(&self, now: Instant) -> bool {
        matches!(&self.state, State::Leader(leadership) if now < leadership.lease.end())
    }
}
