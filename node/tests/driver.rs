//! The driver keeps the contract of effects on a disk that is slow, or that fails.

use seaworthy_core::config::Config;
use seaworthy_core::durable::Durable;
use seaworthy_core::effect::Record;
use seaworthy_core::kv::Limits;
use seaworthy_core::member::{Instruction, founding_disk};
use seaworthy_core::membership::Membership;
use seaworthy_core::message::{Body, Message};
use seaworthy_core::types::{EntryId, NodeId, Term};
use seaworthy_node::network::Network;
use seaworthy_node::server::{Server, ServerError};
use seaworthy_node::storage::{Memory, Storage, StorageError};
use std::sync::mpsc as std_mpsc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;

const ONE: NodeId = NodeId::new(1);
const TWO: NodeId = NodeId::new(2);

/// So long nobody should have to wait for anything here, on however slow a machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A network that shows what leaves.
struct Window(mpsc::UnboundedSender<Message>);

impl Network for Window {
    fn send(&self, message: Message) {
        let _ = self.0.send(message);
    }
}

/// A disk that writes a batch only when it is told to, and says before that it has got one.
struct Slow {
    inner: Memory,
    started: mpsc::UnboundedSender<usize>,
    go: std_mpsc::Receiver<bool>,
}

impl Storage for Slow {
    fn recover(&mut self) -> Result<Durable, StorageError> {
        self.inner.recover()
    }

    fn persist(&mut self, batch: Vec<Record>) -> Result<(), StorageError> {
        let _ = self.started.send(batch.len());
        match self.go.recv() {
            Ok(true) => self.inner.persist(batch),
            _ => Err(StorageError::InUse("the disk".into())),
        }
    }
}

/// A server with a slow disk, alone in a cluster of three.
struct Bench {
    server: Server,
    disk: Memory,
    left: mpsc::UnboundedReceiver<Message>,
    started: mpsc::UnboundedReceiver<usize>,
    go: std_mpsc::Sender<bool>,
}

impl Bench {
    fn new() -> Self {
        let members = Membership::new([1, 2, 3].map(NodeId::new));
        let disk = Memory::new(founding_disk(members, Limits::default()));
        let (started_in, started) = mpsc::unbounded_channel();
        let (go, go_out) = std_mpsc::channel();
        let (left_in, left) = mpsc::unbounded_channel();
        let slow = Slow { inner: disk.clone(), started: started_in, go: go_out };
        // It campaigns only when it is told to.
        let config = Config {
            election_timeout_min: Duration::from_secs(3_000),
            election_timeout_max: Duration::from_secs(6_000),
            ..Config::new(ONE, 0)
        };
        let server = Server::start(config, slow, Window(left_in)).expect("the disk is sound");
        Self { server, disk, left, started, go }
    }

    async fn say(&self, term: u64, body: Body) {
        self.server.handle().deliver(Message { from: TWO, to: ONE, term: Term(term), body }).await;
    }

    async fn next(&mut self) -> Message {
        timeout(PATIENCE, self.left.recv()).await.expect("a message leaves").expect("the server runs")
    }

    async fn batch(&mut self) -> usize {
        timeout(PATIENCE, self.started.recv()).await.expect("a batch begins").expect("the disk works")
    }

    fn disk_term(&mut self) -> Term {
        self.disk.recover().expect("memory is sound").hard_state.term
    }
}

const ASK: Body = Body::RequestVote { last: EntryId::ZERO, transfer: true };

#[tokio::test]
async fn a_vote_leaves_only_when_it_is_durable_and_the_server_goes_on_meanwhile() {
    let mut bench = Bench::new();
    bench.say(7, ASK).await;
    bench.batch().await;
    // The disk is at work. Other things go on, and leave if they promise nothing.
    bench.say(3, ASK).await;
    assert_eq!(bench.next().await.body, Body::Stale);
    let status = bench.server.handle().status().await.expect("it answers");
    assert_eq!(status.term, Term(7));
    assert!(bench.left.try_recv().is_err(), "the vote is in memory, and must not be out");
    assert_eq!(bench.disk_term(), Term(0));
    bench.go.send(true).expect("the disk waits");
    let vote = bench.next().await;
    assert_eq!((vote.body, vote.term), (Body::VoteReply { granted: true }, Term(7)));
    assert_eq!(bench.disk_term(), Term(7));
    bench.server.halt().await;
}

#[tokio::test]
async fn what_is_written_while_the_disk_is_busy_becomes_one_batch() {
    let mut bench = Bench::new();
    bench.say(7, ASK).await;
    let records_of_a_vote = bench.batch().await;
    for term in 8..=12 {
        bench.say(term, ASK).await;
    }
    while bench.server.handle().status().await.expect("it answers").term < Term(12) {}
    bench.go.send(true).expect("the disk waits");
    assert_eq!(bench.next().await.term, Term(7));
    assert_eq!(bench.batch().await, 5 * records_of_a_vote, "five votes cost one sync");
    assert!(bench.left.try_recv().is_err());
    bench.go.send(true).expect("the disk waits");
    for term in 8..=12 {
        assert_eq!(bench.next().await.term, Term(term));
    }
    bench.server.halt().await;
}

#[tokio::test]
async fn a_server_whose_disk_fails_stops_and_says_nothing_more() {
    let mut bench = Bench::new();
    bench.say(7, ASK).await;
    bench.batch().await;
    bench.go.send(false).expect("the disk waits");
    let error = timeout(PATIENCE, bench.server.failed()).await.expect("it stops");
    assert!(matches!(error, ServerError::Storage(StorageError::InUse(_))), "{error}");
    assert!(bench.left.recv().await.is_none(), "nothing leaves, and nothing ever will");
    assert_eq!(bench.disk_term(), Term(0));
    let handle = bench.server.handle();
    assert!(handle.instruct(Instruction::StepDown).await.is_err());
    bench.server.halt().await;
}
