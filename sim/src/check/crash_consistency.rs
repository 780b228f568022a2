//! A restarted node stands on a prefix of its writes that holds all that was reported durable. Writes form
//! one queue; each stands for a state of the disk, and a disk walks through these states in order, skipping
//! none. After a crash it is found in one of them, no earlier than the last one reported.

use super::chain::Gap;
use super::ghost::{Ghost, NodeGhost, position};
use super::violation;
use crate::observation::{HardStateFact, Property, Violation};
use seaworthy_core::types::{EntryId, NodeId};
use std::collections::{BTreeSet, VecDeque};
use std::fmt;

/// The write queues, one a node.
#[derive(Clone, Debug)]
pub(super) struct CrashConsistency {
    /// By number, from 1: the states of the disk that the writes under way stand for.
    queues: Vec<VecDeque<DiskState>>,
    /// Those whose disk an old copy has replaced since they ran last.
    restored: BTreeSet<NodeId>,
}

/// What a disk holds, in outline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DiskState {
    hard_state: HardStateFact,
    /// The last entry of the snapshot; `None` on a blank disk.
    snapshot: Option<EntryId>,
    last: EntryId,
    /// The chain hash at `last`.
    hash: u64,
}

impl CrashConsistency {
    pub(super) fn new(ghost: &Ghost) -> Self {
        Self { queues: ghost.nodes().map(|_| VecDeque::new()).collect(), restored: BTreeSet::new() }
    }

    /// A node queues a term and vote.
    pub(super) fn on_hard_state_written(&mut self, ghost: &Ghost, node: NodeId, hard_state: HardStateFact) {
        let queue = self.queue(node);
        let latest = queue.back().copied().unwrap_or_else(|| DiskState::of(ghost.node(node)));
        queue.push_back(DiskState { hard_state, ..latest });
    }

    /// A node queues what it just appended to its log.
    pub(super) fn on_appended(&mut self, ghost: &Ghost, node: NodeId) {
        let log = &ghost.node(node).log;
        let queue = self.queue(node);
        let latest = queue.back().copied().unwrap_or_else(|| DiskState::of(ghost.node(node)));
        queue.push_back(DiskState { last: log.last(), hash: log.tip().hash, ..latest });
    }

    /// A node queues a snapshot, which it has just put in place of its log's beginning, or of all of it.
    pub(super) fn on_snapshot_written(&mut self, ghost: &Ghost, node: NodeId, last: EntryId) {
        self.on_appended(ghost, node);
        let state = self.queue(node).back_mut().expect("it was just put there");
        state.snapshot = Some(last);
    }

    /// A disk has lost everything, and with it all that was on its way there.
    pub(super) fn on_wiped(&mut self, node: NodeId) {
        self.queue(node).clear();
    }

    /// An old copy has taken a disk's place: what it holds is nobody's doing.
    pub(super) fn on_restored(&mut self, node: NodeId) {
        self.on_wiped(node);
        self.restored.insert(node);
    }

    /// A disk has taken in one record: it must be the next in the queue.
    pub(super) fn on_durable(&mut self, ghost: &Ghost, node: NodeId) -> Result<(), Violation> {
        let state = DiskState::of(ghost.node(node));
        match self.queue(node).pop_front() {
            Some(next) if next == state => Ok(()),
            Some(next) => {
                let detail =
                    format!("the disk of {node} came to hold {state}, but its next write makes that {next}");
                Err(violation(Property::CrashConsistency, node, detail))
            }
            None => {
                let detail = format!("the disk of {node} came to hold {state}, which nobody wrote");
                Err(violation(Property::CrashConsistency, node, detail))
            }
        }
    }

    /// A node has started, with what `ghost` now says that its disk holds; before, the disk was last known to
    /// be in the state `known`.
    pub(super) fn on_boot(&mut self, ghost: &Ghost, node: NodeId, known: DiskState) -> Result<(), Violation> {
        let found = DiskState::of(ghost.node(node));
        if self.restored.remove(&node) {
            return Ok(());
        }
        let queue = self.queue(node);
        if found != known && !queue.contains(&found) {
            let under_way = queue.len();
            let detail = format!(
                "{node} started with {found}, but its disk had held {known}, \
                 with {under_way} writes under way, none of which leads there"
            );
            return Err(violation(Property::CrashConsistency, node, detail));
        }
        queue.clear();
        Ok(())
    }

    fn queue(&mut self, node: NodeId) -> &mut VecDeque<DiskState> {
        &mut self.queues[position(node)]
    }
}

/// A record that does not continue the log on the disk.
pub(super) fn gap(node: NodeId, gap: Gap) -> Violation {
    violation(Property::CrashConsistency, node, format!("the disk of {node} {gap}"))
}

impl DiskState {
    /// Of this node.
    pub(super) fn of(node: &NodeGhost) -> Self {
        Self {
            hard_state: node.disk_hard_state,
            snapshot: node.disk_snapshot,
            last: node.disk.last(),
            hash: node.disk.tip().hash,
        }
    }
}

impl fmt::Display for DiskState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "term {}, ", self.hard_state.term)?;
        match self.hard_state.vote {
            Some(vote) => write!(f, "a vote for {vote}")?,
            None => f.write_str("no vote")?,
        }
        if let Some(last) = self.snapshot.filter(|last| *last != EntryId::ZERO) {
            write!(f, ", a snapshot up to {last}")?;
        }
        write!(f, " and a log up to {}", self.last)
    }
}
