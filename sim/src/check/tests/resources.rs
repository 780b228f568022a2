//! What a node holds stays within its limits.

use super::toy::{ENTRY, Toy, limits};
use crate::check::Limits;
use crate::observation::Property::BoundedResources;
use crate::observation::{Asks, EntryFact};
use seaworthy_core::member::ReadMode;
use seaworthy_core::types::{EntryId, SessionId};
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

    // Where there is nothing else, an entry may be as large as entries may be.
    let mut toy = Toy::limited(3, Limits { entry_bytes: 140, ..limits });
    toy.elect(1, &[2]);
    toy.sync(1);
    toy.catch_up(1, 2);
    toy.commit(1, 1);
    toy.node(1).usage = of(140);
    toy.step(1);
    toy.calm();

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

/// Its word is what the limits are held against.
#[test]
fn nobody_says_less_than_it_holds() {
    let says = |usage| {
        let mut toy = Toy::limited(3, limits());
        toy.elect(1, &[2]);
        toy.propose(1);
        let node = toy.node(1);
        (node.is_modest, node.usage) = (true, usage);
        toy.step(1);
        toy
    };
    let both = Usage { log_entries: 2, uncommitted_bytes: 2 * ENTRY as usize, ..Usage::default() };
    says(both).calm();
    says(Usage { log_entries: 1, ..both })
        .caught(BoundedResources, "n1@1 says that it holds 1 entries, where it holds 2 at least");
    says(Usage { uncommitted_bytes: 19, ..both })
        .caught(BoundedResources, "n1@1 says that it holds 19 uncommitted bytes, where it holds 20 at least");
}

/// n1 leads with four entries, has committed the first, and has been asked this under these names.
fn asked(requests: &[(u64, Asks)], usage: Usage) -> Toy {
    let mut toy = Toy::limited(3, Limits { inflight_messages: 4, ..limits() });
    toy.elect(1, &[2]);
    toy.sync(1);
    toy.catch_up(1, 2);
    toy.commit(1, 1);
    (1..4).for_each(|_| toy.propose(1));
    for (token, asks) in requests {
        toy.request(1, *token, *asks);
    }
    toy.node(1).usage = usage;
    toy
}

#[test]
fn a_leader_does_not_say_that_fewer_messages_are_on_their_way_than_it_has_sent() {
    let says = |inflight_messages| Usage { inflight_messages, ..Usage::default() };
    let sent = |usage| {
        let mut toy = asked(&[], usage);
        (1..4).for_each(|previous| toy.send(1, 3, previous, previous + 1));
        toy
    };
    let mut toy = sent(says(3));
    toy.step(1);
    toy.calm();
    let mut toy = sent(says(2));
    toy.step(1);
    toy.caught(
        BoundedResources,
        "n1@1 says that it holds 2 messages on their way, where it holds 3 at least",
    );

    // Of those that are acknowledged nothing is left.
    let mut toy = sent(says(1));
    toy.replicate(1, 3, 3);
    toy.sync(3);
    toy.send_ack(3, 1, 3);
    toy.hear_ack(1, 3, 3);
    toy.calm();
    toy.node(1).usage = says(0);
    toy.step(1);
    toy.caught(BoundedResources, "says that it holds 0 messages on their way, where it holds 1 at least");

    // Whoever goes back has given up what was on its way, and goes on one message at a time.
    let mut toy = sent(says(0));
    toy.node(1).next[2] = 2;
    toy.step(1);
    toy.send(1, 3, 1, 4);
    toy.node(1).next[2] = 2;
    toy.step(1);
    toy.calm();

    // One of a full window may be taken for lost.
    let mut toy = sent(says(3));
    toy.propose(1);
    toy.send(1, 3, 4, 5);
    toy.step(1);
    toy.calm();
    toy.node(1).usage = says(2);
    toy.step(1);
    toy.caught(BoundedResources, "says that it holds 2 messages on their way, where it holds 3 at least");
}

#[test]
fn what_was_sent_to_whom_a_leader_may_begin_anew_with_counts_no_more() {
    let sent = || {
        let mut toy = asked(&[], Usage::default());
        toy.send(1, 3, 3, 4);
        toy
    };
    let mut toy = sent();
    toy.step(1);
    toy.caught(BoundedResources, "says that it holds 0 messages on their way, where it holds 1 at least");

    // Its snapshot stands for what it sent.
    let mut toy = sent();
    toy.sync(1);
    toy.node(1).usage.inflight_messages = 1;
    toy.catch_up(1, 2);
    toy.commit(1, 4);
    toy.take_snapshot(1);
    toy.sync(1);
    toy.node(1).usage.inflight_messages = 0;
    toy.step(1);
    toy.calm();

    // The follower has lost its disk.
    let mut toy = sent();
    toy.adopt(3, 1, None);
    toy.sync(3);
    toy.wipe(3);
    toy.step(1);
    toy.calm();
}

#[test]
fn a_leader_that_is_up_to_date_keeps_all_reads_waiting_that_it_has_not_answered() {
    let read = Asks::Read(ReadMode::Leader);
    let says = |pending_reads| Usage { pending_reads, ..Usage::default() };
    let mut toy = asked(&[(1, read), (2, read)], says(2));
    toy.step(1);
    toy.calm();
    toy.reply(1, 1, true);
    toy.node(1).usage = says(1);
    toy.step(1);
    toy.calm();
    toy.node(1).usage = says(0);
    toy.step(1);
    toy.caught(BoundedResources, "n1@1 says that it holds 0 waiting reads, where it holds 1 at least");

    // A read that is confirmed may wait for what is not applied yet.
    let mut toy = asked(&[(1, read)], says(1));
    toy.sync(1);
    toy.catch_up(1, 2);
    toy.node(1).commit = 4;
    toy.node(1).usage = says(0);
    toy.step(1);
    toy.calm();

    // Who has crashed owes nothing.
    let mut toy = asked(&[(1, read)], says(1));
    toy.step(1);
    toy.crash(1, 0);
    toy.boot(1);
    toy.elect(1, &[2]);
    toy.calm();
}

#[test]
fn a_write_that_is_neither_answered_nor_in_the_log_is_held_back_and_counts() {
    let write = |sequence| Asks::Write { session: SessionId(7), sequence };
    let all = [(1, write(1)), (2, write(2)), (3, write(3)), (4, write(4))];
    let bytes = |uncommitted_bytes| Usage { uncommitted_bytes, ..Usage::default() };
    let mut toy = asked(&all[..3], bytes(0));
    toy.step(1);
    toy.calm();
    let mut toy = asked(&all, bytes(31));
    toy.step(1);
    toy.calm();
    let mut toy = asked(&all, bytes(30));
    toy.step(1);
    toy.caught(BoundedResources, "says that it holds 30 uncommitted bytes, where it holds 31 at least");

    // The same one again waits for the same entry.
    let mut toy = asked(&[all[0], all[1], all[2], (4, write(3))], bytes(30));
    toy.step(1);
    toy.calm();
    // What is refused waits no longer.
    let mut toy = asked(&all, bytes(30));
    toy.reply(1, 4, false);
    toy.step(1);
    toy.calm();
}

#[test]
fn no_message_carries_more_bytes_than_it_may_but_for_a_single_entry() {
    let of = |batch_bytes| {
        let mut toy = Toy::limited(3, Limits { batch_bytes, ..limits() });
        toy.elect(1, &[2]);
        toy.propose(1);
        toy
    };
    let mut toy = of(20);
    toy.send(1, 3, 0, 2);
    toy.calm();
    let mut toy = of(1);
    toy.send(1, 3, 0, 1);
    toy.calm();
    let mut toy = of(19);
    toy.send(1, 3, 0, 2);
    toy.caught(BoundedResources, "n1@1 sent 2 entries after 0 at once, 20 bytes, where 19 may be");
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

/// n1 appends one entry of so many bytes to three, and the others take it.
fn append_large(toy: &mut Toy, bytes: u64) {
    toy.append(1, &[EntryFact { id: EntryId::new(1, 4), payload: 0, bytes }]);
    toy.step(1);
    toy.catch_up(1, 2);
    toy.catch_up(1, 3);
}

#[test]
fn a_snapshot_is_taken_once_enough_bytes_have_been_applied() {
    let limits = Limits { snapshot_bytes: NonZeroU64::new(3 * ENTRY + 8), ..limits() };
    let applied = |bytes| {
        let mut toy = three_applied(limits);
        append_large(&mut toy, bytes);
        toy.commit(1, 4);
        toy
    };
    applied(8).caught(
        BoundedResources,
        "n1@1 has applied up to 4 and takes no snapshot, 38 bytes after the one up to 0@0, where 38 are enough",
    );

    // What a snapshot on its way to the disk stands for counts no more.
    let mut toy = applied(7);
    toy.take_snapshot(1);
    toy.propose(1);
    toy.catch_up(1, 2);
    toy.catch_up(1, 3);
    toy.commit(1, 5);
    toy.sync(1);
    toy.step(1);
    toy.calm();

    // What is replaced before it is committed has no weight.
    let mut toy = Toy::limited(3, limits);
    toy.elect(1, &[2]);
    toy.append(1, &[EntryFact { id: EntryId::new(1, 2), payload: 9, bytes: 500 }]);
    toy.step(1);
    toy.elect(2, &[3]);
    toy.sync(2);
    toy.catch_up(2, 3);
    toy.commit(2, 1);
    toy.catch_up(2, 1);
    toy.commit(1, 1);
    toy.calm();
}

#[test]
fn no_more_bytes_trail_behind_a_snapshot_than_may() {
    let limits = Limits { trailing_entries: 3, snapshot_bytes: NonZeroU64::new(50), ..limits() };
    // The snapshot is taken in the step that applies the last entry, which has so many bytes.
    let holding = |log_entries, bytes| {
        let mut toy = three_applied(limits);
        append_large(&mut toy, bytes);
        toy.node(1).commit = 4;
        toy.apply(1, true);
        toy.take_snapshot(1);
        toy.sync(1);
        toy.node(1).usage = Usage { log_entries, ..Usage::default() };
        toy.step(1);
        toy
    };
    holding(2, 40).calm();
    holding(1, 50).calm();
    holding(2, 41).caught(
        BoundedResources,
        "n1@1 goes on from 2 and holds 51 bytes before its snapshot up to 4@1, where 50 may be",
    );
}
