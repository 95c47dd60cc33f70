//! The limit of an agent's walk on this stack: processes in a row with warm, mutually authenticated QUIC
//! connections. A message goes from one to the next until the last, and a short answer comes back. Nothing is
//! decided on the way.
//!
//! ```text
//! chain --hops 4 [--messages 2000] [--in-flight 64] [--size 1024] [--answer 64] [--rest 0]
//! ```
//!
//! Prints one line of JSON: how long one message took with its answer, when there was no other, and how many
//! came back in a second, with so many under way.

mod identity;
mod shared;

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use quinn::{Connection, Endpoint, RecvStream, SendStream, TransportConfig};

use identity::{NAME, certify};
use shared::{Failure, argument, number, quantile, rest};

/// The greatest UDP payload that is accepted, in bytes.
const MTU: u16 = 1472;
/// Messages before anything is measured.
const WARM_UP: usize = 500;

fn main() -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let hop = argument("--hop");
    match hop {
        Some(folder) => runtime.block_on(hop_of(Path::new(&folder), argument("--next"))),
        None => runtime.block_on(measure()),
    }
}

// One hop.

/// Takes one connection, and passes on what comes by it: to the next hop, or back.
async fn hop_of(folder: &Path, next: Option<String>) -> Result<(), Failure> {
    let endpoint = endpoint(folder)?;
    let next = match next {
        Some(address) => Some(dial(&endpoint, address.parse()?).await?),
        None => None,
    };
    println!("{}", endpoint.local_addr()?);
    std::io::stdout().flush()?;
    let incoming = endpoint.accept().await.ok_or("closed")?;
    let connection = incoming.await?;
    let (mut back, mut from) = connection.accept_bi().await?;
    let answer = vec![0; number("--answer", 64)];
    match next {
        None => {
            let mut frames = Frames::default();
            let mut out = Vec::new();
            while frames.read(&mut from).await? {
                while let Some((id, _)) = frames.next() {
                    put(&mut out, id, &answer);
                }
                back.write_all(&out).await?;
                out.clear();
            }
        }
        Some((_connection, mut on, mut answers)) => {
            tokio::spawn(async move {
                let _ = relay(&mut answers, &mut back).await;
            });
            relay(&mut from, &mut on).await?;
        }
    }
    Ok(())
}

/// Passes on whole frames, as many at a time as have come.
async fn relay(from: &mut RecvStream, to: &mut SendStream) -> Result<(), Failure> {
    let mut frames = Frames::default();
    let mut out = Vec::new();
    while frames.read(from).await? {
        while let Some((id, body)) = frames.next() {
            put(&mut out, id, body);
        }
        to.write_all(&out).await?;
        out.clear();
    }
    Ok(())
}

/// A frame: the length of the body, a number that names the message, the body.
fn put(out: &mut Vec<u8>, id: u64, body: &[u8]) {
    let length = u32::try_from(body.len()).expect("short bodies");
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&id.to_be_bytes());
    out.extend_from_slice(body);
}

/// What has come by a stream.
#[derive(Default)]
struct Frames {
    buffer: Vec<u8>,
    at: usize,
}

impl Frames {
    /// Waits for more. False at the end.
    async fn read(&mut self, from: &mut RecvStream) -> Result<bool, Failure> {
        self.buffer.drain(..self.at);
        self.at = 0;
        let Some(chunk) = from.read_chunk(64 << 10, true).await? else {
            return Ok(false);
        };
        self.buffer.extend_from_slice(&chunk.bytes);
        Ok(true)
    }

    fn next(&mut self) -> Option<(u64, &[u8])> {
        let rest = &self.buffer[self.at..];
        let (length, rest) = rest.split_first_chunk()?;
        let (id, rest) = rest.split_first_chunk()?;
        let length = u32::from_be_bytes(*length) as usize;
        let body = rest.get(..length)?;
        self.at += 12 + length;
        Some((u64::from_be_bytes(*id), body))
    }
}

/// One with QUIC's own packets and windows.
fn endpoint(folder: &Path) -> Result<Endpoint, Failure> {
    identity::endpoint(folder, TransportConfig::default(), MTU)
}

async fn dial(
    endpoint: &Endpoint,
    address: SocketAddr,
) -> Result<(Connection, SendStream, RecvStream), Failure> {
    let connection = endpoint.connect(address, NAME)?.await?;
    let (send, receive) = connection.open_bi().await?;
    Ok((connection, send, receive))
}

// The one who asks.

/// The other processes; none is left when this goes.
struct Row(Vec<Child>);

impl Drop for Row {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

async fn measure() -> Result<(), Failure> {
    let hops = number("--hops", 4);
    let messages = number("--messages", 2000);
    let in_flight = number("--in-flight", 64);
    let size = number("--size", 1024);
    let pause = number("--rest", 0);
    let folder = Folder::new()?;
    certify(&folder.0)?;
    let (_row, first) = start(&folder.0, hops)?;
    let endpoint = endpoint(&folder.0)?;
    let (_connection, mut send, mut receive) = dial(&endpoint, first).await?;
    let body = vec![0; size];
    let mut frames = Frames::default();

    let mut took = Vec::with_capacity(messages);
    for id in 0..WARM_UP + messages {
        let mut frame = Vec::new();
        put(&mut frame, id as u64, &body);
        rest(pause).await;
        let began = Instant::now();
        send.write_all(&frame).await?;
        while frames.next().is_none() {
            frames.read(&mut receive).await?;
        }
        if id >= WARM_UP {
            took.push(began.elapsed().as_secs_f64() * 1e6);
        }
    }

    let mut waiting = HashMap::new();
    let (mut sent, mut come) = (0, 0);
    let mut began = Instant::now();
    let all = WARM_UP + messages;
    let mut out = Vec::new();
    while come < all {
        while sent < all && waiting.len() < in_flight {
            put(&mut out, sent as u64, &body);
            waiting.insert(sent as u64, ());
            sent += 1;
        }
        send.write_all(&out).await?;
        out.clear();
        frames.read(&mut receive).await?;
        while let Some((id, _)) = frames.next() {
            waiting.remove(&id).ok_or("an answer to nothing")?;
            come += 1;
            if come == WARM_UP {
                began = Instant::now();
            }
        }
    }
    let rate = messages as f64 / began.elapsed().as_secs_f64();
    println!(
        "{{\"program\": \"chain\", \"hops\": {hops}, \"in_flight\": {in_flight}, \"median_us\": {:.1}, \
         \"p10_us\": {:.1}, \"p90_us\": {:.1}, \"per_second\": {rate:.0}}}",
        quantile(&mut took, 0.5),
        quantile(&mut took, 0.1),
        quantile(&mut took, 0.9)
    );
    Ok(())
}

/// Starts that many hops, the last one first; where the first one is.
fn start(folder: &Path, hops: usize) -> Result<(Row, SocketAddr), Failure> {
    let mut row = Row(Vec::new());
    let mut next: Option<SocketAddr> = None;
    for _ in 0..hops.max(1) {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("--hop").arg(folder);
        if let Some(next) = next {
            command.args(["--next", &next.to_string()]);
        }
        command.args(["--answer", &number("--answer", 64).to_string()]);
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let stdout = child.stdout.take().ok_or("no output")?;
        row.0.push(child);
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        next = Some(line.trim().parse()?);
    }
    Ok((row, next.ok_or("no hops")?))
}

/// A folder that goes when this does.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self, Failure> {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let unique = since.unwrap_or(Duration::ZERO).as_nanos();
        let path = std::env::temp_dir().join(format!("chain-{}-{unique}", std::process::id()));
        std::fs::create_dir(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
