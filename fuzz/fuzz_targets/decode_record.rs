//! What a place kept for its next life: a record of values that appear in records, or
//! a captured agent.
#![no_main]

use libfuzzer_sys::fuzz_target;
use waybook_agents::{IndexEntry, PlanVisitor, wire};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(entry) = wire::decode_record::<IndexEntry>(bytes) {
        assert_eq!(wire::decode_record(&wire::encode_record(&entry)), Ok(entry));
    }
    if let Ok(agents) = wire::decode_record::<Vec<PlanVisitor>>(bytes) {
        assert_eq!(
            wire::decode_record(&wire::encode_record(&agents)),
            Ok(agents)
        );
    }
    if let Ok((agent, releases)) = wire::decode_record_with::<PlanVisitor>(bytes) {
        let again = wire::encode_record_with(&agent, &releases);
        assert_eq!(wire::decode_record_with(&again), Ok((agent, releases)));
    }
    if let Ok(agent) = wire::decode_agent(bytes) {
        assert_eq!(wire::decode_agent(&wire::encode_agent(&agent)), Ok(agent));
    }
});
