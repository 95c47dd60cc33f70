#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| waybook_fuzz::run("newcomer", bytes));
