//! What the command line says about real runs.

use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A directory with scenarios of known outcome, and what the binary says in it.
struct Deck {
    dir: tempfile::TempDir,
}

/// What a command said.
struct Said {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Deck {
    fn new() -> Self {
        let deck = Self { dir: tempfile::tempdir().unwrap() };
        deck.scenario("calm", r#"{"elections_at_least": 1}"#);
        deck.scenario("doomed", r#"{"elections_at_least": 1000000}"#);
        deck
    }

    /// A short run of three nodes and two clients that ends with `expectation`.
    fn scenario(&self, name: &str, expectation: &str) {
        let text = format!(
            r#"{{
                "name": "{name}",
                "claim": "Three nodes elect a leader, and this holds at the end: it was chosen for that.",
                "duration": "1s",
                "workload": {{ "clients": 2 }},
                "timeline": [{{ "at": "400ms", "do": {{ "crash": ["leader"] }} }}],
                "expect": [{{ "that": {expectation} }}]
            }}"#
        );
        fs::write(self.path(&format!("{name}.json")), text).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_seaworthy"));
        command.current_dir(self.dir.path()).args(arguments.split(' ')).env("NO_COLOR", "1");
        for name in ["SEAWORTHY_SEED", "SEAWORTHY_JOBS", "SEAWORTHY_OUT", "CLICOLOR_FORCE"] {
            command.env_remove(name);
        }
        command
    }

    fn says(&self, arguments: &str) -> Said {
        let output = self.command(arguments).output().unwrap();
        Said {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The one artifact below `seaworthy.out`.
    fn artifact(&self) -> PathBuf {
        let mut entries = fs::read_dir(self.path("seaworthy.out")).unwrap();
        let entry = entries.next().expect("a failing run was kept").unwrap();
        assert!(entries.next().is_none(), "one failing run was kept");
        Path::new("seaworthy.out").join(entry.file_name())
    }

    /// Changes the text of one file of the artifact.
    fn tamper(&self, file: &str, from: &str, to: &str) {
        let path = self.dir.path().join(self.artifact()).join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file} has no {from}:\n{text}");
        fs::write(&path, text.replace(from, to)).unwrap();
    }

    fn replay(&self) -> Said {
        self.says(&format!("replay {}", self.artifact().display()))
    }
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error} in {text}"))
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn a_run_that_holds_exits_with_0_and_says_the_same_each_time() {
    let deck = Deck::new();
    let said = deck.says("run calm.json --seed 7");
    assert_eq!((said.code, said.stderr.as_str()), (0, ""), "{}", said.stdout);
    assert!(said.stdout.starts_with("ok\nseed 7 · scenario calm · fingerprint "), "{}", said.stdout);
    assert_eq!(deck.says("run calm.json --seed 7").stdout, said.stdout);
    assert!(!deck.path("seaworthy.out").exists(), "nothing failed, so nothing is kept");
}

#[test]
fn the_json_of_a_run_is_one_object_a_line() {
    let deck = Deck::new();
    let said = deck.says("run calm.json doomed.json --format json");
    assert_eq!(said.code, 1);
    let runs: Vec<Value> = said.stdout.lines().map(json).collect();
    assert_eq!(runs.len(), 2);
    let fields = [
        "cutoff",
        "elections",
        "faults",
        "fingerprint",
        "messages",
        "missed",
        "operations",
        "scenario",
        "schema_version",
        "seed",
        "steps",
        "type",
        "verdict",
        "violation",
        "virtual_seconds",
        "wall_seconds",
    ];
    for run in &runs {
        let mut found = keys(run);
        found.sort_unstable();
        assert_eq!(found, fields);
    }
    assert_eq!((runs[0]["verdict"].as_str(), runs[1]["verdict"].as_str()), (Some("ok"), Some("expectation")));
    assert!(runs[0]["steps"].as_u64().unwrap() > 100);
    assert!(said.stderr.contains("Replay:  seaworthy replay seaworthy.out/"), "{}", said.stderr);
}

/// Each run as soon as it is over, in the order of seeds, then the sweep; all but the pace is the same each time.
#[test]
fn the_json_lines_of_a_sweep_are_its_runs_and_then_the_sweep() {
    let deck = Deck::new();
    let sweep = |jobs: u32| {
        let said =
            deck.says(&format!("sweep calm.json doomed.json --seeds 4..7 --format jsonl --jobs {jobs}"));
        assert_eq!(said.code, 1, "{}", said.stderr);
        let mut lines: Vec<Value> = said.stdout.lines().map(json).collect();
        let last = lines.pop().unwrap();
        (lines, last)
    };
    let (runs, last) = sweep(2);
    assert_eq!(sweep(1).0, runs);
    let told: Vec<_> = runs
        .iter()
        .map(|run| {
            assert_eq!((run["type"].as_str(), run["schema_version"].as_u64()), (Some("run"), Some(1)));
            (
                run["scenario"].as_str().unwrap(),
                run["seed"].as_u64().unwrap(),
                run["verdict"].as_str().unwrap(),
            )
        })
        .collect();
    let of = |name, verdict| (4..7).map(move |seed| (name, seed, verdict));
    assert_eq!(told, of("calm", "ok").chain(of("doomed", "expectation")).collect::<Vec<_>>());
    assert_eq!((last["type"].as_str(), last["schema_version"].as_u64()), (Some("sweep"), Some(1)));
    assert_eq!((last["runs"].as_u64(), last["expectations"].as_u64()), (Some(6), Some(3)));
}

/// What fails is a case with the command that shows it again; what holds is one case, however many seeds it has.
#[test]
fn a_junit_document_has_a_suite_a_scenario_and_a_case_a_failure() {
    let deck = Deck::new();
    for command in ["run calm.json doomed.json --seed 7", "sweep calm.json doomed.json --seeds 7"] {
        let said = deck.says(&format!("{command} --format junit"));
        assert_eq!(said.code, 1, "{}", said.stderr);
        let time = said.stdout.split(" time=\"").nth(1).unwrap().split('"').next().unwrap();
        let text = said.stdout.replace(time, "T").replace(deck.artifact().to_str().unwrap(), "ARTIFACT");
        insta::allow_duplicates!(insta::assert_snapshot!(text, @r#"
            <?xml version="1.0" encoding="UTF-8"?>
            <testsuites name="seaworthy" tests="2" failures="1" errors="0" skipped="0" time="T">
              <testsuite name="calm.json" tests="1" failures="0" errors="0" skipped="0">
                <testcase classname="calm.json" name="seeds that hold">
                  <system-out>1 of 1 runs</system-out>
                </testcase>
              </testsuite>
              <testsuite name="doomed.json" tests="1" failures="1" errors="0" skipped="0">
                <testcase classname="doomed.json" name="seed 7">
                  <failure type="expectation" message="expectation: expected the number of elections to be at least 1000000; it is 2">expectation: expected the number of elections to be at least 1000000; it is 2
            seaworthy replay ARTIFACT</failure>
                </testcase>
              </testsuite>
            </testsuites>
        "#));
    }
    let said = deck.says("run calm.json --trace --format junit");
    assert_eq!((said.code, said.stdout.as_str()), (2, ""));
    assert_eq!(said.stderr, "error: a trace is printed with --format human, json or jsonl\n");
}

#[test]
fn github_is_told_of_failures_at_their_files_and_of_the_verdict() {
    let deck = Deck::new();
    for command in ["run doomed.json first-election --seed 7", "sweep doomed.json first-election --seeds 7"] {
        let said = deck.says(&format!("{command} --format github"));
        assert_eq!(said.code, 1, "{}", said.stderr);
        let text = said.stdout.replace(deck.artifact().to_str().unwrap(), "ARTIFACT");
        insta::allow_duplicates!(insta::assert_snapshot!(text, @r#"
            ::error file=doomed.json,title=doomed seed 7%3A expectation::expectation: expected the number of elections to be at least 1000000; it is 2%0Aseaworthy replay ARTIFACT
            ::notice title=seaworthy::1 FAILED: 2 runs, 1 ok, 2 distinct
        "#));
    }
}

/// One file, byte for byte the same from a run and from the replay of what it kept.
#[test]
fn a_run_and_its_replay_write_the_same_page() {
    let deck = Deck::new();
    let said = deck.says("run doomed.json --seed 7 --format json --html run.html");
    assert_eq!(said.code, 1);
    assert!(said.stderr.ends_with("wrote run.html: open it in a browser\n"), "{}", said.stderr);
    json(&said.stdout);
    let artifact = deck.artifact();
    assert_eq!(deck.says(&format!("replay {} --html again.html", artifact.display())).code, 1);
    let [page, again] = ["run.html", "again.html"].map(|name| fs::read_to_string(deck.path(name)).unwrap());
    assert_eq!(page, again);
    assert!(page.starts_with("<!doctype html>") && page.contains("EXPECTATION missed: "));

    assert_eq!(deck.says("run calm.json --html calm.html").code, 0);
    assert!(deck.path("calm.html").is_file());
    let several = deck.says("run calm.json doomed.json --html run.html");
    assert_eq!((several.code, several.stdout.as_str()), (2, ""));
    assert_eq!(several.stderr, "error: --html shows one run: name one scenario\n");
    let nowhere = deck.says("run calm.json --html no/where.html");
    assert_eq!(nowhere.code, 2);
    assert!(nowhere.stderr.starts_with("error: cannot write no/where.html: "), "{}", nowhere.stderr);
}

/// The trace shows what was asked for and changes nothing else.
#[test]
fn a_trace_is_printed_up_to_a_time_and_of_a_node() {
    let deck = Deck::new();
    let without = deck.says("run calm.json --format json --seed 3").stdout;
    let with = deck.says("run calm.json --format json --seed 3 --trace --until 300ms --node n2").stdout;
    let mut lines: Vec<Value> = with.lines().map(json).collect();
    let run = lines.pop().unwrap();
    assert_eq!(run["fingerprint"], json(&without)["fingerprint"]);
    assert!(lines.len() > 10, "a node does something in 300 ms");
    for line in &lines {
        assert_eq!(keys(line), ["at", "node", "schema_version", "step", "text", "type"]);
        assert_eq!(line["node"], 2);
        let at: seaworthy_sim::time::Span = line["at"].as_str().unwrap().parse().unwrap();
        assert!(at <= seaworthy_sim::time::Span::millis(300));
    }
    let human = deck.says("run calm.json --seed 3 --trace");
    assert_eq!(human.code, 0);
    assert!(human.stdout.contains("⇨ leader"), "{}", human.stdout);
}

#[test]
fn a_failing_run_exits_with_1_is_kept_and_is_replayed_as_the_same() {
    let deck = Deck::new();
    let said = deck.says("run doomed.json --seed 7");
    assert_eq!(said.code, 1);
    assert!(said.stdout.starts_with("EXPECTATION missed: "), "{}", said.stdout);
    let artifact = deck.artifact();
    assert!(
        said.stdout.contains(&format!("Replay:  seaworthy replay {}\n", artifact.display())),
        "{}",
        said.stdout
    );
    let files = ["history.jsonl", "repro.txt", "result.json", "scenario.json", "trace.jsonl.zst"];
    for file in files {
        assert!(fs::metadata(deck.dir.path().join(&artifact).join(file)).unwrap().len() > 0, "{file}");
    }
    let replayed = deck.replay();
    assert_eq!(replayed.code, 1);
    assert!(replayed.stdout.ends_with("same missed expectation, same fingerprint\n"), "{}", replayed.stdout);
    let by_file = deck.says(&format!("replay {}/scenario.json", artifact.display()));
    assert_eq!((by_file.code, by_file.stdout), (1, replayed.stdout));
    let by_seed = deck.says("replay doomed.json --seed 7");
    assert_eq!(by_seed.code, 1);
    assert!(by_seed.stdout.starts_with("EXPECTATION missed: "), "{}", by_seed.stdout);
}

#[test]
fn a_replay_says_that_a_failure_is_fixed() {
    let deck = Deck::new();
    deck.says("run doomed.json");
    deck.tamper("scenario.json", "\"elections_at_least\": 1000000", "\"elections_at_least\": 1");
    let said = deck.replay();
    assert_eq!(said.code, 0);
    assert!(said.stdout.contains("no missed expectation any more (fixed)"), "{}", said.stdout);
}

#[test]
fn a_replay_says_where_the_traces_part() {
    let deck = Deck::new();
    deck.says("run doomed.json");
    deck.tamper("scenario.json", "\"400ms\"", "\"500ms\"");
    let said = deck.replay();
    assert_eq!(said.code, 1);
    assert!(said.stdout.contains("same missed expectation in another run"), "{}", said.stdout);
    let event = said.stdout.split("the traces differ first at event ").nth(1).unwrap();
    let event = event.split(':').next().unwrap().replace(',', "").parse::<u64>().unwrap();
    assert!(event > 10, "they are the same up to the crash, which comes at 400 ms: {event}");
}

#[test]
fn a_replay_of_another_version_s_run_is_warned_about() {
    let deck = Deck::new();
    deck.says("run doomed.json");
    let version = format!("\"version\": \"{}\"", env!("CARGO_PKG_VERSION"));
    deck.tamper("result.json", &version, "\"version\": \"0.0.9\"");
    let said = deck.replay();
    assert_eq!(said.code, 1);
    assert!(said.stderr.starts_with("warning: seaworthy 0.0.9 made this artifact"), "{}", said.stderr);
}

/// A planted bug is a violation like any other; where the scenario demands it, everything is as expected.
#[test]
fn a_planted_bug_is_a_violation_unless_it_is_demanded() {
    let deck = Deck::new();
    let write = |name: &str, expectations: &str| {
        let text = format!(
            r#"{{
                "name": "{name}",
                "claim": "A vote that is not written down is noticed when it is sent.",
                "duration": "2s",
                "planted": ["vote_not_persisted"],
                "expect": {expectations}
            }}"#
        );
        fs::write(deck.path(&format!("{name}.json")), text).unwrap();
    };
    write("plain", "[]");
    write("demanded", r#"[{ "that": { "violated": "persist_before_send" } }]"#);
    let plain = deck.says("run plain.json");
    assert_eq!(plain.code, 1, "{}", plain.stdout);
    assert!(plain.stdout.starts_with("VIOLATION persist_before_send at "), "{}", plain.stdout);
    assert!(deck.replay().stdout.ends_with("same violation, same fingerprint\n"));
    let demanded = deck.says("run demanded.json");
    assert_eq!(demanded.code, 0, "{}", demanded.stdout);
    assert!(demanded.stdout.starts_with("ok violated as the scenario demands: "), "{}", demanded.stdout);
}

/// Without the fields that tell real time, `--jobs` can be seen in nothing.
#[test]
fn a_sweep_with_many_jobs_is_byte_identical_to_one_with_one() {
    let deck = Deck::new();
    let sweep = |jobs: u32| {
        let arguments =
            "sweep calm.json doomed.json --seeds 0..6 --swarm-seeds 0..4 --max-failures 4 --format json";
        let said = deck.says(&format!("{arguments} --jobs {jobs}"));
        assert_eq!(said.code, 1, "{}", said.stderr);
        let mut summary = json(&said.stdout);
        for field in ["wall_seconds", "steps_per_second", "virtual_per_wall"] {
            summary.as_object_mut().unwrap().remove(field).unwrap();
        }
        summary.to_string()
    };
    let one = sweep(1);
    assert_eq!(sweep(4), one);
    let summary = json(&one);
    assert_eq!(summary["expectations"], 4);
    assert_eq!(summary["runs"], 10);
    assert_eq!(summary["failures"][0]["seed"], 0);
    let artifact = summary["failures"][3]["artifact"].as_str().unwrap();
    assert!(deck.path(artifact).join("result.json").is_file());
}

/// Three machines run what one would, each run once, and each says which it was.
#[test]
fn shards_together_run_what_one_sweep_runs() {
    let deck = Deck::new();
    let sweep = |shard: &str| {
        let said = deck.says(&format!("sweep doomed.json --seeds 3..10 --format json{shard}"));
        assert_eq!(said.code, 1, "{}", said.stderr);
        let summary = json(&said.stdout);
        let seeds = summary["failures"].as_array().unwrap().iter().map(|failure| failure["seed"].as_u64());
        (summary["shard"].clone(), seeds.map(Option::unwrap).collect::<Vec<_>>())
    };
    assert_eq!(sweep(""), (Value::Null, vec![3, 4, 5, 6, 7, 8, 9]));
    assert_eq!(sweep(" --shard 1/3"), ("1/3".into(), vec![3, 6, 9]));
    assert_eq!(sweep(" --shard 2/3"), ("2/3".into(), vec![4, 7]));
    assert_eq!(sweep(" --shard 3/3"), ("3/3".into(), vec![5, 8]));
    let told = deck.says("sweep calm.json --seeds 0..5 --shard 2/2");
    assert!(told.stdout.ends_with("ok: 2 runs, 2 distinct; shard 2/2\n"), "{}", told.stdout);
}

#[test]
fn a_sweep_ends_with_a_table_and_a_verdict() {
    let deck = Deck::new();
    let said = deck.says("sweep calm.json --seeds 0..5 --jobs 2 --verify-determinism");
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    assert!(said.stdout.lines().all(|line| line.chars().count() <= 80), "{}", said.stdout);
    let mut lines = said.stdout.lines();
    assert!(lines.next().unwrap().starts_with("scenario"));
    assert!(lines.next().unwrap().starts_with("calm"));
    assert_eq!(lines.next_back(), Some("ok: 5 runs, 5 distinct"));
}

#[test]
fn the_default_sweep_takes_every_bundled_scenario_and_the_swarm() {
    let deck = Deck::new();
    let said = deck.says("sweep --seeds 0..1 --swarm-seeds 0..3 --format json");
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    let summary = json(&said.stdout);
    let bundled = seaworthy_sim::scenario::bundled().len();
    assert_eq!(summary["runs"], bundled as u64 + 3);
    assert_eq!(summary["scenarios"].as_array().unwrap().len(), bundled + 1);
}

#[test]
fn a_new_scenario_can_be_run() {
    let deck = Deck::new();
    assert_eq!(deck.says("new storm.json").code, 0);
    let said = deck.says("run storm.json");
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
}

#[test]
fn the_swarm_and_bundled_scenarios_are_run_by_name() {
    let deck = Deck::new();
    for scenario in ["swarm", "first-election", "elections/first-election"] {
        let said = deck.says(&format!("run {scenario} --seed 1 --verify-determinism"));
        assert_eq!(said.code, 0, "{scenario}: {}{}", said.stdout, said.stderr);
    }
}

/// `seaworthy run --trace | head -1` keeps its verdict and says nothing about the reader who has gone.
#[test]
fn a_reader_who_leaves_changes_no_verdict() {
    let deck = Deck::new();
    let cases = [
        ("run calm.json --trace", 0),
        ("run doomed.json --trace", 1),
        ("sweep calm.json --seeds 0..400 --format jsonl", 0),
    ];
    for (arguments, code) in cases {
        let mut command = deck.command(arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut first = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
        assert!(!first.is_empty());
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(code), &[][..]), "{arguments}");
    }
}

/// Ctrl-C ends a sweep with what there is so far.
#[cfg(unix)]
#[test]
fn an_interrupted_sweep_prints_its_partial_summary_and_exits_with_130() {
    let deck = Deck::new();
    let mut command =
        deck.command("sweep doomed.json --seeds 0..100000000 --max-failures 100000000 --format json");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut first = String::new();
    stderr.read_line(&mut first).unwrap();
    assert!(first.starts_with("doomed.json seed 0: EXPECTATION missed: "), "{first}");
    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    child.stderr = Some(stderr.into_inner());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let summary = json(std::str::from_utf8(&output.stdout).unwrap());
    assert_eq!(summary["interrupted"], true);
    assert_eq!(summary["planned"], 100_000_000);
    assert_eq!(summary["runs"], summary["expectations"]);
}

/// A failure with a bug planted, to shrink.
fn planted_deck() -> Deck {
    let deck = Deck { dir: tempfile::tempdir().unwrap() };
    let text = r#"{
        "name": "stormy",
        "claim": "Nobody votes twice.",
        "duration": "5s",
        "cluster": { "nodes": 3, "pre_vote": false, "check_quorum": false },
        "workload": { "clients": 3 },
        "timeline": [{ "at": "0s", "do": { "campaign": 1 } }, { "at": "0s", "do": { "campaign": 2 } }],
        "nemesis": [
            { "fault": "one_way", "every": { "constant": "1500ms" }, "for": { "constant": "200ms" } }
        ],
        "planted": ["votes_twice"]
    }"#;
    fs::write(deck.path("stormy.json"), text).unwrap();
    deck
}

/// From a failure to a file that fails in the same way: the commands that are printed on the way work.
#[test]
fn a_failure_is_shrunk_to_a_scenario_that_runs() {
    let deck = planted_deck();
    let said = deck.says("run stormy.json");
    assert_eq!(said.code, 1, "{}", said.stdout);
    let artifact = deck.artifact().display().to_string();
    assert!(said.stdout.contains(&format!("Shrink:  seaworthy shrink {artifact}\n")), "{}", said.stdout);
    assert!(
        said.stdout.contains("  A node grants at most one vote in a term (Raft §5.2).\n"),
        "{}",
        said.stdout
    );
    let said = deck.says(&format!("shrink {artifact} --candidates 400 -o small.json"));
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert!(said.stderr.starts_with("shrunk to "), "{}", said.stderr);
    let replay = said.stdout.lines().find_map(|line| line.strip_prefix("Replay:  seaworthy ")).unwrap();
    let again = deck.says(replay);
    assert_eq!(again.code, 0, "{}", again.stdout);
    assert!(again.stdout.starts_with("ok violated as the scenario demands: vote_once"), "{}", again.stdout);
    let small = json(&fs::read_to_string(deck.path("small.json")).unwrap());
    assert_eq!((&small["name"], &small["nemesis"]), (&Value::from("votes-twice"), &Value::Null));
    // Without a file for it, it is the result.
    let printed = deck.says("shrink stormy.json --seed 0 --candidates 400");
    assert_eq!(json(&printed.stdout), small);
}

#[test]
fn what_cannot_be_shrunk_is_said() {
    let deck = planted_deck();
    deck.scenario("calm", r#"{"elections_at_least": 1}"#);
    for (arguments, why) in [
        (
            "shrink calm.json",
            "is no artifact and does not say which seed: seaworthy shrink calm.json --seed N",
        ),
        (
            "shrink calm.json --seed 1",
            "the run breaks no property at seed 1, so that there is nothing to shrink",
        ),
        ("shrink nowhere", "there is no file and no bundled scenario \"nowhere\""),
        ("shrink stormy.json --seed 0 --budget 0s", "there was no time to run the scenario even once"),
        ("shrink stormy.json --seed 0 --budget soon", "a duration is a number and a unit"),
        ("shrink stormy.json --seed 0 --candidates 0", "a whole number from 1"),
    ] {
        let said = deck.says(arguments);
        assert_eq!((said.code, said.stdout.as_str()), (2, ""), "{arguments}: {}", said.stderr);
        assert!(said.stderr.contains(why), "{arguments}: {}", said.stderr);
    }
}
