//! What a server shows to whoever watches it: health, its protocol, and numbers.

mod lone;

use lone::{listener, server_of};
use seaworthy_core::kv::Command;
use seaworthy_node::client::{Client, Settings};
use seaworthy_node::grpc::Endpoints;
use seaworthy_node::metrics;
use seaworthy_node::server::Server;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

const PATIENCE: Duration = Duration::from_secs(60);

/// A server that is one of `members`, and where it is.
async fn server(members: u64) -> (Server, String) {
    server_of(7, members, None).await
}

async fn channel(address: &str) -> Channel {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("it is an address");
    endpoint.connect().await.expect("it listens")
}

/// Asks until the health of a service is this.
async fn becomes(channel: &Channel, service: &str, wanted: ServingStatus) {
    let mut client = HealthClient::new(channel.clone());
    let asked = async {
        loop {
            let request = HealthCheckRequest { service: service.to_owned() };
            let status = client.check(request).await.map(|reply| reply.into_inner().status());
            if status.is_ok_and(|status| status == wanted) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, asked).await.expect("it becomes so");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_serves_clients_while_it_knows_a_leader_and_nobody_once_it_has_stopped() {
    let (alone, address) = server(1).await;
    let to_alone = channel(&address).await;
    becomes(&to_alone, "seaworthy.v1.Store", ServingStatus::Serving).await;
    let (_lost, address) = server(3).await;
    let to_lost = channel(&address).await;
    becomes(&to_lost, "seaworthy.v1.Store", ServingStatus::NotServing).await;
    becomes(&to_lost, "", ServingStatus::Serving).await;
    alone.halt().await;
    becomes(&to_alone, "seaworthy.v1.Store", ServingStatus::NotServing).await;
    becomes(&to_alone, "", ServingStatus::NotServing).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_protocol_can_be_asked_for() {
    let (_server, address) = server(1).await;
    let mut client = ServerReflectionClient::new(channel(&address).await);
    let request = MessageRequest::FileContainingSymbol("seaworthy.v1.Store".to_owned());
    let request = ServerReflectionRequest { host: String::new(), message_request: Some(request) };
    let replies = client.server_reflection_info(tokio_stream::once(request)).await.expect("it answers");
    let reply = replies.into_inner().message().await.expect("it answers").expect("there is a reply");
    let Some(MessageResponse::FileDescriptorResponse(files)) = reply.message_response else {
        panic!("{reply:?}")
    };
    let text = String::from_utf8_lossy(&files.file_descriptor_proto[0]).into_owned();
    assert!(text.contains("ExecuteRequest") && text.contains("TransferLeadership"));
}

/// What a port of metrics says to a request.
async fn fetch(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    stream.write_all(request.as_bytes()).await.expect("it reads");
    let mut text = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut text)).await.expect("it answers").expect("it is text");
    text
}

fn value(page: &str, name: &str) -> u64 {
    let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("there is no {name}: {page}")).parse().expect("it is a number")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_server_does_is_told_in_numbers() {
    let (server, address) = server(1).await;
    let settings = Settings { operation_timeout: PATIENCE, ..Settings::default() };
    let mut client = Client::new(Endpoints::new(vec![address], None), settings);
    for line in ["SET a secret", "SET a 2", "GET a"] {
        client.execute(Command::parse(line).expect("it is a command")).await.expect("there is an answer");
    }
    let (listener, address) = listener().await;
    tokio::spawn(metrics::serve(server.handle(), listener));
    let page = fetch(&address, "GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n").await;
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n"), "{page}");
    assert_eq!(value(&page, "seaworthy_role{role=\"leader\"}"), 1);
    assert_eq!(value(&page, "seaworthy_role{role=\"follower\"}"), 0);
    assert_eq!(value(&page, "seaworthy_leader"), 1);
    assert_eq!(value(&page, "seaworthy_voters"), 1);
    // The writes, and the session that they are in; perhaps some before there was a leader.
    assert!(3 <= value(&page, "seaworthy_proposals_total") && 1 <= value(&page, "seaworthy_reads_total"));
    let syncs = value(&page, "seaworthy_sync_seconds_count");
    assert!(3 <= syncs && syncs <= value(&page, "seaworthy_records_total"));
    assert_eq!(value(&page, "seaworthy_sync_seconds_bucket{le=\"+Inf\"}"), syncs);
    assert_eq!(value(&page, "seaworthy_applied_index"), value(&page, "seaworthy_commit_index"));
    assert!(!page.contains("secret"));
    assert!(fetch(&address, "GET / HTTP/1.1\r\n\r\n").await.starts_with("HTTP/1.1 404 "));
    let endless = format!("GET /metrics{}", "x".repeat(64 << 10));
    let mut stream = TcpStream::connect(&address).await.expect("it listens");
    // It may be sent away while it talks.
    let _ = stream.write_all(endless.as_bytes()).await;
    let ended = timeout(PATIENCE, stream.read(&mut [0; 64])).await.expect("it is sent away");
    assert_eq!(ended.unwrap_or(0), 0);
}
