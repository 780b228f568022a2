//! The long version of the test with real processes.

use super::{Result, arguments};
use seaworthy_node::torture::{Blow, Plan, Report, torture as run};
use seaworthy_sim::linearizability::Verdict;
use std::process::ExitCode;
use std::time::Duration;

/// A budget ran out.
const UNDECIDED: u8 = 3;

pub(super) async fn torture(torture: &arguments::Torture) -> Result<ExitCode> {
    let blows = Blow::ALL.into_iter().cycle().take(torture.rounds as usize).collect();
    let plan = Plan { blows, clients: torture.clients, operations: torture.operations };
    let program = std::env::current_exe()?;
    let on_round =
        |round, blow, answered| eprintln!("round {round}: {blow:?}, {answered} operations answered");
    let report = run(&plan, |launch| launch.serve(&program), on_round).await?;
    Ok(tell(&report))
}

fn tell(report: &Report) -> ExitCode {
    let Report { ok, failed, unknown, kills, failovers, verdict } = report;
    println!("{kills} kills; {ok} operations answered, {failed} in vain, {unknown} of unknown outcome");
    let mut failovers = failovers.clone();
    failovers.sort();
    let nth = |percent: usize| failovers.get((failovers.len() * percent).div_ceil(100).saturating_sub(1));
    if let (Some(half), Some(most), Some(worst)) = (nth(50), nth(99), failovers.last()) {
        let [half, most, worst] = [half, most, worst].map(Duration::as_millis);
        println!(
            "failover of {} leaders: median {half} ms, 99th percentile {most} ms, worst {worst} ms",
            failovers.len()
        );
    }
    match verdict {
        Verdict::Linearizable => {
            println!("every answer is explained, and nothing acknowledged is lost");
            ExitCode::SUCCESS
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
