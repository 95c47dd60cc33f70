//! Control groups (cgroup v2): what is booked for a program is all that the kernel gives it.
//!
//! The place needs a group of its own that it may change, which systemd gives it with `Delegate=`.
//! It goes into a group below that, because a group whose controllers bind those below it has no
//! processes itself, and makes one more for each component.

mod find;
mod group;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

pub(crate) use group::Group;
use group::{Sums, named, tell};

use crate::config::{CgroupConfig, Enforce};

/// The group that the place itself is in.
const OWN: &str = "waybook";
/// What components cannot be bound without.
const NEEDED: [&str; 2] = ["cpu", "memory"];
/// What is used where it is there.
const WELCOME: &str = "pids";

/// Whether programs are held to what is booked for them.
#[derive(Debug, Clone)]
pub enum Enforcement {
    /// By these groups.
    On(Arc<Cgroups>),
    /// They are not, and why.
    Off(Arc<str>),
}

impl Enforcement {
    /// As it is configured and can be, for the place with that data folder; none where no programs
    /// run. Blocks.
    ///
    /// # Errors
    /// Why it cannot be, if it must.
    pub(crate) fn begin(
        data_dir: &Path,
        config: CgroupConfig,
        programs: bool,
    ) -> Result<Option<Self>, String> {
        let took = match (config.enforce, programs) {
            (Enforce::Auto | Enforce::Off, false) => return Ok(None),
            (Enforce::Off, true) => Err("the setting `cgroup.enforce` is \"off\"".to_owned()),
            (Enforce::Auto | Enforce::Required, _) => Cgroups::take_over(data_dir, config),
        };
        match took {
            Ok(groups) => {
                tracing::info!(group = %groups.base.display(), "programs are held to what is booked for them");
                Ok(Some(Self::On(Arc::new(groups))))
            }
            Err(why) if config.enforce == Enforce::Required => Err(format!(
                "[cgroup] enforce = \"required\", but programs cannot be held to what is booked for \
                 them: {why}"
            )),
            Err(why) => {
                tracing::warn!(why, "programs are not held to what is booked for them");
                Ok(Some(Self::Off(why.into())))
            }
        }
    }
}

/// Makes the groups of one place's components.
#[derive(Debug)]
pub struct Cgroups {
    base: PathBuf,
    /// What the names of its groups begin with.
    prefix: String,
    pids: u64,
    sums: Arc<Sums>,
    groups: Mutex<BTreeMap<u64, Weak<Group>>>,
}

/// What groups have counted since the daemon started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ProgramCounters {
    /// Times that a program was killed because it wanted more memory than is booked for it.
    pub memory_kills: u64,
    /// Microseconds that programs waited because they had used up what is booked for them.
    pub throttled: u64,
}

impl Cgroups {
    /// Takes over the group that this process is in, for the place with that data folder. What an
    /// earlier life of it has left there ends. Blocks.
    ///
    /// # Errors
    /// Why programs cannot be bound, and what would help, in a sentence.
    pub(crate) fn take_over(data_dir: &Path, config: CgroupConfig) -> Result<Self, String> {
        let read = |path: &str| {
            fs::read_to_string(path).map_err(|error| format!("{path} cannot be read: {error}"))
        };
        let memberships = read("/proc/self/cgroup")?;
        let mounts = read("/proc/self/mountinfo")?;
        let own = find::own_group(&memberships).and_then(|group| find::folder(group, &mounts));
        let own = own.ok_or("this process sees no group of cgroup v2 that it is in")?;
        Self::take_over_at(&own, data_dir, config)
    }

    fn take_over_at(own: &Path, data_dir: &Path, config: CgroupConfig) -> Result<Self, String> {
        // Whoever starts the place anew may do so from where it was.
        let inside = own.file_name().is_some_and(|name| name == OWN);
        let base = own.parent().filter(|_| inside).unwrap_or(own).to_owned();
        let shown = base.display();
        let list = |file: &str| {
            let path = base.join(file);
            let text = fs::read_to_string(&path).map_err(|error| named(&path, &error));
            text.map_err(|error| error.to_string())
        };
        let offered = list("cgroup.controllers")?;
        let offered: Vec<_> = offered.split_whitespace().collect();
        let missing: Vec<_> = NEEDED.iter().filter(|one| !offered.contains(one)).collect();
        if !missing.is_empty() {
            return Err(format!(
                "the group {shown} lacks the controllers {missing:?}: whoever has made it must hand \
                 them on (systemd: `Delegate=cpu memory pids`)"
            ));
        }
        if !inside {
            move_inside(&base)?;
        }
        let enabled = list("cgroup.subtree_control")?;
        let enabled: Vec<_> = enabled.split_whitespace().collect();
        let wanted = NEEDED.into_iter().chain([WELCOME]);
        let wanted = wanted.filter(|one| offered.contains(one) && !enabled.contains(one));
        let wanted: Vec<_> = wanted.map(|one| format!("+{one}")).collect();
        if !wanted.is_empty() {
            let path = base.join("cgroup.subtree_control");
            tell(&path, &wanted.join(" ")).map_err(|error| refusal(&path, &error))?;
        }
        let prefix = format!(
            "waybook-{}-",
            &blake3::hash(data_dir.as_os_str().as_encoded_bytes()).to_hex()[..16]
        );
        let groups = Self {
            base,
            prefix,
            pids: config.pids,
            sums: Arc::default(),
            groups: Mutex::default(),
        };
        groups.end_leftovers();
        Ok(groups)
    }

    fn end_leftovers(&self) {
        for entry in fs::read_dir(&self.base).into_iter().flatten().flatten() {
            let ours = entry.file_name();
            if !ours
                .to_str()
                .is_some_and(|name| name.starts_with(&self.prefix))
            {
                continue;
            }
            let group = entry.path();
            match group::end_leftover(&group) {
                Ok(()) => tracing::info!(
                    group = %group.display(),
                    "ended what a program of an earlier life had left"
                ),
                Err(error) => tracing::warn!(%error, "programs of an earlier life may be left"),
            }
        }
    }

    /// A group for a component.
    ///
    /// # Errors
    /// If the kernel makes none.
    pub(crate) fn group(&self, instance: u64) -> io::Result<Arc<Group>> {
        let path = self.base.join(format!("{}{instance}", self.prefix));
        let group = Arc::new(Group::create(path, self.pids, self.sums.clone())?);
        let mut groups = self.groups();
        groups.retain(|_, group| group.strong_count() > 0);
        groups.insert(instance, Arc::downgrade(&group));
        Ok(group)
    }

    /// What has been counted. Blocks.
    pub(crate) fn counters(&self) -> ProgramCounters {
        let running: Vec<_> = self.groups().values().filter_map(Weak::upgrade).collect();
        let running: u64 = running.iter().map(|group| group.throttled()).sum();
        ProgramCounters {
            memory_kills: self.sums.kills.load(Ordering::Relaxed),
            throttled: self.sums.throttled.load(Ordering::Relaxed) + running,
        }
    }

    fn groups(&self) -> MutexGuard<'_, BTreeMap<u64, Weak<Group>>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Moves this process into a group below the one that it is in.
fn move_inside(base: &Path) -> Result<(), String> {
    let members = base.join("cgroup.procs");
    // The root of all groups may have processes and groups at once.
    if base.join("cgroup.type").exists() {
        let me = std::process::id().to_string();
        let list = fs::read_to_string(&members).map_err(|error| refusal(&members, &error))?;
        if list.lines().any(|member| member != me) {
            return Err(format!(
                "other processes are in the group {}, too: give the place a group of its own (as a \
                 service of systemd has it, or `systemd-run --user --scope -p Delegate=yes`)",
                base.display()
            ));
        }
    }
    let own = base.join(OWN);
    match fs::create_dir(&own) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(refusal(&own, &error));
        }
        _ => {}
    }
    let door = own.join("cgroup.procs");
    tell(&door, "0").map_err(|error| refusal(&door, &error))
}

/// What is told when the kernel lets nothing be changed.
fn refusal(path: &Path, error: &io::Error) -> String {
    let help = match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "; the group is not handed over to the user that the place runs as (systemd: \
             `Delegate=cpu memory pids`, and `ProtectControlGroups=no`)"
        }
        io::ErrorKind::ResourceBusy => "; other processes are in the group, too",
        _ => "",
    };
    format!("{}: {error}{help}", path.display())
}

#[cfg(test)]
mod tests;
