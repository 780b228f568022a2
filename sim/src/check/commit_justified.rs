//! Only a leader commits, an entry of its own term, once a quorum holds it durably (Raft §5.4.2): replicas of
//! an earlier term's entry prove nothing (Raft Figure 8).

use super::ghost::Ghost;
use super::violation;
use super::words::{At, Voters, picked};
use crate::observation::{Property, View, Violation};
use seaworthy_core::quorum::VoteResult;
use seaworthy_core::types::Term;

/// The step to `view` commits what nobody had committed, in `term`.
pub(super) fn on_commit(ghost: &Ghost, view: &View, term: Term) -> Result<(), Violation> {
    let me = At(view.node, term);
    let node = ghost.node(view.node);
    let link = node.log.get(view.commit).expect("a commit index lies within the log");
    let entry = node.log.id(view.commit).expect("a commit index lies within the log");
    let failure = |detail| Err(violation(Property::CommitJustified, view.node, detail));
    if link.term != term {
        return failure(format!(
            "{me} committed {entry}, an entry of an earlier term, by counting its replicas"
        ));
    }
    if let Some(run) = ghost.ledger.last_run()
        && run.term > term
    {
        let (later, last) = (At(run.leader, run.term), ghost.ledger.last());
        return failure(format!("{me} committed {entry} after {later} had committed {last}"));
    }
    Ok(())
}

/// The same step: a quorum of disks holds what it commits. It is judged by the configuration from before the step: the
/// one that replaces it may be appended in the same step. A crashed node counts with its disk, and one that has lost its
/// disk with what it held: it may have said so before.
pub(super) fn by_quorum(ghost: &Ghost, view: &View, term: Term) -> Result<(), Violation> {
    let me = At(view.node, term);
    let node = ghost.node(view.node);
    let link = node.log.get(view.commit).expect("a commit index lies within the log");
    let entry = node.log.id(view.commit).expect("a commit index lies within the log");
    let voters = &node.membership.voters;
    let holds = |voter| ghost.node(voter).has_held(view.commit, link.hash);
    if voters.vote(|voter| holds(voter).then_some(true)) == VoteResult::Won {
        return Ok(());
    }
    let (holders, all) = (picked(ghost, voters, holds), Voters(voters));
    let detail = format!("{me} committed {entry}, which the disks of {holders} hold: no quorum of {all}");
    Err(violation(Property::CommitJustified, view.node, detail))
}
