//! What a node holds stays within its limits. What is stated is exact:
//!
//! - a leader takes no more than may be uncommitted, but for an entry where there is no other, which may be larger, for
//!   a configuration, and for what it found in its log when it was elected;
//! - no more messages with entries are on their way to a follower, and no more reads wait, than may;
//! - a snapshot is taken in time, unless the one before is still on its way to the disk;
//! - the log goes back no further than the trailing entries before the snapshot, by number and by bytes;
//! - what a node says of its log and of what is uncommitted, by which the rest goes, is no less than what it wrote.

use super::ghost::{Ghost, NodeGhost};
use super::violation;
use super::words::At;
use crate::observation::{Property, View, Violation};
use seaworthy_core::config::Config;
use seaworthy_core::message::Payload;
use seaworthy_core::types::{EntryId, LogIndex};
use seaworthy_core::view::Role;
use std::num::NonZeroU64;

/// What a node may hold; the same for all nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of what a leader has appended and not committed.
    pub uncommitted_bytes: usize,
    /// Bytes that a single entry counts for.
    pub entry_bytes: usize,
    /// Messages with entries on their way to one follower.
    pub inflight_messages: usize,
    /// Reads that wait.
    pub pending_reads: usize,
    /// Entries that are applied between one snapshot and the next; `None` if nobody is bound to take any.
    pub snapshot_interval: Option<NonZeroU64>,
    /// Entries before a snapshot's last that stay in the log.
    pub trailing_entries: u64,
    /// Bytes of entries that are applied between one snapshot and the next, and that stay in the log before its last;
    /// `None` if nobody counts them.
    pub snapshot_bytes: Option<NonZeroU64>,
}

impl Limits {
    /// Those of nodes with these settings.
    pub fn of(config: &Config) -> Self {
        Self {
            uncommitted_bytes: config.max_uncommitted_bytes,
            entry_bytes: Payload::Noop.size() + config.max_entry_bytes,
            inflight_messages: config.max_inflight_messages,
            pending_reads: config.max_pending_reads,
            snapshot_interval: config.snapshot_interval,
            trailing_entries: config.trailing_entries,
            snapshot_bytes: config.snapshot_bytes,
        }
    }
}

/// A node has taken a step.
pub(super) fn on_step(ghost: &Ghost, limits: &Limits, view: &View) -> Result<(), Violation> {
    let node = ghost.node(view.node);
    let usage = &view.usage;
    let failure = |detail: String| {
        let detail = format!("{} {detail}", At(view.node, view.term));
        Err(violation(Property::BoundedResources, view.node, detail))
    };
    if usage.inflight_messages > limits.inflight_messages {
        let (held, most) = (usage.inflight_messages, limits.inflight_messages);
        return failure(format!("has {held} messages on their way to one follower, where {most} may be"));
    }
    if usage.pending_reads > limits.pending_reads {
        let (held, most) = (usage.pending_reads, limits.pending_reads);
        return failure(format!("keeps {held} reads waiting, where {most} may"));
    }
    if let Some((said, held, what)) = understatement(node, view) {
        return failure(format!("says that it holds {said} {what}, where it holds {held} at least"));
    }
    let (before, now) = (node.seen.uncommitted_bytes, usage.uncommitted_bytes);
    let most = match before {
        0 => limits.uncommitted_bytes.max(limits.entry_bytes),
        _ => limits.uncommitted_bytes,
    };
    let changes = node.appended_from.is_some_and(|first| first <= node.configurations.latest().0);
    if before < now && most < now && !changes && !ghost.becomes_leader(view) {
        return failure(format!("went on from {before} uncommitted bytes to {now}, where {most} may be"));
    }
    match view.snapshot.and_then(|snapshot| excess(node, limits, view, snapshot)) {
        Some(detail) => failure(detail),
        None => Ok(()),
    }
}

/// What a node says of itself that is less than what it wrote, if it does: the word that all else here goes by. A leader
/// may hold proposals besides, and any node entries from before its snapshot.
fn understatement(node: &NodeGhost, view: &View) -> Option<(u64, u64, &'static str)> {
    let covered = view.snapshot?.index;
    let entries = view.last.index.0.saturating_sub(covered.0);
    let leads = view.role == Role::Leader;
    let uncommitted = if leads { node.log.bytes(view.commit, view.last.index).unwrap_or(0) } else { 0 };
    let told = [
        (view.usage.log_entries as u64, entries, "entries"),
        (view.usage.uncommitted_bytes as u64, uncommitted, "uncommitted bytes"),
    ];
    told.into_iter().find(|(said, held, _)| said < held)
}

/// How a node has applied too much since its snapshot, or its log goes back too far behind it, if that is so.
fn excess(node: &NodeGhost, limits: &Limits, view: &View, snapshot: EntryId) -> Option<String> {
    let (covered, applied) = (snapshot.index, view.applied);
    let under_way = node.snapshot != Some(snapshot);
    if let Some(interval) = limits.snapshot_interval
        && !under_way
        && covered.0 + interval.get() <= applied.0
    {
        return Some(format!(
            "has applied up to {applied} and takes no snapshot, {interval} entries after the one up to {snapshot}"
        ));
    }
    let held = view.usage.log_entries as u64;
    let kept = view.last.index.0 - covered.0 + limits.trailing_entries;
    if held > kept {
        return Some(format!(
            "holds {held} entries, where {kept} may be: those since its snapshot up to {snapshot}, \
             and {} before",
            limits.trailing_entries
        ));
    }
    let most = limits.snapshot_bytes?.get();
    let since = node.log.bytes(covered, applied).filter(|bytes| !under_way && most <= *bytes);
    if let Some(since) = since {
        return Some(format!(
            "has applied up to {applied} and takes no snapshot, {since} bytes after the one up to {snapshot}, \
             where {most} are enough"
        ));
    }
    let base = LogIndex(view.last.index.0.saturating_sub(held));
    let trailing = node.log.bytes(base, covered).filter(|bytes| most < *bytes)?;
    Some(format!(
        "goes on from {base} and holds {trailing} bytes before its snapshot up to {snapshot}, where {most} may be"
    ))
}
