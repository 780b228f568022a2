//! Raft §6 and the thesis, chapter 4: cluster membership changes.

use crate::cluster::lone::{Lone, accepted, append, bodies, vote_request, votes};
use crate::cluster::{Cluster, Options};
use seaworthy_core::effect::{Event, Refusal};
use seaworthy_core::input::Input;
use seaworthy_core::membership::{Change, Membership};
use seaworthy_core::message::{Body, Entry, Payload};
use seaworthy_core::types::{EntryId, LogIndex, NodeId, Token};
use seaworthy_core::view::Role;
use std::time::Duration;

fn node(number: u64) -> NodeId {
    NodeId::new(number)
}

fn voters(numbers: &[u64]) -> Membership {
    Membership::new(numbers.iter().copied().map(NodeId::new))
}

fn ask(changes: &[Change]) -> Input {
    Input::ChangeMembership { token: Token(9), changes: changes.to_vec() }
}

fn refused(refusal: Refusal) -> [Event; 1] {
    [Event::Refused { token: Token(9), refusal }]
}

/// An entry with a configuration.
fn configuration(term: u64, index: u64, membership: Membership) -> Entry {
    Entry { id: EntryId::new(term, index), payload: Payload::Membership(Box::new(membership)) }
}

/// Leads term 1 of three, with its no-op entry on all disks.
fn leader() -> Lone {
    let mut leader = Lone::paper(3, 0, &[]);
    leader.lead();
    leader.receive(2, 1, accepted(1));
    leader.receive(3, 1, accepted(1));
    leader
}

/// A cluster of three and two learners, which node 1 leads.
fn cluster() -> Cluster {
    let mut cluster = Cluster::new(&Options { learners: 2, ..Options::default() });
    cluster.elect(node(1));
    cluster.run(Duration::from_millis(100));
    cluster
}

/// "a server always uses the latest configuration in its log, regardless of whether the entry is committed" (Raft §6)
#[test]
fn a_server_uses_the_latest_configuration_in_its_log_committed_or_not() {
    let mut follower = Lone::paper(3, 1, &[]);
    follower.receive(2, 1, append((0, 0), vec![configuration(1, 1, voters(&[1, 2, 3, 4]))], 0));
    assert_eq!((follower.node.membership(), follower.commit()), (&voters(&[1, 2, 3, 4]), 0));
    // It campaigns among them.
    let asked = follower.time_out();
    assert_eq!(bodies(&asked).iter().map(|(to, _)| *to).collect::<Vec<_>>(), [2, 3, 4]);
}

/// "a log entry for a configuration change can be removed (if leadership changes); in this case, a server must be
/// prepared to fall back to the previous configuration in its log" (thesis §4.1)
#[test]
fn a_server_falls_back_to_the_previous_configuration() {
    let mut follower = Lone::paper(3, 1, &[]);
    follower.receive(2, 1, append((0, 0), vec![configuration(1, 1, voters(&[1, 2, 3, 4]))], 0));
    follower.receive(3, 2, append((0, 0), vec![Entry { id: EntryId::new(2, 1), payload: Payload::Noop }], 0));
    assert_eq!(follower.node.membership(), &voters(&[1, 2, 3]));
}

/// "When the leader receives a request to change the configuration from C_old to C_new, it stores the configuration for joint
/// consensus (C_old,new …) as a log entry and replicates that entry" (Raft §6)
#[test]
fn a_change_of_several_voters_begins_with_a_joint_entry() {
    let mut cluster = cluster();
    cluster
        .step(node(1), ask(&[Change::AddVoter(node(4)), Change::AddVoter(node(5)), Change::Remove(node(2))]));
    let membership = cluster.view(node(1)).membership;
    assert_eq!(membership.voters.incoming, voters(&[1, 3, 4, 5]).voters.incoming);
    assert_eq!(membership.voters.outgoing, voters(&[1, 2, 3]).voters.incoming);
}

/// "Log entries are replicated to all servers in both configurations" (Raft §6)
#[test]
fn entries_go_to_the_servers_of_both_configurations() {
    let mut cluster = cluster();
    cluster
        .step(node(1), ask(&[Change::AddVoter(node(4)), Change::Remove(node(2)), Change::Remove(node(3))]));
    let to: Vec<u64> = cluster.network.iter().map(|packet| packet.message.to.get()).collect();
    assert_eq!(to, [2, 3, 4, 5]);
}

/// "Any server from either configuration may serve as leader" (Raft §6)
#[test]
fn any_server_of_either_configuration_may_campaign() {
    for id in [2, 4] {
        let mut cluster = cluster();
        let changes = [Change::AddVoter(node(4)), Change::AddVoter(node(5)), Change::Remove(node(2))];
        cluster.step(node(1), ask(&changes));
        while let Some(position) = cluster.network.iter().position(|packet| packet.message.from == node(1)) {
            cluster.deliver(position);
        }
        cluster.network.clear();
        cluster.crash(node(1), 0);
        cluster.tick(Duration::from_millis(149));
        cluster.step(node(id), Input::Campaign);
        cluster.tick(Duration::from_millis(1));
        let candidate = cluster.node(node(id)).role();
        assert_eq!(candidate, Role::PreCandidate, "{id}");
    }
}

/// "Agreement (for elections and entry commitment) requires separate majorities from both the old and new configurations"
/// (Raft §6): here of {2 3} for what {1 2 3} has a majority of already.
#[test]
fn agreement_requires_a_majority_of_the_configuration_in_force() {
    let mut leader = leader();
    leader.step(ask(&[Change::Remove(node(1))]));
    leader.persist();
    leader.receive(2, 1, accepted(2));
    assert_eq!(leader.commit(), 1, "1 and 2 are a majority of the old configuration");
    leader.receive(3, 1, accepted(2));
    assert_eq!(leader.commit(), 2);
}

/// "Once C_old,new has been committed, … it is now safe for the leader to create a log entry describing C_new and replicate it
/// to the cluster" (Raft §6)
#[test]
fn the_leader_goes_on_to_the_new_configuration_when_the_joint_one_is_committed() {
    let mut cluster = cluster();
    let changes = [Change::AddVoter(node(4)), Change::AddVoter(node(5)), Change::Remove(node(2))];
    cluster.step(node(1), ask(&changes));
    assert!(cluster.view(node(1)).membership.is_joint());
    cluster.stabilize();
    assert_eq!(cluster.view(node(1)).membership, &voters(&[1, 3, 4, 5]));
    assert_eq!(cluster.view(node(1)).commit, LogIndex(3));
}

/// "There is no time when C_old and C_new can both make unilateral decisions" (Raft §6): also if the leader goes at
/// any moment of the change. The ledger checks that every commit and every leader has both quorums.
#[test]
fn a_change_survives_the_loss_of_its_leader_at_any_moment() {
    for messages in 0..40 {
        let mut cluster = cluster();
        cluster.step(
            node(1),
            ask(&[Change::AddVoter(node(4)), Change::AddVoter(node(5)), Change::Remove(node(3))]),
        );
        for _ in 0..messages {
            if !cluster.network.is_empty() {
                cluster.deliver(0);
            }
        }
        cluster.network.clear();
        cluster.crash(node(1), 0);
        cluster.run(Duration::from_secs(2));
        let leader =
            cluster.leaders().into_iter().max_by_key(|id| cluster.view(*id).term).expect("one is elected");
        let members = cluster.view(leader).membership;
        assert!(!members.is_joint(), "after {messages} messages");
        assert!(
            members.voters.incoming == voters(&[1, 2, 3]).voters.incoming
                || *members == voters(&[1, 2, 4, 5])
        );
    }
}

/// "Raft introduces an additional phase before the configuration change, in which the new servers join the cluster as
/// non-voting members (the leader replicates log entries to them, but they are not considered for majorities)" (Raft
/// §6)
#[test]
fn a_new_server_receives_the_log_before_it_counts() {
    let mut cluster = Cluster::new(&Options { blank: 1, ..Options::default() });
    cluster.elect(node(1));
    cluster.step(node(1), ask(&[Change::AddLearner(node(4))]));
    cluster.run(Duration::from_millis(100));
    assert_eq!(cluster.node(node(4)).log().last(), cluster.node(node(1)).log().last());
    assert_eq!(cluster.view(node(1)).membership.voters, voters(&[1, 2, 3]).voters);
}

/// "Once the new servers have caught up with the rest of the cluster, the reconfiguration can proceed" (Raft §6), and not before.
#[test]
fn a_new_server_that_has_not_caught_up_gets_no_vote() {
    let mut leader = leader();
    let effects = leader.step(ask(&[Change::AddVoter(node(4))]));
    assert_eq!(effects.events, refused(Refusal::NotCaughtUp { node: node(4) }));
    assert!(effects.writes.is_empty());
}

/// "the leader steps down (returns to follower state) once it has committed the C_new log entry", if it is not part
/// of that, and until then "it replicates log entries but does not count itself in majorities" (Raft §6)
#[test]
fn a_leader_that_is_not_in_the_new_configuration_steps_down_when_that_is_committed() {
    let mut leader = leader();
    let effects = leader.step(ask(&[Change::Remove(node(1))]));
    assert_eq!((effects.sends.len(), leader.node.role()), (2, Role::Leader));
    leader.persist();
    leader.receive(2, 1, accepted(2));
    assert_eq!(leader.node.role(), Role::Leader);
    leader.receive(3, 1, accepted(2));
    assert_eq!((leader.node.role(), leader.commit()), (Role::Follower, 2));
}

/// "servers disregard RequestVote RPCs when they believe a current leader exists. Specifically, if a server receives a RequestVote
/// RPC within the minimum election timeout of hearing from a current leader, it does not update its term or grant its vote"
/// (Raft §6)
#[test]
fn whoever_hears_a_leader_disregards_request_vote() {
    let mut follower = Lone::new(&Options::default(), crate::cluster::disk(3, 1, &[1]));
    follower.receive(2, 1, append((1, 1), vec![], 1));
    assert!(follower.receive(3, 9, vote_request(9, 9)).sends.is_empty());
    assert_eq!((follower.term(), follower.vote()), (1, None));
    follower.now = follower.now + Duration::from_millis(150);
    assert_eq!(votes(&follower.receive(3, 9, vote_request(9, 9))), [(3, true)]);
}

/// "any majority of the old cluster overlaps with any majority of the new cluster" when a single server is added or
/// removed (thesis §4.1), so that no joint configuration is needed.
#[test]
fn one_voter_comes_or_goes_in_one_step() {
    let mut leader = leader();
    leader.step(ask(&[Change::Remove(node(3))]));
    assert_eq!(leader.node.membership(), &voters(&[1, 2]));
}

/// A change begins only once the one before it is committed (thesis §4.1).
#[test]
fn a_second_change_waits_for_the_first() {
    let mut leader = leader();
    leader.step(ask(&[Change::Remove(node(3))]));
    assert_eq!(leader.step(ask(&[Change::Remove(node(2))])).events, refused(Refusal::Busy));
    leader.persist();
    leader.receive(2, 1, accepted(2));
    leader.step(ask(&[Change::Remove(node(2))]));
    assert_eq!(leader.node.membership(), &voters(&[1]));
}

/// A leader appends no configuration before it has committed an entry of its own term (Ongaro, raft-dev, 2015, on
/// thesis §4.1).
#[test]
fn a_change_waits_for_an_entry_of_the_term() {
    let mut leader = Lone::paper(3, 1, &[1]);
    leader.lead();
    assert_eq!(leader.step(ask(&[Change::Remove(node(3))])).events, refused(Refusal::Busy));
    leader.receive(2, 2, accepted(2));
    leader.step(ask(&[Change::Remove(node(3))]));
    assert_eq!(leader.node.membership(), &voters(&[1, 2]));
}

/// "If the last round lasts less than an election timeout, then the leader adds the new server to the cluster"
/// (thesis §4.2.1)
#[test]
fn a_server_has_caught_up_after_a_round_shorter_than_an_election_timeout() {
    let mut leader = leader();
    leader.step(ask(&[Change::AddLearner(node(4))]));
    leader.persist();
    leader.receive(2, 1, accepted(2));
    let caught_up = |leader: &Lone| leader.node.view().followers[2].is_caught_up();
    // The first round took too long, the second does not.
    leader.now = leader.now + Duration::from_millis(200);
    leader.receive(4, 1, accepted(2));
    assert!(!caught_up(&leader));
    leader.propose("x");
    leader.receive(4, 1, accepted(3));
    assert!(caught_up(&leader));
}

/// "A server also grants its vote to a candidate that is not part of the server's latest configuration" (thesis
/// §4.1): so that who has not heard of the candidate's addition does not keep it from winning.
#[test]
fn a_vote_is_granted_to_whoever_asks_with_a_good_log() {
    let mut follower = Lone::paper(3, 1, &[1]);
    assert_eq!(votes(&follower.receive(7, 2, vote_request(1, 1))), [(7, true)]);
}

/// "a server accepts AppendEntries requests from a leader that is not part of the server's latest configuration" (thesis §4.1):
/// otherwise a new server could never be added.
#[test]
fn entries_are_taken_from_a_leader_of_no_known_configuration() {
    let mut follower = Lone::paper(3, 1, &[1]);
    let effects = follower.receive(7, 2, append((1, 1), vec![crate::cluster::entry(2, 2)], 0));
    assert_eq!((bodies(&effects), follower.leader()), (vec![(7, &accepted(2))], Some(7)));
}

/// "A server that is not part of its own latest configuration should still start new elections, as it might still be needed until
/// the C_new entry is committed" (thesis §4.2.2)
#[test]
fn a_removed_server_still_campaigns_and_counts_no_vote_of_its_own() {
    let mut removed = Lone::paper(3, 1, &[1]);
    removed.receive(2, 1, append((1, 1), vec![configuration(1, 2, voters(&[2, 3]))], 1));
    let asked = removed.time_out();
    assert_eq!(bodies(&asked).iter().map(|(to, _)| *to).collect::<Vec<_>>(), [2, 3]);
    removed.persist();
    removed.receive(2, 2, Body::VoteReply { granted: true });
    assert_eq!(removed.node.role(), Role::Candidate, "1 and 2 are one of {{2 3}}");
    removed.receive(3, 2, Body::VoteReply { granted: true });
    assert_eq!(removed.node.role(), Role::Leader);
}
