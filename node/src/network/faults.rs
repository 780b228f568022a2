//! Faults on purpose, between servers that live in one process.

use super::Network;
use crate::lock::locked;
use seaworthy_core::message::Message;
use seaworthy_core::types::NodeId;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// What is wrong with a network. Its clones are the same faults, so that they can be changed while servers run.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// Between whom nothing passes: those in different groups. Whoever is in none forms one more.
    groups: Option<Vec<Vec<NodeId>>>,
    delay: Duration,
    loss_percent: u32,
}

impl Faults {
    /// No fault at all.
    pub fn new() -> Self {
        Self::default()
    }

    /// Cuts the network into groups, each of which hears only its own. Whoever is in none forms one more.
    pub fn partition(&self, groups: Vec<Vec<NodeId>>) {
        self.state().groups = Some(groups);
    }

    /// Mends everything.
    pub fn heal(&self) {
        *self.state() = State::default();
    }

    /// Lets every message take so much longer.
    pub fn delay(&self, delay: Duration) {
        self.state().delay = delay;
    }

    /// Loses about so many of a hundred messages.
    pub fn lose(&self, percent: u32) {
        self.state().loss_percent = percent.min(100);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.0)
    }

    /// How long a message takes, if it arrives at all.
    fn pass(&self, from: NodeId, to: NodeId) -> Option<Duration> {
        let state = self.state();
        let cut = state.groups.as_ref().is_some_and(|groups| {
            let group = |node| groups.iter().position(|group| group.contains(&node));
            group(from) != group(to)
        });
        let lost = 0 < state.loss_percent && crate::luck::below(100) < u64::from(state.loss_percent);
        (!cut && !lost).then_some(state.delay)
    }
}

/// A network with faults.
#[derive(Debug)]
pub struct Faulty<N> {
    faults: Faults,
    inner: Arc<N>,
    delayed: Arc<AtomicUsize>,
}

/// Messages that are delayed at a time; what comes on top is lost.
const DELAYED_MAX: usize = 10_000;

impl<N: Network> Faulty<N> {
    /// `inner`, with `faults`.
    pub fn new(faults: Faults, inner: N) -> Self {
        Self { faults, inner: Arc::new(inner), delayed: Arc::default() }
    }
}

impl<N: Network> Network for Faulty<N> {
    fn send(&self, message: Message) {
        match self.faults.pass(message.from, message.to) {
            None => {}
            Some(Duration::ZERO) => self.inner.send(message),
            Some(delay) if self.delayed.fetch_add(1, Ordering::Relaxed) < DELAYED_MAX => {
                let (inner, delayed) = (Arc::clone(&self.inner), Arc::clone(&self.delayed));
                tokio::spawn(async move {
                    tokio::time::sleep(delay).await;
                    delayed.fetch_sub(1, Ordering::Relaxed);
                    inner.send(message);
                });
            }
            Some(_) => {
                self.delayed.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_cuts_between_its_groups_and_whoever_is_in_none() {
        let [one, two, three, four, five] = [1, 2, 3, 4, 5].map(NodeId::new);
        let faults = Faults::new();
        faults.partition(vec![vec![one, two], vec![three]]);
        let passes = |from, to| faults.pass(from, to).is_some();
        assert!(passes(one, two) && passes(two, one));
        assert!(!passes(one, three) && !passes(three, two) && !passes(four, one));
        assert!(passes(four, five));
        faults.heal();
        assert!(passes(one, three) && passes(four, one));
    }

    #[test]
    fn a_network_that_loses_everything_lets_nothing_pass() {
        let faults = Faults::new();
        faults.lose(100);
        assert!((0..100).all(|_| faults.pass(NodeId::new(1), NodeId::new(2)).is_none()));
        faults.lose(0);
        assert_eq!(faults.pass(NodeId::new(1), NodeId::new(2)), Some(Duration::ZERO));
    }
}
