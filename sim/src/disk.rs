//! A node's disk: one ordered queue of writes, and what a crash leaves of it.

use crate::network::distribution::Sampler;
use crate::replica::Replica;
use seaworthy_core::types::WriteSeq;
use std::collections::VecDeque;

/// What a node has written and what of it would survive.
///
/// Invariants:
/// - the durable image is the initial one and a prefix of all that was ever written, without what crashes took;
/// - a sync covers the oldest pending writes and no others, and only one is under way;
/// - sequence numbers rise over one life of the node.
#[derive(Clone, Debug)]
pub struct Disk<R: Replica> {
    durable: R::Durable,
    pending: VecDeque<(WriteSeq, R::Write)>,
    /// How many of the pending writes the sync that is under way covers; 0 if none is.
    syncing: usize,
    written: WriteSeq,
    synced: WriteSeq,
    /// How long a sync takes.
    pub sync: Sampler,
}

impl<R: Replica> Disk<R> {
    /// A disk that holds `durable`.
    pub fn new(durable: R::Durable, sync: Sampler) -> Self {
        Self {
            durable,
            pending: VecDeque::new(),
            syncing: 0,
            written: WriteSeq::ZERO,
            synced: WriteSeq::ZERO,
            sync,
        }
    }

    /// What would survive a crash.
    pub fn durable(&self) -> &R::Durable {
        &self.durable
    }

    /// What would perhaps not, in order.
    pub fn pending(&self) -> impl Iterator<Item = &R::Write> {
        self.pending.iter().map(|(_, write)| write)
    }

    /// How much of it there is.
    pub fn pending_len(&self) -> usize {
        self.pending.len()
    }

    /// Everything up to this write is durable and may be reported so.
    pub fn synced(&self) -> WriteSeq {
        self.synced
    }

    /// Queues a write.
    ///
    /// # Panics
    /// If the replica's write queue is out of order.
    pub fn write(&mut self, seq: WriteSeq, write: R::Write) {
        assert!(self.written < seq, "write {seq} comes after write {}", self.written);
        self.written = seq;
        self.pending.push_back((seq, write));
    }

    /// Begins a sync of everything pending, if there is anything and no sync is under way. Says whether it did.
    pub fn begin_sync(&mut self) -> bool {
        let begins = self.syncing == 0 && !self.pending.is_empty();
        if begins {
            self.syncing = self.pending.len();
        }
        begins
    }

    /// How many writes the sync that is under way covers, which is now over.
    pub fn end_sync(&mut self) -> usize {
        std::mem::take(&mut self.syncing)
    }

    /// Makes the oldest pending write durable and shows it first.
    ///
    /// # Panics
    /// If nothing is pending.
    pub fn persist_next<T>(&mut self, show: impl FnOnce(&R::Write) -> T) -> T {
        let (seq, write) = self.pending.pop_front().expect("the caller counts the pending writes");
        let shown = show(&write);
        R::persist(&mut self.durable, write);
        self.synced = seq;
        shown
    }

    /// Loses everything.
    pub fn wipe(&mut self) {
        self.durable = R::durable(None);
    }

    /// Loses what is not durable, and starts a new life.
    pub fn crash(&mut self) {
        self.pending.clear();
        self.syncing = 0;
        self.written = WriteSeq::ZERO;
        self.synced = WriteSeq::ZERO;
    }
}
