//! What can happen to a node.

use crate::message::Message;
use crate::types::{Bytes, Token, WriteSeq};

/// One thing that happened to a [`Node`](crate::Node).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// The node's clock may have reached its deadline. Early or repeated calls do nothing.
    Timeout,
    /// A message arrived: late, twice, out of order, as networks do.
    Message(Message),
    /// The layer above asks for these bytes to be replicated.
    Propose {
        /// The caller's handle for the outcome.
        token: Token,
        /// The payload.
        data: Bytes,
    },
    /// The layer above asks for a point at which a read is linearizable.
    Read {
        /// The caller's handle for the outcome.
        token: Token,
    },
    /// Every write up to `seq` is durable.
    Persisted {
        /// The last durable write.
        seq: WriteSeq,
    },
    /// Behave as if the election timeout had elapsed. Operators, tests and scenarios use it.
    Campaign,
}
