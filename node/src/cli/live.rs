//! Real servers in this process, on loopback, with faults between them.

use super::Result;
use super::arguments::{Start, StorageKind};
use super::deck::{Sighting, leader};
use super::orders::{Fault, Target};
use seaworthy_core::config::Config;
use seaworthy_core::durable::Durable;
use seaworthy_core::kv::{Answer, Command, Limits};
use seaworthy_core::member::{Instruction, founding_disk};
use seaworthy_core::membership::Membership;
use seaworthy_core::storage::Identity;
use seaworthy_core::types::NodeId;
use seaworthy_node::client::{Client, ClientError, Failure, Settings};
use seaworthy_node::grpc::{self, Endpoints, Peers, Service};
use seaworthy_node::network::{Faults, Faulty};
use seaworthy_node::scratch::Scratch;
use seaworthy_node::server::{RequestError, SNAPSHOT_BYTES, Server};
use seaworthy_node::storage::StorageError;
use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time;

/// Any number does: the servers of one process are one cluster.
const CLUSTER: u64 = 0x5ea_0001;

/// How long connections have to end when a server does.
const FAREWELL: Duration = Duration::from_secs(2);

/// A cluster of this process.
pub(super) struct Live {
    root: PathBuf,
    storage: StorageKind,
    client: Client<Endpoints>,
    faults: Faults,
    machines: BTreeMap<NodeId, Machine>,
    /// Servers that were removed: their numbers are used up.
    retired: BTreeSet<NodeId>,
    _temporary: Option<Scratch>,
}

/// A disk and an address, and the server that lives there.
struct Machine {
    path: PathBuf,
    address: String,
    running: Option<Running>,
}

struct Running {
    server: Server,
    /// Has it that nobody can connect any more.
    stop: oneshot::Sender<()>,
    /// Ends when nobody is connected any more.
    serving: JoinHandle<()>,
}

impl Live {
    /// Starts the servers.
    pub(super) async fn launch(start: &Start) -> Result<Self> {
        let founding = founding_disk(Membership::new(start.nodes()), Limits::default());
        let temporary = if start.data.is_none() { Some(Scratch::new(&env::temp_dir())?) } else { None };
        let root = start.data.clone().or(temporary.as_ref().map(|root| root.path().to_owned()));
        let root = root.expect("there is one or the other");
        let storage = start.storage.unwrap_or_default();
        let mut machines = BTreeMap::new();
        for node in start.nodes() {
            machines.insert(node, found(&root, storage, node, founding.clone()).await?);
        }
        let addresses = machines.values().map(|machine| machine.address.clone()).collect();
        let mut live = Self {
            root,
            storage,
            client: Client::new(Endpoints::new(addresses, None), Settings::default()),
            faults: Faults::new(),
            machines,
            retired: BTreeSet::new(),
            _temporary: temporary,
        };
        for node in start.nodes() {
            live.start(node).await?;
        }
        Ok(live)
    }

    pub(super) async fn execute(&mut self, command: Command) -> std::result::Result<Answer, ClientError> {
        self.client.execute(command).await
    }

    pub(super) async fn statuses(&self) -> Vec<Sighting> {
        let mut sightings = Vec::new();
        for (node, machine) in &self.machines {
            let status = match &machine.running {
                Some(running) => running.server.handle().status().await.map_err(|_| "has stopped"),
                None => Err("down"),
            };
            let status = status.map_err(|reason| Failure::Unreachable(reason.to_owned()));
            sightings.push((node.to_string(), status));
        }
        sightings
    }

    pub(super) async fn ask(
        &self,
        node: NodeId,
        instruction: Instruction,
    ) -> std::result::Result<(), Failure> {
        let running = self.machines.get(&node).and_then(|machine| machine.running.as_ref());
        let running = running.ok_or_else(|| Failure::Unreachable(format!("{node} does not run")))?;
        let done = running.server.handle().instruct(instruction).await;
        done.map(|_| ()).map_err(|error| match error {
            RequestError::Refused(refusal) => Failure::from_refusal(refusal, |node| Some(node.to_string())),
            RequestError::Stopped => Failure::Lost { reason: format!("{node} has stopped"), leader: None },
        })
    }

    /// Starts a server that belongs to no cluster yet.
    pub(super) async fn launch_blank(&mut self, node: NodeId) -> std::result::Result<(), String> {
        if self.retired.contains(&node) {
            return Err(format!("{node} was removed: a server that comes back has a new number"));
        }
        if self.machines.contains_key(&node) {
            return Ok(());
        }
        let machine = found(&self.root, self.storage, node, Durable::default()).await;
        self.machines.insert(node, machine.map_err(|error| error.to_string())?);
        self.start(node).await.map_err(|error| error.to_string())
    }

    /// A server was removed from the cluster.
    pub(super) async fn retire(&mut self, node: NodeId) {
        self.stop(node).await;
        self.machines.remove(&node);
        self.retired.insert(node);
    }

    pub(super) async fn fault(&mut self, fault: &Fault) -> std::result::Result<(), String> {
        match fault {
            Fault::Crash(target) => {
                let node = self.find(*target).await?;
                self.stop(node).await;
            }
            Fault::Restart(node) => {
                self.find(Target::Node(*node)).await?;
                self.stop(*node).await;
                self.start(*node).await.map_err(|error| error.to_string())?;
            }
            Fault::Partition(groups) => self.faults.partition(groups.clone()),
            Fault::Isolate(target) => {
                let node = self.find(*target).await?;
                self.faults.partition(vec![vec![node]]);
            }
            Fault::Heal => self.faults.heal(),
            Fault::Delay(delay) => self.faults.delay(*delay),
            Fault::Loss(percent) => self.faults.lose(*percent),
        }
        Ok(())
    }

    pub(super) async fn close(mut self) {
        let nodes: Vec<NodeId> = self.machines.keys().copied().collect();
        for node in nodes {
            self.stop(node).await;
        }
    }

    async fn find(&self, target: Target) -> std::result::Result<NodeId, String> {
        match target {
            Target::Node(node) if self.machines.contains_key(&node) => Ok(node),
            Target::Node(node) => Err(format!("there is no {node}")),
            Target::Leader => leader(&self.statuses().await).ok_or_else(|| "nobody leads".to_owned()),
        }
    }

    /// Stops a server as a crash does. What is on its disk stays there.
    async fn stop(&mut self, node: NodeId) {
        let running = self.machines.get_mut(&node).and_then(|machine| machine.running.take());
        let Some(Running { server, stop, mut serving }) = running else { return };
        server.halt().await;
        // It may have ended already.
        let _ = stop.send(());
        if time::timeout(FAREWELL, &mut serving).await.is_err() {
            serving.abort();
        }
    }

    /// Starts a server from what is on its disk.
    async fn start(&mut self, node: NodeId) -> Result<()> {
        let others = self.machines.iter().map(|(node, machine)| (*node, machine.address.clone())).collect();
        let machine = self.machines.get_mut(&node).expect("only machines that are there are started");
        let listener = TcpListener::bind(&machine.address).await?;
        let identity = Identity { cluster: CLUSTER, node };
        let peers = Peers::new(identity, machine.address.clone(), others, None);
        let network = Faulty::new(self.faults.clone(), peers.clone());
        let config = Config { snapshot_bytes: Some(SNAPSHOT_BYTES), ..Config::new(node, 0) };
        let server = Server::start(config, self.storage.open(&machine.path, identity)?, network)?;
        let service = Service::new(server.handle(), peers);
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(async move {
            let served = grpc::serve(service, listener, async { drop(stopped.await) }).await;
            if let Err(error) = served {
                tracing::error!(%node, %error, "cannot be reached any more");
            }
        });
        machine.running = Some(Running { server, stop, serving });
        Ok(())
    }
}

/// A directory below `root` for a server, and a port for it. What a server has left there stays.
async fn found(root: &Path, storage: StorageKind, node: NodeId, state: Durable) -> Result<Machine> {
    let path = root.join(node.to_string());
    let identity = Identity { cluster: CLUSTER, node };
    match storage.found(&path, identity, state) {
        Ok(()) | Err(StorageError::Occupied(_)) => {}
        Err(error) => return Err(error.into()),
    }
    // The port stays the server's own for as long as the process lives, unless somebody else is quick.
    let address = TcpListener::bind("127.0.0.1:0").await?.local_addr()?.to_string();
    Ok(Machine { path, address, running: None })
}
