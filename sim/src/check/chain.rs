//! A log as a chain of hashes: the hash at an index stands for that entry and all before it, so that two
//! whole prefixes are compared by one integer.

use super::window::Window;
use crate::observation::EntryFact;
use seaworthy_core::types::{EntryId, LogIndex, Term};
use std::fmt;

/// One entry of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Link {
    /// The entry's term.
    pub(super) term: Term,
    /// Of the entry and all before it.
    pub(super) hash: u64,
    /// The bytes of the entry and of those before it, counted from somewhere: within one chain differences mean
    /// something, and nothing else does.
    pub(super) bytes: u64,
}

impl Link {
    /// What every log starts from.
    pub(super) const ROOT: Self = Self { term: Term::ZERO, hash: 0x9e37_79b9_7f4a_7c15, bytes: 0 };

    /// The link of `entry` after this one.
    fn after(self, entry: &EntryFact) -> Self {
        let term = entry.id.term;
        let content = fold(self.hash ^ 0xa076_1d64_78bd_642f, entry.payload ^ 0xe703_7ed1_a0b4_28db);
        let hash = fold(content ^ 0x8ebc_6af0_9c88_c6e3, term.0 ^ 0x5899_65cc_7537_4cc3);
        Self { term, hash, bytes: self.bytes + entry.bytes }
    }
}

/// Multiplies and folds both halves together (the mixing step of wyhash): a few cycles, and any bit of either
/// side reaches every bit of the result.
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ ((product >> 64) as u64)
}

/// A log, entry by entry.
///
/// What stood before its base is forgotten. All of that was committed, and whoever goes on from there holds it.
#[derive(Clone, Debug)]
pub(super) struct Chain {
    /// By index, and never empty: the first stands for all that came before.
    links: Window<Link>,
}

/// Entries that do not continue the log that they were appended to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gap {
    /// What the log goes on from.
    pub(super) base: EntryId,
    /// The end of what there was.
    pub(super) after: EntryId,
    /// What came next.
    pub(super) next: EntryId,
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { base, after, next } = self;
        if base.index < next.index {
            write!(f, "appended {next} to a log that ends at {after}")
        } else {
            write!(f, "appended {next} to a log that goes on from {base}, which is committed")
        }
    }
}

impl Chain {
    /// The empty log.
    pub(super) fn new() -> Self {
        Self::after(LogIndex::ZERO, Link::ROOT)
    }

    /// A log without entries that goes on from the one at `index`.
    pub(super) fn after(index: LogIndex, link: Link) -> Self {
        let mut links = Window::new(index);
        links.push(link);
        Self { links }
    }

    /// The index of the entry that it goes on from.
    pub(super) fn base(&self) -> LogIndex {
        self.links.base()
    }

    /// The index of the last entry.
    pub(super) fn end(&self) -> LogIndex {
        self.links.next().previous()
    }

    /// How much is kept of it.
    pub(super) fn len(&self) -> usize {
        self.links.len()
    }

    /// The last entry; [`EntryId::ZERO`] if there is none.
    pub(super) fn last(&self) -> EntryId {
        EntryId { term: self.tip().term, index: self.end() }
    }

    /// The last link.
    pub(super) fn tip(&self) -> Link {
        *self.links.last().expect("the base is never cut")
    }

    /// The link at `index`, if the log is that long and goes back so far.
    pub(super) fn get(&self, index: LogIndex) -> Option<Link> {
        self.links.get(index).copied()
    }

    /// The entry at `index`, if the log is that long and goes back so far.
    pub(super) fn id(&self, index: LogIndex) -> Option<EntryId> {
        self.get(index).map(|link| EntryId { term: link.term, index })
    }

    /// How many bytes the entries after `base` up to `end` have, if the log is that long and goes back so far.
    pub(super) fn bytes(&self, base: LogIndex, end: LogIndex) -> Option<u64> {
        self.get(end)?.bytes.checked_sub(self.get(base)?.bytes)
    }

    /// Whether the log holds the entry at `index` and the history before it that `hash` stands for. Of what was
    /// forgotten every log holds the same.
    pub(super) fn holds(&self, index: LogIndex, hash: u64) -> bool {
        self.get(index).map_or(index < self.base(), |link| link.hash == hash)
    }

    /// As [`Chain::replace`], of a log that goes on from `snapshot`: it is never cut where that stands for it.
    ///
    /// # Errors
    /// The first entry that does not continue the log.
    pub(super) fn append(&mut self, entries: &[EntryFact], snapshot: Option<EntryId>) -> Result<(), Gap> {
        let next = entries[0].id;
        match snapshot.filter(|base| next.index <= base.index) {
            Some(base) => Err(Gap { base, after: self.last(), next }),
            None => self.replace(entries),
        }
    }

    /// Cuts the log before `entries[0]` and appends `entries`.
    ///
    /// # Errors
    /// The first entry that does not continue the log. What precedes it has been appended.
    pub(super) fn replace(&mut self, entries: &[EntryFact]) -> Result<(), Gap> {
        assert!(!entries.is_empty(), "an append brings at least one entry");
        let first = entries[0].id;
        if first.index <= self.base() || self.links.next() < first.index {
            return Err(self.gap(first));
        }
        self.links.truncate(first.index);
        let mut tip = self.tip();
        for entry in entries {
            if entry.id.index != self.links.next() {
                return Err(self.gap(entry.id));
            }
            tip = tip.after(entry);
            self.links.push(tip);
        }
        Ok(())
    }

    /// Appends what another log holds after the end of this one, up to `end`.
    pub(super) fn extend_from(&mut self, other: &Self, end: LogIndex) {
        self.links.extend_from(&other.links, end);
    }

    /// Becomes equal to `other`, keeping its own memory.
    pub(super) fn copy_from(&mut self, other: &Self) {
        self.links.copy_from(&other.links);
    }

    /// Forgets what stands before `index`, unless that is all.
    pub(super) fn forget_before(&mut self, index: LogIndex) {
        if index <= self.end() {
            self.links.forget_before(index);
        }
    }

    fn gap(&self, next: EntryId) -> Gap {
        let base = self.id(self.base()).expect("the base is never cut");
        Gap { base, after: self.last(), next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(term: u64, index: u64, payload: u64) -> EntryFact {
        EntryFact { id: EntryId::new(term, index), payload, bytes: 10 }
    }

    #[test]
    fn a_hash_stands_for_the_whole_prefix() {
        let (mut one, mut other) = (Chain::new(), Chain::new());
        one.replace(&[entry(1, 1, 7), entry(1, 2, 8)]).unwrap();
        other.replace(&[entry(1, 1, 9), entry(1, 2, 8)]).unwrap();
        assert_ne!(one.tip(), other.tip(), "equal entries after unequal ones");
        other.replace(&[entry(1, 1, 7), entry(1, 2, 8)]).unwrap();
        assert_eq!(one.tip(), other.tip());
        other.replace(&[entry(2, 2, 8)]).unwrap();
        assert_ne!(one.tip(), other.tip(), "the term is part of an entry");
    }

    #[test]
    fn a_gap_is_told_not_filled() {
        let mut chain = Chain::new();
        chain.replace(&[entry(1, 1, 0)]).unwrap();
        let gap = chain.replace(&[entry(1, 3, 0)]).unwrap_err();
        assert_eq!(gap.to_string(), "appended 3@1 to a log that ends at 1@1");
        assert!(chain.replace(&[entry(1, 2, 0), entry(1, 4, 0)]).is_err());
        assert!(chain.replace(&[entry(0, 0, 0)]).is_err(), "nothing comes before index 1");
    }

    #[test]
    fn a_log_that_has_forgotten_its_beginning_is_still_the_same_log() {
        let mut whole = Chain::new();
        let entries: Vec<_> = (1..=9).map(|index| entry(1, index, index)).collect();
        whole.replace(&entries).unwrap();
        let mut rest = whole.clone();
        rest.forget_before(LogIndex(4));
        assert_eq!((rest.base(), rest.len(), rest.tip()), (LogIndex(4), 6, whole.tip()));
        for index in (0..=9).map(LogIndex) {
            assert!(rest.holds(index, whole.get(index).unwrap().hash), "{index}");
        }
        assert!(!rest.holds(LogIndex(4), 0) && !rest.holds(LogIndex(10), 0));
        rest.forget_before(LogIndex(10));
        assert_eq!(rest.base(), LogIndex(4), "the end stays");
        let gap = rest.replace(&[entry(2, 4, 0)]).unwrap_err();
        assert_eq!(gap.to_string(), "appended 4@2 to a log that goes on from 4@1, which is committed");
        rest.replace(&entries[4..]).unwrap();
        assert_eq!(rest.tip(), whole.tip());
    }
}
