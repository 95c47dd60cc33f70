//! The first frame of a connection.
#![no_main]

use libfuzzer_sys::fuzz_target;
use waybook_agents::wire::{self, PREFIX};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(hello) = wire::decode_hello(bytes) {
        let _ = wire::negotiate(&hello);
        let frame = wire::encode_hello(&hello);
        assert_eq!(wire::decode_hello(&frame[PREFIX..]), Ok(hello));
    }
});
