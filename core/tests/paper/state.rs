//! Raft Figure 2, State.

use crate::cluster::entry;
use crate::cluster::lone::{Lone, accepted, append, vote_request};
use seaworthy_core::Node;
use seaworthy_core::types::{Instant, NodeId};
use seaworthy_core::view::Role;

fn restarted(node: &Lone) -> Node {
    let config = crate::cluster::Options::paper(3).config(NodeId::new(1), 1);
    Node::new(config, &node.disk, Instant::default()).expect("the options make sense")
}

/// "currentTerm: latest term server has seen (initialized to 0 on first boot, increases monotonically)"; "votedFor:
/// candidateId that received vote in current term (or null if none)" (Raft Figure 2, State)
#[test]
fn the_first_boot_starts_in_term_0_with_no_vote_and_an_empty_log() {
    let node = Lone::paper(3, 0, &[]);
    assert_eq!((node.term(), node.vote(), node.terms()), (0, None, vec![]));
}

/// "commitIndex: index of highest log entry known to be committed (initialized to 0)" (Raft Figure 2, State)
#[test]
fn commit_index_starts_at_0_whatever_the_log_holds() {
    assert_eq!(Lone::paper(3, 2, &[1, 1, 2]).commit(), 0);
}

/// "When servers start up, they begin as followers" (Raft §5.2), also after a crash of a leader.
#[test]
fn every_start_is_as_a_follower() {
    let mut node = Lone::paper(3, 0, &[]);
    assert_eq!(node.node.role(), Role::Follower);
    node.lead();
    assert_eq!(node.node.role(), Role::Leader);
    assert_eq!(restarted(&node).role(), Role::Follower);
}

/// "Persistent state on all servers: currentTerm, votedFor, log[] (Updated on stable storage before responding to
/// RPCs)" (Raft Figure 2, State)
#[test]
fn term_vote_and_log_survive_a_restart() {
    let mut node = Lone::paper(3, 0, &[]);
    node.receive(2, 3, vote_request(0, 0));
    node.receive(2, 3, append((0, 0), vec![entry(3, 1)], 0));
    node.persist();
    let again = restarted(&node);
    assert_eq!((again.view().term.0, again.view().vote), (3, Some(NodeId::new(2))));
    assert_eq!(again.log().entries(), node.node.log().entries());
}

/// "(Updated on stable storage before responding to RPCs)" (Raft Figure 2, State): a response leaves after the write
/// that it depends on.
#[test]
fn a_vote_and_an_acknowledgement_leave_after_the_last_write_that_they_promise() {
    let mut node = Lone::paper(3, 0, &[]);
    let granted = node.receive(2, 1, vote_request(0, 0));
    assert_eq!(granted.sends[0].after, granted.writes.last().expect("a vote is written").seq);
    let taken = node.receive(2, 1, append((0, 0), vec![entry(1, 1), entry(1, 2)], 0));
    assert_eq!(taken.sends[0].after, taken.writes.last().expect("entries are written").seq);
}

/// As above, of the term alone: entries that are durable already are acknowledged in a term that is not yet.
#[test]
fn an_acknowledgement_waits_for_its_term_to_be_durable() {
    let mut node = Lone::paper(3, 1, &[1]);
    let taken = node.receive(2, 2, append((1, 1), vec![], 0));
    assert_eq!(taken.sends[0].after, taken.writes[0].seq);
    node.persist();
    let again = node.receive(2, 2, append((1, 1), vec![], 0));
    assert_eq!(again.sends[0].after.0, 0, "there is nothing left to wait for");
}

/// "nextIndex[]: for each server, index of the next log entry to send to that server (initialized to leader last log
/// index + 1)"; "matchIndex[]: … (initialized to 0, increases monotonically)"; "Reinitialized after election" (Raft
/// Figure 2, State). Before anything else the new leader appends its no-op entry, which follows that index.
#[test]
fn a_new_leader_assumes_that_logs_may_match_and_knows_of_nothing_that_does() {
    let mut node = Lone::paper(3, 2, &[1, 2, 2]);
    for _ in 0..2 {
        let last = node.terms().len() as u64;
        node.lead();
        for follower in node.node.view().followers {
            assert_eq!((follower.next.0, follower.matched.0), (last + 1, 0));
        }
        let term = node.term() + 1;
        node.receive(2, term, vote_request(9, 9));
    }
}

/// "matchIndex[]: … increases monotonically" (Raft Figure 2, State)
#[test]
fn a_match_index_never_decreases() {
    let mut node = Lone::paper(3, 1, &[1, 1, 1]);
    node.lead();
    for matched in [2, 4, 3, 0, 1] {
        node.receive(2, 2, accepted(matched));
    }
    assert_eq!(node.node.view().followers[0].matched.0, 4);
}
