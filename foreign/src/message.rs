//! What a message of the library's is, in neutral terms: what it promises is what the checkers hold its sender to.

use crate::convert::node;
use raft::eraftpb::{Message, MessageType};
use seaworthy_core::types::{EntryId, LogIndex, NodeId, Term};
use seaworthy_sim::observation::Promise;
use seaworthy_sim::replica::{MessageFacts, MessageKind};

/// Both ends of a message are set when it leaves the library.
fn end(number: u64) -> NodeId {
    node(number).expect("a message has two ends")
}

pub(crate) fn describe(message: &Message) -> MessageFacts {
    let last = EntryId::new(message.log_term, message.index);
    let matched = LogIndex(message.index);
    let granted = !message.reject;
    let (kind, promise, about) = match message.get_msg_type() {
        MessageType::MsgRequestPreVote => (MessageKind::PreVote, Promise::Nothing, last),
        MessageType::MsgRequestPreVoteResponse => {
            (MessageKind::PreVoteReply, Promise::Nothing, EntryId::ZERO)
        }
        MessageType::MsgRequestVote => (MessageKind::RequestVote, Promise::Campaign { last }, last),
        MessageType::MsgRequestVoteResponse => {
            let promise = if granted { Promise::Vote } else { Promise::Nothing };
            (MessageKind::VoteReply, promise, EntryId::ZERO)
        }
        MessageType::MsgAppend => (MessageKind::AppendEntries, Promise::Lead, last),
        MessageType::MsgHeartbeat => (MessageKind::AppendEntries, Promise::Lead, EntryId::ZERO),
        MessageType::MsgAppendResponse if granted => {
            let about = EntryId { index: matched, ..EntryId::ZERO };
            (MessageKind::AppendReply, Promise::Acknowledge { matched }, about)
        }
        MessageType::MsgAppendResponse => {
            let hint = EntryId::new(message.log_term, message.reject_hint);
            (MessageKind::AppendReply, Promise::Nothing, hint)
        }
        MessageType::MsgHeartbeatResponse => (MessageKind::AppendReply, Promise::Nothing, EntryId::ZERO),
        MessageType::MsgSnapshot => {
            let metadata = message.get_snapshot().get_metadata();
            let about = EntryId::new(metadata.term, metadata.index);
            (MessageKind::InstallSnapshot, Promise::Lead, about)
        }
        MessageType::MsgTimeoutNow => (MessageKind::TimeoutNow, Promise::Lead, EntryId::ZERO),
        MessageType::MsgReadIndex => (MessageKind::ReadIndex, Promise::Nothing, EntryId::ZERO),
        MessageType::MsgReadIndexResp => {
            let about = EntryId { index: matched, ..EntryId::ZERO };
            (MessageKind::ReadIndexReply, Promise::Nothing, about)
        }
        local => unreachable!("{local:?} never leaves a server that proposes and transfers only as leader"),
    };
    let entries = u32::try_from(message.entries.len()).unwrap_or(u32::MAX);
    let (from, to, term) = (end(message.from), end(message.to), Term(message.term));
    MessageFacts { from, to, term, kind, promise, about, entries, granted }
}
