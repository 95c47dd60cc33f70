//! Booked bandwidth is enforced. Time is virtual and everything runs over pipes, so the
//! rates are those of the data plane and not of the machine.

use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::time::Instant;
use waybook_agents::SessionId;
use waybook_daemon::data::{DataConfig, DataPlane};
use waybook_daemon::{Body, Io, Opening, PeerStreams, PlaceHandle, empty_body};
use waybook_location_tree::PlaceName;
use waybook_place::io::Route;

use crate::origin::{Origin, Pattern};
use crate::world::{name, route};

/// Bit/s.
const RATE: u64 = 4_000_000;
/// More bytes than any window here may carry.
const MOST: u64 = 100_000_000;
const WINDOW: Duration = Duration::from_secs(5);

/// Every neighbour is an ordinary server.
struct ToOrigin(Origin);

impl PeerStreams for ToOrigin {
    fn open<'a>(&'a self, _: &'a PlaceName) -> Opening<'a> {
        let (near, far) = tokio::io::duplex(16 * 1024);
        tokio::spawn(self.0.clone().serve(far));
        Box::pin(std::future::ready(Ok(Box::new(near) as Box<dyn Io>)))
    }
}

fn place() -> (DataPlane, Origin) {
    let (origin, _) = Origin::new();
    let (handle, _) = PlaceHandle::new();
    let config = DataConfig::new(name("core/bologna"), [0; 32]);
    let plane = DataPlane::new(config, Arc::new(ToOrigin(origin.clone())), handle);
    (plane, origin)
}

fn booked(session: u128, to_client: Option<u64>, to_server: Option<u64>) -> Route {
    Route {
        previous: Some(name("core/bologna/lab")),
        next: Some(name("core")),
        to_client,
        to_server,
        ..route(session, &[])
    }
}

async fn ask(plane: &DataPlane, session: u128, path: &str, body: Body) -> Response<Incoming> {
    let (near, far) = tokio::io::duplex(16 * 1024);
    let plane = plane.clone();
    let from = name("core/bologna/lab");
    tokio::spawn(async move { plane.serve_peer(from, Box::new(far)).await });
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(near))
        .await
        .unwrap();
    tokio::spawn(connection);
    let request = Request::post(path)
        .header("waybook-session", SessionId(session).to_string())
        .body(body)
        .unwrap();
    sender.send_request(request).await.unwrap()
}

/// Reads as fast as it comes until then; the bytes that came.
async fn read_until(body: &mut Incoming, end: Instant) -> u64 {
    let mut got = 0;
    while let Ok(frame) = tokio::time::timeout_at(end, body.frame()).await {
        let frame = frame.unwrap().unwrap();
        got += frame.data_ref().map_or(0, |data| data.len() as u64);
        // Virtual time stands still while bytes flow freely.
        assert!(got < MOST, "nothing holds the flow");
    }
    got
}

#[track_caller]
fn assert_near(bytes: u64, rate: u64, time: Duration) {
    let booked = rate / 8 * time.as_secs();
    assert!(
        bytes * 10 >= booked * 9 && bytes * 10 <= booked * 11,
        "{bytes} bytes passed of {booked} booked"
    );
}

#[tokio::test(start_paused = true)]
async fn downloads_carry_the_booked_rate() {
    let (plane, _) = place();
    plane.route(booked(1, Some(RATE), None));
    let mut body = ask(&plane, 1, "/endless", empty_body()).await.into_body();
    let got = read_until(&mut body, Instant::now() + WINDOW).await;
    assert_near(got, RATE, WINDOW);
}

#[tokio::test(start_paused = true)]
async fn uploads_carry_the_booked_rate() {
    let (plane, origin) = place();
    plane.route(booked(1, None, Some(RATE)));
    let endless = Pattern {
        at: 0,
        length: MOST,
    };
    let upload = ask(&plane, 1, "/hash", endless.boxed_unsync());
    assert!(tokio::time::timeout(WINDOW, upload).await.is_err());
    let taken = *origin.taken.lock().unwrap();
    assert_near(taken, RATE, WINDOW);
}

#[tokio::test(start_paused = true)]
async fn requests_of_a_session_share_its_rate_fairly() {
    let (plane, _) = place();
    plane.route(booked(1, Some(RATE), None));
    let mut one = ask(&plane, 1, "/endless", empty_body()).await.into_body();
    let mut other = ask(&plane, 1, "/endless", empty_body()).await.into_body();
    // A third one whose client does not read at all holds up nobody.
    let _stuck = ask(&plane, 1, "/endless", empty_body()).await;
    let end = Instant::now() + WINDOW;
    let (one, other) = tokio::join!(read_until(&mut one, end), read_until(&mut other, end));
    assert_near(one + other, RATE, WINDOW);
    assert_near(one, RATE / 2, WINDOW);
}

#[tokio::test(start_paused = true)]
async fn an_unshaped_session_is_not_slowed_by_a_shaped_one() {
    let (plane, _) = place();
    plane.route(booked(1, Some(64_000), Some(64_000)));
    plane.route(booked(2, None, None));
    let mut slow = ask(&plane, 1, "/endless", empty_body()).await.into_body();
    let slow = tokio::spawn(async move {
        let end = Instant::now() + WINDOW;
        read_until(&mut slow, end).await
    });
    let began = Instant::now();
    let free = ask(&plane, 2, "/pattern?50000000", empty_body()).await;
    let free = free.into_body().collect().await.unwrap();
    assert_eq!(free.to_bytes().len(), 50_000_000);
    assert!(
        began.elapsed() < Duration::from_millis(100),
        "{:?}",
        began.elapsed()
    );
    assert_near(slow.await.unwrap(), 64_000, WINDOW + Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn a_shrunk_booking_holds_at_once() {
    let (plane, _) = place();
    plane.route(booked(1, Some(10 * RATE), None));
    let mut body = ask(&plane, 1, "/endless", empty_body()).await.into_body();
    let got = read_until(&mut body, Instant::now() + WINDOW).await;
    assert_near(got, 10 * RATE, WINDOW);
    plane.route(booked(1, Some(RATE), None));
    let got = read_until(&mut body, Instant::now() + WINDOW).await;
    assert_near(got, RATE, WINDOW);
    // And a request that waits at a very low rate is freed by a higher one.
    plane.route(booked(1, Some(8), None));
    read_until(&mut body, Instant::now() + WINDOW).await;
    plane.route(booked(1, None, None));
    let mut freed = 0;
    while freed < 10_000_000 {
        let frame = tokio::time::timeout(Duration::from_millis(10), body.frame()).await;
        let frame = frame.unwrap().unwrap().unwrap();
        freed += frame.data_ref().map_or(0, bytes::Bytes::len);
    }
}
