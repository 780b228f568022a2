//! Raft §5.3, and Figure 2, Rules for Servers, Leaders.

use crate::cluster::lone::{Lone, accepted, append, bodies, rejected};
use crate::cluster::{Cluster, Options, disk};
use seaworthy_core::effect::Event;
use seaworthy_core::input::Input;
use seaworthy_core::message::{Body, Entry, Payload};
use seaworthy_core::types::{Bytes, EntryId, LogIndex, NodeId, Token};
use seaworthy_core::view::Role;

fn data(term: u64, index: u64, text: &str) -> Entry {
    Entry { id: EntryId::new(term, index), payload: Payload::Data(Bytes::from(text)) }
}

fn noop(term: u64, index: u64) -> Entry {
    Entry { id: EntryId::new(term, index), payload: Payload::Noop }
}

/// Leads term 2 of three, with the log 1 1 2, all of it on the disks of both followers.
fn leader() -> Lone {
    let mut node = Lone::paper(3, 1, &[1, 1]);
    node.lead();
    node.receive(2, 2, accepted(3));
    node.receive(3, 2, accepted(3));
    node
}

/// "Upon election: send initial empty AppendEntries RPCs (heartbeat) to each server" (Raft Figure 2, Leaders). Ours are
/// not empty: they carry the no-op entry that "each leader commits … at the start of its term" (Raft §8).
#[test]
fn a_new_leader_speaks_to_all_at_once() {
    let mut node = Lone::paper(3, 1, &[1, 1]);
    let effects = node.lead();
    let first = append((2, 1), vec![noop(2, 3)], 0);
    assert_eq!(bodies(&effects), [(2, &first), (3, &first)]);
    assert!(effects.sends.iter().all(|send| send.after.0 == 0), "it may replicate before it has written");
}

/// "repeat during idle periods to prevent election timeouts" (Raft Figure 2, Leaders; §5.2)
#[test]
fn an_idle_leader_sends_heartbeats_well_before_anybody_times_out() {
    let mut node = leader();
    assert!(node.node.deadline().since(node.now).as_millis() <= 50);
    let effects = node.time_out();
    let heartbeat = append((3, 2), vec![], 3);
    assert_eq!(bodies(&effects), [(2, &heartbeat), (3, &heartbeat)]);
    assert_eq!(node.node.deadline().since(node.now).as_millis(), 50, "and again");
}

/// As above, in a cluster: nobody times out under a leader that is heard (Raft §5.2)
#[test]
fn a_heard_leader_stays() {
    let mut cluster = Cluster::new(&Options::paper(5));
    cluster.elect(NodeId::new(4));
    cluster.run(std::time::Duration::from_secs(3));
    for id in cluster.ids() {
        assert_eq!((cluster.view(id).term.0, cluster.view(id).leader), (1, Some(NodeId::new(4))));
    }
}

/// "If command received from client: append entry to local log, respond after entry applied to state machine" (Raft
/// Figure 2, Leaders); "issues AppendEntries RPCs in parallel to each of the other servers" (Raft §5.3)
#[test]
fn a_command_is_appended_and_sent_to_all_and_not_yet_committed() {
    let mut node = leader();
    let effects = node.propose("x");
    let sent = append((3, 2), vec![data(2, 4, "x")], 3);
    assert_eq!(bodies(&effects), [(2, &sent), (3, &sent)]);
    assert_eq!(effects.events, [Event::Proposed { token: Token(1), id: EntryId::new(2, 4) }]);
    assert_eq!((node.terms().len(), node.commit()), (4, 3));
}

/// "Leader Append-Only: a leader never overwrites or deletes entries in its log; it only appends new entries" (Raft
/// Figure 3, §5.3): not even when another server claims to lead its term.
#[test]
fn a_leader_never_overwrites_its_log() {
    let mut node = leader();
    node.propose("x");
    let before = node.node.log().clone();
    let effects = node.receive(2, 2, append((1, 1), vec![noop(2, 2)], 3));
    assert_eq!(node.node.log(), &before);
    assert!(effects.writes.is_empty() && node.node.role() == Role::Leader);
}

/// "If last log index ≥ nextIndex for a follower: send AppendEntries RPC with log entries starting at nextIndex" (Raft
/// Figure 2, Leaders)
#[test]
fn a_follower_is_sent_what_stands_from_its_next_index_on() {
    let mut node = Lone::paper(3, 1, &[1, 1]);
    node.lead();
    node.propose("x");
    let effects = node.receive(2, 2, accepted(3));
    // The commit index has risen with this very answer.
    assert_eq!(bodies(&effects), [(2, &append((3, 2), vec![data(2, 4, "x")], 3))]);
}

/// "If successful: update nextIndex and matchIndex for follower" (Raft Figure 2, Leaders)
#[test]
fn success_moves_next_and_match_index() {
    let mut node = leader();
    node.propose("x");
    node.receive(2, 2, accepted(4));
    let follower = &node.node.view().followers[0];
    assert_eq!((follower.matched, follower.next), (LogIndex(4), LogIndex(5)));
}

/// "If AppendEntries fails because of log inconsistency: decrement nextIndex and retry" (Raft Figure 2, Leaders)
#[test]
fn a_refusal_lowers_next_index_and_is_followed_by_a_retry() {
    let mut node = Lone::paper(3, 1, &[1, 1]);
    node.lead();
    let effects = node.receive(2, 2, rejected(2, (1, 1)));
    let [(2, Body::AppendEntries { prev, entries, .. })] = bodies(&effects)[..] else { panic!("one retry") };
    assert_eq!((*prev, entries.len()), (EntryId::new(1, 1), 2));
}

/// "Eventually nextIndex will reach a point where the leader and follower logs match" (Raft §5.3): also when the hints are
/// of no use.
#[test]
fn next_index_falls_with_every_refusal_until_the_logs_match() {
    let mut node = Lone::paper(3, 1, &[1, 1, 1]);
    node.lead();
    for refused in [3, 2, 1] {
        node.receive(2, 2, rejected(refused, (refused, 1)));
        assert_eq!(node.node.view().followers[0].next, LogIndex(refused));
    }
}

/// "the follower can include the term of the conflicting entry and the first index it stores for that term. With this
/// information, the leader can decrement nextIndex to bypass all of the conflicting entries in that term; one
/// AppendEntries RPC will be required for each term with conflicting entries, rather than one RPC per entry" (Raft §5.3)
#[test]
fn one_refusal_bypasses_a_whole_term() {
    let mut node = Lone::paper(3, 5, &[1, 4, 4, 4, 4, 4]);
    node.lead();
    // The follower's log ends with a run of term 3: nothing of the leader's term 4 can match.
    node.receive(2, 6, rejected(6, (6, 3)));
    assert_eq!(node.node.view().followers[0].next, LogIndex(2));
}

/// "If there exists an N such that N > commitIndex, a majority of matchIndex[i] ≥ N, and log[N].term == currentTerm: set
/// commitIndex = N" (Raft Figure 2, Leaders)
#[test]
fn a_majority_that_holds_an_entry_of_the_term_commits_it() {
    for (nodes, needed) in [(2, 1), (3, 1), (4, 2), (5, 2), (7, 3)] {
        let mut node = Lone::paper(nodes, 0, &[]);
        node.lead();
        for follower in 2..2 + needed {
            assert_eq!(node.commit(), 0, "{nodes} nodes");
            node.receive(follower, 1, accepted(1));
        }
        assert_eq!(node.commit(), 1, "{nodes} nodes");
    }
}

/// As above: "log[N].term == currentTerm" (Raft Figure 2, Leaders; §5.4.2: "Raft never commits log entries from previous
/// terms by counting replicas")
#[test]
fn an_entry_of_an_earlier_term_is_not_committed_by_counting() {
    let mut node = Lone::paper(3, 2, &[1, 2]);
    node.lead();
    node.receive(2, 3, accepted(2));
    node.receive(3, 3, accepted(2));
    assert_eq!(node.commit(), 0, "all three hold 2@2");
}

/// "once an entry from the current term has been committed in this way, then all prior entries are committed indirectly
/// because of the Log Matching Property" (Raft §5.4.2; §5.3: "This also commits all preceding entries in the leader's log")
#[test]
fn earlier_entries_commit_with_the_first_of_the_term() {
    let mut node = Lone::paper(3, 2, &[1, 2]);
    node.lead();
    let effects = node.receive(2, 3, accepted(3));
    assert_eq!(effects.events, [Event::Committed { index: LogIndex(3) }]);
}

/// "A log entry is committed once the leader that created the entry has replicated it on a majority of the servers" (Raft
/// §5.3): the leader is one of them only when its own copy is durable (thesis §10.2.1).
#[test]
fn a_leader_counts_its_own_copy_when_it_is_durable() {
    let mut node = leader();
    node.propose("x");
    node.receive(2, 2, accepted(4));
    assert_eq!(node.commit(), 3);
    node.persist();
    assert_eq!(node.commit(), 4);
}

/// As above: a majority of others needs no copy of the leader's (Raft §5.3)
#[test]
fn a_majority_of_followers_commits_without_the_leaders_copy() {
    let mut node = leader();
    node.propose("x");
    node.receive(2, 2, accepted(4));
    node.receive(3, 2, accepted(4));
    assert_eq!(node.commit(), 4);
}

/// "The leader keeps track of the highest index it knows to be committed, and it includes that index in future
/// AppendEntries RPCs (including heartbeats) so that the other servers eventually find out" (Raft §5.3)
#[test]
fn the_next_heartbeat_tells_the_commit_index() {
    let mut node = leader();
    node.propose("x");
    node.persist();
    node.receive(2, 2, accepted(4));
    let effects = node.time_out();
    assert!(
        bodies(&effects)
            .iter()
            .all(|(_, body)| matches!(body, Body::AppendEntries { commit, .. } if *commit == LogIndex(4)))
    );
}

/// "If followers crash or run slowly, or if network packets are lost, the leader retries AppendEntries RPCs indefinitely
/// (even after it has responded to the client) until all followers eventually store all log entries" (Raft §5.3)
#[test]
fn a_follower_that_was_away_gets_everything_in_the_end() {
    let mut cluster = Cluster::new(&Options::paper(3));
    let (leader, away) = (NodeId::new(1), NodeId::new(3));
    cluster.elect(leader);
    cluster.crash(away, 0);
    for token in 1..=20 {
        cluster.step(leader, Input::Propose { token: Token(token), data: "x".into() });
        cluster.run(std::time::Duration::from_millis(60));
    }
    assert_eq!(cluster.view(leader).commit, LogIndex(21), "the others went on");
    cluster.restart(away);
    cluster.run(std::time::Duration::from_millis(200));
    assert_eq!(cluster.view(away).commit, LogIndex(21));
}

/// "To bring a follower's log into consistency with its own, the leader must find the latest log entry where the two logs
/// agree, delete any entries in the follower's log after that point, and send the follower all of the leader's entries
/// after that point" (Raft §5.3, Figure 7): the figure's followers a to f.
#[test]
fn the_followers_of_figure_7_are_brought_level() {
    let leader: &[u64] = &[1, 1, 1, 4, 4, 5, 5, 6, 6, 6];
    let followers: [&[u64]; 6] = [
        &[1, 1, 1, 4, 4, 5, 5, 6, 6],
        &[1, 1, 1, 4],
        &[1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6],
        &[1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7],
        &[1, 1, 1, 4, 4, 4, 4],
        &[1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3],
    ];
    for follower in followers {
        // The third server is there to elect a leader that the follower would refuse.
        let mut cluster = Cluster::new(&Options::paper(3));
        cluster.restore(NodeId::new(1), disk(3, 7, leader));
        cluster.restore(NodeId::new(2), disk(3, 7, follower));
        cluster.elect(NodeId::new(1));
        let log = |id| cluster.node(NodeId::new(id)).log().entries().to_vec();
        assert_eq!(log(2), log(1), "{follower:?}");
        assert_eq!(log(2).len(), leader.len() + 1);
    }
}

/// "the leader can send AppendEntries (with no entries, like heartbeats) while it has not yet discovered where it and the
/// follower's logs match" (Raft §5.3): at any rate it sends one message at a time, and does not flood.
#[test]
fn one_probe_at_a_time_is_under_way() {
    let mut node = Lone::paper(2, 1, &[1, 1]);
    node.lead();
    for _ in 0..3 {
        assert!(node.propose("x").sends.is_empty());
    }
    assert_eq!(node.receive(2, 2, rejected(2, (0, 0))).sends.len(), 1);
    assert_eq!(node.time_out().sends.len(), 1, "a heartbeat repeats it, for it may be lost");
}
