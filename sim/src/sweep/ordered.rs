//! Much to do at once, and one consumer that sees what came of it in order.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, mpsc};

/// How many outcomes may wait for an earlier one: it bounds the memory of a sweep in which one run is slow.
pub(super) const AHEAD_MAX: u64 = 1024;

/// Does `work` for every number below `total` on so many threads, and calls `consume` with each number and what came
/// of it, from 0 on without a gap, on the calling thread, until it breaks. Once `interrupt` is true nothing more is
/// begun; what is under way is finished and consumed.
pub fn ordered<T: Send>(
    total: u64,
    jobs: NonZeroUsize,
    interrupt: &AtomicBool,
    work: &(dyn Fn(u64) -> T + Sync),
    consume: &mut dyn FnMut(u64, T) -> ControlFlow<()>,
) {
    let queue = Queue::new(total);
    let jobs = u64::try_from(jobs.get()).unwrap_or(u64::MAX).min(total);
    std::thread::scope(|scope| {
        let (sender, receiver) = mpsc::channel();
        for _ in 0..jobs {
            let sender = sender.clone();
            let queue = &queue;
            scope.spawn(move || {
                while !interrupt.load(Ordering::Relaxed)
                    && let Some(index) = queue.take()
                {
                    if sender.send((index, work(index))).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        in_order(&receiver, &mut |index, outcome| {
            queue.consumed(index + 1);
            consume(index, outcome)
        });
        queue.close();
    });
}

/// Hands the outcomes over in the order of their index.
fn in_order<T>(receiver: &mpsc::Receiver<(u64, T)>, consume: &mut dyn FnMut(u64, T) -> ControlFlow<()>) {
    let mut early = BTreeMap::new();
    let mut due = 0;
    for (index, outcome) in receiver {
        early.insert(index, outcome);
        while let Some(outcome) = early.remove(&due) {
            if consume(due, outcome).is_break() {
                return;
            }
            due += 1;
        }
    }
}

/// Hands out the numbers, never too far ahead of the consumer.
struct Queue {
    state: Mutex<QueueState>,
    moved: Condvar,
    total: u64,
}

struct QueueState {
    next: u64,
    consumed: u64,
    closed: bool,
}

impl Queue {
    fn new(total: u64) -> Self {
        let state = QueueState { next: 0, consumed: 0, closed: false };
        Self { state: Mutex::new(state), moved: Condvar::new(), total }
    }

    /// The next number, once it is due; `None` if there is none any more.
    fn take(&self) -> Option<u64> {
        let too_far = |state: &mut QueueState| !state.closed && state.next >= state.consumed + AHEAD_MAX;
        let state = self.state.lock().expect(NEVER_POISONED);
        let mut state = self.moved.wait_while(state, too_far).expect(NEVER_POISONED);
        if state.closed || state.next == self.total {
            return None;
        }
        let index = state.next;
        state.next += 1;
        Some(index)
    }

    fn consumed(&self, count: u64) {
        self.state.lock().expect(NEVER_POISONED).consumed = count;
        self.moved.notify_all();
    }

    fn close(&self) {
        self.state.lock().expect(NEVER_POISONED).closed = true;
        self.moved.notify_all();
    }
}

const NEVER_POISONED: &str = "nothing panics while it holds the lock";
