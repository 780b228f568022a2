//! What a node says that it holds. The simulator's checker of bounded resources has nothing but its word.

mod cluster;

use cluster::Options;
use cluster::lone::{Lone, accepted, append};
use seaworthy_core::input::{Input, ReadMode};
use seaworthy_core::types::{NodeId, Token};
use seaworthy_core::view::Usage;

/// What an entry counts for beside its data.
const ENTRY: usize = 24;

/// Leads term 1 of three, with its no-op entry on all disks.
fn leader() -> Lone {
    let mut leader = Lone::new(&Options::paper(3), cluster::disk(3, 0, &[]));
    leader.lead();
    leader.receive(2, 1, accepted(1));
    leader.receive(3, 1, accepted(1));
    leader
}

fn read(node: &mut Lone, mode: ReadMode) {
    node.step(Input::Read { token: Token(5), mode });
}

#[test]
fn a_leader_counts_what_it_has_appended_and_not_committed_and_what_is_on_its_way() {
    let mut leader = leader();
    let idle = Usage { log_entries: 1, ..Usage::default() };
    assert_eq!(leader.node.view().usage, idle);
    leader.propose("x");
    leader.propose("yy");
    let two = Usage { log_entries: 3, uncommitted_bytes: 2 * ENTRY + 3, inflight_messages: 2, ..idle };
    assert_eq!(leader.node.view().usage, two);
    // One follower has one of them, and the leader has written neither: no quorum yet.
    leader.receive(2, 1, accepted(2));
    assert_eq!(leader.node.view().usage, two);
    leader.receive(3, 1, accepted(3));
    let one = Usage { uncommitted_bytes: ENTRY + 2, inflight_messages: 1, ..two };
    assert_eq!(leader.node.view().usage, one);
}

#[test]
fn a_leader_counts_the_reads_that_wait_for_a_quorum() {
    let mut leader = leader();
    read(&mut leader, ReadMode::Leader);
    read(&mut leader, ReadMode::Leader);
    assert_eq!(leader.node.view().usage.pending_reads, 2);
}

#[test]
fn a_leader_that_hands_over_counts_what_it_holds_back() {
    let mut leader = leader();
    leader.step(Input::TransferLeadership { token: Token(2), to: NodeId::new(2) });
    leader.propose("x");
    leader.propose("yy");
    let usage = leader.node.view().usage;
    assert_eq!((usage.log_entries, usage.uncommitted_bytes), (1, 2 * ENTRY + 3));
}

#[test]
fn a_follower_counts_the_questions_to_its_leader() {
    let mut follower = Lone::paper(3, 1, &[1]);
    follower.receive(2, 1, append((1, 1), vec![], 1));
    read(&mut follower, ReadMode::Follower);
    read(&mut follower, ReadMode::Follower);
    let usage = Usage { log_entries: 1, pending_reads: 2, ..Usage::default() };
    assert_eq!(follower.node.view().usage, usage);
}
