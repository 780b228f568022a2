//! Raft Figure 2: RequestVote RPC and AppendEntries RPC as their receivers see them, and Rules for Servers, Followers.

use crate::cluster::entry;
use crate::cluster::lone::{Lone, accepted, append, bodies, rejected, vote_request, votes};
use seaworthy_core::message::Body;
use seaworthy_core::view::Role;
use std::time::Duration;

/// "Reply false if term < currentTerm" (Raft Figure 2, RequestVote RPC 1). Our refusal of an older term is `Stale`.
#[test]
fn request_vote_1_a_vote_of_an_older_term_is_refused() {
    let mut node = Lone::paper(3, 5, &[]);
    let effects = node.receive(2, 4, vote_request(9, 9));
    assert_eq!((bodies(&effects), node.vote()), (vec![(2, &Body::Stale)], None));
}

/// "If votedFor is null or candidateId, and candidate's log is at least as up-to-date as receiver's log, grant vote"
/// (Raft Figure 2, RequestVote RPC 2)
#[test]
fn request_vote_2_a_free_vote_goes_to_a_log_as_up_to_date() {
    let mut node = Lone::paper(3, 2, &[1, 2]);
    assert_eq!(votes(&node.receive(3, 3, vote_request(2, 2))), [(3, true)]);
    assert_eq!(node.vote(), Some(3));
}

/// As above: "votedFor is … candidateId" (Raft Figure 2, RequestVote RPC 2)
#[test]
fn request_vote_2_the_same_candidate_is_told_again() {
    let mut node = Lone::paper(3, 2, &[]);
    node.receive(3, 3, vote_request(0, 0));
    let again = node.receive(3, 3, vote_request(0, 0));
    assert_eq!(votes(&again), [(3, true)]);
    assert!(again.writes.is_empty(), "the vote is written once");
}

/// "Each server will vote for at most one candidate in a given term, on a first-come-first-served basis" (Raft §5.2)
#[test]
fn request_vote_2_a_second_candidate_of_the_term_is_refused() {
    let mut node = Lone::paper(5, 2, &[]);
    node.receive(3, 3, vote_request(0, 0));
    assert_eq!(votes(&node.receive(2, 3, vote_request(9, 3))), [(2, false)]);
    assert_eq!(node.vote(), Some(3));
}

/// As above (Raft §5.2): a new term brings a new vote.
#[test]
fn request_vote_2_the_vote_is_free_again_in_the_next_term() {
    let mut node = Lone::paper(5, 2, &[]);
    node.receive(3, 3, vote_request(0, 0));
    assert_eq!(votes(&node.receive(2, 4, vote_request(0, 0))), [(2, true)]);
    assert_eq!(node.vote(), Some(2));
}

/// "a candidate … votes for itself" (Raft §5.2), so that it has no vote for another of its term.
#[test]
fn request_vote_2_a_candidate_refuses_its_rivals() {
    let mut node = Lone::paper(3, 2, &[]);
    node.time_out();
    assert_eq!(votes(&node.receive(2, 3, vote_request(9, 2))), [(2, false)]);
}

/// "If the logs have last entries with different terms, then the log with the later term is more up-to-date. If the logs
/// end with the same term, then whichever log is longer is more up-to-date." (Raft §5.4.1)
#[test]
fn up_to_date_compares_the_last_term_first_and_then_the_length() {
    // The voter's log ends with 3@2.
    for (index, term, granted) in
        [(3, 2, true), (4, 2, true), (2, 2, false), (9, 1, false), (1, 3, true), (0, 0, false)]
    {
        let mut node = Lone::paper(3, 3, &[1, 2, 2]);
        let effects = node.receive(2, 4, vote_request(index, term));
        assert_eq!(votes(&effects), [(2, granted)], "a log that ends with {index}@{term}");
        assert_eq!(node.term(), 4, "the term is adopted, whether or not the vote is granted");
    }
}

/// "Reply false if term < currentTerm" (Raft Figure 2, AppendEntries RPC 1)
#[test]
fn append_entries_1_a_leader_of_an_older_term_is_refused() {
    let mut node = Lone::paper(3, 5, &[1]);
    let effects = node.receive(2, 4, append((1, 1), vec![entry(4, 2)], 1));
    assert_eq!(bodies(&effects), [(2, &Body::Stale)]);
    assert_eq!((node.terms(), node.commit(), node.leader()), (vec![1], 0, None));
}

/// "Reply false if log doesn't contain an entry at prevLogIndex whose term matches prevLogTerm" (Raft Figure 2,
/// AppendEntries RPC 2)
#[test]
fn append_entries_2_a_gap_is_refused() {
    let mut node = Lone::paper(3, 2, &[1, 2]);
    let effects = node.receive(2, 2, append((3, 2), vec![entry(2, 4)], 0));
    assert_eq!(bodies(&effects), [(2, &rejected(3, (2, 2)))]);
    assert_eq!(node.terms(), [1, 2]);
}

/// As above, with another term at that index (Raft Figure 2, AppendEntries RPC 2)
#[test]
fn append_entries_2_another_term_before_the_entries_is_refused() {
    let mut node = Lone::paper(3, 3, &[1, 1, 3]);
    let effects = node.receive(2, 3, append((3, 2), vec![entry(3, 4)], 0));
    assert_eq!(bodies(&effects), [(2, &rejected(3, (2, 1)))]);
    assert_eq!(node.terms(), [1, 1, 3], "what is there stays until an entry conflicts");
}

/// "If an existing entry conflicts with a new one (same index but different terms), delete the existing entry and all
/// that follow it" (Raft Figure 2, AppendEntries RPC 3)
#[test]
fn append_entries_3_a_conflicting_entry_goes_with_all_that_follow() {
    let mut node = Lone::paper(3, 3, &[1, 2, 2, 2]);
    node.receive(2, 3, append((1, 1), vec![entry(3, 2)], 0));
    assert_eq!(node.terms(), [1, 3]);
}

/// As above, conversely: without a conflict nothing is deleted (Raft Figure 2, AppendEntries RPC 3)
#[test]
fn append_entries_3_entries_that_do_not_conflict_stay() {
    let mut node = Lone::paper(3, 2, &[1, 2, 2, 2]);
    let effects = node.receive(2, 2, append((1, 1), vec![entry(2, 2)], 0));
    assert_eq!(node.terms(), [1, 2, 2, 2]);
    assert!(effects.writes.is_empty());
    assert_eq!(bodies(&effects), [(2, &accepted(2))], "and no more is acknowledged than was sent");
}

/// "Append any new entries not already in the log" (Raft Figure 2, AppendEntries RPC 4)
#[test]
fn append_entries_4_only_what_is_missing_is_appended() {
    let mut node = Lone::paper(3, 2, &[1, 2]);
    let effects = node.receive(2, 2, append((1, 1), vec![entry(2, 2), entry(2, 3)], 0));
    assert_eq!(node.terms(), [1, 2, 2]);
    assert_eq!(effects.writes.len(), 1);
    let record = &effects.writes[0].record;
    assert_eq!(record, &seaworthy_core::effect::Record::Append(vec![entry(2, 3)]));
}

/// "Raft RPCs are idempotent … if a follower receives an AppendEntries request that includes log entries already present
/// in its log, it ignores those entries in the new request" (Raft §5.5)
#[test]
fn append_entries_4_the_same_message_twice_changes_nothing_the_second_time() {
    let mut node = Lone::paper(3, 2, &[1]);
    let message = append((1, 1), vec![entry(2, 2), entry(2, 3)], 2);
    node.receive(2, 2, message.clone());
    let again = node.receive(2, 2, message);
    assert!(again.writes.is_empty() && again.events.is_empty());
    assert_eq!((node.terms(), node.commit()), (vec![1, 2, 2], 2));
}

/// "If leaderCommit > commitIndex, set commitIndex = min(leaderCommit, index of last new entry)" (Raft Figure 2,
/// AppendEntries RPC 5)
#[test]
fn append_entries_5_the_commit_index_is_bounded_by_the_last_new_entry() {
    // The follower holds four entries, of which the last two may be another leader's.
    for (entries, commit, expected) in [(0, 1, 1), (0, 4, 1), (1, 1, 1), (1, 2, 2), (1, 9, 2)] {
        let mut node = Lone::paper(3, 2, &[1, 2, 2, 2]);
        let entries = (0..entries).map(|_| entry(2, 2)).collect();
        node.receive(2, 2, append((1, 1), entries, commit));
        assert_eq!(node.commit(), expected, "leaderCommit {commit}");
    }
}

/// As above: "If leaderCommit > commitIndex" (Raft Figure 2, AppendEntries RPC 5): a late message takes nothing back.
#[test]
fn append_entries_5_the_commit_index_never_decreases() {
    let mut node = Lone::paper(3, 2, &[1, 2]);
    node.receive(2, 2, append((2, 2), vec![], 2));
    node.receive(2, 2, append((1, 1), vec![], 1));
    assert_eq!(node.commit(), 2);
}

/// As above: a refused message commits nothing (Raft Figure 2, AppendEntries RPC 2 before 5)
#[test]
fn append_entries_5_a_refused_message_commits_nothing() {
    let mut node = Lone::paper(3, 2, &[1, 1]);
    node.receive(2, 2, append((2, 2), vec![], 2));
    assert_eq!(node.commit(), 0);
}

/// "If election timeout elapses without receiving AppendEntries RPC from current leader or granting vote to candidate:
/// convert to candidate" (Raft Figure 2, Followers)
#[test]
fn a_follower_that_hears_nothing_becomes_a_candidate() {
    let mut node = Lone::paper(3, 0, &[]);
    node.time_out();
    assert_eq!(node.node.role(), Role::Candidate);
}

/// As above, up to the very instant (Raft Figure 2, Followers)
#[test]
fn a_follower_waits_for_its_whole_timeout() {
    let mut node = Lone::paper(3, 0, &[]);
    node.now = node.node.deadline() - Duration::from_nanos(1);
    node.step(seaworthy_core::input::Input::Timeout);
    assert_eq!(node.node.role(), Role::Follower);
}

/// "A server remains in follower state as long as it receives valid RPCs from a leader or candidate" (Raft §5.2)
#[test]
fn appends_and_granted_votes_put_the_election_off() {
    for body in [append((0, 0), vec![], 0), append((7, 1), vec![], 0), vote_request(0, 0)] {
        let mut node = Lone::paper(3, 1, &[]);
        node.now = node.node.deadline() - Duration::from_millis(1);
        node.receive(2, 1, body.clone());
        assert!(node.now + Duration::from_millis(150) <= node.node.deadline(), "{body:?}");
    }
}

/// As above: neither a refused vote nor a stale leader is one of these (Raft Figure 2, Followers: "from current leader or
/// granting vote")
#[test]
fn refused_votes_and_stale_leaders_do_not_put_the_election_off() {
    for (term, body) in [(5, vote_request(0, 0)), (6, vote_request(0, 0)), (4, append((0, 0), vec![], 0))] {
        let mut node = Lone::paper(3, 5, &[1, 5]);
        let deadline = node.node.deadline();
        node.now = deadline - Duration::from_millis(1);
        node.receive(2, term, body.clone());
        assert_eq!(node.node.deadline(), deadline, "{body:?}");
    }
}

/// "Followers are passive: they issue no requests on their own but simply respond to requests from leaders and
/// candidates" (Raft §5.1)
#[test]
fn a_follower_only_answers() {
    let mut node = Lone::paper(3, 1, &[]);
    assert!(node.propose("x").sends.is_empty());
    assert_eq!(node.receive(2, 1, append((0, 0), vec![entry(1, 1)], 0)).sends.len(), 1);
    assert!(node.persist().sends.is_empty());
}

/// "If a client contacts a follower, the follower redirects it to the leader" (Raft §5.1)
#[test]
fn a_follower_names_the_leader_to_a_client() {
    use seaworthy_core::effect::{Event, Refusal};
    use seaworthy_core::types::{NodeId, Token};
    let mut node = Lone::paper(3, 1, &[]);
    node.receive(2, 1, append((0, 0), vec![], 0));
    let refused =
        Event::Refused { token: Token(1), refusal: Refusal::NotLeader { leader: Some(NodeId::new(2)) } };
    assert_eq!(node.propose("x").events, [refused]);
    assert!(node.terms().is_empty());
}
