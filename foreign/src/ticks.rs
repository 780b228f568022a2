//! The library counts ticks where the world tells the time. Also this knows no library.

use seaworthy_core::config::Config as Settings;
use seaworthy_core::types::Instant;
use std::time::Duration;

/// How many ticks there are to a heartbeat: so many places has the beginning of an election between two heartbeats.
const TICKS: u32 = 10;

/// Turns a clock into ticks, and is the only source of luck.
#[derive(Debug)]
pub(crate) struct Ticks {
    length: Duration,
    /// When the last tick was.
    last: Instant,
    pub(crate) heartbeat: usize,
    pub(crate) election_min: usize,
    /// Exclusive.
    pub(crate) election_max: usize,
    /// The election timeout in force.
    timeout: usize,
    luck: u64,
}

impl Ticks {
    pub(crate) fn new(settings: &Settings, now: Instant) -> Self {
        let length = settings.heartbeat_interval / TICKS;
        let ticks = |time: Duration| {
            usize::try_from(time.as_nanos() / length.as_nanos().max(1))
                .expect("a timeout is a few heartbeats")
        };
        let heartbeat = TICKS as usize;
        let election_min = ticks(settings.election_timeout_min).max(heartbeat + 1);
        let election_max = ticks(settings.election_timeout_max).max(election_min + 1);
        let timeout = election_min;
        Self { length, last: now, heartbeat, election_min, election_max, timeout, luck: settings.seed }
    }

    /// Ticks as often as it is time to, until a `tick` has something come of it. What a server slept through is lost to
    /// it, as it is to a real timer.
    pub(crate) fn catch_up(&mut self, now: Instant, mut tick: impl FnMut() -> bool) {
        let due = now.since(self.last).as_nanos() / self.length.as_nanos().max(1);
        let due = u32::try_from(due).unwrap_or(u32::MAX);
        self.last = self.last + self.length * due;
        for _ in 0..due {
            if tick() {
                break;
            }
        }
    }

    /// When so many ticks are over.
    pub(crate) fn after(&self, ticks: usize) -> Instant {
        self.last + self.length * u32::try_from(ticks).expect("a timeout is a few heartbeats")
    }

    /// How many ticks are left until an election, of which so many are over.
    pub(crate) fn to_election(&self, elapsed: usize) -> usize {
        self.timeout.saturating_sub(elapsed).max(1)
    }

    /// The election timeout that the library is to have: it draws one from the operating system whenever it resets, and
    /// no run could be repeated. `anew` says that there is one to be drawn.
    pub(crate) fn timeout(&mut self, anew: bool) -> usize {
        if anew {
            let width = (self.election_max - self.election_min) as u64;
            self.timeout = self.election_min + (self.next() % width) as usize;
        }
        self.timeout
    }

    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.luck = self.luck.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.luck ^ (self.luck >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
