//! A node's life on a disk: what it writes, and what recovery may find after it.

use super::disk::{Disk, SECTOR};
use seaworthy_core::durable::Durable;
use seaworthy_core::effect::{HardState, Record};
use seaworthy_core::flaw::Flaws;
use seaworthy_core::membership::Membership;
use seaworthy_core::message::{Entry, Payload};
use seaworthy_core::snapshot::Snapshot;
use seaworthy_core::storage::{Geometry, Identity, Journal, Operation, RecoveryError};
use seaworthy_core::types::{Bytes, EntryId, LogIndex, NodeId, WriteSeq};

pub(crate) const IDENTITY: Identity = Identity { cluster: 7, node: NodeId::new(1) };

/// A segment is full after three sectors, of which the first is its header's.
pub(crate) const GEOMETRY: Geometry =
    Geometry { sector_size: SECTOR as u64, segment_size: 3 * SECTOR as u64 };

/// What a driver does, or has the node write.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    /// Votes in the next term.
    Vote,
    /// Appends entries of a payload of this size, in place of the last `cut`.
    Append { cut: u64, count: u64, size: usize },
    /// A snapshot at an entry so many before the last, of which so many stay in the log.
    Snapshot { behind: u64, kept: u64, size: usize },
    /// A snapshot of another history.
    Install { ahead: u64 },
    /// Ends the batch.
    Sync,
    /// Ends the batch and seals it.
    Seal,
}

pub(crate) fn founding() -> Durable {
    Durable::founding(Membership::new([1, 2, 3].map(NodeId::new)), Bytes::from("genesis"))
}

/// The record that a node in this state would write.
pub(crate) fn record(step: Step, state: &Durable) -> Option<Record> {
    let (term, log) = (state.hard_state.term, &state.log);
    let snapshot = |last, size| Snapshot {
        last,
        membership: Membership::new([NodeId::new(1), NodeId::new(last.index.0 + 2)]),
        data: Bytes::from(vec![last.index.0 as u8; size]),
    };
    match step {
        Step::Vote => {
            let vote = Some(NodeId::new(term.0 % 3 + 1));
            Some(Record::HardState(HardState { term: term.next(), vote }))
        }
        Step::Append { cut, count, size } => {
            let first = log.last().index.0 + 1 - cut.min(log.entries().len() as u64);
            let payload = |index| match index % 3 {
                0 => Payload::Noop,
                1 => Payload::Membership(Box::new(Membership::new([NodeId::new(index)]))),
                _ => Payload::Data(Bytes::from(vec![index as u8; size])),
            };
            let entry =
                |index| Entry { id: EntryId { term, index: LogIndex(index) }, payload: payload(index) };
            Some(Record::Append((first..first + count).map(entry).collect()))
        }
        Step::Snapshot { behind, kept, size } => {
            let last = LogIndex(log.last().index.0.saturating_sub(behind).max(log.base().index.0));
            let term = log.term(last).expect("it is in the log");
            let compacted = LogIndex(last.0.saturating_sub(kept));
            let snapshot = Box::new(snapshot(EntryId { term, index: last }, size));
            Some(Record::Snapshot { snapshot, compacted })
        }
        Step::Install { ahead } => {
            let last = EntryId { term, index: LogIndex(log.last().index.0 + 1 + ahead) };
            Some(Record::Snapshot { snapshot: Box::new(snapshot(last, 9)), compacted: last.index })
        }
        Step::Sync | Step::Seal => None,
    }
}

/// A node's life on a disk, and all that recovery may find after it.
pub(crate) struct Life<F: Flaws> {
    pub(crate) journal: Journal<F>,
    /// What the first n records come to.
    pub(crate) prefixes: Vec<Durable>,
    /// How many operations may still be carried out before it ends.
    pub(crate) operations: usize,
    /// Whether all operations of the start have been carried out.
    pub(crate) started: bool,
    /// The operation that it would have carried out next.
    pub(crate) last: Option<Operation>,
}

impl<F: Flaws> Life<F> {
    pub(crate) fn new(journal: Journal<F>, state: Durable, operations: usize) -> Self {
        Self { journal, prefixes: vec![state], operations, started: false, last: None }
    }

    /// Lives until the steps or the operations run out; whether the operations did.
    pub(crate) fn live(&mut self, disk: &mut Disk, steps: &[Step]) -> bool {
        if self.carry_out(disk) {
            return true;
        }
        self.started = true;
        for step in steps {
            let mut state = self.prefixes.last().expect("there is the first").clone();
            match record(*step, &state) {
                Some(record) => {
                    self.journal.append(record.clone());
                    state.persist(record);
                    self.prefixes.push(state);
                }
                None if matches!(step, Step::Seal) => self.journal.seal(),
                None => self.journal.sync(),
            }
            if self.carry_out(disk) {
                return true;
            }
        }
        let everything = WriteSeq(self.prefixes.len() as u64 - 1);
        match steps.last() {
            Some(Step::Sync) => assert_eq!(self.journal.durable(), everything),
            Some(Step::Seal) => assert_eq!(self.journal.sealed(), everything),
            _ => {}
        }
        false
    }

    pub(crate) fn carry_out(&mut self, disk: &mut Disk) -> bool {
        let mut durable = self.journal.durable();
        while let Some(operation) = self.journal.next_operation() {
            assert!(durable <= self.journal.durable(), "what is durable stays durable");
            assert!(self.journal.sealed() <= self.journal.durable());
            durable = self.journal.durable();
            if self.operations == 0 {
                self.last = Some(operation);
                return true;
            }
            self.operations -= 1;
            disk.carry_out(&operation);
        }
        false
    }

    /// The journal that recovery makes of what is left, with the state.
    pub(crate) fn recover(&self, disk: &Disk, flaws: F) -> Result<(Journal<F>, Durable), String> {
        let (journal, state) = recover(disk, flaws).map_err(|error| error.to_string())?;
        self.holds(self.journal.durable(), &state)?;
        Ok((journal, state))
    }

    /// That the state is what a prefix of the records comes to that holds all up to `seq`.
    pub(crate) fn holds(&self, seq: WriteSeq, state: &Durable) -> Result<(), String> {
        let prefixes = &self.prefixes[seq.0 as usize..];
        if prefixes.contains(state) {
            Ok(())
        } else {
            Err(format!("lost: {state:?} is none of {prefixes:?}"))
        }
    }
}

pub(crate) fn recover<F: Flaws>(disk: &Disk, flaws: F) -> Result<(Journal<F>, Durable), RecoveryError> {
    let files = disk.files();
    let files = files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice()));
    Journal::recover(IDENTITY, GEOMETRY, flaws, files).map(|recovery| (recovery.journal, recovery.durable))
}

/// A disk that has just been formatted, and its journal.
pub(crate) fn formatted<F: Flaws>(flaws: F) -> (Disk, Journal<F>) {
    let mut disk = Disk::default();
    let mut journal = Journal::format(IDENTITY, GEOMETRY, flaws, founding());
    while let Some(operation) = journal.next_operation() {
        disk.carry_out(&operation);
    }
    (disk, journal)
}
