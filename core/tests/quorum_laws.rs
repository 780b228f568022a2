//! Laws of the quorum arithmetic, against twins that try every subset of the voters.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use seaworthy_core::quorum::{Joint, Majority, VoteResult};
use seaworthy_core::types::NodeId;
use std::collections::BTreeMap;

/// What each node has reached. Few values, so that they meet.
fn reached(count: std::ops::Range<usize>) -> impl Strategy<Value = BTreeMap<NodeId, u64>> {
    btree_map((1..100_u64).prop_map(NodeId::new), 0..6_u64, count)
}

/// Subsets of `voters` of more than half of them.
fn quorums(voters: &[NodeId]) -> impl Iterator<Item = Vec<NodeId>> {
    let chosen = |subset: u32| (0..voters.len()).filter(move |i| subset >> i & 1 == 1).map(|i| voters[i]);
    let subsets = (0..1_u32 << voters.len()).map(move |subset| chosen(subset).collect::<Vec<_>>());
    subsets.filter(|subset| 2 * subset.len() > voters.len())
}

/// The best that the slowest member of any quorum has reached; without voters anything goes.
fn agreed_by_subsets(voters: &[NodeId], reached: impl Fn(NodeId) -> u64) -> u64 {
    let slowest = |quorum: Vec<NodeId>| quorum.into_iter().map(&reached).min();
    if voters.is_empty() {
        u64::MAX
    } else {
        quorums(voters).filter_map(slowest).max().expect("all is a quorum")
    }
}

/// The vote as it could end: every way in which those who have not answered could.
fn vote_by_endings(sides: &[&[NodeId]], votes: &BTreeMap<NodeId, Option<bool>>) -> VoteResult {
    let open: Vec<NodeId> = votes.iter().filter(|(_, vote)| vote.is_none()).map(|(node, _)| *node).collect();
    let wins = |ending: u32| {
        let yes = |node: &NodeId| {
            votes[node].unwrap_or_else(|| {
                open.iter().position(|other| other == node).is_some_and(|i| ending >> i & 1 == 1)
            })
        };
        sides
            .iter()
            .all(|side| side.is_empty() || 2 * side.iter().filter(|node| yes(node)).count() > side.len())
    };
    let mut endings = (0..1_u32 << open.len()).map(wins);
    let first = endings.next().expect("there is an ending");
    match (first, endings.all(|wins| wins == first)) {
        (true, true) => VoteResult::Won,
        (false, true) => VoteResult::Lost,
        (_, false) => VoteResult::Pending,
    }
}

/// Votes of some nodes, and two sets of voters among them.
fn votes_and_sides() -> impl Strategy<Value = (BTreeMap<NodeId, Option<bool>>, Vec<NodeId>, Vec<NodeId>)> {
    let voter = (any::<Option<bool>>(), any::<bool>(), any::<bool>());
    vec(voter, 0..9).prop_map(|voters| {
        let nodes = || (1..).map(NodeId::new).zip(&voters);
        let votes = nodes().map(|(node, (vote, ..))| (node, *vote)).collect();
        let one = nodes().filter(|(_, (_, one, _))| *one).map(|(node, _)| node).collect();
        let two = nodes().filter(|(_, (.., two))| *two).map(|(node, _)| node).collect();
        (votes, one, two)
    })
}

proptest! {
    /// A majority agrees to what the best quorum has reached, for numbers of voters on the stack and on the heap.
    #[test]
    fn agreed_is_that_of_the_best_quorum(reached in reached(0..9)) {
        let voters: Vec<NodeId> = reached.keys().copied().collect();
        let agreed = Majority::new(voters.clone()).agreed(|node| reached[&node]);
        prop_assert_eq!(agreed, agreed_by_subsets(&voters, |node| reached[&node]));
    }

    /// Too many voters to try their subsets: a majority has reached what it agrees to, and none has reached more.
    #[test]
    fn agreed_is_reached_by_a_majority_and_no_more_is(reached in reached(1..40)) {
        let majority = Majority::new(reached.keys().copied());
        let agreed = majority.agreed(|node| reached[&node]);
        let count = |least: u64| reached.values().filter(|value| least <= **value).count();
        prop_assert!(2 * count(agreed) > reached.len());
        prop_assert!(2 * count(agreed + 1) <= reached.len());
        prop_assert!(2 * majority.size() > reached.len());
        prop_assert!(2 * (majority.size() - 1) <= reached.len());
    }

    /// The order of the voters, and naming one twice, does not matter.
    #[test]
    fn voters_are_a_set(nodes in vec((1..10_u64).prop_map(NodeId::new), 0..10)) {
        let majority = Majority::new(nodes.clone());
        prop_assert_eq!(&majority, &Majority::new(nodes.iter().rev().copied()));
        prop_assert_eq!(&majority, &Majority::new(nodes.iter().chain(&nodes).copied()));
        prop_assert!(majority.voters().is_sorted_by(|one, other| one < other));
        prop_assert!((1..12).map(NodeId::new).all(|node| majority.contains(node) == nodes.contains(&node)));
    }

    /// A vote is won or lost when no answer that is still out can change it, also in both of two majorities.
    #[test]
    fn a_vote_is_over_when_nothing_can_change_it((votes, one, two) in votes_and_sides()) {
        let vote = |node| votes[&node];
        let joint = Joint { incoming: Majority::new(one.clone()), outgoing: Majority::new(two.clone()) };
        prop_assert_eq!(joint.incoming.vote(vote), vote_by_endings(&[&one], &votes));
        prop_assert_eq!(joint.outgoing.vote(vote), vote_by_endings(&[&two], &votes));
        prop_assert_eq!(joint.vote(vote), vote_by_endings(&[&one, &two], &votes));
        let has_vote = |node: &NodeId| one.contains(node) || two.contains(node);
        prop_assert!(votes.keys().all(|node| joint.contains(*node) == has_vote(node)));
    }

    /// Two majorities agree to what each has reached by itself, and neither comes first.
    #[test]
    fn a_joint_agrees_to_what_both_do(reached in reached(0..9), split: [bool; 9], shared: [bool; 9]) {
        let side = |which: bool| {
            let mine = reached.keys().zip(split.iter().zip(&shared)).filter(move |(_, (split, shared))| **split == which || **shared);
            mine.map(|(node, _)| *node).collect::<Vec<_>>()
        };
        let (one, two) = (side(true), side(false));
        let best = |voters: &[NodeId]| agreed_by_subsets(voters, |node| reached[&node]);
        let joint = |one: &[NodeId], two: &[NodeId]| {
            Joint { incoming: Majority::new(one.to_vec()), outgoing: Majority::new(two.to_vec()) }.agreed(|node| reached[&node])
        };
        prop_assert_eq!(joint(&one, &two), best(&one).min(best(&two)));
        prop_assert_eq!(joint(&two, &one), joint(&one, &two));
    }
}
