//! What clients ask for, and how often.

use super::{Draw, STEPS, whole};
use crate::scenario::model::{Cluster, CommandName, Distribution, Workload};
use crate::scenario::scalar::Ppm;
use crate::time::Span;
use std::collections::BTreeMap;

impl Draw {
    /// Few clients, since a checker's cost grows with how many operations overlap, and a bug that takes nine
    /// writers takes three. A loyal reader finds the leader that does not know that it is none.
    pub(super) fn workload(&mut self, cluster: &Cluster, duration: Span) -> Workload {
        let timeout = cluster.election_timeout_min;
        let clients = self.of(&[(1, 1), (2, 2), (3, 4), (4, 4), (6, 2), (8, 1)]);
        let loyal_readers = self.of(&[(0, 5), (1, 3), (2, 2), (3, 1)]).min(clients - 1);
        // An attempt outlasts an undisturbed commit; two of them span an election.
        let attempt_timeout = Span(timeout.0 * self.between(2, 6) / 2);
        let operation_timeout = Span(attempt_timeout.0 * self.between(3, 8));
        Workload {
            clients,
            think: self.think(cluster, duration, clients),
            attempt_timeout,
            operation_timeout,
            keys: self.of(&[(1, 2), (2, 2), (4, 4), (20, 1)]).max(clients.div_ceil(3)),
            commands: self.commands(),
            reads: Workload::default().reads,
            stray: if self.one_in(2) { self.percent(30) } else { Ppm::ZERO },
            resend: if self.one_in(3) { self.percent(20) } else { Ppm::ZERO },
            loyal_readers,
            loyal_writers: 0,
            start: Span::ZERO,
            // A quiet end: nobody writes while leaders change, and the first to ask then is a reader, whom the
            // leader may answer only after a commit in its own term.
            stop: self.one_in(6).then_some(Span::millis(duration.0 / 2_000_000)),
        }
    }

    /// Pauses that keep the run within its steps even if operations took no time at all: steady, or in bursts of
    /// about twenty operations.
    fn think(&mut self, cluster: &Cluster, duration: Span, clients: u32) -> Distribution {
        /// Deliveries, syncs and the client's own, for each node and operation.
        const STEPS_PER_OPERATION: u64 = 5;
        const BURST: u64 = 20;
        let heartbeats = 2 * cluster.nodes * duration.0 / cluster.heartbeat_interval.0;
        let operations = STEPS.saturating_sub(heartbeats) / (STEPS_PER_OPERATION * cluster.nodes);
        let busy = Span(u64::from(clients) * duration.0 / operations);
        let mean = whole(Span(busy.0 * self.of(&[(1, 4), (2, 2), (8, 1)])));
        match self.below(3) {
            0 => Distribution::Uniform { min: Span::ZERO, max: Span(2 * mean.0) },
            1 => Distribution::Uniform { min: Span(mean.0 / 2), max: Span(3 * mean.0 / 2) },
            _ => Distribution::HeavyTail {
                min: Span::ZERO,
                max: Span::micros(100),
                tail: Span(2 * BURST * mean.0),
                probability: Ppm::new(1_000_000 / BURST as u32),
            },
        }
    }

    /// What clients ask: the usual mix, or one that is all for one type, mostly writes, mostly reads, or reads alone,
    /// with which a leader gets nothing to commit but its no-op entry.
    fn commands(&mut self) -> BTreeMap<CommandName, u32> {
        use CommandName::*;
        let weights: &[(CommandName, u32)] =
            match self.of(&[(0, 8), (1, 2), (2, 2), (3, 3), (4, 2), (5, 2), (6, 1)]) {
                0 => return Workload::default().commands,
                1 => &[(HSet, 6), (HGet, 4), (HDel, 3), (HGetAll, 3), (Del, 1), (Exists, 1)],
                2 => &[(SSet, 6), (SHas, 4), (SDel, 4), (SMembers, 3), (Del, 1), (Type, 1)],
                // What is no longer true once it has run twice.
                3 => &[(Append, 8), (Cas, 6), (Get, 5), (Del, 1)],
                4 => &[
                    (Set, 8),
                    (Append, 4),
                    (Del, 2),
                    (Cas, 3),
                    (HSet, 4),
                    (SSet, 4),
                    (SDel, 2),
                    (Get, 2),
                    (HGetAll, 1),
                ],
                5 => &[(Get, 12), (Set, 2), (HGetAll, 2), (HSet, 1), (SHas, 2), (SSet, 1), (Exists, 2)],
                _ => &[(Get, 3), (SMembers, 1), (Type, 1)],
            };
        weights.iter().copied().collect()
    }
}
