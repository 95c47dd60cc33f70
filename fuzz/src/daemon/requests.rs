//! Requests as they arrive: on a neighbour's stream, at the gateway, at the control API.

use super::sessions::{Answer, FROM_HERE, PASSING, SECRET, Seen, TOKEN, World, client};
use super::{CHILD, PARENT, alone, name};

/// More than anybody has; heads with more are not looked at.
const FIELDS: usize = 256;

/// What is said first, and what the next place or the server answers: the first two bytes say
/// how much is the former, and in their highest bit whether a stream stays open behind an answer.
fn parts(bytes: &[u8]) -> Option<(&[u8], Answer<'_>)> {
    let (length, rest) = bytes.split_first_chunk()?;
    let length = u16::from_le_bytes(*length);
    let stays = length & STAYS != 0;
    let (said, bytes) = rest.split_at(usize::from(length & !STAYS).min(rest.len()));
    Some((said, Answer { bytes, stays }))
}

const STAYS: u16 = 1 << 15;

/// The child speaks on a stream: requests of sessions, and for the control API.
pub(crate) fn neighbour(bytes: &[u8]) {
    let Some((said, answer)) = parts(bytes) else {
        return;
    };
    let (heard, seen) = alone(async {
        let world = World::new(answer).await;
        let plane = world.plane.clone();
        let serve = move |io| async move { plane.serve_peer(name(CHILD), io).await };
        let heard = world.say(said, serve).await;
        (heard, world.end().await)
    });
    keeps_secrets(&heard, bytes);
    for seen in &seen {
        assert_eq!(seen.to, name(PARENT), "it was sent back where it came from");
        for session in looks_right(seen, &[]) {
            let named = [None, Some(PASSING.to_string())];
            assert!(named.contains(&session), "a request of {session:?}");
        }
    }
}

/// A client speaks to the gateway.
pub(crate) fn gateway(bytes: &[u8]) {
    let Some((said, answer)) = parts(bytes) else {
        return;
    };
    let (heard, seen) = alone(async {
        let world = World::new(answer).await;
        let plane = world.plane.clone();
        let serve = move |io| async move { plane.serve_client(client(), io).await };
        let heard = world.say(said, serve).await;
        (heard, world.end().await)
    });
    keeps_secrets(&heard, bytes);
    for seen in &seen {
        assert_eq!(seen.to, name(PARENT));
        for session in looks_right(seen, &[]) {
            assert_eq!(session, Some(FROM_HERE.to_string()));
        }
    }
}

/// A local client speaks to the control API.
pub(crate) fn control(bytes: &[u8]) {
    let Some((said, answer)) = parts(bytes) else {
        return;
    };
    let (heard, seen) = alone(async {
        let world = World::new(answer).await;
        let api = world.api.clone();
        let serve = move |io| async move { api.serve_client(client(), io).await };
        let heard = world.say(said, serve).await;
        (heard, world.end().await)
    });
    if !has(said, TOKEN) {
        assert!(seen.is_empty(), "a neighbour was asked for a stranger");
        let granted = has(&heard, "HTTP/1.1 2") || has(&heard, "HTTP/1.0 2");
        assert!(
            !granted || has(&heard, "\"openapi\""),
            "a stranger was served"
        );
    }
    for seen in &seen {
        for session in looks_right(seen, &["authorization"]) {
            assert_eq!(session, None, "a request of a session");
        }
    }
}

fn has(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|part| part == text.as_bytes())
}

/// Nothing that lies outside of the film is served.
fn keeps_secrets(heard: &[u8], input: &[u8]) {
    let served = has(heard, SECRET) && !has(input, SECRET);
    assert!(!served, "a file that is not of the film was served");
}

/// What a place says to another one on a stream are requests one after the other, a single one where it has a
/// body, and say nothing of the connection that they came from, nor these other fields. Tells for which
/// session each is, if any; nothing of one that was given up before its head was sent.
fn looks_right(seen: &Seen, others: &[&str]) -> Vec<Option<String>> {
    let mut sessions = Vec::new();
    let mut left = &seen.bytes[..];
    while !left.is_empty() {
        let mut fields = [httparse::EMPTY_HEADER; FIELDS];
        let mut request = httparse::Request::new(&mut fields);
        let parsed = request.parse(left).expect("a request");
        let httparse::Status::Complete(head) = parsed else {
            break;
        };
        let all = |name: &str| -> Vec<String> {
            let same = |field: &&httparse::Header<'_>| field.name.eq_ignore_ascii_case(name);
            let text =
                |field: &httparse::Header<'_>| String::from_utf8_lossy(field.value).into_owned();
            request.headers.iter().filter(same).map(text).collect()
        };
        let connection = ["upgrade", "keep-alive", "proxy-connection"];
        for gone in connection.iter().chain(others) {
            assert!(all(gone).is_empty(), "`{gone}` was passed on");
        }
        let mut session = all("waybook-session");
        assert!(session.len() <= 1, "for two sessions: {session:?}");
        sessions.push(session.pop());
        left = &left[head..];
        match (
            all("content-length").as_slice(),
            all("transfer-encoding").as_slice(),
        ) {
            ([], []) => continue,
            ([length], []) => {
                let length: usize = length.parse().expect("a length");
                assert!(left.len() <= length, "something behind a body");
            }
            ([], [coding]) => assert_eq!(coding, "chunked"),
            other => panic!("a body of two lengths: {other:?}"),
        }
        assert_eq!(sessions.len(), 1, "a body on a stream that was used before");
        break;
    }
    sessions
}
