//! How time goes by between what is left: when each thing is done, how often a leader is heard, and whom clients ask then.

use super::search::Search;
use crate::scenario::model::{Action, Cluster, Scenario};
use crate::scenario::scalar::Target;
use crate::time::Span;

/// Distances between one moment and the next, the best to read first.
const PACES: [Span; 7] = [
    Span::millis(100),
    Span::millis(50),
    Span::millis(20),
    Span::millis(200),
    Span::millis(10),
    Span::millis(500),
    Span::seconds(1),
];

/// Waits for what has just been done, or for all that comes of it.
const WAITS: [Span; 8] = [
    Span::millis(1),
    Span::millis(2),
    Span::millis(5),
    Span::millis(10),
    Span::millis(15),
    Span::millis(20),
    Span::millis(30),
    Span::millis(50),
];

/// How time goes by where nothing is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    /// As quietly as can be: who does not campaign by itself hears hardly a heartbeat.
    Rare,
    /// As in any cluster: somebody campaigns soon, and a leader is heard often.
    Usual,
}

/// Heartbeats that are rare, the rarest first.
const RARE: [Span; 4] = [Span::seconds(10), Span::seconds(1), Span::millis(200), Span::millis(50)];

/// One moment after the other at the same distance, if that does.
pub(super) fn take_pace(search: &mut Search<'_>) {
    search.take(PACES.len(), &with_pace);
}

fn with_pace(scenario: &Scenario, number: usize) -> Option<Scenario> {
    let mut paced = scenario.clone();
    let mut at = Span::ZERO;
    let mut before = None;
    for moment in &mut paced.timeline {
        if before.is_some_and(|before| before < moment.at) {
            at = Span(at.0 + PACES[number].0);
        }
        before = Some(std::mem::replace(&mut moment.at, at));
    }
    let end = Span(at.0 + scenario.duration.0 - before.unwrap_or_default().0 + PACES[number].0);
    paced.duration = paced.duration.max(end);
    (paced.timeline != scenario.timeline).then_some(paced)
}

/// Time-outs of this pace where those of the run do not matter; and no more time than is needed until all must be well.
pub(super) fn take_times(search: &mut Search<'_>, pace: Pace) {
    if !search.knows_dead() {
        return;
    }
    match pace {
        Pace::Rare => take_rare_heartbeats(search),
        Pace::Usual => take_usual_times(search),
    }
    search.take(1, &|scenario, _| {
        let last = scenario.timeline.last().map_or(Span::ZERO, |moment| moment.at);
        let mut shorter = scenario.clone();
        shorter.duration = Span(last.0 + Span::seconds(1).0).min(scenario.duration);
        if let Some(workload) = &mut shorter.workload {
            workload.start = workload.start.min(shorter.duration);
        }
        (shorter != *scenario).then_some(shorter)
    });
}

/// As few heartbeats as will do.
fn take_rare_heartbeats(search: &mut Search<'_>) {
    search.take(RARE.len(), &with_rare_heartbeats);
}

fn with_rare_heartbeats(scenario: &Scenario, number: usize) -> Option<Scenario> {
    let mut rarer = scenario.clone();
    rarer.cluster.heartbeat_interval = RARE[number];
    (scenario.cluster.heartbeat_interval < RARE[number]).then_some(rarer)
}

fn take_usual_times(search: &mut Search<'_>) {
    let usual = Cluster::default();
    let candidates: [&(dyn Fn(&mut Cluster) + Sync); 2] =
        [&|cluster| cluster.heartbeat_interval = usual.heartbeat_interval, &|cluster| {
            (cluster.election_timeout_min, cluster.election_timeout_max) =
                (usual.election_timeout_min, usual.election_timeout_max);
            cluster.heartbeat_interval = usual.heartbeat_interval;
        }];
    for change in candidates {
        search.take(1, &|scenario, _| {
            let mut changed = scenario.clone();
            change(&mut changed.cluster);
            (changed != *scenario).then_some(changed)
        });
    }
}

/// What leads to fewer events with as much to do: less waiting, and whoever is asked can do it.
pub(super) fn take_fewer_events(search: &mut Search<'_>) {
    take_fewer_heartbeats(search);
    take_sooner_messages(search);
    take_other_addressees(search);
}

/// Less time between one moment and the next, by whole heartbeats: what comes after them finds things as they were. As many
/// messages less come before those that rules are for, or none.
fn take_fewer_heartbeats(search: &mut Search<'_>) {
    // It may take some heartbeats until all is as it will be before the next.
    const MOST_SPARED: usize = 4;
    let ways = if search.best.rules.is_empty() { 1 } else { 2 };
    for number in 1..search.best.timeline.len() {
        let sooner = |scenario: &Scenario, choice: usize| {
            let heartbeat = scenario.cluster.heartbeat_interval.0;
            let wait = scenario.timeline[number].at.0.checked_sub(scenario.timeline[number - 1].at.0)?;
            let fewer = (wait / heartbeat).checked_sub((choice / ways) as u64).filter(|fewer| 0 < *fewer)?;
            let mut sooner = with_wait(scenario, number, Span(wait - fewer * heartbeat))?;
            if choice % ways == 1 {
                let counts = sooner.rules.iter_mut().filter_map(|rule| rule.nth.as_mut());
                counts.for_each(|nth| *nth = nth.saturating_sub(fewer).max(1));
            }
            Some(sooner)
        };
        search.take(ways * (1 + MOST_SPARED), &sooner);
    }
}

/// The same with so much time between a moment and the one before it, if moments stand in order.
fn with_wait(scenario: &Scenario, number: usize, wait: Span) -> Option<Scenario> {
    if !scenario.timeline.is_sorted_by_key(|moment| moment.at) {
        return None;
    }
    let before = scenario.timeline[number - 1].at;
    let at = scenario.timeline[number].at;
    let moved = |later: Span| Span(later.0 - at.0 + before.0 + wait.0);
    let mut changed = scenario.clone();
    changed.timeline[number..].iter_mut().for_each(|moment| moment.at = moved(moment.at));
    changed.duration = moved(scenario.duration);
    (changed != *scenario).then_some(changed)
}

/// Rules for a message that comes soon: with rare heartbeats, or at another pace, the one that a rule is for may never
/// come.
fn take_sooner_messages(search: &mut Search<'_>) {
    const SOONEST: usize = 12;
    const WAYS: usize = PACES.len() + RARE.len();
    let rules = search.best.rules.len();
    search.take_if_less(rules * SOONEST * WAYS, &|scenario, number| {
        let (rule, rest) = (number % rules, number / rules);
        let (soon, way) = (rest / WAYS + 1, rest % WAYS);
        let mut sooner = match way.checked_sub(PACES.len()) {
            None => with_pace(scenario, way)?,
            Some(rare) => with_rare_heartbeats(scenario, rare)?,
        };
        let nth = sooner.rules.get_mut(rule)?.nth.as_mut()?;
        if *nth < soon as u64 {
            return None;
        }
        *nth = soon as u64;
        Some(sooner)
    });
}

/// Operations that go to whoever makes least of them, and when: who is no leader, or not yet, sends them on.
fn take_other_addressees(search: &mut Search<'_>) {
    let (moments, nodes) = (search.best.timeline.len(), search.best.cluster.servers() as usize);
    let ways = nodes * (1 + WAITS.len());
    search.take_if_less(moments * ways, &|scenario, number| {
        let (moment, way) = (number / ways, number % ways);
        let mut other = scenario.clone();
        let Action::Invoke { node: Some(node), .. } = &mut other.timeline.get_mut(moment)?.action else {
            return None;
        };
        *node = Target::Node((way % nodes) as u64 + 1);
        if let Some(wait) = (way / nodes).checked_sub(1).filter(|_| 0 < moment) {
            other = with_wait(&other, moment, WAITS[wait])?;
        }
        (other != *scenario).then_some(other)
    });
}
