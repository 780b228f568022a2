//! The thesis, §6.4: processing read-only queries more efficiently.

use crate::cluster::lone::{Lone, accepted, append, bodies};
use crate::cluster::{Options, disk};
use seaworthy_core::effect::{Effects, Event, Refusal};
use seaworthy_core::input::{Input, ReadMode};
use seaworthy_core::message::{AppendOutcome, Body};
use seaworthy_core::types::{EntryId, LogIndex, NodeId, Round, Token};
use std::time::Duration;

fn read(node: &mut Lone, mode: ReadMode) -> Effects {
    node.step(Input::Read { token: Token(5), mode })
}

fn ready(index: u64) -> Event {
    Event::ReadReady { token: Token(5), index: LogIndex(index) }
}

/// An acknowledgement of everything up to `matched`, in a round of the leader.
fn answer(matched: u64, round: u64) -> Body {
    let outcome = AppendOutcome::Accepted { matched: LogIndex(matched) };
    Body::AppendReply { round: Round(round), outcome }
}

/// Leads term 1 of three, with its no-op entry on all disks; under leases, if it is so.
fn leader(lease: bool) -> Lone {
    let options = Options::paper(3).with(|config| {
        config.check_quorum = lease;
        config.lease_drift_ppm = lease.then_some(0);
    });
    let mut leader = Lone::new(&options, disk(3, 0, &[]));
    leader.lead();
    leader.receive(2, 1, accepted(1));
    leader.receive(3, 1, accepted(1));
    leader
}

/// "If the leader has not yet marked an entry from its current term committed, it waits until it has done so" (thesis §6.4, 1). Ours
/// confirms meanwhile, and the read waits for the index of that entry.
#[test]
fn a_read_waits_for_the_first_entry_of_the_term() {
    let mut leader = Lone::paper(3, 1, &[1, 1]);
    leader.lead();
    read(&mut leader, ReadMode::Leader);
    leader.receive(2, 2, answer(0, 1));
    let effects = leader.receive(2, 2, answer(0, 2));
    assert_eq!((effects.events, leader.commit()), (vec![ready(3)], 0));
}

/// "The leader saves its current commit index in a local variable readIndex. This will be used as a lower bound for the version of the state
/// that the query operates against" (thesis §6.4, 2)
#[test]
fn a_read_has_the_commit_index_of_when_it_arrived() {
    let mut leader = leader(false);
    read(&mut leader, ReadMode::Leader);
    leader.propose("x");
    leader.persist();
    let effects = leader.receive(2, 1, answer(2, 2));
    assert_eq!(leader.commit(), 2);
    assert!(effects.events.contains(&ready(1)));
}

/// "It issues a new round of heartbeats and waits for their acknowledgments from a majority of the cluster" (thesis §6.4, 3)
#[test]
fn a_read_waits_for_a_majority_of_a_new_round() {
    let mut leader = leader(false);
    let effects = read(&mut leader, ReadMode::Leader);
    assert_eq!((effects.sends.len(), effects.events.len()), (2, 0));
    assert_eq!(leader.receive(2, 1, answer(1, 1)).events, [], "an answer to the round before");
    assert_eq!(leader.receive(2, 1, answer(1, 2)).events, [ready(1)]);
}

/// "it can use a single round of heartbeats for any number of read-only queries that it has accumulated" (thesis
/// §6.4)
#[test]
fn reads_that_come_together_share_a_round() {
    let mut leader = leader(false);
    read(&mut leader, ReadMode::Leader);
    for _ in 0..3 {
        assert!(read(&mut leader, ReadMode::Leader).sends.is_empty());
    }
    let effects = leader.receive(2, 1, answer(1, 2));
    assert_eq!((effects.events, effects.sends.len()), (vec![ready(1)], 2), "the three begin the next");
    assert_eq!(leader.receive(2, 1, answer(1, 3)).events, [ready(1), ready(1), ready(1)]);
}

/// "the follower could issue a request to the leader that just asked for a current readIndex (the leader would
/// execute steps 1–3 above)" (thesis §6.4)
#[test]
fn a_follower_asks_its_leader_for_the_index() {
    let mut follower = Lone::paper(3, 1, &[1]);
    follower.receive(2, 1, append((1, 1), vec![], 1));
    let effects = read(&mut follower, ReadMode::Follower);
    let [(2, Body::ReadIndex { id })] = bodies(&effects)[..] else { panic!("it asks the leader") };
    let id = *id;
    let mut leader = leader(false);
    assert_eq!(leader.receive(2, 1, Body::ReadIndex { id }).sends.len(), 2, "a round");
    let effects = leader.receive(3, 1, answer(1, 2));
    let reply = Body::ReadIndexReply { id, index: LogIndex(1) };
    assert_eq!(bodies(&effects), [(2, &reply)]);
    assert_eq!(follower.receive(2, 1, reply.clone()).events, [ready(1)]);
    assert_eq!(follower.receive(2, 1, reply).events, [], "an answer counts once");
}

/// As above: who has no leader, or follows another by the time of the answer, refuses.
#[test]
fn a_follower_without_the_leader_that_it_asked_refuses() {
    let mut follower = Lone::paper(3, 1, &[1]);
    let refused = |leader| Event::Refused { token: Token(5), refusal: Refusal::NotLeader { leader } };
    assert_eq!(read(&mut follower, ReadMode::Follower).events, [refused(None)]);
    follower.receive(2, 1, append((1, 1), vec![], 1));
    read(&mut follower, ReadMode::Follower);
    let effects = follower.receive(3, 2, append((1, 1), vec![], 1));
    assert_eq!(effects.events, [refused(None)]);
    assert_eq!(follower.leader(), Some(3));
}

/// "Once the leader's heartbeats were acknowledged by a majority of the cluster, it would extend its lease to start +
/// election timeout / clock drift bound" (thesis §6.4.1)
#[test]
fn a_lease_lasts_from_the_start_of_a_round_that_a_majority_has_answered() {
    let mut leader = leader(true);
    assert_eq!(read(&mut leader, ReadMode::Lease).events, [], "no round has been answered yet");
    let start = leader.now;
    leader.now = start + Duration::from_millis(30);
    leader.receive(2, 1, answer(1, 2));
    assert_eq!(leader.node.view().lease_until, start + Duration::from_millis(150));
}

/// "While the leader held its lease, it would service read-only queries without communication" (thesis §6.4.1)
#[test]
fn a_leader_reads_alone_while_its_lease_holds() {
    let mut leader = leader(true);
    read(&mut leader, ReadMode::Leader);
    leader.receive(2, 1, answer(1, 2));
    leader.now = leader.node.view().lease_until - Duration::from_nanos(1);
    let effects = read(&mut leader, ReadMode::Lease);
    assert_eq!((effects.events, effects.sends.len()), (vec![ready(1)], 0));
    leader.now = leader.now + Duration::from_nanos(1);
    assert_eq!(read(&mut leader, ReadMode::Lease).events, []);
}

/// "The lease approach assumes a bound on clock drift across servers (over a given time period, no server's clock
/// increases more than this bound times any other)" (thesis §6.4.1)
#[test]
fn a_lease_is_shorter_by_what_clocks_may_drift() {
    let options = Options::paper(3).with(|config| {
        config.check_quorum = true;
        config.lease_drift_ppm = Some(200_000);
    });
    let mut leader = Lone::new(&options, disk(3, 0, &[]));
    leader.lead();
    let start = leader.now;
    read(&mut leader, ReadMode::Leader);
    leader.receive(2, 1, answer(1, 1));
    leader.receive(2, 1, answer(1, 2));
    // One clock may run at 0.8 of the true rate and the other at 1.2.
    assert_eq!(leader.node.view().lease_until, start + Duration::from_millis(100));
}

/// A leader gives its lease up before it hands over, since the others then need not wait (thesis §6.4.1, §3.10).
#[test]
fn a_leader_that_hands_over_has_no_lease() {
    let mut leader = leader(true);
    read(&mut leader, ReadMode::Leader);
    leader.receive(2, 1, answer(1, 2));
    leader.step(Input::TransferLeadership { token: Token(1), to: NodeId::new(2) });
    assert!(leader.node.view().lease_until <= leader.now);
    assert_eq!(read(&mut leader, ReadMode::Lease).events, []);
}

/// A lease rests on a promise: whoever has answered a leader votes for nobody else for an election timeout (thesis
/// §6.4.1), in whatever term, and after a restart too.
#[test]
fn a_promise_binds_in_every_term_and_after_a_restart() {
    let options = Options::default().with(|config| config.lease_drift_ppm = Some(0));
    let mut follower = Lone::new(&options, disk(3, 1, &[1]));
    let ask = |follower: &mut Lone, term| {
        let effects =
            follower.receive(3, term, Body::RequestVote { last: EntryId::new(1, 1), transfer: false });
        crate::cluster::lone::votes(&effects).contains(&(3, true))
    };
    assert!(!ask(&mut follower, 2), "it may have promised before it was started");
    follower.now = follower.now + Duration::from_millis(150);
    follower.receive(2, 1, append((1, 1), vec![], 1));
    assert!(!ask(&mut follower, 2), "it has promised now");
    follower.receive(3, 2, Body::Stale);
    assert!(!ask(&mut follower, 2), "that it knows the term changes nothing");
    follower.now = follower.now + Duration::from_millis(150);
    assert!(ask(&mut follower, 2));
}
