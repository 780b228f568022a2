//! Wires between processes that can be cut and stretched: a small proxy for each pair of servers and direction.
//!
//! Servers send over connections that they have opened themselves, so that a wire carries the messages of one server to
//! one other, and cutting it is a one-way partition. What is cut stays connected, as in a network that drops packets, and
//! whatever was on its way arrives when the wire is mended: late, and all at once.

use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time;

/// What becomes of what is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// It arrives.
    Sound,
    /// It arrives so much later.
    Slow(Duration),
    /// It waits until the wire is mended.
    Cut,
}

/// A wire to one server. It is gone when this is dropped.
#[derive(Debug)]
pub(crate) struct Wire {
    address: String,
    state: watch::Sender<State>,
}

impl Wire {
    /// A sound wire to `target`.
    pub(crate) async fn lay(target: String) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let (state, changes) = watch::channel(State::Sound);
        tokio::spawn(connect(listener, target, changes));
        Ok(Self { address, state })
    }

    /// Where it begins.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn set(&self, state: State) {
        self.state.send_replace(state);
    }
}

/// Connects whoever comes, until the wire is gone.
async fn connect(listener: TcpListener, target: String, mut changes: watch::Receiver<State>) {
    loop {
        let caller = tokio::select! {
            accepted = listener.accept() => accepted,
            () = gone(&mut changes) => return,
        };
        let Ok((caller, _)) = caller else { continue };
        // If nobody is there, the caller is sent away as well.
        let Ok(callee) = TcpStream::connect(&target).await else { continue };
        // Small messages must not wait for each other: that is not what is tested.
        if caller.set_nodelay(true).and_then(|()| callee.set_nodelay(true)).is_err() {
            continue;
        }
        let ((from_caller, to_caller), (from_callee, to_callee)) = (caller.into_split(), callee.into_split());
        tokio::spawn(carry(from_caller, to_callee, changes.clone()));
        tokio::spawn(carry(from_callee, to_caller, changes.clone()));
    }
}

/// Carries what is said in one direction, until one side ends or the wire is gone.
async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut changes: watch::Receiver<State>) {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let read = tokio::select! {
            read = from.read(&mut buffer) => read,
            () = gone(&mut changes) => return,
        };
        let Ok(length @ 1..) = read else { return };
        let state = *changes.borrow();
        if let State::Slow(delay) = state {
            time::sleep(delay).await;
        }
        if changes.wait_for(|state| *state != State::Cut).await.is_err() {
            return;
        }
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}

/// Waits until the wire is gone.
async fn gone(changes: &mut watch::Receiver<State>) {
    while changes.changed().await.is_ok() {}
}
