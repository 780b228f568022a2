//! Raft §5.3 and §5.4: Log Matching, and the restrictions by which committed entries stay.

use crate::cluster::lone::{Lone, append, votes};
use crate::cluster::{Cluster, Options, disk, entry};
use seaworthy_core::input::Input;
use seaworthy_core::types::{EntryId, LogIndex, NodeId, Token};
use seaworthy_core::view::Role;

const N: [NodeId; 6] =
    [NodeId::new(1), NodeId::new(1), NodeId::new(2), NodeId::new(3), NodeId::new(4), NodeId::new(5)];

/// Delivers what is on its way from `from` to `to`, and then the answers.
fn exchange(cluster: &mut Cluster, from: NodeId, to: NodeId) {
    for (from, to) in [(from, to), (to, from)] {
        let mut position = 0;
        while position < cluster.network.len() {
            let message = &cluster.network[position].message;
            if (message.from, message.to) == (from, to) {
                cluster.deliver(position);
            } else {
                position += 1;
            }
        }
    }
}

fn drop_all(cluster: &mut Cluster) {
    cluster.network.clear();
}

/// "If two entries in different logs have the same index and term, then they store the same command", since "a leader
/// creates at most one entry with a given log index in a given term" (Raft §5.3): also if it crashes and forgets.
#[test]
fn a_leader_that_forgot_its_entries_does_not_lead_its_term_again() {
    let mut node = Lone::paper(3, 0, &[]);
    node.time_out();
    node.persist();
    node.receive(2, 1, seaworthy_core::message::Body::VoteReply { granted: true });
    assert_eq!((node.node.role(), node.terms()), (Role::Leader, vec![1]));
    // The no-op entry has left for the followers, and a crash takes it from the leader's disk.
    let mut again = Lone::new(&Options::paper(3), node.disk.clone());
    assert_eq!((again.terms(), again.vote()), (vec![], Some(1)));
    again.time_out();
    assert_eq!(again.term(), 2);
}

/// "If two entries in different logs have the same index and term, then the logs are identical in all preceding entries"
/// (Raft §5.3): "When sending an AppendEntries RPC, the leader includes the index and term of the entry … that immediately
/// precedes the new entries. If the follower does not find an entry in its log with the same index and term, then it
/// refuses the new entries."
#[test]
fn entries_are_taken_only_behind_the_very_entry_that_precedes_them() {
    for (index, term, taken) in [(2, 2, true), (2, 1, false), (3, 2, false), (1, 1, true), (1, 2, false)] {
        let mut node = Lone::paper(3, 2, &[1, 2]);
        node.receive(2, 3, append((index, term), vec![entry(3, index + 1)], 0));
        assert_eq!(node.node.log().contains(EntryId::new(3, index + 1)), taken, "behind {index}@{term}");
    }
}

/// "the voter denies its vote if its own log is more up-to-date than that of the candidate" (Raft §5.4.1): its log is what it
/// has accepted, durable or not.
#[test]
fn what_is_accepted_and_not_yet_durable_counts_against_a_candidate() {
    let mut node = Lone::paper(3, 1, &[1]);
    node.receive(2, 1, append((1, 1), vec![entry(1, 2)], 0));
    assert_eq!(votes(&node.receive(3, 2, crate::cluster::lone::vote_request(1, 1))), [(3, false)]);
}

/// "Raft uses the voting process to prevent a candidate from winning an election unless its log contains all committed
/// entries" (Raft §5.4.1)
#[test]
fn a_server_that_lacks_a_committed_entry_is_not_elected() {
    let mut cluster = Cluster::new(&Options::paper(3));
    cluster.elect(N[1]);
    cluster.partition(&[vec![N[1], N[2]], vec![N[3]]]);
    cluster.step(N[1], Input::Propose { token: Token(1), data: "x".into() });
    cluster.stabilize();
    assert_eq!(cluster.view(N[1]).commit, LogIndex(2));
    cluster.heal();
    for _ in 0..3 {
        cluster.step(N[3], Input::Campaign);
        cluster.stabilize();
        assert_ne!(cluster.node(N[3]).role(), Role::Leader);
    }
    cluster.elect(N[2]);
    assert!(cluster.node(N[2]).log().contains(EntryId::new(1, 2)));
}

/// Figure 8 up to (c): "the log entry from term 2 has been replicated on a majority of the servers, but it is not committed"
/// (Raft §5.4.2), and may still be overwritten (d).
#[test]
fn figure_8_an_old_entry_on_a_majority_is_not_committed_and_may_be_overwritten() {
    let mut cluster = figure_8_c();
    assert_eq!(cluster.view(N[1]).commit, LogIndex::ZERO);
    drop_all(&mut cluster);
    cluster.crash(N[1], 0);
    cluster.step(N[5], Input::Campaign);
    cluster.stabilize();
    // Term 4 is taken at nodes 2 and 3: node 5 asks in the next.
    cluster.elect(N[5]);
    for id in [N[2], N[3], N[4], N[5]] {
        assert!(cluster.node(id).log().contains(EntryId::new(3, 2)), "{id} holds node 5's entry");
    }
}

/// Figure 8 (e): "if [S1] replicates an entry from its current term on a majority of the servers before crashing, … then this
/// entry is committed (S5 cannot win an election). At this point all preceding entries in the log are committed as well."
/// (Raft §5.4.2)
#[test]
fn figure_8_an_entry_of_the_term_on_a_majority_commits_the_old_one_for_good() {
    let mut cluster = figure_8_c();
    exchange(&mut cluster, N[1], N[2]);
    // Node 3 refuses the heartbeat, for its 3@4 was lost, and then takes it.
    exchange(&mut cluster, N[1], N[3]);
    assert_eq!(cluster.view(N[1]).commit, LogIndex::ZERO);
    exchange(&mut cluster, N[1], N[3]);
    assert_eq!(cluster.view(N[1]).commit, LogIndex(3));
    drop_all(&mut cluster);
    cluster.crash(N[1], 0);
    for _ in 0..3 {
        cluster.step(N[5], Input::Campaign);
        cluster.stabilize();
        assert_ne!(cluster.node(N[5]).role(), Role::Leader);
    }
}

/// Node 1 leads term 4 and has brought 2@2 to node 3, so that three of five hold it; 3@4 has reached nobody. Node 5, which is
/// away, holds 2@3.
fn figure_8_c() -> Cluster {
    let mut cluster = Cluster::new(&Options::paper(5).with(|config| config.max_batch_entries = 1));
    cluster.restore(N[1], disk(5, 3, &[1, 2]));
    cluster.restore(N[2], disk(5, 3, &[1, 2]));
    cluster.restore(N[3], disk(5, 3, &[1]));
    cluster.restore(N[4], disk(5, 3, &[1]));
    cluster.restore(N[5], disk(5, 3, &[1, 3]));
    cluster.step(N[1], Input::Campaign);
    exchange(&mut cluster, N[1], N[2]);
    exchange(&mut cluster, N[1], N[3]);
    assert_eq!((cluster.node(N[1]).role(), cluster.view(N[1]).term.0), (Role::Leader, 4));
    cluster.network.retain(|packet| packet.message.to == N[3]);
    exchange(&mut cluster, N[1], N[3]);
    exchange(&mut cluster, N[1], N[3]);
    let follower = cluster.view(N[1]).followers[1].clone();
    assert_eq!((follower.node, follower.matched), (N[3], LogIndex(2)));
    cluster.network.clear();
    cluster.timeout(N[1]);
    cluster
}

/// "when … the leader handl[es] log inconsistencies by forcing the followers' logs to duplicate its own. … conflicting entries in
/// follower logs will be overwritten" (Raft §5.3), and "State Machine Safety: if a server has applied a log entry at a given
/// index, no other server will ever apply a different log entry for the same index" (Raft Figure 3): the ledger checks it.
#[test]
fn a_deposed_leaders_uncommitted_entries_are_overwritten_and_its_committed_ones_stay() {
    let mut cluster = Cluster::new(&Options::paper(3));
    cluster.elect(N[1]);
    cluster.partition(&[vec![N[1]], vec![N[2], N[3]]]);
    cluster.step(N[1], Input::Propose { token: Token(1), data: "lost".into() });
    cluster.elect(N[2]);
    cluster.heal();
    cluster.run(std::time::Duration::from_millis(100));
    let node = cluster.node(N[1]);
    assert_eq!(
        (node.role(), node.log().last(), node.commit()),
        (Role::Follower, EntryId::new(2, 2), LogIndex(2))
    );
    assert!(node.log().contains(EntryId::new(1, 1)));
}

/// "Followers … only accept what does not contradict what is committed" is no sentence of the paper: there it follows (§5.4.3).
/// We check it all the same: a message that contradicts a committed entry is not obeyed.
#[test]
fn a_message_against_a_committed_entry_is_not_obeyed() {
    let mut node = Lone::paper(3, 2, &[1, 2]);
    node.receive(2, 2, append((2, 2), vec![], 2));
    let effects = node.receive(3, 3, append((1, 1), vec![entry(3, 2)], 2));
    assert_eq!((node.terms(), node.commit()), (vec![1, 2], 2));
    assert!(effects.sends.is_empty());
}
