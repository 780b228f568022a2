//! A node's view of its single ordered write queue: what was issued, and what of it is durable.

use crate::effect::{Effects, HardState, Record, Write};
use crate::message::Entry;
use crate::snapshot::Snapshot;
use crate::types::{LogIndex, WriteSeq};
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// Durability as one watermark over a queue, not as statements about terms and indexes, so that it cannot be
/// confused by a truncation that overtakes an append.
///
/// - `durable <= issued`.
/// - `appends` holds the writes after `durable` by which the log grew, and how far, ascending in both parts.
#[derive(Clone, Debug, Default)]
pub(super) struct WriteQueue {
    issued: WriteSeq,
    durable: WriteSeq,
    hard_state: WriteSeq,
    durable_index: LogIndex,
    appends: VecDeque<(WriteSeq, LogIndex)>,
}

impl WriteQueue {
    /// The queue of a node that starts with a durable log up to `last`.
    pub(super) fn new(last: LogIndex) -> Self {
        Self { durable_index: last, ..Self::default() }
    }

    /// Writes term and vote.
    pub(super) fn write_hard_state(&mut self, hard_state: HardState, effects: &mut Effects) {
        self.hard_state = self.write(Record::HardState(hard_state), effects);
    }

    /// Writes entries, which replace everything from the first of them on.
    pub(super) fn write_entries(&mut self, entries: Vec<Entry>, effects: &mut Effects) {
        let first = entries.first().expect("an append is never empty").id.index;
        let last = entries.last().expect("an append is never empty").id.index;
        // Of what is durable or on its way, only what stands before the first still counts.
        let kept = first.previous();
        self.durable_index = self.durable_index.min(kept);
        for (_, end) in self.appends.iter_mut().rev().take_while(|(_, end)| kept < *end) {
            *end = kept;
        }
        let seq = self.write(Record::Append(entries), effects);
        self.appends.push_back((seq, last));
    }

    /// Writes a snapshot of what the log holds, which leaves the log as it is but for its compacted beginning.
    pub(super) fn write_snapshot(
        &mut self,
        snapshot: Snapshot,
        compacted: LogIndex,
        effects: &mut Effects,
    ) -> WriteSeq {
        self.write(Record::Snapshot { snapshot: Box::new(snapshot), compacted }, effects)
    }

    /// Writes a snapshot in place of the whole log: nothing that is durable or on its way counts any more.
    pub(super) fn replace_log(&mut self, snapshot: Snapshot, effects: &mut Effects) {
        let last = snapshot.last.index;
        let seq = self.write_snapshot(snapshot, last, effects);
        self.durable_index = LogIndex::ZERO;
        self.appends.clear();
        self.appends.push_back((seq, last));
    }

    fn write(&mut self, record: Record, effects: &mut Effects) -> WriteSeq {
        self.issued = self.issued.next();
        effects.writes.push(Write { seq: self.issued, record });
        self.issued
    }

    /// Everything up to `seq` is durable.
    pub(super) fn persisted(&mut self, seq: WriteSeq) {
        assert!(seq <= self.issued, "a write is durable only after it was issued");
        self.durable = self.durable.max(seq);
        while self.appends.front().is_some_and(|(append, _)| *append <= self.durable) {
            let (_, end) = self.appends.pop_front().expect("the front was just seen");
            self.durable_index = self.durable_index.max(end);
        }
    }

    /// The last entry of this node's log that is durable.
    pub(super) fn durable_index(&self) -> LogIndex {
        self.durable_index
    }

    /// What to wait for until everything issued so far is durable.
    pub(super) fn everything(&self) -> WriteSeq {
        self.pending(self.issued)
    }

    /// What to wait for until term and vote are durable.
    pub(super) fn hard_state(&self) -> WriteSeq {
        self.pending(self.hard_state)
    }

    /// What to wait for until term, vote and the log up to `index` are durable.
    pub(super) fn covering(&self, index: LogIndex) -> WriteSeq {
        let append = if index <= self.durable_index {
            WriteSeq::ZERO
        } else {
            let append = self.appends.iter().find(|(_, end)| index <= *end);
            append.expect("the log holds nothing that was not written").0
        };
        append.max(self.hard_state())
    }

    /// Whether the write `seq` is durable.
    pub(super) fn is_durable(&self, seq: WriteSeq) -> bool {
        seq <= self.durable
    }

    fn pending(&self, seq: WriteSeq) -> WriteSeq {
        if self.is_durable(seq) { WriteSeq::ZERO } else { seq }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Payload;
    use crate::types::EntryId;

    fn entries(term: u64, indexes: core::ops::RangeInclusive<u64>) -> Vec<Entry> {
        indexes.map(|index| Entry { id: EntryId::new(term, index), payload: Payload::Noop }).collect()
    }

    #[test]
    fn an_append_that_was_overtaken_by_a_truncation_counts_only_as_far_as_it_still_stands() {
        let mut queue = WriteQueue::new(LogIndex(2));
        let mut effects = Effects::default();
        queue.write_entries(entries(1, 3..=10), &mut effects);
        queue.write_entries(entries(2, 6..=7), &mut effects);
        assert_eq!(queue.covering(LogIndex(2)), WriteSeq(0));
        assert_eq!(queue.covering(LogIndex(5)), WriteSeq(1));
        assert_eq!(queue.covering(LogIndex(6)), WriteSeq(2));
        queue.persisted(WriteSeq(1));
        assert_eq!(queue.durable_index(), LogIndex(5), "entries 6..=10 of the first append are gone");
        queue.persisted(WriteSeq(2));
        assert_eq!(queue.durable_index(), LogIndex(7));
    }

    #[test]
    fn a_vote_does_not_wait_for_the_log_and_a_campaign_does() {
        let mut queue = WriteQueue::new(LogIndex(0));
        let mut effects = Effects::default();
        queue.write_hard_state(HardState::default(), &mut effects);
        queue.write_entries(entries(1, 1..=1), &mut effects);
        assert_eq!((queue.hard_state(), queue.everything()), (WriteSeq(1), WriteSeq(2)));
        queue.persisted(WriteSeq(1));
        assert_eq!((queue.hard_state(), queue.everything()), (WriteSeq(0), WriteSeq(2)));
    }
}
