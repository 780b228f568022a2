//! What a run came to, as it is told: the JSON object of a run, and the words of a failure.

use crate::observation::Property;
use crate::run::{MessageCounts, OperationCounts, Recording, RunReport, TraceLine, Verdict};
use crate::time::{Span, Time};
use seaworthy_core::types::NodeId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// The version of the JSON that this crate writes. It grows when a field changes its meaning or goes.
pub const SCHEMA_VERSION: u32 = 1;

/// The version of the simulator: a seed means the same run only to the same version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A run's fingerprint: 16 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fingerprint(pub u64);

/// A run as one JSON object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The scenario's name.
    pub scenario: String,
    /// The seed.
    pub seed: u64,
    /// How the run ended.
    pub verdict: Verdict,
    /// The violation, also where the scenario demands one.
    pub violation: Option<ViolationRecord>,
    /// The expectation that was missed, in words.
    pub missed: Option<String>,
    /// A hash over all trace records.
    pub fingerprint: Fingerprint,
    /// Checked steps.
    pub steps: u64,
    /// Virtual time, in seconds.
    pub virtual_seconds: f64,
    /// Real time, in seconds, where it was measured. The one field that differs from run to run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wall_seconds: Option<f64>,
    /// What became of the messages between nodes.
    pub messages: MessageCounts,
    /// What became of the clients' operations.
    pub operations: OperationCounts,
    /// Elections won.
    pub elections: u64,
    /// How often each kind of fault happened.
    pub faults: BTreeMap<String, u64>,
}

/// A violation as a JSON object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViolationRecord {
    /// The property.
    pub property: Property,
    /// When, in virtual time, as in `"3.39s"`.
    pub at: Span,
    /// At which step.
    pub step: u64,
    /// The number of the node at fault, where there is one.
    pub node: Option<u64>,
    /// The facts that contradict each other.
    pub detail: String,
}

impl RunRecord {
    /// The record of `report`, with the real time that the run took, if that is to be told.
    pub fn new(report: &RunReport, wall: Option<Duration>) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            scenario: report.scenario.clone(),
            seed: report.seed,
            verdict: report.verdict,
            violation: report.violation.as_ref().map(|found| ViolationRecord {
                property: found.property,
                at: since_start(found.at),
                step: found.step,
                node: found.node.map(NodeId::get),
                detail: found.detail.clone(),
            }),
            missed: report.missed.clone(),
            fingerprint: Fingerprint(report.fingerprint),
            steps: report.steps,
            virtual_seconds: Duration::from(report.virtual_time).as_secs_f64(),
            wall_seconds: wall.map(|wall| wall.as_secs_f64()),
            messages: report.messages,
            operations: report.operations,
            elections: report.elections,
            faults: report.faults.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect(),
        }
    }
}

/// How long after the start of the run `at` is.
pub fn since_start(at: Time) -> Span {
    at - Time::ZERO
}

/// A property's name, as in files.
pub fn property_name(property: Property) -> String {
    match serde_json::to_value(property) {
        Ok(serde_json::Value::String(name)) => name,
        other => unreachable!("a property is written as its name, not as {other:?}"),
    }
}

/// The first word and the rest of the line that says how a run ended.
///
/// `VIOLATION` and `election_safety at 3.39s (step 1247): …`, so that the word alone can be coloured.
pub fn headline(report: &RunReport) -> (&'static str, String) {
    match (report.verdict, &report.violation, &report.missed) {
        (Verdict::Ok, Some(found), _) => ("ok", format!("{}, which the scenario demands", violation(found))),
        (Verdict::Ok, None, _) => ("ok", String::new()),
        (Verdict::Violation, Some(found), _) => ("VIOLATION", violation(found)),
        (Verdict::Violation, None, _) => ("VIOLATION", "of no known property".to_owned()),
        (Verdict::Expectation, _, missed) => {
            ("EXPECTATION", format!("missed: {}", missed.as_deref().unwrap_or("it is not said which")))
        }
        (Verdict::Cutoff, _, missed) => {
            let why = missed.as_ref().map_or_else(String::new, |missed| format!(": {missed}"));
            ("UNDECIDED", format!("cut off after {} steps{why}", report.steps))
        }
    }
}

fn violation(found: &crate::run::Found) -> String {
    let at = since_start(found.at);
    format!("{} at {at} (step {}): {}", property_name(found.property), found.step, found.detail)
}

/// The line that says which run it was: `seed 7 · scenario x · fingerprint 00c0ffee00c0ffee · seaworthy 0.1.0`.
pub fn identity(report: &RunReport) -> String {
    format!(
        "seed {} · scenario {} · fingerprint {} · seaworthy {VERSION}",
        report.seed,
        report.scenario,
        Fingerprint(report.fingerprint)
    )
}

/// The end of the story: the last `limit` lines of the trace that concern the node at fault, and every change
/// of role among them. All nodes if none is at fault.
pub fn story<'a>(report: &RunReport, recording: &'a Recording, limit: usize) -> Vec<&'a TraceLine> {
    let found = report.violation.as_ref();
    let last_step = found.map_or(u64::MAX, |found| found.step);
    let node = found.and_then(|found| found.node);
    let concerns = |line: &TraceLine| {
        node.is_none_or(|node| line.node == Some(node) || line.is_role_change() || mentions(&line.text, node))
    };
    let lines = recording.trace.iter().rev().filter(|line| line.step <= last_step && concerns(line));
    let mut lines: Vec<_> = lines.take(limit).collect();
    lines.reverse();
    lines
}

/// Whether `text` speaks of `n1` as a word: not of `n12`.
fn mentions(text: &str, node: NodeId) -> bool {
    let name = node.to_string();
    text.match_indices(&name).any(|(start, _)| {
        let before = text[..start].chars().next_back();
        let after = text[start + name.len()..].chars().next();
        !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(|c| c.is_ascii_digit())
    })
}

impl TraceLine {
    /// Whether a node became something: a follower, a candidate, a leader.
    pub fn is_role_change(&self) -> bool {
        self.node.is_some() && self.text.contains('⇨')
    }
}

impl fmt::Display for TraceLine {
    /// `    3.39s   1247  n1@3 ⇨ leader`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = since_start(self.at).to_string();
        write!(f, "{at:>13} {:>7}  {}", self.step, self.text)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl std::str::FromStr for Fingerprint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let right = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = if right { u64::from_str_radix(text, 16).ok() } else { None };
        number.map(Self).ok_or_else(|| format!("a fingerprint is 16 hexadecimal digits, not {text:?}"))
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::run::Found;

    /// A report with a bit of everything, as the world would give it.
    pub(crate) fn sample(seed: u64, verdict: Verdict) -> RunReport {
        let found = Found {
            property: Property::ElectionSafety,
            at: Time(3_390_000_000),
            step: 12,
            node: Some(NodeId::new(1)),
            detail: "n1@3 and n2@3 both lead".to_owned(),
        };
        RunReport {
            scenario: "sample".to_owned(),
            seed,
            verdict,
            violation: (verdict == Verdict::Violation).then_some(found),
            missed: (verdict == Verdict::Expectation).then(|| "at 5s: a leader exists".to_owned()),
            fingerprint: 0x00c0_ffee_0000_0000_u64.wrapping_add(seed),
            steps: 1_247,
            virtual_time: Span::millis(10_500),
            messages: MessageCounts { sent: 900, delivered: 800, dropped: 110, duplicated: 10 },
            operations: OperationCounts { ok: 70, fail: 1, info: 2 },
            elections: 3,
            faults: BTreeMap::from([("crash", 2), ("partition", 1)]),
        }
    }

    pub(crate) fn line(step: u64, node: Option<u64>, text: &str) -> TraceLine {
        TraceLine { at: Time(step * 1_000_000), step, node: node.map(NodeId::new), text: text.to_owned() }
    }

    #[test]
    fn the_json_of_a_run_has_exactly_the_documented_fields() {
        let record = RunRecord::new(&sample(7, Verdict::Violation), Some(Duration::from_millis(250)));
        insta::assert_json_snapshot!(record, @r#"
            {
              "schema_version": 1,
              "scenario": "sample",
              "seed": 7,
              "verdict": "violation",
              "violation": {
                "property": "election_safety",
                "at": "3.39s",
                "step": 12,
                "node": 1,
                "detail": "n1@3 and n2@3 both lead"
              },
              "missed": null,
              "fingerprint": "00c0ffee00000007",
              "steps": 1247,
              "virtual_seconds": 10.5,
              "wall_seconds": 0.25,
              "messages": {
                "sent": 900,
                "delivered": 800,
                "dropped": 110,
                "duplicated": 10
              },
              "operations": {
                "ok": 70,
                "fail": 1,
                "info": 2
              },
              "elections": 3,
              "faults": {
                "crash": 2,
                "partition": 1
              }
            }
        "#);
    }

    #[test]
    fn a_record_without_wall_time_reads_back_as_it_was() {
        for verdict in [Verdict::Ok, Verdict::Violation, Verdict::Expectation, Verdict::Cutoff] {
            let record = RunRecord::new(&sample(u64::MAX, verdict), None);
            let text = serde_json::to_string(&record).unwrap();
            assert_eq!(serde_json::from_str::<RunRecord>(&text).unwrap(), record);
        }
    }

    #[test]
    fn a_fingerprint_is_sixteen_hexadecimal_digits_and_nothing_else() {
        assert_eq!("00c0ffee00000001".parse(), Ok(Fingerprint(0x00c0_ffee_0000_0001)));
        assert_eq!(Fingerprint(1).to_string(), "0000000000000001");
        for wrong in
            ["", "1", "+0c0ffee00000001", "00c0ffee0000000g", "00c0ffee000000011", "0x00000000000001"]
        {
            assert!(wrong.parse::<Fingerprint>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_headline_says_how_the_run_ended() {
        let lines: Vec<String> = [Verdict::Ok, Verdict::Violation, Verdict::Expectation, Verdict::Cutoff]
            .map(|verdict| {
                let (word, rest) = headline(&sample(7, verdict));
                format!("{word} {rest}").trim_end().to_owned()
            })
            .to_vec();
        insta::assert_snapshot!(lines.join("\n"), @r#"
            ok
            VIOLATION election_safety at 3.39s (step 12): n1@3 and n2@3 both lead
            EXPECTATION missed: at 5s: a leader exists
            UNDECIDED cut off after 1247 steps
        "#);
        insta::assert_snapshot!(identity(&sample(7, Verdict::Ok)), @"seed 7 · scenario sample · fingerprint 00c0ffee00000007 · seaworthy 0.1.0");
    }

    /// The story keeps what concerns the node at fault up to the violation, and every change of role.
    #[test]
    fn the_story_tells_of_the_node_at_fault_and_of_every_change_of_role() {
        let trace = vec![
            line(1, Some(1), "n1@3 election timeout"),
            line(2, Some(2), "n2@3 ⇨ leader"),
            line(3, Some(3), "n3@3 → n12 AppendReply"),
            line(4, Some(3), "n3@3 → n1 VoteReply"),
            line(5, None, "partition {n2} | {n3}"),
            line(12, Some(1), "n1@3 ⇨ leader"),
            line(13, Some(1), "n1@3 → n2 AppendEntries"),
        ];
        let recording = Recording { trace, history: Vec::new() };
        let steps = |limit| {
            let story = story(&sample(7, Verdict::Violation), &recording, limit);
            story.iter().map(|line| line.step).collect::<Vec<_>>()
        };
        assert_eq!(steps(20), [1, 2, 4, 12]);
        assert_eq!(steps(2), [4, 12]);
        let all = story(&sample(7, Verdict::Expectation), &recording, 20);
        assert_eq!(all.len(), 7);
    }
}
