//! More clients than a cluster can serve, for a while, and what that does to it.

use super::Plan;
use crate::client::{Client, ClientError, Failure, Settings, Transport};
use crate::grpc::Endpoints;
use crate::luck;
use seaworthy_core::kv::Command;
use seaworthy_core::member::ReadMode;
use seaworthy_core::state_machine::{Outcome, Request};
use seaworthy_core::types::Bytes;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// How long a client of the crowd waits for its answer, whatever becomes of its attempts.
const DEADLINE: Duration = Duration::from_secs(1);

/// Clients that share connections.
const SHARING: u32 = 64;

/// Keys that the crowd writes to. Nobody else does, and nobody reads them.
const KEYS: u64 = 1_000;

/// What each of them is bound to.
const VALUE: [u8; 100] = [b'v'; 100];

/// What a crowd wanted, and what it did to the servers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rush {
    /// Writes that were answered in time.
    pub answered: u64,
    /// Writes that were surely not done in time.
    pub in_vain: u64,
    /// Writes of unknown outcome.
    pub unknown: u64,
    /// How often a server said that it has too much to do.
    pub refusals: u64,
    /// Bytes of memory that the largest server had before, at most until now, and has now; if the machine says so.
    pub memory: Option<[u64; 3]>,
    /// How long it took, once the crowd was gone, until a write was answered that began after that.
    pub recovery: Duration,
}

impl Rush {
    /// What a server may have, of memory, with so few keys and so short a log.
    pub const MEMORY_MAX: u64 = 256 << 20;

    /// How long a cluster may take to answer again.
    pub const RECOVERY_MAX: Duration = Duration::from_secs(1);

    /// Whether the cluster has stayed small, and answered again at once.
    pub fn withstood(&self) -> bool {
        let small = self.memory.is_none_or(|[_, most, _]| most <= Self::MEMORY_MAX);
        small && self.recovery <= Self::RECOVERY_MAX
    }
}

/// The way to the servers, which counts how often one of them has too much to do.
#[derive(Clone)]
struct Counting {
    endpoints: Endpoints,
    refusals: Arc<AtomicU64>,
}

impl Transport for Counting {
    fn servers(&self) -> Vec<String> {
        self.endpoints.servers()
    }

    async fn execute(&self, server: &str, request: Request, mode: ReadMode) -> Result<Outcome, Failure> {
        let outcome = self.endpoints.execute(server, request, mode).await;
        if let Err(Failure::Later(_)) = &outcome {
            self.refusals.fetch_add(1, Ordering::Relaxed);
        }
        outcome
    }
}

/// Lets the crowd write for as long as the plan says. Tells what became of that, apart from what it did to the servers.
pub(super) async fn rush(plan: &Plan, addresses: &[String]) -> Rush {
    let (refusals, mut tasks) = (Arc::new(AtomicU64::new(0)), JoinSet::new());
    let settings = Settings { operation_timeout: DEADLINE, attempt_timeout: DEADLINE };
    let until = Instant::now() + plan.rush;
    let transports: Vec<Counting> = (0..plan.crowd.div_ceil(SHARING))
        .map(|_| Endpoints::new(addresses.to_vec(), None))
        .map(|endpoints| Counting { endpoints, refusals: Arc::clone(&refusals) })
        .collect();
    for transport in transports.iter().cycle().take(plan.crowd as usize) {
        tasks.spawn(write(Client::new(transport.clone(), settings), until));
    }
    let mut rush = Rush::default();
    while let Some(ended) = tasks.join_next().await {
        let (answered, in_vain, unknown) = ended.expect("no client panics");
        rush.answered += answered;
        rush.in_vain += in_vain;
        rush.unknown += unknown;
    }
    Rush { refusals: refusals.load(Ordering::Relaxed), ..rush }
}

/// Writes again and again. Counts the writes that were answered, in vain, and of unknown outcome.
async fn write(mut client: Client<Counting>, until: Instant) -> (u64, u64, u64) {
    let mut counts = (0, 0, 0);
    while Instant::now() < until {
        let key = Bytes::from(format!("crowd-{}", luck::below(KEYS)).as_str());
        match client.execute(Command::Set { key, value: Bytes::new(&VALUE) }).await {
            Ok(_) => counts.0 += 1,
            Err(ClientError::Unavailable { .. } | ClientError::Refused { .. }) => counts.1 += 1,
            Err(ClientError::Unknown { .. }) => counts.2 += 1,
        }
    }
    counts
}
