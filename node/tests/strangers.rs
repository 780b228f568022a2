//! Who may say what: strangers are refused, and so is everybody who says more than their certificate does.

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use seaworthy_core::config::Config;
use seaworthy_core::kv::{Command, Limits};
use seaworthy_core::member::{ReadMode, founding_disk};
use seaworthy_core::membership::Membership;
use seaworthy_core::message::{Body, Message};
use seaworthy_core::state_machine::{Operation, Outcome, Request};
use seaworthy_core::storage::Identity;
use seaworthy_core::types::{Bytes, EntryId, NodeId, SessionId, Term};
use seaworthy_node::client::{Client, Failure, Settings, Transport};
use seaworthy_node::grpc::{Endpoints, Peers, Role, Service, Tls, serve};
use seaworthy_node::network::Network;
use seaworthy_node::server::Server;
use seaworthy_node::storage::Memory;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

const CLUSTER: &str = "demo";
const ONE: NodeId = NodeId::new(1);
const PATIENCE: Duration = Duration::from_secs(60);

/// Who certifies.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(vec![]).expect("there are no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("there is luck");
        let certificate = params.self_signed(&key).expect("it can be signed").pem();
        Self { issuer: Issuer::new(params, key), certificate }
    }

    /// A side of a connection that has a certificate for these names, and believes `believed`.
    fn certify(&self, names: &[String], expired: bool, believed: &Self) -> Tls {
        let mut params = CertificateParams::new(names).expect("they are names");
        if expired {
            params.not_after = date_time_ymd(2020, 1, 1);
        }
        let key = KeyPair::generate().expect("there is luck");
        let certificate = params.signed_by(&key, &self.issuer).expect("it can be signed").pem();
        Tls::new(CLUSTER, believed.certificate.clone(), certificate, key.serialize_pem())
    }

    fn tls(&self, role: Role) -> Tls {
        let mut names = vec![role.name(CLUSTER)];
        if let Role::Node(_) = role {
            names.push(format!("server.{CLUSTER}"));
        }
        self.certify(&names, false, self)
    }
}

/// A server that is one of `members`, and where it is.
async fn server(members: u64, tls: Option<Tls>) -> (Server, String) {
    let identity = Identity { cluster: 7, node: ONE };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a port");
    let address = listener.local_addr().expect("it is bound").to_string();
    let peers = Peers::new(identity, address.clone(), BTreeMap::new(), tls);
    let founders = Membership::new((1..=members).map(NodeId::new));
    let disk = Memory::new(founding_disk(founders, Limits::default()));
    let server = Server::start(Config::new(ONE, 0), disk, peers.clone()).expect("the disk is sound");
    let service = Service::new(server.handle(), peers);
    tokio::spawn(async move { serve(service, listener, std::future::pending()).await });
    (server, address)
}

/// One attempt to open a session.
async fn register(address: &str, tls: Option<Tls>) -> Result<Outcome, Failure> {
    let request = Request { session: SessionId::ZERO, sequence: 1, operation: Operation::Register };
    let attempt = async { Endpoints::new(vec![], tls).execute(address, request, ReadMode::Leader).await };
    timeout(PATIENCE, attempt).await.expect("nobody is left waiting")
}

/// Asks until the server leads.
async fn ask(address: &str, tls: Option<Tls>, line: &str) -> String {
    let settings = Settings { operation_timeout: PATIENCE, ..Settings::default() };
    let mut client = Client::new(Endpoints::new(vec![address.to_owned()], tls), settings);
    let command = Command::parse(line).expect("it is a command");
    client.execute(command).await.expect("there is an answer").to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_certificate_of_the_authority_opens_a_connection() {
    let authority = Authority::new();
    let foreign = Authority::new();
    let (_server, address) = server(1, Some(authority.tls(Role::Node(ONE)))).await;
    assert_eq!(ask(&address, Some(authority.tls(Role::Client)), "SET a 1").await, "OK");
    let client = [Role::Client.name(CLUSTER)];
    let strangers = [
        ("without TLS", None),
        ("of a foreign authority", Some(foreign.certify(&client, false, &authority))),
        ("expired", Some(authority.certify(&client, true, &authority))),
        ("who believes another authority", Some(authority.certify(&client, false, &foreign))),
    ];
    for (who, tls) in strangers {
        assert!(register(&address, tls).await.is_err(), "a client {who}");
    }
    assert_eq!(ask(&address, Some(authority.tls(Role::Client)), "GET a").await, "\"1\"");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_the_name_of_one_is_none() {
    let authority = Authority::new();
    let impostor = authority.certify(&[Role::Client.name(CLUSTER)], false, &authority);
    let (_server, address) = server(1, Some(impostor)).await;
    let refused = register(&address, Some(authority.tls(Role::Client))).await;
    assert!(matches!(refused, Err(Failure::Unreachable(_))), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_does_more_than_their_certificate_says() {
    let authority = Authority::new();
    let (_server, address) = server(1, Some(authority.tls(Role::Node(ONE)))).await;
    assert_eq!(ask(&address, Some(authority.tls(Role::Client)), "SET a 1").await, "OK");
    for role in [Role::Admin, Role::Node(NodeId::new(2))] {
        let refused = register(&address, Some(authority.tls(role))).await;
        assert!(matches!(refused, Err(Failure::Invalid(_))), "{role:?} runs no commands: {refused:?}");
    }
    let looks = async |role| Endpoints::new(vec![], Some(authority.tls(role))).status(&address).await;
    assert!(matches!(looks(Role::Client).await, Err(Failure::Invalid(_))));
    assert!(matches!(looks(Role::Node(NodeId::new(2))).await, Err(Failure::Invalid(_))));
    assert_eq!(looks(Role::Admin).await.expect("it may").0.id, ONE);
}

/// A peer of this identity, which keeps asking for a vote in `term`.
fn canvass(identity: Identity, address: &str, term: u64, tls: Option<Tls>) -> tokio::task::JoinHandle<()> {
    let peers = Peers::new(identity, String::new(), [(ONE, address.to_owned())].into(), tls);
    tokio::spawn(async move {
        let body = Body::RequestVote { last: EntryId::ZERO, transfer: true };
        let message = Message { from: identity.node, to: ONE, term: Term(term), body };
        loop {
            peers.send(message.clone());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
}

/// Waits until the server has heard of a term as late as this; gives the one that it is in.
async fn term(server: &Server, at_least: u64) -> u64 {
    let reached = async {
        loop {
            let term = server.handle().status().await.expect("it runs").term.0;
            if at_least <= term {
                return term;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, reached).await.expect("the right peer is heard")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_speaks_for_itself_alone_and_to_its_own_cluster() {
    const LIE: u64 = 1_000_000;
    let [two, three] = [2, 3].map(|node| Identity { cluster: 7, node: NodeId::new(node) });
    let authority = Authority::new();
    let (server, address) = server(3, Some(authority.tls(Role::Node(ONE)))).await;
    let liars = [
        canvass(three, &address, LIE, Some(authority.tls(Role::Node(two.node)))),
        canvass(two, &address, LIE, Some(authority.tls(Role::Client))),
        canvass(Identity { cluster: 8, ..two }, &address, LIE, Some(authority.tls(Role::Node(two.node)))),
        canvass(Identity { node: ONE, ..two }, &address, LIE, Some(authority.tls(Role::Node(ONE)))),
    ];
    // They have had their chance when somebody who came after them is heard, twice over.
    for right in [1_000, 2_000] {
        let honest = canvass(two, &address, right, Some(authority.tls(Role::Node(two.node))));
        assert!(term(&server, right).await < LIE);
        honest.abort();
    }
    liars.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_connects_and_says_nothing_is_sent_away_and_holds_up_nobody() {
    let (_server, address) = server(1, None).await;
    let mut silent = Vec::new();
    for _ in 0..200 {
        silent.push(TcpStream::connect(&address).await.expect("there is room"));
    }
    assert_eq!(ask(&address, None, "SET a 1").await, "OK");
    for mut stream in silent {
        let end = timeout(PATIENCE, stream.read(&mut [0; 64])).await.expect("it is sent away");
        assert_eq!(end.unwrap_or(0), 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_large_is_refused_and_harms_nobody() {
    let (_server, address) = server(1, None).await;
    assert_eq!(ask(&address, None, "SET a 1").await, "OK");
    let endpoints = Endpoints::new(vec![], None);
    for size in [(1 << 20) + 1, 12 << 20] {
        let command = Command::Set { key: Bytes::from("a"), value: Bytes::from(vec![b'x'; size]) };
        let operation = Operation::Command(command);
        let request = Request { session: SessionId(2), sequence: 1, operation };
        let refused = endpoints.execute(&address, request, ReadMode::Leader).await;
        assert!(matches!(refused, Err(Failure::Invalid(_))), "{size}: {refused:?}");
    }
    assert_eq!(ask(&address, None, "GET a").await, "\"1\"");
}
