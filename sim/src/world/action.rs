//! What is done to the cluster: by the timeline, by nemeses, and by the end of all faults.

use super::operator::Wish;
use super::{Phase, Stop, World, base_sync};
use crate::choice::Stream;
use crate::event::Event;
use crate::history::ClientId;
use crate::host::{Host, position};
use crate::nemesis::target::{NodeStatus, Status, resolve};
use crate::network::Owner;
use crate::network::distribution::Sampler;
use crate::observation::Fact;
use crate::replica::Replica;
use crate::scenario::model::{Action, Scenario};
use crate::scenario::scalar::Target;
use crate::trace::Record;
use crate::workload::Script;
use seaworthy_core::kv::Command;
use seaworthy_core::member::{Instruction, ReadMode};
use seaworthy_core::types::NodeId;
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
        let Host { view, reign, .. } = leader.map_or(furthest, |leader| &self.hosts[position(leader)]);
        status.membership.clone_from(&view.membership);
        // Until a leader has committed in its own term, what another leader appended before may still win.
        status.settled = leader.is_some() && *reign.max(&view.membership_index) <= view.commit;
        status
    }

    fn act(&mut self, owner: Owner, action: &Action) -> Result<(), Stop> {
        match action {
            Action::Partition { groups } => self.partition(owner, groups),
            Action::Cut { from, to } => {
                let (from, to) = (self.all_of(owner, from), self.all_of(owner, to));
                let news = self.cut(owner, &from, &to);
                self.took_effect("cut", news);
            }
            Action::Sever { between, and } => {
                let (between, and) = (self.all_of(owner, between), self.all_of(owner, and));
                let news = self.cut(owner, &between, &and) | self.cut(owner, &and, &between);
                self.took_effect("sever", news);
            }
            Action::Isolate(target) => {
                for node in self.each_of(owner, *target) {
                    let others = self.everybody_but(&[node]);
                    let news = self.cut(owner, &[node], &others) | self.cut(owner, &others, &[node]);
                    self.took_effect("isolate", news);
                }
            }
            Action::Heal {} => {
                let links = self.network.heal(owner);
                self.note(Record::Mended { links, owner });
                self.took_effect("heal", links > 0);
            }
            Action::Crash(targets) => {
                for node in self.all_of(owner, targets) {
                    if self.is_up(node) {
                        self.took_effect("crash", true);
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
            Action::ChangeMembership { add, learn, remove, node } => {
                let [add, learn, remove] = [add, learn, remove].map(|targets| self.all_of(owner, targets));
                let wish = Wish::new(owner, add, learn, remove);
                match node {
                    None => self.wish(wish)?,
                    Some(target) => {
                        for node in self.each_of(owner, *target) {
                            let membership = &self.hosts[position(node)].view.membership;
                            let changes = wish.changes(membership);
                            if self.is_viable(membership, &changes) {
                                self.instruct(node, Instruction::ChangeMembership(changes));
                            }
                        }
                    }
                }
                self.took_effect("change_membership", true);
            }
            Action::TransferLeadership(target) => {
                let to = self.each_of(owner, *target).first().copied();
                self.instruct_leader("transfer_leadership", to.map(Instruction::TransferLeadership));
            }
            Action::StepDown {} => self.instruct_leader("step_down", Some(Instruction::StepDown)),
            Action::TakeSnapshot(target) => {
                for node in self.each_of(owner, *target) {
                    self.instruct(node, Instruction::TakeSnapshot);
                    self.took_effect("take_snapshot", true);
                }
            }
            Action::Wipe(target) => {
                for node in self.each_of(owner, *target) {
                    self.took_effect("wipe", true);
                    self.wipe(node)?;
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
            Action::Loss(_) | Action::Duplicate(_) | Action::Latency(_) => self.change_network(action),
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
                self.took_effect("pause", true);
            }
            Action::Resume(_) => self.resume(node),
            Action::Campaign(_) if up => {
                self.queue.schedule(now, Event::Campaign { node });
                self.took_effect("campaign", true);
            }
            Action::JumpClock { by, .. } => {
                host.clock.jump(*by);
                self.note(Record::ClockJumped { node, by: *by });
                // What was due later by the clock may be due now.
                self.arm_timer(position(node));
                self.took_effect("clock_jump", true);
            }
            Action::SlowDisk { sync, .. } => {
                let sync = Sampler::from(sync);
                let news = host.disk.sync != sync;
                host.disk.sync = sync;
                let slower = sync != base_sync(self.scenario, node);
                self.note(Record::DiskChanged { node });
                self.took_effect("slow_disk", news && slower);
            }
            _ => {}
        }
    }

    fn change_network(&mut self, action: &Action) {
        let base = &self.scenario.network;
        match action {
            Action::Loss(loss) => {
                self.network.set_loss(*loss);
                self.note(Record::LossChanged { ppm: loss.get() });
                self.took_effect("loss", *loss != base.loss);
            }
            Action::Duplicate(duplicate) => {
                self.network.set_duplicate(*duplicate);
                self.note(Record::DuplicateChanged { ppm: duplicate.get() });
                self.took_effect("duplication", *duplicate != base.duplicate);
            }
            Action::Latency(latency) => {
                self.network.set_latency(latency);
                self.note(Record::LatencyChanged);
                self.took_effect("latency", *latency != base.latency);
            }
            _ => unreachable!("the caller has looked"),
        }
    }

    fn partition(&mut self, owner: Owner, groups: &[Vec<Target>]) {
        let mut taken = Vec::new();
        let mut sides: Vec<Vec<NodeId>> = Vec::new();
        for group in groups {
            let mut side = self.all_of(owner, group);
            // Two roles may mean the same node: it belongs to the first group that names it.
            side.retain(|node| !taken.contains(node));
            taken.extend_from_slice(&side);
            sides.push(side);
        }
        sides.push(self.everybody_but(&taken));
        let mut news = false;
        for (number, side) in sides.iter().enumerate() {
            for other in &sides[number + 1..] {
                news |= self.cut(owner, side, other) | self.cut(owner, other, side);
            }
        }
        self.took_effect("partition", news);
    }

    /// Cuts every link from some nodes to others. Says whether any was new.
    fn cut(&mut self, owner: Owner, senders: &[NodeId], addressees: &[NodeId]) -> bool {
        let mut any = false;
        for from in senders {
            for to in addressees {
                if self.network.cut(owner, *from, *to) {
                    self.note(Record::Cut { from: *from, to: *to, owner });
                    any = true;
                }
            }
        }
        any
    }

    fn invoke(&mut self, client: ClientId, script: Script) -> Result<(), Stop> {
        self.clients.invoke(self.witness.now, client, script, self.choice, &mut self.client_effects);
        self.follow_clients()
    }

    fn instruct_leader(&mut self, name: &'static str, instruction: Option<Instruction>) {
        let leader = self.status().leader();
        if let Some((leader, instruction)) = leader.zip(instruction) {
            self.instruct(leader, instruction);
            self.took_effect(name, true);
        }
    }

    /// Starts a node that is down, but not for good.
    pub(super) fn restart(&mut self, node: NodeId) -> Result<(), Stop> {
        if self.is_up(node) || self.hosts[position(node)].retired {
            return Ok(());
        }
        self.took_effect("restart", true);
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

    fn is_up(&self, node: NodeId) -> bool {
        self.hosts[position(node)].replica.is_some()
    }

    fn everybody_but(&self, nodes: &[NodeId]) -> Vec<NodeId> {
        self.hosts.iter().map(|host| host.id).filter(|node| !nodes.contains(node)).collect()
    }

    /// The nodes that a target means now.
    fn each_of(&mut self, owner: Owner, target: Target) -> Vec<NodeId> {
        let stream = match owner {
            Owner::Timeline => Stream::Timeline,
            Owner::Nemesis(position) => Stream::Nemesis(position),
        };
        resolve(target, &self.status(), self.choice, stream)
    }

    /// The nodes that targets mean now, each once.
    fn all_of(&mut self, owner: Owner, targets: &[Target]) -> Vec<NodeId> {
        let mut nodes = Vec::new();
        for target in targets {
            let more = self.each_of(owner, *target);
            nodes.extend(more.into_iter().filter(|node| !nodes.contains(node)).collect::<Vec<_>>());
        }
        nodes
    }

    /// Counts a fault if it did anything.
    pub(super) fn took_effect(&mut self, name: &'static str, did: bool) {
        if did {
            *self.counts.faults.entry(name).or_default() += 1;
        }
    }
}
