//! A toy cluster whose verbs do as they are told, right or wrong, and report it all to the checkers. It has
//! no rules of its own: a story of verbs in the right order is a Raft, in the wrong order it is a bug.

use crate::check::{Checkers, Limits};
use crate::observation::{
    Asks, Carried, EntryFact, Fact, FollowerView, HardStateFact, LogFacts, Promise, Property, SnapshotFact,
    View, Violation,
};
use crate::time::Time;
use seaworthy_core::config::Config;
use seaworthy_core::membership::Membership;
use seaworthy_core::types::{EntryId, LogIndex, NodeId, SessionId, Term, Token};
use seaworthy_core::view::{Role, Usage};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// The cluster. Nodes are plain numbers from 1, indices and terms plain numbers.
pub(super) struct Toy {
    pub(super) checkers: Checkers,
    pub(super) nodes: Vec<ToyNode>,
    found: Option<Violation>,
    pub(super) now: Time,
    /// The configurations that are payloads of entries.
    memberships: BTreeMap<u64, Membership>,
    payloads: u64,
}

/// One node.
#[derive(Clone)]
pub(super) struct ToyNode {
    pub(super) up: bool,
    pub(super) role: Role,
    pub(super) hard_state: HardStateFact,
    pub(super) leader: Option<NodeId>,
    /// All of it, also what it has compacted.
    pub(super) log: Vec<EntryFact>,
    /// What its log goes on from; `None` while it is blank.
    pub(super) snapshot: Option<Snapshot>,
    pub(super) commit: u64,
    pub(super) applied: u64,
    pub(super) state: u64,
    /// By number; used while it leads.
    pub(super) matched: Vec<u64>,
    /// By number: where it means to go on with a follower, if that is not right behind what is matched.
    pub(super) next: Vec<u64>,
    /// The configuration that it shows, if that is not the one it should; over all its lives.
    pub(super) shows: Option<Membership>,
    /// The configuration that it showed last: the same one for as long as it does not change.
    shown: Arc<Membership>,
    pub(super) lease_until: Option<Time>,
    /// What it says that it holds beyond what it wrote.
    pub(super) usage: Usage,
    /// Whether it says no more than that.
    pub(super) is_modest: bool,
    pub(super) queue: VecDeque<Write>,
    pub(super) disk: Disk,
}

impl ToyNode {
    /// What it must say at least, and what it says of its own accord.
    fn honest_usage(&self) -> Usage {
        let after = |index: u64| self.log.iter().filter(move |entry| index < entry.id.index.0);
        let covered = self.snapshot.as_ref().map_or(0, |snapshot| snapshot.last.index.0);
        let uncommitted: u64 = after(self.commit).map(|entry| entry.bytes).sum();
        let uncommitted = if self.role == Role::Leader { uncommitted as usize } else { 0 };
        Usage {
            log_entries: self.usage.log_entries.max(after(covered).count()),
            uncommitted_bytes: self.usage.uncommitted_bytes.max(uncommitted),
            ..self.usage
        }
    }
}

#[derive(Clone, Default)]
pub(super) struct Disk {
    pub(super) hard_state: HardStateFact,
    /// All of the log, also what is compacted.
    pub(super) log: Vec<EntryFact>,
    pub(super) snapshot: Option<Snapshot>,
    /// What of the log is compacted.
    pub(super) base: u64,
}

/// Its data is the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Snapshot {
    pub(super) last: EntryId,
    pub(super) membership: Membership,
    pub(super) state: u64,
}

#[derive(Clone)]
pub(super) enum Write {
    HardState(HardStateFact),
    Append(Vec<EntryFact>),
    /// With the log that the snapshot stands for.
    Snapshot(Snapshot, Vec<EntryFact>),
}

/// What every entry weighs.
pub(super) const ENTRY: u64 = 10;

/// The limits of the toys' stories: nobody has to take a snapshot.
pub(super) fn limits() -> Limits {
    Limits { snapshot_interval: None, trailing_entries: 0, ..Limits::of(&Config::new(NodeId::new(1), 0)) }
}

impl Toy {
    /// `count` nodes that have just started, with nothing on their disks but who belongs to the cluster.
    pub(super) fn new(count: u64) -> Self {
        Self::starting_from(&vec![(0, &[][..]); usize::try_from(count).unwrap()])
    }

    /// As [`Toy::new`], and as many more that stand ready, with nothing at all.
    pub(super) fn with_spares(count: u64, spares: u64) -> Self {
        Self::founded(&vec![(0, &[][..]); usize::try_from(count).unwrap()], spares, limits())
    }

    /// Nodes that start in these terms with entries of these terms, as in Raft Figure 7.
    pub(super) fn starting_from(disks: &[(u64, &[u64])]) -> Self {
        Self::founded(disks, 0, limits())
    }

    /// As [`Toy::new`], with other limits.
    pub(super) fn limited(count: u64, limits: Limits) -> Self {
        Self::founded(&vec![(0, &[][..]); usize::try_from(count).unwrap()], 0, limits)
    }

    fn founded(disks: &[(u64, &[u64])], spares: u64, limits: Limits) -> Self {
        let nodes: Vec<_> = (1..=disks.len() as u64 + spares).map(NodeId::new).collect();
        let membership = Membership::new(nodes[..disks.len()].iter().copied());
        let checkers = Checkers::new(&nodes, &membership, limits);
        let mut toy = Self {
            checkers,
            nodes: Vec::new(),
            found: None,
            now: Time::ZERO,
            memberships: BTreeMap::new(),
            payloads: 0,
        };
        for (term, log) in disks {
            let ids = log.iter().zip(1..).map(|(term, index)| EntryId::new(*term, index));
            let log = ids.map(|id| EntryFact { id, payload: 0, bytes: ENTRY }).collect();
            let hard_state = HardStateFact { term: Term(*term), vote: None };
            let founding = Snapshot { last: EntryId::ZERO, membership: membership.clone(), state: 0 };
            let disk = Disk { hard_state, log, snapshot: Some(founding), base: 0 };
            toy.nodes.push(ToyNode::booted(disk, nodes.len()));
        }
        toy.nodes.resize_with(nodes.len(), || ToyNode::booted(Disk::default(), nodes.len()));
        for node in 1..=toy.nodes.len() as u64 {
            toy.tell_boot(node, true);
        }
        toy
    }

    /// The verdict of a story in which nothing is wrong.
    #[track_caller]
    pub(super) fn calm(&self) {
        assert_eq!(self.found, None);
    }

    /// The verdict of a story that breaks `property`, and no other before it; `words` are in the detail.
    #[track_caller]
    pub(super) fn caught(&self, property: Property, words: &str) {
        let found = self.found.as_ref().expect("nothing was found");
        assert_eq!(found.property, property, "{}", found.detail);
        assert!(found.detail.contains(words), "{:?} lacks {words:?}", found.detail);
    }

    pub(super) fn found(&self) -> Option<&Violation> {
        self.found.as_ref()
    }

    pub(super) fn node(&mut self, node: u64) -> &mut ToyNode {
        &mut self.nodes[usize::try_from(node).unwrap() - 1]
    }

    pub(super) fn term(&mut self, node: u64) -> u64 {
        self.node(node).hard_state.term.0
    }

    pub(super) fn last(&mut self, node: u64) -> EntryId {
        self.node(node).log.last().map_or(EntryId::ZERO, |entry| entry.id)
    }

    pub(super) fn tell(&mut self, fact: &Fact<'_>) {
        if self.found.is_none() {
            self.found = self.checkers.observe(fact).err();
        }
    }

    // Elections.

    /// A node writes a term and vote into its memory and queue, as a follower.
    pub(super) fn adopt(&mut self, node: u64, term: u64, vote: Option<u64>) {
        let hard_state = HardStateFact { term: Term(term), vote: vote.map(NodeId::new) };
        let it = self.node(node);
        if it.hard_state.term != hard_state.term {
            it.leader = None;
        }
        it.role = Role::Follower;
        it.hard_state = hard_state;
        it.queue.push_back(Write::HardState(hard_state));
        self.tell(&Fact::HardStateWritten { node: NodeId::new(node), hard_state });
        self.step(node);
    }

    /// A node becomes a candidate of the next term.
    pub(super) fn campaign(&mut self, node: u64) {
        let term = self.term(node) + 1;
        self.adopt(node, term, Some(node));
        self.node(node).role = Role::Candidate;
        self.step(node);
    }

    /// Its vote requests leave.
    pub(super) fn request_votes(&mut self, node: u64) {
        let last = self.last(node);
        self.release_to_all(node, Promise::Campaign { last });
    }

    /// A vote leaves.
    pub(super) fn send_vote(&mut self, voter: u64, candidate: u64) {
        let term = self.term(voter);
        self.release(voter, candidate, term, Promise::Vote);
    }

    /// A node becomes leader and appends its no-op entry.
    pub(super) fn lead(&mut self, node: u64) {
        let count = self.nodes.len();
        let it = self.node(node);
        it.role = Role::Leader;
        it.leader = Some(NodeId::new(node));
        it.matched = vec![0; count];
        self.append_new(node);
        self.step(node);
    }

    /// A whole election, by the book: everything durable before it leaves.
    pub(super) fn elect(&mut self, node: u64, voters: &[u64]) {
        self.campaign(node);
        self.sync(node);
        self.request_votes(node);
        let term = self.term(node);
        for voter in voters {
            self.adopt(*voter, term, Some(node));
            self.sync(*voter);
            self.send_vote(*voter, node);
        }
        self.lead(node);
        self.release_to_all(node, Promise::Lead);
    }

    // Replication.

    /// A leader appends a request.
    pub(super) fn propose(&mut self, node: u64) {
        self.append_new(node);
        self.step(node);
    }

    /// `follower` takes the entries up to `end` from `leader`: those that it lacks or that conflict.
    pub(super) fn replicate(&mut self, leader: u64, follower: u64, end: u64) {
        let (term, log) = (self.term(leader), self.node(leader).log.clone());
        if self.term(follower) < term {
            self.adopt(follower, term, None);
        }
        self.node(follower).leader = Some(NodeId::new(leader));
        self.node(follower).role = Role::Follower;
        let held = &self.node(follower).log;
        let common = log.iter().zip(held).take_while(|(theirs, ours)| theirs.id == ours.id).count();
        let end = usize::try_from(end).unwrap();
        if common < end {
            self.append(follower, &log[common..end]);
        }
        self.step(follower);
    }

    /// A leader appends a configuration.
    pub(super) fn reconfigure(&mut self, node: u64, membership: &Membership) {
        self.memberships.insert(self.payloads + 1, membership.clone());
        self.propose(node);
    }

    /// An acknowledgement up to `matched` leaves.
    pub(super) fn send_ack(&mut self, follower: u64, leader: u64, matched: u64) {
        let term = self.term(follower);
        self.release(follower, leader, term, Promise::Acknowledge { matched: LogIndex(matched) });
    }

    /// A leader hears it.
    pub(super) fn hear_ack(&mut self, leader: u64, follower: u64, matched: u64) {
        self.node(leader).matched[usize::try_from(follower).unwrap() - 1] = matched;
        self.step(leader);
    }

    /// A follower takes all that its leader has, durably, and the leader knows.
    pub(super) fn catch_up(&mut self, leader: u64, follower: u64) {
        let end = self.last(leader).index.0;
        self.replicate(leader, follower, end);
        self.sync(follower);
        self.send_ack(follower, leader, end);
        self.hear_ack(leader, follower, end);
    }

    /// A node commits up to `commit`, and applies it.
    pub(super) fn commit(&mut self, node: u64, commit: u64) {
        self.node(node).commit = commit;
        while self.node(node).applied < commit {
            self.apply(node, true);
        }
        self.step(node);
    }

    /// A node applies the next entry of its log. Each entry is a request of session 1, numbered by its
    /// payload.
    pub(super) fn apply(&mut self, node: u64, executed: bool) {
        let it = self.node(node);
        let entry = it.log[usize::try_from(it.applied).unwrap()];
        it.applied += 1;
        it.state = it.state.wrapping_mul(31).wrapping_add(entry.payload + 1);
        let state_hash = it.state;
        let speaks = entry.payload > 0 && !self.memberships.contains_key(&entry.payload);
        let request = speaks.then_some((SessionId(1), entry.payload));
        self.tell(&Fact::Applied { node: NodeId::new(node), id: entry.id, request, executed, state_hash });
    }

    // Snapshots.

    /// A node writes a snapshot of what it has applied.
    pub(super) fn take_snapshot(&mut self, node: u64) {
        let applied = usize::try_from(self.node(node).applied).unwrap();
        let (log, state) = (self.node(node).log[..applied].to_vec(), self.node(node).state);
        let last = log.last().map_or(EntryId::ZERO, |entry| entry.id);
        let membership = self.membership(node, last.index.0);
        self.write_snapshot(node, Snapshot { last, membership, state }, log);
        self.step(node);
    }

    /// A node goes on from the snapshot of another.
    pub(super) fn install(&mut self, from: u64, node: u64) {
        let (term, snapshot) = (self.term(from), self.node(from).snapshot.clone().expect("it has one"));
        if self.term(node) < term {
            self.adopt(node, term, None);
        }
        self.node(node).leader = Some(NodeId::new(from));
        self.node(node).role = Role::Follower;
        self.install_snapshot(from, node, snapshot);
    }

    /// A node goes on from this snapshot, and the log of another that it stands for.
    pub(super) fn install_snapshot(&mut self, from: u64, node: u64, snapshot: Snapshot) {
        let index = snapshot.last.index.0;
        let log = self.node(from).log[..usize::try_from(index).unwrap()].to_vec();
        let it = self.node(node);
        it.log.clone_from(&log);
        (it.commit, it.applied, it.state) = (index, index, snapshot.state);
        it.snapshot = Some(snapshot.clone());
        self.write_snapshot(node, snapshot, log);
        self.step(node);
    }

    fn write_snapshot(&mut self, node: u64, snapshot: Snapshot, log: Vec<EntryFact>) {
        self.tell(&Fact::SnapshotWritten {
            node: NodeId::new(node),
            snapshot: fact(&snapshot),
            compacted: snapshot.last.index,
        });
        self.node(node).queue.push_back(Write::Snapshot(snapshot, log));
    }

    /// The configuration in force at an index of a node's log.
    pub(super) fn membership(&mut self, node: u64, index: u64) -> Membership {
        let it = &self.nodes[usize::try_from(node).unwrap() - 1];
        let entries = it.log.iter().take_while(|entry| entry.id.index.0 <= index).collect::<Vec<_>>();
        let latest = entries.iter().rev().find_map(|entry| self.memberships.get(&entry.payload));
        let first = || it.snapshot.as_ref().map(|snapshot| &snapshot.membership);
        latest.or_else(first).cloned().unwrap_or_default()
    }

    // Disks and crashes.

    /// A node's whole queue becomes durable.
    pub(super) fn sync(&mut self, node: u64) {
        while !self.node(node).queue.is_empty() {
            self.sync_one(node);
        }
    }

    /// The first write of a node's queue becomes durable.
    pub(super) fn sync_one(&mut self, node: u64) {
        let id = NodeId::new(node);
        let it = self.node(node);
        match it.queue.pop_front().expect("something is queued") {
            Write::HardState(hard_state) => {
                it.disk.hard_state = hard_state;
                self.tell(&Fact::DurableHardState { node: id, hard_state });
            }
            Write::Append(entries) => {
                put(&mut it.disk.log, &entries);
                let log = self.facts(&entries);
                self.tell(&Fact::DurableAppend { node: id, log: &log });
            }
            Write::Snapshot(snapshot, log) => {
                it.snapshot = Some(snapshot.clone());
                it.disk.take(&snapshot, log);
                let compacted = snapshot.last.index;
                self.tell(&Fact::DurableSnapshot { node: id, snapshot: fact(&snapshot), compacted });
            }
        }
    }

    /// A node loses its memory, and its queue but for the first `survive` writes, of which nobody hears.
    pub(super) fn crash(&mut self, node: u64, survive: usize) {
        self.tell(&Fact::Crashed { node: NodeId::new(node) });
        let it = self.node(node);
        it.up = false;
        for write in it.queue.drain(..).take(survive) {
            match write {
                Write::HardState(hard_state) => it.disk.hard_state = hard_state,
                Write::Append(entries) => put(&mut it.disk.log, &entries),
                Write::Snapshot(snapshot, log) => it.disk.take(&snapshot, log),
            }
        }
    }

    /// A node loses its disk, and starts with nothing.
    pub(super) fn wipe(&mut self, node: u64) {
        self.crash(node, 0);
        self.node(node).disk = Disk::default();
        self.tell(&Fact::Wiped { node: NodeId::new(node) });
        self.boot(node);
    }

    /// A node starts again from its disk.
    pub(super) fn boot(&mut self, node: u64) {
        let count = self.nodes.len();
        let it = self.node(node);
        let (shows, shown) = (it.shows.take(), Arc::clone(&it.shown));
        *it = ToyNode { shows, shown, ..ToyNode::booted(it.disk.clone(), count) };
        self.tell_boot(node, false);
    }

    /// A node starts from this disk, and is in another state than the snapshot's.
    pub(super) fn boot_as(&mut self, node: u64, disk: Disk, state: u64) {
        let count = self.nodes.len();
        *self.node(node) = ToyNode { state, ..ToyNode::booted(disk, count) };
        self.tell_boot(node, false);
    }

    // The single facts.

    pub(super) fn step(&mut self, node: u64) {
        let view = self.view(node);
        self.tell(&Fact::Stepped { at: self.now, view: &view });
    }

    /// What a node looks like.
    pub(super) fn view(&mut self, node: u64) -> View {
        let last = self.last(node);
        let in_force = self.membership(node, last.index.0);
        let it = self.node(node);
        let leads = it.role == Role::Leader;
        let progress = it.matched.iter().zip(&it.next);
        let followers = (1..).zip(progress).filter(|(peer, _)| leads && *peer != node);
        let mut view = View {
            node: NodeId::new(node),
            role: it.role,
            term: it.hard_state.term,
            vote: it.hard_state.vote,
            leader: it.leader,
            commit: LogIndex(it.commit),
            applied: LogIndex(it.applied),
            last,
            state_hash: it.state,
            followers: followers
                .map(|(peer, (matched, next))| FollowerView {
                    node: NodeId::new(peer),
                    matched: LogIndex(*matched),
                    next: LogIndex(*next.max(&(matched + 1))),
                })
                .collect(),
            snapshot: it.snapshot.as_ref().map(|snapshot| snapshot.last),
            membership: Arc::clone(&it.shown),
            membership_index: LogIndex::ZERO,
            lease_until: it.lease_until,
            usage: if it.is_modest { it.usage } else { it.honest_usage() },
        };
        view.show_membership(it.shows.as_ref().unwrap_or(&in_force));
        it.shown = Arc::clone(&view.membership);
        view
    }

    pub(super) fn release(&mut self, from: u64, to: u64, term: u64, promise: Promise) {
        self.release_with(from, to, term, promise, Carried::default());
    }

    /// A leader sends the entries after `previous` up to `last`, and means to go on behind them.
    pub(super) fn send(&mut self, leader: u64, follower: u64, previous: u64, last: u64) {
        let term = self.term(leader);
        let count = u32::try_from(last - previous).expect("few");
        let entries = Carried { previous: LogIndex(previous), count };
        self.node(leader).next[usize::try_from(follower).unwrap() - 1] = last + 1;
        self.release_with(leader, follower, term, Promise::Lead, entries);
    }

    fn release_with(&mut self, from: u64, to: u64, term: u64, promise: Promise, entries: Carried) {
        let (from, to) = (NodeId::new(from), NodeId::new(to));
        self.tell(&Fact::Released { from, to, term: Term(term), promise, entries });
    }

    // What clients ask.

    /// A request comes to a node.
    pub(super) fn request(&mut self, node: u64, token: u64, asks: Asks) {
        self.tell(&Fact::Requested { node: NodeId::new(node), token: Token(token), asks });
    }

    /// A node answers a request.
    pub(super) fn reply(&mut self, node: u64, token: u64, granted: bool) {
        self.tell(&Fact::Replied { node: NodeId::new(node), token: Token(token), granted });
    }

    /// Appends entries to a node's log and queue, after cutting it before the first.
    pub(super) fn append(&mut self, node: u64, entries: &[EntryFact]) {
        put(&mut self.node(node).log, entries);
        self.node(node).queue.push_back(Write::Append(entries.to_vec()));
        let log = self.facts(entries);
        self.tell(&Fact::Appended { node: NodeId::new(node), log: &log });
    }

    fn facts(&self, entries: &[EntryFact]) -> LogFacts {
        let held = |entry: &EntryFact| Some((entry.id, self.memberships.get(&entry.payload)?.clone()));
        let memberships = entries.iter().filter_map(held).collect();
        LogFacts { base: EntryId::ZERO, entries: entries.to_vec(), memberships }
    }

    /// A leader appends a request, perhaps not for the first time.
    pub(super) fn append_payload(&mut self, node: u64, payload: u64) {
        let (term, index) = (self.term(node), self.last(node).index.0 + 1);
        self.append(node, &[EntryFact { id: EntryId::new(term, index), payload, bytes: ENTRY }]);
        self.step(node);
    }

    fn append_new(&mut self, node: u64) {
        self.payloads += 1;
        let (term, index) = (self.term(node), self.last(node).index.0 + 1);
        let payload = self.payloads;
        self.append(node, &[EntryFact { id: EntryId::new(term, index), payload, bytes: ENTRY }]);
    }

    fn release_to_all(&mut self, node: u64, promise: Promise) {
        let term = self.term(node);
        for peer in (1..=self.nodes.len() as u64).filter(|peer| *peer != node) {
            self.release(node, peer, term, promise);
        }
    }

    fn tell_boot(&mut self, node: u64, initial: bool) {
        let disk = self.node(node).disk.clone();
        let base = usize::try_from(disk.base).unwrap();
        let mut log = self.facts(&disk.log[base..]);
        log.base = disk.log[..base].last().map_or(EntryId::ZERO, |entry| entry.id);
        self.tell(&Fact::Booted {
            node: NodeId::new(node),
            hard_state: disk.hard_state,
            snapshot: disk.snapshot.as_ref().map(fact),
            log: &log,
            initial,
        });
        self.step(node);
    }
}

impl ToyNode {
    pub(super) fn leads(&self) -> bool {
        self.up && self.role == Role::Leader
    }

    /// The last index of its log that is surely on its disk.
    pub(super) fn durable_end(&self) -> u64 {
        let queued = self.queue.iter().filter_map(|write| match write {
            Write::Append(entries) => Some(entries[0].id.index.0 - 1),
            Write::HardState(_) | Write::Snapshot(..) => None,
        });
        queued.min().unwrap_or(self.log.len() as u64)
    }

    fn booted(disk: Disk, count: usize) -> Self {
        let applied = disk.snapshot.as_ref().map_or(0, |snapshot| snapshot.last.index.0);
        Self {
            up: true,
            role: Role::Follower,
            hard_state: disk.hard_state,
            leader: None,
            log: disk.log.clone(),
            commit: applied,
            applied,
            state: disk.snapshot.as_ref().map_or(0, |snapshot| snapshot.state),
            snapshot: disk.snapshot.clone(),
            matched: vec![0; count],
            next: vec![0; count],
            shows: None,
            shown: Arc::default(),
            lease_until: None,
            usage: Usage::default(),
            is_modest: false,
            queue: VecDeque::new(),
            disk,
        }
    }
}

impl Disk {
    fn take(&mut self, snapshot: &Snapshot, log: Vec<EntryFact>) {
        self.base = snapshot.last.index.0;
        if self.log.get(..log.len()).is_none_or(|held| held.last() != log.last()) {
            self.log = log;
        }
        self.snapshot = Some(snapshot.clone());
    }
}

fn fact(snapshot: &Snapshot) -> SnapshotFact<'_> {
    SnapshotFact { last: snapshot.last, membership: &snapshot.membership, data: snapshot.state }
}

fn put(log: &mut Vec<EntryFact>, entries: &[EntryFact]) {
    log.truncate(usize::try_from(entries[0].id.index.0).unwrap() - 1);
    log.extend_from_slice(entries);
}
