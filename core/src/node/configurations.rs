//! The configurations that a log goes through.

use crate::log::Log;
use crate::membership::Membership;
use crate::message::Payload;
use crate::snapshot::Snapshot;
use crate::types::LogIndex;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

/// Which configuration is in force from which entry on. The last one is in force now, committed or not (thesis §4.1).
///
/// - There is always one; the first is committed and goes back to before the log, or to before anything.
/// - Ascending by index.
///
/// Shared, so that whoever looks at the node after each step sees without comparing that nothing has changed.
#[derive(Clone, Debug)]
pub(super) struct Configurations(Vec<(LogIndex, Arc<Membership>)>);

impl Configurations {
    /// Those of a log that goes on from `snapshot`. Without one nobody belongs to anything.
    pub(super) fn of(snapshot: Option<&Snapshot>, log: &Log) -> Self {
        let mut all = match snapshot {
            Some(snapshot) => Self::after(snapshot.last.index, snapshot.membership.clone()),
            None => Self::after(LogIndex::ZERO, Membership::default()),
        };
        let covered = all.latest_index();
        for entry in log.entries().iter().filter(|entry| covered < entry.id.index) {
            if let Payload::Membership(membership) = &entry.payload {
                all.push(entry.id.index, membership);
            }
        }
        all
    }

    /// One configuration alone, that of a snapshot which ends at `index`.
    pub(super) fn after(index: LogIndex, membership: Membership) -> Self {
        Self(vec![(index, Arc::new(membership))])
    }

    /// The configuration in force.
    pub(super) fn latest(&self) -> &Arc<Membership> {
        &self.0.last().expect("there is always one").1
    }

    /// Where it stands in the log, or is known to have been in force.
    pub(super) fn latest_index(&self) -> LogIndex {
        self.0.last().expect("there is always one").0
    }

    /// The one before it, unless that has been forgotten, which happens only once the latest is committed.
    pub(super) fn previous(&self) -> Option<&Membership> {
        self.0.len().checked_sub(2).map(|position| &*self.0[position].1)
    }

    /// The one that was in force at `index`.
    pub(super) fn at(&self, index: LogIndex) -> &Membership {
        let later = self.0.partition_point(|(start, _)| *start <= index);
        &self.0[later.saturating_sub(1)].1
    }

    /// A configuration was appended.
    pub(super) fn push(&mut self, index: LogIndex, membership: &Membership) {
        assert!(self.latest_index() < index, "configurations follow the log");
        self.0.push((index, Arc::new(membership.clone())));
    }

    /// The log was cut before `first`: what was changed from there on was not (thesis §4.1).
    pub(super) fn truncate(&mut self, first: LogIndex) {
        let kept = self.0.partition_point(|(start, _)| *start < first);
        self.0.truncate(kept.max(1));
    }

    /// Nobody will ask for an index before `index` again.
    pub(super) fn forget_before(&mut self, index: LogIndex) {
        let later = self.0.partition_point(|(start, _)| *start <= index);
        self.0.drain(..later.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::NodeId;

    fn of(voters: u64) -> Membership {
        Membership::new((1..=voters).map(NodeId::new))
    }

    #[test]
    fn a_truncation_takes_configurations_back_and_never_the_first() {
        let mut all = Configurations::after(LogIndex(4), of(1));
        all.push(LogIndex(6), &of(2));
        all.push(LogIndex(9), &of(3));
        assert_eq!((all.at(LogIndex(5)), all.at(LogIndex(8)), all.at(LogIndex(9))), (&of(1), &of(2), &of(3)));
        all.truncate(LogIndex(9));
        assert_eq!((&**all.latest(), all.previous()), (&of(2), Some(&of(1))));
        all.truncate(LogIndex(1));
        assert_eq!((&**all.latest(), all.previous()), (&of(1), None));
    }

    #[test]
    fn what_was_in_force_at_the_last_forgotten_index_is_kept() {
        let mut all = Configurations::after(LogIndex(0), of(1));
        all.push(LogIndex(6), &of(2));
        all.push(LogIndex(9), &of(3));
        all.forget_before(LogIndex(8));
        assert_eq!((all.at(LogIndex(8)), &**all.latest()), (&of(2), &of(3)));
        all.forget_before(LogIndex(9));
        assert_eq!((&**all.latest(), all.previous()), (&of(3), None));
    }
}
