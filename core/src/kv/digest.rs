//! A hash of a collection that is kept up to date at the cost of what changes in it.

use crate::types::Bytes;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// The hash of a collection of items, whatever the order in which they came and went: the sum of their hashes.
/// An item must be in the collection at most once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Digest(u64);

impl Digest {
    /// An item has come.
    pub(super) fn add(&mut self, item: Item) {
        self.0 = self.0.wrapping_add(item.0);
    }

    /// An item has gone.
    pub(super) fn remove(&mut self, item: Item) {
        self.0 = self.0.wrapping_sub(item.0);
    }

    /// The hash.
    pub(super) fn get(self) -> u64 {
        self.0
    }
}

/// The hash of an item: of a chain of parts, each hashed with the hash of those before it as its seed. A part ends
/// where its own hash ends, so that no two chains share their bytes: (`ab`, `c`) is not (`a`, `bc`).
#[derive(Clone, Copy, Debug)]
pub(super) struct Item(u64);

impl Item {
    /// A key that holds a STRING; the value follows.
    pub(super) fn string(key: &Bytes) -> Self {
        Self(1).part(key)
    }

    /// A key that holds a HASH; a field and its value follow.
    pub(super) fn hash(key: &Bytes) -> Self {
        Self(2).part(key)
    }

    /// A key that holds a SET; a member follows.
    pub(super) fn set(key: &Bytes) -> Self {
        Self(3).part(key)
    }

    /// A session; its last use follows.
    pub(super) fn session(id: u64) -> Self {
        Self(4).number(id)
    }

    /// A session that has answered; what it has follows.
    pub(super) fn answered(id: u64) -> Self {
        Self(5).number(id)
    }

    /// The limits of sessions; they follow.
    pub(super) fn limits() -> Self {
        Self(6)
    }

    /// With another part.
    pub(super) fn part(self, bytes: &[u8]) -> Self {
        Self(xxh3_64_with_seed(bytes, self.0))
    }

    /// With another part that is a number.
    pub(super) fn number(self, number: u64) -> Self {
        self.part(&number.to_le_bytes())
    }
}
