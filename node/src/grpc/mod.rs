//! Servers and clients anywhere, over gRPC. `proto/seaworthy.proto` says what travels.
//!
//! In the order in which to read: `wire` and `words`, what is said; `tls`, who may say it; `listen`, how connections
//! come in; `service`, what is made of them; `peers` and `endpoints`, how they go out.

mod wire;
mod words;
mod tls;
mod listen;
mod service;
mod peers;
mod endpoints;

pub use endpoints::Endpoints;
pub use peers::Peers;
pub use service::{ServeError, Service, serve};
pub use tls::{Role, Tls, TlsError};

/// What the compiler of the protocol makes of it.
mod proto {
    #![allow(missing_docs, unreachable_pub, clippy::all)]
    tonic::include_proto!("seaworthy.v1");
}

/// Bytes of one message between servers: above what the core puts into one, see
/// [`Config`](seaworthy_core::config::Config), with room for what is around it.
const PEER_MESSAGE_MAX: usize = 8 << 20;

/// Bytes of one request: a command with two values of a megabyte whose every byte is written as `\xHH`.
const REQUEST_MAX: usize = 9 << 20;

/// Bytes of one reply, which may be a whole hash.
const REPLY_MAX: usize = 256 << 20;
