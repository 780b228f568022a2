//! The writer: takes the records of the write queue, gives out what is to be done to the disk.

use super::file::{File, Operation};
use super::record::{Kind, encode_checkpoint, encode_entries, encode_hard_state};
use super::segment::{Header, Tail};
use super::{Geometry, Identity};
use crate::durable::Durable;
use crate::effect::Record;
use crate::flaw::{Flaw, Flaws, Sound};
use crate::types::WriteSeq;
use alloc::collections::VecDeque;
use alloc::vec::{Drain, Vec};
use core::mem;

/// The journal of one node: its write queue on its disk.
///
/// A driver appends records, ends the batch with [`sync`](Self::sync), and carries out the operations one by one until
/// there are none. [`durable`](Self::durable) says what may be reported as persisted.
///
/// - `reached <= underway <= issued`, in both of their parts.
#[derive(Debug)]
pub struct Journal<F = Sound> {
    identity: Identity,
    geometry: Geometry,
    flaws: F,
    /// All records that were appended, folded.
    state: Durable,
    appended: WriteSeq,
    /// What the next checkpoint takes the place of.
    files: Vec<File>,
    /// The segment that is written to.
    segment: u64,
    tail: Tail,
    /// Whether the batch holds a snapshot, so that a new segment takes the place of all.
    replaces: bool,
    queue: VecDeque<(Operation, Progress)>,
    issued: Progress,
    underway: Progress,
    reached: Progress,
}

/// Where a journal begins.
pub(super) struct Place {
    /// The number of its first segment.
    pub segment: u64,
    /// The position of its first record.
    pub position: u64,
    /// The files that go.
    pub obsolete: Vec<File>,
}

/// How far the queue is safe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Progress {
    durable: WriteSeq,
    sealed: WriteSeq,
}

impl<F: Flaws> Journal<F> {
    /// A journal in an empty directory, for a node that starts from `state`.
    ///
    /// Only for a node that never ran: one that lost its disk and gets a new one here breaks what it has promised.
    /// Before the operations have been carried out, a crash leaves a disk without a journal; format it again.
    ///
    /// # Panics
    /// If the sector size is 0.
    pub fn format(identity: Identity, geometry: Geometry, flaws: F, state: Durable) -> Self {
        Self::begin(identity, geometry, flaws, state, Place { segment: 1, position: 1, obsolete: Vec::new() })
    }

    /// The journal that begins with `state` and takes the place of what was there.
    pub(super) fn begin(
        identity: Identity,
        geometry: Geometry,
        flaws: F,
        state: Durable,
        place: Place,
    ) -> Self {
        assert!(0 < geometry.sector_size, "a sector has bytes");
        let Place { segment, position, obsolete } = place;
        let mut journal = Self {
            identity,
            geometry,
            flaws,
            state,
            appended: WriteSeq::ZERO,
            files: obsolete,
            segment: segment - 1,
            tail: Tail::before(position),
            replaces: true,
            queue: VecDeque::new(),
            issued: Progress::default(),
            underway: Progress::default(),
            reached: Progress::default(),
        };
        journal.sync();
        journal
    }

    /// Takes the next record of the write queue into the batch. A snapshot makes the batch a checkpoint, which holds
    /// what the other records of the batch come to.
    ///
    /// # Panics
    /// If an append would leave a gap, which only a reordered queue can do.
    pub fn append(&mut self, record: Record) {
        match &record {
            Record::HardState(hard_state) => {
                self.tail.push(Kind::HardState, |out| encode_hard_state(*hard_state, out));
            }
            Record::Append(entries) => self.tail.push(Kind::Append, |out| encode_entries(entries, out)),
            Record::Snapshot { .. } => self.replaces = true,
        }
        self.state.persist(record);
        self.appended = self.appended.next();
    }

    /// Ends the batch: what was appended becomes durable with the operations that this adds.
    pub fn sync(&mut self) {
        if self.replaces {
            self.checkpoint();
        } else if !self.tail.is_empty() {
            self.write_batch();
            if self.geometry.segment_size <= self.tail.offset() {
                self.begin_segment(false);
            }
        }
    }

    /// Makes it certain that what is durable is never taken for a torn tail, at the cost of one more sync. Each
    /// batch does that for those before it, so that only a driver with nothing to write needs this.
    pub fn seal(&mut self) {
        self.sync();
        if self.issued.sealed < self.issued.durable {
            self.write_batch();
        }
    }

    /// The next thing to do. Asking for it says that all before has been carried out, and succeeded.
    pub fn next_operation(&mut self) -> Option<Operation> {
        self.reached = self.underway;
        let (operation, progress) = self.queue.pop_front()?;
        self.underway = progress;
        Some(operation)
    }

    /// Everything up to this write, counted from the start of this journal, outlives a crash.
    pub fn durable(&self) -> WriteSeq {
        self.reached.durable
    }

    /// Everything up to this write is never taken for a torn tail: if its bytes rot, recovery refuses the disk.
    pub fn sealed(&self) -> WriteSeq {
        self.reached.sealed
    }

    /// The batch at the end of the segment.
    fn write_batch(&mut self) {
        let file = File::Segment(self.segment);
        let (offset, bytes) = self.tail.end_batch(self.geometry.sector_size);
        self.push(Operation::Write { file, offset, bytes });
        // What this batch says of those before it is as durable as itself.
        self.issued = Progress { durable: self.appended, sealed: self.issued.durable };
        self.push(Operation::Sync(file));
    }

    /// The whole state as a segment that stands alone, instead of all there is. It is durable under its name before
    /// anything that it replaces goes.
    fn checkpoint(&mut self) {
        let mut obsolete = mem::take(&mut self.files);
        if self.flaws.has(Flaw::LogDeletedBeforeSnapshot) {
            self.delete(obsolete.drain(..));
        }
        self.replaces = false;
        self.begin_segment(true);
        self.delete(obsolete.drain(..));
    }

    /// A new segment, which gets its name when it is whole and durable. All records before it are durable by then:
    /// the batch before was synced, or a checkpoint stands for it.
    fn begin_segment(&mut self, stands_alone: bool) {
        self.segment += 1;
        let (temporary, segment) = (File::Temporary(self.segment), File::Segment(self.segment));
        let first = self.tail.position();
        // The filler is a record too.
        let settled = first + 1 + u64::from(stands_alone);
        let header = Header { stands_alone, identity: self.identity, segment: self.segment, first, settled };
        self.tail = Tail::new(&header);
        if stands_alone {
            self.tail.push(Kind::Checkpoint, |out| encode_checkpoint(&self.state, out));
        }
        let (offset, bytes) = self.tail.end_batch(self.geometry.sector_size);
        self.push(Operation::Create(temporary));
        self.push(Operation::Write { file: temporary, offset, bytes });
        self.push(Operation::Sync(temporary));
        self.push(Operation::Rename { from: temporary, to: segment });
        self.issued = Progress { durable: self.appended, sealed: self.appended };
        if !self.flaws.has(Flaw::DirectoryNotSynced) {
            self.push(Operation::SyncDirectory);
        }
        self.files.push(segment);
    }

    fn delete(&mut self, files: Drain<'_, File>) {
        files.for_each(|file| self.push(Operation::Delete(file)));
    }

    fn push(&mut self, operation: Operation) {
        self.queue.push_back((operation, self.issued));
    }
}
