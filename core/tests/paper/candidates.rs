//! Raft §5.2, and Figure 2, Rules for Servers, Candidates.

use crate::cluster::lone::{Lone, append, bodies, vote_request, writes_hard_state};
use crate::cluster::{Cluster, Options};
use seaworthy_core::message::Body;
use seaworthy_core::types::Instant;
use seaworthy_core::view::Role;
use std::collections::BTreeSet;

/// "On conversion to candidate, start election: increment currentTerm, vote for self, reset election timer, send
/// RequestVote RPCs to all other servers" (Raft Figure 2, Candidates)
#[test]
fn an_election_starts_with_a_new_term_a_vote_for_itself_a_new_timer_and_requests_to_all() {
    let mut node = Lone::paper(5, 2, &[1, 2]);
    let effects = node.time_out();
    assert_eq!((node.term(), node.vote(), node.node.role()), (3, Some(1), Role::Candidate));
    assert!(writes_hard_state(&effects));
    assert!(node.now < node.node.deadline());
    let request = vote_request(2, 2);
    assert_eq!(bodies(&effects), [2, 3, 4, 5].map(|peer| (peer, &request)));
}

/// As above: the vote for itself is one like any other, so that nothing that claims it leaves before it is durable
/// (Raft Figure 2, State: "Updated on stable storage before responding")
#[test]
fn requests_leave_after_the_candidates_own_vote() {
    let effects = Lone::paper(3, 2, &[]).time_out();
    assert!(effects.sends.iter().all(|send| send.after == effects.writes[0].seq));
}

/// "If votes received from majority of servers: become leader" (Raft Figure 2, Candidates)
#[test]
fn a_majority_of_votes_makes_a_leader_and_one_less_does_not() {
    for (nodes, needed) in [(2, 1), (3, 1), (4, 2), (5, 2), (6, 3), (7, 3)] {
        let mut node = Lone::paper(nodes, 0, &[]);
        node.time_out();
        node.persist();
        for voter in 2..2 + needed {
            assert_eq!(node.node.role(), Role::Candidate, "{nodes} nodes, {} votes", voter - 1);
            node.receive(voter, 1, Body::VoteReply { granted: true });
        }
        assert_eq!(node.node.role(), Role::Leader, "{nodes} nodes");
    }
}

/// As above, of one server: its own vote is a majority, once durable (Raft Figure 2, Candidates)
#[test]
fn a_single_server_elects_itself() {
    let mut node = Lone::paper(1, 0, &[]);
    node.time_out();
    assert_eq!(node.node.role(), Role::Candidate);
    node.persist();
    assert_eq!(node.node.role(), Role::Leader);
}

/// "A candidate wins an election if it receives votes from a majority of the servers … for the same term" (Raft §5.2):
/// of different servers, and of members.
#[test]
fn repeated_votes_and_votes_of_strangers_count_for_nothing() {
    let mut node = Lone::paper(5, 0, &[]);
    node.time_out();
    node.persist();
    for voter in [2, 2, 2, 8, 9] {
        node.receive(voter, 1, Body::VoteReply { granted: true });
    }
    assert_eq!(node.node.role(), Role::Candidate);
}

/// "If AppendEntries RPC received from new leader: convert to follower" (Raft Figure 2, Candidates); "If the leader's
/// term … is at least as large as the candidate's current term, then the candidate recognizes the leader as legitimate"
/// (Raft §5.2)
#[test]
fn a_candidate_recognizes_the_leader_of_its_term() {
    let mut node = Lone::paper(3, 0, &[]);
    node.time_out();
    node.receive(2, 1, append((0, 0), vec![], 0));
    assert_eq!((node.node.role(), node.leader(), node.vote()), (Role::Follower, Some(2), Some(1)));
}

/// "If the term in the RPC is smaller than the candidate's current term, then the candidate rejects the RPC and continues
/// in candidate state" (Raft §5.2)
#[test]
fn a_candidate_goes_on_after_a_stale_leaders_message() {
    let mut node = Lone::paper(3, 4, &[]);
    node.time_out();
    let effects = node.receive(2, 4, append((0, 0), vec![], 0));
    assert_eq!((bodies(&effects), node.node.role()), (vec![(2, &Body::Stale)], Role::Candidate));
}

/// "If election timeout elapses: start new election" (Raft Figure 2, Candidates; §5.2: "incrementing its term and
/// initiating another round of RequestVote RPCs")
#[test]
fn a_candidate_that_times_out_starts_anew_in_the_next_term() {
    let mut node = Lone::paper(3, 0, &[]);
    node.time_out();
    let effects = node.time_out();
    assert_eq!((node.term(), node.node.role(), effects.sends.len()), (2, Role::Candidate, 2));
}

/// As above: votes of the earlier round are of another term (Raft §5.2)
#[test]
fn a_new_election_begins_without_votes() {
    let mut node = Lone::paper(5, 0, &[]);
    node.time_out();
    node.persist();
    node.receive(2, 1, Body::VoteReply { granted: true });
    node.time_out();
    node.persist();
    node.receive(3, 2, Body::VoteReply { granted: true });
    assert_eq!(node.node.role(), Role::Candidate);
}

/// "election timeouts are chosen randomly from a fixed interval (e.g., 150–300ms)" (Raft §5.2)
#[test]
fn election_timeouts_are_spread_over_the_interval() {
    let mut node = Lone::paper(3, 0, &[]);
    let mut tenths = BTreeSet::new();
    for _ in 0..200 {
        let before = node.now;
        node.time_out();
        let timeout = node.node.deadline().since(node.now.max(before)).as_millis();
        assert!((150..300).contains(&timeout), "{timeout} ms");
        tenths.insert((timeout - 150) / 15);
    }
    assert_eq!(tenths.len(), 10, "each tenth of the interval comes up");
}

/// "Raft uses randomized election timeouts to ensure that split votes are rare" (Raft §5.2): servers with different seeds
/// time out apart.
#[test]
fn servers_time_out_at_different_times() {
    let cluster = Cluster::new(&Options::paper(5));
    let deadlines: BTreeSet<Instant> =
        cluster.ids().into_iter().map(|id| cluster.node(id).deadline()).collect();
    assert_eq!(deadlines.len(), 5);
}

/// "Each candidate restarts its randomized election timeout at the start of an election" (Raft §5.2)
#[test]
fn a_split_vote_is_resolved_by_whoever_times_out_first() {
    let mut cluster = Cluster::new(&Options::paper(3));
    for id in cluster.ids() {
        cluster.step(id, seaworthy_core::input::Input::Campaign);
    }
    cluster.stabilize();
    assert!(cluster.ids().iter().all(|id| cluster.node(*id).role() != Role::Leader), "the vote was split");
    cluster.run(std::time::Duration::from_millis(300));
    assert!(cluster.ids().iter().any(|id| cluster.node(*id).role() == Role::Leader));
}

/// "it … remains in this state until … (a) it wins the election, (b) another server establishes itself as leader, or (c) a
/// period of time goes by with no winner" (Raft §5.2). We deviate in name only: a candidate that a majority has refused
/// waits for the timeout as a follower. Its term, its vote and its timer stay.
#[test]
fn a_candidate_that_has_lost_waits_for_its_timeout() {
    let mut node = Lone::paper(3, 0, &[]);
    node.time_out();
    node.persist();
    let deadline = node.node.deadline();
    node.receive(2, 1, Body::VoteReply { granted: false });
    node.receive(3, 1, Body::VoteReply { granted: false });
    assert_eq!((node.term(), node.vote(), node.node.deadline()), (1, Some(1), deadline));
    assert_eq!(crate::cluster::lone::votes(&node.receive(2, 1, vote_request(9, 9))), [(2, false)]);
}
