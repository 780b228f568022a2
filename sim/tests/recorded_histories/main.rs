//! The checker against histories of real systems whose verdicts are known.
//!
//! The histories come from Porcupine's and Knossos' test data and are not part of this repository: the tests look for
//! them in `shared/data/histories` beside its folder, and pass without a word on correctness where there is none.

mod edn;
mod etcd_log;
mod knossos;
mod porcupine_kv;
mod recording;

use recording::{Recording, Verdict};
use std::fs;
use std::path::{Path, PathBuf};

/// The folder of recorded histories, if there is one here.
fn histories() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/histories");
    if !folder.is_dir() {
        println!("no recorded histories at {}: nothing is checked", folder.display());
        return None;
    }
    Some(folder)
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The files of a folder, in order of name.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("a readable folder").path()).collect();
    files.sort();
    files
}

/// What came of a collection of histories.
#[derive(Default)]
struct Tally {
    checked: usize,
    refused: usize,
    wrong: Vec<String>,
    undecided: Vec<String>,
}

impl Tally {
    fn add(&mut self, file: &Path, linearizable: bool, recording: &Recording) {
        self.checked += 1;
        match recording.check() {
            Verdict::Linearizable if linearizable => {}
            Verdict::Violation if !linearizable => self.refused += 1,
            Verdict::Undecided => self.undecided.push(file.display().to_string()),
            wrong => self.wrong.push(format!("{}: {wrong:?}", file.display())),
        }
    }

    /// Demands that no verdict is wrong and none is missing.
    fn settle(&self, name: &str) {
        println!("{name}: {} histories, {} of them not linearizable", self.checked, self.refused);
        assert!(self.checked > 0, "{name}: no histories");
        assert!(self.wrong.is_empty(), "{name}: wrong: {:#?}", self.wrong);
        assert!(self.undecided.is_empty(), "{name}: undecided: {:#?}", self.undecided);
    }
}

/// `VERDICTS.csv` of Porcupine's test data: a file and whether it is linearizable, a line each.
fn porcupine(part: &str, reader: fn(&str) -> Recording) {
    let Some(folder) = histories().map(|folder| folder.join("porcupine")) else { return };
    let mut tally = Tally::default();
    for line in read(&folder.join("VERDICTS.csv")).lines().filter(|line| line.starts_with(part)) {
        let (file, linearizable) = line.split_once(',').expect("a file and its verdict");
        let path = folder.join(file);
        tally.add(&path, linearizable == "true", &reader(&read(&path)));
    }
    tally.settle(part);
}

#[test]
fn verdicts_on_etcd_registers_are_those_of_porcupine() {
    porcupine("jepsen/", etcd_log::recording);
}

#[test]
fn verdicts_on_stores_with_appends_are_those_of_porcupine() {
    porcupine("kv/", porcupine_kv::recording);
}

#[test]
fn verdicts_on_registers_and_a_mutex_are_those_of_knossos() {
    let Some(folder) = histories().map(|folder| folder.join("knossos")) else { return };
    let mut tally = Tally::default();
    for (part, linearizable) in
        [("cas-register/good", true), ("cas-register/bad", false), ("mutex/bad", false)]
    {
        for path in files(&folder.join(part)) {
            tally.add(&path, linearizable, &knossos::recording(&read(&path)));
        }
    }
    tally.settle("knossos");
}
