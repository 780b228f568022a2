//! What is to happen, in the order in which it will: by time, and at one instant in order of scheduling.

use crate::time::Time;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A queue of events.
///
/// The heap holds keys of 16 bytes; the events lie still in a slab beside it. Moving events through the heap
/// would cost more than the events themselves do.
///
/// Invariants:
/// - every key in the heap names a full slot, and no two keys name the same;
/// - a slot is either full or in the free list.
#[derive(Clone, Debug)]
pub struct Queue<E> {
    heap: BinaryHeap<Reverse<Key>>,
    slots: Vec<Option<E>>,
    free: Vec<u32>,
    scheduled: u64,
}

/// One number, so that two keys are compared without a branch. From the top: the time; whether this goes behind all
/// else of its instant; the number of the scheduling; the slot, which never decides, because the number is unique.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key(u128);

impl Key {
    fn new(at: Time, last: u64, number: u64, slot: u32) -> Self {
        Self(u128::from(at.0) << 64 | u128::from(last | number << SLOT_BITS | u64::from(slot)))
    }

    fn at(self) -> Time {
        Time((self.0 >> 64) as u64)
    }

    fn slot(self) -> u32 {
        self.0 as u32 & ((1 << SLOT_BITS) - 1)
    }
}

const SLOT_BITS: u32 = 24;
const LAST: u64 = 1 << 63;

impl<E> Default for Queue<E> {
    fn default() -> Self {
        Self { heap: BinaryHeap::new(), slots: Vec::new(), free: Vec::new(), scheduled: 0 }
    }
}

impl<E> Queue<E> {
    /// Has `event` happen at `at`, after all that was scheduled for that instant before.
    pub fn schedule(&mut self, at: Time, event: E) {
        self.insert(at, 0, event);
    }

    /// Has `event` happen at `at`, after everything that [`Queue::schedule`] ever puts there.
    pub fn schedule_last(&mut self, at: Time, event: E) {
        self.insert(at, LAST, event);
    }

    /// Takes out what comes next.
    pub fn pop(&mut self) -> Option<(Time, E)> {
        let Reverse(key) = self.heap.pop()?;
        self.free.push(key.slot());
        let event = self.slots[key.slot() as usize].take().expect("every key names a full slot");
        Some((key.at(), event))
    }

    /// When the next event is to happen.
    pub fn next_at(&self) -> Option<Time> {
        self.heap.peek().map(|Reverse(key)| key.at())
    }

    /// How many events are to happen.
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// Whether nothing is to happen any more.
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    fn insert(&mut self, at: Time, last: u64, event: E) {
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = Some(event);
                slot
            }
            None => {
                self.slots.push(Some(event));
                u32::try_from(self.slots.len() - 1).expect("the next assertion is stricter")
            }
        };
        assert!(slot < 1 << SLOT_BITS, "more than 16 million events are on their way");
        self.scheduled += 1;
        assert!(self.scheduled < 1 << (63 - SLOT_BITS), "more events than a run can have");
        self.heap.push(Reverse(Key::new(at, last, self.scheduled, slot)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn events_come_by_time_then_class_then_order_of_scheduling(
            steps in prop::collection::vec((0u64..6, any::<bool>(), any::<bool>()), 0..200),
        ) {
            // The dumb twin: a vector, searched from end to end.
            let mut twin: Vec<(u64, bool, usize)> = Vec::new();
            let mut queue = Queue::default();
            for (number, (at, last, pop)) in steps.into_iter().enumerate() {
                if pop {
                    let least = twin.iter().min().copied();
                    twin.retain(|entry| Some(*entry) != least);
                    prop_assert_eq!(queue.pop(), least.map(|(at, _, number)| (Time(at), number)));
                } else {
                    twin.push((at, last, number));
                    if last {
                        queue.schedule_last(Time(at), number);
                    } else {
                        queue.schedule(Time(at), number);
                    }
                }
                prop_assert_eq!(queue.len(), twin.len());
            }
        }
    }

    #[test]
    fn slots_are_used_again() {
        let mut queue = Queue::default();
        for round in 0..1000 {
            queue.schedule(Time(round), round);
            queue.schedule(Time(round), round);
            queue.pop();
            queue.pop();
        }
        assert!(queue.is_empty());
        assert_eq!(queue.slots.len(), 2);
    }
}
