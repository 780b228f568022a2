//! What can be done to three servers.

use crate::fleet::State;
use seaworthy_core::types::NodeId;
use std::str::FromStr;
use std::time::Duration;

/// What one round does to the servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blow {
    /// Kills the leader.
    KillLeader,
    /// Kills a process, whichever.
    KillOne,
    /// Kills two, so that nobody can lead.
    KillTwo,
    /// Kills all of them at once.
    KillAll,
    /// Freezes the leader for a while, as a long pause does, and lets it go on.
    FreezeLeader,
    /// Cuts the leader off from the others. They must go on without it.
    CutLeader,
    /// Cuts off a server that does not lead. When it comes back it must not have raised its term, or it would depose
    /// the leader.
    CutFollower,
    /// Cuts what the leader sends, but not what it hears.
    MuteLeader,
    /// Cuts the leader off from one of the others, while both reach the third.
    CutPair,
    /// Lets everything between servers take longer.
    Slow,
    /// Cuts the power of one server, whichever: its disk forgets what it has not synced.
    CutPower,
    /// Cuts the power of all of them at once.
    CutAllPower,
    /// Has the leader's disk answer everything with an error. The leader must stop by itself.
    BreakDisk,
    /// Leaves no room on the leader's disk. The leader must stop by itself, and come back once there is room.
    FillDisk,
    /// Has more clients want something than the cluster can serve, for a while. It must say so, stay small, and answer
    /// at once when they are gone.
    Overload,
}

impl Blow {
    /// Those that any machine allows.
    pub const PROCESSES: [Self; 10] = [
        Self::KillLeader,
        Self::CutLeader,
        Self::KillOne,
        Self::MuteLeader,
        Self::KillTwo,
        Self::CutPair,
        Self::KillAll,
        Self::Slow,
        Self::FreezeLeader,
        Self::CutFollower,
    ];

    /// Those that take an administrator, since each server needs a disk of its own.
    pub const DISKS: [Self; 4] = [Self::CutPower, Self::BreakDisk, Self::CutAllPower, Self::FillDisk];

    /// All of them.
    fn all() -> impl Iterator<Item = Self> {
        Self::PROCESSES.into_iter().chain(Self::DISKS).chain([Self::Overload])
    }

    /// Its name, in words with dashes between them.
    pub fn name(self) -> &'static str {
        match self {
            Self::KillLeader => "kill-leader",
            Self::KillOne => "kill-one",
            Self::KillTwo => "kill-two",
            Self::KillAll => "kill-all",
            Self::FreezeLeader => "freeze-leader",
            Self::CutLeader => "cut-leader",
            Self::CutFollower => "cut-follower",
            Self::MuteLeader => "mute-leader",
            Self::CutPair => "cut-pair",
            Self::Slow => "slow",
            Self::CutPower => "cut-power",
            Self::CutAllPower => "cut-all-power",
            Self::BreakDisk => "break-disk",
            Self::FillDisk => "fill-disk",
            Self::Overload => "overload",
        }
    }

    /// What it does to the wire between two servers, where `follower` is one that does not lead.
    pub(super) fn wire(self, from: NodeId, to: NodeId, leader: NodeId, follower: NodeId) -> State {
        let touches = |node| from == node || to == node;
        let cut = match self {
            Self::CutLeader => touches(leader),
            Self::CutFollower => touches(follower),
            Self::MuteLeader => from == leader,
            Self::CutPair => touches(leader) && touches(follower),
            Self::Slow => return State::Slow(Duration::from_millis(10)),
            _ => false,
        };
        if cut { State::Cut } else { State::Sound }
    }
}

impl FromStr for Blow {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names = || Self::all().map(Self::name).collect::<Vec<_>>().join(", ");
        Self::all().find(|blow| blow.name() == text).ok_or_else(|| format!("there are {}", names()))
    }
}
