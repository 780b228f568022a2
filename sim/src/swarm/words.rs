//! What a draw has in play, in words.

use crate::report::name_in_files;
use crate::scenario::Scenario;
use crate::scenario::model::{ReadModeName, Verdict, Workload};
use crate::scenario::scalar::Ppm;
use std::fmt::Write;

/// What is in play in a scenario, in a line: `3 nodes, no PreVote, 4 clients, loss 0.012, crash, one_way`.
pub fn describe(scenario: &Scenario) -> String {
    let Scenario { cluster, network, .. } = scenario;
    let mut words = vec![format!("{} node{}", cluster.nodes, if cluster.nodes == 1 { "" } else { "s" })];
    let mut say = |when: bool, what: &str| {
        if when {
            words.push(what.to_owned());
        }
    };
    say(!cluster.pre_vote, "no PreVote");
    say(!cluster.check_quorum, "no CheckQuorum");
    say(cluster.max_batch_entries == 1, "entries one by one");
    say(cluster.max_inflight_messages == 1, "messages one by one");
    say(
        0 < cluster.spares,
        &format!("{} spare{}", cluster.spares, if cluster.spares == 1 { "" } else { "s" }),
    );
    say(!cluster.learners.is_empty(), "a learner");
    say(0 < cluster.snapshot_interval && cluster.snapshot_interval < 1_000, "snapshots");
    say(0 < cluster.snapshot_bytes, "snapshots by bytes");
    say(cluster.max_chunk_bytes < 1_000, "small chunks");
    say(cluster.max_batch_bytes < 1_000, "small messages");
    say(cluster.max_inflight_bytes < 1_000, "small windows");
    say(cluster.max_uncommitted_bytes < 1_000, "overload");
    say(cluster.max_pending_reads < 10, "few reads at a time");
    say(cluster.max_sessions < 100, "few sessions");
    say(cluster.session_lifetime < 1_000, "short sessions");
    say(network.fifo, "links in order");
    say(network.capacity.is_some(), "narrow links");
    say(Ppm::ZERO < network.loss, &format!("loss {}", decimal(network.loss)));
    say(Ppm::ZERO < network.duplicate, &format!("duplicates {}", decimal(network.duplicate)));
    say(Ppm::ZERO < network.client_loss, &format!("client loss {}", decimal(network.client_loss)));
    say(!network.links.is_empty(), "a bad link");
    say(!scenario.disk.nodes.is_empty(), "a slow disk");
    say(scenario.disk.files, "files");
    say(scenario.disk.files && scenario.disk.segment_size < 1_000, "small segments");
    say(scenario.disk.files && scenario.disk.torn_sectors, "torn sectors");
    say(!scenario.clocks.is_empty(), "clocks that err");
    say(scenario.liveness.core, "only a core left");
    say(scenario.liveness.drill, "a drill at the end");
    say(!cluster.initial.is_empty(), "logs that have parted");
    say(!scenario.timeline.is_empty(), "apart at first");
    for rule in &scenario.rules {
        let kind = rule.kind.as_ref().map_or_else(|| "messages".to_owned(), name_in_files);
        let word = if matches!(rule.verdict, Verdict::Duplicate(_)) { "repeated" } else { "late" };
        say(true, &format!("{word} {kind}"));
    }
    if let Some(workload) = &scenario.workload {
        let Workload { clients, keys, loyal_readers, loyal_writers, .. } = workload;
        say(true, &format!("{clients} client{}", if *clients == 1 { "" } else { "s" }));
        say(0 < *loyal_readers, &format!("{loyal_readers} loyal among them"));
        say(0 < *loyal_writers, &format!("{loyal_writers} loyal writing"));
        say(*keys == 1, "one key");
        say(Ppm::ZERO < workload.stray, "stray requests");
        say(Ppm::ZERO < workload.resend, "needless retries");
        say(workload.stop.is_some(), "a quiet end");
        say(workload.reads.contains_key(&ReadModeName::Lease), "lease reads");
        say(workload.reads.contains_key(&ReadModeName::Follower), "follower reads");
        say(workload.reads.contains_key(&ReadModeName::Stale), "stale reads");
    }
    for nemesis in &scenario.nemesis {
        say(true, &name_in_files(&nemesis.fault));
    }
    words.join(", ")
}

/// `0.012`.
fn decimal(probability: Ppm) -> String {
    let mut text = String::new();
    let parts = probability.get();
    write!(text, "{}.{:06}", parts / 1_000_000, parts % 1_000_000).expect("a string takes all text");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
