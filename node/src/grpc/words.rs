//! What clients and operators say, as protobuf.

use super::proto::{self, execute_reply::Reply, refusal::Reason};
use super::wire::{self, WireError};
use crate::client::{Failure, refusal_text};
use crate::server::{FollowerStatus, Status};
use seaworthy_core::kv::{Answer, Command, Kind};
use seaworthy_core::member::{ReadMode, Refusal};
use seaworthy_core::membership::Change;
use seaworthy_core::state_machine::{Operation, Outcome, Request};
use seaworthy_core::types::{Bytes, LogIndex, NodeId, SessionId, Term};
use seaworthy_core::view::Role;

/// A request as it travels.
pub(super) fn encode_request(request: &Request, mode: ReadMode) -> proto::ExecuteRequest {
    let command = match &request.operation {
        Operation::Register => None,
        Operation::Command(command) => Some(command.to_string()),
    };
    let mode = match mode {
        ReadMode::Leader => proto::ReadMode::Leader,
        ReadMode::Lease => proto::ReadMode::Lease,
        ReadMode::Follower => proto::ReadMode::Follower,
        ReadMode::Stale => proto::ReadMode::Stale,
    };
    proto::ExecuteRequest {
        session: request.session.0,
        sequence: request.sequence,
        command,
        mode: mode.into(),
    }
}

/// The request that came, or what is wrong with it in words.
pub(super) fn decode_request(request: proto::ExecuteRequest) -> Result<(Request, ReadMode), String> {
    let mode = match request.mode() {
        proto::ReadMode::Leader => ReadMode::Leader,
        proto::ReadMode::Lease => ReadMode::Lease,
        proto::ReadMode::Follower => ReadMode::Follower,
        proto::ReadMode::Stale => ReadMode::Stale,
    };
    let operation = match request.command {
        None => Operation::Register,
        Some(line) => Operation::Command(Command::parse(&line).map_err(|error| error.to_string())?),
    };
    Ok((Request { session: SessionId(request.session), sequence: request.sequence, operation }, mode))
}

/// What came of a request, as it travels. `address` is where a server can be reached.
pub(super) fn encode_reply(
    result: Result<Outcome, Refusal>,
    address: impl Fn(NodeId) -> Option<String>,
) -> proto::ExecuteReply {
    let reply = match result {
        Ok(Outcome::Registered(session)) => Reply::Session(session.0),
        Ok(Outcome::Answer(answer)) => Reply::Answer(encode_answer(answer)),
        Ok(Outcome::UnknownSession) => Reply::UnknownSession(proto::UnknownSession {}),
        Ok(Outcome::Superseded) => Reply::Superseded(proto::Superseded {}),
        Ok(Outcome::Malformed | Outcome::Done) => Reply::Refusal(invalid("the request is none".to_owned())),
        Err(refusal) => Reply::Refusal(encode_refusal(refusal, address)),
    };
    proto::ExecuteReply { reply: Some(reply) }
}

/// What came of a request.
pub(super) fn decode_reply(reply: proto::ExecuteReply) -> Result<Outcome, Failure> {
    let nonsense = || Failure::Lost { reason: "the server answers nonsense".to_owned(), leader: None };
    match reply.reply.ok_or_else(nonsense)? {
        Reply::Session(session) => Ok(Outcome::Registered(SessionId(session))),
        Reply::Answer(answer) => decode_answer(answer).map(Outcome::Answer).ok_or_else(nonsense),
        Reply::UnknownSession(_) => Ok(Outcome::UnknownSession),
        Reply::Superseded(_) => Ok(Outcome::Superseded),
        Reply::Refusal(refusal) => Err(decode_refusal(refusal)),
    }
}

/// A refusal for a request that makes no sense.
pub(super) fn invalid(text: String) -> proto::Refusal {
    proto::Refusal { reason: Reason::Invalid.into(), text, leader: String::new() }
}

/// A refusal as it travels.
pub(super) fn encode_refusal(refusal: Refusal, address: impl Fn(NodeId) -> Option<String>) -> proto::Refusal {
    let (reason, leader) = match refusal {
        Refusal::NotLeader { leader } => (Reason::NotLeader, leader),
        Refusal::Unknown { leader } => (Reason::Unknown, leader),
        Refusal::Overloaded => (Reason::Overloaded, None),
        Refusal::TooLarge => (Reason::TooLarge, None),
        Refusal::Busy | Refusal::NotCaughtUp { .. } => (Reason::Busy, None),
        Refusal::TransferFailed => (Reason::TransferFailed, None),
        Refusal::Change(_) | Refusal::NotVoter { .. } => (Reason::Invalid, None),
    };
    proto::Refusal {
        reason: reason.into(),
        text: refusal_text(refusal),
        leader: leader.and_then(address).unwrap_or_default(),
    }
}

/// What a refusal comes to for who asked.
pub(super) fn decode_refusal(refusal: proto::Refusal) -> Failure {
    let reason = refusal.reason();
    let leader = Some(refusal.leader).filter(|leader| !leader.is_empty());
    match reason {
        Reason::NotLeader => Failure::NotLeader { leader },
        Reason::Overloaded | Reason::Busy | Reason::TransferFailed => Failure::Later(refusal.text),
        Reason::TooLarge | Reason::Invalid => Failure::Invalid(refusal.text),
        Reason::Unknown | Reason::Unspecified => Failure::Lost { reason: refusal.text, leader },
    }
}

fn encode_kind(kind: Option<Kind>) -> i32 {
    let kind = match kind {
        None => proto::Kind::None,
        Some(Kind::String) => proto::Kind::String,
        Some(Kind::Hash) => proto::Kind::Hash,
        Some(Kind::Set) => proto::Kind::Set,
    };
    kind.into()
}

fn decode_kind(kind: i32) -> Option<Option<Kind>> {
    Some(match proto::Kind::try_from(kind).ok()? {
        proto::Kind::None => None,
        proto::Kind::String => Some(Kind::String),
        proto::Kind::Hash => Some(Kind::Hash),
        proto::Kind::Set => Some(Kind::Set),
    })
}

fn encode_answer(answer: Answer) -> proto::Answer {
    use proto::answer::Answer as Wire;
    let answer = match answer {
        Answer::Ok => Wire::Ok(proto::Ok {}),
        Answer::Nil => Wire::Nil(proto::Nil {}),
        Answer::Value(value) => Wire::Value(value.to_vec()),
        Answer::Integer(number) => Wire::Integer(number),
        Answer::Boolean(whether) => Wire::Boolean(whether),
        Answer::Pairs(pairs) => {
            let pair =
                |(field, value): (Bytes, Bytes)| proto::Pair { field: field.to_vec(), value: value.to_vec() };
            Wire::Pairs(proto::Pairs { pairs: pairs.into_iter().map(pair).collect() })
        }
        Answer::Members(members) => {
            Wire::Members(proto::Members { members: members.iter().map(|member| member.to_vec()).collect() })
        }
        Answer::Type(kind) => Wire::Type(encode_kind(kind)),
        Answer::WrongType { holds } => Wire::WrongType(encode_kind(Some(holds))),
        Answer::TooLarge => Wire::TooLarge(proto::TooLarge {}),
    };
    proto::Answer { answer: Some(answer) }
}

fn decode_answer(answer: proto::Answer) -> Option<Answer> {
    use proto::answer::Answer as Wire;
    Some(match answer.answer? {
        Wire::Ok(_) => Answer::Ok,
        Wire::Nil(_) => Answer::Nil,
        Wire::Value(value) => Answer::Value(value.into()),
        Wire::Integer(number) => Answer::Integer(number),
        Wire::Boolean(whether) => Answer::Boolean(whether),
        Wire::Pairs(pairs) => {
            let pair = |pair: proto::Pair| (pair.field.into(), pair.value.into());
            Answer::Pairs(pairs.pairs.into_iter().map(pair).collect())
        }
        Wire::Members(members) => Answer::Members(members.members.into_iter().map(Bytes::from).collect()),
        Wire::Type(kind) => Answer::Type(decode_kind(kind)?),
        Wire::WrongType(kind) => Answer::WrongType { holds: decode_kind(kind)?? },
        Wire::TooLarge(_) => Answer::TooLarge,
    })
}

/// The changes that came.
pub(super) fn decode_changes(changes: Vec<proto::Change>) -> Result<Vec<Change>, WireError> {
    let change = |change: proto::Change| {
        Ok(match change.change.ok_or(WireError::Missing("change"))? {
            proto::change::Change::AddVoter(node) => Change::AddVoter(wire::node(node)?),
            proto::change::Change::AddLearner(node) => Change::AddLearner(wire::node(node)?),
            proto::change::Change::Remove(node) => Change::Remove(wire::node(node)?),
        })
    };
    changes.into_iter().map(change).collect()
}

/// A change as it travels.
pub(super) fn encode_change(change: Change) -> proto::Change {
    let change = match change {
        Change::AddVoter(node) => proto::change::Change::AddVoter(node.get()),
        Change::AddLearner(node) => proto::change::Change::AddLearner(node.get()),
        Change::Remove(node) => proto::change::Change::Remove(node.get()),
    };
    proto::Change { change: Some(change) }
}

/// A server's visible state as it travels.
pub(super) fn encode_status(status: &Status, addresses: Vec<(NodeId, String)>) -> proto::StatusReply {
    let role = match status.role {
        Role::Follower => proto::Role::FollowerRole,
        Role::PreCandidate => proto::Role::PreCandidate,
        Role::Candidate => proto::Role::Candidate,
        Role::Leader => proto::Role::LeaderRole,
    };
    let follower = |follower: &FollowerStatus| proto::Follower {
        node: follower.node.get(),
        matched: follower.matched.0,
    };
    let address = |(node, address): (NodeId, String)| proto::Address { node: node.get(), address };
    proto::StatusReply {
        id: status.id.get(),
        role: role.into(),
        term: status.term.0,
        leader: status.leader.map_or(0, NodeId::get),
        commit: status.commit.0,
        applied: status.applied.0,
        last: Some(status.last.into()),
        snapshot: status.snapshot.map(proto::EntryId::from),
        state_hash: status.state_hash,
        membership: Some((&status.membership).into()),
        followers: status.followers.iter().map(follower).collect(),
        addresses: addresses.into_iter().map(address).collect(),
    }
}

/// The visible state that came.
pub(super) fn decode_status(status: proto::StatusReply) -> Result<Status, WireError> {
    let role = match status.role() {
        proto::Role::FollowerRole => Role::Follower,
        proto::Role::PreCandidate => Role::PreCandidate,
        proto::Role::Candidate => Role::Candidate,
        proto::Role::LeaderRole => Role::Leader,
    };
    let follower = |follower: proto::Follower| {
        Ok(FollowerStatus { node: wire::node(follower.node)?, matched: LogIndex(follower.matched) })
    };
    Ok(Status {
        id: wire::node(status.id)?,
        role,
        term: Term(status.term),
        leader: NodeId::try_new(status.leader),
        commit: LogIndex(status.commit),
        applied: LogIndex(status.applied),
        last: wire::entry_id(status.last)?,
        snapshot: status.snapshot.map(|id| wire::entry_id(Some(id))).transpose()?,
        state_hash: status.state_hash,
        membership: wire::membership(status.membership)?,
        followers: status.followers.into_iter().map(follower).collect::<Result<_, _>>()?,
    })
}
