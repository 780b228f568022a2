//! A scenario drawn from a seed: which faults, settings and habits are in play at all, and how hard.
//!
//! A run in which everything goes wrong at once finds less than many runs in which different few things do: faults
//! mask each other (swarm testing, Groce et al. 2012). So most features are off in most draws, and some draws have
//! one alone.
//!
//! All lengths hang on one, the shortest election timeout T: what matters to Raft is how latencies, syncs and
//! faults compare with it. Two rules bind every draw:
//!
//! - **A healed cluster can make progress.** One message takes T/10 at the usual longest and one sync T/6, so that
//!   asking, campaigning and both syncs of an election fit into T. What is longer is rare.
//! - **A run is some ten thousand steps**, so that a second of sweeping is many runs: heartbeats take at most half
//!   of `STEPS`, and clients pause for as long as it takes to stay below the rest.

mod cluster;
mod surroundings;
mod workload;
mod faults;
mod directed;
mod words;

#[cfg(test)]
mod tests;

use crate::choice::{Choice, Stream};
use crate::scenario::Scenario;
use crate::scenario::model::Liveness;
use crate::scenario::scalar::Ppm;
use crate::time::Span;
pub use words::describe;

/// How many steps a run is meant to take, at most.
const STEPS: u64 = 60_000;

/// The scenario of `seed`, valid and named `swarm-<seed>`. The run's own luck is drawn from other streams, so the
/// same seed may serve both.
pub fn draw(seed: u64) -> Scenario {
    let mut draw = Draw { choice: Choice::seeded(seed) };
    let cluster = draw.cluster();
    let timeout = cluster.election_timeout_min;
    let duration = draw.duration(&cluster);
    // Entries go to a follower one by one: a link or a disk slower than the others' would keep it behind for ever.
    let narrow = cluster.max_batch_entries * cluster.max_inflight_messages < 8;
    let network = draw.network(&cluster, narrow);
    let disk = draw.disks(&cluster, narrow);
    let clocks = draw.clocks(&cluster);
    let workload = draw.workload(&cluster, duration);
    let nemesis = draw.nemeses(&cluster);
    // Nothing costs less than patience: a run ends when all is settled. Who was away for the whole run has as long
    // again to catch up, with loss; elections and operations may need several attempts.
    let within = Span(
        4 * duration.0
            + 40 * cluster.election_timeout_max.0
            + 4 * workload.operation_timeout.0
            + 40 * timeout.0,
    );
    let mut scenario = Scenario {
        schema: None,
        name: format!("swarm-{seed}"),
        claim: String::new(),
        duration,
        cluster,
        network,
        disk,
        clocks,
        workload: Some(workload),
        timeline: Vec::new(),
        rules: Vec::new(),
        nemesis,
        liveness: Liveness { check: true, within, core: false, drill: false },
        expect: Vec::new(),
        planted: Vec::new(),
    };
    draw.extend(&mut scenario);
    draw.extend_disks(&mut scenario);
    draw.direct(&mut scenario);
    // Whoever is left alone with a core has other worries.
    scenario.liveness.drill = !scenario.liveness.core && draw.one_in(2);
    scenario.claim = format!("Nothing breaks with {}.", describe(&scenario));
    scenario
}

struct Draw {
    choice: Choice,
}

impl Draw {
    fn below(&mut self, bound: u64) -> u64 {
        self.choice.below(Stream::Swarm, bound)
    }

    fn between(&mut self, min: u64, max: u64) -> u64 {
        self.choice.between(Stream::Swarm, min, max)
    }

    /// One in `count`.
    fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == count - 1
    }

    fn of<T: Copy>(&mut self, weighted: &[(T, u32)]) -> T {
        let weights = weighted.iter().map(|(_, weight)| *weight).collect::<Vec<_>>();
        weighted[self.choice.weighted(Stream::Swarm, &weights)].0
    }

    /// A probability of up to `percent`, in tenths of a percent, at least one of them.
    fn percent(&mut self, percent: u64) -> Ppm {
        Ppm::new(self.between(1, percent * 10) as u32 * 1_000)
    }
}

/// In whole microseconds, at least one: what nobody measures nobody needs to read.
fn whole(span: Span) -> Span {
    Span::micros((span.0 / 1_000).max(1))
}
