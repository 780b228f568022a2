//! Membership changes on the data-driven cases of etcd's raft.
//!
//! Configurations and refusals are compared to the letter. Of the lines that show what etcd tracks of each node,
//! `match` and `next` are left out: they are the business of a leader, and a configuration knows no leader.

mod etcd;

use etcd::Case;
use seaworthy_core::membership::{Change, Membership};
use seaworthy_core::types::NodeId;

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

/// Carries the case out on `membership`, and says what etcd prints. Its first line is the command, the changes follow.
fn run(case: &Case, membership: &mut Membership) -> String {
    let words = case.input[1..].iter().flat_map(|line| line.split_whitespace());
    let changes: Vec<Change> = words.filter_map(|word| parse_change(&case.place, word)).collect();
    let result = match &*case.input[0] {
        "simple" => membership.simple(&changes),
        "enter-joint" | "enter-joint autoleave=false" => membership.enter_joint(&changes, false),
        "enter-joint autoleave=true" => membership.enter_joint(&changes, true),
        "leave-joint" => membership.leave_joint(),
        other => panic!("{}: no such command: {other}", case.place),
    };
    match result {
        Ok(next) => {
            assert_eq!(next.validate(), Ok(()), "{}", case.place);
            *membership = next;
            format!("{}\n{}", configuration(membership), tracked(membership))
        }
        Err(error) => error.to_string(),
    }
}

/// What etcd prints, without `match` and `next`.
fn expected(case: &Case) -> String {
    let is_compared = |word: &&str| !word.starts_with("match=") && !word.starts_with("next=");
    let line = |line: &str| line.split(' ').filter(is_compared).collect::<Vec<_>>().join(" ");
    case.expected.lines().map(line).collect::<Vec<_>>().join("\n")
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
    let files = etcd::cases(
        "confchange",
        &[
            "joint_autoleave.txt",
            "joint_idempotency.txt",
            "joint_learners_next.txt",
            "joint_safety.txt",
            "simple_idempotency.txt",
            "simple_promote_demote.txt",
            "simple_safety.txt",
            "update.txt",
            "zero.txt",
        ],
    );
    for cases in &files {
        let mut membership = Membership::default();
        for case in cases {
            assert_eq!(run(case, &mut membership), expected(case), "{}", case.place);
        }
    }
    let count: usize = files.iter().map(Vec::len).sum();
    assert!(files.is_empty() || 58 <= count, "only {count} cases");
    println!("{count} cases agree");
}
