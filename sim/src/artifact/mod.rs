//! A failing run on disk: all that it takes to see it again, in `OUT/<fingerprint>/`.
//!
//! | file | holds |
//! |---|---|
//! | `scenario.json` | the scenario, expanded and complete |
//! | `result.json` | seed, version, verdict, violation, fingerprint and figures |
//! | `history.jsonl` | what the clients saw, one event a line |
//! | `trace.jsonl.zst` | the trace, one record a line |
//! | `repro.txt` | the story's end, and the commands, for people |
//!
//! The directory appears at once or not at all. Its contents are a function of (binary, scenario, seed).

mod compare;
mod lines;
mod read;
mod record;

pub use compare::{Comparison, Difference, Likeness, compare, traces_part};
pub use lines::Lines;
pub use read::{Artifact, is_artifact, read};
pub use record::{HistoryKind, HistoryRecord, ResultRecord, TraceRecord};

use crate::report::{Fingerprint, RunRecord, VERSION, headline, identity};
use crate::run::{Recording, RunReport};
use crate::scenario::{Diagnostics, Scenario};
use crate::story::telling;
use serde::Serialize;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Where artifacts go if nobody says otherwise.
pub const DEFAULT_OUT: &str = "seaworthy.out";

const SCENARIO: &str = "scenario.json";
pub(crate) const RESULT: &str = "result.json";
const HISTORY: &str = "history.jsonl";
const TRACE: &str = "trace.jsonl.zst";
const REPRO: &str = "repro.txt";

/// Fast, and a fifteenth of the text.
const COMPRESSION_LEVEL: i32 = 3;

/// Why a run could not be written down, or read back.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// The file system said no.
    #[error("{}: {source}", .path.display())]
    Io {
        /// Which file or directory.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// A file is not what this program writes.
    #[error("{}, line {line}: {reason}", .path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// A file is bigger than any that this program writes.
    #[error("{} is too big: more than {limit} bytes", .path.display())]
    TooBig {
        /// Which file.
        path: PathBuf,
        /// What would be right.
        limit: u64,
    },
    /// The scenario in it is not valid.
    #[error(transparent)]
    Scenario(#[from] Diagnostics),
}

/// What records a run: [`crate::run::run_recorded`], or a test's stand-in for it.
pub type Recorder<'a> = &'a dyn Fn(&Scenario, u64) -> (RunReport, Recording);

/// A failing run that was run again, recorded.
#[derive(Debug)]
pub enum Capture {
    /// It was the same run.
    Same {
        /// Its trace and history.
        recording: Recording,
        /// Where it was written, or why it was not.
        artifact: Result<PathBuf, ArtifactError>,
    },
    /// It was not: the report differs from the one before.
    Differed {
        /// The report of the recorded run.
        report: Box<RunReport>,
        /// Its trace and history.
        recording: Recording,
    },
}

/// Runs a failing run again, recorded, and keeps it below `out`.
pub fn capture(out: &Path, scenario: &Scenario, report: &RunReport, recorder: Recorder<'_>) -> Capture {
    let (again, recording) = recorder(scenario, report.seed);
    if again != *report {
        return Capture::Differed { report: Box::new(again), recording };
    }
    let artifact = write(out, scenario, report, &recording);
    Capture::Same { recording, artifact }
}

/// Writes a run to `out/<fingerprint>/` and returns that path. An older artifact of the same run is replaced.
pub fn write(
    out: &Path,
    scenario: &Scenario,
    report: &RunReport,
    recording: &Recording,
) -> Result<PathBuf, ArtifactError> {
    let target = out.join(Fingerprint(report.fingerprint).to_string());
    fs::create_dir_all(out).map_err(at(out))?;
    let staging = tempfile::Builder::new().prefix(".unfinished-").tempdir_in(out).map_err(at(out))?;
    let fresh = staging.path().join("new");
    fs::create_dir(&fresh).map_err(at(&fresh))?;
    write_files(&fresh, &target, scenario, report, recording)?;
    // A directory cannot be renamed over another that is not empty. The staging directory, and the old
    // artifact with it, is removed when it goes out of scope.
    match fs::rename(&target, staging.path().join("old")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(at(&target)(error)),
        _ => {}
    }
    fs::rename(&fresh, &target).map_err(at(&target))?;
    Ok(target)
}

fn write_files(
    dir: &Path,
    target: &Path,
    scenario: &Scenario,
    report: &RunReport,
    recording: &Recording,
) -> Result<(), ArtifactError> {
    let result = ResultRecord { version: VERSION.to_owned(), run: RunRecord::new(report, None) };
    let result = serde_json::to_string_pretty(&result).expect("a record has no keys but strings");
    let write_text = |name: &str, text: &str| {
        let path = dir.join(name);
        to_file(&path, |file| writeln!(file, "{}", text.trim_end())).map_err(at(&path))
    };
    write_text(SCENARIO, &scenario.to_json())?;
    write_text(RESULT, &result)?;
    write_text(REPRO, &repro(target, report, recording))?;

    let history = dir.join(HISTORY);
    let records = HistoryRecord::all(&recording.history);
    to_file(&history, |file| write_lines(file, records)).map_err(at(&history))?;

    let trace = dir.join(TRACE);
    let records = recording.trace.iter().map(TraceRecord::from);
    to_file(&trace, |file| {
        let mut encoder = zstd::Encoder::new(file, COMPRESSION_LEVEL)?;
        encoder.include_checksum(true)?;
        write_lines(&mut encoder, records)?;
        encoder.finish().map(drop)
    })
    .map_err(at(&trace))
}

fn write_lines(file: &mut dyn Write, records: impl Iterator<Item = impl Serialize>) -> io::Result<()> {
    for record in records {
        serde_json::to_writer(&mut *file, &record)?;
        file.write_all(b"\n")?;
    }
    Ok(())
}

/// Creates a file, and is done only when the disk has it.
fn to_file(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    fill(&mut file)?;
    file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
}

/// What went wrong, and with which file.
fn at(path: &Path) -> impl FnOnce(io::Error) -> ArtifactError {
    let path = path.to_owned();
    |source| ArtifactError::Io { path, source }
}

/// What a person needs: the story's end, and the commands.
fn repro(target: &Path, report: &RunReport, recording: &Recording) -> String {
    let (word, rest) = headline(report);
    let mut lines = vec![format!("{word} {rest}"), identity(report), String::new()];
    lines.extend(telling(report, recording));
    lines.push(String::new());
    lines.extend(commands(target, report).into_iter().map(|(what, command)| format!("{what:8} {command}")));
    lines.join("\n")
}

/// What can be done about a failure that was kept: a word for it, and the literal command.
pub fn commands(artifact: &Path, report: &RunReport) -> Vec<(&'static str, String)> {
    let scenario = quoted(&artifact.join(SCENARIO).to_string_lossy());
    let kept = quoted(&format!("scenarios/regressions/{}.json", report.scenario));
    let artifact = quoted(&artifact.to_string_lossy());
    let shrink = report.violation.is_some().then(|| ("Shrink:", format!("seaworthy shrink {artifact}")));
    let others = [
        ("View:", format!("seaworthy replay {artifact} --html run.html")),
        ("Keep:", format!("cp {scenario} {kept}  # fails with seed {}", report.seed)),
    ];
    [("Replay:", format!("seaworthy replay {artifact}"))].into_iter().chain(shrink).chain(others).collect()
}

/// `text` as one word of a shell's command line.
pub fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./@:+=,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests;
