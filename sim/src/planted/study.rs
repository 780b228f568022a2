//! A study of the checkers: what they find, and how soon, when they look at everything, at no disk, or at clients alone;
//! and that they find nothing in as many runs of the same seeds with nothing planted.

use super::figures::{Finds, Spread, bases, longest};
use super::hunt::{Ground, Hunt};
use crate::check::Sight;
use crate::observation::Property;
use crate::report::SCHEMA_VERSION;
use crate::run::{Verdict, run};
use crate::swarm;
use serde::Serialize;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A study as one JSON object. All of it but the seconds is a function of bugs and seeds.
#[derive(Clone, Debug, Serialize)]
pub struct Study {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// How many seeds a hunt may take.
    pub seeds: u64,
    /// The first seed of each hunt.
    pub bases: Vec<u64>,
    /// Whether it was called off.
    pub interrupted: bool,
    /// The same seeds with nothing planted.
    pub control: Control,
    /// Each bug, in the order of the catalogue.
    pub bugs: Vec<StudiedBug>,
}

/// Runs of the swarm with nothing planted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Control {
    /// How many.
    pub runs: u64,
    /// Checked steps.
    pub steps: u64,
    /// Those that did not end well.
    pub failed: u64,
}

/// A bug, and what comes of hunts for it with each sight.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StudiedBug {
    /// Its name.
    pub bug: &'static str,
    /// By sight, the sharpest first.
    pub sights: Vec<SightFigures>,
}

/// What comes of the hunts for a bug with one sight.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SightFigures {
    /// What the checkers look at.
    pub sight: Sight,
    /// How many hunts found it.
    pub found: usize,
    /// The properties that were found violated, each once.
    pub found_by: Vec<Property>,
    /// In how many runs.
    pub runs: Spread<u64>,
    /// CPU seconds to the find.
    pub cpu_seconds: Spread<f64>,
}

impl Study {
    /// Nothing yet, of hunts over these ranges of seeds.
    pub fn new(ranges: &[Range<u64>]) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            seeds: longest(ranges),
            bases: bases(ranges),
            interrupted: false,
            control: Control::default(),
            bugs: Vec::new(),
        }
    }

    /// Takes in hunts on one ground with one sight, each with the CPU time that it took.
    pub fn add(&mut self, ground: &Ground, hunts: &[(Hunt, Duration)]) {
        let name = ground.bug().name;
        if self.bugs.last().is_none_or(|last| last.bug != name) {
            self.bugs.push(StudiedBug { bug: name, sights: Vec::new() });
        }
        let last = self.bugs.last_mut().expect("there is one by now");
        last.sights.push(SightFigures::new(ground, hunts));
    }
}

impl SightFigures {
    fn new(ground: &Ground, hunts: &[(Hunt, Duration)]) -> Self {
        let finds = Finds::of(ground.bug(), hunts);
        let mut found_by = finds.properties();
        found_by.sort_by_key(|property| *property as usize);
        Self {
            sight: ground.sight(),
            found: finds.len(),
            found_by,
            runs: finds.runs(),
            cpu_seconds: finds.cpu_seconds(),
        }
    }
}

impl Control {
    /// The swarm's runs of these seeds, until `interrupt` is true.
    pub fn of(seeds: Range<u64>, interrupt: &AtomicBool) -> Self {
        let mut control = Self::default();
        for seed in seeds.take_while(|_| !interrupt.load(Ordering::Relaxed)) {
            let report = run(&swarm::draw(seed), seed);
            control.runs += 1;
            control.steps += report.steps;
            control.failed += u64::from(report.verdict != Verdict::Ok);
        }
        control
    }

    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            runs: self.runs + other.runs,
            steps: self.steps + other.steps,
            failed: self.failed + other.failed,
        }
    }
}
