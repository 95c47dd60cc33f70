//! `waybook up`: all places of a topology on this machine.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use waybook_client::model::{PlaceInfo, Role};
use waybook_client::{Client, Runtime};
use waybook_daemon::Existing;
use waybook_daemon::config::{Deployment, Topology};
use waybook_daemon::identity::{Authority, DEFAULT_VALIDITY};
use waybook_location_tree::PlaceName;
use waybook_plan::PublisherKey;

use super::component::publisher;
use super::down::stop;
use super::span;
use crate::fail::{Done, Fail};
use crate::find::Global;
use crate::show;
use crate::up_state::{Sockets, UpPlace, UpState, began};

/// How often to look whether something has happened.
const LOOK: Duration = Duration::from_millis(20);
/// How much of a place's log is shown when it fails.
const LOG_LINES: usize = 8;

/// Starts all places of a topology on this machine.
#[derive(Args)]
#[command(after_help = "\
Examples:
  waybook up configs/demo/topology.toml
  waybook up configs/demo/topology.toml --dir /tmp/tree
  waybook up configs/demo/topology.toml --trust publisher.pem

Each place is a process of its own, with a data folder, a certificate from an authority made
for this tree, and a log, all below the folder of `--dir`. `waybook down` stops them. Its
configuration is there as well, so that one place alone can be started again, with
`waybook place run --config DIR/places/NAME.toml`.")]
pub(crate) struct Up {
    /// The topology file
    topology: PathBuf,
    /// How long the places may take to find each other
    #[arg(long, value_name = "TIME", default_value = "60 s", value_parser = span)]
    patience: Duration,
    /// A publisher whose components may run at every place: the key as `waybook component
    /// keygen` printed it, or the file that it wrote. May be given several times
    #[arg(long, value_name = "KEY|FILE", value_parser = publisher)]
    trust: Vec<PublisherKey>,
}

/// A place that was started, as `up` watches it.
struct Started {
    place: UpPlace,
    child: Child,
}

impl Up {
    /// Does it.
    pub(crate) async fn run(&self, global: &Global) -> Done {
        let topology = Topology::load(&self.topology).map_err(Fail::usage)?;
        let dir = std::path::absolute(global.up_dir()).map_err(Fail::failed)?;
        private_folder(&dir)?;
        let _lock = UpState::lock(&dir)?;
        if let Some(state) = UpState::load(&dir)?
            && state.places.iter().any(UpPlace::is_alive)
        {
            return Err(Fail::failed(format!(
                "{} is up already in {}: stop it with `waybook down{}`, or choose another folder \
                 with `--dir`",
                state.topology.display(),
                dir.display(),
                global.again()
            )));
        }
        let mut started = Vec::new();
        let outcome = tokio::select! {
            outcome = self.start(&topology, &dir, &mut started) => outcome,
            _ = tokio::signal::ctrl_c() => Err(Fail::failed("interrupted")),
        };
        match outcome {
            Ok(places) => {
                settle(&topology, &dir, &started, &self.trusted())?;
                report(&places, &started, global)
            }
            Err(fail) => {
                let places: Vec<_> = started.into_iter().map(|s| s.place).collect();
                stop(&places, Duration::from_secs(15))?;
                UpState::remove(&dir)?;
                Err(fail)
            }
        }
    }

    /// Starts every place, level by level, and waits until all have joined.
    async fn start(
        &self,
        topology: &Topology,
        dir: &Path,
        started: &mut Vec<Started>,
    ) -> Done<Vec<PlaceInfo>> {
        let deadline = Instant::now() + self.patience;
        let authority = authority(&dir.join("ca"), "Waybook, for places on this machine")?;
        let mut state = UpState {
            topology: std::path::absolute(&self.topology).map_err(Fail::failed)?,
            places: Vec::new(),
        };
        state.save(dir)?;
        let bar = bar(topology.places().len());
        let depth = |at: usize| topology.places().get(at).map(|p| p.name.depth());
        for (at, place) in topology.places().iter().enumerate() {
            bar.set_message(format!("starting {}", place.name));
            let new = self.launch(topology, &place.name, dir, &authority, started)?;
            state.places.push(new.place.clone());
            started.push(new);
            state.save(dir)?;
            if depth(at + 1) != depth(at) {
                // The next level needs to know where this one listens.
                answering(started, deadline).await?;
            }
            bar.inc(1);
        }
        let mut places = Vec::new();
        bar.set_position(0);
        for at in 0..started.len() {
            bar.set_message(format!("{} joins", started[at].place.name));
            places.push(joined(started, at, deadline).await?);
            bar.inc(1);
        }
        bar.finish_and_clear();
        Ok(places)
    }

    fn trusted(&self) -> Vec<String> {
        self.trust.iter().map(ToString::to_string).collect()
    }

    /// Starts a place whose parent answers already.
    fn launch(
        &self,
        topology: &Topology,
        name: &PlaceName,
        dir: &Path,
        authority: &Authority,
        started: &[Started],
    ) -> Done<Started> {
        let fail = |error: &dyn std::fmt::Display| Fail::failed(format!("{name}: {error}"));
        // Labels have no dots, so that no two places share a folder.
        let file = name.as_str().replace('/', ".");
        let places = dir.join("places");
        private_folder(&places)?;
        let data = places.join(&file);
        let parent = name.parent();
        let parent = started
            .iter()
            .find(|s| Some(&s.place.name) == parent.as_ref());
        let parent = match parent {
            Some(parent) => Some(Runtime::read(&parent.place.data)?.quic),
            None => None,
        };
        let mut deployment = Deployment {
            data_dir: data.clone(),
            identity: None,
            listen: None,
            parent: parent.map(|address| address.to_string()),
            gateway: None,
            trust: self.trusted(),
        };
        // Any port will do where the topology leaves it open, but those of the last time keep
        // the URLs of kept sessions.
        let settings = topology.config(name, &deployment).map_err(Fail::usage)?;
        if let Some(last) = UpState::sockets(dir).remove(name) {
            let open = |setting: SocketAddr| setting.port() == 0;
            deployment.listen =
                Some(last.quic).filter(|at| open(settings.listen) && UdpSocket::bind(at).is_ok());
            deployment.gateway = last
                .gateway
                .filter(|at| open(settings.gateway.listen) && TcpListener::bind(at).is_ok());
        }
        let config = places.join(format!("{file}.toml"));
        let text = topology.render(name, &deployment).map_err(Fail::usage)?;
        std::fs::write(&config, text).map_err(|error| fail(&error))?;
        private_folder(&data)?;
        authority
            .issue(
                name,
                &data.join("identity"),
                DEFAULT_VALIDITY,
                Existing::Replace,
            )
            .map_err(|error| fail(&error))?;
        // What an earlier process left there would be taken for this one's.
        match std::fs::remove_file(data.join("runtime.json")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(fail(&error)),
            _ => {}
        }
        let log = places.join(format!("{file}.log"));
        let child = spawn(&config, &log).map_err(|error| fail(&error))?;
        let pid = child.id();
        let place = UpPlace {
            name: name.clone(),
            data,
            config,
            log,
            pid,
            began: began(pid),
        };
        Ok(Started { place, child })
    }
}

fn bar(places: usize) -> ProgressBar {
    let bar = ProgressBar::new(places as u64);
    if let Ok(style) = ProgressStyle::with_template("{pos}/{len} {msg}") {
        bar.set_style(style);
    }
    bar
}

/// The authority of a tree, made with that name when it is first needed.
pub(super) fn authority(folder: &Path, name: &str) -> Done<Authority> {
    let authority = if folder.join("authority.key").exists() {
        Authority::load(folder)
    } else {
        Authority::create(folder, name, 10 * DEFAULT_VALIDITY, Existing::Keep)
    };
    authority.map_err(Fail::failed)
}

/// Writes down which ports the places got: in their configurations, so that each can be
/// started again by itself and is found where it was, and for the next time.
fn settle(topology: &Topology, dir: &Path, started: &[Started], trust: &[String]) -> Done {
    let mut sockets = BTreeMap::new();
    for one in started {
        let runtime = Runtime::read(&one.place.data)?;
        let parent = one.place.name.parent();
        let parent = parent.and_then(|parent| sockets.get(&parent));
        let deployment = Deployment {
            data_dir: one.place.data.clone(),
            identity: None,
            listen: Some(runtime.quic),
            parent: parent.map(|parent: &Sockets| parent.quic.to_string()),
            trust: trust.to_vec(),
            gateway: runtime.gateway,
        };
        let text = topology
            .render(&one.place.name, &deployment)
            .map_err(Fail::usage)?;
        let path = &one.place.config;
        std::fs::write(path, text)
            .map_err(|error| Fail::failed(format!("{}: {error}", path.display())))?;
        let (quic, gateway) = (runtime.quic, runtime.gateway);
        sockets.insert(one.place.name.clone(), Sockets { quic, gateway });
    }
    UpState::note_sockets(dir, &sockets)
}

/// Runs this very program as a place that outlives it.
pub(super) fn spawn(config: &Path, log: &Path) -> io::Result<Child> {
    let log: File = OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(log)?;
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args(["place", "run", "--config"])
        .arg(config)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        // A Ctrl-C at the terminal is not for the places.
        .process_group(0);
    // Settings in the environment would be those of every place.
    for (key, _) in std::env::vars_os() {
        if key.to_string_lossy().starts_with("WAYBOOK_") && key != "WAYBOOK_LOG" {
            command.env_remove(key);
        }
    }
    command.spawn()
}

/// Waits until all that was started answers.
async fn answering(started: &mut [Started], deadline: Instant) -> Done {
    for one in started {
        while !Runtime::read(&one.place.data).is_ok_and(|runtime| runtime.pid == one.place.pid) {
            one.pause(deadline, "does not come up").await?;
        }
    }
    Ok(())
}

/// Waits until a place is connected to its parent.
async fn joined(started: &mut [Started], at: usize, deadline: Instant) -> Done<PlaceInfo> {
    let one = &mut started[at];
    loop {
        let client = Client::from_folder(&one.place.data)?;
        if let Ok(place) = client.place().await {
            let has_parent = place.links.iter().any(|link| link.role == Role::Parent);
            if has_parent || one.place.name.parent().is_none() {
                return Ok(place);
            }
        }
        one.pause(deadline, "does not join its parent").await?;
    }
}

impl Started {
    /// Waits a little, if there is time and the process lives.
    async fn pause(&mut self, deadline: Instant, what: &str) -> Done {
        let ended = self.child.try_wait().map_err(Fail::failed)?;
        let what = match ended {
            Some(status) => format!("ended ({status})"),
            None if Instant::now() > deadline => what.to_owned(),
            None => {
                tokio::time::sleep(LOOK).await;
                return Ok(());
            }
        };
        let log = std::fs::read_to_string(&self.place.log).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        let last = &lines[lines.len().saturating_sub(LOG_LINES)..];
        Err(Fail::failed(format!(
            "{} {what}; the end of {}:\n{}",
            self.place.name,
            self.place.log.display(),
            last.join("\n")
        )))
    }
}

fn report(places: &[PlaceInfo], started: &[Started], global: &Global) -> Done {
    if global.json {
        return show::json(&places);
    }
    let rows: Vec<_> = places
        .iter()
        .zip(started)
        .map(|(place, started)| {
            let text = |address: &Option<String>| address.clone().unwrap_or_else(|| "-".to_owned());
            vec![
                place.name.clone(),
                started.place.pid.to_string(),
                text(&place.addresses.listen),
                text(&place.addresses.gateway),
                text(&place.addresses.api),
            ]
        })
        .collect();
    let headings = ["PLACE", "PROCESS", "LISTENS", "GATEWAY", "CONTROL"];
    show::table(&headings, &rows, "no places")?;
    let again = global.again();
    show::line(&format!(
        "{} places are up; look at them in a browser with `waybook page{again}`, stop them with \
         `waybook down{again}`",
        rows.len()
    ))
}

/// Makes a folder that only its owner may look into.
pub(super) fn private_folder(path: &Path) -> Done {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|error| Fail::failed(format!("{}: {error}", path.display())))
}
