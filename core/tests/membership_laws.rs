//! Laws of membership changes, against twins that try every subset of the nodes or keep a table of roles.

use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use seaworthy_core::membership::{Change, ChangeError, MAX_NODES, Membership};
use seaworthy_core::quorum::{Joint, Majority};
use seaworthy_core::types::NodeId;
use std::collections::{BTreeMap, BTreeSet};

/// How many nodes take part: few, so that changes meet and every subset can be tried.
const NODES: u64 = 7;

fn node() -> impl Strategy<Value = NodeId> {
    (1..=NODES).prop_map(NodeId::new)
}

fn majority(voters: std::ops::RangeInclusive<u64>) -> Majority {
    Majority::new(voters.map(NodeId::new))
}

fn alone(incoming: Majority) -> Joint {
    Joint { incoming, outgoing: Majority::default() }
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let change = prop_oneof![
        node().prop_map(Change::AddVoter),
        node().prop_map(Change::AddLearner),
        node().prop_map(Change::Remove),
    ];
    vec(change, 0..5)
}

/// One way to change a membership.
#[derive(Clone, Debug)]
enum Step {
    Simple(Vec<Change>),
    EnterJoint(Vec<Change>, bool),
    LeaveJoint,
    Change(Vec<Change>),
}

impl Step {
    fn any() -> impl Strategy<Value = Self> {
        prop_oneof![
            changes().prop_map(Self::Simple),
            (changes(), any::<bool>())
                .prop_map(|(changes, auto_leave)| Self::EnterJoint(changes, auto_leave)),
            Just(Self::LeaveJoint),
            changes().prop_map(Self::Change),
        ]
    }

    fn of(&self, membership: &Membership) -> Result<Membership, ChangeError> {
        match self {
            Self::Simple(changes) => membership.simple(changes),
            Self::EnterJoint(changes, auto_leave) => membership.enter_joint(changes, *auto_leave),
            Self::LeaveJoint => membership.leave_joint(),
            Self::Change(changes) => membership.change(changes),
        }
    }
}

/// A founding configuration.
fn founding() -> impl Strategy<Value = Membership> {
    btree_set(node(), 1..6).prop_map(Membership::new)
}

/// A configuration that some way leads to.
fn memberships() -> impl Strategy<Value = Membership> {
    (founding(), vec(Step::any(), 0..6)).prop_map(|(founding, steps)| {
        steps.iter().fold(founding, |membership, step| step.of(&membership).unwrap_or(membership))
    })
}

/// Any two halves, of which the outgoing is often empty.
fn joints() -> impl Strategy<Value = Joint> {
    let half = |sizes| btree_set(node(), sizes).prop_map(Majority::new);
    prop_oneof![
        half(0..8).prop_map(alone),
        (half(0..8), half(0..8)).prop_map(|(incoming, outgoing)| Joint { incoming, outgoing }),
    ]
}

/// Every set of nodes that holds more than half of each half, as bits.
fn quorums(joint: &Joint) -> Vec<u32> {
    let has_most = |set: u32, half: &Majority| {
        let count = half.voters().iter().filter(|voter| set >> (voter.get() - 1) & 1 == 1).count();
        half.voters().is_empty() || half.voters().len() < 2 * count
    };
    (0..1 << NODES).filter(|set| has_most(*set, &joint.incoming) && has_most(*set, &joint.outgoing)).collect()
}

/// Whether every quorum of one meets every quorum of the other, as it is said.
fn overlaps_by_subsets(one: &Joint, two: &Joint) -> bool {
    all_meet(&quorums(one), &quorums(two))
}

fn all_meet(ours: &[u32], theirs: &[u32]) -> bool {
    ours.iter().all(|our| theirs.iter().all(|their| our & their != 0))
}

/// What `changes` lead to: a table of who has a vote and who has none, in which the last word on a node holds.
fn after(membership: &Membership, changes: &[Change]) -> Membership {
    let voters = membership.voters.incoming.voters().iter().map(|node| (*node, true));
    let learners = membership.learners.iter().map(|node| (*node, false));
    let mut votes: BTreeMap<NodeId, bool> = voters.chain(learners).collect();
    for change in changes {
        match change {
            Change::AddVoter(node) => votes.insert(*node, true),
            Change::AddLearner(node) => votes.insert(*node, false),
            Change::Remove(node) => votes.remove(node),
        };
    }
    let those = |vote: bool| votes.iter().filter(move |(_, has)| **has == vote).map(|(node, _)| *node);
    Membership { learners: those(false).collect(), ..Membership::new(those(true)) }
}

/// How many voters come or go from one to the other.
fn voters_changed(old: &Membership, new: &Membership) -> usize {
    let set = |membership: &Membership| {
        membership.voters.incoming.voters().iter().copied().collect::<BTreeSet<NodeId>>()
    };
    set(old).symmetric_difference(&set(new)).count()
}

proptest! {
    /// However a configuration changes, it is a configuration again, and cannot decide apart from the one before.
    #[test]
    fn accepted_changes_keep_the_invariants_and_quorums_overlap(
        mut membership in founding(),
        steps in vec(Step::any(), 1..12),
    ) {
        for step in steps {
            let Ok(next) = step.of(&membership) else { continue };
            prop_assert_eq!(next.validate(), Ok(()), "{:?}", step);
            prop_assert!(membership.voters.overlaps(&next.voters), "{:?} to {:?}", membership, next);
            prop_assert!(overlaps_by_subsets(&membership.voters, &next.voters), "{:?} to {:?}", membership, next);
            membership = next;
        }
    }

    /// Each way leads to where the last word on each node says, the joint way at its end, or is refused for the reason
    /// that it gives. So where two ways are open, they lead to the same.
    #[test]
    fn every_way_leads_to_what_was_asked_for(
        membership in memberships(),
        changes in changes(),
        auto_leave: bool,
    ) {
        let simple = membership.simple(&changes);
        let joint = membership.enter_joint(&changes, auto_leave);
        let asked = membership.change(&changes);
        let wanted = after(&membership, &changes);
        if membership.is_joint() {
            prop_assert_eq!(simple, Err(ChangeError::SimpleWhileJoint));
            prop_assert_eq!(joint, Err(ChangeError::AlreadyJoint));
            prop_assert_eq!(asked, Err(ChangeError::AlreadyJoint));
        } else if wanted.voters.incoming.voters().is_empty() {
            prop_assert_eq!(simple, Err(ChangeError::NoVotersLeft));
            prop_assert_eq!(joint, Err(ChangeError::NoVotersLeft));
            prop_assert_eq!(asked, Err(ChangeError::NoVotersLeft));
        } else {
            let joint = joint.expect("there are voters before and after");
            prop_assert_eq!(&joint.voters.outgoing, &membership.voters.incoming);
            prop_assert_eq!(&joint.voters.incoming, &wanted.voters.incoming);
            prop_assert_eq!(joint.auto_leave, auto_leave);
            prop_assert_eq!(joint.leave_joint(), Ok(wanted.clone()));
            if voters_changed(&membership, &wanted) <= 1 {
                prop_assert_eq!(&simple, &Ok(wanted));
                prop_assert_eq!(asked, simple);
            } else {
                prop_assert_eq!(simple, Err(ChangeError::ManyVoters));
                prop_assert_eq!(asked, Ok(Membership { auto_leave: true, ..joint }));
            }
        }
    }

    /// Only what is joint can be left, and what is left is so no longer.
    #[test]
    fn only_a_joint_configuration_is_left(membership in memberships()) {
        match membership.leave_joint() {
            Ok(left) => prop_assert!(membership.is_joint() && !left.is_joint()),
            Err(error) => prop_assert!(!membership.is_joint() && error == ChangeError::NotJoint),
        }
    }

    /// Quorums overlap when no two of them miss each other, whichever pair comes first.
    #[test]
    fn overlap_is_what_all_quorums_say(one in joints(), two in joints()) {
        prop_assert_eq!(one.overlaps(&two), overlaps_by_subsets(&one, &two));
        prop_assert_eq!(two.overlaps(&one), one.overlaps(&two));
        prop_assert_eq!(one.overlaps(&one), overlaps_by_subsets(&one, &one));
    }

    /// Too many voters to try their subsets: two majorities miss each other when those whom both need are fewer than
    /// those whom both have.
    #[test]
    fn overlap_of_large_majorities_is_a_matter_of_numbers(ours in 0..60_u64, both in 0..60_u64, theirs in 0..60_u64) {
        let one = majority(1..=ours + both);
        let two = majority(ours + 1..=ours + both + theirs);
        let needed = |majority: &Majority, own: u64| {
            if majority.voters().is_empty() { 0 } else { (majority.size() as u64).saturating_sub(own) }
        };
        let apart = needed(&one, ours) + needed(&two, theirs) <= both;
        prop_assert_eq!(alone(one).overlaps(&alone(two)), !apart);
    }
}

/// Every pair of halves over four nodes against every other.
#[test]
fn overlap_is_exact_for_all_small_configurations() {
    let half = |set: u64| Majority::new((1..=4).filter(|node| set >> (node - 1) & 1 == 1).map(NodeId::new));
    let joints: Vec<(Joint, Vec<u32>)> = (0..256)
        .map(|sets| Joint { incoming: half(sets % 16), outgoing: half(sets / 16) })
        .map(|joint| (joint.clone(), quorums(&joint)))
        .collect();
    let mut overlapping = 0;
    for (number, (one, ours)) in joints.iter().enumerate() {
        for (two, theirs) in &joints[..=number] {
            let meet = all_meet(ours, theirs);
            assert_eq!(one.overlaps(two), meet, "{one:?} {two:?}");
            overlapping += usize::from(meet);
        }
    }
    assert_eq!(overlapping, 28_605, "of 32,896");
}

/// From three voters to five in one step, two of the old and three of the new decide apart (thesis Figure 4.2), so
/// that a change must go through a joint configuration. From two to four they happen to meet.
#[test]
fn an_arbitrary_step_may_decide_apart() {
    let founding = Membership::new((1..=3).map(NodeId::new));
    let joint =
        founding.change(&[4, 5].map(|node| Change::AddVoter(NodeId::new(node)))).expect("two are added");
    let arbitrary = joint.leave_joint().expect("two voters make a change joint");
    assert_eq!(arbitrary, Membership::new((1..=5).map(NodeId::new)));
    assert!(!founding.voters.overlaps(&arbitrary.voters));
    assert!(founding.voters.overlaps(&joint.voters));
    assert!(joint.voters.overlaps(&arbitrary.voters));
    assert!(alone(majority(1..=2)).overlaps(&alone(majority(1..=4))));
}

/// The largest configuration there may be takes nobody in, by no way, before somebody goes. Its quorums are still
/// compared.
#[test]
fn no_change_makes_a_configuration_too_large() {
    let most = MAX_NODES as u64;
    let [last, more, first] = [most, most + 1, 1].map(NodeId::new);
    let full =
        Membership::new((1..most).map(NodeId::new)).change(&[Change::AddLearner(last)]).expect("it fits");
    for change in [Change::AddVoter(more), Change::AddLearner(more)] {
        assert_eq!(full.simple(&[change]), Err(ChangeError::TooManyNodes));
        assert_eq!(full.enter_joint(&[change], true), Err(ChangeError::TooManyNodes));
        assert_eq!(full.change(&[change]), Err(ChangeError::TooManyNodes));
    }
    assert_eq!(ChangeError::TooManyNodes.to_string(), "more than 1000 nodes in config");

    let swap = [Change::Remove(first), Change::AddVoter(more)];
    assert_eq!(
        full.change(&swap),
        Err(ChangeError::TooManyNodes),
        "who goes still counts while both halves do"
    );
    let swap = [Change::Remove(first), Change::AddVoter(last)];
    let joint = full.change(&swap).expect("nobody new");
    let left = joint.leave_joint().expect("two voters changed");
    assert!(full.voters.overlaps(&joint.voters) && joint.voters.overlaps(&left.voters));
    assert!(joint.voters.overlaps(&joint.voters));
    assert!(!full.voters.overlaps(&left.voters));
}
