//! What a disk holds: the write queue, folded. A node is built from this alone.

use crate::effect::{HardState, Record};
use crate::log::Log;
use crate::membership::{Membership, MembershipError};
use crate::snapshot::Snapshot;
use crate::types::{Bytes, EntryId, Term};
use core::fmt;

/// The durable state of one node (Raft Figure 2, persistent state).
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Durable {
    /// Term and vote.
    pub hard_state: HardState,
    /// The latest snapshot. A disk without one is *blank*: its node belongs to no cluster yet, or has lost what it
    /// once promised, and nobody can tell which.
    pub snapshot: Option<Snapshot>,
    /// The log, which continues the snapshot.
    pub log: Log,
}

impl Durable {
    /// The disk of a founding member, before its first start: a snapshot before the first entry, which says who
    /// belongs to the cluster and what `data` its state machine starts from. All founders start with the same.
    pub fn founding(membership: Membership, data: Bytes) -> Self {
        Self { snapshot: Some(Snapshot { last: EntryId::ZERO, membership, data }), ..Self::default() }
    }

    /// Puts one record of the write queue on the disk.
    ///
    /// # Panics
    /// If an append would leave a gap, which only a reordered queue can do.
    pub fn persist(&mut self, record: Record) {
        match record {
            Record::HardState(hard_state) => self.hard_state = hard_state,
            Record::Append(entries) => {
                self.log.truncate(entries.first().expect("an append is never empty").id.index);
                entries.into_iter().for_each(|entry| self.log.push(entry));
            }
            Record::Snapshot { snapshot, compacted } => {
                self.log.follow(snapshot.last, compacted);
                self.snapshot = Some(*snapshot);
            }
        }
    }

    /// Whether a node can have written this.
    ///
    /// # Errors
    /// The first thing that no node writes.
    pub fn validate(&self) -> Result<(), DurableError> {
        let covered = self.snapshot.as_ref().map_or(EntryId::ZERO, |snapshot| snapshot.last);
        if !self.log.contains(covered) {
            return Err(DurableError::Apart { snapshot: covered, log: self.log.base() });
        }
        if self.snapshot.is_none() && !self.log.entries().is_empty() {
            return Err(DurableError::Blank { last: self.log.last() });
        }
        if let Some(snapshot) = &self.snapshot {
            snapshot.membership.validate().map_err(DurableError::Membership)?;
        }
        let (term, last) = (self.hard_state.term, self.log.last());
        if term < last.term { Err(DurableError::Term { term, last }) } else { Ok(()) }
    }
}

/// Why a disk is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DurableError {
    /// The log does not hold the entry with which the snapshot ends.
    Apart {
        /// The snapshot's last entry.
        snapshot: EntryId,
        /// The entry before the log's first.
        log: EntryId,
    },
    /// There is a log, and no snapshot that says whose.
    Blank {
        /// The last entry.
        last: EntryId,
    },
    /// The snapshot's configuration is none.
    Membership(MembershipError),
    /// The log holds a term that the node has never entered.
    Term {
        /// The durable term.
        term: Term,
        /// The last entry.
        last: EntryId,
    },
}

impl fmt::Display for DurableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Apart { snapshot, log } => {
                write!(f, "the snapshot ends with {snapshot}, which the log after {log} does not hold")
            }
            Self::Blank { last } => {
                write!(f, "the log ends with {last}, but no snapshot says what it started from")
            }
            Self::Membership(error) => write!(f, "the snapshot's configuration is none: {error}"),
            Self::Term { term, last } => write!(f, "the log ends with {last}, but the term is only {term}"),
        }
    }
}

impl core::error::Error for DurableError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Entry, Payload};
    use crate::types::{LogIndex, NodeId};
    use alloc::boxed::Box;
    use alloc::string::ToString;
    use alloc::vec;

    fn entry(term: u64, index: u64) -> Entry {
        Entry { id: EntryId::new(term, index), payload: Payload::Noop }
    }

    fn founding() -> Durable {
        Durable::founding(Membership::new([NodeId::new(1)]), Bytes::default())
    }

    fn snapshot(term: u64, index: u64, compacted: u64) -> Record {
        let snapshot = Snapshot { last: EntryId::new(term, index), ..founding().snapshot.expect("founding") };
        Record::Snapshot { snapshot: Box::new(snapshot), compacted: LogIndex(compacted) }
    }

    fn holding(terms: &[u64]) -> Durable {
        let mut durable = founding();
        durable.hard_state.term = Term(9);
        let entries = terms.iter().zip(1..).map(|(term, index)| entry(*term, index)).collect();
        durable.persist(Record::Append(entries));
        durable
    }

    #[test]
    fn a_snapshot_keeps_the_entries_after_it_if_the_log_holds_its_last() {
        let mut durable = holding(&[1, 1, 2, 2]);
        durable.persist(snapshot(1, 2, 1));
        assert_eq!((durable.log.base(), durable.log.last()), (EntryId::new(1, 1), EntryId::new(2, 4)));
        assert_eq!(durable.validate(), Ok(()));
    }

    #[test]
    fn a_snapshot_of_another_history_takes_the_place_of_the_whole_log() {
        let mut durable = holding(&[1, 1, 2, 2]);
        durable.persist(snapshot(3, 3, 1));
        assert_eq!((durable.log.base(), durable.log.last()), (EntryId::new(3, 3), EntryId::new(3, 3)));
        let mut short = holding(&[1]);
        short.persist(snapshot(3, 3, 3));
        assert_eq!(short.log, Log::after(EntryId::new(3, 3)));
    }

    #[test]
    fn a_disk_that_no_node_wrote_is_refused_and_says_why() {
        let why = |durable: Durable| durable.validate().expect_err("it is impossible").to_string();
        let mut apart = holding(&[1, 1]);
        apart.persist(snapshot(1, 2, 2));
        apart.snapshot = founding().snapshot;
        assert_eq!(why(apart), "the snapshot ends with 0@0, which the log after 2@1 does not hold");
        let unfounded = Durable { snapshot: None, ..holding(&[1]) };
        assert_eq!(why(unfounded), "the log ends with 1@1, but no snapshot says what it started from");
        let mut early = holding(&[1, 2]);
        early.hard_state.term = Term(1);
        assert_eq!(why(early), "the log ends with 2@2, but the term is only 1");
        assert_eq!(Durable::default().validate(), Ok(()));
        assert_eq!(Durable { log: Log::new(vec![]), ..founding() }.validate(), Ok(()));
    }
}
