//! A server in the process of the test, without the others of its cluster.

use seaworthy_core::config::Config;
use seaworthy_core::kv::Limits;
use seaworthy_core::member::founding_disk;
use seaworthy_core::membership::Membership;
use seaworthy_core::storage::Identity;
use seaworthy_core::types::NodeId;
use seaworthy_node::grpc::{Peers, Service, Tls, serve};
use seaworthy_node::server::Server;
use seaworthy_node::storage::Memory;
use std::collections::BTreeMap;
use tokio::net::TcpListener;

/// Who it is.
pub(crate) const ONE: NodeId = NodeId::new(1);

/// A port of loopback, and where it is.
pub(crate) async fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a port");
    let address = listener.local_addr().expect("it is bound").to_string();
    (listener, address)
}

/// A server that is one of the `members` of a cluster, and where it is.
pub(crate) async fn server_of(cluster: u64, members: u64, tls: Option<Tls>) -> (Server, String) {
    let (listener, address) = listener().await;
    let peers = Peers::new(Identity { cluster, node: ONE }, address.clone(), BTreeMap::new(), tls);
    let founders = Membership::new((1..=members).map(NodeId::new));
    let disk = Memory::new(founding_disk(founders, Limits::default()));
    let server = Server::start(Config::new(ONE, 0), disk, peers.clone()).expect("the disk is sound");
    let service = Service::new(server.handle(), peers);
    tokio::spawn(async move { serve(service, listener, std::future::pending()).await });
    (server, address)
}
