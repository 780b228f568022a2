//! A leader believes of a follower only what the follower's disk holds.

use super::ghost::{At, Ghost};
use super::violation;
use crate::observation::{Property, View, Violation};
use seaworthy_core::types::LogIndex;

/// A leader has taken a step. A follower whose durable term is above the leader's may have been overwritten
/// since it acknowledged: then nothing can be said.
pub(super) fn on_step(ghost: &Ghost, view: &View) -> Result<(), Violation> {
    let leader = ghost.node(view.node);
    let new = ghost.becomes_leader(view);
    for follower in &view.followers {
        let known = if new { LogIndex::ZERO } else { leader.matched(follower.node) };
        if follower.matched <= known {
            continue;
        }
        let node = ghost.node(follower.node);
        if node.disk_hard_state.term > view.term || node.wiped {
            continue;
        }
        let believed = leader.log.get(follower.matched).expect("a match index lies within the log");
        if !node.disk.holds(follower.matched, believed.hash) {
            let me = At(view.node, view.term);
            let entry = leader.log.id(follower.matched).expect("a match index lies within the log");
            let disk = match node.disk.id(follower.matched) {
                Some(held) if held != entry => format!("holds {held} there"),
                Some(_) => "holds another history".into(),
                None => format!("ends at {}", node.disk.last()),
            };
            let detail = format!("{me} believes that {} holds {entry}, but its disk {disk}", node.id);
            return Err(violation(Property::MatchSoundness, view.node, detail));
        }
    }
    Ok(())
}
