//! What `waybook up` has started, so that `waybook down` stops exactly that.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};
use waybook_daemon::ProcessStat;
use waybook_location_tree::PlaceName;

use crate::fail::{Done, Fail};

/// The places that are up.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct UpState {
    /// The topology file.
    pub(crate) topology: PathBuf,
    /// Parents before their children.
    pub(crate) places: Vec<UpPlace>,
}

/// Where a place is reached.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Sockets {
    /// By its neighbours.
    pub(crate) quic: SocketAddr,
    /// By its clients.
    pub(crate) gateway: Option<SocketAddr>,
}

/// A place that was started.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct UpPlace {
    /// Its name.
    pub(crate) name: PlaceName,
    /// Its data folder.
    pub(crate) data: PathBuf,
    /// Its configuration file.
    pub(crate) config: PathBuf,
    /// Its log.
    pub(crate) log: PathBuf,
    /// Its process.
    pub(crate) pid: u32,
    /// When the process began, in the kernel's count, where that can be told: another
    /// process may get the same number later.
    pub(crate) began: Option<u64>,
}

impl UpState {
    fn path(dir: &Path) -> PathBuf {
        dir.join("up.json")
    }

    /// What is up in a folder.
    pub(crate) fn load(dir: &Path) -> Done<Option<Self>> {
        let path = Self::path(dir);
        let fail =
            |error: &dyn std::fmt::Display| Fail::failed(format!("{}: {error}", path.display()));
        match fs::read_to_string(&path) {
            Ok(text) => {
                let mut state: Self = serde_json::from_str(&text).map_err(|e| fail(&e))?;
                state.places.iter_mut().for_each(UpPlace::find_again);
                Ok(Some(state))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(fail(&error)),
        }
    }

    /// Writes down what is up; readers see the old or the new.
    pub(crate) fn save(&self, dir: &Path) -> Done {
        let path = Self::path(dir);
        let write = || -> io::Result<()> {
            let new = path.with_extension("new");
            fs::write(&new, serde_json::to_vec_pretty(self)?)?;
            fs::rename(new, &path)
        };
        write().map_err(|error| Fail::failed(format!("{}: {error}", path.display())))
    }

    /// Nothing is up any more.
    pub(crate) fn remove(dir: &Path) -> Done {
        let path = Self::path(dir);
        fs::remove_file(&path).map_err(|error| Fail::failed(format!("{}: {error}", path.display())))
    }

    /// Where the places of the last time were reached, by name: sessions that are kept
    /// should keep their URLs. A file that cannot be read is as good as none.
    pub(crate) fn sockets(dir: &Path) -> BTreeMap<PlaceName, Sockets> {
        let text = fs::read_to_string(dir.join("sockets.json")).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// Notes where the places are reached, for the next time.
    pub(crate) fn note_sockets(dir: &Path, sockets: &BTreeMap<PlaceName, Sockets>) -> Done {
        let path = dir.join("sockets.json");
        serde_json::to_vec_pretty(sockets)
            .map_err(io::Error::from)
            .and_then(|json| fs::write(&path, json))
            .map_err(|error| Fail::failed(format!("{}: {error}", path.display())))
    }

    /// Keeps other commands from changing what is up, as long as the file is held.
    pub(crate) fn lock(dir: &Path) -> Done<File> {
        let path = dir.join("up.lock");
        let fail =
            |error: &dyn std::fmt::Display| Fail::failed(format!("{}: {error}", path.display()));
        let file = File::create(&path).map_err(|error| fail(&error))?;
        file.try_lock()
            .map_err(|_| fail(&"another `waybook up` or `down` is at work there"))?;
        Ok(file)
    }
}

impl UpPlace {
    /// Whether its process still runs.
    pub(crate) fn is_alive(&self) -> bool {
        match ProcessStat::of(self.pid) {
            Some(stat) => stat.state != 'Z' && self.began.is_none_or(|noted| noted == stat.began),
            // Without the kernel's file system: whether there is a process of that number.
            None => {
                !Path::new("/proc/self/stat").exists()
                    && pid(self.pid).is_some_and(|p| rustix::process::test_kill_process(p).is_ok())
            }
        }
    }

    /// Takes note of the process that runs the place now, if the one that was started has
    /// ended and somebody started it again: the one that the data folder's lock names, if
    /// it has that file open. The lock itself is not tried, since a place that starts just
    /// now would find it taken.
    fn find_again(&mut self) {
        if self.is_alive() {
            return;
        }
        let lock = self.data.join("lock");
        let Some(pid) = fs::read_to_string(&lock)
            .ok()
            .and_then(|text| text.trim().parse().ok())
        else {
            return;
        };
        let open = fs::read_dir(format!("/proc/{pid}/fd"));
        let mut open = open
            .into_iter()
            .flatten()
            .flatten()
            .map(|fd| fs::read_link(fd.path()));
        let lock = fs::canonicalize(lock).ok();
        if open.any(|file| file.ok().is_some_and(|file| Some(file) == lock)) {
            self.pid = pid;
            self.began = began(pid);
        }
    }

    /// Sends a signal to its process, if that still runs.
    pub(crate) fn signal(&self, signal: Signal) {
        if self.is_alive()
            && let Some(pid) = pid(self.pid)
        {
            // It may end just now, which is as well.
            let _ = kill_process(pid, signal);
        }
    }
}

fn pid(number: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(number).ok()?)
}

/// When a process began, in the kernel's count.
pub(crate) fn began(pid: u32) -> Option<u64> {
    ProcessStat::of(pid).map(|stat| stat.began)
}
