//! Three server processes on loopback, which can be killed, frozen and cut off from each other.

mod volume;
mod wire;

pub(crate) use volume::Volume;
pub(crate) use wire::State;

use crate::client::Failure;
use crate::grpc::Endpoints;
use crate::luck;
use crate::server::Status;
use seaworthy_core::types::NodeId;
use seaworthy_core::view::Role;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::process::{Child, Command as AsyncCommand};
use tokio::time;
use wire::Wire;

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

/// What is between the processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wiring {
    /// Loopback alone.
    Direct,
    /// A wire for each pair and direction.
    Wires,
}

/// Who there is.
pub(crate) const NODES: [NodeId; 3] = [NodeId::new(1), NodeId::new(2), NodeId::new(3)];

/// How long a server has to say what it looks like.
const GLANCE: Duration = Duration::from_millis(500);

/// The processes. They end when this is dropped.
pub(crate) struct Fleet<C> {
    command: C,
    /// The directory of each.
    homes: BTreeMap<NodeId, PathBuf>,
    addresses: BTreeMap<NodeId, String>,
    /// From one server to another.
    wires: BTreeMap<(NodeId, NodeId), Wire>,
    running: BTreeMap<NodeId, Child>,
}

impl<C: Fn(&Launch) -> Command> Fleet<C> {
    /// Starts the processes, each with its directory.
    pub(crate) async fn launch(
        command: C,
        home: impl Fn(NodeId) -> PathBuf,
        wiring: Wiring,
    ) -> io::Result<Self> {
        let mut addresses = BTreeMap::new();
        // All at once, so that the ports differ. They are free again right after, and nobody else takes them soon.
        let mut listeners = Vec::new();
        for node in NODES {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            addresses.insert(node, listener.local_addr()?.to_string());
            listeners.push(listener);
        }
        drop(listeners);
        let mut wires = BTreeMap::new();
        for from in NODES.iter().filter(|_| wiring == Wiring::Wires) {
            for (to, address) in addresses.iter().filter(|(to, _)| *to != from) {
                wires.insert((*from, *to), Wire::lay(address.clone()).await?);
            }
        }
        let homes = NODES.map(|node| (node, home(node))).into();
        let mut fleet = Self { command, homes, addresses, wires, running: BTreeMap::new() };
        fleet.start(true)?;
        Ok(fleet)
    }

    pub(crate) fn addresses(&self) -> Vec<String> {
        self.addresses.values().cloned().collect()
    }

    /// Starts those that do not run.
    pub(crate) fn restart(&mut self) -> io::Result<()> {
        self.start(false)
    }

    fn start(&mut self, first: bool) -> io::Result<()> {
        for (node, address) in &self.addresses {
            if self.running.contains_key(node) {
                continue;
            }
            let launch = Launch {
                node: *node,
                listen: address.clone(),
                peers: self.addresses.keys().map(|to| (*to, self.way(*node, *to))).collect(),
                data: self.homes[node].clone(),
                first,
            };
            let mut command = AsyncCommand::from((self.command)(&launch));
            command.stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
            self.running.insert(*node, command.spawn()?);
        }
        Ok(())
    }

    /// Where one server finds another, or itself.
    fn way(&self, from: NodeId, to: NodeId) -> String {
        self.wires.get(&(from, to)).map_or(&*self.addresses[&to], Wire::address).to_owned()
    }

    /// Puts each wire, from one server to another, into a state.
    pub(crate) fn set_wires(&self, state: impl Fn(NodeId, NodeId) -> State) {
        self.wires.iter().for_each(|((from, to), wire)| wire.set(state(*from, *to)));
    }

    /// Ends processes without a word to them, all before the first of them is waited for.
    pub(crate) async fn kill(&mut self, nodes: &[NodeId]) -> io::Result<()> {
        let mut killed: Vec<Child> = nodes.iter().filter_map(|node| self.running.remove(node)).collect();
        killed.iter_mut().try_for_each(Child::start_kill)?;
        for mut child in killed {
            child.wait().await?;
        }
        Ok(())
    }

    /// Waits until a process ends by itself.
    pub(crate) async fn ended(&mut self, node: NodeId) -> io::Result<ExitStatus> {
        let status = match self.running.get_mut(&node) {
            Some(child) => child.wait().await?,
            None => return Err(io::Error::other(format!("{node} does not run"))),
        };
        self.running.remove(&node);
        Ok(status)
    }

    /// So many of the nodes, at random.
    pub(crate) fn some(&self, count: usize) -> Vec<NodeId> {
        let mut nodes = NODES.to_vec();
        while count < nodes.len() {
            nodes.swap_remove(luck::below(nodes.len() as u64) as usize);
        }
        nodes
    }

    pub(crate) fn freeze(&self, node: NodeId) -> io::Result<()> {
        self.signal(node, "-STOP")
    }

    pub(crate) fn thaw(&self, node: NodeId) -> io::Result<()> {
        self.signal(node, "-CONT")
    }

    fn signal(&self, node: NodeId, signal: &str) -> io::Result<()> {
        let Some(id) = self.running.get(&node).and_then(Child::id) else { return Ok(()) };
        let status = Command::new("kill").args([signal, &id.to_string()]).status()?;
        if status.success() { Ok(()) } else { Err(io::Error::other(format!("kill {signal} {id}: {status}"))) }
    }

    /// Has a server write a snapshot.
    pub(crate) async fn take_snapshot(&self, node: NodeId) -> Result<(), Failure> {
        Endpoints::new(self.addresses(), None).take_snapshot(&self.addresses[&node]).await
    }

    /// What a server looks like, if it says so at once.
    pub(crate) async fn status(&self, node: NodeId) -> Option<Status> {
        let endpoints = Endpoints::new(self.addresses(), None);
        let looked = time::timeout(GLANCE, endpoints.status(&self.addresses[&node])).await;
        looked.ok()?.ok().map(|(status, _)| status)
    }

    /// Who says that it leads, in the latest term.
    pub(crate) async fn leader(&self) -> Option<NodeId> {
        let mut leaders = Vec::new();
        for node in NODES {
            leaders.extend(self.status(node).await.filter(|status| status.role == Role::Leader));
        }
        leaders.iter().max_by_key(|status| status.term).map(|status| status.id)
    }
}
