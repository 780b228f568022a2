//! Reading an artifact back, whatever became of its files in the meantime.

use super::{
    ArtifactError, HISTORY, HistoryRecord, Lines, RESULT, ResultRecord, SCENARIO, TRACE, TraceRecord, at,
};
use crate::report::{SCHEMA_VERSION, VERSION};
use crate::scenario::{Scenario, load};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Longer than any result.
const RESULT_MAX: u64 = 1 << 20;

/// A run that was kept.
#[derive(Clone, Debug)]
pub struct Artifact {
    /// Where it lies.
    pub dir: PathBuf,
    /// What was run.
    pub scenario: Scenario,
    /// What it came to.
    pub result: ResultRecord,
}

/// Whether there is an artifact at `path`: the directory, or the scenario in it.
pub fn is_artifact(path: &Path) -> Option<PathBuf> {
    let dir = if path.is_dir() {
        path
    } else if path.file_name()? == SCENARIO {
        path.parent()?
    } else {
        return None;
    };
    let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
    (path.is_dir() || dir.join(RESULT).is_file()).then(|| dir.to_owned())
}

/// Reads the scenario and the result of the artifact in `dir`. Trace and history are read when asked for.
pub fn read(dir: &Path) -> Result<Artifact, ArtifactError> {
    let path = dir.join(RESULT);
    let bytes = bounded(&path)?;
    let malformed = |error: serde_json::Error| ArtifactError::Malformed {
        path: path.clone(),
        line: error.line() as u64,
        reason: error.to_string(),
    };
    let Schema { schema_version } = serde_json::from_slice(&bytes).map_err(malformed)?;
    if schema_version != SCHEMA_VERSION {
        let reason =
            format!("schema_version is {schema_version}; seaworthy {VERSION} reads {SCHEMA_VERSION}");
        return Err(ArtifactError::Malformed { path, line: 1, reason });
    }
    let result = serde_json::from_slice(&bytes).map_err(malformed)?;
    let scenario = load(&dir.join(SCENARIO))?;
    Ok(Artifact { dir: dir.to_owned(), scenario, result })
}

/// What is looked at before anything else: the other fields depend on it.
#[derive(serde::Deserialize)]
struct Schema {
    schema_version: u32,
}

fn bounded(path: &Path) -> Result<Vec<u8>, ArtifactError> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(at(path))?;
    file.take(RESULT_MAX + 1).read_to_end(&mut bytes).map_err(at(path))?;
    if bytes.len() as u64 > RESULT_MAX {
        return Err(ArtifactError::TooBig { path: path.to_owned(), limit: RESULT_MAX });
    }
    Ok(bytes)
}

impl Artifact {
    /// What the reader should know before trusting a comparison: that another version made the run.
    pub fn warning(&self) -> Option<String> {
        let version = &self.result.version;
        (version != VERSION).then(|| {
            format!(
                "seaworthy {version} made this artifact and this is seaworthy {VERSION}: \
                 the same seed may be another run"
            )
        })
    }

    /// The trace's records, as a stream; none if the artifact has no trace any more.
    pub fn trace(&self) -> Result<Option<Lines<TraceRecord>>, ArtifactError> {
        let path = self.dir.join(TRACE);
        if path.exists() { Lines::compressed(&path).map(Some) } else { Ok(None) }
    }

    /// The history's records, as a stream.
    pub fn history(&self) -> Result<Lines<HistoryRecord>, ArtifactError> {
        Lines::plain(&self.dir.join(HISTORY))
    }
}
