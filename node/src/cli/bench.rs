//! How fast a cluster is on this machine.

use super::Result;
use super::arguments::{self, Format};
use super::signals::interruption;
use seaworthy_node::bench::{Figure, Kind, Plan, Report, bench as run};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// Where a sync costs nothing, on machines that have such a place.
const MEMORY: &str = "/dev/shm";

/// The version of what `--format json` prints.
const SCHEMA_VERSION: u32 = 1;

pub(super) async fn bench(bench: &arguments::Bench) -> Result<ExitCode> {
    let program = std::env::current_exe()?;
    let disk = bench.data.clone().unwrap_or_else(std::env::temp_dir);
    let mut places = vec![("disk".to_owned(), disk)];
    if Path::new(MEMORY).is_dir() {
        places.push(("memory".to_owned(), PathBuf::from(MEMORY)));
    } else {
        eprintln!("skipped: there is no {MEMORY}, so that nothing is measured without syncs");
    }
    let plan = Plan {
        clients: bench.clients.clone(),
        rounds: bench.rounds,
        burst: Duration::from_millis(bench.burst),
        places,
        etcd: bench.etcd.clone(),
    };
    let on_round = |round| eprintln!("round {round} of {}{}", plan.rounds, load());
    let interruption = interruption()?;
    let report = tokio::select! {
        report = run(&plan, |launch| launch.serve(&program), on_round) => report?,
        // What was started goes with what is dropped here.
        code = interruption => return Ok(code),
    };
    match bench.format {
        Format::Human => print!("{}", table(&plan, &report)),
        Format::Json => println!("{}", json(&plan, &report)),
    }
    Ok(ExitCode::SUCCESS)
}

/// How much else the machine does, where it says so.
fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().map_or_else(String::new, |load| format!(", load average {load}"))
}

fn table(plan: &Plan, report: &Report) -> String {
    let gauge = report.gauge;
    let mut text = format!(
        "three servers on loopback, 100 bytes a value; medians of {} rounds of {} ms\n\
         fdatasync: {} ms; a bare call: {} ms, {} a second by 64 callers\n\n\
         {:<8} {:<6} {:>7} {:>12} {:>12} {:>12}\n",
        plan.rounds,
        plan.burst.as_millis(),
        milliseconds(gauge.sync),
        milliseconds(gauge.call),
        gauge.calls_per_second,
        "cluster",
        "kind",
        "clients",
        "per second",
        "median ms",
        "99th % ms",
    );
    for figure in &report.figures {
        let Figure { cluster, kind, clients, per_second, half, most } = figure;
        let (half, most) = (milliseconds(*half), milliseconds(*most));
        text +=
            &format!("{cluster:<8} {:<6} {clients:>7} {per_second:>12} {half:>12} {most:>12}\n", name(*kind));
    }
    text
}

fn json(plan: &Plan, report: &Report) -> serde_json::Value {
    let figure = |figure: &Figure| {
        serde_json::json!({
            "cluster": figure.cluster,
            "kind": name(figure.kind),
            "clients": figure.clients,
            "per_second": figure.per_second,
            "median_us": figure.half.as_micros() as u64,
            "p99_us": figure.most.as_micros() as u64,
        })
    };
    serde_json::json!({
        "schema_version": SCHEMA_VERSION,
        "rounds": plan.rounds,
        "burst_ms": plan.burst.as_millis() as u64,
        "fdatasync_us": report.gauge.sync.as_micros() as u64,
        "call_us": report.gauge.call.as_micros() as u64,
        "calls_per_second": report.gauge.calls_per_second,
        "figures": report.figures.iter().map(figure).collect::<Vec<_>>(),
    })
}

fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Write => "write",
        Kind::Read => "read",
    }
}

/// With two digits after the point.
fn milliseconds(duration: Duration) -> String {
    let hundredths = (duration.as_micros() + 5) / 10;
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

#[cfg(test)]
mod tests {
    use super::*;
    use seaworthy_node::bench::Gauge;

    #[test]
    fn the_table_fits_a_terminal() {
        let slow = Duration::from_micros(9_999_990);
        let gauge = Gauge { sync: slow / 100, call: slow / 100, calls_per_second: 999_999 };
        let figure = |kind| Figure {
            cluster: "memory".to_owned(),
            kind,
            clients: 1_024,
            per_second: 999_999,
            half: slow,
            most: slow,
        };
        let report = Report { gauge, figures: [Kind::Write, Kind::Read].map(figure).into() };
        let plan = Plan { clients: vec![], rounds: 100, burst: 6 * slow, places: vec![], etcd: vec![] };
        let text = table(&plan, &report);
        assert!(text.lines().all(|line| line.len() <= 80), "{text}");
        assert!(text.ends_with("memory   read      1024       999999      9999.99      9999.99\n"), "{text}");
    }
}
