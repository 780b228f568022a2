//! The servers, their clients, and what is done to them.

use super::load::Load;
use super::{Blow, PATIENCE, Plan, Rush, TortureError, crowd};
use crate::client::Settings;
use crate::fleet::{Fleet, Launch, NODES, State, Volume};
use crate::grpc::Endpoints;
use crate::scratch::Scratch;
use seaworthy_core::types::NodeId;
use seaworthy_sim::history::HistoryEvent;
use std::collections::BTreeMap;
use std::io;
use std::pin::pin;
use std::process::Command;
use std::time::Duration;
use tokio::time::{self, Instant};

/// How long a leader is frozen.
const FREEZE: Duration = Duration::from_millis(500);

/// How long it takes until nothing is on its way any more to a server that was cut off, and how long that one then has
/// to lose its patience: several of its longest election timeouts.
const SEVERED: (Duration, Duration) = (Duration::from_millis(100), Duration::from_millis(1_200));

/// How long the same keys are in use while there are too many clients.
const RUSH_PART: Duration = Duration::from_millis(500);

/// Where it happens.
pub(super) struct Arena<C> {
    // In the order in which they go.
    fleet: Fleet<C>,
    _root: Scratch,
    load: Load,
    plan: Plan,
    toll: Toll,
}

/// What it has come to so far.
#[derive(Debug, Default)]
pub(super) struct Toll {
    pub(super) kills: u64,
    pub(super) power_cuts: u64,
    pub(super) disk_failures: u64,
    pub(super) failovers: Vec<Duration>,
    pub(super) disturbances: u64,
    pub(super) rushes: Vec<Rush>,
}

impl<C: Fn(&Launch) -> Command> Arena<C> {
    /// Starts everything, and waits until it works.
    pub(super) async fn open(plan: &Plan, command: C) -> Result<Self, TortureError> {
        let root = Scratch::new(&std::env::temp_dir())?;
        let mut volumes = BTreeMap::new();
        if plan.blows.iter().any(|blow| Blow::DISKS.contains(blow)) {
            for node in NODES {
                volumes.insert(node, Volume::create(root.path(), &format!("disk-{}", node.get()))?);
            }
        }
        let fleet = Fleet::launch(command, root.path(), volumes, plan.wiring).await?;
        // Short attempts: a frozen server is not waited for.
        let settings = Settings {
            operation_timeout: Duration::from_secs(3),
            attempt_timeout: Duration::from_millis(400),
        };
        let load = Load::start(Endpoints::new(fleet.addresses(), None), settings, plan.clients, plan.reads);
        let (plan, toll) = (plan.clone(), Toll::default());
        let arena = Self { fleet, _root: root, load, plan, toll };
        arena.served("the start").await?;
        // The founding is no part of what is tested: a control that syncs nothing is to lose what it has acknowledged.
        arena.fleet.volumes().values().try_for_each(Volume::settle)?;
        Ok(arena)
    }

    /// One blow, and the recovery from it. Gives how many operations have been answered so far.
    pub(super) async fn round(&mut self, round: usize, blow: Blow) -> Result<u64, TortureError> {
        self.load.next_keys();
        let what = format!("round {round}, {}", blow.name());
        // If nobody leads at the moment, there will be another round.
        if let Some(leader) = self.fleet.leader().await {
            self.strike(blow, leader, &what).await?;
        }
        self.fleet.restart()?;
        self.served(&what).await?;
        Ok(self.load.answered())
    }

    /// Ends everything.
    pub(super) async fn close(self) -> (Vec<HistoryEvent>, Toll) {
        (self.load.finish().await, self.toll)
    }

    async fn strike(&mut self, blow: Blow, leader: NodeId, what: &str) -> Result<(), TortureError> {
        match blow {
            Blow::KillOne => self.kill(&self.fleet.some(1)).await?,
            Blow::KillTwo => self.kill(&self.fleet.some(2)).await?,
            Blow::KillAll => self.kill(&NODES).await?,
            Blow::KillLeader => {
                let struck = Instant::now();
                self.kill(&[leader]).await?;
                let failover = self.written_since(struck, what).await?;
                self.toll.failovers.push(failover);
            }
            Blow::FreezeLeader => self.fleet.freeze(leader, FREEZE).await?,
            Blow::CutLeader | Blow::CutFollower | Blow::MuteLeader | Blow::CutPair | Blow::Slow => {
                let follower = NODES.into_iter().find(|node| *node != leader).expect("there are three");
                self.fleet.set_wires(|from, to| blow.wire(from, to, leader, follower))?;
                if blow == Blow::CutFollower && self.raises_term(follower).await {
                    self.toll.disturbances += 1;
                }
                // There is a majority whose members reach each other: it serves on.
                self.served(what).await?;
                self.fleet.set_wires(|_, _| State::Sound)?;
            }
            Blow::CutPower => self.cut_power(&self.fleet.some(1)).await?,
            Blow::CutAllPower => self.cut_power(&NODES).await?,
            Blow::BreakDisk => {
                self.fleet.volumes()[&leader].cut_power()?;
                self.stopped(leader, what).await?;
                self.fleet.volumes()[&leader].restore()?;
            }
            Blow::FillDisk => {
                self.fleet.volumes()[&leader].fill()?;
                // It needs room at once, and not only when the log has grown. It need not live to answer.
                let _ = time::timeout(PATIENCE, self.fleet.take_snapshot(leader)).await;
                self.stopped(leader, what).await?;
                self.fleet.volumes()[&leader].relieve()?;
            }
            Blow::Overload => {
                let rush = self.overload(what).await?;
                self.toll.rushes.push(rush);
            }
        }
        Ok(())
    }

    async fn kill(&mut self, nodes: &[NodeId]) -> io::Result<()> {
        self.toll.kills += nodes.len() as u64;
        self.fleet.kill(nodes).await
    }

    /// The disks go first: a process that is killed earlier leaves what it has written to the operating system.
    async fn cut_power(&mut self, nodes: &[NodeId]) -> io::Result<()> {
        self.toll.power_cuts += nodes.len() as u64;
        nodes.iter().try_for_each(|node| self.fleet.volumes()[node].cut_power())?;
        self.fleet.kill(nodes).await?;
        nodes.iter().try_for_each(|node| self.fleet.volumes()[node].restore())
    }

    /// Has far too many clients come and go, and sees what that does.
    async fn overload(&self, what: &str) -> Result<Rush, TortureError> {
        let before = self.fleet.memory();
        let addresses = self.fleet.addresses();
        let mut crowd = pin!(crowd::rush(&self.plan, &addresses));
        let rush = loop {
            tokio::select! {
                rush = &mut crowd => break rush,
                // The others' writes are lost at times as well, and too many on one key cannot be judged.
                () = time::sleep(RUSH_PART) => self.load.next_keys(),
            }
        };
        let recovery = self.written_since(Instant::now(), what).await?;
        let memory = before.zip(self.fleet.memory());
        let memory = memory.map(|(before, after)| [before.now, after.most, after.now]);
        Ok(Rush { memory, recovery, ..rush })
    }

    /// Waits until a server has stopped, which cannot use its disk any more.
    async fn stopped(&mut self, node: NodeId, what: &str) -> Result<(), TortureError> {
        let ended = time::timeout(PATIENCE, self.fleet.ended(node)).await;
        let careless = |_| TortureError::Careless(what.to_owned());
        if ended.map_err(careless)??.success() {
            return Err(TortureError::Careless(what.to_owned()));
        }
        self.toll.disk_failures += 1;
        Ok(())
    }

    /// Whether a server that was just cut off enters a higher term by itself.
    async fn raises_term(&self, node: NodeId) -> bool {
        time::sleep(SEVERED.0).await;
        let before = self.fleet.status(node).await;
        time::sleep(SEVERED.1).await;
        let after = self.fleet.status(node).await;
        before.zip(after).is_some_and(|(before, after)| before.term < after.term)
    }

    /// Waits until enough more operations are answered.
    async fn served(&self, since: &str) -> Result<(), TortureError> {
        let (deadline, enough) = (Instant::now() + PATIENCE, self.load.answered() + self.plan.operations);
        while self.load.answered() < enough {
            if deadline <= Instant::now() {
                return Err(TortureError::Unavailable(since.to_owned()));
            }
            time::sleep(Duration::from_millis(2)).await;
        }
        Ok(())
    }

    /// Waits until a write is answered that began after `instant`. Says how long that took.
    async fn written_since(&self, instant: Instant, what: &str) -> Result<Duration, TortureError> {
        let deadline = instant + PATIENCE;
        loop {
            if let Some(answered) = self.load.first_write_since(instant) {
                return Ok(answered.duration_since(instant));
            }
            if deadline <= Instant::now() {
                return Err(TortureError::Unavailable(what.to_owned()));
            }
            time::sleep(Duration::from_millis(1)).await;
        }
    }
}
