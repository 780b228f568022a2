//! Whether what a scenario expects holds at an instant, and in words, why not.

use super::model::Predicate;
use crate::history::{ClientId, Completion};
use crate::observation::{Property, View};
use seaworthy_core::membership::Membership;
use seaworthy_core::types::{NodeId, Term};
use seaworthy_core::view::Role;
use std::collections::BTreeMap;
use std::fmt::Write;

/// How a run stands at an instant.
pub struct Standing<'a> {
    /// Whether each node runs, and what it looks like, or looked like when it last ran. Ascending.
    pub nodes: Vec<(bool, &'a View)>,
    /// The terms of a node's log, from index 1 or from where its snapshot ends.
    pub log_terms: &'a dyn Fn(NodeId) -> Vec<Term>,
    /// Elections won so far.
    pub elections: u64,
    /// Operations answered so far.
    pub answered: u64,
    /// How each client's last completed operation ended.
    pub last_completions: &'a BTreeMap<ClientId, Completion>,
    /// The property that the run broke, if it did.
    pub violated: Option<Property>,
}

/// Whether `predicate` holds.
///
/// # Errors
/// What was expected and what is instead, in the notation (`n1@3`, `7@2`).
pub fn holds(predicate: &Predicate, standing: &Standing<'_>) -> Result<(), String> {
    match predicate {
        Predicate::LeaderExists(wanted) => leader_exists(*wanted, standing),
        Predicate::Leads(node) => role(*node, true, standing),
        Predicate::DoesNotLead(node) => role(*node, false, standing),
        Predicate::VotedFor { node, candidate } => voted_for(*node, *candidate, standing),
        Predicate::TermAtMost(most) => {
            let highest = standing.running().max_by_key(|view| view.term);
            let right = highest.is_none_or(|view| view.term.0 <= *most);
            verdict(right, || format!("no running node's term above {most}"), || standing.words())
        }
        Predicate::TermAtLeast(least) => {
            let right = standing.running().any(|view| *least <= view.term.0);
            verdict(right, || format!("a running node in term {least} or above"), || standing.words())
        }
        Predicate::ElectionsAtMost(most) => at_most(*most, "number of elections", standing.elections),
        Predicate::ElectionsAtLeast(least) => at_least(*least, "number of elections", standing.elections),
        Predicate::Log { node, terms } => log(*node, terms, standing),
        Predicate::Level(wanted) => level(*wanted, standing),
        Predicate::Voters(nodes) => {
            membership("voters", nodes, standing, |membership| membership.voters.incoming.voters())
        }
        Predicate::Learners(nodes) => {
            membership("learners", nodes, standing, |membership| &membership.learners)
        }
        Predicate::SnapshotAtLeast { node, entries } => snapshot(*node, *entries, standing),
        Predicate::CommitAtLeast(least) => at_least(*least, "highest commit index", standing.commit()),
        Predicate::CommitAtMost(most) => at_most(*most, "highest commit index", standing.commit()),
        Predicate::AnsweredAtLeast(least) => at_least(*least, "number of answers", standing.answered),
        Predicate::AnsweredAtMost(most) => at_most(*most, "number of answers", standing.answered),
        Predicate::Answered { client, with } => answered(*client, with, standing),
        Predicate::Violated(property) => {
            let found = || standing.violated.map_or("nothing is".to_owned(), |found| name(found) + " is");
            verdict(standing.violated == Some(*property), || name(*property) + " to be violated", found)
        }
    }
}

impl Standing<'_> {
    fn running(&self) -> impl Iterator<Item = &View> {
        self.nodes.iter().filter(|(up, _)| *up).map(|(_, view)| *view)
    }

    /// The node of this number, if it runs.
    fn node(&self, number: u64) -> Result<&View, String> {
        let found = self.nodes.iter().find(|(_, view)| view.node.get() == number);
        match found {
            Some((true, view)) => Ok(view),
            Some((false, view)) => Err(format!("{} is down", view.node)),
            None => Err(format!("there is no n{number}")),
        }
    }

    /// The running leader of the highest term.
    fn leader(&self) -> Option<&View> {
        self.running().filter(|view| view.role == Role::Leader).max_by_key(|view| view.term)
    }

    /// The running nodes that belong to the cluster, as its leader has it, or else whoever has got furthest.
    fn members(&self) -> impl Iterator<Item = &View> {
        let who = self.leader().or_else(|| self.running().max_by_key(|view| view.last));
        let member = move |view: &&View| who.is_some_and(|who| who.membership.contains(view.node));
        self.running().filter(member)
    }

    /// The highest commit index of any running node.
    fn commit(&self) -> u64 {
        self.running().map(|view| view.commit.0).max().unwrap_or(0)
    }

    /// Every node and its role: `n1@3 leader, n2@3 follower, n3 down`.
    fn words(&self) -> String {
        let mut words = String::new();
        for (position, (up, view)) in self.nodes.iter().enumerate() {
            let comma = if position > 0 { ", " } else { "" };
            let node = view.node;
            if *up {
                write!(words, "{comma}{node}@{} {}", view.term, role_name(view.role))
            } else {
                write!(words, "{comma}{node} down")
            }
            .expect("a string takes all text");
        }
        words
    }
}

fn leader_exists(wanted: bool, standing: &Standing<'_>) -> Result<(), String> {
    let newest = standing.running().map(|view| view.term).max();
    let found = standing.running().any(|view| view.role == Role::Leader && Some(view.term) == newest);
    let expected = if wanted { "a leader of the newest term" } else { "no leader of the newest term" };
    verdict(found == wanted, || expected.to_owned(), || standing.words())
}

fn role(node: u64, leads: bool, standing: &Standing<'_>) -> Result<(), String> {
    let expected = || format!("n{node} {}to lead", if leads { "" } else { "not " });
    match standing.node(node) {
        Ok(view) => verdict((view.role == Role::Leader) == leads, expected, || standing.words()),
        // Who is down leads nobody.
        Err(why) => verdict(!leads, expected, || why),
    }
}

fn voted_for(node: u64, candidate: u64, standing: &Standing<'_>) -> Result<(), String> {
    let expected = || format!("n{node} to have voted for n{candidate}");
    match standing.node(node) {
        Ok(view) => verdict(view.vote.is_some_and(|vote| vote.get() == candidate), expected, || {
            let vote = view.vote.map_or("has not voted".to_owned(), |vote| format!("voted for {vote}"));
            format!("n{node}@{} {vote}", view.term)
        }),
        Err(why) => verdict(false, expected, || why),
    }
}

fn log(node: u64, terms: &[u64], standing: &Standing<'_>) -> Result<(), String> {
    let found = NodeId::try_new(node).map(|node| (standing.log_terms)(node)).unwrap_or_default();
    let right = found.iter().map(|term| term.0).eq(terms.iter().copied());
    verdict(right, || format!("n{node}'s log of terms {terms:?}"), || format!("it is {found:?}"))
}

fn level(wanted: bool, standing: &Standing<'_>) -> Result<(), String> {
    let members: Vec<&View> = standing.members().collect();
    let Some(first) = members.first() else {
        return verdict(wanted, || "replicas that are not level".to_owned(), || "no member runs".to_owned());
    };
    // Equal last entries stand for equal logs (Raft §5.3).
    let level = |view: &&View| {
        view.applied == view.last.index && (view.last, view.state_hash) == (first.last, first.state_hash)
    };
    let expected = if wanted { "equal logs, all applied" } else { "replicas that are not level" };
    verdict(
        members.iter().all(level) == wanted,
        || expected.to_owned(),
        || {
            let word =
                |view: &&View| format!("{} ends at {}, applied {}", view.node, view.last, view.applied);
            members.iter().map(word).collect::<Vec<_>>().join(", ")
        },
    )
}

/// Whether exactly `wanted` are what `of` reads from the configuration, which is committed and not joint.
fn membership(
    what: &str,
    wanted: &[u64],
    standing: &Standing<'_>,
    of: impl Fn(&Membership) -> &[NodeId],
) -> Result<(), String> {
    let expected = || format!("the {what} to be {wanted:?}");
    let Some(view) = standing.leader() else { return verdict(false, expected, || standing.words()) };
    let mut wanted = wanted.to_vec();
    wanted.sort();
    let found: Vec<u64> = of(&view.membership).iter().map(|node| node.get()).collect();
    let settled = view.membership_index <= view.commit && !view.membership.is_joint();
    verdict(settled && found == wanted, expected, || {
        format!("they are {found:?}{}", if settled { "" } else { ", in a change that is under way" })
    })
}

fn snapshot(node: u64, entries: u64, standing: &Standing<'_>) -> Result<(), String> {
    let expected = || format!("n{node}'s snapshot to reach index {entries}");
    match standing.node(node) {
        Ok(view) => {
            let found = view.snapshot.map_or(0, |last| last.index.0);
            verdict(entries <= found, expected, || format!("it reaches {found}"))
        }
        Err(why) => verdict(false, expected, || why),
    }
}

fn answered(client: u32, with: &str, standing: &Standing<'_>) -> Result<(), String> {
    let found = match standing.last_completions.get(&ClientId(client)) {
        Some(Completion::Ok(answer)) => answer.to_string(),
        Some(Completion::Info) => "(unknown)".to_owned(),
        Some(Completion::Fail) => "(failed)".to_owned(),
        None => {
            let found = || format!("no operation of client {client} has ended");
            return verdict(false, || format!("client {client} to be answered {with}"), found);
        }
    };
    verdict(found == with, || format!("client {client} to be answered {with}"), || format!("it was {found}"))
}

fn at_least(least: u64, what: &str, found: u64) -> Result<(), String> {
    verdict(least <= found, || format!("the {what} to be at least {least}"), || format!("it is {found}"))
}

fn at_most(most: u64, what: &str, found: u64) -> Result<(), String> {
    verdict(found <= most, || format!("the {what} to be at most {most}"), || format!("it is {found}"))
}

/// `right`, or else both sides in words.
fn verdict(
    right: bool,
    expected: impl FnOnce() -> String,
    found: impl FnOnce() -> String,
) -> Result<(), String> {
    if right { Ok(()) } else { Err(format!("expected {}; {}", expected(), found())) }
}

/// As it is written in scenario files.
fn name(property: Property) -> String {
    let text = serde_json::to_string(&property).expect("a unit variant is a string");
    text.trim_matches('"').to_owned()
}

fn role_name(role: Role) -> &'static str {
    match role {
        Role::Follower => "follower",
        Role::PreCandidate => "pre-candidate",
        Role::Candidate => "candidate",
        Role::Leader => "leader",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use seaworthy_core::kv::Answer;
    use seaworthy_core::membership::Membership;
    use seaworthy_core::types::{Bytes, EntryId, LogIndex};
    use seaworthy_core::view::Usage;

    /// A node in `term` that has applied all of its log.
    fn view(node: u64, role: Role, term: u64, last: EntryId) -> View {
        View {
            node: NodeId::new(node),
            role,
            term: Term(term),
            vote: None,
            leader: None,
            commit: last.index,
            applied: last.index,
            last,
            snapshot: Some(EntryId::ZERO),
            state_hash: 0,
            followers: Vec::new(),
            membership: membership().into(),
            membership_index: LogIndex(2),
            lease_until: None,
            usage: Usage::default(),
        }
    }

    /// n1, n2 and n3 vote, n4 learns.
    fn membership() -> Membership {
        let learners = vec![NodeId::new(4)];
        Membership { learners, ..Membership::new((1..=3).map(NodeId::new)) }
    }

    /// n1 leads term 3, n2 follows it, has voted for it and goes on from a snapshot of 3 entries, n3 went down as the
    /// leader of term 2.
    fn views() -> [(bool, View); 3] {
        let last = EntryId::new(3, 4);
        let mut second = view(2, Role::Follower, 3, last);
        second.vote = Some(NodeId::new(1));
        second.snapshot = Some(EntryId::new(1, 3));
        let third = view(3, Role::Leader, 2, EntryId::new(2, 9));
        [(true, view(1, Role::Leader, 3, last)), (true, second), (false, third)]
    }

    fn judge(predicate: &Predicate, views: &[(bool, View)], logs: &[&[u64]]) -> Result<(), String> {
        let log_terms =
            |node: NodeId| logs[node.get() as usize - 1].iter().copied().map(Term).collect::<Vec<_>>();
        let last_completions = BTreeMap::from([
            (ClientId(1), Completion::Ok(Answer::Value(Bytes::from("v")))),
            (ClientId(2), Completion::Info),
            (ClientId(3), Completion::Fail),
        ]);
        let standing = Standing {
            nodes: views.iter().map(|(up, view)| (*up, view)).collect(),
            log_terms: &log_terms,
            elections: 2,
            answered: 7,
            last_completions: &last_completions,
            violated: Some(Property::LogMatching),
        };
        holds(predicate, &standing)
    }

    const LOGS: [&[u64]; 3] = [&[1, 1, 3, 3], &[1, 1, 3, 3], &[1, 1, 2, 2, 2, 2, 2, 2, 2]];

    #[test]
    fn what_does_not_hold_is_said_in_the_notation() {
        let right = r#"
            {"leader_exists": true} {"leads": 1} {"does_not_lead": 2} {"does_not_lead": 3}
            {"voted_for": {"node": 2, "candidate": 1}} {"term_at_most": 3} {"term_at_least": 3}
            {"elections_at_most": 2} {"elections_at_least": 2} {"log": {"node": 1, "terms": [1, 1, 3, 3]}}
            {"level": true} {"commit_at_least": 4} {"commit_at_most": 4} {"answered_at_least": 7}
            {"answered_at_most": 7} {"answered": {"client": 1, "with": "\"v\""}}
            {"answered": {"client": 2, "with": "(unknown)"}} {"answered": {"client": 3, "with": "(failed)"}}
            {"violated": "log_matching"} {"voters": [3, 1, 2]} {"learners": [4]}
            {"snapshot_at_least": {"node": 2, "entries": 3}} {"snapshot_at_least": {"node": 1, "entries": 0}}
        "#;
        let wrong = r#"
            {"leader_exists": false} {"leads": 2} {"leads": 3} {"leads": 9} {"does_not_lead": 1}
            {"voted_for": {"node": 2, "candidate": 3}} {"voted_for": {"node": 1, "candidate": 3}}
            {"voted_for": {"node": 3, "candidate": 3}} {"term_at_most": 2} {"term_at_least": 4}
            {"elections_at_most": 1} {"elections_at_least": 3} {"log": {"node": 1, "terms": [1, 1, 2]}}
            {"level": false} {"commit_at_least": 5} {"commit_at_most": 3} {"answered_at_least": 8}
            {"answered_at_most": 6} {"answered": {"client": 1, "with": "OK"}}
            {"answered": {"client": 4, "with": "OK"}} {"violated": "durability"}
            {"voters": [1, 2]} {"voters": [1, 2, 3, 4]} {"learners": []} {"learners": [3]}
            {"snapshot_at_least": {"node": 2, "entries": 4}} {"snapshot_at_least": {"node": 3, "entries": 1}}
        "#;
        let read = |text| serde_json::Deserializer::from_str(text).into_iter::<Predicate>();
        for predicate in read(right) {
            let predicate = predicate.unwrap();
            assert_eq!(judge(&predicate, &views(), &LOGS), Ok(()), "{predicate:?}");
        }
        let mut words = String::new();
        for predicate in read(wrong) {
            let why = judge(&predicate.unwrap(), &views(), &LOGS).unwrap_err();
            writeln!(words, "{why}").unwrap();
        }
        insta::assert_snapshot!(words);
    }

    #[test]
    fn a_leader_of_an_older_term_than_a_running_node_is_in_is_none() {
        let mut views = views();
        views[1].1.term = Term(4);
        assert!(judge(&Predicate::LeaderExists(true), &views, &LOGS).is_err());
        views[1].0 = false;
        assert_eq!(judge(&Predicate::LeaderExists(true), &views, &LOGS), Ok(()));
    }

    /// A change that may still come to nothing has changed nothing, and half a change is none.
    #[test]
    fn a_configuration_counts_once_it_is_committed_and_not_joint() {
        let voters = |views: &[(bool, View)]| judge(&Predicate::Voters(vec![1, 2, 3]), views, &LOGS);
        assert_eq!(voters(&views()), Ok(()));
        let mut uncommitted = views();
        uncommitted[0].1.membership_index = LogIndex(5);
        let under_way =
            Err("expected the voters to be [1, 2, 3]; they are [1, 2, 3], in a change that is under way");
        assert_eq!(voters(&uncommitted), under_way.map_err(str::to_owned));
        let mut joint = views();
        joint[0].1.membership = membership().enter_joint(&[], true).unwrap().into();
        assert_eq!(voters(&joint), under_way.map_err(str::to_owned));
        let mut leaderless = views();
        leaderless[0].0 = false;
        assert!(voters(&leaderless).is_err(), "nobody can say who votes");
    }

    /// A server that does not belong to the cluster, or runs no more, need not hold anything.
    #[test]
    fn only_running_members_must_be_level() {
        let mut views = views().to_vec();
        views.push((true, view(5, Role::Follower, 1, EntryId::ZERO)));
        assert_eq!(judge(&Predicate::Level(true), &views, &LOGS), Ok(()));
        views.push((true, view(4, Role::Follower, 3, EntryId::ZERO)));
        assert!(judge(&Predicate::Level(true), &views, &LOGS).is_err(), "a learner is a member");
    }

    #[test]
    fn replicas_are_level_if_their_ends_and_states_are_equal_and_all_is_applied() {
        let level = |views: &[(bool, View)]| {
            let level = judge(&Predicate::Level(true), views, &LOGS).is_ok();
            assert_ne!(judge(&Predicate::Level(false), views, &LOGS).is_ok(), level);
            level
        };
        assert!(level(&views()));
        // What the logs held before their ends may be gone; the state that came of it is not.
        let mut other = views();
        other[1].1.state_hash = 7;
        assert!(!level(&other));
        let mut behind = views();
        behind[1].1.applied = LogIndex(3);
        assert!(!level(&behind));
        let mut shorter = views();
        (shorter[1].1.last, shorter[1].1.applied) = (EntryId::new(3, 3), LogIndex(3));
        assert!(!level(&shorter));
    }
}
