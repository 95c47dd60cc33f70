use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

/// A door with room for two. A request of `/wait` is answered when `go` is cancelled.
async fn two() -> (Arc<Door>, SocketAddr, CancellationToken) {
    let door = Door::new(DoorConfig {
        setting: "gateway.connections",
        connections: 2,
        header_timeout: Duration::from_secs(60),
        header_bytes: 8192,
        lingers: false,
        tls: None,
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let go = CancellationToken::new();
    let (served, wait) = (Arc::clone(&door), go.clone());
    tokio::spawn(async move {
        let answer = move |_, request: Request<Incoming>| {
            let wait = wait.clone();
            async move {
                if request.uri().path() == "/wait" {
                    wait.cancelled().await;
                }
                Response::new(http_body_util::Full::new(Bytes::from_static(b"served")))
            }
        };
        let tasks = TaskTracker::new();
        let closing = CancellationToken::new();
        served.serve(listener, closing, &tasks, answer).await;
    });
    (door, at, go)
}

async fn ask(at: SocketAddr, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(at).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

async fn all(mut stream: TcpStream) -> String {
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer).await;
    answer
}

/// Looks until it is so: connections and requests are noticed by tasks of their own.
async fn until(mut is_so: impl FnMut() -> bool) {
    while !is_so() {
        tokio::task::yield_now().await;
    }
}

/// Connections that said nothing, as many as there may be, kept everybody else waiting.
#[tokio::test]
async fn who_says_nothing_makes_room() {
    let (door, at, _go) = two().await;
    let silent = TcpStream::connect(at).await.unwrap();
    let mut dripping = TcpStream::connect(at).await.unwrap();
    dripping.write_all(b"GET / HT").await.unwrap();
    until(|| door.counters().accepted == 2).await;
    for _ in 0..5 {
        assert!(all(ask(at, "/").await).await.ends_with("served"));
        until(|| door.counters().connections == 1).await;
    }
    // The oldest went, and nobody else had to.
    assert_eq!(all(silent).await, "");
    let counters = door.counters();
    assert_eq!((counters.refused, counters.displaced), (0, 1));
    dripping
        .write_all(b"TP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        .await
        .unwrap();
    assert!(all(dripping).await.ends_with("served"));
}

#[tokio::test]
async fn who_has_a_request_under_way_stays_and_others_are_told() {
    let (door, at, go) = two().await;
    let served = [ask(at, "/wait").await, ask(at, "/wait").await];
    let busy = |door: &Door| {
        door.inside()
            .guests
            .values()
            .filter(|g| g.busy == 1)
            .count()
    };
    until(|| busy(&door) == 2).await;
    let told = all(TcpStream::connect(at).await.unwrap()).await;
    assert!(told.starts_with("HTTP/1.1 503 "), "{told}");
    assert!(
        told.contains("limit `gateway.connections` = 2 is reached"),
        "{told}"
    );
    assert_eq!(door.counters().refused, 1);
    go.cancel();
    for stream in served {
        assert!(all(stream).await.ends_with("served"));
    }
    until(|| door.counters().connections == 0).await;
    assert!(all(ask(at, "/").await).await.ends_with("served"));
}

/// A client that had said something behind a request that waits, and then went away, kept its
/// connection and its request for as long as whoever was to answer liked.
#[tokio::test]
async fn who_goes_away_behind_a_request_that_waits_is_noticed() {
    const WAIT: &str = "GET /wait HTTP/1.1\r\nhost: a\r\n\r\n";
    let (door, at, _go) = two().await;
    for behind in ["", "G", WAIT] {
        let mut stream = TcpStream::connect(at).await.unwrap();
        let said = format!("{WAIT}{behind}");
        stream.write_all(said.as_bytes()).await.unwrap();
        until(|| door.inside().guests.values().any(|guest| guest.busy > 0)).await;
        drop(stream);
        until(|| door.counters().connections == 0).await;
    }
}

/// Whoever sends several requests at once gets several answers.
#[tokio::test]
async fn requests_behind_each_other_are_answered() {
    let (_door, at, go) = two().await;
    let mut stream = TcpStream::connect(at).await.unwrap();
    let one = "GET /wait HTTP/1.1\r\nhost: a\r\n\r\n";
    let last = "GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let said = format!("{one}{one}{last}");
    stream.write_all(said.as_bytes()).await.unwrap();
    go.cancel();
    assert_eq!(all(stream).await.matches("served").count(), 3);
}
