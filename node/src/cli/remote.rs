//! Servers elsewhere.

use super::deck::Sighting;
use seaworthy_core::kv::{Answer, Command};
use seaworthy_core::member::Instruction;
use seaworthy_core::types::NodeId;
use seaworthy_node::client::{Client, ClientError, Failure, Settings};
use seaworthy_node::grpc::{Endpoints, Tls};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time;

/// How long a server has to say what it looks like.
const GLANCE: Duration = Duration::from_secs(2);

/// A cluster that is reached at some addresses.
pub(super) struct Remote {
    endpoints: Endpoints,
    known: Vec<String>,
    client: Client<Endpoints>,
}

impl Remote {
    pub(super) fn new(known: Vec<String>, tls: Option<Tls>) -> Self {
        let endpoints = Endpoints::new(known.clone(), tls);
        Self { client: Client::new(endpoints.clone(), Settings::default()), known, endpoints }
    }

    pub(super) async fn execute(&mut self, command: Command) -> Result<Answer, ClientError> {
        self.client.execute(command).await
    }

    /// All servers that those that are known know of.
    pub(super) async fn statuses(&self) -> Vec<Sighting> {
        self.look().await.into_values().collect()
    }

    pub(super) async fn ask(&self, node: NodeId, instruction: Instruction) -> Result<(), Failure> {
        let sightings = self.look().await;
        let there = |sighting: &Sighting| sighting.1.as_ref().is_ok_and(|status| status.id == node);
        let found = sightings.iter().find(|(_, sighting)| there(sighting));
        let (address, _) = found.ok_or_else(|| Failure::Unreachable(format!("{node} cannot be reached")))?;
        match instruction {
            Instruction::ChangeMembership(changes) => {
                self.endpoints.change_membership(address, changes).await
            }
            Instruction::TransferLeadership(to) => self.endpoints.transfer_leadership(address, to).await,
            Instruction::TakeSnapshot => self.endpoints.take_snapshot(address).await,
            Instruction::StepDown => unreachable!("no order says so"),
        }
    }

    /// Each server that can be found, by its address; and each member that nobody can say the address of, by its number.
    async fn look(&self) -> BTreeMap<String, Sighting> {
        let mut waiting: BTreeSet<String> = self.known.iter().cloned().collect();
        let mut seen = BTreeMap::<String, Sighting>::new();
        let (mut members, mut placed) = (BTreeSet::new(), BTreeSet::new());
        while let Some(address) = waiting.pop_first() {
            let looked = time::timeout(GLANCE, self.endpoints.status(&address)).await;
            let status = match looked {
                Ok(Ok((status, addresses))) => {
                    members.extend(status.membership.nodes());
                    placed.extend(addresses.keys().copied().chain([status.id]));
                    let new = addresses.into_values().filter(|address| !seen.contains_key(address));
                    waiting.extend(new.filter(|other| *other != address));
                    Ok(status)
                }
                Ok(Err(failure)) => Err(failure),
                Err(_) => Err(Failure::Unreachable("does not answer".to_owned())),
            };
            seen.insert(address.clone(), (address, status));
        }
        for name in members.difference(&placed).map(NodeId::to_string) {
            let lost = Failure::Unreachable("cannot be found: nobody knows its address".to_owned());
            seen.insert(name.clone(), (name, Err(lost)));
        }
        seen
    }
}
