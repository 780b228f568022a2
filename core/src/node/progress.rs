//! What a leader believes of one follower.

use crate::message::SnapshotId;
use crate::snapshot::Snapshot;
use crate::types::{Instant, LogIndex, NodeId, Round};
use alloc::collections::VecDeque;
use core::time::Duration;

/// Where one follower stands, in its leader's eyes.
///
/// - `matched < next`.
/// - What lies between them is on its way, and not acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Which.
    pub node: NodeId,
    /// The highest entry known to be durable there (Raft Figure 2, matchIndex).
    pub matched: LogIndex,
    /// The next entry to send (Raft Figure 2, nextIndex).
    pub next: LogIndex,
    /// The round that was under way when `matched` was learned: whatever answers a later one knows of it.
    matched_round: Round,
    /// The latest contact round that it has answered in this term.
    pub(super) answered: Round,
    /// When it last answered anything in this term.
    pub(super) contact: Instant,
    /// The life in which it came as a newcomer to this leader, with nothing.
    pub(super) newcomer: Option<u64>,
    pub(super) pace: Pace,
    pub(super) catch_up: CatchUp,
}

/// How a follower is brought up to date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    /// Where the logs agree is not known: one message at a time, again with each heartbeat.
    Probe {
        /// A message is on its way.
        waiting: bool,
        /// What had been sent when a refusal came. Until that much is acknowledged, further refusals of what
        /// was on its way may follow, and to fill the window again for each of them would be a storm.
        until: LogIndex,
    },
    /// The logs agree up to `matched`: messages follow each other without waiting for answers.
    Replicate {
        /// What is on its way.
        inflight: Inflight,
    },
    /// What it lacks has been compacted away: a snapshot, one chunk at a time, again with each heartbeat.
    Snapshot(Transfer),
    /// It has lost what it acknowledged: it gets nothing, lest it promise again what it broke.
    Amnesiac,
}

/// A snapshot on its way to a follower. The leader may take another meanwhile; this one goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Transfer {
    pub(super) id: SnapshotId,
    pub(super) snapshot: Snapshot,
    /// How many bytes are there.
    pub(super) offset: u64,
    /// The chunk from there on is on its way.
    pub(super) waiting: bool,
}

/// The messages with entries on their way to a follower, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Inflight {
    /// The last entry of each, ascending, and its bytes.
    messages: VecDeque<(LogIndex, usize)>,
    bytes: usize,
}

/// A learner's race with the log (thesis §4.2.1): in rounds, each of which is to bring it what the log held when the
/// round began. One that takes less than an election timeout shows that a vote would not hold up the others for long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CatchUp {
    target: LogIndex,
    since: Instant,
    /// Whether the last round was short enough.
    pub(super) done: bool,
}

impl Inflight {
    pub(super) fn add(&mut self, last: LogIndex, bytes: usize) {
        self.messages.push_back((last, bytes));
        self.bytes += bytes;
    }

    /// Everything up to `matched` has arrived.
    fn acknowledge(&mut self, matched: LogIndex) {
        while let Some((_, bytes)) = self.messages.pop_front_if(|(last, _)| *last <= matched) {
            self.bytes -= bytes;
        }
    }

    /// Whether another message may follow. A single one always may, whatever its size.
    pub(super) fn has_room(&self, messages: usize, bytes: usize) -> bool {
        self.messages.is_empty() || self.messages.len() < messages && self.bytes < bytes
    }
}

impl Progress {
    /// What a new leader assumes (Raft Figure 2): nothing is known, everything may match.
    pub(super) fn new(node: NodeId, last: LogIndex, now: Instant) -> Self {
        Self {
            node,
            matched: LogIndex::ZERO,
            next: last.next(),
            matched_round: Round::ZERO,
            answered: Round::ZERO,
            contact: now,
            newcomer: None,
            pace: Pace::Probe { waiting: false, until: LogIndex::ZERO },
            catch_up: CatchUp { target: last, since: now, done: false },
        }
    }

    /// The follower holds everything up to `matched`, as is learned in `round`.
    pub(super) fn accepted(&mut self, matched: LogIndex, round: Round) {
        let news = self.matched < matched;
        if news {
            self.matched_round = round;
        }
        self.matched = self.matched.max(matched);
        self.next = self.next.max(self.matched.next());
        match &mut self.pace {
            Pace::Probe { until, .. } if *until <= self.matched => self.replicate(),
            Pace::Probe { waiting, .. } => *waiting &= !news,
            Pace::Replicate { inflight } => inflight.acknowledge(matched),
            Pace::Snapshot(transfer) if transfer.snapshot.last.index <= self.matched => {
                self.next = self.matched.next();
                self.replicate();
            }
            Pace::Snapshot(_) | Pace::Amnesiac => {}
        }
    }

    fn replicate(&mut self) {
        self.pace = Pace::Replicate { inflight: Inflight::default() };
    }

    /// Whether a refusal in `round` that leads back to `hint` takes back what was acknowledged: the message that it
    /// answers was sent after the acknowledgement had arrived, so that the follower knew of it and has lost it since.
    pub(super) fn is_broken_promise(&self, hint: LogIndex, round: Round) -> bool {
        !self.may_precede(round) && hint < self.matched
    }

    /// Whether the follower may have said what it says in `round` before it acknowledged what it did last.
    pub(super) fn may_precede(&self, round: Round) -> bool {
        round <= self.matched_round
    }

    /// Whether a refusal of `refused` says anything new: neither delayed nor repeated, and not against what the follower
    /// has acknowledged.
    pub(super) fn is_current_refusal(&self, refused: LogIndex) -> bool {
        match self.pace {
            Pace::Probe { .. } => self.matched < refused && refused == self.next.previous(),
            Pace::Replicate { .. } => self.matched < refused && refused < self.next,
            Pace::Snapshot(_) | Pace::Amnesiac => false,
        }
    }

    /// The logs differ somewhere after `agreed`: look there.
    pub(super) fn refused(&mut self, agreed: LogIndex) {
        let sent = self.next.previous();
        let until = if let Pace::Probe { until, .. } = self.pace { until } else { sent };
        self.next = agreed.max(self.matched).next();
        self.pace = Pace::Probe { waiting: false, until };
    }

    /// The entry that it needs next is gone: it gets `snapshot`, from its first byte on.
    pub(super) fn begin_snapshot(&mut self, snapshot: &Snapshot) {
        let transfer = Transfer { id: snapshot.id(), snapshot: snapshot.clone(), offset: 0, waiting: false };
        self.next = snapshot.last.index.max(self.matched).next();
        self.pace = Pace::Snapshot(transfer);
    }

    /// Goes on to the next round of the race with a log that now ends at `last`, if this one is over; it is short if
    /// it took less than `limit`.
    pub(super) fn race(&mut self, now: Instant, last: LogIndex, limit: Duration) {
        if self.catch_up.target <= self.matched {
            let done = now.since(self.catch_up.since) < limit;
            self.catch_up = CatchUp { target: last, since: now, done };
        }
    }

    /// What was on its way one at a time may be lost: it is due again.
    pub(super) fn retry(&mut self) {
        match &mut self.pace {
            Pace::Probe { waiting, .. } | Pace::Snapshot(Transfer { waiting, .. }) => *waiting = false,
            Pace::Replicate { .. } | Pace::Amnesiac => {}
        }
    }

    /// Messages with entries on their way to it.
    pub(super) fn inflight_messages(&self) -> usize {
        match &self.pace {
            Pace::Replicate { inflight } => inflight.messages.len(),
            Pace::Probe { .. } | Pace::Snapshot(_) | Pace::Amnesiac => 0,
        }
    }

    /// Whether it gets a snapshot at the moment.
    pub fn is_receiving_snapshot(&self) -> bool {
        matches!(self.pace, Pace::Snapshot(_))
    }

    /// Whether it has come back without what it acknowledged, and gets nothing any more.
    pub fn is_amnesiac(&self) -> bool {
        matches!(self.pace, Pace::Amnesiac)
    }

    /// Whether it keeps up with the log well enough to be given a vote (thesis §4.2.1).
    pub fn is_caught_up(&self) -> bool {
        self.catch_up.done && !self.is_amnesiac()
    }
}
