//! How long sessions take to be set up over real places, and how many are set up in a second.
//!
//! ```text
//! setups --hops 4 [--sessions 500] [--in-flight 64] [--through place|api] [--search-age "1 s"]
//!        [--rest 0] [--standing 0] [--above 0] [--waybook PROGRAM]
//! ```
//!
//! Brings up a row of places, each its own process, the server's at its top and the client's at its end, so many
//! edges apart; opens and closes sessions; takes the places down. The client's place is this very process, which
//! hands requests to it as the control API does; with `--through api` it is a process as the others are, and is
//! asked by HTTP. So many other sessions over the same places stand meanwhile (`--standing`), and so many places are
//! above the server's (`--above`), whose names are that much longer.
//!
//! Prints one line of JSON: how long a set-up took from the place taking the request to established, what whoever
//! asked saw of it, one at a time; how many were opened and closed in a second, with so many under way, and what
//! processor time that took of all places together; the memory of a place before and with those that stand.

mod here;
#[allow(dead_code, reason = "no program needs all of it")]
mod row;
mod shared;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use waybook_client::Client;
use waybook_client::model::OpenForm;
use waybook_place::io::Outcome;

use here::Here;
use row::Row;
use shared::{Failure, argument, number, quantile, rest};

/// Sessions before anything is measured.
const WARM_UP: usize = 50;

fn main() -> Result<(), Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(measure())
}

/// Who opens and closes sessions.
enum Door {
    Place(Box<Here>),
    Api(Client),
}

async fn measure() -> Result<(), Failure> {
    let through_api = match argument("--through").as_deref() {
        None | Some("place") => false,
        Some("api") => true,
        Some(other) => return Err(format!("--through {other}: say `place` or `api`").into()),
    };
    let waybook = argument("--waybook").map(PathBuf::from);
    let search_age = argument("--search-age").unwrap_or_else(|| "1 s".to_owned());
    let hops = number("--hops", 4);
    let row = Row::up(number("--above", 0), hops, waybook, &search_age)?;
    let door = match through_api {
        true => Door::Api(Client::from_folder(&row.client())?),
        false => Door::Place(Here::run(&row).await?.into()),
    };
    let done = open_and_close(&row, &door, hops).await;
    if let Door::Place(here) = door {
        here.stop().await?;
    }
    done
}

async fn open_and_close(row: &Row, door: &Door, hops: usize) -> Result<(), Failure> {
    let sessions = number("--sessions", 500);
    let in_flight = number("--in-flight", 64);
    let pause = number("--rest", 0);
    let standing = number("--standing", 0);
    let empty = row.memory()?;
    let left = Arc::new(AtomicUsize::new(standing));
    at_once(in_flight, &left, || async {
        let (session, _) = door.open().await?;
        door.claim(&session).await
    })
    .await?;
    let full = row.memory()?;

    let (mut there, mut here) = (Vec::new(), Vec::new());
    for at in 0..WARM_UP + sessions {
        rest(pause).await;
        let began = Instant::now();
        let (session, took) = door.open().await?;
        let seen = began.elapsed().as_secs_f64() * 1e6;
        if at >= WARM_UP {
            here.push(seen);
            there.push(took);
        }
        door.close(&session).await?;
    }

    let before = row.processor_time()?;
    let left = Arc::new(AtomicUsize::new(WARM_UP + sessions));
    let began = Instant::now();
    at_once(in_flight, &left, || async {
        let (session, _) = door.open().await?;
        door.close(&session).await
    })
    .await?;
    let all = (WARM_UP + sessions) as f64;
    let rate = all / began.elapsed().as_secs_f64();
    let processor = row.processor_time()?.since(&before);
    println!(
        "{{\"program\": \"setups\", \"through\": \"{}\", \"hops\": {hops}, \"in_flight\": {in_flight}, \
         \"median_us\": {:.1}, \"p10_us\": {:.1}, \"p90_us\": {:.1}, \"seen_median_us\": {:.1}, \
         \"per_second\": {rate:.0}, \"processor_us\": {:.1}, \"disk_processor_us\": {:.1}, \
         \"standing\": {standing}, \"place_kib\": {:.0}, \"place_own_kib\": {:.0}, \"session_bytes\": {:.0}}}",
        if matches!(door, Door::Api(_)) {
            "api"
        } else {
            "place"
        },
        quantile(&mut there, 0.5),
        quantile(&mut there, 0.1),
        quantile(&mut there, 0.9),
        quantile(&mut here, 0.5),
        processor.all / all,
        processor.records / all,
        empty.resident / 1024.0,
        empty.own / 1024.0,
        (full.own - empty.own) / standing.max(1) as f64,
    );
    Ok(())
}

/// Does something again and again, so many of them at a time, until nothing is left.
async fn at_once<F: Future<Output = Result<(), Failure>>>(
    in_flight: usize,
    left: &AtomicUsize,
    one: impl Fn() -> F,
) -> Result<(), Failure> {
    let all = (0..in_flight).map(|_| async {
        let next = || left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1));
        while next().is_ok() {
            one().await?;
        }
        Ok::<(), Failure>(())
    });
    futures_util::future::try_join_all(all).await?;
    Ok(())
}

impl Door {
    /// The session, and how long its set-up took in microseconds, as its place says.
    async fn open(&self) -> Result<(String, f64), Failure> {
        match self {
            Self::Place(here) => match here.open(row::TITLE).await? {
                Outcome::Established(established) => {
                    let took = established.took.as_secs_f64() * 1e6;
                    Ok((established.session.to_string(), took))
                }
                other => Err(format!("{other:?}").into()),
            },
            Self::Api(client) => {
                let form = OpenForm {
                    title: row::TITLE.to_owned(),
                    ..OpenForm::default()
                };
                let opened = client.open_quietly(&form).await?;
                Ok((opened.session, opened.took.micros as f64))
            }
        }
    }

    /// Somebody uses the session from now on.
    async fn claim(&self, session: &str) -> Result<(), Failure> {
        match self {
            Self::Place(here) => here.claim(session.parse()?),
            Self::Api(client) => client.claim(session).await?,
        }
        Ok(())
    }

    /// Returns when the end is on disk, as the control API does.
    async fn close(&self, session: &str) -> Result<(), Failure> {
        match self {
            Self::Place(here) => here.close(session.parse()?).await?,
            Self::Api(client) => client.close(session).await?,
        }
        Ok(())
    }
}
