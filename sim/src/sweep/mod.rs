//! Many runs: threads compute, one consumer sees the outcomes in the order of their seeds.
//!
//! A run is a function of (scenario, seed), and the consumer is called in the order of batches and seeds
//! whatever thread was faster. So all that is made of the outcomes is the same for one job and for many.

mod caught;
mod ordered;
mod seeds;
mod source;
mod summary;

pub use caught::{Panic, caught};
pub use ordered::ordered;
pub use seeds::{Seeds, Shard, ShardError};
pub use source::{SWARM, Source, SourceError, bundled_batches};
pub use summary::{
    Cause, Failure, ScenarioFigures, Summary, Tally, Undecided, difference, replay_by_seed, verify_by_seed,
};

use crate::run::RunReport;
use crate::scenario::Scenario;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::atomic::AtomicBool;

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
    let attempt = |index| {
        let (batch, seed) = locate(batches, index);
        attempt(&batches[batch].source, seed, options.verify_determinism, runner)
    };
    ordered(runs(batches), options.jobs, options.interrupt, &attempt, &mut |index, outcome| {
        let (batch, seed) = locate(batches, index);
        consume(batch, seed, outcome)
    });
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

#[cfg(test)]
mod tests;
