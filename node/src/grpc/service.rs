//! What a server makes of what comes in.

use super::listen::{Caller, accept};
use super::proto::{self, admin_server, item, peer_server, store_server};
use super::tls::{Role, Tls, TlsError};
use super::{PEER_MESSAGE_MAX, Peers, REQUEST_MAX, wire, words};
use crate::server::{Handle, RequestError};
use prost::Message as _;
use seaworthy_core::member::Instruction;
use seaworthy_core::types::NodeId;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time;
use tonic::transport::Server;
use tonic::{Code, Request, Response, Status, Streaming};
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

/// How long a peer has to say who it is.
const HELLO_TIMEOUT: Duration = Duration::from_secs(5);

/// How long anybody waits for an answer, at most. A client that is more patient asks again.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// Bytes of requests that are under way, at most.
const UNDERWAY_MAX: usize = 64 << 20;

/// Silence after which the other side is asked whether it is there, and how long it has to answer.
const KEEPALIVE: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(5));

/// How often it is seen how a server is.
const HEALTH_INTERVAL: Duration = Duration::from_millis(500);

type StoreServer = store_server::StoreServer<Service>;

/// A server as its peers, its clients and its operators see it.
#[derive(Clone, Debug)]
pub struct Service {
    handle: Handle,
    peers: Peers,
    underway: Arc<Semaphore>,
}

/// Serves until `shutdown`. How the server is, and what its protocol looks like, is told to whoever can connect.
///
/// # Errors
/// If the certificates are of no use, or the connections cannot be served.
pub async fn serve(
    service: Service,
    listener: TcpListener,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let tls = service.peers.tls().cloned();
    // It is seen now whether the certificates are of use, and not by the first who comes.
    tls.as_ref().map(Tls::acceptor).transpose()?;
    let (reporter, health) = tonic_health::server::health_reporter();
    tokio::spawn(report_health(service.handle.clone(), reporter));
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(tonic::include_file_descriptor_set!("seaworthy"))
        .build_v1()
        .expect("the compiler of the protocol describes it rightly");
    let peer = peer_server::PeerServer::new(service.clone()).max_decoding_message_size(PEER_MESSAGE_MAX);
    let store = store_server::StoreServer::new(service.clone()).max_decoding_message_size(REQUEST_MAX);
    let admin = admin_server::AdminServer::new(service).max_decoding_message_size(64 << 10);
    Server::builder()
        .max_concurrent_streams(1_024)
        .http2_keepalive_interval(Some(KEEPALIVE.0))
        .http2_keepalive_timeout(Some(KEEPALIVE.1))
        .http2_max_header_list_size(8 << 10)
        .add_service(peer)
        .add_service(store)
        .add_service(admin)
        .add_service(health)
        .add_service(reflection)
        .serve_with_incoming_shutdown(accept(listener, tls), shutdown)
        .await?;
    Ok(())
}

/// Says of a server that it is healthy while it runs, and of its service for clients while it knows a leader.
async fn report_health(handle: Handle, reporter: HealthReporter) {
    loop {
        match handle.status().await {
            Ok(status) if status.leader.is_some() => reporter.set_serving::<StoreServer>().await,
            Ok(_) => reporter.set_not_serving::<StoreServer>().await,
            // It has too much to do to say more, or has stopped.
            Err(_) => {}
        }
        tokio::select! {
            () = time::sleep(HEALTH_INTERVAL) => {}
            () = handle.stopped() => break,
        }
    }
    reporter.set_not_serving::<StoreServer>().await;
    reporter.set_service_status("", ServingStatus::NotServing).await;
}

/// Why a server cannot be reached.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The certificates are of no use.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The connections cannot be served.
    #[error(transparent)]
    Transport(#[from] tonic::transport::Error),
}

impl Service {
    /// A server that runs, and its way to the others.
    pub fn new(handle: Handle, peers: Peers) -> Self {
        Self { handle, peers, underway: Arc::new(Semaphore::new(UNDERWAY_MAX)) }
    }

    /// Whether the caller may do this. Without TLS everybody may do everything.
    fn check<T>(&self, request: &Request<T>, role: Role) -> Result<(), Status> {
        let Some(tls) = self.peers.tls() else { return Ok(()) };
        let caller = request.extensions().get::<Caller>();
        let certificate = caller.and_then(|caller| caller.0.as_ref());
        if certificate.is_some_and(|certificate| tls.allows(certificate, role)) {
            return Ok(());
        }
        Err(Status::permission_denied(format!("the certificate is not for {}", tls.name(role))))
    }

    async fn instruct(&self, instruction: Instruction) -> Result<Response<proto::InstructReply>, Status> {
        let address = |node: NodeId| self.peers.address(node);
        let refusal = match answer(self.handle.instruct(instruction)).await? {
            Ok(_) => None,
            Err(RequestError::Refused(refusal)) => Some(words::encode_refusal(refusal, address)),
            Err(RequestError::Stopped) => return Err(stopped()),
        };
        Ok(Response::new(proto::InstructReply { refusal }))
    }

    /// The introduction of a peer, which must be for this server and of this cluster.
    fn greet(&self, hello: &proto::Hello) -> Result<NodeId, Status> {
        let identity = self.peers.identity();
        if hello.cluster != identity.cluster {
            return Err(Status::failed_precondition("this is another cluster"));
        }
        if hello.to != identity.node.get() {
            return Err(Status::failed_precondition(format!("this is {}", identity.node)));
        }
        let from = wire::node(hello.from).map_err(|error| Status::invalid_argument(error.to_string()))?;
        if from == identity.node {
            return Err(Status::failed_precondition("this is the speaker itself"));
        }
        Ok(from)
    }
}

/// An answer within a bounded time.
async fn answer<T>(answer: impl Future<Output = T>) -> Result<T, Status> {
    time::timeout(ANSWER_TIMEOUT, answer).await.map_err(|_| Status::deadline_exceeded("no answer in time"))
}

fn stopped() -> Status {
    Status::unavailable("the server has stopped")
}

#[tonic::async_trait]
impl peer_server::Peer for Service {
    async fn exchange(
        &self,
        mut request: Request<Streaming<proto::Item>>,
    ) -> Result<Response<proto::Farewell>, Status> {
        let first = time::timeout(HELLO_TIMEOUT, request.get_mut().message()).await;
        let first = first.map_err(|_| Status::deadline_exceeded("nothing was said"))??;
        let Some(proto::Item { item: Some(item::Item::Hello(hello)) }) = first else {
            return Err(Status::invalid_argument("the first item is no introduction"));
        };
        let from = self.greet(&hello)?;
        self.check(&request, Role::Node(from))?;
        self.peers.meet(from, hello.address);
        let mut items = request.into_inner();
        loop {
            let item = tokio::select! {
                item = items.message() => item?,
                // A stream must not outlive the server: the peer would talk to nobody, also after the next start.
                () = self.handle.stopped() => return Err(stopped()),
            };
            let Some(proto::Item { item }) = item else { return Ok(Response::new(proto::Farewell {})) };
            let Some(item::Item::Message(message)) = item else {
                return Err(Status::invalid_argument("the item is no message"));
            };
            let message = wire::decode(message, from, self.handle.id()).map_err(|error| {
                tracing::warn!(peer = %from, %error, "said what no server says");
                Status::invalid_argument(error.to_string())
            })?;
            // Waits while the server has enough to do, and so does the peer.
            self.handle.deliver(message).await;
        }
    }
}

#[tonic::async_trait]
impl store_server::Store for Service {
    async fn execute(
        &self,
        request: Request<proto::ExecuteRequest>,
    ) -> Result<Response<proto::ExecuteReply>, Status> {
        self.check(&request, Role::Client)?;
        let request = request.into_inner();
        let size = u32::try_from(request.encoded_len()).unwrap_or(u32::MAX);
        let Ok(_permit) = self.underway.try_acquire_many(size) else {
            return Err(Status::new(Code::ResourceExhausted, "the server has too much to do"));
        };
        let (request, mode) = match words::decode_request(request) {
            Ok(request) => request,
            Err(text) => {
                let reply = proto::execute_reply::Reply::Refusal(words::invalid(text));
                return Ok(Response::new(proto::ExecuteReply { reply: Some(reply) }));
            }
        };
        let result = match answer(self.handle.request(request, mode)).await? {
            Ok(outcome) => Ok(outcome),
            Err(RequestError::Refused(refusal)) => Err(refusal),
            Err(RequestError::Stopped) => return Err(stopped()),
        };
        Ok(Response::new(words::encode_reply(result, |node| self.peers.address(node))))
    }
}

#[tonic::async_trait]
impl admin_server::Admin for Service {
    async fn status(
        &self,
        request: Request<proto::StatusRequest>,
    ) -> Result<Response<proto::StatusReply>, Status> {
        self.check(&request, Role::Admin)?;
        let status = answer(self.handle.status()).await?.map_err(|_| stopped())?;
        Ok(Response::new(words::encode_status(&status, self.peers.addresses())))
    }

    async fn change_membership(
        &self,
        request: Request<proto::ChangeMembershipRequest>,
    ) -> Result<Response<proto::InstructReply>, Status> {
        self.check(&request, Role::Admin)?;
        let changes = words::decode_changes(request.into_inner().changes);
        let changes = changes.map_err(|error| Status::invalid_argument(error.to_string()))?;
        self.instruct(Instruction::ChangeMembership(changes)).await
    }

    async fn transfer_leadership(
        &self,
        request: Request<proto::TransferLeadershipRequest>,
    ) -> Result<Response<proto::InstructReply>, Status> {
        self.check(&request, Role::Admin)?;
        let to = wire::node(request.into_inner().to);
        let to = to.map_err(|error| Status::invalid_argument(error.to_string()))?;
        self.instruct(Instruction::TransferLeadership(to)).await
    }

    async fn take_snapshot(
        &self,
        request: Request<proto::TakeSnapshotRequest>,
    ) -> Result<Response<proto::InstructReply>, Status> {
        self.check(&request, Role::Admin)?;
        self.instruct(Instruction::TakeSnapshot).await
    }
}
