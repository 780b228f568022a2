//! Clients in closed loops: each asks, waits for its answer, and asks again.

use super::Kind;
use crate::client::Client;
use crate::grpc::Endpoints;
use crate::luck;
use seaworthy_core::kv::Command;
use seaworthy_core::types::Bytes;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tonic::transport::{Channel, Endpoint};

/// What etcd's own protocol makes of its two calls.
mod proto {
    #![allow(missing_docs, unreachable_pub, clippy::all)]
    tonic::include_proto!("etcdserverpb");
}

use proto::kv_client::KvClient;

/// Keys that are in use.
const KEYS: u64 = 10_000;

/// What each of them is bound to.
const VALUE: [u8; 100] = [b'v'; 100];

/// The part of a burst that comes before it and is not counted: what was idle gets going.
const WARM_UP_PARTS: u32 = 4;

/// One client.
pub(super) enum Worker {
    Own(Client<Endpoints>),
    Etcd(KvClient<Channel>),
}

/// Connections to all members of a cluster of etcd in turn.
pub(super) async fn connect(
    members: &[String],
    connections: usize,
) -> Result<Vec<KvClient<Channel>>, String> {
    let mut clients = Vec::new();
    for member in members.iter().cycle().take(connections) {
        let endpoint =
            Endpoint::from_shared(format!("http://{member}")).map_err(|error| error.to_string())?;
        let channel = endpoint.tcp_nodelay(true).connect().await.map_err(|error| error.to_string())?;
        clients.push(KvClient::new(channel));
    }
    Ok(clients)
}

/// Lets the first so many of the workers work, and says how long everything took that was answered within `length`,
/// ascending.
pub(super) async fn burst(
    workers: &mut Vec<Worker>,
    clients: usize,
    kind: Kind,
    length: Duration,
) -> Result<Vec<Duration>, String> {
    let ready = Arc::new(Barrier::new(clients));
    let mut tasks = JoinSet::new();
    for mut worker in workers.drain(..clients) {
        let ready = Arc::clone(&ready);
        tasks.spawn(async move {
            // Whoever has a session and knows the leader is ready.
            worker.work(kind).await?;
            ready.wait().await;
            let from = Instant::now() + length / WARM_UP_PARTS;
            let until = from + length;
            let mut times = Vec::new();
            loop {
                let begun = Instant::now();
                worker.work(kind).await?;
                let ended = Instant::now();
                if until <= ended {
                    return Ok::<_, String>((worker, times));
                }
                if from <= ended {
                    times.push(ended - begun);
                }
            }
        });
    }
    let mut all = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        let (worker, times) = ended.expect("no client panics")?;
        workers.push(worker);
        all.extend(times);
    }
    all.sort_unstable();
    Ok(all)
}

impl Worker {
    async fn work(&mut self, kind: Kind) -> Result<(), String> {
        let key = format!("key-{:05}", luck::below(KEYS));
        match (self, kind) {
            (Self::Own(client), Kind::Write) => {
                let command = Command::Set { key: Bytes::from(key.as_str()), value: Bytes::new(&VALUE) };
                client.execute(command).await.map(drop).map_err(|error| error.to_string())
            }
            (Self::Own(client), Kind::Read) => {
                let command = Command::Get { key: Bytes::from(key.as_str()) };
                client.execute(command).await.map(drop).map_err(|error| error.to_string())
            }
            (Self::Etcd(client), Kind::Write) => {
                let request = proto::PutRequest { key: key.into(), value: VALUE.into() };
                client.put(request).await.map(drop).map_err(|error| error.to_string())
            }
            (Self::Etcd(client), Kind::Read) => {
                let request = proto::RangeRequest { key: key.into() };
                client.range(request).await.map(drop).map_err(|error| error.to_string())
            }
        }
    }
}
