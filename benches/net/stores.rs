//! What a central store does of the same: so many keys booked in one step, and given back.
//!
//! ```text
//! stores redis|etcd ADDRESS [--keys 5] [--bookings 20000] [--in-flight 64]
//! ```
//!
//! Redis counts what is free under each key; a script takes of all of them, or of none. In etcd a booking is a key of
//! its own under each place; a transaction puts all of them if none is there yet, and looks at no capacity,
//! which only makes it faster. All goes over one connection, unencrypted. Prints one line of JSON: how long one
//! booking took when there was no other, and how many were booked and given back in a second.

mod shared;

use std::collections::VecDeque;
use std::time::Instant;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::task::JoinSet;

use shared::{Failure, number, quantile};

/// Bookings before anything is measured.
const WARM_UP: usize = 200;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1).filter(|a| a != "--bench");
    let store = arguments.next().ok_or("which store?")?;
    let address = arguments.next().ok_or("where is it?")?;
    let keys = number("--keys", 5);
    let bookings = number("--bookings", 20_000);
    let in_flight = number("--in-flight", 64);
    let (median, rate) = match store.as_str() {
        "redis" => redis(&address, keys, bookings, in_flight).await?,
        "etcd" => etcd(&address, keys, bookings, in_flight).await?,
        other => return Err(format!("there is no store `{other}`").into()),
    };
    println!(
        "{{\"program\": \"{store}\", \"keys\": {keys}, \"in_flight\": {in_flight}, \"median_us\": {median:.1}, \
         \"per_second\": {rate:.0}}}"
    );
    Ok(())
}

// Redis.

const BOOK: &str = "for _, key in ipairs(KEYS) do \
    if tonumber(redis.call('GET', key)) < tonumber(ARGV[1]) then return 0 end end \
    for _, key in ipairs(KEYS) do redis.call('DECRBY', key, ARGV[1]) end return 1";
const GIVE_BACK: &str =
    "for _, key in ipairs(KEYS) do redis.call('INCRBY', key, ARGV[1]) end return 1";

struct Redis {
    send: OwnedWriteHalf,
    receive: BufReader<OwnedReadHalf>,
}

impl Redis {
    /// The next reply, a status, a number or a string. Errors are errors.
    async fn reply(&mut self) -> Result<String, Failure> {
        let line = self.line().await?;
        match line.split_at(1) {
            ("$", _) => self.line().await,
            ("-", what) => Err(what.to_owned().into()),
            (_, value) => Ok(value.to_owned()),
        }
    }

    async fn line(&mut self) -> Result<String, Failure> {
        let mut line = Vec::new();
        loop {
            match self.receive.read_u8().await? {
                b'\n' => return Ok(String::from_utf8(line)?.trim_end().to_owned()),
                byte => line.push(byte),
            }
        }
    }
}

fn command(words: &[String]) -> Vec<u8> {
    let mut out = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        out.extend_from_slice(format!("${}\r\n{word}\r\n", word.len()).as_bytes());
    }
    out
}

async fn redis(
    address: &str,
    keys: usize,
    bookings: usize,
    in_flight: usize,
) -> Result<(f64, f64), Failure> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (receive, send) = stream.into_split();
    let receive = BufReader::new(receive);
    let mut redis = Redis { send, receive };
    let names: Vec<_> = (0..keys).map(|key| format!("place{key}")).collect();
    for name in &names {
        let set = ["SET", name.as_str(), "1000000000"].map(str::to_owned);
        redis.send.write_all(&command(&set)).await?;
        redis.reply().await?;
    }
    let mut scripts = Vec::new();
    for script in [BOOK, GIVE_BACK] {
        let load = ["SCRIPT", "LOAD", script].map(str::to_owned);
        redis.send.write_all(&command(&load)).await?;
        let digest = redis.reply().await?;
        let mut words = vec!["EVALSHA".to_owned(), digest, keys.to_string()];
        words.extend(names.iter().cloned());
        words.push("5".to_owned());
        scripts.push(command(&words));
    }

    let mut took = Vec::new();
    for _ in 0..WARM_UP + bookings / 10 {
        let began = Instant::now();
        redis.send.write_all(&scripts[0]).await?;
        let booked = redis.reply().await?;
        took.push(began.elapsed().as_secs_f64() * 1e6);
        assert_eq!(booked, "1");
        redis.send.write_all(&scripts[1]).await?;
        redis.reply().await?;
    }

    // A reply makes room for the next step of the same booking, or for the next booking.
    let began = Instant::now();
    let mut steps = VecDeque::new();
    let (mut begun, mut done) = (0, 0);
    let mut out = Vec::new();
    while done < bookings {
        while begun < bookings && steps.len() < in_flight {
            out.extend_from_slice(&scripts[0]);
            steps.push_back(0);
            begun += 1;
        }
        redis.send.write_all(&out).await?;
        out.clear();
        // All that has come, and at least one.
        loop {
            let booked = redis.reply().await?;
            assert_eq!(booked, "1");
            if steps.pop_front() == Some(0) {
                out.extend_from_slice(&scripts[1]);
                steps.push_back(1);
            } else {
                done += 1;
            }
            if redis.receive.buffer().is_empty() {
                break;
            }
        }
    }
    let rate = bookings as f64 / began.elapsed().as_secs_f64();
    Ok((quantile(&mut took[WARM_UP..], 0.5), rate))
}

// etcd, by its gRPC interface (etcdserverpb.KV, version 3).

#[derive(Clone, PartialEq, Message)]
struct Txn {
    #[prost(message, repeated, tag = "1")]
    compare: Vec<Compare>,
    #[prost(message, repeated, tag = "2")]
    success: Vec<Operation>,
}

#[derive(Clone, PartialEq, Message)]
struct Compare {
    /// EQUAL is 0.
    #[prost(int32, tag = "1")]
    result: i32,
    /// VERSION is 0; a key that is not there has version 0.
    #[prost(int32, tag = "2")]
    target: i32,
    #[prost(bytes = "vec", tag = "3")]
    key: Vec<u8>,
    #[prost(int64, optional, tag = "4")]
    version: Option<i64>,
}

#[derive(Clone, PartialEq, Message)]
struct Operation {
    #[prost(message, optional, tag = "2")]
    put: Option<Put>,
    #[prost(message, optional, tag = "3")]
    delete: Option<Delete>,
}

#[derive(Clone, PartialEq, Message)]
struct Put {
    #[prost(bytes = "vec", tag = "1")]
    key: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct Delete {
    #[prost(bytes = "vec", tag = "1")]
    key: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct Answer {
    #[prost(bool, tag = "2")]
    succeeded: bool,
}

/// The keys of one booking.
fn etcd_keys(keys: usize, booking: usize) -> impl Iterator<Item = Vec<u8>> {
    (0..keys).map(move |key| format!("place{key}/session{booking}").into_bytes())
}

fn book(keys: usize, booking: usize) -> Txn {
    let absent = |key| Compare {
        result: 0,
        target: 0,
        key,
        version: Some(0),
    };
    let put = |key| Operation {
        put: Some(Put {
            key,
            value: b"5".to_vec(),
        }),
        delete: None,
    };
    Txn {
        compare: etcd_keys(keys, booking).map(absent).collect(),
        success: etcd_keys(keys, booking).map(put).collect(),
    }
}

fn give_back(keys: usize, booking: usize) -> Txn {
    let delete = |key| Operation {
        put: None,
        delete: Some(Delete { key }),
    };
    Txn {
        compare: Vec::new(),
        success: etcd_keys(keys, booking).map(delete).collect(),
    }
}

/// Has a transaction done.
async fn commit(
    sender: &SendRequest<Full<Bytes>>,
    address: &str,
    txn: &Txn,
) -> Result<(), Failure> {
    let mut body = vec![0];
    let length = u32::try_from(txn.encoded_len())?;
    body.extend_from_slice(&length.to_be_bytes());
    txn.encode(&mut body)?;
    let request = http::Request::post(format!("http://{address}/etcdserverpb.KV/Txn"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(Full::new(Bytes::from(body)))?;
    let answer = sender
        .clone()
        .send_request(request)
        .await?
        .collect()
        .await?;
    let answer = answer.to_bytes();
    let answer = Answer::decode(answer.get(5..).ok_or("no answer")?)?;
    match answer.succeeded {
        true => Ok(()),
        false => Err("a transaction was refused".into()),
    }
}

async fn etcd(
    address: &str,
    keys: usize,
    bookings: usize,
    in_flight: usize,
) -> Result<(f64, f64), Failure> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
    tokio::spawn(connection);

    let alone = WARM_UP + bookings / 10;
    let mut took = Vec::new();
    for booking in 0..alone {
        let began = Instant::now();
        commit(&sender, address, &book(keys, booking)).await?;
        took.push(began.elapsed().as_secs_f64() * 1e6);
        commit(&sender, address, &give_back(keys, booking)).await?;
    }

    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for task in 0..in_flight {
        let (sender, address) = (sender.clone(), address.to_owned());
        tasks.spawn(async move {
            for booking in (task..bookings).step_by(in_flight) {
                let booking = alone + booking;
                commit(&sender, &address, &book(keys, booking)).await?;
                commit(&sender, &address, &give_back(keys, booking)).await?;
            }
            Ok::<(), Failure>(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    let rate = bookings as f64 / began.elapsed().as_secs_f64();
    Ok((quantile(&mut took[WARM_UP..], 0.5), rate))
}
