//! The way of clients and operators to servers.

use super::peers::{cross_purposes, describe, endpoint};
use super::proto::{self, admin_client, store_client};
use super::{REPLY_MAX, Tls, words};
use crate::client::{Failure, Transport};
use crate::lock::locked;
use crate::server::Status;
use seaworthy_core::member::ReadMode;
use seaworthy_core::membership::Change;
use seaworthy_core::state_machine::{Outcome, Request};
use seaworthy_core::types::NodeId;
use std::collections::BTreeMap;
use std::error::Error as _;
use std::sync::{Arc, Mutex};
use tonic::Code;
use tonic::transport::Channel;

/// Servers by their addresses, and the connections to them. Clones are the same connections.
#[derive(Clone, Debug)]
pub struct Endpoints {
    servers: Arc<Vec<String>>,
    tls: Option<Tls>,
    channels: Arc<Mutex<BTreeMap<String, Channel>>>,
}

impl Endpoints {
    /// Those at `servers`, each a host and a port. Others are found through them.
    pub fn new(servers: Vec<String>, tls: Option<Tls>) -> Self {
        Self { servers: Arc::new(servers), tls, channels: Arc::default() }
    }

    /// What a server looks like, and where it says that servers are reached.
    ///
    /// # Errors
    /// If it cannot be reached, or does not say.
    pub async fn status(&self, server: &str) -> Result<(Status, BTreeMap<NodeId, String>), Failure> {
        let mut client = self.admin(server).await?;
        let reply = client.status(proto::StatusRequest {}).await;
        let reply = reply.map_err(|status| self.failure(server, &status))?.into_inner();
        let known =
            |address: &proto::Address| Some((NodeId::try_new(address.node)?, address.address.clone()));
        let addresses = reply.addresses.iter().filter_map(known).collect();
        let status = words::decode_status(reply);
        let status = status.map_err(|error| Failure::Lost { reason: error.to_string(), leader: None })?;
        Ok((status, addresses))
    }

    /// Has the leader change who belongs to the cluster.
    ///
    /// # Errors
    /// If it cannot be reached, or refuses.
    pub async fn change_membership(&self, server: &str, changes: Vec<Change>) -> Result<(), Failure> {
        let changes = changes.into_iter().map(words::encode_change).collect();
        let mut client = self.admin(server).await?;
        self.done(server, client.change_membership(proto::ChangeMembershipRequest { changes }).await)
    }

    /// Has the leader hand its office over.
    ///
    /// # Errors
    /// If it cannot be reached, or refuses.
    pub async fn transfer_leadership(&self, server: &str, to: NodeId) -> Result<(), Failure> {
        let mut client = self.admin(server).await?;
        let request = proto::TransferLeadershipRequest { to: to.get() };
        self.done(server, client.transfer_leadership(request).await)
    }

    /// Has a server take a snapshot.
    ///
    /// # Errors
    /// If it cannot be reached, or refuses.
    pub async fn take_snapshot(&self, server: &str) -> Result<(), Failure> {
        let mut client = self.admin(server).await?;
        self.done(server, client.take_snapshot(proto::TakeSnapshotRequest {}).await)
    }

    fn done(
        &self,
        server: &str,
        reply: Result<tonic::Response<proto::InstructReply>, tonic::Status>,
    ) -> Result<(), Failure> {
        let reply = reply.map_err(|status| self.failure(server, &status))?.into_inner();
        reply.refusal.map_or(Ok(()), |refusal| Err(words::decode_refusal(refusal)))
    }

    async fn admin(&self, server: &str) -> Result<admin_client::AdminClient<Channel>, Failure> {
        Ok(admin_client::AdminClient::new(self.channel(server).await?).max_decoding_message_size(REPLY_MAX))
    }

    /// The connection to a server. Only once there is one is anything sent.
    async fn channel(&self, server: &str) -> Result<Channel, Failure> {
        let known = locked(&self.channels).get(server).cloned();
        if let Some(channel) = known {
            return Ok(channel);
        }
        let unreachable = |error: &tonic::transport::Error| {
            let text = format!("{server} cannot be reached: {}", describe(error));
            if cross_purposes(error).is_some() { Failure::Foreign(text) } else { Failure::Unreachable(text) }
        };
        let endpoint = endpoint(server, self.tls.as_ref(), None).map_err(|error| unreachable(&error))?;
        let channel = endpoint.connect().await.map_err(|error| unreachable(&error))?;
        let mut channels = locked(&self.channels);
        channels.insert(server.to_owned(), channel.clone());
        Ok(channel)
    }

    /// What a call that did not come to its end comes to.
    fn failure(&self, server: &str, status: &tonic::Status) -> Failure {
        // What lies behind it, if it came about here, says more.
        let text = status.source().map_or_else(|| status.message().to_owned(), describe);
        let text = format!("{server}: {text}");
        match status.code() {
            Code::ResourceExhausted => Failure::Later(text),
            Code::PermissionDenied | Code::InvalidArgument | Code::Unimplemented | Code::OutOfRange => {
                Failure::Invalid(text)
            }
            _ => {
                // The next one connects first, and knows that nothing was sent if that fails.
                locked(&self.channels).remove(server);
                match status.source().and_then(cross_purposes) {
                    // No server of ours has said that, so that none has heard the request.
                    Some(_) => Failure::Foreign(text),
                    None => Failure::Lost { reason: text, leader: None },
                }
            }
        }
    }
}

impl Transport for Endpoints {
    fn servers(&self) -> Vec<String> {
        self.servers.to_vec()
    }

    async fn execute(&self, server: &str, request: Request, mode: ReadMode) -> Result<Outcome, Failure> {
        let channel = self.channel(server).await?;
        let mut client = store_client::StoreClient::new(channel).max_decoding_message_size(REPLY_MAX);
        let reply = client.execute(words::encode_request(&request, mode)).await;
        words::decode_reply(reply.map_err(|status| self.failure(server, &status))?.into_inner())
    }
}
