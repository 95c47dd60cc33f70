//! The campaign without the command around it: quick to build, for `scripts/planted-bugs` and
//! `scripts/soak`.
//!
//!     cargo run --release -p waybook-sim --example campaign -- 0..10000
//!     cargo run --release -p waybook-sim --example campaign -- 0..10000 --first
//!
//! With `--first` it stops at the first seed, in their order, that fails. It says in the end how
//! many seeds ran, which of them failed and how, and what was exercised, and fails if any did.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "a driver: it has threads, arguments and a terminal"
)]

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use waybook_sim::fuzz::{Failure, Tally, draw, execute, shrink};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let seeds = arguments.next().as_deref().and_then(range);
    let Some((from, to)) = seeds else {
        eprintln!("usage: campaign A..B [--first] [--shrink]");
        return ExitCode::from(2);
    };
    let wishes: Vec<_> = arguments.collect();
    let wishes = |wish: &str| wishes.iter().any(|given| given == wish);
    let first = wishes("--first");
    // A panic is a failure like others, and said with them.
    std::panic::set_hook(Box::new(|_| {}));

    let next = AtomicU64::new(from);
    let end = AtomicU64::new(to);
    let found: Mutex<(Tally, Vec<(u64, Failure)>)> = Mutex::default();
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end.load(Ordering::Relaxed) {
                        return;
                    }
                    let run = execute(&draw(seed), false).expect("what is drawn is right");
                    let mut found = found.lock().expect("no panic");
                    found.0.merge(&run.tally);
                    if let Some(failure) = run.failure {
                        eprintln!("seed {seed}: {}", failure.violation.what);
                        found.1.push((seed, failure));
                        if first {
                            end.fetch_min(seed, Ordering::Relaxed);
                        }
                    }
                }
            });
        }
    });

    let (tally, mut failures) = found.into_inner().expect("no panic");
    failures.sort_by_key(|(seed, _)| *seed);
    for (what, times) in tally.iter() {
        println!("{times:>12}  {what}");
    }
    println!(
        "{:>12.1}  seconds to rest, at most",
        tally.slowest().as_secs_f64()
    );
    let Some((seed, failure)) = failures.first() else {
        println!("{} seeds, none failed", to - from);
        return ExitCode::SUCCESS;
    };
    if first {
        println!(
            "seed {seed} failed, after {} others: {}",
            seed - from,
            failure.kind()
        );
    } else {
        println!("{} of {} seeds failed", failures.len(), to - from);
    }
    if wishes("--shrink") {
        let small = shrink(&draw(*seed), &failure.kind(), 2000);
        println!("after {} runs:\n{}", small.runs, small.case.to_toml());
        let again = execute(&small.case, true).expect("what is shrunk is right");
        if let Some(failure) = again.failure {
            println!("{}\n{}", failure.transcript, failure.violation.what);
        }
    }
    ExitCode::FAILURE
}

fn range(text: &str) -> Option<(u64, u64)> {
    let (from, to) = text.split_once("..")?;
    Some((from.parse().ok()?, to.parse().ok()?))
}
