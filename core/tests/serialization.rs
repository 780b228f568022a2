//! With the feature `serde`, what goes over wires and onto disks keeps its meaning in any format.

use seaworthy_core::durable::Durable;
use seaworthy_core::effect::{HardState, Record};
use seaworthy_core::log::Log;
use seaworthy_core::membership::{Change, Membership};
use seaworthy_core::message::{AppendOutcome, Body, Chunk, Entry, Message, Payload};
use seaworthy_core::snapshot::Snapshot;
use seaworthy_core::types::{EntryId, LogIndex, NodeId, Round, Term};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;

fn comes_back<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
    let text = serde_json::to_string(value).expect("plain data");
    assert_eq!(&serde_json::from_str::<T>(&text).expect("as written"), value);
}

#[test]
fn messages_and_disks_come_back_as_they_were() {
    let node = NodeId::new;
    let joint = Membership::new([1, 2, 3].map(node))
        .change(&[Change::Remove(node(3)), Change::AddVoter(node(4)), Change::AddLearner(node(2))])
        .expect("it is possible");
    let data = Entry { id: EntryId::new(2, 8), payload: Payload::Data(vec![0, 255, 7].into()) };
    let changed = Entry { id: EntryId::new(3, 9), payload: Payload::Membership(Box::new(joint.clone())) };
    let noop = Entry { id: EntryId::new(1, 7), payload: Payload::Noop };
    let last = EntryId::new(1, 6);
    let snapshot = Snapshot { last, membership: joint.clone(), data: vec![1, 2].into() };
    let mut durable = Durable {
        hard_state: HardState { term: Term(3), vote: Some(node(2)) },
        snapshot: Some(snapshot.clone()),
        log: Log::after(last),
    };
    for entry in [noop, data.clone(), changed] {
        durable.log.push(entry);
    }
    comes_back(&durable);
    comes_back(&Durable::default());
    comes_back(&Record::Append(vec![data.clone()]));
    comes_back(&Record::Snapshot { snapshot: Box::new(snapshot.clone()), compacted: LogIndex(4) });

    let hint = EntryId::new(1, 4);
    let prev = EntryId::new(1, 7);
    let bodies = [
        Body::PreVote { last: hint },
        Body::RequestVote { last: hint, transfer: true },
        Body::AppendEntries { prev, entries: vec![data], commit: LogIndex(1), round: Round(9) },
        Body::AppendReply {
            round: Round(9),
            outcome: AppendOutcome::Rejected { refused: LogIndex(5), hint },
        },
        Body::InstallSnapshot(Box::new(Chunk {
            snapshot: snapshot.id(),
            membership: joint,
            offset: 1,
            bytes: vec![2].into(),
            newcomer: Some(u64::MAX),
            round: Round(9),
        })),
        Body::SnapshotReply { round: Round(9), snapshot: snapshot.id(), received: 1 },
        Body::TimeoutNow,
        Body::ReadIndex { id: u64::MAX },
        Body::ReadIndexReply { id: u64::MAX, index: LogIndex(7) },
        Body::Stale,
        Body::Blank { life: 7, round: Round(9) },
    ];
    for body in bodies {
        comes_back(&Message { from: node(1), to: node(2), term: Term(3), body });
    }
    assert!(serde_json::from_str::<NodeId>("0").is_err(), "node numbers start at 1");
}
