//! Election Safety (Raft §5.2): at most one leader is ever elected in a term, over all time and restarts.
//! That is stronger than "no two leaders of one term at once", and a node that led a term never leads it
//! again either.

use super::ghost::Ghost;
use super::violation;
use super::words::At;
use crate::observation::{Property, View, Violation};

/// A node has become a leader.
pub(super) fn on_election(ghost: &Ghost, view: &View) -> Result<(), Violation> {
    let me = At(view.node, view.term);
    let detail = match ghost.leaders.of(view.term) {
        None => return Ok(()),
        Some(leader) if leader == view.node => {
            format!(
                "{me} became leader a second time: \
                 it was elected in term {} before it stepped down or restarted",
                view.term
            )
        }
        Some(leader) => {
            format!(
                "{me} became leader, but {leader} was elected leader of term {} at an earlier step",
                view.term
            )
        }
    };
    Err(violation(Property::ElectionSafety, view.node, detail))
}
