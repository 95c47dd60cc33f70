//! A place beside one of the next version, which offers a newer protocol and writes blocks behind
//! every message that nobody knows yet. It is a place of this build behind a relay that changes
//! its frames so.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use quinn::{Connection, Endpoint, RecvStream, SendStream};
use rustix::process::Signal;
use waybook_agents::wire;
use waybook_location_tree::PlaceName;

use crate::places::{Build, Kind, Places};
use crate::{raw, sessions};

/// What only the next version knows.
const LATER: u16 = 0x7a7a;

/// Stands between a place and its parent.
struct Relay {
    /// Where the child finds what it takes for its parent.
    address: SocketAddr,
    /// Frames that were changed.
    changed: Arc<AtomicU64>,
    _runtime: tokio::runtime::Runtime,
}

impl Relay {
    fn new(parent: (&PlaceName, SocketAddr, &Path), child: &Path) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let _in_it = runtime.enter();
        let (name, at, identity) = parent;
        let (listener, dialler) = (raw::listener(identity), raw::dialler(child));
        let relay = Self {
            address: listener.local_addr().unwrap(),
            changed: Arc::default(),
            _runtime: runtime,
        };
        let (changed, name) = (relay.changed.clone(), name.clone());
        relay._runtime.spawn(async move {
            while let Some(incoming) = listener.accept().await {
                let (changed, name, dialler) = (changed.clone(), name.clone(), dialler.clone());
                tokio::spawn(async move {
                    let Ok(child) = incoming.await else { return };
                    connect(child, &dialler, &name, at, changed).await;
                });
            }
        });
        relay
    }
}

/// Joins a child's connection with one to its parent, until either ends.
async fn connect(
    child: Connection,
    dialler: &Endpoint,
    name: &PlaceName,
    at: SocketAddr,
    changed: Arc<AtomicU64>,
) {
    let parent = dialler.connect(at, &name.dns_name()).unwrap().await;
    let Ok(parent) = parent else {
        return child.close(0_u32.into(), b"");
    };
    // The child's first stream is that of messages.
    let control = async {
        let (to_child, from_child) = child.accept_bi().await.ok()?;
        let (to_parent, from_parent) = parent.open_bi().await.ok()?;
        let up = tokio::spawn(change(from_child, to_parent, changed.clone()));
        let down = tokio::spawn(change(from_parent, to_child, changed.clone()));
        let data_up = tokio::spawn(pass(child.clone(), parent.clone()));
        let data_down = tokio::spawn(pass(parent.clone(), child.clone()));
        tokio::select! {
            _ = up => {}
            _ = down => {}
            _ = data_up => {}
            _ = data_down => {}
        }
        Some(())
    };
    control.await;
    child.close(0_u32.into(), b"");
    parent.close(0_u32.into(), b"");
}

/// Passes messages on as the next version would write them.
async fn change(mut from: RecvStream, mut to: SendStream, changed: Arc<AtomicU64>) -> Option<()> {
    let mut hello = wire::decode_hello(&raw::frame(&mut from).await?).ok()?;
    hello.newest = wire::VERSION + 1;
    let hello = wire::encode_hello(&hello);
    to.write_all(&with_block(&hello[wire::PREFIX..]))
        .await
        .ok()?;
    loop {
        let frame = raw::frame(&mut from).await?;
        to.write_all(&with_block(&frame)).await.ok()?;
        changed.fetch_add(1, Ordering::Relaxed);
    }
}

fn with_block(frame: &[u8]) -> Vec<u8> {
    let content = b"of the next version";
    let length = u32::try_from(content.len()).unwrap().to_le_bytes();
    let block = [&LATER.to_le_bytes()[..], &length, content].concat();
    raw::prefixed(&[frame, &block].concat())
}

/// Passes data streams on as they are.
async fn pass(from: Connection, to: Connection) {
    while let Ok((mut back, mut there)) = from.accept_bi().await {
        let Ok((mut on, mut answer)) = to.open_bi().await else {
            return;
        };
        tokio::spawn(async move {
            let there = async {
                tokio::io::copy(&mut there, &mut on).await?;
                on.finish().map_err(std::io::Error::other)
            };
            let back = async {
                tokio::io::copy(&mut answer, &mut back).await?;
                back.finish().map_err(std::io::Error::other)
            };
            // What breaks off on one side is dropped, and so reset, on the other.
            let _ = tokio::try_join!(there, back);
        });
    }
}

/// The edge between a place and its parent is spoken on as the next version would, and the
/// places at both ends book, bring code, let data through, and agree after a restart.
#[test]
fn a_neighbour_of_the_next_version_is_understood() {
    let kind = Kind {
        walls: false,
        code: true,
    };
    let mut places = Places::up(kind, |_| Build::This);
    let identity = |number: usize| places.all()[number].data().join("identity");
    let (root, child) = (&places.all()[0], 1);
    let relay = Relay::new((&root.name, places.quic(0), &identity(0)), &identity(child));
    places.signal(child, Signal::TERM);
    places.wait_for_end(child);
    places.lead(child, relay.address);
    places.start(child);
    places.wait_joined();

    // From below it and from elsewhere, so that agents cross it both ways; with code that
    // is at the root.
    let ways = [(3, "film"), (3, "program"), (3, "brought"), (5, "brought")];
    let open = |(at, title)| sessions::open(&places, at, title);
    let all: Vec<_> = ways.map(open).into_iter().collect();
    sessions::stand(&places, &all);
    sessions::work(&all);
    assert!(relay.changed.load(Ordering::Relaxed) > 10);
    for number in [child, 0] {
        places.signal(number, Signal::KILL);
        places.wait_for_end(number);
        places.start(number);
        places.wait_joined();
        sessions::stand(&places, &all);
        sessions::work(&all);
    }
    sessions::end(&places, all);
}
