//! What surrounds the servers: links, disks and clocks.

use crate::scenario::scalar::Ppm;
use crate::time::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How messages travel between nodes, and between clients and nodes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Network {
    /// How long a message takes.
    pub latency: Distribution,
    /// How likely a message is lost, from 0 (never) to 1 (always).
    pub loss: Ppm,
    /// How likely a message arrives a second time, later.
    pub duplicate: Ppm,
    /// Whether messages of one link arrive in the order in which they were sent.
    pub fifo: bool,
    /// How many messages one link carries at a time, each way; what comes on top of them is lost. Any number if nothing
    /// is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub capacity: Option<u32>,
    /// How long a message between a client and a node takes.
    pub client_latency: Distribution,
    /// How likely a message between a client and a node is lost.
    pub client_loss: Ppm,
    /// Links that differ, each in one direction.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Link>,
}

/// One direction between two nodes. What is not given is as everywhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// The sender.
    #[schemars(range(min = 1))]
    pub from: u64,
    /// The addressee.
    #[schemars(range(min = 1))]
    pub to: u64,
    /// How long a message takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<Distribution>,
    /// How likely a message is lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<Ppm>,
    /// How likely a message arrives twice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duplicate: Option<Ppm>,
}

/// A random length of time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Distribution {
    /// Always the same.
    Constant(Span),
    /// Anything between two bounds, both included.
    Uniform {
        /// The shortest.
        min: Span,
        /// The longest.
        max: Span,
    },
    /// Log-normal: half are shorter than the median, one in a hundred is longer than `p99`.
    LogNormal {
        /// The middle.
        median: Span,
        /// The hundredth-longest; at least the median.
        p99: Span,
    },
    /// Mostly one thing, rarely much longer.
    HeavyTail {
        /// The usual range.
        min: Span,
        /// The end of the usual range.
        max: Span,
        /// The longest of the rare ones, which lie between `max` and this.
        tail: Span,
        /// How likely a rare one is.
        probability: Ppm,
    },
}

/// How disks work, how long a sync takes, and the exceptions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Disks {
    /// How long a sync takes; all that is written when it starts is durable when it ends.
    pub sync: Distribution,
    /// Whether what nodes write stands in files, in the format of real servers and in sectors that a crash keeps or
    /// loses. Otherwise a disk takes whole records, which is faster.
    pub files: bool,
    /// How many bytes a sector has: batches of records do not share one.
    #[schemars(range(min = 1, max = 65_536))]
    pub sector_size: u32,
    /// How many bytes a file of the log has, at least, before the next is begun.
    #[schemars(range(min = 1))]
    pub segment_size: u64,
    /// Whether a crash may leave a sector that is neither what it was nor what was written.
    pub torn_sectors: bool,
    /// Nodes whose disks differ.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<Disk>,
}

/// One node's disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Disk {
    /// Which node.
    #[schemars(range(min = 1))]
    pub node: u64,
    /// How long its syncs take.
    pub sync: Distribution,
}

/// One node's clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Clock {
    /// Which node.
    #[schemars(range(min = 1))]
    pub node: u64,
    /// How far it is ahead at the start.
    #[serde(default)]
    pub offset: Span,
    /// How much faster it runs than time, in parts per million; negative is slower.
    #[serde(default)]
    #[schemars(range(min = -500_000, max = 1_000_000))]
    pub drift_ppm: i64,
}

impl Default for Network {
    fn default() -> Self {
        let latency = Distribution::Uniform { min: Span::millis(1), max: Span::millis(10) };
        Self {
            latency: latency.clone(),
            loss: Ppm::ZERO,
            duplicate: Ppm::ZERO,
            fifo: false,
            capacity: None,
            client_latency: latency,
            client_loss: Ppm::ZERO,
            links: Vec::new(),
        }
    }
}

impl Default for Disks {
    fn default() -> Self {
        Self {
            sync: Distribution::Uniform { min: Span::micros(100), max: Span::millis(2) },
            files: true,
            sector_size: 512,
            segment_size: 64 << 20,
            torn_sectors: true,
            nodes: Vec::new(),
        }
    }
}
