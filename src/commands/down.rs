//! `waybook down`: stops what `waybook up` started.

use std::thread::sleep;
use std::time::{Duration, Instant};

use clap::Args;
use rustix::process::Signal;
use serde_json::json;

use super::span;
use crate::fail::{Done, Fail};
use crate::find::Global;
use crate::show;
use crate::up_state::{UpPlace, UpState};

/// Stops the places that `waybook up` started.
#[derive(Args)]
#[command(after_help = "\
Examples:
  waybook down
  waybook down --dir /tmp/tree

The places' data folders stay; `waybook up` goes on with them.")]
pub(crate) struct Down {
    /// How long the places may take before they are killed
    #[arg(long, value_name = "TIME", default_value = "15 s", value_parser = span)]
    patience: Duration,
}

impl Down {
    /// Does it.
    pub(crate) fn run(&self, global: &Global) -> Done {
        let dir = global.up_dir();
        if UpState::load(&dir)?.is_none() {
            if global.json {
                return show::json(&json!({ "stopped": [] }));
            }
            return show::line(&format!("nothing is up in {}", dir.display()));
        }
        let _lock = UpState::lock(&dir)?;
        // Once more: it may have changed before the lock was taken.
        let Some(state) = UpState::load(&dir)? else {
            return Ok(());
        };
        let killed = stop(&state.places, self.patience)?;
        UpState::remove(&dir)?;
        let names: Vec<_> = state.places.iter().map(|place| &place.name).collect();
        if global.json {
            return show::json(&json!({ "stopped": names, "killed": killed }));
        }
        show::line(&format!("stopped {} places", names.len()))?;
        killed
            .iter()
            .try_for_each(|name| show::line(&format!("  {name} had to be killed")))
    }
}

/// Stops places in order; those that take too long are killed, and named.
pub(super) fn stop(places: &[UpPlace], patience: Duration) -> Done<Vec<String>> {
    for place in places {
        place.signal(Signal::TERM);
    }
    if wait(places, patience) {
        return Ok(Vec::new());
    }
    let slow: Vec<_> = places.iter().filter(|place| place.is_alive()).collect();
    for place in &slow {
        place.signal(Signal::KILL);
    }
    if !wait(places, Duration::from_secs(5)) {
        return Err(Fail::failed("some places cannot be stopped"));
    }
    Ok(slow.iter().map(|place| place.name.to_string()).collect())
}

/// Whether all have ended in time.
fn wait(places: &[UpPlace], patience: Duration) -> bool {
    let began = Instant::now();
    while places.iter().any(UpPlace::is_alive) {
        if began.elapsed() > patience {
            return false;
        }
        sleep(Duration::from_millis(20));
    }
    true
}
