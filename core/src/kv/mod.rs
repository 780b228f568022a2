//! The key-value store: STRING, HASH and SET values under keys, and the commands on them.

mod command;
mod session;
mod value;

pub use command::{Answer, Command, Kind};

impl Command {
    /// Whether it changes nothing.
    pub fn is_read(&self) -> bool {
        use Command::*;
        matches!(
            self,
            Get { .. }
                | HGet { .. }
                | HGetAll { .. }
                | SHas { .. }
                | SMembers { .. }
                | Exists { .. }
                | Type { .. }
        )
    }
}
