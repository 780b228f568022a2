//! Messages between servers as protobuf, and what is refused of what comes.
//!
//! A peer's word is taken for what the protocol says, but only once it is something that a server can have said: a
//! message that is not is dropped here, and the core never sees it.

use super::proto::{self, message::Body as Wire};
use seaworthy_core::membership::Membership;
use seaworthy_core::message::{AppendOutcome, Body, Chunk, Entry, Message, Payload, SnapshotId};
use seaworthy_core::quorum::{Joint, Majority};
use seaworthy_core::types::{Bytes, EntryId, LogIndex, NodeId, Round, Term};

/// No cluster gets there, and what is below can be counted on from.
const NUMBER_END: u64 = 1 << 63;

/// What is wrong with a message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum WireError {
    /// A part is not there.
    #[error("there is no {0}")]
    Missing(&'static str),
    /// A number is out of reach.
    #[error("{what} is {number}")]
    Number {
        /// Of what.
        what: &'static str,
        /// Which.
        number: u64,
    },
    /// The entries do not follow each other, or what they are to follow.
    #[error("the entries do not follow {0}")]
    Gap(EntryId),
    /// The configuration is none.
    #[error("the configuration is none: {0}")]
    Membership(String),
    /// The chunk does not lie in its snapshot.
    #[error("the chunk at {offset} does not lie in a snapshot of {size} bytes")]
    Chunk {
        /// Where it begins.
        offset: u64,
        /// How large the snapshot is.
        size: u64,
    },
}

type Result<T> = std::result::Result<T, WireError>;

/// A message as it travels. Sender and addressee are those of the stream.
pub(super) fn encode(message: Message) -> proto::Message {
    let body = match message.body {
        Body::PreVote { last } => Wire::PreVote(proto::PreVote { last: Some(last.into()) }),
        Body::PreVoteReply { granted } => Wire::PreVoteReply(proto::PreVoteReply { granted }),
        Body::RequestVote { last, transfer } => {
            Wire::RequestVote(proto::RequestVote { last: Some(last.into()), transfer })
        }
        Body::VoteReply { granted } => Wire::VoteReply(proto::VoteReply { granted }),
        Body::AppendEntries { prev, entries, commit, round } => Wire::AppendEntries(proto::AppendEntries {
            prev: Some(prev.into()),
            entries: entries.into_iter().map(proto::Entry::from).collect(),
            commit: commit.0,
            round: round.0,
        }),
        Body::AppendReply { round, outcome: AppendOutcome::Accepted { matched } } => {
            Wire::AppendAccepted(proto::AppendAccepted { round: round.0, matched: matched.0 })
        }
        Body::AppendReply { round, outcome: AppendOutcome::Rejected { refused, hint } } => {
            let hint = Some(hint.into());
            Wire::AppendRejected(proto::AppendRejected { round: round.0, refused: refused.0, hint })
        }
        Body::InstallSnapshot(chunk) => Wire::InstallSnapshot(proto::InstallSnapshot {
            snapshot: Some(chunk.snapshot.into()),
            membership: Some((&chunk.membership).into()),
            offset: chunk.offset,
            chunk: chunk.bytes.to_vec(),
            newcomer: chunk.newcomer,
            round: chunk.round.0,
        }),
        Body::SnapshotReply { round, snapshot, received } => Wire::SnapshotReply(proto::SnapshotReply {
            round: round.0,
            snapshot: Some(snapshot.into()),
            received,
        }),
        Body::TimeoutNow => Wire::TimeoutNow(proto::TimeoutNow {}),
        Body::ReadIndex { id } => Wire::ReadIndex(proto::ReadIndex { id }),
        Body::ReadIndexReply { id, index } => {
            Wire::ReadIndexReply(proto::ReadIndexReply { id, index: index.0 })
        }
        Body::Stale => Wire::Stale(proto::Stale {}),
        Body::Blank { life, round } => Wire::Blank(proto::Blank { life, round: round.0 }),
    };
    proto::Message { term: message.term.0, body: Some(body) }
}

/// The message that came from one server for another.
///
/// # Errors
/// What no server says.
pub(super) fn decode(message: proto::Message, from: NodeId, to: NodeId) -> Result<Message> {
    let term = Term(number("the term", message.term)?);
    let body = body(message.body.ok_or(WireError::Missing("body"))?, term)?;
    Ok(Message { from, to, term, body })
}

fn body(body: Wire, term: Term) -> Result<Body> {
    Ok(match body {
        Wire::PreVote(pre_vote) => Body::PreVote { last: entry_id(pre_vote.last)? },
        Wire::PreVoteReply(reply) => Body::PreVoteReply { granted: reply.granted },
        Wire::RequestVote(request) => {
            Body::RequestVote { last: entry_id(request.last)?, transfer: request.transfer }
        }
        Wire::VoteReply(reply) => Body::VoteReply { granted: reply.granted },
        Wire::AppendEntries(append) => {
            let prev = entry_id(append.prev)?;
            let entries = append.entries.into_iter().map(entry).collect::<Result<Vec<_>>>()?;
            let mut last = prev;
            for entry in &entries {
                if entry.id.index != last.index.next() || entry.id.term < last.term || term < entry.id.term {
                    return Err(WireError::Gap(last));
                }
                last = entry.id;
            }
            Body::AppendEntries { prev, entries, commit: index(append.commit)?, round: Round(append.round) }
        }
        Wire::AppendAccepted(reply) => Body::AppendReply {
            round: Round(reply.round),
            outcome: AppendOutcome::Accepted { matched: index(reply.matched)? },
        },
        Wire::AppendRejected(reply) => Body::AppendReply {
            round: Round(reply.round),
            outcome: AppendOutcome::Rejected { refused: index(reply.refused)?, hint: entry_id(reply.hint)? },
        },
        Wire::InstallSnapshot(install) => {
            let snapshot = snapshot_id(install.snapshot)?;
            let (offset, size) = (install.offset, snapshot.size);
            if offset.checked_add(install.chunk.len() as u64).is_none_or(|end| size < end) {
                return Err(WireError::Chunk { offset, size });
            }
            Body::InstallSnapshot(Box::new(Chunk {
                snapshot,
                membership: membership(install.membership)?,
                offset,
                bytes: install.chunk.into(),
                newcomer: install.newcomer,
                round: Round(install.round),
            }))
        }
        Wire::SnapshotReply(reply) => {
            let snapshot = snapshot_id(reply.snapshot)?;
            if snapshot.size < reply.received {
                return Err(WireError::Chunk { offset: reply.received, size: snapshot.size });
            }
            Body::SnapshotReply { round: Round(reply.round), snapshot, received: reply.received }
        }
        Wire::TimeoutNow(_) => Body::TimeoutNow,
        Wire::ReadIndex(read) => Body::ReadIndex { id: read.id },
        Wire::ReadIndexReply(reply) => Body::ReadIndexReply { id: reply.id, index: index(reply.index)? },
        Wire::Stale(_) => Body::Stale,
        Wire::Blank(blank) => Body::Blank { life: blank.life, round: Round(blank.round) },
    })
}

fn number(what: &'static str, number: u64) -> Result<u64> {
    if number < NUMBER_END { Ok(number) } else { Err(WireError::Number { what, number }) }
}

fn index(value: u64) -> Result<LogIndex> {
    number("an index", value).map(LogIndex)
}

/// The node of this number.
pub(super) fn node(number: u64) -> Result<NodeId> {
    let node = NodeId::try_new(number).filter(|_| number < NUMBER_END);
    node.ok_or(WireError::Number { what: "a node", number })
}

pub(super) fn entry_id(id: Option<proto::EntryId>) -> Result<EntryId> {
    let id = id.ok_or(WireError::Missing("entry"))?;
    Ok(EntryId { term: Term(number("the term", id.term)?), index: index(id.index)? })
}

fn snapshot_id(id: Option<proto::SnapshotId>) -> Result<SnapshotId> {
    let id = id.ok_or(WireError::Missing("snapshot"))?;
    let size = number("the size", id.size)?;
    Ok(SnapshotId { last: entry_id(id.last)?, size, checksum: id.checksum })
}

impl From<EntryId> for proto::EntryId {
    fn from(id: EntryId) -> Self {
        Self { term: id.term.0, index: id.index.0 }
    }
}

impl From<SnapshotId> for proto::SnapshotId {
    fn from(id: SnapshotId) -> Self {
        Self { last: Some(id.last.into()), size: id.size, checksum: id.checksum }
    }
}

impl From<&Membership> for proto::Membership {
    fn from(membership: &Membership) -> Self {
        let numbers = |nodes: &[NodeId]| nodes.iter().map(|node| node.get()).collect();
        Self {
            voters: numbers(membership.voters.incoming.voters()),
            outgoing: numbers(membership.voters.outgoing.voters()),
            learners: numbers(&membership.learners),
            learners_next: numbers(&membership.learners_next),
            auto_leave: membership.auto_leave,
        }
    }
}

pub(super) fn membership(membership: Option<proto::Membership>) -> Result<Membership> {
    let proto::Membership { voters, outgoing, learners, learners_next, auto_leave } =
        membership.ok_or(WireError::Missing("membership"))?;
    let nodes = |numbers: Vec<u64>| numbers.into_iter().map(node).collect::<Result<Vec<_>>>();
    let voters = Joint { incoming: Majority::new(nodes(voters)?), outgoing: Majority::new(nodes(outgoing)?) };
    let (learners, learners_next) = (nodes(learners)?, nodes(learners_next)?);
    let membership = Membership { voters, learners, learners_next, auto_leave };
    membership.validate().map_err(|error| WireError::Membership(error.to_string()))?;
    Ok(membership)
}

impl From<Entry> for proto::Entry {
    fn from(entry: Entry) -> Self {
        let payload = match entry.payload {
            Payload::Noop => proto::entry::Payload::Noop(proto::Noop {}),
            Payload::Data(data) => proto::entry::Payload::Data(data.to_vec()),
            Payload::Membership(membership) => proto::entry::Payload::Membership((&*membership).into()),
        };
        Self { id: Some(entry.id.into()), payload: Some(payload) }
    }
}

fn entry(entry: proto::Entry) -> Result<Entry> {
    let payload = match entry.payload.ok_or(WireError::Missing("payload"))? {
        proto::entry::Payload::Noop(_) => Payload::Noop,
        proto::entry::Payload::Data(data) => Payload::Data(Bytes::from(data)),
        proto::entry::Payload::Membership(nodes) => Payload::Membership(Box::new(membership(Some(nodes))?)),
    };
    Ok(Entry { id: entry_id(entry.id)?, payload })
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost::Message as _;

    const FROM: NodeId = NodeId::new(1);
    const TO: NodeId = NodeId::new(2);

    fn entry(term: u64, index: u64, payload: Payload) -> Entry {
        Entry { id: EntryId::new(term, index), payload }
    }

    /// One message of each kind.
    fn all() -> Vec<Message> {
        let last = EntryId::new(3, 7);
        let membership =
            Membership { learners: vec![NodeId::new(9)], ..Membership::new([1, 2, 3].map(NodeId::new)) };
        let snapshot = SnapshotId { last, size: 10, checksum: u64::MAX };
        let entries = vec![
            entry(3, 8, Payload::Noop),
            entry(4, 9, Payload::Data(Bytes::from("x"))),
            entry(4, 10, Payload::Membership(Box::new(membership.clone()))),
        ];
        let round = Round(5);
        let bodies = [
            Body::PreVote { last },
            Body::PreVoteReply { granted: true },
            Body::RequestVote { last, transfer: true },
            Body::VoteReply { granted: false },
            Body::AppendEntries { prev: last, entries, commit: LogIndex(6), round },
            Body::AppendReply { round, outcome: AppendOutcome::Accepted { matched: LogIndex(7) } },
            Body::AppendReply {
                round,
                outcome: AppendOutcome::Rejected { refused: LogIndex(7), hint: last },
            },
            Body::InstallSnapshot(Box::new(Chunk {
                snapshot,
                membership,
                offset: 4,
                bytes: Bytes::from("abcdef"),
                newcomer: Some(0),
                round,
            })),
            Body::SnapshotReply { round, snapshot, received: 10 },
            Body::TimeoutNow,
            Body::ReadIndex { id: u64::MAX },
            Body::ReadIndexReply { id: 1, index: LogIndex(2) },
            Body::Stale,
            Body::Blank { life: 77, round: Round(6) },
        ];
        bodies.map(|body| Message { from: FROM, to: TO, term: Term(4), body }).into()
    }

    #[test]
    fn every_message_comes_back_from_its_bytes() {
        for message in all() {
            let bytes = encode(message.clone()).encode_to_vec();
            let read = proto::Message::decode(bytes.as_slice()).expect("it is whole");
            assert_eq!(decode(read, FROM, TO), Ok(message));
        }
    }

    #[test]
    fn what_no_server_says_is_refused_by_name() {
        let append = |prev: (u64, u64), entries: &[(u64, u64)]| {
            Wire::AppendEntries(proto::AppendEntries {
                prev: Some(EntryId::new(prev.0, prev.1).into()),
                entries: entries.iter().map(|id| entry(id.0, id.1, Payload::Noop).into()).collect(),
                ..Default::default()
            })
        };
        let install = |offset, voters: &[u64]| {
            let snapshot = SnapshotId { last: EntryId::ZERO, size: 3, checksum: 0 };
            Wire::InstallSnapshot(proto::InstallSnapshot {
                snapshot: Some(snapshot.into()),
                membership: Some(proto::Membership { voters: voters.to_vec(), ..Default::default() }),
                offset,
                chunk: vec![0; 2],
                ..Default::default()
            })
        };
        let far = proto::AppendAccepted { matched: u64::MAX, ..Default::default() };
        let cases = [
            (append((1, 1), &[(1, 3)]), "the entries do not follow 1@1"),
            (append((1, 1), &[(1, 2), (1, 2)]), "the entries do not follow 2@1"),
            (append((3, 1), &[(2, 2)]), "the entries do not follow 1@3"),
            (append((1, 1), &[(9, 2)]), "the entries do not follow 1@1"),
            (install(2, &[1]), "the chunk at 2 does not lie in a snapshot of 3 bytes"),
            (
                install(u64::MAX, &[1]),
                "the chunk at 18446744073709551615 does not lie in a snapshot of 3 bytes",
            ),
            (install(0, &[]), "the configuration is none: a configuration needs a voter"),
            (install(0, &[0]), "a node is 0"),
            (Wire::AppendAccepted(far), "an index is 18446744073709551615"),
            (Wire::PreVote(proto::PreVote { last: None }), "there is no entry"),
        ];
        for (body, why) in cases {
            let message = proto::Message { term: 4, body: Some(body) };
            assert_eq!(decode(message, FROM, TO).expect_err(why).to_string(), why);
        }
        let nothing = proto::Message { term: 4, body: None };
        assert_eq!(decode(nothing, FROM, TO), Err(WireError::Missing("body")));
        let late = encode(Message { from: FROM, to: TO, term: Term(1 << 63), body: Body::Stale });
        assert_eq!(decode(late, FROM, TO), Err(WireError::Number { what: "the term", number: 1 << 63 }));
    }

    #[test]
    fn mangled_bytes_are_refused_or_mean_something_and_never_panic() {
        let mut seed = 0x5ea_u64;
        let mut below = |bound: usize| {
            seed = seed.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            (seed >> 33) as usize % bound
        };
        let mut meant = 0;
        for message in all().iter().cycle().take(40_000) {
            let mut bytes = encode(message.clone()).encode_to_vec();
            for _ in 0..=below(3) {
                let place = below(bytes.len());
                match below(3) {
                    0 => bytes[place] = below(256) as u8,
                    1 => bytes[place] ^= 1 << below(8),
                    _ => bytes.truncate(place.max(1)),
                }
            }
            let Ok(read) = proto::Message::decode(bytes.as_slice()) else { continue };
            let Ok(message) = decode(read, FROM, TO) else { continue };
            meant += 1;
            // What is let through is what a server can say: it travels on unchanged.
            assert_eq!(decode(encode(message.clone()), FROM, TO), Ok(message));
        }
        assert!(1_000 < meant, "the bytes are hardly ever mangled beyond meaning: {meant}");
    }
}
