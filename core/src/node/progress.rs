//! What a leader believes of one follower.

use crate::types::{Instant, LogIndex, NodeId, Round};
use alloc::collections::VecDeque;

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
    /// The latest contact round that it has answered in this term.
    pub(super) answered: Round,
    /// When it last answered anything in this term.
    pub(super) contact: Instant,
    pub(super) pace: Pace,
}

/// How entries are sent to a follower.
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
        /// The last entry of each message on its way, ascending.
        inflight: VecDeque<LogIndex>,
    },
}

impl Progress {
    /// What a new leader assumes (Raft Figure 2): nothing is known, everything may match.
    pub(super) fn new(node: NodeId, last: LogIndex, now: Instant) -> Self {
        Self {
            node,
            matched: LogIndex::ZERO,
            next: last.next(),
            answered: Round::ZERO,
            contact: now,
            pace: Pace::Probe { waiting: false, until: LogIndex::ZERO },
        }
    }

    /// The follower holds everything up to `matched`.
    pub(super) fn accepted(&mut self, matched: LogIndex) {
        let news = self.matched < matched;
        self.matched = self.matched.max(matched);
        self.next = self.next.max(self.matched.next());
        match &mut self.pace {
            Pace::Probe { until, .. } if *until <= self.matched => {
                self.pace = Pace::Replicate { inflight: VecDeque::new() };
            }
            Pace::Probe { waiting, .. } => *waiting &= !news,
            Pace::Replicate { inflight } => {
                while inflight.front().is_some_and(|last| *last <= matched) {
                    inflight.pop_front();
                }
            }
        }
    }

    /// Whether a refusal of `refused` says anything new: neither delayed nor repeated.
    pub(super) fn is_current_refusal(&self, refused: LogIndex) -> bool {
        match self.pace {
            Pace::Probe { .. } => refused == self.next.previous(),
            Pace::Replicate { .. } => self.matched < refused && refused < self.next,
        }
    }

    /// The logs differ somewhere after `agreed`: look there.
    pub(super) fn refused(&mut self, agreed: LogIndex) {
        let sent = self.next.previous();
        let until = match self.pace {
            Pace::Probe { until, .. } => until,
            Pace::Replicate { .. } => sent,
        };
        self.next = agreed.max(self.matched).next();
        self.pace = Pace::Probe { waiting: false, until };
    }
}
