//! Real processes under load that are killed and stopped again and again, and what their clients saw, held against the
//! specification: by the very checker that judges the simulator's runs.
//!
//! In the order in which to read: `load`, the clients; `fleet`, the processes; `wire`, what is between them; here, what happens to them.

mod fleet;
mod load;
mod wire;

use crate::client::Settings;
use crate::grpc::Endpoints;
use fleet::Fleet;
use load::Load;
use seaworthy_core::types::NodeId;
use seaworthy_sim::linearizability::{Verdict, check};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tokio::time::{self, Instant};

/// How long a cluster may take until it serves again. Far beyond what a sound one needs on the slowest machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// What one round does to the processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blow {
    /// Kills the leader.
    KillLeader,
    /// Kills a process, whichever.
    KillOne,
    /// Kills two, so that nobody can lead.
    KillTwo,
    /// Kills all of them at once.
    KillAll,
    /// Freezes the leader for a while, as a long pause does, and lets it go on.
    FreezeLeader,
    /// Cuts the leader off from the others. They must go on without it.
    CutLeader,
    /// Cuts what the leader sends, but not what it hears.
    MuteLeader,
    /// Cuts the leader off from one of the others, while both reach the third.
    CutPair,
    /// Lets everything between servers take longer.
    Slow,
}

impl Blow {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::KillLeader,
        Self::CutLeader,
        Self::KillOne,
        Self::MuteLeader,
        Self::KillTwo,
        Self::CutPair,
        Self::KillAll,
        Self::Slow,
        Self::FreezeLeader,
    ];
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// One after the other.
    pub blows: Vec<Blow>,
    /// Clients that work all the time.
    pub clients: u32,
    /// How many operations must be answered between two blows: without a load nothing is tested.
    pub operations: u64,
}

/// How a process is to be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launch {
    /// Which server it is.
    pub node: NodeId,
    /// Where it listens.
    pub listen: String,
    /// Where it finds all of them.
    pub peers: Vec<(NodeId, String)>,
    /// Its directory.
    pub data: PathBuf,
    /// Whether it founds the cluster.
    pub first: bool,
}

impl Launch {
    /// The command that has `program`, the binary of this crate, serve so.
    pub fn serve(&self, program: &Path) -> Command {
        let peers = self.peers.iter().map(|(node, address)| format!("{}={address}", node.get()));
        let mut command = Command::new(program);
        command.arg("serve").arg("--id").arg(self.node.get().to_string());
        command.arg("--listen").arg(&self.listen);
        command.arg("--peers").arg(peers.collect::<Vec<_>>().join(","));
        command.arg("--data").arg(&self.data).env("SEAWORTHY_LOG", "error");
        if self.first {
            command.arg("--bootstrap");
        }
        command
    }
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Report {
    /// Operations that were answered.
    pub ok: u64,
    /// Operations that surely did nothing.
    pub failed: u64,
    /// Operations of unknown outcome.
    pub unknown: u64,
    /// Processes that were killed.
    pub kills: u64,
    /// How long it took, after each kill of a leader, until a write was answered that had begun after it.
    pub failovers: Vec<Duration>,
    /// Whether what the clients saw can be explained.
    pub verdict: Verdict,
}

/// Why it could not be done.
#[derive(Debug, thiserror::Error)]
pub enum TortureError {
    /// A process cannot be started, or a directory not be made.
    #[error("the machine does not play along: {0}")]
    Machine(#[from] std::io::Error),
    /// The cluster does not serve any more, though all of its processes run.
    #[error("the cluster does not serve {PATIENCE:?} after {0}")]
    Unavailable(String),
}

/// Tortures three processes, each of which `command` starts.
///
/// # Errors
/// If the machine does not play along, or the cluster does not come back.
pub async fn torture(
    plan: &Plan,
    command: impl Fn(&Launch) -> Command,
    mut on_round: impl FnMut(usize, Blow, u64),
) -> Result<Report, TortureError> {
    let mut fleet = Fleet::launch(command).await?;
    // Short attempts: a frozen server is not waited for.
    let settings =
        Settings { operation_timeout: Duration::from_secs(3), attempt_timeout: Duration::from_millis(400) };
    let load = Load::start(Endpoints::new(fleet.addresses(), None), settings, plan.clients);
    let mut failovers = Vec::new();
    served(&load, plan.operations, "the start").await?;
    for (round, blow) in plan.blows.iter().copied().enumerate() {
        load.next_keys();
        let what = format!("round {}, {blow:?}", round + 1);
        let leader = fleet.leader().await;
        match (blow, leader) {
            (Blow::KillOne, _) => fleet.kill(&fleet.some(1)).await?,
            (Blow::KillTwo, _) => fleet.kill(&fleet.some(2)).await?,
            (Blow::KillAll, _) => fleet.kill(&fleet.some(3)).await?,
            (Blow::KillLeader, Some(leader)) => {
                let struck = Instant::now();
                fleet.kill(&[leader]).await?;
                failovers.push(written_since(&load, struck, &what).await?);
            }
            (Blow::FreezeLeader, Some(leader)) => {
                fleet.freeze(leader)?;
                time::sleep(Duration::from_millis(500)).await;
                fleet.thaw(leader)?;
            }
            (Blow::CutLeader | Blow::MuteLeader | Blow::CutPair | Blow::Slow, Some(leader)) => {
                fleet.spoil_wires(blow, leader);
                // There is a majority whose members reach each other: it serves on.
                served(&load, plan.operations, &what).await?;
                fleet.mend_wires();
            }
            // Nobody leads at the moment. There will be another round.
            (_, None) => {}
        }
        fleet.restart()?;
        served(&load, plan.operations, &what).await?;
        on_round(round + 1, blow, load.answered());
    }
    let history = load.finish().await;
    let (ok, failed, unknown) = load::count(&history);
    Ok(Report { ok, failed, unknown, kills: fleet.kills(), failovers, verdict: check(&history) })
}

/// Waits until so many more operations are answered.
async fn served(load: &Load, operations: u64, since: &str) -> Result<(), TortureError> {
    let (deadline, enough) = (Instant::now() + PATIENCE, load.answered() + operations);
    while load.answered() < enough {
        if deadline <= Instant::now() {
            return Err(TortureError::Unavailable(since.to_owned()));
        }
        time::sleep(Duration::from_millis(2)).await;
    }
    Ok(())
}

/// Waits until a write is answered that began after `instant`. Says how long that took.
async fn written_since(load: &Load, instant: Instant, what: &str) -> Result<Duration, TortureError> {
    let deadline = instant + PATIENCE;
    loop {
        if let Some(answered) = load.first_write_since(instant) {
            return Ok(answered.duration_since(instant));
        }
        if deadline <= Instant::now() {
            return Err(TortureError::Unavailable(what.to_owned()));
        }
        time::sleep(Duration::from_millis(1)).await;
    }
}
