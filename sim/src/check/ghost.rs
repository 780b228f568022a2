//! What all checkers remember of a run: each node's memory and disk in outline, and what the cluster as a
//! whole has done. The facts are taken in here and nowhere else; checkers only read.

use super::by_term::ByTerm;
use super::chain::{Chain, Gap, Link};
use super::configurations::Configurations;
use super::ledger::Ledger;
use super::snapshots::Snapshots;
use crate::observation::{HardStateFact, LogFacts, SnapshotFact, View};
use crate::time::Time;
use seaworthy_core::membership::Membership;
use seaworthy_core::types::{EntryId, LogIndex, NodeId, Term};
use seaworthy_core::view::Role;
use std::sync::Arc;

/// The memory of the checkers.
#[derive(Clone, Debug)]
pub(super) struct Ghost {
    /// By number, from 1.
    nodes: Vec<NodeGhost>,
    /// What was ever committed.
    pub(super) ledger: Ledger,
    /// The snapshots that are about.
    pub(super) snapshots: Snapshots,
    /// Who ever led which term, over all time and restarts, but for terms that nobody can enter any more.
    pub(super) leaders: ByTerm,
    /// The terms that occur in the logs of the start, ascending.
    initial_terms: Vec<Term>,
}

/// What is remembered of one node.
#[derive(Clone, Debug)]
pub(super) struct NodeGhost {
    /// Who.
    pub(super) id: NodeId,
    /// Whether it runs.
    pub(super) up: bool,
    /// What it looked like after its latest step.
    pub(super) seen: Shadow,
    /// The configuration in force after its latest step.
    pub(super) membership: Arc<Membership>,
    /// The match indices of its present term of office, by the followers' numbers from 1.
    matched: Vec<LogIndex>,
    /// How many followers it had after its latest step.
    followers: usize,
    /// Its log in memory.
    pub(super) log: Chain,
    /// The configurations in that log.
    pub(super) configurations: Configurations,
    /// Whether those may have changed since they were compared with what it shows.
    pub(super) reconfigured: bool,
    /// The lowest index that was appended since its latest step.
    pub(super) appended_from: Option<LogIndex>,
    /// Whether a snapshot has taken the place of all of its log since its latest step.
    pub(super) replaced: bool,
    /// The last entry of the snapshot that its state goes on from since its latest step, if it does.
    pub(super) restored: Option<LogIndex>,
    /// The last index that it applied since it started, or that a snapshot brought it to.
    pub(super) applied: LogIndex,
    /// The last entry of its latest snapshot, durable or not.
    pub(super) snapshot: Option<EntryId>,
    /// Its durable term and vote.
    pub(super) disk_hard_state: HardStateFact,
    /// Its durable log.
    pub(super) disk: Chain,
    /// Where its durable log goes on from.
    disk_base: LogIndex,
    /// The last entry of its durable snapshot; `None` on a blank disk.
    pub(super) disk_snapshot: Option<EntryId>,
    /// The durable log that it has lost with its disk. Such a node decides nothing any more, so that what it once
    /// held counts as if it still did: nobody gets the better of it with the node's help.
    lost: Chain,
    /// The term up to which the disk had come when it was lost: whoever leads an earlier one may have been told of entries
    /// that had been overwritten since.
    lost_term: Term,
    /// Whether it has lost its disk, and did not start anew as somebody without a vote since.
    pub(super) amnesiac: bool,
    /// Whom it granted its vote, but for terms that nobody can be elected in any more.
    grants: ByTerm,
}

/// The plain part of a [`View`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shadow {
    pub(super) role: Role,
    pub(super) term: Term,
    pub(super) vote: Option<NodeId>,
    /// The leader that it last knew of in this term, also if it has given it up since.
    pub(super) leader: Option<NodeId>,
    pub(super) commit: LogIndex,
    pub(super) applied: LogIndex,
    pub(super) last: EntryId,
    /// The chain hash at `last`.
    pub(super) last_hash: u64,
    pub(super) lease_until: Option<Time>,
    pub(super) uncommitted_bytes: usize,
}

/// What a node starts from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Start<'a> {
    pub(super) hard_state: HardStateFact,
    pub(super) snapshot: Option<SnapshotFact<'a>>,
    pub(super) log: &'a LogFacts,
    /// What the log goes on from.
    pub(super) base: Link,
}

/// Where a node stands in a `Vec`.
pub(super) fn position(node: NodeId) -> usize {
    usize::try_from(node.get() - 1).expect("a cluster is small")
}

impl Ghost {
    pub(super) fn new(nodes: &[NodeId], membership: &Membership) -> Self {
        let count = nodes.iter().map(|node| position(*node) + 1).max().unwrap_or(0);
        assert!(count <= 1 << 10, "nodes are numbered densely from 1");
        let ghosts = (1..=count as u64).map(|number| NodeGhost::new(NodeId::new(number), count, membership));
        Self {
            nodes: ghosts.collect(),
            ledger: Ledger::new(membership),
            snapshots: Snapshots::default(),
            leaders: ByTerm::default(),
            initial_terms: Vec::new(),
        }
    }

    /// What is remembered of `node`, which must be one of those given at the start.
    pub(super) fn node(&self, node: NodeId) -> &NodeGhost {
        &self.nodes[position(node)]
    }

    /// All nodes, ascending.
    pub(super) fn nodes(&self) -> impl Iterator<Item = &NodeGhost> {
        self.nodes.iter()
    }

    /// Whether entries of `term` were there at the start.
    pub(super) fn is_initial(&self, term: Term) -> bool {
        self.initial_terms.binary_search(&term).is_ok()
    }

    /// Whether the step that led to `view` made the node a leader.
    pub(super) fn becomes_leader(&self, view: &View) -> bool {
        let before = &self.node(view.node).seen;
        view.role == Role::Leader && (before.role != Role::Leader || before.term != view.term)
    }

    /// The term in which the node of `view` may commit of its own accord in the step that led to it: that in
    /// which it leads, or led until this very step.
    pub(super) fn office(&self, view: &View) -> Option<Term> {
        let before = &self.node(view.node).seen;
        if view.role == Role::Leader {
            Some(view.term)
        } else if before.role == Role::Leader {
            Some(before.term)
        } else {
            None
        }
    }

    fn node_mut(&mut self, node: NodeId) -> &mut NodeGhost {
        &mut self.nodes[position(node)]
    }

    /// What the entry `last` stands for, if it is committed, so that a log of `node` may go on from it. Of what is
    /// forgotten everything may be.
    pub(super) fn anchor(&self, node: NodeId, last: EntryId) -> Option<Link> {
        if last == EntryId::ZERO {
            return Some(Link::ROOT);
        }
        let index = last.index;
        let link = if index < self.ledger.base() {
            let known = self.node(node).disk.get(index);
            let known = known.or_else(|| self.snapshots.at(index).map(|known| known.link));
            known.unwrap_or(Link { term: last.term, hash: 0, bytes: 0 })
        } else {
            self.ledger.get(index)?
        };
        (link.term == last.term).then_some(link)
    }

    /// The terms of the logs that the run starts with.
    pub(super) fn note_initial(&mut self, log: &LogFacts) {
        self.initial_terms.extend(log.entries.iter().map(|entry| entry.id.term));
        self.initial_terms.sort();
        self.initial_terms.dedup();
    }

    /// What a node started with.
    pub(super) fn boot(&mut self, node: NodeId, start: &Start<'_>) -> Result<(), Gap> {
        let Start { hard_state, snapshot, log, base } = *start;
        let ghost = self.node_mut(node);
        ghost.disk = Chain::after(log.base.index, base);
        if !log.entries.is_empty() {
            ghost.disk.replace(&log.entries)?;
        }
        ghost.disk_hard_state = hard_state;
        ghost.disk_base = log.base.index;
        ghost.disk_snapshot = snapshot.map(|snapshot| snapshot.last);
        ghost.log.copy_from(&ghost.disk);
        ghost.up = true;
        ghost.appended_from = None;
        ghost.replaced = false;
        ghost.snapshot = ghost.disk_snapshot;
        ghost.applied = snapshot.map_or(LogIndex::ZERO, |snapshot| snapshot.last.index);
        ghost.restored = snapshot.map(|snapshot| snapshot.last.index);
        if let Some(snapshot) = snapshot {
            let covered = snapshot.last.index;
            ghost.configurations = Configurations::after(covered, snapshot.membership.clone());
            let later = log.memberships.partition_point(|(id, _)| id.index <= covered);
            ghost.configurations.replace(covered.next(), &log.memberships[later..]);
        }
        ghost.reconfigured = true;
        ghost.seen = Shadow::booted(hard_state, &ghost.log, ghost.applied);
        Ok(())
    }

    /// Whether a snapshot takes the place of all that `node` has, rather than of its log's beginning.
    pub(super) fn replaces_log(&self, node: NodeId, last: EntryId) -> bool {
        let node = self.node(node);
        node.is_blank() || node.log.id(last.index) != Some(last)
    }

    /// A node puts a snapshot in place of its log's beginning, or of all of it: then the log goes on from `link`.
    pub(super) fn snapshot(&mut self, node: NodeId, snapshot: &SnapshotFact<'_>, link: Link) {
        let index = snapshot.last.index;
        let replaces_log = self.replaces_log(node, snapshot.last);
        let ghost = self.node_mut(node);
        if replaces_log {
            ghost.log = Chain::after(index, link);
            ghost.configurations = Configurations::after(index, snapshot.membership.clone());
            ghost.reconfigured = true;
            ghost.replaced = true;
            ghost.appended_from = None;
            ghost.applied = index;
            ghost.restored = Some(index);
        }
        ghost.snapshot = Some(snapshot.last);
        self.snapshots.insert(node, snapshot, link);
    }

    /// Its disk does so. Says whether all of the log on it went.
    pub(super) fn persist_snapshot(
        &mut self,
        node: NodeId,
        last: EntryId,
        compacted: LogIndex,
        link: Link,
    ) -> bool {
        let votes = self.ledger.configurations.latest().1.voters.contains(node);
        let ghost = self.node_mut(node);
        let replaces_log = ghost.disk.id(last.index) != Some(last);
        if replaces_log {
            ghost.disk = Chain::after(last.index, link);
        }
        ghost.disk_base = if replaces_log { last.index } else { ghost.disk_base.max(compacted) };
        ghost.disk_snapshot = Some(last);
        ghost.amnesiac &= votes;
        replaces_log
    }

    pub(super) fn crash(&mut self, node: NodeId) {
        let ghost = self.node_mut(node);
        ghost.up = false;
        ghost.appended_from = None;
        ghost.replaced = false;
    }

    /// A node that does not run has lost its disk. What it promised before was true when it was said.
    pub(super) fn wipe(&mut self, node: NodeId) {
        let ghost = self.node_mut(node);
        assert!(!ghost.up, "{node} lost its disk while it ran");
        let disk = std::mem::replace(&mut ghost.disk, Chain::new());
        if ghost.lost.end() <= disk.end() {
            ghost.lost = disk;
        }
        ghost.lost_term = ghost.durable_term();
        ghost.disk_hard_state = HardStateFact::default();
        ghost.disk_base = LogIndex::ZERO;
        ghost.disk_snapshot = None;
        ghost.amnesiac = true;
    }

    pub(super) fn append(&mut self, node: NodeId, log: &LogFacts) -> Result<(), Gap> {
        let ghost = self.node_mut(node);
        ghost.log.append(&log.entries, ghost.snapshot)?;
        let first = log.entries[0].id.index;
        ghost.reconfigured |= ghost.configurations.replace(first, &log.memberships);
        ghost.appended_from = Some(ghost.appended_from.map_or(first, |earlier| earlier.min(first)));
        Ok(())
    }

    pub(super) fn apply(&mut self, node: NodeId, index: LogIndex) {
        self.node_mut(node).applied = index;
    }

    pub(super) fn persist_hard_state(&mut self, node: NodeId, hard_state: HardStateFact) {
        self.node_mut(node).disk_hard_state = hard_state;
    }

    pub(super) fn persist_append(&mut self, node: NodeId, log: &LogFacts) -> Result<(), Gap> {
        let ghost = self.node_mut(node);
        ghost.disk.append(&log.entries, ghost.disk_snapshot)
    }

    /// `voter` has granted its vote in `term` to `candidate`. A grant matters while the voter could vote in its term
    /// again, or the candidate win in it.
    pub(super) fn grant(&mut self, voter: NodeId, term: Term, candidate: NodeId) {
        let mut grants = std::mem::take(&mut self.node_mut(voter).grants);
        grants.insert(term, candidate);
        if grants.is_long() {
            let durable = |node| self.node(node).disk_hard_state.term;
            grants.keep(|term, candidate| durable(voter).min(durable(candidate)) <= term);
        }
        self.node_mut(voter).grants = grants;
    }

    /// The index below which no log goes back: of those on disks that are not blank, the least that one goes on from.
    pub(super) fn floor(&self) -> LogIndex {
        let disks = self.nodes.iter().filter(|node| node.disk_snapshot.is_some());
        disks.map(|node| node.disk_base).min().unwrap_or(LogIndex::ZERO)
    }

    /// Forgets what stands before `floor`.
    pub(super) fn forget_before(&mut self, floor: LogIndex) {
        self.ledger.forget_before(floor);
        for node in &mut self.nodes {
            for chain in [&mut node.log, &mut node.disk, &mut node.lost] {
                chain.forget_before(floor);
            }
            node.configurations.forget_before(floor);
        }
    }

    /// Notes who leads `term`. A term matters while somebody could lead it again; a blank node leads nothing.
    fn elect(&mut self, term: Term, leader: NodeId) {
        self.leaders.insert(term, leader);
        if self.leaders.is_long() {
            let disks = self.nodes.iter().filter(|node| node.disk_snapshot.is_some());
            let lowest = disks.map(|node| node.disk_hard_state.term).min().unwrap_or(Term::ZERO);
            self.leaders.keep(|term, _| lowest <= term);
        }
    }

    /// Takes a step in. Every index in `view` has been checked against the log.
    pub(super) fn step(&mut self, view: &View) {
        let new_leader = self.becomes_leader(view);
        if new_leader {
            self.elect(view.term, view.node);
        }
        if view.commit > self.ledger.end() {
            self.commit(view);
        }
        let ghost = self.node_mut(view.node);
        let moves = ghost.membership != view.membership;
        // A follower that was dropped and comes back starts from nothing.
        if new_leader || moves || ghost.followers != view.followers.len() {
            ghost.matched.fill(LogIndex::ZERO);
            ghost.followers = view.followers.len();
        }
        for follower in &view.followers {
            ghost.matched[position(follower.node)] = follower.matched;
        }
        // Also an equal one, which then need not be compared again.
        if !Arc::ptr_eq(&ghost.membership, &view.membership) {
            ghost.membership = Arc::clone(&view.membership);
        }
        // What a blank node shows says nothing.
        ghost.reconfigured &= ghost.is_blank();
        let known = if ghost.seen.term == view.term { ghost.seen.leader } else { None };
        ghost.seen = Shadow {
            role: view.role,
            term: view.term,
            vote: view.vote,
            leader: view.leader.or(known),
            commit: view.commit,
            applied: view.applied,
            last: view.last,
            last_hash: ghost.log.tip().hash,
            lease_until: view.lease_until,
            uncommitted_bytes: view.usage.uncommitted_bytes,
        };
        ghost.appended_from = None;
        ghost.replaced = false;
        ghost.restored = None;
    }

    /// The step to `view` commits what nobody had committed, by the configuration from before it.
    fn commit(&mut self, view: &View) {
        let term = self.office(view).expect("a phantom commit is a violation");
        let node = &self.nodes[position(view.node)];
        let first = self.ledger.end().next();
        self.ledger.extend(&node.log, view.commit, (view.node, term), &node.membership);
        let appended = node.configurations.since(first);
        let committed = appended.partition_point(|(index, _)| *index <= view.commit);
        if committed > 0 {
            self.ledger.configurations.extend(&appended[..committed]);
            let voters = &self.ledger.configurations.latest().1.voters;
            for node in &mut self.nodes {
                node.amnesiac &= node.disk_snapshot.is_none() || voters.contains(node.id);
            }
        }
    }
}

impl NodeGhost {
    fn new(id: NodeId, count: usize, membership: &Membership) -> Self {
        Self {
            id,
            up: false,
            seen: Shadow::booted(HardStateFact::default(), &Chain::new(), LogIndex::ZERO),
            membership: Arc::new(membership.clone()),
            matched: vec![LogIndex::ZERO; count],
            followers: 0,
            log: Chain::new(),
            configurations: Configurations::after(LogIndex::ZERO, membership.clone()),
            reconfigured: false,
            appended_from: None,
            replaced: false,
            restored: None,
            applied: LogIndex::ZERO,
            snapshot: None,
            disk_hard_state: HardStateFact::default(),
            disk: Chain::new(),
            disk_base: LogIndex::ZERO,
            disk_snapshot: None,
            lost: Chain::new(),
            lost_term: Term::ZERO,
            amnesiac: false,
            grants: ByTerm::default(),
        }
    }

    /// Whether it has nothing: it belongs to no cluster yet, or has lost what it had.
    pub(super) fn is_blank(&self) -> bool {
        self.snapshot.is_none() && self.log.end() == LogIndex::ZERO
    }

    /// Whether it ever took part and has lost its disk since, so that leaders may have given it up.
    pub(super) fn has_lost_disk(&self) -> bool {
        Term::ZERO < self.lost_term
    }

    /// The highest term that its disk has ever known of.
    pub(super) fn durable_term(&self) -> Term {
        self.disk_hard_state.term.max(self.lost_term)
    }

    /// Whether its disk holds the entry at `index` and the history that `hash` stands for, or did so when it was lost.
    pub(super) fn has_held(&self, index: LogIndex, hash: u64) -> bool {
        self.disk.holds(index, hash) || self.lost.holds(index, hash)
    }

    /// How much is remembered of it that grows with its log and with its terms.
    pub(super) fn len(&self) -> usize {
        let chains = [&self.log, &self.disk, &self.lost];
        chains.map(Chain::len).iter().sum::<usize>() + self.configurations.len() + self.grants.len()
    }

    /// Whether it leads and may still do so.
    pub(super) fn leads(&self) -> bool {
        self.up && self.seen.role == Role::Leader
    }

    /// Whether the entries appended since the latest step replaced something.
    pub(super) fn cut(&self) -> bool {
        self.replaced || self.appended_from.is_some_and(|first| first <= self.seen.last.index)
    }

    /// Whom it granted its vote in `term`.
    pub(super) fn granted(&self, term: Term) -> Option<NodeId> {
        self.grants.of(term)
    }

    /// The match index that it had noted for `follower` after its latest step, in its present term of office.
    pub(super) fn matched(&self, follower: NodeId) -> LogIndex {
        self.matched[position(follower)]
    }
}

impl Shadow {
    fn booted(hard_state: HardStateFact, log: &Chain, applied: LogIndex) -> Self {
        Self {
            role: Role::Follower,
            term: hard_state.term,
            vote: hard_state.vote,
            leader: None,
            commit: applied,
            applied,
            last: log.last(),
            last_hash: log.tip().hash,
            lease_until: None,
            uncommitted_bytes: 0,
        }
    }
}
