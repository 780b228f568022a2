#![no_main]

#[path = "../shapes.rs"]
mod shapes;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    seaworthy_sim::fuzzing::schedule(bytes, &mut shapes::reached);
});
