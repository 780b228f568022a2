//! The checkers, one property a file, run after every step at the cost of what the step changed.
//!
//! [`Checkers::observe`] takes the facts of a run in order and stops at the first that contradicts a
//! property. What the checkers share is the ghost: each node's log in memory and on disk as a chain of
//! hashes, so that equal prefixes are one comparison; the ledger of committed entries; who led which term;
//! whom each node voted for.
//!
//! **Order.** The facts of one step arrive one by one: its writes, what it applied, then [`Fact::Stepped`].
//! Writes and applied entries go into the ghost as they come; what they mean is judged at [`Fact::Stepped`],
//! when it is known what the node has become, against the ghost *before* the step. Only then the ghost takes
//! the step in. What a disk holds is judged *after* the ghost has taken it in. In `on_step` the first
//! cause comes first: two leaders of one term before the conflicting entries that they create.
//!
//! **Memory.** Where all disks that are not blank go on from a later index, what was before is forgotten everywhere:
//! no log can bring it up again. What nevertheless comes from before, such as a late message, is believed.
//!
//! Nothing here looks inside a node: facts alone, so it also runs on a recorded trace and on anybody's
//! [`Replica`](crate::replica::Replica). What a fact cannot be, because only the world's own code makes it so
//! (a node without number, a step of a node that is down), is asserted.

mod window;
mod by_term;
mod chain;
mod configurations;
mod snapshots;
mod ghost;
mod ledger;
mod requests;
mod sent;
mod words;
mod sight;

mod bounded_resources;
mod commit_justified;
mod crash_consistency;
mod durability;
mod election_safety;
mod exactly_once;
mod leader_append_only;
mod leader_completeness;
mod leader_quorum;
mod lease_exclusivity;
mod linearizable;
mod liveness;
mod log_matching;
mod match_soundness;
mod membership_safety;
mod monotonicity;
mod order;
mod persist_before_send;
mod replicas_agree;
mod snapshot_matches_log;
mod stale_reads;
mod state_machine_safety;
mod vote_once;

#[cfg(test)]
mod tests;

pub use bounded_resources::Limits;
pub use sight::{SIGHTS, Sight};

use crate::observation::{
    Carried, Fact, HardStateFact, LogFacts, Promise, Property, SnapshotFact, View, Violation,
};
use crate::time::Time;
use crash_consistency::{CrashConsistency, DiskState};
use exactly_once::ExactlyOnce;
use ghost::{Ghost, Start};
use linearizable::Linearizable;
use liveness::Liveness;
use log_matching::LogMatching;
use replicas_agree::ReplicasAgree;
use requests::Requests;
use seaworthy_core::membership::Membership;
use seaworthy_core::types::{EntryId, LogIndex, NodeId, Term};
use seaworthy_core::view::Role;
use sent::Sent;
use stale_reads::StaleReads;
use state_machine_safety::StateMachineSafety;

/// All checkers of one run.
#[derive(Debug)]
pub struct Checkers {
    sight: Sight,
    limits: Limits,
    ghost: Ghost,
    requests: Requests,
    sent: Sent,
    log_matching: LogMatching,
    state_machine_safety: StateMachineSafety,
    crash_consistency: CrashConsistency,
    exactly_once: ExactlyOnce,
    replicas_agree: ReplicasAgree,
    linearizable: Linearizable,
    stale_reads: StaleReads,
    liveness: Liveness,
}

/// How many entries must have become useless before it is worth forgetting them.
const FORGET: u64 = 256;

impl Checkers {
    /// The checkers of a run of `nodes`, numbered densely from 1, that starts under `membership` and keeps `limits`.
    pub fn new(nodes: &[NodeId], membership: &Membership, limits: Limits) -> Self {
        let ghost = Ghost::new(nodes, membership);
        let count = ghost.nodes().count();
        Self {
            sight: Sight::All,
            limits,
            requests: Requests::new(count),
            sent: Sent::new(count),
            log_matching: LogMatching::new(),
            state_machine_safety: StateMachineSafety::new(),
            crash_consistency: CrashConsistency::new(&ghost),
            exactly_once: ExactlyOnce::new(),
            replicas_agree: ReplicasAgree::new(),
            linearizable: Linearizable::new(),
            stale_reads: StaleReads::default(),
            liveness: Liveness::default(),
            ghost,
        }
    }

    /// Also judges stale reads, for which the states of all keys must be remembered. They are believed otherwise.
    #[must_use]
    pub fn judging_stale_reads(self) -> Self {
        Self { linearizable: self.linearizable.remembering(), ..self }
    }

    /// Looks at no more than this.
    #[must_use]
    pub fn seeing(self, sight: Sight) -> Self {
        Self { sight, ..self }
    }

    /// Takes in the next fact.
    ///
    /// # Errors
    /// The property that the fact contradicts. The checkers are of no further use after that.
    pub fn observe(&mut self, fact: &Fact<'_>) -> Result<(), Violation> {
        if self.sight == Sight::Clients {
            return self.observe_as_client(fact);
        }
        match *fact {
            Fact::Booted { node, hard_state, snapshot, log, initial } => {
                self.on_boot(node, hard_state, snapshot, log, initial)
            }
            Fact::Crashed { node } => {
                self.ghost.crash(node);
                self.requests.forget(node);
                Ok(())
            }
            Fact::Wiped { node } => {
                self.crash_consistency.on_wiped(node);
                self.ghost.wipe(node);
                Ok(())
            }
            Fact::Restored { node } => {
                self.crash_consistency.on_restored(node);
                self.ghost.wipe(node);
                Ok(())
            }
            Fact::HardStateWritten { node, hard_state } => {
                self.crash_consistency.on_hard_state_written(&self.ghost, node, hard_state);
                Ok(())
            }
            Fact::Appended { node, log } => {
                self.ghost.append(node, log).map_err(|gap| log_matching::gap(node, gap))?;
                self.crash_consistency.on_appended(&self.ghost, node);
                Ok(())
            }
            Fact::SnapshotWritten { node, ref snapshot, .. } => {
                let link = snapshot_matches_log::on_written(&self.ghost, node, snapshot)?;
                self.ghost.snapshot(node, snapshot, link);
                self.crash_consistency.on_snapshot_written(&self.ghost, node, snapshot.last);
                Ok(())
            }
            Fact::DurableHardState { node, hard_state } => self.on_durable_hard_state(node, hard_state),
            Fact::DurableAppend { node, log } => self.on_durable_append(node, log),
            Fact::DurableSnapshot { node, snapshot, compacted } => {
                self.on_durable_snapshot(node, snapshot.last, compacted)
            }
            Fact::Released { from, to, term, promise, entries } => {
                self.on_release(from, to, term, promise)?;
                self.on_entries(from, to, term, entries)
            }
            Fact::Requested { node, token, asks } => {
                self.requests.ask(node, token, asks);
                Ok(())
            }
            Fact::Replied { node, token, granted } => {
                self.requests.reply(node, token, granted);
                Ok(())
            }
            Fact::Applied { node, id, request, executed, state_hash } => {
                order::on_applied(&self.ghost, node, id)?;
                self.state_machine_safety.on_applied(&self.ghost, node, id)?;
                self.replicas_agree.on_applied(node, id, state_hash)?;
                if let (Some(request), true) = (request, executed) {
                    self.exactly_once.on_executed(node, id, request)?;
                }
                self.ghost.apply(node, id.index);
                Ok(())
            }
            Fact::Stepped { at, view } => self.on_step(at, view),
            Fact::Acknowledged { session, sequence } => {
                durability::on_acknowledged(&self.ghost, &self.exactly_once, session, sequence)
            }
            Fact::Client(_) | Fact::Retired { .. } | Fact::Healed => self.observe_as_client(fact),
            Fact::Ended => self.liveness.on_end(Some(&self.ghost)),
        }
    }

    /// Takes in the next fact, if clients can see it.
    fn observe_as_client(&mut self, fact: &Fact<'_>) -> Result<(), Violation> {
        match *fact {
            Fact::Client(event) => {
                self.liveness.on_client(event);
                self.linearizable.on_client(event)?;
                self.stale_reads.on_client(&mut self.linearizable, event)
            }
            Fact::Retired { key } => {
                self.linearizable.on_retired(key);
                Ok(())
            }
            Fact::Healed => {
                self.liveness.on_healed();
                Ok(())
            }
            Fact::Ended => self.liveness.on_end(None),
            _ => Ok(()),
        }
    }

    /// What a checker says that looks at disks, where that may be looked at.
    fn of_disks(&self, verdict: Result<(), Violation>) -> Result<(), Violation> {
        if self.sight == Sight::All { verdict } else { Ok(()) }
    }

    /// What liveness may know of the nodes.
    fn visible(&self) -> Option<&Ghost> {
        (self.sight != Sight::Clients).then_some(&self.ghost)
    }

    /// What is still missing for liveness, in words: a leader, answers, or a replica that is not level with
    /// it. `None` once all is well. [`Checkers::is_settled`] asks the same without the words.
    pub fn unsettled(&self) -> Option<String> {
        self.liveness.missing(self.visible()).map(|missing| missing.to_string())
    }

    /// Whether there is a leader, every operation has ended and all running members are level.
    pub fn is_settled(&self) -> bool {
        self.liveness.missing(self.visible()).is_none()
    }

    /// Whether a checker ran out of its budget somewhere, so that the run proves less than it should.
    pub fn is_undecided(&self) -> bool {
        self.linearizable.is_undecided()
    }

    /// How much the checkers remember of the nodes, in items. If every node compacts its log, that is bounded by what the
    /// logs hold, whatever the length of the run.
    pub fn memory(&self) -> usize {
        let nodes: usize = self.ghost.nodes().map(|node| node.len()).sum();
        nodes
            + self.ghost.ledger.len()
            + self.ghost.snapshots.len()
            + self.ghost.leaders.len()
            + self.requests.len()
            + self.sent.len()
            + self.log_matching.len()
            + self.state_machine_safety.len()
            + self.replicas_agree.len()
            + self.exactly_once.len()
    }

    fn on_boot(
        &mut self,
        node: NodeId,
        hard_state: HardStateFact,
        snapshot: Option<SnapshotFact<'_>>,
        log: &LogFacts,
        initial: bool,
    ) -> Result<(), Violation> {
        let known = DiskState::of(self.ghost.node(node));
        let base = snapshot_matches_log::anchor(&self.ghost, node, log.base)?;
        if let Some(snapshot) = &snapshot {
            let link = snapshot_matches_log::on_boot(&self.ghost, node, snapshot)?;
            self.ghost.snapshots.insert(node, snapshot, link);
        }
        let booted = self.ghost.boot(node, &Start { hard_state, snapshot, log, base });
        booted.map_err(|gap| crash_consistency::gap(node, gap))?;
        if initial {
            self.ghost.note_initial(log);
            return self.log_matching.on_initial(node, &self.ghost.node(node).log);
        }
        let consistent = self.crash_consistency.on_boot(&self.ghost, node, known);
        self.of_disks(consistent)?;
        self.of_disks(leader_completeness::on_disk(&self.ghost, node))?;
        self.of_disks(durability::on_loss(&self.ghost, node))
    }

    fn on_durable_hard_state(&mut self, node: NodeId, hard_state: HardStateFact) -> Result<(), Violation> {
        self.of_disks(monotonicity::on_durable(&self.ghost, node, hard_state))?;
        self.of_disks(vote_once::on_durable(&self.ghost, node, hard_state))?;
        self.ghost.persist_hard_state(node, hard_state);
        let consistent = self.crash_consistency.on_durable(&self.ghost, node);
        self.of_disks(consistent)
    }

    fn on_durable_append(&mut self, node: NodeId, log: &LogFacts) -> Result<(), Violation> {
        let end = self.ghost.node(node).disk.end();
        self.ghost.persist_append(node, log).map_err(|gap| crash_consistency::gap(node, gap))?;
        let consistent = self.crash_consistency.on_durable(&self.ghost, node);
        self.of_disks(consistent)?;
        self.of_disks(leader_completeness::on_disk(&self.ghost, node))?;
        if log.entries[0].id.index <= end.min(self.ghost.ledger.end()) {
            self.of_disks(durability::on_loss(&self.ghost, node))?;
        }
        Ok(())
    }

    fn on_durable_snapshot(
        &mut self,
        node: NodeId,
        last: EntryId,
        compacted: LogIndex,
    ) -> Result<(), Violation> {
        self.of_disks(monotonicity::on_durable_snapshot(&self.ghost, node, last))?;
        let link = snapshot_matches_log::anchor(&self.ghost, node, last)?;
        let replaced = self.ghost.persist_snapshot(node, last, compacted, link);
        let consistent = self.crash_consistency.on_durable(&self.ghost, node);
        self.of_disks(consistent)?;
        if replaced {
            self.of_disks(leader_completeness::on_disk(&self.ghost, node))?;
            self.of_disks(durability::on_loss(&self.ghost, node))?;
        }
        self.forget();
        Ok(())
    }

    /// Forgets what no log goes back to, once that is more than what is left, so that an entry is moved once on average.
    fn forget(&mut self) {
        let (base, end, floor) = (self.ghost.ledger.base(), self.ghost.ledger.end(), self.ghost.floor());
        if floor.0 < base.0 + FORGET.max(end.0.saturating_sub(floor.0)) {
            return;
        }
        self.ghost.snapshots.forget_before(floor, |index| self.replicas_agree.at(index));
        self.ghost.forget_before(floor);
        self.log_matching.forget_before(floor);
        self.state_machine_safety.forget_before(floor);
        self.replicas_agree.forget_before(floor);
        self.exactly_once.forget_before(floor);
    }

    fn on_release(
        &mut self,
        from: NodeId,
        to: NodeId,
        term: Term,
        promise: Promise,
    ) -> Result<(), Violation> {
        match promise {
            Promise::Campaign { last } => {
                vote_once::on_grant(&self.ghost, from, term, from)?;
                self.of_disks(persist_before_send::on_campaign(&self.ghost, from, term, last))?;
                self.of_disks(durability::on_promise(&self.ghost, from, from, term))?;
                self.ghost.grant(from, term, from);
            }
            Promise::Vote => {
                vote_once::on_grant(&self.ghost, from, term, to)?;
                self.of_disks(persist_before_send::on_vote(&self.ghost, from, to, term))?;
                self.of_disks(durability::on_promise(&self.ghost, from, to, term))?;
                self.ghost.grant(from, term, to);
            }
            Promise::Acknowledge { matched } => {
                self.of_disks(persist_before_send::on_acknowledge(&self.ghost, from, to, term, matched))?;
                self.of_disks(durability::on_promise(&self.ghost, from, to, term))?;
            }
            Promise::Lead => leader_quorum::on_lead(&self.ghost, from, term)?,
            Promise::Nothing => {}
        }
        Ok(())
    }

    /// A message leaves that may carry entries.
    fn on_entries(
        &mut self,
        from: NodeId,
        to: NodeId,
        term: Term,
        entries: Carried,
    ) -> Result<(), Violation> {
        let Carried { previous, count } = entries;
        if count == 0 {
            return Ok(());
        }
        let last = LogIndex(previous.0 + u64::from(count));
        bounded_resources::on_send(&self.ghost, &self.limits, (from, term), previous, last)?;
        self.sent.send(from, to, term, previous, last);
        Ok(())
    }

    fn on_step(&mut self, at: Time, view: &View) -> Result<(), Violation> {
        let ghost = &self.ghost;
        let node = ghost.node(view.node);
        assert!(node.up, "{} took a step without having been started", view.node);
        leader_append_only::on_step(ghost, view)?;
        monotonicity::on_step(ghost, view)?;
        order::on_step(ghost, view)?;
        if ghost.becomes_leader(view) {
            election_safety::on_election(ghost, view)?;
            leader_quorum::on_election(ghost, view)?;
            leader_completeness::on_election(ghost, view)?;
            lease_exclusivity::on_election(ghost, view, at)?;
        }
        if node.appended_from.is_some() || node.replaced {
            self.log_matching.on_step(ghost, view)?;
            leader_completeness::on_log(ghost, view.node)?;
        }
        if view.role == Role::Leader {
            self.of_disks(match_soundness::on_step(ghost, view))?;
            lease_exclusivity::on_step(ghost, view, at)?;
            lease_exclusivity::on_answer(&self.requests, view, at)?;
            self.sent.step(view);
        }
        if view.commit > node.seen.commit || node.cut() {
            state_machine_safety::on_commit(ghost, view)?;
        }
        if view.commit > ghost.ledger.end() {
            let term = ghost.office(view).expect("a phantom commit is a violation");
            commit_justified::on_commit(ghost, view, term)?;
            self.of_disks(commit_justified::by_quorum(ghost, view, term))?;
            leader_completeness::on_commit(ghost, view, term)?;
        }
        membership_safety::on_step(ghost, view)?;
        snapshot_matches_log::on_step(ghost, &self.replicas_agree, view)?;
        self.replicas_agree.on_step(ghost, view)?;
        bounded_resources::on_step(ghost, &self.limits, (&self.requests, &self.sent), view)?;
        self.requests.step(view.node);
        self.ghost.step(view);
        Ok(())
    }
}

#[cold]
fn violation(property: Property, node: NodeId, detail: String) -> Violation {
    Violation { property, node: Some(node), detail }
}
