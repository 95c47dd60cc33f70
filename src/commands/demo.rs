//! `waybook demo`: everything at once, on this machine, checked.

mod code;
mod film;
mod play;
mod session;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use clap::Args;
use serde::Serialize;
use tokio::process::Command;
use waybook_client::Client;
use waybook_client::model::{EstablishedInfo, PlaceInfo, Problem};
use waybook_location_tree::PlaceName;

use crate::fail::{Done, Fail};
use crate::find::Global;
use crate::show::{self, Color, paint};
use crate::up_state::UpState;

use play::{Played, Player};

/// Where the demo's clients are.
const CLIENT: &str = "core/bologna/lab";
/// The root of the tree, where the components are added.
const ROOT: &str = "core";
/// The title that they ask for.
const TITLE: &str = "film";
/// More sessions than this would mean that nothing is ever refused.
const MOST_SESSIONS: usize = 50;
/// How long the last messages of a close may take.
const QUIET: Duration = Duration::from_secs(20);

/// Shows all of it: starts a tree, publishes a film, opens sessions until none fits.
#[derive(Args)]
#[command(after_help = "\
Examples:
  waybook demo
  waybook demo --json
  waybook demo --keep        then play the URL that it prints, and `waybook down`

The demo starts seven places, each a process of its own, below a fresh folder (or the one of
`--dir`); adds two signed components at the root and publishes a film that needs them; opens
a session, which brings the components where they are needed, and another, which finds them
there; fetches the film, checking every byte; goes on until nothing fits any more; closes
everything, and checks that nothing is booked. It exits with 0 only if every check held.")]
pub(crate) struct Demo {
    /// Leave it running with one session open, and print its URL
    #[arg(long)]
    keep: bool,
}

/// What the demo saw, for programs.
#[derive(Debug, Default, Serialize)]
struct Facts {
    /// Where the places keep their data.
    folder: PathBuf,
    places: Vec<PlaceInfo>,
    /// The session that brought the components along; closed before the others came.
    first: Option<Seen>,
    sessions: Vec<Seen>,
    /// What the first session that could not be had was told.
    refusal: Option<Box<Problem>>,
    /// Bookings left after everything was closed; none if it was not.
    bookings_left: Option<usize>,
    /// With `--keep`: where the film plays.
    url: Option<String>,
}

/// One session that was opened, and what was fetched through it.
#[derive(Debug, Serialize)]
struct Seen {
    session: EstablishedInfo,
    /// Bytes of code that all places together fetched during the set-up.
    fetched: u64,
    played: Option<Played>,
}

/// What became of an open.
enum Opened {
    Session(Box<Seen>),
    Refused(Box<Problem>),
}

/// The demo under way.
struct Stage<'a> {
    global: Global,
    folder: &'a Path,
    facts: Facts,
    began: Instant,
}

impl Demo {
    /// Does it.
    pub(crate) async fn run(&self, global: &Global) -> Done {
        let (folder, made) = match &global.dir {
            Some(dir) => (std::path::absolute(dir).map_err(Fail::failed)?, false),
            None => (fresh_folder()?, true),
        };
        let mut stage = Stage {
            global: Global {
                json: global.json,
                dir: Some(folder.clone()),
                data: None,
                url: None,
                ca: None,
                token_file: None,
            },
            folder: &folder,
            facts: Facts {
                folder: folder.clone(),
                ..Facts::default()
            },
            began: Instant::now(),
        };
        let outcome = tokio::select! {
            outcome = stage.all(self.keep) => outcome,
            _ = tokio::signal::ctrl_c() => Err(Fail::failed("interrupted")),
        };
        let stays = self.keep && outcome.is_ok();
        let stopped = if stays { Ok(()) } else { stage.stop().await };
        match outcome.and(stopped) {
            Ok(()) => {
                if made && !stays {
                    std::fs::remove_dir_all(&folder).map_err(Fail::failed)?;
                }
                stage.conclude(stays)
            }
            Err(fail) => {
                let logs = folder.join("places");
                Err(fail.during(format!("the demo failed (logs are in {})", logs.display())))
            }
        }
    }
}

impl Stage<'_> {
    async fn all(&mut self, keep: bool) -> Done {
        self.heading("A tree of places")?;
        let key = self.folder.join("publisher.pem").display().to_string();
        self.make_key(&key).await?;
        film::lay_out(self.folder).map_err(Fail::failed)?;
        self.up(&key).await?;
        self.heading("Two components are added at the root, signed")?;
        self.add_components(&key).await?;
        self.heading("A film that needs them is published")?;
        self.publish().await?;
        let player = Player::new();
        let client = self.client(CLIENT)?;
        self.heading(&format!("The first session: {CLIENT} asks for `{TITLE}`"))?;
        self.bring_code(&client, &player).await?;
        while self.facts.refusal.is_none() {
            let count = self.facts.sessions.len() + 1;
            if count > MOST_SESSIONS {
                return Err(Fail::failed(format!(
                    "check failed: {MOST_SESSIONS} sessions were opened and none was refused"
                )));
            }
            self.heading(&format!("Session {count}: {CLIENT} asks for `{TITLE}`"))?;
            self.session(&client, &player, count).await?;
        }
        self.play_the_others(&player).await?;
        self.check_qualities()?;
        if keep {
            return self.keep_one(&client).await;
        }
        self.heading("Everything is closed")?;
        for seen in &self.facts.sessions {
            client.close(&seen.session.session).await?;
        }
        self.nothing_booked().await
    }

    /// Brings the tree up as a person would.
    async fn up(&mut self, key: &str) -> Done {
        let topology = self.folder.join("topology.toml");
        let text = self
            .waybook(&["up", &topology.display().to_string(), "--trust", key])
            .await?;
        self.facts.places = serde_json::from_str(&text)
            .map_err(|error| Fail::failed(format!("`waybook up` said {text:?}: {error}")))?;
        for place in &self.facts.places {
            let listens = place.addresses.listen.as_deref().unwrap_or("-");
            self.line(&format!("  {:24} listens at {listens}", place.name))?;
        }
        let levels = self
            .facts
            .places
            .iter()
            .map(|p| p.name.split('/').count())
            .max();
        self.check(
            self.facts.places.len() >= 7 && levels >= Some(3),
            "there are at least seven places on three levels",
        )
    }

    async fn publish(&self) -> Done {
        let presentation = waybook_plan::Presentation::from_toml(film::PRESENTATION)
            .map_err(|error| Fail::failed(format!("film.toml: {error}")))?;
        for server in &presentation.servers {
            let client = self.client(server.as_str())?;
            let known = client.publish(film::PRESENTATION).await?;
            self.line(&format!(
                "  {server} serves `{}` at {}",
                known.title,
                names(&presentation)
            ))?;
        }
        // The index travels towards the root; the root knowing it means that all can.
        let root = self.client(ROOT)?;
        let began = Instant::now();
        loop {
            let known = root.presentations().await?;
            let servers = known.iter().filter(|p| p.title == TITLE).count();
            if servers == presentation.servers.len() {
                return Ok(());
            }
            if began.elapsed() > QUIET {
                return Err(Fail::failed(
                    "check failed: the root does not learn of the film",
                ));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn nothing_booked(&mut self) -> Done {
        self.wait_until_nothing_is_booked().await?;
        let places = self.facts.places.len();
        self.check(
            true,
            &format!("no booking is left at any of the {places} places"),
        )
    }

    /// Waits for the last releases, looking at every place's bookings.
    async fn wait_until_nothing_is_booked(&mut self) -> Done {
        let began = Instant::now();
        loop {
            let mut left = 0;
            for place in &self.facts.places {
                left += self.client(&place.name)?.bookings().await?.len();
            }
            self.facts.bookings_left = Some(left);
            if left == 0 {
                return Ok(());
            }
            if began.elapsed() > QUIET {
                return Err(Fail::failed(format!(
                    "check failed: {left} bookings are left"
                )));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Stops every process that was started.
    async fn stop(&mut self) -> Done {
        if UpState::load(self.folder)?.is_none() {
            return Ok(());
        }
        self.waybook(&["down"]).await?;
        match UpState::load(self.folder)? {
            Some(_) => Err(Fail::failed("check failed: some processes are left")),
            None => self.check(true, "every process that was started has ended"),
        }
    }

    fn conclude(&self, stays: bool) -> Done {
        if self.global.json {
            return show::json(&self.facts);
        }
        if stays {
            let dir = self.folder.display();
            self.heading("It stays up")?;
            if let Some(url) = &self.facts.url {
                self.line(&format!("  play   {}", paint(Color::Bold, url)))?;
            }
            self.line(&format!("  look   waybook tree --dir {dir}"))?;
            self.line(&format!("  watch  waybook page --dir {dir}, in a browser"))?;
            return self.line(&format!("  stop   waybook down --dir {dir}"));
        }
        let took = self.began.elapsed().as_secs_f64();
        self.line(&format!(
            "\n{} in {took:.1} s",
            paint(Color::Green, "Every check held")
        ))
    }

    /// Runs this very program, and gives what it printed.
    async fn waybook(&self, args: &[&str]) -> Done<String> {
        let program = std::env::current_exe().map_err(Fail::failed)?;
        let output = Command::new(program)
            .args(args)
            .arg("--json")
            .arg("--dir")
            .arg(self.folder)
            .stdin(Stdio::null())
            .output()
            .await
            .map_err(Fail::failed)?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(Fail::failed(format!(
                "`waybook {}`: {}",
                args.join(" "),
                said.trim()
            )));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn client(&self, place: &str) -> Done<Client> {
        let place = PlaceName::new(place).map_err(Fail::failed)?;
        self.global.client(Some(&place))
    }

    fn heading(&self, text: &str) -> Done {
        self.line(&format!("\n{}", paint(Color::Bold, text)))
    }

    fn check(&self, holds: bool, what: &str) -> Done {
        if !holds {
            return Err(Fail::failed(format!("check failed: {what}")));
        }
        self.line(&format!("  {} {what}", paint(Color::Green, "ok")))
    }

    fn line(&self, text: &str) -> Done {
        if self.global.json {
            Ok(())
        } else {
            show::line(text)
        }
    }
}

fn names(presentation: &waybook_plan::Presentation) -> String {
    let names: Vec<_> = presentation
        .qualities
        .iter()
        .map(|q| q.name.as_str())
        .collect();
    names.join(", ")
}

/// A folder that nobody else uses or may look into.
fn fresh_folder() -> Done<PathBuf> {
    let folder = tempfile::Builder::new()
        .prefix("waybook-demo-")
        .tempdir()
        .map_err(Fail::failed)?;
    Ok(folder.keep())
}
