//! Records as bytes in files: the journal of a replica, the files that it writes to, and what is wrong with them.

use super::files::{Files, Losses, Luck};
use super::point::{CrashPoint, Points};
use crate::replica::Replica;
use seaworthy_core::storage::{File, Operation, RecoveryError};
use seaworthy_core::types::WriteSeq;
use std::fmt;

/// How the records of a replica stand in files: [`seaworthy_core::storage::Journal`], or what a foreign Raft has.
pub trait Format<R: Replica>: fmt::Debug {
    /// Takes the next record of the write queue into the batch.
    fn append(&mut self, write: R::Write);

    /// Ends the batch: what was appended becomes durable with the operations that this adds.
    fn sync(&mut self);

    /// The next thing to do to the files. Asking for it says that all before has been carried out, and succeeded.
    fn next_operation(&mut self) -> Option<Operation>;

    /// How many of the records that were appended outlive a crash, the first ones.
    fn durable(&self) -> WriteSeq;

    /// Starts anew from what is in the files, and says what that comes to. A replica may start from it once all
    /// operations that follow from it have been carried out.
    ///
    /// # Errors
    /// If the files are not what crashes alone can have left.
    fn recover(&mut self, files: &[(String, &[u8])]) -> Result<R::Durable, RecoveryError>;
}

/// Why a disk did not do what it was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The host crashes at this point.
    Crash(CrashPoint),
    /// A sync fails. What it should have made durable may never be.
    Sync,
    /// A write fails half-way, because there is no space left.
    Full,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Crash(point) => write!(f, "crash {}", point.to_string().replace('_', " ")),
            Self::Sync => f.write_str("sync failed"),
            Self::Full => f.write_str("disk full"),
        }
    }
}

/// Why a node cannot start from its disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// What is there is not what it wrote.
    Refused {
        /// In recovery's words.
        why: RecoveryError,
        /// Whether the disk had lost what was durable, so that this is as it should be.
        rotten: bool,
    },
    /// Recovery writes, and that failed.
    Failed(Failure),
}

/// The store of one node.
#[derive(Debug)]
pub(super) struct Store<R: Replica> {
    format: Box<dyn Format<R>>,
    files: Files,
    /// What was durable may be damaged.
    rotten: bool,
    pub(super) full: bool,
    /// The next sync fails.
    pub(super) sync_fails: bool,
    pub(super) crash_at: Option<CrashPoint>,
}

impl<R: Replica> Store<R> {
    /// A new disk, formatted.
    pub(super) fn new(format: Box<dyn Format<R>>, sector_size: usize) -> Self {
        let files = Files::new(sector_size);
        let mut store = Self { format, files, rotten: false, full: false, sync_fails: false, crash_at: None };
        store.carry_out().expect("nothing is wrong with a new disk");
        store
    }

    pub(super) fn append(&mut self, write: R::Write) {
        self.format.append(write);
    }

    pub(super) fn begin_sync(&mut self) {
        self.format.sync();
    }

    /// Carries out all that is to be done. After a failure the store is of no use but to be recovered.
    pub(super) fn carry_out(&mut self) -> Result<WriteSeq, Failure> {
        while let Some(operation) = self.format.next_operation() {
            self.perform(operation)?;
        }
        Ok(self.format.durable())
    }

    /// The host crashes; while a sync is under way, after any of its operations.
    pub(super) fn crash(&mut self, syncs: bool, tears: bool, luck: Luck<'_>) -> Losses {
        // What is written and not synced is most at risk, so that a crash comes there most often.
        let goes_on = |operation: &Operation| match operation {
            Operation::Sync(_) | Operation::SyncDirectory => 4,
            _ => 7,
        };
        while syncs
            && let Some(operation) = self.format.next_operation()
            && luck(8) < goes_on(&operation)
            && self.perform(operation).is_ok()
        {}
        self.files.crash(tears, luck)
    }

    /// Something that was durable is damaged, while the node is down.
    pub(super) fn rot(&mut self, luck: Luck<'_>) -> Option<File> {
        let file = self.files.rot(luck);
        self.rotten |= file.is_some();
        file
    }

    pub(super) fn recover(&mut self) -> Result<R::Durable, Trouble> {
        let recovered = self.format.recover(&self.files.list());
        let durable = recovered.map_err(|why| Trouble::Refused { why, rotten: self.rotten })?;
        self.carry_out().map_err(Trouble::Failed)?;
        // Everything was written anew.
        self.rotten = false;
        Ok(durable)
    }

    fn perform(&mut self, operation: Operation) -> Result<(), Failure> {
        let points = Points::of(&operation);
        self.pass(points.before)?;
        let full = self.full && matches!(operation, Operation::Create(_) | Operation::Write { .. });
        if full || points.middle.is_some() && points.middle == self.crash_at {
            if let Operation::Write { file, offset, bytes } = operation {
                self.files.carry_out(Operation::Write { file, offset, bytes: bytes.half() });
            }
            self.pass(points.middle)?;
            return Err(Failure::Full);
        }
        if self.sync_fails && matches!(operation, Operation::Sync(_)) {
            self.sync_fails = false;
            return Err(Failure::Sync);
        }
        self.files.carry_out(operation);
        self.pass(points.after)
    }

    fn pass(&mut self, point: Option<CrashPoint>) -> Result<(), Failure> {
        match self.crash_at.take_if(|at| Some(*at) == point) {
            Some(point) => Err(Failure::Crash(point)),
            None => Ok(()),
        }
    }
}
