//! A leader believes of a follower only what the follower's disk holds.

use super::chain::Link;
use super::ghost::Ghost;
use super::violation;
use super::words::At;
use crate::observation::{Property, View, Violation};
use seaworthy_core::types::{EntryId, LogIndex, Term};

/// A leader has taken a step. A follower whose durable term is above the leader's, or was when it lost its disk, may have
/// been overwritten since it acknowledged: then nothing can be said. One that has lost its disk may have acknowledged
/// before.
pub(super) fn on_step(ghost: &Ghost, view: &View) -> Result<(), Violation> {
    let leader = ghost.node(view.node);
    let new = ghost.becomes_leader(view);
    for follower in &view.followers {
        let known = if new { LogIndex::ZERO } else { leader.matched(follower.node) };
        if follower.matched <= known {
            continue;
        }
        let node = ghost.node(follower.node);
        if node.durable_term() > view.term {
            continue;
        }
        let matched = follower.matched;
        let believed = leader.log.get(matched).or_else(|| ghost.ledger.get(matched));
        let holds = |link: Link| node.has_held(matched, link.hash);
        if !believed.map_or(matched <= node.disk.end() || node.amnesiac, holds) {
            let me = At(view.node, view.term);
            let entry = EntryId { term: believed.map_or(Term::ZERO, |link| link.term), index: matched };
            let disk = match node.disk.id(matched) {
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
