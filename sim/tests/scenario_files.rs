//! The bundled scenarios, the schema and the index belong together.
//!
//! `UPDATE_INDEX=1 cargo test -p seaworthy-sim --test scenario_files` writes the index and the schema anew.

use seaworthy_sim::scenario::{bundled, index, load, parse, schema, template};
use std::fs;
use std::path::{Path, PathBuf};

/// The folder `scenarios` of the repository.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the workspace").join("scenarios")
}

/// The file holds what the program says that it should.
fn assert_current(file: &str, expected: &str) {
    let path = folder().join(file);
    #[allow(
        clippy::disallowed_methods,
        reason = "the environment asks for an update, and decides no outcome"
    )]
    if std::env::var("UPDATE_INDEX").is_ok() {
        fs::write(&path, expected).expect("the folder can be written");
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == expected,
        "scenarios/{file} is not current; this writes it anew:\n\
         UPDATE_INDEX=1 cargo test -p seaworthy-sim --test scenario_files"
    );
}

#[test]
fn the_index_lists_exactly_the_bundled_scenarios() {
    assert_current("README.md", &index());
}

#[test]
fn the_schema_is_that_of_the_types() {
    assert_current("scenario.schema.json", &schema());
}

#[test]
fn every_bundled_scenario_is_valid_and_named_after_its_file() {
    for bundled in bundled() {
        let scenario = parse(bundled.path, bundled.text).unwrap_or_else(|problems| panic!("{problems}"));
        assert_eq!(scenario.name, bundled.stem(), "{}: `name` is that of the file", bundled.path);
        let up = "../".repeat(bundled.path.matches('/').count());
        let schema = format!("{up}scenario.schema.json");
        assert_eq!(
            scenario.schema.as_deref(),
            Some(&*schema),
            "{}: `$schema` leads to the schema",
            bundled.path
        );
    }
}

/// What is left out is what would be there anyway.
#[test]
fn a_scenario_without_what_is_usual_reads_back_as_it_was() {
    for bundled in bundled() {
        let scenario = parse(bundled.path, bundled.text).unwrap();
        let short = scenario.to_short_json();
        assert_eq!(parse("short.json", &short).unwrap(), scenario, "{}", bundled.path);
        assert!(short.len() < scenario.to_json().len(), "{}", bundled.path);
        assert!(!short.contains("trailing_entries") || bundled.text.contains("trailing_entries"), "{short}");
    }
}

#[test]
fn the_bundle_is_in_order_of_path_and_no_name_comes_twice() {
    assert!(bundled().is_sorted_by_key(|bundled| bundled.path));
    let mut names: Vec<&str> = bundled().iter().map(|bundled| bundled.stem()).collect();
    names.sort();
    assert!(names.is_sorted_by(|left, right| left < right), "{names:?}");
}

#[test]
fn the_bundle_is_what_lies_in_the_folder() {
    for bundled in bundled() {
        let text =
            fs::read_to_string(folder().join(bundled.path)).expect("a bundled file lies in the folder");
        assert_eq!(text, bundled.text, "{}", bundled.path);
    }
}

#[test]
fn the_template_is_valid_under_any_name() {
    for (given, name) in [
        ("first", "first"),
        ("deep/folder/My Scenario.json", "my-scenario"),
        ("", "scenario"),
        ("--", "scenario"),
        ("\u{1b}[31m\"", "31m"),
        (&"long".repeat(100), &"long".repeat(20)),
    ] {
        let text = template(given);
        let scenario = parse("template.json", &text).unwrap_or_else(|problems| panic!("{problems}"));
        assert_eq!(scenario.name, name);
        assert_eq!(scenario.to_json().lines().next(), text.lines().next(), "laid out alike");
    }
}

#[test]
fn what_cannot_be_read_is_refused_with_a_reason() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).expect("a temporary file");
        path
    };
    let huge = write("huge.json", b"{");
    fs::File::options()
        .write(true)
        .open(&huge)
        .and_then(|file| file.set_len(200 << 20))
        .expect("a sparse file");
    let cases = [
        ("E0001", folder.path().join("missing.json")),
        ("E0002", folder.path().to_path_buf()),
        ("E0003", huge),
        ("E0003", PathBuf::from("/dev/zero")),
        ("E0004", write("latin.json", b"{ \"name\": \"a\",\n  \"claim\": \"\xe9t\xe9\" }")),
        ("E0005", write("empty.json", b"")),
        ("E0006", write("mark.json", b"\xef\xbb\xbf{}")),
    ];
    let mut answers = String::new();
    for (code, path) in cases {
        if !path.exists() && code != "E0001" {
            continue;
        }
        let problems = load(&path).expect_err("this cannot be read");
        assert_eq!(problems.problems[0].code, code);
        if path.starts_with(folder.path()) {
            answers += &format!("{problems}\n\n").replace(&folder.path().display().to_string(), "FOLDER");
        }
    }
    insta::assert_snapshot!(answers);
}
