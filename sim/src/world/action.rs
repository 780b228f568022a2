//! What is done to the cluster: by the timeline, by nemeses, and by the end of all faults. What is done to the network
//! and what operators do have files of their own.

use super::{Phase, Stop, World, base_sync};
use crate::choice::Stream;
use crate::event::Event;
use crate::fault::FaultKind;
use crate::history::ClientId;
use crate::host::{Host, position};
use crate::nemesis::target::{NodeStatus, Status, resolve};
use crate::network::Owner;
use crate::network::distribution::Sampler;
use crate::observation::{Fact, LogFacts};
use crate::replica::Replica;
use crate::scenario::model::{Action, Scenario};
use crate::scenario::scalar::Target;
use crate::trace::Record;
use crate::workload::Script;
use seaworthy_core::kv::Command;
use seaworthy_core::member::ReadMode;
use seaworthy_core::membership::Membership;
use seaworthy_core::quorum::VoteResult;
use seaworthy_core::types::{EntryId, NodeId};
use seaworthy_core::view::Role;

impl<R: Replica> World<'_, R> {
    /// A moment of the timeline. The end of all faults is also the end of the timeline.
    pub(super) fn moment(&mut self, position: usize) -> Result<(), Stop> {
        if self.phase == Phase::Healed {
            return Ok(());
        }
        let scenario: &Scenario = self.scenario;
        self.act(Owner::Timeline, &scenario.timeline[position].action)
    }

    pub(super) fn wake_nemesis(&mut self, position: usize) -> Result<(), Stop> {
        if self.phase == Phase::Healed {
            return Ok(());
        }
        self.witness.steps += 1;
        let now = self.witness.now;
        let status = self.status();
        let mut actions = std::mem::take(&mut self.actions);
        let next = self.nemeses.wake(position, now, &status, self.choice, &mut actions);
        let done = actions.drain(..).try_for_each(|action| self.act(Owner::Nemesis(position), &action));
        self.actions = actions;
        if let Some(next) = next {
            self.queue.schedule(next.max(now), Event::NemesisWake { position });
        }
        done
    }

    /// What a fault may know of the cluster.
    pub(super) fn status(&self) -> Status {
        let nodes = self.hosts.iter().map(|host| {
            let up = host.replica.is_some();
            let leads = (up && host.view.role == Role::Leader).then_some(host.view.term);
            NodeStatus { node: host.id, up, paused: host.paused, leads, gone: host.is_gone() }
        });
        let mut status = Status { nodes: nodes.collect(), ..Status::default() };
        // Without a leader, as whoever has got furthest has it.
        let furthest = self.hosts.iter().max_by_key(|host| host.view.last).expect("there are servers");
        let leader = status.leader();
        let host = leader.map_or(furthest, |leader| &self.hosts[position(leader)]);
        let Host { view, reign, .. } = host;
        status.membership.clone_from(&*view.membership);
        // What an operator has said to a frozen leader is still to come. And until a leader has committed in its own
        // term, what another leader appended before may still win.
        let idle = self.operators.are_idle() && !host.is_behind();
        status.settled = leader.is_some() && *reign.max(&view.membership_index) <= view.commit && idle;
        status
    }

    /// Does something to whoever is meant now.
    pub(super) fn act(&mut self, owner: Owner, action: &Action) -> Result<(), Stop> {
        let aimed =
            action.aimed(&mut |target| self.each_of(owner, target).into_iter().map(Target::from).collect());
        aimed.iter().try_for_each(|action| {
            self.witness.deed(owner, action);
            self.act_aimed(owner, action)
        })
    }

    fn act_aimed(&mut self, owner: Owner, action: &Action) -> Result<(), Stop> {
        match action {
            Action::Crash(targets) => {
                for node in self.all_of(owner, targets) {
                    if self.is_up(node) {
                        self.took_effect(FaultKind::Crash, true);
                        self.crash(position(node))?;
                    }
                }
            }
            Action::Restart(targets) => {
                for node in self.all_of(owner, targets) {
                    self.restart(node)?;
                }
            }
            Action::Invoke { client, command, node, stay, read } => {
                let node = node.and_then(|target| self.each_of(owner, target).first().copied());
                let command = Command::parse(command).expect("a valid scenario has valid commands");
                let mode = read.map_or(ReadMode::Leader, ReadMode::from);
                self.invoke(ClientId(*client), Script { command, mode, node, stay: *stay })?;
            }
            Action::Wipe(target) => {
                for node in self.each_of(owner, *target) {
                    if !self.hosts[position(node)].retired {
                        self.took_effect(FaultKind::Wipe, true);
                        self.wipe(node)?;
                    }
                }
            }
            Action::BackUp(target) => {
                for node in self.each_of(owner, *target) {
                    self.back_up(node);
                }
            }
            Action::RestoreBackup(target) => {
                for node in self.each_of(owner, *target) {
                    self.restore_backup(node)?;
                }
            }
            Action::Rot(target) => {
                for node in self.each_of(owner, *target) {
                    self.rot(node)?;
                }
            }
            Action::CrashMidStep(target)
            | Action::CrashAt { node: target, .. }
            | Action::FailSync(target)
            | Action::FillDisk(target)
            | Action::FreeDisk(target)
            | Action::Pause(target)
            | Action::Resume(target)
            | Action::Campaign(target)
            | Action::JumpClock { node: target, .. }
            | Action::SlowDisk { node: target, .. } => {
                for node in self.each_of(owner, *target) {
                    self.act_on(node, action);
                }
            }
            Action::Partition { .. }
            | Action::Cut { .. }
            | Action::Sever { .. }
            | Action::Isolate(_)
            | Action::Clog(_)
            | Action::Unclog {}
            | Action::Heal {} => self.act_on_links(owner, action),
            Action::Loss(_) | Action::Duplicate(_) | Action::Latency(_) => self.change_network(action),
            Action::ChangeMembership { .. }
            | Action::TransferLeadership(_)
            | Action::StepDown {}
            | Action::TakeSnapshot(_) => self.operate(owner, action)?,
        }
        Ok(())
    }

    fn act_on(&mut self, node: NodeId, action: &Action) {
        let up = self.is_up(node);
        let now = self.witness.now;
        let host = &mut self.hosts[position(node)];
        match action {
            Action::CrashMidStep(_) if up && !host.doomed => {
                host.doomed = true;
                self.note(Record::Doomed { node });
            }
            Action::CrashAt { point, .. } if host.disk.crash_at(*point) => {
                self.note(Record::CrashPointSet { node, point: *point });
            }
            Action::FailSync(_) if up && host.disk.fail_sync() => {
                self.note(Record::SyncWillFail { node });
            }
            Action::FillDisk(_) | Action::FreeDisk(_) => {
                let full = matches!(action, Action::FillDisk(_));
                if host.disk.fill(full) {
                    self.note(Record::SpaceChanged { node, full });
                }
            }
            Action::Pause(_) if up && !host.paused => {
                host.paused = true;
                self.note(Record::Paused { node });
                self.took_effect(FaultKind::Pause, true);
            }
            Action::Resume(_) => self.resume(node),
            Action::Campaign(_) if up => {
                self.queue.schedule(now, Event::Campaign { node });
                self.took_effect(FaultKind::Campaign, true);
            }
            Action::JumpClock { by, .. } => {
                host.clock.jump(*by);
                self.note(Record::ClockJumped { node, by: *by });
                // What was due later by the clock may be due now.
                self.arm_timer(position(node));
                self.took_effect(FaultKind::ClockJump, true);
            }
            Action::SlowDisk { sync, .. } => {
                let sync = Sampler::from(sync);
                let news = host.disk.sync != sync;
                host.disk.sync = sync;
                let slower = sync != base_sync(self.scenario, node);
                self.note(Record::DiskChanged { node });
                self.took_effect(FaultKind::SlowDisk, news && slower);
            }
            _ => {}
        }
    }

    fn invoke(&mut self, client: ClientId, script: Script) -> Result<(), Stop> {
        self.clients.invoke(self.witness.now, client, script, self.choice, &mut self.client_effects);
        self.follow_clients()
    }

    /// Starts a node that is down, but not for good.
    pub(super) fn restart(&mut self, node: NodeId) -> Result<(), Stop> {
        if self.is_up(node) || self.hosts[position(node)].retired {
            return Ok(());
        }
        self.took_effect(FaultKind::Restart, true);
        self.boot(position(node), false)
    }

    fn resume(&mut self, node: NodeId) {
        let host = &mut self.hosts[position(node)];
        if host.paused {
            host.paused = false;
            self.queue.schedule(self.witness.now, Event::Backlog { node });
            self.note(Record::Resumed { node });
        }
    }

    /// Ends every fault: whatever comes from here on is the cluster's own doing.
    pub(super) fn heal_everything(&mut self) -> Result<(), Stop> {
        self.phase = Phase::Healed;
        self.network.calm(self.scenario);
        self.release_clogged();
        if self.scenario.liveness.core {
            self.abandon_all_but_a_core()?;
        }
        for node in 0..self.hosts.len() {
            let host = &mut self.hosts[node];
            let id = host.id;
            host.doomed = false;
            host.disk.disarm();
            host.disk.fill(false);
            host.disk.sync = base_sync(self.scenario, id);
            self.resume(id);
            self.restart(id)?;
        }
        self.note(Record::Healed);
        self.witness.observe(&Fact::Healed)?;
        self.clients.stop(self.witness.now, &mut self.client_effects);
        self.follow_clients()
    }

    /// Takes servers away for good, one after the other at random, for as long as those that are left make a quorum of
    /// every configuration that any server knows of, or goes back to when it starts from its disk: one of these is in
    /// force.
    fn abandon_all_but_a_core(&mut self) -> Result<(), Stop> {
        let shown = self.hosts.iter().map(|host| Membership::clone(&host.view.membership));
        let on_disks = self.hosts.iter().filter_map(|host| membership_on::<R>(host.disk.durable()));
        let configurations: Vec<Membership> = shown.chain(on_disks).collect();
        let lives = |core: &[NodeId]| {
            let there = |voter| core.contains(&voter).then_some(true);
            configurations.iter().all(|membership| membership.voters.vote(there) == VoteResult::Won)
        };
        let of_use = self.hosts.iter().filter(|host| !host.is_gone()).map(|host| host.id);
        let mut core: Vec<NodeId> = of_use.collect();
        let mut others = core.clone();
        while !others.is_empty() {
            let node = others.swap_remove(self.choice.below(Stream::Timeline, others.len() as u64) as usize);
            let without: Vec<NodeId> = core.iter().copied().filter(|other| *other != node).collect();
            if lives(&without) && self.choice.chance(Stream::Timeline, 700_000) {
                core = without;
            }
        }
        for node in self.everybody_but(&core) {
            self.shut_down(node)?;
        }
        Ok(())
    }

    pub(super) fn is_up(&self, node: NodeId) -> bool {
        self.hosts[position(node)].replica.is_some()
    }

    pub(super) fn everybody_but(&self, nodes: &[NodeId]) -> Vec<NodeId> {
        self.hosts.iter().map(|host| host.id).filter(|node| !nodes.contains(node)).collect()
    }

    /// The nodes that a target means now.
    pub(super) fn each_of(&mut self, owner: Owner, target: Target) -> Vec<NodeId> {
        let stream = match owner {
            Owner::Timeline | Owner::Drill => Stream::Timeline,
            Owner::Nemesis(position) => Stream::Nemesis(position),
        };
        resolve(target, &self.status(), self.choice, stream)
    }

    /// The nodes that targets mean now, each once.
    pub(super) fn all_of(&mut self, owner: Owner, targets: &[Target]) -> Vec<NodeId> {
        let mut nodes = Vec::new();
        for target in targets {
            let more = self.each_of(owner, *target);
            nodes.extend(more.into_iter().filter(|node| !nodes.contains(node)).collect::<Vec<_>>());
        }
        nodes
    }

    /// Counts a fault if it did anything.
    pub(super) fn took_effect(&mut self, kind: FaultKind, did: bool) {
        if did {
            self.counts.fault(kind);
        }
    }
}

/// The configuration of whoever starts from this disk; `None` if it is blank.
fn membership_on<R: Replica>(disk: &R::Durable) -> Option<Membership> {
    let mut log = LogFacts::default();
    let (_, snapshot) = R::describe_durable(disk, &mut log);
    let covered = snapshot.map_or(EntryId::ZERO, |snapshot| snapshot.last);
    match log.memberships.pop() {
        Some((id, membership)) if covered.index < id.index => Some(membership),
        _ => snapshot.map(|snapshot| snapshot.membership.clone()),
    }
}
