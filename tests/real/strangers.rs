//! What strangers do to a place's three ports and to its files: all of it is refused, and the
//! place goes on serving others.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

use rand::Rng;
use waybook_client::{Client, Error, Runtime};
use waybook_sim::random::stream;

use crate::places::{Build, Kind, Places};
use crate::sessions;

fn places() -> Places {
    let kind = Kind {
        walls: false,
        code: false,
    };
    Places::up(kind, |_| Build::This)
}

/// Says something to a port, and waits until it is closed, or nothing comes.
fn say(at: SocketAddr, bytes: &[u8]) {
    let mut stream = connect(at);
    // It may be hung up on.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(std::net::Shutdown::Write);
    read(stream);
}

/// Says something to a port; what is answered until it is closed. It goes on listening: whoever
/// hangs up before the answer came is taken for gone, and may get none.
fn ask(at: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = connect(at);
    stream.write_all(bytes).unwrap();
    read(stream)
}

fn connect(at: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(at).unwrap();
    let long = Some(Duration::from_secs(60));
    stream.set_read_timeout(long).unwrap();
    stream.set_write_timeout(long).unwrap();
    stream
}

fn read(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn garbage_on_any_port_is_no_matter() {
    let places = places();
    let all = vec![sessions::open(&places, 3, "film")];
    let mut dice = stream(1, "garbage", 0);
    let runtime = Runtime::read(places.all()[3].data()).unwrap();
    let (api, gateway) = (runtime.api.unwrap(), runtime.gateway.unwrap());
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    for at in [places.quic(0), runtime.quic] {
        for length in (0..1500).step_by(3) {
            let mut packet = vec![0; length];
            dice.fill_bytes(&mut packet);
            // Half of them begin as a QUIC handshake does.
            if let Some(first) = packet.first_mut().filter(|_| length % 2 == 0) {
                *first = 0xc3;
                let rest = packet.len().min(6);
                packet[1..rest].copy_from_slice(&[0, 0, 0, 1, 8][..rest - 1]);
            }
            socket.send_to(&packet, at).unwrap();
        }
    }
    for at in [api, gateway] {
        for length in [1, 10, 1000, 100_000] {
            let mut bytes = vec![0; length];
            dice.fill_bytes(&mut bytes);
            say(at, &bytes);
        }
        let long = format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", "x".repeat(1 << 20));
        say(at, long.as_bytes());
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(100_000));
        say(at, many.as_bytes());
        say(at, b"GET /../../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n");
        say(
            at,
            b"POST / HTTP/1.1\r\nContent-Length: 18446744073709551615\r\n\r\nx",
        );
        say(
            at,
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\x00\x00\x00\x00\x00\x00",
        );
    }
    // Connections that are opened and say nothing.
    let silent: Vec<_> = (0..300).map(|_| TcpStream::connect(gateway)).collect();
    sessions::stand(&places, &all);
    sessions::work(&all);
    drop(silent);
    sessions::end(&places, all);
}

#[test]
fn without_its_token_a_place_tells_and_does_nothing() {
    let places = places();
    let all = vec![sessions::open(&places, 3, "film")];
    let runtime = Runtime::read(places.all()[3].data()).unwrap();
    let api = runtime.api.unwrap();
    let url = format!("http://{api}");
    let right = std::fs::read_to_string(places.all()[3].data().join("token")).unwrap();
    let right = right.trim();
    let other = std::fs::read_to_string(places.all()[4].data().join("token")).unwrap();
    let wrong = [
        "",
        "x",
        other.trim(),
        &right[1..],
        &format!("{right}0"),
        &right.to_uppercase(),
    ];
    for token in wrong {
        if token == right {
            continue;
        }
        let client = Client::new(&url, token).unwrap();
        let refusals = [
            places.ask(client.place()).map(drop),
            places.ask(client.sessions()).map(drop),
            places.ask(client.close(&all[0].id)),
            places.ask(client.withdraw("film")),
            places
                .ask(client.at("r".parse().unwrap()).place())
                .map(drop),
        ];
        for refusal in refusals {
            match refusal {
                Err(Error::Problem(problem)) => assert_eq!(problem.status, 401, "{problem}"),
                other => panic!("`{token}`: {other:?}"),
            }
        }
    }
    let asked = ask(
        api,
        b"GET /api/v1/place HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    );
    assert!(asked.starts_with("HTTP/1.1 401 "), "{asked}");
    sessions::stand(&places, &all);
    sessions::end(&places, all);
}

/// Another user of the machine reads neither keys nor tokens, nor anything else that is kept.
#[test]
fn another_user_reads_nothing() {
    let places = places();
    let data = places.all()[3].data();
    let nobody = |file: &std::path::Path| {
        let mut command = Command::new("cat");
        command.arg(file).uid(65534).gid(65534).output()
    };
    let hostname = nobody("/proc/self/stat".as_ref());
    let Ok(true) = hostname.map(|output| output.status.success()) else {
        assert!(
            std::env::var_os("WAYBOOK_REQUIRE_ALL").is_none(),
            "WAYBOOK_REQUIRE_ALL is set, and only root can be somebody else"
        );
        eprintln!("SKIPPED: only root can be somebody else");
        return;
    };
    // As if the folder lay where everybody may go.
    let mut above = data.parent();
    while let Some(folder) = above.filter(|folder| folder.starts_with(std::env::temp_dir())) {
        let _ =
            std::fs::set_permissions(folder, std::os::unix::fs::PermissionsExt::from_mode(0o755));
        above = folder.parent().filter(|up| *up != std::env::temp_dir());
    }
    for file in [
        "token",
        "gateway-secret",
        "records.redb",
        "runtime.json",
        "version",
        "identity/place.key",
        "identity/place.crt",
    ] {
        let file = data.join(file);
        assert!(file.exists(), "{file:?}");
        let read = nobody(&file).unwrap();
        let said = String::from_utf8_lossy(&read.stderr);
        assert!(!read.status.success() && read.stdout.is_empty(), "{file:?}");
        assert!(said.contains("Permission denied"), "{file:?}: {said}");
    }
}
