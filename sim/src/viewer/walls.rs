//! Cut links as walls: for how long which nodes could not reach which.

use crate::network::Owner;
use crate::time::Time;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// A time in which the same links were cut.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Wall {
    from: u64,
    until: u64,
    /// The line that says so first.
    line: usize,
    /// `n1 | n2 n3`, or the links.
    text: String,
}

/// All walls so far.
#[derive(Debug)]
pub(super) struct Walls {
    nodes: u64,
    walls: Vec<Wall>,
    /// Who has cut each link, as sender and addressee.
    cuts: BTreeMap<(u64, u64), Vec<Owner>>,
    since: Time,
    line: usize,
}

impl Walls {
    pub(super) fn new(nodes: u64) -> Self {
        Self { nodes, walls: Vec::new(), cuts: BTreeMap::new(), since: Time::ZERO, line: 0 }
    }

    /// A link was cut.
    pub(super) fn cut(&mut self, line: usize, at: Time, link: (u64, u64), owner: Owner) {
        self.close(line, at);
        self.cuts.entry(link).or_default().push(owner);
    }

    /// An owner's cuts are over, or all, if that is the timeline.
    pub(super) fn mended(&mut self, line: usize, at: Time, owner: Owner) {
        self.close(line, at);
        for owners in self.cuts.values_mut() {
            owners.retain(|other| owner != Owner::Timeline && *other != owner);
        }
        self.cuts.retain(|_, owners| !owners.is_empty());
    }

    /// All of them, when the run is over.
    pub(super) fn finish(mut self, end: Time) -> Vec<Wall> {
        self.close(0, end);
        self.walls
    }

    /// What is cut changes: what was cut so far is a wall, unless it was so for no time at all.
    fn close(&mut self, line: usize, at: Time) {
        if at <= self.since && !self.cuts.is_empty() {
            return;
        }
        if !self.cuts.is_empty() {
            let text = text(&self.cuts.keys().copied().collect(), self.nodes);
            self.walls.push(Wall { from: self.since.0, until: at.0, line: self.line, text });
        }
        (self.since, self.line) = (at, line);
    }
}

/// The groups that are left, if the cuts make some; otherwise the links.
fn text(cuts: &BTreeSet<(u64, u64)>, nodes: u64) -> String {
    const LINKS_MOST: usize = 4;
    let is_cut = |one: u64, other: u64| cuts.contains(&(one, other));
    let mut groups: Vec<Vec<u64>> = Vec::new();
    for node in 1..=nodes {
        let reaches =
            |group: &&mut Vec<u64>| group.iter().any(|other| !is_cut(node, *other) && !is_cut(*other, node));
        match groups.iter_mut().find(reaches) {
            Some(group) => group.push(node),
            None => groups.push(vec![node]),
        }
    }
    let place = |node: u64| groups.iter().position(|group| group.contains(&node));
    let pairs = || (1..=nodes).flat_map(|one| (1..=nodes).map(move |other| (one, other)));
    let clean = pairs().all(|(one, other)| is_cut(one, other) == (place(one) != place(other)));
    if clean {
        let names =
            |group: &Vec<u64>| group.iter().map(|node| format!("n{node}")).collect::<Vec<_>>().join(" ");
        return groups.iter().map(names).collect::<Vec<_>>().join(" | ");
    }
    let links = cuts.iter().take(LINKS_MOST).map(|(from, to)| format!("n{from} ⇥ n{to}"));
    let mut text = links.collect::<Vec<_>>().join(", ");
    if cuts.len() > LINKS_MOST {
        text += &format!(" and {} more", cuts.len() - LINKS_MOST);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_are_told_as_groups_where_they_make_some() {
        let both = |pairs: &[(u64, u64)]| pairs.iter().flat_map(|(a, b)| [(*a, *b), (*b, *a)]).collect();
        assert_eq!(text(&both(&[(1, 2), (1, 3)]), 3), "n1 | n2 n3");
        assert_eq!(text(&both(&[(1, 2), (1, 3), (2, 3)]), 3), "n1 | n2 | n3");
        assert_eq!(text(&both(&[(1, 2)]), 3), "n1 ⇥ n2, n2 ⇥ n1");
        assert_eq!(text(&BTreeSet::from([(1, 2), (1, 3)]), 3), "n1 ⇥ n2, n1 ⇥ n3");
        let bridge = both(&[(1, 4), (1, 5), (2, 4), (2, 5)]);
        assert_eq!(text(&bridge, 5), "n1 ⇥ n4, n1 ⇥ n5, n2 ⇥ n4, n2 ⇥ n5 and 4 more");
    }

    #[test]
    fn a_wall_stands_until_every_owner_has_mended_its_cuts() {
        let mut walls = Walls::new(2);
        let (one, other) = (Owner::Nemesis(0), Owner::Nemesis(1));
        walls.cut(3, Time(10), (1, 2), one);
        walls.cut(4, Time(10), (2, 1), one);
        walls.cut(5, Time(20), (1, 2), other);
        walls.mended(6, Time(30), one);
        walls.mended(7, Time(40), other);
        walls.cut(8, Time(50), (1, 2), one);
        walls.mended(9, Time(60), Owner::Timeline);
        walls.cut(10, Time(70), (2, 1), one);
        let told: Vec<_> = walls
            .finish(Time(90))
            .into_iter()
            .map(|wall| (wall.from, wall.until, wall.line, wall.text))
            .collect();
        let wall = |from, until, line, text: &str| (from, until, line, text.to_owned());
        assert_eq!(
            told,
            [
                wall(10, 20, 3, "n1 | n2"),
                wall(20, 30, 5, "n1 | n2"),
                wall(30, 40, 6, "n1 ⇥ n2"),
                wall(50, 60, 8, "n1 ⇥ n2"),
                wall(70, 90, 10, "n2 ⇥ n1"),
            ]
        );
    }
}
