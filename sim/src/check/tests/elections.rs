//! Election Safety, one vote a term, a leader's quorum, Leader Completeness, and what never goes back.

use super::toy::Toy;
use crate::observation::Promise;
use crate::observation::Property::*;
use crate::observation::{Fact, HardStateFact};
use seaworthy_core::types::{NodeId, Term};

#[test]
fn two_leaders_of_one_term_are_found_at_the_second_election() {
    let mut toy = Toy::new(3);
    toy.elect(1, &[2]);
    toy.campaign(3);
    toy.sync(3);
    toy.request_votes(3);
    toy.lead(3);
    toy.caught(ElectionSafety, "n3@1 became leader, but n1 was elected leader of term 1 at an earlier step");
}

#[test]
fn a_leader_of_the_next_term_beside_the_old_one_is_no_violation() {
    let mut toy = Toy::new(3);
    toy.elect(1, &[2]);
    toy.adopt(3, 1, None);
    toy.elect(3, &[2]);
    toy.propose(1);
    toy.calm();
}

#[test]
fn a_node_never_leads_a_term_again_after_a_restart() {
    let mut toy = Toy::new(3);
    toy.elect(1, &[2]);
    toy.crash(1, 0);
    toy.boot(1);
    toy.lead(1);
    toy.caught(ElectionSafety, "n1@1 became leader a second time");
}

#[test]
fn a_second_vote_in_a_term_is_found_when_it_leaves() {
    let mut toy = Toy::new(3);
    toy.adopt(3, 1, Some(1));
    toy.sync(3);
    toy.send_vote(3, 1);
    toy.send_vote(3, 2);
    toy.caught(VoteOnce, "n3@1 granted its vote to n2, but had granted it to n1");
}

#[test]
fn a_vote_sent_again_and_a_vote_in_the_next_term_are_no_violation() {
    let mut toy = Toy::new(3);
    toy.adopt(3, 1, Some(1));
    toy.sync(3);
    toy.send_vote(3, 1);
    toy.crash(3, 0);
    toy.boot(3);
    toy.send_vote(3, 1);
    toy.adopt(3, 2, Some(2));
    toy.sync(3);
    toy.send_vote(3, 2);
    toy.calm();
}

#[test]
fn a_disk_that_changes_a_vote_is_found() {
    let mut toy = Toy::new(3);
    toy.adopt(3, 1, Some(1));
    toy.sync(3);
    let hard_state = HardStateFact { term: Term(1), vote: Some(NodeId::new(2)) };
    toy.tell(&Fact::HardStateWritten { node: NodeId::new(3), hard_state });
    toy.tell(&Fact::DurableHardState { node: NodeId::new(3), hard_state });
    toy.caught(VoteOnce, "the disk of n3@1 held a vote for n1, and now holds one for n2");
}

#[test]
fn half_of_four_votes_elect_nobody() {
    let mut toy = Toy::new(4);
    toy.elect(1, &[2]);
    toy.caught(
        LeaderQuorum,
        "n1@1 became leader with the votes of n1, n2, which are no quorum of n1, n2, n3, n4",
    );
    let mut toy = Toy::new(4);
    toy.elect(1, &[2, 3]);
    toy.calm();
}

#[test]
fn votes_of_an_earlier_term_elect_nobody() {
    let mut toy = Toy::new(3);
    toy.campaign(1);
    toy.sync(1);
    toy.request_votes(1);
    toy.adopt(2, 1, Some(1));
    toy.sync(2);
    toy.send_vote(2, 1);
    toy.elect(1, &[]);
    toy.caught(LeaderQuorum, "n1@2 became leader with the votes of n1, which");
}

#[test]
fn a_lone_voter_elects_itself_once_its_vote_is_durable() {
    let mut toy = Toy::new(1);
    toy.elect(1, &[]);
    toy.calm();
    let mut toy = Toy::new(1);
    toy.campaign(1);
    toy.lead(1);
    toy.caught(LeaderQuorum, "with the votes of none");
}

#[test]
fn nobody_speaks_as_leader_without_an_election() {
    let mut toy = Toy::new(3);
    toy.release(2, 3, 1, Promise::Lead);
    toy.caught(LeaderQuorum, "n2@1 spoke as leader without having been elected");
}

#[test]
fn a_leader_without_a_committed_entry_is_found_at_its_election() {
    let mut toy = Toy::new(3);
    toy.elect(1, &[2]);
    toy.sync(1);
    toy.catch_up(1, 2);
    toy.commit(1, 1);
    toy.adopt(3, 1, None);
    toy.elect(3, &[2]);
    toy.caught(LeaderCompleteness, "n3@2 became leader without 1@1, which n1@1 had committed");
}

#[test]
fn an_entry_committed_in_an_old_term_that_a_newer_leader_lacks_is_found_at_the_commit() {
    let mut toy = Toy::new(3);
    toy.elect(1, &[2]);
    toy.sync(1);
    toy.replicate(1, 2, 1);
    toy.sync(2);
    toy.send_ack(2, 1, 1);
    toy.adopt(3, 1, None);
    toy.elect(3, &[2]);
    toy.hear_ack(1, 2, 1);
    toy.calm();
    toy.commit(1, 1);
    toy.caught(LeaderCompleteness, "n1@1 committed 1@1, which n3@2, already elected, does not hold");
}

#[test]
fn a_poisoned_disk_is_found_though_its_node_is_down() {
    let mut toy = Toy::new(3);
    toy.elect(1, &[2]);
    toy.sync(1);
    toy.replicate(1, 2, 1);
    toy.sync(2);
    toy.adopt(3, 1, None);
    toy.elect(3, &[2]);
    toy.sync(3);
    toy.crash(3, 0);
    toy.commit(1, 1);
    toy.caught(LeaderCompleteness, "the disk of n3, that ends at 1@2, does not hold");
}

#[test]
fn an_old_leader_may_lack_what_a_newer_one_committed() {
    let mut toy = Toy::new(3);
    toy.elect(1, &[2]);
    toy.propose(1);
    toy.sync(1);
    toy.adopt(3, 1, None);
    toy.elect(3, &[2]);
    toy.sync(3);
    toy.catch_up(3, 2);
    toy.commit(3, 1);
    toy.propose(1);
    toy.sync(1);
    toy.replicate(3, 1, 1);
    toy.calm();
}

#[test]
fn a_term_never_goes_back() {
    let mut toy = Toy::new(3);
    toy.adopt(1, 5, None);
    toy.adopt(1, 4, None);
    toy.caught(Monotonicity, "the term of n1 went back from 5 to 4");
}

#[test]
fn a_vote_is_never_forgotten_within_its_term_but_with_it() {
    let mut toy = Toy::new(3);
    toy.campaign(1);
    toy.adopt(1, 2, None);
    toy.calm();
    toy.campaign(1);
    toy.adopt(1, 3, None);
    toy.caught(Monotonicity, "the vote of n1@3 changed within the term, from n1 to none");
}

#[test]
fn a_follower_of_one_leader_follows_no_other_in_that_term() {
    let mut toy = Toy::new(3);
    toy.elect(1, &[2]);
    toy.replicate(1, 2, 1);
    toy.node(2).leader = None;
    toy.step(2);
    toy.calm();
    toy.node(2).leader = Some(NodeId::new(3));
    toy.step(2);
    toy.caught(Monotonicity, "the leader of n2@1 changed within the term, from n1 to n3");
}

#[test]
fn a_term_that_was_not_durable_may_be_lost_in_a_crash() {
    let mut toy = Toy::new(3);
    toy.adopt(1, 3, None);
    toy.sync(1);
    toy.adopt(1, 4, None);
    toy.crash(1, 0);
    toy.boot(1);
    toy.calm();
    assert_eq!(toy.term(1), 3);
}
