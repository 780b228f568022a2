//! A file system in memory, as bad as POSIX allows: a cache of sectors, and names that last only from the next sync of
//! the directory on.
//!
//! There is one copy of the bytes, as written. What is durable is told by what differs from it: everything from a
//! file's durable length on, and the sectors that were written over, whose old bytes are kept until the next sync. So a
//! sync costs nothing, and a crash costs what it takes away.

use seaworthy_core::storage::{File, Operation};
use std::collections::{BTreeMap, BTreeSet};

/// Answers "which of n"; 0 is the calmest.
pub(super) type Luck<'a> = &'a mut dyn FnMut(u64) -> u64;

/// The files of one node.
///
/// - A file has one name as written, and no other file has it.
/// - The names as written are the durable ones with all changes made.
#[derive(Debug)]
pub(super) struct Files {
    sector_size: usize,
    inodes: BTreeMap<u64, Inode>,
    created: u64,
    names: BTreeMap<File, u64>,
    durable_names: BTreeMap<File, u64>,
    /// What was done to the names since the directory was synced, in order.
    changes: Vec<Change>,
}

/// What a crash took away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Some sector is what it was before it was written.
    pub writes: bool,
    /// Some sector is neither what it was nor what was written.
    pub torn: bool,
    /// Some file is created, renamed or deleted no more.
    pub names: bool,
}

/// The bytes of a file.
///
/// - `durable <= bytes.len()`, and every sector of `overwritten` begins before it.
#[derive(Debug, Default)]
struct Inode {
    /// As written.
    bytes: Vec<u8>,
    /// How long the file is on the disk.
    durable: usize,
    /// What the disk holds of the sectors that were written over, by their number.
    overwritten: BTreeMap<usize, Vec<u8>>,
    /// Where the last write begins.
    last_write: usize,
    /// Where the last write begins that was synced.
    last_synced: usize,
}

/// One atomic change of the directory: a name goes, a name comes, a file has a name no more.
#[derive(Debug)]
struct Change {
    gone: Option<File>,
    come: Option<(File, u64)>,
    nameless: Option<u64>,
}

/// What becomes of a sector in a crash.
enum Fate {
    Kept,
    Lost,
    /// So many of its bytes were written, the others not.
    Torn(usize),
    Junk,
}

impl Files {
    /// An empty directory.
    ///
    /// # Panics
    /// If the sector size is 0.
    pub(super) fn new(sector_size: usize) -> Self {
        assert!(0 < sector_size, "a sector has bytes");
        Self {
            sector_size,
            inodes: BTreeMap::new(),
            created: 0,
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            changes: Vec::new(),
        }
    }

    /// Carries out an operation.
    ///
    /// # Panics
    /// If it is about a file that is not there.
    pub(super) fn carry_out(&mut self, operation: Operation) {
        match operation {
            Operation::Create(file) => {
                self.created += 1;
                self.inodes.insert(self.created, Inode::default());
                let nameless = self.names.get(&file).copied();
                self.change(Change { gone: None, come: Some((file, self.created)), nameless });
            }
            Operation::Write { file, offset, bytes } => {
                let sector_size = self.sector_size;
                let offset = usize::try_from(offset).expect("a file fits into memory");
                self.inode(file).write(offset, bytes, sector_size);
            }
            Operation::Sync(file) => self.inode(file).sync(),
            Operation::Rename { from, to } => {
                let inode = self.names[&from];
                let nameless = self.names.get(&to).copied();
                self.change(Change { gone: Some(from), come: Some((to, inode)), nameless });
            }
            Operation::SyncDirectory => {
                for change in std::mem::take(&mut self.changes) {
                    change.apply(&mut self.durable_names);
                    change.nameless.map(|inode| self.inodes.remove(&inode));
                }
            }
            Operation::Delete(file) => {
                let nameless = Some(self.names[&file]);
                self.change(Change { gone: Some(file), come: None, nameless });
            }
        }
    }

    /// The host crashes: what was not synced is there or not, each sector and each name by itself; a sector may also be
    /// torn, if they can be; a file may have its new length without its new bytes.
    pub(super) fn crash(&mut self, tears: bool, luck: Luck<'_>) -> Losses {
        let mut losses = Losses::default();
        for inode in self.inodes.values_mut().filter(|inode| inode.is_dirty()) {
            inode.crash(self.sector_size, tears, luck, &mut losses);
        }
        for change in std::mem::take(&mut self.changes) {
            if luck(2) == 0 {
                change.apply(&mut self.durable_names);
            } else {
                losses.names = true;
            }
        }
        self.names.clone_from(&self.durable_names);
        let named: BTreeSet<u64> = self.names.values().copied().collect();
        self.inodes.retain(|number, _| named.contains(number));
        losses
    }

    /// One bit flips, or one sector is lost, in durable bytes with a witness: those that recovery can tell from a torn
    /// end. The last write that was synced has none yet, unless it is a file's first, which its header speaks for. Says
    /// where; `None` if there are no such bytes.
    pub(super) fn rot(&mut self, luck: Luck<'_>) -> Option<File> {
        let witnessed =
            |inode: &Inode| if inode.last_synced == 0 { inode.durable } else { inode.last_synced };
        let segments = self.names.iter().filter(|(file, _)| matches!(file, File::Segment(_)));
        let damageable: Vec<(File, u64, usize)> = segments
            .map(|(file, number)| (*file, *number, witnessed(&self.inodes[number])))
            .filter(|(.., length)| 0 < *length)
            .collect();
        let (file, number, length) = *damageable.get(luck(damageable.len().max(1) as u64) as usize)?;
        let at = luck(length as u64) as usize;
        let bytes = &mut self.inodes.get_mut(&number).expect("it has a name").bytes;
        if luck(2) == 0 {
            bytes[at] ^= 1 << luck(8);
        } else {
            let start = at / self.sector_size * self.sector_size;
            bytes[start..length.min(start + self.sector_size)].fill(0);
        }
        Some(file)
    }

    /// What a process sees that lists the directory and reads all: names and contents.
    pub(super) fn list(&self) -> Vec<(String, &[u8])> {
        let contents = |(file, number): (&File, &u64)| (file.to_string(), &self.inodes[number].bytes[..]);
        self.names.iter().map(contents).collect()
    }

    fn inode(&mut self, file: File) -> &mut Inode {
        self.inodes.get_mut(&self.names[&file]).expect("what has a name is there")
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.names);
        self.changes.push(change);
    }
}

impl Change {
    fn apply(&self, names: &mut BTreeMap<File, u64>) {
        self.gone.map(|file| names.remove(&file));
        self.come.map(|(file, inode)| names.insert(file, inode));
    }
}

impl Inode {
    fn write(&mut self, offset: usize, bytes: Vec<u8>, sector_size: usize) {
        self.last_write = offset;
        let end = offset + bytes.len();
        for sector in offset / sector_size..self.durable.min(end).div_ceil(sector_size) {
            let range = sector * sector_size..self.durable.min((sector + 1) * sector_size);
            self.overwritten.entry(sector).or_insert_with(|| self.bytes[range].to_vec());
        }
        if self.bytes.is_empty() && offset == 0 {
            self.bytes = bytes;
        } else if self.bytes.len() <= offset {
            self.bytes.resize(offset, 0);
            self.bytes.extend(bytes);
        } else {
            self.bytes.resize(self.bytes.len().max(end), 0);
            self.bytes[offset..end].copy_from_slice(&bytes);
        }
    }

    fn sync(&mut self) {
        self.durable = self.bytes.len();
        self.overwritten.clear();
        self.last_synced = self.last_write;
    }

    fn is_dirty(&self) -> bool {
        self.durable < self.bytes.len() || !self.overwritten.is_empty()
    }

    fn crash(&mut self, sector_size: usize, tears: bool, luck: Luck<'_>, losses: &mut Losses) {
        // All of it, none of it, and any part of it are each worth a try.
        let style = luck(3);
        let new = self.durable.div_ceil(sector_size)..self.bytes.len().div_ceil(sector_size);
        let old = std::mem::take(&mut self.overwritten);
        let sectors = old.into_iter().chain(new.map(|sector| (sector, Vec::new())));
        let mut length = self.durable;
        for (sector, old) in sectors {
            let start = sector * sector_size;
            let end = self.bytes.len().min(start + sector_size);
            let fate = match (style, if style == 1 { luck(if tears { 4 } else { 2 }) } else { 0 }) {
                (0, _) | (1, 0) => Fate::Kept,
                (1, 2) => Fate::Torn(luck((end - start) as u64) as usize),
                (1, 3) => Fate::Junk,
                _ => Fate::Lost,
            };
            let bytes = &mut self.bytes[start..end];
            let mut restore = |from: usize| {
                bytes.iter_mut().enumerate().skip(from).for_each(|(at, byte)| {
                    *byte = old.get(at).copied().unwrap_or(0);
                });
            };
            match fate {
                Fate::Kept => {}
                Fate::Lost => restore(0),
                Fate::Torn(from) => restore(from),
                Fate::Junk => bytes.iter_mut().for_each(|byte| *byte ^= 0x5a),
            }
            if matches!(fate, Fate::Lost) {
                losses.writes = true;
            } else {
                length = length.max(end);
            }
            losses.torn |= matches!(fate, Fate::Torn(_) | Fate::Junk);
        }
        if length < self.bytes.len() && luck(2) == 0 {
            self.bytes.truncate(length);
        }
        self.durable = self.bytes.len();
        // Whatever of the last write is there, it has no witness, and neither has the one before it.
        self.last_write = self.last_synced;
    }
}
