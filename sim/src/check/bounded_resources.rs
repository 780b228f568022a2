//! What a node holds stays within its limits. What is stated is exact:
//!
//! - a leader takes no more than may be uncommitted, but for an entry where there is no other, which may be larger, for
//!   a configuration, and for what it found in its log when it was elected;
//! - no more messages with entries are on their way to a follower, and no more reads wait, than may;
//! - a snapshot is taken in time, unless the one before is still on its way to the disk;
//! - the log goes back no further than the trailing entries before the snapshot, by number and by bytes;
//! - what a node says of itself, by which the rest goes, is no less than what others know of it: what it wrote, sent,
//!   and was asked without having answered;
//! - a message carries no more bytes of entries than it may, but for a single entry.

use super::ghost::{Ghost, NodeGhost};
use super::requests::Requests;
use super::sent::Sent;
use super::violation;
use super::words::At;
use crate::observation::{Property, View, Violation};
use seaworthy_core::config::Config;
use seaworthy_core::message::Payload;
use seaworthy_core::types::{EntryId, LogIndex, NodeId, Term};
use seaworthy_core::view::Role;
use std::num::NonZeroU64;

/// What a node may hold; the same for all nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of what a leader has appended and not committed.
    pub uncommitted_bytes: usize,
    /// Bytes that a single entry counts for.
    pub entry_bytes: usize,
    /// Bytes of the entries of one message.
    pub batch_bytes: u64,
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
            batch_bytes: config.max_batch_bytes as u64,
            inflight_messages: config.max_inflight_messages,
            pending_reads: config.max_pending_reads,
            snapshot_interval: config.snapshot_interval,
            trailing_entries: config.trailing_entries,
            snapshot_bytes: config.snapshot_bytes,
        }
    }
}

/// Somebody sends its entries after `previous` up to `last`.
pub(super) fn on_send(
    ghost: &Ghost,
    limits: &Limits,
    (from, term): (NodeId, Term),
    previous: LogIndex,
    last: LogIndex,
) -> Result<(), Violation> {
    let node = ghost.node(from);
    // Only while it leads its log is for certain what it sends.
    let sends = node.leads() && node.seen.term == term && previous.next() < last;
    let bytes = if sends { node.log.bytes(previous, last).unwrap_or(0) } else { 0 };
    if bytes <= limits.batch_bytes {
        return Ok(());
    }
    let (me, most) = (At(from, term), limits.batch_bytes);
    let count = last.0 - previous.0;
    let detail =
        format!("{me} sent {count} entries after {previous} at once, {bytes} bytes, where {most} may be");
    Err(violation(Property::BoundedResources, from, detail))
}

/// A node has taken a step.
pub(super) fn on_step(
    ghost: &Ghost,
    limits: &Limits,
    outside: (&Requests, &Sent),
    view: &View,
) -> Result<(), Violation> {
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
    if let Some((said, held, what)) = understatement(ghost, limits, outside, view) {
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

/// What a node says of itself that is less than what others know, if it does: the word that all else here goes by. A
/// leader may have more under way than that, and any node entries from before its snapshot.
fn understatement(
    ghost: &Ghost,
    limits: &Limits,
    (requests, sent): (&Requests, &Sent),
    view: &View,
) -> Option<(u64, u64, &'static str)> {
    let (node, usage) = (ghost.node(view.node), &view.usage);
    let less = |said: usize, held: u64, what| ((said as u64) < held).then_some((said as u64, held, what));
    let entries = view.last.index.0.saturating_sub(view.snapshot?.index.0);
    let wrong = less(usage.log_entries, entries, "entries");
    if wrong.is_some() || view.role != Role::Leader {
        return wrong;
    }
    // A write that is neither answered nor in the log is held back, and has one byte at least.
    let held_back = requests.writes_beyond(view.node, view.last.index.0 - view.applied.0);
    let uncommitted = node.log.bytes(view.commit, view.last.index).unwrap_or(0) + held_back;
    // Whoever has applied an entry of its own term, and all that is committed, answers a read once it is confirmed.
    let up_to_date =
        view.applied == view.commit && node.log.get(view.commit).is_some_and(|entry| entry.term == view.term);
    let reads = if up_to_date { requests.reads(view.node) } else { 0 };
    // Of a full window one message may be taken for lost, so that it goes on.
    let window = limits.inflight_messages.saturating_sub(1);
    let told = usage.inflight_messages;
    let more = || sent.more_than(told, view, |node| !ghost.node(node).has_lost_disk());
    let on_their_way = if told < window { more().unwrap_or(0).min(window) } else { 0 };
    less(usage.uncommitted_bytes, uncommitted, "uncommitted bytes")
        .or_else(|| less(usage.pending_reads, reads as u64, "waiting reads"))
        .or_else(|| less(told, on_their_way as u64, "messages on their way"))
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
