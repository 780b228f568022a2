use crate::network::Owner;
use crate::observation::Property;
use crate::run::{Deed, RunReport, TraceLine, Verdict, run_recorded};
use crate::scenario::model::Action;
use crate::scenario::scalar::Target;
use crate::scenario::{Scenario, parse};
use crate::swarm;

fn scenario(cluster: &str, fields: &str) -> Scenario {
    let text = format!(
        r#"{{"name": "drill", "claim": "A test.", "duration": "1s", "cluster": {{{cluster}}}, {fields}}}"#
    );
    parse("drill.json", &text).unwrap_or_else(|problems| panic!("{problems}"))
}

fn run(scenario: &Scenario, seed: u64) -> (RunReport, Vec<TraceLine>) {
    let (report, recording) = run_recorded(scenario, seed);
    (report, recording.trace)
}

/// What operators said, in order, and once where it was said again.
fn instructions(trace: &[TraceLine]) -> Vec<&str> {
    let said = trace.iter().filter_map(|line| line.text.split_once(" told to "));
    let mut said: Vec<&str> = said.map(|(_, what)| what).collect();
    said.dedup();
    said
}

const DRILL: &str = r#""liveness": {"drill": true}"#;

#[test]
fn a_leader_hands_over_steps_down_and_is_replaced_and_taken_back() {
    for seed in 0..10 {
        let (report, trace) = run(&scenario(r#""nodes": 3, "spares": 1"#, DRILL), seed);
        assert_eq!((report.verdict, &report.violation), (Verdict::Ok, &None), "seed {seed}");
        let all = ["hand over", "step down", "change the membership"];
        assert_eq!(instructions(&trace), all, "seed {seed}");
        // The first one, the heir's, and those after the two that went.
        assert!(4 <= report.elections, "seed {seed}: {} elections", report.elections);
    }
}

/// So that a timeline can say the same, and a story tells it.
#[test]
fn what_the_drill_tells_nodes_is_among_the_deeds() {
    let (_, recording) = run_recorded(&scenario(r#""nodes": 1, "spares": 1"#, DRILL), 1);
    let told = recording.deeds.into_iter().filter(|deed| deed.owner == Owner::Drill);
    let mut actions: Vec<Action> = told.map(|deed| deed.action).collect();
    actions.dedup();
    let change = |add: u64, remove: &[u64]| {
        let nodes = |nodes: &[u64]| nodes.iter().map(|node| Target::Node(*node)).collect();
        Action::ChangeMembership { add: nodes(&[add]), learn: Vec::new(), remove: nodes(remove), node: None }
    };
    // With one voter there is nobody to hand over to.
    assert_eq!(actions, [Action::StepDown {}, change(2, &[1]), change(1, &[])]);
    let (_, recording) = run_recorded(&scenario(r#""nodes": 2"#, DRILL), 1);
    let hands_over = |deed: &Deed| matches!(deed.action, Action::TransferLeadership(Target::Node(_)));
    assert!(recording.deeds.iter().any(hands_over), "{:?}", recording.deeds);
}

/// Nobody can take over from it, nor take its place.
#[test]
fn a_server_of_its_own_only_steps_down() {
    let (report, trace) = run(&scenario(r#""nodes": 1"#, DRILL), 1);
    assert_eq!((report.verdict, instructions(&trace)), (Verdict::Ok, vec!["step down"]));
}

/// What an operator said last was on its way to the leader when the drill chose an heir, and took its vote away.
#[test]
fn nobody_waits_for_an_heir_that_has_no_vote_any_more() {
    let seed = 9_168_124;
    let (report, trace) = run(&swarm::draw(seed), seed);
    let told: Vec<_> = trace.iter().filter(|line| line.text.contains(" told to ")).collect();
    let crossed = told.windows(2).any(|pair| {
        pair[0].at == pair[1].at
            && pair[0].text.ends_with("change the membership")
            && pair[1].text.ends_with("hand over")
    });
    assert!(crossed, "the draw is another one now: look for a seed in which the two cross");
    assert_eq!((report.verdict, report.violation), (Verdict::Ok, None));
}

/// Two of three are of use, and one of them alone could not go on with the third.
#[test]
fn a_lost_disk_is_left_in_peace() {
    let wipe = r#""timeline": [{"at": "500ms", "do": {"wipe": 3}}]"#;
    for seed in 0..10 {
        let (report, trace) = run(&scenario(r#""nodes": 3"#, &format!("{DRILL}, {wipe}")), seed);
        assert_eq!((report.verdict, &report.violation), (Verdict::Ok, &None), "seed {seed}");
        assert_eq!(instructions(&trace), ["hand over", "step down"], "seed {seed}");
    }
}

/// Only an operator notices.
#[test]
fn whoever_does_not_do_what_it_is_told_is_found_out() {
    let planted = r#""planted": ["transfer_asks_first"]"#;
    let (report, _) = run(&scenario(r#""nodes": 3"#, planted), 1);
    assert_eq!(report.verdict, Verdict::Ok);
    let (report, _) = run(&scenario(r#""nodes": 3"#, &format!("{DRILL}, {planted}")), 1);
    let found = report.violation.expect("nobody hands over");
    assert_eq!(found.property, Property::Liveness);
    assert!(found.detail.contains("told to hand over to n"), "{}", found.detail);
}

#[test]
fn without_a_drill_nobody_says_anything() {
    let (report, trace) = run(&scenario(r#""nodes": 3, "spares": 1"#, r#""liveness": {}"#), 1);
    assert_eq!((report.verdict, instructions(&trace)), (Verdict::Ok, Vec::new()));
}
