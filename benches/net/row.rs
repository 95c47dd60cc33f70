//! A row of real places, one below the other.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use waybook_client::Runtime;

use crate::shared::Failure;

/// What the place at the top serves.
pub(crate) const TITLE: &str = "row";

/// Places that are up; they are taken down when this goes.
pub(crate) struct Row {
    folder: PathBuf,
    waybook: PathBuf,
    hops: usize,
}

/// Processor time in microseconds.
pub(crate) struct Processor {
    /// Of all places.
    pub(crate) all: f64,
    /// Of those threads of theirs that write records.
    pub(crate) records: f64,
}

impl Processor {
    pub(crate) fn since(&self, before: &Self) -> Self {
        Self {
            all: self.all - before.all,
            records: self.records - before.records,
        }
    }
}

impl Row {
    /// Brings up so many places below one that serves [`TITLE`].
    pub(crate) fn up(
        hops: usize,
        waybook: Option<PathBuf>,
        search_age: &str,
    ) -> Result<Self, Failure> {
        let settings = format!("[defaults.timing]\nsearch-age = \"{search_age}\"\n");
        let row = Self::with(hops, waybook, &settings)?;
        row.publish_title()?;
        Ok(row)
    }

    /// Brings up so many places below one, with such settings for all of them.
    pub(crate) fn with(
        hops: usize,
        waybook: Option<PathBuf>,
        settings: &str,
    ) -> Result<Self, Failure> {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let unique = since.unwrap_or(Duration::ZERO).as_nanos();
        let folder = std::env::temp_dir().join(format!("row-{}-{unique}", std::process::id()));
        std::fs::create_dir(&folder)?;
        let waybook = waybook.unwrap_or_else(|| env!("CARGO_BIN_EXE_waybook").into());
        // It is run in another folder.
        let waybook = std::path::absolute(waybook)?;
        let row = Self {
            folder,
            waybook,
            hops,
        };
        let mut topology = format!(
            "[defaults.capacity]\ncpu = 1000\nmemory = \"64 GiB\"\ndown = \"1000 Gbit/s\"\n\
             up = \"1000 Gbit/s\"\n{settings}"
        );
        for depth in 0..=hops {
            topology.push_str(&format!("[[place]]\nname = \"{}\"\n", name(depth)));
        }
        std::fs::write(row.folder.join("topology.toml"), topology)?;
        row.waybook(&["up", "topology.toml"])?;
        Ok(row)
    }

    /// Publishes [`TITLE`], without any component, at the place at the top.
    pub(crate) fn publish_title(&self) -> Result<(), Failure> {
        self.publish(&format!(
            "title = \"{TITLE}\"\nservers = [\"{}\"]\n[[quality]]\nname = \"one\"\n\
             [quality.demand.edge]\nto-client = \"1 Mbit/s\"\nto-server = \"10 kbit/s\"\n\
             [quality.demand.every-hop]\nmemory = \"1 MiB\"\n",
            top()
        ))
    }

    /// Publishes a presentation.
    pub(crate) fn publish(&self, presentation: &str) -> Result<(), Failure> {
        std::fs::write(self.folder.join("presentation.toml"), presentation)?;
        self.waybook(&["publish", "presentation.toml"])
    }

    /// The processes of all places, the one at the top first.
    pub(crate) fn processes(&self) -> Result<Vec<u32>, Failure> {
        (0..=self.hops)
            .map(|depth| Ok(Runtime::read(&self.folder_of(depth))?.pid))
            .collect()
    }

    fn places(&self) -> PathBuf {
        self.folder.join(".waybook/places")
    }

    /// The data folder of the place at that depth.
    pub(crate) fn folder_of(&self, depth: usize) -> PathBuf {
        self.places().join(name(depth).replace('/', "."))
    }

    /// Its configuration.
    pub(crate) fn config_of(&self, depth: usize) -> PathBuf {
        let file = format!("{}.toml", name(depth).replace('/', "."));
        self.places().join(file)
    }

    /// Stops the process of the place at that depth.
    pub(crate) fn stop(&self, depth: usize) -> Result<(), Failure> {
        let pid = Runtime::read(&self.folder_of(depth))?.pid;
        Command::new("kill").arg(pid.to_string()).status()?;
        let began = Instant::now();
        while Path::new("/proc").join(pid.to_string()).exists() {
            if began.elapsed() > Duration::from_secs(30) {
                return Err(format!("{} does not stop", name(depth)).into());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// What all places have taken since they were started.
    pub(crate) fn processor_time(&self) -> Result<Processor, Failure> {
        let mut time = Processor {
            all: 0.0,
            records: 0.0,
        };
        for pid in self.processes()? {
            for task in std::fs::read_dir(format!("/proc/{pid}/task"))? {
                let task = task?.path();
                let spent = std::fs::read_to_string(task.join("schedstat"))?;
                let nanoseconds = spent.split(' ').next().ok_or("no schedstat")?;
                let spent = nanoseconds.parse::<f64>()? / 1e3;
                time.all += spent;
                if std::fs::read_to_string(task.join("comm"))?.trim() == "records" {
                    time.records += spent;
                }
            }
        }
        Ok(time)
    }

    pub(crate) fn waybook(&self, arguments: &[&str]) -> Result<(), Failure> {
        let mut command = Command::new(&self.waybook);
        let command = command.current_dir(&self.folder).args(arguments);
        let done = command.env_remove("XDG_STATE_HOME").stdin(Stdio::null());
        let done = done.output()?;
        match done.status.success() {
            true => Ok(()),
            false => Err(String::from_utf8_lossy(&done.stderr).into()),
        }
    }
}

impl Drop for Row {
    fn drop(&mut self) {
        let _ = self.waybook(&["down"]);
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The name of the place at the top.
pub(crate) fn top() -> String {
    name(0)
}

/// The name of the place at that depth.
fn name(depth: usize) -> String {
    let labels: Vec<_> = (0..=depth).map(|depth| format!("p{depth}")).collect();
    labels.join("/")
}
