//! The deterministic simulator.

#![forbid(unsafe_code)]

pub mod artifact;
pub mod check;
pub mod choice;
pub mod clock;
pub mod disk;
pub mod event;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
pub mod history;
pub mod host;
pub mod linearizability;
pub mod nemesis;
pub mod network;
pub mod observation;
pub mod planted;
pub mod queue;
pub mod replica;
pub mod report;
pub mod run;
pub mod scenario;
pub mod seaworthy;
pub mod swarm;
pub mod sweep;
pub mod testing;
pub mod time;
pub mod trace;
pub mod workload;
pub mod world;
