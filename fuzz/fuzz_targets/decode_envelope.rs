//! A message from a neighbour.
#![no_main]

use libfuzzer_sys::fuzz_target;
use waybook_agents::wire::{self, PREFIX};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(envelope) = wire::decode(bytes) {
        let frame = wire::encode(&envelope);
        assert_eq!(wire::decode(&frame[PREFIX..]), Ok(envelope));
    }
});
