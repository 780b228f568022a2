//! A run of a cluster, all of which the fuzzer decides: faults, the fates of messages, what clients ask, and the luck of
//! everything else.

use super::shape::shape;
use crate::choice::Choice;
use crate::disk::CRASH_POINTS;
use crate::replica::MessageKind;
use crate::run::{RunReport, Verdict};
use crate::scenario::model::{
    Action, Cluster, Disks, Distribution, Liveness, Moment, Network, ReadModeName, Rule, Scenario,
    Verdict as MessageVerdict, Workload,
};
use crate::scenario::scalar::{Ppm, Target};
use crate::seaworthy::Seaworthy;
use crate::time::Span;
use crate::world::{Options, World};
use arbitrary::{Arbitrary, Unstructured};
use std::collections::BTreeMap;

/// The longest run. Most of what goes wrong does so soon, and a fuzzer that likes storms of messages learns less in an
/// hour than one that may not.
const MOST_STEPS: u64 = 200;

/// The longest of the long.
const MOST_STEPS_OF_LONG: u64 = 1_000;

/// A run with every checker. Any bytes are a schedule; the calmest is no bytes at all. `reached` is told the shape of the
/// cluster, as a hash, whenever it changes.
///
/// # Panics
/// If a property is violated: the sound core sank.
pub fn schedule(bytes: &[u8], reached: &mut dyn FnMut(u64)) -> RunReport {
    assert_holds(bytes, MOST_STEPS, reached)
}

/// The same, for longer.
///
/// # Panics
/// If a property is violated.
pub fn long_schedule(bytes: &[u8], reached: &mut dyn FnMut(u64)) -> RunReport {
    assert_holds(bytes, MOST_STEPS_OF_LONG, reached)
}

fn assert_holds(bytes: &[u8], max_steps: u64, reached: &mut dyn FnMut(u64)) -> RunReport {
    let (scenario, luck) = read(bytes);
    let options = Options { record: false, check: true, max_steps };
    let mut choice = Choice::bytes(luck);
    let mut world = World::<Seaworthy>::new(&scenario, &mut choice, options);
    let (mut steps, mut before) = (world.steps(), None);
    let stop = loop {
        if let Err(stop) = world.step() {
            break stop;
        }
        if world.steps() == steps {
            // What nodes look like is as it was.
            continue;
        }
        steps = world.steps();
        let now = shape(world.nodes());
        if before.replace(now) != Some(now) {
            reached(now);
        }
    };
    let (report, _) = world.conclude(stop);
    assert!(
        report.verdict != Verdict::Violation,
        "{:?}\nthe scenario, whose remaining luck is {luck:?}:\n{}",
        report.violation,
        scenario.to_json(),
    );
    report
}

/// The scenario that the bytes stand for, and those of them that are left for all other luck.
pub fn read(bytes: &[u8]) -> (Scenario, &[u8]) {
    let mut input = Unstructured::new(bytes);
    let plan = Plan::read(&mut input).expect("bytes that run out go on as zeros");
    (plan.scenario(), input.take_rest())
}

/// What the fuzzer decides. Numbers are folded into their ranges, so that every input is a valid plan. Every part
/// has its place, so that the mutation of one byte changes one thing and leaves all others where they were. A part
/// of zeros is nothing, so that bytes that run out end the plan.
#[derive(Debug)]
struct Plan {
    head: Head,
    fates: Vec<Fate>,
    deeds: Vec<Deed>,
    settings: Settings,
}

#[derive(Arbitrary, Debug)]
struct Head {
    nodes: u8,
    /// Bit 0: no PreVote. Bit 1: no CheckQuorum.
    doubts: u8,
    latency: u8,
    batch: u8,
    window: u8,
    apply: u8,
    clients: u8,
    fates: u8,
    deeds: u8,
}

/// Everything else about the cluster. It comes after what the plan is about, so that a plan stays what it is when
/// there is more to be set.
#[derive(Arbitrary, Debug)]
struct Settings {
    spares: u8,
    learner: u8,
    lease: u8,
    reads: u8,
    snapshots: u8,
    trailing: u8,
    chunk: u8,
    batch_bytes: u8,
    window_bytes: u8,
    uncommitted_bytes: u8,
    pending_reads: u8,
    sessions: u8,
    disk: u8,
}

/// The fate of one message.
#[derive(Arbitrary, Debug)]
struct Fate {
    verdict: u8,
    from: u8,
    to: u8,
    kind: u8,
    nth: u8,
    millis: u8,
}

/// Something done to the cluster, a while after the one before.
#[derive(Arbitrary, Debug)]
struct Deed {
    kind: u8,
    pause: u8,
    first: u8,
    second: u8,
}

/// Longer plans only repeat themselves, and slowly: most runs take some hundred steps.
const MOST_FATES: usize = 24;
const MOST_DEEDS: usize = 32;

/// What scripted clients ask: enough kinds to tell lost, doubled and stale effects apart.
const COMMANDS: [&str; 8] =
    ["SET a 1", "SET a 2", "GET a", "APPEND a x", "CAS a 1 3", "SSET s m", "SDEL s m", "HSET h f 1"];

/// Clients of the workload are numbered below this, scripted ones from here on.
const FIRST_SCRIPTED: u32 = 4;

/// How many scripted ones there are.
const SCRIPTED: u32 = 4;

impl Plan {
    fn read(input: &mut Unstructured<'_>) -> arbitrary::Result<Self> {
        let head = Head::arbitrary(input)?;
        let fates = (0..usize::from(head.fates) % (MOST_FATES + 1)).map(|_| Fate::arbitrary(input));
        let fates = fates.collect::<Result<_, _>>()?;
        let deeds = (0..usize::from(head.deeds) % (MOST_DEEDS + 1)).map(|_| Deed::arbitrary(input));
        let deeds = deeds.collect::<Result<_, _>>()?;
        Ok(Self { head, fates, deeds, settings: Settings::arbitrary(input)? })
    }

    fn scenario(&self) -> Scenario {
        let Self { head, fates, deeds, settings } = self;
        let cluster = settings.apply(head.cluster());
        let nodes = cluster.servers();
        // Somebody campaigns at once. To wait for a timeout costs events, in which nothing happens.
        let mut at = Span::millis(1);
        let mut timeline = vec![Moment { at, action: Action::Campaign(Target::Node(1)) }];
        for deed in deeds {
            at = Span(at.0 + deed.pause().0);
            let leases = cluster.lease_drift.is_some();
            timeline.extend(deed.action(nodes, leases).map(|action| Moment { at, action }));
        }
        let latency = match head.latency % 3 {
            0 => Distribution::Constant(Span::millis(5)),
            1 => Distribution::Uniform { min: Span::millis(1), max: Span::millis(10) },
            _ => Distribution::Uniform { min: Span::millis(1), max: Span::millis(60) },
        };
        let clients = u32::from(head.clients) % FIRST_SCRIPTED;
        // A constant costs no luck, and does not become nothing when there is no luck left.
        let think = Distribution::Constant(Span::millis(20));
        let reads = settings.reads(&cluster);
        Scenario {
            duration: Span(at.0 + Span::millis(100).0),
            cluster,
            network: Network { latency, ..Network::default() },
            disk: settings.disks(),
            workload: (clients > 0).then(|| Workload { clients, think, reads, ..Workload::default() }),
            timeline,
            rules: fates.iter().filter_map(|fate| fate.rule(nodes)).collect(),
            liveness: Liveness { check: false, ..Liveness::default() },
            ..Scenario::named("fuzz", "Whatever the fuzzer does, every property holds.")
        }
    }
}

impl Head {
    fn cluster(&self) -> Cluster {
        let limit = |byte: u8| one_of(byte, [64, 1, 2, 4]);
        Cluster {
            // Three first: the smallest cluster in which anything can go wrong and be survived.
            nodes: one_of(self.nodes, [3, 5, 4, 2, 1]),
            pre_vote: self.doubts & 1 == 0,
            check_quorum: self.doubts & 2 == 0,
            max_batch_entries: limit(self.batch),
            max_inflight_messages: limit(self.window),
            max_apply_entries: limit(self.apply),
            ..Cluster::default()
        }
    }
}

impl Settings {
    fn apply(&self, cluster: Cluster) -> Cluster {
        let learns = 2 < cluster.nodes && self.learner % 4 == 1;
        let leases = cluster.check_quorum && self.lease % 2 == 1;
        let sessions = self.sessions % 4;
        Cluster {
            spares: u64::from(self.spares) % 3,
            learners: if learns { vec![cluster.nodes] } else { Vec::new() },
            // All clocks are right.
            lease_drift: leases.then(|| Ppm::new(10_000)),
            snapshot_interval: one_of(self.snapshots, [1_000, 1, 2, 5]),
            trailing_entries: one_of(self.trailing, [200, 0, 1, 3]),
            max_chunk_bytes: one_of(self.chunk, [65_536, 64, 200]),
            max_batch_bytes: one_of(self.batch_bytes, [1 << 20, 1, 100]),
            max_inflight_bytes: one_of(self.window_bytes, [8 << 20, 1, 200]),
            max_uncommitted_bytes: one_of(self.uncommitted_bytes, [64 << 20, 1, 200]),
            max_pending_reads: one_of(self.pending_reads, [4_096, 1, 2]),
            // One for each client: with fewer they would take them from each other for ever.
            max_sessions: if sessions & 1 == 0 { 4_096 } else { FIRST_SCRIPTED + SCRIPTED },
            session_lifetime: if sessions & 2 == 0 { 1_000_000 } else { 30 },
            ..cluster
        }
    }

    /// Files of usual size, files that are full at once, or none.
    fn disks(&self) -> Disks {
        let (files, segment_size) = one_of(self.disk, [(true, 64 << 20), (true, 300), (false, 64 << 20)]);
        Disks { files, segment_size, torn_sectors: self.disk < 128, ..Disks::default() }
    }

    fn reads(&self, cluster: &Cluster) -> BTreeMap<ReadModeName, u32> {
        let mut reads = BTreeMap::from([(ReadModeName::Leader, 1)]);
        if self.reads & 1 == 1 {
            reads.insert(ReadModeName::Follower, 2);
        }
        if self.reads & 2 == 2 {
            reads.insert(ReadModeName::Stale, 1);
        }
        if cluster.lease_drift.is_some() {
            reads.insert(ReadModeName::Lease, 2);
        }
        reads
    }
}

/// The first for zero.
fn one_of<T: Copy, const N: usize>(byte: u8, several: [T; N]) -> T {
    several[usize::from(byte) % N]
}

impl Fate {
    fn rule(&self, nodes: u64) -> Option<Rule> {
        const KINDS: [MessageKind; 13] = [
            MessageKind::AppendEntries,
            MessageKind::AppendReply,
            MessageKind::RequestVote,
            MessageKind::VoteReply,
            MessageKind::PreVote,
            MessageKind::PreVoteReply,
            MessageKind::Stale,
            MessageKind::InstallSnapshot,
            MessageKind::SnapshotReply,
            MessageKind::TimeoutNow,
            MessageKind::ReadIndex,
            MessageKind::ReadIndexReply,
            MessageKind::Blank,
        ];
        let span = Span::millis(u64::from(self.millis) * 2);
        let verdict = match self.verdict % 4 {
            0 => return None,
            1 => MessageVerdict::Drop,
            2 => MessageVerdict::Delay(span),
            _ => MessageVerdict::Duplicate(span),
        };
        let from = u64::from(self.from) % nodes;
        // Nobody sends anything to itself.
        let to = (from + 1 + u64::from(self.to) % nodes.max(2).saturating_sub(1)) % nodes;
        Some(Rule {
            from: Some(from + 1),
            to: Some(to + 1),
            kind: Some(one_of(self.kind, KINDS)),
            term: None,
            with_entries: None,
            nth: Some(u64::from(self.nth) + 1),
            after: None,
            before: None,
            verdict,
        })
    }
}

impl Deed {
    /// Mostly the length of a few messages, sometimes nearly that of an election timeout.
    fn pause(&self) -> Span {
        let pause = u64::from(self.pause);
        Span::millis(pause * pause / 512)
    }

    fn action(&self, nodes: u64, leases: bool) -> Option<Action> {
        let node = |number: u8| Target::Node(u64::from(number) % nodes + 1);
        let (first, second) = (node(self.first), node(self.second));
        let share = Ppm::new(u32::from(self.first) * 1_000);
        let change = |add: &[Target], learn: &[Target], remove: &[Target], node| Action::ChangeMembership {
            add: add.into(),
            learn: learn.into(),
            remove: remove.into(),
            node,
        };
        Some(match self.kind % 33 {
            0 => return None,
            1..=4 => Action::Invoke {
                client: FIRST_SCRIPTED + u32::from(self.first) % SCRIPTED,
                command: one_of(self.second, COMMANDS).into(),
                node: Some(node(self.first / 4)),
                stay: self.first >= 128,
                read: match self.second / 8 % 4 {
                    1 => Some(ReadModeName::Follower),
                    2 if leases => Some(ReadModeName::Lease),
                    3 => Some(ReadModeName::Stale),
                    _ => None,
                },
            },
            5 => Action::Crash(vec![first]),
            6 => Action::CrashMidStep(first),
            7 => Action::Crash(vec![Target::All]),
            8 | 9 => Action::Restart(vec![first]),
            10 => Action::Restart(vec![Target::All]),
            11 => Action::Pause(first),
            12 => Action::Resume(first),
            13 => Action::Campaign(first),
            14 => Action::Isolate(first),
            15 => Action::Cut { from: vec![first], to: vec![second] },
            16 => Action::Heal {},
            17 => Action::Loss(share),
            18 => Action::Duplicate(share),
            19 => Action::SlowDisk {
                node: first,
                sync: Distribution::Constant(Span::millis(u64::from(self.second))),
            },
            20 => change(&[first], &[], &[], None),
            21 => change(&[], &[first], &[], None),
            22 => change(&[], &[], &[first], None),
            23 if first != second => change(&[first], &[], &[second], None),
            23 | 24 => change(&[], &[], &[first], Some(second)),
            25 => Action::TransferLeadership(first),
            26 => Action::StepDown {},
            27 => Action::TakeSnapshot(first),
            28 => Action::CrashAt { node: first, point: one_of(self.second, CRASH_POINTS) },
            29 => Action::FailSync(first),
            30 if self.second.is_multiple_of(2) => Action::FillDisk(first),
            30 => Action::FreeDisk(first),
            31 => Action::Clog(first),
            _ => Action::Unclog {},
        })
    }
}
