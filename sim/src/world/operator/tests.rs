use super::*;
use crate::choice::Choice;
use crate::run::{RunReport, TraceLine, Verdict};
use crate::scenario::{Scenario, parse};
use crate::seaworthy::Seaworthy;
use crate::world::Options;
use seaworthy_core::types::{EntryId, Term};
use seaworthy_core::view::Role;

const CHECKED: Options = Options { record: false, check: true, max_steps: 1_000_000 };

/// Three founders and a spare, two clients, and these fields besides.
fn scenario(fields: &str) -> Scenario {
    let cluster = r#""duration": "4s", "workload": {"clients": 2}"#;
    let text = format!(r#"{{"name": "operators", "claim": "A test.", {cluster}, {fields}}}"#);
    parse("operators.json", &text).unwrap_or_else(|problems| panic!("{problems}"))
}

/// Runs to the end, has a look at the world there, and gives the report too.
fn look<T>(scenario: &Scenario, seed: u64, look: impl FnOnce(&World<'_, Seaworthy>) -> T) -> (T, RunReport) {
    let mut choice = Choice::seeded(seed);
    let mut world = World::new(scenario, &mut choice, CHECKED);
    let stop = loop {
        if let Err(stop) = world.step() {
            break stop;
        }
    };
    let seen = look(&world);
    (seen, world.conclude(stop).0)
}

fn trace(scenario: &Scenario, seed: u64) -> Vec<TraceLine> {
    let options = Options { record: true, ..CHECKED };
    World::<Seaworthy>::new(scenario, &mut Choice::seeded(seed), options).run().1.trace
}

/// The leader itself is replaced, whoever that is, and crashes as soon as it has heard of it.
#[test]
fn an_operator_goes_on_until_the_membership_is_as_wished_whoever_leads() {
    let scenario = scenario(
        r#""cluster": {"spares": 1}, "timeline": [
             {"at": "1s", "do": {"change_membership": {"add": [4], "remove": ["leader"]}}},
             {"at": "1020ms", "do": {"crash": ["leader"]}}, {"at": "2s", "do": {"restart": ["all"]}}]"#,
    );
    for seed in 0..10 {
        let ((open, membership), report) =
            look(&scenario, seed, |world| (world.operators.wishes.len(), world.status().membership));
        assert_eq!((report.verdict, &report.violation), (Verdict::Ok, &None), "seed {seed}");
        assert_eq!(open, 0, "seed {seed}: the wish has come true");
        let voters = membership.voters.incoming.voters();
        assert_eq!((voters.len(), voters.contains(&NodeId::new(4))), (3, true), "seed {seed}: {voters:?}");
        assert!(membership.learners.is_empty() && !membership.is_joint(), "seed {seed}");
    }
}

/// Nobody leads yet, so that nothing has come of the first wish when the second one is there.
#[test]
fn a_new_wish_takes_the_place_of_the_one_before() {
    let scenario = scenario(
        r#""cluster": {"spares": 1}, "expect": [{"that": {"voters": [1, 2, 3, 4]}}], "timeline": [
             {"at": "0s", "do": {"change_membership": {"remove": [2]}}},
             {"at": "0s", "do": {"change_membership": {"add": [4]}}}]"#,
    );
    let (_, report) = look(&scenario, 1, |_| ());
    assert_eq!((report.verdict, report.missed), (Verdict::Ok, None));
}

/// Two of three are left after the first disk is lost. To remove one of them would leave the other alone with a
/// server that may not vote.
#[test]
fn an_operator_does_not_leave_the_cluster_to_a_lost_disk() {
    let scenario = scenario(
        r#""liveness": {"check": false}, "expect": [{"that": {"voters": [1, 2, 3]}}], "timeline": [
             {"at": "1s", "do": {"wipe": 3}}, {"at": "2s", "do": {"change_membership": {"remove": [1]}}}]"#,
    );
    let (open, report) = look(&scenario, 1, |world| world.operators.wishes.len());
    assert_eq!((report.verdict, report.missed, open), (Verdict::Ok, None, 1));
}

#[test]
fn a_spare_stays_blank_and_disturbs_nobody() {
    let scenario = scenario(
        r#""cluster": {"spares": 1}, "expect": [{"that": {"elections_at_most": 1}}, {"that": {"level": true}}],
           "timeline": [{"at": "1s", "do": {"campaign": 4}}, {"at": "1500ms", "do": {"take_snapshot": 4}},
                        {"at": "2s", "do": {"crash": [4]}}, {"at": "3s", "do": {"restart": [4]}}]"#,
    );
    for seed in 0..5 {
        let (view, report) = look(&scenario, seed, |world| world.node(NodeId::new(4)).1.clone());
        assert_eq!((report.verdict, report.missed), (Verdict::Ok, None), "seed {seed}");
        let (role, term, vote) = (view.role, view.term, view.vote);
        assert_eq!((role, term, vote), (Role::Follower, Term::ZERO, None), "seed {seed}");
        assert_eq!((view.snapshot, view.last), (None, EntryId::ZERO), "seed {seed}");
        assert!(report.operations.ok > 0, "seed {seed}");
    }
}

/// It may have voted before, for somebody else, and acknowledged what it no longer has.
#[test]
fn a_wiped_voter_promises_nothing_any_more_and_is_never_level() {
    let scenario = scenario(
        r#""cluster": {"nodes": 5}, "liveness": {"check": false}, "expect": [{"that": {"leader_exists": true}},
             {"that": {"level": false}}], "timeline": [{"at": "1s", "do": {"wipe": 5}},
             {"at": "1500ms", "do": {"crash": ["leader"]}}, {"at": "2500ms", "do": {"restart": ["all"]}}]"#,
    );
    for seed in 0..5 {
        let (view, report) = look(&scenario, seed, |world| world.node(NodeId::new(5)).1.clone());
        assert_eq!((report.verdict, report.missed), (Verdict::Ok, None), "seed {seed}");
        assert_eq!((view.vote, view.snapshot, view.last), (None, None, EntryId::ZERO), "seed {seed}");
        let trace = trace(&scenario, seed);
        let wiped = trace.iter().position(|line| line.text == "n5 disk lost everything").expect("it is");
        let promises = ["VoteReply yes", "RequestVote", "AppendReply matched", "AppendEntries"];
        let promise = |text: &str| text.starts_with("n5@") && promises.iter().any(|word| text.contains(word));
        let promised = trace[wiped..].iter().find(|line| promise(&line.text));
        assert_eq!(promised, None, "seed {seed}");
    }
}

#[test]
fn a_removed_server_is_shut_down_for_good_where_it_would_disturb_the_others() {
    for (pre_vote, check_quorum) in [(true, true), (true, false), (false, true), (false, false)] {
        let scenario = scenario(&format!(
            r#""cluster": {{"pre_vote": {pre_vote}, "check_quorum": {check_quorum}}},
               "expect": [{{"that": {{"voters": [1, 2]}}}}], "timeline": [
                 {{"at": "1s", "do": {{"change_membership": {{"remove": [3]}}}}}},
                 {{"at": "2s", "do": {{"restart": [3]}}}}, {{"at": "3s", "do": {{"wipe": 3}}}}]"#
        ));
        let disturbs = !(pre_vote && check_quorum);
        let (removed, report) = look(&scenario, 1, |world| {
            let host = &world.hosts[2];
            (host.retired, host.replica.is_some())
        });
        assert_eq!((report.verdict, report.missed), (Verdict::Ok, None), "{pre_vote} {check_quorum}");
        assert_eq!(removed, (disturbs, !disturbs), "{pre_vote} {check_quorum}");
        assert_eq!(report.faults.contains_key("wipe"), !disturbs, "{pre_vote} {check_quorum}");
    }
}
