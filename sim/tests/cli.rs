//! What the command line promises before anything is simulated: its help, its errors and its exit codes.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// The binary, with nothing of this process's environment that could change what it says.
fn seaworthy(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_seaworthy"));
    command.current_dir(dir).env("COLUMNS", "80").env("NO_COLOR", "1");
    for name in ["SEAWORTHY_SEED", "SEAWORTHY_JOBS", "SEAWORTHY_OUT", "CLICOLOR_FORCE"] {
        command.env_remove(name);
    }
    command
}

fn in_empty_dir(arguments: &[&str]) -> Output {
    let dir = tempfile::tempdir().unwrap();
    seaworthy(dir.path()).args(arguments).output().unwrap()
}

/// Exit code, stdout and stderr, as a reader would tell them.
fn told(output: &Output) -> String {
    let mut text = format!("exit {}\n", output.status.code().unwrap());
    for (name, bytes) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
        if !bytes.is_empty() {
            text += &format!("--- {name}\n{}", std::str::from_utf8(bytes).unwrap());
        }
    }
    text
}

fn help(arguments: &[&str]) -> String {
    let output = in_empty_dir(arguments);
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    let widest = text.lines().map(|line| line.chars().count()).max();
    assert!(widest <= Some(80), "help is wider than 80 columns: {widest:?}\n{text}");
    text
}

#[test]
fn the_help_says_what_there_is() {
    insta::assert_snapshot!("help", help(&["--help"]));
    insta::assert_snapshot!("help-run", help(&["run", "--help"]));
    insta::assert_snapshot!("help-sweep", help(&["sweep", "--help"]));
    insta::assert_snapshot!("help-bugs", help(&["bugs", "--help"]));
    insta::assert_snapshot!("help-replay", help(&["replay", "--help"]));
    insta::assert_snapshot!("help-new", help(&["new", "--help"]));
}

#[test]
fn bad_usage_exits_with_2_and_says_what_is_right() {
    let cases: [&[&str]; 16] = [
        &[],
        &["swep"],
        &["run"],
        &["run", "swarm", "--seed", "seven"],
        &["run", "swarm", "--seed", "-1"],
        &["run", "swarm", "--until", "3s"],
        &["run", "swarm", "--trace", "--until", "3"],
        &["run", "swarm", "--trace", "--node", "0"],
        &["sweep", "--seeds", "5..2"],
        &["sweep", "--seeds", "abc"],
        &["sweep", "--jobs", "0"],
        &["sweep", "--shard", "0/3"],
        &["sweep", "--shard", "4/3"],
        &["sweep", "--shard", "x"],
        &["sweep", "--no-swarm", "--swarm-seeds", "0..5"],
        &["completions", "cmd"],
    ];
    let mut text = String::new();
    for arguments in cases {
        let output = in_empty_dir(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
        text +=
            &format!("$ seaworthy {}\n{}\n", arguments.join(" "), String::from_utf8(output.stderr).unwrap());
    }
    insta::assert_snapshot!(text);
}

#[test]
fn a_scenario_that_does_not_exist_exits_with_2() {
    for command in ["run", "sweep", "replay"] {
        let output = in_empty_dir(&[command, "no/such-thing-at-all.json"]);
        let expected = "exit 2\n--- stderr\nerror: there is no file and no bundled scenario \
                        \"no/such-thing-at-all.json\"\n";
        assert_eq!(told(&output), expected, "{command}");
    }
}

/// A folder is said to be one, with what would be right: also one of bundled scenarios, and a kept failure.
#[test]
fn a_folder_exits_with_2_and_is_told_from_a_scenario() {
    let dir = tempfile::tempdir().unwrap();
    for (file, text) in [("mine/b.json", "{}"), ("mine/a b.json", "{}"), ("kept/result.json", "{}")] {
        let path = dir.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    std::fs::create_dir(dir.path().join("bare")).unwrap();
    let mut text = String::new();
    for (command, folder) in
        [("run", "mine"), ("sweep", "mine/"), ("run", "bare"), ("run", "kept"), ("run", "elections")]
    {
        let output = seaworthy(dir.path()).args([command, folder]).output().unwrap();
        text += &format!("$ seaworthy {command} {folder}\n{}", told(&output));
    }
    insta::assert_snapshot!(text, @r#"
        $ seaworthy run mine
        exit 2
        --- stderr
        error: "mine" is a folder, not a scenario: name files in it, as in 'mine/a b.json'
        $ seaworthy sweep mine/
        exit 2
        --- stderr
        error: "mine/" is a folder, not a scenario: name files in it, as in 'mine/a b.json'
        $ seaworthy run bare
        exit 2
        --- stderr
        error: "bare" is a folder, not a scenario: name a file; there is none in it whose name ends in .json
        $ seaworthy run kept
        exit 2
        --- stderr
        error: "kept" is a folder, not a scenario: it keeps a failure: seaworthy replay kept
        $ seaworthy run elections
        exit 2
        --- stderr
        error: "elections" is a folder, not a scenario: name scenarios in it, as in elections/first-election
    "#);
}

/// A mistake in a file is shown where it is, and nothing is run: not even the scenario before it.
#[test]
fn a_typo_in_a_scenario_exits_with_2_and_points_at_it() {
    let dir = tempfile::tempdir().unwrap();
    let good = r#"{"name": "good", "claim": "Nothing happens."}"#;
    std::fs::write(dir.path().join("good.json"), good).unwrap();
    std::fs::write(dir.path().join("typo.json"), good.replace("claim", "clam")).unwrap();
    for arguments in [&["run", "good.json", "typo.json"][..], &["sweep", "good.json", "typo.json"]] {
        let output = seaworthy(dir.path()).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(output.stdout.is_empty());
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains("typo.json") && text.contains("clam"), "{text}");
    }
}

#[test]
fn a_scenario_without_a_seed_cannot_be_replayed() {
    let dir = tempfile::tempdir().unwrap();
    let text = r#"{"name": "good", "claim": "Nothing happens."}"#;
    std::fs::write(dir.path().join("good.json"), text).unwrap();
    let output = seaworthy(dir.path()).args(["replay", "good.json"]).output().unwrap();
    insta::assert_snapshot!(told(&output), @r#"
        exit 2
        --- stderr
        error: "good.json" is no artifact and does not say which seed: seaworthy replay good.json --seed N
    "#);
}

#[test]
fn what_is_no_artifact_exits_with_2() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("empty")).unwrap();
    std::fs::create_dir(dir.path().join("broken")).unwrap();
    std::fs::write(dir.path().join("broken/result.json"), "{\n  \"schema_version\": }").unwrap();
    for (target, part) in [("empty", "result.json: No such file"), ("broken", "result.json, line 2: ")] {
        let output = seaworthy(dir.path()).args(["replay", target]).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn an_empty_range_of_seeds_exits_with_4() {
    let output = in_empty_dir(&["sweep", "swarm", "--seeds", "5..5"]);
    let expected = "exit 4\n--- stderr\nnothing ran: what was asked for has no seeds\n";
    assert_eq!(told(&output), expected);
}

#[test]
fn a_shard_without_seeds_exits_with_4() {
    let output = in_empty_dir(&["sweep", "swarm", "--seeds", "0..2", "--shard", "3/3"]);
    let expected = "exit 4\n--- stderr\nnothing ran: what was asked for has no seeds for shard 3/3\n";
    assert_eq!(told(&output), expected);
}

#[test]
fn the_schema_is_the_library_s() {
    let output = in_empty_dir(&["schema"]);
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.trim_end(), seaworthy_sim::scenario::schema().trim_end());
}

#[test]
fn a_new_scenario_is_valid_and_is_never_written_over_another() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("My Storm.json");
    let new = || seaworthy(dir.path()).args(["new", "My Storm.json"]).output().unwrap();
    let expected = "exit 0\n--- stdout\nwrote My Storm.json; try it: seaworthy run 'My Storm.json'\n";
    assert_eq!(told(&new()), expected);
    assert_eq!(seaworthy_sim::scenario::load(&path).unwrap().name, "my-storm");

    std::fs::write(&path, "precious").unwrap();
    let expected = "exit 2\n--- stderr\nerror: My Storm.json exists already, and is left as it is\n";
    assert_eq!(told(&new()), expected);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
}

#[test]
fn every_shell_gets_its_completions() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let output = in_empty_dir(&["completions", shell]);
        assert_eq!(output.status.code(), Some(0));
        assert!(String::from_utf8(output.stdout).unwrap().contains("sweep"), "{shell}");
    }
}

/// `seaworthy schema | head -1` ends quietly, with the exit code that it would have had.
#[test]
fn a_closed_pipe_is_no_panic() {
    for arguments in [&["schema"][..], &["completions", "bash"], &["--help"], &["run", "--help"]] {
        let dir = tempfile::tempdir().unwrap();
        let mut child = seaworthy(dir.path())
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!((said.as_str(), child.wait().unwrap().code()), ("", Some(0)), "{arguments:?}");
    }
}

/// No escape sequence reaches a file, and `CLICOLOR_FORCE` brings them back.
#[test]
fn colour_is_for_terminals() {
    let dir = tempfile::tempdir().unwrap();
    let stderr = |force: bool| {
        let mut command = seaworthy(dir.path());
        command.args(["run", "nothing-like-it"]).env_remove("NO_COLOR");
        if force {
            command.env("CLICOLOR_FORCE", "1");
        }
        command.output().unwrap().stderr
    };
    assert!(!stderr(false).contains(&0x1b));
    assert!(stderr(true).contains(&0x1b));
}

/// Hunts the bugs that are easiest to find, and tells what programs read of it.
fn hunt(arguments: &[&str]) -> serde_json::Value {
    let common = ["bugs", "votes_twice", "vote_not_persisted", "--hunts", "2", "--format", "json"];
    let output = in_empty_dir(&[&common[..], arguments].concat());
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn planted_bugs_are_hunted_and_the_threads_change_nothing_but_the_time() {
    let [mut one, mut two] = ["1", "2"].map(|jobs| hunt(&["--seeds", "0..50", "--jobs", jobs]));
    assert_eq!((&one["type"], &one["bases"]), (&"bugs".into(), &serde_json::json!([0, 50])));
    for hunted in [&mut one, &mut two] {
        for bug in hunted["bugs"].as_array_mut().unwrap() {
            let seconds = bug.as_object_mut().unwrap().remove("cpu_seconds");
            assert!(seconds.unwrap()["median"].is_f64());
            assert_eq!(bug["verdict"], "found", "{bug}");
            assert_eq!(bug["found_by"][0], bug["caught_by"][0], "{bug}");
        }
    }
    assert_eq!(one, two);
}

/// How small the run becomes that found a bug is told beside it, and summed up.
#[test]
fn what_finds_a_bug_can_be_shrunk() {
    let hunted = hunt(&["--seeds", "0..50", "--shrink"]);
    let sums = &hunted["shrunk"];
    assert_eq!((&sums["bugs"], &sums["few"]), (&2.into(), &2.into()), "{sums}");
    for bug in hunted["bugs"].as_array().unwrap() {
        let shrunk = &bug["shrunk"];
        assert_eq!(shrunk["any_seed"], true, "{bug}");
        assert!(shrunk["faults"].as_u64().unwrap() + shrunk["operations"].as_u64().unwrap() <= 4, "{bug}");
    }
    let output = in_empty_dir(&["bugs", "--budget", "5s"]);
    assert_eq!(output.status.code(), Some(2), "a budget of what? {}", told(&output));
}

/// A run of the study with nothing planted is a run of the sweep.
#[test]
fn a_study_looks_with_three_sights_and_beside_nothing_planted() {
    let study = hunt(&["--seeds", "0..3", "--study"]);
    assert_eq!(study["control"]["runs"], 6);
    assert_eq!(study["control"]["failed"], 0);
    let [all, nodes, clients] = ["all", "nodes", "clients"].map(|sight| {
        let figures = study["bugs"][1]["sights"].as_array().unwrap();
        figures.iter().find(|figures| figures["sight"] == sight).unwrap()["found"].as_u64().unwrap()
    });
    assert_eq!(all, 2, "a vote that is not written down shows at once on the disk");
    assert!(nodes < all && clients < all, "and hardly anywhere else: {nodes} and {clients}");
}

#[test]
fn a_bug_that_does_not_exist_exits_with_2() {
    let output = in_empty_dir(&["bugs", "vote_twice"]);
    let expected =
        "exit 2\n--- stderr\nerror: there is no planted bug \"vote_twice\"; is it \"votes_twice\"?\n";
    assert_eq!(told(&output), expected);
    let output = in_empty_dir(&["bugs", "--seeds", "5..5"]);
    assert_eq!(output.status.code(), Some(4), "{}", told(&output));
}

/// What the swarm draws is a scenario as any other: written down, it is the same run.
#[test]
fn the_draw_of_a_seed_can_be_written_down_and_run() {
    let dir = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let output = seaworthy(dir.path()).args(arguments).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    assert_eq!(run(&["new", "drawn.json", "--swarm", "3"]).0, Some(0));
    let fingerprint = |(code, json): (Option<i32>, String)| {
        assert_eq!(code, Some(0), "{json}");
        serde_json::from_str::<serde_json::Value>(&json).unwrap()["fingerprint"].clone()
    };
    let written = fingerprint(run(&["run", "drawn.json", "--seed", "3", "--format", "json"]));
    assert_eq!(written, fingerprint(run(&["run", "swarm", "--seed", "3", "--format", "json"])));
    assert_eq!(run(&["new", "planted.json", "--swarm", "10", "--plant", "votes_twice"]).0, Some(0));
    assert_eq!(run(&["run", "planted.json", "--seed", "10"]).0, Some(1));
    assert_eq!(run(&["new", "other.json", "--swarm", "3", "--plant", "votes_thrice"]).0, Some(2));
}
