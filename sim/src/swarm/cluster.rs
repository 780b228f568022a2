//! The cluster: how many servers, and their settings.

use super::{Draw, whole};
use crate::scenario::Scenario;
use crate::scenario::model::{Cluster, Fault, ReadModeName};
use crate::scenario::scalar::Ppm;
use crate::time::Span;
use std::collections::BTreeMap;

impl Draw {
    /// Mostly 3 and 5 nodes, where majorities are small and split votes are rare enough to get anywhere; even
    /// numbers, because their majorities are another case; one node, because it commits with nobody's help.
    /// Limits are 1, tiny or out of the way: each has bugs of its own.
    pub(super) fn cluster(&mut self) -> Cluster {
        let nodes = self.of(&[(3, 45), (5, 33), (4, 8), (7, 6), (2, 5), (1, 3)]);
        let timeout = Span::millis(self.of(&[(50, 1), (100, 2), (150, 3), (300, 2), (500, 1)]));
        // At least as much jitter as timeout: with less, votes split again and again.
        let most = self.between(20, 30) * timeout.0 / 10;
        let heartbeats = self.of(&[(10, 2), (5, 2), (3, 1)]);
        Cluster {
            nodes,
            election_timeout_min: timeout,
            election_timeout_max: Span(most),
            heartbeat_interval: whole(Span(timeout.0 / heartbeats)),
            pre_vote: !self.one_in(3),
            check_quorum: !self.one_in(3),
            max_batch_entries: self.of(&[(64, 4), (1, 3), (2, 2), (4, 2)]),
            max_inflight_messages: self.of(&[(64, 4), (1, 2), (2, 2)]),
            max_apply_entries: self.of(&[(256, 4), (1, 2), (3, 2)]),
            ..Cluster::default()
        }
    }

    /// Everything about a cluster that came to the protocol later: its draws come after all others, so that what a seed
    /// means in all else stays the same. Members that learn, servers that stand ready; logs that are cut short behind
    /// snapshots every few entries; windows of a few bytes; sessions that soon expire.
    pub(super) fn extend(&mut self, scenario: &mut Scenario) {
        let Scenario { cluster, clocks, workload, liveness, .. } = scenario;
        if self.one_in(2) {
            cluster.spares = self.of(&[(1, 3), (2, 3), (3, 1), (4, 1)]);
        }
        if 2 < cluster.nodes && self.one_in(5) {
            cluster.learners = vec![cluster.nodes];
        }
        cluster.snapshot_interval = self.of(&[(1_000, 3), (0, 1), (1, 1), (3, 3), (20, 4), (100, 3)]);
        cluster.trailing_entries = self.of(&[(200, 2), (0, 3), (1, 2), (10, 3)]);
        cluster.max_chunk_bytes = self.of(&[(65_536, 4), (4_096, 3), (256, 3), (64, 2), (16, 1)]);
        cluster.max_batch_bytes = self.of(&[(1 << 20, 6), (1, 1), (200, 2)]);
        cluster.max_inflight_bytes = self.of(&[(8 << 20, 6), (1, 1), (500, 2)]);
        cluster.max_uncommitted_bytes = self.of(&[(64 << 20, 6), (1, 1), (400, 2)]);
        cluster.max_pending_reads = self.of(&[(4_096, 6), (1, 1), (3, 2)]);
        liveness.core = self.one_in(3);
        if self.one_in(8) {
            // Enough for a window and its answers; less than a backlog.
            scenario.network.capacity = Some(self.between(4, 20) as u32);
        }
        let Some(workload) = workload else { return };
        // With fewer sessions than clients they would take them from each other for ever.
        if self.one_in(4) {
            cluster.max_sessions = workload.clients + self.of(&[(0, 1), (1, 2), (5, 2)]);
        }
        if self.one_in(4) {
            cluster.session_lifetime =
                u64::from(4 * workload.clients) + self.of(&[(0, 1), (10, 3), (100, 3)]);
        }
        if self.one_in(3) {
            workload.reads = BTreeMap::from([(ReadModeName::Leader, 2), (ReadModeName::Follower, 3)]);
        }
        if self.one_in(8) {
            workload.reads.insert(ReadModeName::Stale, 2);
        }
        if cluster.check_quorum && self.one_in(2) {
            // The bound must hold: of two clocks that err by a share each, one goes at most twice as far.
            let worst = clocks.iter().map(|clock| clock.drift_ppm.unsigned_abs()).max().unwrap_or(0) as u32;
            cluster.lease_drift = Some(Ppm::new((2 * worst).max(10_000) + 30_000));
            workload.reads.insert(ReadModeName::Lease, 4);
            // A clock that jumps keeps to no bound.
            scenario.nemesis.retain(|nemesis| nemesis.fault != Fault::JumpClock);
        }
    }
}
