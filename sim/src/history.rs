//! What clients saw: invocations and completions.

use crate::time::Time;
use seaworthy_core::kv::{Answer, Command};
use seaworthy_core::member::ReadMode;

/// An operation of a run, numbered from 0 in order of invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OperationId(pub u64);

/// A client, numbered from 1. One operation at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(pub u32);

/// One thing that a client did or saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HistoryEvent {
    /// A client asked.
    Invoked {
        /// The operation.
        operation: OperationId,
        /// Who asked.
        client: ClientId,
        /// What for.
        command: Command,
        /// On whose word it is to be answered, if it changes nothing.
        mode: ReadMode,
        /// When.
        at: Time,
    },
    /// An operation came to an end, as far as its client knows.
    Completed {
        /// The operation.
        operation: OperationId,
        /// Who had asked.
        client: ClientId,
        /// How it ended.
        completion: Completion,
        /// When.
        at: Time,
    },
}

/// How an operation ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Completion {
    /// It took effect once, between its invocation and now, and answered this.
    Ok(Answer),
    /// It surely did not and will not take effect.
    Fail,
    /// Nobody knows: it may take effect at any time from its invocation on, or never. A checker never drops it.
    Info,
}
