//! Equal applied index: equal state, on every node and in every life of a node. A node that has restarted
//! applies from the start again, and must come through the same states.

use super::chain::slot;
use super::ghost::At;
use super::violation;
use crate::observation::{Property, View, Violation};
use seaworthy_core::types::{EntryId, LogIndex, NodeId};

/// The states of the replicated machine.
#[derive(Clone, Debug, Default)]
pub(super) struct ReplicasAgree {
    /// By applied index, from 0: the hash of the state, and who was there first.
    states: Vec<Option<(u64, NodeId)>>,
}

impl ReplicasAgree {
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

    /// A node has taken a step: nothing but applying entries changes its state.
    pub(super) fn on_step(&mut self, view: &View) -> Result<(), Violation> {
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
        let place = slot(index);
        if self.states.len() <= place {
            self.states.resize(place + 1, None);
        }
        let (first, who) = *self.states[place].get_or_insert((hash, node));
        (first != hash).then_some((first, who))
    }
}
