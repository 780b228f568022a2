//! Every snapshot that somebody may still start from or be sent: what is at one index is the same everywhere.

use super::chain::Link;
use crate::observation::SnapshotFact;
use seaworthy_core::membership::Membership;
use seaworthy_core::types::{EntryId, LogIndex, NodeId};
use std::collections::BTreeMap;

/// The snapshots that were ever seen, but for old ones that no disk goes back to. Of these the newest are kept: a
/// newcomer may be busy receiving one for a long time, while the others go on.
#[derive(Clone, Debug, Default)]
pub(super) struct Snapshots(BTreeMap<LogIndex, Known>);

/// A snapshot, when it was first seen.
#[derive(Clone, Debug)]
pub(super) struct Known {
    /// What its last entry stands for.
    pub(super) link: Link,
    pub(super) membership: Membership,
    /// A hash of the state that it holds.
    pub(super) data: u64,
    /// The hash of the state machine at its last entry, and whose that was, noted when others forget it.
    pub(super) state: Option<(u64, NodeId)>,
    /// Who had it.
    pub(super) holder: NodeId,
}

/// How many snapshots are kept that no disk goes back to.
const OLD: usize = 256;

impl Snapshots {
    /// The one at `index`.
    pub(super) fn at(&self, index: LogIndex) -> Option<&Known> {
        self.0.get(&index)
    }

    /// Notes one, unless there is one at that index; `link` is what its last entry stands for.
    pub(super) fn insert(&mut self, node: NodeId, snapshot: &SnapshotFact<'_>, link: Link) {
        self.0.entry(snapshot.last.index).or_insert_with(|| Known {
            link,
            membership: snapshot.membership.clone(),
            data: snapshot.data,
            state: None,
            holder: node,
        });
    }

    /// How many are kept.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// What stands before `floor` is being forgotten everywhere else; `state` says what the state was at an index.
    pub(super) fn forget_before(
        &mut self,
        floor: LogIndex,
        state: impl Fn(LogIndex) -> Option<(u64, NodeId)>,
    ) {
        let old = self.0.range(..floor).count();
        for _ in OLD..old {
            self.0.pop_first();
        }
        for (index, known) in self.0.range_mut(..floor) {
            known.state = known.state.or_else(|| state(*index));
        }
    }
}

impl Known {
    /// The last entry of one at `index`.
    pub(super) fn last(&self, index: LogIndex) -> EntryId {
        EntryId { term: self.link.term, index }
    }
}
