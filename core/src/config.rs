//! A node's settings, checked once at its start.

use crate::durable::DurableError;
use crate::kv::DecodeError;
use crate::types::NodeId;
use core::fmt;
use core::num::NonZeroU64;
use core::time::Duration;

/// The settings of one [`Node`](crate::Node).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Who this is.
    pub id: NodeId,
    /// The seed of this node's election jitter and of the names that it never uses twice: the core has no other
    /// randomness. Another one at each start, or answers to the life before would be taken for answers to this one.
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
    /// How far the rates of any two nodes' clocks may lie apart, in millionths, so that a leader may answer reads on
    /// a lease (thesis §6.4.1). `None`: no leases. All members have the same.
    pub lease_drift_ppm: Option<u32>,
    /// Entries in one AppendEntries, at most.
    pub max_batch_entries: usize,
    /// Bytes in one AppendEntries, at most, unless a single entry has more.
    pub max_batch_bytes: usize,
    /// AppendEntries with entries on their way to one follower, at most.
    pub max_inflight_messages: usize,
    /// Bytes of entries on their way to one follower, at most, unless a single message has more.
    pub max_inflight_bytes: usize,
    /// Bytes in one entry that is proposed, at most.
    pub max_entry_bytes: usize,
    /// Bytes of entries that a leader has appended and not yet committed, at most: what goes beyond is refused.
    pub max_uncommitted_bytes: usize,
    /// Reads that wait to be confirmed, at most.
    pub max_pending_reads: usize,
    /// Entries applied in one step, at most; what is left is applied in the next, which is due at once.
    pub max_apply_entries: usize,
    /// How many entries are applied between one snapshot and the next. `None`: only when somebody asks.
    pub snapshot_interval: Option<NonZeroU64>,
    /// How many entries before a snapshot's last stay in the log for followers that lag a little.
    pub trailing_entries: u64,
    /// How many bytes of entries are applied between one snapshot and the next, if the interval does not end before;
    /// and how many stay in the log before a snapshot's last, at most. `None`: both are bounded by number alone.
    pub snapshot_bytes: Option<NonZeroU64>,
    /// Bytes of a snapshot in one message, at most.
    pub max_chunk_bytes: usize,
    /// Bytes of a snapshot that is received, at most.
    pub max_snapshot_bytes: u64,
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
            lease_drift_ppm: None,
            max_batch_entries: 64,
            max_batch_bytes: 1 << 20,
            max_inflight_messages: 64,
            max_inflight_bytes: 8 << 20,
            max_entry_bytes: 2 << 20,
            max_uncommitted_bytes: 64 << 20,
            max_pending_reads: 4096,
            max_apply_entries: 256,
            snapshot_interval: NonZeroU64::new(10_000),
            trailing_entries: 1_000,
            snapshot_bytes: None,
            max_chunk_bytes: 64 << 10,
            max_snapshot_bytes: 1 << 30,
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
        let limits = [
            self.max_batch_entries,
            self.max_batch_bytes,
            self.max_inflight_messages,
            self.max_inflight_bytes,
            self.max_entry_bytes,
            self.max_uncommitted_bytes,
            self.max_pending_reads,
            self.max_apply_entries,
            self.max_chunk_bytes,
        ];
        if limits.contains(&0) {
            return Err(ConfigError::Limit);
        }
        if self.lease_drift_ppm.is_some_and(|drift| !self.check_quorum || drift >= PPM) {
            return Err(ConfigError::Lease);
        }
        Ok(())
    }

    /// How long a leader may rely on a quorum that has answered it, by its own clock since it asked: what answers
    /// promises to help nobody else for the shortest election timeout, by a clock that may run faster than the
    /// leader's. `None` without leases.
    pub(crate) fn lease(&self) -> Option<Duration> {
        let drift = u128::from(self.lease_drift_ppm?);
        let nanos =
            self.election_timeout_min.as_nanos() * (u128::from(PPM) - drift) / (u128::from(PPM) + drift);
        Some(Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)))
    }
}

/// A million: a whole in millionths.
const PPM: u32 = 1_000_000;

/// Why a [`Config`] is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigError {
    /// The heartbeat interval is zero or not below the shortest election timeout.
    Heartbeat,
    /// The shortest election timeout is not below the longest.
    ElectionTimeout,
    /// A limit is zero.
    Limit,
    /// Leases without CheckQuorum, or with clocks that may stand still.
    Lease,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Heartbeat => {
                "the heartbeat interval must be above zero and below the shortest election timeout"
            }
            Self::ElectionTimeout => "the shortest election timeout must be below the longest",
            Self::Limit => "a limit must be at least 1",
            Self::Lease => "leases need CheckQuorum, and clocks that drift by less than their whole rate",
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
    /// The snapshot holds no state that this version can read.
    State(DecodeError),
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
            Self::State(error) => write!(f, "the snapshot cannot be read: {error}"),
        }
    }
}

impl core::error::Error for StartError {}
