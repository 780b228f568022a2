//! A study of the checkers: what they find, and how soon, when they look at everything, at no disk, or at clients alone;
//! and that they find nothing in as many runs of the same seeds with nothing planted.

use super::PlantedBug;
use super::figures::{Finds, Spread, bases, longest};
use super::hunt::{End, Ground, Hunt};
use crate::check::{SIGHTS, Sight};
use crate::observation::Property;
use crate::report::SCHEMA_VERSION;
use crate::run::{Verdict, run};
use crate::swarm;
use serde::Serialize;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The hunts for a bug over the same seeds with each of [`SIGHTS`], and the CPU time to the end of each.
pub type Hunts = [(Hunt, Duration); SIGHTS.len()];

/// Hunts on `ground` with every sight. What a blunter one sees in a run, the sharper have seen by then; so each goes on
/// from the run in which the one before saw something, and the clean runs up to there are made once. (Clients alone do
/// not see whether the replicas are level, and begin the drill sooner: what they would see in it that nobody sees in a
/// later one is passed over.)
///
/// `cpu` tells the CPU time since the beginning. That of a blunter sight is an upper bound: its clean runs are those of
/// the sharper, which look at more.
pub fn hunt(
    ground: &Ground,
    seeds: &Range<u64>,
    interrupt: &AtomicBool,
    cpu: &dyn Fn() -> Duration,
) -> Hunts {
    let mut clean = 0;
    SIGHTS.map(|sight| {
        let hunt = ground.hunt_on(sight, clean, seeds.clone(), interrupt);
        clean = hunt.clean();
        (hunt, cpu())
    })
}

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
    /// CPU seconds to the find, at most.
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

    /// Takes in the hunts for the next bug. One whose hunts were called off is left out.
    pub fn add(&mut self, bug: &'static PlantedBug, hunts: &[Hunts]) {
        if hunts.iter().flatten().all(|(hunt, _)| hunt.end != End::Interrupted) {
            self.bugs.push(StudiedBug::new(bug, hunts));
        }
    }
}

impl StudiedBug {
    fn new(bug: &'static PlantedBug, hunts: &[Hunts]) -> Self {
        let figures = |(position, sight): (usize, Sight)| {
            let hunts: Vec<(Hunt, Duration)> = hunts.iter().map(|hunts| hunts[position].clone()).collect();
            SightFigures::new(sight, &Finds::of(bug, &hunts))
        };
        Self { bug: bug.name, sights: SIGHTS.into_iter().enumerate().map(figures).collect() }
    }
}

impl SightFigures {
    fn new(sight: Sight, finds: &Finds<'_>) -> Self {
        let mut found_by = finds.properties();
        found_by.sort_by_key(|property| *property as usize);
        Self { sight, found: finds.len(), found_by, runs: finds.runs(), cpu_seconds: finds.cpu_seconds() }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::planted::find;

    fn swarm(bug: &str) -> Ground {
        Ground::swarm(find(bug).expect("it is in the catalogue"))
    }

    /// Hunts that share their clean runs find what they would find alone.
    #[test]
    fn each_sight_finds_in_the_same_run_what_it_finds_alone() {
        let never = AtomicBool::new(false);
        let mut duller = [0; SIGHTS.len()];
        let bugs = ["votes_twice", "vote_not_persisted", "commit_regresses", "no_noop"];
        for (bug, seeds) in bugs.into_iter().flat_map(|bug| [0..12, 40..52].map(|seeds| (bug, seeds))) {
            let ground = swarm(bug);
            let together = hunt(&ground, &seeds, &never, &|| Duration::ZERO);
            for (position, sight) in SIGHTS.into_iter().enumerate() {
                let (hunt, _) = &together[position];
                assert_eq!(
                    *hunt,
                    ground.hunt_on(sight, 0, seeds.clone(), &never),
                    "{bug}, {seeds:?}, {sight:?}"
                );
                let sharpest = &together[0].0;
                duller[position] += u64::from(sharpest.runs < hunt.runs);
            }
        }
        assert!(0 < duller[1] && duller[1] < duller[2], "no sight was duller: {duller:?}");
    }

    /// What was called off says nothing of what would have been found.
    #[test]
    fn a_bug_whose_hunts_were_called_off_is_left_out() {
        let ground = swarm("votes_twice");
        let hunts = |interrupted| hunt(&ground, &(3..4), &AtomicBool::new(interrupted), &|| Duration::ZERO);
        let mut study = Study::new(&[3..4, 3..4]);
        study.add(ground.bug(), &[hunts(false), hunts(true)]);
        assert_eq!(study.bugs, []);
        study.add(ground.bug(), &[hunts(false), hunts(false)]);
        assert_eq!((study.bugs.len(), study.bugs[0].sights.len()), (1, SIGHTS.len()));
    }
}
