//! While a leader may answer reads on its lease nobody else is elected, and without one it asks the others before it
//! answers (thesis §6.4.1). A leader that is paused or cut off counts: it may go on any moment. One that has crashed does
//! not. A lease is measured by its leader's own clock; clocks that break their promise, by drifting too far or being set,
//! break leases too.

use super::ghost::Ghost;
use super::requests::Requests;
use super::violation;
use super::words::At;
use crate::observation::{Asks, Property, View, Violation};
use crate::time::Time;
use seaworthy_core::member::ReadMode;
use seaworthy_core::quorum::VoteResult;

/// A node has become a leader.
pub(super) fn on_election(ghost: &Ghost, view: &View, at: Time) -> Result<(), Violation> {
    for node in ghost.nodes() {
        let holds = node.seen.lease_until.is_some_and(|until| at < until);
        if holds && node.leads() && node.id != view.node && node.seen.term < view.term {
            let (me, leader) = (At(view.node, view.term), At(node.id, node.seen.term));
            let left = node.seen.lease_until.map_or(0, |until| until.0 - at.0);
            let detail = format!("{me} became leader while {leader} had a lease for another {left} ns");
            return Err(violation(Property::LeaseExclusivity, node.id, detail));
        }
    }
    Ok(())
}

/// A node has taken a step; perhaps it has a longer lease now.
pub(super) fn on_step(ghost: &Ghost, view: &View, at: Time) -> Result<(), Violation> {
    let extended =
        view.lease_until.filter(|until| at < *until && Some(*until) > ghost.node(view.node).seen.lease_until);
    match ghost.leaders.latest() {
        Some((term, leader)) if extended.is_some() && view.term < term => {
            let (me, later) = (At(view.node, view.term), At(leader, term));
            let detail = format!("{me} extended its lease after {later} was elected");
            Err(violation(Property::LeaseExclusivity, view.node, detail))
        }
        _ => Ok(()),
    }
}

/// A leader has taken a step; perhaps it has answered at once what was asked on its lease.
pub(super) fn on_answer(requests: &Requests, view: &View, at: Time) -> Result<(), Violation> {
    let at_once = requests.granted_at_once(view.node) == Some(Asks::Read(ReadMode::Lease));
    if !at_once || view.lease_until.is_some_and(|until| at < until) {
        return Ok(());
    }
    // Who is a quorum by itself need not ask.
    let alone = view.membership.voters.vote(|voter| Some(voter == view.node)) == VoteResult::Won;
    if alone {
        return Ok(());
    }
    let detail = format!("{} answered a read on its lease, and had none", At(view.node, view.term));
    Err(violation(Property::LeaseExclusivity, view.node, detail))
}
