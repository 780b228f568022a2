//! One server: a [`Member`] on real time, driven by one task.
//!
//! The task steps the member and never waits for the disk: while a batch is being written, whatever the member writes
//! becomes the next one (group commit), and whatever it sends is held until the write that it names is durable. It is
//! the second driver of the contract that the simulator's host keeps, see [`seaworthy_core::effect`].

pub(crate) mod counters;
mod disk;
mod gate;
mod handle;
mod outbox;

pub use handle::{FollowerStatus, Handle, RequestError, Status};

use crate::network::Network;
use crate::storage::{Storage, StorageError};
use counters::{Counters, count};
use disk::Disk;
use gate::Gate;
use handle::{Ask, Asker};
use outbox::Outbox;
use seaworthy_core::config::{Config, StartError};
use seaworthy_core::member::{Effects, Input, Instruction, Member};
use seaworthy_core::message::Message;
use seaworthy_core::types::{Instant, NodeId, Token};
use seaworthy_core::view::Role;
use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time;

/// How many bytes of entries a server applies between one snapshot and the next, unless it is told otherwise: that
/// its log stays small where values are large.
pub const SNAPSHOT_BYTES: NonZeroU64 = NonZeroU64::new(64 << 20).expect("it is more than nothing");

/// How many messages, and how many requests, wait at most; and how many of each are taken in a row.
const QUEUE: usize = 256;

/// A server that runs. It stops when this is dropped.
#[derive(Debug)]
pub struct Server {
    handle: Handle,
    /// Dropped, or told, to stop the task.
    stop: Option<oneshot::Sender<()>>,
    /// `None` once its end is known.
    task: Option<JoinHandle<Result<(), ServerError>>>,
}

/// Why a server does not run.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Its disk cannot be used. Nothing was said that the disk does not hold.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The disk does not fit the server.
    #[error("the server cannot start: {0}")]
    Start(StartError),
    /// The operating system gives no thread.
    #[error("no thread for the disk: {0}")]
    Thread(std::io::Error),
    /// A bug.
    #[error("the server panicked")]
    Panicked,
}

impl Server {
    /// Starts a server from what its disk holds, inside of a Tokio runtime. Reads the disk before it returns. The seed
    /// of `config` does not matter: each start draws another.
    ///
    /// # Errors
    /// If the disk cannot be read, holds what no server writes, or the settings make no sense.
    pub fn start(
        mut config: Config,
        mut storage: impl Storage,
        network: impl Network,
    ) -> Result<Self, ServerError> {
        config.seed = crate::luck::word();
        let durable = storage.recover()?;
        let id = config.id;
        let patience = 2 * config.election_timeout_max;
        let clock = Clock(time::Instant::now());
        let member = Member::new(config, &durable, clock.now()).map_err(ServerError::Start)?;
        tracing::info!(node = %id, last = %durable.log.last(), "started");
        let counters = Arc::new(Counters::default());
        let disk = Disk::start(format!("disk-{id}"), storage, Arc::clone(&counters));
        let disk = disk.map_err(ServerError::Thread)?;
        let (messages, inbox) = mpsc::channel(QUEUE);
        let (asks, desk) = mpsc::channel(QUEUE);
        let (stop, stopped) = oneshot::channel();
        let driver = Driver {
            member,
            clock,
            network,
            disk,
            gate: Gate::default(),
            outbox: Outbox::default(),
            effects: Effects::default(),
            askers: BTreeMap::new(),
            next_token: Token(1),
            amnesiacs: BTreeSet::new(),
            role: Role::Follower,
            counters: Arc::clone(&counters),
        };
        let task = tokio::spawn(driver.run(inbox, desk, stopped));
        let handle = Handle::new(id, messages, asks, patience, counters);
        Ok(Self { handle, stop: Some(stop), task: Some(task) })
    }

    /// The way to talk to it.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Waits until it stops by itself, and says why.
    pub async fn failed(&mut self) -> ServerError {
        let ended = match &mut self.task {
            Some(task) => task.await,
            None => Ok(Ok(())),
        };
        self.task = None;
        match ended {
            Ok(Err(error)) => error,
            Err(error) if error.is_panic() => ServerError::Panicked,
            // Only who holds the server can have it stop without an error, and it is held here.
            Ok(Ok(())) | Err(_) => std::future::pending().await,
        }
    }

    /// Stops it at once, as a crash does. Its disk is closed when this returns.
    pub async fn halt(mut self) {
        self.stop = None;
        if let Some(task) = self.task.take() {
            // Why it stopped, if it did before, makes no difference now.
            let _ = task.await;
        }
    }

    /// Hands its leadership over, if it leads and somebody can take it, and then stops.
    pub async fn shut_down(self) {
        if let Ok(status) = self.handle.status().await
            && let Some(successor) = status.successor()
        {
            let handover = self.handle.instruct(Instruction::TransferLeadership(successor));
            // Without it the others hold an election.
            let _ = time::timeout(self.handle.patience(), handover).await;
        }
        self.halt().await;
    }
}

/// Monotonic time since the server started.
#[derive(Clone, Copy, Debug)]
struct Clock(time::Instant);

impl Clock {
    fn now(self) -> Instant {
        Instant::default() + self.0.elapsed()
    }

    fn at(self, instant: Instant) -> time::Instant {
        // Further than that nobody waits; a sum that overflows would panic.
        const FAR: Duration = Duration::from_secs(86_400);
        self.0 + instant.since(Instant::default()).min(self.0.elapsed() + FAR)
    }
}

/// The task of a server.
struct Driver<N> {
    member: Member,
    clock: Clock,
    network: N,
    disk: Disk,
    gate: Gate,
    /// What leaves before the server waits again.
    outbox: Outbox,
    /// Reused between steps.
    effects: Effects,
    /// Who waits for which answer.
    askers: BTreeMap<Token, Asker>,
    next_token: Token,
    /// Members that have lost their disks, as far as it has been said.
    amnesiacs: BTreeSet<NodeId>,
    role: Role,
    counters: Arc<Counters>,
}

impl<N: Network> Driver<N> {
    async fn run(
        mut self,
        mut inbox: mpsc::Receiver<Message>,
        mut desk: mpsc::Receiver<Ask>,
        mut stopped: oneshot::Receiver<()>,
    ) -> Result<(), ServerError> {
        loop {
            // First of all, so that no flood of messages can hold back a heartbeat.
            if self.member.deadline() <= self.clock.now() {
                self.step(Input::Timeout);
            }
            // Others write while this server does.
            self.send();
            if let Some(batch) = self.gate.next_batch() {
                self.disk.write(batch);
            }
            tokio::select! {
                biased;
                _ = &mut stopped => break,
                done = self.disk.done() => match done {
                    Some(Ok(())) => self.on_durable(),
                    Some(Err(error)) => {
                        tracing::error!(node = %self.member.view().id, %error, "the disk has failed");
                        return Err(error.into());
                    }
                    None => return Err(ServerError::Panicked),
                },
                Some(message) = inbox.recv() => {
                    self.on_message(message);
                    self.take_more(&mut inbox, Self::on_message);
                }
                Some(ask) = desk.recv() => {
                    self.on_ask(ask);
                    self.take_more(&mut desk, Self::on_ask);
                }
                () = time::sleep_until(self.clock.at(self.member.deadline())) => {}
            }
        }
        self.disk.close().await;
        Ok(())
    }

    /// Takes what else has come, so that what it writes goes into one batch.
    fn take_more<T>(&mut self, queue: &mut mpsc::Receiver<T>, mut take: impl FnMut(&mut Self, T)) {
        for _ in 1..QUEUE {
            let Ok(item) = queue.try_recv() else { return };
            take(self, item);
        }
    }

    fn step(&mut self, input: Input) {
        self.member.step(self.clock.now(), input, &mut self.effects);
        let leaving = self.gate.take(&mut self.effects.writes, &mut self.effects.sends);
        leaving.into_iter().for_each(|message| self.outbox.push(message));
        for reply in self.effects.replies.drain(..) {
            if let Some(asker) = self.askers.remove(&reply.token) {
                // Whoever has stopped waiting gets no answer.
                let _ = asker.send(reply.result);
            }
        }
        for node in self.effects.amnesiacs.drain(..) {
            if self.amnesiacs.insert(node) {
                tracing::error!(%node, "has lost its disk: remove it, and add it under a new number");
            }
        }
        self.effects.clear();
        let view = self.member.view();
        if view.role != self.role {
            self.role = view.role;
            tracing::info!(node = %view.id, term = %view.term, role = ?view.role, "took another role");
        }
    }

    fn send(&mut self) {
        for message in self.outbox.drain() {
            count(&self.counters.sent, 1);
            self.network.send(message);
        }
    }

    fn on_durable(&mut self) {
        let leaving = self.gate.on_durable();
        leaving.into_iter().for_each(|message| self.outbox.push(message));
        self.step(Input::Persisted { seq: self.gate.durable() });
    }

    fn on_message(&mut self, message: Message) {
        count(&self.counters.received, 1);
        self.step(Input::Message(message));
    }

    fn on_ask(&mut self, ask: Ask) {
        let token = self.next_token;
        let (input, asker) = match ask {
            Ask::Look(asker) => {
                // Whoever has stopped waiting gets no answer.
                let _ = asker.send(Status::of(&self.member));
                return;
            }
            Ask::Request { request, mode, asker } => (Input::Request { token, request, mode }, asker),
            Ask::Instruct { instruction, asker } => (Input::Instruct { token, instruction }, asker),
        };
        // Not every question gets an answer while the member lives; those that nobody waits for go now and then.
        if token.0.is_multiple_of(1_024) {
            self.askers.retain(|_, asker| !asker.is_closed());
        }
        self.askers.insert(token, asker);
        self.next_token = token.next();
        self.step(input);
    }
}
