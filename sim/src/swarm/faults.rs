//! Which faults come at random, how often and for how long.

use super::Draw;
use crate::nemesis;
use crate::scenario::Scenario;
use crate::scenario::model::{Cluster, Distribution, Fault, Nemesis};
use crate::time::Span;

/// How hard a fault strikes.
#[derive(Clone, Copy)]
pub(super) enum Intensity {
    /// Now and then; the cluster recovers in between.
    Light,
    /// Often enough that several faults overlap.
    Medium,
    /// Again as soon as it is over.
    Heavy,
}

/// How often a fault is chosen: more often if it is aimed at what rare bugs need.
fn weight(fault: Fault) -> u32 {
    match fault {
        Fault::Ambush => 4,
        Fault::Sever | Fault::Stragglers | Fault::TransferLeadership => 2,
        Fault::Reconfigure | Fault::ReconfigureAndIsolate => 2,
        _ => 1,
    }
}

impl Draw {
    /// No fault at all in one of ten draws, one alone and again and again in one of five, else up to five that may
    /// overlap.
    pub(super) fn nemeses(&mut self, cluster: &Cluster) -> Vec<Nemesis> {
        let (count, alone) = match self.of(&[(0, 2), (1, 4), (2, 14)]) {
            0 => (0, false),
            1 => (1, true),
            _ => (self.of(&[(1, 2), (2, 4), (3, 4), (4, 2), (5, 1)]), false),
        };
        let mut faults = nemesis::FAULTS.to_vec();
        faults.retain(|fault| !nemesis::is_of_files(*fault) && nemesis::least_nodes(*fault) <= cluster.nodes);
        let mut nemeses = Vec::new();
        for _ in 0..count {
            let weights: Vec<(usize, u32)> =
                faults.iter().enumerate().map(|(place, fault)| (place, weight(*fault))).collect();
            let fault = faults.swap_remove(self.of(&weights));
            let intensity = if alone {
                Intensity::Heavy
            } else {
                self.of(&[(Intensity::Light, 2), (Intensity::Medium, 2), (Intensity::Heavy, 1)])
            };
            nemeses.push(nemesis_of(fault, intensity, cluster.election_timeout_min));
        }
        nemeses
    }

    /// What stands in files, and what happens to it: also this comes after all else. Files in three of four draws, so
    /// small that every batch fills one, or as large as real ones; and where something goes wrong at all, up to two
    /// faults of disks more often than not.
    pub(super) fn extend_disks(&mut self, scenario: &mut Scenario) {
        let Scenario { disk, cluster, nemesis, .. } = scenario;
        disk.files = !self.one_in(4);
        disk.sector_size = self.of(&[(512, 3), (4_096, 1)]);
        disk.segment_size = self.of(&[(64 << 20, 3), (300, 2), (2_000, 2), (20_000, 1)]);
        disk.torn_sectors = self.one_in(2);
        if !disk.files || nemesis.is_empty() {
            return;
        }
        let mut faults = nemesis::FAULTS.to_vec();
        faults.retain(|fault| nemesis::is_of_files(*fault) && nemesis::least_nodes(*fault) <= cluster.nodes);
        for _ in 0..self.of(&[(0, 2), (1, 2), (2, 1)]) {
            let fault = faults.swap_remove(self.below(faults.len() as u64) as usize);
            let intensity = self.of(&[(Intensity::Light, 2), (Intensity::Medium, 2), (Intensity::Heavy, 1)]);
            nemesis.push(nemesis_of(fault, intensity, cluster.election_timeout_min));
        }
    }
}

/// How long one fault lasts and how long it stays away, in election timeouts T: shorter than T, it is hardly
/// noticed; after some, there is a new leader.
pub(super) fn nemesis_of(fault: Fault, intensity: Intensity, timeout: Span) -> Nemesis {
    let halves = |min: u64, max: u64| Distribution::Uniform {
        min: Span(timeout.0 * min / 2),
        max: Span(timeout.0 * max / 2),
    };
    let (every, duration) = match intensity {
        Intensity::Light => (halves(10, 40), halves(2, 12)),
        Intensity::Medium => (halves(4, 16), halves(2, 12)),
        Intensity::Heavy => (halves(0, 4), halves(1, 8)),
    };
    Nemesis { fault, every, duration }
}
