//! What stands around the servers: network, disks and clocks.

use super::{Draw, STEPS, whole};
use crate::scenario::model::{Clock, Cluster, Disk, Disks, Distribution, Link, Network};
use crate::scenario::scalar::Ppm;
use crate::time::Span;

impl Draw {
    /// From 3 to 10 seconds, 20 to 80 election timeouts, and no more than leaves half of the steps to clients.
    pub(super) fn duration(&mut self, cluster: &Cluster) -> Span {
        let timeouts = self.between(20, 80);
        let longest = STEPS / 2 * cluster.heartbeat_interval.0 / (2 * cluster.nodes);
        let wanted = Span(timeouts * cluster.election_timeout_min.0);
        let duration = wanted.clamp(Span::seconds(3), Span::seconds(10)).min(Span(longest));
        Span::millis(duration.0 / 1_000_000)
    }

    /// Lossless, hardly lossy or bad in about equal parts, and the same for duplicates: above that, it is the work of
    /// a nemesis, since it would go on for ever here.
    pub(super) fn network(&mut self, cluster: &Cluster, narrow: bool) -> Network {
        let timeout = cluster.election_timeout_min;
        let fifo = self.one_in(4);
        // In order, one late message holds up all that follow it.
        let tail =
            if fifo { Span(timeout.0 / 2) } else { Span(timeout.0 * self.of(&[(1, 3), (5, 2), (30, 1)])) };
        let latency = self.spread(Span(timeout.0 / 10), 6, tail);
        // With few heartbeats to a timeout, lost ones are elections.
        let lossy = if cluster.heartbeat_interval.0 * 5 <= timeout.0 { 20 } else { 5 };
        let loss = match self.of(&[(0, 2), (1, 1), (2, 1)]) {
            0 => Ppm::ZERO,
            1 => self.percent(2),
            _ => self.percent(lossy),
        };
        let duplicate = match self.of(&[(0, 2), (1, 1), (2, 1)]) {
            0 => Ppm::ZERO,
            1 => self.percent(5),
            _ => self.percent(30),
        };
        let client_latency = self.spread(Span(timeout.0 / 10), 6, timeout);
        let client_loss = if self.one_in(4) { self.percent(10) } else { Ppm::ZERO };
        let bad = !narrow && 1 < cluster.nodes && self.one_in(6);
        let links = if bad { vec![self.link(cluster, tail)] } else { Vec::new() };
        Network { latency, loss, duplicate, fifo, capacity: None, client_latency, client_loss, links }
    }

    /// One direction of one pair, slower or lossier than the rest: whom it serves lags behind.
    fn link(&mut self, cluster: &Cluster, tail: Span) -> Link {
        let from = self.between(1, cluster.nodes);
        let to = (from + self.below(cluster.nodes - 1)) % cluster.nodes + 1;
        let slow = self.one_in(2);
        let latency = slow.then(|| self.spread(Span(cluster.election_timeout_min.0 / 8), 1, tail));
        let loss = if slow { None } else { Some(self.percent(20)) };
        Link { from, to, latency, loss, duplicate: None }
    }

    /// From microseconds, where a write is durable before its message arrives, to longer than a heartbeat, where
    /// several messages wait for one sync. Now and then a single node is slow.
    pub(super) fn disks(&mut self, cluster: &Cluster, narrow: bool) -> Disks {
        let timeout = cluster.election_timeout_min;
        let (most, tail) = (Span(timeout.0 / 6), Span(timeout.0 / 2));
        let sync = self.spread(most, 10, tail);
        let slow = !narrow && self.one_in(6);
        let node = self.between(1, cluster.nodes);
        let nodes = if slow { vec![Disk { node, sync: self.spread(most, 1, tail) }] } else { Vec::new() };
        Disks { sync, nodes, ..Disks::default() }
    }

    /// In a third of the draws each clock is off by up to an hour, which must not matter, and runs up to 10 % fast or
    /// slow, far worse than any real one.
    pub(super) fn clocks(&mut self, cluster: &Cluster) -> Vec<Clock> {
        if !self.one_in(3) {
            return Vec::new();
        }
        let clock = |node| Clock {
            node,
            offset: Span::millis(self.below(3_600_000)),
            drift_ppm: self.between(0, 200_000) as i64 - 100_000,
        };
        (1..=cluster.nodes).map(clock).collect()
    }

    /// Any of the four shapes, of lengths that are at most `most` as a rule. The scale is `most` halved up to
    /// `halvings - 1` times; a heavy tail reaches to `tail`.
    fn spread(&mut self, most: Span, halvings: u64, tail: Span) -> Distribution {
        let scale = whole(Span(most.0 >> self.below(halvings)));
        match self.below(4) {
            0 => Distribution::Uniform { min: whole(Span(scale.0 / 10)), max: scale },
            1 => Distribution::Constant(scale),
            2 => Distribution::LogNormal { median: whole(Span(scale.0 / 4)), p99: scale },
            _ => {
                let max = whole(Span(scale.0 / 2));
                // Rare enough that most round trips know nothing of it.
                let probability = Ppm::new(self.between(1, 20) as u32 * 500);
                Distribution::HeavyTail { min: whole(Span(max.0 / 4)), max, tail: tail.max(max), probability }
            }
        }
    }
}
