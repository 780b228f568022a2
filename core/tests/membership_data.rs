//! Membership changes on the data-driven cases of etcd's raft, unmodified: `shared/data/etcd-raft/confchange`, which
//! lies beside the checkout. Without it there is nothing to compare with, and the test says so.
//!
//! Configurations and refusals are compared to the letter. Of the lines that show what etcd tracks of each node,
//! `match` and `next` are left out: they are the business of a leader, and a configuration knows no leader.

use seaworthy_core::membership::{Change, Membership};
use seaworthy_core::types::NodeId;
use std::path::Path;

/// One case: a line with a command, a line with changes if it has any, and, after a line of dashes, what it prints.
struct Case {
    place: String,
    command: String,
    changes: Vec<Change>,
    expected: String,
}

/// The cases of a file. A case ends at an empty line.
fn parse(name: &str, text: &str) -> Vec<Case> {
    let mut cases = vec![];
    let mut lines = text.lines().enumerate();
    while let Some((number, command)) = lines.next() {
        if command.is_empty() || command.starts_with('#') {
            continue;
        }
        let place = format!("{name}:{}", number + 1);
        let mut rest = lines.by_ref().map(|(_, line)| line);
        let words: Vec<&str> =
            rest.by_ref().take_while(|line| *line != "----").flat_map(str::split_whitespace).collect();
        let expected: Vec<&str> = rest.take_while(|line| !line.is_empty()).collect();
        cases.push(Case {
            changes: words.iter().filter_map(|word| parse_change(&place, word)).collect(),
            place,
            command: command.into(),
            expected: expected.join("\n"),
        });
    }
    cases
}

/// `v1` a voter, `l1` a learner, `r1` removed. `u1` stands for news that are not about the configuration, and node 0
/// for nobody: neither changes anything.
fn parse_change(place: &str, word: &str) -> Option<Change> {
    let (kind, number) = word.split_at(1);
    let node = NodeId::try_new(number.parse().unwrap_or_else(|_| panic!("{place}: no number in {word}")))?;
    match kind {
        "v" => Some(Change::AddVoter(node)),
        "l" => Some(Change::AddLearner(node)),
        "r" => Some(Change::Remove(node)),
        "u" => None,
        _ => panic!("{place}: no such change: {word}"),
    }
}

impl Case {
    /// Carries the command out on `membership`, and says what etcd prints.
    fn run(&self, membership: &mut Membership) -> String {
        let result = match &*self.command {
            "simple" => membership.simple(&self.changes),
            "enter-joint" | "enter-joint autoleave=false" => membership.enter_joint(&self.changes, false),
            "enter-joint autoleave=true" => membership.enter_joint(&self.changes, true),
            "leave-joint" => membership.leave_joint(),
            other => panic!("{}: no such command: {other}", self.place),
        };
        match result {
            Ok(next) => {
                assert_eq!(next.validate(), Ok(()), "{}", self.place);
                *membership = next;
                format!("{}\n{}", configuration(membership), tracked(membership))
            }
            Err(error) => error.to_string(),
        }
    }

    /// What etcd prints, without `match` and `next`.
    fn expected(&self) -> String {
        let is_compared = |word: &&str| !word.starts_with("match=") && !word.starts_with("next=");
        let line = |line: &str| line.split(' ').filter(is_compared).collect::<Vec<_>>().join(" ");
        self.expected.lines().map(line).collect::<Vec<_>>().join("\n")
    }
}

/// `voters=(1 2 3)&&(1) learners=(4) learners_next=(5) autoleave`, of which only the first group is always there.
fn configuration(membership: &Membership) -> String {
    let list = |nodes: &[NodeId]| {
        let numbers: Vec<String> = nodes.iter().map(|node| node.get().to_string()).collect();
        format!("({})", numbers.join(" "))
    };
    let optional = |name: &str, nodes: &[NodeId]| {
        if nodes.is_empty() { String::new() } else { format!("{name}{}", list(nodes)) }
    };
    let mut text = format!("voters={}", list(membership.voters.incoming.voters()));
    text += &optional("&&", membership.voters.outgoing.voters());
    text += &optional(" learners=", &membership.learners);
    text += &optional(" learners_next=", &membership.learners_next);
    text + if membership.auto_leave { " autoleave" } else { "" }
}

/// A line for each node that receives the log, ascending.
fn tracked(membership: &Membership) -> String {
    let mut nodes: Vec<NodeId> = membership.nodes().collect();
    nodes.sort();
    let line = |node: &NodeId| {
        let learner = if membership.learners.contains(node) { " learner" } else { "" };
        format!("{}: StateProbe{learner}", node.get())
    };
    nodes.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// All cases agree. Those of a file build on each other, and on no configuration at first.
#[test]
fn changes_agree_with_etcd() {
    let mut count = 0;
    for name in [
        "joint_autoleave.txt",
        "joint_idempotency.txt",
        "joint_learners_next.txt",
        "joint_safety.txt",
        "simple_idempotency.txt",
        "simple_promote_demote.txt",
        "simple_safety.txt",
        "update.txt",
        "zero.txt",
    ] {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/etcd-raft/confchange").join(name);
        let Ok(text) = std::fs::read_to_string(&path) else {
            println!("{} is absent: nothing to compare with", path.display());
            return;
        };
        let cases = parse(name, &text);
        let dashes = text.lines().filter(|line| *line == "----").count();
        assert_eq!(cases.len(), dashes, "{name}: every case was read");
        let mut membership = Membership::default();
        for case in &cases {
            assert_eq!(case.run(&mut membership), case.expected(), "{}", case.place);
        }
        count += cases.len();
    }
    assert!(58 <= count, "only {count} cases");
    println!("{count} cases agree");
}
