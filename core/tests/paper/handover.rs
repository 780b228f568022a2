//! The thesis, §3.10: leadership transfer.

use crate::cluster::lone::{Lone, accepted, append, bodies};
use crate::cluster::{Cluster, Options, disk};
use seaworthy_core::effect::{Effects, Event, Refusal};
use seaworthy_core::input::Input;
use seaworthy_core::message::Body;
use seaworthy_core::types::{EntryId, NodeId, Token};
use seaworthy_core::view::Role;
use std::time::Duration;

/// Leads term 1 of three, with its no-op entry on all disks.
fn leader() -> Lone {
    let mut leader = Lone::paper(3, 0, &[]);
    leader.lead();
    leader.receive(2, 1, accepted(1));
    leader.receive(3, 1, accepted(1));
    leader
}

fn transfer(leader: &mut Lone, to: u64) -> Effects {
    leader.step(Input::TransferLeadership { token: Token(7), to: NodeId::new(to) })
}

/// "The prior leader sends a TimeoutNow request to the target server" (thesis §3.10, 3), at once if the logs match.
#[test]
fn a_target_that_is_level_is_told_to_campaign() {
    let effects = transfer(&mut leader(), 2);
    assert_eq!(bodies(&effects), [(2, &Body::TimeoutNow)]);
}

/// "The prior leader stops accepting new client requests" (thesis §3.10, 1). Ours hold them until it is known who leads.
#[test]
fn new_requests_are_not_appended() {
    let mut leader = leader();
    transfer(&mut leader, 2);
    assert!(leader.propose("x").sends.is_empty());
    assert_eq!(leader.terms(), [1]);
    let effects = leader.receive(2, 2, Body::RequestVote { last: EntryId::new(1, 1), transfer: true });
    let leader = Some(NodeId::new(2));
    assert!(
        effects.events.contains(&Event::Refused { token: Token(1), refusal: Refusal::NotLeader { leader } })
    );
}

/// "The prior leader fully updates the target server's log to match its own, using the normal log replication mechanism" (thesis
/// §3.10, 2)
#[test]
fn a_target_that_lags_is_brought_level_first() {
    let mut leader = leader();
    leader.propose("x");
    assert!(transfer(&mut leader, 2).sends.is_empty());
    let effects = leader.receive(2, 1, accepted(2));
    assert!(bodies(&effects).contains(&(2, &Body::TimeoutNow)));
}

/// "This request has the same effect as the target server's election timer firing: the target server starts a new election
/// (incrementing its term and becoming a candidate)" (thesis §3.10, 3), without asking first.
#[test]
fn whoever_is_told_campaigns_at_once() {
    let mut follower = Lone::new(&Options::default(), disk(3, 1, &[1]));
    follower.receive(2, 1, append((1, 1), vec![], 1));
    let effects = follower.receive(2, 1, Body::TimeoutNow);
    assert_eq!((follower.term(), follower.node.role()), (2, Role::Candidate));
    let request = Body::RequestVote { last: EntryId::new(1, 1), transfer: true };
    assert_eq!(bodies(&effects), [(2, &request), (3, &request)]);
}

/// "Once the target server receives the TimeoutNow request, it is highly likely to start an election before any other server and become
/// leader in the next term. Its next message to the prior leader will include its new term number, causing the prior leader to step
/// down" (thesis §3.10)
#[test]
fn the_prior_leader_steps_down_and_the_transfer_is_complete() {
    let mut cluster = Cluster::new(&Options::default());
    cluster.elect(NodeId::new(1));
    cluster.step(NodeId::new(1), Input::TransferLeadership { token: Token(1), to: NodeId::new(3) });
    cluster.stabilize();
    assert_eq!(cluster.leaders(), [NodeId::new(3)]);
}

/// "If leadership transfer does not complete after about an election timeout, the prior leader aborts the transfer and resumes accepting
/// client requests" (thesis §3.10)
#[test]
fn a_transfer_is_given_up_after_an_election_timeout() {
    let mut leader = leader();
    transfer(&mut leader, 2);
    leader.propose("x");
    leader.now = leader.now + Duration::from_millis(300);
    let effects = leader.step(Input::Timeout);
    let failed = Event::Refused { token: Token(7), refusal: Refusal::TransferFailed };
    let taken = Event::Proposed { token: Token(1), id: EntryId::new(1, 2) };
    assert_eq!(effects.events, [failed, taken]);
    leader.propose("y");
    assert_eq!(leader.terms(), [1, 1, 1]);
}

/// "Those RequestVote requests can include a special flag to indicate this behavior ('I have permission to disrupt
/// the leader—it told me to!')" (thesis §4.2.3)
#[test]
fn who_campaigns_at_the_leaders_wish_is_not_disregarded() {
    for transfer in [false, true] {
        let mut follower = Lone::new(&Options::default(), disk(3, 1, &[1]));
        follower.receive(2, 1, append((1, 1), vec![], 1));
        let effects = follower.receive(3, 2, Body::RequestVote { last: EntryId::new(1, 1), transfer });
        assert_eq!(effects.sends.len(), usize::from(transfer));
    }
}
