//! What is left gets round instants, short names and usual values.

use super::explicit::{renumber, take_fewer_moments, take_fewer_rules};
use super::pace::{Pace, take_fewer_events, take_pace, take_times};
use super::search::Search;
use super::tame::{take_fewer_nodes, take_plainer};
use crate::scenario::model::{Action, Scenario, Verdict};
use crate::time::Span;
use std::collections::BTreeMap;

/// What instants are rounded to, the coarsest first.
const GRAINS: [Span; 4] = [Span::millis(100), Span::millis(10), Span::millis(1), Span::micros(100)];

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
    if search.standing().is_small() {
        take_fewer_events(search);
    }
    take_short_names(search);
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
