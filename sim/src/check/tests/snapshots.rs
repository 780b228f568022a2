//! Snapshots in place of a log's beginning, or of all of it.

use super::toy::{Snapshot, Toy, Write};
use crate::observation::Property::*;
use seaworthy_core::membership::Membership;
use seaworthy_core::types::{EntryId, NodeId};

/// n1 leads n2 and n3; all hold four entries, n1 has committed and applied three of them and n2 as many, and n1 has a
/// durable snapshot of these. n3 has applied nothing.
fn compacted() -> Toy {
    let mut toy = Toy::new(3);
    toy.elect(1, &[2]);
    for _ in 0..3 {
        toy.propose(1);
    }
    toy.sync(1);
    toy.catch_up(1, 2);
    toy.commit(1, 3);
    toy.commit(2, 3);
    toy.take_snapshot(1);
    toy.sync(1);
    toy.calm();
    toy
}

#[test]
fn a_node_restarts_from_its_snapshot_and_goes_on() {
    let mut toy = compacted();
    toy.crash(1, 0);
    toy.boot(1);
    toy.elect(1, &[2]);
    toy.sync(1);
    toy.catch_up(1, 2);
    toy.commit(1, 5);
    toy.take_snapshot(1);
    toy.crash(1, 1);
    toy.boot(1);
    assert_eq!(toy.node(1).applied, 5);
    toy.calm();
}

#[test]
fn a_follower_goes_on_from_its_leaders_snapshot_and_counts_with_it() {
    let mut toy = compacted();
    toy.install(1, 3);
    toy.sync(3);
    toy.send_ack(3, 1, 3);
    toy.hear_ack(1, 3, 3);
    toy.catch_up(1, 3);
    toy.commit(1, 4);
    toy.commit(3, 4);
    toy.calm();
    toy.crash(2, 0);
    toy.elect(3, &[1]);
    toy.sync(3);
    toy.replicate(3, 1, 5);
    toy.calm();
}

#[test]
fn a_snapshot_is_acknowledged_only_when_it_is_durable() {
    let mut toy = compacted();
    toy.adopt(3, 1, None);
    toy.sync(3);
    toy.install(1, 3);
    toy.send_ack(3, 1, 3);
    toy.caught(PersistBeforeSend, "n3@1 acknowledged up to 3 to n1, but on its disk it ended at 0@0");
}

#[test]
fn a_snapshot_is_of_committed_entries() {
    let mut toy = compacted();
    let snapshot = Snapshot { last: EntryId::new(1, 4), ..toy.node(1).snapshot.clone().unwrap() };
    toy.install_snapshot(1, 3, snapshot);
    toy.caught(SnapshotMatchesLog, "n3 goes on from 4@1, but only 3 entries were committed");

    let mut toy = compacted();
    let snapshot = Snapshot { last: EntryId::new(9, 2), ..toy.node(1).snapshot.clone().unwrap() };
    toy.install_snapshot(1, 3, snapshot);
    toy.caught(SnapshotMatchesLog, "n3 goes on from 2@9, but 2@1 was committed there");

    let mut toy = compacted();
    toy.apply(1, true);
    toy.take_snapshot(1);
    toy.caught(Order, "n1@1 has applied up to 4, but committed only up to 3");
    let mut toy = compacted();
    toy.apply(1, true);
    toy.take_snapshot(1);
    toy.node(1).applied = 3;
    toy.step(1);
    toy.caught(Order, "n1@1 has applied up to 4");
}

#[test]
fn a_snapshot_names_the_configuration_in_force_at_its_end() {
    for honest in [true, false] {
        let mut toy = compacted();
        let next = Membership::new([1, 2].map(NodeId::new));
        toy.commit(1, 4);
        toy.reconfigure(1, &next);
        toy.sync(1);
        toy.catch_up(1, 2);
        toy.commit(1, 5);
        toy.take_snapshot(1);
        let Some(Write::Snapshot(snapshot, _)) = toy.node(1).queue.front().cloned() else {
            panic!("it was taken")
        };
        assert_eq!(snapshot.membership, next);
        toy.sync(1);
        toy.adopt(3, 1, None);
        let told = if honest { next } else { Membership::new([1, 2, 3].map(NodeId::new)) };
        toy.install_snapshot(1, 3, Snapshot { membership: told, ..snapshot });
        if honest {
            toy.calm();
        } else {
            toy.caught(
                SnapshotMatchesLog,
                "the snapshot of n3 up to 5@1 names voters n1, n2, n3, but in force there was voters n1, n2",
            );
        }
    }
}

#[test]
fn two_snapshots_at_one_index_hold_the_same() {
    let mut toy = compacted();
    toy.take_snapshot(2);
    toy.calm();
    let mut toy = compacted();
    toy.node(2).state += 1;
    toy.take_snapshot(2);
    toy.caught(SnapshotMatchesLog, "the snapshot of n2 up to 3@1 holds another state than that of n1");
}

#[test]
fn who_goes_on_from_a_snapshot_is_in_the_state_of_its_last_entry() {
    let mut toy = compacted();
    let snapshot = toy.node(1).snapshot.clone().unwrap();
    toy.adopt(3, 1, None);
    toy.install_snapshot(1, 3, snapshot.clone());
    toy.calm();
    toy.crash(3, 2);
    toy.boot(3);
    toy.calm();
    toy.crash(3, 0);
    toy.node(3).disk.snapshot = Some(Snapshot { state: 77, ..snapshot });
    toy.boot(3);
    toy.caught(SnapshotMatchesLog, "the snapshot of n3 up to 3@1 holds another state than that of n1");

    // Equal bytes that are read otherwise.
    let mut toy = compacted();
    toy.install(1, 3);
    toy.sync(3);
    toy.crash(3, 0);
    let disk = toy.node(3).disk.clone();
    toy.boot(3);
    toy.calm();
    toy.crash(3, 0);
    toy.boot_as(3, disk, 77);
    toy.caught(
        SnapshotMatchesLog,
        "n3@1 is in state 000000000000004d after a snapshot up to index 3, where n1 was in",
    );
}

#[test]
fn a_request_runs_once_also_on_either_side_of_a_snapshot() {
    let mut toy = compacted();
    toy.install(1, 3);
    toy.sync(3);
    toy.commit(1, 4);
    let retried = toy.node(1).log[1];
    toy.append_payload(1, retried.payload);
    toy.sync(1);
    toy.catch_up(1, 3);
    toy.catch_up(1, 2);
    toy.node(1).commit = 5;
    toy.apply(1, false);
    toy.step(1);
    toy.calm();
    toy.node(3).commit = 5;
    toy.apply(3, true);
    toy.apply(3, true);
    toy.caught(ExactlyOnce, "n3 ran request 2 of session 1 at 5@1, but it had run at index 2");
}

#[test]
fn a_snapshot_takes_nothing_from_a_log_that_goes_further() {
    let mut toy = compacted();
    toy.install(1, 2);
    toy.caught(Order, "n2@1 shows a log that ends at 3@1, but what it wrote ends at 4@1");
}

#[test]
fn a_log_is_never_cut_where_a_snapshot_stands_for_it() {
    let mut toy = compacted();
    let log = toy.node(1).log.clone();
    toy.append(1, &log[3..]);
    toy.step(1);
    toy.calm();
    toy.append(1, &log[2..]);
    toy.caught(LogMatching, "n1 appended 3@1 to a log that goes on from 3@1, which is committed");
}

#[test]
fn a_durable_snapshot_never_goes_back() {
    let mut toy = compacted();
    toy.commit(1, 4);
    let old = toy.node(1).snapshot.clone().unwrap();
    let log = toy.node(1).log[..3].to_vec();
    toy.take_snapshot(1);
    toy.sync(1);
    toy.node(1).queue.push_back(Write::Snapshot(old, log));
    toy.sync(1);
    toy.caught(Monotonicity, "the durable snapshot of n1 went back from 4@1 to 3@1");
}
