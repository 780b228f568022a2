//! The quorum arithmetic on the data-driven cases of etcd's raft.

mod etcd;

use seaworthy_core::quorum::{Joint, Majority, VoteResult};
use seaworthy_core::types::NodeId;
use std::collections::BTreeMap;

/// A case whose one line has been taken apart: a command and its arguments.
struct Case {
    place: String,
    command: String,
    arguments: BTreeMap<String, Vec<String>>,
}

/// `cfg=(1, 2) cfgj=zero`: lists in parentheses or single words.
fn parse_arguments(place: &str, mut text: &str) -> BTreeMap<String, Vec<String>> {
    let mut arguments = BTreeMap::new();
    while !text.trim().is_empty() {
        let (name, rest) = text.split_once('=').unwrap_or_else(|| panic!("{place}: name=value, not {text}"));
        let (value, rest) = match rest.strip_prefix('(') {
            Some(rest) => rest.split_once(')').unwrap_or_else(|| panic!("{place}: no ) in {rest}")),
            None => rest.split_once(' ').unwrap_or((rest, "")),
        };
        let list = value.split(',').map(|word| word.trim().to_string()).filter(|word| !word.is_empty());
        arguments.insert(name.trim().to_string(), list.collect());
        text = rest;
    }
    arguments
}

impl Case {
    fn of(case: &etcd::Case) -> Self {
        let place = case.place.clone();
        let [line] = &case.input[..] else { panic!("{place}: dashes follow a command") };
        let (command, arguments) = line.split_once(' ').unwrap_or((line, ""));
        Self { arguments: parse_arguments(&place, arguments), place, command: command.into() }
    }

    fn list(&self, name: &str) -> &[String] {
        self.arguments.get(name).map_or(&[], Vec::as_slice)
    }

    /// The nodes of one configuration; `zero` has none.
    fn nodes(&self, name: &str) -> Vec<NodeId> {
        let node =
            |word: &String| NodeId::new(word.parse().unwrap_or_else(|_| panic!("{}: {word}", self.place)));
        self.list(name).iter().filter(|word| *word != "zero").map(node).collect()
    }

    fn joint(&self) -> Joint {
        Joint { incoming: Majority::new(self.nodes("cfg")), outgoing: Majority::new(self.nodes("cfgj")) }
    }

    /// What is known of each voter, in the order in which the two configurations first name them; `_` is nothing.
    fn known<T>(&self, name: &str, parse: impl Fn(&str) -> T) -> BTreeMap<NodeId, Option<T>> {
        let mut voters: Vec<NodeId> = vec![];
        for node in self.nodes("cfg").into_iter().chain(self.nodes("cfgj")) {
            if !voters.contains(&node) {
                voters.push(node);
            }
        }
        let words = self.list(name);
        assert_eq!(words.len(), voters.len(), "{}: one word for each voter", self.place);
        let known = words.iter().map(|word| (word != "_").then(|| parse(word)));
        voters.into_iter().zip(known).collect()
    }

    fn run(&self) -> String {
        match &*self.command {
            "committed" => self.committed(),
            "vote" => self.vote(),
            other => panic!("{}: no such command: {other}", self.place),
        }
    }

    fn committed(&self) -> String {
        let known =
            self.known("idx", |word| word.parse().unwrap_or_else(|_| panic!("{}: {word}", self.place)));
        let reached = |node| known[&node].unwrap_or(0);
        let agreed = agree(&self.joint(), |majority| majority.agreed(reached), |joint| joint.agreed(reached));
        let agreed = if agreed == u64::MAX { "∞".to_string() } else { agreed.to_string() };
        picture(&known) + &agreed
    }

    fn vote(&self) -> String {
        let votes = self.known("votes", |word| match word {
            "y" => true,
            "n" => false,
            other => panic!("{}: {other} is no vote", self.place),
        });
        let vote = |node| votes[&node];
        let result = agree(&self.joint(), |majority| majority.vote(vote), |joint| joint.vote(vote));
        match result {
            VoteResult::Won => "VoteWon",
            VoteResult::Pending => "VotePending",
            VoteResult::Lost => "VoteLost",
        }
        .to_string()
    }
}

/// What a pair of majorities says, which is also what it says the other way round, and, if the second is empty,
/// what the first says alone and joint with itself.
fn agree<T: PartialEq + core::fmt::Debug>(
    both: &Joint,
    majority: impl Fn(&Majority) -> T,
    joint: impl Fn(&Joint) -> T,
) -> T {
    let result = joint(both);
    let swapped = Joint { incoming: both.outgoing.clone(), outgoing: both.incoming.clone() };
    assert_eq!(joint(&swapped), result, "neither side comes first");
    if both.outgoing.voters().is_empty() {
        assert_eq!(majority(&both.incoming), result, "an empty side has no say");
        let twice = Joint { incoming: both.incoming.clone(), outgoing: both.incoming.clone() };
        assert_eq!(joint(&twice), result, "a side agrees with itself");
    }
    result
}

/// etcd's picture of a case: a line for each voter, with a bar as long as the number of voters that are behind it.
/// To compare it, too, shows that we give each voter what they gave it.
fn picture(known: &BTreeMap<NodeId, Option<u64>>) -> String {
    let count = known.len();
    if count == 0 {
        return "<empty majority quorum>".to_string();
    }
    let mut picture = format!("{}    idx\n", " ".repeat(count));
    for (node, index) in known {
        let behind = known.values().filter(|other| other.unwrap_or(0) < index.unwrap_or(0)).count();
        let bar = if index.is_some() { "x".repeat(behind) + ">" } else { "?".to_string() };
        picture +=
            &format!("{bar:<width$} {:>5}    (id={})\n", index.unwrap_or(0), node.get(), width = count + 1);
    }
    picture
}

/// All cases agree, to the letter.
#[test]
fn quorums_agree_with_etcd() {
    let files = ["majority_commit.txt", "joint_commit.txt", "majority_vote.txt", "joint_vote.txt"];
    let files = etcd::cases("quorum", &files);
    for case in files.iter().flatten() {
        assert_eq!(Case::of(case).run(), case.expected, "{}", case.place);
    }
    let count: usize = files.iter().map(Vec::len).sum();
    assert!(files.is_empty() || 125 <= count, "only {count} cases");
    println!("{count} cases agree");
}
