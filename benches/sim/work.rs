//! The work that all programs here do alike, see `README.md`.

use std::time::Duration;

/// Children of a place.
pub(crate) const ARITY: usize = 4;
/// The depth of the servers that are asked first; there are 64.
pub(crate) const FIRST: usize = 3;
/// The depth of the servers that take what the first refuse; there are 16.
pub(crate) const SECOND: usize = 2;
/// Sessions that a first server can have at one time.
pub(crate) const FIRST_ROOM: u64 = 15;
/// Sessions that a second server can have at one time.
pub(crate) const SECOND_ROOM: u64 = 12;
/// Sessions that would stand at one time on average if none were refused.
pub(crate) const ERLANGS: f64 = 1000.0;
/// How long a session stands on average; exponential.
pub(crate) const HOLDING: Duration = Duration::from_secs(20);
/// How long a letter takes from a place to its neighbour.
pub(crate) const LATENCY: Duration = Duration::from_millis(5);
/// What is run before anything is measured.
pub(crate) const WARM_UP: Duration = Duration::from_secs(60);

/// The place above; places are counted level by level, and the root is 0.
pub(crate) fn parent(place: usize) -> usize {
    (place - 1) / ARITY
}

/// The first place without children.
pub(crate) fn first_leaf(places: usize) -> usize {
    parent(places - 1) + 1
}

/// What the program is asked for on its command line.
#[allow(clippy::disallowed_methods, reason = "a program, not a place")]
pub(crate) fn argument(name: &str, default: usize) -> usize {
    let mut arguments = std::env::args().skip_while(|a| a != name).skip(1);
    arguments.next().map_or(default, |value| {
        value
            .parse()
            .unwrap_or_else(|e| panic!("{name} {value}: {e}"))
    })
}

/// What the program is asked for on its command line, as a word.
#[allow(dead_code, reason = "not every program here is asked for one")]
#[allow(clippy::disallowed_methods, reason = "a program, not a place")]
pub(crate) fn word(name: &str, default: &str) -> String {
    let mut arguments = std::env::args().skip_while(|a| a != name).skip(1);
    arguments.next().unwrap_or_else(|| default.to_owned())
}

/// The memory that the process has now, in bytes; 0 where the system does not say.
#[allow(clippy::disallowed_methods, reason = "a program, not a place")]
pub(crate) fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"));
    let kib = line.and_then(|l| l.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

/// A clock for what took how long: of the processor's time where the system says how much
/// of it the process had, so that others on the machine matter less.
#[allow(clippy::disallowed_types, reason = "a program, not a place")]
pub(crate) struct Clock(std::time::Instant, Option<f64>);

impl Clock {
    #[allow(
        clippy::disallowed_methods,
        clippy::disallowed_types,
        reason = "a program, not a place"
    )]
    pub(crate) fn start() -> Self {
        Self(std::time::Instant::now(), processor())
    }

    pub(crate) fn seconds(&self) -> f64 {
        match (self.1, processor()) {
            (Some(begun), Some(now)) => now - begun,
            _ => self.0.elapsed().as_secs_f64(),
        }
    }
}

/// The processor's time that the process has had, in seconds.
#[allow(clippy::disallowed_methods, reason = "a program, not a place")]
fn processor() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/self/schedstat").ok()?;
    let nanos: u64 = text.split_whitespace().next()?.parse().ok()?;
    Some(nanos as f64 / 1e9)
}

/// Says what came out, in one line for `scripts/bench-sim`.
#[allow(clippy::disallowed_macros, reason = "a program, not a place")]
pub(crate) fn report(events: u64, seconds: f64, bytes_per_place: u64, blocked: f64, set_up: f64) {
    println!(
        "events {events} seconds {seconds:.4} rate {:.0} bytes-per-place {bytes_per_place} \
         blocked {blocked:.4} set-up {set_up:.2}",
        events as f64 / seconds
    );
}
