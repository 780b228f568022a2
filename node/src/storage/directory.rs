//! A directory that belongs to one server: private, locked, and under its own name.

use super::StorageError;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The name of the file that is locked for as long as the directory is open.
const LOCK: &str = "LOCK";

/// An open directory. No other process has it open in the meantime.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    handle: File,
    /// Locked until it is closed.
    _lock: File,
}

impl Directory {
    /// Makes the directory, if need be, and opens it.
    pub(super) fn create(path: &Path) -> Result<Self, StorageError> {
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700).create(path).map_err(StorageError::io("create", path))?;
        let directory = Self::open(path)?;
        // Its own name must outlive a crash as well.
        if let Some(parent) = directory.path.parent() {
            let synced = File::open(parent).and_then(|parent| parent.sync_all());
            synced.map_err(StorageError::io("sync", parent))?;
        }
        Ok(directory)
    }

    /// Opens a directory that is there.
    pub(super) fn open(path: &Path) -> Result<Self, StorageError> {
        let metadata = match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(StorageError::Vacant(path.to_owned()));
            }
            metadata => metadata.map_err(StorageError::io("open", path))?,
        };
        if !metadata.is_dir() {
            return Err(StorageError::NoDirectory(path.to_owned()));
        }
        if metadata.permissions().mode() & 0o022 != 0 {
            return Err(StorageError::Exposed(path.to_owned()));
        }
        // Whatever becomes of the working directory, it stays this one.
        let path = fs::canonicalize(path).map_err(StorageError::io("open", path))?;
        let lock = path.join(LOCK);
        let opened = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&lock);
        let opened = opened.map_err(StorageError::io("open", &lock))?;
        match opened.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StorageError::InUse(path)),
            Err(TryLockError::Error(error)) => return Err(StorageError::io("lock", &lock)(error)),
        }
        let handle = File::open(&path).map_err(StorageError::io("open", &path))?;
        Ok(Self { path, handle, _lock: opened })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The path of a file of this name.
    pub(super) fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// A new file that nobody else can read. One of this name that is there goes; if it is a link, the link goes.
    pub(super) fn create_file(&self, name: &str) -> Result<File, StorageError> {
        let path = self.join(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(StorageError::io("replace", &path)(error));
            }
            _ => {}
        }
        let created = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&path);
        created.map_err(StorageError::io("create", &path))
    }

    pub(super) fn rename(&self, from: &str, to: &str) -> Result<(), StorageError> {
        let (from, to) = (self.join(from), self.join(to));
        fs::rename(&from, &to).map_err(StorageError::io("rename", &from))
    }

    pub(super) fn delete(&self, name: &str) -> Result<(), StorageError> {
        let path = self.join(name);
        fs::remove_file(&path).map_err(StorageError::io("delete", &path))
    }

    /// Makes durable which files there are under which names.
    pub(super) fn sync(&self) -> Result<(), StorageError> {
        self.handle.sync_all().map_err(StorageError::io("sync", &self.path))
    }

    /// The names of files that are `wanted`.
    pub(super) fn names(&self, wanted: impl Fn(&str) -> bool) -> Result<Vec<String>, StorageError> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(StorageError::io("list", &self.path))? {
            let entry = entry.map_err(StorageError::io("list", &self.path))?;
            names.extend(entry.file_name().into_string().ok().filter(|name| wanted(name)));
        }
        Ok(names)
    }

    /// The files of which `wanted` knows the name, with their contents.
    pub(super) fn read(&self, wanted: impl Fn(&str) -> bool) -> Result<Vec<(String, Vec<u8>)>, StorageError> {
        let read = |name: String| {
            let path = self.join(&name);
            Ok((name, fs::read(&path).map_err(StorageError::io("read", &path))?))
        };
        self.names(wanted)?.into_iter().map(read).collect()
    }
}
