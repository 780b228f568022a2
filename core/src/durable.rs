//! What a disk holds: the write queue, folded. A node is built from this alone.

use crate::effect::{HardState, Record};
use crate::message::Entry;
use alloc::vec::Vec;

/// The durable state of one node (Raft Figure 2, persistent state).
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Durable {
    /// Term and vote.
    pub hard_state: HardState,
    /// The log from index 1, contiguous, terms never descending.
    pub log: Vec<Entry>,
}

impl Durable {
    /// Puts one record of the write queue on the disk.
    ///
    /// # Panics
    /// If an append would leave a gap, which only a reordered queue can do.
    pub fn persist(&mut self, record: Record) {
        match record {
            Record::HardState(hard_state) => self.hard_state = hard_state,
            Record::Append(entries) => {
                let first = entries.first().expect("an append is never empty").id.index;
                let keep = usize::try_from(first.previous().0).expect("a log fits in memory");
                assert!(keep <= self.log.len(), "the write queue is applied in order");
                self.log.truncate(keep);
                self.log.extend(entries);
            }
        }
    }
}
