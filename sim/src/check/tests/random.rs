//! A small Raft at random, right or with one planted mistake: the right one must never alarm anybody, each
//! mistake must be found, and by no checker but those named for it.

use super::toy::{Snapshot, Toy, Write};
use crate::choice::{Choice, Stream};
use crate::observation::{EntryFact, Promise, Property, Violation};
use seaworthy_core::types::{EntryId, LogIndex, NodeId};
use seaworthy_core::view::Role;
use std::collections::BTreeSet;

/// What is wrong with the Raft.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mistake {
    VoteNotGated,
    CampaignNotGated,
    AckNotGated,
    VotesTwice,
    NoLogCheck,
    CountsStaleVotes,
    HalfIsQuorum,
    CountsItselfEarly,
    CommitsEarlierTerm,
    NoPrevCheck,
    TruncatesAlways,
    CommitsUnverified,
    AcksWholeLog,
    MatchRegresses,
    CommitRegresses,
    LeadsAgainAfterRestart,
    SurvivorsOutOfOrder,
    LosesDurableEntries,
    AppliesTwice,
    InstallsAlways,
    InstallsOtherState,
}

#[derive(Clone, Debug)]
struct Message {
    from: u64,
    to: u64,
    term: u64,
    body: Body,
}

#[derive(Clone, Debug)]
enum Body {
    RequestVote { last: EntryId },
    Vote,
    Append { prev: EntryId, entries: Vec<EntryFact>, commit: u64 },
    Ack { matched: u64 },
    Install { snapshot: Snapshot },
}

struct World {
    toy: Toy,
    choice: Choice,
    count: u64,
    mistake: Option<Mistake>,
    network: Vec<Message>,
    /// By node: messages, and how many writes must become durable before each leaves.
    held: Vec<Vec<(usize, Message)>>,
    votes: Vec<BTreeSet<u64>>,
}

/// Runs one seed; what was found.
fn run(seed: u64, steps: u64, mistake: Option<Mistake>) -> (Option<Violation>, u64) {
    let count = 3 + seed % 3;
    let size = usize::try_from(count).unwrap();
    let mut world = World {
        toy: Toy::new(count),
        choice: Choice::seeded(seed),
        count,
        mistake,
        network: Vec::new(),
        held: vec![Vec::new(); size],
        votes: vec![BTreeSet::new(); size],
    };
    for _ in 0..steps {
        world.act();
        if world.toy.found().is_some() {
            break;
        }
    }
    let committed = world.toy.nodes.iter().map(|node| node.commit).max().unwrap();
    (world.toy.found().cloned(), committed)
}

impl World {
    fn below(&mut self, bound: u64) -> u64 {
        self.choice.below(Stream::Swarm, bound)
    }

    fn has(&self, mistake: Mistake) -> bool {
        self.mistake == Some(mistake)
    }

    fn place(node: u64) -> usize {
        usize::try_from(node).unwrap() - 1
    }

    /// Does one thing, if it can be done.
    fn act(&mut self) {
        let leaders: Vec<u64> =
            (1..).zip(&self.toy.nodes).filter(|(_, it)| it.leads()).map(|(n, _)| n).collect();
        let node = if !leaders.is_empty() && self.below(2) == 0 {
            leaders[usize::try_from(self.below(leaders.len() as u64)).unwrap()]
        } else {
            1 + self.below(self.count)
        };
        let (up, leads) = (self.toy.node(node).up, self.toy.node(node).leads());
        match self.below(1000) {
            0..500 if !self.network.is_empty() => self.deliver(),
            500..750 if up && !self.toy.node(node).queue.is_empty() => self.sync_one(node),
            750..752 if up && !leads => self.campaign(node),
            752..770 if up && leaders.is_empty() => self.campaign(node),
            770..800 if up && leads => self.toy.propose(node),
            800..985 if up && leads => self.send_append(node),
            985..990 if up => self.take_snapshot(node),
            990..993 if up => self.crash(node),
            993.. if !up => self.boot(node),
            _ => {}
        }
        if self.network.len() > 40 {
            let lost = self.below(40);
            self.network.swap_remove(usize::try_from(lost).unwrap());
        }
    }

    /// Sends at once if `gated` is false, otherwise when all that its sender has queued is durable.
    fn send(&mut self, gated: bool, message: Message) {
        let wait = if gated { self.toy.node(message.from).queue.len() } else { 0 };
        if wait == 0 {
            self.release(message);
        } else {
            self.held[Self::place(message.from)].push((wait, message));
        }
    }

    fn release(&mut self, message: Message) {
        let promise = match message.body {
            Body::RequestVote { last } => Promise::Campaign { last },
            Body::Vote => Promise::Vote,
            Body::Append { .. } | Body::Install { .. } => Promise::Lead,
            Body::Ack { matched } => Promise::Acknowledge { matched: LogIndex(matched) },
        };
        self.toy.release(message.from, message.to, message.term, promise);
        self.network.push(message);
    }

    fn sync_one(&mut self, node: u64) {
        self.toy.sync_one(node);
        let held = std::mem::take(&mut self.held[Self::place(node)]);
        for (wait, message) in held {
            if wait == 1 {
                self.release(message);
            } else {
                self.held[Self::place(node)].push((wait - 1, message));
            }
        }
        self.advance(node);
    }

    fn crash(&mut self, node: u64) {
        if self.has(Mistake::SurvivorsOutOfOrder) && self.toy.node(node).queue.len() > 1 {
            self.toy.node(node).queue.pop_front();
        }
        let queued = self.toy.node(node).queue.len() as u64;
        let survive = self.below(queued + 1);
        let led = self.toy.node(node).role == Role::Leader;
        self.toy.crash(node, usize::try_from(survive).unwrap());
        self.held[Self::place(node)].clear();
        let disk = &mut self.toy.node(node).disk;
        let covered = usize::try_from(disk.base).unwrap();
        if self.has(Mistake::LosesDurableEntries) && covered < self.toy.node(node).disk.log.len() {
            self.toy.node(node).disk.log.pop();
        }
        if led && self.has(Mistake::LeadsAgainAfterRestart) {
            self.boot(node);
            self.toy.lead(node);
        }
    }

    fn boot(&mut self, node: u64) {
        self.votes[Self::place(node)].clear();
        self.toy.boot(node);
    }

    fn campaign(&mut self, node: u64) {
        self.toy.campaign(node);
        self.votes[Self::place(node)] = BTreeSet::from([node]);
        let (term, last) = (self.toy.term(node), self.toy.last(node));
        for to in (1..=self.count).filter(|to| *to != node) {
            let gated = !self.has(Mistake::CampaignNotGated);
            self.send(gated, Message { from: node, to, term, body: Body::RequestVote { last } });
        }
    }

    fn send_append(&mut self, leader: u64) {
        let to = 1 + self.below(self.count);
        if to == leader {
            return;
        }
        let matched = self.toy.node(leader).matched[Self::place(to)];
        let end = self.toy.last(leader).index.0;
        let prev = if self.below(4) == 0 { matched + self.below(end - matched + 1) } else { matched };
        let snapshot = self.toy.node(leader).snapshot.clone().expect("founders have one");
        if prev < snapshot.last.index.0 {
            let term = self.toy.term(leader);
            self.send(false, Message { from: leader, to, term, body: Body::Install { snapshot } });
            return;
        }
        let size = usize::try_from(self.below(4)).unwrap();
        let log = &self.toy.node(leader).log;
        let before = usize::try_from(prev).unwrap();
        let entries = log[before..].iter().take(size).copied().collect();
        let prev = if before == 0 { EntryId::ZERO } else { log[before - 1].id };
        let commit = self.toy.node(leader).commit;
        let term = self.toy.term(leader);
        self.send(false, Message { from: leader, to, term, body: Body::Append { prev, entries, commit } });
    }

    fn deliver(&mut self) {
        let chosen = usize::try_from(self.below(self.network.len() as u64)).unwrap();
        let message =
            if self.below(10) == 0 { self.network[chosen].clone() } else { self.network.swap_remove(chosen) };
        let me = message.to;
        if !self.toy.node(me).up {
            return;
        }
        let stale = message.term < self.toy.term(me);
        if message.term > self.toy.term(me) && !matches!(message.body, Body::RequestVote { .. }) {
            self.toy.adopt(me, message.term, None);
        }
        match &message.body {
            Body::RequestVote { last } => self.on_request_vote(&message, *last),
            Body::Vote if !stale || self.has(Mistake::CountsStaleVotes) => self.on_vote(me, message.from),
            Body::Append { prev, entries, commit } if !stale => {
                self.on_append(&message, *prev, entries, *commit);
            }
            Body::Ack { matched } if !stale => self.on_ack(me, message.from, *matched),
            Body::Install { snapshot } if !stale => self.on_install(&message, snapshot.clone()),
            Body::Vote | Body::Append { .. } | Body::Ack { .. } | Body::Install { .. } => {}
        }
    }

    fn on_request_vote(&mut self, message: &Message, last: EntryId) {
        let me = message.to;
        let (term, candidate) = (self.toy.term(me), NodeId::new(message.from));
        let vote = self.toy.node(me).hard_state.vote;
        let newer = message.term > term;
        let free = newer || message.term == term && vote.is_none_or(|vote| vote == candidate);
        let again = message.term == term && self.has(Mistake::VotesTwice);
        let current = last >= self.toy.last(me) || self.has(Mistake::NoLogCheck);
        if (free || again) && current {
            if newer || vote.is_none() {
                self.toy.adopt(me, message.term, Some(message.from));
            }
            let gated = !self.has(Mistake::VoteNotGated);
            self.send(gated, Message { from: me, to: message.from, term: message.term, body: Body::Vote });
        } else if newer {
            self.toy.adopt(me, message.term, None);
        }
    }

    fn on_vote(&mut self, me: u64, voter: u64) {
        if self.toy.node(me).role != Role::Candidate {
            return;
        }
        let votes = &mut self.votes[Self::place(me)];
        votes.insert(voter);
        let count = votes.len() as u64;
        if count > self.count / 2 || self.has(Mistake::HalfIsQuorum) && count >= self.count / 2 {
            self.toy.lead(me);
        }
    }

    fn on_append(&mut self, message: &Message, prev: EntryId, entries: &[EntryFact], commit: u64) {
        let me = message.to;
        let before = usize::try_from(prev.index.0).unwrap();
        self.toy.node(me).role = Role::Follower;
        self.toy.node(me).leader = Some(NodeId::new(message.from));
        let log = self.toy.node(me).log.clone();
        let held = if before == 0 { Some(EntryId::ZERO) } else { log.get(before - 1).map(|entry| entry.id) };
        let matches = held == Some(prev) || held.is_some() && self.has(Mistake::NoPrevCheck);
        if !matches {
            self.toy.step(me);
            return;
        }
        let same = entries.iter().zip(&log[before..]).take_while(|(new, old)| new.id == old.id).count();
        let keep = if self.has(Mistake::TruncatesAlways) { 0 } else { same };
        if keep < entries.len() {
            self.toy.append(me, &entries[keep..]);
        }
        self.toy.step(me);
        let verified = prev.index.0 + entries.len() as u64;
        let end = self.toy.last(me).index.0;
        let bound = if self.has(Mistake::CommitsUnverified) { end } else { verified };
        let target = commit.min(bound);
        if target > self.toy.node(me).commit {
            self.commit(me, target);
        } else if target < self.toy.node(me).commit && self.has(Mistake::CommitRegresses) {
            self.toy.node(me).commit = target;
            self.toy.step(me);
        }
        let matched = if self.has(Mistake::AcksWholeLog) { end } else { verified };
        let gated = !self.has(Mistake::AckNotGated);
        self.send(
            gated,
            Message { from: me, to: message.from, term: message.term, body: Body::Ack { matched } },
        );
    }

    /// Writes down what is applied, unless that brings nothing new or the last snapshot is still on its way.
    fn take_snapshot(&mut self, node: u64) {
        let it = self.toy.node(node);
        let covered = it.snapshot.as_ref().map_or(0, |snapshot| snapshot.last.index.0);
        let under_way = it.queue.iter().any(|write| matches!(write, Write::Snapshot(..)));
        if covered < it.applied && !under_way {
            self.toy.take_snapshot(node);
        }
    }

    fn on_install(&mut self, message: &Message, mut snapshot: Snapshot) {
        let (me, last) = (message.to, snapshot.last);
        self.toy.node(me).role = Role::Follower;
        self.toy.node(me).leader = Some(NodeId::new(message.from));
        let it = self.toy.node(me);
        let held = last.index.0 <= it.commit || it.log.iter().any(|entry| entry.id == last);
        if held && !self.has(Mistake::InstallsAlways) {
            self.toy.step(me);
        } else {
            snapshot.state += u64::from(self.has(Mistake::InstallsOtherState));
            self.toy.install_snapshot(message.from, me, snapshot);
        }
        let body = Body::Ack { matched: last.index.0 };
        self.send(true, Message { from: me, to: message.from, term: message.term, body });
    }

    fn on_ack(&mut self, me: u64, from: u64, matched: u64) {
        if self.toy.node(me).role != Role::Leader {
            return;
        }
        let known = self.toy.node(me).matched[Self::place(from)];
        if matched > known || self.has(Mistake::MatchRegresses) {
            self.toy.hear_ack(me, from, matched);
        }
        self.advance(me);
    }

    /// A leader commits what a quorum holds.
    fn advance(&mut self, me: u64) {
        if self.toy.node(me).role != Role::Leader {
            return;
        }
        let early = self.has(Mistake::CountsItselfEarly);
        let node = self.toy.node(me);
        let mut reached = node.matched.clone();
        reached[Self::place(me)] = if early { node.log.len() as u64 } else { node.durable_end() };
        reached.sort();
        let half = self.has(Mistake::HalfIsQuorum) && self.count.is_multiple_of(2);
        let quorum = reached.len() / 2 + usize::from(!half);
        let agreed = reached[reached.len() - quorum];
        if agreed <= self.toy.node(me).commit {
            return;
        }
        let entry = self.toy.node(me).log[usize::try_from(agreed).unwrap() - 1].id;
        if entry.term.0 == self.toy.term(me) || self.has(Mistake::CommitsEarlierTerm) {
            self.commit(me, agreed);
        }
    }

    fn commit(&mut self, node: u64, commit: u64) {
        if self.has(Mistake::AppliesTwice) && self.below(10) == 0 {
            let payload = self.toy.node(node).log[0].payload;
            self.toy.node(node).state ^= payload;
        }
        self.toy.commit(node, commit);
    }
}

#[test]
fn a_raft_without_mistakes_alarms_nobody_and_gets_somewhere() {
    let mut committed = 0;
    for seed in 0..1000 {
        let (found, commit) = run(seed, 3000, None);
        assert_eq!(found, None, "seed {seed}");
        committed += commit;
    }
    assert!(committed > 10_000, "the runs prove little: {committed} entries committed");
}

#[test]
fn each_mistake_is_found_by_the_checkers_named_for_it() {
    use Mistake::*;
    use Property::*;
    let table: &[(Mistake, &[Property])] = &[
        (VoteNotGated, &[PersistBeforeSend]),
        (CampaignNotGated, &[PersistBeforeSend]),
        (AckNotGated, &[PersistBeforeSend]),
        (VotesTwice, &[VoteOnce, PersistBeforeSend]),
        (NoLogCheck, &[LeaderCompleteness]),
        (CountsStaleVotes, &[ElectionSafety, LeaderQuorum]),
        (HalfIsQuorum, &[ElectionSafety, LeaderQuorum, CommitJustified]),
        (CountsItselfEarly, &[CommitJustified]),
        (CommitsEarlierTerm, &[CommitJustified]),
        (NoPrevCheck, &[LogMatching, PersistBeforeSend, StateMachineSafety]),
        (
            TruncatesAlways,
            &[MatchSoundness, CommitJustified, StateMachineSafety, Order, Durability, LogMatching],
        ),
        (CommitsUnverified, &[StateMachineSafety]),
        (AcksWholeLog, &[PersistBeforeSend, MatchSoundness, Order]),
        (MatchRegresses, &[Monotonicity]),
        (CommitRegresses, &[Monotonicity]),
        (LeadsAgainAfterRestart, &[ElectionSafety]),
        (SurvivorsOutOfOrder, &[CrashConsistency]),
        (LosesDurableEntries, &[CrashConsistency]),
        (AppliesTwice, &[ReplicasAgree, SnapshotMatchesLog]),
        (InstallsAlways, &[Order, Monotonicity]),
        (InstallsOtherState, &[SnapshotMatchesLog]),
    ];
    for (mistake, named) in table {
        let findings: Vec<_> = (0..100)
            .filter_map(|seed| run(seed, 3000, Some(*mistake)).0.map(|violation| (seed, violation)))
            .collect();
        assert!(!findings.is_empty(), "{mistake:?} was not found");
        for (seed, found) in findings {
            assert!(named.contains(&found.property), "{mistake:?}, seed {seed}: {found:?}");
        }
    }
}
