//! The way of one server to the others.

use super::proto::{self, item, peer_client};
use super::{Tls, wire};
use crate::lock::locked;
use crate::network::Network;
use seaworthy_core::membership::MAX_NODES;
use seaworthy_core::message::{Body, Message};
use seaworthy_core::storage::Identity;
use seaworthy_core::types::NodeId;
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time;
use tokio_stream::Stream;
use tonic::transport::Endpoint;

/// Messages that wait for a stream, at most. What comes on top is lost, as networks do.
const QUEUE: usize = 256;

/// The longest address that a server may say it has.
const ADDRESS_MAX: usize = 256;

/// How long it takes to give up a connection that does not come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// The pause before a stream is tried again: the first one, and the longest.
const PAUSE: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));

/// Streams to the other servers: for each of them one for the log, and one for snapshots, which would hold up
/// everything else. A server that cannot be reached is called again and again.
///
/// Clones are the same streams. They end with the last clone.
#[derive(Clone, Debug)]
pub struct Peers(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    identity: Identity,
    address: String,
    tls: Option<Tls>,
    /// Where servers are reached, as the operator says.
    configured: BTreeMap<NodeId, String>,
    /// Where servers are reached, as they say themselves.
    met: Mutex<BTreeMap<NodeId, String>>,
    lines: Mutex<BTreeMap<NodeId, Line>>,
}

/// The streams to one server.
#[derive(Debug)]
struct Line {
    log: mpsc::Sender<Message>,
    snapshots: mpsc::Sender<Message>,
}

impl Peers {
    /// The way of the server `identity`, which is reached at `address`, to those that are `configured`. Whoever else
    /// there is says where it is reached when it calls.
    pub fn new(
        identity: Identity,
        address: String,
        configured: BTreeMap<NodeId, String>,
        tls: Option<Tls>,
    ) -> Self {
        let others: Vec<NodeId> = configured.keys().copied().filter(|node| *node != identity.node).collect();
        let (met, lines) = (Mutex::default(), Mutex::default());
        let peers = Self(Arc::new(Inner { identity, address, tls, configured, met, lines }));
        // At once: whoever is new must be known to the others before they have anything to say to it.
        others.into_iter().for_each(|node| peers.open(node));
        peers
    }

    pub(super) fn identity(&self) -> Identity {
        self.0.identity
    }

    pub(super) fn tls(&self) -> Option<&Tls> {
        self.0.tls.as_ref()
    }

    /// Where clients reach a server: where it says itself, if it has.
    pub fn address(&self, node: NodeId) -> Option<String> {
        if node == self.0.identity.node {
            return Some(self.0.address.clone());
        }
        locked(&self.0.met).get(&node).or(self.0.configured.get(&node)).cloned()
    }

    /// Where clients reach all servers that are known.
    pub(super) fn addresses(&self) -> Vec<(NodeId, String)> {
        let mut addresses = self.0.configured.clone();
        addresses.extend(locked(&self.0.met).clone());
        addresses.insert(self.0.identity.node, self.0.address.clone());
        addresses.into_iter().collect()
    }

    /// A server has said where it is reached.
    pub(super) fn meet(&self, node: NodeId, address: String) {
        let mut met = locked(&self.0.met);
        if (1..=ADDRESS_MAX).contains(&address.len()) && (met.len() < MAX_NODES || met.contains_key(&node)) {
            met.insert(node, address);
        }
    }

    fn open(&self, node: NodeId) {
        locked(&self.0.lines).entry(node).or_insert_with(|| Line::open(&self.0, node));
    }
}

impl Network for Peers {
    fn send(&self, message: Message) {
        let mut lines = locked(&self.0.lines);
        let line = lines.entry(message.to).or_insert_with(|| Line::open(&self.0, message.to));
        let queue = match message.body {
            Body::InstallSnapshot(_) => &line.snapshots,
            _ => &line.log,
        };
        // What finds no room is lost.
        let _ = queue.try_send(message);
    }
}

impl Line {
    fn open(inner: &Arc<Inner>, node: NodeId) -> Self {
        let (log, log_queue) = mpsc::channel(QUEUE);
        let (snapshots, snapshot_queue) = mpsc::channel(QUEUE);
        for queue in [log_queue, snapshot_queue] {
            // Not to be kept alive by what it keeps alive.
            tokio::spawn(keep_talking(Arc::downgrade(inner), node, queue));
        }
        Self { log, snapshots }
    }
}

/// Keeps a stream to a server open until nobody has anything to say any more.
async fn keep_talking(inner: std::sync::Weak<Inner>, node: NodeId, queue: mpsc::Receiver<Message>) {
    let queue = Arc::new(Mutex::new(queue));
    let mut pause = PAUSE.0;
    loop {
        let Some(strong) = inner.upgrade() else { return };
        let (identity, own) = (strong.identity, strong.address.clone());
        // The operator knows best how this server reaches the others.
        let address =
            strong.configured.get(&node).cloned().or_else(|| locked(&strong.met).get(&node).cloned());
        let tls = strong.tls.clone();
        drop(strong);
        let hello = proto::Hello {
            cluster: identity.cluster,
            from: identity.node.get(),
            to: node.get(),
            address: own,
        };
        if let Some(address) = address {
            let begun = time::Instant::now();
            let ended = talk(&address, tls.as_ref(), node, hello, &queue).await;
            tracing::debug!(peer = %node, %address, ended, "a stream ended");
            if PAUSE.1 < begun.elapsed() {
                pause = PAUSE.0;
            }
        }
        let jitter = Duration::from_millis(crate::luck::below(1 + pause.as_millis() as u64 / 2));
        time::sleep(pause / 2 + jitter).await;
        pause = (2 * pause).min(PAUSE.1);
        // What was said to nobody is stale by now; it is said again if it matters.
        loop {
            match locked(&queue).try_recv() {
                Ok(_) => {}
                Err(mpsc::error::TryRecvError::Empty) => break,
                Err(mpsc::error::TryRecvError::Disconnected) => return,
            }
        }
    }
}

/// One stream, from its beginning to its end. Says why it ended.
async fn talk(address: &str, tls: Option<&Tls>, node: NodeId, hello: proto::Hello, queue: &Queue) -> String {
    let endpoint = match endpoint(address, tls, Some(node)) {
        Ok(endpoint) => endpoint,
        Err(error) => return error.to_string(),
    };
    let channel = match endpoint.connect().await {
        Ok(channel) => channel,
        Err(error) => return describe(&error),
    };
    let talk = Talk { hello: Some(hello), queue: Arc::clone(queue) };
    match peer_client::PeerClient::new(channel).exchange(talk).await {
        Ok(_) => "nobody had anything more to say".to_owned(),
        Err(status) => status.message().to_owned(),
    }
}

/// Messages for one peer, which outlast its streams.
type Queue = Arc<Mutex<mpsc::Receiver<Message>>>;

/// What is said in one stream: an introduction, and then whatever is in the queue.
struct Talk {
    hello: Option<proto::Hello>,
    queue: Queue,
}

impl Stream for Talk {
    type Item = proto::Item;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<proto::Item>> {
        if let Some(hello) = self.hello.take() {
            return Poll::Ready(Some(proto::Item { item: Some(item::Item::Hello(hello)) }));
        }
        let message = ready!(locked(&self.queue).poll_recv(context));
        Poll::Ready(message.map(|message| {
            let message = item::Item::Message(wire::encode(message));
            proto::Item { item: Some(message) }
        }))
    }
}

/// How to reach a server: this very one, or any of the cluster.
pub(super) fn endpoint(
    address: &str,
    tls: Option<&Tls>,
    node: Option<NodeId>,
) -> Result<Endpoint, tonic::transport::Error> {
    let scheme = if tls.is_some() { "https" } else { "http" };
    let endpoint = Endpoint::from_shared(format!("{scheme}://{address}"))?
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(Duration::from_secs(2))
        .keep_alive_timeout(Duration::from_secs(2))
        .keep_alive_while_idle(true);
    match tls {
        Some(tls) => endpoint.tls_config(tls.connector(node)),
        None => Ok(endpoint),
    }
}

/// What libraries say where one side speaks TLS and the other does not, and what that means.
const CROSS_PURPOSES: [(&str, &str); 2] = [
    ("frame with invalid size", "the other side speaks TLS: certificates are needed"),
    ("of type InvalidContentType", "the other side speaks no TLS: leave the certificates out"),
];

/// An error with what lies behind it, which is what says why.
pub(super) fn describe(error: &dyn std::error::Error) -> String {
    cross_purposes(error).map_or_else(|| chain(error), str::to_owned)
}

/// What it means if an error comes of one side speaking TLS and the other not.
pub(super) fn cross_purposes(error: &dyn std::error::Error) -> Option<&'static str> {
    let text = chain(error);
    CROSS_PURPOSES.iter().find(|(said, _)| text.ends_with(said)).map(|(_, meant)| *meant)
}

/// An error and what lies behind it, in the words of the libraries.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let more = error.to_string();
        // Some repeat what lies behind them.
        if !text.ends_with(&more) {
            text = format!("{text}: {more}");
        }
        source = error.source();
    }
    text
}
