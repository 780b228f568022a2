//! What all checkers remember of a run: each node's memory and disk in outline, and what the cluster as a
//! whole has done. The facts are taken in here and nowhere else; checkers only read.

use super::chain::{Chain, Gap};
use super::ledger::Ledger;
use crate::observation::{EntryFact, HardStateFact, LogFacts, View};
use seaworthy_core::membership::Membership;
use seaworthy_core::types::{EntryId, LogIndex, NodeId, Term};
use seaworthy_core::view::Role;
use std::fmt;

/// The memory of the checkers.
#[derive(Clone, Debug)]
pub(super) struct Ghost {
    /// By number, from 1.
    nodes: Vec<NodeGhost>,
    /// What was ever committed.
    pub(super) ledger: Ledger,
    /// The configuration of whoever committed last.
    pub(super) authority: Membership,
    /// Who ever led which term.
    pub(super) leaders: Leaders,
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
    /// Whether its disk was ever wiped.
    pub(super) wiped: bool,
    /// What it looked like after its latest step.
    pub(super) seen: Shadow,
    /// The configuration in force after its latest step.
    pub(super) membership: Membership,
    /// The match indices of its present term of office, by the followers' numbers from 1.
    matched: Vec<LogIndex>,
    /// Its log in memory.
    pub(super) log: Chain,
    /// The lowest index that was appended since its latest step.
    pub(super) appended_from: Option<LogIndex>,
    /// Whether a snapshot has taken the place of all of its log since its latest step.
    replaced: bool,
    /// The last index that it applied since it started, or that a snapshot brought it to.
    pub(super) applied: LogIndex,
    /// Its durable term and vote.
    pub(super) disk_hard_state: HardStateFact,
    /// Its durable log.
    pub(super) disk: Chain,
    /// The last entry of its durable snapshot; `None` on a blank disk.
    pub(super) disk_snapshot: Option<EntryId>,
    /// Whom it granted its vote, ascending by term.
    grants: Vec<(Term, NodeId)>,
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
}

/// Who ever led which term, over all time and restarts.
#[derive(Clone, Debug, Default)]
pub(super) struct Leaders(Vec<(Term, NodeId)>);

/// A node in a term: `n1@3`.
pub(super) struct At(pub(super) NodeId, pub(super) Term);

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.0, self.1)
    }
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
            ledger: Ledger::new(),
            authority: membership.clone(),
            leaders: Leaders::default(),
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

    /// What a node started with; `initial` at the start of the run. What its log goes on from is committed.
    pub(super) fn boot(
        &mut self,
        node: NodeId,
        hard_state: HardStateFact,
        snapshot: Option<EntryId>,
        log: &LogFacts,
        initial: bool,
    ) -> Result<(), Gap> {
        if initial {
            self.initial_terms.extend(log.entries.iter().map(|entry| entry.id.term));
            self.initial_terms.sort();
            self.initial_terms.dedup();
        }
        let ghost = &mut self.nodes[position(node)];
        ghost.disk.become_prefix(self.ledger.chain(), log.base.index);
        if !log.entries.is_empty() {
            ghost.disk.replace(&log.entries)?;
        }
        ghost.disk_hard_state = hard_state;
        ghost.disk_snapshot = snapshot;
        ghost.log.copy_from(&ghost.disk);
        ghost.up = true;
        ghost.appended_from = None;
        ghost.applied = snapshot.map_or(LogIndex::ZERO, |last| last.index);
        ghost.seen = Shadow::booted(hard_state, &ghost.log, ghost.applied);
        Ok(())
    }

    /// A node puts a snapshot in place of its log's beginning, or of all of it.
    pub(super) fn snapshot(&mut self, node: NodeId, last: EntryId) {
        let ghost = &mut self.nodes[position(node)];
        if ghost.log.id(last.index) != Some(last) {
            ghost.log.become_prefix(self.ledger.chain(), last.index);
            ghost.replaced = true;
            ghost.applied = last.index;
        }
    }

    /// Its disk does so.
    pub(super) fn persist_snapshot(&mut self, node: NodeId, last: EntryId) {
        let ghost = &mut self.nodes[position(node)];
        if ghost.disk.id(last.index) != Some(last) {
            ghost.disk.become_prefix(self.ledger.chain(), last.index);
        }
        ghost.disk_snapshot = Some(last);
    }

    pub(super) fn wipe(&mut self, node: NodeId) {
        let ghost = self.node_mut(node);
        ghost.wiped = true;
        ghost.disk = Chain::new();
        ghost.disk_snapshot = None;
        ghost.disk_hard_state = HardStateFact::default();
    }

    pub(super) fn crash(&mut self, node: NodeId) {
        let ghost = self.node_mut(node);
        ghost.up = false;
        ghost.appended_from = None;
        ghost.replaced = false;
    }

    pub(super) fn append(&mut self, node: NodeId, entries: &[EntryFact]) -> Result<(), Gap> {
        let ghost = self.node_mut(node);
        ghost.log.replace(entries)?;
        let first = entries[0].id.index;
        ghost.appended_from = Some(ghost.appended_from.map_or(first, |earlier| earlier.min(first)));
        Ok(())
    }

    pub(super) fn apply(&mut self, node: NodeId, index: LogIndex) {
        self.node_mut(node).applied = index;
    }

    pub(super) fn persist_hard_state(&mut self, node: NodeId, hard_state: HardStateFact) {
        self.node_mut(node).disk_hard_state = hard_state;
    }

    pub(super) fn persist_append(&mut self, node: NodeId, entries: &[EntryFact]) -> Result<(), Gap> {
        self.node_mut(node).disk.replace(entries)
    }

    /// `voter` has granted its vote in `term` to `candidate`.
    pub(super) fn grant(&mut self, voter: NodeId, term: Term, candidate: NodeId) {
        let grants = &mut self.node_mut(voter).grants;
        if let Err(place) = grants.binary_search_by_key(&term, |grant| grant.0) {
            grants.insert(place, (term, candidate));
        }
    }

    /// Takes a step in. Every index in `view` has been checked against the log.
    pub(super) fn step(&mut self, view: &View) {
        let new_leader = self.becomes_leader(view);
        if new_leader {
            self.leaders.insert(view.term, view.node);
        }
        if view.commit > self.ledger.end() {
            let term = self.office(view).expect("a phantom commit is a violation");
            self.ledger.extend(&self.nodes[position(view.node)].log, view.commit, view.node, term);
            if self.authority != view.membership {
                self.authority.clone_from(&view.membership);
            }
        }
        let ghost = self.node_mut(view.node);
        if new_leader {
            ghost.matched.fill(LogIndex::ZERO);
        }
        if view.role == Role::Leader {
            // Of whom a leader follows no longer it remembers nothing.
            ghost.matched.fill(LogIndex::ZERO);
        }
        for follower in &view.followers {
            ghost.matched[position(follower.node)] = follower.matched;
        }
        if ghost.membership != view.membership {
            ghost.membership.clone_from(&view.membership);
        }
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
        };
        ghost.appended_from = None;
        ghost.replaced = false;
    }
}

impl NodeGhost {
    fn new(id: NodeId, count: usize, membership: &Membership) -> Self {
        Self {
            id,
            up: false,
            wiped: false,
            seen: Shadow::booted(HardStateFact::default(), &Chain::new(), LogIndex::ZERO),
            membership: membership.clone(),
            matched: vec![LogIndex::ZERO; count],
            log: Chain::new(),
            appended_from: None,
            replaced: false,
            applied: LogIndex::ZERO,
            disk_hard_state: HardStateFact::default(),
            disk: Chain::new(),
            disk_snapshot: None,
            grants: Vec::new(),
        }
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
        // Nearly always the latest.
        match self.grants.last() {
            Some((last, candidate)) if *last == term => Some(*candidate),
            Some((last, _)) if *last > term => {
                let place = self.grants.binary_search_by_key(&term, |grant| grant.0).ok()?;
                Some(self.grants[place].1)
            }
            _ => None,
        }
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
        }
    }
}

impl Leaders {
    /// Who was elected in `term`.
    pub(super) fn of(&self, term: Term) -> Option<NodeId> {
        match self.0.last() {
            Some((last, leader)) if *last == term => Some(*leader),
            _ => {
                let place = self.0.binary_search_by_key(&term, |leader| leader.0).ok()?;
                Some(self.0[place].1)
            }
        }
    }

    fn insert(&mut self, term: Term, leader: NodeId) {
        if let Err(place) = self.0.binary_search_by_key(&term, |leader| leader.0) {
            self.0.insert(place, (term, leader));
        }
    }
}
