//! One group: the processes of one component, and the bounds that the kernel holds them to.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// The kernel gives out processor time in shares of such a period, in microseconds.
const PERIOD: u64 = 100_000;
/// Shares of the usual period that are too small for the kernel are of this one.
const LONG_PERIOD: u64 = 1_000_000;
/// The smallest share of a period that the kernel takes, in microseconds.
const LEAST: u64 = 1_000;
/// How often it is looked whether killed processes are gone, and how many times.
const GONE: (Duration, u32) = (Duration::from_millis(20), 250);

/// What is done with all groups of a place taken together.
#[derive(Debug, Default)]
pub(super) struct Sums {
    /// Times that a component was killed for its memory.
    pub(super) kills: AtomicU64,
    /// Microseconds that groups which are gone were held back.
    pub(super) throttled: AtomicU64,
}

/// The group of one component. It goes, with all that is in it, when this is dropped.
#[derive(Debug)]
pub(crate) struct Group {
    path: PathBuf,
    sums: Arc<Sums>,
    /// Of the kills that the kernel has counted, those that are known.
    known: AtomicU64,
    /// Microseconds that it has been held back, as far as is known; it outlasts the kernel's count.
    throttled: AtomicU64,
}

impl Group {
    pub(super) fn create(path: PathBuf, pids: u64, sums: Arc<Sums>) -> io::Result<Self> {
        fs::create_dir(&path).map_err(|error| named(&path, &error))?;
        let group = Self {
            path,
            sums,
            known: AtomicU64::new(0),
            throttled: AtomicU64::new(0),
        };
        // Half a component is none: what is left of it goes with what is killed.
        group.write_if_there("memory.oom.group", "1")?;
        group.write_if_there("pids.max", &pids.to_string())?;
        Ok(group)
    }

    /// Where whoever writes `0` comes into this group.
    pub(crate) fn door(&self) -> io::Result<File> {
        let path = self.path.join("cgroup.procs");
        let opened = OpenOptions::new().write(true).open(&path);
        opened.map_err(|error| named(&path, &error))
    }

    /// Bounds it from now on: bytes of memory, thousandths of a processor. What is none is not
    /// bounded.
    pub(crate) fn bound(&self, memory: Option<u64>, cpu: Option<u64>) -> io::Result<()> {
        self.write("cpu.max", &cpu_max(cpu))?;
        // Memory on a disk would be more than was booked.
        let swap = if memory.is_some() { "0" } else { "max" };
        self.write_if_there("memory.swap.max", swap)?;
        self.write("memory.max", &memory_max(memory))
    }

    /// The bytes of memory that it may have; none if it is not bounded.
    pub(crate) fn memory(&self) -> Option<u64> {
        let bound = fs::read_to_string(self.path.join("memory.max")).ok()?;
        bound.trim().parse().ok()
    }

    /// Whether it was killed for its memory since this was last asked.
    pub(crate) fn was_killed_for_memory(&self) -> bool {
        let events = fs::read_to_string(self.path.join("memory.events")).unwrap_or_default();
        let kills = value(&events, "oom_kill");
        let killed = self.known.swap(kills, Ordering::Relaxed) < kills;
        if killed {
            self.sums.kills.fetch_add(1, Ordering::Relaxed);
        }
        killed
    }

    /// How long it was held back, in microseconds.
    pub(super) fn throttled(&self) -> u64 {
        let stat = fs::read_to_string(self.path.join("cpu.stat")).unwrap_or_default();
        let now = value(&stat, "throttled_usec");
        self.throttled.fetch_max(now, Ordering::Relaxed).max(now)
    }

    #[cfg(test)]
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Kills all that is in it.
    pub(crate) fn kill(&self) {
        kill(&self.path);
    }

    /// Kills all that is in it, and waits until it is gone.
    pub(crate) async fn end(&self) {
        let mut left = Err(io::ErrorKind::Other.into());
        for _ in 0..GONE.1 {
            kill(&self.path);
            self.throttled();
            left = remove(&self.path);
            if left.is_ok() {
                return;
            }
            tokio::time::sleep(GONE.0).await;
        }
        if let Err(error) = left {
            tracing::warn!(group = %self.path.display(), %error, "processes of a program may be left");
        }
    }

    fn write(&self, file: &str, text: &str) -> io::Result<()> {
        let path = self.path.join(file);
        tell(&path, text).map_err(|error| named(&path, &error))
    }

    /// What an older kernel, or one without swap, does not know.
    fn write_if_there(&self, file: &str, text: &str) -> io::Result<()> {
        if self.path.join(file).exists() {
            self.write(file, text)?;
        }
        Ok(())
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let throttled = self.throttled();
        self.sums.throttled.fetch_add(throttled, Ordering::Relaxed);
        kill(&self.path);
        // What is not gone yet is removed at the next start.
        let _ = remove(&self.path);
    }
}

/// Kills all that is in a group of an earlier life, and removes it.
pub(super) fn end_leftover(path: &Path) -> io::Result<()> {
    let mut left = Ok(());
    for _ in 0..GONE.1 {
        kill(path);
        left = remove(path);
        if left.is_ok() {
            break;
        }
        std::thread::sleep(GONE.0);
    }
    left.map_err(|error| named(path, &error))
}

/// Tells the kernel something, and makes no file where it does not listen.
pub(super) fn tell(path: &Path, text: &str) -> io::Result<()> {
    OpenOptions::new()
        .write(true)
        .truncate(true)
        .open(path)?
        .write_all(text.as_bytes())
}

/// Kills all processes of a group and those below it.
fn kill(path: &Path) {
    // Kernels before 5.14 cannot do it at once; whoever asks for the end asks again.
    if tell(&path.join("cgroup.kill"), "1").is_ok() {
        return;
    }
    for below in folders(path) {
        kill(&below);
    }
    let members = fs::read_to_string(path.join("cgroup.procs")).unwrap_or_default();
    for member in members
        .lines()
        .filter_map(|line| Pid::from_raw(line.parse().ok()?))
    {
        let _ = kill_process(member, Signal::KILL);
    }
}

/// Removes a group and those below it, which a program may have made.
fn remove(path: &Path) -> io::Result<()> {
    for below in folders(path) {
        remove(&below)?;
    }
    match fs::remove_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn folders(path: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    folders.map(|entry| entry.path()).collect()
}

/// The value of a key in a file of lines such as `oom_kill 1`.
fn value(text: &str, key: &str) -> u64 {
    let found = text.lines().find_map(|line| {
        let (name, value) = line.split_once(' ')?;
        (name == key).then(|| value.trim().parse().ok())?
    });
    found.unwrap_or(0)
}

/// What `cpu.max` is for so many thousandths of a processor.
fn cpu_max(cpu: Option<u64>) -> String {
    let Some(cpu) = cpu else {
        return format!("max {PERIOD}");
    };
    let share = |period: u64| cpu.saturating_mul(period / 1000);
    match share(PERIOD) {
        quota if quota >= LEAST => format!("{quota} {PERIOD}"),
        _ => format!("{} {LONG_PERIOD}", share(LONG_PERIOD).max(LEAST)),
    }
}

fn memory_max(memory: Option<u64>) -> String {
    memory.map_or_else(|| "max".to_owned(), |bytes| bytes.to_string())
}

pub(super) fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_what_the_kernel_takes() {
        for (cpu, told) in [
            (None, "max 100000"),
            (Some(250), "25000 100000"),
            (Some(1500), "150000 100000"),
            (Some(10), "1000 100000"),
            // The kernel takes no share below a millisecond.
            (Some(9), "9000 1000000"),
            (Some(1), "1000 1000000"),
            (Some(0), "1000 1000000"),
        ] {
            assert_eq!(cpu_max(cpu), told, "{cpu:?}");
        }
        assert_eq!(memory_max(Some(64 << 20)), "67108864");
        assert_eq!(memory_max(None), "max");
    }

    #[test]
    fn counts_are_read_by_their_whole_name() {
        let events = "low 0\noom 3\noom_kill 2\noom_group_kill 1\n";
        assert_eq!(value(events, "oom_kill"), 2);
        assert_eq!(value(events, "oom"), 3);
        assert_eq!(value(events, "throttled_usec"), 0);
    }

    /// A folder stands for the group: what is written is what the kernel would be told.
    #[test]
    fn a_component_is_bound_to_what_is_booked() {
        let folder = tempfile::tempdir().unwrap();
        let group = Group::create(folder.path().join("one"), 7, Arc::default()).unwrap();
        let file = |name: &str| group.path().join(name);
        for name in ["cpu.max", "memory.max", "memory.swap.max"] {
            fs::write(file(name), "").unwrap();
        }
        let read = |name: &str| fs::read_to_string(file(name)).unwrap();
        group.bound(Some(1 << 20), Some(500)).unwrap();
        assert_eq!(read("memory.max"), "1048576");
        assert_eq!(read("memory.swap.max"), "0");
        assert_eq!(read("cpu.max"), "50000 100000");
        assert_eq!(group.memory(), Some(1 << 20));
        group.bound(None, None).unwrap();
        assert_eq!(read("memory.max"), "max");
        assert_eq!(read("memory.swap.max"), "max");
        assert_eq!(group.memory(), None);

        fs::write(file("memory.events"), "oom_kill 3\n").unwrap();
        assert!(group.was_killed_for_memory());
        assert!(!group.was_killed_for_memory());
        fs::write(file("memory.events"), "oom_kill 4\n").unwrap();
        assert!(group.was_killed_for_memory());
        assert_eq!(group.sums.kills.load(Ordering::Relaxed), 2);
    }
}
