//! The servers, their settings, and what their disks hold at the start.

use super::Sense;
use crate::scenario::model::{Cluster, InitialDisk};
use crate::scenario::path::Path;
use crate::scenario::scalar::Ppm;
use std::collections::BTreeSet;

/// The largest cluster.
const MAX_NODES: u64 = 15;

/// The longest log at the start.
const MAX_LOG: usize = 10_000;

impl Sense<'_> {
    pub(super) fn cluster(&mut self) {
        let cluster = &self.scenario.cluster;
        let root = Path::ROOT.key("cluster");
        self.range(&root.key("nodes"), cluster.nodes, 1, MAX_NODES);
        self.range(&root.key("spares"), cluster.spares, 0, MAX_NODES.saturating_sub(cluster.nodes));
        self.learners(&root.key("learners"), cluster);
        self.timeouts(&root, cluster);
        for (name, limit) in [
            ("max_batch_entries", cluster.max_batch_entries),
            ("max_inflight_messages", cluster.max_inflight_messages),
            ("max_apply_entries", cluster.max_apply_entries),
            ("max_batch_bytes", cluster.max_batch_bytes),
            ("max_inflight_bytes", cluster.max_inflight_bytes),
            ("max_entry_bytes", cluster.max_entry_bytes),
            ("max_uncommitted_bytes", cluster.max_uncommitted_bytes),
            ("max_pending_reads", cluster.max_pending_reads),
            ("max_chunk_bytes", cluster.max_chunk_bytes),
            ("max_sessions", cluster.max_sessions),
        ] {
            self.range(&root.key(name), u64::from(limit), 1, u64::from(u32::MAX));
        }
        self.range(&root.key("session_lifetime"), cluster.session_lifetime, 1, u64::MAX);
        if cluster.lease_drift.is_some() && !cluster.check_quorum {
            let help =
                "leave `check_quorum` on: a lease is the promise of voters who are loyal to their leader";
            self.report("E0219", &root.key("lease_drift"), "there is no lease without CheckQuorum", help);
        }
        if cluster.lease_drift.is_some_and(|drift| drift >= Ppm::ONE) {
            let help = "a share of their rate, as in 0.01 for one percent";
            self.report("E0208", &root.key("lease_drift"), "clocks that drift so far may stand still", help);
        }

        let root = root.key("initial");
        let mut seen = BTreeSet::new();
        for (position, disk) in cluster.initial.iter().enumerate() {
            let path = root.index(position);
            self.founder(&path.key("node"), disk.node);
            self.once(&path.key("node"), &mut seen, disk.node);
            self.initial(&path, disk);
        }
        self.log_matching(&root, &cluster.initial);
    }

    fn learners(&mut self, root: &Path<'_>, cluster: &Cluster) {
        let mut seen = BTreeSet::new();
        for (position, number) in cluster.learners.iter().enumerate() {
            let path = root.index(position);
            self.founder(&path, *number);
            self.once(&path, &mut seen, *number);
        }
        if seen.len() as u64 >= cluster.nodes && cluster.nodes > 0 {
            self.report("E0216", root, "nobody is left to vote", "leave at least one founder out");
        }
    }

    /// Refuses a node number that none of the founders has: the disks of all others are blank.
    fn founder(&mut self, path: &Path<'_>, number: u64) {
        let Cluster { nodes, spares, .. } = self.scenario.cluster;
        if nodes < number && number - nodes <= spares {
            let help = format!("a founder's number, from 1 to {nodes}");
            self.report("E0201", path, format!("node {number} founds nothing"), help);
        } else {
            self.node(path, number);
        }
    }

    fn timeouts(&mut self, root: &Path<'_>, cluster: &Cluster) {
        let Cluster {
            election_timeout_min: min,
            election_timeout_max: max,
            heartbeat_interval: heartbeat,
            ..
        } = cluster;
        self.positive(&root.key("election_timeout_min"), *min);
        self.bounded(&root.key("election_timeout_max"), *max);
        // Of two that disagree, the one to blame is the one that the scenario sets.
        let default = Cluster::default();
        if min >= max {
            let blamed = if *max != default.election_timeout_max {
                "election_timeout_max"
            } else {
                "election_timeout_min"
            };
            let message = format!("the shortest election timeout ({min}) is not below the longest ({max})");
            let help = "set both; a range as wide as its shortest, 150ms to 300ms, makes split votes rare (Raft §9.3)";
            self.report("E0207", &root.key(blamed), message, help);
        }
        if heartbeat.0 == 0 || heartbeat >= min {
            let blamed = if *heartbeat != default.heartbeat_interval {
                "heartbeat_interval"
            } else {
                "election_timeout_min"
            };
            let message = format!(
                "the heartbeat interval ({heartbeat}) is not above zero and below the shortest election timeout ({min})"
            );
            let help =
                "a third of the shortest election timeout lets a follower miss one without an election";
            self.report("E0207", &root.key(blamed), message, help);
        }
    }

    fn initial(&mut self, path: &Path<'_>, disk: &InitialDisk) {
        let InitialDisk { term, vote, log, .. } = disk;
        // Terms are counted up from here, and must not overflow within a run.
        self.range(&path.key("term"), *term, 0, u64::from(u32::MAX) - 1);
        if let Some(vote) = vote {
            self.node(&path.key("vote"), *vote);
            if *term == 0 {
                let message = "nobody votes in term 0, which comes before the first election";
                self.report("E0212", &path.key("vote"), message, "a `term` of at least 1, or no vote");
            }
        }
        let root = path.key("log");
        self.at_most(&root, log.len(), MAX_LOG);
        if log.first() == Some(&0) {
            let message = "no entry has term 0, which comes before the first election";
            self.report("E0212", &root.index(0), message, "terms of entries count from 1");
        }
        if let Some(position) = (1..log.len()).find(|position| log[position - 1] > log[*position]) {
            let message = format!(
                "the term falls from {} to {} at index {}",
                log[position - 1],
                log[position],
                position + 1
            );
            let help =
                "the terms of a log never descend: a leader appends entries of its own term, the highest yet";
            self.report("E0212", &root.index(position), message, help);
        } else if let Some(last) = log.last().filter(|last| *last > term) {
            let message = format!("the term of the node ({term}) is below that of its last entry ({last})");
            let help = format!("at least {last}: a node learns a term before it takes an entry of it");
            self.report("E0212", &path.key("term"), message, help);
        }
    }

    /// Two logs that agree on the term at an index must agree on all before it, or no run of Raft leads there.
    fn log_matching(&mut self, root: &Path<'_>, disks: &[InitialDisk]) {
        for (position, disk) in disks.iter().enumerate() {
            for other in &disks[..position] {
                let mut pairs = disk.log.iter().zip(&other.log);
                let Some(differ) = pairs.position(|(left, right)| left != right) else { continue };
                let Some(agree) = pairs.position(|(left, right)| left == right) else { continue };
                let agree = differ + 1 + agree;
                let path = root.index(position);
                let message = format!(
                    "nodes {} and {} agree on index {} (term {}) but not on index {} before it (terms {} and {})",
                    other.node,
                    disk.node,
                    agree + 1,
                    disk.log[agree],
                    differ + 1,
                    other.log[differ],
                    disk.log[differ],
                );
                let help = "logs that hold the same entry are equal up to it (Log Matching, Raft §5.3)";
                self.report("E0212", &path.key("log").index(differ), message, help);
            }
        }
    }
}
