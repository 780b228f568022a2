//! What the fuzz targets run: bytes in, nothing out but a panic. One target a file. The same functions replay the
//! committed corpora from `cargo test`, and single inputs from `seaworthy replay --fuzz-input`.

mod schedule;
mod shape;
mod scenario_text;
mod history_text;
mod command;
mod server;
mod event;
mod message;
mod differential;

pub use command::command;
pub use differential::differential;
pub use history_text::history_text;
pub use message::message;
pub use scenario_text::scenario_text;
pub use schedule::{long_schedule, read as read_schedule, schedule};

/// A fuzz target.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, which is that of its binary and of the folders of its inputs.
    pub name: &'static str,
    /// Runs one input.
    ///
    /// # Panics
    /// If what the target states does not hold.
    pub run: fn(&[u8]),
}

/// All targets.
pub const TARGETS: [Target; 7] = [
    Target { name: "schedule", run: |bytes| drop(schedule(bytes, &mut |_| {})) },
    Target { name: "long_schedule", run: |bytes| drop(long_schedule(bytes, &mut |_| {})) },
    Target { name: "scenario_text", run: scenario_text },
    Target { name: "history_text", run: history_text },
    Target { name: "command", run: command },
    Target { name: "message", run: message },
    Target { name: "differential", run: differential },
];

#[cfg(test)]
mod tests {
    use crate::choice::{Choice, Stream};
    use seaworthy_core::flaw::{Flaw, Planted};
    use std::panic::catch_unwind;

    /// What a fuzzer starts from.
    fn bytes(seed: u64) -> Vec<u8> {
        let mut choice = Choice::seeded(seed);
        let length = choice.below(Stream::Swarm, 1_000);
        (0..length).map(|_| choice.below(Stream::Swarm, 256) as u8).collect()
    }

    /// Each of the flaws makes one of a few thousand random inputs fail.
    pub(super) fn assert_finds(flaws: &[Flaw], target: fn(&[u8], Planted)) {
        for flaw in flaws {
            let fails = |seed| catch_unwind(|| target(&bytes(seed), Planted::new([*flaw]))).is_err();
            assert!((0..5_000).any(fails), "no input finds {flaw:?}");
        }
    }
}
