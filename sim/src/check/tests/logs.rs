//! Leader Append-Only, Log Matching, State Machine Safety at the log, justified commits, durability, match
//! indices.

use super::toy::Toy;
use crate::observation::EntryFact;
use crate::observation::Fact;
use crate::observation::Property::*;
use seaworthy_core::membership::Membership;
use seaworthy_core::quorum::{Joint, Majority};
use seaworthy_core::types::{EntryId, NodeId, SessionId};

fn entry(term: u64, index: u64, payload: u64) -> EntryFact {
    EntryFact { id: EntryId::new(term, index), payload, bytes: 0 }
}

/// n1 leads term 2 with the log 1@2, which n2 has too and n3 does not: its log is 1@1, from before the run.
fn divergent() -> Toy {
    let mut toy = Toy::starting_from(&[(1, &[]), (1, &[]), (1, &[1])]);
    toy.elect(1, &[2]);
    toy.sync(1);
    toy.catch_up(1, 2);
    toy
}

#[test]
fn a_leader_never_overwrites_its_log() {
    let mut toy = Toy::new(3);
    toy.elect(1, &[2]);
    toy.propose(1);
    toy.append(1, &[entry(1, 1, 77)]);
    toy.step(1);
    toy.caught(LeaderAppendOnly, "n1@1 led before the step and after it, but its log, which ended at 2@1");
}

#[test]
fn writing_the_same_again_or_stepping_down_first_is_no_overwriting() {
    let mut toy = Toy::new(3);
    toy.elect(1, &[2]);
    let log = toy.node(1).log.clone();
    toy.append(1, &log);
    toy.step(1);
    toy.elect(2, &[3]);
    toy.replicate(2, 1, 1);
    toy.calm();
}

#[test]
fn equal_index_and_term_after_another_history_is_found() {
    let mut toy = divergent();
    toy.propose(1);
    let tail = toy.node(1).log[1];
    toy.adopt(3, 2, None);
    toy.append(3, &[tail]);
    toy.step(3);
    toy.caught(LogMatching, "n3 holds 2@2 with other content, or after another history, than n1 did");
}

#[test]
fn logs_from_before_the_run_must_match_each_other_but_need_no_leader() {
    Toy::starting_from(&[(4, &[1, 1, 4]), (4, &[1, 1, 2, 2]), (4, &[1])]).calm();
    Toy::starting_from(&[(2, &[1, 2]), (2, &[2, 2])]).caught(LogMatching, "n2 holds 2@2");
}

#[test]
fn figure_7_is_a_fine_start() {
    let mut toy = Toy::starting_from(&[
        (7, &[1, 1, 1, 4, 4, 5, 5, 6, 6, 6]),
        (7, &[1, 1, 1, 4, 4, 5, 5, 6, 6]),
        (7, &[1, 1, 1, 4]),
        (7, &[1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6]),
        (7, &[1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7]),
        (7, &[1, 1, 1, 4, 4, 4, 4]),
        (7, &[1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3]),
    ]);
    toy.elect(1, &[2, 3, 6, 7]);
    toy.sync(1);
    for follower in [2, 3, 6] {
        toy.catch_up(1, follower);
    }
    toy.commit(1, 11);
    for follower in [4, 5, 7] {
        toy.catch_up(1, follower);
        toy.commit(follower, 11);
    }
    toy.calm();
}

#[test]
fn a_poisoned_log_from_before_the_run_is_found_when_its_owner_is_elected() {
    let mut toy = Toy::starting_from(&[(1, &[1]), (1, &[1]), (9, &[9])]);
    toy.elect(1, &[2]);
    toy.sync(1);
    toy.catch_up(1, 2);
    toy.commit(1, 2);
    toy.calm();
    toy.elect(3, &[2]);
    toy.caught(LeaderCompleteness, "n3@10 became leader without 1@1, which n1@2 had committed");
}

#[test]
fn only_a_leader_creates_entries() {
    let mut toy = Toy::new(3);
    toy.elect(1, &[2]);
    toy.adopt(3, 1, None);
    toy.append(3, &[entry(1, 1, 99)]);
    toy.step(3);
    toy.caught(LogMatching, "n3 holds 1@1 with other content");
    let mut toy = Toy::new(3);
    toy.elect(1, &[2]);
    toy.adopt(3, 1, None);
    toy.append(3, &[entry(0, 1, 99)]);
    toy.step(3);
    toy.caught(LogMatching, "n3 holds 1@0, which is in no other log, without leading term 0");
}

#[test]
fn terms_in_a_log_never_descend_and_never_exceed_its_owner() {
    let mut toy = divergent();
    toy.adopt(3, 2, None);
    toy.append(3, &[entry(0, 2, 0)]);
    toy.step(3);
    toy.caught(LogMatching, "n3 holds 2@0 after an entry of term 1");
    let mut toy = divergent();
    let log = toy.node(1).log.clone();
    toy.append(3, &log);
    toy.step(3);
    toy.caught(LogMatching, "n3@1 holds 1@2, an entry of a term that it has not reached");
}

#[test]
fn a_gap_in_a_log_is_found() {
    let mut toy = Toy::new(3);
    toy.append(1, &[entry(1, 3, 0)]);
    toy.caught(LogMatching, "n1 appended 3@1 to a log that ends at 0@0");
}

#[test]
fn a_follower_commits_only_what_the_leader_did() {
    let mut toy = divergent();
    toy.commit(1, 1);
    toy.adopt(3, 2, None);
    toy.node(3).commit = 1;
    toy.step(3);
    toy.caught(StateMachineSafety, "n3@2 committed 1@1, but n1@2 committed 1@2");
    let mut toy = divergent();
    toy.commit(1, 1);
    toy.commit(2, 1);
    toy.calm();
}

#[test]
fn a_follower_commits_nothing_before_the_leader_does() {
    let mut toy = divergent();
    toy.node(2).commit = 1;
    toy.step(2);
    toy.caught(StateMachineSafety, "n2@2 does not lead, but called 1@2 committed before any leader did");
}

#[test]
fn what_was_committed_is_not_replaced() {
    let mut toy = divergent();
    toy.commit(1, 1);
    toy.commit(2, 1);
    toy.append(2, &[entry(1, 1, 0)]);
    toy.step(2);
    toy.caught(StateMachineSafety, "n2@2 committed 1@1, but n1@2 committed 1@2");
}

#[test]
fn a_commit_needs_a_quorum_of_disks() {
    let mut toy = Toy::new(3);
    toy.elect(1, &[2]);
    toy.replicate(1, 2, 1);
    toy.sync(1);
    toy.node(1).commit = 1;
    toy.step(1);
    toy.caught(CommitJustified, "n1@1 committed 1@1, which the disks of n1 hold: no quorum of n1, n2, n3");
}

#[test]
fn a_leader_counts_itself_only_once_it_is_durable_and_may_do_without() {
    let mut toy = Toy::new(3);
    toy.elect(1, &[2]);
    toy.catch_up(1, 2);
    toy.node(1).commit = 1;
    toy.step(1);
    toy.caught(CommitJustified, "which the disks of n2 hold");
    let mut toy = Toy::new(3);
    toy.elect(1, &[2]);
    toy.catch_up(1, 2);
    toy.catch_up(1, 3);
    toy.crash(3, 0);
    toy.commit(1, 1);
    toy.calm();
}

#[test]
fn a_commit_in_a_joint_configuration_needs_both_majorities_also_if_it_leaves_it() {
    let majority = |nodes: [u64; 3]| Majority::new(nodes.map(NodeId::new));
    let voters = Joint { incoming: majority([1, 2, 3]), outgoing: majority([3, 4, 5]) };
    let joint = Membership { voters, ..Membership::default() };
    let left = Membership::new([1, 2, 3].map(NodeId::new));
    for (others, enough) in [(&[2, 4][..], false), (&[3, 4], true), (&[2, 4, 5], true)] {
        let mut toy = Toy::new(5);
        toy.elect(1, &[2, 3]);
        toy.sync(1);
        toy.catch_up(1, 2);
        toy.catch_up(1, 3);
        toy.commit(1, 1);
        toy.reconfigure(1, &joint);
        toy.sync(1);
        for follower in others {
            toy.catch_up(1, *follower);
        }
        toy.node(1).commit = 2;
        toy.reconfigure(1, &left);
        if enough {
            toy.calm();
        } else {
            toy.caught(
                CommitJustified,
                "which the disks of n1, n2, n4 hold: no quorum of n1, n2, n3 & n3, n4, n5",
            );
        }
    }
}

/// Raft Figure 8: an entry of term 2 on a majority, led by n1 again in term 4.
fn figure_8() -> Toy {
    let mut toy = Toy::new(5);
    toy.adopt(1, 1, None);
    toy.elect(1, &[2, 3]);
    toy.sync(1);
    toy.catch_up(1, 2);
    toy.adopt(5, 2, None);
    toy.elect(5, &[3, 4]);
    toy.sync(5);
    toy.adopt(1, 3, None);
    toy.elect(1, &[2, 3]);
    toy.sync(1);
    toy.replicate(1, 3, 1);
    toy.sync(3);
    toy.send_ack(3, 1, 1);
    toy.hear_ack(1, 3, 1);
    toy.calm();
    toy
}

#[test]
fn an_earlier_terms_entry_is_not_committed_by_counting_replicas() {
    let mut toy = figure_8();
    toy.commit(1, 1);
    toy.caught(CommitJustified, "n1@4 committed 1@2, an entry of an earlier term, by counting its replicas");
}

#[test]
fn an_earlier_terms_entry_is_committed_by_a_later_one() {
    let mut toy = figure_8();
    toy.catch_up(1, 2);
    toy.catch_up(1, 3);
    toy.commit(1, 2);
    toy.calm();
}

#[test]
fn a_leader_believes_only_what_a_disk_holds() {
    let mut toy = Toy::new(3);
    toy.elect(1, &[2]);
    toy.replicate(1, 2, 1);
    toy.hear_ack(1, 2, 1);
    toy.caught(MatchSoundness, "n1@1 believes that n2 holds 1@1, but its disk ends at 0@0");
    let mut toy = divergent();
    toy.hear_ack(1, 3, 1);
    toy.caught(MatchSoundness, "but its disk holds 1@1 there");
}

#[test]
fn a_late_acknowledgement_may_outlive_what_it_was_for() {
    let mut toy = Toy::new(5);
    toy.elect(1, &[2, 3]);
    toy.replicate(1, 2, 1);
    toy.sync(2);
    toy.send_ack(2, 1, 1);
    toy.adopt(5, 1, None);
    toy.elect(5, &[3, 4]);
    toy.replicate(5, 2, 1);
    toy.sync(2);
    toy.hear_ack(1, 2, 1);
    toy.calm();
}

#[test]
fn a_match_index_never_goes_back_in_one_term_of_office() {
    let mut toy = divergent();
    toy.hear_ack(1, 2, 0);
    toy.caught(Monotonicity, "the match index of n2 of n1@2 went back from 1 to 0");
    let mut toy = divergent();
    toy.elect(1, &[2]);
    toy.calm();
}

#[test]
fn a_committed_entry_stays_on_a_quorum_of_disks() {
    let mut toy = divergent();
    toy.commit(1, 1);
    toy.append(2, &[entry(1, 1, 0)]);
    toy.step(2);
    toy.calm();
    toy.sync(2);
    toy.caught(Durability, "the disk of n2 let go of 1@2, which was committed; those of n1 still hold it");
}

#[test]
fn a_divergent_tail_below_the_commit_index_is_cut_without_loss() {
    let mut toy = divergent();
    toy.commit(1, 1);
    toy.catch_up(1, 3);
    toy.calm();
}

#[test]
fn a_request_is_acknowledged_only_when_it_is_committed() {
    let mut toy = divergent();
    let told = Fact::Acknowledged { session: SessionId(1), sequence: 1 };
    toy.tell(&told);
    toy.caught(
        Durability,
        "request 1 of session 1 was acknowledged to its client, but no node had applied it",
    );
    let mut toy = divergent();
    toy.commit(1, 1);
    toy.tell(&told);
    toy.calm();
}

#[test]
fn indices_keep_their_order() {
    let mut toy = divergent();
    toy.apply(1, true);
    toy.step(1);
    toy.caught(Order, "n1@2 has applied up to 1, but committed only up to 0");

    let mut toy = divergent();
    toy.node(1).commit = 5;
    toy.step(1);
    toy.caught(Order, "n1@2 has committed up to 5, but its log ends at 1@2");

    let mut toy = divergent();
    toy.hear_ack(1, 2, 4);
    toy.caught(Order, "n1@2 believes that n2 holds all up to 4, but its own log ends at 1@2");

    let mut toy = divergent();
    let mut view = toy.view(1);
    view.followers[0].next = view.followers[0].matched;
    toy.tell(&Fact::Stepped { at: toy.now, view: &view });
    toy.caught(Order, "n1@2 believes that n2 holds all up to 1, but would send 1 next");

    let mut toy = divergent();
    toy.node(2).log.clear();
    toy.step(2);
    toy.caught(Order, "n2@2 shows a log that ends at 0@0, but what it wrote ends at 1@2");
}

#[test]
fn a_commit_index_never_goes_back_but_in_a_crash() {
    let mut toy = divergent();
    toy.commit(1, 1);
    toy.crash(1, 0);
    toy.boot(1);
    toy.calm();
    toy.commit(1, 1);
    toy.node(1).commit = 0;
    toy.step(1);
    toy.caught(Monotonicity, "the commit index of n1@2 went back from 1 to 0");
}
