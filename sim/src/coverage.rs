//! What runs went through: which messages met which roles, which roles followed each other, how far terms and replicas
//! were apart. It says what a sweep has tested at all, and what it never came to.

use crate::replica::{MessageFacts, MessageKind};
use crate::report::name_in_files;
use crate::run::{Recording, RunReport};
use crate::trace::Record;
use seaworthy_core::types::{LogIndex, NodeId, Term};
use seaworthy_core::view::Role;
use serde::Serialize;
use std::collections::BTreeMap;

/// Counts over runs, in whatever order these were made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// How many runs.
    pub runs: u64,
    /// Messages that arrived, by kind, by the receiver's role, and by whether their term was older than the receiver's,
    /// the same or newer.
    pub deliveries: BTreeMap<String, BTreeMap<&'static str, [u64; 3]>>,
    /// Changes of role, as in `"candidate to leader"`; a crash is none.
    pub transitions: BTreeMap<String, u64>,
    /// Leaders, by how many terms lie between each and the one before: see [`SIZES`].
    pub terms: [u64; 5],
    /// Leaders, by how many entries the commit index of the last node was behind the first one's at their election.
    pub lag: [u64; 5],
    /// AppendEntries that arrived, by how many entries they carried.
    pub batches: [u64; 5],
    /// How often each kind of fault happened.
    pub faults: BTreeMap<&'static str, u64>,
}

/// Every role, and its name.
pub const ROLES: [(Role, &str); 4] = [
    (Role::Follower, "follower"),
    (Role::PreCandidate, "pre-candidate"),
    (Role::Candidate, "candidate"),
    (Role::Leader, "leader"),
];

/// What is counted together where sizes are counted.
pub const SIZES: [&str; 5] = ["0", "1", "2 to 7", "8 to 31", "more"];

/// What is known of a node as its records go by.
#[derive(Clone, Copy, Default)]
struct Seen {
    role: usize,
    term: Term,
    commit: LogIndex,
}

impl Coverage {
    /// What one run went through.
    pub fn of(report: &RunReport, recording: &Recording) -> Self {
        let mut coverage = Self { runs: 1, faults: report.faults.clone(), ..Self::default() };
        let mut nodes: BTreeMap<NodeId, Seen> = BTreeMap::new();
        let mut led = Term::ZERO;
        for record in recording.trace.iter().filter_map(|line| line.record.as_ref()) {
            match *record {
                Record::Delivered { ref message } => {
                    coverage.deliver(message, nodes.get(&message.to).copied().unwrap_or_default());
                }
                Record::Booted { node, hard_state, .. } => {
                    nodes.insert(node, Seen { term: hard_state.term, ..Seen::default() });
                }
                Record::Committed { node, term, commit } => {
                    let seen = nodes.entry(node).or_default();
                    (seen.term, seen.commit) = (term, commit);
                }
                Record::Became { node, term, role } => {
                    let seen = nodes.entry(node).or_default();
                    let now = ROLES.iter().position(|(known, _)| *known == role).expect("all are known");
                    if now != seen.role {
                        let words = format!("{} to {}", ROLES[seen.role].1, ROLES[now].1);
                        *coverage.transitions.entry(words).or_default() += 1;
                    }
                    (seen.role, seen.term) = (now, term);
                    if role == Role::Leader {
                        coverage.terms[size(term.0.saturating_sub(led.0 + 1))] += 1;
                        led = led.max(term);
                        let commits = || nodes.values().map(|seen| seen.commit.0);
                        let lag = commits().max().unwrap_or(0) - commits().min().unwrap_or(0);
                        coverage.lag[size(lag)] += 1;
                    }
                }
                _ => {}
            }
        }
        coverage
    }

    fn deliver(&mut self, message: &MessageFacts, receiver: Seen) {
        let by_role = self.deliveries.entry(name_in_files(&message.kind)).or_default();
        let counts = by_role.entry(ROLES[receiver.role].1).or_default();
        counts[(message.term.cmp(&receiver.term) as i8 + 1) as usize] += 1;
        if message.kind == MessageKind::AppendEntries {
            self.batches[size(message.entries.into())] += 1;
        }
    }

    /// Takes in what other runs went through.
    pub fn add(&mut self, other: Self) {
        self.runs += other.runs;
        for (kind, by_role) in other.deliveries {
            let ours = self.deliveries.entry(kind).or_default();
            for (role, counts) in by_role {
                let ours = ours.entry(role).or_default();
                ours.iter_mut().zip(counts).for_each(|(ours, more)| *ours += more);
            }
        }
        for (words, count) in other.transitions {
            *self.transitions.entry(words).or_default() += count;
        }
        for (name, count) in other.faults {
            *self.faults.entry(name).or_default() += count;
        }
        let pairs =
            [(&mut self.terms, other.terms), (&mut self.lag, other.lag), (&mut self.batches, other.batches)];
        for (ours, more) in pairs {
            ours.iter_mut().zip(more).for_each(|(ours, more)| *ours += more);
        }
    }
}

/// The place in [`SIZES`].
fn size(count: u64) -> usize {
    match count {
        0 => 0,
        1 => 1,
        2..=7 => 2,
        8..=31 => 3,
        _ => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::run_recorded;
    use crate::swarm;

    #[test]
    fn a_run_covers_what_happened_in_it_and_two_runs_cover_both_in_either_order() {
        let one = |seed| {
            let (report, recording) = run_recorded(&swarm::draw(seed), seed);
            let coverage = Coverage::of(&report, &recording);
            let delivered = coverage.deliveries.values().flat_map(BTreeMap::values).flatten().sum::<u64>();
            assert_eq!(delivered, report.messages.delivered, "seed {seed}");
            assert_eq!(coverage.terms.iter().sum::<u64>(), report.elections, "seed {seed}");
            coverage
        };
        let (mut there, mut back) = (one(0), one(1));
        there.add(one(1));
        back.add(one(0));
        assert_eq!(there, back);
        assert_eq!(there.runs, 2);
        assert!(there.transitions.contains_key("candidate to leader"), "{:?}", there.transitions);
    }
}
