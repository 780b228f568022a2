//! The cluster that people can run: the core on real networks, disks and clocks.

#![forbid(unsafe_code)]

pub mod storage;
