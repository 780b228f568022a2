//! How nodes and configurations are named in what checkers say.

use super::ghost::Ghost;
use seaworthy_core::membership::Membership;
use seaworthy_core::quorum::Joint;
use seaworthy_core::types::{NodeId, Term};
use std::fmt;

/// A node in a term: `n1@3`.
pub(super) struct At(pub(super) NodeId, pub(super) Term);

/// Whose quorums count: `n1, n2, n3`, and both halves of a pair: `n1, n2 & n2, n3`.
pub(super) struct Voters<'a>(pub(super) &'a Joint);

/// A configuration: `voters n1, n2, learners n3`.
pub(super) struct Words<'a>(pub(super) &'a Membership);

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.0, self.1)
    }
}

impl fmt::Display for Voters<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Joint { incoming, outgoing } = self.0;
        f.write_str(&listed(incoming.voters().iter().copied()))?;
        match outgoing.voters() {
            [] => Ok(()),
            voters => write!(f, " & {}", listed(voters.iter().copied())),
        }
    }
}

impl fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Membership { voters, learners, learners_next, .. } = self.0;
        write!(f, "voters {}", Voters(voters))?;
        for (title, nodes) in [("learners", learners), ("then learners", learners_next)] {
            if !nodes.is_empty() {
                write!(f, ", {title} {}", listed(nodes.iter().copied()))?;
            }
        }
        Ok(())
    }
}

/// Those of `voters` that `pick` picks: `n1, n3`, or `none`.
pub(super) fn picked(ghost: &Ghost, voters: &Joint, pick: impl Fn(NodeId) -> bool) -> String {
    listed(ghost.nodes().map(|node| node.id).filter(|node| voters.contains(*node) && pick(*node)))
}

fn listed(nodes: impl Iterator<Item = NodeId>) -> String {
    let names: Vec<_> = nodes.map(|node| node.to_string()).collect();
    if names.is_empty() { "none".into() } else { names.join(", ") }
}
