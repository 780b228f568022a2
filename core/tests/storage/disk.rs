//! A disk in memory, as bad as POSIX allows: a page cache of sectors, and names that last only from the next sync of
//! the directory on. A crash of the host draws the fate of everything that was not synced.

use seaworthy_core::storage::{File, Operation};
use std::collections::{BTreeMap, BTreeSet};

pub(crate) const SECTOR: usize = 512;

/// Answers "which of n".
pub(crate) type Fates<'a> = &'a mut dyn FnMut(usize) -> usize;

#[derive(Clone, Default)]
pub(crate) struct Disk {
    inodes: Vec<Inode>,
    names: BTreeMap<File, usize>,
    durable_names: BTreeMap<File, usize>,
    /// What was done to the names since the directory was synced.
    changes: Vec<Change>,
}

#[derive(Clone, Default)]
struct Inode {
    /// As in the cache.
    written: Vec<u8>,
    durable: Vec<u8>,
    /// The sectors that the next sync writes.
    dirty: BTreeSet<usize>,
}

/// One atomic change of the directory: a name goes, a name comes.
#[derive(Clone)]
struct Change {
    gone: Option<File>,
    come: Option<(File, usize)>,
}

impl Change {
    fn apply(&self, names: &mut BTreeMap<File, usize>) {
        self.gone.map(|file| names.remove(&file));
        self.come.map(|(file, inode)| names.insert(file, inode));
    }
}

impl Disk {
    /// A disk of these files, with those that are not ours left out.
    pub(crate) fn holding(files: &[(String, Vec<u8>)]) -> Self {
        let mut disk = Self::default();
        for (name, bytes) in files {
            let Some(file) = File::parse(name) else { continue };
            disk.carry_out(&Operation::Create(file));
            disk.carry_out(&Operation::Write { file, offset: 0, bytes: bytes.clone().into() });
        }
        disk
    }

    /// Carries out an operation.
    ///
    /// # Panics
    /// If it makes no sense, such as syncing a file that is not there.
    pub(crate) fn carry_out(&mut self, operation: &Operation) {
        match operation {
            Operation::Create(file) => {
                self.inodes.push(Inode::default());
                self.change(None, Some((*file, self.inodes.len() - 1)));
            }
            Operation::Write { file, offset, bytes } => {
                self.inode(*file).write(*offset as usize, &bytes.clone().into_vec());
            }
            Operation::Sync(file) => self.inode(*file).sync(),
            Operation::Rename { from, to } => {
                let inode = self.names[from];
                self.change(Some(*from), Some((*to, inode)));
            }
            Operation::SyncDirectory => {
                self.changes.clear();
                self.durable_names = self.names.clone();
            }
            Operation::Delete(file) => {
                assert!(self.names.contains_key(file), "{file} is not there");
                self.change(Some(*file), None);
            }
        }
    }

    /// Fails at an operation, and does what is worst: half of a write; a sync that forgets what it should have written,
    /// so that the next one has nothing to do.
    pub(crate) fn fail(&mut self, operation: &Operation) {
        match operation {
            Operation::Write { file, offset, bytes } => {
                self.inode(*file).write(*offset as usize, &bytes.clone().half().into_vec());
            }
            Operation::Sync(file) => self.inode(*file).dirty.clear(),
            _ => {}
        }
    }

    /// The host crashes: what was not synced is there or not, each sector and each name by itself. A sector may also
    /// be torn, and a file have its new length without its new bytes.
    pub(crate) fn crash(&mut self, fates: Fates<'_>) {
        for inode in &mut self.inodes {
            inode.crash(fates);
        }
        let mut names = self.durable_names.clone();
        for change in self.changes.drain(..) {
            if fates(2) == 1 {
                change.apply(&mut names);
            }
        }
        self.durable_names = names.clone();
        self.names = names;
    }

    /// One bit flips, or one sector is lost, somewhere.
    pub(crate) fn rot(&mut self, fates: Fates<'_>) {
        let inodes: Vec<usize> = self.names.values().copied().collect();
        if inodes.is_empty() {
            return;
        }
        let bytes = &mut self.inodes[inodes[fates(inodes.len())]].written;
        let at = fates(bytes.len() + 1);
        match bytes.get_mut(at) {
            Some(byte) if fates(2) == 0 => *byte ^= 1 << fates(8),
            _ => bytes.iter_mut().skip(at / SECTOR * SECTOR).take(SECTOR).for_each(|byte| *byte = 0),
        }
    }

    /// What a process sees that lists the directory.
    pub(crate) fn files(&self) -> Vec<(String, Vec<u8>)> {
        self.names
            .iter()
            .map(|(file, inode)| (file.to_string(), self.inodes[*inode].written.clone()))
            .collect()
    }

    fn inode(&mut self, file: File) -> &mut Inode {
        &mut self.inodes[self.names[&file]]
    }

    fn change(&mut self, gone: Option<File>, come: Option<(File, usize)>) {
        let change = Change { gone, come };
        change.apply(&mut self.names);
        self.changes.push(change);
    }
}

impl Inode {
    fn write(&mut self, offset: usize, bytes: &[u8]) {
        let end = offset + bytes.len();
        self.written.resize(self.written.len().max(end), 0);
        self.written[offset..end].copy_from_slice(bytes);
        self.dirty.extend(offset / SECTOR..end.div_ceil(SECTOR));
    }

    fn sync(&mut self) {
        for sector in std::mem::take(&mut self.dirty) {
            self.flush(sector, |byte| byte);
        }
        self.durable.resize(self.written.len(), 0);
    }

    fn flush(&mut self, sector: usize, change: impl Fn(u8) -> u8) {
        let end = self.written.len().min((sector + 1) * SECTOR);
        self.durable.resize(self.durable.len().max(end), 0);
        for at in sector * SECTOR..end {
            self.durable[at] = change(self.written[at]);
        }
    }

    fn crash(&mut self, fates: Fates<'_>) {
        for sector in std::mem::take(&mut self.dirty) {
            match fates(3) {
                0 => {}
                1 => self.flush(sector, |byte| byte),
                _ => self.flush(sector, |byte| byte ^ 0x5a),
            }
        }
        if self.durable.len() < self.written.len() && fates(2) == 1 {
            self.durable.resize(self.written.len(), 0);
        }
        self.written = self.durable.clone();
    }
}
