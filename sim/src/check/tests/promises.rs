//! What a message promises is durable when it leaves.

use super::toy::Toy;
use crate::observation::Promise;
use crate::observation::Property::PersistBeforeSend;
use seaworthy_core::types::{EntryId, LogIndex};

#[test]
fn a_vote_leaves_only_when_it_is_durable() {
    let mut toy = Toy::new(3);
    toy.adopt(2, 1, Some(1));
    toy.send_vote(2, 1);
    toy.caught(PersistBeforeSend, "a vote of n2@1 for n1 left, but its disk held term 0 and no vote");
    let mut toy = Toy::new(3);
    toy.adopt(2, 1, Some(1));
    toy.sync(2);
    toy.send_vote(2, 1);
    toy.calm();
}

#[test]
fn a_vote_that_was_never_written_does_not_pass_for_the_term_alone() {
    let mut toy = Toy::new(3);
    toy.adopt(2, 1, None);
    toy.sync(2);
    toy.send_vote(2, 1);
    toy.caught(PersistBeforeSend, "its disk held term 1 and no vote");
}

#[test]
fn a_vote_may_leave_after_its_voter_has_moved_on() {
    let mut toy = Toy::new(3);
    toy.adopt(2, 1, Some(1));
    toy.adopt(2, 2, Some(3));
    toy.sync(2);
    toy.release(2, 1, 1, Promise::Vote);
    toy.send_vote(2, 3);
    toy.calm();
}

#[test]
fn a_campaign_leaves_only_when_vote_and_log_are_durable() {
    let mut toy = Toy::new(3);
    toy.campaign(1);
    toy.request_votes(1);
    toy.caught(PersistBeforeSend, "a vote of n1@1 for itself left, but its disk held term 0");

    let mut toy = Toy::new(3);
    toy.elect(1, &[2]);
    toy.replicate(1, 2, 1);
    toy.campaign(2);
    toy.sync(2);
    toy.request_votes(2);
    toy.calm();
    toy.release(2, 1, 2, Promise::Campaign { last: EntryId::new(1, 2) });
    toy.caught(
        PersistBeforeSend,
        "n2@2 campaigned with a log that ends at 2@1, but on its disk it ended at 1@1",
    );
}

#[test]
fn an_acknowledgement_leaves_only_when_term_and_entries_are_durable() {
    let mut toy = Toy::new(3);
    toy.elect(1, &[2]);
    toy.replicate(1, 3, 1);
    toy.send_ack(3, 1, 0);
    toy.caught(PersistBeforeSend, "n3@1 acknowledged up to 0 to n1, but its disk held term 0");

    let mut toy = Toy::new(3);
    toy.elect(1, &[2]);
    toy.replicate(1, 2, 1);
    toy.send_ack(2, 1, 1);
    toy.caught(PersistBeforeSend, "n2@1 acknowledged up to 1 to n1, but on its disk it ended at 0@0");
}

#[test]
fn an_acknowledgement_is_for_the_leaders_entries() {
    let mut toy = Toy::starting_from(&[(1, &[]), (1, &[]), (1, &[1])]);
    toy.elect(1, &[2, 3]);
    toy.send_ack(3, 1, 1);
    toy.caught(PersistBeforeSend, "but its disk held 1@1, which does not agree with the leader's log");
}

#[test]
fn an_acknowledgement_may_leave_after_a_newer_leader_has_cut_the_log() {
    let mut toy = Toy::new(5);
    toy.elect(1, &[2, 3]);
    toy.propose(1);
    toy.replicate(1, 2, 2);
    toy.adopt(5, 1, None);
    toy.elect(5, &[3, 4]);
    toy.replicate(5, 2, 1);
    toy.sync(2);
    toy.release(2, 1, 1, Promise::Acknowledge { matched: LogIndex(2) });
    toy.send_ack(2, 5, 1);
    toy.calm();
}
