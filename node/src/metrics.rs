//! Numbers for Prometheus, in its text format, for whoever asks a port of its own.
//!
//! They tell nothing of what is stored. Whoever can connect may read them, without TLS.

use crate::server::counters::{Counters, SYNC_BOUNDS};
use crate::server::{Handle, Status};
use seaworthy_core::types::NodeId;
use seaworthy_core::view::Role;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time;

/// Connections at a time.
const CONNECTIONS_MAX: usize = 16;

/// Bytes that a request may have.
const REQUEST_MAX: usize = 8 << 10;

/// How long a connection may take, from its beginning to its end.
const PATIENCE: Duration = Duration::from_secs(5);

/// Answers `GET /metrics` on `listener` until the server stops.
pub async fn serve(handle: Handle, listener: TcpListener) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let permit = Arc::clone(&permits).acquire_owned().await.expect("it is never closed");
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = handle.stopped() => return,
        };
        let Ok((stream, _)) = accepted else {
            // Such as too many open files: it passes, but not at once.
            time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let handle = handle.clone();
        tokio::spawn(async move {
            // Whoever does not read the answer gets none.
            let _ = time::timeout(PATIENCE, answer(&handle, stream)).await;
            drop(permit);
        });
    }
}

async fn answer(handle: &Handle, mut stream: TcpStream) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        if REQUEST_MAX <= request.len() || stream.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
    let (code, body) = match request.strip_prefix(b"GET /metrics") {
        Some([b' ' | b'?', ..]) => match handle.status().await {
            Ok(status) => ("200 OK", text(&status, handle.counters())),
            Err(_) => ("503 Service Unavailable", String::new()),
        },
        _ => ("404 Not Found", String::new()),
    };
    let head = format!(
        "HTTP/1.1 {code}\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    stream.shutdown().await
}

fn text(status: &Status, counters: &Counters) -> String {
    let mut page = Page(String::new());
    page.gauge("term", "The current term.", status.term.0);
    page.gauge("leader", "The node that leads, as far as this one knows; 0 if none.", leader(status));
    page.begin("role", "gauge", "1 for the role that the node is in.");
    for (role, name) in [
        (Role::Follower, "follower"),
        (Role::PreCandidate, "pre_candidate"),
        (Role::Candidate, "candidate"),
        (Role::Leader, "leader"),
    ] {
        page.value(&format!("role{{role=\"{name}\"}}"), u64::from(status.role == role));
    }
    page.gauge("voters", "Members that vote.", status.membership.voters.incoming.voters().len() as u64);
    page.gauge("learners", "Members that only learn.", status.membership.learners.len() as u64);
    page.gauge("commit_index", "The last entry that is known to be committed.", status.commit.0);
    page.gauge("applied_index", "The last entry that is applied.", status.applied.0);
    page.gauge("last_index", "The last entry of the log.", status.last.index.0);
    page.gauge(
        "snapshot_index",
        "The last entry of the snapshot.",
        status.snapshot.map_or(0, |id| id.index.0),
    );
    page.begin("matched_index", "gauge", "Up to where a follower's log agrees with the leader's.");
    for follower in &status.followers {
        page.value(&format!("matched_index{{node=\"{}\"}}", follower.node.get()), follower.matched.0);
    }
    let totals = [
        ("proposals_total", "Requests to write that arrived.", &counters.proposals),
        ("reads_total", "Requests to read that arrived.", &counters.reads),
        ("refusals_total", "Requests that were refused.", &counters.refusals),
        ("messages_received_total", "Messages that came from peers.", &counters.received),
        ("messages_sent_total", "Messages that left for peers.", &counters.sent),
        ("records_total", "Records that were made durable.", &counters.records),
    ];
    for (name, help, counter) in totals {
        page.begin(name, "counter", help);
        page.value(name, counter.load(Ordering::Relaxed));
    }
    page.syncs(counters);
    page.0
}

fn leader(status: &Status) -> u64 {
    status.leader.map_or(0, NodeId::get)
}

/// What is written so far.
struct Page(String);

impl Page {
    fn begin(&mut self, name: &str, kind: &str, help: &str) {
        write!(self.0, "# HELP seaworthy_{name} {help}\n# TYPE seaworthy_{name} {kind}\n")
            .expect("a string has room");
    }

    fn value(&mut self, name: &str, value: impl std::fmt::Display) {
        writeln!(self.0, "seaworthy_{name} {value}").expect("a string has room");
    }

    fn gauge(&mut self, name: &str, help: &str, value: u64) {
        self.begin(name, "gauge", help);
        self.value(name, value);
    }

    fn syncs(&mut self, counters: &Counters) {
        self.begin("sync_seconds", "histogram", "How long it took to make a batch durable.");
        let mut total = 0;
        for (class, counter) in counters.syncs.iter().enumerate() {
            total += counter.load(Ordering::Relaxed);
            let bound = SYNC_BOUNDS.get(class).map_or("+Inf".to_owned(), |micros| seconds(*micros));
            self.value(&format!("sync_seconds_bucket{{le=\"{bound}\"}}"), total);
        }
        self.value("sync_seconds_sum", seconds(counters.sync_micros.load(Ordering::Relaxed)));
        self.value("sync_seconds_count", total);
    }
}

fn seconds(micros: u64) -> String {
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}
