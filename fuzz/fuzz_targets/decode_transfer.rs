//! What is said on a transfer's stream before the bytes: a request, or the answer to one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use waybook_agents::{TransferAnswer, TransferRequest, wire};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(request) = wire::decode_transfer::<TransferRequest>(bytes) {
        let again = wire::encode_transfer(&request);
        assert_eq!(wire::decode_transfer(&again[wire::PREFIX..]), Ok(request));
    }
    if let Ok(answer) = wire::decode_transfer::<TransferAnswer>(bytes) {
        let again = wire::encode_transfer(&answer);
        assert_eq!(wire::decode_transfer(&again[wire::PREFIX..]), Ok(answer));
    }
});
