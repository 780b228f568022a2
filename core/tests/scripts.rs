//! Golden scripts: the protocol, played by hand, one claim a file.
//!
//! A script in `tests/scripts/*.txt` begins with a comment that states its claim. Then come blocks, separated by
//! empty lines: commands, `---`, and what they led to, compared exactly. `runner.rs` lists the commands, and
//! `cluster/notation.rs` the words of the output.
//!
//! `UPDATE_SCRIPTS=1 cargo test -p seaworthy-core --test scripts` writes what happens into the scripts. Read what
//! it wrote: a golden file states what Raft demands, not what the code happens to do.

#[path = "scripts/arguments.rs"]
mod arguments;
mod cluster;
#[path = "scripts/runner.rs"]
mod runner;

use std::fs;
use std::path::{Path, PathBuf};

fn scripts() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    let files = fs::read_dir(folder).expect("the scripts are beside this file");
    let mut scripts: Vec<_> = files.map(|file| file.expect("a folder can be listed").path()).collect();
    scripts.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
    scripts.sort();
    scripts
}

#[test]
fn every_script_states_its_claim_and_plays_as_it_is_written() {
    let update = std::env::var_os("UPDATE_SCRIPTS").is_some();
    let mut wrong = Vec::new();
    for path in scripts() {
        let name = path.file_name().expect("a script has a name").to_string_lossy().into_owned();
        let script = fs::read_to_string(&path).expect("a script is text");
        let claim = script.lines().next().unwrap_or_default();
        assert!(
            claim.starts_with("# ") && claim.ends_with('.'),
            "{name} begins with `{claim}`, not with a claim"
        );
        let played = runner::play(&name, &script);
        if played == script {
            continue;
        }
        if update {
            fs::write(&path, played).expect("the script can be rewritten");
        } else {
            wrong.push(format!("{name}:{}", first_difference(&script, &played)));
        }
    }
    let hint = "UPDATE_SCRIPTS=1 cargo test -p seaworthy-core --test scripts, then read the change";
    assert!(wrong.is_empty(), "{}\nto accept what happens now: {hint}", wrong.join("\n"));
}

fn first_difference(script: &str, played: &str) -> String {
    let mut expected = script.lines();
    let mut happened = played.lines();
    for number in 1.. {
        match (expected.next(), happened.next()) {
            (None, None) => break,
            (one, other) if one == other => {}
            (one, other) => {
                let line = |line: Option<&str>| line.unwrap_or("(the end)").to_string();
                return format!("{number}:\n  expected: {}\n  happened: {}", line(one), line(other));
            }
        }
    }
    "they differ in their last line break".to_string()
}
