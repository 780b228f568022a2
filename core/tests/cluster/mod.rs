//! A cluster of nodes, its disks and its network, all driven by hand: what the scripts, the paper's tests and
//! the random walks share.
//!
//! It keeps the contract of effects to the letter: writes form one queue a node, a message leaves once the write
//! it names is durable, a crash leaves a prefix of the queue. After every step it checks the [`Ledger`].

#![allow(dead_code, reason = "each of the test crates that share this uses a part of it")]

mod ledger;
pub(crate) mod lone;
pub(crate) mod notation;

use ledger::Ledger;
use notation::Notation;
use seaworthy_core::Node;
use seaworthy_core::config::Config;
use seaworthy_core::durable::Durable;
use seaworthy_core::effect::{Effects, HardState, Send, Write};
use seaworthy_core::flaw::{Flaws, Sound};
use seaworthy_core::input::Input;
use seaworthy_core::log::Log;
use seaworthy_core::membership::Membership;
use seaworthy_core::message::{Entry, Message, Payload};
use seaworthy_core::types::{Bytes, EntryId, Instant, NodeId, Term, WriteSeq};
use seaworthy_core::view::{Role, View};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// More steps than any settling cluster takes.
const STABILIZE_LIMIT: usize = 20_000;

/// How the nodes of a cluster are set up.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) nodes: u64,
    pub(crate) pre_vote: bool,
    pub(crate) check_quorum: bool,
    pub(crate) max_batch_entries: usize,
    pub(crate) max_inflight_messages: usize,
    /// Whether every write is durable as soon as it is issued.
    pub(crate) auto_persist: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            nodes: 3,
            pre_vote: true,
            check_quorum: true,
            max_batch_entries: 64,
            max_inflight_messages: 64,
            auto_persist: true,
        }
    }
}

impl Options {
    /// The paper's own Raft: no PreVote, no CheckQuorum, no loyalty of voters.
    pub(crate) fn paper(nodes: u64) -> Self {
        Self { nodes, pre_vote: false, check_quorum: false, ..Self::default() }
    }

    pub(crate) fn config(&self, id: NodeId) -> Config {
        Config {
            pre_vote: self.pre_vote,
            check_quorum: self.check_quorum,
            max_batch_entries: self.max_batch_entries,
            max_inflight_messages: self.max_inflight_messages,
            ..Config::new(id, id.get())
        }
    }
}

/// One server: a node while it is up, and what survives it.
#[derive(Debug)]
pub(crate) struct Server<F: Flaws = Sound> {
    config: Config,
    /// `None` while it is down.
    pub(crate) node: Option<Node<F>>,
    pub(crate) disk: Durable,
    /// Issued and not yet durable, in order.
    pub(crate) queue: VecDeque<Write>,
    /// Every write up to here is on the disk.
    written: WriteSeq,
    /// Every write up to here is on the disk, and the node knows.
    durable: WriteSeq,
    /// What waits for its write.
    held: Vec<Send>,
    pub(crate) auto_persist: bool,
}

impl<F: Flaws> Server<F> {
    /// Whether a node that is up waits for its disk.
    fn is_behind(&self) -> bool {
        self.node.is_some() && (!self.queue.is_empty() || self.durable < self.written)
    }

    fn start(&mut self, now: Instant, flaws: F) {
        let node = Node::with_flaws(self.config.clone(), &self.disk, now, flaws);
        self.node = Some(node.expect("the options of a test make sense"));
        self.written = WriteSeq::ZERO;
        self.durable = WriteSeq::ZERO;
    }
}

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
    servers: BTreeMap<NodeId, Server<F>>,
    /// In the order in which they were sent.
    pub(crate) network: Vec<Packet>,
    packets: u64,
    /// Links (from, to) that lose everything.
    cut: BTreeSet<(NodeId, NodeId)>,
    ledger: Ledger,
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
        let servers = (1..=options.nodes).map(NodeId::new).map(|id| {
            let mut server = Server {
                config: options.config(id),
                node: None,
                disk: founding(options.nodes),
                queue: VecDeque::new(),
                written: WriteSeq::ZERO,
                durable: WriteSeq::ZERO,
                held: Vec::new(),
                auto_persist: options.auto_persist,
            };
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
            ledger: Ledger::default(),
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
        up(&self.servers, id)
    }

    pub(crate) fn view(&self, id: NodeId) -> View<'_> {
        self.node(id).view()
    }

    /// How many entries were ever seen committed.
    pub(crate) fn committed(&self) -> usize {
        self.ledger.committed().len()
    }

    /// One step of one node, and what follows from it on its own disk.
    pub(crate) fn step(&mut self, id: NodeId, input: Input) {
        let mut input = Some(input);
        while let Some(next) = input {
            let writes = self.step_once(id, next);
            let server = self.server_mut(id);
            input = (server.auto_persist && writes).then_some(Input::Persisted { seq: server.durable });
        }
    }

    /// Says whether anything was written.
    fn step_once(&mut self, id: NodeId, input: Input) -> bool {
        let mut effects = Effects::default();
        let now = self.now;
        let server = self.servers.get_mut(&id).expect("the test names a server of the cluster");
        let node = server.node.as_mut().expect("only a node that is up takes a step");
        let before = notation::Before::of(node);
        if let Input::Read { token, .. } = input {
            self.ledger.ask(id, token);
        }
        node.step(now, input, &mut effects);
        self.ledger.check_step(node, before.role, before.commit, &effects.writes);
        self.ledger.check_events(id, &effects.events);
        self.notation.became(&before, node);
        self.notation.writes(&before, node, &effects.writes);
        self.notation.events(&before, node, &effects.events);
        let wrote = !effects.writes.is_empty();
        server.queue.extend(effects.writes);
        if server.auto_persist {
            while let Some(write) = server.queue.pop_front() {
                server.written = write.seq;
                server.durable = write.seq;
                server.disk.persist(write.record);
            }
        }
        for send in effects.sends {
            let leaves = send.after <= self.servers[&id].durable;
            self.notation.send(up(&self.servers, id), &send, leaves);
            if leaves {
                self.emit(send.message);
            } else {
                self.server_mut(id).held.push(send);
            }
        }
        wrote
    }

    /// Puts a message on the network, or loses it at once where the link is cut.
    fn emit(&mut self, message: Message) {
        let sender = &self.servers[&message.from];
        self.ledger.check_send(&message, &sender.disk);
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
        let server = self.server_mut(id);
        let count = count.min(server.queue.len());
        for write in server.queue.drain(..count) {
            server.written = write.seq;
            server.disk.persist(write.record);
        }
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
        self.notation.durable(up(&self.servers, id), seq);
        for send in ready {
            self.notation.send(up(&self.servers, id), &send, true);
            self.emit(send.message);
        }
        self.step(id, Input::Persisted { seq });
    }

    /// Everything that is not on the disk is lost, but for the next `keep` writes.
    pub(crate) fn crash(&mut self, id: NodeId, keep: usize) {
        self.write_to_disk(id, keep);
        let server = self.server_mut(id);
        let lost: Vec<WriteSeq> = server.queue.drain(..).map(|write| write.seq).collect();
        server.held.clear();
        server.node = None;
        self.notation.crashed(id, &lost);
    }

    pub(crate) fn restart(&mut self, id: NodeId) {
        let (now, flaws) = (self.now, self.flaws);
        self.server_mut(id).start(now, flaws);
        self.notation.restarted(up(&self.servers, id));
    }

    /// Gives a server another disk and starts it from that.
    pub(crate) fn restore(&mut self, id: NodeId, disk: Durable) {
        self.ledger.learn(&disk);
        self.server_mut(id).disk = disk;
        self.restart(id);
    }

    /// Hands over the packet at `position`, unless its receiver is down or the link is cut by now.
    pub(crate) fn deliver(&mut self, position: usize) {
        let message = self.network.remove(position).message;
        if !self.is_up(message.to) || self.cut.contains(&(message.from, message.to)) {
            self.notation.dropped(&message);
            return;
        }
        self.notation.receives(up(&self.servers, message.to), &message);
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

fn up<F: Flaws>(servers: &BTreeMap<NodeId, Server<F>>, id: NodeId) -> &Node<F> {
    servers[&id].node.as_ref().expect("the test looks at a node that is up")
}

/// The disk of a founder of a cluster of `nodes`.
pub(crate) fn founding(nodes: u64) -> Durable {
    Durable::founding(Membership::new((1..=nodes).map(NodeId::new)), Bytes::default())
}

/// A founder's disk with a log of `terms`, from index 1, and no vote. Entries of the same identity are the same.
pub(crate) fn disk(nodes: u64, term: u64, terms: &[u64]) -> Durable {
    let hard_state = HardState { term: Term(term), vote: None };
    Durable { hard_state, log: log(terms), ..founding(nodes) }
}

/// The log whose entries have these terms, from index 1.
pub(crate) fn log(terms: &[u64]) -> Log {
    Log::new((1..).zip(terms).map(|(index, term)| entry(*term, index)).collect())
}

/// An entry whose payload is a function of its identity.
pub(crate) fn entry(term: u64, index: u64) -> Entry {
    Entry { id: EntryId::new(term, index), payload: Payload::Data(Bytes::from(&*format!("e{index}"))) }
}
