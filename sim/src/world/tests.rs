use super::toy::Toy;
use super::*;
use crate::fault::KINDS;
use crate::observation::Property;
use crate::run::{Recording, RunReport, Verdict};
use crate::scenario::model::Moment;
use crate::seaworthy::Seaworthy;
use std::collections::BTreeSet;

/// A scenario of these fields besides its name and claim.
fn scenario(fields: &str) -> Scenario {
    let text = format!(r#"{{"name": "toy", "claim": "a test", {fields}}}"#);
    serde_json::from_str(&text).expect("a valid scenario")
}

const UNCHECKED: Options = Options { record: false, check: false, max_steps: 200_000 };

fn run(scenario: &Scenario, choice: &mut Choice, record: bool) -> (RunReport, Recording) {
    World::<Toy>::new(scenario, choice, Options { record, ..UNCHECKED }).run()
}

fn seeded(scenario: &Scenario, seed: u64) -> RunReport {
    run(scenario, &mut Choice::seeded(seed), false).0
}

fn lines(scenario: &Scenario, wanted: impl Fn(&str) -> bool) -> String {
    let (_, recording) = run(scenario, &mut Choice::seeded(1), true);
    let lines = recording.trace.iter().filter(|line| wanted(&line.text));
    lines.map(|line| format!("{:?} {}\n", line.at, line.text)).collect()
}

fn stormy() -> Scenario {
    scenario(
        r#""duration": "3s", "workload": {"clients": 3},
           "network": {"loss": 0.05, "duplicate": 0.05, "client_loss": 0.02, "capacity": 4},
           "clocks": [{"node": 2, "offset": "1s", "drift_ppm": -20000}],
           "rules": [{"to": 3, "nth": 9, "verdict": "drop"}, {"nth": 30, "verdict": {"duplicate": "40ms"}}],
           "timeline": [
             {"at": "300ms", "do": {"crash_mid_step": 2}},
             {"at": "500ms", "do": {"partition": {"groups": [[1], [2, 3]]}}},
             {"at": "700ms", "do": {"restart": [2]}},
             {"at": "900ms", "do": {"heal": {}}},
             {"at": "1s", "do": {"pause": 3}},
             {"at": "1100ms", "do": {"slow_disk": {"node": 1, "sync": {"constant": "30ms"}}}},
             {"at": "1300ms", "do": {"resume": 3}},
             {"at": "1400ms", "do": {"crash": [1]}},
             {"at": "1500ms", "do": {"restart": ["all"]}},
             {"at": "1600ms", "do": {"jump_clock": {"node": 1, "by": "5s"}}},
             {"at": "1700ms", "do": {"cut": {"from": [2], "to": [3]}}},
             {"at": "1750ms", "do": {"heal": {}}},
             {"at": "1800ms", "do": {"sever": {"between": [1], "and": [3]}}},
             {"at": "1850ms", "do": {"heal": {}}},
             {"at": "1900ms", "do": {"isolate": 2}},
             {"at": "1950ms", "do": {"heal": {}}},
             {"at": "1950ms", "do": {"clog": 3}},
             {"at": "1990ms", "do": {"unclog": {}}},
             {"at": "2s", "do": {"loss": 0.3}},
             {"at": "2s", "do": {"duplicate": 0.3}},
             {"at": "2s", "do": {"latency": {"constant": "20ms"}}},
             {"at": "2100ms", "do": {"campaign": 2}},
             {"at": "2200ms", "do": {"change_membership": {"remove": [3]}}},
             {"at": "2300ms", "do": {"transfer_leadership": 2}},
             {"at": "2400ms", "do": {"step_down": {}}},
             {"at": "2500ms", "do": {"take_snapshot": 2}},
             {"at": "2600ms", "do": {"wipe": 3}},
             {"at": "2900ms", "do": {"crash": ["all"]}}]"#,
    )
}

/// Files so small that every few batches begin a new one.
fn bad_disks() -> Scenario {
    scenario(
        r#""duration": "4s", "workload": {"clients": 3}, "disk": {"segment_size": 300}, "cluster": {"spares": 1},
           "timeline": [
             {"at": "400ms", "do": {"crash_at": {"node": 1, "point": "mid_append"}}},
             {"at": "600ms", "do": {"restart": [1]}},
             {"at": "700ms", "do": {"crash_at": {"node": 1, "point": "before_directory_sync"}}},
             {"at": "900ms", "do": {"restart": [1]}},
             {"at": "700ms", "do": {"crash_at": {"node": 2, "point": "before_sync"}}},
             {"at": "900ms", "do": {"restart": [2]}},
             {"at": "1s", "do": {"fail_sync": 2}},
             {"at": "1300ms", "do": {"restart": [2]}},
             {"at": "1500ms", "do": {"fill_disk": 3}},
             {"at": "1800ms", "do": {"free_disk": 3}},
             {"at": "1800ms", "do": {"restart": [3]}},
             {"at": "2200ms", "do": {"crash": ["all"]}},
             {"at": "2300ms", "do": {"restart": ["all"]}},
             {"at": "3s", "do": {"rot": 3}},
             {"at": "3100ms", "do": {"change_membership": {"add": [4], "remove": [3]}}}]"#,
    )
}

#[test]
fn a_run_is_a_function_of_scenario_and_seed() {
    let scenario = stormy();
    let first = seeded(&scenario, 1);
    assert_eq!(first, seeded(&scenario, 1));
    assert_eq!(first.verdict, Verdict::Ok);
    let fingerprints = (1..20).map(|seed| seeded(&scenario, seed).fingerprint);
    assert_eq!(fingerprints.collect::<BTreeSet<_>>().len(), 19);
}

#[test]
fn recording_a_run_does_not_change_it() {
    let scenario = stormy();
    let (recorded, recording) = run(&scenario, &mut Choice::seeded(5), true);
    assert_eq!(recorded, seeded(&scenario, 5));
    assert!(!recording.trace.is_empty());
    let completed = recorded.operations.ok + recorded.operations.fail + recorded.operations.info;
    assert!(recording.history.len() as u64 >= completed && completed > 0);
}

#[test]
fn a_tape_replays_a_run_without_its_seed() {
    let scenario = stormy();
    let mut choice = Choice::seeded(8).recording();
    let (report, _) = run(&scenario, &mut choice, false);
    let tape = choice.recorded().expect("it was recording").to_vec();
    assert_eq!(run(&scenario, &mut Choice::tape(tape), false).0, report);
}

#[test]
fn every_kind_of_fault_is_counted_when_it_takes_effect() {
    let stormy = stormy();
    let mut reports: Vec<_> = (0..10).map(|seed| seeded(&stormy, seed)).collect();
    for RunReport { faults, .. } in &reports {
        assert_eq!((faults["crash"], faults["rule"], faults["wipe"]), (4, 2, 1));
    }
    let bad_disks = bad_disks();
    reports.extend((0..20).map(|seed| crate::run::run(&bad_disks, seed)));
    let old_backup = scenario(
        r#""duration": "1s", "liveness": {"check": false}, "timeline": [
             {"at": "300ms", "do": {"back_up": "a follower"}},
             {"at": "300ms", "do": {"restore_backup": "all"}}]"#,
    );
    reports.push(crate::run::run(&old_backup, 0));
    let counted = reports.iter().flat_map(|report| report.faults.keys().copied());
    assert_eq!(counted.collect::<BTreeSet<_>>(), KINDS.map(FaultKind::name).into());
    // What a crash loses, and whether rot matters, is luck; all else is asked for.
    let luck = [FaultKind::LostWrites, FaultKind::TornWrite, FaultKind::LostName, FaultKind::RefusedDisk];
    let asked = reports.iter().flat_map(|report| report.in_play.iter().copied());
    let all = KINDS.into_iter().filter(|kind| !luck.contains(kind));
    assert_eq!(asked.collect::<BTreeSet<_>>(), all.collect());
}

#[test]
fn a_fault_without_effect_is_not_counted() {
    let scenario = scenario(
        r#""duration": "2s", "liveness": {"check": false}, "cluster": {"pre_vote": false}, "timeline": [
             {"at": "1s", "do": {"heal": {}}},
             {"at": "1s", "do": {"restart": [2]}},
             {"at": "1s", "do": {"resume": 2}},
             {"at": "1s", "do": {"loss": 0}},
             {"at": "1s", "do": {"change_membership": {"add": [1], "node": 1}}},
             {"at": "1100ms", "do": {"crash": [2]}},
             {"at": "1200ms", "do": {"crash": [2]}},
             {"at": "1200ms", "do": {"pause": 2}},
             {"at": "1200ms", "do": {"crash_mid_step": 2}},
             {"at": "1200ms", "do": {"take_snapshot": 2}},
             {"at": "1200ms", "do": {"change_membership": {"remove": [3], "node": 2}}},
             {"at": "1200ms", "do": {"campaign": 2}}]"#,
    );
    assert_eq!(seeded(&scenario, 1).faults, BTreeMap::from([("crash", 1)]));
}

#[test]
fn a_crash_loses_a_suffix_of_the_unsynced_writes_and_nothing_else() {
    let scenario = scenario(
        r#""duration": "1s", "liveness": {"check": false}, "workload": {"clients": 6},
           "disk": {"sync": {"constant": "300ms"}},
           "timeline": [{"at": "700ms", "do": {"crash": [1]}}]"#,
    );
    let leader = NodeId::new(1);
    let mut survivors = BTreeSet::new();
    for seed in 0..40 {
        let mut choice = Choice::seeded(seed);
        let mut world = World::<Toy>::new(&scenario, &mut choice, UNCHECKED);
        let (mut log, mut durable) = (Vec::new(), 0);
        while world.node(leader).0 || world.steps() == 0 {
            log = world.log(leader);
            durable = log.len() - world.hosts[0].disk.pending_len();
            world.step().expect("nothing is checked");
        }
        let left = world.log(leader);
        assert!((durable..=log.len()).contains(&left.len()));
        assert_eq!(left, log[..left.len()]);
        if durable < log.len() {
            survivors.insert(left.len() - durable);
        }
    }
    assert!(survivors.contains(&0) && survivors.len() > 1, "{survivors:?}");
}

#[test]
fn a_message_leaves_only_when_its_write_is_durable() {
    let scenario = scenario(
        r#""duration": "1s", "workload": {"clients": 1}, "liveness": {"check": false},
           "disk": {"sync": {"constant": "200ms"}}, "network": {"latency": {"constant": "1ms"}}"#,
    );
    let trace = lines(&scenario, |text| {
        text.starts_with("n2@1 → n1 AppendReply matched 1") || text == "n2 durable up to write 1"
    });
    let first = trace.lines().next().expect("it happens");
    assert!(first.ends_with("durable up to write 1"), "{trace}");
}

#[test]
fn a_crash_in_the_middle_of_a_step_keeps_a_prefix_of_its_effects() {
    let scenario = scenario(
        r#""cluster": {"nodes": 5}, "duration": "100ms", "liveness": {"check": false},
           "timeline": [{"at": "10ms", "do": {"crash_mid_step": 1}}]"#,
    );
    // The step is a heartbeat to four followers.
    let mut sent = BTreeSet::new();
    for seed in 0..60 {
        let report = seeded(&scenario, seed);
        assert_eq!(report.faults["crash_mid_step"], 1);
        // Four before and as many as the crash let go; a follower answers each.
        let (_, recording) = run(&scenario, &mut Choice::seeded(seed), true);
        let last = recording.trace.iter().filter(|line| line.at >= Time(50_000_000));
        sent.insert(last.filter(|line| line.text.starts_with("n1@1 →")).count());
    }
    assert_eq!(sent, (0..=4).collect());
}

#[test]
fn a_paused_node_takes_up_everything_in_order_when_it_resumes() {
    let scenario = scenario(
        r#""duration": "305ms", "liveness": {"check": false}, "network": {"latency": {"constant": "1ms"}},
           "timeline": [{"at": "80ms", "do": {"pause": 2}}, {"at": "275ms", "do": {"resume": 2}}]"#,
    );
    insta::assert_snapshot!(lines(&scenario, |text| text.starts_with("n2")), @r"
    +0s n2@0 booted, last 0@0
    +0s n2@1 ⇨ follower
    +1ms n2 ← n1@1 AppendEntries prev 0@0
    +1ms n2@1 → n1 AppendReply matched 0
    +51ms n2 ← n1@1 AppendEntries prev 0@0
    +51ms n2@1 → n1 AppendReply matched 0
    +80ms n2 paused
    +275ms n2 resumed
    +275ms n2 ← n1@1 AppendEntries prev 0@0
    +275ms n2@1 → n1 AppendReply matched 0
    +275ms n2 ← n1@1 AppendEntries prev 0@0
    +275ms n2@1 → n1 AppendReply matched 0
    +275ms n2 ← n1@1 AppendEntries prev 0@0
    +275ms n2@1 → n1 AppendReply matched 0
    +275ms n2 ← n1@1 AppendEntries prev 0@0
    +275ms n2@1 → n1 AppendReply matched 0
    +301ms n2 ← n1@1 AppendEntries prev 0@0
    +301ms n2@1 → n1 AppendReply matched 0
    ");
}

#[test]
fn a_message_on_its_way_into_a_cut_is_lost() {
    let scenario = scenario(
        r#""duration": "40ms", "liveness": {"check": false}, "network": {"latency": {"constant": "10ms"}},
           "timeline": [{"at": "5ms", "do": {"cut": {"from": [1], "to": [3]}}}]"#,
    );
    insta::assert_snapshot!(lines(&scenario, |_| true), @r"
    +0s n1@0 booted, last 0@0
    +0s n1@1 ⇨ leader
    +0s n2@0 booted, last 0@0
    +0s n2@1 ⇨ follower
    +0s n3@0 booted, last 0@0
    +0s n3@1 ⇨ follower
    +0s n1 timeout
    +0s n1@1 → n2 AppendEntries prev 0@0
    +0s n1@1 → n3 AppendEntries prev 0@0
    +5ms link n1 → n3 cut
    +10ms n2 ← n1@1 AppendEntries prev 0@0
    +10ms n2@1 → n1 AppendReply matched 0
    +10ms n1@1 ⇥ n3 AppendEntries prev 0@0 (cut)
    +20ms n1 ← n2@1 AppendReply matched 0
    ");
}

#[test]
fn a_timer_that_goes_off_early_is_no_step() {
    let scenario = scenario(
        r#""cluster": {"nodes": 1}, "duration": "1s", "liveness": {"check": false},
           "clocks": [{"node": 1, "drift_ppm": 1000000}]"#,
    );
    // One boot, and a heartbeat each 25 ms from the start: the clock runs twice as fast as time.
    assert_eq!(seeded(&scenario, 1).steps, 1 + 41);
}

#[test]
fn a_clock_set_forward_makes_a_deadline_due() {
    let scenario = scenario(
        r#""cluster": {"nodes": 1}, "duration": "70ms", "liveness": {"check": false},
           "timeline": [{"at": "10ms", "do": {"jump_clock": {"node": 1, "by": "1h"}}}]"#,
    );
    insta::assert_snapshot!(lines(&scenario, |_| true), @r"
    +0s n1@0 booted, last 0@0
    +0s n1@1 ⇨ leader
    +0s n1 timeout
    +10ms n1 clock forward by 3600s
    +10ms n1 timeout
    +60ms n1 timeout
    ");
}

#[test]
fn at_one_instant_expectations_come_last() {
    let scenario = scenario(
        r#""duration": "1s", "liveness": {"check": false}, "timeline": [{"at": "1s", "do": {"crash": [1]}}],
           "expect": [{"at": "1s", "that": {"log": {"node": 1, "terms": []}}}, {"that": {"elections_at_least": 1}}]"#,
    );
    let mut choice = Choice::seeded(1);
    let mut world = World::<Toy>::new(&scenario, &mut choice, UNCHECKED);
    while !world.expected[0] {
        world.step().expect("nothing is checked");
    }
    assert_eq!(world.now(), Time(1_000_000_000));
    assert!(!world.node(NodeId::new(1)).0, "the crash of the same instant came first");
    assert_eq!(world.run().0.verdict, Verdict::Ok);
}

#[test]
fn a_missed_expectation_is_the_verdict() {
    let missed = scenario(r#""duration": "1s", "expect": [{"that": {"elections_at_least": 2}}]"#);
    let report = seeded(&missed, 1);
    assert_eq!(report.verdict, Verdict::Expectation);
    assert!(report.missed.is_some());
}

#[test]
fn a_violation_is_fine_only_where_it_is_demanded() {
    let end = |scenario: &Scenario, property| {
        let violation = Violation { property, node: None, detail: "so it is".into() };
        let mut choice = Choice::seeded(1);
        let world = World::<Toy>::new(scenario, &mut choice, UNCHECKED);
        world.conclude(Stop::Violation(violation)).0
    };
    let demanding = scenario(r#""expect": [{"that": {"violated": "log_matching"}}]"#);
    let found = end(&demanding, Property::LogMatching);
    assert_eq!((found.verdict, found.violation.is_some()), (Verdict::Ok, true));
    assert_eq!(end(&demanding, Property::VoteOnce).verdict, Verdict::Violation);
    assert_eq!(end(&scenario(r#""duration": "1s""#), Property::VoteOnce).verdict, Verdict::Violation);
    // And its absence is a missed expectation.
    assert_eq!(seeded(&demanding, 1).verdict, Verdict::Expectation);
}

#[test]
fn too_many_steps_are_cut_off() {
    let scenario = scenario(r#""duration": "1h""#);
    let mut choice = Choice::seeded(1);
    let options = Options { max_steps: 1000, ..UNCHECKED };
    let (report, _) = World::<Toy>::new(&scenario, &mut choice, options).run();
    assert_eq!((report.verdict, report.cutoff, report.steps), (Verdict::Cutoff, Some(Cutoff::Steps), 1000));
}

#[test]
fn too_many_events_to_come_are_cut_off_before_they_eat_all_memory() {
    let moment = Moment { at: Span::millis(1), action: Action::Heal {} };
    let calm = scenario(r#""duration": "1s""#);
    let crowded = Scenario { timeline: vec![moment; MAX_PENDING], ..calm };
    let report = seeded(&crowded, 1);
    assert_eq!((report.verdict, report.cutoff), (Verdict::Cutoff, Some(Cutoff::Pending)));
}

#[test]
fn after_the_duration_every_fault_is_over() {
    let scenario = scenario(
        r#""duration": "1s", "workload": {"clients": 2}, "network": {"loss": 0.3, "client_loss": 0.3},
           "rules": [{"to": 3, "verdict": "drop"}],
           "timeline": [{"at": "100ms", "do": {"isolate": 2}}, {"at": "200ms", "do": {"crash": [3]}},
                        {"at": "300ms", "do": {"pause": 1}}, {"at": "1001ms", "do": {"crash": ["all"]}}]"#,
    );
    let mut choice = Choice::seeded(1);
    let mut world = World::<Toy>::new(&scenario, &mut choice, UNCHECKED);
    while world.step().is_ok() {}
    assert!(world.hosts.iter().all(|host| host.replica.is_some() && !host.paused));
    let lengths: Vec<usize> = (1..=3).map(|node| world.log(NodeId::new(node)).len()).collect();
    assert!(lengths[0] > 0 && lengths.iter().all(|length| *length == lengths[0]), "{lengths:?}");
}

fn raft(planted: &str) -> Scenario {
    let often = r#""every": {"uniform": {"min": "300ms", "max": "2s"}}, "for": {"uniform": {"min": "50ms", "max": "1s"}}"#;
    let nemesis = ["partition", "crash", "crash_mid_step", "pause_leader", "crash_all", "slow_leader_disk"];
    let nemesis = nemesis.map(|fault| format!(r#"{{"fault": "{fault}", {often}}}"#)).join(", ");
    scenario(&format!(
        r#""cluster": {{"nodes": 5}}, "duration": "5s", "workload": {{"clients": 4}}, "planted": [{planted}],
           "network": {{"loss": 0.01, "duplicate": 0.01, "client_loss": 0.01}}, "nemesis": [{nemesis}]"#
    ))
}

#[test]
fn our_raft_weathers_a_storm_the_same_way_each_time() {
    let scenario = raft("");
    for seed in 0..10 {
        let report = crate::run::run(&scenario, seed);
        assert_eq!((report.verdict, &report.violation), (Verdict::Ok, &None), "seed {seed}: {report:?}");
        assert!(report.operations.ok > 0 && report.elections > 0, "seed {seed}: {report:?}");
        let (again, recording) = crate::run::run_recorded(&scenario, seed);
        assert_eq!(again, report);
        assert_eq!(recording.trace.last().map(|line| line.step <= report.steps), Some(true));
    }
}

/// What a server holds depends on the settings, not on how long it has been at work.
#[test]
fn a_log_that_is_compacted_does_not_grow_with_the_run() {
    let longest = |seconds: u64| {
        let scenario = scenario(&format!(
            r#""cluster": {{"snapshot_interval": 50, "trailing_entries": 20}}, "workload": {{"clients": 4}},
               "duration": "{seconds}s", "liveness": {{"check": false}}"#
        ));
        let mut choice = Choice::seeded(1);
        let mut world =
            World::<Seaworthy>::new(&scenario, &mut choice, Options { max_steps: u64::MAX, ..UNCHECKED });
        let mut longest = 0;
        while world.step().is_ok() {
            let logs = world.hosts.iter().map(|host| host.view.usage.log_entries);
            longest = longest.max(logs.max().expect("there are servers"));
        }
        let committed = world.hosts[0].view.commit.0;
        assert!(40 * seconds < committed, "{committed}");
        longest
    };
    let (short, long) = (longest(6), longest(60));
    assert!(long < 50 + 20 + 30, "{short} entries at most in 6 s, {long} in 60 s");
}

#[test]
fn a_planted_bug_is_found_and_named() {
    let report = crate::run::run(&raft(r#""ack_not_gated""#), 0);
    let found = report.violation.expect("found");
    assert_eq!((report.verdict, found.property), (Verdict::Violation, Property::PersistBeforeSend));
}
