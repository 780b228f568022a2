//! A file system in memory, as bad as POSIX allows: a cache of sectors, and names that last only from the next sync of
//! the directory on.
//!
//! There is one copy of the bytes, as written. What is durable is told by what differs from it: everything from a
//! file's durable length on, and the sectors that were written over, whose old bytes are kept until the next sync. So a
//! sync costs nothing, and a crash costs what it takes away.

use seaworthy_core::storage::{File, Operation, Padded};
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
/// - It is `length` bytes long: those of `bytes` and then the `pieces`.
/// - `durable <= length`, and every sector of `overwritten` begins before `durable`.
#[derive(Debug, Default)]
struct Inode {
    /// As written.
    bytes: Vec<u8>,
    /// What was appended since anybody read the file, without the zeros that fill it up: a log is written and hardly ever
    /// read.
    appended: Vec<u8>,
    /// What that is made of: so many of its bytes, and then so many zeros.
    pieces: Vec<(usize, usize)>,
    length: usize,
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
        let bytes = self.inodes.get_mut(&number).expect("it has a name").whole();
        if luck(2) == 0 {
            bytes[at] ^= 1 << luck(8);
        } else {
            let start = at / self.sector_size * self.sector_size;
            bytes[start..length.min(start + self.sector_size)].fill(0);
        }
        Some(file)
    }

    /// What a process sees that lists the directory and reads all: names and contents.
    pub(super) fn list(&mut self) -> Vec<(String, &[u8])> {
        for inode in self.inodes.values_mut() {
            inode.whole();
        }
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
    fn write(&mut self, offset: usize, bytes: Padded, sector_size: usize) {
        self.last_write = offset;
        let end = offset + bytes.len();
        let durable = self.durable;
        let overwrites = offset / sector_size..durable.min(end).div_ceil(sector_size);
        if overwrites.is_empty() && offset == self.length {
            self.length = end;
            self.appended.extend_from_slice(&bytes.bytes);
            self.pieces.push((bytes.bytes.len(), bytes.zeros));
            return;
        }
        self.whole();
        for sector in overwrites {
            let range = sector * sector_size..durable.min((sector + 1) * sector_size);
            self.overwritten.entry(sector).or_insert_with(|| self.bytes[range].to_vec());
        }
        self.length = self.length.max(end);
        self.bytes.resize(self.length, 0);
        let (written, zeros) = self.bytes[offset..end].split_at_mut(bytes.bytes.len());
        written.copy_from_slice(&bytes.bytes);
        zeros.fill(0);
    }

    /// All bytes in one piece.
    fn whole(&mut self) -> &mut Vec<u8> {
        self.bytes.reserve_exact(self.length - self.bytes.len());
        let mut rest = &self.appended[..];
        for (length, zeros) in self.pieces.drain(..) {
            let (piece, others) = rest.split_at(length);
            self.bytes.extend_from_slice(piece);
            self.bytes.resize(self.bytes.len() + zeros, 0);
            rest = others;
        }
        self.appended.clear();
        &mut self.bytes
    }

    fn sync(&mut self) {
        self.durable = self.length;
        self.overwritten.clear();
        self.last_synced = self.last_write;
    }

    fn is_dirty(&self) -> bool {
        self.durable < self.length || !self.overwritten.is_empty()
    }

    fn crash(&mut self, sector_size: usize, tears: bool, luck: Luck<'_>, losses: &mut Losses) {
        // All of it, none of it, and any part of it are each worth a try.
        let style = luck(3);
        self.whole();
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
        (self.length, self.durable) = (self.bytes.len(), self.bytes.len());
        // Whatever of the last write is there, it has no witness, and neither has the one before it.
        self.last_write = self.last_synced;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choice::{Choice, Stream};

    const SECTOR: usize = 4;
    const TEMPORARY: File = File::Temporary(1);
    const SEGMENT: File = File::Segment(1);

    fn write(file: File, offset: u64, bytes: &[u8]) -> Operation {
        Operation::Write { file, offset, bytes: bytes.to_vec().into() }
    }

    /// A segment that holds `bytes`, all of it durable.
    fn durable(bytes: &[u8]) -> Files {
        let mut files = Files::new(SECTOR);
        let create = [Operation::Create(SEGMENT), write(SEGMENT, 0, bytes)];
        let sync = [Operation::Sync(SEGMENT), Operation::SyncDirectory];
        create.into_iter().chain(sync).for_each(|operation| files.carry_out(operation));
        files
    }

    fn contents(files: &mut Files) -> Vec<(String, Vec<u8>)> {
        files.list().into_iter().map(|(name, bytes)| (name, bytes.to_vec())).collect()
    }

    /// All that a crash after these operations can leave.
    fn outcomes(
        start: impl Fn() -> Files,
        operations: &[Operation],
        tears: bool,
    ) -> BTreeSet<Vec<(String, Vec<u8>)>> {
        let mut choice = Choice::seeded(3);
        let mut outcome = || {
            let mut files = start();
            operations.iter().for_each(|operation| files.carry_out(operation.clone()));
            files.crash(tears, &mut |bound| choice.below(Stream::Swarm, bound));
            let left = contents(&mut files);
            assert!(!files.inodes.values().any(Inode::is_dirty), "after a crash all is durable");
            assert_eq!(files.crash(tears, &mut |_| panic!("nothing is left to luck")), Losses::default());
            assert_eq!(contents(&mut files), left);
            left
        };
        (0..2_000).map(|_| outcome()).collect()
    }

    fn of_segment(outcomes: BTreeSet<Vec<(String, Vec<u8>)>>) -> Vec<Vec<u8>> {
        let bytes = |files: Vec<(String, Vec<u8>)>| match <[_; 1]>::try_from(files) {
            Ok([(_, bytes)]) => bytes,
            Err(files) => panic!("{} files", files.len()),
        };
        outcomes.into_iter().map(bytes).collect()
    }

    #[test]
    fn what_is_synced_outlives_every_crash() {
        assert_eq!(of_segment(outcomes(|| durable(b"12345678"), &[], true)), [b"12345678"]);
        let more = [write(SEGMENT, 8, b"abcd"), Operation::Sync(SEGMENT)];
        assert_eq!(of_segment(outcomes(|| durable(b"12345678"), &more, true)), [b"12345678abcd"]);
    }

    #[test]
    fn any_subset_of_the_sectors_that_were_not_synced_survives() {
        let appended = outcomes(|| durable(b"1234"), &[write(SEGMENT, 4, b"abcdABCD")], false);
        let expected: [&[u8]; 6] = [
            b"1234",
            b"1234\0\0\0\0ABCD",
            b"1234\0\0\0\0\0\0\0\0",
            b"1234abcd",
            b"1234abcd\0\0\0\0",
            b"1234abcdABCD",
        ];
        assert_eq!(
            BTreeSet::from_iter(of_segment(appended)),
            expected.iter().map(|bytes| bytes.to_vec()).collect()
        );
        let overwritten = outcomes(|| durable(b"12345678"), &[write(SEGMENT, 2, b"abcd")], false);
        let expected: [&[u8]; 4] = [b"12345678", b"1234cd78", b"12ab5678", b"12abcd78"];
        assert_eq!(of_segment(overwritten), expected);
    }

    #[test]
    fn a_torn_sector_is_partly_new_or_junk_and_its_neighbours_are_whole() {
        let torn = outcomes(|| durable(b"12345678"), &[write(SEGMENT, 4, b"abcd")], true);
        let junk = b"abcd".map(|byte| byte ^ 0x5a);
        let fates: [&[u8]; 6] = [b"5678", b"a678", b"ab78", b"abc8", b"abcd", &junk];
        assert_eq!(
            BTreeSet::from_iter(of_segment(torn)),
            fates.iter().map(|sector| [b"1234", *sector].concat()).collect()
        );
    }

    #[test]
    fn a_name_lasts_from_the_next_sync_of_the_directory_on() {
        let made = [Operation::Create(TEMPORARY), write(TEMPORARY, 0, b"new!"), Operation::Sync(TEMPORARY)];
        let renamed = [&made[..], &[Operation::Rename { from: TEMPORARY, to: SEGMENT }]].concat();
        let named = |file: File, bytes: &[u8]| vec![(file.to_string(), bytes.to_vec())];
        let (old, temporary, new) =
            (named(SEGMENT, b"old!"), named(TEMPORARY, b"new!"), named(SEGMENT, b"new!"));
        let both = [old.clone(), temporary.clone()].concat();
        assert_eq!(outcomes(|| durable(b"old!"), &made, true), BTreeSet::from([old.clone(), both.clone()]));
        assert_eq!(
            outcomes(|| durable(b"old!"), &renamed, true),
            BTreeSet::from([old.clone(), both, new.clone()])
        );
        let synced = [&renamed[..], &[Operation::SyncDirectory]].concat();
        assert_eq!(outcomes(|| durable(b"old!"), &synced, true), BTreeSet::from([new]));
        let deleted = outcomes(|| durable(b"old!"), &[Operation::Delete(SEGMENT)], true);
        assert_eq!(deleted, BTreeSet::from([old, vec![]]));
    }

    #[test]
    fn a_file_without_a_name_is_forgotten() {
        let mut files = durable(b"old!");
        for operation in [Operation::Create(SEGMENT), Operation::Create(SEGMENT), Operation::Delete(SEGMENT)]
        {
            files.carry_out(operation);
        }
        files.carry_out(Operation::SyncDirectory);
        assert!(files.inodes.is_empty() && contents(&mut files).is_empty());
    }

    #[test]
    fn rot_takes_a_bit_or_a_sector_of_what_has_a_witness() {
        let mut choice = Choice::seeded(7);
        let mut whole = 0;
        for _ in 0..1_000 {
            let mut files = durable(b"12345678");
            for (offset, bytes) in [(8, b"abcd"), (12, b"ABCD")] {
                files.carry_out(write(SEGMENT, offset, bytes));
                files.carry_out(Operation::Sync(SEGMENT));
            }
            assert_eq!(files.rot(&mut |bound| choice.below(Stream::Swarm, bound)), Some(SEGMENT));
            let [(_, bytes)] = &contents(&mut files)[..] else { panic!("one file") };
            let (sound, last) = (b"12345678abcd", b"ABCD");
            assert_eq!(&bytes[12..], last, "nothing follows it that could tell rot from a torn end");
            let damaged = (0..12).filter(|at| bytes[*at] != sound[*at]).collect::<Vec<_>>();
            let first = damaged[0];
            match damaged.len() {
                1 => assert_eq!((bytes[first] ^ sound[first]).count_ones(), 1),
                _ => {
                    assert_eq!((&bytes[first..first + SECTOR], first % SECTOR), (&[0; SECTOR][..], 0));
                    whole += 1;
                }
            }
        }
        assert!((300..700).contains(&whole), "{whole} sectors");
        assert_eq!(Files::new(SECTOR).rot(&mut |bound| bound - 1), None);
    }
}
