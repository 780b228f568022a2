//! The cluster that people can run: the core on real networks, disks and clocks.

#![forbid(unsafe_code)]

mod luck;
pub mod storage;
pub mod network;
pub mod server;
pub mod client;
pub mod grpc;
