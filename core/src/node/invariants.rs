//! What must hold of a node after every step, whatever its peers do. Only a bug can break it.

use super::Node;
use super::role::State;
use crate::flaw::Flaws;

impl<F: Flaws> Node<F> {
    /// Checks at the cost of a few comparisons; stays on in release.
    pub(super) fn assert_invariants(&self) {
        let last = self.log.last();
        assert!(self.commit <= last.index, "only what is in the log is committed");
        assert!(last.term <= self.hard_state.term, "the log holds no term that has not begun");
        assert!(self.queue.durable_index() <= last.index, "only what is in the log is durable in it");
        assert!(self.configurations.latest_index() <= last.index, "configurations follow the log");
        if let Some(snapshot) = &self.snapshot {
            assert!(self.log.base().index <= snapshot.last.index, "the log goes on from the snapshot");
            assert!(snapshot.last.index <= self.commit, "a snapshot holds only what is committed");
        }
        if let State::Leader(leadership) = &self.state {
            assert!(self.leader == Some(self.config.id), "a leader knows itself");
            assert!(leadership.confirmed <= leadership.round, "a round is answered only after it began");
            for follower in &leadership.followers {
                assert!(follower.matched < follower.next, "what is sent next is not acknowledged yet");
                assert!(follower.next <= last.index.next(), "nothing is sent that is not in the log");
            }
        }
    }
}
