//! A toy cluster whose verbs do as they are told, right or wrong, and report it all to the checkers. It has
//! no rules of its own: a story of verbs in the right order is a Raft, in the wrong order it is a bug.

use crate::check::Checkers;
use crate::observation::{EntryFact, Fact, FollowerView, HardStateFact, Promise, Property, View, Violation};
use seaworthy_core::membership::Membership;
use seaworthy_core::types::{EntryId, LogIndex, NodeId, SessionId, Term};
use seaworthy_core::view::Role;
use std::collections::VecDeque;

/// The cluster. Nodes are plain numbers from 1, indices and terms plain numbers.
pub(super) struct Toy {
    pub(super) checkers: Checkers,
    pub(super) nodes: Vec<ToyNode>,
    found: Option<Violation>,
    /// What every node shows from its next step on.
    pub(super) membership: Membership,
    payloads: u64,
}

/// One node.
#[derive(Clone)]
pub(super) struct ToyNode {
    pub(super) up: bool,
    pub(super) role: Role,
    pub(super) hard_state: HardStateFact,
    pub(super) leader: Option<NodeId>,
    pub(super) log: Vec<EntryFact>,
    pub(super) commit: u64,
    pub(super) applied: u64,
    pub(super) state: u64,
    /// By number; used while it leads.
    pub(super) matched: Vec<u64>,
    pub(super) queue: VecDeque<Write>,
    pub(super) disk: Disk,
}

#[derive(Clone, Default)]
pub(super) struct Disk {
    pub(super) hard_state: HardStateFact,
    pub(super) log: Vec<EntryFact>,
}

#[derive(Clone)]
pub(super) enum Write {
    HardState(HardStateFact),
    Append(Vec<EntryFact>),
}

impl Toy {
    /// `count` nodes that have just started, with nothing on their disks.
    pub(super) fn new(count: u64) -> Self {
        Self::starting_from(&vec![(0, &[][..]); usize::try_from(count).unwrap()])
    }

    /// Nodes that start in these terms with entries of these terms, as in Raft Figure 7.
    pub(super) fn starting_from(disks: &[(u64, &[u64])]) -> Self {
        let nodes: Vec<_> = (1..=disks.len() as u64).map(NodeId::new).collect();
        let membership = Membership::new(nodes.iter().copied());
        let checkers = Checkers::new(&nodes, &membership);
        let mut toy = Self { checkers, nodes: Vec::new(), found: None, membership, payloads: 0 };
        for (term, log) in disks {
            let ids = log.iter().zip(1..).map(|(term, index)| EntryId::new(*term, index));
            let log = ids.map(|id| EntryFact { id, payload: 0 }).collect();
            let hard_state = HardStateFact { term: Term(*term), vote: None };
            toy.nodes.push(ToyNode::booted(Disk { hard_state, log }, disks.len()));
        }
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
        let request = (entry.payload > 0).then_some((SessionId(1), entry.payload));
        self.tell(&Fact::Applied { node: NodeId::new(node), id: entry.id, request, executed, state_hash });
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
                self.tell(&Fact::DurableAppend { node: id, entries: &entries });
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
            }
        }
    }

    /// A node starts again from its disk.
    pub(super) fn boot(&mut self, node: u64) {
        let count = self.nodes.len();
        let it = self.node(node);
        *it = ToyNode::booted(it.disk.clone(), count);
        self.tell_boot(node, false);
    }

    // The single facts.

    pub(super) fn step(&mut self, node: u64) {
        let view = self.view(node);
        self.tell(&Fact::Stepped { view: &view });
    }

    /// What a node looks like.
    pub(super) fn view(&mut self, node: u64) -> View {
        let last = self.last(node);
        let membership = self.membership.clone();
        let it = self.node(node);
        let leads = it.role == Role::Leader;
        let followers = (1..).zip(&it.matched).filter(|(peer, _)| leads && *peer != node);
        View {
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
                .map(|(peer, matched)| FollowerView {
                    node: NodeId::new(peer),
                    matched: LogIndex(*matched),
                    next: LogIndex(*matched + 1),
                })
                .collect(),
            membership,
        }
    }

    pub(super) fn release(&mut self, from: u64, to: u64, term: u64, promise: Promise) {
        self.tell(&Fact::Released {
            from: NodeId::new(from),
            to: NodeId::new(to),
            term: Term(term),
            promise,
        });
    }

    /// Appends entries to a node's log and queue, after cutting it before the first.
    pub(super) fn append(&mut self, node: u64, entries: &[EntryFact]) {
        put(&mut self.node(node).log, entries);
        self.node(node).queue.push_back(Write::Append(entries.to_vec()));
        self.tell(&Fact::Appended { node: NodeId::new(node), entries });
    }

    fn append_new(&mut self, node: u64) {
        self.payloads += 1;
        let (term, index) = (self.term(node), self.last(node).index.0 + 1);
        let payload = self.payloads;
        self.append(node, &[EntryFact { id: EntryId::new(term, index), payload }]);
    }

    fn release_to_all(&mut self, node: u64, promise: Promise) {
        let term = self.term(node);
        for peer in (1..=self.nodes.len() as u64).filter(|peer| *peer != node) {
            self.release(node, peer, term, promise);
        }
    }

    fn tell_boot(&mut self, node: u64, initial: bool) {
        let disk = self.node(node).disk.clone();
        self.tell(&Fact::Booted {
            node: NodeId::new(node),
            hard_state: disk.hard_state,
            log: &disk.log,
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
            Write::HardState(_) => None,
        });
        queued.min().unwrap_or(self.log.len() as u64)
    }

    fn booted(disk: Disk, count: usize) -> Self {
        Self {
            up: true,
            role: Role::Follower,
            hard_state: disk.hard_state,
            leader: None,
            log: disk.log.clone(),
            commit: 0,
            applied: 0,
            state: 0,
            matched: vec![0; count],
            queue: VecDeque::new(),
            disk,
        }
    }
}

fn put(log: &mut Vec<EntryFact>, entries: &[EntryFact]) {
    log.truncate(usize::try_from(entries[0].id.index.0).unwrap() - 1);
    log.extend_from_slice(entries);
}
