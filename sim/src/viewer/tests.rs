use super::*;
use crate::run::{run, run_recorded};
use crate::scenario::parse;
use serde_json::Value;

/// Everything that the picture has a shape for, in a second.
const STORMY: &str = r#"{
    "name": "stormy",
    "claim": "A </script><script>alert(1)</script> <!-- & friends is text.",
    "duration": "900ms",
    "workload": { "clients": 2 },
    "network": { "loss": 0.05, "duplicate": 0.05 },
    "timeline": [
        { "at": "400ms", "do": { "crash": ["leader"] } },
        { "at": "500ms", "do": { "pause": "a follower" } },
        { "at": "600ms", "do": { "partition": { "groups": [[1]] } } },
        { "at": "700ms", "do": { "heal": {} } }
    ]
}"#;

fn shown(text: &str) -> (RunReport, Recording, String) {
    let scenario = parse("test.json", text).unwrap();
    let (report, recording) = run_recorded(&scenario, 7);
    assert_eq!(run(&scenario, 7), report);
    let page = page(&scenario, &report, &recording);
    (report, recording, page)
}

/// The data as the page's script reads it.
fn data(page: &str) -> Value {
    let rest = page.split_once(r#"<script type="application/json" id="run">"#).unwrap().1;
    serde_json::from_str(rest.split_once("</script>").unwrap().0).unwrap()
}

fn array<'a>(data: &'a Value, field: &str) -> &'a [Value] {
    data[field].as_array().unwrap_or_else(|| panic!("{field} is a list"))
}

#[test]
fn the_same_run_gives_the_same_page() {
    assert_eq!(shown(STORMY).2, shown(STORMY).2);
}

/// The data holds the claim as it is; the page has no more elements than without it, and asks for nothing.
#[test]
fn nothing_in_a_scenario_becomes_markup() {
    let (_, _, page) = shown(STORMY);
    assert_eq!(data(&page)["claim"], "A </script><script>alert(1)</script> <!-- & friends is text.");
    assert_eq!(page.matches("</script>").count(), 2);
    assert_eq!(page.matches("<script").count(), 2);
    assert!(!page.contains("<!--"));
    for request in ["src=", "href=", "url(", "@import", "http:", "https:", "fetch(", "innerHTML"] {
        assert!(!page.contains(request), "{request}");
    }
    for place in ["{style}", "{script}", "{data}"] {
        assert!(!page.contains(place), "{place} was filled");
    }
}

/// A claim that looks like a place to fill stays a claim.
#[test]
fn data_is_no_place_to_fill() {
    let (_, _, page) = shown(&STORMY.replace("& friends", "{data} {script}"));
    assert!(data(&page)["claim"].as_str().unwrap().contains("{data} {script}"));
}

#[test]
fn every_line_of_the_trace_is_in_the_picture() {
    let (report, recording, page) = shown(STORMY);
    let data = data(&page);
    let lines = array(&data, "lines");
    assert_eq!(lines.len(), recording.trace.len());
    for (line, words) in lines.iter().zip(&recording.trace) {
        assert_eq!((line[0].as_u64(), line[1].as_u64()), (Some(words.at.0), Some(words.step)));
        assert_eq!(
            (line[2].as_u64(), line[4].as_str()),
            (words.node.map(|node| node.get()), Some(&*words.text))
        );
    }
    assert_eq!(data["seed"], "7");
    assert_eq!(array(&data, "operations").len() as u64, {
        let open =
            array(&data, "operations").iter().filter(|operation| operation["end"].is_null()).count() as u64;
        let operations = report.operations;
        operations.ok + operations.fail + operations.info + open
    });
}

/// Every message has one fate: as many arrived and were lost as the report counts.
#[test]
fn arrows_are_the_messages_that_the_report_counts() {
    let (report, _, page) = shown(STORMY);
    let data = data(&page);
    let count = |fate: &str| array(&data, "arrows").iter().filter(|arrow| arrow[6] == fate).count() as u64;
    assert_eq!(count("arrived"), report.messages.delivered);
    assert_eq!(count("lost") + count("missed"), report.messages.dropped);
    assert!(count("missed") > 0, "the leader crashed while messages were on their way to it");
    let all = report.messages.sent + report.messages.duplicated;
    assert_eq!(array(&data, "arrows").len() as u64, all);
    for arrow in array(&data, "arrows") {
        assert!(arrow[2].as_u64() <= arrow[3].as_u64(), "{arrow} arrived before it was sent");
    }
}

/// Roles, absences and walls have their lengths: a node is never two things at once.
#[test]
fn bands_of_a_node_follow_one_another() {
    let (report, _, page) = shown(STORMY);
    let data = data(&page);
    for node in 1..=data["nodes"].as_u64().unwrap() {
        let own: Vec<_> = array(&data, "bands").iter().filter(|band| band["node"] == node).collect();
        assert!(!own.is_empty());
        for pair in own.windows(2) {
            assert!(pair[0]["until"].as_u64() <= pair[1]["from"].as_u64(), "{pair:?}");
        }
    }
    let leaders = array(&data, "bands").iter().filter(|band| band["role"] == "leader").count() as u64;
    assert_eq!(leaders, report.elections);
    let absences = array(&data, "absences");
    assert_eq!(absences.iter().map(|absence| absence["paused"] == true).collect::<Vec<_>>(), [false, true]);
    assert_eq!(absences[0]["from"], 400_000_000);
    let walls = array(&data, "walls");
    assert_eq!((walls.len(), &walls[0]["text"]), (1, &Value::from("n1 | n2 n3")));
    assert_eq!((&walls[0]["from"], &walls[0]["until"]), (&600_000_000.into(), &700_000_000.into()));
}

#[test]
fn a_failure_is_where_the_page_opens() {
    let planted = r#"{
        "name": "planted",
        "claim": "A vote that is not written down is noticed.",
        "duration": "2s",
        "planted": ["vote_not_persisted"]
    }"#;
    let (report, _, page) = shown(planted);
    let data = data(&page);
    let focus = data["focus"].as_u64().unwrap() as usize;
    assert_eq!(array(&data, "lines")[focus][1].as_u64(), report.violation.map(|found| found.step));
    assert_eq!(data["verdict"], "violation");
    assert!(data["headline"].as_str().unwrap().starts_with("VIOLATION persist_before_send at "));
    assert!(shown(STORMY).2.contains(r#""focus":null"#));
}

/// Whatever is luck, so that a shape is left.
fn blank(data: &mut Value) {
    match data {
        Value::Number(number) => *number = 0.into(),
        Value::Array(values) => values.iter_mut().for_each(blank),
        Value::Object(fields) => fields.values_mut().for_each(blank),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

/// What the script relies on: the fields, and the first of each.
#[test]
fn the_data_has_the_documented_shape() {
    let (_, _, page) = shown(STORMY);
    let mut data = data(&page);
    for list in data.as_object_mut().unwrap().values_mut().filter_map(Value::as_array_mut) {
        list.truncate(1);
    }
    assert_eq!(data["schema_version"], 1);
    data["fingerprint"] = "a hash".into();
    blank(&mut data);
    insta::assert_snapshot!(serde_json::to_string_pretty(&data).unwrap(), @r#"
        {
          "absences": [
            {
              "from": 0,
              "line": 0,
              "node": 0,
              "paused": false,
              "until": 0
            }
          ],
          "arrows": [
            [
              0,
              0,
              0,
              0,
              0,
              0,
              "arrived",
              "PreVote"
            ]
          ],
          "bands": [
            {
              "from": 0,
              "line": 0,
              "node": 0,
              "role": "follower",
              "term": 0,
              "until": 0
            }
          ],
          "calls": [
            {
              "client": 0,
              "line": 0,
              "node": 0,
              "what": "asked"
            }
          ],
          "claim": "A </script><script>alert(1)</script> <!-- & friends is text.",
          "clients": 0,
          "commits": [
            {
              "at": 0,
              "index": 0,
              "line": 0,
              "node": 0
            }
          ],
          "end": 0,
          "fingerprint": "a hash",
          "focus": null,
          "headline": "ok",
          "lines": [
            [
              0,
              0,
              0,
              "repair",
              "n1@0 booted, last 0@0"
            ]
          ],
          "nodes": 0,
          "operations": [
            {
              "answer": "[]",
              "client": 0,
              "command": "SMEMBERS k3.0",
              "end": 0,
              "from": 0,
              "line": 0,
              "outcome": "ok",
              "until": 0
            }
          ],
          "scenario": "stormy",
          "schema_version": 0,
          "seed": "7",
          "verdict": "ok",
          "version": "0.1.0",
          "walls": [
            {
              "from": 0,
              "line": 0,
              "text": "n1 | n2 n3",
              "until": 0
            }
          ]
        }
    "#);
}
