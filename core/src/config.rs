//! A node's settings, checked once at its start.

use crate::durable::DurableError;
use crate::types::NodeId;
use core::fmt;
use core::time::Duration;

/// The settings of one [`Node`](crate::Node).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Who this is.
    pub id: NodeId,
    /// The seed of this node's election jitter: the core has no other randomness.
    pub seed: u64,
    /// The shortest election timeout; also how long a voter stays loyal to a leader that it has heard.
    pub election_timeout_min: Duration,
    /// The longest election timeout, exclusive. At least twice the shortest, or split votes may repeat for ever.
    pub election_timeout_max: Duration,
    /// How often a leader speaks when it has nothing to say. Well below the shortest election timeout.
    pub heartbeat_interval: Duration,
    /// Ask before campaigning, so that a returning node does not depose a healthy leader (thesis §9.6).
    pub pre_vote: bool,
    /// A leader that has not heard from a quorum for an election timeout steps down, and voters that hear a
    /// leader refuse to vote (thesis §6.2, §4.2.3).
    pub check_quorum: bool,
    /// Entries in one AppendEntries, at most.
    pub max_batch_entries: usize,
    /// AppendEntries with entries on their way to one follower, at most.
    pub max_inflight_messages: usize,
    /// Entries applied in one step, at most; what is left is applied in the next, which is due at once.
    pub max_apply_entries: usize,
}

impl Config {
    /// The defaults for node `id`: elections after 150–300 ms (Raft §9.3), a heartbeat each 50 ms.
    pub fn new(id: NodeId, seed: u64) -> Self {
        Self {
            id,
            seed,
            election_timeout_min: Duration::from_millis(150),
            election_timeout_max: Duration::from_millis(300),
            heartbeat_interval: Duration::from_millis(50),
            pre_vote: true,
            check_quorum: true,
            max_batch_entries: 64,
            max_inflight_messages: 64,
            max_apply_entries: 256,
        }
    }

    /// Whether the settings make sense together.
    ///
    /// # Errors
    /// The first setting that does not, and why.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if self.heartbeat_interval.is_zero() || self.heartbeat_interval >= self.election_timeout_min {
            return Err(ConfigError::Heartbeat);
        }
        if self.election_timeout_min >= self.election_timeout_max {
            return Err(ConfigError::ElectionTimeout);
        }
        if self.max_batch_entries == 0 || self.max_inflight_messages == 0 || self.max_apply_entries == 0 {
            return Err(ConfigError::Limit);
        }
        Ok(())
    }
}

/// Why a [`Config`] is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigError {
    /// The heartbeat interval is zero or not below the shortest election timeout.
    Heartbeat,
    /// The shortest election timeout is not below the longest.
    ElectionTimeout,
    /// A limit is zero.
    Limit,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Heartbeat => {
                "the heartbeat interval must be above zero and below the shortest election timeout"
            }
            Self::ElectionTimeout => "the shortest election timeout must be below the longest",
            Self::Limit => "a batch, window or apply limit must be at least 1",
        })
    }
}

impl core::error::Error for ConfigError {}

/// Why a node does not start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartError {
    /// The settings make no sense together.
    Config(ConfigError),
    /// The disk holds what no node writes.
    Durable(DurableError),
}

impl From<ConfigError> for StartError {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl From<DurableError> for StartError {
    fn from(error: DurableError) -> Self {
        Self::Durable(error)
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::Durable(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for StartError {}
