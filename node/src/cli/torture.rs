//! The long version of the test with real processes.

use super::signals::interruption;
use super::{Result, USAGE, arguments};
use seaworthy_node::torture::{
    Blow, Plan, Report, Rush, TortureError, Wiring, torture as run, try_disks, try_network,
};
use seaworthy_sim::linearizability::Verdict;
use std::process::ExitCode;
use std::time::Duration;

/// A budget ran out.
const UNDECIDED: u8 = 3;

/// What was asked for cannot be had on this machine.
const NOTHING_RAN: u8 = 4;

/// It is not the cluster that is to blame.
const HARNESS_FAILED: u8 = 70;

pub(super) async fn torture(torture: &arguments::Torture) -> Result<ExitCode> {
    let wiring = Wiring::from(torture.network);
    if wiring == Wiring::Kernel {
        if torture.blows.contains(&Blow::Slow) {
            eprintln!("error: the network of the kernel loses packets, and does not slow them down");
            return Ok(ExitCode::from(USAGE));
        }
        if let Err(error) = try_network() {
            eprintln!("skipped: servers cannot have a network of their own here: {error}");
            return Ok(ExitCode::from(NOTHING_RAN));
        }
    }
    let mut blows = torture.blows.clone();
    if blows.is_empty() {
        let possible = |blow: &Blow| wiring != Wiring::Kernel || *blow != Blow::Slow;
        blows.extend(Blow::PROCESSES.into_iter().filter(possible));
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
        wiring,
        crowd: torture.crowd,
        rush: Duration::from_millis(torture.rush),
    };
    let program = std::env::current_exe()?;
    let on_round = |round, blow: Blow, answered| {
        eprintln!("round {round}: {}, {answered} operations answered", blow.name());
    };
    let interruption = interruption()?;
    tokio::select! {
        report = run(&plan, |launch| launch.serve(&program), on_round) => match report {
            Ok(report) => Ok(tell(&report)),
            Err(error @ TortureError::Machine(_)) => {
                eprintln!("error: {error}");
                Ok(ExitCode::from(HARNESS_FAILED))
            }
            Err(error) => Err(error.into()),
        },
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
    report.rushes.iter().for_each(tell_of_rush);
    if 0 < report.disturbances {
        println!("DISTURBED: a server that was cut off raised its term {} times", report.disturbances);
    }
    let sound = report.disturbances == 0 && report.rushes.iter().all(Rush::withstood);
    match &report.verdict {
        Verdict::Linearizable => {
            println!("every answer is explained, and nothing acknowledged is lost");
            if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE }
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

fn tell_of_rush(rush: &Rush) {
    let Rush { answered, in_vain, unknown, refusals, memory, recovery } = rush;
    println!(
        "overload: {answered} writes answered in time, {in_vain} in vain, {unknown} of unknown outcome; \
         {refusals} refusals"
    );
    if let Some([before, most, after]) = memory.map(|bytes| bytes.map(|bytes| bytes >> 20)) {
        println!("memory of the largest server: {before} MiB before, at most {most}, {after} after");
    }
    println!("answered again after {} ms", recovery.as_millis());
    if !rush.withstood() {
        println!(
            "OVERWHELMED: it is to stay below {} MiB, and to answer within {} ms",
            Rush::MEMORY_MAX >> 20,
            Rush::RECOVERY_MAX.as_millis()
        );
    }
}
