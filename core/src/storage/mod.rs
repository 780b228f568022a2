//! Storage as pure code: bytes in, bytes out. What a disk holds, how a [`Journal`] writes it, and what recovery makes
//! of it after a crash. The simulator's disks and the real ones hold these very bytes.
//!
//! In the order in which to read: `file`, the files and what is done to them; `entry` and `record`, what is said;
//! `segment`, the bytes around it; `journal`, the writer; `recovery`.
//!
//! # Example
//! A driver, on a disk that is a map and never fails:
//!
//! ```
//! # use std::collections::BTreeMap;
//! use seaworthy_core::durable::Durable;
//! use seaworthy_core::effect::{HardState, Record};
//! use seaworthy_core::flaw::Sound;
//! use seaworthy_core::storage::{File, Geometry, Identity, Journal, Operation};
//! use seaworthy_core::types::{NodeId, Term, WriteSeq};
//!
//! let mut files = BTreeMap::<File, Vec<u8>>::new();
//! let mut carry_out = |journal: &mut Journal| {
//!     while let Some(operation) = journal.next_operation() {
//!         match operation {
//!             Operation::Create(file) => drop(files.insert(file, vec![])),
//!             Operation::Write { file, offset, bytes } => {
//!                 let contents = files.get_mut(&file).expect("it was created");
//!                 contents.resize(offset as usize, 0);
//!                 contents.extend(bytes.into_vec());
//!             }
//!             Operation::Rename { from, to } => {
//!                 let contents = files.remove(&from).expect("it was created");
//!                 files.insert(to, contents);
//!             }
//!             Operation::Delete(file) => drop(files.remove(&file)),
//!             Operation::Sync(_) | Operation::SyncDirectory => {}
//!         }
//!     }
//! };
//!
//! let identity = Identity { cluster: 0xc0ffee, node: NodeId::new(1) };
//! let mut journal = Journal::format(identity, Geometry::default(), Sound, Durable::default());
//! carry_out(&mut journal);
//! let vote = HardState { term: Term(1), vote: Some(NodeId::new(3)) };
//! journal.append(Record::HardState(vote));
//! journal.sync();
//! carry_out(&mut journal);
//! assert_eq!(journal.durable(), WriteSeq(1)); // the node may be told, and the vote leave
//!
//! let names: Vec<_> = files.iter().map(|(file, bytes)| (file.to_string(), &bytes[..])).collect();
//! let names = names.iter().map(|(name, bytes)| (name.as_str(), *bytes));
//! let recovery = Journal::recover(identity, Geometry::default(), Sound, names)?;
//! assert_eq!(recovery.durable.hard_state, vote);
//! # Ok::<(), seaworthy_core::storage::RecoveryError>(())
//! ```
//!
//! # The files
//! The write queue of a node is one log, so that term, vote and entries reach the disk in the order in which they were
//! written. It is cut into **segments** of ascending numbers. A segment is made under a temporary name, synced and
//! renamed, and the directory is synced, before anything is appended to it. So whatever has a segment's name was once
//! whole and durable up to a position that its header tells, and only the end of the last segment can be torn.
//!
//! A segment that **stands alone** begins with a checkpoint, the whole durable state; once it has its name, all
//! segments before it are deleted. That is how a snapshot is written: it has no file of its own, so that one rename
//! puts it in the place of the log, and neither a log without its snapshot nor a snapshot that its log does not know
//! of can come about. That is also how a new disk and every recovery begin: no file is ever written to again that a
//! crash may have torn, and what a cache held after a failed sync is written anew. The price is to write, at each
//! snapshot, the entries that it keeps for followers that lag, and at each start, the whole state once.
//!
//! The records of a **batch** become durable with one sync. A batch ends with a filler that reaches to the end of a
//! sector, so that no write touches a sector that holds durable records.
//!
//! # The bytes
//! All integers are little-endian; the checksums are CRC-32C.
//!
//! | segment header | bytes | |
//! |---|---|---|
//! | magic | 8 | `seaworth` |
//! | version | 4 | 1 |
//! | kind | 4 | 1 stands alone, 0 goes on after the segment before |
//! | cluster | 8 | whose log |
//! | node | 8 | whose log |
//! | segment | 8 | the number, as in the name |
//! | first | 8 | the position of the first record |
//! | settled | 8 | the records before this position were durable before the file got its name |
//! | checksum | 4 | of the 56 bytes before |
//!
//! | record | bytes | |
//! |---|---|---|
//! | length | 8 | of the body |
//! | position | 8 | one more than that of the record before |
//! | batch | 8 | the records before this position were durable before this one was written |
//! | kind | 1 | as below |
//! | checksum | 4 | of the body |
//! | checksum | 4 | of the segment header's checksum and the 29 bytes before |
//! | body | length | |
//!
//! | kind | body |
//! |---|---|
//! | 1 checkpoint | hard state; 0, or 1 and a snapshot (last entry, membership, data); the entry before the log; entries |
//! | 2 hard state | term; vote, 0 for none |
//! | 3 append | entries |
//! | 4 filler | zeros, of which the checksum is 0: they are compared |
//!
//! Bodies are made of LEB128 numbers in their shortest form; lists and byte strings begin with their length. After
//! the last record there is nothing, or zeros. A record is bound to its segment's header, so that what stands in
//! reused blocks of any other segment is no record.
//!
//! # Torn or rotten
//! A crash loses any subset of the sectors that were not synced: of a batch, a later record may be whole and an
//! earlier one not. Rot damages what was durable. What is torn must be cut off for the node to start at all; what is
//! rotten must not, or the node forgets what it has acknowledged, and a majority of such nodes loses it (PAR,
//! FAST'18). The damaged record itself does not tell which it is. But operations are carried out in order, and each
//! record says where its batch begins: when the first byte of a batch was written, all records before it were durable.
//! So a damaged record is **rotten** if a header that can still be read says that it was durable, for no crash can
//! do that, and recovery refuses the disk. If none does, it is **torn**: the batch that it belongs to is the last of
//! which anything reached the disk, so that it and what follows are all that is cut off.
//!
//! What follows a damaged record is searched for headers byte by byte, because its length may be damaged too.
//!
//! A batch is thus distinguished exactly once a later one is durable, its witness. Before that nothing could be: a
//! disk that finished a sync and then lost a sector is the same as one that did not finish it. A driver that has
//! nothing to write calls [`Journal::seal`], which writes a witness; [`Journal::sealed`] says how far all is
//! witnessed. Who wants to acknowledge nothing that could pass for torn acknowledges that, not [`Journal::durable`],
//! and pays with a second sync. A witness does not share a sector with what it witnesses, so that losing one sector
//! loses one of them.
//!
//! # Invariants
//! - After any crash recovery succeeds, and its state is what some prefix of the records comes to that holds all that
//!   were reported durable.
//! - Damage to what is sealed is refused by name, or touches what nobody needs: it never makes another state.
//!
//! # What it does not do
//! - It repairs nothing. A server whose disk is refused comes back under a new identity, with an empty disk.
//! - It does not see that the last segments are missing, or that all files are those of an older backup: what is there
//!   is consistent.
//! - A checksum is no signature: it tells accidents, not forgeries.

mod file;
mod entry;
mod record;
mod segment;
mod journal;
mod recovery;
mod error;

pub use error::RecoveryError;
pub use file::{File, Operation, Padded};
pub use journal::Journal;
pub use recovery::{Recovery, Report, Torn};

use crate::types::NodeId;

/// Whose disk it is. It stands in every segment, so that a disk in the wrong machine is noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The cluster: any number that no other cluster has.
    pub cluster: u64,
    /// The node.
    pub node: NodeId,
}

/// The sizes that a journal is written with. They may change from one start to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// How much the disk writes at once, and may tear or lose: batches do not share that. At least 1.
    pub sector_size: u64,
    /// A segment that has become this long is the last no more.
    pub segment_size: u64,
}

impl Default for Geometry {
    /// Pages of 4 KiB, segments of 64 MiB.
    fn default() -> Self {
        Self { sector_size: 4 << 10, segment_size: 64 << 20 }
    }
}
