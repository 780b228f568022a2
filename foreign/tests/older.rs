//! raft-rs 0.4.0 under the same harness: what was mended in later versions is found in it.

use raft_0_4::ReadOnlyOption;
use seaworthy_foreign::older::{Careful, Manner, RaftRs04};
use seaworthy_foreign::supported::{restrict, supports};
use seaworthy_sim::choice::Choice;
use seaworthy_sim::observation::Property;
use seaworthy_sim::run::{RunReport, Verdict, run_replica};
use seaworthy_sim::scenario::Scenario;
use seaworthy_sim::swarm;
use std::ops::Range;

fn run<M: Manner>(scenario: &Scenario, seed: u64) -> RunReport {
    run_replica::<RaftRs04<M>>(scenario, &mut Choice::seeded(seed), false).0
}

/// What the swarm draws for these seeds, without what this adapter leaves out.
fn draws(seeds: Range<u64>) -> impl Iterator<Item = (u64, Scenario)> {
    let plain = |seed| {
        let mut scenario = restrict(swarm::draw(seed));
        scenario.cluster.snapshot_interval = 0;
        (seed, scenario)
    };
    seeds.map(plain).filter(|(_, scenario)| supports(scenario))
}

#[test]
fn the_swarm_finds_nothing_where_it_is_used_with_care() {
    for (seed, scenario) in draws(0..60) {
        let report = run::<Careful>(&scenario, seed);
        assert_eq!(report.verdict, Verdict::Ok, "seed {seed}: {:?} {:?}", report.violation, report.missed);
    }
}

enum Leased {}

impl Manner for Leased {
    const READS: ReadOnlyOption = ReadOnlyOption::LeaseBased;
}

/// <https://github.com/tikv/raft-rs/issues/140>: without CheckQuorum no leader keeps a lease, and 0.4.0 reads on it all the
/// same. From 0.5.0 on the settings are refused.
#[test]
fn reads_on_a_lease_that_nobody_keeps_are_stale() {
    let found = draws(0..500).find_map(|(seed, mut scenario)| {
        scenario.cluster.check_quorum = false;
        run::<Leased>(&scenario, seed).violation
    });
    assert_eq!(found.map(|found| found.property), Some(Property::Linearizability));
    let settings =
        raft::Config { id: 1, read_only_option: raft::ReadOnlyOption::LeaseBased, ..raft::Config::new(1) };
    assert!(!settings.check_quorum && settings.validate().is_err(), "0.7.0 refuses them");
}

enum TrustsNew {}

impl Manner for TrustsNew {
    const TRUSTS_NEW: bool = true;
}

/// `RawNode::new` takes a server whose log has no entries for a new one, whatever its term and its vote. In 0.7.0 it makes
/// nothing of that.
#[test]
fn a_term_that_is_forgotten_before_the_first_entry_is_found() {
    let found = draws(0..500).find_map(|(seed, scenario)| run::<TrustsNew>(&scenario, seed).violation);
    assert_eq!(found.map(|found| found.property), Some(Property::Monotonicity));
}
