//! Three servers in one process: what clients write stays, whoever stops.

use seaworthy_core::config::Config;
use seaworthy_core::kv::{Command, Limits};
use seaworthy_core::member::founding_disk;
use seaworthy_core::membership::Membership;
use seaworthy_core::types::NodeId;
use seaworthy_core::view::Role;
use seaworthy_node::client::{Client, Settings};
use seaworthy_node::network::{Faults, Faulty, Switch};
use seaworthy_node::server::Server;
use seaworthy_node::storage::Memory;
use std::collections::BTreeMap;
use std::time::Duration;

struct Cluster {
    switch: Switch,
    faults: Faults,
    disks: BTreeMap<NodeId, Memory>,
    servers: BTreeMap<NodeId, Server>,
}

impl Cluster {
    fn new() -> Self {
        let ids = [1, 2, 3].map(NodeId::new);
        let disk = || Memory::new(founding_disk(Membership::new(ids), Limits::default()));
        let disks = ids.map(|id| (id, disk())).into();
        let (switch, faults, servers) = (Switch::new(), Faults::new(), BTreeMap::new());
        let mut cluster = Self { switch, faults, disks, servers };
        ids.into_iter().for_each(|id| cluster.start(id));
        cluster
    }

    fn start(&mut self, id: NodeId) {
        let network = Faulty::new(self.faults.clone(), self.switch.outlet());
        let server = Server::start(Config::new(id, 0), self.disks[&id].clone(), network);
        let server = server.expect("the disk is sound");
        self.switch.plug(server.handle());
        self.servers.insert(id, server);
    }

    async fn halt(&mut self, id: NodeId) {
        self.switch.unplug(id);
        self.servers.remove(&id).expect("it runs").halt().await;
    }

    fn client(&self) -> Client<Switch> {
        let settings = Settings { operation_timeout: Duration::from_secs(60), ..Settings::default() };
        Client::new(self.switch.clone(), settings)
    }

    async fn leader(&self) -> NodeId {
        loop {
            for handle in self.switch.handles() {
                if handle.status().await.is_ok_and(|status| status.role == Role::Leader) {
                    return handle.id();
                }
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

async fn ask(client: &mut Client<Switch>, line: &str) -> String {
    let command = Command::parse(line).expect("it is a command");
    client.execute(command).await.expect("there is an answer").to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_outlives_every_server() {
    let mut cluster = Cluster::new();
    let mut client = cluster.client();
    for round in 1..=3 {
        assert_eq!(ask(&mut client, "APPEND log x").await, format!("(integer) {round}"));
        let leader = cluster.leader().await;
        cluster.halt(leader).await;
        let expected = format!("\"{}\"", "x".repeat(round));
        assert_eq!(ask(&mut client, "GET log").await, expected, "the leader is gone");
        cluster.start(leader);
    }
    for id in [1, 2, 3].map(NodeId::new) {
        cluster.halt(id).await;
    }
    (1..=3).for_each(|id| cluster.start(NodeId::new(id)));
    assert_eq!(ask(&mut client, "GET log").await, "\"xxx\"", "all of them were gone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_is_cut_off_is_followed_by_another() {
    let cluster = Cluster::new();
    let mut client = cluster.client();
    assert_eq!(ask(&mut client, "SET a 1").await, "OK");
    let leader = cluster.leader().await;
    let others = cluster.switch.handles().into_iter().map(|handle| handle.id()).filter(|id| *id != leader);
    cluster.faults.partition(vec![others.collect()]);
    assert_eq!(ask(&mut client, "SET a 2").await, "OK");
    cluster.faults.heal();
    assert_eq!(ask(&mut client, "GET a").await, "\"2\"");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_shuts_down_hands_its_leadership_over() {
    let mut cluster = Cluster::new();
    assert_eq!(ask(&mut cluster.client(), "SET a 1").await, "OK");
    let leader = cluster.leader().await;
    let term = cluster.switch.handle(leader).expect("it runs").status().await.expect("it runs").term;
    let server = cluster.servers.remove(&leader).expect("it runs");
    server.shut_down().await;
    cluster.switch.unplug(leader);
    let successor = cluster.switch.handle(cluster.leader().await).expect("it runs");
    assert!(term < successor.status().await.expect("it runs").term);
    assert_eq!(ask(&mut cluster.client(), "GET a").await, "\"1\"");
}
