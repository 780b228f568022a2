use super::*;
use crate::nemesis;
use crate::replica::MessageKind;
use crate::scenario::model::{Distribution, Fault, InitialDisk, ReadModeName, Rule, Verdict};
use std::collections::{BTreeMap, BTreeSet};

const DRAWS: u64 = 2_000;

/// The longest length but for rare ones, and the longest of all if there is one.
fn usual(distribution: &Distribution) -> (Span, Span) {
    match *distribution {
        Distribution::Constant(span) => (span, span),
        Distribution::Uniform { min, max } => {
            assert!(min <= max);
            (max, max)
        }
        Distribution::LogNormal { median, p99 } => {
            assert!(median <= p99);
            (p99, p99)
        }
        Distribution::HeavyTail { min, max, tail, probability } => {
            assert!(min <= max);
            assert!(max <= tail);
            assert!(Ppm::ZERO < probability);
            (max, tail)
        }
    }
}

#[test]
fn every_draw_is_a_scenario_that_can_be_written_down_and_read_back() {
    for seed in 0..DRAWS {
        let scenario = draw(seed);
        assert_eq!(crate::scenario::validate(&scenario), Ok(()), "seed {seed}");
        let read = crate::scenario::parse("drawn.json", &scenario.to_json());
        assert_eq!(read.as_ref(), Ok(&scenario), "seed {seed}");
    }
}

#[test]
fn a_healed_cluster_can_elect_and_commit_within_an_election_timeout() {
    for seed in 0..DRAWS {
        let Scenario { cluster, network, disk, workload, liveness, clocks, .. } = draw(seed);
        let timeout = cluster.election_timeout_min;
        assert!(2 * timeout.0 <= cluster.election_timeout_max.0);
        assert!(3 * cluster.heartbeat_interval.0 <= timeout.0 + 3_000);
        let (latency, late) = usual(&network.latency);
        let (sync, stall) = usual(&disk.sync);
        assert!(4 * latency.0 + 2 * sync.0 < timeout.0, "seed {seed}");
        assert!(stall.0 <= timeout.0 / 2, "seed {seed}");
        assert!(!network.fifo || late.0 <= timeout.0 / 2, "seed {seed}");
        for link in &network.links {
            assert_ne!(link.from, link.to);
            assert!((1..=cluster.nodes).contains(&link.from) && (1..=cluster.nodes).contains(&link.to));
            assert!(link.latency.as_ref().is_none_or(|slow| 4 * usual(slow).0.0 < timeout.0));
            assert!(link.loss.is_none_or(|loss| loss <= Ppm::new(200_000)));
        }
        assert!(disk.nodes.iter().all(|disk| 4 * usual(&disk.sync).0.0 < timeout.0));
        assert!(clocks.iter().all(|clock| clock.drift_ppm.abs() <= 100_000));
        let workload = workload.expect("somebody asks");
        assert!(timeout <= workload.attempt_timeout);
        assert!(2 * workload.attempt_timeout.0 <= workload.operation_timeout.0);
        assert!(workload.loyal_readers + workload.loyal_writers < workload.clients);
        assert!(40 * cluster.election_timeout_max.0 < liveness.within.0);
    }
}

#[test]
fn a_draw_stays_within_its_steps() {
    for seed in 0..DRAWS {
        let Scenario { cluster, duration, workload, .. } = draw(seed);
        assert!((Span::seconds(3)..=Span::seconds(10)).contains(&duration), "seed {seed}: {duration}");
        let heartbeats = 2 * cluster.nodes * duration.0 / cluster.heartbeat_interval.0;
        assert!(heartbeats <= STEPS / 2, "seed {seed}: {heartbeats}");
        let workload = workload.expect("somebody asks");
        let mean = match workload.think {
            Distribution::Uniform { min, max } => (min.0 + max.0) / 2,
            Distribution::HeavyTail { tail, probability, .. } => {
                tail.0 / 2 * u64::from(probability.get()) / 1_000_000
            }
            other => panic!("nobody thinks {other:?}"),
        };
        let operations = u64::from(workload.clients) * duration.0 / mean;
        let steps = operations * 5 * cluster.nodes;
        assert!(heartbeats + steps <= STEPS + STEPS / 20, "seed {seed}: {heartbeats} + {steps}");
        assert!(100 <= operations, "seed {seed}: {operations} operations");
    }
}

#[test]
fn everything_comes_up_and_nothing_always() {
    let mut seen = BTreeMap::new();
    let mut counts = BTreeSet::new();
    let mut shapes = BTreeSet::new();
    for seed in 0..DRAWS {
        let scenario = draw(seed);
        counts.insert(scenario.nemesis.len());
        for feature in describe(&scenario).split(", ") {
            let name = feature.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.' || c == ' ');
            *seen.entry(name.to_owned()).or_insert(0_u64) += 1;
        }
        for distribution in [&scenario.network.latency, &scenario.disk.sync] {
            shapes.insert(format!("{distribution:?}").split(['{', '(']).next().unwrap().trim().to_owned());
        }
    }
    let always = seen.iter().filter(|(_, count)| **count == DRAWS).collect::<Vec<_>>();
    assert!(always.is_empty(), "{always:?}");
    // Of disks two more than of all else, and one to hand over.
    assert_eq!(counts, (0..=8).collect());
    assert_eq!(shapes.len(), 4, "{shapes:?}");
    for fault in nemesis::FAULTS {
        let name = serde_json::to_string(&fault).unwrap();
        assert!(seen.contains_key(name.trim_matches('"')), "{name} never comes up");
    }
    let seen = seen.iter().map(|(feature, count)| format!("{feature}: {count}\n")).collect::<String>();
    insta::assert_snapshot!(seen);
}

/// A lease is as good as the bound on how far clocks drift apart: where the bound does not hold, a stale read is no
/// bug.
#[test]
fn leases_are_drawn_only_where_clocks_keep_to_their_bound() {
    let mut with_clocks_that_err = 0;
    for seed in 0..DRAWS {
        let Scenario { cluster, clocks, workload, nemesis, .. } = draw(seed);
        let reads = workload.expect("somebody asks").reads;
        assert_eq!(reads.contains_key(&ReadModeName::Lease), cluster.lease_drift.is_some(), "seed {seed}");
        let Some(bound) = cluster.lease_drift else { continue };
        assert!(cluster.check_quorum, "seed {seed}");
        assert!(nemesis.iter().all(|nemesis| nemesis.fault != Fault::JumpClock), "seed {seed}");
        // Whose clock is not drawn, as that of a server that joins later, is right.
        let rates = || clocks.iter().map(|clock| 1_000_000 + clock.drift_ppm).chain([1_000_000]);
        let (slowest, fastest) = (rates().min().unwrap(), rates().max().unwrap());
        let apart = (fastest - slowest) * 1_000_000;
        assert!(apart <= slowest * i64::from(bound.get()), "seed {seed}: {slowest} and {fastest}");
        with_clocks_that_err += u64::from(slowest < fastest);
    }
    assert!(50 < with_clocks_that_err, "{with_clocks_that_err}");
}

/// A rule of the draw must not go on when all faults are over: it would be a fault of its own.
#[test]
fn late_messages_come_as_late_as_an_election_takes_and_end_with_the_faults() {
    let mut kinds = BTreeSet::new();
    for seed in 0..DRAWS {
        let Scenario { cluster, duration, rules, nemesis, .. } = draw(seed);
        for Rule { kind, before, nth, verdict, .. } in rules {
            assert_eq!(before, Some(duration), "seed {seed}");
            let kind = kind.expect("of one kind");
            let (Verdict::Delay(late) | Verdict::Duplicate(late)) = verdict else {
                panic!("seed {seed}: {verdict:?}");
            };
            assert!(cluster.election_timeout_min.0 <= 2 * late.0, "seed {seed}: {late}");
            let all_late = matches!(verdict, Verdict::Delay(_)) && nth.is_none();
            assert!(!all_late || matches!(kind, MessageKind::TimeoutNow | MessageKind::Stale), "seed {seed}");
            let transfers = nemesis.iter().any(|nemesis| nemesis.fault == Fault::TransferLeadership);
            assert!(kind != MessageKind::TimeoutNow || transfers, "seed {seed}");
            kinds.insert(kind);
        }
    }
    assert_eq!(kinds.len(), 10, "{kinds:?}");
}

/// What is committed in such a state is what any leader of it can have: the log of everybody who can be elected holds
/// the newest term's entries that a majority holds.
#[test]
fn logs_that_have_parted_lose_nothing_that_was_committed() {
    let mut parted = 0;
    for seed in 0..DRAWS {
        let disks = draw(seed).cluster.initial;
        let majority = |count: usize| disks.len() / 2 < count;
        let last_term = disks.iter().filter_map(|disk| disk.log.last()).max().copied();
        for disk in &disks {
            assert!(disk.log.iter().all(|term| *term <= disk.term));
            assert!(last_term.is_none_or(|last| last <= disk.term), "seed {seed}: a term can be won again");
            let standing = |disk: &InitialDisk| (disk.log.last().copied(), disk.log.len());
            let voters = disks.iter().filter(|other| standing(other) <= standing(disk)).count();
            if !majority(voters) {
                continue;
            }
            for newest in disks.iter().filter(|other| other.log.last() == last_term.as_ref()) {
                for end in (1..=newest.log.len()).filter(|end| newest.log[end - 1] == last_term.unwrap_or(0))
                {
                    let holders =
                        disks.iter().filter(|other| other.log.starts_with(&newest.log[..end])).count();
                    assert!(!majority(holders) || disk.log.starts_with(&newest.log[..end]), "seed {seed}");
                }
            }
        }
        parted += u64::from(disks.iter().any(|disk| disk.log != disks[0].log));
    }
    assert!(DRAWS / 10 < parted, "{parted}");
}

#[test]
fn limits_leave_room_to_get_anywhere() {
    for seed in 0..DRAWS {
        let Scenario { cluster, workload, .. } = draw(seed);
        let clients = workload.expect("somebody asks").clients;
        assert!(clients <= cluster.max_sessions, "seed {seed}: clients take their sessions from each other");
        assert!(u64::from(clients) < cluster.session_lifetime, "seed {seed}: no session lasts for a round");
        assert!(cluster.learners.len() < 2 && (cluster.learners.is_empty() || 3 <= cluster.nodes));
        assert!(cluster.servers() <= 11, "seed {seed}");
    }
}

#[test]
fn a_seed_means_the_same_scenario_for_ever() {
    for seed in [0, 1] {
        insta::assert_snapshot!(serde_json::to_string_pretty(&draw(seed)).unwrap());
    }
}
