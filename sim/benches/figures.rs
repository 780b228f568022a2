//! The figures: how fast checked steps are, beside the bare event queue in the same sitting.
//!
//! Rates are per CPU-second of one core (user and system time of this process), so that other load on the
//! machine distorts them less; each is the median of several runs taken in turn, so that what distorts one
//! distorts its neighbours. Trust ratios, not absolutes. `cargo bench -p seaworthy-sim` runs it.

// Measuring is what this is for; nothing of it reaches a run.
#![allow(clippy::float_arithmetic, clippy::disallowed_methods)]

use cpu_time::ProcessTime;
use seaworthy_sim::choice::{Choice, Stream};
use seaworthy_sim::queue::Queue;
use seaworthy_sim::run::{self, RunReport, Verdict};
use seaworthy_sim::scenario::Scenario;
use seaworthy_sim::scenario::model::{Cluster, Distribution, Liveness, Workload};
use seaworthy_sim::swarm;
use seaworthy_sim::time::{Span, Time};
use std::hint::black_box;
use std::process::Command;

/// How often each figure is taken.
const ROUNDS: usize = 7;

/// The child's task in the memory figure, in seconds of virtual time.
const MEMORY_CHILD: &str = "SEAWORTHY_BENCH_SECONDS";

fn main() {
    if let Ok(seconds) = std::env::var(MEMORY_CHILD) {
        return memory_child(seconds.parse().expect("set below"));
    }
    let mut figures: Vec<(&str, &str, Vec<f64>)> = vec![
        ("bare event queue, 64 in flight", "M events/cpu-s", Vec::new()),
        ("5 nodes, 100 operations/s, all checkers", "M steps/cpu-s", Vec::new()),
        ("5 nodes, 100 operations/s, no checkers", "M steps/cpu-s", Vec::new()),
        ("5 nodes, disks of whole records, checkers", "M steps/cpu-s", Vec::new()),
        ("3 nodes, 100 operations/s, all checkers", "M steps/cpu-s", Vec::new()),
        ("3 nodes, 100 operations/s, no checkers", "M steps/cpu-s", Vec::new()),
        ("5 nodes, loaded", "simulated s/cpu-s", Vec::new()),
        ("5 nodes, idle", "simulated s/cpu-s", Vec::new()),
        ("5 nodes, ten-second runs", "seeds/cpu-s", Vec::new()),
        ("swarm, everything in play", "M steps/cpu-s", Vec::new()),
        ("swarm, everything in play", "seeds/cpu-s", Vec::new()),
    ];
    for round in 0..ROUNDS {
        let taken = take(round as u64);
        for ((.., values), value) in figures.iter_mut().zip(taken) {
            values.push(value);
        }
    }
    println!("{:<42} {:>9} {:>9} {:>9}  unit", "figure", "min", "median", "max");
    for (name, unit, values) in &mut figures {
        values.sort_by(f64::total_cmp);
        let (min, median, max) = (values[0], values[ROUNDS / 2], values[ROUNDS - 1]);
        println!("{name:<42} {min:>9.2} {median:>9.2} {max:>9.2}  {unit}");
    }
    let median = |position: usize| figures[position].2[ROUNDS / 2];
    println!(
        "\nshare of a checked step that is checking: {:.0} % (5 nodes)",
        (1.0 - median(1) / median(2)) * 100.0
    );
    println!("checked steps for each bare event: {:.3} (5 nodes)", median(1) / median(0));
    memory();
}

/// One value of each figure, in the order of the table.
fn take(round: u64) -> Vec<f64> {
    let (bare, elapsed) = timed(|| bare_queue(4_000_000));
    let bare = bare / elapsed / 1e6;
    let five = |checked| measure(&loaded(5, 60), round, checked);
    let three = |checked| measure(&loaded(3, 60), round, checked);
    let (checked, checked_time) = five(true);
    let (unchecked, unchecked_time) = five(false);
    let (records, records_time) = measure(&of_whole_records(loaded(5, 60)), round, true);
    let (small, small_time) = three(true);
    let (small_unchecked, small_unchecked_time) = three(false);
    let (idle, idle_time) = measure(&idle(5, 600), round, true);
    let (_, ten_seconds) = timed(|| (0..40).for_each(|seed| drop(measure(&loaded(5, 10), seed, true))));
    let base = 1_000_000 + round * 200;
    let (swarm_steps, swarm_time) =
        timed(|| (base..base + 200).map(|seed| run::run(&swarm::draw(seed), seed).steps).sum::<u64>());
    vec![
        bare,
        checked.steps as f64 / checked_time / 1e6,
        unchecked.steps as f64 / unchecked_time / 1e6,
        records.steps as f64 / records_time / 1e6,
        small.steps as f64 / small_time / 1e6,
        small_unchecked.steps as f64 / small_unchecked_time / 1e6,
        checked.virtual_time.0 as f64 / 1e9 / checked_time,
        idle.virtual_time.0 as f64 / 1e9 / idle_time,
        40.0 / ten_seconds,
        swarm_steps as f64 / swarm_time / 1e6,
        200.0 / swarm_time,
    ]
}

/// A cluster with about 100 operations a simulated second, no faults but loss of one message in a hundred.
fn loaded(nodes: u64, seconds: u64) -> Scenario {
    let mut scenario = idle(nodes, seconds);
    scenario.network.loss = seaworthy_sim::scenario::scalar::Ppm::new(10_000);
    scenario.workload = Some(Workload {
        clients: 4,
        think: Distribution::Uniform { min: Span::ZERO, max: Span::millis(30) },
        ..Workload::default()
    });
    scenario
}

/// The same without the log format and its recovery: what a simulator costs whose disk is a list of records.
fn of_whole_records(mut scenario: Scenario) -> Scenario {
    scenario.disk.files = false;
    scenario
}

/// A cluster that only keeps its leader.
fn idle(nodes: u64, seconds: u64) -> Scenario {
    Scenario {
        duration: Span::seconds(seconds),
        cluster: Cluster {
            nodes,
            election_timeout_min: Span::millis(200),
            election_timeout_max: Span::millis(400),
            ..Cluster::default()
        },
        liveness: Liveness { check: false, ..Liveness::default() },
        ..Scenario::named("figures", "A cluster to be measured.")
    }
}

fn measure(scenario: &Scenario, seed: u64, checked: bool) -> (RunReport, f64) {
    let (report, elapsed) =
        timed(|| if checked { run::run(scenario, seed) } else { run::run_unchecked(scenario, seed) });
    assert_eq!(report.verdict, Verdict::Ok, "{:?}", report.violation);
    (report, elapsed)
}

/// What `work` gives, and the CPU seconds that it took.
fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let start = ProcessTime::now();
    let result = work();
    (result, start.elapsed().as_secs_f64())
}

/// The floor: a queue with 64 events in flight, each scheduling the next 1 to 10 ms later.
fn bare_queue(events: u64) -> f64 {
    let mut queue = Queue::default();
    let mut choice = Choice::seeded(1);
    for number in 0..64u64 {
        queue.schedule(Time(number), [number; 8]);
    }
    for _ in 0..events {
        let (now, event) = queue.pop().expect("every event schedules another");
        let delay = choice.between(Stream::Swarm, 1_000_000, 10_000_000);
        queue.schedule(Time(now.0 + delay), event);
    }
    black_box(queue.len());
    events as f64
}

/// Peak memory of a run and of one ten times longer, each in a process of its own.
fn memory() {
    let peak = |seconds: u64| {
        let me = std::env::current_exe().expect("this program has a path");
        let output = Command::new(me).env(MEMORY_CHILD, seconds.to_string()).output().expect("it runs again");
        String::from_utf8(output.stdout).expect("numbers").trim().parse::<u64>().expect("KiB")
    };
    let (short, long) = (peak(60), peak(600));
    println!("peak memory: {short} KiB for 60 simulated seconds, {long} KiB for 600");
}

fn memory_child(seconds: u64) {
    black_box(run::run(&loaded(5, seconds), 1));
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    println!("{}", peak.and_then(|line| line.split_whitespace().next()).unwrap_or("0"));
}
