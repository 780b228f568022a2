//! The tester is tested: each property is broken by a story that breaks no other first, and kept by its near
//! miss.

mod toy;

mod crashes;
mod elections;
mod leases;
mod logs;
mod membership;
mod memory;
mod promises;
mod random;
mod resources;
mod snapshots;
mod stale;
mod state;
mod wipes;
