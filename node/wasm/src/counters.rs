//! Figures for a page of metrics.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Counts since the start, and gauges. Cheap to change from anywhere.
        #[derive(Debug, Default)]
        pub(crate) struct Counters {
            $(pub(crate) $name: AtomicU64,)*
        }

        /// What the counters showed at one time.
        #[derive(Debug, Clone, Default, PartialEq, Eq)]
        pub struct Snapshot {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl Counters {
            pub(crate) fn snapshot(&self) -> Snapshot {
                Snapshot { $($name: self.$name.load(Ordering::Relaxed),)* }
            }
        }
    };
}

counters! {
    /// Requests given to components.
    requests,
    /// Instances that trapped.
    traps,
    /// Requests that were given up because nothing was done about them.
    timeouts,
    /// Requests refused because too many were under way.
    refused,
    /// Requests refused because the component rests after traps.
    backed_off,
    /// Requests of components to hosts that are not allowed.
    denied_hosts,
    /// Requests of components refused because too many were under way.
    outgoing_refused,
    /// Requests of components to where they may go.
    outgoing,
    /// Growths of memory that were refused.
    memory_refused,
    /// Lines of components that were not logged because there were too many.
    lines_dropped,
    /// Instances that were made.
    instances_made,
    /// Instances that live now.
    instances_live,
    /// Linear memory of all instances now, in bytes.
    memory_bytes,
    /// Components compiled.
    compiled,
    /// Time spent on compiling, in microseconds.
    compile_micros,
    /// Components loaded from the cache directory.
    cache_hits,
    /// Cache files that were damaged or foreign, and written anew.
    cache_damaged,
}

pub(crate) fn add(counter: &AtomicU64, many: u64) {
    counter.fetch_add(many, Ordering::Relaxed);
}

pub(crate) fn sub(counter: &AtomicU64, many: u64) {
    counter.fetch_sub(many, Ordering::Relaxed);
}

pub(crate) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
