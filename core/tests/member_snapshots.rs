//! When a member takes a snapshot of its own accord: after so many entries, or after so many bytes of them.

use seaworthy_core::config::Config;
use seaworthy_core::durable::Durable;
use seaworthy_core::kv::Limits;
use seaworthy_core::member::{Effects, Input, Instruction, Member, founding_disk};
use seaworthy_core::membership::Membership;
use seaworthy_core::message::{Body, Chunk, Entry, Message, Payload};
use seaworthy_core::snapshot::Snapshot;
use seaworthy_core::types::{Bytes, EntryId, Instant, LogIndex, NodeId, Round, Term, Token};
use std::num::NonZeroU64;

const ME: NodeId = NodeId::new(1);
const LEADER: NodeId = NodeId::new(2);

/// What a no-op entry weighs, and any other besides its bytes.
const ENTRY: u64 = 24;

/// A follower whose leader is played by the test, and whose disk writes when it is told to.
struct Follower {
    config: Config,
    member: Member,
    disk: Durable,
    effects: Effects,
}

impl Follower {
    /// One that may apply so many bytes between one snapshot and the next.
    fn of(bytes: u64) -> Self {
        Self::with(Config {
            snapshot_interval: None,
            snapshot_bytes: NonZeroU64::new(bytes),
            trailing_entries: 0,
            ..Config::new(ME, 1)
        })
    }

    fn with(config: Config) -> Self {
        let disk = founding_disk(Membership::new([1, 2, 3].map(NodeId::new)), Limits::default());
        let member = Member::new(config.clone(), &disk, Instant(0)).expect("sound");
        Self { config, member, disk, effects: Effects::default() }
    }

    fn step(&mut self, input: Input) {
        self.member.step(Instant(0), input, &mut self.effects);
    }

    fn hear(&mut self, term: u64, body: Body) {
        self.step(Input::Message(Message { from: LEADER, to: ME, term: Term(term), body }));
    }

    /// Everything that was written becomes durable, and what the member then writes.
    fn sync(&mut self) {
        while let Some(last) = self.effects.writes.last() {
            let seq = last.seq;
            self.effects.writes.drain(..).for_each(|write| self.disk.persist(write.record));
            self.step(Input::Persisted { seq });
        }
    }

    /// The leader of a term has appended entries of these lengths after `prev`, and committed up to `commit`.
    fn append(&mut self, term: u64, prev: EntryId, lengths: &[u64], commit: u64) {
        let entry = |(index, length): (u64, &u64)| Entry {
            id: EntryId::new(term, index),
            payload: Payload::Data(vec![b'x'; usize::try_from(*length).expect("it is short")].into()),
        };
        let entries = (prev.index.0 + 1..).zip(lengths).map(entry).collect();
        self.hear(term, Body::AppendEntries { prev, entries, commit: LogIndex(commit), round: Round(1) });
    }

    /// The same, one entry that is committed at once, and durable.
    fn take(&mut self, length: u64) {
        let prev = self.member.view().last;
        self.append(prev.term.0.max(1), prev, &[length], prev.index.0 + 1);
        self.sync();
    }

    fn restart(&mut self) {
        self.effects.clear();
        self.member = Member::new(self.config.clone(), &self.disk, Instant(0)).expect("sound");
    }

    /// The last entry of its snapshot.
    fn covered(&self) -> u64 {
        self.member.view().snapshot.expect("it has been founded").index.0
    }
}

#[test]
fn a_snapshot_is_taken_after_so_many_entries_or_so_many_bytes_whatever_comes_first() {
    let (few, small) = (NonZeroU64::new(3), NonZeroU64::new(2 * ENTRY + 100));
    let mut follower =
        Follower::with(Config { snapshot_interval: few, snapshot_bytes: small, ..Config::new(ME, 1) });
    let covered = [99, 0, 0, 1, 99].map(|length| {
        follower.take(length);
        follower.covered()
    });
    assert_eq!(covered, [0, 0, 3, 3, 5], "three entries, then as many bytes as may be");
    follower.take(ENTRY + 99);
    assert_eq!(follower.covered(), 5, "one byte less than may be");
    follower.take(0);
    assert_eq!(follower.covered(), 7);
}

#[test]
fn one_entry_that_weighs_as_much_is_enough() {
    let mut follower = Follower::of(ENTRY + 10);
    follower.take(9);
    assert_eq!(follower.covered(), 0);
    follower.take(500);
    follower.take(10);
    assert_eq!(follower.covered(), 3);
}

#[test]
fn bytes_count_from_the_snapshot_on_also_after_a_restart() {
    let mut follower = Follower::of(4 * ENTRY);
    (0..5).for_each(|_| follower.take(0));
    assert_eq!(follower.covered(), 4);
    follower.take(0);
    follower.restart();
    // What it had applied it applies again once it is known to be committed.
    let last = follower.member.view().last;
    assert_eq!(last.index, LogIndex(6));
    follower.append(1, last, &[], 6);
    follower.take(0);
    assert_eq!(follower.covered(), 4);
    follower.take(0);
    assert_eq!(follower.covered(), 8);
}

#[test]
fn what_is_applied_while_a_snapshot_is_on_its_way_to_the_disk_counts_for_the_next() {
    let mut follower = Follower::of(2 * ENTRY);
    follower.append(1, EntryId::ZERO, &[0, 0], 2);
    follower.append(1, EntryId::new(1, 2), &[0, 0, 0], 5);
    assert!(follower.member.node().is_taking_snapshot());
    let first = follower.effects.writes.last().expect("the snapshot is among them").seq;
    follower.step(Input::Persisted { seq: first });
    assert_eq!(follower.covered(), 2);
    assert!(follower.member.node().is_taking_snapshot(), "the next is due at once");
    follower.sync();
    assert_eq!(follower.covered(), 5);
}

#[test]
fn a_snapshot_that_an_operator_asks_for_is_where_bytes_count_from() {
    let mut follower = Follower::of(2 * ENTRY);
    follower.take(0);
    follower.step(Input::Instruct { token: Token(1), instruction: Instruction::TakeSnapshot });
    follower.sync();
    assert_eq!(follower.covered(), 1);
    follower.take(0);
    assert_eq!(follower.covered(), 1);
    follower.take(0);
    assert_eq!(follower.covered(), 3);
}

#[test]
fn what_is_replaced_before_it_is_committed_does_not_count() {
    let mut follower = Follower::of(2 * ENTRY);
    follower.append(1, EntryId::ZERO, &[500, 500], 0);
    follower.append(2, EntryId::ZERO, &[0], 1);
    follower.sync();
    assert_eq!((follower.member.applied(), follower.covered()), (LogIndex(1), 0));
    follower.take(0);
    assert_eq!(follower.covered(), 2);
}

#[test]
fn bytes_count_from_a_snapshot_that_the_leader_sends() {
    let mut other = Follower::of(3 * ENTRY);
    (0..3).for_each(|_| other.take(0));
    let snapshot: &Snapshot = other.disk.snapshot.as_ref().expect("it was just taken");
    let chunk = Chunk {
        snapshot: snapshot.id(),
        membership: snapshot.membership.clone(),
        offset: 0,
        bytes: Bytes::new(&snapshot.data),
        newcomer: None,
        round: Round(1),
    };
    let mut follower = Follower::of(2 * ENTRY);
    follower.take(0);
    follower.hear(1, Body::InstallSnapshot(Box::new(chunk)));
    follower.sync();
    assert_eq!(follower.covered(), 3);
    follower.take(0);
    assert_eq!(follower.covered(), 3, "what was applied before is covered");
    follower.take(0);
    assert_eq!(follower.covered(), 5);
}
