//! Where scenarios come from: a file, the binary itself, or the swarm's draw.

use super::{Batch, Seeds};
use crate::artifact::{RESULT, quoted};
use crate::scenario::{Diagnostics, Scenario, bundled, load, parse, words};
use std::borrow::Cow;
use std::path::Path;

/// The name by which the swarm is asked for.
pub const SWARM: &str = "swarm";

/// Something that gives a scenario for each seed.
#[derive(Clone, Debug)]
pub enum Source {
    /// The same for every seed.
    Fixed {
        /// How it was asked for: a path or the name of a bundled scenario. Asking again gives it again.
        argument: String,
        /// The file that it was read from; of a bundled scenario, the one in the project's own checkout.
        file: Option<String>,
        /// The scenario.
        scenario: Box<Scenario>,
    },
    /// Drawn by the seed.
    Drawn(fn(u64) -> Scenario),
}

/// Why an argument gives no scenario.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// There is such a scenario, but it is not valid.
    #[error(transparent)]
    Invalid(#[from] Diagnostics),
    /// No file and no bundled scenario has this name.
    #[error("there is no file and no bundled scenario {argument:?}{}", near_miss(near.as_deref()))]
    Unknown {
        /// What was asked for.
        argument: String,
        /// The bundled scenario whose name is most like it, if any is.
        near: Option<String>,
    },
    /// It is a folder, of files or of bundled scenarios.
    #[error("{argument:?} is a folder, not a scenario: {right}")]
    Folder {
        /// What was asked for.
        argument: String,
        /// What would be right.
        right: String,
    },
    /// Several bundled scenarios in different folders have this name.
    #[error("{argument:?} may be any of {}: say which", .candidates.join(", "))]
    Ambiguous {
        /// What was asked for.
        argument: String,
        /// What it may be.
        candidates: Vec<String>,
    },
}

fn near_miss(near: Option<&str>) -> String {
    near.map_or_else(String::new, |near| format!("; is it {near:?}?"))
}

impl Source {
    /// The swarm of this crate.
    pub const SWARM: Self = Self::Drawn(crate::swarm::draw);

    /// What `argument` names: the swarm, a file, or a bundled scenario by its path or name, with or without
    /// `scenarios/` before and `.json` after it.
    pub fn find(argument: &str) -> Result<Self, SourceError> {
        if argument == SWARM {
            return Ok(Self::SWARM);
        }
        let path = Path::new(argument);
        if path.exists() && !path.is_dir() {
            return Ok(Self::read(argument, argument.to_owned(), load(path)?));
        }
        Self::bundled(argument)
    }

    /// The bundled scenario that `argument` names.
    pub fn bundled(argument: &str) -> Result<Self, SourceError> {
        let wanted = bare(argument);
        let names = || bundled().iter().map(|entry| (bare(entry.path), entry));
        let mut found: Vec<_> = names().filter(|(name, _)| *name == wanted).collect();
        if found.is_empty() {
            found = names().filter(|(name, _)| stem(name) == wanted).collect();
        }
        match found.as_slice() {
            [(name, entry)] => {
                Ok(Self::read(name, format!("scenarios/{}", entry.path), parse(entry.path, entry.text)?))
            }
            [] => {
                if let Some(right) = folder(argument) {
                    return Err(SourceError::Folder { argument: argument.to_owned(), right });
                }
                let near = nearest(wanted, names().map(|(name, _)| name));
                Err(SourceError::Unknown { argument: argument.to_owned(), near })
            }
            several => {
                let candidates = several.iter().map(|(name, _)| (*name).to_owned()).collect();
                Err(SourceError::Ambiguous { argument: argument.to_owned(), candidates })
            }
        }
    }

    /// A scenario that was asked for as `argument`.
    pub fn fixed(argument: &str, scenario: Scenario) -> Self {
        Self::Fixed { argument: argument.to_owned(), file: None, scenario: Box::new(scenario) }
    }

    fn read(argument: &str, file: String, scenario: Scenario) -> Self {
        Self::Fixed { argument: argument.to_owned(), file: Some(file), scenario: Box::new(scenario) }
    }

    /// What the reader knows it by.
    pub fn name(&self) -> &str {
        match self {
            Self::Fixed { scenario, .. } => &scenario.name,
            Self::Drawn(_) => SWARM,
        }
    }

    /// What to ask for to get it again.
    pub fn argument(&self) -> &str {
        match self {
            Self::Fixed { argument, .. } => argument,
            Self::Drawn(_) => SWARM,
        }
    }

    /// The file that holds it, if one does.
    pub fn file(&self) -> Option<&str> {
        match self {
            Self::Fixed { file, .. } => file.as_deref(),
            Self::Drawn(_) => None,
        }
    }

    /// The scenario for `seed`.
    pub fn scenario(&self, seed: u64) -> Cow<'_, Scenario> {
        match self {
            Self::Fixed { scenario, .. } => Cow::Borrowed(scenario),
            Self::Drawn(draw) => Cow::Owned(draw(seed)),
        }
    }
}

/// Every bundled scenario over `seeds`.
pub fn bundled_batches(seeds: Seeds) -> Result<Vec<Batch>, SourceError> {
    let batch = |name| Ok(Batch { source: Source::bundled(name)?, seeds });
    bundled().iter().map(|entry| batch(entry.path)).collect()
}

/// What to ask for instead, if `argument` is a folder on the disk or among the bundled scenarios.
fn folder(argument: &str) -> Option<String> {
    let argument = argument.trim_end_matches('/');
    let path = Path::new(argument);
    if path.join(RESULT).is_file() {
        return Some(format!("it keeps a failure: seaworthy replay {}", quoted(argument)));
    }
    if path.is_dir() {
        let name = |entry: std::io::Result<std::fs::DirEntry>| entry.ok()?.file_name().into_string().ok();
        let files = path.read_dir().into_iter().flatten().filter_map(name);
        let first = files.filter(|name| name.ends_with(".json")).min();
        return Some(first.map_or_else(
            || "name a file; there is none in it whose name ends in .json".to_owned(),
            |first| format!("name files in it, as in {}", quoted(&path.join(first).to_string_lossy())),
        ));
    }
    let first = bundled().iter().find(|entry| entry.topic() == bare(argument))?;
    Some(format!("name scenarios in it, as in {}", bare(first.path)))
}

/// `elections/first-election` for `scenarios/elections/first-election.json`.
fn bare(path: &str) -> &str {
    let path = path.strip_prefix("./").unwrap_or(path);
    let path = path.strip_prefix("scenarios/").unwrap_or(path);
    path.strip_suffix(".json").unwrap_or(path)
}

fn stem(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// The name that is most like what was asked for, by its last part, if one is at all like it.
fn nearest<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Option<String> {
    let names: Vec<&str> = names.collect();
    let near = words::nearest(stem(wanted), names.iter().map(|name| stem(name)))?;
    names.into_iter().find(|name| stem(name) == near).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundled_scenario_is_found_by_its_path_its_name_and_its_file() {
        for entry in bundled() {
            let name = bare(entry.path);
            for argument in [entry.path, name, &format!("scenarios/{name}.json")] {
                let source = Source::bundled(argument).unwrap();
                assert_eq!(source.argument(), name);
                assert_eq!(source.file(), Some(format!("scenarios/{}", entry.path).as_str()));
            }
        }
    }

    #[test]
    fn a_misspelt_name_is_answered_with_the_nearest() {
        let names = ["elections/first-election", "partitions/minority"];
        assert_eq!(nearest("frist-election", names.into_iter()).as_deref(), Some(names[0]));
        assert_eq!(nearest("partition/minorty", names.into_iter()).as_deref(), Some(names[1]));
        assert_eq!(nearest("clock-jump", names.into_iter()), None);
        let error = Source::find("no/such-thing-at-all").unwrap_err().to_string();
        assert_eq!(error, "there is no file and no bundled scenario \"no/such-thing-at-all\"");
    }

    #[test]
    fn the_swarm_is_asked_for_by_its_name() {
        assert_eq!(Source::find("swarm").unwrap().argument(), "swarm");
    }
}
