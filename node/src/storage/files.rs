//! The durable log: the core's bytes in real files.

use super::directory::Directory;
use super::{Storage, StorageError, found_in, vacant};
use seaworthy_core::durable::Durable;
use seaworthy_core::effect::Record;
use seaworthy_core::flaw::Sound;
use seaworthy_core::storage::{File, Geometry, Identity, Journal, Operation, RecoveryError};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Room that is written with zeros ahead of the log, so that a sync need not change the length of a file as well.
const ROOM: u64 = 1 << 20;

/// A server's log in a directory of its own.
///
/// What stands in the files, and what recovery makes of it, is [`seaworthy_core::storage`]; this carries it out. A
/// batch costs one `fdatasync`. The directory is locked for as long as this lives.
#[derive(Debug)]
pub struct Files {
    directory: Directory,
    identity: Identity,
    geometry: Geometry,
    /// None until it has been recovered.
    journal: Option<Journal>,
    open: BTreeMap<File, Open>,
}

/// A file that is written to.
#[derive(Debug)]
struct Open {
    file: fs::File,
    /// How long it is. What no write has reached is zeros.
    length: u64,
}

impl Files {
    /// Makes the disk of a server that never ran and starts from `state`.
    ///
    /// If this is interrupted, there is no server yet; found it again.
    ///
    /// # Errors
    /// If a server has lived there, or the directory cannot be made or written to.
    pub fn found(path: &Path, identity: Identity, state: Durable) -> Result<(), StorageError> {
        let directory = found_in(path)?;
        let geometry = Geometry::default();
        let journal = Journal::format(identity, geometry, Sound, state);
        let mut files = Self { directory, identity, geometry, journal: Some(journal), open: BTreeMap::new() };
        files.carry_out()
    }

    /// The disk of a server that was founded.
    ///
    /// # Errors
    /// If another process has it, if it is open to others, or if it is not there.
    pub fn open(path: &Path, identity: Identity) -> Result<Self, StorageError> {
        let directory = Directory::open(path)?;
        Ok(Self { directory, identity, geometry: Geometry::default(), journal: None, open: BTreeMap::new() })
    }

    fn journal(&mut self) -> &mut Journal {
        self.journal.as_mut().expect("a disk is recovered before it is written to")
    }

    /// Carries out all that the journal wants done, one thing after the other.
    fn carry_out(&mut self) -> Result<(), StorageError> {
        while let Some(operation) = self.journal().next_operation() {
            self.perform(operation)?;
        }
        Ok(())
    }

    fn perform(&mut self, operation: Operation) -> Result<(), StorageError> {
        match operation {
            Operation::Create(file) => {
                let created = self.directory.create_file(&file.to_string())?;
                self.open.insert(file, Open { file: created, length: 0 });
                Ok(())
            }
            Operation::Write { file, offset, bytes } => {
                let path = self.directory.join(&file.to_string());
                self.opened(file)
                    .write(offset, &bytes.into_vec())
                    .map_err(StorageError::io("write to", &path))
            }
            Operation::Sync(file) => {
                let path = self.directory.join(&file.to_string());
                self.opened(file).file.sync_data().map_err(StorageError::io("sync", &path))
            }
            Operation::Rename { from, to } => {
                self.directory.rename(&from.to_string(), &to.to_string())?;
                let open = self.open.remove(&from).expect("what is renamed was created");
                // Nothing is written to the segments before it any more.
                self.open = BTreeMap::from([(to, open)]);
                Ok(())
            }
            Operation::SyncDirectory => self.directory.sync(),
            Operation::Delete(file) => self.directory.delete(&file.to_string()),
        }
    }

    fn opened(&mut self, file: File) -> &mut Open {
        self.open.get_mut(&file).expect("a journal writes to files that it created")
    }
}

/// Whether a file of this name holds what a server has written.
pub(super) fn is_state(name: &str) -> bool {
    matches!(File::parse(name), Some(File::Segment(_)))
}

impl Open {
    fn write(&mut self, offset: u64, bytes: &[u8]) -> std::io::Result<()> {
        let end = offset + bytes.len() as u64;
        self.file.write_all_at(bytes, offset)?;
        if self.length < end {
            // The room becomes durable together with what was written.
            let room = vec![0; usize::try_from(ROOM).expect("it fits into memory")];
            self.file.write_all_at(&room, end)?;
            self.length = end + ROOM;
        }
        Ok(())
    }
}

impl Storage for Files {
    fn recover(&mut self) -> Result<Durable, StorageError> {
        let files = self.directory.read(|name| File::parse(name).is_some())?;
        let files = files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice()));
        let recovery = match Journal::recover(self.identity, self.geometry, Sound, files) {
            Ok(recovery) => recovery,
            Err(RecoveryError::Unformatted) => return Err(vacant(&self.directory)),
            Err(source) => {
                let path = self.directory.path().to_owned();
                return Err(match source {
                    RecoveryError::Version { .. }
                    | RecoveryError::WrongCluster { .. }
                    | RecoveryError::WrongNode { .. } => StorageError::Foreign { path, source },
                    source => StorageError::Refused { path, source },
                });
            }
        };
        if let Some(torn) = recovery.report.torn {
            tracing::info!(file = %torn.file, offset = torn.offset, bytes = torn.bytes, "cut off a torn end");
        }
        self.journal = Some(recovery.journal);
        self.carry_out()?;
        Ok(recovery.durable)
    }

    fn persist(&mut self, batch: Vec<Record>) -> Result<(), StorageError> {
        let journal = self.journal();
        batch.into_iter().for_each(|record| journal.append(record));
        journal.sync();
        self.carry_out()
    }

    /// Writes a witness, so that rot at the end of the log can never pass for a torn end.
    fn rest(&mut self) -> Result<(), StorageError> {
        self.journal().seal();
        self.carry_out()
    }
}
