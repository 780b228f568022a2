//! Clients: what they ask, whom they ask, how they retry, and when they give up.
//!
//! A client is a closed loop with one operation at a time. Before its first write it opens a session; from then on
//! its requests are numbered within it, and a retry carries the number of what it retries, so that the servers run
//! it once (thesis §6.3). What a client cannot know it reports as unknown: [`Completion::Fail`](crate::history::Completion::Fail) means that no
//! attempt at a write can ever take effect.
//!
//! No network and no time of their own: the caller carries out [`ClientEffect`]s and calls back.

mod client;
mod generator;

use crate::choice::{Choice, Stream};
use crate::history::{ClientId, HistoryEvent, OperationId};
use crate::network::distribution::Sampler;
use crate::scenario::Scenario;
use crate::scenario::model::{Action, Moment, Workload};
use crate::time::{Span, Time};
pub use client::Script;
use client::{Client, Drive};
use generator::Generator;
use seaworthy_core::kv::Command;
use seaworthy_core::member::{ReadMode, Refusal};
use seaworthy_core::state_machine::{Outcome, Request};
use seaworthy_core::types::{Bytes, NodeId, Token};
use std::collections::{BTreeMap, BTreeSet};

/// What a client wants of the world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientEffect {
    /// A request is to travel to a node. It may be lost.
    Send {
        /// Who asks.
        client: ClientId,
        /// Whom.
        to: NodeId,
        /// For the reply; no other request of the run has it.
        token: Token,
        /// What.
        request: Request,
        /// On whose word it is answered, if it changes nothing.
        mode: ReadMode,
    },
    /// The client is to be woken, whatever happens until then. It ignores those that it no longer needs.
    Wake {
        /// Whom.
        client: ClientId,
        /// When.
        at: Time,
    },
    /// Something for the history.
    History(HistoryEvent),
    /// No operation on this key is under way, and none will ever begin.
    Retired(Bytes),
}

/// All clients of a run.
///
/// - A client has at most one operation open, and each is completed at most once.
/// - Within a session a number stands for one request, however often it is sent.
/// - Between two requests of one client time goes by, unless the second one is a needless copy of the first.
#[derive(Clone, Debug)]
pub struct Clients {
    clients: BTreeMap<ClientId, Client>,
    shared: Shared,
    /// When the workload begins.
    start: Time,
}

/// What all clients have in common.
#[derive(Clone, Debug)]
struct Shared {
    nodes: u64,
    think: Sampler,
    attempt_timeout: Span,
    operation_timeout: Span,
    /// In parts per million, as the next.
    stray: u32,
    resend: u32,
    /// On whose word reads are answered, and how often each.
    reads: Vec<(ReadMode, u32)>,
    /// When clients begin no more of their own accord.
    stop: Option<Time>,
    generator: Generator,
    /// The keys that the timeline names. It may come back to them, so they are never retired.
    kept: BTreeSet<Bytes>,
    next_operation: OperationId,
    next_token: Token,
}

/// What a client has at hand while it acts.
struct Turn<'a> {
    now: Time,
    shared: &'a mut Shared,
    choice: &'a mut Choice,
    effects: &'a mut Vec<ClientEffect>,
}

/// The key of the operation that the timeline has a client issue at `moment`.
fn key_of(moment: &Moment) -> Option<Bytes> {
    match &moment.action {
        Action::Invoke { command, .. } => Command::parse(command).ok().map(|command| command.key().clone()),
        _ => None,
    }
}

/// The least time between two requests of one client: a cluster that answers in no time at all must not stop time.
const LEAST: Span = Span::micros(1);

impl Clients {
    /// The clients of the scenario's workload; the loyal readers are the last ones of them, and before them come the
    /// loyal writers. Those that only the timeline drives join when it first does.
    pub fn new(scenario: &Scenario) -> Self {
        let idle = Workload::default();
        let workload = scenario.workload.as_ref().unwrap_or(&idle);
        let shared = Shared {
            nodes: scenario.cluster.servers(),
            think: Sampler::from(&workload.think),
            attempt_timeout: workload.attempt_timeout.max(LEAST),
            operation_timeout: workload.operation_timeout.max(LEAST),
            stray: workload.stray.get(),
            resend: workload.resend.get(),
            reads: workload.reads.iter().map(|(name, weight)| (ReadMode::from(*name), *weight)).collect(),
            stop: workload.stop.map(|stop| Time::ZERO + stop),
            generator: Generator::new(workload),
            kept: scenario.timeline.iter().filter_map(key_of).collect(),
            next_operation: OperationId(0),
            next_token: Token::ZERO,
        };
        let count = if scenario.workload.is_some() { workload.clients } else { 0 };
        let without_readers = count.saturating_sub(workload.loyal_readers);
        let without_loyal = without_readers.saturating_sub(workload.loyal_writers);
        let client = |number| {
            let drive = match number {
                _ if number <= without_loyal => Drive::Workload,
                _ if number <= without_readers => Drive::LoyalWriter,
                _ => Drive::LoyalReader,
            };
            (ClientId(number), Client::new(ClientId(number), drive))
        };
        Self { clients: (1..=count).map(client).collect(), shared, start: Time::ZERO + workload.start }
    }

    /// Begins the workload, each client after a first pause for thought.
    pub fn start(&mut self, choice: &mut Choice, effects: &mut Vec<ClientEffect>) {
        for client in self.clients.values_mut() {
            let think = self.shared.think.draw(choice, client.stream());
            client.sleep(self.start + think.max(LEAST), effects);
        }
    }

    /// It is the time that a [`ClientEffect::Wake`] named.
    pub fn wake(
        &mut self,
        now: Time,
        client: ClientId,
        choice: &mut Choice,
        effects: &mut Vec<ClientEffect>,
    ) {
        if let Some(client) = self.clients.get_mut(&client) {
            client.wake(&mut Turn { now, shared: &mut self.shared, choice, effects });
        }
    }

    /// A node's reply to the request of `token` has arrived; perhaps late, perhaps again.
    #[allow(clippy::too_many_arguments)]
    pub fn reply(
        &mut self,
        now: Time,
        client: ClientId,
        from: NodeId,
        token: Token,
        result: &Result<Outcome, Refusal>,
        choice: &mut Choice,
        effects: &mut Vec<ClientEffect>,
    ) {
        if let Some(client) = self.clients.get_mut(&client) {
            let turn = &mut Turn { now, shared: &mut self.shared, choice, effects };
            client.reply(from, token, result, turn);
        }
    }

    /// Has a client issue one operation: now, or as soon as those are over that it was given before.
    pub fn invoke(
        &mut self,
        now: Time,
        client: ClientId,
        script: Script,
        choice: &mut Choice,
        effects: &mut Vec<ClientEffect>,
    ) {
        let client = self.clients.entry(client).or_insert_with(|| Client::new(client, Drive::Script));
        let turn = &mut Turn { now, shared: &mut self.shared, choice, effects };
        client.invoke(script, turn);
    }

    /// Ends the workload: from now on its clients begin nothing at random. Each of them still reads, writes and reads
    /// again, and does not give up: a cluster that is alive must be able to answer, also before anything is written
    /// in its newest term. Loyal readers only read.
    pub fn stop(&mut self, now: Time, effects: &mut Vec<ClientEffect>) {
        for client in self.clients.values_mut() {
            client.stop(now, effects);
        }
    }

    /// Operations that are not yet completed, or are still to be begun: the last ones of [`Clients::stop`], and those
    /// of the timeline that wait for their client.
    pub fn open(&self) -> usize {
        self.clients.values().map(Client::open).sum()
    }
}

impl Turn<'_> {
    /// Says of the keys that nobody will hear of again that this is so.
    fn retire_keys(&mut self) {
        let Shared { generator, kept, .. } = &mut *self.shared;
        let retired = generator.retired().into_iter().filter(|key| !kept.contains(key));
        self.effects.extend(retired.map(ClientEffect::Retired));
    }
}

impl Shared {
    fn token(&mut self) -> Token {
        let token = self.next_token;
        self.next_token = token.next();
        token
    }

    fn operation(&mut self) -> OperationId {
        let operation = self.next_operation;
        self.next_operation = OperationId(operation.0 + 1);
        operation
    }

    /// How a read is to be answered.
    fn read_mode(&self, choice: &mut Choice, stream: Stream) -> ReadMode {
        match self.reads.as_slice() {
            [(only, _)] => *only,
            [] => ReadMode::Leader,
            several => {
                let weights: Vec<u32> = several.iter().map(|(_, weight)| *weight).collect();
                several[choice.weighted(stream, &weights)].0
            }
        }
    }

    fn any_node(&self, choice: &mut Choice, stream: Stream) -> NodeId {
        NodeId::new(1 + choice.below(stream, self.nodes))
    }

    /// The one after `node`, in a circle: who goes on like this reaches everybody.
    fn next_node(&self, node: NodeId) -> NodeId {
        NodeId::new(node.get() % self.nodes + 1)
    }
}

#[cfg(test)]
mod tests;
