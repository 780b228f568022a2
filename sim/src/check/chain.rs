//! A log as a chain of hashes: the hash at an index stands for that entry and all before it, so that two
//! whole prefixes are compared by one integer.

use crate::observation::EntryFact;
use seaworthy_core::types::{EntryId, LogIndex, Term};

/// One entry of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Link {
    /// The entry's term.
    pub(super) term: Term,
    /// Of the entry and all before it.
    pub(super) hash: u64,
}

impl Link {
    /// What every log starts from.
    pub(super) const ROOT: Self = Self { term: Term::ZERO, hash: 0x9e37_79b9_7f4a_7c15 };

    /// The link of `entry` after this one.
    fn after(self, entry: &EntryFact) -> Self {
        let term = entry.id.term;
        let content = fold(self.hash ^ 0xa076_1d64_78bd_642f, entry.payload ^ 0xe703_7ed1_a0b4_28db);
        Self { term, hash: fold(content ^ 0x8ebc_6af0_9c88_c6e3, term.0 ^ 0x5899_65cc_7537_4cc3) }
    }
}

/// Multiplies and folds both halves together (the mixing step of wyhash): a few cycles, and any bit of either
/// side reaches every bit of the result.
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ ((product >> 64) as u64)
}

/// Where an index stands in a `Vec`.
pub(super) fn slot(index: LogIndex) -> usize {
    usize::try_from(index.0).expect("a log fits in memory")
}

/// A log, entry by entry.
#[derive(Clone, Debug)]
pub(super) struct Chain {
    /// By index; the first is [`Link::ROOT`].
    links: Vec<Link>,
}

/// Entries that do not continue the log that they were appended to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gap {
    /// The end of what there was.
    pub(super) after: EntryId,
    /// What came next.
    pub(super) next: EntryId,
}

impl Chain {
    /// The empty log.
    pub(super) fn new() -> Self {
        Self { links: vec![Link::ROOT] }
    }

    /// The index of the last entry.
    pub(super) fn end(&self) -> LogIndex {
        LogIndex(self.links.len() as u64 - 1)
    }

    /// The last entry; [`EntryId::ZERO`] if there is none.
    pub(super) fn last(&self) -> EntryId {
        EntryId { term: self.tip().term, index: self.end() }
    }

    /// The last link.
    pub(super) fn tip(&self) -> Link {
        *self.links.last().expect("the root is never cut")
    }

    /// The link at `index`, if the log is that long.
    pub(super) fn get(&self, index: LogIndex) -> Option<Link> {
        self.links.get(slot(index)).copied()
    }

    /// The entry at `index`, if the log is that long.
    pub(super) fn id(&self, index: LogIndex) -> Option<EntryId> {
        self.get(index).map(|link| EntryId { term: link.term, index })
    }

    /// Whether the log holds the entry at `index` and the history before it that `hash` stands for.
    pub(super) fn holds(&self, index: LogIndex, hash: u64) -> bool {
        self.get(index).is_some_and(|link| link.hash == hash)
    }

    /// Cuts the log before `entries[0]` and appends `entries`.
    ///
    /// # Errors
    /// The first entry that does not continue the log. What precedes it has been appended.
    pub(super) fn replace(&mut self, entries: &[EntryFact]) -> Result<(), Gap> {
        assert!(!entries.is_empty(), "an append brings at least one entry");
        let first = entries[0].id;
        if first.index == LogIndex::ZERO || first.index > self.end().next() {
            return Err(Gap { after: self.last(), next: first });
        }
        self.links.truncate(slot(first.index));
        let mut tip = self.tip();
        for entry in entries {
            if entry.id.index != self.end().next() {
                return Err(Gap { after: self.last(), next: entry.id });
            }
            tip = tip.after(entry);
            self.links.push(tip);
        }
        Ok(())
    }

    /// Appends what another log holds after the end of this one, up to `end`.
    pub(super) fn extend_from(&mut self, other: &Self, end: LogIndex) {
        self.links.extend_from_slice(&other.links[self.links.len()..=slot(end)]);
    }

    /// Becomes the prefix of `other` up to `end`, which it has.
    pub(super) fn become_prefix(&mut self, other: &Self, end: LogIndex) {
        self.links.clear();
        self.links.extend_from_slice(&other.links[..=slot(end)]);
    }

    /// Becomes equal to `other`, keeping its own memory.
    pub(super) fn copy_from(&mut self, other: &Self) {
        self.links.clone_from(&other.links);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(term: u64, index: u64, payload: u64) -> EntryFact {
        EntryFact { id: EntryId::new(term, index), payload }
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
        assert_eq!(gap, Gap { after: EntryId::new(1, 1), next: EntryId::new(1, 3) });
        assert!(chain.replace(&[entry(1, 2, 0), entry(1, 4, 0)]).is_err());
        assert!(chain.replace(&[entry(0, 0, 0)]).is_err(), "nothing comes before index 1");
    }
}
