//! Real processes on real disks that are killed and frozen under load: what was acknowledged stays, and what the clients
//! saw can be explained. Each layer has a control: the same load finds a server that only pretends to write, one that
//! campaigns without asking, and reads that ask nobody.

use seaworthy_core::config::Config;
use seaworthy_core::durable::Durable;
use seaworthy_core::effect::Record;
use seaworthy_core::kv::Limits;
use seaworthy_core::member::{ReadMode, founding_disk};
use seaworthy_core::membership::Membership;
use seaworthy_core::storage::Identity;
use seaworthy_core::types::NodeId;
use seaworthy_node::fleet::{Launch, abandoned};
use seaworthy_node::grpc::{Peers, Service, serve};
use seaworthy_node::server::Server;
use seaworthy_node::storage::{Files, Storage, StorageError};
use seaworthy_node::torture::{Blow, Plan, Rush, Wiring, torture, try_disks, try_network};
use seaworthy_sim::linearizability::Verdict;
use std::process::Command;
use std::time::Duration;

fn peers(launch: &Launch) -> String {
    let peers = launch.peers.iter().map(|(node, address)| format!("{}={address}", node.get()));
    peers.collect::<Vec<_>>().join(",")
}

/// The server that ships.
fn sound(launch: &Launch) -> Command {
    launch.serve(env!("CARGO_BIN_EXE_seaworthy-node").as_ref())
}

const FLAWED: &str = "SEAWORTHY_TEST_FLAWED";

/// A server that is built from the same parts, but wrongly: this very program, told so.
fn flawed(flaw: &str) -> impl Fn(&Launch) -> Command {
    move |launch| {
        let mut command = Command::new(std::env::current_exe().expect("it runs"));
        command.args(["--exact", "a_flawed_server"]);
        let first = if launch.first { "first" } else { "" };
        let data = launch.data.to_str().expect("it is text");
        let words = [flaw, &launch.node.get().to_string(), &launch.listen, &peers(launch), data, first];
        command.env(FLAWED, words.join(" "));
        command
    }
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

/// The body of a flawed server's process; otherwise nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flawed_server() {
    let Ok(line) = std::env::var(FLAWED) else { return };
    let words: Vec<&str> = line.split(' ').collect();
    let [flaw, node, listen, peers, data, first] = words[..] else { panic!("{line}") };
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
    let files = Files::open(data.as_ref(), identity).expect("nobody has it");
    let disk: Box<dyn Storage> = match flaw {
        "careless" => Box::new(Careless(files)),
        _ => Box::new(files),
    };
    let config = Config { pre_vote: flaw != "hasty", ..Config::new(node, 0) };
    let server = Server::start(config, disk, peers.clone()).expect("the disk is sound");
    let service = Service::new(server.handle(), peers);
    let left_alone = abandoned().expect("there is a thread for it");
    tokio::select! {
        served = serve(service, listener, std::future::pending()) => served.expect("it serves until it is killed"),
        () = left_alone => {}
    }
}

fn plan(blows: impl Into<Vec<Blow>>) -> Plan {
    let (reads, wiring) = (ReadMode::Leader, Wiring::Proxies);
    let (crowd, rush) = (2_048, Duration::from_secs(2));
    Plan { blows: blows.into(), clients: 6, operations: 100, reads, wiring, crowd, rush }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_and_frozen_processes_lose_nothing_and_answer_linearizably() {
    let plan = plan(Blow::PROCESSES);
    let report = torture(&plan, sound, |_, _, _| {}).await.expect("the cluster comes back each time");
    assert_eq!(report.verdict, Verdict::Linearizable);
    assert!(1_000 <= report.ok, "without a load nothing is tested: {report:?}");
    assert!(6 <= report.kills, "{report:?}");
    assert_eq!(report.disturbances, 0, "a server that is cut off keeps its term: {report:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_through_any_server_are_linearizable_as_well() {
    let plan = Plan { reads: ReadMode::Follower, ..plan([Blow::KillLeader, Blow::CutLeader, Blow::CutPair]) };
    let report = torture(&plan, sound, |_, _, _| {}).await.expect("the cluster comes back each time");
    assert_eq!(report.verdict, Verdict::Linearizable);
}

/// Says why not, where a machine does not allow it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_whose_disks_lose_power_break_or_run_full_lose_nothing() {
    if let Err(error) = try_disks() {
        eprintln!("skipped: no power is cut and no disk broken or filled here: {error}");
        return;
    }
    let plan = plan(Blow::DISKS);
    let report = torture(&plan, sound, |_, _, _| {}).await.expect("the cluster comes back each time");
    assert_eq!(report.verdict, Verdict::Linearizable);
    assert!(1 <= report.power_cuts && 1 <= report.disk_failures, "{report:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_with_too_much_to_do_say_so_stay_small_and_lose_nothing() {
    let report = torture(&plan([Blow::Overload]), sound, |_, _, _| {}).await.expect("the cluster serves on");
    assert_eq!(report.verdict, Verdict::Linearizable);
    let rush = report.rushes.first().expect("there was one");
    assert!(1 <= rush.answered && 1 <= rush.refusals, "{rush:?}");
    assert!(rush.memory.is_none_or(|[_, most, _]| most <= Rush::MEMORY_MAX), "{rush:?}");
}

/// What a network does to servers that really loses packets; `None`, and a line that says why, where a machine has none.
fn plan_with_lost_packets(blows: impl Into<Vec<Blow>>) -> Option<Plan> {
    if let Err(error) = try_network() {
        eprintln!("skipped: no packet is lost here: {error}");
        return None;
    }
    Some(Plan { wiring: Wiring::Kernel, ..plan(blows) })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_between_which_packets_are_lost_lose_nothing_else() {
    let blows = [Blow::CutLeader, Blow::MuteLeader, Blow::KillLeader, Blow::CutPair, Blow::CutFollower];
    let Some(plan) = plan_with_lost_packets(blows) else { return };
    let report = torture(&plan, sound, |_, _, _| {}).await.expect("the cluster comes back each time");
    assert_eq!(report.verdict, Verdict::Linearizable);
    assert_eq!(report.disturbances, 0, "a server that is cut off keeps its term: {report:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn control_lost_packets_show_who_campaigns_without_asking_and_who_reads_what_is_old() {
    let Some(plan) = plan_with_lost_packets([Blow::CutFollower; 3]) else { return };
    let report = torture(&plan, flawed("hasty"), |_, _, _| {}).await;
    assert!(1 <= report.expect("the cluster serves on").disturbances);
    let plan = Plan { blows: vec![Blow::CutLeader; 3], clients: 12, reads: ReadMode::Stale, ..plan };
    let report = torture(&plan, sound, |_, _, _| {}).await.expect("the cluster serves on");
    assert!(matches!(report.verdict, Verdict::Violation(_)), "{report:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn control_a_server_that_does_not_wait_for_its_disk_is_found_out() {
    let plan = plan([Blow::KillAll]);
    let report = torture(&plan, flawed("careless"), |_, _, _| {}).await;
    let report = report.expect("the cluster comes back, with nothing");
    assert!(matches!(report.verdict, Verdict::Violation(_)), "{report:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn control_a_server_that_campaigns_without_asking_is_found_out() {
    let report = torture(&plan([Blow::CutFollower; 3]), flawed("hasty"), |_, _, _| {}).await;
    assert!(1 <= report.expect("the cluster serves on").disturbances);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn control_reads_that_ask_nobody_are_found_out() {
    let plan = Plan { clients: 12, reads: ReadMode::Stale, ..plan([Blow::CutLeader; 3]) };
    let report = torture(&plan, sound, |_, _, _| {}).await.expect("the cluster serves on");
    assert!(matches!(report.verdict, Verdict::Violation(_)), "{report:?}");
}
