//! Disks that are lost as a whole.

use super::toy::Toy;
use crate::observation::Promise;
use crate::observation::Property::*;
use seaworthy_core::membership::Membership;
use seaworthy_core::types::{LogIndex, NodeId};

fn voters<const N: usize>(numbers: [u64; N]) -> Membership {
    Membership::new(numbers.map(NodeId::new))
}

/// n1 leads n2 and n3 and has committed two entries that n2 holds too; n1 has a snapshot of them.
fn two_committed() -> Toy {
    let mut toy = Toy::new(3);
    toy.elect(1, &[2]);
    toy.propose(1);
    toy.sync(1);
    toy.catch_up(1, 2);
    toy.commit(1, 2);
    toy.take_snapshot(1);
    toy.sync(1);
    toy
}

#[test]
fn what_a_node_promised_before_it_lost_its_disk_was_true_when_it_was_said() {
    // An acknowledgement that arrives, and a commit that counts it, after the disk was lost.
    let mut toy = Toy::new(3);
    toy.elect(1, &[2]);
    toy.sync(1);
    toy.replicate(1, 2, 1);
    toy.sync(2);
    toy.send_ack(2, 1, 1);
    toy.wipe(2);
    toy.hear_ack(1, 2, 1);
    toy.commit(1, 1);
    toy.calm();
    // One of an entry that had been overwritten by then.
    let mut toy = Toy::new(5);
    toy.elect(1, &[2, 3]);
    toy.sync(1);
    toy.replicate(1, 4, 1);
    toy.sync(4);
    toy.send_ack(4, 1, 1);
    toy.elect(2, &[3, 5]);
    toy.catch_up(2, 4);
    toy.wipe(4);
    toy.hear_ack(1, 4, 1);
    toy.calm();
    // A vote that arrives after it.
    let mut toy = Toy::new(3);
    toy.campaign(1);
    toy.sync(1);
    toy.request_votes(1);
    toy.adopt(2, 1, Some(1));
    toy.sync(2);
    toy.send_vote(2, 1);
    toy.wipe(2);
    toy.lead(1);
    toy.calm();
}

#[test]
fn what_a_disk_never_held_is_not_believed_because_it_was_lost() {
    let mut toy = two_committed();
    toy.propose(1);
    toy.sync(1);
    toy.wipe(2);
    toy.hear_ack(1, 2, 3);
    toy.caught(MatchSoundness, "n1@1 believes that n2 holds 3@1, but its disk ends at 0@0");
}

#[test]
fn a_voter_without_its_disk_neither_acknowledges_nor_votes() {
    let mut toy = two_committed();
    toy.wipe(2);
    toy.install(1, 2);
    toy.sync(2);
    toy.calm();
    toy.send_ack(2, 1, 2);
    toy.caught(Durability, "n2@1 has lost its disk, but goes on deciding as a voter of n1's configuration");

    let mut toy = two_committed();
    toy.wipe(2);
    toy.campaign(3);
    toy.sync(3);
    toy.adopt(2, 2, Some(3));
    toy.sync(2);
    toy.release(2, 3, 2, Promise::Vote);
    toy.caught(Durability, "n2@2 has lost its disk, but goes on deciding as a voter of n3's configuration");

    let mut toy = two_committed();
    toy.wipe(2);
    toy.install(1, 2);
    toy.campaign(2);
    toy.sync(2);
    toy.request_votes(2);
    toy.caught(Durability, "n2@2 has lost its disk, but goes on deciding as a voter of n2's configuration");
}

#[test]
fn what_was_acknowledged_to_nobody_is_committed_by_nobody() {
    let mut toy = two_committed();
    toy.propose(1);
    toy.sync(1);
    toy.wipe(2);
    toy.commit(1, 3);
    toy.caught(CommitJustified, "n1@1 committed 3@1, which the disks of n1 hold: no quorum of n1, n2, n3");
}

#[test]
fn a_disk_may_not_lose_more_because_another_was_lost() {
    let mut toy = two_committed();
    toy.wipe(3);
    toy.calm();
    toy.append(
        2,
        &[crate::observation::EntryFact {
            id: seaworthy_core::types::EntryId::new(1, 2),
            payload: 0,
            bytes: 0,
        }],
    );
    toy.sync(2);
    toy.caught(Durability, "the disk of n2 let go of 2@1, which was committed; those of n1 still hold it");
}

#[test]
fn who_was_removed_and_starts_anew_as_a_learner_may_vote_again() {
    let mut toy = two_committed();
    toy.wipe(3);
    for (round, next) in
        [voters([1, 2]), Membership { learners: vec![NodeId::new(3)], ..voters([1, 2]) }, voters([1, 2, 3])]
            .iter()
            .enumerate()
    {
        toy.reconfigure(1, next);
        toy.sync(1);
        toy.catch_up(1, 2);
        toy.commit(1, 3 + round as u64);
        if round == 1 {
            toy.install(1, 3);
            toy.catch_up(1, 3);
        }
    }
    toy.catch_up(1, 3);
    toy.crash(2, 0);
    toy.elect(3, &[1]);
    toy.calm();
    assert_eq!(toy.last(3).index, LogIndex(6));
}

#[test]
fn a_blank_start_after_a_lost_disk_is_no_broken_disk() {
    let mut toy = two_committed();
    toy.propose(1);
    toy.replicate(1, 2, 3);
    toy.wipe(2);
    toy.calm();
    toy.crash(2, 0);
    toy.boot(2);
    toy.calm();
}
