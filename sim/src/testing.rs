//! For cargo test: seeds that must hold.
