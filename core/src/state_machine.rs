//! The replicated state machine: sessions above the key-value store (thesis §6.3).

use crate::flaw::Flaws;
use crate::kv::{
    Admission, Answer, Command, DecodeError, Limits, Problem, Reader, Sessions, Store, put_varint,
};
use crate::types::{Bytes, LogIndex, SessionId};
use alloc::vec::Vec;

/// What a client asks, as it stands in a log entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The client's session; [`SessionId::ZERO`] while it has none.
    pub session: SessionId,
    /// The request's number within the session, from 1, ascending; the same number again is a retry. A client
    /// that opens a session has none yet to number by: it takes a number that no other client takes, such as a
    /// random one, so that its retries are known for what they are while the first is under way, or 0 if it
    /// does without.
    pub sequence: u64,
    /// What to do.
    pub operation: Operation,
}

/// The first byte of every request: the version of its encoding, which log entries on disk keep for ever.
const REQUEST_VERSION: u8 = 1;

/// The first byte of every encoded state: the version of its encoding, which snapshots on disk keep for ever.
const STATE_VERSION: u8 = 1;

const REGISTER: u8 = 0;
const COMMAND: u8 = 1;

/// Room for most requests, so that a buffer need not grow.
const SMALL_REQUEST: usize = 64;

impl Request {
    /// The bytes of a log entry's payload: version, session, sequence, kind of operation and the command, numbers
    /// as in [`Command::encode`].
    pub fn encode(&self) -> Bytes {
        let mut out = Vec::with_capacity(SMALL_REQUEST);
        out.push(REQUEST_VERSION);
        put_varint(&mut out, self.session.0);
        put_varint(&mut out, self.sequence);
        match &self.operation {
            Operation::Register => out.push(REGISTER),
            Operation::Command(command) => {
                out.push(COMMAND);
                command.encode(&mut out);
            }
        }
        out.into()
    }

    /// The request that `bytes` are, all of them; `None` if they are none. Total, and of a cost in proportion to
    /// the bytes that are there. Each request has exactly one encoding.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let request = Reader::versioned(bytes, REQUEST_VERSION, |reader| {
            let session = SessionId(reader.varint()?);
            let sequence = reader.varint()?;
            let unknown = reader.problem(Problem::Tag);
            let operation = match reader.byte()? {
                REGISTER => Operation::Register,
                COMMAND => Operation::Command(reader.command()?),
                _ => return Err(unknown),
            };
            Ok(Self { session, sequence, operation })
        });
        request.ok()
    }
}

/// What a request does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Opens a session, whose identity is the index of the entry.
    Register,
    /// Runs a command.
    Command(Command),
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The session is open.
    Registered(SessionId),
    /// The command ran, now or when it was first sent.
    Answer(Answer),
    /// No such session: it was never opened, or has expired. Nothing was done now; whether the request ran while the
    /// session was open is forgotten.
    UnknownSession,
    /// The session has already gone on to a later request; what came of this one is forgotten. Nothing was done now.
    Superseded,
    /// The entry's bytes are not a request. Nothing was done.
    Malformed,
    /// An operator's instruction was carried out.
    Done,
}

/// What applying one entry did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// For the client.
    pub outcome: Outcome,
    /// The session and sequence of the request, if the entry holds one.
    pub request: Option<(SessionId, u64)>,
    /// Whether the command ran now, rather than being answered from the session table or refused. A registration
    /// is no command.
    pub executed: bool,
}

/// Sessions and store. Two replicas that applied the same entries have equal hashes.
#[derive(Clone, Debug, Default)]
pub struct StateMachine {
    sessions: Sessions,
    store: Store,
}

impl StateMachine {
    /// Without sessions and keys. The members of a cluster begin with the same limits.
    pub fn new(limits: Limits) -> Self {
        Self { sessions: Sessions::new(limits), store: Store::default() }
    }

    /// Applies the entry at `index` whose payload is `data`. A no-op entry is not applied here, but counts: indexes
    /// ascend, maybe with gaps, and sessions expire by them. Deterministic and total: any bytes, any state.
    ///
    /// A command runs only in an open session, and each of a session's requests at most once. That holds for one
    /// that only reads, too: a client should read by [`query`](Self::query), but may send it through the log.
    pub fn apply(&mut self, flaws: impl Flaws, index: LogIndex, data: &[u8]) -> Applied {
        self.sessions.expire_unused(index);
        let Some(request) = Request::decode(data) else {
            return Applied { outcome: Outcome::Malformed, request: None, executed: false };
        };
        let mut executed = false;
        let outcome = match &request.operation {
            Operation::Register => {
                let session = SessionId(index.0);
                self.sessions.open(session, index);
                Outcome::Registered(session)
            }
            Operation::Command(command) => {
                match self.sessions.admit(flaws, request.session, request.sequence, index) {
                    Admission::Run => {
                        executed = true;
                        let answer = self.store.execute(command);
                        self.sessions.record(request.session, request.sequence, answer.clone());
                        Outcome::Answer(answer)
                    }
                    Admission::Answered(answer) => Outcome::Answer(answer),
                    Admission::Superseded => Outcome::Superseded,
                    Admission::Unknown => Outcome::UnknownSession,
                }
            }
        };
        Applied { outcome, request: Some((request.session, request.sequence)), executed }
    }

    /// Answers a command that changes nothing, outside of any session. `None` if it would change something.
    pub fn query(&self, command: &Command) -> Option<Answer> {
        self.store.query(command)
    }

    /// Has a GET be for the first key that is held, from its own on.
    pub(crate) fn seek(&self, command: &mut Command) {
        if let Command::Get { key } = command
            && let Some((found, _)) = self.store.iter().find(|(held, _)| *held >= key)
        {
            key.clone_from(found);
        }
    }

    /// The whole state as bytes. Equal states have equal bytes, so that replicas' snapshots can be compared.
    pub fn encode(&self, flaws: impl Flaws) -> Bytes {
        let mut out = Vec::new();
        out.push(STATE_VERSION);
        self.sessions.encode(flaws, &mut out);
        self.store.encode(&mut out);
        out.into()
    }

    /// The state that `bytes` are, all of them, which behaves in all as the one that was encoded. Total, and of a
    /// cost in proportion to the bytes that are there, whatever lengths they claim.
    ///
    /// # Errors
    /// What is wrong first, and where.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        Reader::versioned(bytes, STATE_VERSION, |reader| {
            Ok(Self { sessions: Sessions::decode(reader)?, store: Store::decode(reader)? })
        })
    }

    /// A hash of everything in the state, store, sessions and their limits, kept up to date at the cost of what
    /// changed.
    pub fn hash(&self) -> u64 {
        // Both are sums over items whose kinds differ, so that their sum is that over all items.
        self.store.hash().wrapping_add(self.sessions.hash())
    }
}
