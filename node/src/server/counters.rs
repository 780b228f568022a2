//! What a server has done since it started, in numbers that anybody may look at meanwhile.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The bounds of the classes into which syncs are sorted by the time that they took, in microseconds.
pub(crate) const SYNC_BOUNDS: [u64; 13] =
    [100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000];

/// Numbers that only grow.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Requests to write, or to open a session, that arrived.
    pub(crate) proposals: AtomicU64,
    /// Requests to read that arrived.
    pub(crate) reads: AtomicU64,
    /// Requests and instructions that were refused.
    pub(crate) refusals: AtomicU64,
    /// Messages from peers that arrived.
    pub(crate) received: AtomicU64,
    /// Messages that left for peers.
    pub(crate) sent: AtomicU64,
    /// Records that were made durable.
    pub(crate) records: AtomicU64,
    /// Batches that were made durable, by the time that it took: up to each bound and no less, and the rest.
    pub(crate) syncs: [AtomicU64; SYNC_BOUNDS.len() + 1],
    /// The time that all of them took, in microseconds.
    pub(crate) sync_micros: AtomicU64,
}

impl Counters {
    /// A batch of so many records is durable.
    pub(super) fn on_sync(&self, records: usize, took: Duration) {
        let micros = took.as_micros() as u64;
        let class = SYNC_BOUNDS.iter().position(|bound| micros <= *bound).unwrap_or(SYNC_BOUNDS.len());
        count(&self.syncs[class], 1);
        count(&self.sync_micros, micros);
        count(&self.records, records as u64);
    }
}

/// Adds to a counter. Nothing else depends on it, so that it need not be ordered with anything.
pub(crate) fn count(counter: &AtomicU64, more: u64) {
    counter.fetch_add(more, Ordering::Relaxed);
}
