//! What an agent costs that goes round and round, and what one costs that waits.
//!
//! ```text
//! agents round [--tries 60] [--set-ups 200] [--in-flight 50] [--waybook PROGRAM]
//! agents wait [--waiting 1000] [--waybook PROGRAM]
//! ```
//!
//! `round`: a place with three others below it, each a process; every solution of the title asks for more than any of
//! the three has, so the agent goes to one after the other until none is left. Prints one line of JSON: how long one try
//! took, that is the way there, the refusal and the way back, of one set-up alone; how many tries there were in a second
//! with so many set-ups under way; and how many bytes the plan had that an agent brought along, on average.
//!
//! `wait`: four places in a row, of which the server's is stopped. So many agents wait at each place in between: next to the
//! server until it takes them, at the other one for an answer. Prints how many bytes of memory one of them takes there,
//! what it holds included.

#[allow(dead_code, reason = "no program needs all of it")]
mod here;
#[allow(dead_code, reason = "no program needs all of it")]
mod row;
mod shared;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use waybook_agents::wire;
use waybook_client::Client;
use waybook_place::io::Outcome;
use waybook_plan::Plan;

use here::Here;
use row::Row;
use shared::{Failure, argument, number, quantile};

/// Set-ups before anything is measured.
const WARM_UP: usize = 20;
/// The places that refuse.
const REFUSING: usize = 3;
/// How long it may take until all agents wait where they should, or all places know each other.
const GATHERED: Duration = Duration::from_secs(30);
/// Between one look and the next.
const MOMENT: Duration = Duration::from_millis(20);

fn main() -> Result<(), Failure> {
    let what = std::env::args().nth(1);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    match what.as_deref() {
        Some("round") => runtime.block_on(round()),
        Some("wait") => runtime.block_on(wait()),
        _ => Err("say `round` or `wait`".into()),
    }
}

// Agents that go round.

async fn round() -> Result<(), Failure> {
    let tries = number("--tries", 60).next_multiple_of(REFUSING);
    let set_ups = number("--set-ups", 200);
    let in_flight = number("--in-flight", 50);
    let waybook = argument("--waybook").map(PathBuf::from);
    let row = Row::star(
        REFUSING,
        waybook,
        // By quality first, so that one place comes after the other.
        "[defaults]\nstrategy = \"best-quality\"\n[defaults.timing]\nsearch-age = \"1 s\"\n",
    )?;
    row.publish(&refused_by_all(&row, tries / REFUSING))?;
    let here = Here::run(&row).await?;
    let done = go_round(&here, tries, set_ups, in_flight).await;
    here.stop().await?;
    done
}

async fn go_round(
    here: &Here,
    tries: usize,
    set_ups: usize,
    in_flight: usize,
) -> Result<(), Failure> {
    // Its place is a new life, which has to hear from all of them first.
    let began = Instant::now();
    let mut plan = loop {
        match tried(here, tries).await {
            Ok(plan) => break plan,
            Err(_) if began.elapsed() < GATHERED => tokio::time::sleep(MOMENT).await,
            Err(error) => return Err(error),
        }
    };
    let bytes = brought_along(&mut plan)?;
    let mut took = Vec::with_capacity(set_ups);
    for at in 0..WARM_UP + set_ups {
        let began = Instant::now();
        tried(here, tries).await?;
        if at >= WARM_UP {
            took.push(began.elapsed().as_secs_f64() * 1e6 / tries as f64);
        }
    }
    let began = Instant::now();
    let each = set_ups.div_ceil(in_flight);
    let all = (0..in_flight).map(|_| async {
        for _ in 0..each {
            tried(here, tries).await?;
        }
        Ok::<(), Failure>(())
    });
    futures_util::future::try_join_all(all).await?;
    let rate = (each * in_flight * tries) as f64 / began.elapsed().as_secs_f64();
    println!(
        "{{\"program\": \"agents round\", \"tries\": {tries}, \"in_flight\": {in_flight}, \
         \"median_us\": {:.1}, \"p10_us\": {:.1}, \"p90_us\": {:.1}, \"per_second\": {rate:.0}, \
         \"plan_bytes\": {bytes}}}",
        quantile(&mut took, 0.5),
        quantile(&mut took, 0.1),
        quantile(&mut took, 0.9),
    );
    Ok(())
}

/// A title in so many qualities, none of which any place has enough for.
fn refused_by_all(row: &Row, qualities: usize) -> String {
    let servers: Vec<_> = row.others().map(|name| format!("\"{name}\"")).collect();
    let mut title = format!(
        "title = \"{}\"\nservers = [{}]\n",
        row::TITLE,
        servers.join(", ")
    );
    for number in 0..qualities {
        title.push_str(&format!(
            "[[quality]]\nname = \"q{number}\"\n\
             [quality.demand.edge]\nto-client = \"1 Mbit/s\"\nto-server = \"10 kbit/s\"\n\
             [quality.demand.server]\ncpu = \"{}\"\n",
            2_000 + qualities - number
        ));
    }
    title
}

/// Lets one agent try everything in vain. The plan that it had.
async fn tried(here: &Here, tries: usize) -> Result<Plan, Failure> {
    match here.open(row::TITLE).await? {
        Outcome::Refused { refused, plan, .. }
            if plan.solutions.len() == tries && refused.len() == tries =>
        {
            Ok(plan)
        }
        other => Err(format!("not refused {tries} times: {other:?}").into()),
    }
}

/// The mean size of a plan as it gets shorter: an agent takes along what it has not tried.
fn brought_along(plan: &mut Plan) -> Result<usize, Failure> {
    let (all, mut bytes) = (plan.solutions.len(), 0);
    while !plan.solutions.is_empty() {
        bytes += wire::encode_record(plan).len();
        plan.solutions.remove(0);
    }
    Ok(bytes / all)
}

// Agents that wait.

async fn wait() -> Result<(), Failure> {
    let waiting = number("--waiting", 1000);
    let waybook = argument("--waybook").map(PathBuf::from);
    // Nobody gives up before all are there.
    let settings = "[defaults.timing]\nsearch-age = \"60 s\"\nturn = \"60 s\"\nsetup-lease = \"60 s\"\n\
                    [defaults.transport]\nidle-timeout = \"60 s\"\n";
    let row = Row::with(0, 3, waybook, settings)?;
    row.publish_title()?;
    let here = Here::run(&row).await?;
    let done = let_wait(&row, &here, waiting).await;
    // It can be stopped only when it runs.
    row.continue_server()?;
    here.stop().await?;
    done
}

async fn let_wait(row: &Row, here: &Here, waiting: usize) -> Result<(), Failure> {
    for _ in 0..WARM_UP {
        established(here).await?;
    }
    let between = row.between().map(|folder| Client::from_folder(&folder));
    let between = between.collect::<Result<Vec<_>, _>>()?;
    let empty = row.memory()?;
    row.stop_server()?;
    let all = futures_util::future::try_join_all((0..waiting).map(|_| established(here)));
    let look = async {
        let began = Instant::now();
        for place in &between {
            while held(place).await? < waiting as u64 {
                if began.elapsed() > GATHERED {
                    let there = held(place).await?;
                    return Err(format!("only {there} of {waiting} agents wait").into());
                }
                tokio::time::sleep(MOMENT).await;
            }
        }
        let full = row.memory();
        row.continue_server()?;
        full
    };
    let (full, _) = futures_util::future::try_join(look, all).await?;
    println!(
        "{{\"program\": \"agents wait\", \"waiting\": {waiting}, \"agent_bytes\": {:.0}}}",
        (full.own - empty.own) / waiting as f64
    );
    Ok(())
}

/// A session from beginning to end.
async fn established(here: &Here) -> Result<(), Failure> {
    match here.open(row::TITLE).await? {
        Outcome::Established(established) => here.close(established.session).await,
        other => Err(format!("{other:?}").into()),
    }
}

/// How many agents hold what the title books at every hop, a MiB of memory, at that place.
async fn held(place: &Client) -> Result<u64, Failure> {
    let resources = place.place().await?.resources;
    let memory = resources.iter().find(|r| r.resource == "memory");
    Ok(memory.map_or(0, |memory| memory.held.amount) >> 20)
}
