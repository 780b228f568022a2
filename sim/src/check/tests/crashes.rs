//! A restarted node stands on a prefix of its writes.

use super::toy::Toy;
use crate::observation::Property::CrashConsistency;

/// n2 follows n1 with nothing durable of term 1, nor of its two appends.
fn three_writes_under_way() -> Toy {
    let mut toy = Toy::new(3);
    toy.elect(1, &[3]);
    toy.propose(1);
    toy.replicate(1, 2, 1);
    toy.replicate(1, 2, 2);
    assert_eq!(toy.node(2).queue.len(), 3);
    toy
}

#[test]
fn any_prefix_of_the_writes_under_way_may_survive() {
    for survive in 0..=3 {
        let mut toy = three_writes_under_way();
        toy.sync_one(2);
        toy.crash(2, survive);
        toy.boot(2);
        toy.replicate(1, 2, 2);
        toy.sync(2);
        toy.calm();
    }
}

#[test]
fn what_a_crash_leaves_may_also_be_told_at_the_crash() {
    let mut toy = three_writes_under_way();
    toy.sync_one(2);
    toy.sync_one(2);
    toy.crash(2, 0);
    toy.boot(2);
    toy.calm();
}

#[test]
fn a_write_that_survives_without_those_before_it_is_found() {
    let mut toy = three_writes_under_way();
    toy.node(2).queue.pop_front();
    toy.crash(2, 2);
    toy.boot(2);
    toy.caught(
        CrashConsistency,
        "n2 started with term 0, no vote and a log up to 2@1, but its disk had held",
    );
}

#[test]
fn losing_what_was_durable_is_found() {
    let mut toy = three_writes_under_way();
    toy.sync(2);
    toy.crash(2, 0);
    toy.node(2).disk.log.pop();
    toy.boot(2);
    toy.caught(
        CrashConsistency,
        "its disk had held term 1, no vote and a log up to 2@1, with 0 writes under way",
    );
}

#[test]
fn a_disk_writes_in_order_and_nothing_of_its_own() {
    let mut toy = three_writes_under_way();
    toy.node(2).queue.swap(0, 1);
    toy.sync_one(2);
    toy.caught(CrashConsistency, "its next write makes that term 1, no vote and a log up to 0@0");

    let mut toy = Toy::new(3);
    let other = toy.node(1).disk.clone();
    toy.node(2).queue.push_back(super::toy::Write::HardState(other.hard_state));
    toy.sync(2);
    toy.caught(
        CrashConsistency,
        "the disk of n2 came to hold term 0, no vote and a log up to 0@0, which nobody wrote",
    );
}
