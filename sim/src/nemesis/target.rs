//! Whom a fault is aimed at: roles become node numbers at the instant of the fault.

use crate::choice::{Choice, Stream};
use crate::scenario::scalar::Target;
use seaworthy_core::membership::Membership;
use seaworthy_core::types::{NodeId, Term};

/// What a fault may know of the cluster when it strikes.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Status {
    /// Every server, ascending.
    pub nodes: Vec<NodeStatus>,
    /// Who belongs to the cluster, as the leader has it.
    pub membership: Membership,
    /// Whether that is committed and nobody is about to change it.
    pub settled: bool,
}

/// What a fault may know of one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeStatus {
    /// Which.
    pub node: NodeId,
    /// Whether it runs: not crashed. A paused node runs.
    pub up: bool,
    /// Whether it is frozen.
    pub paused: bool,
    /// The term that it believes to lead, if it does.
    pub leads: Option<Term>,
    /// Whether its disk has ever been wiped, or it was shut down for good: under its number it is no use to anybody.
    pub gone: bool,
}

impl Status {
    /// The running leader of the highest term; a deposed one that does not know yet is not it.
    pub fn leader(&self) -> Option<NodeId> {
        let leaders = self.nodes.iter().filter(|node| node.up && node.leads.is_some());
        // Reversed, because `max_by_key` takes the last of equals: the lowest number wins.
        leaders.rev().max_by_key(|node| node.leads).map(|node| node.node)
    }

    /// Every node, ascending.
    pub fn all(&self) -> Vec<NodeId> {
        self.nodes.iter().map(|node| node.node).collect()
    }

    /// The nodes of which `which` holds, ascending.
    pub fn those(&self, which: impl Fn(&NodeStatus) -> bool) -> Vec<NodeId> {
        self.nodes.iter().filter(|node| which(node)).map(|node| node.node).collect()
    }
}

/// The nodes that `target` means now, ascending; none if nobody fits.
pub fn resolve(target: Target, status: &Status, choice: &mut Choice, stream: Stream) -> Vec<NodeId> {
    let members = || status.those(|node| status.membership.contains(node.node));
    let count = members().len();
    match target {
        Target::Node(number) => status.those(|node| node.node.get() == number),
        Target::Leader => status.leader().into_iter().collect(),
        Target::AFollower => some(status.those(|node| node.up && node.leads.is_none()), 1, choice, stream),
        Target::Any => some(status.those(|node| node.up), 1, choice, stream),
        Target::Followers => {
            let leader = status.leader();
            status.those(|node| Some(node.node) != leader)
        }
        Target::AMinority => {
            let most = count.saturating_sub(1) / 2;
            let size = choice.between(stream, most.min(1) as u64, most as u64) as usize;
            some(members(), size, choice, stream)
        }
        Target::AMajority => {
            // Not everybody if that can be helped: `all` is a target of its own.
            let least = count / 2 + 1;
            let most = least.max(count.saturating_sub(1));
            let size = choice.between(stream, least as u64, most as u64) as usize;
            some(members(), size, choice, stream)
        }
        Target::All => status.all(),
    }
}

/// `size` of `nodes`, each choice of them as likely as any other, ascending; all of them if there are fewer.
pub fn some(mut nodes: Vec<NodeId>, size: usize, choice: &mut Choice, stream: Stream) -> Vec<NodeId> {
    let size = size.min(nodes.len());
    for place in 0..size {
        let other = place + choice.below(stream, (nodes.len() - place) as u64) as usize;
        nodes.swap(place, other);
    }
    nodes.truncate(size);
    nodes.sort();
    nodes
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const STREAM: Stream = Stream::Timeline;

    /// `"u"` up, `"d"` down, `"p"` paused, a digit leads that term.
    fn status(nodes: &str) -> Status {
        let nodes = nodes.chars().zip(1..).map(|(state, number)| NodeStatus {
            node: NodeId::new(number),
            up: state != 'd',
            paused: state == 'p',
            leads: state.to_digit(10).map(|term| Term(u64::from(term))),
            gone: false,
        });
        let nodes: Vec<_> = nodes.collect();
        let membership = Membership::new(nodes.iter().map(|node| node.node));
        Status { nodes, membership, settled: true }
    }

    fn numbers(nodes: &[NodeId]) -> Vec<u64> {
        nodes.iter().map(|node| node.get()).collect()
    }

    /// Every answer that 200 draws give.
    fn outcomes(target: Target, nodes: &str) -> BTreeSet<Vec<u64>> {
        let mut choice = Choice::seeded(5);
        let status = status(nodes);
        (0..200).map(|_| numbers(&resolve(target, &status, &mut choice, STREAM))).collect()
    }

    #[test]
    fn a_role_means_who_has_it_now() {
        let table: &[(Target, &str, &[&[u64]])] = &[
            (Target::Node(2), "uuu", &[&[2]]),
            (Target::Node(4), "uuu", &[&[]]),
            (Target::Leader, "uuu", &[&[]]),
            (Target::Leader, "3u5", &[&[3]]),
            (Target::Leader, "3ud", &[&[1]]),
            (Target::Leader, "44u", &[&[1]]),
            (Target::AFollower, "3u5du", &[&[2], &[5]]),
            (Target::AFollower, "3dd", &[&[]]),
            (Target::Any, "3du", &[&[1], &[3]]),
            (Target::Any, "dd", &[&[]]),
            (Target::Followers, "u3d", &[&[1, 3]]),
            (Target::Followers, "uuu", &[&[1, 2, 3]]),
            (Target::AMinority, "u", &[&[]]),
            (Target::AMinority, "uu", &[&[]]),
            (Target::AMinority, "uud", &[&[1], &[2], &[3]]),
            (Target::AMajority, "u", &[&[1]]),
            (Target::AMajority, "uu", &[&[1, 2]]),
            (Target::AMajority, "uuu", &[&[1, 2], &[1, 3], &[2, 3]]),
            (Target::All, "udp", &[&[1, 2, 3]]),
        ];
        for (target, nodes, expected) in table {
            let expected = expected.iter().map(|nodes| nodes.to_vec()).collect::<BTreeSet<_>>();
            assert_eq!(outcomes(*target, nodes), expected, "{target:?} of {nodes}");
        }
    }

    #[test]
    fn minorities_and_majorities_of_every_size_come_up() {
        let sizes = |target| outcomes(target, "uuuuuuu").iter().map(Vec::len).collect::<BTreeSet<_>>();
        assert_eq!(sizes(Target::AMinority), BTreeSet::from([1, 2, 3]));
        assert_eq!(sizes(Target::AMajority), BTreeSet::from([4, 5, 6]));
    }
}
