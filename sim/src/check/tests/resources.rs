//! What a node holds stays within its limits.

use super::toy::{Toy, limits};
use crate::check::Limits;
use crate::observation::Property::BoundedResources;
use seaworthy_core::view::Usage;
use std::num::NonZeroU64;

/// n1 leads, and shows these one after the other.
fn shown(limits: Limits, usages: &[Usage]) -> Toy {
    let mut toy = Toy::limited(3, limits);
    toy.elect(1, &[2]);
    for usage in usages {
        toy.node(1).usage = *usage;
        toy.step(1);
    }
    toy
}

#[test]
fn no_more_messages_are_on_their_way_and_no_more_reads_wait_than_may() {
    let limits = Limits { inflight_messages: 4, pending_reads: 5, ..limits() };
    let most = Usage { inflight_messages: 4, pending_reads: 5, ..Usage::default() };
    shown(limits, &[most]).calm();
    shown(limits, &[Usage { inflight_messages: 5, ..most }])
        .caught(BoundedResources, "n1@1 has 5 messages on their way to one follower, where 4 may be");
    shown(limits, &[Usage { pending_reads: 6, ..most }])
        .caught(BoundedResources, "n1@1 keeps 6 reads waiting, where 5 may");
}

#[test]
fn a_leader_with_too_much_under_way_takes_no_more() {
    let limits = Limits { uncommitted_bytes: 100, entry_bytes: 40, ..limits() };
    let of = |uncommitted_bytes| Usage { uncommitted_bytes, ..Usage::default() };
    shown(limits, &[of(100), of(0), of(90)]).calm();
    shown(limits, &[of(90), of(101)])
        .caught(BoundedResources, "n1@1 went on from 90 uncommitted bytes to 101, where 100 may be");
    shown(Limits { entry_bytes: 140, ..limits }, &[of(140)]).calm();

    // What a leader finds in its log when it is elected may be more, and only shrinks.
    let mut toy = Toy::limited(1, limits);
    toy.campaign(1);
    toy.sync(1);
    toy.node(1).usage = of(500);
    toy.lead(1);
    toy.node(1).usage = of(450);
    toy.step(1);
    toy.calm();
    toy.node(1).usage = of(451);
    toy.step(1);
    toy.caught(BoundedResources, "went on from 450 uncommitted bytes to 451");
}

/// n1 leads and has applied three entries.
fn three_applied(limits: Limits) -> Toy {
    let mut toy = Toy::limited(3, limits);
    toy.elect(1, &[2]);
    toy.propose(1);
    toy.propose(1);
    toy.sync(1);
    toy.catch_up(1, 2);
    toy.commit(1, 3);
    toy
}

#[test]
fn a_snapshot_is_taken_in_time() {
    let every = |interval| Limits { snapshot_interval: NonZeroU64::new(interval), ..limits() };
    three_applied(every(4)).calm();
    three_applied(every(3)).caught(
        BoundedResources,
        "n1@1 has applied up to 3 and takes no snapshot, 3 entries after the one up to 0@0",
    );
    let mut toy = three_applied(every(4));
    toy.take_snapshot(1);
    toy.propose(1);
    toy.propose(1);
    toy.catch_up(1, 2);
    toy.catch_up(1, 3);
    toy.commit(1, 5);
    toy.calm();
}

#[test]
fn a_log_goes_back_no_further_than_it_may() {
    let limits = Limits { trailing_entries: 2, ..limits() };
    let holds = |log_entries| Usage { log_entries, ..Usage::default() };
    let mut toy = three_applied(limits);
    toy.take_snapshot(1);
    toy.sync(1);
    toy.propose(1);
    toy.node(1).usage = holds(3);
    toy.step(1);
    toy.calm();
    toy.node(1).usage = holds(4);
    toy.step(1);
    toy.caught(
        BoundedResources,
        "n1@1 holds 4 entries, where 3 may be: those since its snapshot up to 3@1, and 2 before",
    );
}
