//! The files of a disk, and what is done to them.

use alloc::vec::Vec;
use core::fmt;

/// A file of the directory that belongs to one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum File {
    /// A part of the log. The numbers ascend over the life of the disk.
    Segment(u64),
    /// What becomes the segment of this number once it is whole.
    Temporary(u64),
}

impl File {
    const SEGMENT: &str = "segment";
    const TEMPORARY: &str = "temporary";

    /// The file of this name; `None` if none of ours is called that.
    pub fn parse(name: &str) -> Option<Self> {
        let (number, kind) = name.split_once('.')?;
        let canonical =
            number.len() == 16 && number.bytes().all(|digit| b"0123456789abcdef".contains(&digit));
        let number = u64::from_str_radix(number, 16).ok().filter(|_| canonical)?;
        match kind {
            Self::SEGMENT => Some(Self::Segment(number)),
            Self::TEMPORARY => Some(Self::Temporary(number)),
            _ => None,
        }
    }
}

impl fmt::Display for File {
    /// The name in the directory, so that names sort like numbers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Segment(number) => write!(f, "{number:016x}.{}", Self::SEGMENT),
            Self::Temporary(number) => write!(f, "{number:016x}.{}", Self::TEMPORARY),
        }
    }
}

/// One thing to do to the disk.
///
/// They are carried out strictly in order, each after the one before has succeeded. One that fails is the last: what
/// it left behind is unknown, and trying again may succeed without having done anything (an fsync that failed once
/// has lost its pages). The driver stops, and the disk is recovered like after a crash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A new file, empty or full of zeros; one of this name that is there already goes. Room may be reserved: whatever
    /// no write has reached reads as zeros, or the file ends there.
    Create(File),
    /// Puts these bytes at this offset.
    Write {
        /// The file.
        file: File,
        /// Where the first byte goes.
        offset: u64,
        /// The bytes.
        bytes: Padded,
    },
    /// Makes durable what was written to the file, and its length; not its name.
    Sync(File),
    /// Gives a file the place of another name.
    Rename {
        /// The name that it has.
        from: File,
        /// The name that it gets.
        to: File,
    },
    /// Makes durable which files there are under which names.
    SyncDirectory,
    /// Removes a file.
    Delete(File),
}

/// Bytes and the zeros after them. Most of a small batch is what fills up its sector, and need not be there to be known.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Padded {
    /// What comes first.
    pub bytes: Vec<u8>,
    /// How many zeros follow.
    pub zeros: usize,
}

impl Padded {
    /// How many bytes that is.
    pub fn len(&self) -> usize {
        self.bytes.len() + self.zeros
    }

    /// Whether that is nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The first half of it.
    #[must_use]
    pub fn half(mut self) -> Self {
        let half = self.len() / 2;
        self.bytes.truncate(half);
        let zeros = half - self.bytes.len();
        Self { zeros, ..self }
    }

    /// All of it.
    pub fn into_vec(mut self) -> Vec<u8> {
        self.bytes.resize(self.len(), 0);
        self.bytes
    }
}

impl From<Vec<u8>> for Padded {
    fn from(bytes: Vec<u8>) -> Self {
        Self { bytes, zeros: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn a_file_is_found_again_by_its_name_and_by_no_other() {
        for file in [File::Segment(1), File::Temporary(0xabc), File::Segment(u64::MAX)] {
            assert_eq!(File::parse(&file.to_string()), Some(file));
        }
        assert_eq!(File::Segment(0x1f).to_string(), "000000000000001f.segment");
        let strangers = [
            "",
            "lost+found",
            "1f.segment",
            "000000000000001F.segment",
            "+00000000000001f.segment",
            "000000000000001f.segment.old",
            "000000000000001f",
            "00000000000000é.segment",
        ];
        assert_eq!(strangers.map(File::parse), [None; 8]);
    }
}
