#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| waybook_fuzz::run("cut_frames", bytes));
