//! Where libFuzzer reads how often a run came to each shape of the cluster. It takes a shape that is new for a branch that
//! is new.

use std::sync::atomic::{AtomicU8, Ordering};

/// Many more than there are shapes in a run, so that few of them share a counter.
const COUNTERS: usize = 1 << 14;

/// libFuzzer finds them by the name of their section, and sets them back before each run.
// SAFETY: the section holds nothing but bytes, as libFuzzer expects.
#[cfg_attr(all(target_os = "linux", feature = "shapes"), unsafe(link_section = "__libfuzzer_extra_counters"))]
static SHAPES: [AtomicU8; COUNTERS] = [const { AtomicU8::new(0) }; COUNTERS];

/// A run has come to this shape.
pub fn reached(shape: u64) {
    let counter = &SHAPES[shape as usize % COUNTERS];
    counter.store(counter.load(Ordering::Relaxed).saturating_add(1), Ordering::Relaxed);
}
