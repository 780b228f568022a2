//! Faults that come at random instants: each nemesis of a scenario strikes, waits, undoes what it did, waits.
//!
//! A nemesis decides and the world acts. It names nodes by number, so that a trace of its actions is a timeline
//! that another scenario can replay.

mod ambush;
mod reconfigure;
mod strike;
pub mod target;

use crate::choice::{Choice, Stream};
use crate::network::distribution::Sampler;
use crate::scenario::Scenario;
use crate::scenario::model::{Action, Fault, Nemesis};
use crate::time::{Span, Time};
use strike::{Ground, Strike};
use target::Status;

/// All nemeses of a run, by their position in the scenario.
///
/// - Each draws from its own stream alone.
/// - Between a strike and its undoing it does nothing else; what it undoes is what it did.
#[derive(Clone, Debug)]
pub struct Nemeses {
    ground: Ground,
    each: Vec<State>,
}

#[derive(Clone, Debug)]
struct State {
    fault: Fault,
    /// From the end of one fault to the beginning of the next.
    every: Sampler,
    /// From the beginning of one fault to its end.
    duration: Sampler,
    /// What is in force now: at the next wake it goes on, or must be undone.
    strike: Option<Strike>,
}

/// The least time between two wakes of one nemesis, whatever the scenario says, so that time always advances.
const LEAST: Span = Span::micros(1);

impl Nemeses {
    /// The nemeses of `scenario`.
    pub fn new(scenario: &Scenario) -> Self {
        let state = |nemesis: &Nemesis| State {
            fault: nemesis.fault,
            every: Sampler::from(&nemesis.every),
            duration: Sampler::from(&nemesis.duration),
            strike: None,
        };
        Self { ground: Ground::new(scenario), each: scenario.nemesis.iter().map(state).collect() }
    }

    /// When to wake each one first. A nemesis whose fault needs more nodes than there are never wakes.
    pub fn start(&mut self, choice: &mut Choice) -> Vec<(usize, Time)> {
        let mut wakes = Vec::new();
        for (position, state) in self.each.iter().enumerate() {
            if least_nodes(state.fault) <= self.ground.nodes {
                let first = state.every.draw(choice, Stream::Nemesis(position));
                wakes.push((position, Time::ZERO + first.max(LEAST)));
            }
        }
        wakes
    }

    /// Strikes or undoes: adds to `actions` what the world is to do now, in order. Returns when to wake next.
    ///
    /// # Panics
    /// If there is no nemesis at `position`.
    pub fn wake(
        &mut self,
        position: usize,
        now: Time,
        status: &Status,
        choice: &mut Choice,
        actions: &mut Vec<Action>,
    ) -> Option<Time> {
        let stream = Stream::Nemesis(position);
        let state = self.each.get_mut(position).expect("the world wakes only whom it was told to");
        let wait = match state.strike.take() {
            Some(mut strike) => match strike.then.take() {
                Some((_, more)) => {
                    actions.extend(more);
                    state.strike = Some(strike);
                    state.duration.draw(choice, stream)
                }
                None => {
                    strike.undo(status, actions);
                    state.every.draw(choice, stream)
                }
            },
            None => match self.ground.strike(state.fault, status, choice, stream) {
                // Nobody fits now, such as no leader during an election: look again soon.
                None => self.ground.heartbeat_interval,
                Some(strike) => {
                    actions.extend(strike.actions.iter().cloned());
                    if strike.is_over_at_once() {
                        state.every.draw(choice, stream)
                    } else {
                        let wait = strike.then.as_ref().map(|(wait, _)| *wait);
                        state.strike = Some(strike);
                        wait.unwrap_or_else(|| state.duration.draw(choice, stream))
                    }
                }
            },
        };
        Some(now + wait.max(LEAST))
    }
}

/// Every fault there is.
pub const FAULTS: [Fault; 33] = [
    Fault::Partition,
    Fault::IsolateLeader,
    Fault::IsolateAny,
    Fault::OneWay,
    Fault::Sever,
    Fault::Bridge,
    Fault::Ambush,
    Fault::Clog,
    Fault::Crash,
    Fault::CrashLeader,
    Fault::CrashMidStep,
    Fault::CrashMajority,
    Fault::CrashAll,
    Fault::Pause,
    Fault::PauseLeader,
    Fault::SlowDisk,
    Fault::SlowLeaderDisk,
    Fault::LossBurst,
    Fault::DuplicateBurst,
    Fault::LatencyBurst,
    Fault::Stragglers,
    Fault::JumpClock,
    Fault::Campaign,
    Fault::Reconfigure,
    Fault::ReconfigureAndIsolate,
    Fault::TransferLeadership,
    Fault::StepDown,
    Fault::TakeSnapshot,
    Fault::Wipe,
    Fault::CrashAt,
    Fault::FailSync,
    Fault::FillDisk,
    Fault::Rot,
];

/// How many nodes a cluster must have for a fault to mean anything.
pub fn least_nodes(fault: Fault) -> u64 {
    match fault {
        Fault::Sever | Fault::Bridge | Fault::Ambush | Fault::Wipe | Fault::Rot => 3,
        Fault::Partition
        | Fault::IsolateLeader
        | Fault::IsolateAny
        | Fault::OneWay
        | Fault::Clog
        | Fault::LossBurst
        | Fault::DuplicateBurst
        | Fault::LatencyBurst
        | Fault::Stragglers
        | Fault::Reconfigure
        | Fault::ReconfigureAndIsolate
        | Fault::TransferLeadership => 2,
        Fault::Crash
        | Fault::CrashLeader
        | Fault::CrashMidStep
        | Fault::CrashMajority
        | Fault::CrashAll
        | Fault::Pause
        | Fault::PauseLeader
        | Fault::SlowDisk
        | Fault::SlowLeaderDisk
        | Fault::JumpClock
        | Fault::Campaign
        | Fault::StepDown
        | Fault::TakeSnapshot
        | Fault::CrashAt
        | Fault::FailSync
        | Fault::FillDisk => 1,
    }
}

/// Whether a fault is one of files, so that it means nothing to disks that take whole records.
pub fn is_of_files(fault: Fault) -> bool {
    matches!(fault, Fault::CrashAt | Fault::FailSync | Fault::FillDisk | Fault::Rot)
}

#[cfg(test)]
mod tests;
