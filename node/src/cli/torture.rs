//! The long version of the test with real processes.

use super::signals::interruption;
use super::{Result, arguments};
use seaworthy_node::torture::{Blow, Plan, Report, torture as run, try_disks};
use seaworthy_sim::linearizability::Verdict;
use std::process::ExitCode;

/// A budget ran out.
const UNDECIDED: u8 = 3;

pub(super) async fn torture(torture: &arguments::Torture) -> Result<ExitCode> {
    let mut blows = torture.blows.clone();
    if blows.is_empty() {
        blows.extend(Blow::PROCESSES);
        match try_disks() {
            Ok(()) => blows.extend(Blow::DISKS),
            Err(error) => eprintln!("skipped: no power is cut and no disk broken or filled here: {error}"),
        }
    }
    let plan = Plan {
        blows: blows.into_iter().cycle().take(torture.rounds as usize).collect(),
        clients: torture.clients,
        operations: torture.operations,
        reads: torture.reads.into(),
    };
    let program = std::env::current_exe()?;
    let on_round = |round, blow: Blow, answered| {
        eprintln!("round {round}: {}, {answered} operations answered", blow.name());
    };
    let interruption = interruption()?;
    tokio::select! {
        report = run(&plan, |launch| launch.serve(&program), on_round) => Ok(tell(&report?)),
        // What was started and mounted goes with what is dropped here.
        code = interruption => Ok(code),
    }
}

fn tell(report: &Report) -> ExitCode {
    let Report { ok, failed, unknown, kills, power_cuts, disk_failures, failovers, .. } = report;
    println!("{kills} kills, {power_cuts} power cuts, {disk_failures} failures of disks");
    println!("{ok} operations answered, {failed} in vain, {unknown} of unknown outcome");
    let [half, most, worst] = [50, 99, 100].map(|percent| report.failover(percent));
    if let (Some(half), Some(most), Some(worst)) = (half, most, worst) {
        let [half, most, worst] = [half, most, worst].map(|time| time.as_millis());
        println!(
            "failover of {} leaders: median {half} ms, 99th percentile {most} ms, worst {worst} ms",
            failovers.len()
        );
    }
    if 0 < report.disturbances {
        println!("DISTURBED: a server that was cut off raised its term {} times", report.disturbances);
    }
    match &report.verdict {
        Verdict::Linearizable => {
            println!("every answer is explained, and nothing acknowledged is lost");
            if report.disturbances == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Verdict::Violation(unexplained) => {
            println!("VIOLATION linearizability\n{unexplained}");
            ExitCode::FAILURE
        }
        Verdict::Undecided => {
            println!("undecided: too much was under way at once on one key");
            ExitCode::from(UNDECIDED)
        }
    }
}
