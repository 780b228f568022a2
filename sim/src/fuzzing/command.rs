//! The commands of the key-value store, as clients type them and as they stand in log entries.

use seaworthy_core::kv::Command;
use seaworthy_core::state_machine::{Operation, Request, StateMachine};
use seaworthy_core::types::SessionId;

/// Any bytes at all as a command: an error or a command, never a panic. What parses prints and parses again to the
/// same, and comes back the same from a log entry. As the bytes of a log entry and of a snapshot they are read or
/// refused, and what is read is written as it was.
///
/// # Panics
/// If a law does not hold.
pub fn command(bytes: &[u8]) {
    if let Some(request) = Request::decode(bytes) {
        assert_eq!(&*request.encode(), bytes, "a request has one encoding");
    }
    if let Ok(state) = StateMachine::decode(bytes) {
        assert_eq!(&*state.encode(seaworthy_core::flaw::Sound), bytes, "a state has one encoding");
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match Command::parse(text) {
        Ok(command) => {
            let printed = command.to_string();
            assert_eq!(Command::parse(&printed).as_ref(), Ok(&command), "{printed:?} parses to what it says");
            let operation = Operation::Command(command);
            let request = Request { session: SessionId(1), sequence: 1, operation };
            assert_eq!(Request::decode(&request.encode()), Some(request), "an entry holds what was asked");
        }
        Err(error) => assert!(!error.to_string().is_empty(), "an error says something"),
    }
}
