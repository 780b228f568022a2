//! After the last fault: a leader soon, every operation answered, all replicas level. *Soon* is for whoever
//! runs the cluster to say; here it is only told what is still missing, and wrong if something is when the
//! run ends.
//!
//! It is owed by the members of the latest committed configuration that run. Whoever is down by then is down for
//! good, and whoever was removed, was never added, or has lost its disk as a voter need not follow anybody.

use super::ghost::{Ghost, NodeGhost};
use super::words::At;
use crate::history::HistoryEvent;
use crate::observation::{Property, Violation};
use seaworthy_core::types::{EntryId, LogIndex, Term};
use std::fmt;

/// What the cluster owes its clients.
#[derive(Clone, Debug, Default)]
pub(super) struct Liveness {
    healed: bool,
    /// Operations that have begun and not come to an end.
    open: u64,
}

/// What is missing.
pub(super) enum Missing<'a> {
    /// No running member leads, or only in a term that another has left behind.
    Leader { highest: Term },
    /// Clients wait.
    Answers { open: u64 },
    /// A replica is behind, or has more than was committed.
    Level { node: &'a NodeGhost, last: EntryId },
}

impl Liveness {
    pub(super) fn on_client(&mut self, event: &HistoryEvent) {
        match event {
            HistoryEvent::Invoked { .. } => self.open += 1,
            HistoryEvent::Completed { .. } => {
                self.open = self.open.checked_sub(1).expect("only what has begun comes to an end");
            }
        }
    }

    pub(super) fn on_healed(&mut self) {
        self.healed = true;
    }

    /// The run is over.
    pub(super) fn on_end(&self, ghost: Option<&Ghost>) -> Result<(), Violation> {
        match self.missing(ghost) {
            Some(missing) if self.healed => {
                let detail = format!("all faults were over, but at the end {missing}");
                Err(Violation { property: Property::Liveness, node: missing.node(), detail })
            }
            _ => Ok(()),
        }
    }

    /// What is missing now, if anything. Who does not see the nodes can miss answers alone.
    pub(super) fn missing<'a>(&self, ghost: Option<&'a Ghost>) -> Option<Missing<'a>> {
        let answers = (self.open > 0).then_some(Missing::Answers { open: self.open });
        let Some(ghost) = ghost else { return answers };
        let (_, members) = ghost.ledger.configurations.latest();
        let running = || ghost.nodes().filter(|node| node.up && !node.amnesiac && members.contains(node.id));
        let highest = running().map(|node| node.seen.term).max().unwrap_or(Term::ZERO);
        let Some(leader) = running().find(|node| node.leads() && node.seen.term == highest) else {
            return Some(Missing::Leader { highest });
        };
        if answers.is_some() {
            return answers;
        }
        let last = leader.seen.last;
        let level = |node: &&NodeGhost| {
            let seen = &node.seen;
            seen.last == last && seen.commit == last.index && seen.applied == last.index
        };
        running().find(|node| !level(node)).map(|node| Missing::Level { node, last })
    }
}

impl Missing<'_> {
    fn node(&self) -> Option<seaworthy_core::types::NodeId> {
        match self {
            Self::Level { node, .. } => Some(node.id),
            Self::Leader { .. } | Self::Answers { .. } => None,
        }
    }
}

impl fmt::Display for Missing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Leader { highest } => write!(f, "no running member leads term {highest}, the highest"),
            Self::Answers { open: 1 } => f.write_str("1 operation has no answer"),
            Self::Answers { open } => write!(f, "{open} operations have no answer"),
            Self::Level { node, last } => {
                let seen = &node.seen;
                let (commit, applied): (LogIndex, LogIndex) = (seen.commit, seen.applied);
                let me = At(node.id, seen.term);
                write!(
                    f,
                    "{me} holds up to {}, committed up to {commit} and applied up to {applied}, \
                     while the leader's log ends at {last}",
                    seen.last
                )
            }
        }
    }
}
