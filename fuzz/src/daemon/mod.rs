//! What the daemon alone reads: its files, components, and all that comes on its streams.
//!
//! The rooms are the shipped ones, joined to pipes in place of a network. Time is tokio's own and
//! passes when nothing else is to be done, so that a time-out costs nothing.

pub(crate) mod code;
pub(crate) mod files;
mod keeper;
pub(crate) mod newcomers;
mod pipe;
pub(crate) mod requests;
mod sessions;
pub(crate) mod transfers;

use std::future::Future;
use std::path::PathBuf;

use tempfile::TempDir;
use waybook_location_tree::PlaceName;

/// The place, and the neighbours that it may have.
const HERE: &str = "r/a";
const PARENT: &str = "r";
const CHILD: &str = "r/a/x";

fn name(text: &str) -> PlaceName {
    PlaceName::new(text).expect("a name")
}

/// A folder in memory, where there is such a thing: nothing that is fuzzed needs a real disk.
fn folder() -> TempDir {
    let memory = PathBuf::from("/dev/shm");
    let made = TempDir::new_in(memory).or_else(|_| TempDir::new());
    made.expect("a folder can be made")
}

/// Runs to the end, with all that was begun, in a world of its own.
fn alone<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build();
    runtime.expect("a runtime can be made").block_on(work)
}
