#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod disk;
pub mod service;
mod convert;
mod message;
mod ticks;
pub mod older;
pub mod replica;
pub mod supported;
