//! Operators: who want another membership and go on until they have it, whoever leads.

use super::{Phase, Stop, World};
use crate::choice::Stream;
use crate::disk::Disk;
use crate::event::Event;
use crate::fault::FaultKind;
use crate::host::position;
use crate::network::Owner;
use crate::observation::Fact;
use crate::replica::Replica;
use crate::scenario::model::Action;
use crate::scenario::scalar::Target;
use crate::trace::Record;
use seaworthy_core::member::Instruction;
use seaworthy_core::membership::{Change, Membership};
use seaworthy_core::types::{NodeId, Token};

#[cfg(test)]
mod tests;

/// What operators are about.
///
/// - Each owner has at most one wish at a time: a new one takes the place of the old.
#[derive(Debug, Default)]
pub(super) struct Operators {
    wishes: Vec<Wish>,
    /// How many wishes there have been.
    count: u64,
    instructions: u64,
}

/// What an operator wants the membership to be.
#[derive(Clone, Debug)]
pub(super) struct Wish {
    number: u64,
    owner: Owner,
    add: Vec<NodeId>,
    learn: Vec<NodeId>,
    remove: Vec<NodeId>,
}

impl Wish {
    pub(super) fn new(owner: Owner, add: Vec<NodeId>, learn: Vec<NodeId>, remove: Vec<NodeId>) -> Self {
        Self { number: 0, owner, add, learn, remove }
    }

    /// What a timeline would say to have it wished for.
    pub(super) fn action(&self) -> Action {
        let [add, learn, remove] = [&self.add, &self.learn, &self.remove]
            .map(|nodes| nodes.iter().copied().map(Target::from).collect());
        Action::ChangeMembership { add, learn, remove, node: None }
    }

    /// All that is still to be changed, at once.
    fn changes(&self, membership: &Membership) -> Vec<Change> {
        let voters = &membership.voters.incoming;
        let learns =
            |node: &NodeId| membership.learners.contains(node) || membership.learners_next.contains(node);
        let add = self.add.iter().filter(|node| !voters.contains(**node)).map(|node| Change::AddVoter(*node));
        let learn = self.learn.iter().filter(|node| !learns(node)).map(|node| Change::AddLearner(*node));
        let remove = self.remove.iter().filter(|node| membership.contains(**node));
        add.chain(learn).chain(remove.map(|node| Change::Remove(*node))).collect()
    }

    /// What to ask for next: whoever is to vote learns first (thesis §4.2.1).
    fn next(&self, membership: &Membership) -> Vec<Change> {
        let strangers = self.add.iter().filter(|node| !membership.contains(**node));
        let learners: Vec<_> = strangers.map(|node| Change::AddLearner(*node)).collect();
        if learners.is_empty() { self.changes(membership) } else { learners }
    }
}

impl Operators {
    /// Whether nobody wants anything.
    pub(super) fn are_idle(&self) -> bool {
        self.wishes.is_empty()
    }

    /// Gives up all that anybody wants.
    pub(super) fn dismiss(&mut self) {
        self.wishes.clear();
    }
}

impl<R: Replica> World<'_, R> {
    /// An operator does something.
    pub(super) fn operate(&mut self, owner: Owner, action: &Action) -> Result<(), Stop> {
        match action {
            Action::ChangeMembership { add, learn, remove, node } => {
                let [add, learn, remove] = [add, learn, remove].map(|targets| self.all_of(owner, targets));
                let wish = Wish::new(owner, add, learn, remove);
                match node {
                    None => {
                        self.took_effect(FaultKind::ChangeMembership, true);
                        self.wish(wish)?;
                    }
                    Some(target) => {
                        for node in self.each_of(owner, *target) {
                            let told = self.tell(node, &wish);
                            self.took_effect(FaultKind::ChangeMembership, told);
                        }
                    }
                }
            }
            Action::TransferLeadership(target) => {
                let to = self.each_of(owner, *target).first().copied();
                self.instruct_leader(FaultKind::TransferLeadership, to.map(Instruction::TransferLeadership));
            }
            Action::StepDown {} => self.instruct_leader(FaultKind::StepDown, Some(Instruction::StepDown)),
            Action::TakeSnapshot(target) => {
                for node in self.each_of(owner, *target) {
                    if self.is_up(node) {
                        self.took_effect(FaultKind::TakeSnapshot, true);
                        self.instruct(node, Instruction::TakeSnapshot);
                    }
                }
            }
            _ => unreachable!("the caller has looked"),
        }
        Ok(())
    }

    /// An operator has a new wish.
    pub(super) fn wish(&mut self, wish: Wish) -> Result<(), Stop> {
        self.operators.count += 1;
        let number = self.operators.count;
        self.operators.wishes.retain(|other| other.owner != wish.owner);
        self.operators.wishes.push(Wish { number, ..wish });
        self.wake_operator(number)
    }

    /// Whether operators can do nothing any more: only a core of the cluster is left, as small as may be, which must go on
    /// as it is.
    pub(super) fn operators_are_gone(&self) -> bool {
        self.phase == Phase::Healed && self.scenario.liveness.core
    }

    /// An operator looks how things are, asks for what comes next, and looks again a little later.
    pub(super) fn wake_operator(&mut self, number: u64) -> Result<(), Stop> {
        let place = self.operators.wishes.iter().position(|wish| wish.number == number);
        let Some(place) = place.filter(|_| !self.operators_are_gone()) else { return Ok(()) };
        self.witness.steps += 1;
        let leader = self.status().leader();
        if let Some(leader) = leader {
            let view = &self.hosts[position(leader)].view;
            let wish = &self.operators.wishes[place];
            let settled = view.membership_index <= view.commit && !view.membership.is_joint();
            let changes = wish.next(&view.membership);
            let sensible = self.is_sensible(&view.membership, &changes);
            if changes.is_empty() && settled {
                let wish = self.operators.wishes.swap_remove(place);
                return self.decommission(&wish.remove);
            }
            if settled && sensible {
                self.instruct(leader, Instruction::ChangeMembership(changes));
            }
        }
        let again = self.witness.now + self.scenario.cluster.election_timeout_min;
        self.queue.schedule(again, Event::OperatorWake { number });
        Ok(())
    }

    /// Says all that is wished to one node, once, as far as it makes sense there. Says whether it was said.
    fn tell(&mut self, node: NodeId, wish: &Wish) -> bool {
        let host = &self.hosts[position(node)];
        let changes = wish.changes(&host.view.membership);
        let tells = host.replica.is_some() && self.is_sensible(&host.view.membership, &changes);
        if tells {
            self.instruct(node, Instruction::ChangeMembership(changes));
        }
        tells
    }

    /// Whether all of a wish may be asked for by whoever finds `membership`.
    pub(super) fn makes_sense(&self, wish: &Wish, membership: &Membership) -> bool {
        self.is_sensible(membership, &wish.changes(membership))
    }

    /// Whether there is something to be changed, and the voters that can still be of use would be a majority after it.
    /// An operator knows whose disk is lost, and does not leave the cluster to it.
    fn is_sensible(&self, membership: &Membership, changes: &[Change]) -> bool {
        if changes.is_empty() {
            return false;
        }
        // What the node refuses does no harm, and a refusal is worth a try.
        let Ok(next) = membership.change(changes) else { return true };
        let voters = &next.voters.incoming;
        let of_use = |node: &&NodeId| !self.hosts[position(**node)].is_gone();
        voters.size() <= voters.voters().iter().filter(of_use).count()
    }

    fn instruct_leader(&mut self, kind: FaultKind, instruction: Option<Instruction>) {
        if self.tell_leader(instruction) {
            self.took_effect(kind, true);
        }
    }

    /// Tells the leader something, if there are both. Says whether it was said.
    pub(super) fn tell_leader(&mut self, instruction: Option<Instruction>) -> bool {
        let told = self.status().leader().zip(instruction);
        told.map(|(leader, instruction)| self.instruct(leader, instruction)).is_some()
    }

    /// Tells a node something, now.
    fn instruct(&mut self, node: NodeId, instruction: Instruction) {
        self.operators.instructions += 1;
        // No client's request has such a token. Nobody waits for the answer: operators look for themselves.
        let token = Token(u64::MAX - self.operators.instructions);
        self.queue.schedule(self.witness.now, Event::Instruct { node, token, instruction });
    }

    /// Servers that were removed are shut down where they might disturb the others: without PreVote and CheckQuorum a
    /// server that does not know of its removal campaigns for ever (thesis §4.2.3).
    fn decommission(&mut self, nodes: &[NodeId]) -> Result<(), Stop> {
        let cluster = &self.scenario.cluster;
        if cluster.pre_vote && cluster.check_quorum {
            return Ok(());
        }
        nodes.iter().try_for_each(|node| self.shut_down(*node))
    }

    /// Stops a server for good.
    pub(super) fn shut_down(&mut self, node: NodeId) -> Result<(), Stop> {
        let place = position(node);
        if self.hosts[place].retired {
            return Ok(());
        }
        self.retire(node);
        self.witness.note(Record::Retired { node });
        self.take_down(place)
    }

    /// A server is down for good.
    pub(super) fn retire(&mut self, node: NodeId) {
        self.hosts[position(node)].retired = true;
        self.write_off(node);
    }

    /// A server is of no use to anybody any more: who wanted it thinks again.
    fn write_off(&mut self, node: NodeId) {
        for wish in &mut self.operators.wishes {
            wish.add.retain(|other| *other != node);
            wish.learn.retain(|other| *other != node);
        }
    }

    /// Takes everything from a node's disk. It comes back under its old number, and does not know what it promised.
    pub(super) fn wipe(&mut self, node: NodeId) -> Result<(), Stop> {
        self.lose_disk(node, Disk::wipe, Record::Wiped { node }, &Fact::Wiped { node })
    }

    /// Keeps a copy of what is durable on a node's disk.
    pub(super) fn back_up(&mut self, node: NodeId) {
        self.hosts[position(node)].disk.back_up();
        self.witness.note(Record::BackedUp { node });
    }

    /// Puts the copy of a node's disk in its place. It comes back under its old number, and does not know what it has
    /// promised since.
    pub(super) fn restore_backup(&mut self, node: NodeId) -> Result<(), Stop> {
        let host = &self.hosts[position(node)];
        if host.retired || !host.disk.has_backup() {
            return Ok(());
        }
        self.took_effect(FaultKind::RestoreBackup, true);
        self.lose_disk(node, Disk::restore_backup, Record::Restored { node }, &Fact::Restored { node })
    }

    /// Stops a node, has its disk lose what it held, and starts the node again.
    fn lose_disk(
        &mut self,
        node: NodeId,
        lose: impl FnOnce(&mut Disk<R>),
        record: Record,
        fact: &Fact<'_>,
    ) -> Result<(), Stop> {
        let place = position(node);
        self.take_down(place)?;
        let host = &mut self.hosts[place];
        host.wiped = true;
        lose(&mut host.disk);
        self.write_off(node);
        self.witness.note(record);
        self.witness.observe(fact)?;
        self.boot(place, false)
    }

    /// Stops a node, if it runs.
    fn take_down(&mut self, place: usize) -> Result<(), Stop> {
        if self.hosts[place].replica.is_some() { self.crash(place) } else { Ok(()) }
    }

    /// Damages what was durable on a node's disk while the node is down, and starts the node.
    pub(super) fn rot(&mut self, node: NodeId) -> Result<(), Stop> {
        let place = position(node);
        self.take_down(place)?;
        if !self.hosts[place].retired && self.hosts[place].disk.rot(self.choice, Stream::Disk(node)) {
            self.witness.note(Record::Rotted { node });
            self.took_effect(FaultKind::Rot, true);
        }
        self.restart(node)
    }
}
