//! Snapshots: taking one in place of the log's beginning, and bringing one to a follower that needs what has gone
//! (Raft §7).

use super::Node;
use super::configurations::Configurations;
use super::progress::{Pace, Transfer};
use super::role::State;
use crate::effect::{Effects, Event, HardState};
use crate::flaw::{Flaw, Flaws};
use crate::log::Log;
use crate::membership::Membership;
use crate::message::{Body, Chunk, SnapshotId};
use crate::snapshot::Snapshot;
use crate::types::{Bytes, EntryId, Instant, LogIndex, NodeId, Round, WriteSeq};
use alloc::boxed::Box;
use alloc::vec::Vec;

/// Snapshots that end later are ignored: no log gets there, and none could go on from there for long.
const INDEX_MAX: LogIndex = LogIndex(u64::MAX / 2);

/// A snapshot that was taken and is not durable yet. Until it is, the log stays as it is.
#[derive(Clone, Debug)]
pub(super) struct Taken {
    seq: WriteSeq,
    snapshot: Snapshot,
    compacted: LogIndex,
}

/// A snapshot on its way here: its bytes so far, from the first on. It is nobody's promise, so that a crash may take it.
/// It outlives its sender: whoever leads next has the same bytes.
#[derive(Clone, Debug)]
pub(super) struct Assembly {
    id: SnapshotId,
    membership: Membership,
    bytes: Vec<u8>,
    /// Who is answered once it is there, and with which round.
    leader: NodeId,
    round: Round,
}

impl<F: Flaws> Node<F> {
    /// Whether this node has nothing: no log, no cluster. It may be new, or have lost its disk with all that it ever
    /// promised; so it votes for nobody, and follows only a leader that knows it for a newcomer.
    pub fn is_blank(&self) -> bool {
        self.snapshot.is_none()
    }

    /// Writes a snapshot of what is applied, unless one is on its way or it would bring nothing new.
    pub(super) fn on_snapshot_taken(&mut self, index: LogIndex, data: Bytes, effects: &mut Effects) {
        let covered = self.snapshot.as_ref().map_or(LogIndex::ZERO, |snapshot| snapshot.last.index);
        if self.taken.is_some() || index <= covered || self.commit < index {
            return;
        }
        let term = self.log.term(index).expect("what is committed after the last snapshot is in the log");
        let membership = if self.flaws.has(Flaw::SnapshotWithOldMembership) {
            self.configurations.at(covered).clone()
        } else {
            self.configurations.at(index).clone()
        };
        let snapshot = Snapshot { last: EntryId { term, index }, membership, data };
        let (entries, bytes) = (self.config.trailing_entries, self.config.snapshot_bytes);
        let compacted = self.log.trailing_base(index, entries, bytes);
        let seq = self.queue.write_snapshot(snapshot.clone(), compacted, effects);
        self.taken = Some(Taken { seq, snapshot, compacted });
    }

    /// The snapshot that was taken takes the place of what it stands for once it is durable: before, a crash would
    /// leave neither.
    pub(super) fn adopt_taken_snapshot(&mut self) {
        if let Some(taken) = self.taken.take_if(|taken| self.queue.is_durable(taken.seq)) {
            self.log.compact(taken.compacted);
            self.configurations.forget_before(taken.snapshot.last.index);
            self.snapshot = Some(taken.snapshot);
        }
    }

    /// Whether a snapshot is on its way to the disk.
    pub fn is_taking_snapshot(&self) -> bool {
        self.taken.is_some()
    }

    /// A follower needs an entry that is no longer in the log.
    pub(super) fn begin_snapshot(&mut self, position: usize) {
        let State::Leader(leadership) = &mut self.state else { return };
        let snapshot = self.snapshot.as_ref().expect("only a snapshot takes the place of the log");
        leadership.followers[position].begin_snapshot(snapshot);
    }

    /// Sends a follower the next chunk of its snapshot.
    pub(super) fn send_chunk(&self, position: usize, effects: &mut Effects) {
        let State::Leader(leadership) = &self.state else { return };
        let follower = &leadership.followers[position];
        let Pace::Snapshot(transfer) = &follower.pace else { return };
        let Transfer { id, snapshot, offset, .. } = transfer;
        let rest =
            usize::try_from(*offset).ok().and_then(|offset| snapshot.data.get(offset..)).unwrap_or(&[]);
        let chunk = Chunk {
            snapshot: *id,
            membership: snapshot.membership.clone(),
            offset: *offset,
            bytes: Bytes::new(&rest[..rest.len().min(self.config.max_chunk_bytes)]),
            newcomer: follower.newcomer,
            round: leadership.round,
        };
        self.send(follower.node, WriteSeq::ZERO, Body::InstallSnapshot(Box::new(chunk)), effects);
    }

    /// A part of a snapshot arrives (Raft Figure 13).
    pub(super) fn on_install_snapshot(
        &mut self,
        now: Instant,
        from: NodeId,
        chunk: Chunk,
        effects: &mut Effects,
    ) {
        let SnapshotId { last, size, .. } = chunk.snapshot;
        let sensible = last.term <= self.hard_state.term
            && last.index <= INDEX_MAX
            && size <= self.config.max_snapshot_bytes;
        if !sensible || chunk.membership.validate().is_err() || !self.follow(now, from, effects) {
            return;
        }
        if self.is_blank() && chunk.newcomer != Some(self.life) && !self.flaws.has(Flaw::WipedNodeWelcome) {
            self.send(from, WriteSeq::ZERO, Body::Blank { life: self.life, round: chunk.round }, effects);
            return;
        }
        let matches = self.log.contains(last) && !self.flaws.has(Flaw::InstallDiscardsSuffix)
            || self.flaws.has(Flaw::ConflictingLogKept) && last.index <= self.log.last().index;
        let here = last.index <= self.commit || matches;
        if here && !self.is_blank() && !self.flaws.has(Flaw::InstallsStaleSnapshot) {
            // The log holds it all, and perhaps more, which must not be lost: it only was not known to be committed.
            self.assembly = None;
            self.raise_commit(last.index, effects);
            self.acknowledge(from, chunk.round, last.index, effects);
            return;
        }
        let other =
            |assembly: &Assembly| assembly.id != chunk.snapshot && !self.flaws.has(Flaw::SnapshotsMixed);
        if self.assembly.as_ref().is_none_or(other) {
            self.assembly = Some(Assembly {
                id: chunk.snapshot,
                membership: chunk.membership,
                bytes: Vec::new(),
                leader: from,
                round: chunk.round,
            });
        }
        let assembly = self.assembly.as_mut().expect("it was just made sure of");
        (assembly.leader, assembly.round) = (from, chunk.round);
        let received = assembly.bytes.len() as u64;
        let fits = received == chunk.offset || self.flaws.has(Flaw::ChunkOffsetIgnored);
        if fits && chunk.bytes.len() as u64 <= size.saturating_sub(received) {
            assembly.bytes.extend_from_slice(&chunk.bytes);
        }
        if assembly.bytes.len() as u64 == size {
            self.offer_snapshot(effects);
        } else {
            self.send_received(effects);
        }
    }

    /// Says how much of the snapshot is there.
    fn send_received(&self, effects: &mut Effects) {
        if let Some(assembly) = &self.assembly {
            let received = assembly.bytes.len() as u64;
            let body = Body::SnapshotReply { round: assembly.round, snapshot: assembly.id, received };
            self.send(assembly.leader, WriteSeq::ZERO, body, effects);
        }
    }

    /// All bytes are there. If they are the right ones, the layer above must say what they mean.
    fn offer_snapshot(&mut self, effects: &mut Effects) {
        let assembly = self.assembly.as_mut().expect("the caller has it");
        let bytes = core::mem::take(&mut assembly.bytes);
        let data = Bytes::from(bytes);
        let snapshot = Snapshot { last: assembly.id.last, membership: assembly.membership.clone(), data };
        if snapshot.id() == assembly.id || self.flaws.has(Flaw::ChunkOffsetIgnored) {
            effects.events.push(Event::SnapshotReceived { snapshot: snapshot.clone() });
            self.received = Some(snapshot);
        } else {
            // Something went wrong on the way: once more from the beginning.
            self.send_received(effects);
        }
    }

    /// The layer above has looked at the snapshot: it goes on from there, and so does this.
    pub(super) fn on_snapshot_read(&mut self, usable: bool, effects: &mut Effects) {
        let (Some(snapshot), Some(assembly)) = (self.received.take(), self.assembly.take()) else { return };
        if !usable {
            return;
        }
        let last = snapshot.last;
        // No entry of this log stays: it does not hold the snapshot's last, so that none after that can be right.
        self.taken = None;
        self.log = Log::after(last);
        self.configurations = Configurations::after(last.index, snapshot.membership.clone());
        self.snapshot = Some(snapshot.clone());
        self.queue.replace_log(snapshot, effects);
        if self.flaws.has(Flaw::InstallsStaleSnapshot) {
            self.commit = self.commit.min(last.index);
        }
        if self.flaws.has(Flaw::SnapshotRestoresTerm) {
            self.write_hard_state(HardState { term: last.term, ..self.hard_state }, effects);
        }
        self.raise_commit(last.index, effects);
        self.acknowledge(assembly.leader, assembly.round, last.index, effects);
    }

    /// A follower says how much of its snapshot is there.
    pub(super) fn on_snapshot_reply(
        &mut self,
        now: Instant,
        from: NodeId,
        round: Round,
        (id, received): (SnapshotId, u64),
        effects: &mut Effects,
    ) {
        let Some(follower) = self.hear(now, from, round) else { return };
        if let Pace::Snapshot(transfer) = &mut follower.pace
            && transfer.id == id
            && received <= id.size
        {
            // More is there than was known: on with the next. Less, if it has lost some or this is an old answer:
            // the next heartbeat goes back. To answer each of those at once would make two streams out of one.
            transfer.waiting &= received <= transfer.offset;
            transfer.offset = received;
        }
        self.confirm_reads(now, effects);
        self.serve(from, effects);
    }

    /// A node has nothing at all. A newcomer gets a snapshot to start from. Whoever votes here or has acknowledged
    /// anything once had something, and has lost it; so has a voter of the configuration before, while that may yet
    /// come back.
    pub(super) fn on_blank(&mut self, from: NodeId, life: u64, round: Round, effects: &mut Effects) {
        let voter = self.may_decide(from);
        let State::Leader(leadership) = &mut self.state else { return };
        let Some(position) = leadership.followers.iter().position(|follower| follower.node == from) else {
            return;
        };
        let follower = &mut leadership.followers[position];
        if follower.newcomer == Some(life) {
            // It has said so before, and may have gone on since.
            return;
        }
        if LogIndex::ZERO < follower.matched && follower.may_precede(round) {
            // It said so before it acknowledged something, in this life or the one before, or has lost that since: the
            // answer to a message of a round that begins only now will tell.
            leadership.in_doubt = true;
            return;
        }
        let newcomer = !voter && follower.matched == LogIndex::ZERO || self.flaws.has(Flaw::WipedNodeWelcome);
        if newcomer {
            follower.newcomer = Some(life);
            self.begin_snapshot(position);
            self.serve(from, effects);
        } else if follower.pace != Pace::Amnesiac {
            follower.pace = Pace::Amnesiac;
            effects.events.push(Event::Amnesia { node: from });
        }
    }
}
