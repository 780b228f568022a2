//! The log in memory. It knows no node, no disk and no commit index.

use crate::message::Entry;
use crate::types::{EntryId, LogIndex, Term};
use alloc::vec::Vec;
use core::num::NonZeroU64;

/// A contiguous run of entries (Raft §5.3).
///
/// - Entry `base.index + 1 + i` stands at position `i`: there are no gaps.
/// - Terms never descend.
/// - `base` is the entry just before the first: everything up to it has been compacted away. It is committed, so
///   that every leader to come holds it or a snapshot of it.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Log {
    base: EntryId,
    entries: Vec<Entry>,
}

impl Log {
    /// A log of these entries, from index 1.
    ///
    /// # Panics
    /// If they are not contiguous or their terms descend.
    pub fn new(entries: Vec<Entry>) -> Self {
        let mut log = Self { base: EntryId::ZERO, entries: Vec::with_capacity(entries.len()) };
        for entry in entries {
            log.push(entry);
        }
        log
    }

    /// The empty log that goes on after `base`.
    pub fn after(base: EntryId) -> Self {
        Self { base, entries: Vec::new() }
    }

    /// The entry just before the first: the last that was compacted away.
    pub fn base(&self) -> EntryId {
        self.base
    }

    /// The last entry, or the one before the first if there is none.
    pub fn last(&self) -> EntryId {
        self.entries.last().map_or(self.base, |entry| entry.id)
    }

    /// The term of the entry at `index`; that of the base too. `None` outside.
    pub fn term(&self, index: LogIndex) -> Option<Term> {
        if index == self.base.index {
            return Some(self.base.term);
        }
        self.get(index).map(|entry| entry.id.term)
    }

    /// The entry at `index`.
    pub fn get(&self, index: LogIndex) -> Option<&Entry> {
        self.entries.get(self.position(index)?)
    }

    /// Whether the log holds this very entry; by Log Matching, then also all before it.
    pub fn contains(&self, id: EntryId) -> bool {
        self.term(id.index) == Some(id.term)
    }

    /// At most `limit` entries from `first` on; none if `first` is outside.
    pub fn slice(&self, first: LogIndex, limit: usize) -> &[Entry] {
        let Some(start) = self.position(first).filter(|start| *start <= self.entries.len()) else {
            return &[];
        };
        let end = self.entries.len().min(start.saturating_add(limit));
        &self.entries[start..end]
    }

    /// All entries, ascending.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Appends one entry.
    ///
    /// # Panics
    /// If it does not follow the last one, or its term is lower.
    pub fn push(&mut self, entry: Entry) {
        let last = self.last();
        assert!(entry.id.index == last.index.next(), "the log has no gaps");
        assert!(last.term <= entry.id.term, "terms never descend along the log");
        self.entries.push(entry);
    }

    /// Removes the entries from `index` on.
    ///
    /// # Panics
    /// If that would reach below the base.
    pub fn truncate(&mut self, index: LogIndex) {
        let keep = self.position(index).expect("what is compacted is committed and never truncated");
        self.entries.truncate(keep);
    }

    /// Forgets the entries up to `index`, which becomes the base; no more than all of them, and nothing if they
    /// are gone already.
    pub fn compact(&mut self, index: LogIndex) {
        let index = index.min(self.last().index);
        let Some(term) = self.term(index).filter(|_| self.base.index < index) else { return };
        let first_kept = self.position(index.next()).expect("it lies above the base");
        self.entries.drain(..first_kept);
        self.base = EntryId { term, index };
    }

    /// Where the log would begin if of the entries up to `last` only the latest stayed: at most `entries` of them and,
    /// where bytes are limited, at most `bytes` bytes.
    pub fn trailing_base(&self, last: LogIndex, entries: u64, bytes: Option<NonZeroU64>) -> LogIndex {
        let base = LogIndex(last.0.saturating_sub(entries)).max(self.base.index);
        let Some(bytes) = bytes else { return base };
        let limit = usize::try_from(last.0.saturating_sub(base.0)).unwrap_or(usize::MAX);
        let mut room = bytes.get();
        let exceeds = |entry: &&Entry| match room.checked_sub(entry.size() as u64) {
            Some(rest) => {
                room = rest;
                false
            }
            None => true,
        };
        self.slice(base.next(), limit).iter().rev().find(exceeds).map_or(base, |entry| entry.id.index)
    }

    /// Makes this the log that goes on after a snapshot that ends with `last`: what it holds up to `compacted` goes,
    /// and everything if it does not hold `last`, for then it is of another history.
    pub fn follow(&mut self, last: EntryId, compacted: LogIndex) {
        if self.contains(last) {
            self.compact(compacted);
        } else {
            *self = Self::after(last);
        }
    }

    /// The last entry whose index is at most `bound.index` and whose term is at most `bound.term`. If another
    /// log holds `bound`, no entry of this one after the answer can be in that other log at or before
    /// `bound`: both sides skip that far when their logs diverge (Raft §5.3 end). `None` if that entry has been
    /// compacted away.
    pub fn backtrack(&self, bound: EntryId) -> Option<EntryId> {
        let offset = bound.index.0.checked_sub(self.base.index.0)?;
        let candidates = usize::try_from(offset).unwrap_or(usize::MAX).min(self.entries.len());
        let kept = self.entries[..candidates].partition_point(|entry| entry.id.term <= bound.term);
        let id = kept.checked_sub(1).map_or(self.base, |position| self.entries[position].id);
        (id.term <= bound.term).then_some(id)
    }

    /// Where the entry at `index` stands or would stand; `None` at or below the base.
    fn position(&self, index: LogIndex) -> Option<usize> {
        let offset = index.0.checked_sub(self.base.index.0)?.checked_sub(1)?;
        usize::try_from(offset).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Payload;
    use alloc::vec;
    use proptest::prelude::*;

    fn log(terms: &[u64]) -> Log {
        let entry = |(position, term): (usize, &u64)| Entry {
            id: EntryId::new(*term, position as u64 + 1),
            payload: Payload::Noop,
        };
        Log::new(terms.iter().enumerate().map(entry).collect())
    }

    #[test]
    fn the_empty_log_holds_the_position_before_the_first_entry() {
        let log = Log::default();
        assert!(log.contains(EntryId::ZERO));
        assert_eq!((log.last(), log.term(LogIndex(1))), (EntryId::ZERO, None));
        assert_eq!(log.backtrack(EntryId::new(9, 9)), Some(EntryId::ZERO));
        assert_eq!(log.backtrack(EntryId::new(u64::MAX, u64::MAX)), Some(EntryId::ZERO));
    }

    #[test]
    fn a_compacted_log_knows_its_base_and_nothing_before() {
        let mut log = log(&[1, 1, 2, 2, 3]);
        log.compact(LogIndex(3));
        assert_eq!((log.base(), log.last()), (EntryId::new(2, 3), EntryId::new(3, 5)));
        assert!(log.contains(EntryId::new(2, 3)) && !log.contains(EntryId::new(1, 2)));
        assert_eq!(log.slice(LogIndex(3), 9), []);
        assert_eq!(log.slice(LogIndex(4), 9).len(), 2);
        log.compact(LogIndex(2));
        assert_eq!(log.base(), EntryId::new(2, 3), "what is gone stays gone");
        log.compact(LogIndex(99));
        assert_eq!(log, Log::after(EntryId::new(3, 5)));
    }

    #[test]
    fn a_slice_outside_is_empty() {
        let log = log(&[1, 1, 2]);
        assert_eq!(log.slice(LogIndex(3), 9).len(), 1);
        assert_eq!(log.slice(LogIndex(4), 9), []);
        assert_eq!(log.slice(LogIndex(5), 9), []);
        assert_eq!(log.slice(LogIndex(0), 9), []);
        assert_eq!(log.slice(LogIndex(1), usize::MAX).len(), 3);
    }

    #[test]
    #[should_panic(expected = "no gaps")]
    fn a_gap_is_a_bug() {
        log(&[1]).push(Entry { id: EntryId::new(1, 3), payload: Payload::Noop });
    }

    #[test]
    #[should_panic(expected = "never descend")]
    fn a_descending_term_is_a_bug() {
        log(&[2]).push(Entry { id: EntryId::new(1, 2), payload: Payload::Noop });
    }

    fn ascending() -> impl Strategy<Value = Vec<u64>> {
        prop::collection::vec(0..3u64, 0..12).prop_map(|steps| {
            let mut term = 1;
            steps
                .into_iter()
                .map(|step| {
                    term += step;
                    term
                })
                .collect()
        })
    }

    proptest! {
        #[test]
        fn backtracking_agrees_with_a_linear_search(
            terms in ascending(),
            index in 0..15u64,
            term in 0..30u64,
            compacted in 0..15u64,
        ) {
            let mut log = log(&terms);
            log.compact(LogIndex(compacted));
            let bound = EntryId::new(term, index);
            let slow = (1..=terms.len() as u64)
                .map(|index| EntryId::new(terms[index as usize - 1], index))
                .rfind(|id| id.index <= bound.index && id.term <= bound.term)
                .unwrap_or(EntryId::ZERO);
            let held = (log.base().index <= slow.index && log.base().index <= bound.index).then_some(slow);
            prop_assert_eq!(log.backtrack(bound), held);
        }

        #[test]
        fn as_much_trails_as_may_by_number_and_by_bytes(
            lengths in prop::collection::vec(0..60usize, 0..12),
            compacted in 0..13u64,
            last in 0..13u64,
            entries in 0..15u64,
            bytes in prop::option::of(1..600u64),
        ) {
            let entry = |(index, length): (u64, &usize)| Entry {
                id: EntryId::new(1, index),
                payload: Payload::Data(vec![0; *length].into()),
            };
            let mut log = Log::new((1..).zip(&lengths).map(entry).collect());
            log.compact(LogIndex(compacted));
            let last = last.clamp(log.base().index.0, log.last().index.0);
            let fits = |base: &u64| {
                let trailing = (base + 1..=last).map(|index| log.get(LogIndex(index)).expect("it is kept"));
                let weight: usize = trailing.map(Entry::size).sum();
                last - base <= entries && bytes.is_none_or(|bytes| weight as u64 <= bytes)
            };
            let slow = (log.base().index.0..=last).find(fits).expect("nothing at all fits");
            prop_assert_eq!(log.trailing_base(LogIndex(last), entries, bytes.and_then(NonZeroU64::new)), LogIndex(slow));
        }

        #[test]
        fn truncation_keeps_exactly_what_stands_before(terms in ascending(), cut in 1..15u64) {
            let mut log = log(&terms);
            log.truncate(LogIndex(cut));
            let kept = terms.len().min(cut as usize - 1);
            prop_assert_eq!(log.entries().len(), kept);
            for index in 1..=kept as u64 {
                prop_assert!(log.contains(EntryId::new(terms[index as usize - 1], index)));
            }
        }

        #[test]
        fn slices_tile_the_log(terms in ascending(), limit in 1..5usize) {
            let log = log(&terms);
            let mut tiled = vec![];
            loop {
                let next = log.slice(LogIndex(tiled.len() as u64 + 1), limit);
                if next.is_empty() { break }
                tiled.extend_from_slice(next);
            }
            prop_assert_eq!(tiled.as_slice(), log.entries());
        }
    }
}
