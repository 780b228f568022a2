//! Entries and configurations as bytes, on disks and on wires. Once written, a tag keeps its meaning for ever.
//!
//! An entry is its term, its index, a tag and what the tag says. A configuration is its four lists of nodes and the
//! byte 0 or 1. Numbers, lists and byte strings are those of the commands: there is exactly one encoding of each.

use crate::kv::{DecodeError, Problem, Reader, put_bytes, put_list, put_varint};
use crate::membership::Membership;
use crate::message::{Entry, Payload};
use crate::quorum::{Joint, Majority};
use crate::types::{EntryId, LogIndex, NodeId, Term};
use alloc::boxed::Box;
use alloc::vec::Vec;

mod tag {
    pub(super) const NOOP: u8 = 1;
    pub(super) const DATA: u8 = 2;
    pub(super) const MEMBERSHIP: u8 = 3;
}

/// No cluster gets there; below it, arithmetic on terms, indexes and positions cannot overflow.
pub(super) const NUMBER_END: u64 = 1 << 63;

impl EntryId {
    /// Appends the identity's bytes.
    pub(crate) fn encode(self, out: &mut Vec<u8>) {
        put_varint(out, self.term.0);
        put_varint(out, self.index.0);
    }

    /// The identity that is read next.
    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { term: Term(number(reader)?), index: LogIndex(number(reader)?) })
    }
}

impl Entry {
    /// Appends the entry's bytes.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        self.id.encode(out);
        match &self.payload {
            Payload::Noop => out.push(tag::NOOP),
            Payload::Data(bytes) => {
                out.push(tag::DATA);
                put_bytes(out, bytes);
            }
            Payload::Membership(membership) => {
                out.push(tag::MEMBERSHIP);
                membership.encode(out);
            }
        }
    }

    /// The entry that is read next.
    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let id = EntryId::decode(reader)?;
        let unknown = reader.problem(Problem::Tag);
        let payload = match reader.byte()? {
            tag::NOOP => Payload::Noop,
            tag::DATA => Payload::Data(reader.bytes()?),
            tag::MEMBERSHIP => Payload::Membership(Box::new(Membership::decode(reader)?)),
            _ => return Err(unknown),
        };
        Ok(Self { id, payload })
    }
}

impl Membership {
    /// Appends the configuration's bytes.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let Joint { incoming, outgoing } = &self.voters;
        for nodes in [incoming.voters(), outgoing.voters(), &self.learners, &self.learners_next] {
            put_list(out, nodes.iter(), |out, node| put_varint(out, node.get()));
        }
        out.push(u8::from(self.auto_leave));
    }

    /// The configuration that is read next, refused if it breaks an invariant.
    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let start = reader.problem(Problem::Incomplete).offset;
        let mut nodes = || reader.list_in_order(node_id, |node, before| before < node);
        let voters = Joint { incoming: Majority::new(nodes()?), outgoing: Majority::new(nodes()?) };
        let (learners, learners_next) = (nodes()?, nodes()?);
        let membership = Self { voters, learners, learners_next, auto_leave: reader.boolean()? };
        match membership.validate() {
            Ok(()) => Ok(membership),
            Err(error) => Err(DecodeError { offset: start, problem: Problem::Membership(error) }),
        }
    }
}

/// A term or an index. One that is out of reach is refused like one above 64 bits.
pub(super) fn number(reader: &mut Reader<'_>) -> Result<u64, DecodeError> {
    let wrong = reader.problem(Problem::Number);
    let number = reader.varint()?;
    if number < NUMBER_END { Ok(number) } else { Err(wrong) }
}

fn node_id(reader: &mut Reader<'_>) -> Result<NodeId, DecodeError> {
    let wrong = reader.problem(Problem::Number);
    NodeId::try_new(reader.varint()?).ok_or(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Bytes;
    use alloc::string::ToString;
    use alloc::vec;
    use proptest::prelude::*;

    /// Nodes 1 to 200 and something, each with one part in the configuration; node 1 votes.
    fn memberships() -> impl Strategy<Value = Membership> {
        (prop::collection::btree_map(2..300u64, 0..5usize, 0..6), any::<bool>()).prop_map(|(parts, leave)| {
            let having = |wanted: &[usize]| -> Vec<NodeId> {
                let nodes = parts.iter().filter(|(_, part)| wanted.contains(part));
                nodes.map(|(node, _)| NodeId::new(*node)).collect()
            };
            let incoming = Majority::new(having(&[0, 1]).into_iter().chain([NodeId::new(1)]));
            let voters = Joint { incoming, outgoing: Majority::new(having(&[1, 2, 3])) };
            let auto_leave = leave && !voters.outgoing.voters().is_empty();
            Membership { voters, learners: having(&[4]), learners_next: having(&[3]), auto_leave }
        })
    }

    fn entries() -> impl Strategy<Value = Entry> {
        let payload = prop_oneof![
            Just(Payload::Noop),
            prop::collection::vec(any::<u8>(), 0..9).prop_map(|bytes| Payload::Data(Bytes::from(bytes))),
            memberships().prop_map(|membership| Payload::Membership(Box::new(membership))),
        ];
        (0..NUMBER_END, 0..NUMBER_END, payload)
            .prop_map(|(term, index, payload)| Entry { id: EntryId::new(term, index), payload })
    }

    fn encoded(entry: &Entry) -> Vec<u8> {
        let mut out = vec![];
        entry.encode(&mut out);
        out
    }

    fn decoded(bytes: &[u8]) -> Result<(Entry, &[u8]), DecodeError> {
        let mut reader = Reader::new(bytes);
        Entry::decode(&mut reader).map(|entry| (entry, reader.rest()))
    }

    proptest! {
        #[test]
        fn an_entry_comes_back_and_leaves_what_follows(entry in entries(), after in any::<[u8; 2]>()) {
            let mut bytes = encoded(&entry);
            bytes.extend(after);
            prop_assert_eq!(decoded(&bytes), Ok((entry, &after[..])));
        }

        #[test]
        fn there_is_one_encoding_of_each_entry(bytes in prop::collection::vec(0..4u8, 0..16)) {
            if let Ok((entry, rest)) = decoded(&bytes) {
                prop_assert_eq!([&encoded(&entry), rest].concat(), bytes);
            }
        }

        #[test]
        fn a_cut_entry_is_incomplete(entry in entries(), cut in any::<prop::sample::Index>()) {
            let bytes = encoded(&entry);
            let error = decoded(&bytes[..cut.index(bytes.len())]).expect_err("something is missing");
            prop_assert_eq!(error.problem, Problem::Incomplete);
        }
    }

    #[test]
    fn an_ill_formed_entry_says_what_is_wrong_and_where() {
        let far = [0xff; 8];
        let ill_formed: [(&[&[u8]], &str); 9] = [
            (&[&[1, 1, 9]], "at byte 2: no meaning of this byte is known"),
            (&[&[1, 1, 2], &far, &[0x7f]], "at byte 3: the bytes end before this is complete"),
            (
                &[&[1, 0x80], &[0x80; 8], &[1, 1]],
                "at byte 1: the number is above 64 bits or not in its shortest form",
            ),
            (&[&[1, 1, 3, 2, 2, 1, 0, 0, 0, 0]], "at byte 5: the element is not above the one before it"),
            (&[&[1, 1, 3, 1, 1, 0, 2, 2, 2, 0, 0]], "at byte 8: the element is not above the one before it"),
            (
                &[&[1, 1, 3, 1, 0, 0, 0, 0, 0]],
                "at byte 4: the number is above 64 bits or not in its shortest form",
            ),
            (&[&[1, 1, 3, 1, 1, 0, 0, 0, 2]], "at byte 8: no meaning of this byte is known"),
            (&[&[1, 1, 3, 1, 1, 0, 1, 1, 0, 0]], "at byte 3: n1 is a learner and has a vote"),
            (&[&[1, 1, 3], &far, &[0x7f]], "at byte 12: the bytes end before this is complete"),
        ];
        for (bytes, why) in ill_formed {
            let error = decoded(&bytes.concat()).expect_err(why).to_string();
            assert_eq!(error, why);
        }
    }
}
