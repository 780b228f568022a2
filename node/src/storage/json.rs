//! A disk to be read: the whole state as one file of JSON.

use super::directory::Directory;
use super::{Storage, StorageError, found_in, vacant};
use seaworthy_core::durable::Durable;
use seaworthy_core::effect::{HardState, Record};
use seaworthy_core::kv::Command;
use seaworthy_core::log::Log;
use seaworthy_core::membership::Membership;
use seaworthy_core::message::{Entry, Payload};
use seaworthy_core::snapshot::Snapshot;
use seaworthy_core::state_machine::{Operation, Request};
use seaworthy_core::storage::Identity;
use seaworthy_core::types::{Bytes, EntryId, NodeId, SessionId, Term};
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

const STATE: &str = "state.json";
const TEMPORARY: &str = "state.json.new";
const FORMAT: u32 = 1;

/// A server's state in `state.json`, with its log in words.
///
/// Each batch writes the whole file anew and puts it in the place of the old one: it is never half of each, and the
/// cost grows with the log. It has no checksums. For learning; [`Files`](super::Files) is for use.
#[derive(Debug)]
pub struct Json {
    directory: Directory,
    identity: Identity,
    state: Durable,
}

impl Json {
    /// Makes the disk of a server that never ran and starts from `state`.
    ///
    /// # Errors
    /// If a server has lived there, or the directory cannot be made or written to.
    pub fn found(path: &Path, identity: Identity, state: Durable) -> Result<(), StorageError> {
        let directory = found_in(path)?;
        Self { directory, identity, state }.write()
    }

    /// The disk of a server that was founded.
    ///
    /// # Errors
    /// If another process has it, if it is open to others, or if it is not there.
    pub fn open(path: &Path, identity: Identity) -> Result<Self, StorageError> {
        Ok(Self { directory: Directory::open(path)?, identity, state: Durable::default() })
    }

    fn write(&self) -> Result<(), StorageError> {
        let text = State::of(self.identity, &self.state).text();
        let path = self.directory.join(TEMPORARY);
        let mut file = self.directory.create_file(TEMPORARY)?;
        file.write_all(text.as_bytes()).map_err(StorageError::io("write to", &path))?;
        file.sync_data().map_err(StorageError::io("sync", &path))?;
        self.directory.rename(TEMPORARY, STATE)?;
        self.directory.sync()
    }

    fn read(&self, text: &str) -> Result<Durable, String> {
        // The version first: what a later one says may have any form.
        let versioned: Versioned = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if versioned.format != FORMAT {
            return Err(format!("the format is {}; this is the code for {FORMAT}", versioned.format));
        }
        let state: State = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let (cluster, node) = (hex(&self.identity.cluster.to_be_bytes()), self.identity.node);
        if state.cluster != cluster {
            return Err(format!("belongs to cluster {}, not to {cluster}", state.cluster));
        }
        if state.node != node {
            return Err(format!("belongs to {}, not to {node}", state.node));
        }
        let durable = state.durable()?;
        durable.validate().map_err(|error| error.to_string())?;
        Ok(durable)
    }
}

impl Storage for Json {
    fn recover(&mut self) -> Result<Durable, StorageError> {
        let files = self.directory.read(is_state)?;
        let Some((name, bytes)) = files.into_iter().next() else {
            return Err(vacant(&self.directory));
        };
        let text = String::from_utf8(bytes).map_err(|error| error.to_string());
        let durable = text.and_then(|text| self.read(&text));
        self.state = durable
            .map_err(|reason| StorageError::Unreadable { path: self.directory.join(&name), reason })?;
        Ok(self.state.clone())
    }

    fn persist(&mut self, batch: Vec<Record>) -> Result<(), StorageError> {
        batch.into_iter().for_each(|record| self.state.persist(record));
        self.write()
    }
}

/// Whether a file of this name holds what a server has written.
pub(super) fn is_state(name: &str) -> bool {
    name == STATE
}

/// The one field that every version has.
#[derive(Deserialize)]
struct Versioned {
    format: u32,
}

/// The file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    format: u32,
    cluster: String,
    node: NodeId,
    term: Term,
    vote: Option<NodeId>,
    snapshot: Option<SnapshotText>,
    /// The last entry before the log.
    after: EntryId,
    log: Vec<EntryText>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SnapshotText {
    last: EntryId,
    membership: Membership,
    data: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EntryText {
    id: EntryId,
    holds: Holds,
}

/// What an entry holds. Each payload has one form here, and comes back from it byte for byte.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
enum Holds {
    Noop,
    Membership(Membership),
    /// A request that opens a session.
    Register {
        sequence: u64,
    },
    /// A request of a session.
    Command {
        session: SessionId,
        sequence: u64,
        line: String,
    },
    /// Anything else.
    Bytes(String),
}

impl State {
    fn of(identity: Identity, durable: &Durable) -> Self {
        let snapshot = durable.snapshot.as_ref().map(|snapshot| SnapshotText {
            last: snapshot.last,
            membership: snapshot.membership.clone(),
            data: hex(&snapshot.data),
        });
        let entry = |entry: &Entry| EntryText { id: entry.id, holds: Holds::of(&entry.payload) };
        Self {
            format: FORMAT,
            cluster: hex(&identity.cluster.to_be_bytes()),
            node: identity.node,
            term: durable.hard_state.term,
            vote: durable.hard_state.vote,
            snapshot,
            after: durable.log.base(),
            log: durable.log.entries().iter().map(entry).collect(),
        }
    }

    fn text(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("strings and numbers can be written");
        text.push('\n');
        text
    }

    fn durable(self) -> Result<Durable, String> {
        let snapshot = self.snapshot.map(|snapshot| {
            let data = unhex(&snapshot.data)?;
            Ok::<_, String>(Snapshot { last: snapshot.last, membership: snapshot.membership, data })
        });
        let mut log = Log::after(self.after);
        for EntryText { id, holds } in self.log {
            let last = log.last();
            if last.index.next() != id.index || id.term < last.term {
                return Err(format!("the entry {id} does not follow {last}"));
            }
            log.push(Entry { id, payload: holds.payload()? });
        }
        let hard_state = HardState { term: self.term, vote: self.vote };
        Ok(Durable { hard_state, snapshot: snapshot.transpose()?, log })
    }
}

impl Holds {
    fn of(payload: &Payload) -> Self {
        match payload {
            Payload::Noop => Self::Noop,
            Payload::Membership(membership) => Self::Membership((**membership).clone()),
            Payload::Data(data) => match Request::decode(data) {
                Some(Request { session: SessionId::ZERO, sequence, operation: Operation::Register }) => {
                    Self::Register { sequence }
                }
                Some(Request { session, sequence, operation: Operation::Command(command) })
                    if Command::parse(&command.to_string()).as_ref() == Ok(&command) =>
                {
                    Self::Command { session, sequence, line: command.to_string() }
                }
                _ => Self::Bytes(hex(data)),
            },
        }
    }

    fn payload(self) -> Result<Payload, String> {
        let request = match self {
            Self::Noop => return Ok(Payload::Noop),
            Self::Membership(membership) => {
                membership.validate().map_err(|error| error.to_string())?;
                return Ok(Payload::Membership(Box::new(membership)));
            }
            Self::Bytes(text) => return Ok(Payload::Data(unhex(&text)?)),
            Self::Register { sequence } => {
                Request { session: SessionId::ZERO, sequence, operation: Operation::Register }
            }
            Self::Command { session, sequence, line } => {
                let command = Command::parse(&line).map_err(|error| format!("{line}: {error}"))?;
                Request { session, sequence, operation: Operation::Command(command) }
            }
        };
        Ok(Payload::Data(request.encode()))
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    bytes.iter().for_each(|byte| write!(text, "{byte:02x}").expect("a string has room"));
    text
}

fn unhex(text: &str) -> Result<Bytes, String> {
    let digit = |digit: u8| char::from(digit).to_digit(16);
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let bytes = pairs.iter().map(|[high, low]| Some((digit(*high)? << 4 | digit(*low)?) as u8));
    let bytes = bytes.collect::<Option<Vec<u8>>>().filter(|_| rest.is_empty());
    bytes.map(Bytes::from).ok_or_else(|| "data are pairs of hexadecimal digits".to_owned())
}
