//! What a record says, as bytes and back, and what it does to the state that recovery builds.

use super::entry::number;
use crate::durable::Durable;
use crate::effect::{HardState, Record};
use crate::kv::{DecodeError, Reader, put_bytes, put_list, put_option, put_varint};
use crate::log::Log;
use crate::membership::Membership;
use crate::message::Entry;
use crate::snapshot::Snapshot;
use crate::types::{EntryId, NodeId, Term};
use alloc::vec::Vec;

/// What kind of record: which body follows. Once written, a number keeps its meaning for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    /// All of the durable state.
    Checkpoint = 1,
    /// Term and vote.
    HardState = 2,
    /// Entries, which replace everything from the first of them on.
    Append = 3,
    /// Zeros. They fill up a sector.
    Filler = 4,
}

impl Kind {
    pub(super) fn of(number: u8) -> Option<Self> {
        [Self::Checkpoint, Self::HardState, Self::Append, Self::Filler]
            .into_iter()
            .find(|kind| *kind as u8 == number)
    }
}

pub(super) fn encode_checkpoint(state: &Durable, out: &mut Vec<u8>) {
    encode_hard_state(state.hard_state, out);
    put_option(out, state.snapshot.as_ref(), |out, snapshot| {
        snapshot.last.encode(out);
        snapshot.membership.encode(out);
        put_bytes(out, &snapshot.data);
    });
    state.log.base().encode(out);
    encode_entries(state.log.entries(), out);
}

pub(super) fn encode_hard_state(hard_state: HardState, out: &mut Vec<u8>) {
    put_varint(out, hard_state.term.0);
    put_varint(out, hard_state.vote.map_or(0, NodeId::get));
}

pub(super) fn encode_entries(entries: &[Entry], out: &mut Vec<u8>) {
    put_list(out, entries.iter(), |out, entry| entry.encode(out));
}

/// Does to `state` what the record says; `None` if no node writes that, after which `state` is unspecified.
pub(super) fn replay(kind: Kind, body: &[u8], state: &mut Durable) -> Option<()> {
    let mut reader = Reader::new(body);
    match kind {
        // Its zeros were what it was known by.
        Kind::Filler => return Some(()),
        Kind::HardState => state.persist(Record::HardState(hard_state(&mut reader).ok()?)),
        Kind::Append => append(state, reader.list(Entry::decode).ok()?)?,
        Kind::Checkpoint => {
            state.hard_state = hard_state(&mut reader).ok()?;
            state.snapshot = reader.option(snapshot).ok()?;
            state.log = Log::after(EntryId::decode(&mut reader).ok()?);
            let entries = reader.list(Entry::decode).ok()?;
            if !entries.is_empty() {
                append(state, entries)?;
            }
        }
    }
    reader.rest().is_empty().then_some(())
}

fn hard_state(reader: &mut Reader<'_>) -> Result<HardState, DecodeError> {
    Ok(HardState { term: Term(number(reader)?), vote: NodeId::try_new(reader.varint()?) })
}

fn snapshot(reader: &mut Reader<'_>) -> Result<Snapshot, DecodeError> {
    let last = EntryId::decode(reader)?;
    let membership = Membership::decode(reader)?;
    Ok(Snapshot { last, membership, data: reader.bytes()? })
}

/// Appends entries that may be anything: only those that follow something in the log, without gaps and without
/// descending terms, go through.
fn append(state: &mut Durable, entries: Vec<Entry>) -> Option<()> {
    let mut before = entries.first()?.id.index.previous();
    let mut term = state.log.term(before)?;
    for Entry { id, .. } in &entries {
        if id.index != before.next() || id.term < term {
            return None;
        }
        (before, term) = (id.index, id.term);
    }
    state.persist(Record::Append(entries));
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Payload;
    use crate::types::{Bytes, LogIndex};
    use alloc::vec;

    fn entries(ids: &[(u64, u64)]) -> Vec<Entry> {
        let entry = |(term, index): &(u64, u64)| Entry {
            id: EntryId::new(*term, *index),
            payload: Payload::Data(Bytes::from("x")),
        };
        ids.iter().map(entry).collect()
    }

    fn state() -> Durable {
        let mut state = Durable::founding(Membership::new([NodeId::new(1)]), Bytes::from("genesis"));
        state.hard_state = HardState { term: Term(3), vote: Some(NodeId::new(2)) };
        state.log = Log::after(EntryId::new(1, 2));
        state.persist(Record::Append(entries(&[(1, 3), (2, 4), (2, 5)])));
        state
    }

    #[test]
    fn a_checkpoint_is_the_whole_state() {
        for state in [state(), Durable::default()] {
            let mut body = vec![];
            encode_checkpoint(&state, &mut body);
            let mut read = self::state();
            assert_eq!(replay(Kind::Checkpoint, &body, &mut read), Some(()));
            assert_eq!(read, state);
            body.push(0);
            assert_eq!(replay(Kind::Checkpoint, &body, &mut read), None, "something follows");
        }
    }

    #[test]
    fn only_entries_that_follow_the_log_are_appended() {
        let append = |ids: &[(u64, u64)]| {
            let mut body = vec![];
            encode_entries(&entries(ids), &mut body);
            let mut state = state();
            replay(Kind::Append, &body, &mut state).map(|()| state.log.last())
        };
        assert_eq!(append(&[(2, 6), (3, 7)]), Some(EntryId::new(3, 7)));
        assert_eq!(append(&[(3, 4)]), Some(EntryId::new(3, 4)), "in place of 4 and 5");
        let refused: [&[(u64, u64)]; 7] =
            [&[], &[(1, 0)], &[(1, 2)], &[(3, 7)], &[(1, 6)], &[(2, 6), (2, 8)], &[(3, 6), (2, 7)]];
        assert_eq!(refused.map(append), [None; 7]);
    }

    #[test]
    fn a_kind_is_found_by_its_number() {
        for number in 0..=u8::MAX {
            assert_eq!(Kind::of(number).map(|kind| kind as u8), (1..=4).contains(&number).then_some(number));
        }
    }

    #[test]
    fn a_vote_for_nobody_is_none() {
        let mut state = state();
        assert_eq!(replay(Kind::HardState, &[4, 0], &mut state), Some(()));
        assert_eq!(state.hard_state, HardState { term: Term(4), vote: None });
        assert_eq!(state.log.term(LogIndex(5)), Some(Term(2)));
        assert_eq!(replay(Kind::HardState, &[4], &mut state), None);
    }
}
