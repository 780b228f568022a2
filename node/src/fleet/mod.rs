//! Three server processes on this machine, which can be killed, frozen and cut off from each other. However the process
//! that started them ends, they end as well, and so does what they needed.

mod cell;
mod lan;
mod volume;
mod wire;

pub(crate) use lan::Lan;
pub(crate) use volume::Volume;
pub(crate) use wire::State;

use crate::client::Failure;
use crate::grpc::Endpoints;
use crate::luck;
use crate::server::Status;
use seaworthy_core::types::NodeId;
use seaworthy_core::view::Role;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::process::{Child, ChildStdin, Command as AsyncCommand};
use tokio::sync::oneshot;
use tokio::time::{self, Instant};
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
        command.arg("--data").arg(&self.data).arg("--until-stdin-ends").env("SEAWORTHY_LOG", "error");
        if self.first {
            command.arg("--bootstrap");
        }
        // Elsewhere than on loopback it is in a network that nobody else is in.
        if self.listen.parse().is_ok_and(|address: SocketAddr| !address.ip().is_loopback()) {
            command.arg("--insecure");
        }
        command
    }
}

/// What is between the processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wiring {
    /// Loopback alone. Nothing can be cut.
    Direct,
    /// A proxy for each pair and direction, on loopback, which can cut it and slow it down.
    Proxies,
    /// A network of the kernel, in which packets can be lost. It takes an administrator.
    Kernel,
}

/// Waits until nobody holds the other end of this process's standard input: whoever started it, and kept that end, is
/// gone. A process that ends then can never be left behind.
///
/// # Errors
/// If the operating system gives no thread.
pub fn abandoned() -> io::Result<impl Future<Output = ()>> {
    let (held, ended) = oneshot::channel::<()>();
    // A thread that nobody waits for at the end, since it reads for as long as there may be something to read.
    thread::Builder::new().name("stdin".to_owned()).spawn(move || {
        // What is said makes no difference, and an end is an end.
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        drop(held);
    })?;
    Ok(async { drop(ended.await) })
}

/// Who there is.
pub(crate) const NODES: [NodeId; 3] = [NodeId::new(1), NodeId::new(2), NodeId::new(3)];

/// How long a server has to say what it looks like.
const GLANCE: Duration = Duration::from_millis(500);

/// How long processes that were killed may take to be gone.
const BURIAL: Duration = Duration::from_secs(5);

/// The processes. They have ended when this is dropped.
pub(crate) struct Fleet<C> {
    command: C,
    root: PathBuf,
    running: BTreeMap<NodeId, Process>,
    addresses: BTreeMap<NodeId, String>,
    network: Network,
    /// The disk of each, if it has one of its own.
    volumes: BTreeMap<NodeId, Volume>,
}

struct Process {
    child: Child,
    /// The process ends when this does.
    _stdin: Option<ChildStdin>,
}

/// What is between the processes.
enum Network {
    /// From one server to another, as far as there are wires.
    Wires(BTreeMap<(NodeId, NodeId), Wire>),
    Lan(Lan),
}

impl<C: Fn(&Launch) -> Command> Fleet<C> {
    /// Starts the processes, each with a directory on its volume, or else in `root`.
    pub(crate) async fn launch(
        command: C,
        root: &Path,
        volumes: BTreeMap<NodeId, Volume>,
        wiring: Wiring,
    ) -> io::Result<Self> {
        let (addresses, network) = match wiring {
            Wiring::Direct => (loopback().await?, Network::Wires(BTreeMap::new())),
            Wiring::Proxies => {
                let addresses = loopback().await?;
                let mut wires = BTreeMap::new();
                for from in NODES {
                    for (to, address) in addresses.iter().filter(|(to, _)| **to != from) {
                        wires.insert((from, *to), Wire::lay(address.clone()).await?);
                    }
                }
                (addresses, Network::Wires(wires))
            }
            Wiring::Kernel => {
                let lan = Lan::lay()?;
                (NODES.map(|node| (node, lan.address(node))).into(), Network::Lan(lan))
            }
        };
        let (root, running) = (root.to_owned(), BTreeMap::new());
        let mut fleet = Self { command, root, running, addresses, network, volumes };
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
        for node in NODES.into_iter().filter(|node| !self.running.contains_key(node)).collect::<Vec<_>>() {
            let launch = Launch {
                node,
                listen: self.addresses[&node].clone(),
                peers: NODES.map(|to| (to, self.way(node, to))).into(),
                data: self.volumes.get(&node).map_or(&*self.root, Volume::path).join(node.to_string()),
                first,
            };
            let mut command = (self.command)(&launch);
            if let Some(volume) = self.volumes.get(&node) {
                command = volume.cell().inside(&command);
            }
            if let Network::Lan(lan) = &self.network {
                command = lan.cell(node).inside(&command);
            }
            // What a terminal tells everybody is for this process, which then ends the others.
            command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null());
            let mut child = AsyncCommand::from(command).kill_on_drop(true).spawn()?;
            // Who waits for a process would close it.
            let stdin = child.stdin.take();
            self.running.insert(node, Process { child, _stdin: stdin });
        }
        Ok(())
    }

    /// Where one server finds another, or itself.
    fn way(&self, from: NodeId, to: NodeId) -> String {
        let wire = match &self.network {
            Network::Wires(wires) => wires.get(&(from, to)),
            Network::Lan(_) => None,
        };
        wire.map_or(&*self.addresses[&to], Wire::address).to_owned()
    }

    /// Puts the way from each server to each other into a state.
    pub(crate) fn set_wires(&self, state: impl Fn(NodeId, NodeId) -> State) -> io::Result<()> {
        match &self.network {
            Network::Wires(wires) if wires.is_empty() => {
                Err(io::Error::new(io::ErrorKind::Unsupported, "there is nothing between the servers"))
            }
            Network::Wires(wires) => {
                wires.iter().for_each(|((from, to), wire)| wire.set(state(*from, *to)));
                Ok(())
            }
            Network::Lan(lan) => lan.set(state),
        }
    }

    /// The disks, of servers that have one of their own.
    pub(crate) fn volumes(&self) -> &BTreeMap<NodeId, Volume> {
        &self.volumes
    }

    /// Ends processes without a word to them, all before the first of them is waited for.
    pub(crate) async fn kill(&mut self, nodes: &[NodeId]) -> io::Result<()> {
        let mut killed: Vec<Process> = nodes.iter().filter_map(|node| self.running.remove(node)).collect();
        killed.iter_mut().try_for_each(|process| process.child.start_kill())?;
        for mut process in killed {
            process.child.wait().await?;
        }
        Ok(())
    }

    /// Waits until a process ends by itself.
    pub(crate) async fn ended(&mut self, node: NodeId) -> io::Result<ExitStatus> {
        let status = match self.running.get_mut(&node) {
            Some(process) => process.child.wait().await?,
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

    /// Freezes a process for so long. It goes on then, whatever becomes of this process.
    pub(crate) async fn freeze(&self, node: NodeId, length: Duration) -> io::Result<()> {
        const SCRIPT: &str = r#"kill -STOP "$0" && sleep "$1"; kill -CONT "$0""#;
        let Some(id) = self.running.get(&node).and_then(|process| process.child.id()) else { return Ok(()) };
        let mut command = AsyncCommand::new("sh");
        command.args(["-c", SCRIPT, &id.to_string(), &length.as_secs_f64().to_string()]).process_group(0);
        let status = command.status().await?;
        if status.success() { Ok(()) } else { Err(io::Error::other(format!("kill {id}: {status}"))) }
    }

    /// Has a server write a snapshot.
    pub(crate) async fn take_snapshot(&self, node: NodeId) -> Result<(), Failure> {
        Endpoints::new(self.addresses(), None).take_snapshot(&self.addresses[&node]).await
    }

    /// How much memory the largest process has; `None` where the machine does not say.
    pub(crate) fn memory(&self) -> Option<Memory> {
        let each = self.running.values().map(|process| Memory::of(process.child.id()?));
        each.reduce(|one, other| {
            let (one, other) = (one?, other?);
            Some(Memory { now: one.now.max(other.now), most: one.most.max(other.most) })
        })?
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

/// Bytes of memory that a process has now, and has had at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Memory {
    pub(crate) now: u64,
    pub(crate) most: u64,
}

impl Memory {
    fn of(process: u32) -> Option<Self> {
        let text = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
        let bytes = |name| {
            let kilobytes = text.lines().find_map(|line| line.strip_prefix(name)?.strip_suffix(" kB"))?;
            Some(kilobytes.trim().parse::<u64>().ok()? << 10)
        };
        Some(Self { now: bytes("VmRSS:")?, most: bytes("VmHWM:")? })
    }
}

impl<C> Drop for Fleet<C> {
    fn drop(&mut self) {
        for process in self.running.values_mut() {
            // It may have ended already.
            let _ = process.child.start_kill();
        }
        // Only when they are gone are their files closed, so that directories can be deleted and disks unmounted.
        let deadline = Instant::now() + BURIAL;
        for process in self.running.values_mut() {
            while matches!(process.child.try_wait(), Ok(None)) && Instant::now() < deadline {
                thread::sleep(Duration::from_millis(1));
            }
        }
    }
}

/// Addresses on loopback.
async fn loopback() -> io::Result<BTreeMap<NodeId, String>> {
    let mut addresses = BTreeMap::new();
    // All at once, so that the ports differ. They are free again right after, and nobody else takes them soon.
    let mut listeners = Vec::new();
    for node in NODES {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        addresses.insert(node, listener.local_addr()?.to_string());
        listeners.push(listener);
    }
    Ok(addresses)
}

/// Runs a command, and waits for its end. What it says goes into the error.
fn run(command: &mut Command) -> io::Result<()> {
    let program = command.get_program().display().to_string();
    // A control may have that in the environment by which its servers sync nothing; and what a terminal tells everybody
    // must not keep order from being made.
    let output = command.env_remove("LD_PRELOAD").process_group(0).stdin(Stdio::null()).output();
    let output = output.map_err(|error| io::Error::other(format!("{program}: {error}")))?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!("{program}: {}", text.lines().next().unwrap_or("failed"))))
}
