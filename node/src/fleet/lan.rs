//! A network of the kernel: each server has an interface and an address of its own, and a bridge is between them.
//!
//! A server is kept from reaching another by the hardware address under which it sends: with a wrong one the bridge
//! carries the packet, and nobody takes it in. That loses every packet of one direction, acknowledgements of TCP among
//! them, and says nothing to anybody, as a broken switch does. It takes an administrator, and the program `ip`.

use super::cell::{Cell, Kind};
use super::wire::State;
use super::{NODES, run};
use crate::luck;
use seaworthy_core::types::NodeId;
use std::collections::BTreeMap;
use std::io;
use std::process::Command;

/// Where servers listen, each at its own address.
const PORT: u16 = 7101;

/// This machine's own number within the network.
const HOST: u64 = 254;

/// How many networks there may be at a time, and then some: each has a number of its own.
const NETWORKS: u64 = 250;

/// A network. It is gone when this is dropped, and the servers have ended.
#[derive(Debug)]
pub(crate) struct Lan {
    number: u64,
    cells: BTreeMap<NodeId, Cell>,
    /// Where the bridge is. Without it the way from this machine is gone as well.
    _switch: Cell,
}

impl Lan {
    /// A sound network, which this machine reaches as well.
    pub(crate) fn lay() -> io::Result<Self> {
        let switch = Cell::open(Kind::Network)?;
        switch.run(&ip("link add bridge type bridge"))?;
        switch.run(&ip("link set bridge up"))?;
        let number = connect_host(&switch)?;
        let mut cells = BTreeMap::new();
        for node in NODES {
            let cell = Cell::open(Kind::Network)?;
            let (port, keeper, hardware) = (node.get(), cell.keeper(), hardware(node));
            switch.run(&ip(&format!(
                "link add port{port} type veth peer name eth0 address {hardware} netns {keeper}"
            )))?;
            switch.run(&ip(&format!("link set port{port} master bridge up")))?;
            cell.run(&ip(&format!("address add {}/24 dev eth0", host(number, node.get()))))?;
            cell.run(&ip("link set lo up"))?;
            cell.run(&ip("link set eth0 up"))?;
            cells.insert(node, cell);
        }
        let lan = Self { number, cells, _switch: switch };
        lan.set(|_, _| State::Sound)?;
        Ok(lan)
    }

    /// Where a server listens, and everybody finds it.
    pub(super) fn address(&self, node: NodeId) -> String {
        format!("{}:{PORT}", host(self.number, node.get()))
    }

    /// Where a server lives.
    pub(super) fn cell(&self, node: NodeId) -> &Cell {
        &self.cells[&node]
    }

    /// Puts the way from each server to each other into a state.
    pub(super) fn set(&self, state: impl Fn(NodeId, NodeId) -> State) -> io::Result<()> {
        for (from, cell) in &self.cells {
            for to in NODES.into_iter().filter(|to| to != from) {
                let hardware = match state(*from, to) {
                    State::Sound => hardware(to),
                    State::Cut => NOBODY.to_owned(),
                    State::Slow(_) => {
                        return Err(io::Error::new(
                            io::ErrorKind::Unsupported,
                            "the network of the kernel can be cut, and not be slowed down",
                        ));
                    }
                };
                let to = host(self.number, to.get());
                cell.run(&ip(&format!("neighbor replace {to} lladdr {hardware} dev eth0 nud permanent")))?;
            }
        }
        Ok(())
    }
}

/// Plugs this machine in. Gives the number of the network, which is one that is free.
fn connect_host(switch: &Cell) -> io::Result<u64> {
    let first = luck::below(NETWORKS);
    let mut numbers = (first..NETWORKS).chain(0..first);
    loop {
        let number = numbers.next().ok_or_else(|| io::Error::other("there are too many networks"))?;
        let (name, keeper) = (format!("seaworthy{number}"), switch.keeper());
        match run(&mut ip(&format!("link add {name} type veth peer name host netns {keeper}"))) {
            Err(error) if error.to_string().contains("File exists") => continue,
            added => added?,
        }
        switch.run(&ip("link set host master bridge up"))?;
        run(&mut ip(&format!("address add {}/24 dev {name}", host(number, HOST))))?;
        run(&mut ip(&format!("link set {name} up")))?;
        return Ok(number);
    }
}

fn ip(words: &str) -> Command {
    let mut command = Command::new("ip");
    command.args(words.split(' '));
    command
}

/// An address that is for measuring networks (RFC 2544), so that nothing else has it.
fn host(network: u64, number: u64) -> String {
    format!("198.18.{network}.{number}")
}

/// What the interface of a server goes by.
fn hardware(node: NodeId) -> String {
    format!("02:00:00:00:00:{:02x}", node.get())
}

/// What no interface goes by.
const NOBODY: &str = "02:00:00:00:00:ff";
