//! The rules of the house that a machine can check. A rule that nothing checks is a wish.

use seaworthy_tests::{files, root};
use std::path::{Path, PathBuf};

/// The sources of the house, with their text.
fn sources(folders: &[&str]) -> Vec<(PathBuf, String)> {
    let paths = folders.iter().flat_map(|folder| files(&root().join(folder), ".rs"));
    paths.map(|path| (path.clone(), std::fs::read_to_string(path).expect("sources are text"))).collect()
}

/// The part of a file above its tests; nothing of a file that is all tests.
fn code(text: &str) -> &str {
    if text.contains("#[test]") && !text.contains("#[cfg(test)]") {
        return "";
    }
    text.split("#[cfg(test)]\nmod tests {").next().unwrap_or(text)
}

fn relative(path: &Path) -> String {
    path.strip_prefix(root()).expect("sources lie in the checkout").display().to_string()
}

#[test]
fn a_file_is_one_idea() {
    const MOST_LINES: usize = 500;
    let long: Vec<String> = sources(&["core/src", "sim/src", "node/src"])
        .iter()
        // What only tests share is all tests.
        .filter(|(path, _)| !relative(path).contains("/tests/"))
        .map(|(path, text)| (relative(path), code(text).lines().count()))
        .filter(|(_, lines)| *lines > MOST_LINES)
        .map(|(path, lines)| format!("{path}: {lines} lines above its tests"))
        .collect();
    assert!(long.is_empty(), "past {MOST_LINES} lines a file is two ideas:\n{}", long.join("\n"));
}

#[test]
fn a_function_fits_a_screen() {
    const MOST_LINES: usize = 80;
    let mut long = Vec::new();
    for (path, text) in sources(&["core/src", "sim/src", "node/src"]) {
        let mut start = None;
        for (number, line) in code(&text).lines().enumerate() {
            let indent = line.len() - line.trim_start().len();
            let head = line.trim_start();
            let is_fn = ["fn ", "pub fn ", "pub(super) fn ", "pub(crate) fn ", "const fn ", "pub const fn "];
            if is_fn.iter().any(|start| head.starts_with(start)) && !line.ends_with(';') {
                start = Some((number, indent));
            }
            if let Some((first, depth)) = start
                && head == "}"
                && indent == depth
            {
                if number - first > MOST_LINES {
                    long.push(format!("{}:{}: {} lines", relative(&path), first + 1, number - first));
                }
                start = None;
            }
        }
    }
    assert!(long.is_empty(), "a function past {MOST_LINES} lines is two functions:\n{}", long.join("\n"));
}

#[test]
fn core_and_simulator_leave_no_door_open_to_luck() {
    // Clippy bans the types and functions (clippy.toml); these it cannot see.
    const LEAKS: [&str; 6] = ["{:p}", ":p}", "as_ptr() as usize", "addr()", "thread_local!", "type_name"];
    let excused = [
        // The planted leak, which the determinism suite must find.
        "core/src/node/replication.rs: as_ptr() as usize",
        // A run's panic is caught on the thread where it happens.
        "sim/src/sweep/caught.rs: thread_local!",
    ];
    let mut found = Vec::new();
    for (path, text) in sources(&["core/src", "sim/src"]) {
        for leak in LEAKS {
            let place = format!("{}: {leak}", relative(&path));
            if code(&text).contains(leak) && !excused.contains(&place.as_str()) {
                found.push(place);
            }
        }
    }
    assert!(found.is_empty(), "luck may leak in here:\n{}", found.join("\n"));
}

#[test]
fn a_checker_sees_facts_alone() {
    const FORBIDDEN: [&str; 7] = [
        "crate::world",
        "crate::host",
        "crate::replica",
        "crate::seaworthy",
        "crate::disk",
        "crate::network",
        "seaworthy_core::node",
    ];
    let mut found = Vec::new();
    for (path, text) in sources(&["sim/src/check", "sim/src/linearizability"]) {
        for name in FORBIDDEN {
            let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            if lines.into_iter().any(|line| line.contains(name)) {
                found.push(format!("{} names {name}", relative(&path)));
            }
        }
    }
    assert!(found.is_empty(), "a checker that looks into a node proves nothing:\n{}", found.join("\n"));
}

#[test]
fn core_knows_nothing_of_ours() {
    for (path, text) in sources(&["core/src"]) {
        assert!(!text.contains("seaworthy_sim"), "{} points the wrong way", relative(&path));
        // Examples in the documentation are programs of their own.
        let mut lines = code(&text).lines().filter(|line| !line.trim_start().starts_with("//"));
        assert!(!lines.any(|line| line.contains("std::")), "{}: core is no_std", relative(&path));
    }
}

#[test]
fn nothing_is_left_undone() {
    // Written apart, so that this file does not find itself.
    let marks =
        [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("unimpl", "emented!"), concat!("#[ig", "nore")];
    let mut found = Vec::new();
    for (path, text) in sources(&["core", "sim", "node", "tests", "fuzz/fuzz_targets"]) {
        for mark in marks {
            if text.contains(mark) {
                found.push(format!("{}: {mark}", relative(&path)));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}
