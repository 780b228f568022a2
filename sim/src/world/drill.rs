//! The drill: a healed cluster that has settled is told what operators are there to tell it, one thing after the other,
//! and must do it.
//!
//! Nobody waits for what operators ask while faults last: it may come to nothing, and a server that ignored them would
//! only look like a calm one. Here they wait. What they ask is up to no luck, so that a run without one costs none.

use super::operator::Wish;
use super::{Stop, World};
use crate::event::Event;
use crate::host::position;
use crate::nemesis::target::Status;
use crate::network::Owner;
use crate::replica::Replica;
use crate::scenario::model::Action;
use crate::time::{Span, Time};
use seaworthy_core::member::Instruction;
use seaworthy_core::types::{NodeId, Term};
use seaworthy_core::view::Role;
use std::fmt;

#[cfg(test)]
mod tests;

/// How far the drill has come.
#[derive(Debug)]
pub(super) struct Drill {
    /// What is still to come, the next one last.
    left: Vec<Exercise>,
    order: Option<Order>,
    /// When it is too late for what was asked for last; `None` before the first.
    due: Option<Time>,
}

/// Something to try.
#[derive(Clone, Copy, Debug)]
enum Exercise {
    /// The leader hands over to another voter (thesis §3.10).
    HandOver,
    /// The leader gives up its office.
    StepDown,
    /// The leader leaves, and a server that stands ready takes its place, if there is one.
    Replace,
    /// A server that has left comes back.
    TakeBack(NodeId),
}

/// What was asked for, and is waited for.
#[derive(Clone, Copy, Debug)]
struct Order {
    that: Demand,
    /// When it is said again. Messages may be lost, and a leader that cannot hand over now gives up for now.
    again: Time,
}

#[derive(Clone, Copy, Debug)]
enum Demand {
    /// `to` leads, in a term after `after`.
    Lead { to: NodeId, after: Term },
    /// `leader` leads `term` no longer.
    GiveUp { leader: NodeId, term: Term },
    /// The membership is as an operator wishes it to be.
    Change,
}

impl Drill {
    /// All of it, or nothing.
    pub(super) fn new(takes_place: bool) -> Self {
        let all = [Exercise::Replace, Exercise::StepDown, Exercise::HandOver];
        Self { left: if takes_place { all.to_vec() } else { Vec::new() }, order: None, due: None }
    }

    /// What has not been done yet, in words.
    pub(super) fn outstanding(&self) -> Option<String> {
        match &self.order {
            Some(order) => Some(order.that.to_string()),
            None if self.left.is_empty() => None,
            None => Some("no leader has committed its configuration".into()),
        }
    }

    /// Whether what is waited for may still come at `now`.
    pub(super) fn has_time(&self, now: Time) -> bool {
        self.due.is_some_and(|due| now < due)
    }
}

impl<R: Replica> World<'_, R> {
    /// The cluster has settled: goes on with the drill, or ends the run after it.
    pub(super) fn go_on_with_drill(&mut self) -> Result<(), Stop> {
        if self.drill.left.is_empty() && self.drill.order.is_none() {
            return Err(Stop::Ended);
        }
        if let Some(Order { that, again }) = self.drill.order {
            if !self.is_done(that) {
                if again <= self.witness.now {
                    self.order(that);
                }
                return Ok(());
            }
            self.drill.order = None;
        } else if self.drill.due.is_none() {
            // Whatever else was wished for is given up.
            self.operators.dismiss();
            self.allow_time();
        }
        let status = self.status();
        let Some(leader) = status.leader().filter(|_| status.settled) else { return Ok(()) };
        while let Some(exercise) = self.drill.left.pop() {
            if let Some(that) = self.begin(exercise, leader, &status)? {
                self.allow_time();
                self.order(that);
                return Ok(());
            }
        }
        Ok(())
    }

    /// Each exercise has as long as there was to heal.
    fn allow_time(&mut self) {
        let due = self.witness.now + self.scenario.liveness.within;
        self.queue.schedule_last(due, Event::Overdue);
        self.drill.due = Some(due);
    }

    /// What to wait for; `None` if there is nobody for it.
    fn begin(&mut self, exercise: Exercise, leader: NodeId, status: &Status) -> Result<Option<Demand>, Stop> {
        let term = self.hosts[position(leader)].view.term;
        let of_use = |node: &NodeId| self.is_up(*node) && !self.hosts[position(*node)].is_gone();
        match exercise {
            Exercise::HandOver => {
                let voters = status.membership.voters.incoming.voters();
                // The next one in a circle.
                let others = voters.iter().filter(|voter| **voter != leader && of_use(voter));
                let heir = others.min_by_key(|voter| (**voter < leader, **voter));
                Ok(heir.map(|heir| Demand::Lead { to: *heir, after: term }))
            }
            Exercise::StepDown => Ok(Some(Demand::GiveUp { leader, term })),
            Exercise::Replace => {
                let ready = |node: &NodeId| !status.membership.contains(*node) && of_use(node);
                let add: Vec<NodeId> = status.all().into_iter().filter(ready).take(1).collect();
                let demand = self.ask(add, vec![leader], status)?;
                if demand.is_some() {
                    self.drill.left.push(Exercise::TakeBack(leader));
                }
                Ok(demand)
            }
            Exercise::TakeBack(node) if of_use(&node) => self.ask(vec![node], Vec::new(), status),
            Exercise::TakeBack(_) => Ok(None),
        }
    }

    /// Wishes for another membership, if that makes sense.
    fn ask(
        &mut self,
        add: Vec<NodeId>,
        remove: Vec<NodeId>,
        status: &Status,
    ) -> Result<Option<Demand>, Stop> {
        let voters = status.membership.voters.incoming.voters();
        let stay = remove.len() < voters.len() + add.len();
        let wish = Wish::new(Owner::Drill, add, Vec::new(), remove);
        if !stay || !self.makes_sense(&wish, &status.membership) {
            return Ok(None);
        }
        self.witness.deed(Owner::Drill, &wish.action());
        self.wish(wish)?;
        Ok(Some(Demand::Change))
    }

    fn is_done(&self, that: Demand) -> bool {
        match that {
            Demand::Lead { to, after } => {
                let status = self.status();
                let leads = status.leader() == Some(to) && after < self.hosts[position(to)].view.term;
                // The last word of an operator who was dismissed may still have been on its way, and nobody hands over
                // to who has no vote any more.
                leads || !status.membership.voters.contains(to)
            }
            Demand::GiveUp { leader, term } => {
                let view = &self.hosts[position(leader)].view;
                view.role != Role::Leader || view.term != term
            }
            Demand::Change => self.operators.are_idle(),
        }
    }

    /// Tells the leader, and waits. Operators go on about the membership by themselves.
    fn order(&mut self, that: Demand) {
        let word = match that {
            Demand::Lead { to, .. } => {
                let action = Action::TransferLeadership(to.into());
                Some((Instruction::TransferLeadership(to), action))
            }
            Demand::GiveUp { .. } => Some((Instruction::StepDown, Action::StepDown {})),
            Demand::Change => None,
        };
        if let Some((instruction, action)) = word {
            self.witness.deed(Owner::Drill, &action);
            self.tell_leader(Some(instruction));
        }
        // Twice as long as a leader tries to hand over.
        let patience = Span(2 * self.scenario.cluster.election_timeout_max.0);
        self.drill.order = Some(Order { that, again: self.witness.now + patience });
    }
}

impl fmt::Display for Demand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lead { to, .. } => {
                write!(f, "the leader was told to hand over to {to}, which does not lead")
            }
            Self::GiveUp { leader, term } => {
                write!(f, "{leader} was told to step down, and still leads {term}")
            }
            Self::Change => f.write_str("the membership is not what an operator asked for"),
        }
    }
}
