//! The key-value store: STRING, HASH and SET values under keys, and the commands on them.

mod command;
mod session;
mod value;

pub use command::{Answer, Command, Kind};
