//! The tester is tested: each property is broken by a story that breaks no other first, and kept by its near
//! miss.

mod toy;

mod crashes;
mod elections;
mod logs;
mod promises;
mod random;
mod state;
