//! Nothing that arrives is trusted: it decodes or is refused, within its means.

use std::time::Duration;

use proptest::prelude::*;
use waybook_agents::wire::{self, GREATEST_FRAME, MAX_FRAME, WireError};
use waybook_agents::{
    Download, DownloadStrategy, Feed, Message, PlaceSummary, PlanVisitor, Refusal, RefusalReason,
    Refuse, SessionId, TransferAnswer, TransferRequest,
};
use waybook_plan::{SolutionNumber, WhenCut};

use crate::memory::peak;
use crate::messages::{
    envelope, feed, one_of_each, since_version_2, visitor, visitor_in_a_trace,
    visitor_without_trace_back,
};
use crate::random::any_envelope;
use crate::{hello, unprefixed};

/// Decoding may take so much memory for every byte of a frame, and so much in any case.
/// What is decoded has its budget; growing a collection takes up to twice as much, and
/// an error may quote the input.
const PER_BYTE: usize = 72;
const IN_ANY_CASE: usize = 48 << 10;

fn envelope_with_body(body: &[u8]) -> Vec<u8> {
    frame(1, body)
}

fn frame(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut frame = vec![kind, 1];
    frame.extend((body.len() as u32).to_le_bytes());
    frame.extend(body);
    frame
}

/// Decodes bytes as everything, and sees that none of it panics or takes much memory.
fn feed_to_all(bytes: &[u8]) {
    let (_, most) = peak(|| {
        let _ = wire::decode(bytes);
        let _ = wire::decode_hello(bytes);
        let _ = wire::decode_agent(bytes);
        let _ = wire::decode_record::<PlaceSummary>(bytes);
        let _ = wire::decode_record_of::<PlanVisitor>(bytes, |agent| agent);
        let _ = wire::decode_presentation(bytes);
        let _ = wire::decode_transfer::<TransferRequest>(bytes);
        let _ = wire::decode_transfer::<TransferAnswer>(bytes);
    });
    let allowed = bytes.len() * PER_BYTE + IN_ANY_CASE;
    assert!(most <= allowed, "{} bytes took {most}", bytes.len());
}

fn frames_of_each() -> impl Iterator<Item = Vec<u8>> {
    let messages = one_of_each()
        .into_iter()
        .chain(since_version_2())
        .map(|m| wire::encode(&envelope(m)));
    messages
        .chain([wire::encode_hello(&hello())])
        .map(|frame| unprefixed(&frame).to_vec())
        .chain([wire::encode_agent(&visitor())])
}

#[test]
fn every_truncation_is_refused() {
    for frame in frames_of_each() {
        for end in 0..frame.len() {
            feed_to_all(&frame[..end]);
            assert!(wire::decode(&frame[..end]).is_err());
            assert!(wire::decode_hello(&frame[..end]).is_err());
            assert!(wire::decode_agent(&frame[..end]).is_err());
        }
    }
}

#[test]
fn every_single_byte_may_be_wrong() {
    let with_block = wire::encode_agent(&visitor_without_trace_back());
    for frame in frames_of_each().chain([with_block]) {
        for at in 0..frame.len() {
            let mut wrong = frame.clone();
            for value in 0..=u8::MAX {
                wrong[at] = value;
                feed_to_all(&wrong);
            }
        }
    }
}

#[test]
fn a_body_is_consumed_exactly() {
    let good = wire::encode(&envelope(Message::Gone(feed())));
    let mut body = unprefixed(&good)[6..].to_vec();
    assert!(wire::decode(&envelope_with_body(&body)).is_ok());
    body.push(0);
    let refused = wire::decode(&envelope_with_body(&body));
    assert_eq!(
        refused,
        Err(WireError::Body("1 bytes are left over".into()))
    );
}

#[test]
fn tagged_blocks_of_later_builds_are_skipped() {
    let envelope = envelope(Message::Gone(feed()));
    let mut frame = unprefixed(&wire::encode(&envelope)).to_vec();
    for (tag, content) in [(7u16, b"new".as_slice()), (0xffff, b""), (7, b"again")] {
        frame.extend(tag.to_le_bytes());
        frame.extend((content.len() as u32).to_le_bytes());
        frame.extend(content);
        assert_eq!(wire::decode(&frame).as_ref(), Ok(&envelope));
        for cut in 1..6 + content.len() {
            let cut = &frame[..frame.len() - cut];
            assert_eq!(wire::decode(cut), Err(WireError::CutOff));
        }
    }
    frame.extend([9, 0, 0xff, 0xff, 0xff, 0xff, 1, 2, 3]);
    assert_eq!(wire::decode(&frame), Err(WireError::CutOff));
}

/// A strategy that no body can say stands in a block; who skips that reads `direct`.
#[test]
fn a_strategy_that_did_not_come_with_waybook_is_named_beside_the_body() {
    let agents = one_of_each().into_iter().filter_map(|m| match m {
        Message::Download(agent) => Some(agent),
        _ => None,
    });
    let mut agent = agents.last().expect("one of each kind");
    let sent = |agent: &Download| {
        unprefixed(&wire::encode(&envelope(Message::Download(agent.clone())))).to_vec()
    };
    let read = |frame: &[u8]| match wire::decode(frame)?.message {
        Message::Download(agent) => Ok::<_, WireError>(agent.strategy),
        other => panic!("{other:?}"),
    };
    agent.strategy = DownloadStrategy::Direct;
    let direct = sent(&agent);
    let block = |name: &str| {
        let mut frame = direct.clone();
        let length = 1 + name.len() as u32;
        frame.extend([2, 0]);
        frame.extend(length.to_le_bytes());
        frame.push(u8::try_from(name.len()).unwrap());
        frame.extend(name.as_bytes());
        frame
    };
    agent.strategy = DownloadStrategy::Own("mine".to_owned());
    assert_eq!(sent(&agent), block("mine"));
    assert_eq!(read(&block("mine")), Ok(agent.strategy));
    assert_eq!(read(&direct), Ok(DownloadStrategy::Direct));
    for (name, word) in [("nearest-holder", "does not say"), (&"x".repeat(65), "64")] {
        let refused = read(&block(name)).unwrap_err().to_string();
        assert!(refused.contains(word), "{refused}");
    }
}

#[test]
fn a_block_that_says_all_by_being_there_has_no_content() {
    let mut frame = wire::encode_agent(&visitor_without_trace_back());
    let length = frame.len() - 4;
    frame[length] = 1;
    frame.push(0);
    let refused = Err(WireError::Body("1 bytes are left over".into()));
    assert_eq!(wire::decode_agent(&frame), refused);
}

/// A trace or a span of number zero is none.
#[test]
fn a_trace_without_a_number_is_refused() {
    let frame = wire::encode_agent(&visitor_in_a_trace());
    // At the end are the span, with a tag before it, and whether it is sampled.
    let span = frame.len() - 9..frame.len() - 1;
    let mut nothing = frame.clone();
    nothing[span].fill(0);
    assert!(wire::decode_agent(&frame).is_ok());
    let refused = Err(WireError::Body("a trace has no number".into()));
    assert_eq!(wire::decode_agent(&nothing), refused);
}

/// Older builds would refuse the frame, and with it the neighbour that passed it on.
#[test]
fn that_a_solution_was_not_tried_is_no_neighbours_to_say() {
    let refuse = |reason| Refuse {
        session: feed().session,
        number: SolutionNumber(1),
        next: None,
        refused: vec![Refusal {
            solution: SolutionNumber(2),
            place: hello().name,
            reason,
        }],
    };
    let decoded = |reason| {
        let frame = wire::encode(&envelope(Message::Refuse(refuse(reason))));
        wire::decode(unprefixed(&frame))
    };
    assert!(decoded(RefusalReason::Released).is_ok());
    let refused = decoded(RefusalReason::NotTried);
    assert!(matches!(refused, Err(WireError::Body(_))), "{refused:?}");
}

#[test]
fn a_cut_session_is_kept_for_no_longer_than_allowed() {
    let decoded = |lost_after| {
        let mut agent = visitor();
        let when_cut = WhenCut {
            lost_after: Some(lost_after),
            ..WhenCut::default()
        };
        agent.set_when_cut(SolutionNumber(1), when_cut);
        wire::decode_agent(&wire::encode_agent(&agent))
    };
    assert!(decoded(WhenCut::MAX_LOST_AFTER).is_ok());
    for wrong in [
        Duration::ZERO,
        WhenCut::MAX_LOST_AFTER + Duration::from_nanos(1),
    ] {
        let refused = decoded(wrong);
        assert!(matches!(refused, Err(WireError::Body(_))), "{refused:?}");
    }
}

#[test]
fn unknown_versions_and_kinds_are_refused() {
    for frame in frames_of_each() {
        let spoken = wire::OLDEST_VERSION..=wire::VERSION;
        for version in (0..=u8::MAX).filter(|v| !spoken.contains(v)) {
            let mut frame = frame.clone();
            frame[1] = version;
            let refused = [
                wire::decode(&frame).err(),
                wire::decode_hello(&frame).err(),
                wire::decode_agent(&frame).err(),
            ];
            assert!(refused.contains(&Some(WireError::UnknownVersion(version))));
        }
    }
    let nothing = [200, 1, 0, 0, 0, 0];
    assert_eq!(wire::decode(&nothing), Err(WireError::UnknownKind(200)));
}

#[test]
fn long_frames_are_refused_by_their_prefix() {
    let length = |n: u32| wire::frame_length(n.to_le_bytes(), MAX_FRAME);
    assert_eq!(length(MAX_FRAME as u32), Ok(MAX_FRAME));
    assert_eq!(
        length(u32::MAX),
        Err(WireError::TooLong {
            length: u32::MAX as usize,
            limit: MAX_FRAME
        })
    );
    let long = vec![0; GREATEST_FRAME + 1];
    assert!(matches!(
        wire::decode(&long),
        Err(WireError::TooLong { .. })
    ));
}

#[test]
fn a_claimed_length_allocates_nothing() {
    // Each body breaks off right after claiming 2^32 or so of something.
    let claim = [253, 0, 0, 0, 0, 1, 0, 0, 0];
    let bodies: [&[u8]; 5] = [
        &[0, 0, 0, 0], // a visit, then its plan's title and solutions
        &[0, 0, 0, 0, 0],
        &[0, 0, 8],     // a refresh's feeds
        &[0, 0, 13, 1], // an index's entries
        &[0, 0, 15, 1], // a search's origin
    ];
    for body in bodies {
        let bytes = envelope_with_body(&[body, claim.as_slice()].concat());
        let (result, most) = peak(|| wire::decode(&bytes));
        assert!(result.is_err());
        assert!(most < 2048, "{body:?} took {most}");
    }
    let text = frame(3, &claim);
    assert!(peak(|| wire::decode_record::<String>(&text)).1 < 2048);
    assert!(peak(|| wire::decode_record::<Vec<u128>>(&text)).1 < 2048);
}

#[test]
fn huge_collections_of_tiny_elements_are_refused() {
    // A refresh of feeds that are all zero takes two bytes for each.
    let most = 1 << 16;
    let body = |count: u32| {
        let mut body = vec![0, 0, 8, 252];
        body.extend(count.to_le_bytes());
        body.resize(body.len() + 2 * count as usize + 1, 0);
        body
    };
    let fits = envelope_with_body(&body(most));
    feed_to_all(&fits);
    match wire::decode(&fits).map(|e| e.message) {
        Ok(Message::Refresh { setups, .. }) => {
            let zero = Feed {
                session: SessionId(0),
                number: SolutionNumber(0),
            };
            assert_eq!(setups, vec![zero; most as usize]);
        }
        other => panic!("{:?}", other.err()),
    }
    let too_many = envelope_with_body(&body(most + 1));
    feed_to_all(&too_many);
    assert!(matches!(wire::decode(&too_many), Err(WireError::Body(_))));
    // Absent reasons take 2 bytes each on the wire, and much more in memory.
    let mut body = vec![0, 0, 18, 0, 1, b'r', 1, b'r', 251, 0xff, 0xff];
    body.resize(body.len() + 2 * 0xffff, 0);
    let greedy = envelope_with_body(&body);
    feed_to_all(&greedy);
    let refused = wire::decode(&greedy).unwrap_err().to_string();
    assert!(refused.contains("too many small elements"), "{refused}");
}

proptest! {
    #[test]
    fn any_bytes_decode_or_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        feed_to_all(&bytes);
    }

    #[test]
    fn any_body_decodes_or_is_refused(
        kind in 0..5u8,
        variant in 0..24u8,
        bytes in proptest::collection::vec(prop_oneof![any::<u8>(), 0..4u8, 250..=255u8], 0..600),
    ) {
        feed_to_all(&frame(kind, &bytes));
        feed_to_all(&envelope_with_body(&[&[1, 1, variant], bytes.as_slice()].concat()));
    }

    #[test]
    fn damaged_messages_decode_or_are_refused(
        envelope in any_envelope(),
        flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut frame = unprefixed(&wire::encode(&envelope)).to_vec();
        for (at, value) in flips {
            let at = at.index(frame.len());
            frame[at] = value;
        }
        feed_to_all(&frame);
    }
}
