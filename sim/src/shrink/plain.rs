//! What is left gets round instants, short names and usual values.

use super::explicit::{renumber, take_fewer_moments, take_fewer_rules};
use super::search::Search;
use super::tame::{take_fewer_nodes, take_plainer};
use crate::scenario::model::{Action, Cluster, Scenario, Verdict};
use crate::scenario::scalar::Target;
use crate::time::Span;
use std::collections::BTreeMap;

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

/// What instants are rounded to, the coarsest first.
const GRAINS: [Span; 4] = [Span::millis(100), Span::millis(10), Span::millis(1), Span::micros(100)];

/// How time goes by where nothing is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    /// As quietly as can be: who does not campaign by itself hears hardly a heartbeat.
    Rare,
    /// As in any cluster: somebody campaigns soon, and a leader is heard often.
    Usual,
}

/// Heartbeats that are rare, the rarest first.
const RARE: [Span; 3] = [Span::seconds(10), Span::seconds(1), Span::millis(200)];

/// Makes what is left as plain as it can be.
pub(super) fn simplify(search: &mut Search<'_>, pace: Pace) {
    search.enter("smoothing");
    if !search.any_seed {
        search.take_for_any_seed(1, &|best, _| Some(best.clone()));
    }
    take_pace(search);
    take_times(search, pace);
    round_instants(search);
    round_delays(search);
    take_fewer_moments(search);
    take_fewer_rules(search);
    take_fewer_nodes(search);
    take_plainer(search);
    take_times(search, pace);
    if search.any_seed {
        take_sooner_messages(search);
        take_other_addressees(search);
    }
    take_short_names(search);
}

/// One moment after the other at the same distance, if that does.
fn take_pace(search: &mut Search<'_>) {
    let paced = |scenario: &Scenario, number: usize| {
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
    };
    search.take(PACES.len(), &paced);
}

/// Time-outs of this pace where those of the run do not matter; and no more time than is needed until all must be well.
fn take_times(search: &mut Search<'_>, pace: Pace) {
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

/// Rules for a message that comes soon: with rare heartbeats the one that a rule is for may never come.
fn take_sooner_messages(search: &mut Search<'_>) {
    const SOONEST: usize = 12;
    let rules = search.best.rules.len();
    search.take_if_less(rules * SOONEST * RARE.len(), &|scenario, number| {
        let (rule, rest) = (number % rules, number / rules);
        let mut sooner = with_rare_heartbeats(scenario, rest % RARE.len())?;
        let nth = sooner.rules.get_mut(rule)?.nth.as_mut()?;
        let soon = (rest / RARE.len()) as u64 + 1;
        if *nth < soon {
            return None;
        }
        *nth = soon;
        Some(sooner)
    });
}

/// Operations that go to whoever makes least of them: who is no leader sends them on.
fn take_other_addressees(search: &mut Search<'_>) {
    let (moments, nodes) = (search.best.timeline.len(), search.best.cluster.servers() as usize);
    search.take_if_less(moments * nodes, &|scenario, number| {
        let mut other = scenario.clone();
        let Action::Invoke { node: Some(node), .. } = &mut other.timeline.get_mut(number / nodes)?.action
        else {
            return None;
        };
        *node = Target::Node((number % nodes) as u64 + 1);
        (other != *scenario).then_some(other)
    });
}

/// Rounds each instant as far as it goes.
fn round_instants(search: &mut Search<'_>) {
    for number in 0.. {
        if search.best.timeline.len() <= number || search.is_over() {
            break;
        }
        let rounded = |scenario: &Scenario, choice: usize| {
            let grain = GRAINS[choice / 2].0;
            let at = scenario.timeline[number].at.0;
            let round =
                if choice.is_multiple_of(2) { at / grain * grain } else { at.div_ceil(grain) * grain };
            let mut changed = scenario.clone();
            changed.timeline[number].at = Span(round);
            changed.duration = changed.duration.max(Span(round));
            let ordered = changed.timeline.is_sorted_by_key(|moment| moment.at);
            (ordered && round != at).then_some(changed)
        };
        search.take(2 * GRAINS.len(), &rounded);
    }
}

/// Rounds each rule's delay as far as it goes.
fn round_delays(search: &mut Search<'_>) {
    for number in 0.. {
        if search.best.rules.len() <= number || search.is_over() {
            break;
        }
        let rounded = |scenario: &Scenario, choice: usize| {
            let mut changed = scenario.clone();
            match &mut changed.rules[number].verdict {
                Verdict::Delay(span) | Verdict::Duplicate(span) => {
                    let grain = GRAINS[choice].0;
                    *span = Span(span.0.div_ceil(grain) * grain);
                }
                Verdict::Deliver | Verdict::Drop => {}
            }
            (changed != *scenario).then_some(changed)
        };
        search.take(GRAINS.len(), &rounded);
    }
}

/// Clients are numbered, and keys and values named, in the order in which they come.
fn take_short_names(search: &mut Search<'_>) {
    let renamed = |scenario: &Scenario, _| {
        let mut renamed = scenario.clone();
        let first = scenario.workload.as_ref().map_or(1, |workload| workload.clients + 1);
        let (mut clients, mut words) = (Vec::new(), BTreeMap::new());
        for moment in &mut renamed.timeline {
            renumber(&mut moment.action, |client| {
                let known = clients.iter().position(|other| *other == client);
                let place = known.unwrap_or_else(|| {
                    clients.push(client);
                    clients.len() - 1
                });
                first + place as u32
            });
            if let Action::Invoke { command, .. } = &mut moment.action {
                *command = short(command, &mut words);
            }
        }
        (renamed != *scenario).then_some(renamed)
    };
    search.take(1, &renamed);
}

/// A command with short words: the first is its name, the second a key, all others values.
fn short(command: &str, words: &mut BTreeMap<(bool, String), String>) -> String {
    let mut parts = command.split(' ').enumerate();
    let mut next = |(place, word): (usize, &str)| match place {
        0 => word.to_owned(),
        place => {
            let is_key = place == 1;
            let count = words.keys().filter(|(key, _)| *key == is_key).count();
            let fresh = if is_key {
                char::from(b'a' + (count % 26) as u8).to_string()
            } else {
                format!("v{}", count + 1)
            };
            words.entry((is_key, word.to_owned())).or_insert(fresh).clone()
        }
    };
    let mut short = String::new();
    for part in parts.by_ref() {
        if part.0 > 0 {
            short.push(' ');
        }
        short.push_str(&next(part));
    }
    short
}
