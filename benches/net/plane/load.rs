//! Clients that ask for the same again and again, each on a connection of its own that it keeps.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::LocalSet;

use crate::shared::{Failure, argument, number, quantile};

/// What was seen while it counted.
#[derive(Default)]
struct Seen {
    took: Vec<f64>,
    bytes: u64,
    /// All answers, also those before it counted.
    all: u64,
}

/// What all clients do.
struct Task {
    url: Uri,
    size: u64,
    begin: Instant,
    end: Instant,
    seen: RefCell<Seen>,
}

pub(crate) async fn measure(url: &str) -> Result<(), Failure> {
    let size = number("--size", 1024);
    let clients = number("--clients", 64);
    let time = seconds("--seconds", 2.0)?;
    let warm_up = seconds("--warm-up", 0.3)?;
    let began = Instant::now() + warm_up;
    let task = Rc::new(Task {
        url: format!("{}/bytes/{size}", url.trim_end_matches('/')).parse()?,
        size: size as u64,
        begin: began,
        end: began + time,
        seen: RefCell::default(),
    });
    let local = LocalSet::new();
    let all: Vec<_> = (0..clients)
        .map(|_| local.spawn_local(client(Rc::clone(&task))))
        .collect();
    local
        .run_until(async {
            for one in all {
                one.await??;
            }
            Ok::<_, Failure>(())
        })
        .await?;
    let seen = task.seen.take();
    let all = seen.all;
    let (answers, mut took, time) = (seen.took.len(), seen.took, time.as_secs_f64());
    let mut time_of = |at| match answers {
        0 => "null".to_owned(),
        _ => format!("{:.1}", quantile(&mut took, at)),
    };
    println!(
        "{{\"program\": \"load\", \"size\": {size}, \"clients\": {clients}, \"per_second\": {:.1}, \
         \"p50_us\": {}, \"p99_us\": {}, \"mb_per_second\": {:.2}, \"answers\": {answers}, \"all\": {all}}}",
        answers as f64 / time,
        time_of(0.5),
        time_of(0.99),
        seen.bytes as f64 / 1e6 / time,
    );
    Ok(())
}

fn seconds(name: &str, default: f64) -> Result<Duration, Failure> {
    let text = argument(name);
    let number = text.map_or(Ok(default), |text| text.parse())?;
    Ok(Duration::try_from_secs_f64(number)?)
}

/// Asks until the time is over.
async fn client(task: Rc<Task>) -> Result<(), Failure> {
    let host = task.url.host().ok_or("a URL without a host")?;
    let port = task.url.port_u16().unwrap_or(80);
    let stream = TcpStream::connect((host, port)).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
    let connection = tokio::task::spawn_local(connection);
    while Instant::now() < task.end {
        tokio::select! {
            asked = ask(&task, &mut sender) => asked?,
            () = tokio::time::sleep_until(task.end.into()) => {}
        }
    }
    connection.abort();
    Ok(())
}

async fn ask(task: &Task, sender: &mut SendRequest<Empty<Bytes>>) -> Result<(), Failure> {
    let authority = task
        .url
        .authority()
        .map_or("", |authority| authority.as_str());
    let path = task.url.path_and_query().map_or("/", |path| path.as_str());
    let request = Request::get(path).header("host", authority);
    let began = Instant::now();
    sender.ready().await?;
    let answer = sender.send_request(request.body(Empty::new())?).await?;
    if answer.status() != 200 {
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        return Err(format!("{status}: {}", String::from_utf8_lossy(&body)).into());
    }
    let mut body = answer.into_body();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let bytes = frame?.data_ref().map_or(0, |data| data.len() as u64);
        length += bytes;
        let now = Instant::now();
        if task.begin <= now && now < task.end {
            task.seen.borrow_mut().bytes += bytes;
        }
    }
    if length != task.size {
        return Err(format!("{length} bytes in place of {}", task.size).into());
    }
    let now = Instant::now();
    let mut seen = task.seen.borrow_mut();
    seen.all += 1;
    if task.begin <= now && now < task.end {
        seen.took.push((now - began).as_secs_f64() * 1e6);
    }
    Ok(())
}
