//! What happens at a node: events arrive, the replica steps, effects go to disk, network and clients.

use super::{Stop, World};
use crate::choice::Stream;
use crate::disk::{Failure, Trouble};
use crate::event::Event;
use crate::fault::FaultKind;
use crate::host::{Asker, position};
use crate::network::Cause;
use crate::observation::{Asks, Carried, EntryFact, Fact, LogFacts, Property, View, Violation};
use crate::replica::{Boot, Input, Replica, WriteFacts};
use crate::scenario::scalar::Ppm;
use crate::trace::Record;
use seaworthy_core::config::Config;
use seaworthy_core::state_machine::{Operation, Request};
use seaworthy_core::storage::RecoveryError;
use seaworthy_core::types::{Instant, NodeId};
use seaworthy_core::view::Role;
use std::num::NonZeroU64;

impl<R: Replica> World<'_, R> {
    /// Something arrives at a node: it is lost if the node is down, and waits if the node is frozen.
    pub(super) fn at_node(&mut self, node: NodeId, event: Event<R::Message>) -> Result<(), Stop> {
        let host = &mut self.hosts[position(node)];
        if host.replica.is_none() {
            self.miss(event);
            return Ok(());
        }
        if host.is_behind() {
            host.backlog.push_back(event);
            return Ok(());
        }
        self.take(position(node), event)
    }

    /// Takes up the first event that waited during a pause.
    pub(super) fn take_up(&mut self, node: NodeId) -> Result<(), Stop> {
        let now = self.now();
        let host = &mut self.hosts[position(node)];
        if host.paused {
            return Ok(());
        }
        let Some(event) = host.backlog.pop_front() else { return Ok(()) };
        if !host.backlog.is_empty() {
            self.queue.schedule(now, Event::Backlog { node });
        }
        self.take(position(node), event)
    }

    fn take(&mut self, node: usize, event: Event<R::Message>) -> Result<(), Stop> {
        match event {
            Event::Deliver { message, .. } => {
                self.counts.messages.delivered += 1;
                self.witness.note(Record::Delivered { message: R::describe(&message) });
                self.step_replica(node, Input::Message(message))
            }
            Event::Request { node: at, client, token, request, mode } => {
                self.witness.note(Record::Asked { client, node: at });
                let Request { session, sequence, operation } = &request;
                let (asks, writes) = match operation {
                    Operation::Command(command) if command.is_read() => (Asks::Read(mode), None),
                    Operation::Command(_) | Operation::Register => {
                        let (session, sequence) = (*session, *sequence);
                        (Asks::Write { session, sequence }, Some((session, sequence)))
                    }
                };
                self.witness.observe(&Fact::Requested { node: at, token, asks })?;
                self.hosts[node].waiting.insert(token, Asker { client, writes });
                self.step_replica(node, Input::Request { token, request, mode })
            }
            // What was said before the others were gone for good counted on them.
            Event::Instruct { .. } if self.operators_are_gone() => Ok(()),
            Event::Instruct { node: at, token, instruction } => {
                self.witness.note(Record::Instructed { node: at, instruction: (&instruction).into() });
                self.step_replica(node, Input::Instruct { token, instruction })
            }
            Event::Timeout { arming, .. } => self.timer_goes_off(node, arming),
            Event::Synced { life, .. } if life == self.hosts[node].life => self.synced(node),
            Event::Synced { .. } => Ok(()),
            Event::Campaign { node: at } => {
                self.witness.note(Record::Campaign { node: at });
                self.step_replica(node, Input::Campaign)
            }
            _ => unreachable!("only what happens at a node comes here"),
        }
    }

    /// An event came to a node that is down.
    fn miss(&mut self, event: Event<R::Message>) {
        match event {
            Event::Deliver { message, .. } => self.lose(&message, Cause::Down),
            Event::Request { client, node, .. } => self.witness.note(Record::ClientLost { client, node }),
            _ => {}
        }
    }

    /// A message does not arrive.
    pub(super) fn lose(&mut self, message: &R::Message, cause: Cause) {
        self.counts.messages.dropped += 1;
        self.witness.note(Record::Lost { message: R::describe(message), cause });
    }

    fn timer_goes_off(&mut self, node: usize, arming: u32) -> Result<(), Stop> {
        let host = &mut self.hosts[node];
        if !host.timer.fire(arming) {
            return Ok(());
        }
        let local = host.clock.read(self.witness.now);
        let replica = host.replica.as_ref().expect("a node that is down has no timer");
        if local < replica.deadline() {
            self.arm_timer(node);
            return Ok(());
        }
        self.witness.note(Record::Timeout { node: host.id });
        self.step_replica(node, Input::Timeout)
    }

    /// Sees to it that the node's timer goes off at its deadline at the latest.
    pub(super) fn arm_timer(&mut self, node: usize) {
        let host = &mut self.hosts[node];
        let Some(replica) = &host.replica else { return };
        let Some(due) = host.clock.earliest(replica.deadline()) else { return };
        let due = due.max(self.witness.now);
        if let Some(arming) = host.timer.arm(due) {
            self.queue.schedule(due, Event::Timeout { node: host.id, arming });
        }
    }

    /// A sync ends. What waits for a write leaves at the moment when that write is durable, and before the next
    /// one is: a later write of the same sync may cut what the message promises off the log again, and then the
    /// promise would no longer be true of the disk when it is made.
    fn synced(&mut self, node: usize) -> Result<(), Stop> {
        let covered = match self.hosts[node].disk.end_sync() {
            Ok(covered) => covered,
            Err(failure) => return self.disk_fails(node, failure),
        };
        for _ in 0..covered {
            self.persist_next(node)?;
            let host = &mut self.hosts[node];
            let durable = host.disk.synced();
            self.witness.note(Record::Synced { node: host.id, seq: durable });
            self.leaving.extend(host.held.extract_if(.., |(after, _)| *after <= durable).map(|held| held.1));
            self.release_leaving()?;
        }
        let seq = self.hosts[node].disk.synced();
        self.step_replica(node, Input::Persisted { seq })
    }

    /// Makes the oldest pending write of a node durable.
    fn persist_next(&mut self, node: usize) -> Result<(), Stop> {
        let host = &mut self.hosts[node];
        let node = host.id;
        self.log.clear();
        let (log, witness) = (&mut self.log, &mut self.witness);
        host.disk.persist_next(|write| {
            let facts = R::describe_write(write, log);
            witness.observe(&match facts {
                WriteFacts::HardState(hard_state) => Fact::DurableHardState { node, hard_state },
                WriteFacts::Append => Fact::DurableAppend { node, log },
                WriteFacts::Snapshot { snapshot, compacted } => {
                    Fact::DurableSnapshot { node, snapshot, compacted }
                }
            })
        })
    }

    /// One checked step: the replica's, what it did as facts, and then its effects.
    pub(super) fn step_replica(&mut self, node: usize, input: Input<R::Message>) -> Result<(), Stop> {
        self.witness.steps += 1;
        let host = &mut self.hosts[node];
        let local = host.clock.read(self.witness.now);
        let replica = host.replica.as_mut().expect("only a node that is up takes steps");
        replica.step(local, input, &mut self.effects);
        self.show_step(node)?;
        self.follow(node)
    }

    /// Shows what a step did and what the node looks like now.
    fn show_step(&mut self, node: usize) -> Result<(), Stop> {
        let host = &mut self.hosts[node];
        let id = host.id;
        for (_, write) in &self.effects.writes {
            self.log.clear();
            self.witness.observe(&match R::describe_write(write, &mut self.log) {
                WriteFacts::HardState(hard_state) => Fact::HardStateWritten { node: id, hard_state },
                WriteFacts::Append => Fact::Appended { node: id, log: &self.log },
                WriteFacts::Snapshot { snapshot, compacted } => {
                    Fact::SnapshotWritten { node: id, snapshot, compacted }
                }
            })?;
        }
        for entry in self.effects.applied.drain(..) {
            let (entry_id, request, executed, state_hash) =
                (entry.id, entry.request, entry.executed, entry.state_hash);
            self.witness.note(Record::Applied { node: id, id: entry_id, executed, state_hash });
            self.witness.observe(&Fact::Applied { node: id, id: entry_id, request, executed, state_hash })?;
        }
        for (token, result) in &self.effects.replies {
            self.witness.observe(&Fact::Replied { node: id, token: *token, granted: result.is_ok() })?;
        }
        let before = (host.view.role, host.view.term, host.view.commit);
        let replica = host.replica.as_ref().expect("it has just taken a step");
        replica.view(&mut host.view);
        let lease = replica.lease_until();
        host.view.lease_until = (lease > Instant::default()).then(|| host.clock.earliest(lease)).flatten();
        let view = &host.view;
        self.witness.note(Record::Stepped {
            node: id,
            term: view.term,
            commit: view.commit,
            last: view.last,
            state_hash: view.state_hash,
        });
        if (view.role, view.term) != (before.0, before.1) {
            if view.role == Role::Leader {
                self.counts.elections += 1;
                host.reign = view.last.index;
            }
            self.witness.note(Record::Became { node: id, term: view.term, role: view.role });
        }
        if view.commit != before.2 {
            self.witness.note(Record::Committed { node: id, term: view.term, commit: view.commit });
        }
        self.witness.observe(&Fact::Stepped { at: self.witness.now, view })
    }

    /// Has the effects of a step happen: writes, then the messages that nothing holds back, then replies. A
    /// doomed node crashes on the way.
    fn follow(&mut self, node: usize) -> Result<(), Stop> {
        self.sort_messages(node);
        let host = &mut self.hosts[node];
        let effects = &mut self.effects;
        let count = effects.writes.len() + self.leaving.len() + effects.replies.len();
        let crashes = host.doomed && count > 0;
        if crashes {
            let stream = Stream::Disk(host.id);
            let mut left = self.choice.below(stream, count as u64 + 1) as usize;
            effects.writes.truncate(left);
            left -= effects.writes.len();
            self.leaving.truncate(left);
            left -= self.leaving.len();
            effects.replies.truncate(left);
        }
        for (seq, write) in effects.writes.drain(..) {
            host.disk.write(seq, write);
        }
        self.release_leaving()?;
        self.send_replies(node);
        if crashes {
            self.counts.fault(FaultKind::CrashMidStep);
            // What the step wrote may be on its way to the disk already.
            self.hosts[node].disk.begin_sync();
            return self.crash(node);
        }
        self.begin_sync(node);
        self.arm_timer(node);
        Ok(())
    }

    /// Moves the messages of a step that may leave now into `leaving`, and holds the rest back.
    fn sort_messages(&mut self, node: usize) {
        let host = &mut self.hosts[node];
        let durable = host.disk.synced();
        for (after, message) in self.effects.sends.drain(..) {
            if after <= durable {
                self.leaving.push(message);
            } else {
                host.held.push((after, message));
            }
        }
    }

    fn release_leaving(&mut self) -> Result<(), Stop> {
        if self.leaving.is_empty() {
            return Ok(());
        }
        let mut leaving = std::mem::take(&mut self.leaving);
        let done = leaving.drain(..).try_for_each(|message| self.release(message));
        self.leaving = leaving;
        done
    }

    fn send_replies(&mut self, node: usize) {
        if self.effects.replies.is_empty() {
            return;
        }
        let mut replies = std::mem::take(&mut self.effects.replies);
        for (token, result) in replies.drain(..) {
            self.send_reply(node, token, result);
        }
        self.effects.replies = replies;
    }

    /// Hands a message to the network.
    fn release(&mut self, message: R::Message) -> Result<(), Stop> {
        let now = self.witness.now;
        let facts = R::describe(&message);
        let (from, to) = (facts.from, facts.to);
        assert!(position(to) < self.hosts.len(), "{from} sent a message to {to}, which does not exist");
        self.witness.observe(&Fact::Released {
            from,
            to,
            term: facts.term,
            promise: facts.promise,
            entries: Carried { previous: facts.about.index, count: facts.entries },
        })?;
        self.counts.messages.sent += 1;
        let route = self.network.route(now, &facts, self.choice);
        if route.ruled {
            self.counts.fault(FaultKind::Rule);
        }
        match route.arrival {
            Err(cause) => {
                match cause {
                    Cause::Luck => self.counts.fault(FaultKind::Drop),
                    Cause::Full => self.counts.fault(FaultKind::Overflow),
                    Cause::Cut | Cause::Rule | Cause::Down => {}
                }
                self.counts.messages.dropped += 1;
                self.witness.note(Record::Lost { message: facts, cause });
            }
            Ok(arrival) => {
                self.witness.note(Record::Sent { message: facts, arrival });
                if let Some(again) = route.again {
                    self.counts.messages.duplicated += 1;
                    self.counts.fault(FaultKind::Duplicate);
                    self.witness.note(Record::Doubled { message: facts, arrival: again });
                    self.queue.schedule(again, Event::Deliver { from, to, message: message.clone() });
                }
                self.queue.schedule(arrival, Event::Deliver { from, to, message });
            }
        }
        Ok(())
    }

    fn begin_sync(&mut self, node: usize) {
        let host = &mut self.hosts[node];
        if host.disk.begin_sync() {
            let takes = host.disk.sync.draw(self.choice, Stream::Disk(host.id));
            self.queue.schedule(self.witness.now + takes, Event::Synced { node: host.id, life: host.life });
        }
    }

    /// Stops the host of a node: one that runs, or one that is about to. What the disk keeps of what was not synced is
    /// up to its luck.
    pub(super) fn crash(&mut self, node: usize) -> Result<(), Stop> {
        self.witness.steps += 1;
        let id = self.hosts[node].id;
        let pending = self.hosts[node].disk.pending_len();
        for _ in 0..self.hosts[node].disk.keeps(self.choice, Stream::Disk(id)) {
            self.persist_next(node)?;
        }
        let losses = self.hosts[node].disk.crash(self.choice, Stream::Disk(id));
        self.took_effect(FaultKind::LostWrites, losses.writes);
        self.took_effect(FaultKind::TornWrite, losses.torn);
        self.took_effect(FaultKind::LostName, losses.names);
        self.go_down(node, pending)
    }

    /// Its disk did not do what a node told it: before anybody hears of that, the node stops. At a crash point its host
    /// does too.
    fn disk_fails(&mut self, node: usize, failure: Failure) -> Result<(), Stop> {
        let id = self.hosts[node].id;
        self.witness.note(Record::DiskFailed { node: id, failure });
        self.counts.fault(FaultKind::from(failure));
        if let Failure::Crash(_) = failure {
            return self.crash(node);
        }
        self.witness.steps += 1;
        let pending = self.hosts[node].disk.pending_len();
        self.hosts[node].disk.stop();
        self.go_down(node, pending)
    }

    /// A node is down, with so many writes that were not known to be durable.
    fn go_down(&mut self, node: usize, pending: usize) -> Result<(), Stop> {
        let host = &mut self.hosts[node];
        let id = host.id;
        host.go_down();
        for event in std::mem::take(&mut host.backlog) {
            self.miss(event);
        }
        self.witness.note(Record::Crashed { node: id, pending: pending as u64 });
        self.witness.observe(&Fact::Crashed { node: id })
    }

    /// Starts a node that is down from what its disk holds. If that is not what the node wrote, it stays down.
    pub(super) fn boot(&mut self, node: usize, initial: bool) -> Result<(), Stop> {
        self.witness.steps += 1;
        if !initial {
            match self.hosts[node].disk.recover() {
                Ok(()) => {}
                Err(Trouble::Failed(failure)) => return self.disk_fails(node, failure),
                Err(Trouble::Refused { why, rotten }) => return self.refuse(node, why, rotten),
            }
        }
        let luck = self.choice.word(Stream::Timers(self.hosts[node].id));
        let host = &mut self.hosts[node];
        // No two lives are alike, also where luck has run out and is always the same.
        let seed = luck ^ (host.id.get() << 32 | u64::from(host.life));
        let config = config(self.scenario, host.id, seed);
        let boot = Boot { config: &config, flaws: self.flaws };
        self.log.clear();
        let (hard_state, snapshot) = R::describe_durable(host.disk.durable(), &mut self.log);
        let log = &self.log;
        let last = log.entries.last().map_or(log.base, |entry| entry.id);
        self.witness.note(Record::Booted { node: host.id, hard_state, last });
        self.witness.observe(&Fact::Booted { node: host.id, hard_state, snapshot, log, initial })?;
        let local = host.clock.read(self.witness.now);
        host.replica = Some(R::boot(&boot, local, host.disk.durable()));
        host.life += 1;
        // What it looked like in its last life is not what it changes from.
        forget(&mut host.view);
        self.show_step(node)?;
        self.arm_timer(node);
        Ok(())
    }

    /// A node's disk is not what the node wrote. That is a lost disk if it has rotted, and a violation if it has not.
    fn refuse(&mut self, node: usize, why: RecoveryError, rotten: bool) -> Result<(), Stop> {
        let id = self.hosts[node].id;
        self.witness.note(Record::Refused { node: id, why });
        if !rotten {
            let detail = format!("{id} cannot start: {why}; its disk has gone through crashes alone");
            let property = Property::CrashConsistency;
            return Err(Stop::Violation(Violation { property, node: Some(id), detail }));
        }
        self.counts.fault(FaultKind::RefusedDisk);
        self.hosts[node].wiped = true;
        self.retire(id);
        self.witness.observe(&Fact::Wiped { node: id })
    }

    /// The log of a node as it believes it to be: what is durable, and what is on its way there.
    pub(super) fn log(&self, node: NodeId) -> Vec<EntryFact> {
        let disk = &self.hosts[position(node)].disk;
        let mut log = LogFacts::default();
        R::describe_durable(disk.durable(), &mut log);
        let mut more = LogFacts::default();
        for write in disk.pending() {
            more.clear();
            match R::describe_write(write, &mut more) {
                WriteFacts::HardState(_) => {}
                WriteFacts::Append => {
                    log.entries.retain(|entry| entry.id.index < more.entries[0].id.index);
                    log.entries.append(&mut more.entries);
                }
                WriteFacts::Snapshot { snapshot, compacted } => {
                    if log.entries.iter().any(|entry| entry.id == snapshot.last) {
                        log.entries.retain(|entry| compacted < entry.id.index);
                    } else {
                        log.entries.clear();
                    }
                }
            }
        }
        log.entries
    }
}

fn forget(view: &mut View) {
    view.role = Role::Follower;
    view.leader = None;
    view.commit = Default::default();
    view.applied = Default::default();
    view.followers.clear();
}

pub(super) fn config(scenario: &crate::scenario::Scenario, id: NodeId, seed: u64) -> Config {
    let cluster = &scenario.cluster;
    let size = |limit: u32| usize::try_from(limit).expect("a limit fits into memory");
    Config {
        id,
        seed,
        election_timeout_min: cluster.election_timeout_min.into(),
        election_timeout_max: cluster.election_timeout_max.into(),
        heartbeat_interval: cluster.heartbeat_interval.into(),
        pre_vote: cluster.pre_vote,
        check_quorum: cluster.check_quorum,
        lease_drift_ppm: cluster.lease_drift.map(Ppm::get),
        max_batch_entries: size(cluster.max_batch_entries),
        max_batch_bytes: size(cluster.max_batch_bytes),
        max_inflight_messages: size(cluster.max_inflight_messages),
        max_inflight_bytes: size(cluster.max_inflight_bytes),
        max_entry_bytes: size(cluster.max_entry_bytes),
        max_uncommitted_bytes: size(cluster.max_uncommitted_bytes),
        max_pending_reads: size(cluster.max_pending_reads),
        max_apply_entries: size(cluster.max_apply_entries),
        snapshot_interval: NonZeroU64::new(cluster.snapshot_interval),
        trailing_entries: cluster.trailing_entries,
        snapshot_bytes: NonZeroU64::new(cluster.snapshot_bytes),
        max_chunk_bytes: size(cluster.max_chunk_bytes),
        max_snapshot_bytes: Config::new(id, seed).max_snapshot_bytes,
    }
}
