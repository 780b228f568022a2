//! raft-rs under the whole harness: it holds, and whoever uses it wrongly is found.

use raft::eraftpb::{Message, MessageType};
use raft::{Config, RawNode, ReadOnlyOption};
use seaworthy_core::membership::Membership;
use seaworthy_core::types::{Bytes, EntryId, NodeId};
use seaworthy_foreign::disk::{Disk, Entry, Write};
use seaworthy_foreign::replica::{Careful, Manner, RaftRs};
use seaworthy_foreign::supported::{restrict, supports};
use seaworthy_sim::choice::Choice;
use seaworthy_sim::observation::Property;
use seaworthy_sim::replica::InitialState;
use seaworthy_sim::run::{RunReport, Verdict, run_replica};
use seaworthy_sim::scenario::{Scenario, bundled, parse};
use seaworthy_sim::swarm;
use slog::{Discard, Logger, o};
use std::ops::Range;

fn run<M: Manner>(scenario: &Scenario, seed: u64) -> RunReport {
    run_replica::<RaftRs<M>>(scenario, &mut Choice::seeded(seed), false).0
}

/// What the swarm draws for these seeds, as far as the adapter can do it.
fn draws(seeds: Range<u64>) -> impl Iterator<Item = (u64, Scenario)> {
    seeds.map(|seed| (seed, restrict(swarm::draw(seed)))).filter(|(_, scenario)| supports(scenario))
}

/// The property that does not hold in the first of `seeds` in which one does not.
fn first<M: Manner>(seeds: Range<u64>) -> Option<Property> {
    draws(seeds).find_map(|(seed, scenario)| Some(run::<M>(&scenario, seed).violation?.property))
}

#[test]
fn the_swarm_finds_nothing() {
    let mut runs = 0;
    for (seed, scenario) in draws(0..150) {
        let report = run::<Careful>(&scenario, seed);
        assert_eq!(report.verdict, Verdict::Ok, "seed {seed}: {:?} {:?}", report.violation, report.missed);
        runs += 1;
    }
    assert!(140 < runs, "the adapter can do most of what the swarm draws, not {runs}");
}

/// What these expect hangs on how our own server goes about things, message by message.
const OF_OURS: [&str; 5] = [
    // raft-rs panics where an acknowledgement is taken back: its commit index is beyond its log.
    "disks/old-backup-is-noticed.json",
    // raft-rs applies nothing that its own disk does not hold, also where a quorum of others does.
    "disks/slow-leader-disk.json",
    // raft-rs bounds what is uncommitted by the size of a message at least.
    "flow/overload-is-refused.json",
    // Its rules count our own server's messages.
    "replication/figure-8.json",
    // raft-rs gives a transfer up after the shortest election timeout.
    "transfers/in-a-partition-is-given-up.json",
];

#[test]
fn bundled_scenarios_hold() {
    let mut runs = 0;
    for file in bundled().iter().filter(|file| !OF_OURS.contains(&file.path)) {
        let scenario = parse(file.path, file.text).expect("what is bundled is valid");
        if supports(&scenario) {
            let report = run::<Careful>(&scenario, 1);
            let (violation, missed) = (report.violation, report.missed);
            assert_eq!(report.verdict, Verdict::Ok, "{}: {violation:?} {missed:?}", file.path);
            runs += 1;
        }
    }
    assert!(40 < runs, "the adapter can do most of what is bundled, not {runs}");
}

/// raft-rs draws its election timeouts from the operating system, unless somebody sees to it.
#[test]
fn a_run_is_a_function_of_scenario_and_seed() {
    for (seed, scenario) in draws(0..10) {
        assert_eq!(run::<Careful>(&scenario, seed), run::<Careful>(&scenario, seed), "seed {seed}");
    }
}

enum SendsEarly {}

impl Manner for SendsEarly {
    const SENDS_EARLY: bool = true;
}

#[test]
fn who_sends_before_it_is_durable_is_found() {
    assert_eq!(first::<SendsEarly>(0..20), Some(Property::PersistBeforeSend));
}

enum HearsWhileInstalling {}

impl Manner for HearsWhileInstalling {
    const HEARS_WHILE_INSTALLING: bool = true;
}

/// raft-rs gives a panic of its own: "unexpected error getting unapplied entries", as in etcd#9079.
#[test]
fn who_goes_on_while_a_snapshot_is_installed_is_found() {
    let panics = |(seed, scenario): (u64, Scenario)| {
        let run = std::panic::catch_unwind(|| run::<HearsWhileInstalling>(&scenario, seed));
        run.is_err().then_some(seed)
    };
    assert!(draws(0..2_000).find_map(panics).is_some());
}

enum LetsLearnersCampaign {}

impl Manner for LetsLearnersCampaign {
    const LETS_LEARNERS_CAMPAIGN: bool = true;
}

#[test]
fn a_learner_that_is_told_to_campaign_leads() {
    assert_eq!(first::<LetsLearnersCampaign>(0..200), Some(Property::MembershipSafety));
}

enum ShowsNext {}

impl Manner for ShowsNext {
    const SHOWS_NEXT: bool = true;
}

/// A bug of raft-rs 0.7.0, reported as <https://github.com/tikv/raft-rs/issues/555> 20 months after the release.
#[test]
fn the_next_index_that_falls_behind_the_match_index_is_found() {
    assert_eq!(first::<ShowsNext>(0..500), Some(Property::Order));
}

enum Leased {}

impl Manner for Leased {
    const READS: ReadOnlyOption = ReadOnlyOption::LeaseBased;
}

/// "It can be affected by clock drift", the library says of this.
#[test]
fn reads_on_the_librarys_lease_are_stale_where_clocks_err() {
    let found = draws(0..2_000).find_map(|(seed, mut scenario)| {
        // Without there is no lease.
        scenario.cluster.check_quorum = true;
        run::<Leased>(&scenario, seed).violation
    });
    assert_eq!(found.map(|found| found.property), Some(Property::Linearizability));
}

/// A cluster of one voter and one learner.
const SOLE_VOTER: &str =
    r#"{"name": "sole-voter", "claim": "A voter alone.", "cluster": {"nodes": 2, "learners": [2]}}"#;

#[test]
fn a_sole_voter_that_leads_before_its_vote_is_durable_is_found() {
    let scenario = parse("sole-voter.json", SOLE_VOTER).expect("it is valid");
    let found = run::<Careful>(&scenario, 1).violation.expect("it elects itself");
    assert_eq!(found.property, Property::LeaderQuorum);
}

/// What that comes to: in two lives of the one voter a learner is sent different entries of the same index and term.
#[test]
fn a_sole_voter_leads_one_term_twice() {
    let [voter, learner] = [1, 2].map(NodeId::new);
    let membership = Membership { learners: vec![learner], ..Membership::new([voter]) };
    let disk = Disk::founding(&InitialState { membership, ..InitialState::default() });
    let life = |data: &str| {
        let config = Config::new(voter.get());
        let logger = Logger::root(Discard, o!());
        let mut node = RawNode::new(&config, disk.clone(), &logger).expect("the disk can be read");
        node.campaign().expect("it has a vote");
        node.propose(Vec::new(), data.into()).expect("it leads");
        let ready = node.ready();
        assert!(ready.must_sync(), "its term and vote are not durable yet, and never will be");
        let entries = ready
            .entries()
            .iter()
            .map(|entry| Entry { id: EntryId::new(entry.term, entry.index), data: Bytes::new(&entry.data) });
        node.mut_store().write(Write::Append(entries.collect()));
        node.advance_append_async(ready);
        let mut answer =
            Message { from: learner.get(), to: voter.get(), term: 1, index: 1, ..Message::default() };
        answer.set_msg_type(MessageType::MsgAppendResponse);
        node.step(answer).expect("the learner is known");
        let sent = node.ready().take_messages();
        let entry =
            sent.iter().flat_map(|message| message.entries.iter()).last().expect("it goes on").clone();
        (entry.term, entry.index, entry.data)
    };
    assert_eq!(life("one"), (1, 2, "one".into()));
    assert_eq!(life("other"), (1, 2, "other".into()));
}
