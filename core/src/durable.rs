//! What a disk holds: the write queue, folded. A node is built from this alone.

use crate::effect::{HardState, Record};
use crate::message::Entry;
use crate::types::{EntryId, Term};
use alloc::vec::Vec;
use core::fmt;

/// The durable state of one node (Raft Figure 2, persistent state).
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
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

impl Durable {
    /// Whether a node can have written this.
    ///
    /// # Errors
    /// The first thing that no node writes.
    pub fn validate(&self) -> Result<(), DurableError> {
        let mut previous = EntryId::ZERO;
        for entry in &self.log {
            let id = entry.id;
            if id.index != previous.index.next() {
                return Err(DurableError::Gap { after: previous, found: id });
            }
            if id.term < previous.term {
                return Err(DurableError::Descending { after: previous, found: id });
            }
            previous = id;
        }
        let term = self.hard_state.term;
        if term < previous.term { Err(DurableError::Term { term, last: previous }) } else { Ok(()) }
    }
}

/// Why a disk is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DurableError {
    /// An entry does not follow the one before it.
    Gap {
        /// The last entry that is in place.
        after: EntryId,
        /// What follows.
        found: EntryId,
    },
    /// An entry's term is below that of the one before it.
    Descending {
        /// The entry before.
        after: EntryId,
        /// The entry.
        found: EntryId,
    },
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
            Self::Gap { after, found } => {
                write!(f, "the log goes on after {after} with {found}, which leaves a gap")
            }
            Self::Descending { after, found } => write!(f, "the log's terms descend from {after} to {found}"),
            Self::Term { term, last } => write!(f, "the log ends with {last}, but the term is only {term}"),
        }
    }
}

impl core::error::Error for DurableError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Payload;
    use alloc::string::ToString;

    fn durable(term: u64, log: &[(u64, u64)]) -> Durable {
        let entry =
            |(term, index): &(u64, u64)| Entry { id: EntryId::new(*term, *index), payload: Payload::Noop };
        Durable {
            hard_state: HardState { term: Term(term), vote: None },
            log: log.iter().map(entry).collect(),
        }
    }

    #[test]
    fn a_disk_that_no_node_wrote_is_refused_and_says_why() {
        let why = |durable: Durable| durable.validate().expect_err("it is impossible").to_string();
        assert_eq!(
            why(durable(9, &[(1, 1), (1, 3)])),
            "the log goes on after 1@1 with 3@1, which leaves a gap"
        );
        assert_eq!(why(durable(9, &[(2, 1), (1, 2)])), "the log's terms descend from 1@2 to 2@1");
        assert_eq!(why(durable(1, &[(1, 1), (2, 2)])), "the log ends with 2@2, but the term is only 1");
        assert_eq!(durable(2, &[(1, 1), (2, 2)]).validate(), Ok(()));
    }
}
