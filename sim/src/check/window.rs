//! What is known by index, from a base on: what stood before it was forgotten, so that memory does not grow with
//! the length of a run.

use seaworthy_core::types::LogIndex;

/// One item an index, without gaps.
#[derive(Clone, Debug)]
pub(super) struct Window<T> {
    /// The index of the first item.
    base: LogIndex,
    items: Vec<T>,
}

impl<T> Window<T> {
    /// Of items that begin at `base`.
    pub(super) fn new(base: LogIndex) -> Self {
        Self { base, items: Vec::new() }
    }

    /// The index of the first item.
    pub(super) fn base(&self) -> LogIndex {
        self.base
    }

    /// The index after that of the last item.
    pub(super) fn next(&self) -> LogIndex {
        LogIndex(self.base.0 + self.items.len() as u64)
    }

    /// How many items are kept.
    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// The item at `index`, if there is one.
    pub(super) fn get(&self, index: LogIndex) -> Option<&T> {
        self.items.get(self.slot(index)?)
    }

    /// The last item.
    pub(super) fn last(&self) -> Option<&T> {
        self.items.last()
    }

    /// All items.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.items.iter_mut()
    }

    /// Adds an item after the last.
    pub(super) fn push(&mut self, item: T) {
        self.items.push(item);
    }

    /// Drops the items from `index` on.
    pub(super) fn truncate(&mut self, index: LogIndex) {
        self.items.truncate(self.slot(index).unwrap_or(0));
    }

    /// Forgets the items before `index`, at the cost of those that are kept.
    pub(super) fn forget_before(&mut self, index: LogIndex) {
        if let Some(gone) = self.slot(index) {
            self.items.drain(..gone.min(self.items.len()));
            self.base = index;
        }
    }

    /// Where `index` stands in `items`, or would stand; `None` if that was forgotten.
    fn slot(&self, index: LogIndex) -> Option<usize> {
        let place = index.0.checked_sub(self.base.0)?;
        Some(usize::try_from(place).expect("a log fits in memory"))
    }
}

impl<T: Copy> Window<T> {
    /// Appends what `other` holds after the end of this one, up to `end`.
    pub(super) fn extend_from(&mut self, other: &Self, end: LogIndex) {
        let first = other.slot(self.next()).expect("the other goes back at least as far");
        let last = other.slot(end).expect("the end lies behind the first");
        self.items.extend_from_slice(&other.items[first..=last]);
    }

    /// Becomes equal to `other`, keeping its own memory.
    pub(super) fn copy_from(&mut self, other: &Self) {
        self.base = other.base;
        self.items.clone_from(&other.items);
    }
}

impl<T: Clone + Default> Window<T> {
    /// The item at `index`, with defaults up to there if the window does not reach so far; `None` if it was
    /// forgotten.
    pub(super) fn reach(&mut self, index: LogIndex) -> Option<&mut T> {
        let slot = self.slot(index)?;
        if self.items.len() <= slot {
            self.items.resize(slot + 1, T::default());
        }
        Some(&mut self.items[slot])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_forgotten_is_told_from_what_never_was() {
        let mut window = Window::new(LogIndex(1));
        (1..=9).for_each(|number| window.push(number));
        window.forget_before(LogIndex(4));
        assert_eq!((window.base(), window.next(), window.len()), (LogIndex(4), LogIndex(10), 6));
        assert_eq!(
            (window.get(LogIndex(3)), window.get(LogIndex(4)), window.get(LogIndex(10))),
            (None, Some(&4), None)
        );
        assert_eq!(window.reach(LogIndex(3)), None);
        assert_eq!(window.reach(LogIndex(12)), Some(&mut 0));
        window.truncate(LogIndex(6));
        assert_eq!((window.last(), window.next()), (Some(&5), LogIndex(6)));
        window.forget_before(LogIndex(2));
        assert_eq!(window.base(), LogIndex(4), "what is gone stays gone");
        window.forget_before(LogIndex(20));
        assert_eq!((window.next(), window.len()), (LogIndex(20), 0));
    }
}
