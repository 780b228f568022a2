//! Each mistake in a scenario file is answered by the place and by what would be right.

use seaworthy_sim::scenario::parse;

/// A valid scenario with some lines more, which hold the mistake.
fn mistake(lines: &str) -> String {
    let text = format!("{{\n  \"name\": \"mistake\",\n  \"claim\": \"It is refused.\",\n{lines}\n}}\n");
    refused(&text)
}

fn refused(text: &str) -> String {
    parse("mistake.json", text).expect_err("this is a mistake").to_string()
}

/// What is said to each mistake, under its name.
fn answers(mistakes: &[(&str, &str)]) -> String {
    let answers = mistakes.iter().map(|(name, lines)| format!("## {name}\n{}\n", mistake(lines)));
    answers.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_wrong_form_is_answered_by_the_right_one() {
    insta::assert_snapshot!("form", answers(FORM));
}

#[test]
fn nonsense_is_answered_by_the_reason() {
    insta::assert_snapshot!("sense", answers(SENSE));
}

#[test]
fn what_is_not_json_is_answered_by_the_place() {
    insta::assert_snapshot!("json", answers(JSON));
}

#[test]
fn several_mistakes_are_all_named() {
    let text = r#"{ "name": "Split Vote", "claim": "", "duration": "0s", "planted": ["x", "y"] }"#;
    insta::assert_snapshot!("several", refused(text));
}

#[test]
fn what_is_no_scenario_at_all() {
    let deep_lists = "[".repeat(100_000);
    let deep_objects = "{\"a\":".repeat(100_000);
    let all = [
        "",
        " \n\t ",
        "5",
        "[]",
        "null",
        "{}",
        "{",
        "\u{feff}{}",
        "{\"name\": \"a\",",
        &deep_lists,
        &deep_objects,
    ];
    let all = all.map(|text| format!("# {}\n{}\n", &text[..text.len().min(20)], refused(text)));
    insta::assert_snapshot!("no_scenario", all.join("\n"));
}

#[test]
fn a_long_line_is_cut_around_the_caret_and_the_column_is_that_of_the_file() {
    let filler = "\"$schema\": \"x\", ".len();
    let text = format!(
        "{{ \"$schema\": \"{}\", \"nam\": \"a\", \"claim\": \"{}\" }}",
        "x".repeat(5_000),
        "y".repeat(5_000)
    );
    let refused = refused(&text);
    assert!(refused.contains(&format!("mistake.json:1:{}", 2 + filler - 1 + 5_000 + 1)), "{refused}");
    assert!(refused.lines().all(|line| line.chars().count() < 250), "{refused}");
    insta::assert_snapshot!("long_line", refused);
}

#[test]
fn nothing_that_a_terminal_obeys_is_printed() {
    let text =
        "{ \"name\": \"a\", \"claim\": \"b\", \"\u{202e}evil\u{9b}31m\": \"\u{7f}\", \"\\u001b[31m\": 1 }";
    let refused = parse("a\u{1b}[31m\n.json", text).expect_err("unknown fields").to_string();
    let harmful = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
    assert!(!refused.contains(harmful), "{refused:?}");
    insta::assert_snapshot!("harmless", refused);
}

#[test]
fn wide_characters_do_not_shift_the_caret() {
    let text = "{ \"name\": \"a\", \"claim\": \"船は沈まない\", \"cluter\": {} }";
    insta::assert_snapshot!("wide", refused(text));
}

/// Wrong fields, names and types.
const FORM: &[(&str, &str)] = &[
    ("unknown field near", r#"  "timelin": []"#),
    ("unknown field far", r#"  "network": { "speed": "1ms" }"#),
    (
        "unknown field where none belongs",
        r#"  "timeline": [{ "at": "1s", "do": { "heal": { "now": true } } }]"#,
    ),
    (
        "action without do",
        r#"  "timeline": [
    { "at": "1s", "crash": [1] }
  ]"#,
    ),
    ("unknown action", r#"  "timeline": [{ "at": "1s", "do": { "crahs": [1] } }]"#),
    ("unknown action far", r#"  "timeline": [{ "at": "1s", "do": { "explode": [1] } }]"#),
    (
        "unknown fault",
        r#"  "nemesis": [{ "fault": "isolate", "every": { "constant": "1s" }, "for": { "constant": "1s" } }]"#,
    ),
    ("unknown predicate", r#"  "expect": [{ "that": { "leader_exist": true } }]"#),
    ("unknown message kind", r#"  "rules": [{ "kind": "AppendEntry", "verdict": "drop" }]"#),
    ("unknown role", r#"  "timeline": [{ "at": "1s", "do": { "crash": ["the leader"] } }]"#),
    ("unknown property", r#"  "expect": [{ "that": { "violated": "election_safty" } }]"#),
    (
        "unknown crash point",
        r#"  "timeline": [{ "at": "1s", "do": { "crash_at": { "node": 1, "point": "mid_apend" } } }]"#,
    ),
    ("unknown way to read", r#"  "workload": { "reads": { "quorum": 1 } }"#),
    (
        "change with an unknown wish",
        r#"  "timeline": [{ "at": "1s", "do": { "change_membership": { "promote": [2] } } }]"#,
    ),
    ("unknown command name", r#"  "workload": { "commands": { "PUT": 3 } }"#),
    ("unknown distribution", r#"  "network": { "latency": { "normal": "5ms" } }"#),
    ("node in quotes", r#"  "timeline": [{ "at": "1s", "do": { "crash": ["2"] } }]"#),
    ("one target without brackets", r#"  "timeline": [{ "at": "1s", "do": { "crash": "leader" } }]"#),
    ("action without content", r#"  "timeline": [{ "at": "1s", "do": "heal" }]"#),
    ("action as number", r#"  "timeline": [{ "at": "1s", "do": 5 }]"#),
    ("action empty", r#"  "timeline": [{ "at": "1s", "do": {} }]"#),
    ("two actions in one", r#"  "timeline": [{ "at": "1s", "do": { "heal": {}, "crash": [1] } }]"#),
    ("verdict in braces", r#"  "rules": [{ "verdict": { "drop": {} } }]"#),
    ("missing at", r#"  "timeline": [{ "do": { "heal": {} } }]"#),
    ("missing in a distribution", r#"  "network": { "latency": { "uniform": { "min": "1ms" } } }"#),
    ("moment as a list", r#"  "timeline": [["1s", { "heal": {} }]]"#),
    ("text for a boolean", r#"  "cluster": { "pre_vote": "yes" }"#),
    ("fraction of a node", r#"  "cluster": { "nodes": 2.5 }"#),
    ("cluster as a number", r#"  "cluster": 5"#),
    ("duration without unit", r#"  "duration": "150""#),
    ("duration as number", r#"  "duration": 150"#),
    ("duration negative", r#"  "timeline": [{ "at": "-5ms", "do": { "heal": {} } }]"#),
    ("duration of unknown unit", r#"  "duration": "1parsec""#),
    ("probability negative", r#"  "network": { "loss": -0.1 }"#),
    ("probability above one", r#"  "network": { "loss": 1.5 }"#),
    ("probability in quotes", r#"  "network": { "loss": "0.5" }"#),
    ("probability nan", r#"  "network": { "loss": NaN }"#),
    ("too many nodes", r#"  "cluster": { "nodes": 16 }"#),
    ("node below zero", r#"  "timeline": [{ "at": "1s", "do": { "crash": [-1] } }]"#),
    ("node zero", r#"  "timeline": [{ "at": "1s", "do": { "crash": [0] } }]"#),
];

/// What makes no sense.
const SENSE: &[(&str, &str)] = &[
    (
        "node nine of five",
        r#"  "cluster": { "nodes": 5, "initial": [{ "node": 9, "term": 1 }, { "node": 1, "term": 1, "vote": 9 }] },
  "network": { "links": [{ "from": 1, "to": 9, "loss": 1 }] },
  "disk": { "nodes": [{ "node": 9, "sync": { "constant": "1ms" } }] },
  "clocks": [{ "node": 9, "drift_ppm": 10 }],
  "timeline": [
    { "at": "1s", "do": { "partition": { "groups": [[1, 9], [2]] } } },
    { "at": "1s", "do": { "crash_mid_step": 9 } },
    { "at": "1s", "do": { "invoke": { "client": 1, "command": "GET k", "node": 9 } } }
  ],
  "rules": [{ "from": 9, "verdict": "drop" }],
  "expect": [
    { "that": { "leads": 9 } },
    { "that": { "voted_for": { "node": 1, "candidate": 9 } } },
    { "that": { "log": { "node": 9, "terms": [] } } },
    { "that": { "voters": [1, 9] } },
    { "that": { "learners": [9] } },
    { "that": { "snapshot_at_least": { "node": 9, "entries": 1 } } }
  ]"#,
    ),
    (
        "node nine where operators are at work",
        r#"  "cluster": { "nodes": 5, "spares": 1 },
  "timeline": [
    { "at": "1s", "do": { "change_membership": { "add": [9], "learn": [6, 10], "node": 11 } } },
    { "at": "2s", "do": { "transfer_leadership": 9 } },
    { "at": "3s", "do": { "take_snapshot": 9 } },
    { "at": "4s", "do": { "wipe": 9 } },
    { "at": "5s", "do": { "clog": 9 } },
    { "at": "6s", "do": { "crash_at": { "node": 9, "point": "mid_append" } } },
    { "at": "6s", "do": { "fail_sync": 9 } },
    { "at": "7s", "do": { "rot": 9 } }
  ]"#,
    ),
    (
        "faults of files where there are none",
        r#"  "disk": { "files": false },
  "timeline": [
    { "at": "1s", "do": { "crash_at": { "node": 1, "point": "mid_append" } } },
    { "at": "2s", "do": { "fill_disk": 1 } }
  ],
  "nemesis": [{ "fault": "rot", "every": { "constant": "1s" }, "for": { "constant": "1s" } }]"#,
    ),
    ("sectors and files without bytes", r#"  "disk": { "sector_size": 0, "segment_size": 0 }"#),
    ("sectors too large", r#"  "disk": { "sector_size": 65537 }"#),
    ("links that carry nothing", r#"  "network": { "capacity": 0 }"#),
    ("too many spares", r#"  "cluster": { "nodes": 5, "spares": 11 }"#),
    ("more spares than can be counted", r#"  "cluster": { "nodes": 5, "spares": 18446744073709551615 }"#),
    ("learner that is no founder", r#"  "cluster": { "nodes": 3, "spares": 1, "learners": [4, 5, 2, 2] }"#),
    (
        "disk of a server that found nothing",
        r#"  "cluster": { "nodes": 3, "spares": 1, "initial": [{ "node": 4, "term": 1 }] }"#,
    ),
    ("nobody left to vote", r#"  "cluster": { "nodes": 2, "learners": [2, 1] }"#),
    ("lease without CheckQuorum", r#"  "cluster": { "check_quorum": false, "lease_drift": 0.01 }"#),
    ("lease of clocks that stand still", r#"  "cluster": { "lease_drift": 1 }"#),
    (
        "lease reads without leases",
        r#"  "workload": { "reads": { "leader": 1, "lease": 2 } },
  "timeline": [{ "at": "1s", "do": { "invoke": { "client": 9, "command": "GET k", "read": "lease" } } }]"#,
    ),
    ("change that changes nothing", r#"  "timeline": [{ "at": "1s", "do": { "change_membership": {} } }]"#),
    (
        "node with two fates",
        r#"  "cluster": { "spares": 1 },
  "timeline": [{ "at": "1s", "do": { "change_membership": { "add": [4], "learn": ["leader"], "remove": [4, "leader"] } } }]"#,
    ),
    (
        "wipe of two nodes at random",
        r#"  "cluster": { "nodes": 2 },
  "nemesis": [{ "fault": "wipe", "every": { "constant": "1s" }, "for": { "constant": "1s" } }]"#,
    ),
    (
        "membership with somebody twice",
        r#"  "expect": [{ "that": { "voters": [1, 1] } }, { "that": { "learners": [2, 2] } }]"#,
    ),
    (
        "client of the workload",
        r#"  "workload": { "clients": 3 },
  "timeline": [{ "at": "1s", "do": { "invoke": { "client": 3, "command": "GET k" } } }]"#,
    ),
    (
        "client far away",
        r#"  "timeline": [{ "at": "1s", "do": { "invoke": { "client": 201, "command": "GET k" } } }]"#,
    ),
    (
        "command empty",
        r#"  "timeline": [{ "at": "1s", "do": { "invoke": { "client": 1, "command": "" } } }]"#,
    ),
    (
        "moment after the end",
        r#"  "duration": "5s",
  "timeline": [{ "at": "5.1s", "do": { "heal": {} } }],
  "expect": [{ "at": "6s", "that": { "leader_exists": true } }]"#,
    ),
    (
        "nobody named",
        r#"  "timeline": [
    { "at": "1s", "do": { "partition": { "groups": [] } } },
    { "at": "2s", "do": { "partition": { "groups": [[1], []] } } },
    { "at": "3s", "do": { "crash": [] } }
  ]"#,
    ),
    (
        "node in two groups",
        r#"  "timeline": [{ "at": "1s", "do": { "partition": { "groups": [[1, 2], [2, 3]] } } }]"#,
    ),
    (
        "all in one group",
        r#"  "timeline": [{ "at": "1s", "do": { "partition": { "groups": [[1, 2, 3]] } } }]"#,
    ),
    (
        "minority of two",
        r#"  "cluster": { "nodes": 2 },
  "timeline": [{ "at": "1s", "do": { "crash": ["a minority"] } }]"#,
    ),
    (
        "election timeouts exchanged",
        r#"  "cluster": { "election_timeout_min": "300ms", "election_timeout_max": "150ms" }"#,
    ),
    ("only the longest timeout given", r#"  "cluster": { "election_timeout_max": "100ms" }"#),
    ("heartbeat too slow", r#"  "cluster": { "heartbeat_interval": "150ms" }"#),
    (
        "limits of zero",
        r#"  "cluster": { "max_batch_entries": 0, "max_inflight_messages": 0, "max_apply_entries": 0 }"#,
    ),
    (
        "more limits of zero",
        r#"  "cluster": {
    "max_batch_bytes": 0,
    "max_inflight_bytes": 0,
    "max_entry_bytes": 0,
    "max_uncommitted_bytes": 0,
    "max_pending_reads": 0,
    "max_chunk_bytes": 0,
    "max_sessions": 0,
    "session_lifetime": 0
  }"#,
    ),
    (
        "bounds exchanged",
        r#"  "network": {
    "latency": { "uniform": { "min": "10ms", "max": "1ms" } },
    "client_latency": { "log_normal": { "median": "5ms", "p99": "2ms" } }
  },
  "disk": { "sync": { "heavy_tail": { "min": "1ms", "max": "3ms", "tail": "2ms", "probability": 0.1 } } }"#,
    ),
    (
        "weights all zero",
        r#"  "workload": { "commands": { "GET": 0, "SET": 0 }, "reads": { "leader": 0, "follower": 0 } }"#,
    ),
    (
        "never answered",
        r#"  "expect": [
    { "that": { "answered": { "client": 7, "with": "OK" } } },
    { "that": { "answered_at_least": 1 } }
  ]"#,
    ),
    (
        "violations beyond reach",
        r#"  "liveness": { "check": false },
  "expect": [
    { "at": "1s", "that": { "violated": "log_matching" } },
    { "that": { "violated": "liveness" } }
  ]"#,
    ),
    ("drift out of range", r#"  "clocks": [{ "node": 1, "drift_ppm": 2000000 }]"#),
    ("initial terms descend", r#"  "cluster": { "initial": [{ "node": 1, "term": 5, "log": [1, 3, 2] }] }"#),
    ("initial term too low", r#"  "cluster": { "initial": [{ "node": 1, "term": 2, "log": [1, 3] }] }"#),
    (
        "initial logs do not match",
        r#"  "cluster": { "initial": [
    { "node": 1, "term": 4, "log": [1, 2, 4] },
    { "node": 2, "term": 4, "log": [1, 3, 4] }
  ] }"#,
    ),
    (
        "twice the same",
        r#"  "clocks": [{ "node": 1, "drift_ppm": 10 }, { "node": 1, "drift_ppm": 20 }],
  "network": { "links": [{ "from": 1, "to": 2, "loss": 1 }, { "from": 1, "to": 2, "loss": 0 }] },
  "disk": { "nodes": [{ "node": 3, "sync": { "constant": "1ms" } }, { "node": 3, "sync": { "constant": "2ms" } }] }"#,
    ),
    ("unknown planted bug", r#"  "planted": ["vote_not_persistent"]"#),
    (
        "rules that never match",
        r#"  "rules": [
    { "from": 1, "to": 1, "verdict": "drop" },
    { "kind": "RequestVote", "with_entries": true, "verdict": "drop" },
    { "to": 2, "nth": 0, "verdict": "drop" },
    { "to": 3, "after": "2s", "before": "1s", "verdict": "drop" },
    { "to": 3, "kind": "AppendEntries", "verdict": { "delay": "1s" } },
    { "from": 2, "to": 3, "kind": "AppendEntries", "verdict": "drop" }
  ]"#,
    ),
    (
        "standing still",
        r#"  "network": { "client_latency": { "constant": "0s" } },
  "workload": { "think": { "constant": "0s" } },
  "nemesis": [{ "fault": "campaign", "every": { "constant": "0s" }, "for": { "constant": "0s" } }]"#,
    ),
];

/// What is not JSON.
const JSON: &[(&str, &str)] = &[
    (
        "comment",
        r#"  // five servers
  "cluster": { "nodes": 5 }"#,
    ),
    ("trailing comma", r#"  "planted": [],"#),
    (
        "missing comma",
        r#"  "duration": "5s"
  "planted": []"#,
    ),
    ("missing colon", r#"  "duration" "5s""#),
    ("key twice", r#"  "workload": { "commands": { "GET": 1, "SET": 1, "GET": 2 } }"#),
    ("single quotes", r#"  "duration": '5s'"#),
    ("bare word", r#"  "duration": 5s"#),
    ("open string", "  \"duration\": \"5s,\n  \"planted\": []"),
    ("half a character", r#"  "planted": ["\ud83d"]"#),
    ("python true", r#"  "network": { "fifo": True }"#),
];
