//! Seven real places: each of the build that it is told to be, and with a network and a disk of
//! its own where that is wanted and can be had.

pub(crate) mod disk;
pub(crate) mod network;
pub(crate) mod served;

use std::ffi::OsString;
use std::fs::File;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use waybook_client::model::PlaceInfo;
use waybook_client::{Client, Error, NewCode, Runtime};
use waybook_location_tree::PlaceName;

use crate::daemons::{until, waybook};

/// Parents before children; the leaves are `r/a/x`, `r/a/z`, `r/b/y` and `r/b/w`.
const NAMES: [&str; 7] = ["r", "r/a", "r/b", "r/a/x", "r/a/z", "r/b/y", "r/b/w"];

/// Longer than any outage of a round.
pub(crate) const SESSION_LEASE: Duration = Duration::from_secs(30);

/// No request of a client takes longer, whatever is cut or stopped.
const LONGEST_REQUEST: Duration = Duration::from_secs(15);

/// Short times, so that much happens in a minute.
const SETTINGS: &str = r#"
servers-per-plan = 3
strategy = "best-quality"
[timing]
setup-deadline = "12 s"
setup-lease = "4 s"
setup-refresh = "300 ms"
session-lease = "30 s"
session-refresh = "3 s"
claim = "6 s"
idle = "1 h"
question = "2 s"
index-grace = "2 s"
[transport]
idle-timeout = "3 s"
keep-alive = "500 ms"
redial-longest = "1 s"
[api.remote]
open = "all"
operate = "all"
"#;

/// Which build a place is of.
#[derive(Debug, Clone)]
pub(crate) enum Build {
    /// The one that is tested.
    This,
    /// Another one.
    Other(PathBuf),
}

impl Build {
    fn program(&self) -> OsString {
        match self {
            Self::This => waybook().get_program().to_owned(),
            Self::Other(path) => path.into(),
        }
    }
}

/// What kind of tree it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kind {
    /// Whether there are networks and disks that may be spoiled.
    pub(crate) walls: bool,
    /// Whether sessions bring code along.
    pub(crate) code: bool,
}

/// One place.
pub(crate) struct Place {
    pub(crate) name: PlaceName,
    number: usize,
    build: Build,
    /// The disk: a small one of its own, or a folder.
    pub(crate) disk: PathBuf,
    data: PathBuf,
    config: PathBuf,
    log: PathBuf,
    child: Option<Child>,
}

/// The tree.
pub(crate) struct Places {
    all: Vec<Place>,
    pub(crate) kind: Kind,
    /// The folder of the authority of all.
    ca: PathBuf,
    /// For what is asked here.
    runtime: tokio::runtime::Runtime,
    _folder: Option<TempDir>,
}

/// A runtime for one thread.
pub(crate) fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().unwrap()
}

/// What a request is answered, or that it is not.
pub(crate) async fn answered<T>(
    request: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    match tokio::time::timeout(LONGEST_REQUEST, request).await {
        Ok(answer) => answer,
        Err(_) => Err(Error::Answer("nothing came in time".to_owned())),
    }
}

/// Where each place is reached: QUIC, control API, gateway.
fn addresses(walls: bool) -> Vec<[SocketAddr; 3]> {
    if walls {
        let at = |number, port| {
            format!("{}:{port}", network::address(number))
                .parse()
                .unwrap()
        };
        let all = |number| [4700, 7000, 8000].map(|port| at(number, port));
        return (0..NAMES.len()).map(all).collect();
    }
    // An address of loopback for each tree: a port that is free now may be taken in a moment.
    static TREES: AtomicU8 = AtomicU8::new(0);
    let tree = 16 + TREES.fetch_add(1, Ordering::Relaxed) % 100;
    let [.., high, low] = std::process::id().to_be_bytes();
    let ip = IpAddr::from([127, tree, high, low.clamp(1, 254)]);
    let at = |port: usize| SocketAddr::new(ip, u16::try_from(port).unwrap());
    let all = |number| [4700, 7000, 8000].map(|port| at(port + number));
    (0..NAMES.len()).map(all).collect()
}

fn config(place: &Place, at: &[[SocketAddr; 3]], files: &Path, kind: Kind) -> String {
    // The first version knows of no code.
    let code = if kind.code {
        "[code]\nunsigned = true\nstall = \"3 s\"\n"
    } else {
        ""
    };
    let [quic, api, gateway] = at[place.number];
    let edge = "down = \"120 Mbit/s\"\nup = \"120 Mbit/s\"\n";
    let (edge, parent) = match place.name.parent() {
        None => ("", String::new()),
        Some(parent) => {
            let number = NAMES.iter().position(|n| *n == parent.as_str()).unwrap();
            let address = at[number][0];
            (edge, format!("[parent]\naddress = \"{address}\"\n"))
        }
    };
    let this = std::env::current_exe().unwrap();
    format!(
        "name = \"{}\"\ndata-dir = \"{}\"\nlisten = \"{quic}\"\n{SETTINGS}\n{code}{parent}\
         [capacity]\ncpu = \"4\"\nmemory = \"1 GiB\"\n{edge}\
         [api]\nlisten = \"{api}\"\n[gateway]\nlisten = \"{gateway}\"\n\
         [files]\nroots = [\"{}\"]\n\
         [programs.parts]\ncommand = [\"{}\", \"--exact\", \"torture::program\", \"--nocapture\", \
         \"--test-threads=1\"]\nenv = {{ {} = \"1\" }}\n",
        place.name,
        place.data.display(),
        files.display(),
        this.display(),
        served::BE,
    )
}

impl Places {
    /// Starts the tree, and publishes what it serves.
    pub(crate) fn up(kind: Kind, build: impl Fn(&str) -> Build) -> Self {
        let walls = kind.walls;
        let (base, folder) = if walls {
            network::must(&["mount", "-t", "tmpfs", "-o", "mode=700", "tmpfs", "/run"]);
            network::lay(NAMES.len());
            (PathBuf::from("/run/waybook"), None)
        } else {
            let folder = tempfile::tempdir().unwrap();
            (folder.path().to_owned(), Some(folder))
        };
        let files = base.join("files");
        served::write_files(&files);
        let ca = base.join("ca");
        certify(&["init", "--ca", &ca.display().to_string()]);
        let at = addresses(walls);
        let mut places = Self {
            all: Vec::new(),
            kind,
            ca: ca.clone(),
            runtime: runtime(),
            _folder: folder,
        };
        for (number, name) in NAMES.into_iter().enumerate() {
            let of = |what: &str| base.join(format!("{what}-{}", name.replace('/', ".")));
            let disk = of("disk");
            let place = Place {
                name: name.parse().unwrap(),
                number,
                build: build(name),
                data: disk.join("data"),
                config: of("config"),
                log: of("log"),
                child: None,
                disk,
            };
            if walls {
                disk::make(&place.disk);
            }
            issue(&ca, name, &place.data.join("identity"));
            std::fs::write(&place.config, config(&place, &at, &files, kind)).unwrap();
            places.all.push(place);
        }
        for number in 0..NAMES.len() {
            places.start(number);
        }
        places.publish(&files);
        places.wait_joined();
        places
    }

    fn publish(&self, files: &Path) {
        if self.kind.code {
            self.add_code();
        }
        for (title, servers, components) in self.titles() {
            let text = served::presentation(title, components, files);
            for server in servers {
                let at = NAMES.iter().position(|name| name == server).unwrap();
                let published = self.ask(self.client(at).unwrap().publish(&text));
                published.unwrap_or_else(|error| panic!("{error}"));
            }
        }
    }

    fn add_code(&self) {
        let code = Path::new(env!("CARGO_MANIFEST_DIR")).join("components");
        let manifest = std::fs::read_to_string(code.join("cap-quality/component.toml")).unwrap();
        let code = NewCode {
            binary: &code.join("built/cap-quality.wasm"),
            manifest: Some(&manifest),
            signature: None,
        };
        let client = self.client(0).unwrap();
        let added = self.ask(client.add_component(code, |_| {}));
        added.unwrap_or_else(|error| panic!("{error}"));
    }

    /// The titles that are served.
    pub(crate) fn titles(&self) -> impl Iterator<Item = served::Title> + use<> {
        let code = self.kind.code;
        let titles = served::TITLES.into_iter();
        titles.filter(move |title| code || !served::needs_code(title))
    }

    /// How many places there are.
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// The places in order.
    pub(crate) fn all(&self) -> &[Place] {
        &self.all
    }

    /// The number of a place's parent.
    pub(crate) fn parent(&self, number: usize) -> Option<usize> {
        let parent = self.all[number].name.parent()?;
        self.all.iter().position(|place| place.name == parent)
    }

    pub(crate) fn client(&self, number: usize) -> Result<Client, String> {
        Client::from_folder(&self.all[number].data).map_err(|error| error.to_string())
    }

    /// Waits for an answer.
    pub(crate) fn ask<T>(
        &self,
        request: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        self.runtime.block_on(answered(request))
    }

    /// Starts a place, and waits until its control API answers.
    pub(crate) fn start(&mut self, number: usize) {
        assert!(self.try_start(number).is_none(), "the place did not start");
    }

    /// Starts a place, unless it ends; how it ended and what it said then.
    pub(crate) fn try_start(&mut self, number: usize) -> Option<(ExitStatus, String)> {
        let walls = self.kind.walls;
        let place = &mut self.all[number];
        let mut command = match walls {
            true => network::inside(number),
            false => Command::new("env"),
        };
        let log = File::options().create(true).append(true).open(&place.log);
        let log = log.unwrap();
        let from = usize::try_from(log.metadata().unwrap().len()).unwrap();
        // Nothing else of this process's settings: `waybook` takes them away.
        command
            .arg(place.build.program())
            .args(["place", "run", "--config"])
            .arg(&place.config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        for (key, _) in std::env::vars_os() {
            if key.to_string_lossy().starts_with("WAYBOOK_") {
                command.env_remove(key);
            }
        }
        let mut child = command.spawn().unwrap();
        let (data, pid) = (place.data.clone(), child.id());
        let ended = until("the place does not come up", || {
            if let Some(status) = child.try_wait().unwrap() {
                return Ok(Some(status));
            }
            // The file of the crashed life is still there.
            match Runtime::read(&data) {
                Ok(runtime) if runtime.pid == pid => Ok(None),
                Ok(_) => Err("the last life's".to_owned()),
                Err(error) => Err(error.to_string()),
            }
        });
        match ended {
            None => {
                place.child = Some(child);
                None
            }
            Some(status) => {
                let said = std::fs::read(&place.log).unwrap();
                Some((status, String::from_utf8_lossy(&said[from..]).into_owned()))
            }
        }
    }

    /// From its next start on a place is of that build.
    pub(crate) fn change(&mut self, number: usize, build: Build) {
        self.all[number].build = build;
    }

    /// Where a place listens for its neighbours.
    pub(crate) fn quic(&self, number: usize) -> SocketAddr {
        Runtime::read(&self.all[number].data).unwrap().quic
    }

    /// From its next start on a place looks for its parent there.
    pub(crate) fn lead(&self, number: usize, parent: SocketAddr) {
        let place = &self.all[number];
        let above = self.parent(number).expect("the root has no parent");
        let text = std::fs::read_to_string(&place.config).unwrap();
        let was = format!("address = \"{}\"", self.quic(above));
        let is = format!("address = \"{parent}\"");
        assert!(text.contains(&was), "{text}");
        std::fs::write(&place.config, text.replace(&was, &is)).unwrap();
    }

    /// From its next start on a place has that setting in that table.
    pub(crate) fn set(&self, number: usize, table: &str, setting: &str) {
        let config = &self.all[number].config;
        let mut text = std::fs::read_to_string(config).unwrap();
        let head = format!("{table}\n");
        if !text.contains(&head) {
            text += &head;
        }
        std::fs::write(config, text.replace(&head, &format!("{head}{setting}\n"))).unwrap();
    }

    /// A new identity for that name, from the authority of all; where it is.
    pub(crate) fn identity(&self, name: &str) -> PathBuf {
        let folder = self.ca.with_file_name(name.replace('/', "."));
        issue(&self.ca, name, &folder);
        folder
    }

    /// Has the tree's authority do something about a place's certificate.
    pub(crate) fn authority(&self, number: usize, word: &str, more: &[&str]) {
        let (place, ca) = (&self.all[number], self.ca.display().to_string());
        let words = [word, place.name.as_str(), "--ca", &ca];
        certify(&[&words, more].concat());
    }

    /// Gives a place the list of what is revoked.
    pub(crate) fn tell_revoked(&self, number: usize) {
        let list = self.all[number].data.join("identity/revoked.crl");
        std::fs::copy(self.ca.join("revoked.crl"), list).unwrap();
    }

    /// Sends a place's process a signal.
    pub(crate) fn signal(&self, number: usize, signal: Signal) {
        let child = self.all[number].child.as_ref().expect("it runs");
        kill_process(Pid::from_child(child), signal).unwrap();
    }

    /// Waits until a place's process is gone.
    pub(crate) fn wait_for_end(&mut self, number: usize) {
        let mut child = self.all[number].child.take().expect("it runs");
        let name = &self.all[number].name;
        until(&format!("{name} does not end"), || {
            match child.try_wait().unwrap() {
                Some(_) => Ok(()),
                None => Err("it runs".to_owned()),
            }
        });
    }

    /// What a place logged last.
    pub(crate) fn log(&self, number: usize) -> String {
        let text = std::fs::read_to_string(&self.all[number].log).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(25)..].join("\n")
    }

    pub(crate) fn info(&self, number: usize) -> Result<PlaceInfo, String> {
        let client = self.client(number)?;
        self.ask(client.place()).map_err(|error| error.to_string())
    }

    /// Waits until every place has its neighbours and may grant, and the root knows what all
    /// serve.
    pub(crate) fn wait_joined(&self) {
        let published: usize = self.titles().map(|title| title.1.len()).sum();
        until("the tree does not stand again", || {
            for (number, place) in self.all.iter().enumerate() {
                let info = self.info(number)?;
                let wanted = self.all.iter();
                let wanted = wanted.filter(|p| p.name.is_neighbour_of(&place.name));
                if info.links.len() != wanted.count() || info.recovering {
                    let log = self.log(number);
                    return Err(format!("{} has not joined: {info:?}\n{log}", place.name));
                }
            }
            let known = self.ask(self.client(0)?.presentations());
            let known = known.map_err(|error| error.to_string())?.len();
            match known == published {
                true => Ok(()),
                false => Err(format!("the root knows {known} of {published}")),
            }
        });
    }
}

impl Place {
    /// Its data folder.
    pub(crate) fn data(&self) -> &Path {
        &self.data
    }

    /// Whether its process was started and has not been seen to end.
    pub(crate) fn runs(&self) -> bool {
        self.child.is_some()
    }

    /// The process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }
}

/// Writes a new identity into a folder.
fn issue(ca: &Path, name: &str, folder: &Path) {
    let (ca, out) = (ca.display().to_string(), folder.display().to_string());
    certify(&["issue", name, "--ca", &ca, "--out", &out]);
}

fn certify(words: &[&str]) {
    let output = waybook().arg("ca").args(words).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

impl Drop for Places {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for number in 0..self.len() {
                println!("---- {}\n{}", self.all[number].name, self.log(number));
            }
        }
        for child in self.all.iter_mut().filter_map(|place| place.child.as_mut()) {
            let _ = child.kill().and_then(|()| child.wait().map(drop));
        }
    }
}
