//! Directories that last as long as the process that made them, however that one ends.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use tempfile::TempDir;

/// How their names begin, and nobody else's.
const PREFIX: &str = "seaworthy-node-";

/// A temporary directory, which goes when this is dropped. A process that is killed leaves it behind: then it goes when
/// the next one is made in the same place.
///
/// It is locked for as long as the process lives, and the lock ends with that one. What is locked is left alone.
#[derive(Debug)]
pub struct Scratch {
    directory: TempDir,
    _lock: File,
}

impl Scratch {
    /// A new one in `place`.
    ///
    /// # Errors
    /// If it cannot be made there, or locked.
    pub fn new(place: &Path) -> io::Result<Self> {
        loop {
            let directory = tempfile::Builder::new().prefix(PREFIX).tempdir_in(place)?;
            let lock = File::open(directory.path())?;
            lock.lock()?;
            // Until it was locked, another process could take it for one that was left behind.
            if directory.path().exists() {
                tidy(place, lock.metadata()?.uid());
                return Ok(Self { directory, _lock: lock });
            }
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }
}

/// Takes away what processes of the user `owner` that have ended left in `place`. What cannot be taken away stays.
fn tidy(place: &Path, owner: u32) {
    let Ok(entries) = fs::read_dir(place) else { return };
    for entry in entries.flatten() {
        let named = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        let owned = |metadata: fs::Metadata| metadata.is_dir() && metadata.uid() == owner;
        if named
            && entry.metadata().is_ok_and(owned)
            && let Ok(lock) = File::open(entry.path())
            && lock.try_lock().is_ok()
        {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_dead_left_behind_goes_and_nothing_else() {
        let place = tempfile::tempdir().expect("there is room");
        let path = |name: &str| place.path().join(name);
        let living = Scratch::new(place.path()).expect("there is room");
        let dead = path(&format!("{PREFIX}dead"));
        fs::create_dir_all(dead.join("1")).expect("there is room");
        fs::write(dead.join("1").join("log"), "an entry").expect("there is room");
        let (strange, file) = (path("strange"), path(&format!("{PREFIX}file")));
        fs::create_dir(&strange).expect("there is room");
        fs::write(&file, "").expect("there is room");
        let link = path(&format!("{PREFIX}link"));
        std::os::unix::fs::symlink(&strange, &link).expect("there is room");

        let newer = Scratch::new(place.path()).expect("there is room");
        assert!(!dead.exists(), "nobody has it locked");
        for stays in [living.path(), newer.path(), &strange, &file, &link] {
            assert!(stays.exists(), "{}", stays.display());
        }
        let gone = newer.path().to_owned();
        drop(newer);
        assert!(!gone.exists());
    }
}
