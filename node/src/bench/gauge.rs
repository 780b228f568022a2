//! What no server can do without, measured by itself.

use super::{BenchError, median, per_second, unavailable};
use crate::rank::percentile;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::Instant;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::{Channel, Endpoint, Server};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

/// What is written at a time to measure a disk.
const BLOCK: usize = 4 << 10;

/// The room in which it is written, over and over.
const BLOCKS: u64 = 64;

/// Callers at a time, to see how many calls a server can take.
const CALLERS: usize = 64;

/// The measure of a machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gauge {
    /// How long it takes to overwrite a block of a file and sync it; the median.
    pub sync: Duration,
    /// How long a bare call takes, over gRPC on loopback; the median.
    pub call: Duration,
    /// How many of those 64 callers get through in a second.
    pub calls_per_second: u64,
}

impl Gauge {
    /// Takes the measure, with a file in `directory`.
    pub(super) async fn take(directory: &Path, length: Duration) -> Result<Self, BenchError> {
        let directory = directory.to_owned();
        let sync = spawn_blocking(move || sync(directory, length)).await.expect("it does not panic")?;
        let mut one = calls(1, length).await?;
        one.sort_unstable();
        let calls_per_second = per_second(calls(CALLERS, length).await?.len(), length);
        Ok(Self { sync, call: percentile(&one, 50).unwrap_or(length), calls_per_second })
    }

    pub(super) fn median(gauges: Vec<Self>) -> Self {
        Self {
            sync: median(&gauges, |gauge| gauge.sync),
            call: median(&gauges, |gauge| gauge.call),
            calls_per_second: median(&gauges, |gauge| gauge.calls_per_second),
        }
    }
}

fn sync(directory: PathBuf, length: Duration) -> io::Result<Duration> {
    let file = tempfile::tempfile_in(directory)?;
    let block = [0; BLOCK];
    (0..BLOCKS).try_for_each(|number| file.write_all_at(&block, number * BLOCK as u64))?;
    file.sync_all()?;
    let (begun, mut times) = (Instant::now(), Vec::new());
    for number in (0..BLOCKS).cycle() {
        let start = Instant::now();
        file.write_all_at(&block, number * BLOCK as u64)?;
        file.sync_data()?;
        times.push(start.elapsed());
        if length <= begun.elapsed() {
            break;
        }
    }
    times.sort_unstable();
    Ok(percentile(&times, 50).unwrap_or(length))
}

/// How long each call of so many callers took.
async fn calls(callers: usize, length: Duration) -> Result<Vec<Duration>, BenchError> {
    let bad = |error: &dyn std::error::Error| unavailable("a bare server", error.to_string());
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let (_, service) = tonic_health::server::health_reporter();
    let server = Server::builder().tcp_nodelay(true).add_service(service);
    let server = tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    let endpoint = Endpoint::from_shared(format!("http://{address}")).map_err(|error| bad(&error))?;
    let mut tasks = JoinSet::new();
    let until = Instant::now() + length;
    for _ in 0..callers.div_ceil(8) {
        let channel = endpoint.clone().tcp_nodelay(true).connect().await.map_err(|error| bad(&error))?;
        for _ in 0..callers.min(8) {
            tasks.spawn(call(channel.clone(), until));
        }
    }
    let mut all = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        all.extend(ended.expect("no caller panics").map_err(|status| bad(&status))?);
    }
    server.abort();
    Ok(all)
}

async fn call(channel: Channel, until: Instant) -> Result<Vec<Duration>, tonic::Status> {
    let (mut client, mut times) = (HealthClient::new(channel), Vec::new());
    loop {
        let begun = Instant::now();
        if until <= begun {
            return Ok(times);
        }
        client.check(HealthCheckRequest::default()).await?;
        times.push(begun.elapsed());
    }
}
