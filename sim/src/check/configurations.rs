//! The configurations that a log goes through, mirrored from the facts alone.

use seaworthy_core::membership::Membership;
use seaworthy_core::types::{EntryId, LogIndex};

/// Which configuration is in force from which index on; the last one is in force now, committed or not (thesis §4.1).
///
/// - There is always one; the first goes back to before the log, or to before anything.
/// - Ascending by index.
#[derive(Clone, Debug)]
pub(super) struct Configurations(Vec<(LogIndex, Membership)>);

impl Configurations {
    /// One configuration alone, in force at `index`.
    pub(super) fn after(index: LogIndex, membership: Membership) -> Self {
        Self(vec![(index, membership)])
    }

    /// The one that is in force, and where it stands.
    pub(super) fn latest(&self) -> (LogIndex, &Membership) {
        let (index, membership) = self.0.last().expect("there is always one");
        (*index, membership)
    }

    /// The one before it, and where it stands.
    pub(super) fn previous(&self) -> Option<(LogIndex, &Membership)> {
        let (index, membership) = &self.0[self.0.len().checked_sub(2)?];
        Some((*index, membership))
    }

    /// Those that were appended from `first` on.
    pub(super) fn since(&self, first: LogIndex) -> &[(LogIndex, Membership)] {
        &self.0[self.0.partition_point(|(index, _)| *index < first)..]
    }

    /// The one that was in force at `index`; of what is forgotten, the first that is not.
    pub(super) fn at(&self, index: LogIndex) -> &Membership {
        let later = self.0.partition_point(|(start, _)| *start <= index);
        &self.0[later.saturating_sub(1)].1
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The log was cut before `first`, and these were appended. Says whether that changed anything.
    pub(super) fn replace(&mut self, first: LogIndex, appended: &[(EntryId, Membership)]) -> bool {
        let kept = self.0.partition_point(|(index, _)| *index < first).max(1);
        let changes = kept < self.0.len() || !appended.is_empty();
        self.0.truncate(kept);
        self.0.extend(appended.iter().map(|(id, membership)| (id.index, membership.clone())));
        changes
    }

    /// These come next.
    pub(super) fn extend(&mut self, more: &[(LogIndex, Membership)]) {
        self.0.extend_from_slice(more);
    }

    /// Nobody will ask for an index before `floor` again.
    pub(super) fn forget_before(&mut self, floor: LogIndex) {
        let later = self.0.partition_point(|(index, _)| *index <= floor);
        self.0.drain(..later.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use seaworthy_core::types::NodeId;

    fn of(voters: u64) -> Membership {
        Membership::new((1..=voters).map(NodeId::new))
    }

    #[test]
    fn a_cut_takes_configurations_back_and_never_the_first() {
        let mut all = Configurations::after(LogIndex(4), of(1));
        all.replace(LogIndex(5), &[(EntryId::new(1, 6), of(2)), (EntryId::new(1, 9), of(3))]);
        assert_eq!((all.at(LogIndex(5)), all.at(LogIndex(8)), all.at(LogIndex(9))), (&of(1), &of(2), &of(3)));
        assert_eq!(all.since(LogIndex(7)), [(LogIndex(9), of(3))]);
        all.replace(LogIndex(9), &[]);
        assert_eq!((all.latest(), all.previous()), ((LogIndex(6), &of(2)), Some((LogIndex(4), &of(1)))));
        all.replace(LogIndex(1), &[]);
        assert_eq!((all.latest(), all.previous()), ((LogIndex(4), &of(1)), None));
    }

    #[test]
    fn what_was_in_force_at_the_floor_is_kept() {
        let mut all = Configurations::after(LogIndex(0), of(1));
        all.extend(&[(LogIndex(6), of(2)), (LogIndex(9), of(3))]);
        all.forget_before(LogIndex(8));
        assert_eq!((all.at(LogIndex(8)), all.latest(), all.len()), (&of(2), (LogIndex(9), &of(3)), 2));
    }
}
