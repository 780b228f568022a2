//! A deterministic simulator of a Raft cluster: seeded luck, virtual time, faults of network, disks, clocks and
//! hosts, and checkers that look at every step.
//!
//! A run is a function of (binary, scenario, seed). The same [`Member`](seaworthy_core::member::Member) that a real
//! server drives stands in a [`World`](world::World), which takes one event after another in the order of their
//! times, has it happen, and shows what came of it to the checkers. The first fact that contradicts a property ends
//! the run. The binary `seaworthy` is a thin layer over this library.
//!
//! # Example
//! ```
//! use seaworthy_sim::run::{Verdict, run};
//! use seaworthy_sim::scenario::model::{Action, Moment, Scenario, Workload};
//! use seaworthy_sim::scenario::{scalar::Target, validate};
//! use seaworthy_sim::time::Span;
//!
//! let mut scenario = Scenario::named("cut-off", "The leader is cut off; another takes over, nothing is lost.");
//! scenario.workload = Some(Workload::default());
//! scenario.timeline.push(Moment { at: Span::seconds(3), action: Action::Isolate(Target::Leader) });
//! validate(&scenario).expect("the scenario makes sense");
//!
//! let report = run(&scenario, 7);
//! assert_eq!(report.verdict, Verdict::Ok);
//! assert!(report.elections >= 2);
//! assert_eq!(run(&scenario, 7).fingerprint, report.fingerprint); // the same run, to the last bit
//! assert_ne!(run(&scenario, 8).fingerprint, report.fingerprint); // other luck
//! ```
//!
//! A sweep over many seeds, as a test that fails with a seed and the command that replays it, is one line: see
//! [`testing`].
//!
//! # The way of a message
//! An [`Event`](event::Event) reaches a host, which gives its replica the time of its own clock. The
//! replica's effects go out: writes to the [`Disk`](disk::Disk), which makes them durable in order and later; sends
//! are held until the write that they name is durable, then given to the [`Network`](network::Network), which
//! delivers, delays, drops or doubles them; replies go to the [clients](workload), whose observations are the
//! [`history`]. Everything that happened becomes [`Fact`](observation::Fact)s for the [checkers](check) and records
//! of the [`trace`], each of which goes into the fingerprint.
//!
//! A run has two phases. In the first, for as long as the scenario says, faults happen and only safety is checked.
//! Then every fault is mended, and within a bound there must be a leader, every operation ended, and all replicas
//! level.
//!
//! # Your own Raft
//! Implement [`Replica`](replica::Replica) and pass it to [`run_replica`](run::run_replica): scenarios, faults,
//! checkers, traces and fingerprints are then the same. It asks for nine functions:
//!
//! - `durable` and `persist`: what a disk holds, and what one more record makes of it;
//! - `boot`, `step` and `deadline`: start from a disk, take one input, say when a timeout is due;
//! - `view`: role, term, commit index and so on, for the checkers; `lease_until` too, if it has leases;
//! - `describe`, `describe_write`, `describe_durable`: what a message, a record and a disk mean, in neutral terms.
//!
//! And one that may be left out: `format`, how records stand in files. Without it disks take whole records, and the
//! faults of files do nothing.
//!
//! Clients speak the commands of [`seaworthy_core::kv`] in requests of [`seaworthy_core::state_machine`], so a
//! replica must answer those. [`seaworthy`] is our own behind the trait. Another stands behind it in `foreign/` of the
//! repository: raft-rs, and a guide that goes through it step by step.
//!
//! # The map
//! In the order in which to read, which is that of the `mod` lines:
//!
//! | module | what it is |
//! |---|---|
//! | [`choice`], [`time`] | all luck, in independent streams; virtual time |
//! | [`scenario`], [`swarm`] | what is to happen: from a file, or drawn from a seed |
//! | [`queue`], [`event`], [`world`] | the one loop |
//! | [`replica`], [`seaworthy`] | who is under test, and our own behind it |
//! | `host`, [`clock`], [`disk`], [`network`] | what stands around a replica |
//! | [`workload`], [`history`] | clients, and what they saw |
//! | [`fault`], [`nemesis`] | the kinds of faults, and those that come at random |
//! | [`observation`], [`check`], [`linearizability`] | facts, and who judges them |
//! | [`planted`] | bugs on purpose, and who must catch each |
//! | [`trace`], [`run`], [`report`], [`story`] | what happened, what it came to, and what led to it |
//! | [`sweep`], [`coverage`], [`artifact`], [`shrink`] | many runs, what they went through, kept failures, and small ones |
//! | [`viewer`], [`testing`] | a run as a picture, sweeps from `cargo test` |
//!
//! # Invariants
//! - **One source of luck.** Every draw goes through [`Choice`](choice::Choice), on a stream of its own for each
//!   link, disk, client and nemesis: taking one out leaves the luck of the others as it was.
//! - **One order.** Events happen by time, and at one instant in the order in which they were scheduled.
//! - **Facts alone.** No checker looks into a node: it sees what any replica can be made to tell.
//! - **Nothing from outside.** No clock, no environment, no hash map and no thread is seen by a run. Threads run
//!   whole runs, and their outcomes are taken in the order of their seeds.
//!
//! # What it does not do
//! - It does not prove anything: it looks for counterexamples, in as many runs as you give it.
//! - It does not enumerate all orders of events.
//! - It does not corrupt messages, and no node lies. Disks rot, but not where nothing could tell.
//! - It does not test a network stack, a real file system or threads: a replica is one synchronous state machine.
//! - Seeds mean the same only to the same binary. A scenario file states what must not change with it.

#![forbid(unsafe_code)]

pub mod choice;
pub mod time;
pub mod scenario;
pub mod swarm;
pub mod queue;
pub mod event;
pub mod world;
pub mod replica;
pub mod seaworthy;
mod host;
pub mod clock;
pub mod disk;
pub mod network;
pub mod workload;
pub mod history;
pub mod fault;
pub mod nemesis;
pub mod observation;
pub mod check;
pub mod linearizability;
pub mod planted;
pub mod trace;
pub mod run;
pub mod report;
pub mod story;
pub mod coverage;
pub mod sweep;
pub mod artifact;
pub mod shrink;
pub mod viewer;
pub mod testing;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
