//! What a place does about neighbours that are not what they should be.

mod data;

use std::time::{Duration, SystemTime};

use quinn::crypto::rustls::QuicClientConfig;
use quinn::{Connection, ConnectionError, Endpoint, RecvStream, SendStream};
use tempfile::TempDir;
use tokio::io::AsyncReadExt;
use waybook_agents::wire::{self, Hello};
use waybook_agents::{Message, SessionId};

use super::*;
use crate::config::IdentityPaths;
use crate::identity::{Authority, DEFAULT_VALIDITY};
use crate::{Existing, PeerStreams};

const PATIENCE: Duration = Duration::from_secs(20);

/// Sends every data stream to the test.
struct Sink(mpsc::UnboundedSender<(PlaceName, Box<dyn Io>)>);

impl DataSink for Sink {
    fn accept(&self, from: PlaceName, stream: Box<dyn Io>) {
        let _ = self.0.send((from, stream));
    }
}

struct World {
    folder: TempDir,
    authority: Authority,
}

/// One place's links, with all that comes out of them.
struct Post {
    links: Links,
    events: mpsc::UnboundedReceiver<LinkEvent>,
    streams: mpsc::UnboundedReceiver<(PlaceName, Box<dyn Io>)>,
}

fn name(text: &str) -> PlaceName {
    PlaceName::new(text).unwrap()
}

fn message() -> Envelope {
    Envelope {
        from: Incarnation(1),
        to: Incarnation::UNKNOWN,
        message: Message::Working(vec![waybook_agents::Feed {
            session: SessionId(1),
            number: waybook_plan::SolutionNumber::default(),
        }]),
    }
}

impl World {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("authority");
        let authority = Authority::create(&path, "test", DEFAULT_VALIDITY, Existing::Keep).unwrap();
        Self { folder, authority }
    }

    fn identity(&self, place: &str) -> Identity {
        let folder = self.folder.path().join(place.replace('/', "."));
        self.authority
            .issue(&name(place), &folder, DEFAULT_VALIDITY, Existing::Replace)
            .unwrap();
        let paths = IdentityPaths::in_folder(&folder);
        Identity::load(&paths, &name(place), SystemTime::now()).unwrap()
    }

    fn post(&self, place: &str, parent: Option<&Post>, transport: TransportConfig) -> Post {
        let address = |p: &Post| p.links.local_addr().unwrap().to_string();
        self.post_below(place, parent.map(address), transport)
    }

    fn post_below(&self, place: &str, parent: Option<String>, transport: TransportConfig) -> Post {
        let config = LinkConfig {
            listen: "127.0.0.1:0".parse().unwrap(),
            parent: parent.map(|address| ParentConfig { address }),
            transport,
            children: 2,
            incarnation: Incarnation(1),
        };
        let (links, events) = Links::bind(self.identity(place), config, Handle::current()).unwrap();
        let (sink, streams) = mpsc::unbounded_channel();
        links.run(Arc::new(Sink(sink)));
        Post {
            links,
            events,
            streams,
        }
    }

    /// Dials a post with a place's certificate, and says nothing by itself.
    async fn dial(&self, place: &str, post: &Post, called: &str) -> Connection {
        let client = QuicClientConfig::try_from(self.identity(place).client).unwrap();
        let mut endpoint = Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
        endpoint.set_default_client_config(quinn::ClientConfig::new(Arc::new(client)));
        let address = post.links.local_addr().unwrap();
        let connecting = endpoint.connect(address, &name(called).dns_name()).unwrap();
        connecting.await.unwrap()
    }
}

impl Post {
    async fn event(&mut self) -> String {
        let event = tokio::time::timeout(PATIENCE, self.events.recv()).await;
        match event.unwrap().unwrap() {
            LinkEvent::Up {
                neighbour,
                incarnation,
                ..
            } => format!("up {neighbour} {incarnation}"),
            LinkEvent::Down { neighbour } => format!("down {neighbour}"),
            LinkEvent::Received { from, .. } => format!("received {from}"),
        }
    }
}

fn hello(place: &str, life: u64) -> Vec<u8> {
    wire::encode_hello(&Hello {
        name: name(place),
        incarnation: Incarnation(life),
        oldest: wire::OLDEST_VERSION,
        newest: wire::VERSION,
    })
}

/// Greets as a child would.
async fn greet(connection: &Connection, place: &str, life: u64) -> (SendStream, RecvStream) {
    let (mut send, mut receive) = connection.open_bi().await.unwrap();
    send.write_all(&hello(place, life)).await.unwrap();
    let mut prefix = [0; wire::PREFIX];
    receive.read_exact(&mut prefix).await.unwrap();
    let length = wire::frame_length(prefix, wire::MAX_FRAME).unwrap();
    let mut frame = vec![0; length];
    receive.read_exact(&mut frame).await.unwrap();
    wire::decode_hello(&frame).unwrap();
    (send, receive)
}

/// How the post closes a connection.
async fn closed(connection: &Connection) -> (VarInt, String) {
    let closed = tokio::time::timeout(PATIENCE, connection.closed()).await;
    match closed.unwrap() {
        ConnectionError::ApplicationClosed(close) => {
            let reason = String::from_utf8(close.reason.to_vec()).unwrap();
            (close.error_code, reason)
        }
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn only_children_are_admitted_and_others_hear_why() {
    let world = World::new();
    let mut post = world.post("core/a", None, TransportConfig::default());
    for stranger in ["core/a/x/y", "core/b", "core", "core/a", "other/a/x"] {
        let connection = world.dial(stranger, &post, "core/a").await;
        let (code, reason) = closed(&connection).await;
        assert_eq!(code, CloseCode::WrongName.into(), "{reason}");
        let wanted = format!("`{stranger}` is not a child of `core/a`");
        assert!(reason.contains(&wanted), "{reason}");
    }
    assert_eq!(post.links.counters().refused, 5);
    let child = world.dial("core/a/x", &post, "core/a").await;
    greet(&child, "core/a/x", 7).await;
    assert_eq!(post.event().await, "up core/a/x 7");
}

#[tokio::test]
async fn a_child_hears_why_it_is_refused_and_trusts_only_its_parent() {
    let world = World::new();
    let quick = TransportConfig {
        redial_first: Duration::from_millis(20),
        ..TransportConfig::default()
    };
    let a = world.post("core/a", None, TransportConfig::default());
    // It dials a place that is not its parent.
    let lost = world.post("core/b/x", Some(&a), quick);
    let mut trouble = lost.links.trouble();
    let waited = tokio::time::timeout(PATIENCE, trouble.wait_for(Option::is_some)).await;
    let why = waited.unwrap().unwrap().clone().unwrap();
    assert!(
        why.contains("not valid for name") || why.contains("certificate"),
        "{why}"
    );
    assert!(lost.links.connected().borrow().is_empty());
    // A refusal comes with the parent's reason: two children are enough here.
    for child in ["core/a/x", "core/a/y"] {
        let connection = world.dial(child, &a, "core/a").await;
        let streams = greet(&connection, child, 1).await;
        // Connections end with their last handle, and these are to stay.
        std::mem::forget((connection, streams));
    }
    let third = world.post("core/a/z", Some(&a), quick);
    let mut trouble = third.links.trouble();
    let waited = tokio::time::timeout(PATIENCE, trouble.wait_for(Option::is_some)).await;
    let why = waited.unwrap().unwrap().clone().unwrap();
    assert!(
        why.contains("the other end refuses") && why.contains("`children`"),
        "{why}"
    );
}

#[tokio::test]
async fn garbage_is_counted_and_closes_the_connection() {
    let world = World::new();
    let mut post = world.post("core", None, TransportConfig::default());
    let too_long = u32::MAX.to_le_bytes().to_vec();
    let nonsense = [&8_u32.to_le_bytes()[..], &[0xff; 8]].concat();
    let mut cut = wire::encode(&message());
    let half = (cut.len() - wire::PREFIX) / 2;
    cut.truncate(wire::PREFIX + half);
    cut[..wire::PREFIX].copy_from_slice(&u32::try_from(half).unwrap().to_le_bytes());
    for (at, garbage) in [too_long, nonsense, cut].into_iter().enumerate() {
        let connection = world.dial("core/x", &post, "core").await;
        let (mut send, _receive) = greet(&connection, "core/x", at as u64 + 1).await;
        // What came before the garbage still counts.
        let good = wire::encode(&message());
        send.write_all(&[good, garbage].concat()).await.unwrap();
        let (code, reason) = closed(&connection).await;
        assert_eq!(code, CloseCode::Protocol.into());
        assert!(reason.starts_with("bad frame: "), "{reason}");
        assert_eq!(post.event().await, format!("up core/x {}", at + 1));
        assert_eq!(post.event().await, "received core/x");
        assert_eq!(post.event().await, "down core/x");
        assert_eq!(post.links.counters().garbage, at as u64 + 1);
    }
}

#[tokio::test]
async fn bad_greetings_are_refused() {
    let world = World::new();
    let short = TransportConfig {
        handshake_timeout: Duration::from_millis(300),
        ..TransportConfig::default()
    };
    let post = world.post("core", None, short);
    let future = wire::encode_hello(&Hello {
        name: name("core/x"),
        incarnation: Incarnation(1),
        oldest: 200,
        newest: 250,
    });
    let long = [&u32::MAX.to_le_bytes()[..], b"x"].concat();
    for (greeting, code, wanted) in [
        (
            hello("core/y", 1),
            CloseCode::WrongName,
            "the certificate `core/x`",
        ),
        (future, CloseCode::Version, "200 to 250 at `core/x`"),
        (b"\x04\0\0\0nope".to_vec(), CloseCode::Protocol, "bad hello"),
        (long, CloseCode::Protocol, "bad hello"),
        (b"\x04".to_vec(), CloseCode::Silent, "no hello within"),
    ] {
        let connection = world.dial("core/x", &post, "core").await;
        let (mut send, _receive) = connection.open_bi().await.unwrap();
        send.write_all(&greeting).await.unwrap();
        let (found, reason) = closed(&connection).await;
        assert_eq!(found, code.into(), "{reason}");
        assert!(reason.contains(wanted), "{reason}");
    }
    assert!(post.links.connected().borrow().is_empty());
}

#[tokio::test]
async fn a_newer_connection_replaces_the_older_in_order() {
    let world = World::new();
    let mut post = world.post("core", None, TransportConfig::default());
    let first = world.dial("core/x", &post, "core").await;
    let (mut send, _r) = greet(&first, "core/x", 5).await;
    send.write_all(&wire::encode(&message())).await.unwrap();
    assert_eq!(post.event().await, "up core/x 5");
    assert_eq!(post.event().await, "received core/x");
    let second = world.dial("core/x", &post, "core").await;
    let (mut send, _r) = greet(&second, "core/x", 6).await;
    assert_eq!(closed(&first).await.0, CloseCode::Replaced.into());
    assert_eq!(post.event().await, "down core/x");
    assert_eq!(post.event().await, "up core/x 6");
    // An older life cannot push the newer one out.
    let third = world.dial("core/x", &post, "core").await;
    let (mut control, _receive) = third.open_bi().await.unwrap();
    control.write_all(&hello("core/x", 5)).await.unwrap();
    assert_eq!(closed(&third).await.0, CloseCode::Outdated.into());
    // The end of the first connection has said nothing more.
    send.write_all(&wire::encode(&message())).await.unwrap();
    assert_eq!(post.event().await, "received core/x");
    second.close(VarInt::from_u32(0), b"");
    assert_eq!(post.event().await, "down core/x");
    assert!(post.events.try_recv().is_err());
}

#[tokio::test]
async fn data_streams_arrive_by_kind() {
    let world = World::new();
    let mut parent = world.post("core", None, TransportConfig::default());
    let child = world.dial("core/x", &parent, "core").await;
    let _control = greet(&child, "core/x", 1).await;
    assert_eq!(parent.event().await, "up core/x 1");
    let (mut unknown, mut receive) = child.open_bi().await.unwrap();
    unknown.write_all(b"\x63hello").await.unwrap();
    let reset = receive.read_to_end(10).await.unwrap_err().to_string();
    assert!(reset.contains("reset"), "{reset}");
    assert_eq!(parent.links.counters().refused_streams, 1);
    let (mut http, _receive) = child.open_bi().await.unwrap();
    http.write_all(b"\x01GET").await.unwrap();
    http.finish().unwrap();
    let (from, mut stream) = parent.streams.recv().await.unwrap();
    assert_eq!(from, name("core/x"));
    let mut said = String::new();
    stream.read_to_string(&mut said).await.unwrap();
    assert_eq!(said, "GET");
    // And the other way.
    let _stream = parent.links.open(&name("core/x")).await.unwrap();
    let (_, mut receive) = child.accept_bi().await.unwrap();
    let mut kind = [0];
    receive.read_exact(&mut kind).await.unwrap();
    assert_eq!(kind, [1]);
}

#[tokio::test]
async fn a_neighbour_that_does_not_listen_is_cut_off() {
    let world = World::new();
    let small = TransportConfig {
        queue: 16,
        ..TransportConfig::default()
    };
    let mut post = world.post("core", None, small);
    let child = world.dial("core/x", &post, "core").await;
    let _control = greet(&child, "core/x", 1).await;
    assert_eq!(post.event().await, "up core/x 1");
    // Nothing lets the writer run in between.
    for _ in 0..17 {
        post.links.send(&name("core/x"), message());
    }
    assert_eq!(closed(&child).await.0, CloseCode::Overflow.into());
    assert_eq!(post.event().await, "down core/x");
    let counters = post.links.counters();
    assert_eq!(
        (counters.overflows, counters.sent, counters.unsent),
        (1, 16, 1)
    );
    post.links.send(&name("core/x"), message());
    assert_eq!(post.links.counters().unsent, 2);
}

/// A connection outlasts no certificate, however long ago its handshake was.
#[tokio::test]
async fn a_neighbour_whose_certificate_is_over_is_cut_off() {
    let world = World::new();
    let mut post = world.post("core", None, TransportConfig::default());
    let child = world.dial("core/x", &post, "core").await;
    let _control = greet(&child, "core/x", 1).await;
    assert_eq!(post.event().await, "up core/x 1");
    let end = SystemTime::now() + DEFAULT_VALIDITY;
    post.links.check(end - Duration::from_secs(60));
    assert!(child.close_reason().is_none());
    post.links.check(end + Duration::from_secs(1));
    let (code, reason) = closed(&child).await;
    assert_eq!(code, CloseCode::Certificate.into());
    assert!(reason.contains("`core/x` is over"), "{reason}");
    assert_eq!(post.event().await, "down core/x");
}
