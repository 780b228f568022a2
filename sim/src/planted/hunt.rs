//! A hunt for one planted bug: run after run, each with the luck of the next seed, until a checker finds it.

use super::PlantedBug;
use crate::check::Sight;
use crate::choice::Choice;
use crate::observation::Property;
use crate::run::{Found, RunReport};
use crate::scenario::Scenario;
use crate::seaworthy::Seaworthy;
use crate::sweep::{Panic, Source, SourceError, caught};
use crate::world::{Options, World};
use seaworthy_core::flaw::Planted;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

/// Longer than any sound run of the swarm. A bug may well set off a storm of messages that never ends.
pub const MAX_STEPS: u64 = 300_000;

/// Where a bug is looked for.
#[derive(Clone, Debug)]
pub struct Ground {
    bug: &'static PlantedBug,
    source: Source,
}

/// What came of a hunt. A function of the bug, the ground and the seeds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hunt {
    /// How many runs it took; the last of them is the one that found the bug, if it was found.
    pub runs: u64,
    /// How it ended.
    pub end: End,
}

/// How a hunt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// A checker found it.
    Violation {
        /// In the run of this seed.
        seed: u64,
        /// What it found.
        found: Found,
    },
    /// Two runs of this seed, which should be one, differed.
    Differed {
        /// The seed.
        seed: u64,
    },
    /// All seeds came and went.
    Missed,
    /// The run of this seed panicked.
    Panicked {
        /// The seed.
        seed: u64,
        /// What it said.
        panic: Panic,
    },
    /// It was called off.
    Interrupted,
}

impl Ground {
    /// The draws of the swarm.
    pub fn swarm(bug: &'static PlantedBug) -> Self {
        Self { bug, source: Source::SWARM }
    }

    /// The scenario that shows the bug, or the swarm if that does.
    ///
    /// # Errors
    /// If there is no such scenario.
    pub fn best(bug: &'static PlantedBug) -> Result<Self, SourceError> {
        let source = bug.directed.map_or(Ok(Source::SWARM), |directed| Source::bundled(directed.scenario))?;
        Ok(Self { bug, source })
    }

    /// The bug that is looked for.
    pub fn bug(&self) -> &'static PlantedBug {
        self.bug
    }

    /// What the reader knows the ground by: the swarm, or a scenario.
    pub fn name(&self) -> &str {
        self.source.argument()
    }

    /// What is run at `seed`: the bug alone is planted in it.
    pub fn scenario(&self, seed: u64) -> Scenario {
        Scenario { planted: vec![self.bug.name.into()], ..self.source.scenario(seed).into_owned() }
    }

    /// Runs seed after seed, until the bug is found or `interrupt` is true. One that breaks no property of a run is
    /// looked for by running each seed twice.
    pub fn hunt(&self, seeds: Range<u64>, interrupt: &AtomicBool) -> Hunt {
        self.hunt_on(Sight::All, 0, seeds, interrupt)
    }

    /// The same with any sight, if so many runs are already known to show it nothing.
    pub(super) fn hunt_on(
        &self,
        sight: Sight,
        clean: u64,
        seeds: Range<u64>,
        interrupt: &AtomicBool,
    ) -> Hunt {
        let mut hunt = Hunt { runs: clean, end: End::Missed };
        for seed in seeds.start + clean..seeds.end {
            if interrupt.load(Ordering::Relaxed) {
                hunt.end = End::Interrupted;
                break;
            }
            hunt.runs += 1;
            if let Some(end) = self.look(sight, seed) {
                hunt.end = end;
                break;
            }
        }
        hunt
    }

    /// What the run of `seed` shows, if anything.
    fn look(&self, sight: Sight, seed: u64) -> Option<End> {
        let runs = caught(|| {
            let scenario = self.scenario(seed);
            let first = run_seeing(&scenario, seed, sight);
            let second = self.bug.caught_by.is_empty().then(|| run_seeing(&scenario, seed, sight));
            (first, second)
        });
        match runs {
            Err(panic) => Some(End::Panicked { seed, panic }),
            Ok((first, Some(second))) if first != second => Some(End::Differed { seed }),
            Ok((first, _)) => first.violation.map(|found| End::Violation { seed, found }),
        }
    }
}

impl Hunt {
    /// In how many runs nothing was to be seen.
    pub(super) fn clean(&self) -> u64 {
        match self.end {
            End::Violation { .. } | End::Differed { .. } | End::Panicked { .. } => self.runs - 1,
            End::Missed | End::Interrupted => self.runs,
        }
    }

    /// Whether what found the bug is what must find it; `None` if nothing did.
    pub fn is_rightly_found(&self, bug: &PlantedBug) -> Option<bool> {
        match &self.end {
            End::Violation { found, .. } => Some(bug.caught_by.contains(&found.property)),
            End::Differed { .. } => Some(bug.caught_by.is_empty()),
            End::Missed | End::Panicked { .. } | End::Interrupted => None,
        }
    }

    /// The property that was found violated, if one was.
    pub fn property(&self) -> Option<Property> {
        match &self.end {
            End::Violation { found, .. } => Some(found.property),
            _ => None,
        }
    }
}

/// Runs `scenario` with the bugs that are planted in it, for at most [`MAX_STEPS`].
pub fn run(scenario: &Scenario, seed: u64) -> RunReport {
    run_seeing(scenario, seed, Sight::All)
}

fn run_seeing(scenario: &Scenario, seed: u64, sight: Sight) -> RunReport {
    let options = Options { record: false, check: true, max_steps: MAX_STEPS };
    let mut choice = Choice::seeded(seed);
    let (report, _) = World::<Seaworthy<Planted>>::new(scenario, &mut choice, options).seeing(sight).run();
    RunReport { seed, ..report }
}
