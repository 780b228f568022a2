//! What stands above consensus: sessions and the key-value store, and the clients that wait. Also this knows no library.

use crate::disk::{Entry, Snapshot};
use seaworthy_core::config::Config as Settings;
use seaworthy_core::flaw::Sound;
use seaworthy_core::kv::Command;
use seaworthy_core::member::{AppliedEntry, ReadMode, Refusal};
use seaworthy_core::state_machine::{Operation, Outcome, Request, StateMachine};
use seaworthy_core::types::{Bytes, EntryId, Instant, LogIndex, NodeId, Term, Token};
use std::collections::BTreeMap;

/// An answer, and whose.
pub type Reply = (Token, Result<Outcome, Refusal>);

/// What the service needs of consensus to do what clients ask.
pub trait Consensus {
    /// Whether this server leads.
    fn leads(&self) -> bool;

    /// Who leads, as far as it knows.
    fn leader(&self) -> Option<NodeId>;

    /// Whether a leader has committed an entry of its own term.
    fn has_committed(&self) -> bool;

    /// Has a leader put this into its log, and says where; `None` if it does not take it.
    fn propose(&mut self, data: Bytes) -> Option<EntryId>;

    /// Has the others confirm a read, which is known by this.
    fn read_index(&mut self, context: Vec<u8>);
}

/// The state machine and who waits for it.
#[derive(Debug)]
pub struct Service {
    settings: Settings,
    machine: StateMachine,
    applied: LogIndex,
    /// Who waits for which entry, and its term.
    writers: BTreeMap<LogIndex, (Term, Token)>,
    /// Reads that are not confirmed, by their number.
    asked: BTreeMap<u64, Read>,
    /// Confirmed reads that wait for their index to be applied.
    ready: BTreeMap<(LogIndex, u64), Read>,
    reads: u64,
}

#[derive(Debug)]
struct Read {
    token: Token,
    command: Command,
    at: Instant,
}

impl Service {
    /// Starts from a snapshot; from nothing on a blank disk.
    pub fn new(settings: &Settings, snapshot: Option<&Snapshot>) -> Self {
        let machine = snapshot.map_or_else(StateMachine::default, |snapshot| decode(&snapshot.data));
        let applied = snapshot.map_or(LogIndex::ZERO, |snapshot| snapshot.last.index);
        let (writers, asked, ready) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { settings: settings.clone(), machine, applied, writers, asked, ready, reads: 0 }
    }

    /// The last index that was applied.
    pub fn applied(&self) -> LogIndex {
        self.applied
    }

    /// A hash of the state.
    pub fn hash(&self) -> u64 {
        self.machine.hash()
    }

    /// The state as bytes.
    pub fn encode(&self) -> Bytes {
        self.machine.encode(Sound)
    }

    /// Goes on from a snapshot.
    pub fn restore(&mut self, snapshot: &Snapshot) {
        self.machine = decode(&snapshot.data);
        self.applied = snapshot.last.index;
    }

    /// Applies the next entry. The session table sees to it that a request that is in the log twice runs once.
    pub fn apply(&mut self, entry: &Entry, replies: &mut Vec<Reply>) -> AppliedEntry {
        let index = entry.id.index;
        let applied = (!entry.data.is_empty()).then(|| self.machine.apply(Sound, index, &entry.data));
        self.applied = index;
        if let Some((term, token)) = self.writers.remove(&index) {
            let result = match &applied {
                Some(applied) if term == entry.id.term => Ok(applied.outcome.clone()),
                // Another entry stands where the proposal stood, so that it can never commit.
                _ => Err(Refusal::NotLeader { leader: None }),
            };
            replies.push((token, result));
        }
        AppliedEntry {
            id: entry.id,
            request: applied.as_ref().and_then(|applied| applied.request),
            executed: applied.is_some_and(|applied| applied.executed),
            state_hash: self.machine.hash(),
        }
    }

    /// A client asks for something. Gives the answer if it is known at once.
    pub fn on_request(
        &mut self,
        raft: &mut impl Consensus,
        now: Instant,
        token: Token,
        request: &Request,
        mode: ReadMode,
    ) -> Option<Result<Outcome, Refusal>> {
        match &request.operation {
            Operation::Command(command) if command.is_read() => self.on_read(raft, now, token, command, mode),
            Operation::Command(_) | Operation::Register => self.on_write(raft, token, request.encode()),
        }
    }

    fn on_write(
        &mut self,
        raft: &mut impl Consensus,
        token: Token,
        data: Bytes,
    ) -> Option<Result<Outcome, Refusal>> {
        if !raft.leads() {
            return Some(Err(Refusal::NotLeader { leader: raft.leader() }));
        }
        match raft.propose(data) {
            Some(id) => {
                self.writers.insert(id.index, (id.term, token));
                None
            }
            None => Some(Err(Refusal::Overloaded)),
        }
    }

    fn on_read(
        &mut self,
        raft: &mut impl Consensus,
        now: Instant,
        token: Token,
        command: &Command,
        mode: ReadMode,
    ) -> Option<Result<Outcome, Refusal>> {
        let (leads, leader) = (raft.leads(), raft.leader());
        if mode == ReadMode::Stale {
            return Some(Ok(self.query(command)));
        }
        if !leads && (mode != ReadMode::Follower || leader.is_none()) {
            return Some(Err(Refusal::NotLeader { leader }));
        }
        // The library drops what comes too early and says nothing.
        if leads && !raft.has_committed() {
            return Some(Err(Refusal::Busy));
        }
        if self.settings.max_pending_reads <= self.pending_reads() {
            return Some(Err(Refusal::Overloaded));
        }
        self.reads += 1;
        self.asked.insert(self.reads, Read { token, command: command.clone(), at: now });
        raft.read_index(self.context());
        None
    }

    /// What the library tells the latest read from another by, in the whole cluster and for ever: no two lives of a server
    /// have the same seed. A context that comes twice is confirmed by answers that were meant for the first.
    fn context(&self) -> Vec<u8> {
        let parts = [self.settings.id.get(), self.settings.seed, self.reads];
        parts.iter().flat_map(|part| part.to_le_bytes()).collect()
    }

    /// How many reads wait.
    pub fn pending_reads(&self) -> usize {
        self.asked.len() + self.ready.len()
    }

    /// The read of this context may be answered from any state that has applied up to `index`.
    pub fn confirm(&mut self, context: &[u8], index: LogIndex) {
        let number =
            u64::from_le_bytes(*context.last_chunk().expect("a context ends with the read's number"));
        if let Some(read) = self.asked.remove(&number) {
            self.ready.insert((index, number), read);
        }
    }

    /// Answers a read from the state as it is.
    fn query(&self, command: &Command) -> Outcome {
        Outcome::Answer(self.machine.query(command).expect("only reads are asked to be answered so"))
    }

    /// Answers the confirmed reads whose index has been applied, and refuses those that nobody has confirmed within an
    /// election timeout: what asked for the confirmation may be lost.
    pub fn answer_reads(&mut self, now: Instant, replies: &mut Vec<Reply>) {
        let patience = self.settings.election_timeout_max;
        while let Some(read) = self.ready.first_entry().filter(|read| read.key().0 <= self.applied) {
            let read = read.remove();
            replies.push((read.token, Ok(self.query(&read.command))));
        }
        while let Some(read) = self.asked.first_entry().filter(|read| read.get().at + patience <= now) {
            replies.push((read.remove().token, Err(Refusal::NotLeader { leader: None })));
        }
    }

    /// Another leads, or nobody: what will become of an entry cannot be told, and a read has to be asked for again.
    pub fn dismiss(&mut self, leader: Option<NodeId>, replies: &mut Vec<Reply>) {
        let writers = std::mem::take(&mut self.writers).into_values();
        replies.extend(writers.map(|(_, token)| (token, Err(Refusal::Unknown { leader }))));
        let asked = std::mem::take(&mut self.asked).into_values();
        let reads = asked.chain(std::mem::take(&mut self.ready).into_values());
        replies.extend(reads.map(|read| (read.token, Err(Refusal::NotLeader { leader }))));
    }
}

fn decode(data: &[u8]) -> StateMachine {
    StateMachine::decode(data).expect("all servers write the same version")
}
