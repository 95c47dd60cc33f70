//! Real places: a row, one below the other, or a star.

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
    names: Vec<String>,
    /// Which of them serves, and which one is the clients'.
    server: usize,
    client: usize,
}

/// Processor time in microseconds.
pub(crate) struct Processor {
    /// Of all places.
    pub(crate) all: f64,
    /// Of those threads of theirs that write records.
    pub(crate) records: f64,
}

/// Bytes of memory.
pub(crate) struct Memory {
    /// All that is resident, with the parts of the program's file that were used: those are there once
    /// for all places of a machine.
    pub(crate) resident: f64,
    /// What belongs to the process alone.
    pub(crate) own: f64,
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
    /// Brings up so many places below one that serves [`TITLE`], and so many above it, which keep answers
    /// to searches for that long.
    pub(crate) fn up(
        above: usize,
        hops: usize,
        waybook: Option<PathBuf>,
        search_age: &str,
    ) -> Result<Self, Failure> {
        let settings = format!("[defaults.timing]\nsearch-age = \"{search_age}\"\n");
        let row = Self::with(above, hops, waybook, &settings)?;
        row.publish_title()?;
        Ok(row)
    }

    /// Brings up so many places above one and below it, with such settings for all of them.
    pub(crate) fn with(
        above: usize,
        hops: usize,
        waybook: Option<PathBuf>,
        settings: &str,
    ) -> Result<Self, Failure> {
        let chain = |depth| (0..=depth).map(|d| format!("p{d}")).collect::<Vec<_>>();
        let names = (0..=above + hops).map(|depth| chain(depth).join("/"));
        Self::of(names.collect(), above, above + hops, waybook, settings)
    }

    /// Brings up the clients' place with so many others right below it.
    pub(crate) fn star(
        others: usize,
        waybook: Option<PathBuf>,
        settings: &str,
    ) -> Result<Self, Failure> {
        let below = (1..=others).map(|number| format!("p0/p{number}"));
        let names = std::iter::once("p0".to_owned()).chain(below);
        Self::of(names.collect(), 1, 0, waybook, settings)
    }

    fn of(
        names: Vec<String>,
        server: usize,
        client: usize,
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
            names,
            server,
            client,
        };
        let mut topology = format!(
            "[defaults.capacity]\ncpu = 1000\nmemory = \"64 GiB\"\ndown = \"1000 Gbit/s\"\n\
             up = \"1000 Gbit/s\"\n{settings}"
        );
        for name in &row.names {
            topology.push_str(&format!("[[place]]\nname = \"{name}\"\n"));
        }
        std::fs::write(row.folder.join("topology.toml"), topology)?;
        row.waybook(&["up", "topology.toml"])?;
        Ok(row)
    }

    /// Publishes [`TITLE`], without any component.
    pub(crate) fn publish_title(&self) -> Result<(), Failure> {
        self.publish(&format!(
            "title = \"{TITLE}\"\nservers = [\"{}\"]\n[[quality]]\nname = \"one\"\n\
             [quality.demand.edge]\nto-client = \"1 Mbit/s\"\nto-server = \"10 kbit/s\"\n\
             [quality.demand.every-hop]\nmemory = \"1 MiB\"\n",
            self.server()
        ))
    }

    /// Publishes a presentation.
    pub(crate) fn publish(&self, presentation: &str) -> Result<(), Failure> {
        std::fs::write(self.folder.join("presentation.toml"), presentation)?;
        self.waybook(&["publish", "presentation.toml"])
    }

    /// The processes of all places, the one at the top first.
    pub(crate) fn processes(&self) -> Result<Vec<u32>, Failure> {
        (0..self.names.len()).map(|at| self.process(at)).collect()
    }

    fn process(&self, at: usize) -> Result<u32, Failure> {
        Ok(Runtime::read(&self.folder_of(at))?.pid)
    }

    fn places(&self) -> PathBuf {
        self.folder.join(".waybook/places")
    }

    /// The name of the place that serves.
    pub(crate) fn server(&self) -> String {
        self.names[self.server].clone()
    }

    /// The names of all places but the clients'.
    pub(crate) fn others(&self) -> impl Iterator<Item = &String> {
        let others = self.names.iter().enumerate();
        others.filter_map(|(at, name)| (at != self.client).then_some(name))
    }

    /// The data folder of the clients' place.
    pub(crate) fn client(&self) -> PathBuf {
        self.folder_of(self.client)
    }

    /// The data folders of the places between server and clients.
    pub(crate) fn between(&self) -> impl Iterator<Item = PathBuf> {
        (self.server + 1..self.client).map(|at| self.folder_of(at))
    }

    /// How many neighbours the clients' place has.
    pub(crate) fn neighbours_of_client(&self) -> usize {
        let above = |name: &str| name.rsplit_once('/').map(|(above, _)| above.to_owned());
        let client = &self.names[self.client];
        let below = self
            .names
            .iter()
            .filter(|name| above(name).as_ref() == Some(client));
        below.count() + usize::from(above(client).is_some())
    }

    fn folder_of(&self, at: usize) -> PathBuf {
        self.places().join(self.names[at].replace('/', "."))
    }

    /// The configuration of the clients' place.
    pub(crate) fn config_of_client(&self) -> PathBuf {
        let mut file = self.client().into_os_string();
        file.push(".toml");
        file.into()
    }

    /// Stops the process of the clients' place.
    pub(crate) fn stop_client(&self) -> Result<(), Failure> {
        let pid = self.process(self.client)?;
        signal("TERM", pid)?;
        let began = Instant::now();
        while Path::new("/proc").join(pid.to_string()).exists() {
            if began.elapsed() > Duration::from_secs(30) {
                return Err("the clients' place does not stop".into());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// The process of the server's place.
    pub(crate) fn process_of_server(&self) -> Result<u32, Failure> {
        self.process(self.server)
    }

    /// Has the server's process stand still until [`Row::continue_server`].
    pub(crate) fn stop_server(&self) -> Result<(), Failure> {
        signal("STOP", self.process(self.server)?)
    }

    /// The server's process goes on.
    pub(crate) fn continue_server(&self) -> Result<(), Failure> {
        signal("CONT", self.process(self.server)?)
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

    /// The memory of a place: the mean of those between server and clients.
    pub(crate) fn memory(&self) -> Result<Memory, Failure> {
        let between = self.server + 1..self.client;
        let places = between.len().max(1) as f64;
        let mut mean = Memory {
            resident: 0.0,
            own: 0.0,
        };
        for at in between {
            let status = std::fs::read_to_string(format!("/proc/{}/status", self.process(at)?))?;
            let bytes = |what: &str| -> Result<f64, Failure> {
                let line = status.lines().find_map(|line| line.strip_prefix(what));
                let kib = line.and_then(|rest| rest.trim().strip_suffix(" kB"));
                let kib = kib.ok_or_else(|| format!("no {what} of a process"))?;
                Ok(kib.trim().parse::<f64>()? * 1024.0)
            };
            mean.resident += bytes("VmRSS:")? / places;
            mean.own += bytes("RssAnon:")? / places;
        }
        Ok(mean)
    }

    /// Runs the command.
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

fn signal(name: &str, pid: u32) -> Result<(), Failure> {
    let mut command = Command::new("kill");
    match command
        .args(["-s", name, &pid.to_string()])
        .status()?
        .success()
    {
        true => Ok(()),
        false => Err(format!("process {pid} takes no SIG{name}").into()),
    }
}
