//! What a run came to, as it is told: the JSON object of a run, and the words of a failure.

use crate::observation::Property;
use crate::run::{Cutoff, MessageCounts, OperationCounts, RunReport, TraceLine, Verdict};
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
    /// What there was too much of, if the run was cut off.
    pub cutoff: Option<Cutoff>,
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
            cutoff: report.cutoff,
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
    name_in_files(&property)
}

/// What stands in files for something that is one of a few.
pub(crate) fn name_in_files(one_of_a_few: &impl Serialize) -> String {
    match serde_json::to_value(one_of_a_few) {
        Ok(serde_json::Value::String(name)) => name,
        other => unreachable!("it is written as its name, not as {other:?}"),
    }
}

/// The first word and the rest of the line that says how a run ended.
///
/// `VIOLATION` and `election_safety at 3.39s (step 1247): …`, so that the word alone can be coloured. What the
/// rest says on further lines is indented.
pub fn headline(report: &RunReport) -> (&'static str, String) {
    match (report.verdict, &report.violation, &report.missed) {
        (Verdict::Ok, Some(found), _) => {
            ("ok", format!("violated as the scenario demands: {}", violation(found)))
        }
        (Verdict::Ok, None, _) => ("ok", String::new()),
        (Verdict::Violation, Some(found), _) => ("VIOLATION", violation(found)),
        (Verdict::Violation, None, _) => ("VIOLATION", "of no known property".to_owned()),
        (Verdict::Expectation, _, missed) => {
            ("EXPECTATION", format!("missed: {}", missed.as_deref().unwrap_or("it is not said which")))
        }
        (Verdict::Cutoff, ..) => {
            let why = report.cutoff.map_or("it is not said why", Cutoff::words);
            ("UNDECIDED", format!("cut off after {} steps: {why}", report.steps))
        }
    }
}

fn violation(found: &crate::run::Found) -> String {
    let at = since_start(found.at);
    let detail = found.detail.replace('\n', "\n  ");
    format!("{} at {at} (step {}): {detail}", property_name(found.property), found.step)
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

impl TraceLine {
    /// Whether a node became something: a follower, a candidate, a leader.
    pub fn is_role_change(&self) -> bool {
        self.node.is_some() && self.text.contains('⇨')
    }
}

impl fmt::Display for TraceLine {
    /// `  3.390000s    1247  n1@3 ⇨ leader`: the instant down to microseconds, each under the one before.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = Duration::from(since_start(self.at));
        write!(f, "{:>4}.{:06}s {:>7}  {}", at.as_secs(), at.subsec_micros(), self.step, self.text)
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
    use crate::fault::FaultKind;
    use crate::run::Found;
    use std::collections::BTreeSet;

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
            cutoff: (verdict == Verdict::Cutoff).then_some(Cutoff::Linearizability),
            fingerprint: 0x00c0_ffee_0000_0000_u64.wrapping_add(seed),
            steps: 1_247,
            virtual_time: Span::millis(10_500),
            messages: MessageCounts { sent: 900, delivered: 800, dropped: 110, duplicated: 10 },
            operations: OperationCounts { ok: 70, fail: 1, info: 2 },
            elections: 3,
            faults: BTreeMap::from([("crash", 2), ("partition", 1)]),
            in_play: BTreeSet::from([FaultKind::Partition, FaultKind::Crash, FaultKind::Wipe]),
        }
    }

    pub(crate) fn line(step: u64, node: Option<u64>, text: &str) -> TraceLine {
        let (at, node) = (Time(step * 1_000_000), node.map(NodeId::new));
        TraceLine { at, step, node, text: text.to_owned(), record: None }
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
              "cutoff": null,
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
            UNDECIDED cut off after 1247 steps: too many orders of the operations to try
        "#);
        let mut demanded = sample(7, Verdict::Violation);
        demanded.verdict = Verdict::Ok;
        demanded.violation.as_mut().unwrap().detail = "two lead\nsince long".to_owned();
        insta::assert_snapshot!(headline(&demanded).1, @r#"
            violated as the scenario demands: election_safety at 3.39s (step 12): two lead
              since long
        "#);
        insta::assert_snapshot!(identity(&sample(7, Verdict::Ok)), @"seed 7 · scenario sample · fingerprint 00c0ffee00000007 · seaworthy 0.1.0");
    }

    #[test]
    fn a_line_of_the_trace_stands_under_the_one_before() {
        let mut late = line(1_247, Some(1), "n1@3 ⇨ leader");
        late.at = Time(3_434_850_400);
        insta::assert_snapshot!(format!("{}\n{late}", line(11, None, "every fault is over")), @r#"
            0.011000s      11  every fault is over
            3.434850s    1247  n1@3 ⇨ leader
        "#);
    }
}
