#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| seaworthy_sim::fuzzing::history_text(bytes));
