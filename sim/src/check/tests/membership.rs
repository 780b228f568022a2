//! Changes of the membership, and who decides while it changes.

use super::toy::Toy;
use crate::observation::Fact;
use crate::observation::Property::*;
use seaworthy_core::membership::Membership;
use seaworthy_core::quorum::{Joint, Majority};
use seaworthy_core::types::NodeId;

fn voters<const N: usize>(numbers: [u64; N]) -> Membership {
    Membership::new(numbers.map(NodeId::new))
}

fn joint<const N: usize, const M: usize>(incoming: [u64; N], outgoing: [u64; M]) -> Membership {
    let majority = |nodes: &[u64]| Majority::new(nodes.iter().copied().map(NodeId::new));
    let voters = Joint { incoming: majority(&incoming), outgoing: majority(&outgoing) };
    Membership { voters, auto_leave: true, ..Membership::default() }
}

/// n1 leads n2 and n3 in term 1 and has committed its first entry; `spares` more stand ready.
fn settled(spares: u64) -> Toy {
    let mut toy = Toy::with_spares(3, spares);
    toy.elect(1, &[2]);
    toy.sync(1);
    toy.catch_up(1, 2);
    toy.catch_up(1, 3);
    toy.commit(1, 1);
    toy
}

#[test]
fn a_change_goes_through_a_joint_configuration_that_is_committed_before_it_is_left() {
    let mut toy = settled(2);
    toy.take_snapshot(1);
    toy.sync(1);
    toy.reconfigure(1, &joint([3, 4, 5], [1, 2, 3]));
    toy.sync(1);
    for node in [4, 5] {
        toy.install(1, node);
    }
    for node in [2, 3, 4, 5] {
        toy.catch_up(1, node);
    }
    toy.node(1).commit = 2;
    toy.reconfigure(1, &voters([3, 4, 5]));
    toy.sync(1);
    for node in [3, 4] {
        toy.catch_up(1, node);
    }
    // Who has no vote any more leads until that is committed.
    toy.node(1).commit = 3;
    toy.node(1).role = seaworthy_core::view::Role::Follower;
    toy.step(1);
    toy.calm();
    toy.elect(3, &[4]);
    toy.calm();
}

#[test]
fn a_joint_configuration_is_not_left_before_it_is_committed() {
    let mut toy = settled(0);
    toy.reconfigure(1, &joint([1, 2], [1, 2, 3]));
    toy.reconfigure(1, &voters([1, 2]));
    toy.caught(
        MembershipSafety,
        "n1@1 appended a configuration at index 3, but the joint configuration before it, at index 2, was not",
    );
}

#[test]
fn one_change_is_committed_before_the_next() {
    let mut toy = settled(2);
    toy.reconfigure(1, &voters([1, 2, 3, 4]));
    toy.reconfigure(1, &voters([1, 2, 3, 4, 5]));
    toy.caught(MembershipSafety, "but the configuration before it, at index 2, was not committed");
}

#[test]
fn a_leader_changes_nothing_before_it_has_committed_in_its_own_term() {
    let mut toy = settled(1);
    toy.elect(2, &[3]);
    toy.commit(2, 1);
    toy.reconfigure(2, &voters([1, 2, 3, 4]));
    toy.caught(
        MembershipSafety,
        "n2@2 appended a configuration at index 3 before it committed an entry of its own",
    );
}

#[test]
fn quorums_of_adjacent_configurations_overlap() {
    let mut toy = settled(1);
    toy.reconfigure(1, &voters([1, 2, 3, 4]));
    toy.calm();
    let mut toy = settled(2);
    toy.reconfigure(1, &voters([3, 4, 5]));
    toy.caught(MembershipSafety, "n1@1 went from voters n1, n2, n3 to voters n3, n4, n5 at index 2");
}

#[test]
fn a_configuration_makes_sense() {
    let mut toy = settled(0);
    toy.reconfigure(1, &Membership { learners: vec![NodeId::new(3)], ..voters([1, 2, 3]) });
    toy.caught(MembershipSafety, "that is none: n3 is a learner and has a vote");
}

#[test]
fn a_configuration_is_in_force_as_soon_as_it_is_appended() {
    let mut toy = settled(1);
    toy.node(1).shows = Some(voters([1, 2, 3]));
    toy.reconfigure(1, &voters([1, 2, 3, 4]));
    toy.caught(
        MembershipSafety,
        "n1@1 goes by voters n1, n2, n3, but the last configuration in its log, at index 2, is voters n1, n2, n3, n4",
    );
}

#[test]
fn a_configuration_goes_with_its_entry() {
    for rolled_back in [true, false] {
        let mut toy = settled(1);
        toy.reconfigure(1, &voters([1, 2, 3, 4]));
        toy.elect(2, &[3]);
        if !rolled_back {
            toy.node(1).shows = Some(voters([1, 2, 3, 4]));
        }
        toy.replicate(2, 1, 2);
        if rolled_back {
            toy.calm();
        } else {
            toy.caught(MembershipSafety, "n1@2 goes by voters n1, n2, n3, n4");
        }
    }
}

#[test]
fn a_configuration_outlives_a_crash_on_disk_alone() {
    let mut toy = settled(1);
    toy.reconfigure(1, &voters([1, 2, 3, 4]));
    toy.crash(1, 1);
    toy.boot(1);
    toy.calm();
    toy.node(1).shows = Some(voters([1, 2, 3]));
    toy.step(1);
    toy.caught(MembershipSafety, "n1@1 goes by voters n1, n2, n3, but the last configuration in its log");

    let mut toy = settled(1);
    toy.reconfigure(1, &voters([1, 2, 3, 4]));
    toy.crash(1, 0);
    toy.node(1).shows = Some(voters([1, 2, 3, 4]));
    toy.boot(1);
    toy.caught(MembershipSafety, "n1@1 goes by voters n1, n2, n3, n4, but the last configuration in its log");
}

#[test]
fn a_leader_that_has_removed_itself_leads_no_longer_than_that_takes() {
    let mut toy = settled(0);
    toy.reconfigure(1, &voters([2, 3]));
    toy.catch_up(1, 2);
    toy.catch_up(1, 3);
    toy.calm();
    toy.commit(1, 2);
    toy.caught(
        MembershipSafety,
        "n1@1 leads on, though it has committed at index 2 that it has no vote any more",
    );
}

#[test]
fn learners_and_the_new_majority_alone_commit_nothing() {
    let mut toy = settled(2);
    toy.take_snapshot(1);
    toy.sync(1);
    let learners = [4, 5].map(NodeId::new).to_vec();
    toy.reconfigure(1, &Membership { learners, ..voters([1, 2, 3]) });
    toy.sync(1);
    for node in [4, 5] {
        toy.install(1, node);
        toy.catch_up(1, node);
    }
    toy.commit(1, 2);
    toy.caught(CommitJustified, "which the disks of n1 hold: no quorum of n1, n2, n3");
}

#[test]
fn a_candidate_needs_both_halves_of_its_last_configuration() {
    for (supporters, enough) in [(&[4, 3][..], false), (&[4, 2, 3], true)] {
        let mut toy = settled(2);
        toy.take_snapshot(1);
        toy.sync(1);
        toy.reconfigure(1, &joint([1, 4, 5], [1, 2, 3]));
        toy.sync(1);
        for node in [4, 5] {
            toy.install(1, node);
        }
        for node in [2, 3, 4, 5] {
            toy.catch_up(1, node);
        }
        toy.elect(5, supporters);
        if enough {
            toy.calm();
        } else {
            toy.caught(
                LeaderQuorum,
                "n5@2 became leader with the votes of n3, n4, n5, which are no quorum of",
            );
        }
    }
}

#[test]
fn a_follower_that_was_dropped_and_comes_back_starts_from_nothing() {
    let mut toy = settled(0);
    let mut dropped = toy.view(1);
    dropped.followers.retain(|follower| follower.node != NodeId::new(3));
    toy.tell(&Fact::Stepped { at: toy.now, view: &dropped });
    toy.node(1).matched[2] = 0;
    toy.step(1);
    toy.calm();
    toy.hear_ack(1, 2, 0);
    toy.caught(Monotonicity, "the match index of n2 of n1@1 went back from 1 to 0");
}

#[test]
fn only_running_members_need_to_be_level() {
    let mut toy = settled(1);
    for node in [2, 3] {
        toy.commit(node, 1);
    }
    assert!(toy.checkers.is_settled(), "n4 belongs to nobody yet");
    toy.reconfigure(1, &voters([1, 2]));
    toy.sync(1);
    toy.catch_up(1, 2);
    for node in [1, 2] {
        toy.commit(node, 2);
    }
    toy.adopt(3, 9, None);
    assert_eq!(toy.checkers.unsettled(), None, "n3 was removed, whatever it is about");
    toy.calm();
    let mut toy = settled(1);
    for node in [2, 3] {
        toy.commit(node, 1);
    }
    toy.reconfigure(1, &Membership { learners: vec![NodeId::new(4)], ..voters([1, 2, 3]) });
    toy.sync(1);
    for node in [2, 3] {
        toy.catch_up(1, node);
    }
    for node in [1, 2, 3] {
        toy.commit(node, 2);
    }
    let missing = toy.checkers.unsettled().expect("a learner is a member");
    assert!(missing.starts_with("n4@0 holds up to 0@0"), "{missing}");
}
