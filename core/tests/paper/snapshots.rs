//! Raft §7 and Figure 13: log compaction.

use crate::cluster::lone::{Lone, accepted, append, bodies};
use crate::cluster::{Cluster, Options, disk, entry, state};
use seaworthy_core::effect::{Effects, Event, Record};
use seaworthy_core::input::Input;
use seaworthy_core::membership::{Change, Membership};
use seaworthy_core::message::{AppendOutcome, Body, Chunk};
use seaworthy_core::snapshot::Snapshot;
use seaworthy_core::types::{Bytes, EntryId, LogIndex, NodeId, Round, Token};
use std::time::Duration;

/// The snapshot of the log up to `index`, of term `term`.
fn snapshot(index: u64, term: u64) -> Snapshot {
    let last = EntryId::new(term, index);
    Snapshot { last, membership: Membership::new((1..=3).map(NodeId::new)), data: state(last.index) }
}

/// The part of it from `offset` to `end`, in round 1.
fn install(snapshot: &Snapshot, offset: usize, end: usize) -> Body {
    Body::InstallSnapshot(Box::new(Chunk {
        snapshot: snapshot.id(),
        membership: snapshot.membership.clone(),
        offset: offset as u64,
        bytes: Bytes::new(&snapshot.data[offset..end]),
        newcomer: None,
        round: Round(1),
    }))
}

/// Node 2, the leader of `term`, sends a chunk, and the layer above is content with what comes of it.
fn receive(node: &mut Lone, term: u64, body: Body) -> Effects {
    let effects = node.receive(2, term, body);
    let whole = effects.events.iter().any(|event| matches!(event, Event::SnapshotReceived { .. }));
    if whole { node.step(Input::SnapshotRead { usable: true }) } else { effects }
}

/// All of a snapshot at once.
fn whole(snapshot: &Snapshot) -> Body {
    install(snapshot, 0, snapshot.data.len())
}

fn received(snapshot: &Snapshot, bytes: u64) -> Body {
    Body::SnapshotReply { round: Round(1), snapshot: snapshot.id(), received: bytes }
}

/// A follower that has committed all of the log 1 1 2.
fn follower() -> Lone {
    let mut node = Lone::paper(3, 2, &[1, 1, 2]);
    node.receive(2, 2, append((3, 2), vec![], 3));
    node
}

fn take(node: &mut Lone, index: u64) -> Effects {
    let index = LogIndex(index);
    node.step(Input::SnapshotTaken { index, data: state(index) })
}

/// "Each server takes snapshots independently, covering just the committed entries in its log" (Raft §7)
#[test]
fn a_snapshot_covers_committed_entries_alone() {
    let mut node = Lone::paper(3, 2, &[1, 1, 2]);
    node.receive(2, 2, append((2, 1), vec![], 2));
    assert!(take(&mut node, 3).writes.is_empty(), "entry 3 is not committed");
    assert_eq!(take(&mut node, 2).writes.len(), 1);
}

/// "the last included index is the index of the last entry in the log that the snapshot replaces …, and the last included term is the
/// term of this entry"; "the snapshot also includes the latest configuration in the log as of last included index" (Raft §7)
#[test]
fn a_snapshot_names_its_last_entry_and_the_configuration_there() {
    let mut node = follower();
    let writes = take(&mut node, 2).writes;
    assert_eq!(
        writes[0].record,
        Record::Snapshot { snapshot: Box::new(snapshot(2, 1)), compacted: LogIndex(2) }
    );
}

/// "These are preserved to support the AppendEntries consistency check for the first log entry following the snapshot, since that entry
/// needs a previous log index and term" (Raft §7)
#[test]
fn the_entry_before_the_first_is_still_known() {
    let mut node = follower();
    take(&mut node, 3);
    node.persist();
    assert!(node.node.log().entries().is_empty());
    let effects = node.receive(2, 2, append((3, 2), vec![entry(2, 4)], 3));
    assert_eq!(bodies(&effects), [(2, &accepted(4))]);
    let effects = node.receive(2, 3, append((4, 3), vec![], 3));
    assert!(matches!(
        bodies(&effects)[..],
        [(2, Body::AppendReply { outcome: AppendOutcome::Rejected { .. }, .. })]
    ));
}

/// "Once a server completes writing a snapshot, it may delete all log entries up through the last included index, as well as any prior
/// snapshot" (Raft §7), and not before.
#[test]
fn the_log_is_deleted_once_the_snapshot_is_written() {
    let mut node = follower();
    take(&mut node, 2);
    assert_eq!(node.terms(), [1, 1, 2]);
    node.persist();
    assert_eq!((node.terms(), node.node.log().base()), (vec![2], EntryId::new(1, 2)));
    assert_eq!(node.disk.snapshot, Some(snapshot(2, 1)));
}

/// "the leader must occasionally send snapshots to followers that lag behind. This happens when the leader has already discarded the
/// next log entry that it needs to send to a follower" (Raft §7)
#[test]
fn a_follower_that_needs_what_is_gone_gets_a_snapshot() {
    let mut cluster = Cluster::new(&Options::default());
    let (leader, away) = (NodeId::new(1), NodeId::new(3));
    cluster.elect(leader);
    cluster.crash(away, 0);
    for number in 1..=5 {
        cluster.step(leader, Input::Propose { token: Token(number), data: "x".into() });
    }
    cluster.run(Duration::from_millis(60));
    cluster.take_snapshot(leader);
    cluster.restart(away);
    cluster.run(Duration::from_millis(200));
    assert_eq!(cluster.view(away).snapshot, Some(EntryId::new(1, 6)));
    assert_eq!(cluster.view(away).commit, LogIndex(6));
}

/// "Reply immediately if term < currentTerm" (Raft Figure 13, 1)
#[test]
fn figure_13_1_a_snapshot_of_an_older_term_is_refused() {
    let mut node = Lone::paper(3, 5, &[1]);
    let effects = receive(&mut node, 4, whole(&snapshot(9, 4)));
    assert_eq!((bodies(&effects), node.terms()), (vec![(2, &Body::Stale)], vec![1]));
}

/// "Create new snapshot file if first chunk (offset is 0)"; "Write data into snapshot file at given offset"; "Reply and wait for more data
/// chunks if done is false" (Raft Figure 13, 2–4). We say how much is there.
#[test]
fn figure_13_2_to_4_chunks_are_put_together_and_what_is_there_is_told() {
    let mut node = Lone::paper(3, 2, &[1]);
    let snapshot = snapshot(9, 2);
    for (offset, end) in [(0, 4), (4, 9)] {
        let effects = receive(&mut node, 2, install(&snapshot, offset, end));
        assert_eq!(bodies(&effects), [(2, &received(&snapshot, end as u64))]);
    }
    let effects = receive(&mut node, 2, install(&snapshot, 9, snapshot.data.len()));
    assert_eq!(bodies(&effects), [(2, &accepted(9))]);
}

/// As above: a chunk that leaves a gap, or is there already, adds nothing (Raft Figure 13, 3)
#[test]
fn figure_13_3_a_chunk_counts_at_its_offset_alone() {
    let mut node = Lone::paper(3, 2, &[1]);
    let snapshot = snapshot(9, 2);
    for (offset, end, there) in [(4, 9, 0), (0, 4, 4), (0, 4, 4), (9, 10, 4), (4, 6, 6)] {
        let effects = receive(&mut node, 2, install(&snapshot, offset, end));
        assert_eq!(bodies(&effects), [(2, &received(&snapshot, there))], "{offset}..{end}");
    }
}

/// "Save snapshot file, discard any existing or partial snapshot with a smaller index" (Raft Figure 13, 5)
#[test]
fn figure_13_5_another_snapshot_takes_the_place_of_a_part() {
    let mut node = Lone::paper(3, 2, &[1]);
    receive(&mut node, 2, install(&snapshot(8, 2), 0, 4));
    let effects = receive(&mut node, 2, install(&snapshot(9, 2), 0, 2));
    assert_eq!(bodies(&effects), [(2, &received(&snapshot(9, 2), 2))]);
    receive(&mut node, 2, install(&snapshot(9, 2), 2, snapshot(9, 2).data.len()));
    node.persist();
    assert_eq!(node.disk.snapshot, Some(snapshot(9, 2)));
}

/// "If existing log entry has same index and term as snapshot's last included entry, retain log entries following it and reply" (Raft
/// Figure 13, 6)
#[test]
fn figure_13_6_entries_that_follow_the_snapshot_stay() {
    let mut node = Lone::paper(3, 2, &[1, 1, 2, 2]);
    let effects = receive(&mut node, 2, whole(&snapshot(3, 2)));
    assert_eq!(bodies(&effects), [(2, &accepted(3))]);
    assert_eq!((node.terms(), node.commit()), (vec![1, 1, 2, 2], 3));
}

/// "Discard the entire log" (Raft Figure 13, 7), whether it is too short or of another history.
#[test]
fn figure_13_7_otherwise_the_entire_log_goes() {
    for terms in [&[1, 1][..], &[1, 1, 1, 1, 1]] {
        let mut node = Lone::paper(3, 2, terms);
        let effects = receive(&mut node, 2, whole(&snapshot(3, 2)));
        assert_eq!(effects.sends[0].after, effects.writes[0].seq, "what is acknowledged is durable first");
        node.persist();
        assert_eq!((node.terms(), node.node.log().base()), (vec![], EntryId::new(2, 3)));
        assert_eq!(node.disk.log, *node.node.log());
    }
}

/// "Reset state machine using snapshot contents (and load snapshot's cluster configuration)" (Raft Figure 13, 8)
#[test]
fn figure_13_8_the_snapshots_configuration_is_in_force() {
    let mut node = Lone::paper(3, 2, &[1]);
    let membership = Membership::new((1..=5).map(NodeId::new));
    let snapshot = Snapshot { membership: membership.clone(), ..snapshot(3, 2) };
    let effects = node.receive(2, 2, whole(&snapshot));
    assert_eq!(effects.events, [Event::SnapshotReceived { snapshot: snapshot.clone() }]);
    let effects = node.step(Input::SnapshotRead { usable: true });
    assert_eq!(effects.events, [Event::Committed { index: LogIndex(3) }]);
    assert_eq!(node.node.membership(), &membership);
}

/// "If instead the follower receives a snapshot that describes a prefix of its log (due to retransmission or by mistake), then log entries
/// covered by the snapshot are deleted but entries following the snapshot are still valid and must be retained" (Raft §7). What is
/// covered we delete by snapshots of our own.
#[test]
fn a_snapshot_of_a_prefix_takes_nothing_back() {
    let mut node = follower();
    let effects = receive(&mut node, 2, whole(&snapshot(2, 1)));
    assert_eq!(bodies(&effects), [(2, &accepted(2))]);
    assert_eq!((node.terms(), node.commit(), effects.writes.len()), (vec![1, 1, 2], 3, 0));
}

/// "Snapshots are split into chunks for transmission; this gives the follower a sign of life with each chunk, so it
/// can reset its election timer" (Raft Figure 13)
#[test]
fn each_chunk_is_a_sign_of_life() {
    let mut node = Lone::paper(3, 2, &[1]);
    node.now = node.node.deadline() - Duration::from_millis(1);
    receive(&mut node, 2, install(&snapshot(9, 2), 0, 1));
    assert!(node.now + Duration::from_millis(150) <= node.node.deadline());
    assert_eq!(node.leader(), Some(2));
}

/// What a snapshot stands for is committed (Raft §7), so that a restarted server need not be told.
#[test]
fn a_restart_goes_on_from_the_snapshot() {
    let mut node = follower();
    take(&mut node, 2);
    node.persist();
    let again = Lone::new(&Options::paper(3), node.disk.clone());
    assert_eq!((again.commit(), again.terms()), (2, vec![2]));
}

/// The paper has no servers without a disk. A newcomer starts from a snapshot that its leader sends to it by name;
/// nobody else that is blank takes one, for it may have lost what it once promised.
#[test]
fn a_blank_server_takes_no_snapshot_that_it_has_not_asked_for() {
    let mut node = Lone::new(&Options::paper(3), seaworthy_core::durable::Durable::default());
    let effects = receive(&mut node, 2, whole(&snapshot(3, 2)));
    let [(2, Body::Blank { life, .. })] = bodies(&effects)[..] else { panic!("it says that it is blank") };
    let life = *life;
    let mut body = whole(&snapshot(3, 2));
    if let Body::InstallSnapshot(chunk) = &mut body {
        chunk.newcomer = Some(life);
    }
    receive(&mut node, 2, body);
    assert_eq!((node.node.is_blank(), node.commit()), (false, 3));
}

/// As above: it neither votes nor campaigns.
#[test]
fn a_blank_server_neither_votes_nor_campaigns() {
    let mut node = Lone::new(&Options::paper(3), disk(3, 0, &[]));
    assert!(!node.time_out().sends.is_empty(), "a founder does");
    let mut node = Lone::new(&Options::paper(3), seaworthy_core::durable::Durable::default());
    assert!(node.time_out().sends.is_empty());
    let effects = node.receive(2, 1, crate::cluster::lone::vote_request(9, 1));
    assert_eq!(crate::cluster::lone::votes(&effects), [(2, false)]);
}

/// "the snapshot also includes the latest configuration in the log as of last included index" (Raft §7): the entry is
/// gone.
#[test]
fn a_restarted_server_has_the_configuration_of_its_snapshot() {
    let mut node = Lone::paper(3, 0, &[]);
    node.lead();
    node.receive(2, 1, accepted(1));
    let changes = vec![Change::Remove(NodeId::new(3))];
    node.step(Input::ChangeMembership { token: Token(1), changes });
    node.persist();
    node.receive(2, 1, accepted(2));
    take(&mut node, 2);
    node.persist();
    let again = Lone::new(&Options::paper(3), node.disk.clone());
    assert_eq!(again.node.membership(), &Membership::new([1, 2].map(NodeId::new)));
    assert!(again.node.log().entries().is_empty());
}
