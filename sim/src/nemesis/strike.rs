//! What each kind of fault does to the cluster, and what undoes it.

use super::ambush::ambush;
use super::reconfigure;
use super::target::{Status, resolve, some};
use crate::choice::{Choice, Stream};
use crate::disk::CRASH_POINTS;
use crate::scenario::Scenario;
use crate::scenario::model::{Action, Disks, Distribution, Fault};
use crate::scenario::scalar::{Ppm, Target};
use crate::time::Span;
use seaworthy_core::types::NodeId;

/// What nemeses must know of the scenario: what its undisturbed world is like.
#[derive(Clone, Debug)]
pub(super) struct Ground {
    pub(super) nodes: u64,
    pub(super) heartbeat_interval: Span,
    pub(super) election_timeout_min: Span,
    election_timeout_max: Span,
    loss: Ppm,
    duplicate: Ppm,
    latency: Distribution,
    disk: Disks,
}

/// One fault, decided.
#[derive(Clone, Debug)]
pub(super) struct Strike {
    /// What is done, in order.
    pub(super) actions: Vec<Action>,
    /// What is done a while later, before the fault has lasted as long as it is to last.
    pub(super) then: Option<(Span, Vec<Action>)>,
    undo: Undo,
}

/// How a fault ends.
#[derive(Clone, Debug)]
enum Undo {
    /// It is an instant, not a state.
    Nothing,
    /// The same whatever has happened since.
    Act(Vec<Action>),
    /// A node that is to crash in its next step may not have come to it yet.
    RestartAfterCrash(NodeId),
}

impl Strike {
    /// Two blows, of which the second comes so much later, and what ends them both.
    pub(super) fn twofold(actions: Vec<Action>, then: (Span, Vec<Action>), undo: Vec<Action>) -> Self {
        Self { then: Some(then), ..Self::new(actions, Undo::Act(undo)) }
    }

    fn new(actions: Vec<Action>, undo: Undo) -> Self {
        Self { actions, then: None, undo }
    }

    /// Whether there is nothing to undo.
    pub(super) fn is_over_at_once(&self) -> bool {
        matches!(self.undo, Undo::Nothing)
    }

    /// Adds to `actions` what ends this fault.
    pub(super) fn undo(self, status: &Status, actions: &mut Vec<Action>) {
        match self.undo {
            Undo::Nothing => {}
            Undo::Act(undoing) => actions.extend(undoing),
            Undo::RestartAfterCrash(node) => {
                // Were the crash still to come, it would come after its own undoing and last for ever.
                if status.nodes.iter().any(|state| state.node == node && state.up) {
                    actions.push(Action::Crash(targets(&[node])));
                }
                actions.push(Action::Restart(targets(&[node])));
            }
        }
    }
}

impl Ground {
    pub(super) fn new(scenario: &Scenario) -> Self {
        Self {
            nodes: scenario.cluster.servers(),
            heartbeat_interval: scenario.cluster.heartbeat_interval,
            election_timeout_min: scenario.cluster.election_timeout_min,
            election_timeout_max: scenario.cluster.election_timeout_max,
            loss: scenario.network.loss,
            duplicate: scenario.network.duplicate,
            latency: scenario.network.latency.clone(),
            disk: scenario.disk.clone(),
        }
    }

    /// Decides one fault of kind `fault`; `None` if there is nobody whom it can strike now.
    pub(super) fn strike(
        &self,
        fault: Fault,
        status: &Status,
        choice: &mut Choice,
        stream: Stream,
    ) -> Option<Strike> {
        let mut one = |target: Target| resolve(target, status, choice, stream).first().copied();
        let strike = match fault {
            Fault::Partition => partition(status, choice, stream),
            Fault::IsolateLeader => cut(Action::Isolate(Target::from(one(Target::Leader)?))),
            Fault::IsolateAny => cut(Action::Isolate(Target::from(one(Target::Any)?))),
            Fault::OneWay => one_way(status, choice, stream),
            Fault::Sever => sever(status, choice, stream),
            Fault::Bridge => bridge(status, choice, stream),
            Fault::Ambush => ambush(self, status, choice, stream)?,
            Fault::Clog => world(Action::Clog(Target::from(one(Target::Any)?)), Action::Unclog {}),
            Fault::Crash => crash(&[one(Target::Any)?]),
            Fault::CrashLeader => crash(&[one(Target::Leader)?]),
            Fault::CrashMidStep => {
                let node = one(Target::Any)?;
                let actions = vec![Action::CrashMidStep(Target::from(node))];
                Strike::new(actions, Undo::RestartAfterCrash(node))
            }
            Fault::CrashMajority => {
                let up = status.those(|node| node.up);
                let majority = resolve(Target::AMajority, status, choice, stream);
                let majority = majority.into_iter().filter(|node| up.contains(node)).collect::<Vec<_>>();
                crash(some_of(&majority)?)
            }
            Fault::CrashAll => crash(some_of(&status.those(|node| node.up))?),
            Fault::Pause | Fault::PauseLeader => {
                let leader = status.leader();
                let awake = status.those(|node| {
                    node.up && !node.paused && (fault == Fault::Pause || Some(node.node) == leader)
                });
                let node = Target::from(*some(awake, 1, choice, stream).first()?);
                world(Action::Pause(node), Action::Resume(node))
            }
            Fault::SlowDisk => self.slow_disk(one(Target::Any)?),
            Fault::SlowLeaderDisk => self.slow_disk(one(Target::Leader)?),
            Fault::LossBurst | Fault::DuplicateBurst | Fault::LatencyBurst | Fault::Stragglers => {
                self.burst(fault, choice, stream)
            }
            Fault::JumpClock => {
                // From less than an election timeout to several: timers fire early, together, or all at once.
                let (least, most) = (self.election_timeout_min.0 / 2, self.election_timeout_max.0 * 4);
                let by = Span(choice.between(stream, least, most));
                instant(Action::JumpClock { node: Target::from(self.any(status, choice, stream)?), by })
            }
            Fault::Campaign => instant(Action::Campaign(Target::from(one(Target::Any)?))),
            Fault::Reconfigure => instant(reconfigure::change(status, choice, stream)?),
            Fault::ReconfigureAndIsolate => {
                let actions = reconfigure::change_and_isolate(status, choice, stream)?;
                Strike::new(actions, Undo::Act(vec![Action::Heal {}]))
            }
            Fault::TransferLeadership => {
                let voters = status.those(|node| status.membership.voters.contains(node.node));
                let heir = *some(voters, 1, choice, stream).first()?;
                instant(Action::TransferLeadership(Target::from(heir)))
            }
            Fault::StepDown => instant(Action::StepDown {}),
            Fault::TakeSnapshot => instant(Action::TakeSnapshot(Target::from(one(Target::Any)?))),
            Fault::Wipe | Fault::Rot => {
                let lose = if fault == Fault::Wipe { Action::Wipe } else { Action::Rot };
                let actions = reconfigure::lose_disk_and_replace(lose, status, choice, stream)?;
                Strike::new(actions, Undo::Nothing)
            }
            Fault::CrashAt => crash_at(one(Target::Any)?, choice, stream),
            Fault::FailSync => fail_sync(one(Target::Any)?),
            Fault::FillDisk => fill_disk(one(Target::Any)?),
        };
        Some(strike)
    }

    fn any(&self, status: &Status, choice: &mut Choice, stream: Stream) -> Option<NodeId> {
        resolve(Target::Any, status, choice, stream).first().copied()
    }

    /// A network that loses, doubles or delays far more than usual.
    fn burst(&self, fault: Fault, choice: &mut Choice, stream: Stream) -> Strike {
        match fault {
            Fault::LossBurst => {
                // A third gets through at least one time in three; above 0.8 it is a partition, which is another fault.
                let ppm = choice.between(stream, 300_000, 800_000) as u32;
                world(Action::Loss(Ppm::new(ppm)), Action::Loss(self.loss))
            }
            Fault::DuplicateBurst => {
                let ppm = choice.between(stream, 300_000, 900_000) as u32;
                world(Action::Duplicate(Ppm::new(ppm)), Action::Duplicate(self.duplicate))
            }
            Fault::LatencyBurst => {
                // From what a follower hardly notices to what makes it campaign: in between, messages of several
                // terms are on their way at once and overtake each other.
                let slow = Distribution::Uniform {
                    min: Span(self.heartbeat_interval.0 / 4),
                    max: Span(choice.between(stream, self.heartbeat_interval.0, self.election_timeout_max.0)),
                };
                world(Action::Latency(slow), Action::Latency(self.latency.clone()))
            }
            Fault::Stragglers => {
                // So late that a leader may have lost its office and have it back; so rare that the others get on.
                let late = Distribution::HeavyTail {
                    min: Span(self.heartbeat_interval.0 / 20),
                    max: Span(self.heartbeat_interval.0 / 4),
                    tail: Span(self.election_timeout_max.0 * choice.between(stream, 1, 10)),
                    probability: Ppm::new(choice.between(stream, 10_000, 200_000) as u32),
                };
                world(Action::Latency(late), Action::Latency(self.latency.clone()))
            }
            _ => unreachable!("the caller has looked"),
        }
    }

    fn slow_disk(&self, node: NodeId) -> Strike {
        let [slow, usual] = self.slow_disk_and_usual(node);
        world(slow, usual)
    }

    /// Syncs that take from a heartbeat to a whole election timeout: what waits for them looks like a dead node. And
    /// what undoes that.
    pub(super) fn slow_disk_and_usual(&self, node: NodeId) -> [Action; 2] {
        let slow = Distribution::Uniform { min: self.heartbeat_interval, max: self.election_timeout_max };
        let usual = self.disk.nodes.iter().find(|disk| disk.node == node.get());
        let usual = usual.map_or(&self.disk.sync, |disk| &disk.sync).clone();
        let node = Target::from(node);
        [slow, usual].map(|sync| Action::SlowDisk { node, sync })
    }
}

/// Two groups, of any sizes and members.
fn partition(status: &Status, choice: &mut Choice, stream: Stream) -> Strike {
    let all = status.all();
    let size = choice.between(stream, 1, all.len() as u64 - 1) as usize;
    let one = some(all.clone(), size, choice, stream);
    let other = without(&all, &one);
    cut(Action::Partition { groups: vec![targets(&one), targets(&other)] })
}

/// Links that carry one way only: all into a node, all out of one, or any. A leader that is heard but hears
/// nobody is what CheckQuorum is for (thesis §6.2), so it is among the nodes of the first two.
fn one_way(status: &Status, choice: &mut Choice, stream: Stream) -> Strike {
    let all = status.all();
    let style = choice.weighted(stream, &[1, 1, 2]);
    let mut actions = Vec::new();
    if style < 2 {
        let node = [leader_or_any(status, choice, stream)];
        let (from, to) = (targets(&node), targets(&without(&all, &node)));
        actions.push(if style == 0 { Action::Cut { from: to, to: from } } else { Action::Cut { from, to } });
    } else {
        for from in &all {
            let others = without(&all, &[*from]).into_iter();
            let to = others.filter(|_| choice.chance(stream, 300_000)).collect::<Vec<_>>();
            if !to.is_empty() {
                actions.push(Action::Cut { from: targets(&[*from]), to: targets(&to) });
            }
        }
        if actions.is_empty() {
            let to = without(&all, &all[..1]);
            actions.push(Action::Cut { from: targets(&all[..1]), to: targets(&to) });
        }
    }
    Strike::new(actions, Undo::Act(vec![Action::Heal {}]))
}

/// One pair apart that everybody else still reaches; the leader is half of it more often than not.
fn sever(status: &Status, choice: &mut Choice, stream: Stream) -> Strike {
    let one = [leader_or_any(status, choice, stream)];
    let other = some(without(&status.all(), &one), 1, choice, stream);
    cut(Action::Sever { between: targets(&one), and: targets(&other) })
}

/// Two halves that only one node still reaches.
fn bridge(status: &Status, choice: &mut Choice, stream: Stream) -> Strike {
    let all = status.all();
    let middle = some(all.clone(), 1, choice, stream);
    let rest = without(&all, &middle);
    let one = some(rest.clone(), rest.len() / 2, choice, stream);
    let other = without(&rest, &one);
    cut(Action::Sever { between: targets(&one), and: targets(&other) })
}

/// The leader half of the time, if there is one; else anybody.
fn leader_or_any(status: &Status, choice: &mut Choice, stream: Stream) -> NodeId {
    let leader = status.leader().filter(|_| choice.chance(stream, 500_000));
    leader.unwrap_or_else(|| some(status.all(), 1, choice, stream)[0])
}

fn crash(nodes: &[NodeId]) -> Strike {
    world(Action::Crash(targets(nodes)), Action::Restart(targets(nodes)))
}

/// A crash at any point; one time in three while the node starts.
fn crash_at(node: NodeId, choice: &mut Choice, stream: Stream) -> Strike {
    let point = CRASH_POINTS[choice.below(stream, CRASH_POINTS.len() as u64) as usize];
    let mut actions = vec![Action::CrashAt { node: Target::from(node), point }];
    if choice.chance(stream, 333_333) {
        actions.insert(0, Action::Crash(targets(&[node])));
        actions.push(Action::Restart(targets(&[node])));
    }
    Strike::new(actions, Undo::RestartAfterCrash(node))
}

fn fail_sync(node: NodeId) -> Strike {
    Strike::new(vec![Action::FailSync(Target::from(node))], Undo::RestartAfterCrash(node))
}

fn fill_disk(node: NodeId) -> Strike {
    let node = Target::from(node);
    let undo = Undo::Act(vec![Action::FreeDisk(node), Action::Restart(vec![node])]);
    Strike::new(vec![Action::FillDisk(node)], undo)
}

fn cut(action: Action) -> Strike {
    world(action, Action::Heal {})
}

fn world(action: Action, undo: Action) -> Strike {
    Strike::new(vec![action], Undo::Act(vec![undo]))
}

fn instant(action: Action) -> Strike {
    Strike::new(vec![action], Undo::Nothing)
}

fn some_of(nodes: &[NodeId]) -> Option<&[NodeId]> {
    (!nodes.is_empty()).then_some(nodes)
}

pub(super) fn without(nodes: &[NodeId], gone: &[NodeId]) -> Vec<NodeId> {
    nodes.iter().copied().filter(|node| !gone.contains(node)).collect()
}

pub(super) fn targets(nodes: &[NodeId]) -> Vec<Target> {
    nodes.iter().copied().map(Target::from).collect()
}
