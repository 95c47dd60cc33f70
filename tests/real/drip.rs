//! The slow drip: a neighbour, and clients, that begin very much, bring it byte by byte and end
//! nothing. They cost themselves only: sessions are opened, used and closed meanwhile.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use quinn::{Connection, RecvStream, SendStream};
use waybook_client::Runtime;
use waybook_client::model::{LinksInfo, NeighbourInfo};

use crate::daemons::until;
use crate::liars;
use crate::places::{Build, Kind, Places};
use crate::sessions::{self, Session};

/// Between two bytes on each stream or connection. What is bounded is bounded in seconds.
const DRIP: Duration = Duration::from_millis(200);
/// Streams that the neighbour has open: more than any honest one needs, fewer than would keep
/// this process busy.
const STREAMS: usize = 1500;
/// Connections that each door of a place has room for in this story, and clients that drip there.
const ROOM: usize = 32;
const CLIENTS: usize = 48;
/// Clients that come back at a time, after they were let go.
const BACK: usize = 4;

fn links(places: &Places, number: usize) -> LinksInfo {
    let client = places.client(number).unwrap();
    places.ask(client.links()).unwrap()
}

/// Sessions are opened, used and closed, several times over.
fn life_goes_on(places: &Places, honest: &[Session], ats: &[usize]) {
    for _ in 0..3 {
        sessions::work(honest);
        for at in ats {
            let more = sessions::open(places, *at, "film");
            sessions::work(std::slice::from_ref(&more));
            sessions::close(places, &more);
        }
    }
}

/// What the nth stream of a neighbour says, a byte at a time.
fn words(number: usize) -> &'static [u8] {
    match number % 4 {
        // A request whose headers never end.
        0 => b"\x01GET / HTTP/1.1\r\nwaybook-session: 00000000000000000000000000000000\r\nx: ",
        // A transfer, with the length of what is wanted and nothing of it.
        1 => b"\x02\xff\x00\x00\x00",
        // A request of the control API with a body that never ends.
        2 => {
            b"\x01POST /api/v1/dry-run HTTP/1.1\r\nhost: a\r\nwaybook-hops: 1\r\n\
              waybook-origin: r/c\r\ncontent-type: application/json\r\n\
              content-length: 100000\r\n\r\n"
        }
        // Nothing at all.
        _ => b"",
    }
}

struct Stream {
    send: SendStream,
    _receive: RecvStream,
    said: usize,
    number: usize,
}

/// Drips on as many streams as it gets, and begins a new one for each that is taken from it.
async fn drip(connection: Connection) {
    let mut streams: Vec<Stream> = Vec::new();
    let mut number = 0;
    loop {
        while streams.len() < STREAMS {
            let opened = tokio::time::timeout(DRIP, connection.open_bi()).await;
            let Ok(Ok((send, receive))) = opened else {
                break;
            };
            let said = 0;
            streams.push(Stream {
                send,
                _receive: receive,
                said,
                number,
            });
            number += 1;
        }
        let mut kept = Vec::new();
        for mut stream in streams {
            let words = words(stream.number);
            // What has a head is said up to it at once: the body is what drips.
            let next = match stream.number % 4 {
                2 if stream.said == 0 => words,
                3 => b"",
                _ => words.get(stream.said..=stream.said).unwrap_or(b"x"),
            };
            let written = tokio::time::timeout(DRIP, stream.send.write_all(next)).await;
            if !matches!(written, Ok(Err(_))) {
                stream.said += next.len();
                kept.push(stream);
            }
        }
        streams = kept;
        if connection.close_reason().is_some() {
            return;
        }
        tokio::time::sleep(DRIP).await;
    }
}

#[test]
fn a_neighbour_that_drips_holds_nobody_up() {
    let (places, honest, mut liar) = liars::tree();
    liar.join();
    let connection = liar.connection();
    let dripping = liar.runtime().spawn(drip(connection));
    let of_liar = || {
        let links = links(&places, 0);
        let mut neighbours = links.neighbours.into_iter();
        neighbours.find(|n: &NeighbourInfo| n.place == "r/c")
    };
    // Streams that do not even say what they are for are taken from it, and counted.
    until("silent streams are kept", || {
        match of_liar().map(|n| n.refused_streams) {
            Some(1..) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    // Requests of the control API that never end are in its share, and the root's own clients ask
    // all the same.
    until("endless requests are not under way", || {
        match links(&places, 0).api.requests {
            // This one, and at least another.
            2.. => Ok(()),
            _ => Err("none".to_owned()),
        }
    });
    life_goes_on(&places, &honest, &[0, 4]);
    dripping.abort();
    let view = of_liar().unwrap();
    assert!(view.connected, "{view:?}");
    assert_eq!((view.connections, view.undecodable), (1, 0), "{view:?}");
    for honest in links(&places, 0).neighbours {
        let in_vain = honest.undecodable + honest.refused + honest.limited;
        assert!(honest.place == "r/c" || in_vain == 0, "{honest:?}");
    }
    let most = liars::memory(&places, 0);
    assert!(
        most < liars::MOST_MEMORY,
        "the root took {} MiB",
        most >> 20
    );
    drop(liar);
    until("its requests stay", || {
        match links(&places, 0).api.requests {
            1 => Ok(()),
            more => Err(format!("{more} are under way")),
        }
    });
    sessions::end(&places, honest);
}

/// Clients that begin a request at a port, and never come to its end.
struct Drippers {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Drippers {
    fn at(address: SocketAddr) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut clients: Vec<TcpStream> = Vec::new();
            while !stopped.load(Ordering::Relaxed) {
                for _ in clients.len()..CLIENTS.min(clients.len() + BACK) {
                    clients.extend(TcpStream::connect(address));
                }
                clients.retain_mut(|client| {
                    let _ = client.set_nonblocking(true);
                    // At its end or broken, it was let go.
                    let gone =
                        client.read(&mut [0]).is_ok() || !matches!(client.write(b"G"), Ok(1));
                    !gone
                });
                std::thread::park_timeout(DRIP);
            }
        });
        Self {
            stop,
            thread: Some(thread),
        }
    }
}

impl Drop for Drippers {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

/// They took every connection that the gateway had room for; and the control API had no bound.
#[test]
fn clients_that_drip_keep_nobody_out() {
    let kind = Kind {
        walls: false,
        code: false,
    };
    let mut places = Places::up(kind, |_| Build::This);
    for table in ["[api]", "[gateway]"] {
        places.set(3, table, &format!("connections = {ROOM}"));
    }
    places.signal(3, rustix::process::Signal::KILL);
    places.wait_for_end(3);
    places.start(3);
    places.wait_joined();
    let honest = vec![sessions::open(&places, 3, "film")];
    let runtime = Runtime::read(places.all()[3].data()).unwrap();
    let drippers = [runtime.api, runtime.gateway].map(|at| Drippers::at(at.unwrap()));
    until("there are too few clients to fill the doors", || {
        let links = links(&places, 3);
        match links.api.displaced > 0 && links.gateway.displaced > 0 {
            true => Ok(()),
            false => Err(format!("{:?} {:?}", links.api, links.gateway)),
        }
    });
    life_goes_on(&places, &honest, &[3]);
    let links = links(&places, 3);
    for door in [&links.api, &links.gateway] {
        assert!(door.connections <= ROOM as u64, "{door:?}");
        assert_eq!((door.refused, door.refused_requests), (0, 0), "{door:?}");
    }
    drop(drippers);
    sessions::end(&places, honest);
}
