//! Real daemons as an arm for stories.

use std::collections::BTreeMap;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use waybook_agents::SessionId;
use waybook_client::model::SpanForm;
use waybook_client::{Client, Error};
use waybook_location_tree::PlaceName;
use waybook_place::io::{EndReason, Established, OpenRequest};
use waybook_place::{BookingPhase, BookingView};
use waybook_plan::Resource;
use waybook_sim::Setting;
use waybook_sim::arm::{Answer, Arm, Refused};

use crate::forms;

/// How long anything may take that a story waits for. Not a measure of speed: more than
/// any lease of the stories' settings.
const PATIENCE: Duration = Duration::from_secs(120);

/// A tree of processes on this machine.
pub(crate) struct Daemons {
    pub(crate) folder: TempDir,
    pub(crate) runtime: Runtime,
    places: BTreeMap<PlaceName, Files>,
    /// Places that were started again, as children of this process.
    restarted: BTreeMap<PlaceName, Child>,
    /// The sessions that stand, as they were given.
    standing: BTreeMap<SessionId, Established>,
    /// How many presentations are served in all.
    published: usize,
}

/// Where a place keeps what.
struct Files {
    config: PathBuf,
    data: PathBuf,
    pid: u32,
}

/// The command, with nothing of this process's settings.
pub(crate) fn waybook() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_waybook"));
    for (key, _) in std::env::vars_os() {
        if key.to_string_lossy().starts_with("WAYBOOK_") {
            command.env_remove(key);
        }
    }
    command.stdin(Stdio::null());
    command
}

/// Runs the command in the tree's folder; what it printed.
fn run(folder: &Path, arguments: &[&str]) -> String {
    let output = waybook()
        .args(arguments)
        .arg("--dir")
        .arg(folder)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "`waybook {}`: {said}",
        arguments.join(" ")
    );
    String::from_utf8(output.stdout).unwrap()
}

/// Asks again and again until the answer is there.
pub(crate) fn until<T>(what: &str, mut ask: impl FnMut() -> Result<T, String>) -> T {
    let began = Instant::now();
    loop {
        match ask() {
            Ok(answer) => return answer,
            Err(why) if began.elapsed() > PATIENCE => panic!("{what}: {why}"),
            Err(_) => std::thread::yield_now(),
        }
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

impl Daemons {
    pub(crate) fn client(&self, place: &PlaceName) -> Result<Client, String> {
        Client::from_folder(&self.places[place].data).map_err(|e| e.to_string())
    }

    /// Waits until every place has its neighbours and may grant, and the root knows what
    /// all serve.
    fn wait_joined(&self) {
        let presentations = self.published;
        until("the tree does not stand", || {
            for place in self.places.keys() {
                let client = self.client(place)?;
                let info = self.runtime.block_on(client.place());
                let info = info.map_err(|e| e.to_string())?;
                let neighbours = self.places.keys().filter(|p| p.is_neighbour_of(place));
                if info.links.len() != neighbours.count() || info.recovering {
                    return Err(format!("{place} has not joined: {:?}", info.links));
                }
            }
            let root = self.places.keys().next().ok_or("no places")?;
            let known = self.runtime.block_on(self.client(root)?.presentations());
            let known = known.map_err(|e| e.to_string())?.len();
            if known == presentations {
                Ok(())
            } else {
                Err(format!(
                    "the root knows {known} of {presentations} presentations"
                ))
            }
        });
    }

    /// What is booked otherwise than the standing sessions say.
    fn odd_bookings(&mut self) -> Result<(), String> {
        let names: Vec<_> = self.places.keys().cloned().collect();
        for place in names {
            let mut expected: BTreeMap<_, _> = BTreeMap::new();
            for (id, session) in &self.standing {
                let hop = session.journey.iter().find(|hop| hop.place == place);
                if let Some(hop) = hop {
                    expected.insert(*id, hop.booked.clone());
                }
            }
            for booking in self.bookings(&place) {
                let wanted = expected.remove(&booking.session);
                if booking.phase != BookingPhase::Established
                    || wanted.as_ref() != Some(&booking.demand)
                {
                    return Err(format!("{place} books {booking:?} where {wanted:?} is due"));
                }
            }
            if !expected.is_empty() {
                return Err(format!("{place} lacks the bookings {expected:?}"));
            }
        }
        Ok(())
    }
}

impl Arm for Daemons {
    fn set_up(setting: &Setting) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // All at once, so that no port is given twice.
        let sockets: BTreeMap<_, _> = setting
            .places
            .keys()
            .map(|name| (name.clone(), UdpSocket::bind("127.0.0.1:0").unwrap()))
            .collect();
        let addresses: BTreeMap<_, _> = sockets
            .iter()
            .map(|(name, socket)| (name.clone(), socket.local_addr().unwrap().to_string()))
            .collect();
        drop(sockets);
        let file = folder.path().join("topology.toml");
        std::fs::write(
            &file,
            forms::topology(setting, |name| addresses[name].clone()),
        )
        .unwrap();
        run(
            folder.path(),
            &["up", &file.display().to_string(), "--json"],
        );

        let state = std::fs::read_to_string(folder.path().join("up.json")).unwrap();
        let state: Value = serde_json::from_str(&state).unwrap();
        let files = |place: &Value| {
            let path = |key: &str| PathBuf::from(place[key].as_str().unwrap());
            let pid = u32::try_from(place["pid"].as_u64().unwrap()).unwrap();
            let files = Files {
                config: path("config"),
                data: path("data"),
                pid,
            };
            (
                PlaceName::new(place["name"].as_str().unwrap()).unwrap(),
                files,
            )
        };
        let mut arm = Self {
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap(),
            places: state["places"]
                .as_array()
                .unwrap()
                .iter()
                .map(files)
                .collect(),
            folder,
            restarted: BTreeMap::new(),
            standing: BTreeMap::new(),
            published: 0,
        };
        for (name, place) in &setting.places {
            let client = arm.client(name).unwrap();
            for presentation in &place.presentations {
                let text = forms::presentation(presentation);
                arm.runtime.block_on(client.publish(&text)).unwrap();
                arm.published += 1;
            }
        }
        arm.wait_joined();
        arm
    }

    fn open_all(&mut self, requests: Vec<(PlaceName, OpenRequest)>) -> Vec<Answer> {
        let opens: Vec<_> = requests
            .iter()
            .map(|(place, request)| (self.client(place).unwrap(), forms::open(request)))
            .collect();
        let answers = self
            .runtime
            .block_on(join_all(opens.iter().map(|(client, form)| async {
                match client.open_quietly(form).await {
                    Ok(info) => {
                        client.claim(&info.session).await.unwrap();
                        Ok(forms::established(&info))
                    }
                    Err(Error::Problem(problem)) => Err(Refused {
                        refused: problem.refused.iter().map(forms::refusal).collect(),
                        why: problem.detail.clone(),
                    }),
                    Err(other) => panic!("{other}"),
                }
            })));
        let given = answers
            .iter()
            .flatten()
            .map(|session| (session.session, session.clone()));
        self.standing.extend(given);
        answers
    }

    fn close(&mut self, session: &Established) {
        let client = self.client(&session.journey[0].place).unwrap();
        self.runtime
            .block_on(client.close(&session.session.to_string()))
            .unwrap();
        self.standing.remove(&session.session);
    }

    fn bookings(&mut self, place: &PlaceName) -> Vec<BookingView> {
        let client = self.client(place).unwrap();
        let all = self.runtime.block_on(client.bookings()).unwrap();
        all.iter().map(forms::booking).collect()
    }

    fn crash(&mut self, place: &PlaceName) {
        match self.restarted.remove(place) {
            Some(mut child) => child.kill().and_then(|()| child.wait().map(drop)).unwrap(),
            None => {
                let pid = self.places[place].pid.to_string();
                let killed = Command::new("kill").args(["-9", &pid]).status().unwrap();
                assert!(killed.success());
                // Nobody may reap it; what counts is that none of its threads runs any
                // more, because the last one lets go of the data folder.
                until("it does not die", || {
                    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
                    let threads = std::fs::read_dir(format!("/proc/{pid}/task"));
                    match (stat, threads.map(Iterator::count)) {
                        (Ok(stat), Ok(threads)) if threads > 1 || !stat.contains(") Z ") => {
                            Err(stat)
                        }
                        _ => Ok(()),
                    }
                });
            }
        }
    }

    fn restart(&mut self, place: &PlaceName) {
        let files = &self.places[place];
        let mut child = waybook();
        child.args(["place", "run", "--config"]).arg(&files.config);
        let log = self.folder.path().join(format!("{}.log", place.label()));
        let file = std::fs::File::create(&log).unwrap();
        let child = child.stdout(Stdio::null()).stderr(file).spawn().unwrap();
        let pid = child.id();
        let runtime = files.data.join("runtime.json");
        self.restarted.insert(place.clone(), child);
        // The crashed life's file is still there.
        until("the place does not come back", || {
            let text = std::fs::read_to_string(&runtime).map_err(|e| e.to_string())?;
            let value: Value = serde_json::from_str(&text).map_err(|e| e.to_string())?;
            if value["pid"].as_u64() == Some(u64::from(pid)) {
                Ok(())
            } else {
                Err(std::fs::read_to_string(&log).unwrap_or_default())
            }
        });
        // What the restarted place serves, it has kept.
        self.wait_joined();
    }

    fn drain(&mut self, place: &PlaceName, deadline: Option<Duration>) {
        let deadline = deadline.map(|deadline| SpanForm::Seconds(deadline.as_secs_f64()));
        let client = self.client(place).unwrap();
        self.runtime.block_on(client.drain(deadline)).unwrap();
    }

    fn undrain(&mut self, place: &PlaceName) {
        let client = self.client(place).unwrap();
        self.runtime.block_on(client.undrain()).unwrap();
    }

    fn cordon(&mut self, place: &PlaceName, resource: &Resource, cordoned: bool) {
        let client = self.client(place).unwrap();
        let done = self.runtime.block_on(async {
            match cordoned {
                true => client.cordon(resource.as_str()).await,
                false => client.uncordon(resource.as_str()).await,
            }
        });
        let is = done.unwrap().cordoned.contains(&resource.to_string());
        assert_eq!(is, cordoned);
    }

    fn set_capacity(&mut self, place: &PlaceName, resource: &Resource, amount: u64) {
        let file = &self.places[place].config;
        let mut config: toml::Table = std::fs::read_to_string(file).unwrap().parse().unwrap();
        let capacity = config["capacity"].as_table_mut().unwrap();
        let amount = forms::exactly(resource, amount).parse().unwrap();
        capacity.insert(resource.to_string(), amount);
        std::fs::write(file, config.to_string()).unwrap();
        let client = self.client(place).unwrap();
        let reload = self.runtime.block_on(client.reload()).unwrap();
        let changed: Vec<_> = reload.changed.iter().map(|c| &c.setting).collect();
        assert_eq!(changed, [&format!("capacity.{resource}")]);
        assert_eq!(reload.restart, [] as [String; 0]);
    }

    fn wait_for_end(&mut self, session: &Established) -> EndReason {
        let client = self.client(&session.journey[0].place).unwrap();
        let id = session.session.to_string();
        let end = self.runtime.block_on(client.wait_for_end(&id)).unwrap();
        self.standing.remove(&session.session);
        forms::end(&end)
    }

    fn wait_quiet(&mut self) {
        until("it does not become quiet", || self.odd_bookings());
    }
}

impl Drop for Daemons {
    fn drop(&mut self) {
        for child in self.restarted.values_mut() {
            let _ = child.kill().and_then(|()| child.wait().map(drop));
        }
        let _ = waybook()
            .arg("down")
            .arg("--dir")
            .arg(self.folder.path())
            .output();
    }
}
