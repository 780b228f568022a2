//! What a node is at the moment, and what it knows only while it is that.

use super::lease::Lease;
use super::progress::Progress;
use super::transfer::Transfer;
use crate::types::{Instant, LogIndex, NodeId, Round, Token, WriteSeq};
use crate::view::Role;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// A role with its state, which ends with it.
#[derive(Clone, Debug)]
pub(super) enum State {
    Follower,
    PreCandidate(Ballot),
    Candidate {
        ballot: Ballot,
        /// The write of the own vote: it counts once durable.
        vote: WriteSeq,
    },
    Leader(Leadership),
}

impl State {
    pub(super) fn role(&self) -> Role {
        match self {
            Self::Follower => Role::Follower,
            Self::PreCandidate(_) => Role::PreCandidate,
            Self::Candidate { .. } => Role::Candidate,
            Self::Leader(_) => Role::Leader,
        }
    }
}

/// The answers to one campaign: one a voter, the first counts, so that a duplicate changes nothing.
#[derive(Clone, Debug, Default)]
pub(super) struct Ballot(Vec<(NodeId, bool)>);

impl Ballot {
    pub(super) fn record(&mut self, voter: NodeId, granted: bool) {
        if self.of(voter).is_none() {
            self.0.push((voter, granted));
        }
    }

    /// Records an answer whether or not the voter has answered before: what [`Ballot::record`] must not do.
    pub(super) fn record_again(&mut self, voter: NodeId, granted: bool) {
        self.0.push((voter, granted));
    }

    /// How many answers are grants.
    pub(super) fn grants(&self) -> usize {
        self.0.iter().filter(|(_, granted)| *granted).count()
    }

    pub(super) fn of(&self, voter: NodeId) -> Option<bool> {
        self.0.iter().find(|(node, _)| *node == voter).map(|(_, granted)| *granted)
    }
}

/// What a leader knows (Raft Figure 2, volatile state on leaders; thesis §6.2, §6.4).
#[derive(Clone, Debug)]
pub(super) struct Leadership {
    /// One for each other node, ascending.
    pub(super) followers: Vec<Progress>,
    /// Whether some of them are in the configuration before the one in force alone.
    pub(super) drops_followers: bool,
    /// The first entry of the own term: until it is committed the commit index may lag behind what an
    /// earlier leader answered.
    pub(super) term_start: LogIndex,
    /// The latest contact round begun.
    pub(super) round: Round,
    /// The latest contact round that a quorum has answered.
    pub(super) confirmed: Round,
    /// Reads that wait for a round, ascending in it.
    pub(super) reads: VecDeque<PendingRead>,
    pub(super) lease: Lease,
    /// A follower has refused what it once acknowledged, which may only be late.
    pub(super) in_doubt: bool,
    /// The handing over that is under way.
    pub(super) transfer: Option<Transfer>,
    /// The bytes of the entries after the commit index.
    pub(super) uncommitted_bytes: usize,
    /// When to speak next.
    pub(super) heartbeat_at: Instant,
    /// When to look next whether a quorum still answers.
    pub(super) quorum_check_at: Instant,
}

/// A read that waits until a quorum has answered `round`.
#[derive(Clone, Copy, Debug)]
pub(super) struct PendingRead {
    pub(super) reader: Reader,
    pub(super) round: Round,
    pub(super) index: LogIndex,
}

/// Who asked.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reader {
    /// The layer above.
    Own(Token),
    /// Another node, by its own name for the question.
    Peer(NodeId, u64),
}

impl Leadership {
    /// What is known of a follower.
    pub(super) fn follower(&self, node: NodeId) -> Option<&Progress> {
        self.followers.iter().find(|follower| follower.node == node)
    }

    /// The bytes of all that waits to be committed.
    pub(super) fn bytes_under_way(&self) -> usize {
        self.uncommitted_bytes + self.transfer.as_ref().map_or(0, Transfer::held_bytes)
    }

    /// A value of each voter, for quorum arithmetic: the leader's own, or what `of` reads from a follower.
    /// Nothing is known of a voter that is not followed.
    pub(super) fn reached(&self, voter: NodeId, me: NodeId, own: u64, of: impl Fn(&Progress) -> u64) -> u64 {
        if voter == me { own } else { self.follower(voter).map_or(0, of) }
    }
}
