//! Suites that span crates; what they share.
