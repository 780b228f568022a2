//! The name and the claim of a shrunk scenario, for people.

use crate::observation::Property;
use crate::planted::{self, PlantedBug};
use crate::report::property_name;
use crate::run::RunReport;
use crate::scenario::model::{Action, Moment, Scenario};
use crate::story::statement;

/// How much of what contradicts the property is told, in characters.
const MAX_DETAIL: usize = 300;

/// A claim tells at most so many moments.
const MAX_MOMENTS: usize = 12;

/// The same scenario, named after what it shows and saying it.
pub(super) fn claiming(scenario: Scenario, property: Property, report: &RunReport) -> Scenario {
    let bug = match scenario.planted.as_slice() {
        [name] => planted::find(name),
        _ => None,
    };
    let name = bug.map_or_else(|| property_name(property), |bug| bug.name.to_owned()).replace('_', "-");
    let claim = claim(&scenario, property, bug, report);
    Scenario { name, claim, ..scenario }
}

fn claim(scenario: &Scenario, property: Property, bug: Option<&PlantedBug>, report: &RunReport) -> String {
    let what = match bug {
        Some(PlantedBug { wrong, source, .. }) => format!("Planted: {wrong} ({source})."),
        None => format!("Broken: {}", statement(property)),
    };
    let detail = report.violation.as_ref().map_or("", |found| &found.detail);
    let detail: String = detail.lines().next().unwrap_or("").chars().take(MAX_DETAIL).collect();
    format!("{what} {}In the end, {}.", steps(&scenario.timeline), detail.trim_end_matches('.'))
}

/// `At 100ms: campaign 1. At 200ms: isolate 1, invoke SET a v1. `
fn steps(timeline: &[Moment]) -> String {
    if MAX_MOMENTS < timeline.len() {
        return String::new();
    }
    let mut text = String::new();
    for (number, moment) in timeline.iter().enumerate() {
        let before = number.checked_sub(1).map(|before| timeline[before].at);
        match before {
            Some(before) if before == moment.at => text.push_str(", "),
            Some(_) => text.push_str(&format!(". At {}: ", moment.at)),
            None => text.push_str(&format!("At {}: ", moment.at)),
        }
        text.push_str(&words(&moment.action));
    }
    if !timeline.is_empty() {
        text.push_str(". ");
    }
    text
}

/// What stands in the file, as words.
fn words(action: &Action) -> String {
    if let Action::Invoke { client, command, .. } = action {
        return format!("c{client} asks {command}");
    }
    let json = serde_json::to_string(action).expect("an action is plain data");
    let plain =
        |c: char| if "{}\"".contains(c) { None } else { Some(if "_:".contains(c) { ' ' } else { c }) };
    json.chars().filter_map(plain).collect::<String>().trim_end().replace(',', ", ")
}
