//! States and shapes that chance alone hardly comes to, and that rare bugs need: logs that have parted, single messages
//! that come terms too late, clients that do not let go of a leader whom nobody else hears.

use super::Draw;
use super::faults::{Intensity, nemesis_of};
use crate::replica::MessageKind;
use crate::scenario::Scenario;
use crate::scenario::model::{Action, Cluster, Fault, InitialDisk, Moment, Rule, Verdict};
use crate::scenario::scalar::Target;
use crate::time::Span;
use std::iter::repeat_n;

/// Whose delay or repetition anything can hang on, and how often they are chosen.
const LATE: [(MessageKind, u32); 10] = [
    (MessageKind::AppendReply, 4),
    (MessageKind::AppendEntries, 4),
    (MessageKind::TimeoutNow, 4),
    (MessageKind::RequestVote, 2),
    (MessageKind::VoteReply, 2),
    (MessageKind::PreVoteReply, 1),
    (MessageKind::InstallSnapshot, 2),
    (MessageKind::SnapshotReply, 1),
    (MessageKind::ReadIndexReply, 1),
    (MessageKind::Stale, 1),
];

impl Draw {
    /// Its draws come after all others, so that what a seed means in all else stays the same.
    pub(super) fn direct(&mut self, scenario: &mut Scenario) {
        let Scenario { cluster, workload, timeline, rules, nemesis, duration, .. } = scenario;
        if 1 < cluster.nodes && self.one_in(4) {
            cluster.initial = self.parted(cluster);
            if self.one_in(2) {
                *timeline = self.away(cluster, *duration);
            }
        }
        if 1 < cluster.nodes && self.one_in(3) {
            let count = self.between(1, 3);
            for _ in 0..count {
                let rule = self.late(cluster, *duration);
                // Of two about one kind the first might decide alone.
                if rules.iter().all(|other| other.kind != rule.kind) {
                    rules.push(rule);
                }
            }
            // Without a leader that hands over there is no word of it to be late.
            let transfer = Fault::TransferLeadership;
            if rules.iter().any(|rule| rule.kind == Some(MessageKind::TimeoutNow))
                && nemesis.iter().all(|nemesis| nemesis.fault != transfer)
            {
                nemesis.push(nemesis_of(transfer, Intensity::Medium, cluster.election_timeout_min));
            }
        }
        if let Some(workload) = workload {
            let rest = workload.clients - workload.loyal_readers;
            workload.loyal_writers = self.of(&[(0, 3), (1, 2), (2, 1)]).min(rest.saturating_sub(1));
        }
    }

    /// Disks as leaders leave them behind that were cut off one after the other (Raft Figure 7). In each term somebody
    /// leads whose log a majority could vote for, appends to it, and gets some of it to a few others. All know the last of
    /// these terms, so that nobody can win it again.
    fn parted(&mut self, cluster: &Cluster) -> Vec<InitialDisk> {
        let nodes = cluster.nodes as usize;
        let mut logs: Vec<Vec<u64>> = vec![Vec::new(); nodes];
        let terms = self.between(1, 4);
        let sharing = self.of(&[(2, 1), (3, 2), (6, 1)]);
        for term in 1..=terms {
            let standing = |log: &Vec<u64>| (log.last().copied(), log.len());
            let electable = |log: &Vec<u64>| {
                logs.iter().filter(|other| standing(other) <= standing(log)).count() > nodes / 2
            };
            let candidates: Vec<usize> = (0..nodes).filter(|node| electable(&logs[*node])).collect();
            let leader = candidates[self.below(candidates.len() as u64) as usize];
            let burst = if self.one_in(3) { 12 } else { 3 };
            let count = self.between(1, burst) as usize;
            logs[leader].extend(repeat_n(term, count));
            for node in (0..nodes).filter(|node| *node != leader) {
                if self.one_in(sharing) {
                    let end = self.between(1, logs[leader].len() as u64) as usize;
                    let held = logs[leader][..end].to_vec();
                    if !logs[node].starts_with(&held) {
                        logs[node] = held;
                    }
                }
            }
        }
        let mut disks = Vec::new();
        for (log, node) in logs.into_iter().zip(1..) {
            let term = terms + self.of(&[(0, 3), (1, 2), (2, 1)]);
            disks.push(InitialDisk { node, term, vote: None, log });
        }
        disks
    }

    /// Some nodes are cut off from all others at first: one that comes back with the log of old when the others have gone
    /// on, and perhaps behind a snapshot; or all of them, so that they must get on from what they have.
    fn away(&mut self, cluster: &Cluster, duration: Span) -> Vec<Moment> {
        let count = if self.one_in(3) { cluster.nodes } else { 1 };
        let first = self.below(cluster.nodes);
        let back = Span::millis(self.between(1, duration.0 / 1_000_000 - 1));
        let isolate = |place| Action::Isolate(Target::Node((first + place) % cluster.nodes + 1));
        let mut moments: Vec<Moment> =
            (0..count).map(|place| Moment { at: Span::ZERO, action: isolate(place) }).collect();
        moments.push(Moment { at: back, action: Action::Heal {} });
        moments
    }

    /// Messages of one kind that come so late that their sender may be out of office and back, or come again so late.
    fn late(&mut self, cluster: &Cluster, duration: Span) -> Rule {
        let kind = self.of(&LATE);
        let from = self.one_in(2).then(|| self.between(1, cluster.nodes));
        let late = Span(cluster.election_timeout_min.0 * self.between(1, 30) / 2);
        // Of what a cluster lives on only one message is late: all the others come at their time and then again.
        let rare = matches!(kind, MessageKind::TimeoutNow | MessageKind::Stale);
        let (nth, verdict) = match self.below(3) {
            0 if rare => (None, Verdict::Delay(late)),
            0 => (Some(self.between(1, 40)), Verdict::Delay(late)),
            _ => (None, Verdict::Duplicate(late)),
        };
        Rule {
            from,
            to: None,
            kind: Some(kind),
            term: None,
            with_entries: None,
            nth,
            after: None,
            before: Some(duration),
            verdict,
        }
    }
}
