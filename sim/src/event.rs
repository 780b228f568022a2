//! Everything that can happen in a world.

use crate::history::ClientId;
use seaworthy_core::member::{Instruction, ReadMode, Refusal};
use seaworthy_core::state_machine::{Outcome, Request};
use seaworthy_core::types::{NodeId, SessionId, Token};

/// One thing that happens; `M` is what the replicas say to each other.
#[derive(Clone, Debug)]
pub enum Event<M> {
    /// All nodes boot, clients and nemeses begin.
    Start,
    /// A message arrives from a peer.
    Deliver {
        /// The sender.
        from: NodeId,
        /// The addressee.
        to: NodeId,
        /// What it says.
        message: M,
    },
    /// A client's request arrives.
    Request {
        /// Where.
        node: NodeId,
        /// From whom.
        client: ClientId,
        /// Of which attempt.
        token: Token,
        /// What.
        request: Request,
        /// On whose word it is answered, if it changes nothing.
        mode: ReadMode,
    },
    /// An operator tells a node something.
    Instruct {
        /// Whom.
        node: NodeId,
        /// For the reply.
        token: Token,
        /// What.
        instruction: Instruction,
    },
    /// An answer arrives at its client.
    Reply {
        /// Which client.
        client: ClientId,
        /// Who answered.
        from: NodeId,
        /// Of which attempt.
        token: Token,
        /// The session and sequence of the request, if it was for the log.
        writes: Option<(SessionId, u64)>,
        /// What.
        result: Result<Outcome, Refusal>,
    },
    /// A node's timer goes off.
    Timeout {
        /// Whose.
        node: NodeId,
        /// Which arming of it; an older one than the last means nothing.
        arming: u32,
    },
    /// A sync ends.
    Synced {
        /// Whose disk.
        node: NodeId,
        /// In which life of the node; one of an earlier life means nothing.
        life: u32,
    },
    /// A node is to behave as if its election timeout had elapsed.
    Campaign {
        /// Which.
        node: NodeId,
    },
    /// A node that was paused takes up the first of the events that waited.
    Backlog {
        /// Which.
        node: NodeId,
    },
    /// A client wanted to be woken.
    ClientWake {
        /// Which.
        client: ClientId,
    },
    /// An operator looks how far a wish of his has come.
    OperatorWake {
        /// Which wish.
        number: u64,
    },
    /// A nemesis wanted to be woken.
    NemesisWake {
        /// Its position.
        position: usize,
    },
    /// A moment of the timeline has come.
    Moment {
        /// Its position.
        position: usize,
    },
    /// An expectation is due.
    Expect {
        /// Its position.
        position: usize,
    },
    /// The duration is over: what comes next is the liveness phase, or the end.
    Elapsed,
    /// The liveness phase has taken all the time that it may.
    Overdue,
}
