//! The records of a trace: how they are folded into the fingerprint and how they read.

use super::fingerprint::Fingerprint;
use crate::disk::{CrashPoint, Failure};
use crate::history::ClientId;
use crate::network::{Cause, Owner};
use crate::observation::{HardStateFact, Promise};
use crate::replica::{MessageFacts, MessageKind};
use crate::time::{Span, Time};
use seaworthy_core::member::Instruction;
use seaworthy_core::storage::RecoveryError;
use seaworthy_core::types::{EntryId, LogIndex, NodeId, Term, WriteSeq};
use seaworthy_core::view::Role;
use std::fmt;

/// One thing that happened, in plain integers.
#[allow(missing_docs)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record {
    /// A message left and will arrive.
    Sent { message: MessageFacts, arrival: Time },
    /// It will arrive a second time.
    Doubled { message: MessageFacts, arrival: Time },
    /// A message is lost, on its way or where it arrived.
    Lost { message: MessageFacts, cause: Cause },
    /// A message arrived.
    Delivered { message: MessageFacts },
    /// A node's timer went off.
    Timeout { node: NodeId },
    /// A node was told to campaign.
    Campaign { node: NodeId },
    /// A node's role or term changed.
    Became { node: NodeId, term: Term, role: Role },
    /// A node's commit index changed.
    Committed { node: NodeId, term: Term, commit: LogIndex },
    /// A node applied an entry.
    Applied { node: NodeId, id: EntryId, executed: bool, state_hash: u64 },
    /// What a node looks like after a step. Not on a line of its own.
    Stepped { node: NodeId, term: Term, commit: LogIndex, last: EntryId, state_hash: u64 },
    /// A node's disk holds everything up to this write.
    Synced { node: NodeId, seq: WriteSeq },
    /// A node went down, with so many writes that were not known to be durable.
    Crashed { node: NodeId, pending: u64 },
    /// A node's disk did not do what it was told, and the node goes down.
    DiskFailed { node: NodeId, failure: Failure },
    /// A node started.
    Booted { node: NodeId, hard_state: HardStateFact, last: EntryId },
    /// A node was frozen.
    Paused { node: NodeId },
    /// A node goes on.
    Resumed { node: NodeId },
    /// A node will crash in the middle of a step.
    Doomed { node: NodeId },
    /// A node's host will crash when its disk comes to this point.
    CrashPointSet { node: NodeId, point: CrashPoint },
    /// A node's next sync will fail.
    SyncWillFail { node: NodeId },
    /// There is no space on a node's disk any more, or there is again.
    SpaceChanged { node: NodeId, full: bool },
    /// Something that was durable on a node's disk is damaged.
    Rotted { node: NodeId },
    /// A node does not start: its disk is not what it wrote.
    Refused { node: NodeId, why: RecoveryError },
    /// A node's clock was set forward.
    ClockJumped { node: NodeId, by: Span },
    /// A node's syncs take another time from here on.
    DiskChanged { node: NodeId },
    /// An operator told a node something.
    Instructed { node: NodeId, instruction: InstructionName },
    /// A node's disk lost everything.
    Wiped { node: NodeId },
    /// A copy of a node's disk was made.
    BackedUp { node: NodeId },
    /// The copy took the disk's place.
    Restored { node: NodeId },
    /// A node was removed and shut down for good.
    Retired { node: NodeId },
    /// A link was cut, one way. By whom is for the reader: the fingerprint knows what follows from it.
    Cut { from: NodeId, to: NodeId, owner: Owner },
    /// Cuts were mended, those of this owner; so many links carry messages again.
    Mended { links: u64, owner: Owner },
    /// The messages of a node are held back from here on.
    Clogged { node: NodeId },
    /// Messages that were held back arrive.
    Unclogged,
    /// Messages are lost with another likelihood from here on.
    LossChanged { ppm: u32 },
    /// Messages arrive twice with another likelihood from here on.
    DuplicateChanged { ppm: u32 },
    /// Messages take another time from here on.
    LatencyChanged,
    /// A client's request arrived at a node.
    Asked { client: ClientId, node: NodeId },
    /// A node's answer arrived at its client.
    Answered { client: ClientId, node: NodeId },
    /// A request or an answer was lost.
    ClientLost { client: ClientId, node: NodeId },
    /// The last fault is over.
    Healed,
}

/// What an operator asks for, without whom it is about.
#[allow(missing_docs)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstructionName {
    ChangeMembership,
    TransferLeadership,
    StepDown,
    TakeSnapshot,
}

impl From<&Instruction> for InstructionName {
    fn from(instruction: &Instruction) -> Self {
        match instruction {
            Instruction::ChangeMembership(_) => Self::ChangeMembership,
            Instruction::TransferLeadership(_) => Self::TransferLeadership,
            Instruction::StepDown => Self::StepDown,
            Instruction::TakeSnapshot => Self::TakeSnapshot,
        }
    }
}

impl Record {
    /// The node whose record this is, where there is one.
    pub fn node(&self) -> Option<NodeId> {
        match *self {
            Self::Sent { message, .. } | Self::Doubled { message, .. } => Some(message.from),
            Self::Lost { message, cause: Cause::Down } | Self::Delivered { message } => Some(message.to),
            Self::Lost { message, .. } => Some(message.from),
            Self::Timeout { node }
            | Self::Campaign { node }
            | Self::Became { node, .. }
            | Self::Committed { node, .. }
            | Self::Applied { node, .. }
            | Self::Stepped { node, .. }
            | Self::Synced { node, .. }
            | Self::Crashed { node, .. }
            | Self::DiskFailed { node, .. }
            | Self::CrashPointSet { node, .. }
            | Self::SyncWillFail { node }
            | Self::SpaceChanged { node, .. }
            | Self::Rotted { node }
            | Self::Refused { node, .. }
            | Self::Booted { node, .. }
            | Self::Paused { node }
            | Self::Resumed { node }
            | Self::Doomed { node }
            | Self::ClockJumped { node, .. }
            | Self::DiskChanged { node }
            | Self::Instructed { node, .. }
            | Self::Wiped { node }
            | Self::BackedUp { node }
            | Self::Restored { node }
            | Self::Clogged { node }
            | Self::Retired { node }
            | Self::Asked { node, .. }
            | Self::Answered { node, .. }
            | Self::ClientLost { node, .. } => Some(node),
            Self::Cut { from, .. } => Some(from),
            Self::Unclogged
            | Self::Mended { .. }
            | Self::LossChanged { .. }
            | Self::DuplicateChanged { .. }
            | Self::LatencyChanged
            | Self::Healed => None,
        }
    }

    /// Whether this goes into the fingerprint only.
    pub fn is_silent(&self) -> bool {
        matches!(self, Self::Stepped { .. })
    }

    /// Goes into the fingerprint: a number for the kind, then every field. The numbers must never change their
    /// meaning without need, or every fingerprint changes.
    pub(super) fn fold(&self, fingerprint: &mut Fingerprint) {
        let mut put = |kind: u64, node: NodeId, words: &[u64]| {
            fingerprint.word(kind | node.get() << 8);
            words.iter().for_each(|word| fingerprint.word(*word));
        };
        let nobody = NodeId::new(1);
        match *self {
            Self::Sent { message, arrival } => put(1, message.from, &packed(&message, arrival.0)),
            Self::Doubled { message, arrival } => put(2, message.from, &packed(&message, arrival.0)),
            Self::Lost { message, cause } => put(3, message.from, &packed(&message, cause as u64)),
            Self::Delivered { message } => put(4, message.from, &packed(&message, 0)),
            Self::Timeout { node } => put(5, node, &[]),
            Self::Campaign { node } => put(6, node, &[]),
            Self::Became { node, term, role } => put(7, node, &[term.0, role as u64]),
            Self::Committed { node, term, commit } => put(8, node, &[term.0, commit.0]),
            Self::Applied { node, id, executed, state_hash } => {
                put(9, node, &[id.term.0, id.index.0, u64::from(executed), state_hash]);
            }
            Self::Stepped { node, term, commit, last, state_hash } => {
                put(10, node, &[term.0, commit.0, last.term.0, last.index.0, state_hash]);
            }
            Self::Synced { node, seq } => put(11, node, &[seq.0]),
            Self::Crashed { node, pending } => put(12, node, &[pending]),
            Self::Booted { node, hard_state, last } => {
                let vote = hard_state.vote.map_or(0, NodeId::get);
                put(13, node, &[hard_state.term.0, vote, last.term.0, last.index.0]);
            }
            Self::Paused { node } => put(14, node, &[]),
            Self::Resumed { node } => put(15, node, &[]),
            Self::Doomed { node } => put(16, node, &[]),
            Self::ClockJumped { node, by } => put(17, node, &[by.0]),
            Self::DiskChanged { node } => put(18, node, &[]),
            Self::Cut { from, to, .. } => put(19, from, &[to.get()]),
            Self::Mended { links, .. } => put(20, nobody, &[links]),
            Self::LossChanged { ppm } => put(21, nobody, &[u64::from(ppm)]),
            Self::Asked { client, node } => put(22, node, &[u64::from(client.0)]),
            Self::Answered { client, node } => put(23, node, &[u64::from(client.0)]),
            Self::ClientLost { client, node } => put(24, node, &[u64::from(client.0)]),
            Self::Healed => put(25, nobody, &[]),
            Self::DuplicateChanged { ppm } => put(26, nobody, &[u64::from(ppm)]),
            Self::LatencyChanged => put(27, nobody, &[]),
            Self::Instructed { node, instruction } => put(28, node, &[instruction as u64]),
            Self::Wiped { node } => put(29, node, &[]),
            Self::Retired { node } => put(30, node, &[]),
            Self::DiskFailed { node, failure } => {
                let what = match failure {
                    Failure::Sync => 0,
                    Failure::Full => 1,
                    Failure::Crash(point) => 2 + point as u64,
                };
                put(31, node, &[what]);
            }
            Self::CrashPointSet { node, point } => put(32, node, &[point as u64]),
            Self::SyncWillFail { node } => put(33, node, &[]),
            Self::SpaceChanged { node, full } => put(34, node, &[u64::from(full)]),
            Self::Rotted { node } => put(35, node, &[]),
            Self::Refused { node, .. } => put(36, node, &[]),
            Self::Clogged { node } => put(37, node, &[]),
            Self::Unclogged => put(38, nobody, &[]),
            Self::BackedUp { node } => put(39, node, &[]),
            Self::Restored { node } => put(40, node, &[]),
        }
    }
}

/// What a message is, but for its sender, in few words.
fn packed(message: &MessageFacts, extra: u64) -> [u64; 5] {
    let promised = match message.promise {
        Promise::Acknowledge { matched } => matched.0,
        Promise::Campaign { .. } | Promise::Vote | Promise::Lead | Promise::Nothing => 0,
    };
    let small = message.to.get() << 56 | (message.kind as u64) << 48 | u64::from(message.granted) << 40;
    let about = message.about;
    [small | u64::from(message.entries), message.term.0, about.term.0 << 48 ^ about.index.0, promised, extra]
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Sent { message, .. } => directed(f, &message, '→'),
            Self::Doubled { message, .. } => {
                directed(f, &message, '→')?;
                f.write_str(" (again)")
            }
            Self::Lost { message, cause } => {
                directed(f, &message, '⇥')?;
                write!(f, " ({})", cause.name())
            }
            Self::Delivered { message } => {
                write!(f, "{} ← {}@{} ", message.to, message.from, message.term)?;
                said(f, &message)
            }
            Self::Timeout { node } => write!(f, "{node} timeout"),
            Self::Campaign { node } => write!(f, "{node} told to campaign"),
            Self::Became { node, term, role } => {
                let role = match role {
                    Role::Follower => "follower",
                    Role::PreCandidate => "pre-candidate",
                    Role::Candidate => "candidate",
                    Role::Leader => "leader",
                };
                write!(f, "{node}@{term} ⇨ {role}")
            }
            Self::Committed { node, term, commit } => write!(f, "{node}@{term} commit {commit}"),
            Self::Applied { node, id, executed, .. } => {
                write!(f, "{node} applied {id}{}", if executed { "" } else { " (no effect)" })
            }
            Self::Stepped { node, term, commit, last, .. } => {
                write!(f, "{node}@{term} commit {commit} last {last}")
            }
            Self::Synced { node, seq } => write!(f, "{node} durable up to write {seq}"),
            Self::Crashed { node, pending: 0 } => write!(f, "{node} crashed"),
            Self::Crashed { node, pending } => {
                write!(f, "{node} crashed with {pending} writes not yet durable")
            }
            Self::DiskFailed { node, failure } => write!(f, "{node} stops: {failure}"),
            Self::CrashPointSet { node, point } => write!(f, "{node} will {}", Failure::Crash(point)),
            Self::SyncWillFail { node } => write!(f, "{node} will fail its next sync"),
            Self::SpaceChanged { node, full: true } => write!(f, "{node} disk full"),
            Self::SpaceChanged { node, full: false } => write!(f, "{node} disk has space"),
            Self::Rotted { node } => write!(f, "{node} disk rots"),
            Self::Refused { node, why } => write!(f, "{node} does not start: {why}"),
            Self::Booted { node, hard_state, last } => {
                write!(f, "{node}@{} booted, last {last}", hard_state.term)?;
                hard_state.vote.map_or(Ok(()), |vote| write!(f, ", voted {vote}"))
            }
            Self::Paused { node } => write!(f, "{node} paused"),
            Self::Resumed { node } => write!(f, "{node} resumed"),
            Self::Doomed { node } => write!(f, "{node} will crash in its next step"),
            Self::ClockJumped { node, by } => write!(f, "{node} clock forward by {by}"),
            Self::DiskChanged { node } => write!(f, "{node} disk changed pace"),
            Self::Instructed { node, instruction } => {
                let what = match instruction {
                    InstructionName::ChangeMembership => "change the membership",
                    InstructionName::TransferLeadership => "hand over",
                    InstructionName::StepDown => "step down",
                    InstructionName::TakeSnapshot => "take a snapshot",
                };
                write!(f, "{node} told to {what}")
            }
            Self::Wiped { node } => write!(f, "{node} disk lost everything"),
            Self::BackedUp { node } => write!(f, "{node} disk copied"),
            Self::Restored { node } => write!(f, "{node} disk is the old copy"),
            Self::Retired { node } => write!(f, "{node} shut down for good"),
            Self::Clogged { node } => write!(f, "{node} messages held back"),
            Self::Unclogged => f.write_str("messages let go"),
            Self::Cut { from, to, .. } => write!(f, "link {from} → {to} cut"),
            Self::Mended { links, .. } => write!(f, "{links} links mended"),
            Self::LossChanged { ppm } => write!(f, "network loses {ppm} in a million messages"),
            Self::DuplicateChanged { ppm } => write!(f, "network doubles {ppm} in a million messages"),
            Self::LatencyChanged => f.write_str("network changed pace"),
            Self::Asked { client, node } => write!(f, "{node} ← c{}", client.0),
            Self::Answered { client, node } => write!(f, "c{} ← {node}", client.0),
            Self::ClientLost { client, node } => write!(f, "c{} ⇥ {node} (lost)", client.0),
            Self::Healed => f.write_str("every fault is over"),
        }
    }
}

fn directed(f: &mut fmt::Formatter<'_>, message: &MessageFacts, arrow: char) -> fmt::Result {
    write!(f, "{}@{} {arrow} {} ", message.from, message.term, message.to)?;
    said(f, message)
}

fn said(f: &mut fmt::Formatter<'_>, message: &MessageFacts) -> fmt::Result {
    let about = message.about;
    match (message.kind, message.promise) {
        (MessageKind::PreVote, _) => write!(f, "PreVote last {about}"),
        (MessageKind::RequestVote, _) => write!(f, "RequestVote last {about}"),
        (MessageKind::PreVoteReply, _) => write!(f, "PreVoteReply {}", yes(message.granted)),
        (MessageKind::VoteReply, _) => write!(f, "VoteReply {}", yes(message.granted)),
        (MessageKind::AppendEntries, _) if message.entries == 0 => write!(f, "AppendEntries prev {about}"),
        (MessageKind::AppendEntries, _) => write!(f, "AppendEntries prev {about} +{}", message.entries),
        (MessageKind::AppendReply, Promise::Acknowledge { matched }) => {
            write!(f, "AppendReply matched {matched}")
        }
        (MessageKind::AppendReply, _) => write!(f, "AppendReply no, try {about}"),
        (MessageKind::InstallSnapshot, _) => write!(f, "InstallSnapshot last {about}"),
        (MessageKind::SnapshotReply, _) => write!(f, "SnapshotReply last {about}"),
        (MessageKind::TimeoutNow, _) => f.write_str("TimeoutNow"),
        (MessageKind::ReadIndex, _) => f.write_str("ReadIndex"),
        (MessageKind::ReadIndexReply, _) => write!(f, "ReadIndexReply {}", about.index),
        (MessageKind::Stale, _) => f.write_str("Stale"),
        (MessageKind::Blank, _) => f.write_str("Blank"),
    }
}

fn yes(granted: bool) -> &'static str {
    if granted { "yes" } else { "no" }
}
