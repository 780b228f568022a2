//! The search: candidates are run side by side, and the first in order that still fails is the new best.

use super::claim::claiming;
use super::{Options, Progress, ShrinkError, Shrunk, Size, demanding};
use crate::choice::Choice;
use crate::observation::Property;
use crate::run::{DEFAULT_MAX_STEPS, Found, Recording, RunReport, Verdict, run_recorded};
use crate::scenario::model::Scenario;
use crate::scenario::validate;
use crate::seaworthy::Seaworthy;
use crate::sweep::caught;
use crate::time::{Span, Time};
use crate::world::{Options as WorldOptions, World};
use seaworthy_core::flaw::{Planted, Sound};
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What fails at these seeds is taken to fail at any.
const SEEDS: [u64; 8] = [0, 1, 2, 3, 4, 5, 6, 7];

/// At so many seeds a run is the same if luck has no say in it.
const ALIKE: usize = 3;

/// The steps that it is worth to try one candidate.
const STEPS: u64 = 8_000;

/// Among how many seeds another run is looked for.
const LUCKY: u64 = 50;

/// At how many seeds one candidate is tried at most.
const MOST_SEEDS: u64 = 24;

/// The best so far, and how it is judged.
pub(super) struct Search<'a> {
    /// The smallest failing scenario so far.
    pub(super) best: Scenario,
    /// Whether it fails at any seed, as all that follow must.
    pub(super) any_seed: bool,
    /// What must break.
    pub(super) property: Property,
    /// A seed at which the best fails.
    seed: u64,
    /// How big the best is.
    size: Size,
    options: &'a Options<'a>,
    /// More steps than any candidate may take.
    max_steps: u64,
    /// No candidate is given more time than this. To wait for rare luck is no way to become smaller.
    longest: Span,
    /// More steps than any may take without what is planted.
    max_sound_steps: u64,
    tried: u64,
    /// After how many candidates to come to an end.
    enough: u64,
    stage: &'static str,
}

/// How a candidate is built from the best so far: the so-manieth, or nothing if there is none.
pub(super) type Build<'b> = &'b (dyn Fn(&Scenario, usize) -> Option<Scenario> + Sync);

/// At which seeds one candidate may fail.
#[derive(Clone, Debug)]
struct Trial {
    candidate: usize,
    /// All of these.
    seeds: Vec<u64>,
}

/// How much longer than the best so far a candidate may take.
const GRACE: Span = Span::millis(500);

/// So many faults and operations are little to read.
const LITTLE: u64 = 5;

/// So many events make a short story.
const SHORT: u64 = 16;

/// Where a search stands.
#[derive(Clone, Debug)]
pub(super) struct Standing {
    best: Scenario,
    seed: u64,
    any_seed: bool,
    size: Size,
}

impl Standing {
    /// Whether nothing is left to luck, and there is little to do.
    pub(super) fn is_small(&self) -> bool {
        self.any_seed && self.size.faults + self.size.operations <= LITTLE
    }

    /// Whether that makes a short story, too.
    pub(super) fn is_short(&self) -> bool {
        self.is_small() && self.size.events <= SHORT
    }

    /// The less the better: luck first, then what is to be read. A story of half as many events is worth one more fault
    /// or operation.
    pub(super) fn cost(&self) -> (bool, u64, u64, u64) {
        let Size { nodes, faults, operations, events, .. } = self.size;
        (!self.any_seed, faults + operations + u64::from(events.max(1).ilog2()), events, nodes)
    }
}

/// What came of a trial.
#[derive(Clone, Debug)]
enum Outcome {
    /// There is no such candidate.
    Skipped,
    /// It does not break the property.
    Held,
    /// It does, at this instant at the latest.
    Broke { scenario: Box<Scenario>, at: Time },
}

impl<'a> Search<'a> {
    /// Begins with the run of `scenario` at `seed`.
    pub(super) fn begin(
        scenario: &Scenario,
        seed: u64,
        options: &'a Options<'a>,
    ) -> Result<Self, ShrinkError> {
        let first = caught(|| simulate(scenario, seed, DEFAULT_MAX_STEPS))
            .map_err(|panic| ShrinkError::Panics { seed, panic })?;
        let Found { property, at: first_at, .. } = first.violation.ok_or(ShrinkError::Holds { seed })?;
        let [heals, ends] = [true, false].map(|heals| demanding(scenario, property, heals));
        let mut search = Self {
            best: heals.clone(),
            seed,
            any_seed: false,
            property,
            options,
            max_steps: 2 * first.steps + 20_000,
            longest: Span(2 * (first_at - Time::ZERO).0 + GRACE.0),
            max_sound_steps: 20 * first.steps + 200_000,
            tried: 0,
            enough: options.candidates,
            size: Size::default(),
            stage: "begin",
        };
        // What breaks while the cluster settles may break before, too.
        let taken = search.take_with(1, &|_, _| Some(ends.clone()), MOST_SEEDS);
        let taken = taken.or_else(|| search.take_with(1, &|_, _| Some(heals.clone()), 0));
        let why = if (options.stop)() { ShrinkError::Stopped } else { ShrinkError::AlsoSound { property } };
        taken.map(|_| search).ok_or(why)
    }

    /// Whether the judge can tell a cluster that is dead from one that only needs longer: where bugs are planted, the
    /// sound core shows how long it takes.
    pub(super) fn knows_dead(&self) -> bool {
        self.property != Property::Liveness || !self.best.planted.is_empty()
    }

    /// What is done from here on.
    pub(super) fn enter(&mut self, stage: &'static str) {
        self.stage = stage;
    }

    /// Whether there is no more to be tried.
    pub(super) fn is_over(&self) -> bool {
        self.enough <= self.tried || (self.options.stop)()
    }

    /// From here on so many more candidates are enough.
    pub(super) fn allow(&mut self, candidates: u64) {
        self.enough = self.tried.saturating_add(candidates).min(self.options.candidates);
    }

    /// The best so far, recorded.
    pub(super) fn recorded(&self) -> (RunReport, Recording) {
        run_recorded(&self.best, self.seed)
    }

    /// Tries `count` candidates in order, each at the seed of the best so far and at some others, and takes the first
    /// that fails. Says which.
    ///
    /// With one thing less a run goes another way, and what was rare luck before may be common now. The shorter the run,
    /// the more seeds it is worth.
    pub(super) fn take(&mut self, count: usize, build: Build<'_>) -> Option<usize> {
        self.take_with(count, build, (STEPS / (self.size.steps + 1)).clamp(1, MOST_SEEDS))
    }

    /// Tries `count` candidates one after the other, and takes each that makes it less.
    pub(super) fn take_if_less(&mut self, count: usize, build: Build<'_>) {
        for number in 0..count {
            let before = self.standing();
            let taken = self.take(1, &|best, _| build(best, number));
            if taken.is_some() && before.cost() <= self.standing().cost() {
                self.go_on_from(before);
            }
        }
    }

    /// As [`Search::take`], at so many other seeds.
    fn take_with(&mut self, count: usize, build: Build<'_>, more: u64) -> Option<usize> {
        let mut trials = Vec::new();
        for candidate in 0..count {
            trials.push(Trial { candidate, seeds: self.seeds() });
            if !self.any_seed {
                let others = (0..more).filter(|seed| *seed != self.seed);
                trials.extend(others.map(|seed| Trial { candidate, seeds: vec![seed] }));
            }
        }
        self.first(&trials, build)
    }

    /// The same, of candidates that fail at any seed. If one does, all that follow must.
    pub(super) fn take_for_any_seed(&mut self, count: usize, build: Build<'_>) -> Option<usize> {
        let trial = |candidate| Trial { candidate, seeds: SEEDS.to_vec() };
        let taken = self.first(&(0..count).map(trial).collect::<Vec<_>>(), build)?;
        self.any_seed = true;
        Some(taken)
    }

    /// Takes out of the best so far as many parts as can be spared: of `len` parts, `without` leaves out some. The last
    /// ones go first, since what comes after them is least.
    pub(super) fn minimize(
        &mut self,
        len: &dyn Fn(&Scenario) -> usize,
        without: &(dyn Fn(&Scenario, Range<usize>) -> Option<Scenario> + Sync),
    ) {
        let mut chunk = len(&self.best);
        while 0 < chunk && !self.is_over() {
            let before = len(&self.best);
            let mut end = before;
            while 0 < end {
                let part = |number: usize| end.saturating_sub((number + 1) * chunk)..end - number * chunk;
                let build = |best: &Scenario, number| without(best, part(number));
                let Some(taken) = self.take(end.div_ceil(chunk), &build) else { break };
                end = part(taken).start.min(len(&self.best));
            }
            // What could not be spared one by one may be after others have gone.
            chunk = if chunk == 1 && len(&self.best) < before { 1 } else { chunk / 2 };
        }
    }

    /// Of so many seeds, takes the one at which the best so far fails soonest.
    pub(super) fn take_luckiest(&mut self, seeds: u64) {
        while !self.any_seed {
            let before = self.size.steps;
            let limit = self.max_steps;
            self.max_steps = before.saturating_sub(1).max(1);
            let taken = self.take_with(1, &|best, _| Some(best.clone()), seeds);
            self.max_steps = limit;
            if taken.is_none() || before <= self.size.steps || self.is_over() {
                break;
            }
        }
    }

    /// Where the search stands.
    pub(super) fn standing(&self) -> Standing {
        let Self { best, seed, any_seed, size, .. } = self;
        Standing { best: best.clone(), seed: *seed, any_seed: *any_seed, size: *size }
    }

    /// Goes on from there.
    pub(super) fn go_on_from(&mut self, standing: Standing) {
        let Standing { best, seed, any_seed, size } = standing;
        (self.best, self.seed, self.any_seed, self.size) = (best, seed, any_seed, size);
    }

    /// Goes on with another run of the best so far, the so-manieth; says whether there is one.
    pub(super) fn take_another(&mut self, number: u64) -> bool {
        let seeds = 1_000 * number..1_000 * number + LUCKY;
        let trials: Vec<_> = seeds.map(|seed| Trial { candidate: 0, seeds: vec![seed] }).collect();
        !self.any_seed && self.first(&trials, &|best, _| Some(best.clone())).is_some()
    }

    fn seeds(&self) -> Vec<u64> {
        if self.any_seed { SEEDS.to_vec() } else { vec![self.seed] }
    }

    /// Takes the first trial that fails. Says of which candidate it was.
    fn first(&mut self, trials: &[Trial], build: Build<'_>) -> Option<usize> {
        let left = usize::try_from(self.enough.saturating_sub(self.tried)).unwrap_or(usize::MAX);
        let trials = &trials[..trials.len().min(left)];
        let outcomes = self.try_all(trials, build);
        let taken = outcomes.iter().position(|outcome| matches!(outcome, Some(Outcome::Broke { .. })));
        // What other threads have tried beyond it does not count, so that their number changes nothing.
        let counted = taken.map_or(outcomes.len(), |taken| taken + 1);
        let ran = outcomes[..counted].iter().flatten().filter(|outcome| !matches!(outcome, Outcome::Skipped));
        self.tried += ran.count() as u64;
        let taken = taken?;
        let Some(Outcome::Broke { scenario, at }) = outcomes.into_iter().nth(taken).flatten() else {
            unreachable!("it has just been found")
        };
        let trial = &trials[taken];
        self.seed = trial.seeds[0];
        self.best = ending(*scenario, at);
        let (report, recording) = self.recorded();
        self.size = Size::of(&self.best, &report, &recording);
        self.tell();
        Some(trial.candidate)
    }

    /// Runs trials side by side, until one fails and all before it are known not to.
    fn try_all(&self, trials: &[Trial], build: Build<'_>) -> Vec<Option<Outcome>> {
        let next = AtomicUsize::new(0);
        let found = AtomicUsize::new(usize::MAX);
        let outcomes = Mutex::new(vec![None; trials.len()]);
        let work = || {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let late = trials.len() <= number || found.load(Ordering::Relaxed) < number;
                if late || (self.options.stop)() {
                    return;
                }
                let outcome = self.attempt(&trials[number], build);
                if matches!(outcome, Outcome::Broke { .. }) {
                    found.fetch_min(number, Ordering::Relaxed);
                }
                outcomes.lock().expect("nothing panics while it holds the lock")[number] = Some(outcome);
            }
        };
        let jobs = self.options.jobs.get().min(trials.len());
        if jobs <= 1 {
            work();
        } else {
            std::thread::scope(|scope| (0..jobs).for_each(|_| drop(scope.spawn(work))));
        }
        outcomes.into_inner().expect("nothing panics while it holds the lock")
    }

    fn attempt(&self, trial: &Trial, build: Build<'_>) -> Outcome {
        let Some(mut scenario) = build(&self.best, trial.candidate) else { return Outcome::Skipped };
        if !scenario.liveness.check {
            // It may take a little longer than the best so far, which was cut off when it failed.
            let longest = self.longest.max(scenario.duration);
            scenario.duration = Span(2 * scenario.duration.0 + GRACE.0).min(longest);
        }
        if validate(&scenario).is_err() {
            return Outcome::Skipped;
        }
        // A candidate that panics shows another bug than the one that is looked for.
        let broken = caught(|| self.breaks(&scenario, &trial.seeds)).ok().flatten();
        broken.map_or(Outcome::Held, |at| Outcome::Broke { scenario: Box::new(scenario), at })
    }

    /// When at the latest the property breaks, if it does at all of these seeds, and holds where nothing is planted.
    fn breaks(&self, scenario: &Scenario, seeds: &[u64]) -> Option<Time> {
        let mut latest = Time::ZERO;
        let breaks = at_all(scenario, seeds, self.max_steps, |report| {
            let found = report.violation.filter(|found| found.property == self.property);
            latest = latest.max(found.as_ref().map_or(Time::ZERO, |found| found.at));
            found.is_some()
        });
        let holds = |report: RunReport| report.verdict == Verdict::Ok;
        let only_planted = || {
            let sound = Scenario { planted: Vec::new(), expect: Vec::new(), ..scenario.clone() };
            scenario.planted.is_empty() || at_all(&sound, seeds, self.max_sound_steps, holds)
        };
        (breaks && only_planted()).then_some(latest)
    }

    fn tell(&self) {
        (self.options.progress)(&Progress { candidates: self.tried, stage: self.stage, size: self.size });
    }

    /// What came of it.
    pub(super) fn finish(self) -> Shrunk {
        let (report, _) = self.recorded();
        Shrunk {
            stopped: (self.options.stop)(),
            scenario: claiming(self.best, self.property, &report),
            seed: self.seed,
            any_seed: self.any_seed,
            property: self.property,
            size: self.size,
            candidates: self.tried,
        }
    }
}

/// The same scenario, over soon after `at`: what was to come later never came.
fn ending(scenario: Scenario, at: Time) -> Scenario {
    let duration = Span((at.0 / 1_000_000 + 1) * 1_000_000);
    if scenario.liveness.check || scenario.duration <= duration {
        return scenario;
    }
    let mut shorter = Scenario { duration, ..scenario.clone() };
    shorter.timeline.retain(|moment| moment.at <= duration);
    shorter.rules.retain(|rule| rule.after.is_none_or(|after| after <= duration));
    if validate(&shorter).is_ok() { shorter } else { scenario }
}

/// Whether the runs at all of these seeds are as they should be. If the first ones are the same run, luck has no say in it,
/// and the others need not be made.
fn at_all(
    scenario: &Scenario,
    seeds: &[u64],
    max_steps: u64,
    mut judge: impl FnMut(RunReport) -> bool,
) -> bool {
    let mut fingerprints = Vec::new();
    for seed in seeds {
        if fingerprints.len() == ALIKE && fingerprints.iter().all(|other| *other == fingerprints[0]) {
            break;
        }
        let report = simulate(scenario, *seed, max_steps);
        fingerprints.push(report.fingerprint);
        if !judge(report) {
            return false;
        }
    }
    true
}

/// One run, without records.
fn simulate(scenario: &Scenario, seed: u64, max_steps: u64) -> RunReport {
    let options = WorldOptions { record: false, check: true, max_steps };
    let choice = &mut Choice::seeded(seed);
    if scenario.planted.is_empty() {
        World::<Seaworthy<Sound>>::new(scenario, choice, options).run().0
    } else {
        World::<Seaworthy<Planted>>::new(scenario, choice, options).run().0
    }
}
