//! What comes off the wire or the disk: it decodes or is refused, and what decodes is written
//! and read back as the same value.

use waybook_agents::wire::{self, PREFIX};
use waybook_agents::{IndexEntry, PlanVisitor, TransferAnswer, TransferRequest};
use waybook_place::io::RecordKey;
use waybook_plan::Release;

/// A message from a neighbour.
pub(crate) fn envelope(bytes: &[u8]) {
    if let Ok(envelope) = wire::decode(bytes) {
        let frame = wire::encode(&envelope);
        assert_eq!(wire::decode(&frame[PREFIX..]), Ok(envelope));
    }
}

/// Frames as they arrive, in pieces: the same as when all is there at once, and none above the limit.
pub(crate) fn cut(bytes: &[u8]) {
    let Some(([limit, piece], stream)) = bytes.split_first_chunk() else {
        return;
    };
    let limit = usize::from(*limit);
    let (whole, over) = frames(std::iter::once(stream), limit);
    assert!(whole.iter().all(|frame| frame.len() <= limit));
    let cut: usize = whole.iter().map(|frame| PREFIX + frame.len()).sum();
    let rest = &stream[cut..];
    match rest.first_chunk().map(|p| wire::frame_length(*p, limit)) {
        Some(Err(error)) => assert_eq!(over, Some(error)),
        Some(Ok(length)) => assert!(over.is_none() && rest.len() < PREFIX + length),
        None => assert_eq!(over, None),
    }
    let pieces = stream.chunks(usize::from(*piece).max(1));
    assert_eq!(frames(pieces, limit), (whole, over));
}

fn frames<'a>(
    pieces: impl Iterator<Item = &'a [u8]>,
    limit: usize,
) -> (Vec<Vec<u8>>, Option<wire::WireError>) {
    let (mut buffer, mut frames) = (Vec::new(), Vec::new());
    for piece in pieces {
        buffer.extend_from_slice(piece);
        loop {
            match wire::first_frame(&buffer, limit) {
                Ok(Some(frame)) => frames.push(frame.to_vec()),
                Ok(None) => break,
                Err(error) => return (frames, Some(error)),
            }
            buffer.drain(..PREFIX + frames.last().map_or(0, Vec::len));
        }
    }
    (frames, None)
}

/// The first frame of a connection.
pub(crate) fn hello(bytes: &[u8]) {
    if let Ok(hello) = wire::decode_hello(bytes) {
        let _ = wire::negotiate(&hello);
        let frame = wire::encode_hello(&hello);
        assert_eq!(wire::decode_hello(&frame[PREFIX..]), Ok(hello));
    }
}

/// What a place kept for its next life: a record of values that appear in records, or
/// a captured agent.
pub(crate) fn record(bytes: &[u8]) {
    if let Ok(entry) = wire::decode_record::<IndexEntry>(bytes) {
        assert_eq!(wire::decode_record(&wire::encode_record(&entry)), Ok(entry));
    }
    if let Ok(agents) = wire::decode_record::<Vec<PlanVisitor>>(bytes) {
        assert_eq!(
            wire::decode_record(&wire::encode_record(&agents)),
            Ok(agents)
        );
    }
    if let Ok(key) = wire::decode_record::<RecordKey>(bytes) {
        assert_eq!(wire::decode_record(&wire::encode_record(&key)), Ok(key));
    }
    if let Ok(release) = wire::decode_record::<Release>(bytes) {
        let _ = release.check();
        let again = wire::encode_record(&release);
        assert_eq!(wire::decode_record(&again), Ok(release));
    }
    fn itself(agent: &mut PlanVisitor) -> &mut PlanVisitor {
        agent
    }
    if let Ok((mut agent, replaces)) = wire::decode_record_of(bytes, itself) {
        // One that is established walks no more, and its record does not say how it would.
        agent.set_no_trace_back(false);
        agent.set_trace(None);
        let again = wire::encode_record_of(&agent, &agent, replaces);
        assert_eq!(
            wire::decode_record_of(&again, itself),
            Ok((agent, replaces))
        );
    }
    if let Ok(presentation) = wire::decode_presentation(bytes) {
        let again = wire::encode_presentation(&presentation);
        assert_eq!(wire::decode_presentation(&again), Ok(presentation));
    }
    if let Ok(agent) = wire::decode_agent(bytes) {
        assert_eq!(wire::decode_agent(&wire::encode_agent(&agent)), Ok(agent));
    }
}

/// What is said on a transfer's stream before the bytes: a request, or the answer to one.
pub(crate) fn transfer(bytes: &[u8]) {
    if let Ok(request) = wire::decode_transfer::<TransferRequest>(bytes) {
        let again = wire::encode_transfer(&request);
        assert_eq!(wire::decode_transfer(&again[wire::PREFIX..]), Ok(request));
    }
    if let Ok(answer) = wire::decode_transfer::<TransferAnswer>(bytes) {
        let again = wire::encode_transfer(&answer);
        assert_eq!(wire::decode_transfer(&again[wire::PREFIX..]), Ok(answer));
    }
}
