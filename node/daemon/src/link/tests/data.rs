//! Data has a connection of its own, as long as it can have one.

use std::net::SocketAddr;

use quinn::crypto::rustls::HandshakeData;
use tokio::net::UdpSocket;

use super::super::socket::DATA_MARK;
use super::*;
use crate::identity::DATA_ALPN;

impl World {
    /// Dials a post for data, as a child does.
    async fn dial_for_data(&self, place: &str, post: &Post) -> Connection {
        self.dial_for_data_as(&self.identity(place), post).await
    }

    async fn dial_for_data_as(&self, identity: &Identity, post: &Post) -> Connection {
        let mut client = rustls::ClientConfig::clone(&identity.client);
        client.alpn_protocols = vec![DATA_ALPN.to_vec()];
        let client = QuicClientConfig::try_from(client).unwrap();
        let mut client = quinn::ClientConfig::new(Arc::new(client));
        client.initial_dst_cid_provider(Arc::new(|| {
            let random = crate::files::random_bytes::<8>();
            quinn::ConnectionId::new(&[&DATA_MARK[..], &random].concat())
        }));
        let endpoint = Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = post.links.local_addr().unwrap();
        let called = name("core").dns_name();
        let connecting = endpoint.connect_with(client, address, &called);
        connecting.unwrap().await.unwrap()
    }
}

impl Post {
    /// Waits until data to and from a neighbour goes over a connection of its own, or no longer does.
    async fn until_apart(&self, neighbour: &str, apart: bool) {
        let known = || self.links.neighbours().get(&name(neighbour)).copied();
        let waiting = async {
            while known().is_some_and(|known| known.data_connection) != apart {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.unwrap();
    }
}

/// Whether a stream that the post opens arrives at that connection.
async fn arrives(post: &Post, at: &Connection) {
    let _stream = post.links.open(&name("core/x")).await.unwrap();
    let accepted = tokio::time::timeout(PATIENCE, at.accept_bi()).await;
    let (_, mut receive) = accepted.unwrap().unwrap();
    let mut kind = [0];
    receive.read_exact(&mut kind).await.unwrap();
    assert_eq!(kind, [1]);
}

#[tokio::test]
async fn data_leaves_the_connection_for_messages_alone() {
    let world = World::new();
    let mut parent = world.post("core", None, TransportConfig::default());
    let mut child = world.post("core/x", Some(&parent), TransportConfig::default());
    assert_eq!(parent.event().await, "up core/x 1");
    assert_eq!(child.event().await, "up core 1");
    parent.until_apart("core/x", true).await;
    child.until_apart("core", true).await;
    for (from, to) in [(&parent, "core/x"), (&child, "core")] {
        let mut stream = from.links.open(&name(to)).await.unwrap();
        tokio::io::AsyncWriteExt::shutdown(&mut stream)
            .await
            .unwrap();
    }
    assert_eq!(parent.streams.recv().await.unwrap().0, name("core/x"));
    assert_eq!(child.streams.recv().await.unwrap().0, name("core"));
    // Two connections stand at the parent, which counts them as one neighbour's.
    assert_eq!(parent.links.shared.registry.connections().len(), 2);
    assert_eq!(parent.links.counters().connections, 1);
}

#[tokio::test]
async fn it_stands_and_falls_with_the_connection_for_messages() {
    let world = World::new();
    let mut post = world.post("core", None, TransportConfig::default());
    let child = world.dial("core/x", &post, "core").await;
    let _control = greet(&child, "core/x", 1).await;
    assert_eq!(post.event().await, "up core/x 1");
    arrives(&post, &child).await;
    let data = world.dial_for_data("core/x", &post).await;
    post.until_apart("core/x", true).await;
    arrives(&post, &data).await;
    // What the child opens there arrives as well.
    let (mut http, _receive) = data.open_bi().await.unwrap();
    http.write_all(b"\x01GET").await.unwrap();
    assert_eq!(post.streams.recv().await.unwrap().0, name("core/x"));
    // A newer one takes its place; without any, the other one serves.
    let newer = world.dial_for_data("core/x", &post).await;
    assert_eq!(closed(&data).await.0, CloseCode::Replaced.into());
    arrives(&post, &newer).await;
    newer.close(VarInt::from_u32(0), b"");
    post.until_apart("core/x", false).await;
    arrives(&post, &child).await;
    let last = world.dial_for_data("core/x", &post).await;
    post.until_apart("core/x", true).await;
    child.close(VarInt::from_u32(0), b"");
    assert_eq!(post.event().await, "down core/x");
    assert_eq!(closed(&last).await.0, CloseCode::Alone.into());
}

#[tokio::test]
async fn without_one_for_messages_or_a_name_it_is_refused() {
    let world = World::new();
    let short = TransportConfig {
        handshake_timeout: Duration::from_millis(300),
        ..TransportConfig::default()
    };
    let post = world.post("core", None, short);
    let alone = world.dial_for_data("core/x", &post).await;
    assert_eq!(closed(&alone).await.0, CloseCode::Alone.into());
    let stranger = world.dial_for_data("other/x", &post).await;
    let (code, reason) = closed(&stranger).await;
    assert_eq!(code, CloseCode::WrongName.into());
    assert!(
        reason.contains("`other/x` is not a child of `core`"),
        "{reason}"
    );
    assert_eq!(post.links.counters().refused, 2);
}

/// A handshake does not look at revocations: a connection with a stolen key pushed out the one with the new key, and what came
/// by it was served, before it was closed.
#[tokio::test]
async fn a_revoked_certificate_takes_nobodys_place() {
    let world = World::new();
    let mut post = world.post("core", None, TransportConfig::default());
    let stolen = world.identity("core/x");
    let which = crate::identity::Which::Place(name("core/x"));
    let list = world.authority.revoke(&which).unwrap().list;
    let folder = world.folder.path().join("core");
    std::fs::copy(list, folder.join("revoked.crl")).unwrap();
    let paths = IdentityPaths::in_folder(&folder);
    let knows = Identity::load(&paths, &name("core"), SystemTime::now()).unwrap();
    post.links.renew(knows).unwrap();
    let child = world.dial("core/x", &post, "core").await;
    let _control = greet(&child, "core/x", 1).await;
    assert_eq!(post.event().await, "up core/x 1");
    let data = world.dial_for_data("core/x", &post).await;
    post.until_apart("core/x", true).await;
    let thief = world.dial_for_data_as(&stolen, &post).await;
    let (mut http, _receive) = thief.open_bi().await.unwrap();
    let _ = http.write_all(b"\x01GET").await;
    let (code, reason) = closed(&thief).await;
    assert_eq!(code, CloseCode::Certificate.into());
    assert!(reason.contains("`core/x` has been revoked"), "{reason}");
    arrives(&post, &data).await;
    assert!(post.streams.try_recv().is_err());
}

#[tokio::test]
async fn its_certificate_is_looked_at_as_well() {
    let world = World::new();
    let mut post = world.post("core", None, TransportConfig::default());
    let child = world.dial("core/x", &post, "core").await;
    let _control = greet(&child, "core/x", 1).await;
    assert_eq!(post.event().await, "up core/x 1");
    let data = world.dial_for_data("core/x", &post).await;
    post.until_apart("core/x", true).await;
    post.links
        .check(SystemTime::now() + DEFAULT_VALIDITY + Duration::from_secs(60));
    assert_eq!(closed(&data).await.0, CloseCode::Certificate.into());
}

#[tokio::test]
async fn a_parent_that_wants_one_connection_has_one() {
    let world = World::new();
    let one = TransportConfig {
        data_connection: false,
        ..TransportConfig::default()
    };
    let mut parent = world.post("core", None, one);
    let mut child = world.post("core/x", Some(&parent), TransportConfig::default());
    assert_eq!(parent.event().await, "up core/x 1");
    assert_eq!(child.event().await, "up core 1");
    // The child has tried, and will not again.
    let refused = async {
        while parent.links.counters().failed_handshakes == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, refused).await.unwrap();
    let _stream = parent.links.open(&name("core/x")).await.unwrap();
    assert_eq!(child.streams.recv().await.unwrap().0, name("core"));
    let _stream = child.links.open(&name("core")).await.unwrap();
    assert_eq!(parent.streams.recv().await.unwrap().0, name("core/x"));
    assert_eq!(child.links.counters().failed_handshakes, 0);
    assert_eq!(parent.links.counters().failed_handshakes, 1);
}

/// Lets only the first sender's packets through to that address, and the answers back.
async fn narrow(to: SocketAddr) -> SocketAddr {
    let (inside, outside) = ("127.0.0.1:0", "127.0.0.1:0");
    let inside = UdpSocket::bind(inside).await.unwrap();
    let outside = UdpSocket::bind(outside).await.unwrap();
    let at = inside.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut there, mut back) = ([0; 65_536], [0; 65_536]);
        let mut first = None;
        loop {
            tokio::select! {
                Ok((length, sender)) = inside.recv_from(&mut there) => {
                    if *first.get_or_insert(sender) == sender {
                        outside.send_to(&there[..length], to).await.unwrap();
                    }
                }
                Ok((length, _)) = outside.recv_from(&mut back) => {
                    inside.send_to(&back[..length], first.unwrap()).await.unwrap();
                }
            }
        }
    });
    at
}

#[tokio::test]
async fn where_only_the_first_connection_gets_through_it_carries_all() {
    let world = World::new();
    let quick = TransportConfig {
        handshake_timeout: Duration::from_millis(500),
        redial_first: Duration::from_millis(20),
        ..TransportConfig::default()
    };
    let mut parent = world.post("core", None, quick);
    let through = narrow(parent.links.local_addr().unwrap()).await;
    let mut child = world.post_below("core/x", Some(through.to_string()), quick);
    assert_eq!(parent.event().await, "up core/x 1");
    assert_eq!(child.event().await, "up core 1");
    let tried = async {
        while child.links.counters().failed_handshakes < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, tried).await.unwrap();
    let _stream = parent.links.open(&name("core/x")).await.unwrap();
    assert_eq!(child.streams.recv().await.unwrap().0, name("core"));
    let _stream = child.links.open(&name("core")).await.unwrap();
    assert_eq!(parent.streams.recv().await.unwrap().0, name("core/x"));
    assert!(child.events.try_recv().is_err());
}

#[tokio::test]
async fn a_socket_that_serves_both_tells_them_apart() {
    // As on a system that cannot give the port to two sockets: the mark is not looked at.
    let world = World::new();
    let mut post = world.post("core", None, TransportConfig::default());
    let child = world.dial("core/x", &post, "core").await;
    let _control = greet(&child, "core/x", 1).await;
    assert_eq!(post.event().await, "up core/x 1");
    let mut client = rustls::ClientConfig::clone(&world.identity("core/x").client);
    client.alpn_protocols = vec![DATA_ALPN.to_vec()];
    let client = QuicClientConfig::try_from(client).unwrap();
    let client = quinn::ClientConfig::new(Arc::new(client));
    let endpoint = Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = post.links.local_addr().unwrap();
    let connecting = endpoint.connect_with(client, address, &name("core").dns_name());
    let data = connecting.unwrap().await.unwrap();
    let shown = data.handshake_data().unwrap().downcast::<HandshakeData>();
    assert_eq!(shown.unwrap().protocol.as_deref(), Some(DATA_ALPN));
    post.until_apart("core/x", true).await;
    arrives(&post, &data).await;
}
