//! A scenario drawn from a seed: which faults, settings and habits are in play at all, and how hard.
//!
//! A run in which everything goes wrong at once finds less than many runs in which different few things do: faults
//! mask each other (swarm testing, Groce et al. 2012). So most features are off in most draws, and some draws have
//! one alone.
//!
//! All lengths hang on one, the shortest election timeout T: what matters to Raft is how latencies, syncs and
//! faults compare with it. Two rules bind every draw:
//!
//! - **A healed cluster can make progress.** One message takes T/10 at the usual longest and one sync T/6, so that
//!   asking, campaigning and both syncs of an election fit into T. What is longer is rare.
//! - **A run is some ten thousand steps**, so that a second of sweeping is many runs: heartbeats take at most half
//!   of `STEPS`, and clients pause for as long as it takes to stay below the rest.

use crate::choice::{Choice, Stream};
use crate::nemesis;
use crate::scenario::Scenario;
use crate::scenario::model::{
    Clock, Cluster, CommandName, Disk, Disks, Distribution, Fault, Link, Liveness, Nemesis, Network,
    ReadModeName, Workload,
};
use crate::scenario::scalar::Ppm;
use crate::time::Span;
use std::collections::BTreeMap;
use std::fmt::Write;

/// How many steps a run is meant to take, at most.
const STEPS: u64 = 60_000;

/// The scenario of `seed`, valid and named `swarm-<seed>`. The run's own luck is drawn from other streams, so the
/// same seed may serve both.
pub fn draw(seed: u64) -> Scenario {
    let mut draw = Draw { choice: Choice::seeded(seed) };
    let cluster = draw.cluster();
    let timeout = cluster.election_timeout_min;
    let duration = draw.duration(&cluster);
    // Entries go to a follower one by one: a link or a disk slower than the others' would keep it behind for ever.
    let narrow = cluster.max_batch_entries * cluster.max_inflight_messages < 8;
    let network = draw.network(&cluster, narrow);
    let disk = draw.disks(&cluster, narrow);
    let clocks = draw.clocks(&cluster);
    let workload = draw.workload(&cluster, duration);
    let nemesis = draw.nemeses(&cluster);
    // Nothing costs less than patience: a run ends when all is settled. Who was away for the whole run has as long
    // again to catch up, with loss; elections and operations may need several attempts.
    let within = Span(
        4 * duration.0
            + 40 * cluster.election_timeout_max.0
            + 4 * workload.operation_timeout.0
            + 40 * timeout.0,
    );
    let mut scenario = Scenario {
        schema: None,
        name: format!("swarm-{seed}"),
        claim: String::new(),
        duration,
        cluster,
        network,
        disk,
        clocks,
        workload: Some(workload),
        timeline: Vec::new(),
        rules: Vec::new(),
        nemesis,
        liveness: Liveness { check: true, within, core: false },
        expect: Vec::new(),
        planted: Vec::new(),
    };
    draw.extend(&mut scenario);
    draw.extend_disks(&mut scenario);
    scenario.claim = format!("Nothing breaks with {}.", describe(&scenario));
    scenario
}

/// What is in play in a scenario, in a line: `3 nodes, no PreVote, 4 clients, loss 0.012, crash, one_way`.
pub fn describe(scenario: &Scenario) -> String {
    let Scenario { cluster, network, .. } = scenario;
    let mut words = vec![format!("{} node{}", cluster.nodes, if cluster.nodes == 1 { "" } else { "s" })];
    let mut say = |when: bool, what: &str| {
        if when {
            words.push(what.to_owned());
        }
    };
    say(!cluster.pre_vote, "no PreVote");
    say(!cluster.check_quorum, "no CheckQuorum");
    say(cluster.max_batch_entries == 1, "entries one by one");
    say(cluster.max_inflight_messages == 1, "messages one by one");
    say(
        0 < cluster.spares,
        &format!("{} spare{}", cluster.spares, if cluster.spares == 1 { "" } else { "s" }),
    );
    say(!cluster.learners.is_empty(), "a learner");
    say(0 < cluster.snapshot_interval && cluster.snapshot_interval < 1_000, "snapshots");
    say(cluster.max_chunk_bytes < 1_000, "small chunks");
    say(cluster.max_batch_bytes < 1_000, "small messages");
    say(cluster.max_inflight_bytes < 1_000, "small windows");
    say(cluster.max_uncommitted_bytes < 1_000, "overload");
    say(cluster.max_pending_reads < 10, "few reads at a time");
    say(cluster.max_sessions < 100, "few sessions");
    say(cluster.session_lifetime < 1_000, "short sessions");
    say(network.fifo, "links in order");
    say(network.capacity.is_some(), "narrow links");
    say(Ppm::ZERO < network.loss, &format!("loss {}", decimal(network.loss)));
    say(Ppm::ZERO < network.duplicate, &format!("duplicates {}", decimal(network.duplicate)));
    say(Ppm::ZERO < network.client_loss, &format!("client loss {}", decimal(network.client_loss)));
    say(!network.links.is_empty(), "a bad link");
    say(!scenario.disk.nodes.is_empty(), "a slow disk");
    say(scenario.disk.files, "files");
    say(scenario.disk.files && scenario.disk.segment_size < 1_000, "small segments");
    say(scenario.disk.files && scenario.disk.torn_sectors, "torn sectors");
    say(!scenario.clocks.is_empty(), "clocks that err");
    say(scenario.liveness.core, "only a core left");
    if let Some(workload) = &scenario.workload {
        let Workload { clients, keys, loyal_readers, .. } = workload;
        say(true, &format!("{clients} client{}", if *clients == 1 { "" } else { "s" }));
        say(0 < *loyal_readers, &format!("{loyal_readers} loyal among them"));
        say(*keys == 1, "one key");
        say(Ppm::ZERO < workload.stray, "stray requests");
        say(Ppm::ZERO < workload.resend, "needless retries");
        say(workload.stop.is_some(), "a quiet end");
        say(workload.reads.contains_key(&ReadModeName::Lease), "lease reads");
        say(workload.reads.contains_key(&ReadModeName::Follower), "follower reads");
    }
    for nemesis in &scenario.nemesis {
        let fault = serde_json::to_string(&nemesis.fault).expect("a unit variant is a string");
        say(true, fault.trim_matches('"'));
    }
    words.join(", ")
}

/// `0.012`.
fn decimal(probability: Ppm) -> String {
    let mut text = String::new();
    let parts = probability.get();
    write!(text, "{}.{:06}", parts / 1_000_000, parts % 1_000_000).expect("a string takes all text");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// How hard a fault strikes.
#[derive(Clone, Copy)]
enum Intensity {
    /// Now and then; the cluster recovers in between.
    Light,
    /// Often enough that several faults overlap.
    Medium,
    /// Again as soon as it is over.
    Heavy,
}

struct Draw {
    choice: Choice,
}

impl Draw {
    fn below(&mut self, bound: u64) -> u64 {
        self.choice.below(Stream::Swarm, bound)
    }

    fn between(&mut self, min: u64, max: u64) -> u64 {
        self.choice.between(Stream::Swarm, min, max)
    }

    /// One in `count`.
    fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == count - 1
    }

    fn of<T: Copy>(&mut self, weighted: &[(T, u32)]) -> T {
        let weights = weighted.iter().map(|(_, weight)| *weight).collect::<Vec<_>>();
        weighted[self.choice.weighted(Stream::Swarm, &weights)].0
    }

    /// A probability of up to `percent`, in tenths of a percent, at least one of them.
    fn percent(&mut self, percent: u64) -> Ppm {
        Ppm::new(self.between(1, percent * 10) as u32 * 1_000)
    }

    /// Mostly 3 and 5 nodes, where majorities are small and split votes are rare enough to get anywhere; even
    /// numbers, because their majorities are another case; one node, because it commits with nobody's help.
    /// Limits are 1, tiny or out of the way: each has bugs of its own.
    fn cluster(&mut self) -> Cluster {
        let nodes = self.of(&[(3, 45), (5, 33), (4, 8), (7, 6), (2, 5), (1, 3)]);
        let timeout = Span::millis(self.of(&[(50, 1), (100, 2), (150, 3), (300, 2), (500, 1)]));
        // At least as much jitter as timeout: with less, votes split again and again.
        let most = self.between(20, 30) * timeout.0 / 10;
        let heartbeats = self.of(&[(10, 2), (5, 2), (3, 1)]);
        Cluster {
            nodes,
            election_timeout_min: timeout,
            election_timeout_max: Span(most),
            heartbeat_interval: whole(Span(timeout.0 / heartbeats)),
            pre_vote: !self.one_in(4),
            check_quorum: !self.one_in(4),
            max_batch_entries: self.of(&[(64, 4), (1, 3), (2, 2), (4, 2)]),
            max_inflight_messages: self.of(&[(64, 4), (1, 2), (2, 2)]),
            max_apply_entries: self.of(&[(256, 4), (1, 2), (3, 2)]),
            ..Cluster::default()
        }
    }

    /// Everything about a cluster that came to the protocol later: its draws come after all others, so that what a seed
    /// means in all else stays the same. Members that learn, servers that stand ready; logs that are cut short behind
    /// snapshots every few entries; windows of a few bytes; sessions that soon expire.
    fn extend(&mut self, scenario: &mut Scenario) {
        let Scenario { cluster, clocks, workload, liveness, .. } = scenario;
        if self.one_in(2) {
            cluster.spares = self.of(&[(1, 3), (2, 3), (3, 1), (4, 1)]);
        }
        if 2 < cluster.nodes && self.one_in(5) {
            cluster.learners = vec![cluster.nodes];
        }
        cluster.snapshot_interval = self.of(&[(1_000, 3), (0, 1), (1, 1), (3, 3), (20, 4), (100, 3)]);
        cluster.trailing_entries = self.of(&[(200, 2), (0, 3), (1, 2), (10, 3)]);
        cluster.max_chunk_bytes = self.of(&[(65_536, 4), (4_096, 3), (256, 3), (64, 1)]);
        cluster.max_batch_bytes = self.of(&[(1 << 20, 6), (1, 1), (200, 2)]);
        cluster.max_inflight_bytes = self.of(&[(8 << 20, 6), (1, 1), (500, 2)]);
        cluster.max_uncommitted_bytes = self.of(&[(64 << 20, 6), (1, 1), (400, 2)]);
        cluster.max_pending_reads = self.of(&[(4_096, 6), (1, 1), (3, 2)]);
        liveness.core = self.one_in(3);
        if self.one_in(8) {
            // Enough for a window and its answers; less than a backlog.
            scenario.network.capacity = Some(self.between(4, 20) as u32);
        }
        let Some(workload) = workload else { return };
        // With fewer sessions than clients they would take them from each other for ever.
        if self.one_in(4) {
            cluster.max_sessions = workload.clients + self.of(&[(0, 1), (1, 2), (5, 2)]);
        }
        if self.one_in(4) {
            cluster.session_lifetime =
                u64::from(4 * workload.clients) + self.of(&[(0, 1), (10, 3), (100, 3)]);
        }
        // No stale reads: they owe nothing to the order of time.
        if self.one_in(3) {
            workload.reads = BTreeMap::from([(ReadModeName::Leader, 2), (ReadModeName::Follower, 3)]);
        }
        if cluster.check_quorum && self.one_in(3) {
            // The bound must hold: of two clocks that err by a share each, one goes at most twice as far.
            let worst = clocks.iter().map(|clock| clock.drift_ppm.unsigned_abs()).max().unwrap_or(0) as u32;
            cluster.lease_drift = Some(Ppm::new((2 * worst).max(10_000) + 30_000));
            workload.reads.insert(ReadModeName::Lease, 4);
            // A clock that jumps keeps to no bound.
            scenario.nemesis.retain(|nemesis| nemesis.fault != Fault::JumpClock);
        }
    }

    /// What stands in files, and what happens to it: also this comes after all else. Files in three of four draws, so
    /// small that every batch fills one, or as large as real ones; and where something goes wrong at all, up to two
    /// faults of disks more often than not.
    fn extend_disks(&mut self, scenario: &mut Scenario) {
        let Scenario { disk, cluster, nemesis, .. } = scenario;
        disk.files = !self.one_in(4);
        disk.sector_size = self.of(&[(512, 3), (4_096, 1)]);
        disk.segment_size = self.of(&[(64 << 20, 3), (300, 2), (2_000, 2), (20_000, 1)]);
        disk.torn_sectors = self.one_in(2);
        if !disk.files || nemesis.is_empty() {
            return;
        }
        let mut faults = nemesis::FAULTS.to_vec();
        faults.retain(|fault| nemesis::is_of_files(*fault) && nemesis::least_nodes(*fault) <= cluster.nodes);
        for _ in 0..self.of(&[(0, 2), (1, 2), (2, 1)]) {
            let fault = faults.swap_remove(self.below(faults.len() as u64) as usize);
            let intensity = self.of(&[(Intensity::Light, 2), (Intensity::Medium, 2), (Intensity::Heavy, 1)]);
            nemesis.push(nemesis_of(fault, intensity, cluster.election_timeout_min));
        }
    }

    /// From 3 to 10 seconds, 20 to 80 election timeouts, and no more than leaves half of the steps to clients.
    fn duration(&mut self, cluster: &Cluster) -> Span {
        let timeouts = self.between(20, 80);
        let longest = STEPS / 2 * cluster.heartbeat_interval.0 / (2 * cluster.nodes);
        let wanted = Span(timeouts * cluster.election_timeout_min.0);
        let duration = wanted.clamp(Span::seconds(3), Span::seconds(10)).min(Span(longest));
        Span::millis(duration.0 / 1_000_000)
    }

    /// Lossless, hardly lossy or bad in about equal parts, and the same for duplicates: above that, it is the work of
    /// a nemesis, since it would go on for ever here.
    fn network(&mut self, cluster: &Cluster, narrow: bool) -> Network {
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
    fn disks(&mut self, cluster: &Cluster, narrow: bool) -> Disks {
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
    fn clocks(&mut self, cluster: &Cluster) -> Vec<Clock> {
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

    /// Few clients, since a checker's cost grows with how many operations overlap, and a bug that takes nine
    /// writers takes three. A loyal reader finds the leader that does not know that it is none.
    fn workload(&mut self, cluster: &Cluster, duration: Span) -> Workload {
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

    /// No fault at all in one of ten draws, one alone and again and again in one of five, else up to five that may
    /// overlap.
    fn nemeses(&mut self, cluster: &Cluster) -> Vec<Nemesis> {
        let (count, alone) = match self.of(&[(0, 2), (1, 4), (2, 14)]) {
            0 => (0, false),
            1 => (1, true),
            _ => (self.of(&[(1, 2), (2, 4), (3, 4), (4, 2), (5, 1)]), false),
        };
        let mut faults = nemesis::FAULTS.to_vec();
        faults.retain(|fault| !nemesis::is_of_files(*fault) && nemesis::least_nodes(*fault) <= cluster.nodes);
        let mut nemeses = Vec::new();
        for _ in 0..count {
            let fault = faults.swap_remove(self.below(faults.len() as u64) as usize);
            let intensity = if alone {
                Intensity::Heavy
            } else {
                self.of(&[(Intensity::Light, 2), (Intensity::Medium, 2), (Intensity::Heavy, 1)])
            };
            nemeses.push(nemesis_of(fault, intensity, cluster.election_timeout_min));
        }
        nemeses
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

/// How long one fault lasts and how long it stays away, in election timeouts T: shorter than T, it is hardly
/// noticed; after some, there is a new leader.
fn nemesis_of(fault: Fault, intensity: Intensity, timeout: Span) -> Nemesis {
    let halves = |min: u64, max: u64| Distribution::Uniform {
        min: Span(timeout.0 * min / 2),
        max: Span(timeout.0 * max / 2),
    };
    let (every, duration) = match intensity {
        Intensity::Light => (halves(10, 40), halves(2, 12)),
        Intensity::Medium => (halves(4, 16), halves(2, 12)),
        Intensity::Heavy => (halves(0, 4), halves(1, 8)),
    };
    Nemesis { fault, every, duration }
}

/// In whole microseconds, at least one: what nobody measures nobody needs to read.
fn whole(span: Span) -> Span {
    Span::micros((span.0 / 1_000).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const DRAWS: u64 = 2_000;

    /// The longest length but for rare ones, and the longest of all if there is one.
    fn usual(distribution: &Distribution) -> (Span, Span) {
        match *distribution {
            Distribution::Constant(span) => (span, span),
            Distribution::Uniform { min, max } => {
                assert!(min <= max);
                (max, max)
            }
            Distribution::LogNormal { median, p99 } => {
                assert!(median <= p99);
                (p99, p99)
            }
            Distribution::HeavyTail { min, max, tail, probability } => {
                assert!(min <= max);
                assert!(max <= tail);
                assert!(Ppm::ZERO < probability);
                (max, tail)
            }
        }
    }

    #[test]
    fn every_draw_is_a_scenario_that_can_be_written_down_and_read_back() {
        for seed in 0..DRAWS {
            let scenario = draw(seed);
            assert_eq!(crate::scenario::validate(&scenario), Ok(()), "seed {seed}");
            let read = crate::scenario::parse("drawn.json", &scenario.to_json());
            assert_eq!(read.as_ref(), Ok(&scenario), "seed {seed}");
        }
    }

    #[test]
    fn a_healed_cluster_can_elect_and_commit_within_an_election_timeout() {
        for seed in 0..DRAWS {
            let Scenario { cluster, network, disk, workload, liveness, clocks, .. } = draw(seed);
            let timeout = cluster.election_timeout_min;
            assert!(2 * timeout.0 <= cluster.election_timeout_max.0);
            assert!(3 * cluster.heartbeat_interval.0 <= timeout.0 + 3_000);
            let (latency, late) = usual(&network.latency);
            let (sync, stall) = usual(&disk.sync);
            assert!(4 * latency.0 + 2 * sync.0 < timeout.0, "seed {seed}");
            assert!(stall.0 <= timeout.0 / 2, "seed {seed}");
            assert!(!network.fifo || late.0 <= timeout.0 / 2, "seed {seed}");
            for link in &network.links {
                assert_ne!(link.from, link.to);
                assert!((1..=cluster.nodes).contains(&link.from) && (1..=cluster.nodes).contains(&link.to));
                assert!(link.latency.as_ref().is_none_or(|slow| 4 * usual(slow).0.0 < timeout.0));
                assert!(link.loss.is_none_or(|loss| loss <= Ppm::new(200_000)));
            }
            assert!(disk.nodes.iter().all(|disk| 4 * usual(&disk.sync).0.0 < timeout.0));
            assert!(clocks.iter().all(|clock| clock.drift_ppm.abs() <= 100_000));
            let workload = workload.expect("somebody asks");
            assert!(timeout <= workload.attempt_timeout);
            assert!(2 * workload.attempt_timeout.0 <= workload.operation_timeout.0);
            assert!(workload.loyal_readers < workload.clients);
            assert!(40 * cluster.election_timeout_max.0 < liveness.within.0);
        }
    }

    #[test]
    fn a_draw_stays_within_its_steps() {
        for seed in 0..DRAWS {
            let Scenario { cluster, duration, workload, .. } = draw(seed);
            assert!((Span::seconds(3)..=Span::seconds(10)).contains(&duration), "seed {seed}: {duration}");
            let heartbeats = 2 * cluster.nodes * duration.0 / cluster.heartbeat_interval.0;
            assert!(heartbeats <= STEPS / 2, "seed {seed}: {heartbeats}");
            let workload = workload.expect("somebody asks");
            let mean = match workload.think {
                Distribution::Uniform { min, max } => (min.0 + max.0) / 2,
                Distribution::HeavyTail { tail, probability, .. } => {
                    tail.0 / 2 * u64::from(probability.get()) / 1_000_000
                }
                other => panic!("nobody thinks {other:?}"),
            };
            let operations = u64::from(workload.clients) * duration.0 / mean;
            let steps = operations * 5 * cluster.nodes;
            assert!(heartbeats + steps <= STEPS + STEPS / 20, "seed {seed}: {heartbeats} + {steps}");
            assert!(100 <= operations, "seed {seed}: {operations} operations");
        }
    }

    #[test]
    fn everything_comes_up_and_nothing_always() {
        let mut seen = BTreeMap::new();
        let mut counts = BTreeSet::new();
        let mut shapes = BTreeSet::new();
        for seed in 0..DRAWS {
            let scenario = draw(seed);
            counts.insert(scenario.nemesis.len());
            for feature in describe(&scenario).split(", ") {
                let name = feature.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.' || c == ' ');
                *seen.entry(name.to_owned()).or_insert(0_u64) += 1;
            }
            for distribution in [&scenario.network.latency, &scenario.disk.sync] {
                shapes
                    .insert(format!("{distribution:?}").split(['{', '(']).next().unwrap().trim().to_owned());
            }
        }
        let always = seen.iter().filter(|(_, count)| **count == DRAWS).collect::<Vec<_>>();
        assert!(always.is_empty(), "{always:?}");
        // Of disks two more than of all else.
        assert_eq!(counts, (0..=7).collect());
        assert_eq!(shapes.len(), 4, "{shapes:?}");
        for fault in nemesis::FAULTS {
            let name = serde_json::to_string(&fault).unwrap();
            assert!(seen.contains_key(name.trim_matches('"')), "{name} never comes up");
        }
        let seen = seen.iter().map(|(feature, count)| format!("{feature}: {count}\n")).collect::<String>();
        insta::assert_snapshot!(seen);
    }

    /// A lease is as good as the bound on how far clocks drift apart: where the bound does not hold, a stale read is no
    /// bug.
    #[test]
    fn leases_are_drawn_only_where_clocks_keep_to_their_bound() {
        let mut with_clocks_that_err = 0;
        for seed in 0..DRAWS {
            let Scenario { cluster, clocks, workload, nemesis, .. } = draw(seed);
            let reads = workload.expect("somebody asks").reads;
            assert_eq!(
                reads.contains_key(&ReadModeName::Lease),
                cluster.lease_drift.is_some(),
                "seed {seed}"
            );
            let Some(bound) = cluster.lease_drift else { continue };
            assert!(cluster.check_quorum, "seed {seed}");
            assert!(nemesis.iter().all(|nemesis| nemesis.fault != Fault::JumpClock), "seed {seed}");
            // Whose clock is not drawn, as that of a server that joins later, is right.
            let rates = || clocks.iter().map(|clock| 1_000_000 + clock.drift_ppm).chain([1_000_000]);
            let (slowest, fastest) = (rates().min().unwrap(), rates().max().unwrap());
            let apart = (fastest - slowest) * 1_000_000;
            assert!(apart <= slowest * i64::from(bound.get()), "seed {seed}: {slowest} and {fastest}");
            with_clocks_that_err += u64::from(slowest < fastest);
        }
        assert!(50 < with_clocks_that_err, "{with_clocks_that_err}");
    }

    #[test]
    fn limits_leave_room_to_get_anywhere() {
        for seed in 0..DRAWS {
            let Scenario { cluster, workload, .. } = draw(seed);
            let clients = workload.expect("somebody asks").clients;
            assert!(
                clients <= cluster.max_sessions,
                "seed {seed}: clients take their sessions from each other"
            );
            assert!(
                u64::from(clients) < cluster.session_lifetime,
                "seed {seed}: no session lasts for a round"
            );
            assert!(cluster.learners.len() < 2 && (cluster.learners.is_empty() || 3 <= cluster.nodes));
            assert!(cluster.servers() <= 11, "seed {seed}");
        }
    }

    #[test]
    fn a_seed_means_the_same_scenario_for_ever() {
        for seed in [0, 1] {
            insta::assert_snapshot!(serde_json::to_string_pretty(&draw(seed)).unwrap());
        }
    }
}
