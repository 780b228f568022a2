//! The consensus machine.

mod progress;

pub use progress::Progress;
