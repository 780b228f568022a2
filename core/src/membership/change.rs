//! From one configuration to the next, so that the two cannot decide apart: one voter at a time (thesis §4.1), or any
//! number through a joint configuration (thesis §4.3).

use super::{MAX_NODES, Membership};
use crate::quorum::{Joint, Majority};
use crate::types::NodeId;
use alloc::collections::BTreeSet;
use core::fmt;

/// What becomes of one node. Of several changes of the same node the last one holds, and to ask for what is already
/// so changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It gets a vote. A learner is promoted.
    AddVoter(NodeId),
    /// It receives the log without a vote. A voter is demoted.
    AddLearner(NodeId),
    /// It no longer belongs to the cluster.
    Remove(NodeId),
}

impl Change {
    /// Whom the change is about.
    fn node(self) -> NodeId {
        match self {
            Self::AddVoter(node) | Self::AddLearner(node) | Self::Remove(node) => node,
        }
    }
}

impl Membership {
    /// What an operator asks for: in one step if at most one voter comes or goes, else through a joint configuration
    /// that the leader leaves by itself.
    ///
    /// # Errors
    /// Those of [`enter_joint`](Self::enter_joint).
    pub fn change(&self, changes: &[Change]) -> Result<Self, ChangeError> {
        match self.simple(changes) {
            Err(ChangeError::SimpleWhileJoint | ChangeError::ManyVoters) => self.enter_joint(changes, true),
            result => result,
        }
    }

    /// The configuration after `changes`, of which at most one voter comes or goes: then every majority of the old
    /// voters shares one with every majority of the new (thesis §4.1). Learners may change at will.
    ///
    /// # Errors
    /// If this configuration is joint, if more voters come or go, if none would be left, or if there would be too
    /// many nodes.
    pub fn simple(&self, changes: &[Change]) -> Result<Self, ChangeError> {
        if self.is_joint() {
            return Err(ChangeError::SimpleWhileJoint);
        }
        let next = self.apply(changes)?;
        let missing = |some: &Majority, from: &Majority| {
            some.voters().iter().filter(|voter| !from.contains(**voter)).count()
        };
        let (old, new) = (&self.voters.incoming, &next.voters.incoming);
        if 1 < missing(old, new) + missing(new, old) { Err(ChangeError::ManyVoters) } else { Ok(next) }
    }

    /// The joint configuration between this one and that after `changes`: majorities of both must agree (thesis §4.3).
    /// A voter that is demoted has its old vote until the joint configuration is left, and so is a learner only then.
    ///
    /// # Errors
    /// If this configuration is joint already or has no voters, if none would be left, or if there would be too many
    /// nodes.
    pub fn enter_joint(&self, changes: &[Change], auto_leave: bool) -> Result<Self, ChangeError> {
        if self.is_joint() {
            return Err(ChangeError::AlreadyJoint);
        }
        let old = &self.voters.incoming;
        if old.voters().is_empty() {
            return Err(ChangeError::ZeroVoters);
        }
        let voters = Joint { incoming: old.clone(), outgoing: old.clone() };
        Self { voters, auto_leave, ..self.clone() }.apply(changes)
    }

    /// The configuration that this joint one leads to.
    ///
    /// # Errors
    /// If this configuration is not joint.
    pub fn leave_joint(&self) -> Result<Self, ChangeError> {
        if !self.is_joint() {
            return Err(ChangeError::NotJoint);
        }
        let mut learners = [&self.learners[..], &self.learners_next].concat();
        learners.sort();
        Ok(Self { learners, ..Self::new(self.voters.incoming.voters().iter().copied()) })
    }

    /// The configuration after `changes`, one after the other, to all but the outgoing half.
    fn apply(&self, changes: &[Change]) -> Result<Self, ChangeError> {
        let Joint { incoming, outgoing } = &self.voters;
        let set = |nodes: &[NodeId]| nodes.iter().copied().collect::<BTreeSet<_>>();
        let mut voters = set(incoming.voters());
        let mut learners = set(&self.learners);
        let mut learners_next = set(&self.learners_next);
        for change in changes {
            let node = change.node();
            for place in [&mut voters, &mut learners, &mut learners_next] {
                place.remove(&node);
            }
            let place = match change {
                Change::AddVoter(_) => &mut voters,
                Change::AddLearner(_) if outgoing.contains(node) => &mut learners_next,
                Change::AddLearner(_) => &mut learners,
                Change::Remove(_) => continue,
            };
            place.insert(node);
        }
        if voters.is_empty() {
            return Err(ChangeError::NoVotersLeft);
        }
        let next = Self {
            voters: Joint { incoming: Majority::new(voters), outgoing: outgoing.clone() },
            learners: learners.into_iter().collect(),
            learners_next: learners_next.into_iter().collect(),
            auto_leave: self.auto_leave,
        };
        if MAX_NODES < next.nodes().count() { Err(ChangeError::TooManyNodes) } else { Ok(next) }
    }
}

/// Why a change is refused. The words are etcd's, so that its test data can be compared with to the letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeError {
    /// The change before has not left its joint configuration.
    AlreadyJoint,
    /// There is no joint configuration to leave.
    NotJoint,
    /// Without voters there is nothing to be joint with.
    ZeroVoters,
    /// A simple change has to wait until the joint configuration is left.
    SimpleWhileJoint,
    /// More than one voter comes or goes at once.
    ManyVoters,
    /// Nobody would have a vote.
    NoVotersLeft,
    /// There would be more than [`MAX_NODES`].
    TooManyNodes,
}

impl fmt::Display for ChangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AlreadyJoint => "config is already joint",
            Self::NotJoint => "can't leave a non-joint config",
            Self::ZeroVoters => "can't make a zero-voter config joint",
            Self::SimpleWhileJoint => "can't apply simple config change in joint config",
            Self::ManyVoters => "more than one voter changed without entering joint config",
            Self::NoVotersLeft => "removed all voters",
            Self::TooManyNodes => return write!(f, "more than {MAX_NODES} nodes in config"),
        })
    }
}

impl core::error::Error for ChangeError {}
