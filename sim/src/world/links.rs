//! What is done to the network: links that are cut, held back, lossy or slow.

use super::World;
use crate::event::Event;
use crate::fault::FaultKind;
use crate::network::Owner;
use crate::replica::Replica;
use crate::scenario::model::Action;
use crate::scenario::scalar::Target;
use crate::trace::Record;
use seaworthy_core::types::NodeId;

impl<R: Replica> World<'_, R> {
    /// Cuts, holds back or mends links.
    pub(super) fn act_on_links(&mut self, owner: Owner, action: &Action) {
        match action {
            Action::Partition { groups } => self.partition(owner, groups),
            Action::Cut { from, to } => {
                let (from, to) = (self.all_of(owner, from), self.all_of(owner, to));
                let news = self.cut(owner, &from, &to);
                self.took_effect(FaultKind::Cut, news);
            }
            Action::Sever { between, and } => {
                let (between, and) = (self.all_of(owner, between), self.all_of(owner, and));
                let news = self.cut(owner, &between, &and) | self.cut(owner, &and, &between);
                self.took_effect(FaultKind::Sever, news);
            }
            Action::Isolate(target) => {
                for node in self.each_of(owner, *target) {
                    let others = self.everybody_but(&[node]);
                    let news = self.cut(owner, &[node], &others) | self.cut(owner, &others, &[node]);
                    self.took_effect(FaultKind::Isolate, news);
                }
            }
            Action::Clog(target) => {
                for node in self.each_of(owner, *target) {
                    let news = self.network.clog(owner, node);
                    self.note(Record::Clogged { node });
                    self.took_effect(FaultKind::Clog, news);
                }
            }
            Action::Unclog {} => {
                self.network.unclog(owner);
                self.note(Record::Unclogged);
                self.release_clogged();
            }
            Action::Heal {} => {
                let links = self.network.heal(owner);
                self.note(Record::Mended { links, owner });
                self.took_effect(FaultKind::Heal, links > 0);
            }
            _ => unreachable!("the caller has looked"),
        }
    }

    /// Changes what links are like.
    pub(super) fn change_network(&mut self, action: &Action) {
        let base = &self.scenario.network;
        match action {
            Action::Loss(loss) => {
                self.network.set_loss(*loss);
                self.note(Record::LossChanged { ppm: loss.get() });
                self.took_effect(FaultKind::Loss, *loss != base.loss);
            }
            Action::Duplicate(duplicate) => {
                self.network.set_duplicate(*duplicate);
                self.note(Record::DuplicateChanged { ppm: duplicate.get() });
                self.took_effect(FaultKind::Duplication, *duplicate != base.duplicate);
            }
            Action::Latency(latency) => {
                self.network.set_latency(latency);
                self.note(Record::LatencyChanged);
                self.took_effect(FaultKind::Latency, *latency != base.latency);
            }
            _ => unreachable!("the caller has looked"),
        }
    }

    fn partition(&mut self, owner: Owner, groups: &[Vec<Target>]) {
        let mut taken = Vec::new();
        let mut sides: Vec<Vec<NodeId>> = Vec::new();
        for group in groups {
            let mut side = self.all_of(owner, group);
            // Two roles may mean the same node: it belongs to the first group that names it.
            side.retain(|node| !taken.contains(node));
            taken.extend_from_slice(&side);
            sides.push(side);
        }
        sides.push(self.everybody_but(&taken));
        let mut news = false;
        for (number, side) in sides.iter().enumerate() {
            for other in &sides[number + 1..] {
                news |= self.cut(owner, side, other) | self.cut(owner, other, side);
            }
        }
        self.took_effect(FaultKind::Partition, news);
    }

    /// Cuts every link from some nodes to others. Says whether any was new.
    fn cut(&mut self, owner: Owner, senders: &[NodeId], addressees: &[NodeId]) -> bool {
        let mut any = false;
        for from in senders {
            for to in addressees {
                if self.network.cut(owner, *from, *to) {
                    self.note(Record::Cut { from: *from, to: *to, owner });
                    any = true;
                }
            }
        }
        any
    }

    /// Lets go what is held back no longer: it arrives now, in its order.
    pub(super) fn release_clogged(&mut self) {
        for (from, to, message) in std::mem::take(&mut self.clogged) {
            self.queue.schedule(self.witness.now, Event::Deliver { from, to, message });
        }
    }
}
