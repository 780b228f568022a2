//! One server of a cluster.

use super::Result;
use super::arguments::{Serve, TlsFiles};
use seaworthy_core::config::Config;
use seaworthy_core::durable::Durable;
use seaworthy_core::kv::Limits;
use seaworthy_core::member::founding_disk;
use seaworthy_core::membership::Membership;
use seaworthy_core::storage::Identity;
use seaworthy_core::types::NodeId;
use seaworthy_node::fleet::abandoned;
use seaworthy_node::grpc::{self, Peers, Service, Tls};
use seaworthy_node::metrics;
use seaworthy_node::server::{Server, ServerError};
use seaworthy_node::storage::StorageError;
use std::collections::BTreeMap;
use std::net::{SocketAddr, ToSocketAddrs};
use std::num::NonZeroU64;
use std::process::ExitCode;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;
use tokio::time;

/// How long connections have to end after the server has.
const FAREWELL: Duration = Duration::from_secs(5);

/// Serves until a signal, or until it must not go on.
pub(super) async fn serve(serve: Serve) -> Result<ExitCode> {
    let tls = serve.tls.read(&serve.cluster)?;
    if tls.is_none() && !serve.insecure && !is_loopback(&serve.listen)? {
        return Err(format!(
            "{} can be reached by others: give it certificates (--tls-ca, --tls-cert, --tls-key), or say --insecure",
            serve.listen
        )
        .into());
    }
    if let Some(address) = &serve.metrics
        && !serve.insecure
        && !is_loopback(address)?
    {
        return Err(format!(
            "{address} can be reached by others, and metrics are for whoever asks: say --insecure"
        )
        .into());
    }
    let identity = Identity { cluster: xxhash_rust::xxh3::xxh3_64(serve.cluster.as_bytes()), node: serve.id };
    run(&serve, identity, tls).await
}

/// What a server that never ran starts from, if this is one.
fn first_state(serve: &Serve) -> Option<Durable> {
    let founders = serve.peers.iter().map(|(node, _)| *node).chain([serve.id]);
    if serve.bootstrap {
        Some(founding_disk(Membership::new(founders), Limits::default()))
    } else {
        serve.join.then(Durable::default)
    }
}

async fn run(serve: &Serve, identity: Identity, tls: Option<Tls>) -> Result<ExitCode> {
    let config = Config {
        election_timeout_min: serve.election_timeout,
        election_timeout_max: 2 * serve.election_timeout,
        heartbeat_interval: serve.heartbeat,
        snapshot_interval: NonZeroU64::new(serve.snapshot_interval),
        snapshot_bytes: Some(serve.snapshot_bytes),
        ..Config::new(serve.id, 0)
    };
    config.validate()?;
    if let Some(tls) = &tls {
        tls.check(serve.id)?;
    }
    let addresses = addresses(serve)?;
    let listener = bind(&serve.listen).await?;
    let address = advertised(serve, &addresses, listener.local_addr()?)?;
    let metrics = match &serve.metrics {
        Some(address) => Some(bind(address).await?),
        None => None,
    };
    if let Some(tls) = &tls {
        let hangups = signal(SignalKind::hangup())?;
        let (files, cluster) = (serve.tls.clone(), serve.cluster.clone());
        tokio::spawn(renew_at_hangups(serve.id, files, cluster, tls.clone(), hangups));
    }
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    let left_alone = serve.until_stdin_ends.then(abandoned).transpose()?;
    let left_alone = async {
        match left_alone {
            Some(left_alone) => left_alone.await,
            None => std::future::pending().await,
        }
    };
    // Last of all, since it happens once: whoever has made a mistake above tries again.
    if let Some(state) = first_state(serve) {
        serve.storage.found(&serve.data, identity, state)?;
    }
    let storage = serve.storage.open(&serve.data, identity).map_err(advice)?;
    let peers = Peers::new(identity, address, addresses, tls);
    let mut server = Server::start(config, storage, peers.clone()).map_err(|error| match error {
        ServerError::Storage(error) => advice(error),
        error => error.to_string(),
    })?;
    println!("{} listens on {}", serve.id, listener.local_addr()?);
    if let Some(listener) = metrics {
        println!("{} tells its metrics on {}", serve.id, listener.local_addr()?);
        tokio::spawn(metrics::serve(server.handle(), listener));
    }
    let (stop, stopped) = oneshot::channel::<()>();
    let service = Service::new(server.handle(), peers);
    let mut serving = tokio::spawn(grpc::serve(service, listener, async { drop(stopped.await) }));
    tokio::select! {
        // At once: nothing may be said any more that the disk does not hold.
        error = server.failed() => return Err(error.into()),
        ended = &mut serving => {
            ended??;
            return Err("the connections have ended".into());
        }
        _ = interrupted.recv() => {}
        _ = terminated.recv() => {}
        () = left_alone => {}
    }
    server.shut_down().await;
    // It may have ended already.
    let _ = stop.send(());
    let _ = time::timeout(FAREWELL, serving).await;
    Ok(ExitCode::SUCCESS)
}

async fn bind(address: &str) -> Result<TcpListener> {
    Ok(TcpListener::bind(address).await.map_err(|error| format!("{address}: {error}"))?)
}

/// Where the servers are that were named.
fn addresses(serve: &Serve) -> Result<BTreeMap<NodeId, String>> {
    let mut addresses = BTreeMap::new();
    for (node, address) in &serve.peers {
        if addresses.insert(*node, address.clone()).is_some() {
            return Err(format!("{node} is named twice among the peers").into());
        }
    }
    Ok(addresses)
}

/// Where others reach this server.
fn advertised(serve: &Serve, addresses: &BTreeMap<NodeId, String>, listens: SocketAddr) -> Result<String> {
    match serve.advertise.as_ref().or(addresses.get(&serve.id)) {
        Some(address) => Ok(address.clone()),
        None if listens.ip().is_unspecified() => Err(format!(
            "{listens} does not say where others reach {}: say --advertise, or name it among the --peers",
            serve.id
        )
        .into()),
        None => Ok(listens.to_string()),
    }
}

/// What is wrong with a disk, and what to say instead if that helps.
fn advice(error: StorageError) -> String {
    match error {
        StorageError::Vacant(_) => {
            format!("{error}: say --bootstrap to found a cluster, or --join to be added to one")
        }
        StorageError::OtherForm(_) => format!("{error}: see --storage"),
        error => error.to_string(),
    }
}

/// Reads the certificates anew whenever it is told to.
async fn renew_at_hangups(node: NodeId, files: TlsFiles, cluster: String, tls: Tls, mut hangups: Signal) {
    while hangups.recv().await.is_some() {
        let renewed = match files.read(&cluster) {
            Ok(Some(newer)) => {
                newer.check(node).and_then(|()| tls.renew(&newer)).map_err(|error| error.to_string())
            }
            Ok(None) => Ok(()),
            Err(error) => Err(error.to_string()),
        };
        match renewed {
            Ok(()) => tracing::info!("the certificates are renewed"),
            Err(error) => tracing::error!(%error, "the certificates stay as they are"),
        }
    }
}

/// Whether only this machine can connect to what listens there.
fn is_loopback(address: &str) -> Result<bool> {
    let mut addresses = address.to_socket_addrs().map_err(|error| format!("{address}: {error}"))?;
    Ok(addresses.all(|address| address.ip().is_loopback()))
}
