//! Three server processes on loopback.

use super::wire::{State, Wire};
use super::{Blow, Launch};
use crate::grpc::Endpoints;
use crate::luck;
use seaworthy_core::types::NodeId;
use seaworthy_core::view::Role;
use std::collections::BTreeMap;
use std::io;
use std::process::{Command, Stdio};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::process::{Child, Command as AsyncCommand};
use tokio::time;

/// How long a server has to say whether it leads.
const GLANCE: Duration = Duration::from_millis(500);

/// The processes. They end when this is dropped.
pub(super) struct Fleet<C> {
    command: C,
    root: tempfile::TempDir,
    addresses: BTreeMap<NodeId, String>,
    /// From one server to another.
    wires: BTreeMap<(NodeId, NodeId), Wire>,
    running: BTreeMap<NodeId, Child>,
    kills: u64,
}

impl<C: Fn(&Launch) -> Command> Fleet<C> {
    pub(super) async fn launch(command: C) -> io::Result<Self> {
        let mut addresses = BTreeMap::new();
        // All at once, so that the ports differ. They are free again right after, and nobody else takes them soon.
        let mut listeners = Vec::new();
        for node in (1..=3).map(NodeId::new) {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            addresses.insert(node, listener.local_addr()?.to_string());
            listeners.push(listener);
        }
        drop(listeners);
        let mut wires = BTreeMap::new();
        for from in addresses.keys() {
            for (to, address) in addresses.iter().filter(|(to, _)| *to != from) {
                wires.insert((*from, *to), Wire::lay(address.clone()).await?);
            }
        }
        let (root, running) = (tempfile::tempdir()?, BTreeMap::new());
        let mut fleet = Self { command, root, addresses, wires, running, kills: 0 };
        fleet.start(true)?;
        Ok(fleet)
    }

    pub(super) fn addresses(&self) -> Vec<String> {
        self.addresses.values().cloned().collect()
    }

    pub(super) fn kills(&self) -> u64 {
        self.kills
    }

    /// Starts those that do not run.
    pub(super) fn restart(&mut self) -> io::Result<()> {
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
                data: self.root.path().join(node.to_string()),
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

    /// Does to the wires what a blow says.
    pub(super) fn spoil_wires(&self, blow: Blow, leader: NodeId) {
        let other = self.addresses.keys().copied().find(|node| *node != leader);
        for ((from, to), wire) in &self.wires {
            let touches = *from == leader || *to == leader;
            let state = match blow {
                Blow::CutLeader if touches => State::Cut,
                Blow::MuteLeader if *from == leader => State::Cut,
                Blow::CutPair if touches && [Some(*from), Some(*to)].contains(&other) => State::Cut,
                Blow::Slow => State::Slow(Duration::from_millis(10)),
                _ => State::Sound,
            };
            wire.set(state);
        }
    }

    pub(super) fn mend_wires(&self) {
        self.wires.values().for_each(|wire| wire.set(State::Sound));
    }

    /// Ends processes without a word to them, all before the first of them is waited for.
    pub(super) async fn kill(&mut self, nodes: &[NodeId]) -> io::Result<()> {
        let mut killed: Vec<Child> = nodes.iter().filter_map(|node| self.running.remove(node)).collect();
        self.kills += killed.len() as u64;
        killed.iter_mut().try_for_each(Child::start_kill)?;
        for mut child in killed {
            child.wait().await?;
        }
        Ok(())
    }

    /// So many of the nodes, at random.
    pub(super) fn some(&self, count: usize) -> Vec<NodeId> {
        let mut nodes: Vec<NodeId> = self.addresses.keys().copied().collect();
        while count < nodes.len() {
            nodes.swap_remove(luck::below(nodes.len() as u64) as usize);
        }
        nodes
    }

    pub(super) fn freeze(&self, node: NodeId) -> io::Result<()> {
        self.signal(node, "-STOP")
    }

    pub(super) fn thaw(&self, node: NodeId) -> io::Result<()> {
        self.signal(node, "-CONT")
    }

    fn signal(&self, node: NodeId, signal: &str) -> io::Result<()> {
        let Some(id) = self.running.get(&node).and_then(Child::id) else { return Ok(()) };
        let status = Command::new("kill").args([signal, &id.to_string()]).status()?;
        if status.success() { Ok(()) } else { Err(io::Error::other(format!("kill {signal} {id}: {status}"))) }
    }

    /// Who says that it leads, in the latest term.
    pub(super) async fn leader(&self) -> Option<NodeId> {
        let endpoints = Endpoints::new(self.addresses(), None);
        let mut leaders = Vec::new();
        for address in self.addresses.values() {
            if let Ok(Ok((status, _))) = time::timeout(GLANCE, endpoints.status(address)).await
                && status.role == Role::Leader
            {
                leaders.push((status.term, status.id));
            }
        }
        leaders.into_iter().max().map(|(_, node)| node)
    }
}
