//! What the kernel counts of this process, under the names that every client library of Prometheus
//! gives it.

use std::fmt::Write;

use rustix::param::{clock_ticks_per_second, page_size};

/// Writes what there is to be known; nothing where there is no `/proc`.
pub(super) fn write(text: &mut impl Write) {
    let Some(seen) = Seen::look() else { return };
    // Texts take whatever is written to them.
    let _ = write!(
        text,
        "# HELP process_cpu_seconds Processor time of this process.\n\
         # TYPE process_cpu_seconds counter\n\
         # UNIT process_cpu_seconds seconds\n\
         process_cpu_seconds_total {cpu}\n\
         # HELP process_resident_memory_bytes Memory of this process that is in the machine's.\n\
         # TYPE process_resident_memory_bytes gauge\n\
         # UNIT process_resident_memory_bytes bytes\n\
         process_resident_memory_bytes {memory}\n\
         # HELP process_open_fds Files and sockets that are open.\n\
         # TYPE process_open_fds gauge\n\
         process_open_fds {files}\n",
        cpu = seen.cpu,
        memory = seen.memory,
        files = seen.files,
    );
}

struct Seen {
    /// In seconds.
    cpu: f64,
    /// In bytes.
    memory: u64,
    files: usize,
}

impl Seen {
    #[allow(
        clippy::cast_precision_loss,
        reason = "53 bits of clock ticks are enough"
    )]
    fn look() -> Option<Self> {
        let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
        // proc(5): the second field is a name in brackets; `utime` and `stime` are the 14th and 15th,
        // `rss` the 24th.
        let mut fields = stat.rsplit_once(") ")?.1.split(' ').skip(11);
        let ticks = fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?;
        let pages = fields.nth(8)?.parse::<u64>().ok()?;
        Some(Self {
            cpu: ticks as f64 / clock_ticks_per_second() as f64,
            memory: pages * page_size() as u64,
            files: std::fs::read_dir("/proc/self/fd").ok()?.count(),
        })
    }
}
