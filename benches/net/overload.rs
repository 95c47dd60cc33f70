//! More set-ups than a place can do.
//!
//! ```text
//! overload [--times 10] [--seconds 8] [--share 10] [--waybook PROGRAM]
//! ```
//!
//! Three places in a row, of which the server's runs for a part of the time only (`--share`, in hundredths), so that it is the
//! one that is late, not the machine. First as many sessions as can be are opened and closed with 64 under way:
//! that is what the place sustains. Then so many times as many are asked for, whatever becomes of them; after that, half of
//! what it sustains.
//!
//! Prints one line of JSON: what is sustained in a second; what succeeds of the crowd, in a second; and of those who ask in
//! the first and in the last second after the crowd has gone, how many succeed, and how long they wait.

#[allow(dead_code, reason = "no program needs all of it")]
mod here;
#[allow(dead_code, reason = "no program needs all of it")]
mod row;
mod shared;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use rustix::process::{Pid, Signal, kill_process};
use waybook_place::io::Outcome;

use here::Here;
use row::Row;
use shared::{Failure, argument, number, quantile};

/// How long it takes to find out what is sustained.
const SUSTAINED: Duration = Duration::from_secs(4);
/// What is under way meanwhile.
const UNDER_WAY: usize = 64;
/// Until a crowd counts: what came first found nobody before it.
const BEGINNING: Duration = Duration::from_secs(2);
/// How long is looked at what comes after it.
const AFTER: Duration = Duration::from_secs(5);
/// The server's place runs once in each.
const TURN: Duration = Duration::from_millis(10);

fn main() -> Result<(), Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(measure())
}

async fn measure() -> Result<(), Failure> {
    let waybook = argument("--waybook").map(PathBuf::from);
    let row = Row::up(0, 2, waybook, "1 s")?;
    let here = Here::run(&row).await?;
    let held = Held::back(row.process_of_server()?, number("--share", 10))?;
    let done = crowd(&here).await;
    held.let_go();
    here.stop().await?;
    done
}

async fn crowd(here: &Here) -> Result<(), Failure> {
    let times = number("--times", 10);
    let seconds = number("--seconds", 8);
    let sustained = at_most(here).await?;
    let phases = [
        (
            sustained * times as f64,
            Duration::from_secs(seconds as u64),
        ),
        (sustained / 2.0, AFTER),
    ];
    let asked = come(here, &phases).await?;
    let crowd = phases[0].1;
    let counted = asked.iter().filter(|one| {
        let answered = one.asked + one.waited;
        one.established && answered >= BEGINNING && answered < crowd
    });
    let succeed = counted.count() as f64 / (crowd - BEGINNING).as_secs_f64();
    let second = Duration::from_secs(1);
    let first = After::of(&asked, crowd, crowd + second);
    let last = After::of(&asked, crowd + AFTER - second, crowd + AFTER);
    println!(
        "{{\"program\": \"overload\", \"times\": {times}, \"sustained\": {sustained:.0}, \"asked\": {}, \
         \"succeed\": {succeed:.0}, \"first_succeed\": {:.3}, \"first_ms\": {:.1}, \
         \"last_succeed\": {:.3}, \"last_ms\": {:.1}}}",
        asked.len(),
        first.succeed,
        first.wait,
        last.succeed,
        last.wait,
    );
    Ok(())
}

/// How many sessions are opened and closed in a second, with some always under way.
async fn at_most(here: &Here) -> Result<f64, Failure> {
    let began = Instant::now();
    let all = (0..UNDER_WAY).map(|_| async {
        let mut done = 0;
        while began.elapsed() < SUSTAINED {
            done += usize::from(one(here, began).await?.established);
        }
        Ok::<usize, Failure>(done)
    });
    let done = futures_util::future::try_join_all(all).await?;
    Ok(done.iter().sum::<usize>() as f64 / began.elapsed().as_secs_f64())
}

/// Somebody who has asked.
struct Asked {
    /// When, after the beginning.
    asked: Duration,
    waited: Duration,
    established: bool,
}

async fn one(here: &Here, began: Instant) -> Result<Asked, Failure> {
    let asked = began.elapsed();
    let outcome = here.open(row::TITLE).await?;
    let waited = began.elapsed() - asked;
    let established = match outcome {
        Outcome::Established(session) => {
            here.close(session.session).await?;
            true
        }
        _ => false,
    };
    Ok(Asked {
        asked,
        waited,
        established,
    })
}

/// So many come in a second, for so long each, and all wait for their answers.
async fn come(here: &Here, phases: &[(f64, Duration)]) -> Result<Vec<Asked>, Failure> {
    let began = Instant::now();
    let mut waiting = FuturesUnordered::new();
    let mut all = Vec::new();
    let mut tick = tokio::time::interval(Duration::from_millis(1));
    let (mut from, mut come) = (Duration::ZERO, 0.0);
    for (rate, long) in phases {
        let until = from + *long;
        let before = come;
        while began.elapsed() < until {
            tokio::select! {
                _ = tick.tick() => {
                    let due = before + began.elapsed().saturating_sub(from).as_secs_f64() * rate;
                    while come < due {
                        waiting.push(one(here, began));
                        come += 1.0;
                    }
                }
                Some(answered) = waiting.next() => all.push(answered?),
            }
        }
        from = until;
    }
    while let Some(answered) = waiting.next().await {
        all.push(answered?);
    }
    Ok(all)
}

/// How it goes for those who ask in some time.
struct After {
    /// The part that gets a session.
    succeed: f64,
    /// The median of their waits, in milliseconds.
    wait: f64,
}

impl After {
    fn of(all: &[Asked], from: Duration, until: Duration) -> Self {
        let these = || {
            all.iter()
                .filter(|one| one.asked >= from && one.asked < until)
        };
        let established = these().filter(|one| one.established);
        let mut waits: Vec<_> = established
            .map(|one| one.waited.as_secs_f64() * 1e3)
            .collect();
        Self {
            succeed: waits.len() as f64 / these().count().max(1) as f64,
            wait: if waits.is_empty() {
                f64::NAN
            } else {
                quantile(&mut waits, 0.5)
            },
        }
    }
}

/// A process that runs for a part of the time.
struct Held {
    go: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Held {
    /// Lets it run for so many hundredths of the time.
    fn back(process: u32, share: usize) -> Result<Self, Failure> {
        let process = Pid::from_raw(i32::try_from(process)?).ok_or("no process")?;
        let runs = TURN * u32::try_from(share.min(100))? / 100;
        let go = Arc::new(AtomicBool::new(false));
        let thread = std::thread::spawn({
            let go = go.clone();
            move || {
                while !go.load(Ordering::Relaxed) && kill_process(process, Signal::STOP).is_ok() {
                    std::thread::sleep(TURN - runs);
                    let _ = kill_process(process, Signal::CONT);
                    std::thread::sleep(runs);
                }
            }
        });
        Ok(Self { go, thread })
    }

    /// It runs all the time again.
    fn let_go(self) {
        self.go.store(true, Ordering::Relaxed);
        let _ = self.thread.join();
    }
}
