//! The lines and objects of an artifact's files.

use crate::history::{Completion, HistoryEvent, OperationId};
use crate::report::{RunRecord, since_start};
use crate::run::TraceLine;
use crate::scenario::model::ReadModeName;
use crate::time::{Span, Time};
use seaworthy_core::kv::{Answer, Command};
use seaworthy_core::member::ReadMode;
use seaworthy_core::types::NodeId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `result.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResultRecord {
    /// The version of the simulator that made the run.
    pub version: String,
    /// What it came to.
    #[serde(flatten)]
    pub run: RunRecord,
}

/// One line of the trace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TraceRecord {
    /// When, in virtual time, as in `"3.39s"`.
    pub at: Span,
    /// At which step.
    pub step: u64,
    /// The number of the node whose record this is, where there is one.
    pub node: Option<u64>,
    /// What happened, in the notation.
    pub text: String,
}

/// One line of the history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HistoryRecord {
    /// The client.
    pub process: u32,
    /// Which of the run's operations, from 0, in order of invocation.
    pub op: u64,
    /// Whether it begins, or how it ended.
    #[serde(rename = "type")]
    pub kind: HistoryKind,
    /// The key that it is about.
    pub key: String,
    /// The command, as at the prompt.
    pub command: String,
    /// On whose word it is to be answered, if that is not the leader's: a stale read need not fit with the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read: Option<ReadModeName>,
    /// The answer, as at the prompt, of an operation that was answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// Virtual nanoseconds since the start of the run.
    pub time: u64,
}

/// What a line of the history says about its operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HistoryKind {
    /// It begins.
    Invoke,
    /// It was answered.
    Ok,
    /// It surely had no effect.
    Fail,
    /// Its outcome is unknown.
    Info,
}

impl From<&TraceLine> for TraceRecord {
    fn from(line: &TraceLine) -> Self {
        Self {
            at: since_start(line.at),
            step: line.step,
            node: line.node.map(NodeId::get),
            text: line.text.clone(),
        }
    }
}

impl TryFrom<TraceRecord> for TraceLine {
    type Error = String;

    fn try_from(record: TraceRecord) -> Result<Self, String> {
        let node = match record.node {
            None => None,
            Some(number) => Some(NodeId::try_new(number).ok_or("nodes are numbered from 1, not 0")?),
        };
        Ok(Self { at: Time::ZERO + record.at, step: record.step, node, text: record.text, record: None })
    }
}

impl HistoryRecord {
    /// A history as lines. A completion repeats its operation's command, so that each line speaks for itself.
    pub fn all(history: &[HistoryEvent]) -> impl Iterator<Item = Self> {
        let mut open: BTreeMap<OperationId, (&Command, ReadMode)> = BTreeMap::new();
        history.iter().map(move |event| match event {
            HistoryEvent::Invoked { operation, client, command, mode, at } => {
                open.insert(*operation, (command, *mode));
                Self::new(client.0, *operation, HistoryKind::Invoke, (command, *mode), None, *at)
            }
            HistoryEvent::Completed { operation, client, completion, at } => {
                let asked =
                    open.remove(operation).expect("an operation is invoked before it ends, and ends once");
                let (kind, answer) = match completion {
                    Completion::Ok(answer) => (HistoryKind::Ok, Some(answer)),
                    Completion::Fail => (HistoryKind::Fail, None),
                    Completion::Info => (HistoryKind::Info, None),
                };
                Self::new(client.0, *operation, kind, asked, answer, *at)
            }
        })
    }

    fn new(
        process: u32,
        operation: OperationId,
        kind: HistoryKind,
        (command, mode): (&Command, ReadMode),
        answer: Option<&Answer>,
        at: Time,
    ) -> Self {
        Self {
            process,
            op: operation.0,
            kind,
            key: command.key().escape_ascii().to_string(),
            command: command.to_string(),
            read: ReadModeName::said(mode),
            answer: answer.map(ToString::to_string),
            time: at.0,
        }
    }
}
