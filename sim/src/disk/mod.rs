//! A node's disk: one ordered queue of writes, what becomes of them, and what a crash leaves.
//!
//! A replica that says how its records stand in files has them there: each write goes through its [`Format`], and a
//! sync carries out the operations that this asks for. For our own that is [`seaworthy_core::storage::Journal`], and a
//! node that starts again goes through its recovery: the code that ships is the code that is tested. A replica that
//! says nothing of the kind, or a scenario that wants none of it, has a disk that takes whole records.
//!
//! In the order in which to read: `files`, the file system; `point`, where things break off; `store`, the two together
//! with what is wrong with them.
//!
//! # What can be lost when
//! A write is, one after the other,
//!
//! | it is | when | who can take it away |
//! |---|---|---|
//! | *queued* | at the end of the step | a crash, always: it is in the memory of the process |
//! | *under way* | from the beginning of a sync on | a crash: any part of it |
//! | *reported* | when the sync has ended | rot alone |
//!
//! A sync takes its time, and all of its operations happen in it. A crash meanwhile finds any number of them carried
//! out, and keeps of what was carried out and not synced
//!
//! - any subset of the **sectors**: each is what it was or what was written, or **torn**, half of this and half of that
//!   or junk, if the scenario says that sectors can be; where a file grew, its new length may be there without its bytes;
//! - any subset of the changes of the **directory** since it was last synced: files that were created, renamed, deleted.
//!
//! So a later write may survive that an earlier one did not. Which records that leaves is for recovery to say, and for
//! the checkers to judge when the node starts: they are a prefix of the queue that holds all that was reported.
//!
//! Three faults break a sync off, and the node stops before it can acknowledge anything:
//!
//! - a **crash point**: the host crashes just before or after an operation of some kind, or in the middle of it;
//! - a **failed sync**: the process stops. Its host does not, so that the next start sees in the cache what may never
//!   have reached the disk, and loses it if it believes in it and the host crashes then;
//! - a **full disk**: a write ends half-way, the process stops, and cannot start again until there is space.
//!
//! **Rot** flips a bit or loses a sector of what was durable, while the node is down. Recovery must refuse the disk by
//! name, or what it makes of it must be the same: then the damage was where nobody needs it. A refused disk is a lost
//! one, and the node is down for good. A refused disk that did not rot is a violation. The last batch that was synced is
//! spared, because nothing in the world can tell its damage from a torn end: the format says so.
//!
//! A disk of whole records loses less: of what is pending a crash keeps a prefix.

mod files;
mod point;
mod store;

pub use files::Losses;
pub use point::{CRASH_POINTS, CrashPoint};
pub use store::{Failure, Format, Trouble};

use crate::choice::{Choice, Stream};
use crate::network::distribution::Sampler;
use crate::replica::Replica;
use crate::scenario::model::Disks;
use seaworthy_core::flaw::Planted;
use seaworthy_core::storage::{Geometry, Identity};
use seaworthy_core::types::{NodeId, WriteSeq};
use std::collections::VecDeque;
use store::Store;

/// What a node has written and what of it would survive.
///
/// Invariants:
/// - the durable image is the initial one and a prefix of all that was ever written, without what crashes took;
/// - a sync covers the oldest pending writes and no others, and only one is under way;
/// - sequence numbers rise over one life of the node.
#[derive(Debug)]
pub struct Disk<R: Replica> {
    settings: Settings,
    durable: R::Durable,
    /// What was durable when somebody kept a copy.
    backup: Option<R::Durable>,
    pending: VecDeque<(WriteSeq, R::Write)>,
    /// How many of the pending writes the sync that is under way covers; 0 if none is.
    syncing: usize,
    written: WriteSeq,
    synced: WriteSeq,
    /// `None` if the disk takes whole records.
    store: Option<Store<R>>,
    /// How long a sync takes.
    pub sync: Sampler,
}

/// What does not change about a disk.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    identity: Identity,
    geometry: Geometry,
    flaws: Planted,
    files: bool,
    tears: bool,
}

impl Settings {
    /// Those of `node`, built with `flaws`.
    pub fn new(disks: &Disks, node: NodeId, flaws: Planted) -> Self {
        /// Any number will do: there is one cluster in a world.
        const CLUSTER: u64 = 0x5ea_0042;
        Self {
            identity: Identity { cluster: CLUSTER, node },
            geometry: Geometry { sector_size: disks.sector_size.into(), segment_size: disks.segment_size },
            flaws,
            files: disks.files,
            tears: disks.torn_sectors,
        }
    }

    fn store<R: Replica>(&self, durable: &R::Durable) -> Option<Store<R>> {
        let Self { identity, geometry, flaws, .. } = *self;
        let sector_size = usize::try_from(geometry.sector_size).expect("a sector fits into memory");
        let format = R::format(identity, geometry, flaws, durable).filter(|_| self.files)?;
        Some(Store::new(format, sector_size))
    }
}

impl<R: Replica> Disk<R> {
    /// A disk that holds `durable`.
    pub fn new(settings: Settings, durable: R::Durable, sync: Sampler) -> Self {
        Self {
            settings,
            store: settings.store(&durable),
            durable,
            backup: None,
            pending: VecDeque::new(),
            syncing: 0,
            written: WriteSeq::ZERO,
            synced: WriteSeq::ZERO,
            sync,
        }
    }

    /// What is known to be durable. While the node is down there may be more.
    pub fn durable(&self) -> &R::Durable {
        &self.durable
    }

    /// What would perhaps not survive a crash, in order.
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
        if let Some(store) = &mut self.store {
            store.append(write.clone());
        }
        self.pending.push_back((seq, write));
    }

    /// Begins a sync of everything pending, if there is anything and no sync is under way. Says whether it did.
    pub fn begin_sync(&mut self) -> bool {
        let begins = self.syncing == 0 && !self.pending.is_empty();
        if begins {
            self.syncing = self.pending.len();
            if let Some(store) = &mut self.store {
                store.begin_sync();
            }
        }
        begins
    }

    /// Ends the sync that is under way: how many of the pending writes it made durable.
    ///
    /// # Errors
    /// It did not come to its end: the node must stop.
    ///
    /// # Panics
    /// If the format says that other writes are durable than those that the sync covers.
    pub fn end_sync(&mut self) -> Result<usize, Failure> {
        let covered = std::mem::take(&mut self.syncing);
        if let Some(store) = &mut self.store {
            let durable = store.carry_out()?;
            let expected = self.pending.get(covered.wrapping_sub(1)).map_or(self.synced, |(seq, _)| *seq);
            assert_eq!(durable, expected, "a sync makes its batch durable");
        }
        Ok(covered)
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

    /// How many of the pending writes a disk of whole records keeps in a crash. In files that shows when the node
    /// starts again.
    pub fn keeps(&self, choice: &mut Choice, stream: Stream) -> usize {
        match self.store {
            Some(_) => 0,
            None => choice.below(stream, self.pending.len() as u64 + 1) as usize,
        }
    }

    /// The host crashes: loses what is not durable, and starts a new life.
    pub fn crash(&mut self, choice: &mut Choice, stream: Stream) -> Losses {
        let losses = match &mut self.store {
            Some(store) => {
                let luck = &mut |bound| choice.below(stream, bound);
                let losses = store.crash(0 < self.syncing, self.settings.tears, luck);
                Losses { writes: losses.writes || self.syncing < self.pending.len(), ..losses }
            }
            None => Losses { writes: !self.pending.is_empty(), ..Losses::default() },
        };
        self.stop();
        losses
    }

    /// The process stops, its host does not: what was written is there for now, durable or not.
    pub fn stop(&mut self) {
        self.pending.clear();
        self.syncing = 0;
        self.written = WriteSeq::ZERO;
        self.synced = WriteSeq::ZERO;
    }

    /// Finds out what there is to start from; [`durable`](Self::durable) is then that.
    ///
    /// # Errors
    /// The node cannot start.
    pub fn recover(&mut self) -> Result<(), Trouble> {
        if let Some(store) = &mut self.store {
            self.durable = store.recover()?;
        }
        Ok(())
    }

    /// Loses everything, and begins anew.
    pub fn wipe(&mut self) {
        self.durable = R::durable(None);
        self.store = self.settings.store(&self.durable);
    }

    /// Keeps a copy of what is durable.
    pub fn back_up(&mut self) {
        self.backup = Some(self.durable.clone());
    }

    /// Whether there is a copy.
    pub fn has_backup(&self) -> bool {
        self.backup.is_some()
    }

    /// Goes back to the copy, and forgets everything since.
    ///
    /// # Panics
    /// If there is none.
    pub fn restore_backup(&mut self) {
        self.durable = self.backup.clone().expect("the caller asks first");
        self.store = self.settings.store(&self.durable);
    }

    /// Damages what was durable, while the node is down. Says whether it did.
    pub fn rot(&mut self, choice: &mut Choice, stream: Stream) -> bool {
        self.store.as_mut().is_some_and(|store| store.rot(&mut |bound| choice.below(stream, bound)).is_some())
    }

    /// Has the next sync fail. Says whether it will.
    pub fn fail_sync(&mut self) -> bool {
        self.store.as_mut().is_some_and(|store| !std::mem::replace(&mut store.sync_fails, true))
    }

    /// Takes all space, or gives it back. Says whether that is news.
    pub fn fill(&mut self, full: bool) -> bool {
        self.store.as_mut().is_some_and(|store| std::mem::replace(&mut store.full, full) != full)
    }

    /// Has the host crash when it comes to this point. Says whether that is news.
    pub fn crash_at(&mut self, point: CrashPoint) -> bool {
        self.store.as_mut().is_some_and(|store| store.crash_at.replace(point) != Some(point))
    }

    /// Takes back what was to happen and has not.
    pub fn disarm(&mut self) {
        if let Some(store) = &mut self.store {
            store.sync_fails = false;
            store.crash_at = None;
        }
    }
}

#[cfg(test)]
mod tests;
