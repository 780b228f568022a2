//! Real processes under load that are killed, frozen, cut off and robbed of their disks again and again, and what their
//! clients saw, held against the specification: by the very checker that judges the simulator's runs.
//!
//! In the order in which to read: `load`, the clients; `blow`, what can be done; `crowd`, far too many clients; `arena`,
//! how it is done.

mod arena;
mod blow;
mod crowd;
mod load;

pub use crate::fleet::Wiring;
pub use blow::Blow;
pub use crowd::Rush;

use crate::fleet::{Lan, Launch, Volume};
use crate::rank::percentile;
use crate::scratch::Scratch;
use arena::Arena;
use seaworthy_core::member::ReadMode;
use seaworthy_sim::linearizability::{Verdict, check};
use std::io;
use std::process::Command;
use std::time::Duration;

/// How long a cluster may take until it serves again. Far beyond what a sound one needs on the slowest machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// One after the other.
    pub blows: Vec<Blow>,
    /// Clients that work all the time.
    pub clients: u32,
    /// How many operations must be answered between two blows: without a load nothing is tested.
    pub operations: u64,
    /// How clients read. They hold every answer to what a linearizable one promises, so that stale reads must be found
    /// out: a control.
    pub reads: ReadMode,
    /// What is between the servers, and can be cut.
    pub wiring: Wiring,
    /// Clients that are too many.
    pub crowd: u32,
    /// How long they stay.
    pub rush: Duration,
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
    /// Servers whose power was cut.
    pub power_cuts: u64,
    /// Servers that stopped by themselves since their disk was broken, or full.
    pub disk_failures: u64,
    /// How long it took, after each kill of a leader, until a write was answered that had begun after it.
    pub failovers: Vec<Duration>,
    /// How often a server that was cut off raised its term meanwhile.
    pub disturbances: u64,
    /// What became of each overload.
    pub rushes: Vec<Rush>,
    /// Whether what the clients saw can be explained.
    pub verdict: Verdict,
}

impl Report {
    /// How long so many of a hundred failovers took, at most; `None` if no leader was killed.
    pub fn failover(&self, percent: usize) -> Option<Duration> {
        let mut failovers = self.failovers.clone();
        failovers.sort_unstable();
        percentile(&failovers, percent)
    }
}

/// Why it could not be done.
#[derive(Debug, thiserror::Error)]
pub enum TortureError {
    /// A process cannot be started, or a directory not be made.
    #[error("the machine does not play along: {0}")]
    Machine(#[from] io::Error),
    /// The cluster does not serve any more, though all of its processes run.
    #[error("the cluster does not serve {PATIENCE:?} after {0}")]
    Unavailable(String),
    /// A server goes on without its disk.
    #[error("a server runs {PATIENCE:?} after its disk failed, in {0}")]
    Careless(String),
}

/// Whether this machine can take disks away from servers.
///
/// # Errors
/// Why not.
pub fn try_disks() -> io::Result<()> {
    let root = Scratch::new(&std::env::temp_dir())?;
    Volume::create(root.path(), "trial").map(drop)
}

/// Whether this machine can have servers in a network of their own.
///
/// # Errors
/// Why not.
pub fn try_network() -> io::Result<()> {
    Lan::lay().map(drop)
}

/// Tortures three processes, each of which `command` starts.
///
/// # Errors
/// If the machine does not play along, the cluster does not come back, or a server goes on where it must not.
pub async fn torture(
    plan: &Plan,
    command: impl Fn(&Launch) -> Command,
    mut on_round: impl FnMut(usize, Blow, u64),
) -> Result<Report, TortureError> {
    let mut arena = Arena::open(plan, command).await?;
    for (round, blow) in plan.blows.iter().copied().enumerate() {
        let answered = arena.round(round + 1, blow).await?;
        on_round(round + 1, blow, answered);
    }
    let (history, toll) = arena.close().await;
    let (ok, failed, unknown) = load::count(&history);
    Ok(Report {
        ok,
        failed,
        unknown,
        kills: toll.kills,
        power_cuts: toll.power_cuts,
        disk_failures: toll.disk_failures,
        failovers: toll.failovers,
        disturbances: toll.disturbances,
        rushes: toll.rushes,
        verdict: check(&history),
    })
}
