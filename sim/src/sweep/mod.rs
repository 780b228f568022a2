//! Many runs: threads compute, one consumer sees the outcomes in the order of their seeds.
//!
//! A run is a function of (scenario, seed), and the consumer is called in the order of batches and seeds
//! whatever thread was faster. So all that is made of the outcomes is the same for one job and for many.

mod caught;
mod seeds;
mod source;
mod summary;

pub use caught::{Panic, caught};
pub use seeds::{Seeds, Shard, ShardError};
pub use source::{SWARM, Source, SourceError, bundled_batches};
pub use summary::{
    Cause, Failure, ScenarioFigures, Summary, Tally, difference, replay_by_seed, verify_by_seed,
};

use crate::run::RunReport;
use crate::scenario::Scenario;
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, mpsc};

/// What runs a scenario: [`crate::run::run`], or a test's stand-in for it.
pub type Runner<'a> = &'a (dyn Fn(&Scenario, u64) -> RunReport + Sync);

/// One scenario, or the swarm, over some seeds.
#[derive(Clone, Debug)]
pub struct Batch {
    /// What is run.
    pub source: Source,
    /// Over which seeds.
    pub seeds: Seeds,
}

/// How a sweep is done. None of it changes an outcome.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// How many threads compute.
    pub jobs: NonZeroUsize,
    /// Whether each run is done twice and compared.
    pub verify_determinism: bool,
    /// When this becomes true no further run is begun; those under way are finished and consumed.
    pub interrupt: &'a AtomicBool,
}

/// What came of one seed.
#[allow(clippy::large_enum_variant, reason = "nearly every outcome is the large one")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The run came to its end.
    Finished(RunReport),
    /// Two runs of it came to different ends.
    Differed {
        /// One.
        first: Box<RunReport>,
        /// The other.
        second: Box<RunReport>,
    },
    /// The simulator or the core panicked.
    Panicked(Panic),
}

/// How many outcomes may wait for an earlier one: it bounds the memory of a sweep in which one run is slow.
const AHEAD_MAX: u64 = 1024;

/// How many runs that is.
pub fn runs(batches: &[Batch]) -> u64 {
    batches.iter().fold(0, |sum: u64, batch| sum.saturating_add(batch.seeds.len()))
}

/// Runs every seed of every batch, and calls `consume` with the position of the batch, the seed and what came of
/// it, in order, on the calling thread, until it breaks.
pub fn sweep(
    batches: &[Batch],
    options: Options<'_>,
    runner: Runner<'_>,
    consume: &mut dyn FnMut(usize, u64, Outcome) -> ControlFlow<()>,
) {
    let total = runs(batches);
    let queue = Queue::new(total);
    let jobs = u64::try_from(options.jobs.get()).unwrap_or(u64::MAX).min(total);
    std::thread::scope(|scope| {
        let (sender, receiver) = mpsc::channel();
        for _ in 0..jobs {
            let sender = sender.clone();
            let queue = &queue;
            scope.spawn(move || {
                while !options.interrupt.load(Ordering::Relaxed)
                    && let Some(index) = queue.take()
                {
                    let (batch, seed) = locate(batches, index);
                    let outcome = attempt(&batches[batch].source, seed, options.verify_determinism, runner);
                    if sender.send((index, outcome)).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        in_order(&receiver, &mut |index, outcome| {
            queue.consumed(index + 1);
            let (batch, seed) = locate(batches, index);
            consume(batch, seed, outcome)
        });
        queue.close();
    });
}

/// Hands the outcomes over in the order of their index, from 0 on without a gap.
fn in_order(
    receiver: &mpsc::Receiver<(u64, Outcome)>,
    consume: &mut dyn FnMut(u64, Outcome) -> ControlFlow<()>,
) {
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

/// Runs one seed, once or, to compare, twice.
pub fn attempt(source: &Source, seed: u64, verify_determinism: bool, runner: Runner<'_>) -> Outcome {
    let result = caught(|| {
        let scenario = source.scenario(seed);
        let first = runner(&scenario, seed);
        let second = verify_determinism.then(|| runner(&scenario, seed));
        (first, second)
    });
    match result {
        Ok((first, Some(second))) if first != second => {
            Outcome::Differed { first: Box::new(first), second: Box::new(second) }
        }
        Ok((first, _)) => Outcome::Finished(first),
        Err(panic) => Outcome::Panicked(panic),
    }
}

/// The position of the batch, and the seed, of the run number `index`.
fn locate(batches: &[Batch], mut index: u64) -> (usize, u64) {
    for (position, batch) in batches.iter().enumerate() {
        let length = batch.seeds.len();
        if index < length {
            return (position, batch.seeds.at(index));
        }
        index -= length;
    }
    unreachable!("only numbers below the total are handed out")
}

/// Hands out the numbers of the runs, never too far ahead of the consumer.
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

#[cfg(test)]
mod tests;
