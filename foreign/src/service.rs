//! What stands above consensus: sessions and the key-value store, and the clients that wait. Also this knows no library.

use crate::disk::{Entry, Snapshot};
use seaworthy_core::flaw::Sound;
use seaworthy_core::kv::Command;
use seaworthy_core::member::{AppliedEntry, Refusal};
use seaworthy_core::state_machine::{Outcome, StateMachine};
use seaworthy_core::types::{Bytes, Instant, LogIndex, NodeId, Term, Token};
use std::collections::BTreeMap;
use std::time::Duration;

/// An answer, and whose.
pub type Reply = (Token, Result<Outcome, Refusal>);

/// The state machine and who waits for it.
#[derive(Debug)]
pub struct Service {
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
    pub fn new(snapshot: Option<&Snapshot>) -> Self {
        let machine = snapshot.map_or_else(StateMachine::default, |snapshot| decode(&snapshot.data));
        let applied = snapshot.map_or(LogIndex::ZERO, |snapshot| snapshot.last.index);
        let (writers, asked, ready) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { machine, applied, writers, asked, ready, reads: 0 }
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

    /// Somebody waits for the entry at `index`, if it is of `term`.
    pub fn await_entry(&mut self, index: LogIndex, term: Term, token: Token) {
        self.writers.insert(index, (term, token));
    }

    /// How many reads wait.
    pub fn pending_reads(&self) -> usize {
        self.asked.len() + self.ready.len()
    }

    /// A read is to be confirmed; gives the number that its confirmation names.
    pub fn ask(&mut self, at: Instant, token: Token, command: Command) -> u64 {
        self.reads += 1;
        self.asked.insert(self.reads, Read { token, command, at });
        self.reads
    }

    /// Read `number` may be answered from any state that has applied up to `index`.
    pub fn confirm(&mut self, number: u64, index: LogIndex) {
        if let Some(read) = self.asked.remove(&number) {
            self.ready.insert((index, number), read);
        }
    }

    /// Answers a read from the state as it is.
    pub fn query(&self, command: &Command) -> Outcome {
        Outcome::Answer(self.machine.query(command).expect("only reads are asked to be answered so"))
    }

    /// Answers the confirmed reads whose index has been applied, and refuses those that nobody has confirmed within
    /// `patience`: what asked for the confirmation may be lost.
    pub fn answer_reads(&mut self, now: Instant, patience: Duration, replies: &mut Vec<Reply>) {
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
