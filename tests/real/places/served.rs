//! What the sessions bring: files that are checked byte by byte, through three kinds of chains,
//! and what each of them books where.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use waybook_client::model::{Amount, SessionInfo};
use waybook_location_tree::PlaceName;

/// Set where this executable is to be the program.
pub(crate) const BE: &str = "BE_THE_PROGRAM";

/// How many files there are, and how long the nth is: from one packet to many.
pub(crate) const FILES: usize = 6;

fn length(file: usize) -> usize {
    700 << (2 * file)
}

/// What the nth file holds: no two places of it are alike for long.
pub(crate) fn content(file: usize) -> Vec<u8> {
    let mut state = u32::try_from(file).unwrap() + 1;
    let mut byte = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    (0..length(file)).map(|_| byte()).collect()
}

pub(crate) fn file_name(file: usize) -> String {
    format!("part-{file}.bin")
}

/// Writes the files into a folder.
pub(crate) fn write_files(folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    for file in 0..FILES {
        std::fs::write(folder.join(file_name(file)), content(file)).unwrap();
    }
}

/// If the variable is set, serves the files as a program of a place until it is ended.
pub(crate) fn be_the_program() {
    if std::env::var_os(BE).is_none() {
        return;
    }
    let port: u16 = std::env::var("PORT").unwrap().parse().unwrap();
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    for stream in listener.incoming() {
        let stream = stream.unwrap();
        // Whoever breaks off is not the program's concern.
        std::thread::spawn(move || drop(answer(&stream)));
    }
}

fn answer(mut stream: &TcpStream) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    while let Some(first) = lines.next() {
        let first = first?;
        while lines
            .next()
            .transpose()?
            .is_some_and(|line| !line.is_empty())
        {}
        let path = first.split(' ').nth(1).unwrap_or_default();
        let file = (0..FILES).find(|file| path.ends_with(&file_name(*file)));
        let (status, body) = match file {
            Some(file) => ("200 OK", content(file)),
            None => ("404 Not Found", Vec::new()),
        };
        let length = body.len();
        write!(
            stream,
            "HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n"
        )?;
        stream.write_all(&body)?;
    }
    Ok(())
}

const MBIT: u64 = 1_000_000;

/// A quality: its name, what every edge carries to the client, the server's processor, and the
/// memory of every hop.
type Quality = (&'static str, u64, u64, u64);

const QUALITIES: [Quality; 2] = [
    ("high", 8 * MBIT, 300, 32 << 20),
    ("low", 3 * MBIT, 100, 24 << 20),
];

/// A title, where it is served, and its components.
pub(crate) type Title = (&'static str, &'static [&'static str], &'static str);

pub(crate) const TITLES: [Title; 3] = [
    ("film", &["r/b/y", "r/a/z"], RELAYED),
    ("program", &["r/b/w"], PROGRAM),
    ("brought", &["r/a/z", "r/b/w"], BROUGHT),
];

/// Whether it needs code that is brought along.
pub(crate) fn needs_code(title: &Title) -> bool {
    title.2 == BROUGHT
}

const RELAYED: &str = r#"
[[quality.component]]
at = "client"
name = "relay"
runtime = "builtin"
[[quality.component]]
at = "server"
name = "files"
runtime = "builtin"
config = { root = "FILES" }
"#;

const PROGRAM: &str = r#"
[[quality.component]]
at = "server"
name = "parts"
runtime = "process"
"#;

/// Code that is brought to the client's default place, and lets through what it knows not.
const BROUGHT: &str = r#"
[[quality.component]]
at = "default-place"
name = "cap-quality@^1"
runtime = "wasm"
config = { max-bandwidth = "400000" }
[[quality.component]]
at = "server"
name = "files"
runtime = "builtin"
config = { root = "FILES" }
"#;

/// A presentation file.
pub(crate) fn presentation(title: &str, components: &str, files: &Path) -> String {
    let mut text = format!("title = \"{title}\"\n");
    for (name, edge, cpu, memory) in QUALITIES {
        text += &format!(
            "[[quality]]\nname = \"{name}\"\n[quality.demand.edge]\nto-client = \"{edge} bit/s\"\n\
             to-server = \"{} bit/s\"\n[quality.demand.server]\ncpu = \"{cpu}m\"\n\
             [quality.demand.every-hop]\nmemory = \"{memory} B\"\n{}",
            edge / 10,
            components.replace("FILES", &files.display().to_string())
        );
    }
    text
}

/// Amounts by kind of resource.
pub(crate) type Amounts = BTreeMap<String, u64>;

pub(crate) fn amounts(list: &[Amount]) -> Amounts {
    let pairs = list.iter().map(|a| (a.resource.clone(), a.amount));
    pairs.filter(|(_, amount)| *amount > 0).collect()
}

/// What a session books at each place of its path, by its presentation alone.
pub(crate) fn demands(session: &SessionInfo) -> Vec<(PlaceName, Amounts)> {
    let quality = QUALITIES.iter().find(|(name, ..)| *name == session.quality);
    let (_, edge, cpu, memory) = *quality.expect("no other quality is published");
    let path: Vec<PlaceName> = session.path.iter().map(|p| p.parse().unwrap()).collect();
    let top = path.iter().map(PlaceName::depth).min().unwrap();
    let turn = path.iter().position(|p| p.depth() == top).unwrap();
    let at = |(hop, place): (usize, &PlaceName)| {
        let mut amounts = Amounts::from([("memory".to_owned(), memory)]);
        // The edge to the parent is a place's own, and the top's is not on the path.
        let (down, up) = match hop.cmp(&turn) {
            std::cmp::Ordering::Less => (edge, edge / 10),
            std::cmp::Ordering::Equal => (0, 0),
            std::cmp::Ordering::Greater => (edge / 10, edge),
        };
        amounts.insert("down".to_owned(), down);
        amounts.insert("up".to_owned(), up);
        if hop + 1 == path.len() {
            amounts.insert("cpu".to_owned(), cpu);
        }
        amounts.retain(|_, amount| *amount > 0);
        (place.clone(), amounts)
    };
    path.iter().enumerate().map(at).collect()
}

/// The longest that a file may take to come.
const LONGEST_FETCH: Duration = Duration::from_secs(15);

/// Fetches a file through a session; its length. Whatever goes wrong on the way, what is said
/// to be the whole file is the file.
pub(crate) async fn fetch(url: &str, file: usize) -> Result<usize, String> {
    let asking = ask(url, file);
    let answer = tokio::time::timeout(LONGEST_FETCH, asking).await;
    let (status, body) = answer.map_err(|_| "nothing came in time".to_owned())??;
    if status != 200 {
        let said = String::from_utf8_lossy(&body);
        return Err(format!("status {status}: {said}"));
    }
    assert!(body == content(file), "{url}: wrong bytes");
    Ok(body.len())
}

async fn ask(url: &str, file: usize) -> Result<(u16, Bytes), String> {
    let said = |error: &dyn fmt::Display| error.to_string();
    let rest = url.strip_prefix("http://").ok_or("no URL")?;
    let (host, path) = rest.split_once('/').ok_or("no path")?;
    let stream = tokio::net::TcpStream::connect(host).await;
    let stream = TokioIo::new(stream.map_err(|e| said(&e))?);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(stream)
        .await
        .map_err(|e| said(&e))?;
    tokio::spawn(connection);
    let request = Request::get(format!("/{path}{}", file_name(file)))
        .header("Host", host)
        .body(Empty::<Bytes>::new())
        .map_err(|e| said(&e))?;
    let answer = sender.send_request(request).await.map_err(|e| said(&e))?;
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.map_err(|e| said(&e))?;
    Ok((status, body.to_bytes()))
}
