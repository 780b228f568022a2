//! Who may say what: strangers are refused, and so is everybody who says more than their certificate does.

mod lone;

use lone::{ONE, listener, server_of};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use seaworthy_core::kv::Command;
use seaworthy_core::member::ReadMode;
use seaworthy_core::message::{Body, Message};
use seaworthy_core::state_machine::{Operation, Outcome, Request};
use seaworthy_core::storage::Identity;
use seaworthy_core::types::{Bytes, EntryId, NodeId, SessionId, Term};
use seaworthy_node::client::{Client, ClientError, Failure, Settings, Transport};
use seaworthy_node::grpc::{Endpoints, Peers, Role, Tls};
use seaworthy_node::network::Network;
use seaworthy_node::server::Server;
use std::process;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

const CLUSTER: &str = "demo";
const PATIENCE: Duration = Duration::from_secs(60);

/// What somebody hears who speaks no TLS where it is spoken, and who speaks it where it is not.
const NEEDED: &str = "the other side speaks TLS: certificates are needed";
const UNWANTED: &str = "the other side speaks no TLS: leave the certificates out";

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
        let (certificate, key) = self.papers(names, expired);
        Tls::new(CLUSTER, believed.certificate.clone(), certificate, key)
    }

    /// A certificate for these names and its key, in PEM.
    fn papers(&self, names: &[String], expired: bool) -> (String, String) {
        let mut params = CertificateParams::new(names).expect("they are names");
        if expired {
            params.not_after = date_time_ymd(2020, 1, 1);
        }
        let key = KeyPair::generate().expect("there is luck");
        let certificate = params.signed_by(&key, &self.issuer).expect("it can be signed").pem();
        (certificate, key.serialize_pem())
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
    server_of(7, members, tls).await
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
async fn who_speaks_tls_where_it_is_not_wanted_or_does_not_where_it_is_hears_so() {
    let authority = Authority::new();
    let (_guarded, guarded) = server(1, Some(authority.tls(Role::Node(ONE)))).await;
    let (_open, open) = server(1, None).await;
    for (address, tls, why) in [(guarded, None, NEEDED), (open, Some(authority.tls(Role::Client)), UNWANTED)]
    {
        // The connection may be gone before its last words are read.
        let mut heard = Vec::new();
        while heard.len() < 50 && heard.last().is_none_or(|last: &String| !last.ends_with(why)) {
            let failure = register(&address, tls.clone()).await.expect_err(why).to_string();
            assert!(failure.starts_with(&address), "{failure}");
            heard.push(failure);
        }
        assert!(heard.last().is_some_and(|last| last.ends_with(why)), "{heard:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_could_only_talk_at_cross_purposes_gives_up_at_once_and_not_while_there_is_another() {
    let authority = Authority::new();
    let (_guarded, guarded) = server(1, Some(authority.tls(Role::Node(ONE)))).await;
    let (_open, open) = server(1, None).await;
    let settings = Settings { operation_timeout: PATIENCE, ..Settings::default() };
    let command = |line| Command::parse(line).expect("it is a command");
    for (address, tls, why) in
        [(&guarded, None, NEEDED), (&open, Some(authority.tls(Role::Client)), UNWANTED)]
    {
        let mut client = Client::new(Endpoints::new(vec![address.clone()], tls), settings);
        let error = client.execute(command("GET a")).await.expect_err(why);
        assert!(matches!(&error, ClientError::Refused { reason } if reason.ends_with(why)), "{error:?}");
        // What writes may have been heard, as far as the client can tell, if the connection was gone too soon.
        let ended = timeout(PATIENCE / 2, client.execute(command("SET a 1"))).await;
        let error = ended.expect("it does not wait").expect_err(why).to_string();
        assert!(error.ends_with(why), "{error}");
    }
    let order = ["transfer", "--endpoints", &guarded, "1"].map(str::to_owned);
    let program = env!("CARGO_BIN_EXE_seaworthy-node");
    let ordered = spawn_blocking(move || process::Command::new(program).args(order).output());
    let ordered = ordered.await.expect("it does not panic").expect("it starts");
    let said = String::from_utf8_lossy(&ordered.stdout);
    assert!(said.starts_with("(error) no server can be seen"), "{said}");
    assert!(said.trim_end().ends_with(NEEDED), "{said}");

    let mut client = Client::new(Endpoints::new(vec![guarded, open], None), settings);
    client.execute(command("GET a")).await.expect("one of them understands");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_the_name_of_one_is_none() {
    let authority = Authority::new();
    let impostor = authority.certify(&[Role::Client.name(CLUSTER)], false, &authority);
    let (_server, address) = server(1, Some(impostor)).await;
    let refused = register(&address, Some(authority.tls(Role::Client))).await;
    assert!(matches!(refused, Err(Failure::Unreachable(_))), "{refused:?}");
}

/// It would run, and nobody would talk to it.
#[test]
fn a_server_sees_itself_that_its_certificate_is_of_no_use() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    assert!(authority.tls(Role::Node(ONE)).check(ONE).is_ok());
    let names = [Role::Node(ONE).name(CLUSTER), format!("server.{CLUSTER}")];
    let (certificate, _) = authority.papers(&names, false);
    let (_, key) = authority.papers(&names, false);
    for (tls, why) in [
        (authority.certify(&names, true, &authority), "nobody would believe it"),
        (authority.certify(&names, false, &stranger), "nobody would believe it"),
        (authority.tls(Role::Node(NodeId::new(2))), "it is not for node-1.demo"),
        (authority.tls(Role::Client), "it is not for node-1.demo"),
        (authority.certify(&names[..1], false, &authority), "it is not for server.demo"),
        (Tls::new(CLUSTER, authority.certificate.clone(), certificate, key), "KeyMismatch"),
    ] {
        let error = tls.check(ONE).expect_err(why).to_string();
        assert!(error.starts_with("the certificate: ") && error.contains(why), "{error}");
    }
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn renewed_certificates_count_from_the_next_connection_on() {
    let (old, new) = (Authority::new(), Authority::new());
    let tls = old.tls(Role::Node(ONE));
    let (_server, address) = server(1, Some(tls.clone())).await;
    assert_eq!(ask(&address, Some(old.tls(Role::Client)), "SET a 1").await, "OK");
    let useless = Tls::new(CLUSTER, String::new(), String::new(), String::new());
    assert!(tls.renew(&useless).is_err());
    assert_eq!(ask(&address, Some(old.tls(Role::Client)), "GET a").await, "\"1\"", "nothing has changed");
    tls.renew(&new.tls(Role::Node(ONE))).expect("they are sound");
    assert!(register(&address, Some(old.tls(Role::Client))).await.is_err());
    assert_eq!(ask(&address, Some(new.tls(Role::Client)), "GET a").await, "\"1\"");
}

/// What was said on each of some connections.
type Heard = Arc<Mutex<Vec<Vec<u8>>>>;

/// A way to `address` that remembers what is sent there, connection by connection: a peer has several.
async fn eavesdrop(address: String) -> (String, Heard) {
    let (listener, way) = listener().await;
    let heard = Heard::default();
    let notes = Arc::clone(&heard);
    tokio::spawn(async move {
        for number in 0.. {
            let (mut caller, mut answers) = listener.accept().await.expect("somebody comes").0.into_split();
            let callee = TcpStream::connect(&address).await.expect("it listens");
            let (mut back, mut forth) = callee.into_split();
            tokio::spawn(async move { tokio::io::copy(&mut back, &mut answers).await });
            let notes = Arc::clone(&notes);
            notes.lock().expect("nobody panics").push(Vec::new());
            tokio::spawn(async move {
                let mut buffer = [0; 4096];
                while let Ok(length @ 1..) = caller.read(&mut buffer).await {
                    notes.lock().expect("nobody panics")[number].extend(&buffer[..length]);
                    forth.write_all(&buffer[..length]).await.expect("it listens");
                }
            });
        }
    });
    (way, heard)
}

/// Sends to a server what somebody else was sent, on as many connections. What was heard acknowledges settings, which is
/// an error before the server has sent its own: so first comes the preface of HTTP/2, and the rest once it has answered.
async fn replay(address: &str, heard: &[Vec<u8>]) -> Vec<TcpStream> {
    let mut open = Vec::new();
    for said in heard {
        let Some((preface, rest)) = said.split_at_checked(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".len()) else {
            continue;
        };
        let mut stream = TcpStream::connect(address).await.expect("it listens");
        stream.write_all(preface).await.expect("it reads");
        let answered = stream.read(&mut [0; 1024]).await.expect("it answers");
        assert!(0 < answered, "the server hung up");
        stream.write_all(rest).await.expect("it reads");
        open.push(stream);
    }
    open
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_said_in_another_cluster_means_nothing_when_it_is_said_again() {
    const THEIRS: u64 = 1_000_000;
    let [here, there] = [7, 8].map(|cluster| Identity { cluster, node: NodeId::new(2) });
    let (victim, address) = server_of(there.cluster, 3, None).await;
    let (way, heard) = eavesdrop(address).await;
    let peer = canvass(there, &way, THEIRS, None);
    term(&victim, THEIRS).await;
    peer.abort();
    let heard = heard.lock().expect("nobody panics").clone();
    // It is what it takes, where it was said.
    let (twin, address) = server_of(there.cluster, 3, None).await;
    let _open = replay(&address, &heard).await;
    term(&twin, THEIRS).await;
    let (server, address) = server_of(here.cluster, 3, None).await;
    let _open = replay(&address, &heard).await;
    // It has had its chance when somebody who came after it is heard, twice over.
    for right in [1_000, 2_000] {
        let honest = canvass(here, &address, right, None);
        assert!(term(&server, right).await < THEIRS);
        honest.abort();
    }
}

/// Where everything is written that this process has to say, however little it matters.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("nobody panics").extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logs_tell_nothing_of_what_is_stored_and_of_no_key() {
    let log = Log::default();
    let writer = log.clone();
    let level = tracing_subscriber::filter::LevelFilter::TRACE;
    tracing_subscriber::fmt().with_max_level(level).with_writer(move || writer.clone()).init();
    let authority = Authority::new();
    let names = [Role::Node(ONE).name(CLUSTER), format!("server.{CLUSTER}")];
    let (certificate, key) = authority.papers(&names, false);
    let tls = Tls::new(CLUSTER, authority.certificate.clone(), certificate, key.clone());
    let (server, address) = server(1, Some(tls.clone())).await;
    let client = || Some(authority.tls(Role::Client));
    assert_eq!(ask(&address, client(), "SET swordfish hunter2hunter2").await, "OK");
    assert_eq!(ask(&address, client(), "GET swordfish").await, "\"hunter2hunter2\"");
    assert_eq!(ask(&address, client(), "HGET swordfish f").await, "(error) WRONGTYPE key holds a STRING");
    server.halt().await;
    let log = String::from_utf8_lossy(&log.0.lock().expect("nobody panics")).into_owned();
    assert!(log.contains("took another role"), "everything is logged: {log}");
    let shown = format!("{log}{tls:?}");
    let secrets = key.lines().filter(|line| !line.starts_with("-----"));
    for secret in secrets.chain(["hunter2hunter2", "swordfish"]) {
        assert!(!shown.contains(secret), "{secret} is in a log");
    }
}
