//! Raft §5.1, and Figure 2, Rules for Servers, All Servers.

use crate::cluster::lone::{Lone, accepted, append, bodies, vote_request};
use crate::cluster::{Cluster, Options, entry};
use seaworthy_core::message::Body;
use seaworthy_core::types::NodeId;
use seaworthy_core::view::Role;

/// Every message of term 9, as a peer of that term could send it.
fn messages_of_term_9() -> Vec<Body> {
    vec![
        vote_request(0, 0),
        Body::VoteReply { granted: true },
        Body::VoteReply { granted: false },
        append((9, 9), vec![], 0),
        accepted(0),
        Body::Stale,
    ]
}

/// "If RPC request or response contains term T > currentTerm: set currentTerm = T, convert to follower" (Raft Figure 2,
/// All Servers; §5.1)
#[test]
fn a_follower_adopts_a_larger_term_from_any_message() {
    for body in messages_of_term_9() {
        let mut node = Lone::paper(3, 2, &[1, 2]);
        node.receive(2, 9, body.clone());
        assert_eq!((node.term(), node.node.role()), (9, Role::Follower), "{body:?}");
    }
}

/// "If a candidate or leader discovers that its term is out of date, it immediately reverts to follower state" (Raft
/// §5.1)
#[test]
fn a_candidate_reverts_to_follower_at_a_larger_term() {
    for body in messages_of_term_9() {
        let mut node = Lone::paper(3, 2, &[1, 2]);
        node.time_out();
        assert_eq!(node.node.role(), Role::Candidate);
        node.receive(2, 9, body.clone());
        assert_eq!((node.term(), node.node.role()), (9, Role::Follower), "{body:?}");
    }
}

/// As above, of leaders (Raft §5.1)
#[test]
fn a_leader_reverts_to_follower_at_a_larger_term() {
    for body in messages_of_term_9() {
        let mut node = Lone::paper(3, 2, &[1, 2]);
        node.lead();
        assert_eq!(node.node.role(), Role::Leader);
        node.receive(2, 9, body.clone());
        assert_eq!((node.term(), node.node.role()), (9, Role::Follower), "{body:?}");
    }
}

/// "If a server receives a request with a stale term number, it rejects the request" (Raft §5.1), and changes nothing.
#[test]
fn a_request_of_a_stale_term_is_rejected() {
    for body in [vote_request(9, 9), append((2, 2), vec![entry(2, 3)], 2)] {
        let mut node = Lone::paper(3, 5, &[1, 2]);
        let effects = node.receive(2, 4, body);
        assert_eq!(bodies(&effects), [(2, &Body::Stale)]);
        assert_eq!(effects.sends[0].message.term.0, 5, "the rejection tells the current term");
        assert!(effects.writes.is_empty() && effects.events.is_empty());
        assert_eq!((node.terms(), node.vote(), node.leader()), (vec![1, 2], None, None));
    }
}

/// "Terms act as a logical clock in Raft, and they allow servers to detect obsolete information such as stale leaders"
/// (Raft §5.1): a response of an older term has no effect.
#[test]
fn a_response_of_a_stale_term_is_ignored() {
    let mut node = Lone::paper(3, 2, &[1, 2]);
    node.time_out();
    node.persist();
    let effects = node.receive(2, 2, Body::VoteReply { granted: true });
    assert_eq!(node.node.role(), Role::Candidate);
    assert!(effects.sends.is_empty());
    node.receive(2, 3, Body::VoteReply { granted: true });
    node.persist();
    node.receive(2, 2, accepted(3));
    assert_eq!((node.node.role(), node.commit()), (Role::Leader, 0));
}

/// "Current terms are exchanged whenever servers communicate; if one server's current term is smaller than the other's,
/// then it updates its current term to the larger value" (Raft §5.1): every message carries its sender's term.
#[test]
fn every_message_carries_its_senders_term() {
    let mut node = Lone::paper(3, 5, &[]);
    for effects in
        [node.time_out(), node.receive(2, 6, vote_request(0, 0)), node.receive(2, 3, vote_request(0, 0))]
    {
        assert!(
            effects.sends.iter().all(|send| send.message.term.0 == node.term()) && !effects.sends.is_empty()
        );
    }
}

/// "the term … increases monotonically" (Raft §5.1): across steps, whatever comes.
#[test]
fn the_term_never_decreases() {
    let mut node = Lone::paper(3, 5, &[]);
    let mut term = node.term();
    for (from, heard) in [(2, 3), (3, 7), (2, 5), (2, 0), (3, 8), (2, 7)] {
        node.receive(from, heard, append((0, 0), vec![], 0));
        assert!(term <= node.term());
        term = node.term();
    }
    assert_eq!(term, 8);
}

/// "Raft ensures that there is at most one leader in a given term" (Raft §5.1, §5.2): the ledger of the cluster checks
/// it after every step of this split and repeated election.
#[test]
fn at_most_one_leader_per_term() {
    let mut cluster = Cluster::new(&Options::paper(5));
    for round in 0..4 {
        for id in cluster.ids() {
            cluster.step(id, seaworthy_core::input::Input::Campaign);
        }
        // Every other message is lost, so that votes split in different ways.
        while cluster.network.len() > round {
            cluster.deliver(round);
            if !cluster.network.is_empty() && round % 2 == 0 {
                cluster.drop_packet(0);
            }
        }
    }
    cluster.stabilize();
    cluster.elect(NodeId::new(3));
    let leads = |id: &NodeId| cluster.node(*id).role() == Role::Leader;
    assert_eq!(cluster.ids().into_iter().filter(leads).count(), 1);
}
