//! With the feature `serde`, what goes over wires and onto disks keeps its meaning in any format.

use seaworthy_core::durable::Durable;
use seaworthy_core::effect::{HardState, Record};
use seaworthy_core::message::{AppendOutcome, Body, Entry, Message, Payload};
use seaworthy_core::types::{EntryId, LogIndex, NodeId, Round, Term};

#[test]
fn messages_and_disks_come_back_as_they_were() {
    let data = Entry { id: EntryId::new(2, 2), payload: Payload::Data(vec![0, 255, 7].into()) };
    let noop = Entry { id: EntryId::new(1, 1), payload: Payload::Noop };
    let durable = Durable {
        hard_state: HardState { term: Term(3), vote: Some(NodeId::new(2)) },
        log: vec![noop, data.clone()],
    };
    let text = serde_json::to_string(&durable).expect("plain data");
    assert_eq!(serde_json::from_str::<Durable>(&text).expect("as written"), durable);

    let hint = EntryId::new(1, 4);
    let bodies = [
        Body::AppendEntries {
            prev: EntryId::new(1, 1),
            entries: vec![data.clone()],
            commit: LogIndex(1),
            round: Round(9),
        },
        Body::AppendReply {
            round: Round(9),
            outcome: AppendOutcome::Rejected { refused: LogIndex(5), hint },
        },
        Body::PreVote { last: hint },
        Body::Stale,
    ];
    for body in bodies {
        let message = Message { from: NodeId::new(1), to: NodeId::new(2), term: Term(3), body };
        let text = serde_json::to_string(&message).expect("plain data");
        assert_eq!(serde_json::from_str::<Message>(&text).expect("as written"), message);
    }
    let record = Record::Append(vec![data]);
    let text = serde_json::to_string(&record).expect("plain data");
    assert_eq!(serde_json::from_str::<Record>(&text).expect("as written"), record);
    assert!(serde_json::from_str::<NodeId>("0").is_err(), "node numbers start at 1");
}
