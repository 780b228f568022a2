//! What a server has on its disk, in words of no library: an adapter for another one may keep this file.

use seaworthy_core::flaw::Sound;
use seaworthy_core::membership::Membership;
use seaworthy_core::state_machine::StateMachine;
use seaworthy_core::types::{Bytes, EntryId, LogIndex, NodeId, Term};
use seaworthy_sim::observation::{EntryFact, HardStateFact, LogFacts, SnapshotFact};
use seaworthy_sim::replica::{InitialState, WriteFacts};
use xxhash_rust::xxh3::xxh3_64;

/// One entry of the log. Without data it is a no-op entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its place and term.
    pub id: EntryId,
    /// The client's request in it.
    pub data: Bytes,
}

/// Term, vote, and how far the log was known to be committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct HardState {
    /// The term.
    pub term: Term,
    /// The vote in it.
    pub vote: Option<NodeId>,
    /// The commit index, which may lie behind: it is written only along with something that has to be.
    pub commit: LogIndex,
}

/// The state that the log up to an entry comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The entry.
    pub last: EntryId,
    /// Who belongs to the cluster.
    pub membership: Membership,
    /// The state machine's own bytes.
    pub data: Bytes,
}

/// One atomic record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// Term and vote.
    HardState(HardState),
    /// The log is cut before the first of the entries and extended by them. Never empty.
    Append(Vec<Entry>),
    /// A snapshot takes the place of the log up to an entry, or of all of it if it does not hold the snapshot's last.
    Snapshot {
        /// What it is.
        snapshot: Snapshot,
        /// The last entry that leaves the log.
        compacted: LogIndex,
    },
}

/// What a disk holds. The same type is a server's memory of what it has written, durable or not.
///
/// - The entries follow `base` without a gap.
/// - The snapshot's last entry is in the log, or is `base`.
/// - A founder has a snapshot, at first that of an empty log; a blank disk has none.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    hard_state: HardState,
    snapshot: Option<Snapshot>,
    base: EntryId,
    entries: Vec<Entry>,
}

impl Disk {
    /// That of a founding member.
    pub fn founding(initial: &InitialState) -> Self {
        let HardStateFact { term, vote } = initial.hard_state;
        let entries = (1..)
            .zip(&initial.log)
            .map(|(index, term)| Entry { id: EntryId::new(term.0, index), data: Bytes::default() });
        let data = StateMachine::new(initial.limits).encode(Sound);
        let snapshot = Snapshot { last: EntryId::ZERO, membership: initial.membership.clone(), data };
        Self {
            hard_state: HardState { term, vote, commit: LogIndex::ZERO },
            snapshot: Some(snapshot),
            base: EntryId::ZERO,
            entries: entries.collect(),
        }
    }

    /// Takes one record in.
    pub fn write(&mut self, write: Write) {
        match write {
            Write::HardState(hard_state) => self.hard_state = hard_state,
            Write::Append(entries) => {
                self.entries.truncate(self.position(entries[0].id.index));
                self.entries.extend(entries);
            }
            Write::Snapshot { snapshot, compacted } => {
                if self.term(snapshot.last.index) == Some(snapshot.last.term) {
                    let term = self.term(compacted).expect("only what is there is compacted");
                    self.entries.drain(..self.position(compacted.next()));
                    self.base = EntryId { term, index: compacted };
                } else {
                    self.entries.clear();
                    self.base = snapshot.last;
                }
                self.snapshot = Some(snapshot);
            }
        }
    }

    /// Term, vote and commit index. A crash may have left the commit index without the entries, which were to follow in
    /// records of their own; and the snapshot may know of more.
    pub fn hard_state(&self) -> HardState {
        let covered = self.snapshot.as_ref().map_or(LogIndex::ZERO, |snapshot| snapshot.last.index);
        let commit = self.hard_state.commit.clamp(covered, self.last().index);
        HardState { commit, ..self.hard_state }
    }

    /// The snapshot; `None` on a blank disk.
    pub fn snapshot(&self) -> Option<&Snapshot> {
        self.snapshot.as_ref()
    }

    /// The entry before the first.
    pub fn base(&self) -> EntryId {
        self.base
    }

    /// The last entry.
    pub fn last(&self) -> EntryId {
        self.entries.last().map_or(self.base, |entry| entry.id)
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether the log holds nothing behind its base.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The term of an entry, or of the base; `None` before and behind.
    pub fn term(&self, index: LogIndex) -> Option<Term> {
        if index == self.base.index {
            return Some(self.base.term);
        }
        let entry = self.entries.get(self.position(index)).filter(|entry| entry.id.index == index);
        entry.map(|entry| entry.id.term)
    }

    /// The entries from `low` to `high`, exclusive, both of which must lie in the log.
    pub fn entries(&self, low: LogIndex, high: LogIndex) -> &[Entry] {
        &self.entries[self.position(low)..self.position(high)]
    }

    fn position(&self, index: LogIndex) -> usize {
        usize::try_from(index.0.saturating_sub(self.base.index.0 + 1)).expect("a log fits into memory")
    }

    /// What it holds, for checkers.
    pub fn describe<'a>(&'a self, log: &mut LogFacts) -> (HardStateFact, Option<SnapshotFact<'a>>) {
        log.base = self.base;
        log.entries.extend(self.entries.iter().map(fact));
        (hard_state_fact(self.hard_state), self.snapshot.as_ref().map(snapshot_fact))
    }
}

impl Write {
    /// What it is, for checkers.
    pub fn describe<'a>(&'a self, log: &mut LogFacts) -> WriteFacts<'a> {
        match self {
            Self::HardState(hard_state) => WriteFacts::HardState(hard_state_fact(*hard_state)),
            Self::Append(entries) => {
                log.entries.extend(entries.iter().map(fact));
                WriteFacts::Append
            }
            Self::Snapshot { snapshot, compacted } => {
                WriteFacts::Snapshot { snapshot: snapshot_fact(snapshot), compacted: *compacted }
            }
        }
    }
}

/// Whatever stands for the payload will do, as long as equal payloads are equal: no-op entries are 0, by custom. Bytes
/// are not what bounds this log.
fn fact(entry: &Entry) -> EntryFact {
    let payload = if entry.data.is_empty() { 0 } else { xxh3_64(&entry.data) };
    EntryFact { id: entry.id, payload, bytes: 0 }
}

fn hard_state_fact(hard_state: HardState) -> HardStateFact {
    HardStateFact { term: hard_state.term, vote: hard_state.vote }
}

fn snapshot_fact(snapshot: &Snapshot) -> SnapshotFact<'_> {
    SnapshotFact { last: snapshot.last, membership: &snapshot.membership, data: xxh3_64(&snapshot.data) }
}
