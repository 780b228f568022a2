//! Equal applied index: equal state, on every node and in every life of a node. A node that has restarted
//! applies from its snapshot on again, and must come through the same states.

use super::ghost::Ghost;
use super::violation;
use super::window::Window;
use super::words::At;
use crate::observation::{Property, View, Violation};
use seaworthy_core::types::{EntryId, LogIndex, NodeId};

/// The states of the replicated machine.
#[derive(Clone, Debug)]
pub(super) struct ReplicasAgree {
    /// By applied index: the hash of the state, and who was there first.
    states: Window<Option<(u64, NodeId)>>,
}

impl ReplicasAgree {
    pub(super) fn new() -> Self {
        Self { states: Window::new(LogIndex::ZERO) }
    }

    /// The state at an applied index, and who was there first.
    pub(super) fn at(&self, index: LogIndex) -> Option<(u64, NodeId)> {
        self.states.get(index).copied().flatten()
    }

    /// Forgets the states before `floor`.
    pub(super) fn forget_before(&mut self, floor: LogIndex) {
        self.states.forget_before(floor);
    }

    /// How much is kept.
    pub(super) fn len(&self) -> usize {
        self.states.len()
    }

    /// A node has applied an entry, the next in its order.
    pub(super) fn on_applied(&mut self, node: NodeId, id: EntryId, hash: u64) -> Result<(), Violation> {
        match self.meet(node, id.index, hash) {
            None => Ok(()),
            Some((other, first)) => {
                let detail =
                    format!("{node} is in state {hash:016x} after {id}, but {first} was in {other:016x}");
                Err(violation(Property::ReplicasAgree, node, detail))
            }
        }
    }

    /// A node has taken a step: nothing but applying entries changes its state. A blank node has none.
    pub(super) fn on_step(&mut self, ghost: &Ghost, view: &View) -> Result<(), Violation> {
        if ghost.node(view.node).is_blank() {
            return Ok(());
        }
        match self.meet(view.node, view.applied, view.state_hash) {
            None => Ok(()),
            Some((other, first)) => {
                let me = At(view.node, view.term);
                let (hash, applied) = (view.state_hash, view.applied);
                let detail = format!(
                    "{me} shows state {hash:016x} at applied index {applied}, \
                     where {first} was in {other:016x}"
                );
                Err(violation(Property::ReplicasAgree, view.node, detail))
            }
        }
    }

    /// The first to come to an index says what the state is there; returns that where it differs.
    fn meet(&mut self, node: NodeId, index: LogIndex, hash: u64) -> Option<(u64, NodeId)> {
        let (first, who) = *self.states.reach(index)?.get_or_insert((hash, node));
        (first != hash).then_some((first, who))
    }
}
