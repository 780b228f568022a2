//! Sans-IO Raft and a key-value state machine.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod config;
pub mod durable;
pub mod effect;
pub mod flaw;
pub mod input;
pub mod kv;
pub mod log;
pub mod member;
pub mod membership;
pub mod message;
pub mod node;
pub mod quorum;
pub mod state_machine;
pub mod types;
pub mod view;

pub use node::Node;
