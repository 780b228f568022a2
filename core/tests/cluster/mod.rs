//! A cluster of nodes, its disks and its network, all driven by hand: what the scripts, the paper's tests and
//! the random walks share.
//!
//! It keeps the contract of effects to the letter: writes form one queue a node, a message leaves once the write
//! it names is durable, a crash leaves a prefix of the queue. After every step it checks the [`Ledger`].

#![allow(dead_code, unused_imports, reason = "each of the test crates that share this uses a part of it")]

mod ledger;
pub(crate) mod lone;
pub(crate) mod notation;
mod options;
mod server;

pub(crate) use options::{Options, disk, entry, founding, log, state};
pub(crate) use server::Server;

use ledger::Ledger;
use notation::Notation;
use seaworthy_core::Node;
use seaworthy_core::durable::Durable;
use seaworthy_core::effect::{Effects, Event};
use seaworthy_core::flaw::{Flaws, Sound};
use seaworthy_core::input::Input;
use seaworthy_core::message::Message;
use seaworthy_core::types::{Instant, NodeId, WriteSeq};
use seaworthy_core::view::{Role, View};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// More steps than any settling cluster takes.
const STABILIZE_LIMIT: usize = 20_000;

/// The servers of a cluster, up or down.
pub(crate) type Servers<F> = BTreeMap<NodeId, Server<F>>;

/// How often something has happened, by its name in short.
pub(crate) type Tally = BTreeMap<&'static str, usize>;

/// One message on its way.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    /// In the order of sending.
    pub(crate) number: u64,
    pub(crate) message: Message,
    /// Set aside by the test: not delivered until it says so.
    pub(crate) delayed: bool,
}

/// A cluster driven by hand.
#[derive(Debug)]
pub(crate) struct Cluster<F: Flaws = Sound> {
    pub(crate) now: Instant,
    flaws: F,
    servers: Servers<F>,
    /// In the order in which they were sent.
    pub(crate) network: Vec<Packet>,
    packets: u64,
    /// Links (from, to) that lose everything.
    cut: BTreeSet<(NodeId, NodeId)>,
    ledger: Ledger,
    /// How often what is rare has happened.
    pub(crate) tally: Tally,
    pub(crate) notation: Notation,
}

impl Cluster<Sound> {
    pub(crate) fn new(options: &Options) -> Self {
        Self::with_flaws(options, Sound)
    }
}

impl<F: Flaws> Cluster<F> {
    /// A cluster in which every node has these planted bugs.
    pub(crate) fn with_flaws(options: &Options, flaws: F) -> Self {
        let servers = options.disks().map(|(id, disk)| {
            let mut server = Server::new(id, options, disk);
            server.start(Instant::default(), flaws);
            (id, server)
        });
        Self {
            now: Instant::default(),
            flaws,
            servers: servers.collect(),
            network: Vec::new(),
            packets: 0,
            cut: BTreeSet::new(),
            ledger: Ledger::new(options.membership()),
            tally: Tally::new(),
            notation: Notation::default(),
        }
    }

    pub(crate) fn ids(&self) -> Vec<NodeId> {
        self.servers.keys().copied().collect()
    }

    pub(crate) fn server(&self, id: NodeId) -> &Server<F> {
        &self.servers[&id]
    }

    pub(crate) fn server_mut(&mut self, id: NodeId) -> &mut Server<F> {
        self.servers.get_mut(&id).expect("the test names a server of the cluster")
    }

    pub(crate) fn is_up(&self, id: NodeId) -> bool {
        self.servers[&id].node.is_some()
    }

    pub(crate) fn node(&self, id: NodeId) -> &Node<F> {
        self.servers[&id].node()
    }

    pub(crate) fn view(&self, id: NodeId) -> View<'_> {
        self.node(id).view()
    }

    /// Who leads, in any term.
    pub(crate) fn leaders(&self) -> Vec<NodeId> {
        let up = self.servers.values().filter_map(|server| server.node.as_ref());
        up.filter(|node| node.role() == Role::Leader).map(|node| node.view().id).collect()
    }

    /// How many entries were ever seen committed.
    pub(crate) fn committed(&self) -> usize {
        self.ledger.committed()
    }

    /// One step of one node, and what follows from it on its own server: whole snapshots are looked at, and writes are
    /// durable if they are so at once.
    pub(crate) fn step(&mut self, id: NodeId, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let effects = self.step_once(id, input);
            let usable = |event| match event {
                Event::SnapshotReceived { snapshot } => Some(snapshot.data == state(snapshot.last.index)),
                _ => None,
            };
            let read = effects.events.into_iter().find_map(usable);
            inputs.extend(read.map(|usable| Input::SnapshotRead { usable }));
            let server = self.server_mut(id);
            if server.auto_persist && !effects.writes.is_empty() {
                inputs.push_back(Input::Persisted { seq: server.durable });
            }
        }
    }

    fn step_once(&mut self, id: NodeId, input: Input) -> Effects {
        let mut effects = Effects::default();
        let now = self.now;
        let server = self.servers.get_mut(&id).expect("the test names a server of the cluster");
        let node = server.node.as_mut().expect("only a node that is up takes a step");
        let before = notation::Before::of(node);
        if let Input::Read { token, .. } = input {
            self.ledger.ask(id, token);
        }
        node.step(now, input, &mut effects);
        self.ledger.check_step(id, &before, &effects, &self.servers, now);
        notation::rarities(&before, &effects).for_each(|rare| *self.tally.entry(rare).or_default() += 1);
        let server = self.servers.get_mut(&id).expect("it was just there");
        let node = server.node();
        self.notation.became(&before, node);
        self.notation.writes(&before, node, &effects.writes);
        self.notation.events(&before, node, &effects.events);
        server.queue.extend(effects.writes.iter().cloned());
        if server.auto_persist {
            server.write(usize::MAX);
            server.durable = server.written;
        }
        for send in effects.sends.drain(..) {
            let leaves = send.after <= self.servers[&id].durable;
            self.notation.send(self.servers[&id].node(), &send, leaves);
            if leaves {
                self.emit(send.message);
            } else {
                self.server_mut(id).held.push(send);
            }
        }
        effects
    }

    /// Puts a message on the network, or loses it at once where the link is cut.
    fn emit(&mut self, message: Message) {
        self.ledger.check_send(&message, &self.servers);
        if self.cut.contains(&(message.from, message.to)) {
            self.notation.dropped(&message);
        } else {
            self.send_again(message);
        }
    }

    /// Puts a message on the network that its sender has let go already.
    pub(crate) fn send_again(&mut self, message: Message) {
        self.packets += 1;
        self.network.push(Packet { number: self.packets, message, delayed: false });
    }

    /// Makes the next `count` writes durable without telling the node.
    pub(crate) fn write_to_disk(&mut self, id: NodeId, count: usize) {
        self.server_mut(id).write(count);
    }

    /// Makes the queue durable up to `limit`, and tells the node.
    pub(crate) fn persist(&mut self, id: NodeId, limit: WriteSeq) {
        let count = self.server(id).queue.iter().take_while(|write| write.seq <= limit).count();
        self.write_to_disk(id, count);
        self.report(id);
    }

    /// Lets go what waited for the writes that are on the disk by now, and tells the node.
    pub(crate) fn report(&mut self, id: NodeId) {
        let server = self.server_mut(id);
        let seq = server.written;
        if server.durable == seq {
            return;
        }
        server.durable = seq;
        let held = std::mem::take(&mut server.held);
        let (ready, held): (Vec<_>, _) = held.into_iter().partition(|send| send.after <= seq);
        server.held = held;
        self.notation.durable(self.servers[&id].node(), seq);
        for send in ready {
            self.notation.send(self.servers[&id].node(), &send, true);
            self.emit(send.message);
        }
        self.step(id, Input::Persisted { seq });
    }

    /// Everything that is not on the disk is lost, but for the next `keep` writes.
    pub(crate) fn crash(&mut self, id: NodeId, keep: usize) {
        self.write_to_disk(id, keep);
        let lost = self.server_mut(id).stop();
        self.notation.crashed(id, &lost);
    }

    /// Everything that is on the disk is lost too.
    pub(crate) fn wipe(&mut self, id: NodeId) {
        self.server_mut(id).stop();
        let disk = std::mem::take(&mut self.server_mut(id).disk);
        self.ledger.bury(id, disk);
        self.notation.wiped(id);
    }

    pub(crate) fn restart(&mut self, id: NodeId) {
        let (now, flaws) = (self.now, self.flaws);
        self.server_mut(id).start(now, flaws);
        self.ledger.check_start(self.node(id));
        self.notation.restarted(self.servers[&id].node());
    }

    /// Gives a server another disk and starts it from that.
    pub(crate) fn restore(&mut self, id: NodeId, disk: Durable) {
        self.ledger.learn(&disk);
        self.server_mut(id).disk = disk;
        self.restart(id);
    }

    /// The layer above a node takes a snapshot of all that is committed.
    pub(crate) fn take_snapshot(&mut self, id: NodeId) {
        let index = self.node(id).commit();
        self.step(id, Input::SnapshotTaken { index, data: state(index) });
    }

    /// Hands over the packet at `position`, unless its receiver is down or the link is cut by now.
    pub(crate) fn deliver(&mut self, position: usize) {
        let message = self.network.remove(position).message;
        if !self.is_up(message.to) || self.cut.contains(&(message.from, message.to)) {
            self.notation.dropped(&message);
            return;
        }
        self.notation.receives(self.servers[&message.to].node(), &message);
        self.step(message.to, Input::Message(message));
        self.notation.end_delivery();
    }

    pub(crate) fn drop_packet(&mut self, position: usize) {
        let packet = self.network.remove(position);
        self.notation.dropped(&packet.message);
    }

    /// Cuts every link between servers of different groups; a server that is named nowhere is alone.
    pub(crate) fn partition(&mut self, groups: &[Vec<NodeId>]) {
        let ids = self.ids();
        let group = |id| groups.iter().position(|group| group.contains(&id));
        let together = |a, b| a == b || group(a).is_some() && group(a) == group(b);
        self.cut = ids
            .iter()
            .flat_map(|a| ids.iter().map(|b| (*a, *b)))
            .filter(|(a, b)| !together(*a, *b))
            .collect();
    }

    pub(crate) fn heal(&mut self) {
        self.cut.clear();
    }

    /// Delivers and persists, oldest first, until nothing is on its way.
    pub(crate) fn stabilize(&mut self) {
        for _ in 0..STABILIZE_LIMIT {
            let behind = self.servers.iter().find(|(_, server)| server.is_behind()).map(|(id, _)| *id);
            if let Some(position) = self.network.iter().position(|packet| !packet.delayed) {
                self.deliver(position);
            } else if let Some(id) = behind {
                self.persist(id, WriteSeq(u64::MAX));
            } else {
                return;
            }
        }
        panic!("the cluster does not settle within {STABILIZE_LIMIT} deliveries");
    }

    /// The election timeout of one node, or its heartbeat, as if all others' clocks stood still.
    pub(crate) fn timeout(&mut self, id: NodeId) {
        self.now = self.now.max(self.node(id).deadline());
        self.step(id, Input::Timeout);
    }

    /// Lets `span` pass without a network or disks: every node's timeouts come when they are due.
    pub(crate) fn tick(&mut self, span: Duration) {
        self.pass(span, |_| {});
    }

    /// Lets `span` pass with a network and disks that take no time.
    pub(crate) fn run(&mut self, span: Duration) {
        self.stabilize();
        self.pass(span, Self::stabilize);
    }

    fn pass(&mut self, span: Duration, mut after_each: impl FnMut(&mut Self)) {
        let end = self.now + span;
        loop {
            let up = self.servers.values().filter_map(|server| server.node.as_ref());
            let due = up.map(|node| (node.deadline(), node.view().id)).min();
            let Some((at, id)) = due.filter(|(at, _)| *at <= end) else { break };
            self.now = self.now.max(at);
            self.step(id, Input::Timeout);
            after_each(self);
        }
        self.now = end;
    }

    /// Elects `id` with everybody's help.
    pub(crate) fn elect(&mut self, id: NodeId) {
        self.step(id, Input::Campaign);
        self.stabilize();
        assert_eq!(self.node(id).role(), Role::Leader, "{id} wins when all goes well");
    }
}
