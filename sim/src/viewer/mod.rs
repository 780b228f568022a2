//! A recorded run as one HTML file that needs nothing else: lanes over virtual time, and the trace beside them.
//!
//! The file is a function of the run, and fetches nothing. Names and claims in a scenario come from strangers: they
//! reach the page as data alone, which no markup can leave, and are shown as text.

mod picture;
mod arrows;
mod walls;

use crate::run::{Recording, RunReport};
use crate::scenario::Scenario;
use picture::Picture;

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = concat!(include_str!("model.js"), include_str!("draw.js"), include_str!("control.js"));

/// The page that shows a run of `scenario`, as it was recorded: a trace that was read back from a file has words, and
/// nothing to draw.
pub fn page(scenario: &Scenario, report: &RunReport, recording: &Recording) -> String {
    let data = serde_json::to_string(&Picture::new(scenario, report, recording))
        .expect("a picture has no keys but its fields");
    // The data comes last: what it holds is never taken for a place to fill.
    PAGE.replacen("{style}", STYLE, 1).replacen("{script}", SCRIPT, 1).replacen("{data}", &inert(&data), 1)
}

/// JSON in which nothing can end the element that holds it, or begin a comment: `<` occurs in its texts only.
fn inert(json: &str) -> String {
    json.replace('<', r"\u003c")
}

#[cfg(test)]
mod tests;
