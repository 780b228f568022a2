//! Where a server keeps what must outlive it: a port of three functions, and its adapters.
//!
//! | adapter | for | holds |
//! |---|---|---|
//! | [`Memory`] | clusters that live in one process | nothing that outlives the process |
//! | [`Files`] | real use | the log of [`seaworthy_core::storage`], byte for byte what the simulator tests |
//! | [`Json`] | learning and debugging | one file to read, written anew each time |

mod directory;
mod files;
mod json;
mod memory;

pub use files::Files;
pub use json::Json;
pub use memory::Memory;

use directory::Directory;
use seaworthy_core::durable::Durable;
use seaworthy_core::effect::Record;
use seaworthy_core::storage::RecoveryError;
use std::io;
use std::path::{Path, PathBuf};

/// The disk of one server.
///
/// It is called from one thread, and may take its time: a server goes on stepping while its disk writes.
pub trait Storage: Send + 'static {
    /// What the disk holds. A server starts with this, and with nothing else.
    ///
    /// # Errors
    /// The disk cannot be read, or does not hold what a server has written.
    fn recover(&mut self) -> Result<Durable, StorageError>;

    /// Makes the records durable, in their order. They are when this returns; after a crash before that, any prefix
    /// of them may be.
    ///
    /// # Errors
    /// What has become of the records is unknown, and trying again would prove nothing: the server stops.
    fn persist(&mut self, batch: Vec<Record>) -> Result<(), StorageError>;

    /// There is nothing to write for now.
    ///
    /// # Errors
    /// As for [`persist`](Self::persist).
    fn rest(&mut self) -> Result<(), StorageError> {
        Ok(())
    }
}

impl Storage for Box<dyn Storage> {
    fn recover(&mut self) -> Result<Durable, StorageError> {
        self.as_mut().recover()
    }

    fn persist(&mut self, batch: Vec<Record>) -> Result<(), StorageError> {
        self.as_mut().persist(batch)
    }

    fn rest(&mut self) -> Result<(), StorageError> {
        self.as_mut().rest()
    }
}

/// What is wrong with a disk.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The operating system refuses.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was to be done.
        action: &'static str,
        /// To what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Another process has the directory.
    #[error("{} is in use by another process", .0.display())]
    InUse(PathBuf),
    /// Anybody else could change what stands there.
    #[error("{} is open to others: chmod 700 it first", .0.display())]
    Exposed(PathBuf),
    /// It is something else than a directory of its own, such as a link.
    #[error("{} is no directory", .0.display())]
    NoDirectory(PathBuf),
    /// A server has lived there already. To found it anew would make it break what it has promised.
    #[error("{} holds a server already", .0.display())]
    Occupied(PathBuf),
    /// No server has lived there.
    #[error("{} holds no server", .0.display())]
    Vacant(PathBuf),
    /// A server has lived there, whose state another adapter can read.
    #[error("{} holds a server, but in another form", .0.display())]
    OtherForm(PathBuf),
    /// The files are another server's, or another version's. They have not been touched.
    #[error("{}: {source}", path.display())]
    Foreign {
        /// The directory.
        path: PathBuf,
        /// Whose.
        source: RecoveryError,
    },
    /// The files are not what this server wrote. They have not been touched.
    #[error("{}: {source}; the server cannot be trusted with it: remove it from the cluster, and add it again under a new number with an empty directory", path.display())]
    Refused {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: RecoveryError,
    },
    /// The file is not what this server wrote. It has not been touched.
    #[error("{}: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

impl StorageError {
    fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_owned(), source }
    }
}

/// Whether a file of this name holds what a server has written, by whichever adapter.
fn is_state(name: &str) -> bool {
    files::is_state(name) || json::is_state(name)
}

/// A directory in which no server has lived.
fn found_in(path: &Path) -> Result<Directory, StorageError> {
    let directory = Directory::create(path)?;
    let occupied = !directory.names(is_state)?.is_empty();
    if occupied { Err(StorageError::Occupied(directory.path().to_owned())) } else { Ok(directory) }
}

/// Why an adapter finds nothing in a directory.
fn vacant(directory: &Directory) -> StorageError {
    let path = directory.path().to_owned();
    match directory.names(is_state) {
        Ok(names) if names.is_empty() => StorageError::Vacant(path),
        Ok(_) => StorageError::OtherForm(path),
        Err(error) => error,
    }
}
