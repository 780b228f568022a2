//! What stands around one replica: its disk, its clock, its timer, and what waits for one of them.

use crate::clock::Clock;
use crate::disk::Disk;
use crate::event::Event;
use crate::history::ClientId;
use crate::observation::View;
use crate::replica::Replica;
use crate::time::Time;
use seaworthy_core::types::{LogIndex, NodeId, SessionId, Token, WriteSeq};
use std::collections::{BTreeMap, VecDeque};

/// One server's machine. It outlives the replicas that run on it.
pub(crate) struct Host<R: Replica> {
    pub(crate) id: NodeId,
    /// `None` while the node is down.
    pub(crate) replica: Option<R>,
    /// Frozen: whatever comes waits in `backlog`.
    pub(crate) paused: bool,
    /// Crashes in the middle of the next step that has effects.
    pub(crate) doomed: bool,
    /// What came during a pause and has not been taken up yet, in order.
    pub(crate) backlog: VecDeque<Event<R::Message>>,
    pub(crate) disk: Disk<R>,
    pub(crate) clock: Clock,
    pub(crate) timer: Timer,
    /// Messages whose write is not durable yet, oldest first.
    pub(crate) held: Vec<(WriteSeq, R::Message)>,
    /// Where its log ended when it last became a leader: what comes after that is of its own term.
    pub(crate) reign: LogIndex,
    /// What the replica looked like after its last step.
    pub(crate) view: View,
    /// Who waits for the answer to which request.
    pub(crate) waiting: BTreeMap<Token, Asker>,
    /// How often the node has started.
    pub(crate) life: u32,
    /// Its disk has once lost everything, or is refused.
    pub(crate) wiped: bool,
    /// It is down for good: it was removed from the cluster and shut down, or its disk is refused.
    pub(crate) retired: bool,
}

/// Who waits for an answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asker {
    pub(crate) client: ClientId,
    /// The session and sequence of the request, if it is for the log.
    pub(crate) writes: Option<(SessionId, u64)>,
}

/// The one armed timeout of a node. A deadline that moves later costs nothing: the timer goes off in vain once
/// and is armed again.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Timer {
    armed: Option<Time>,
    arming: u32,
}

impl<R: Replica> Host<R> {
    /// Whether events must queue up: the node is frozen, or has not caught up since.
    pub(crate) fn is_behind(&self) -> bool {
        self.paused || !self.backlog.is_empty()
    }

    /// Whether it can never again be of use under its number.
    pub(crate) fn is_gone(&self) -> bool {
        self.wiped || self.retired
    }

    /// Loses everything but the disk, and what was to happen to it.
    pub(crate) fn go_down(&mut self) {
        self.replica = None;
        self.paused = false;
        self.doomed = false;
        self.disk.disarm();
        self.timer.disarm();
        self.held.clear();
        self.waiting.clear();
    }
}

impl Timer {
    /// Has the timer go off at `at` at the latest. Gives the number of a new arming if there has to be one.
    pub(crate) fn arm(&mut self, at: Time) -> Option<u32> {
        if self.armed.is_some_and(|armed| armed <= at) {
            return None;
        }
        self.armed = Some(at);
        self.arming += 1;
        Some(self.arming)
    }

    /// Whether this arming still counts; if so it is used up.
    pub(crate) fn fire(&mut self, arming: u32) -> bool {
        let counts = self.armed.is_some() && arming == self.arming;
        if counts {
            self.armed = None;
        }
        counts
    }

    pub(crate) fn disarm(&mut self) {
        self.armed = None;
    }
}

/// The place of a node in whatever has one for each, from 0.
pub(crate) fn position(node: NodeId) -> usize {
    usize::try_from(node.get() - 1).expect("a cluster is small")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_is_armed_again_only_when_the_deadline_moves_earlier() {
        let mut timer = Timer::default();
        let first = timer.arm(Time(10)).expect("not armed");
        assert_eq!(timer.arm(Time(20)), None);
        let second = timer.arm(Time(5)).expect("earlier");
        assert!(!timer.fire(first));
        assert!(timer.fire(second));
        assert!(!timer.fire(second));
        assert!(timer.arm(Time(20)).is_some());
    }

    #[test]
    fn a_disarmed_timer_never_fires() {
        let mut timer = Timer::default();
        let arming = timer.arm(Time(10)).expect("not armed");
        timer.disarm();
        assert!(!timer.fire(arming));
        let later = timer.arm(Time(20)).expect("not armed");
        assert!(!timer.fire(arming) && timer.fire(later));
    }
}
