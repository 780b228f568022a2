//! How small the runs that show planted bugs become.

use super::figures::BugFigures;
use crate::shrink::{Shrunk, Size};
use serde::Serialize;

/// So many faults and operations a person takes in at a glance.
pub const FEW: u64 = 10;

/// What the run that found a bug was shrunk to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct SmallRun {
    /// How big it is.
    #[serde(flatten)]
    pub size: Size,
    /// Whether it fails whatever the seed.
    pub any_seed: bool,
    /// Whether time ran out before there was nothing left to try.
    pub cut_short: bool,
}

impl SmallRun {
    /// Faults and operations.
    pub fn deeds(&self) -> u64 {
        self.size.faults + self.size.operations
    }
}

impl From<&Shrunk> for SmallRun {
    fn from(shrunk: &Shrunk) -> Self {
        Self { size: shrunk.size, any_seed: shrunk.any_seed, cut_short: shrunk.stopped }
    }
}

/// How small the runs of all bugs became that were shrunk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ShrunkFigures {
    /// The bugs that were shrunk.
    pub bugs: usize,
    /// Those of at most [`FEW`] faults and operations.
    pub few: usize,
    /// Those of which it is known in how few events a model checker showed them.
    pub of_known_depth: usize,
    /// Those of them that took at most twice as many.
    pub within_twice: usize,
    /// Those for which time ran out.
    pub cut_short: usize,
}

impl ShrunkFigures {
    /// Over all these bugs.
    pub fn of(bugs: &[BugFigures]) -> Self {
        let mut figures = Self::default();
        for (bug, run) in bugs.iter().filter_map(|bug| Some((bug, bug.shrunk?))) {
            figures.bugs += 1;
            figures.few += usize::from(run.deeds() <= FEW);
            figures.cut_short += usize::from(run.cut_short);
            if let Some(depth) = bug.depth {
                figures.of_known_depth += 1;
                figures.within_twice += usize::from(run.size.events <= 2 * depth);
            }
        }
        figures
    }
}
