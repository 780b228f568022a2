//! The library's words for what is on a disk, and the log as the library reads it.

use crate::disk::{Disk, Entry, HardState, Snapshot};
use raft::eraftpb;
use raft::{GetEntriesContext, RaftState, Storage, StorageError};
use seaworthy_core::membership::Membership;
use seaworthy_core::types::{Bytes, EntryId, LogIndex, NodeId, Term};

/// What the library reads is what the server has written, durable or not: that is what `advance_append_async` asks for.
impl Storage for Disk {
    fn initial_state(&self) -> raft::Result<RaftState> {
        let conf_state = self.snapshot().map(|snapshot| conf_state(&snapshot.membership));
        Ok(RaftState {
            hard_state: to_hard_state(self.hard_state()),
            conf_state: conf_state.unwrap_or_default(),
        })
    }

    fn entries(
        &self,
        low: u64,
        high: u64,
        max_size: impl Into<Option<u64>>,
        _: GetEntriesContext,
    ) -> raft::Result<Vec<eraftpb::Entry>> {
        if low <= self.base().index.0 {
            return Err(StorageError::Compacted.into());
        }
        let mut entries = self.entries(LogIndex(low), LogIndex(high)).iter().map(to_entry).collect();
        raft::util::limit_size(&mut entries, max_size.into());
        Ok(entries)
    }

    fn term(&self, index: u64) -> raft::Result<u64> {
        let missing =
            if index < self.base().index.0 { StorageError::Compacted } else { StorageError::Unavailable };
        Ok(self.term(LogIndex(index)).ok_or(missing)?.0)
    }

    fn first_index(&self) -> raft::Result<u64> {
        Ok(self.base().index.0 + 1)
    }

    fn last_index(&self) -> raft::Result<u64> {
        Ok(self.last().index.0)
    }

    fn snapshot(&self, request_index: u64, _: u64) -> raft::Result<eraftpb::Snapshot> {
        let snapshot = self.snapshot().filter(|snapshot| request_index.max(1) <= snapshot.last.index.0);
        Ok(to_snapshot(snapshot.ok_or(StorageError::SnapshotTemporarilyUnavailable)?))
    }
}

/// The library says 0 for nobody.
pub(crate) fn node(number: u64) -> Option<NodeId> {
    NodeId::try_new(number)
}

pub(crate) fn hard_state(from: &eraftpb::HardState) -> HardState {
    HardState { term: Term(from.term), vote: node(from.vote), commit: LogIndex(from.commit) }
}

pub(crate) fn to_hard_state(from: HardState) -> eraftpb::HardState {
    let vote = from.vote.map_or(0, NodeId::get);
    eraftpb::HardState { term: from.term.0, vote, commit: from.commit.0, ..Default::default() }
}

pub(crate) fn entry(from: &eraftpb::Entry) -> Entry {
    Entry { id: EntryId::new(from.term, from.index), data: Bytes::new(&from.data) }
}

pub(crate) fn to_entry(from: &Entry) -> eraftpb::Entry {
    let EntryId { term, index } = from.id;
    eraftpb::Entry { term: term.0, index: index.0, data: from.data.to_vec().into(), ..Default::default() }
}

pub(crate) fn snapshot(from: &eraftpb::Snapshot) -> Snapshot {
    let metadata = from.get_metadata();
    let nodes = |numbers: &[u64]| numbers.iter().copied().filter_map(node).collect::<Vec<_>>();
    let conf_state = metadata.get_conf_state();
    let mut learners = nodes(&conf_state.learners);
    learners.sort();
    let membership = Membership { learners, ..Membership::new(nodes(&conf_state.voters)) };
    Snapshot { last: EntryId::new(metadata.term, metadata.index), membership, data: Bytes::new(&from.data) }
}

fn to_snapshot(from: &Snapshot) -> eraftpb::Snapshot {
    let mut to = eraftpb::Snapshot { data: from.data.to_vec().into(), ..Default::default() };
    let metadata = to.mut_metadata();
    metadata.index = from.last.index.0;
    metadata.term = from.last.term.0;
    *metadata.mut_conf_state() = conf_state(&from.membership);
    to
}

pub(crate) fn conf_state(from: &Membership) -> eraftpb::ConfState {
    let numbers = |nodes: &[NodeId]| nodes.iter().map(|node| node.get()).collect::<Vec<_>>();
    (numbers(from.voters.incoming.voters()), numbers(&from.learners)).into()
}
