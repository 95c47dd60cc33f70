//! A session over a row of real places, each a process, which stays open until standard input ends.
//!
//! ```text
//! session --hops 4 --origin 127.0.0.1:8090 [--component relay|middleware|both] [--waybook PROGRAM]
//! ```
//!
//! The server's place, at the top of the row, asks the origin by `upstream`; what is named stands at every hop
//! before it. `middleware` is a WebAssembly component of `wasi:http/middleware` that passes everything on. `both` opens a
//! session of either kind over the same places. Bandwidth is booked, and so bodies are counted and held to it as always.
//!
//! Prints one line of JSON: the sessions' URLs by component, and the processes. For each line `setups N` on standard
//! input it opens and closes so many sessions over the same places, one after another, and prints how long that took; for
//! each `first COMPONENT N` it opens so many with that component, and prints how long the first answer of a session took, and
//! how long a later one. For each `stand N` it opens so many more that stay.

#[allow(dead_code, reason = "no program needs all of it")]
mod row;
mod shared;

use std::io::BufRead;
use std::path::PathBuf;
use std::time::Instant;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use waybook_client::Client;
use waybook_client::model::OpenForm;

use row::Row;
use shared::{Failure, argument, number, quantile};

/// Passes everything on, as long as no bandwidth is set.
const COMPONENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/components/cap-quality");
/// Requests of a session after its first one, of which the median counts.
const LATER: usize = 5;
/// Sessions that are opened at one time where they are to stay.
const AT_ONCE: usize = 32;
/// More than the machine can do, so that shaping is at work and never waits.
const RATE: &str = "100 Gbit/s";

fn main() -> Result<(), Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(hold())
}

async fn hold() -> Result<(), Failure> {
    let hops = number("--hops", 4);
    let origin = argument("--origin").ok_or("say where the origin server is: --origin")?;
    let waybook = argument("--waybook").map(PathBuf::from);
    let kinds: &[&str] = match argument("--component").as_deref() {
        None | Some("relay") => &["relay"],
        Some("middleware") => &["middleware"],
        Some("both") => &["relay", "middleware"],
        Some(other) => return Err(format!("there is no component `{other}` here").into()),
    };
    let url = format!("http://{origin}/");
    let settings = format!(
        "[defaults.upstream]\nallow = [\"{url}\"]\n[defaults.code]\nunsigned = true\n\
         [defaults.timing]\nsearch-age = \"1 s\"\n"
    );
    let row = Row::with(0, hops, waybook, &settings)?;
    let client = Client::from_folder(&row.client())?;
    let mut urls = Vec::new();
    for kind in kinds {
        if *kind == "middleware" {
            row.waybook(&["component", "add", COMPONENT, "--at", &row.server()])?;
        }
        row.publish(&presentation(&row.server(), kind, &url))?;
        let opened = client.open_quietly(&form(&format!("bytes-{kind}"))).await?;
        client.claim(&opened.session).await?;
        let at = opened.urls.ok_or("no URL")?;
        urls.push(format!("\"{kind}\": \"{}\"", at.path));
    }
    row.publish_title()?;
    let processes: Vec<String> = row.processes()?.iter().map(ToString::to_string).collect();
    println!(
        "{{\"urls\": {{{}}}, \"processes\": [{}]}}",
        urls.join(", "),
        processes.join(", ")
    );
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["setups", count] => set_up(&client, count.parse()?).await?,
            ["first", kind, count] => first(&client, kind, count.parse()?).await?,
            ["stand", count] => stand(&client, count.parse()?).await?,
            _ => {
                let known = "`setups N`, `first COMPONENT N`, `stand N`";
                return Err(format!("`{line}` is none of {known}").into());
            }
        }
    }
    Ok(())
}

async fn set_up(client: &Client, count: usize) -> Result<(), Failure> {
    let mut took = Vec::new();
    for _ in 0..count {
        let opened = client.open_quietly(&form(row::TITLE)).await?;
        took.push(opened.took.micros as f64);
        client.close(&opened.session).await?;
    }
    println!(
        "{{\"setups\": {count}, \"median_us\": {:.1}, \"p90_us\": {:.1}}}",
        quantile(&mut took, 0.5),
        quantile(&mut took, 0.9)
    );
    Ok(())
}

/// Opens sessions that stay, some at a time.
async fn stand(client: &Client, count: usize) -> Result<(), Failure> {
    let one = |_| async {
        let opened = client.open_quietly(&form(row::TITLE)).await?;
        client.claim(&opened.session).await?;
        Ok::<(), Failure>(())
    };
    futures_util::stream::iter(0..count)
        .map(one)
        .buffer_unordered(AT_ONCE)
        .try_collect::<()>()
        .await?;
    println!("{{\"standing\": {count}}}");
    Ok(())
}

type Http = hyper_util::client::legacy::Client<HttpConnector, Empty<Bytes>>;

async fn first(client: &Client, kind: &str, count: usize) -> Result<(), Failure> {
    let http: Http = hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build_http();
    let (mut at_first, mut later) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let opened = client.open_quietly(&form(&format!("bytes-{kind}"))).await?;
        client.claim(&opened.session).await?;
        let url = opened.urls.ok_or("no URL")?.path;
        let url = format!("{}/bytes/1024", url.trim_end_matches('/'));
        at_first.push(one(&http, &url).await?);
        let mut others = Vec::new();
        for _ in 0..LATER {
            others.push(one(&http, &url).await?);
        }
        later.push(quantile(&mut others, 0.5));
        client.close(&opened.session).await?;
    }
    println!(
        "{{\"first_us\": {:.1}, \"later_us\": {:.1}}}",
        quantile(&mut at_first, 0.5),
        quantile(&mut later, 0.5)
    );
    Ok(())
}

/// How long one answer takes, in microseconds.
async fn one(http: &Http, url: &str) -> Result<f64, Failure> {
    let began = Instant::now();
    let answer = http.get(url.parse()?).await?;
    if answer.status() != 200 {
        return Err(format!("{url}: {}", answer.status()).into());
    }
    answer.into_body().collect().await?;
    Ok(began.elapsed().as_secs_f64() * 1e6)
}

fn form(title: &str) -> OpenForm {
    OpenForm {
        title: title.to_owned(),
        ..OpenForm::default()
    }
}

fn presentation(server: &str, kind: &str, url: &str) -> String {
    let (name, runtime) = match kind {
        "middleware" => ("cap-quality", "wasm"),
        _ => ("relay", "builtin"),
    };
    format!(
        "title = \"bytes-{kind}\"\nservers = [\"{server}\"]\n[[quality]]\nname = \"one\"\n\
         [quality.demand.edge]\nto-client = \"{RATE}\"\nto-server = \"{RATE}\"\n\
         [quality.demand.every-hop]\ncpu = \"2\"\nmemory = \"64 MiB\"\n\
         [[quality.component]]\nat = \"every-hop\"\nname = \"{name}\"\nruntime = \"{runtime}\"\n\
         [[quality.component]]\nat = \"server\"\nname = \"upstream\"\nruntime = \"builtin\"\n\
         config = {{ url = \"{url}\" }}\n"
    )
}
