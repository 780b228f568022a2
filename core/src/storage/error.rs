//! Why a disk is refused.

use super::file::File;
use super::segment::VERSION;
use crate::types::NodeId;
use core::fmt;

/// Why the files of a directory do not make a journal. None of them is touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecoveryError {
    /// There is no segment. A node that never ran starts with [`Journal::format`](super::Journal::format); one that
    /// did has lost its disk.
    Unformatted,
    /// A segment is gone, but the one after it is there.
    MissingSegment {
        /// Its number.
        segment: u64,
    },
    /// A segment does not begin with a whole header.
    DamagedHeader {
        /// The segment.
        file: File,
    },
    /// The segment was written by another version.
    Version {
        /// The segment.
        file: File,
        /// The version.
        version: u32,
    },
    /// The segment belongs to another cluster.
    WrongCluster {
        /// The segment.
        file: File,
        /// The cluster that it belongs to.
        found: u64,
        /// The cluster that it should belong to.
        expected: u64,
    },
    /// The segment belongs to another node of the cluster.
    WrongNode {
        /// The segment.
        file: File,
        /// The node that it belongs to.
        found: NodeId,
        /// The node that it should belong to.
        expected: NodeId,
    },
    /// The segment goes by the name of another.
    Misnamed {
        /// The name.
        file: File,
        /// The number that it was written under.
        segment: u64,
    },
    /// A record that was durable is not there, or not whole.
    Damaged {
        /// The segment.
        file: File,
        /// Where the record should begin.
        offset: u64,
        /// Its position.
        record: u64,
        /// The records before this position are known to have been durable.
        settled: u64,
    },
    /// The checksums hold, but no journal writes this.
    Malformed {
        /// The segment.
        file: File,
        /// Where the record begins; 0 for the header.
        offset: u64,
        /// Its position.
        record: u64,
    },
}

impl fmt::Display for RecoveryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unformatted => f.write_str("there is no journal"),
            Self::MissingSegment { segment } => write!(f, "{} is missing", File::Segment(*segment)),
            Self::DamagedHeader { file } => write!(f, "{file}: the header is damaged"),
            Self::Version { file, version } => {
                write!(f, "{file}: the format is version {version}; this is the code for version {VERSION}")
            }
            Self::WrongCluster { file, found, expected } => {
                write!(f, "{file}: belongs to cluster {found:016x}, not to {expected:016x}")
            }
            Self::WrongNode { file, found, expected } => {
                write!(f, "{file}: belongs to {found}, not to {expected}")
            }
            Self::Misnamed { file, segment } => {
                write!(f, "{file}: was written as {}", File::Segment(*segment))
            }
            Self::Damaged { file, offset, record, settled } => write!(
                f,
                "{file}, byte {offset}: record {record} is damaged, but all before record {settled} were durable"
            ),
            Self::Malformed { file, offset, record } => {
                write!(
                    f,
                    "{file}, byte {offset}: record {record} is whole, but nothing that a journal writes"
                )
            }
        }
    }
}

impl core::error::Error for RecoveryError {}
