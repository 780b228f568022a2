//! The replicated state machine: sessions above the key-value store (thesis §6.3).

use crate::flaw::Flaws;
use crate::kv::{Answer, Command};
use crate::types::{Bytes, LogIndex, SessionId};

/// What a client asks, as it stands in a log entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The client's session; [`SessionId::ZERO`] while it has none.
    pub session: SessionId,
    /// The request's number within the session, from 1, ascending; the same number again is a retry.
    pub sequence: u64,
    /// What to do.
    pub operation: Operation,
}

impl Request {
    /// The bytes of a log entry's payload.
    pub fn encode(&self) -> Bytes {
        unimplemented!()
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
    /// No such session: it was never opened, or has expired. Nothing was done.
    UnknownSession,
    /// The session has already gone on to a later request; what came of this one is forgotten. Nothing was done now.
    Superseded,
    /// The entry's bytes are not a request. Nothing was done.
    Malformed,
}

/// What applying one entry did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// For the client.
    pub outcome: Outcome,
    /// The session and sequence of the request, if the entry holds one.
    pub request: Option<(SessionId, u64)>,
    /// Whether the command ran now, rather than being answered from the session table or refused.
    pub executed: bool,
}

/// Sessions and store. Two replicas that applied the same entries have equal hashes.
#[derive(Clone, Debug, Default)]
pub struct StateMachine {}

impl StateMachine {
    /// Applies the entry at `index` whose payload is `data`. A no-op entry is not applied here.
    /// Deterministic and total: any bytes, any state.
    pub fn apply(&mut self, flaws: impl Flaws, index: LogIndex, data: &[u8]) -> Applied {
        let _ = (flaws, index, data);
        unimplemented!()
    }

    /// Answers a command that changes nothing. `None` if it would change something.
    pub fn query(&self, command: &Command) -> Option<Answer> {
        let _ = command;
        unimplemented!()
    }

    /// A hash of everything in the state, store and sessions, kept up to date at the cost of what changed.
    pub fn hash(&self) -> u64 {
        unimplemented!()
    }
}
