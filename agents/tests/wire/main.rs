//! The wire format: what is written reads back, what is not is refused.

#![allow(
    clippy::disallowed_macros,
    clippy::disallowed_types,
    reason = "tests run in threads, and each counts its own memory"
)]

mod frozen;
mod hostile;
mod memory;
mod messages;
mod random;

use messages::{envelope, one_of_each};
use proptest::prelude::*;
use random::any_envelope;
use waybook_agents::wire::{self, Hello, PREFIX, WireError};
use waybook_agents::{Envelope, Incarnation, Message, PlanVisitor};

/// A frame as a connection's reader hands it on: its prefix checked and taken off.
pub(crate) fn unprefixed(frame: &[u8]) -> &[u8] {
    let (prefix, rest) = frame.split_first_chunk::<PREFIX>().unwrap();
    let length = wire::frame_length(*prefix, wire::MAX_FRAME).unwrap();
    assert_eq!(length, rest.len(), "the prefix is the length of the rest");
    rest
}

pub(crate) fn reread(envelope: &Envelope) -> Result<Envelope, WireError> {
    wire::decode(unprefixed(&wire::encode(envelope)))
}

pub(crate) fn hello() -> Hello {
    Hello {
        name: messages::place("core/bologna"),
        incarnation: Incarnation(1_700_000_000),
        oldest: 1,
        newest: 3,
    }
}

#[test]
fn every_kind_of_message_reads_back() {
    let all = one_of_each();
    let kinds: Vec<_> = all.iter().map(Message::kind).collect();
    assert_eq!(kinds, Message::KINDS);
    for message in all.into_iter().chain(messages::since_when_cut()) {
        let envelope = envelope(message);
        assert_eq!(reread(&envelope).as_ref(), Ok(&envelope));
    }
}

#[test]
fn hellos_agents_and_records_read_back() {
    let hello = hello();
    let frame = wire::encode_hello(&hello);
    assert_eq!(wire::decode_hello(unprefixed(&frame)), Ok(hello));
    let agent = messages::visitor();
    for agent in [
        agent.clone(),
        messages::visitor_without_trace_back(),
        messages::visitor_in_a_trace(),
    ] {
        let bytes = wire::encode_agent(&agent);
        assert_eq!(wire::decode_agent(&bytes), Ok(agent));
    }
    let record = (7u64, Some("text".to_owned()), vec![agent]);
    let bytes = wire::encode_record(&record);
    assert_eq!(
        wire::decode_record::<(u64, Option<String>, Vec<PlanVisitor>)>(&bytes),
        Ok(record)
    );
}

#[test]
fn kinds_are_not_mistaken_for_each_other() {
    let envelope = wire::encode(&envelope(Message::Release(messages::feed())));
    let envelope = unprefixed(&envelope);
    assert_eq!(wire::decode_hello(envelope), Err(WireError::UnknownKind(1)));
    assert_eq!(wire::decode_agent(envelope), Err(WireError::UnknownKind(1)));
    assert_eq!(
        wire::decode_record::<u8>(envelope),
        Err(WireError::UnknownKind(1))
    );
    let hello = wire::encode_hello(&hello());
    assert_eq!(
        wire::decode(unprefixed(&hello)),
        Err(WireError::UnknownKind(0))
    );
}

#[test]
fn the_newest_common_version_is_spoken() {
    let theirs = |oldest, newest| Hello {
        oldest,
        newest,
        ..hello()
    };
    assert_eq!(wire::negotiate(&theirs(1, 1)), Some(1));
    assert_eq!(wire::negotiate(&theirs(1, 2)), Some(2));
    assert_eq!(wire::negotiate(&theirs(1, 9)), Some(3));
    assert_eq!(wire::negotiate(&theirs(3, 9)), Some(3));
    assert_eq!(wire::negotiate(&theirs(4, 9)), None);
    assert_eq!(wire::negotiate(&theirs(0, 0)), None);
    assert_eq!(wire::negotiate(&theirs(9, 1)), None);
}

#[test]
fn a_visit_with_a_plan_that_is_none_is_refused() {
    let refused = |change: fn(&mut waybook_plan::Plan)| {
        let mut plan = messages::plan();
        change(&mut plan);
        let agent = PlanVisitor::new(messages::feed().session, plan, false);
        let kept = wire::decode_agent(&wire::encode_agent(&agent));
        let visit = Message::Visit(waybook_agents::Visit {
            agent,
            remaining: std::time::Duration::from_secs(1),
        });
        for result in [reread(&envelope(visit)).err(), kept.err()] {
            assert!(matches!(result, Some(WireError::Agent(_))), "{result:?}");
        }
    };
    refused(|plan| plan.solutions.clear());
    refused(|plan| plan.solutions.push(plan.solutions[0].clone()));
    refused(|plan| {
        std::sync::Arc::make_mut(&mut plan.solutions[0])
            .stages
            .clear();
    });
    refused(|plan| {
        std::sync::Arc::make_mut(&mut plan.solutions[0]).stages[1].place = messages::place("s");
    });
}

proptest! {
    #[test]
    fn any_message_reads_back(envelope in any_envelope()) {
        prop_assert_eq!(reread(&envelope), Ok(envelope));
    }
}
