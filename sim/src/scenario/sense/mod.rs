//! Whether a well-formed scenario makes sense: its numbers name what exists, its instants lie within the run, its
//! bounds stand in order, its expectations can be met.

mod cluster;
mod expect;
mod timeline;
mod workload;
mod world;

use super::diagnostic::{LIMIT, Problem};
use super::model::{Distribution, Scenario};
use super::path::Path;
use super::words::{count, quoted};
use crate::planted;
use crate::time::Span;
use std::collections::BTreeSet;

/// The longest name of a scenario, in characters: it becomes part of file names.
pub(super) const MAX_NAME: usize = 80;

/// The longest claim, in characters.
const MAX_CLAIM: usize = 2_000;

/// The longest run, and the longest of any other length of time.
const MAX_SPAN: Span = Span::seconds(24 * 60 * 60);

/// The most rules: each is tried on each message.
const MAX_RULES: usize = 1_000;

/// The most moments and expectations.
const MAX_MOMENTS: usize = 10_000;

/// The most faults at random: each has a stream of luck of its own.
const MAX_NEMESES: usize = 48;

/// The largest client number: each client has a stream of luck of its own.
const MAX_CLIENT: u32 = 200;

/// Whether a scenario that was built in Rust makes sense; [`super::parse`] asks the same of files.
///
/// # Errors
/// Everything that does not, at most 100 problems.
pub fn validate(scenario: &Scenario) -> Result<(), Vec<Problem>> {
    let (problems, _) = problems(scenario);
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

/// What makes no sense, and how much more there is of it.
pub(super) fn problems(scenario: &Scenario) -> (Vec<Problem>, usize) {
    let mut sense = Sense { scenario, problems: Vec::new(), omitted: 0 };
    sense.whole();
    sense.cluster();
    sense.network();
    sense.disks();
    sense.clocks();
    sense.workload();
    sense.timeline();
    sense.rules();
    sense.nemesis();
    sense.expectations();
    sense.planted();
    (sense.problems, sense.omitted)
}

struct Sense<'s> {
    scenario: &'s Scenario,
    problems: Vec<Problem>,
    omitted: usize,
}

impl Sense<'_> {
    fn report(
        &mut self,
        code: &'static str,
        path: &Path<'_>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        if self.problems.len() == LIMIT {
            self.omitted += 1;
            return;
        }
        let (message, path, help) = (message.into(), path.to_string(), help.into());
        self.problems.push(Problem { code, message, path, help });
    }

    /// The fields that belong to no part: name, claim, duration, liveness.
    fn whole(&mut self) {
        let Scenario { name, claim, duration, liveness, .. } = self.scenario;
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let outer = name.starts_with('-') || name.ends_with('-');
        if name.is_empty() || name.len() > MAX_NAME || outer || !name.chars().all(plain) {
            let help = format!(
                "lower case letters, digits and dashes between them, at most {MAX_NAME}: `split-vote`"
            );
            self.report("E0217", &Path::ROOT.key("name"), format!("{} is no name", quoted(name)), help);
        }
        let printable = |c: char| !c.is_control() || c == '\n';
        if claim.trim().is_empty() || claim.chars().count() > MAX_CLAIM || !claim.chars().all(printable) {
            let message = "a claim says something, in words that can be printed";
            let help =
                format!("a sentence or two on what this scenario shows, at most {MAX_CLAIM} characters");
            self.report("E0217", &Path::ROOT.key("claim"), message, help);
        }
        self.positive(&Path::ROOT.key("duration"), *duration);
        if liveness.check {
            self.positive(&Path::ROOT.key("liveness").key("within"), liveness.within);
        }
    }

    fn planted(&mut self) {
        let root = Path::ROOT.key("planted");
        let mut seen = BTreeSet::new();
        for (position, name) in self.scenario.planted.iter().enumerate() {
            let path = root.index(position);
            if planted::find(name).is_none() {
                let help = match planted::nearest(name) {
                    Some(near) => format!("did you mean {}?", quoted(near)),
                    None => "`seaworthy bugs` lists them, as in \"read_unconfirmed\"".into(),
                };
                self.report("E0214", &path, format!("there is no planted bug {}", quoted(name)), help);
            } else if !seen.insert(name) {
                self.report(
                    "E0213",
                    &path,
                    format!("{} is planted already", quoted(name)),
                    "keep one of the two",
                );
            }
        }
    }

    /// Refuses a node number that the cluster does not have.
    fn node(&mut self, path: &Path<'_>, number: u64) {
        let nodes = self.scenario.cluster.servers();
        if number == 0 || number > nodes {
            let help = match nodes {
                1 => "the cluster has one node, number 1".into(),
                _ => format!("the cluster has {}, numbered from 1 to {nodes}", count(nodes, "node")),
            };
            self.report("E0201", path, format!("there is no node {number}"), help);
        }
    }

    /// Refuses a node that has its say already.
    fn once(&mut self, path: &Path<'_>, seen: &mut BTreeSet<u64>, number: u64) {
        if !seen.insert(number) {
            let message = format!("node {number} stands here a second time");
            self.report("E0213", path, message, "write what belongs to one node in one place");
        }
    }

    /// Refuses an instant after the end of the run.
    fn within_run(&mut self, path: &Path<'_>, at: Span, help: &str) {
        let duration = self.scenario.duration;
        if at > duration {
            let message = format!("{at} lies after the end of the run, which lasts {duration}");
            self.report("E0204", path, message, help);
        }
    }

    /// Refuses a length of time of zero or beyond all reason.
    fn positive(&mut self, path: &Path<'_>, span: Span) {
        if span == Span::ZERO {
            let message = format!("{} must be longer than zero", path.name());
            self.report("E0208", path, message, "a duration as in \"150ms\" or \"2.5s\"");
        }
        self.bounded(path, span);
    }

    /// Refuses a length of time beyond all reason.
    fn bounded(&mut self, path: &Path<'_>, span: Span) {
        if span > MAX_SPAN {
            let message = format!("{span} is longer than any run");
            self.report("E0208", path, message, format!("at most {MAX_SPAN}, which is a day"));
        }
    }

    /// Refuses a number outside of `min..=max`.
    fn range(&mut self, path: &Path<'_>, number: u64, min: u64, max: u64) {
        if number < min || number > max {
            let message = format!("{} cannot be {number}", path.name());
            let limits = max < u64::from(u32::MAX) - 1;
            let help = if limits { format!("from {min} to {max}") } else { format!("at least {min}") };
            self.report("E0208", path, message, help);
        }
    }

    /// Refuses more than `max` elements.
    fn at_most(&mut self, path: &Path<'_>, length: usize, max: usize) {
        if length > max {
            self.report("E0208", path, format!("{length} elements are too many"), format!("at most {max}"));
        }
    }

    fn distribution(&mut self, path: &Path<'_>, distribution: &Distribution) {
        let mut ascending = |kind: &str, bounds: &[(&str, Span)]| {
            let path = path.key(kind);
            for pair in bounds.windows(2) {
                let [(low, least), (high, most)] = pair else { unreachable!("windows of two") };
                if least > most {
                    let message = format!("`{low}` ({least}) is above `{high}` ({most})");
                    let help = format!("`{low}` is at most `{high}`; are they exchanged?");
                    self.report("E0209", &path.key(low), message, help);
                }
            }
        };
        match distribution {
            Distribution::Constant(_) => {}
            Distribution::Uniform { min, max } => ascending("uniform", &[("min", *min), ("max", *max)]),
            Distribution::LogNormal { median, p99 } => {
                ascending("log_normal", &[("median", *median), ("p99", *p99)]);
                if *median == Span::ZERO {
                    let path = path.key("log_normal");
                    self.report(
                        "E0208",
                        &path.key("median"),
                        "`median` must be longer than zero",
                        "as in \"2ms\"",
                    );
                }
            }
            Distribution::HeavyTail { min, max, tail, .. } => {
                ascending("heavy_tail", &[("min", *min), ("max", *max), ("tail", *tail)]);
            }
        }
        self.bounded(path, longest(distribution));
    }
}

/// The longest that a distribution names.
fn longest(distribution: &Distribution) -> Span {
    match distribution {
        Distribution::Constant(span) => *span,
        Distribution::Uniform { min, max } => *min.max(max),
        Distribution::LogNormal { median, p99 } => *median.max(p99),
        Distribution::HeavyTail { min, max, tail, .. } => *min.max(max).max(tail),
    }
}
