//! How fast a cluster is: closed loops of clients on three server processes, over gRPC on loopback.
//!
//! A machine that does other things as well is never as fast twice. So everything is measured in turn, round by round,
//! each figure is the median of its rounds, and each round also measures what no server can do without: the disk's
//! `fdatasync`, and a bare call over gRPC. In the order in which to read: `load`, the clients; `gauge`, what everything
//! is held against; here, the rounds.

mod gauge;
mod load;

pub use gauge::Gauge;

use crate::client::{Client, Settings};
use crate::fleet::{Fleet, Launch, Wiring};
use crate::grpc::Endpoints;
use crate::rank::percentile;
use crate::scratch::Scratch;
use load::Worker;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// Connections that all clients of a cluster share.
const CONNECTIONS: usize = 8;

/// What is to be measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// How many clients work at a time, one after the other.
    pub clients: Vec<u32>,
    /// How often everything is measured.
    pub rounds: u32,
    /// How long each time.
    pub burst: Duration,
    /// Where to make directories for the servers, and what to call each place: on a disk, and perhaps where a sync
    /// costs nothing.
    pub places: Vec<(String, PathBuf)>,
    /// The members of a cluster of etcd, each a host and a port, which then gets the same load.
    pub etcd: Vec<String>,
}

/// What a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Binds a key to 100 bytes.
    Write,
    /// Reads a key, linearizably.
    Read,
}

/// One figure: medians over the rounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figure {
    /// Whose: a place's name, or `etcd`.
    pub cluster: String,
    /// Of what.
    pub kind: Kind,
    /// How many clients worked.
    pub clients: u32,
    /// Operations that were answered, in a second.
    pub per_second: u64,
    /// How long half of them took, at most.
    pub half: Duration,
    /// How long 99 of a hundred took, at most.
    pub most: Duration,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// What everything is held against.
    pub gauge: Gauge,
    /// In the order of clusters, kinds and clients.
    pub figures: Vec<Figure>,
}

/// Why it could not be measured.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// A process cannot be started, or a directory not be made.
    #[error("the machine does not play along: {0}")]
    Machine(#[from] std::io::Error),
    /// A cluster does not do what it is asked.
    #[error("{cluster} does not serve: {reason}")]
    Unavailable {
        /// Which.
        cluster: String,
        /// Why not.
        reason: String,
    },
}

/// What one burst showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Burst {
    per_second: u64,
    half: Duration,
    most: Duration,
}

/// A cluster under measurement, and the bursts of each kind and number of clients.
struct Subject {
    name: String,
    workers: Vec<Worker>,
    bursts: Vec<(Kind, u32, Vec<Burst>)>,
}

/// Measures clusters of three processes, each of which `command` starts, and tells `on_round` about each round.
///
/// # Errors
/// If the machine does not play along, or a cluster does not serve.
pub async fn bench(
    plan: &Plan,
    command: impl Fn(&Launch) -> Command,
    mut on_round: impl FnMut(u32),
) -> Result<Report, BenchError> {
    let workers = plan.clients.iter().copied().max().unwrap_or(0) as usize;
    let (mut fleets, mut subjects, mut gauges) = (Vec::new(), Vec::new(), Vec::new());
    for (name, place) in &plan.places {
        let root = Scratch::new(place)?;
        let fleet = Fleet::launch(&command, root.path(), BTreeMap::new(), Wiring::Direct).await?;
        let endpoints: Vec<_> = (0..CONNECTIONS).map(|_| Endpoints::new(fleet.addresses(), None)).collect();
        let client = |endpoints: &Endpoints| Client::new(endpoints.clone(), Settings::default());
        let clients = endpoints.iter().cycle().map(client).map(Worker::Own).take(workers);
        subjects.push(Subject::new(name, clients.collect(), &plan.clients));
        fleets.push((fleet, root));
    }
    if !plan.etcd.is_empty() {
        let clients = load::connect(&plan.etcd, CONNECTIONS).await;
        let clients = clients.map_err(|reason| unavailable("etcd", reason))?;
        let clients = clients.into_iter().cycle().map(Worker::Etcd).take(workers);
        subjects.push(Subject::new("etcd", clients.collect(), &plan.clients));
    }
    for round in 1..=plan.rounds {
        if let Some(place) = plan.places.first() {
            gauges.push(Gauge::take(&place.1, plan.burst / 4).await?);
        }
        for position in 0..2 * plan.clients.len() {
            for subject in &mut subjects {
                subject.measure(position, plan.burst).await?;
            }
        }
        on_round(round);
    }
    let figures = subjects.iter().flat_map(Subject::figures).collect();
    Ok(Report { gauge: Gauge::median(gauges), figures })
}

fn unavailable(cluster: &str, reason: String) -> BenchError {
    BenchError::Unavailable { cluster: cluster.to_owned(), reason }
}

impl Subject {
    fn new(name: &str, workers: Vec<Worker>, clients: &[u32]) -> Self {
        let bursts = [Kind::Write, Kind::Read].into_iter().flat_map(|kind| {
            let empty = move |clients: &u32| (kind, *clients, Vec::new());
            clients.iter().map(empty)
        });
        Self { name: name.to_owned(), workers, bursts: bursts.collect() }
    }

    /// One burst of those at this position.
    async fn measure(&mut self, position: usize, length: Duration) -> Result<(), BenchError> {
        let (kind, clients, bursts) = &mut self.bursts[position];
        let times = load::burst(&mut self.workers, *clients as usize, *kind, length).await;
        let times = times.map_err(|reason| unavailable(&self.name, reason))?;
        let per_second = per_second(times.len(), length);
        let nth = |percent| percentile(&times, percent).unwrap_or(length);
        bursts.push(Burst { per_second, half: nth(50), most: nth(99) });
        Ok(())
    }

    fn figures(&self) -> impl Iterator<Item = Figure> {
        self.bursts.iter().map(|(kind, clients, bursts)| Figure {
            cluster: self.name.clone(),
            kind: *kind,
            clients: *clients,
            per_second: median(bursts, |burst| burst.per_second),
            half: median(bursts, |burst| burst.half),
            most: median(bursts, |burst| burst.most),
        })
    }
}

/// How many that is in a second.
fn per_second(count: usize, length: Duration) -> u64 {
    (count as u128 * 1_000_000 / length.as_micros().max(1)) as u64
}

/// The median of what `value` says of each.
fn median<T, V: Copy + Ord + Default>(all: &[T], value: impl Fn(&T) -> V) -> V {
    let mut values: Vec<V> = all.iter().map(value).collect();
    values.sort_unstable();
    percentile(&values, 50).unwrap_or_default()
}
