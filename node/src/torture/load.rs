//! Clients that work all the time, and remember what they saw.

use crate::client::{Client, ClientError, Settings};
use crate::grpc::Endpoints;
use crate::lock::locked;
use crate::luck;
use seaworthy_core::kv::Command;
use seaworthy_core::member::ReadMode;
use seaworthy_core::types::Bytes;
use seaworthy_sim::history::{ClientId, Completion, HistoryEvent, OperationId};
use seaworthy_sim::time::Time;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Keys that are in use at a time. Few, so that clients meet.
const KEYS: u64 = 6;

/// Clients at work.
pub(super) struct Load {
    record: Arc<Record>,
    endpoints: Endpoints,
    settings: Settings,
    clients: JoinSet<()>,
}

/// One client of the load. It writes through one server and reads through another, each until that one fails it: a
/// server that answers reads by itself is asked also while others lead.
struct Worker {
    writer: Client<Endpoints>,
    reader: Client<Endpoints>,
    reads: ReadMode,
}

/// What has been seen so far.
struct Record {
    begun: Instant,
    seen: Mutex<Seen>,
    answered: AtomicU64,
    /// Which keys are in use: every so often others, or what nobody knows of a key would pile up.
    generation: AtomicU64,
    over: AtomicBool,
}

#[derive(Default)]
struct Seen {
    history: Vec<HistoryEvent>,
    operations: u64,
    clients: u32,
    keys: BTreeSet<Bytes>,
    /// When the latest writes to be answered began, and were answered.
    writes: Vec<(Instant, Instant)>,
}

impl Load {
    pub(super) fn start(endpoints: Endpoints, settings: Settings, clients: u32, reads: ReadMode) -> Self {
        let record = Arc::new(Record {
            begun: Instant::now(),
            seen: Mutex::default(),
            answered: AtomicU64::new(0),
            generation: AtomicU64::new(0),
            over: AtomicBool::new(false),
        });
        let mut tasks = JoinSet::new();
        for _ in 0..clients {
            let record = Arc::clone(&record);
            let mut worker = Worker::new(&endpoints, settings, reads);
            tasks.spawn(async move { worker.work(&record).await });
        }
        Self { record, endpoints, settings, clients: tasks }
    }

    /// How many operations were answered.
    pub(super) fn answered(&self) -> u64 {
        self.record.answered.load(Ordering::Relaxed)
    }

    /// From now on other keys are used.
    pub(super) fn next_keys(&self) {
        self.record.generation.fetch_add(1, Ordering::Relaxed);
        self.record.seen().writes.clear();
    }

    /// When the first write was answered that began after `instant`.
    pub(super) fn first_write_since(&self, instant: Instant) -> Option<Instant> {
        let seen = self.record.seen();
        let later = seen.writes.iter().filter(|(begun, _)| instant < *begun);
        later.map(|(_, answered)| *answered).min()
    }

    /// Stops the clients, and reads every key that was ever written: nothing that was acknowledged may be lost.
    pub(super) async fn finish(mut self) -> Vec<HistoryEvent> {
        self.record.over.store(true, Ordering::Relaxed);
        while self.clients.join_next().await.is_some() {}
        let mut worker = Worker::new(&self.endpoints, self.settings, ReadMode::Leader);
        let keys = self.record.seen().keys.clone();
        let mut id = self.record.next_client();
        for key in keys {
            id = worker.operate(&self.record, id, last_word(key)).await;
        }
        std::mem::take(&mut self.record.seen().history)
    }
}

impl Record {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        locked(&self.seen)
    }

    fn now(&self) -> Time {
        Time(self.begun.elapsed().as_nanos() as u64)
    }

    fn next_client(&self) -> ClientId {
        let mut seen = self.seen();
        seen.clients += 1;
        ClientId(seen.clients)
    }
}

/// Operations that ended well, surely in vain, and nobody knows how.
pub(super) fn count(history: &[HistoryEvent]) -> (u64, u64, u64) {
    let mut counts = (0, 0, 0);
    for event in history {
        let HistoryEvent::Completed { completion, .. } = event else { continue };
        match completion {
            Completion::Ok(_) => counts.0 += 1,
            Completion::Fail => counts.1 += 1,
            Completion::Info => counts.2 += 1,
        }
    }
    counts
}

impl Worker {
    fn new(endpoints: &Endpoints, settings: Settings, reads: ReadMode) -> Self {
        let client = || Client::new(endpoints.clone(), settings);
        Self { writer: client(), reader: client(), reads }
    }

    async fn work(&mut self, record: &Record) {
        let mut id = record.next_client();
        while !record.over.load(Ordering::Relaxed) {
            let generation = record.generation.load(Ordering::Relaxed);
            id = self.operate(record, id, command(generation, id)).await;
        }
    }

    /// One operation, from its invocation to its end. Gives the client that begins the next: one whose operation may
    /// yet take effect is never heard of again.
    async fn operate(&mut self, record: &Record, id: ClientId, command: Command) -> ClientId {
        let begun = Instant::now();
        let writes = !command.is_read();
        let operation = {
            let mut seen = record.seen();
            let operation = OperationId(seen.operations);
            seen.operations += 1;
            seen.keys.insert(command.key().clone());
            // However it reads, it is held to what the strictest promises.
            let (command, mode, at) = (command.clone(), ReadMode::Leader, record.now());
            seen.history.push(HistoryEvent::Invoked { operation, client: id, command, mode, at });
            operation
        };
        let answer = if writes {
            self.writer.execute(command).await
        } else {
            self.reader.execute_by(command, self.reads).await
        };
        let completion = match answer {
            Ok(answer) => Completion::Ok(answer),
            Err(ClientError::Unavailable { .. } | ClientError::Refused { .. }) => Completion::Fail,
            Err(ClientError::Unknown { .. }) => Completion::Info,
        };
        let lost = completion == Completion::Info;
        let mut seen = record.seen();
        if let Completion::Ok(_) = completion {
            record.answered.fetch_add(1, Ordering::Relaxed);
            if writes {
                seen.writes.push((begun, Instant::now()));
            }
        }
        seen.history.push(HistoryEvent::Completed { operation, client: id, completion, at: record.now() });
        drop(seen);
        if lost { record.next_client() } else { id }
    }
}

/// Something on one of the keys in use. The name of a key says what it holds.
fn command(generation: u64, client: ClientId) -> Command {
    let number = luck::below(KEYS);
    let name = Bytes::from(format!("{generation}/{number}").as_str());
    let few = Bytes::from(format!("m{}", luck::below(3)).as_str());
    // No two writes write the same, so that each can be told.
    let new = Bytes::from(format!("{}.{:x};", client.0, luck::word() & 0xffff_ffff).as_str());
    let (key, choice) = (name, luck::below(6));
    match (number % 3, choice) {
        (0, 0 | 1) => Command::Get { key },
        (0, 2) => Command::Set { key, value: new },
        (0, 3) => Command::Del { key },
        (0, 4) => Command::Cas { key, expected: None, new },
        (0, _) => Command::Append { key, value: new },
        (1, 0 | 1) => Command::HGetAll { key },
        (1, 2) => Command::HDel { key, fields: vec![few] },
        (1, _) => Command::HSet { key, pairs: vec![(few, new)] },
        (_, 0 | 1) => Command::SMembers { key },
        (_, 2) => Command::SDel { key, members: vec![few] },
        (_, _) => Command::SSet { key, members: vec![few] },
    }
}

/// The read that shows all of what a key holds.
fn last_word(key: Bytes) -> Command {
    let number = key.last().map_or(0, |digit| u64::from(digit - b'0'));
    match number % 3 {
        0 => Command::Get { key },
        1 => Command::HGetAll { key },
        _ => Command::SMembers { key },
    }
}
