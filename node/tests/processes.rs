//! Real processes on real disks that are killed and frozen under load: what was acknowledged stays, and what the clients
//! saw can be explained. The same load finds a server that only pretends to write.

use seaworthy_core::config::Config;
use seaworthy_core::durable::Durable;
use seaworthy_core::effect::Record;
use seaworthy_core::kv::Limits;
use seaworthy_core::member::founding_disk;
use seaworthy_core::membership::Membership;
use seaworthy_core::storage::Identity;
use seaworthy_core::types::NodeId;
use seaworthy_node::grpc::{Peers, Service, serve};
use seaworthy_node::server::Server;
use seaworthy_node::storage::{Files, Storage, StorageError};
use seaworthy_node::torture::{Blow, Launch, Plan, torture};
use seaworthy_sim::linearizability::Verdict;
use std::process::Command;

fn peers(launch: &Launch) -> String {
    let peers = launch.peers.iter().map(|(node, address)| format!("{}={address}", node.get()));
    peers.collect::<Vec<_>>().join(",")
}

/// The server that ships.
fn sound(launch: &Launch) -> Command {
    launch.serve(env!("CARGO_BIN_EXE_seaworthy-node").as_ref())
}

const CARELESS: &str = "SEAWORTHY_TEST_CARELESS";

/// A server that is built from the same parts, but does not wait for its disk: this very program, told so.
fn careless(launch: &Launch) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("it runs"));
    command.args(["--exact", "a_careless_server"]);
    let first = if launch.first { "first" } else { "" };
    let data = launch.data.to_str().expect("it is text");
    let words = [&launch.node.get().to_string(), &launch.listen, &peers(launch), data, first];
    command.env(CARELESS, words.join(" "));
    command
}

/// A disk that says of everything that it is durable, and writes it some other day.
struct Careless(Files);

impl Storage for Careless {
    fn recover(&mut self) -> Result<Durable, StorageError> {
        self.0.recover()
    }

    fn persist(&mut self, _: Vec<Record>) -> Result<(), StorageError> {
        Ok(())
    }
}

/// The body of a careless server's process; otherwise nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_careless_server() {
    let Ok(line) = std::env::var(CARELESS) else { return };
    let words: Vec<&str> = line.split(' ').collect();
    let [node, listen, peers, data, first] = words[..] else { panic!("{line}") };
    let node = NodeId::new(node.parse().expect("it is a number"));
    let peer = |peer: &str| {
        let (node, address) = peer.split_once('=').expect("a peer is a number and an address");
        (NodeId::new(node.parse().expect("it is a number")), address.to_owned())
    };
    let addresses: std::collections::BTreeMap<_, _> = peers.split(',').map(peer).collect();
    let identity = Identity { cluster: 1, node };
    if first == "first" {
        let founding = founding_disk(Membership::new(addresses.keys().copied()), Limits::default());
        Files::found(data.as_ref(), identity, founding).expect("it is empty");
    }
    let listener = tokio::net::TcpListener::bind(listen).await.expect("the port is free");
    let peers = Peers::new(identity, listen.to_owned(), addresses, None);
    let disk = Careless(Files::open(data.as_ref(), identity).expect("nobody has it"));
    let server = Server::start(Config::new(node, 0), disk, peers.clone()).expect("the disk is sound");
    let service = Service::new(server.handle(), peers);
    serve(service, listener, std::future::pending()).await.expect("it serves until it is killed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_and_frozen_processes_lose_nothing_and_answer_linearizably() {
    let plan = Plan { blows: Blow::ALL.into(), clients: 6, operations: 100 };
    let report = torture(&plan, sound, |_, _, _| {}).await.expect("the cluster comes back each time");
    assert_eq!(report.verdict, Verdict::Linearizable);
    assert!(1_000 <= report.ok, "without a load nothing is tested: {report:?}");
    assert!(6 <= report.kills, "{report:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_does_not_wait_for_its_disk_is_found_out() {
    let plan = Plan { blows: vec![Blow::KillAll], clients: 6, operations: 100 };
    let report = torture(&plan, careless, |_, _, _| {}).await.expect("the cluster comes back, with nothing");
    assert!(matches!(report.verdict, Verdict::Violation(_)), "{report:?}");
}
