use super::*;
use crate::run::run_recorded;
use crate::scenario::{bundled, parse};

/// The story of a bundled scenario's run, as a person sees it.
fn told(path: &str) -> String {
    let entry = bundled().iter().find(|entry| entry.path == path).expect("it is bundled");
    let (report, recording) = run_recorded(&parse(path, entry.text).expect("it is valid"), 0);
    let (word, rest) = crate::report::headline(&report);
    let lines = telling(&report, &recording);
    // With the verdict, the run and the commands around them.
    assert!(lines.len() + 8 <= 40, "{}", lines.join("\n"));
    let events = depth(&report, &recording);
    format!(
        "{word} {rest}\n{}\n({events} events, {} lines of trace)",
        lines.join("\n"),
        recording.trace.len()
    )
}

/// Two grants, of which one is of the term before.
#[test]
fn the_story_of_a_vote_that_should_not_count_is_that_of_the_votes() {
    insta::assert_snapshot!(told("planted/stale-vote-counted.json"));
}

#[test]
fn the_story_of_figure_8_is_that_of_the_entry_of_term_2() {
    insta::assert_snapshot!(told("planted/figure-8-commits.json"));
}

#[test]
fn the_story_of_an_answer_that_cannot_be_explained_is_that_of_the_clients() {
    let told = told("planted/any-round-confirms.json");
    for line in ["c10 #1 asks SET a new", "c10 #1 ⇨ OK", "c11 #2 asks GET a", "c11 #2 ⇨ \"old\""] {
        assert!(told.contains(line), "{line} is missing\n{told}");
    }
}

/// What is of less importance goes first, and the reader learns how much it was.
#[test]
fn a_story_is_as_short_as_is_asked() {
    let path = "planted/any-round-confirms.json";
    let entry = bundled().iter().find(|entry| entry.path == path).unwrap();
    let (report, recording) = run_recorded(&parse(path, entry.text).unwrap(), 0);
    let whole = story(&report, &recording, usize::MAX);
    let short = story(&report, &recording, 10);
    assert_eq!(short.len(), 10);
    assert_eq!(short[0].text, format!("… {} lines of less importance are left out", whole.len() - 9));
    assert_eq!(short[9], whole[whole.len() - 1]);
    assert!(short[1..].is_sorted_by_key(|line| line.at));
}

#[test]
fn what_no_message_led_to_is_in_nobodys_past() {
    let calm = crate::scenario::Scenario::named("calm", "Nothing happens.");
    let (report, recording) = run_recorded(&calm, 1);
    let all = Past::of(None, &recording.trace);
    assert!(all.inside.iter().all(|inside| *inside), "of a run that breaks nothing everything is told");
    let first = recording.trace.iter().position(|line| line.is_role_change()).unwrap();
    let line = &recording.trace[first];
    let detail = String::new();
    let (property, at, step) = (Property::VoteOnce, line.at, line.step);
    let found = Found { property, at, step, node: line.node, detail };
    let past = Past::of(Some(&found), &recording.trace[..=first]);
    let others = |number: &usize| recording.trace[*number].node != line.node;
    assert!((0..=first).filter(others).all(|number| !past.inside[number]), "nobody has said anything yet");
    assert!(report.violation.is_none());
}

#[test]
fn every_property_says_what_it_is() {
    assert_eq!(
        statement(Property::ElectionSafety),
        "At most one leader is ever elected in a term (Raft §5.2)."
    );
    assert!(statement(Property::MembershipSafety).ends_with("(thesis §4; Ongaro, raft-dev, 2015)."));
}

#[test]
fn names_stand_apart() {
    assert_eq!(nodes_in("n1@3 and n12@3, but no number; an3 is none"), [NodeId::new(1), NodeId::new(12)]);
    assert!(is_word("committed 7@2", "7@2") && !is_word("committed 17@2", "7@2") && !is_word("7@21", "7@2"));
    assert_eq!(client_in("c3 #7 asks GET a"), Some(ClientId(3)));
    assert_eq!(client_in("crash"), None);
}
