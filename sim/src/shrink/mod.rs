//! Makes a failing run small: a scenario that breaks the same property with as few nodes, faults and operations as
//! can be found, written out moment by moment.
//!
//! A scenario of the swarm is a way of having luck; what fails is one run of it. Shrinking goes from one to the other,
//! and judges every candidate in the same way: it is run, and the same property must be the one that breaks. Where bugs
//! are planted it must also hold once they are taken out, so that nothing else is found instead.
//!
//! In the order in which it is done, and in which to read:
//!
//! 1. `tame`: while luck still decides, what is not needed goes: faults, settings, clients, nodes.
//! 2. `explicit`: what happened in the run is written on the timeline: each fault, each operation, each campaign; what
//!    became of single messages becomes rules.
//! 3. `search`: delta debugging (Zeller and Hildebrandt 2002) takes out of it what is not needed.
//! 4. `plain`: what is left gets round instants, short names and usual values; `pace`: or heartbeats that are rare, and
//!    less waiting, if that makes less to read.
//!
//! From the moment on when a candidate fails whatever the seed, all that follow must do so too: then nothing is left to
//! luck, and [`Shrunk::any_seed`] says so. Bugs that need the luck of a disk may never get there.
//!
//! The result is a function of the scenario, its seed and how many candidates may be tried: threads change nothing. Only
//! being told to stop depends on when that is.

mod claim;
mod explicit;
mod pace;
mod plain;
mod search;
mod size;
mod tame;

use crate::observation::Property;
use crate::report::property_name;
use crate::scenario::Scenario;
use crate::scenario::model::{Expectation, Liveness, Predicate};
use crate::scenario::validate;
use crate::sweep::Panic;
use pace::Pace;
use search::{Search, Standing};
pub use size::Size;
use std::num::{NonZeroU64, NonZeroUsize};

/// How many candidates are enough: more have hardly made any run smaller.
pub const CANDIDATES: NonZeroU64 = NonZeroU64::new(20_000).expect("it is not zero");

/// How many runs of the tamed scenario are written out, for as long as none of them makes a short story.
const ATTEMPTS: u64 = 6;

/// How many candidates are tried for each of them. Then the best of them gets what is left.
const ENOUGH: u64 = 1_500;

/// How to shrink.
pub struct Options<'a> {
    /// How many threads try candidates. They change no result.
    pub jobs: NonZeroUsize,
    /// After how many candidates to be content.
    pub candidates: u64,
    /// Asked again and again: whether to come to an end with the best so far.
    pub stop: &'a (dyn Fn() -> bool + Sync),
    /// Told now and then how far it is.
    pub progress: &'a (dyn Fn(&Progress) + Sync),
}

/// How far shrinking is.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Candidates tried so far.
    pub candidates: u64,
    /// What is being done.
    pub stage: &'static str,
    /// How big the smallest failing scenario is.
    pub size: Size,
}

/// A failing scenario that was made small.
#[derive(Clone, Debug)]
pub struct Shrunk {
    /// The scenario: valid, named and claiming what it shows, and demanding the violation.
    pub scenario: Scenario,
    /// A seed at which it fails.
    pub seed: u64,
    /// Whether it fails at all seeds that were tried.
    pub any_seed: bool,
    /// The property that it breaks.
    pub property: Property,
    /// How big it is.
    pub size: Size,
    /// Candidates tried.
    pub candidates: u64,
    /// Whether it was told to stop before it was done.
    pub stopped: bool,
}

/// Why a run cannot be shrunk.
#[derive(Debug, thiserror::Error)]
pub enum ShrinkError {
    /// The scenario makes no sense.
    #[error("the scenario is not valid: {0}")]
    Invalid(String),
    /// It was told to stop before the run itself was seen to fail.
    #[error("there was no time to run the scenario even once")]
    Stopped,
    /// The run panics.
    #[error("the run at seed {seed} panics, which is no violation: {panic}")]
    Panics {
        /// The seed.
        seed: u64,
        /// What it says.
        panic: Panic,
    },
    /// The run breaks the property without the planted bugs, too.
    #[error("{} breaks without what is planted, too: take that out and shrink the rest", property_name(*.property))]
    AlsoSound {
        /// The property.
        property: Property,
    },
    /// The run breaks no property.
    #[error("the run breaks no property at seed {seed}, so that there is nothing to shrink")]
    Holds {
        /// The seed.
        seed: u64,
    },
}

/// Shrinks the run of `scenario` at `seed`.
///
/// # Errors
/// If there is no such run, or it breaks no property.
pub fn shrink(scenario: &Scenario, seed: u64, options: &Options<'_>) -> Result<Shrunk, ShrinkError> {
    validate(scenario).map_err(|problems| ShrinkError::Invalid(problems[0].message.clone()))?;
    let mut search = Search::begin(scenario, seed, options)?;
    tame::tame(&mut search);
    let tamed = search.standing();
    let mut best = tamed.clone();
    for attempt in 0..ATTEMPTS {
        search.go_on_from(tamed.clone());
        search.allow(ENOUGH);
        if attempt > 0 && !search.take_another(attempt) {
            break;
        }
        explicit::write_out(&mut search);
        plain::simplify(&mut search, Pace::Rare);
        let standing = search.standing();
        if standing.cost() < best.cost() {
            best = standing;
        }
        if best.is_short() {
            break;
        }
    }
    search.go_on_from(best);
    search.allow(u64::MAX);
    explicit::write_out(&mut search);
    let written = search.standing();
    // Time-outs that are as usual read more easily; heartbeats that are rare make a shorter story.
    let paced = [Pace::Rare, Pace::Usual].map(|pace| {
        search.go_on_from(written.clone());
        plain::simplify(&mut search, pace);
        search.standing()
    });
    let least = paced.into_iter().min_by_key(Standing::cost).expect("there are two");
    search.go_on_from(least);
    Ok(search.finish())
}

/// The same scenario, demanding that `property` be violated and nothing else; and if it `heals`, in the phase in which all
/// faults are over.
fn demanding(scenario: &Scenario, property: Property, heals: bool) -> Scenario {
    let mut scenario = scenario.clone();
    scenario.expect = vec![Expectation { at: None, that: Predicate::Violated(property) }];
    if !heals {
        scenario.liveness = Liveness { check: false, ..Liveness::default() };
    }
    scenario
}

#[cfg(test)]
mod tests;
