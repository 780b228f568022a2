//! What leaders have sent and nobody has acknowledged, as far as that can be told from the messages.

use super::ghost::position;
use crate::observation::View;
use seaworthy_core::types::{LogIndex, NodeId, Term};
use std::collections::VecDeque;

/// The messages with entries that are on their way, by sender.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    /// By number, from 1.
    senders: Vec<Sender>,
}

/// A leader as it was when it took its latest step.
#[derive(Clone, Debug)]
struct Sender {
    term: Term,
    /// Where its configuration stands: with another it may begin anew with some of its followers.
    membership_index: LogIndex,
    /// By the numbers of the followers, from 1.
    runs: Vec<Run>,
}

/// Messages of which each goes on where the one before ended. A leader that goes back, or on somewhere else, has given up
/// what it sent before.
#[derive(Clone, Debug, Default)]
struct Run {
    /// The last entry of each message, ascending.
    lasts: VecDeque<LogIndex>,
    /// The entry before those of the newest.
    previous: LogIndex,
}

impl Sent {
    pub(super) fn new(nodes: usize) -> Self {
        let runs = vec![Run::default(); nodes];
        let sender = Sender { term: Term::ZERO, membership_index: LogIndex::ZERO, runs };
        Self { senders: vec![sender; nodes] }
    }

    /// A message of `term` leaves, with the entries after `previous` up to `last`.
    pub(super) fn send(&mut self, from: NodeId, to: NodeId, term: Term, previous: LogIndex, last: LogIndex) {
        let sender = &mut self.senders[position(from)];
        if sender.term != term {
            return;
        }
        let run = &mut sender.runs[position(to)];
        if run.lasts.back() != Some(&previous) {
            run.lasts.clear();
        }
        run.previous = previous;
        run.lasts.push_back(last);
    }

    /// A leader has taken a step, and perhaps heard of what arrived.
    pub(super) fn step(&mut self, view: &View) {
        let sender = &mut self.senders[position(view.node)];
        if (sender.term, sender.membership_index) != (view.term, view.membership_index) {
            (sender.term, sender.membership_index) = (view.term, view.membership_index);
            sender.runs.iter_mut().for_each(|run| run.lasts.clear());
        }
        for follower in &view.followers {
            let run = &mut sender.runs[position(follower.node)];
            while run.lasts.pop_front_if(|last| *last <= follower.matched).is_some() {}
            if run.lasts.back().is_some_and(|last| follower.next <= *last) {
                run.lasts.clear();
            }
        }
    }

    /// How many messages are certainly on their way to a follower that `counts`, if they are more than `told`: those of a
    /// run behind which the leader means to go on. Behind entries that its snapshot stands for it may go on from that.
    pub(super) fn more_than(
        &self,
        told: usize,
        view: &View,
        counts: impl Fn(NodeId) -> bool,
    ) -> Option<usize> {
        let sender = &self.senders[position(view.node)];
        let covered = view.snapshot.map_or(LogIndex::ZERO, |snapshot| snapshot.index);
        view.followers.iter().find_map(|follower| {
            let Run { lasts, previous } = &sender.runs[position(follower.node)];
            let goes_on = || lasts.back().is_some_and(|last| last.next() == follower.next);
            let certain = told < lasts.len() && goes_on() && covered <= *previous && counts(follower.node);
            certain.then_some(lasts.len())
        })
    }

    /// How much is remembered.
    pub(super) fn len(&self) -> usize {
        self.senders.iter().flat_map(|sender| &sender.runs).map(|run| run.lasts.len()).sum()
    }
}
