//! What hunts came to: how soon each planted bug is found, and whether by the checker that must find it.

use super::PlantedBug;
use super::hunt::{End, Ground, Hunt};
use super::shrunk::{ShrunkFigures, SmallRun};
use crate::observation::Property;
use crate::report::SCHEMA_VERSION;
use crate::sweep::SWARM;
use serde::Serialize;
use std::ops::Range;
use std::time::Duration;

/// All bugs that were hunted, as one JSON object. All of it but the seconds is a function of bugs and seeds.
#[derive(Clone, Debug, Serialize)]
pub struct Catch {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// How many seeds a hunt may take.
    pub seeds: u64,
    /// The first seed of each hunt.
    pub bases: Vec<u64>,
    /// Whether it was called off.
    pub interrupted: bool,
    /// Over the bugs that are looked for in the swarm: how many there are, and how soon they are found.
    pub swarm: SwarmFigures,
    /// Over the bugs whose runs were shrunk, how small they became; nothing if none was to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shrunk: Option<ShrunkFigures>,
    /// Each bug, in the order of the catalogue.
    pub bugs: Vec<BugFigures>,
}

/// How soon the swarm finds bugs, by the median over each one's hunts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SwarmFigures {
    /// The bugs that it is to find.
    pub bugs: usize,
    /// Those found in most hunts.
    pub found: usize,
    /// Those found within 20 seeds.
    pub within_20: usize,
    /// Over the bugs, how many seeds it takes; nothing if half of the bugs are missed.
    pub median: Option<u64>,
    /// How many it takes for the rarest bug; nothing if one is missed.
    pub worst: Option<u64>,
}

/// One bug, and what came of the hunts for it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BugFigures {
    /// Its name.
    pub bug: &'static str,
    /// What the wrong code does.
    pub wrong: &'static str,
    /// Where it really happened.
    pub source: &'static str,
    /// The smallest cluster in which it shows.
    pub nodes: u64,
    /// The properties of which one must be the first that is found violated.
    pub caught_by: &'static [Property],
    /// Where it was looked for: `"swarm"`, or a scenario.
    pub ground: String,
    /// Why it is not looked for in the swarm, if it is not.
    pub why: Option<&'static str>,
    /// What the hunts say together.
    pub verdict: Verdict,
    /// The properties that were found violated, each once, the one of the first hunt first.
    pub found_by: Vec<Property>,
    /// How many hunts found it.
    pub found: usize,
    /// In how many runs: the median over the hunts, and the worst. Nothing where that hunt missed it.
    pub runs: Spread<u64>,
    /// The seed at which the first hunt that found it did.
    pub first_seed: Option<u64>,
    /// The step of that run at which it was found.
    pub step: Option<u64>,
    /// What was found there, or what went wrong instead.
    pub detail: Option<String>,
    /// CPU seconds to the find.
    pub cpu_seconds: Spread<f64>,
    /// In how few events a model checker showed it elsewhere, where that is known.
    pub depth: Option<u64>,
    /// What the run of the first seed was shrunk to, if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shrunk: Option<SmallRun>,
}

/// A figure over several hunts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Spread<T> {
    /// In the middle; of two in the middle the worse.
    pub median: Option<T>,
    /// The worst.
    pub worst: Option<T>,
}

/// What the hunts for a bug say together, from the best to the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It was found, and each time by a checker that must find it.
    Found,
    /// The hunts were called off before any of them found it.
    Interrupted,
    /// No hunt found it.
    Missed,
    /// A hunt found it by a checker that should not be the first.
    Misattributed,
    /// The simulator panicked.
    Panicked,
}

/// Of several hunts for a bug, each with the CPU time that it took, those that found it, by whichever checker.
pub(super) struct Finds<'a> {
    finds: Vec<&'a (Hunt, Duration)>,
    /// How many hunts there were.
    hunts: usize,
}

impl<'a> Finds<'a> {
    pub(super) fn of(bug: &PlantedBug, hunts: &'a [(Hunt, Duration)]) -> Self {
        let finds = hunts.iter().filter(|(hunt, _)| hunt.is_rightly_found(bug).is_some()).collect();
        Self { finds, hunts: hunts.len() }
    }

    pub(super) fn len(&self) -> usize {
        self.finds.len()
    }

    /// The hunts, in their order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &'a Hunt> {
        self.finds.iter().map(|(hunt, _)| hunt)
    }

    /// The properties that were found violated, each once, in the order in which they were.
    pub(super) fn properties(&self) -> Vec<Property> {
        let mut properties = Vec::new();
        for property in self.iter().filter_map(Hunt::property) {
            if !properties.contains(&property) {
                properties.push(property);
            }
        }
        properties
    }

    /// In how many runs.
    pub(super) fn runs(&self) -> Spread<u64> {
        Spread::new(self.iter().map(|hunt| hunt.runs).collect(), self.hunts)
    }

    /// CPU seconds to the find.
    pub(super) fn cpu_seconds(&self) -> Spread<f64> {
        Spread::seconds(self.finds.iter().map(|(_, cpu)| *cpu).collect(), self.hunts)
    }
}

impl BugFigures {
    /// The figures of hunts on `ground`, each with the CPU time that it took.
    pub fn new(ground: &Ground, hunts: &[(Hunt, Duration)]) -> Self {
        let bug = ground.bug();
        let finds = Finds::of(bug, hunts);
        let odd = hunts.iter().map(|(hunt, _)| hunt).find(|hunt| matches!(hunt.end, End::Panicked { .. }));
        let wrong = finds.iter().find(|hunt| hunt.is_rightly_found(bug) == Some(false));
        let telling = odd.or(wrong).or(finds.iter().next()).map(|hunt| &hunt.end);
        let (first_seed, step, detail) = match telling {
            Some(End::Violation { seed, found }) => {
                (Some(*seed), Some(found.step), Some(found.detail.clone()))
            }
            Some(End::Differed { seed }) => (Some(*seed), None, Some("two runs of it differ".to_owned())),
            Some(End::Panicked { seed, panic }) => (Some(*seed), None, Some(panic.to_string())),
            Some(End::Missed | End::Interrupted) | None => (None, None, None),
        };
        Self {
            bug: bug.name,
            wrong: bug.wrong,
            source: bug.source,
            nodes: bug.nodes,
            caught_by: bug.caught_by,
            ground: ground.name().to_owned(),
            why: bug.directed.filter(|_| ground.name() != SWARM).map(|directed| directed.why),
            verdict: verdict(bug, hunts),
            found_by: finds.properties(),
            found: finds.len(),
            runs: finds.runs(),
            first_seed,
            step,
            detail,
            cpu_seconds: finds.cpu_seconds(),
            depth: bug.depth,
            shrunk: None,
        }
    }
}

fn verdict(bug: &PlantedBug, hunts: &[(Hunt, Duration)]) -> Verdict {
    let has = |what: &dyn Fn(&Hunt) -> bool| hunts.iter().any(|(hunt, _)| what(hunt));
    if has(&|hunt| matches!(hunt.end, End::Panicked { .. })) {
        Verdict::Panicked
    } else if has(&|hunt| hunt.is_rightly_found(bug) == Some(false)) {
        Verdict::Misattributed
    } else if has(&|hunt| hunt.is_rightly_found(bug) == Some(true)) {
        Verdict::Found
    } else if has(&|hunt| hunt.end == End::Interrupted) {
        Verdict::Interrupted
    } else {
        Verdict::Missed
    }
}

impl<T: Copy + Ord> Spread<T> {
    /// Over so many hunts, of which those that found something took so much. To have found nothing is worse than
    /// anything.
    pub fn new(mut finds: Vec<T>, hunts: usize) -> Self {
        finds.sort();
        let worst = finds.last().copied().filter(|_| finds.len() == hunts);
        Self { median: finds.get(hunts / 2).copied(), worst }
    }
}

impl Spread<f64> {
    /// The same of times, in seconds.
    pub fn seconds(finds: Vec<Duration>, hunts: usize) -> Self {
        let Spread { median, worst } = Spread::new(finds, hunts);
        Self {
            median: median.as_ref().map(Duration::as_secs_f64),
            worst: worst.as_ref().map(Duration::as_secs_f64),
        }
    }
}

/// How many seeds a hunt over one of these ranges may take.
pub(super) fn longest(ranges: &[Range<u64>]) -> u64 {
    ranges.iter().map(|range| range.end - range.start).max().unwrap_or(0)
}

/// The first seed of each.
pub(super) fn bases(ranges: &[Range<u64>]) -> Vec<u64> {
    ranges.iter().map(|range| range.start).collect()
}

impl Catch {
    /// Nothing yet, of hunts over these ranges of seeds.
    pub fn new(ranges: &[Range<u64>]) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            seeds: longest(ranges),
            bases: bases(ranges),
            interrupted: false,
            swarm: SwarmFigures::default(),
            shrunk: None,
            bugs: Vec::new(),
        }
    }

    /// Takes in the next bug.
    pub fn add(&mut self, bug: BugFigures) {
        self.bugs.push(bug);
        let swarm: Vec<&BugFigures> = self.bugs.iter().filter(|bug| bug.ground == SWARM).collect();
        let medians: Vec<u64> = swarm.iter().filter_map(|bug| bug.runs.median).collect();
        let within_20 = medians.iter().filter(|runs| **runs <= 20).count();
        let found = medians.len();
        let Spread { median, worst } = Spread::new(medians, swarm.len());
        self.swarm = SwarmFigures { bugs: swarm.len(), found, within_20, median, worst };
    }

    /// Takes in what the run that found the bug of this place was shrunk to, if it could be.
    pub fn add_shrunk(&mut self, place: usize, run: Option<SmallRun>) {
        self.bugs[place].shrunk = run;
        self.shrunk = Some(ShrunkFigures::of(&self.bugs));
    }

    /// The worst of what was found of any bug.
    pub fn verdict(&self) -> Verdict {
        self.bugs.iter().map(|bug| bug.verdict).max().unwrap_or(Verdict::Found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::planted::find;
    use crate::run::Found;
    use crate::shrink::Size;
    use crate::sweep::Panic;
    use crate::time::Time;

    /// Hunts for a bug that a second vote must give away.
    fn figures(ends: &[End]) -> BugFigures {
        let hunts: Vec<(Hunt, Duration)> = (1..)
            .zip(ends)
            .map(|(runs, end)| (Hunt { runs, end: end.clone() }, Duration::from_secs(runs)))
            .collect();
        BugFigures::new(&Ground::swarm(find("votes_twice").expect("it is in the catalogue")), &hunts)
    }

    fn violation(property: Property) -> End {
        let found = Found { property, at: Time::ZERO, step: 7, node: None, detail: "two votes".into() };
        End::Violation { seed: 3, found }
    }

    #[test]
    fn the_gravest_of_all_hunts_counts() {
        let right = || violation(Property::VoteOnce);
        let wrong = || violation(Property::Liveness);
        let panic = Panic { message: "overboard".into(), location: "here".into() };
        let panicked = End::Panicked { seed: 5, panic };
        let cases = [
            (vec![right(), right()], Verdict::Found),
            (vec![End::Missed, right(), End::Interrupted], Verdict::Found),
            (vec![End::Missed, End::Missed], Verdict::Missed),
            (vec![End::Missed, End::Interrupted], Verdict::Interrupted),
            (vec![right(), wrong(), End::Missed], Verdict::Misattributed),
            (vec![wrong(), panicked], Verdict::Panicked),
            (vec![End::Differed { seed: 1 }], Verdict::Misattributed),
        ];
        for (ends, expected) in cases {
            assert_eq!(figures(&ends).verdict, expected, "{ends:?}");
        }
    }

    #[test]
    fn a_hunt_that_came_home_with_nothing_is_worse_than_any_other() {
        let found = || violation(Property::VoteOnce);
        let spread = |ends: &[End]| figures(ends).runs;
        let of = |median, worst| Spread { median, worst };
        assert_eq!(spread(&[found(), found(), found()]), of(Some(2), Some(3)));
        assert_eq!(spread(&[found(), found()]), of(Some(2), Some(2)));
        assert_eq!(spread(&[End::Missed, found(), found()]), of(Some(3), None));
        assert_eq!(spread(&[End::Missed, End::Missed, found()]), of(None, None));
        assert_eq!(figures(&[End::Missed, found()]).first_seed, Some(3));
    }

    #[test]
    fn what_the_swarm_finds_is_summed_up_over_the_bugs() {
        let mut catch = Catch::new(&[0..50, 50..100]);
        assert_eq!((catch.seeds, catch.bases.as_slice()), (50, &[0, 50][..]));
        catch.add(figures(&[violation(Property::VoteOnce), violation(Property::VoteOnce)]));
        let swarm = SwarmFigures { bugs: 1, found: 1, within_20: 1, median: Some(2), worst: Some(2) };
        assert_eq!(catch.swarm, swarm);
        catch.add(figures(&[End::Missed, End::Missed]));
        assert_eq!(catch.swarm, SwarmFigures { bugs: 2, median: None, worst: None, ..swarm });
        assert_eq!(catch.verdict(), Verdict::Missed);
    }

    #[test]
    fn what_was_shrunk_is_summed_up_over_the_bugs_that_were() {
        let mut catch = Catch::new(&[0..50, 50..100]);
        let of_depth = |depth| BugFigures { depth, ..figures(&[violation(Property::VoteOnce)]) };
        [None, Some(8), Some(8), None].map(of_depth).into_iter().for_each(|bug| catch.add(bug));
        let run = |faults, operations, events, cut_short| {
            let size = Size { nodes: 3, faults, operations, events, steps: 40 };
            Some(SmallRun { size, any_seed: true, cut_short })
        };
        let runs = [run(4, 6, 90, false), run(5, 6, 16, true), run(0, 1, 17, false), None];
        runs.into_iter().enumerate().for_each(|(place, run)| catch.add_shrunk(place, run));
        let expected = ShrunkFigures { bugs: 3, few: 2, of_known_depth: 2, within_twice: 1, cut_short: 1 };
        assert_eq!(catch.shrunk, Some(expected));
    }
}
