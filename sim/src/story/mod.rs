//! The story of a violation: of all that happened, what led to it.
//!
//! An event is in the past of another if it came before it at the same node or client, or sent what arrived there
//! (Lamport 1978); what is in nobody's past cannot have mattered. Of the past of the violation the story tells what
//! changed anything: who campaigned and got whose vote, who became what, which entries arrived, were acknowledged and
//! committed, what was done to the cluster, and what was lost of all that. Heartbeats and the like are left out.

use crate::history::ClientId;
use crate::observation::{Promise, Property};
use crate::replica::{MessageFacts, MessageKind};
use crate::run::{Deed, Found, Recording, RunReport, TraceLine};
use crate::scenario::model::Action;
use crate::trace::Record;
use schemars::JsonSchema;
use seaworthy_core::types::{EntryId, LogIndex, NodeId, Term};
use seaworthy_core::view::Role;
use std::collections::BTreeMap;

/// What `property` says, with where the paper says it.
pub fn statement(property: Property) -> String {
    let schema = Property::json_schema(&mut schemars::SchemaGenerator::default()).to_value();
    let name = crate::report::property_name(property);
    let variants = schema["oneOf"].as_array().expect("there are several properties");
    let variant = variants.iter().find(|variant| variant["const"] == name.as_str());
    let statement = variant.and_then(|variant| variant["description"].as_str());
    statement.expect("every property is described").replace('\n', " ")
}

/// How many lines of the story a person wants to see at once.
pub const STORY_LINES: usize = 28;

/// The story in words: what the property says, where one is broken, and what led there.
pub fn telling(report: &RunReport, recording: &Recording) -> Vec<String> {
    let statement = report.violation.as_ref().map(|found| format!("  {}", statement(found.property)));
    let lines = story(report, recording, STORY_LINES).into_iter().map(|line| line.to_string());
    statement.into_iter().chain(lines).collect()
}

/// What led to the violation of a run, or to its end if it broke nothing, in at most `limit` lines.
pub fn story(report: &RunReport, recording: &Recording, limit: usize) -> Vec<TraceLine> {
    let past = Past::of(report.violation.as_ref(), &recording.trace);
    let detail = report.violation.as_ref().map_or("", |found| &found.detail);
    let mut teller = Teller { detail, acknowledged: BTreeMap::new(), lost: Vec::new(), lines: Vec::new() };
    let mut deeds = recording.deeds.iter().peekable();
    for (line, inside) in recording.trace.iter().zip(&past.inside) {
        while let Some(deed) = deeds.next_if(|deed| deed.at <= line.at) {
            teller.deed(deed, line.step);
        }
        if *inside {
            teller.line(line);
        }
    }
    teller.told(limit)
}

/// How many events there are in the past of the violation: messages that arrived, timers, requests, instructions,
/// crashes and starts. What a model checker would call its depth.
pub fn depth(report: &RunReport, recording: &Recording) -> u64 {
    let past = Past::of(report.violation.as_ref(), &recording.trace);
    let counts = |line: &TraceLine| match line.record {
        Some(
            Record::Delivered { .. }
            | Record::Timeout { .. }
            | Record::Campaign { .. }
            | Record::Asked { .. }
            | Record::Instructed { .. }
            | Record::Crashed { .. }
            | Record::Wiped { .. },
        ) => true,
        // All nodes start at the beginning.
        Some(Record::Booted { .. }) => line.at.0 > 0,
        _ => false,
    };
    let inside = recording.trace.iter().zip(&past.inside);
    inside.filter(|(line, inside)| **inside && counts(line)).count() as u64
}

/// Which lines of a trace are in the past of its violation.
struct Past {
    inside: Vec<bool>,
}

impl Past {
    fn of(found: Option<&Found>, trace: &[TraceLine]) -> Self {
        // How far the past of each reaches: up to this line.
        let mut nodes: BTreeMap<NodeId, usize> = BTreeMap::new();
        let mut clients: BTreeMap<ClientId, usize> = BTreeMap::new();
        let named = found.map_or(Vec::new(), |found| nodes_in(&found.detail));
        let begins = |node: NodeId| {
            let meant = found.is_some_and(|found| found.node == Some(node)) || named.contains(&node);
            meant || found.is_none_or(|found| found.node.is_none() && named.is_empty())
        };
        let everybody = found.is_some_and(|found| found.node.is_none());
        let reach = |nodes: &mut BTreeMap<NodeId, usize>, node, line| {
            let reached = nodes.entry(node).or_insert(line);
            *reached = (*reached).max(line);
        };
        let mut inside = vec![false; trace.len()];
        for (number, line) in trace.iter().enumerate().rev() {
            let Some(record) = line.record else {
                // What is no client's line and has no record came from a file, without its past.
                let reached = |client| clients.get(&client).is_some_and(|end| number <= *end);
                inside[number] = everybody || client_in(&line.text).is_none_or(reached);
                continue;
            };
            inside[number] = match record.node() {
                None => true,
                Some(node) => begins(node) || nodes.get(&node).is_some_and(|end| number <= *end),
            };
            match record {
                Record::Asked { client, .. } if inside[number] => {
                    clients.entry(client).or_insert(number);
                }
                Record::Answered { client, node } => {
                    inside[number] = everybody || clients.get(&client).is_some_and(|end| number <= *end);
                    if inside[number] {
                        reach(&mut nodes, node, number);
                    }
                }
                Record::Delivered { message } if inside[number] => {
                    let sent = |earlier: &TraceLine| match earlier.record {
                        Some(
                            Record::Sent { message: sent, arrival }
                            | Record::Doubled { message: sent, arrival },
                        ) => sent == message && arrival <= line.at,
                        _ => false,
                    };
                    if let Some(sent) = trace[..number].iter().rposition(sent) {
                        reach(&mut nodes, message.from, sent);
                    }
                }
                _ => {}
            }
        }
        Self { inside }
    }
}

/// Who tells the story.
struct Teller<'a> {
    detail: &'a str,
    /// What was told to be acknowledged, by sender and addressee.
    acknowledged: BTreeMap<(NodeId, NodeId), LogIndex>,
    /// What was told to be lost: the same, lost again and again, is told once.
    lost: Vec<MessageFacts>,
    /// With whether it is of the first importance.
    lines: Vec<(bool, TraceLine)>,
}

impl Teller<'_> {
    fn deed(&mut self, deed: &Deed, step: u64) {
        // These have lines of their own in the trace.
        let told = matches!(
            deed.action,
            Action::Invoke { .. }
                | Action::Crash(_)
                | Action::Restart(_)
                | Action::Pause(_)
                | Action::Resume(_)
                | Action::Campaign(_)
                | Action::Wipe(_)
                | Action::BackUp(_)
                | Action::RestoreBackup(_)
                | Action::JumpClock { .. }
        );
        if !told {
            let text = serde_json::to_string(&deed.action).expect("an action is plain data");
            self.lines.push((true, TraceLine { at: deed.at, step, node: None, text, record: None }));
        }
    }

    fn line(&mut self, line: &TraceLine) {
        let importance = match line.record {
            None => Some(true),
            Some(record) => self.importance(&record),
        };
        self.lines.extend(importance.map(|first| (first, line.clone())));
    }

    /// Whether a record is told, and if so, whether it is of the first importance.
    fn importance(&mut self, record: &Record) -> Option<bool> {
        match record {
            Record::Became { role, term, .. } => {
                let news = *term > Term::ZERO || *role != Role::Follower;
                news.then_some(matches!(role, Role::Candidate | Role::Leader))
            }
            Record::Delivered { message } => self.arrived(message),
            Record::Lost { message, .. } => {
                let news = self.matters(message) && !self.lost.contains(message);
                news.then(|| self.lost.push(*message)).map(|()| false)
            }
            Record::Applied { id, .. } => self.names(*id).then_some(true),
            Record::Committed { commit, .. } => Some(self.names_index(*commit)),
            Record::Booted { hard_state, last, .. } => {
                (0 < hard_state.term.0 || *last != EntryId::ZERO).then_some(true)
            }
            Record::Campaign { .. }
            | Record::Crashed { .. }
            | Record::DiskFailed { .. }
            | Record::Paused { .. }
            | Record::Resumed { .. }
            | Record::Doomed { .. }
            | Record::Rotted { .. }
            | Record::Refused { .. }
            | Record::ClockJumped { .. }
            | Record::Wiped { .. }
            | Record::BackedUp { .. }
            | Record::Restored { .. }
            | Record::Retired { .. }
            | Record::Healed => Some(true),
            Record::Instructed { .. } | Record::Asked { .. } | Record::ClientLost { .. } => Some(false),
            Record::Sent { .. }
            | Record::Doubled { .. }
            | Record::Timeout { .. }
            | Record::Stepped { .. }
            | Record::Synced { .. }
            | Record::CrashPointSet { .. }
            | Record::SyncWillFail { .. }
            | Record::SpaceChanged { .. }
            | Record::DiskChanged { .. }
            | Record::Cut { .. }
            | Record::Mended { .. }
            | Record::Clogged { .. }
            | Record::Unclogged
            | Record::LossChanged { .. }
            | Record::DuplicateChanged { .. }
            | Record::LatencyChanged
            | Record::Answered { .. } => None,
        }
    }

    fn arrived(&mut self, message: &MessageFacts) -> Option<bool> {
        match (message.kind, message.promise) {
            (MessageKind::VoteReply, _) => message.granted.then_some(true),
            (MessageKind::RequestVote, _) => None,
            (MessageKind::AppendReply, Promise::Acknowledge { matched }) => {
                let ends = (message.from, message.to);
                let news = self.acknowledged.insert(ends, matched) != Some(matched);
                (news && matched > LogIndex::ZERO).then(|| self.names_index(matched))
            }
            _ => self.matters(message).then_some(false),
        }
    }

    /// Whether a message can change more than a timer.
    fn matters(&self, message: &MessageFacts) -> bool {
        match message.kind {
            MessageKind::PreVote | MessageKind::PreVoteReply | MessageKind::Stale | MessageKind::Blank => {
                false
            }
            MessageKind::AppendEntries => 0 < message.entries,
            MessageKind::VoteReply => message.granted,
            MessageKind::AppendReply
            | MessageKind::RequestVote
            | MessageKind::InstallSnapshot
            | MessageKind::SnapshotReply
            | MessageKind::TimeoutNow
            | MessageKind::ReadIndex
            | MessageKind::ReadIndexReply => true,
        }
    }

    /// Whether the violation names this entry, or its index.
    fn names(&self, id: EntryId) -> bool {
        is_word(self.detail, &id.to_string()) || self.names_index(id.index)
    }

    fn names_index(&self, index: LogIndex) -> bool {
        is_word(self.detail, &format!("{index}@")) || is_word(self.detail, &format!("index {index}"))
    }

    /// The story in at most `limit` lines: what is of less importance goes first, then what is long ago.
    fn told(self, limit: usize) -> Vec<TraceLine> {
        let mut lines = self.lines;
        let all = lines.len();
        if limit < all {
            let room = limit.saturating_sub(1);
            let mut excess = all - room;
            lines.retain(|(first, _)| *first || !take_one(&mut excess));
            lines.drain(..lines.len().saturating_sub(room));
        }
        let left_out = all - lines.len();
        let mut told: Vec<TraceLine> = lines.into_iter().map(|(_, line)| line).collect();
        if let (true, Some(first)) = (0 < left_out, told.first().cloned()) {
            let text = format!("… {left_out} lines of less importance are left out");
            told.insert(0, TraceLine { node: None, text, record: None, ..first });
        }
        told
    }
}

/// Takes one from `count`, if there is any left.
fn take_one(count: &mut usize) -> bool {
    let left = 0 < *count;
    *count -= usize::from(left);
    left
}

/// The nodes that a text speaks of.
fn nodes_in(text: &str) -> Vec<NodeId> {
    let mut nodes = Vec::new();
    for (start, _) in text.match_indices('n') {
        let digits = text[start + 1..].split(|c: char| !c.is_ascii_digit()).next().unwrap_or("");
        let apart = !text[..start].ends_with(char::is_alphanumeric);
        if let Some(node) = digits.parse().ok().filter(|_| apart).and_then(NodeId::try_new) {
            nodes.push(node);
        }
    }
    nodes
}

/// The client whose line this is: `c3 #7 asks GET a`.
fn client_in(text: &str) -> Option<ClientId> {
    let (client, _) = text.strip_prefix('c')?.split_once(" #")?;
    client.parse().ok().map(ClientId)
}

/// Whether `text` holds `word` apart from other letters and digits: `7@2` is not in `17@2`.
fn is_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(start, _)| {
        let before = text[..start].chars().next_back();
        let after = text[start + word.len()..].chars().next();
        let open = word.ends_with('@');
        !before.is_some_and(char::is_alphanumeric) && (open || !after.is_some_and(|c| c.is_ascii_digit()))
    })
}

#[cfg(test)]
mod tests;
