//! The cluster that people can run: the core of Seaworthy on real networks, disks and clocks.
//!
//! [`seaworthy_core`] is a server without a clock, a socket or a file; the simulator drives it through storms. This
//! crate is the other driver of the very same [`Member`](seaworthy_core::member::Member), and the binary
//! `seaworthy-node` is a thin layer over it:
//!
//! ```text
//! seaworthy-node                                     three servers in the simulator's world, and a prompt
//! seaworthy-node start rpc 5                         five real servers on loopback, and a prompt
//! seaworthy-node serve --id 1 --listen … --data …    one server of a cluster
//! seaworthy-node client --endpoints …                the prompt for a cluster elsewhere
//! seaworthy-node status | member | transfer | snapshot
//! seaworthy-node torture --rounds 1000               kills its own servers under load, and checks the answers
//! seaworthy-node bench                               how fast all of that is on this machine
//! ```
//!
//! # Example
//! Three servers over gRPC, each with a directory of its own, and a client that finds out who leads:
//!
//! ```
//! use seaworthy_core::config::Config;
//! use seaworthy_core::kv::{Command, Limits};
//! use seaworthy_core::member::founding_disk;
//! use seaworthy_core::membership::Membership;
//! use seaworthy_core::storage::Identity;
//! use seaworthy_core::types::NodeId;
//! use seaworthy_node::client::{Client, Settings};
//! use seaworthy_node::grpc::{Endpoints, Peers, Service, serve};
//! use seaworthy_node::server::Server;
//! use seaworthy_node::storage::Files;
//! use std::collections::BTreeMap;
//! use tokio::net::TcpListener;
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let nodes = [1, 2, 3].map(NodeId::new);
//! let (mut listeners, mut addresses) = (vec![], BTreeMap::new());
//! for node in nodes {
//!     let listener = TcpListener::bind("127.0.0.1:0").await?;
//!     addresses.insert(node, listener.local_addr()?.to_string());
//!     listeners.push((node, listener));
//! }
//!
//! let root = tempfile::tempdir()?;
//! let mut servers = vec![];
//! for (node, listener) in listeners {
//!     let identity = Identity { cluster: 0xc0ffee, node };
//!     let path = root.path().join(node.to_string());
//!     // Once in the life of a server; from then on it is only opened.
//!     Files::found(&path, identity, founding_disk(Membership::new(nodes), Limits::default()))?;
//!     let peers = Peers::new(identity, addresses[&node].clone(), addresses.clone(), None);
//!     let server = Server::start(Config::new(node, 0), Files::open(&path, identity)?, peers.clone())?;
//!     tokio::spawn(serve(Service::new(server.handle(), peers), listener, std::future::pending()));
//!     servers.push(server);
//! }
//!
//! let endpoints = Endpoints::new(addresses.into_values().collect(), None);
//! let mut client = Client::new(endpoints, Settings::default());
//! client.execute(Command::parse("SET ship seaworthy")?).await?;
//! let answer = client.execute(Command::parse("GET ship")?).await?;
//! assert_eq!(answer.to_string(), "\"seaworthy\"");
//! # Ok(())
//! # }
//! ```
//!
//! # The map
//! | module | what it is |
//! |---|---|
//! | [`storage`] | what a server keeps: in memory, in files, in JSON |
//! | [`network`] | how servers of one process reach each other, and what goes wrong on purpose |
//! | [`server`] | the driver: one task that steps a member and never waits for its disk |
//! | [`metrics`] | what it does, in numbers |
//! | [`client`] | sessions, redirects, retries, deadlines |
//! | [`grpc`] | servers and clients anywhere; who may say what |
//! | [`fleet`] | real processes |
//! | [`torture`] | what is done to them under load, and the checker's verdict |
//! | [`bench`](mod@bench) | how fast they are |
//!
//! # What holds
//! - **Nothing is sent before what it depends on is durable.** One `fdatasync` for everything that was written during
//!   the one before. A disk that fails once is never asked again: the server stops.
//! - **A start needs what the disk holds, and nothing else.** A torn end is cut off; rot, another server's directory and
//!   a directory in use are refused by name. No server is founded where one has lived.
//! - **A write runs at most once**, however often it is sent, and a client says whether it was done, was not, or may
//!   have been. Reads are linearizable.
//! - **No stranger is listened to.** With certificates a server speaks as itself alone, and clients and operators do
//!   what theirs say; without, only this machine can connect unless somebody insists. What no server says never
//!   reaches the core. Messages, requests under way, connections and queues are bounded.
//!
//! # What it does not do
//! - The whole state is in memory, and one task applies it. So is the log since the last snapshot, and snapshots come by
//!   the number of entries, however large they are.
//! - Raft trusts its members: a server with a valid certificate that lies can do harm.

#![forbid(unsafe_code)]

mod lock;
mod luck;
pub mod scratch;
pub mod storage;
pub mod network;
pub mod server;
pub mod metrics;
pub mod client;
pub mod grpc;
mod rank;
pub mod fleet;
pub mod torture;
pub mod bench;
