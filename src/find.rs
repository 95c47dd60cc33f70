//! How a command finds the daemon that it talks to.

use std::path::{Path, PathBuf};

use clap::Args;
use waybook_client::{Client, Runtime};
use waybook_location_tree::PlaceName;

use crate::fail::{Done, Exit, Fail};
use crate::up_state::{UpPlace, UpState};

/// What they stand under in every command's help, apart from its own options.
const EVERYWHERE: &str = "Options of every command";

/// What every command takes.
#[derive(Args)]
pub(crate) struct Global {
    /// Print JSON, for programs; events one a line
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    pub(crate) json: bool,

    /// Where `waybook up` keeps its places [default: $XDG_STATE_HOME/waybook, or .waybook]
    #[arg(long, global = true, value_name = "DIR", env = "WAYBOOK_DIR", help_heading = EVERYWHERE)]
    pub(crate) dir: Option<PathBuf>,

    /// Ask the place with this data folder, in place of one that `waybook up` started
    #[arg(long, global = true, value_name = "DIR", env = "WAYBOOK_DATA_DIR", help_heading = EVERYWHERE)]
    pub(crate) data: Option<PathBuf>,

    /// Ask the place whose control API is there, such as http://127.0.0.1:4711, with the token of
    /// `--token-file` or the variable WAYBOOK_TOKEN
    #[arg(long, global = true, value_name = "URL", env = "WAYBOOK_URL", help_heading = EVERYWHERE)]
    pub(crate) url: Option<String>,

    /// The certificate of the authority that vouches for an https:// address of `--url`, or of the
    /// place itself [default: those that this machine trusts]
    #[arg(long, global = true, value_name = "FILE", env = "WAYBOOK_CA", help_heading = EVERYWHERE)]
    pub(crate) ca: Option<PathBuf>,

    /// The file that the token for `--url` is in
    #[arg(long, global = true, value_name = "FILE", env = "WAYBOOK_TOKEN_FILE", help_heading = EVERYWHERE)]
    pub(crate) token_file: Option<PathBuf>,
}

impl Global {
    /// Where `waybook up` keeps its places.
    pub(crate) fn up_dir(&self) -> PathBuf {
        if let Some(dir) = &self.dir {
            return dir.clone();
        }
        match std::env::var_os("XDG_STATE_HOME") {
            Some(state) if Path::new(&state).is_absolute() => Path::new(&state).join("waybook"),
            _ => PathBuf::from(".waybook"),
        }
    }

    /// What has to be written once more for a next command to find the same places.
    pub(crate) fn again(&self) -> String {
        if let Some(url) = &self.url {
            let file = self.token_file.as_ref();
            let file = file.map(|file| format!(" --token-file {}", file.display()));
            let ca = self.ca.as_ref().map(|ca| format!(" --ca {}", ca.display()));
            return format!(
                " --url {url}{}{}",
                ca.unwrap_or_default(),
                file.unwrap_or_default()
            );
        }
        match (&self.data, &self.dir) {
            (Some(data), _) => format!(" --data {}", data.display()),
            (None, Some(dir)) => format!(" --dir {}", dir.display()),
            (None, None) => String::new(),
        }
    }

    /// A client that speaks to that place: straight if it runs here, else through any
    /// place that does. Without a name, to the place of `--data`, or to the topmost of
    /// those that run here.
    pub(crate) fn client(&self, at: Option<&PlaceName>) -> Done<Client> {
        if let Some(client) = self.one()? {
            return Ok(match at {
                Some(at) => client.at(at.clone()),
                None => client,
            });
        }
        let state = self.up()?;
        let named = at.and_then(|at| state.places.iter().find(|place| place.name == *at));
        if let Some(place) = named {
            return of(place);
        }
        // The first one is the root; should it be down, another one may know the way.
        let mut found = Err(self.nothing_up());
        for place in &state.places {
            match of(place) {
                Ok(client) => {
                    return Ok(match at {
                        Some(at) => client.at(at.clone()),
                        None => client,
                    });
                }
                Err(error) => found = Err(error),
            }
        }
        found
    }

    /// Whether one place is meant, of which it is not `waybook up` that knows.
    pub(crate) fn is_one(&self) -> bool {
        self.url.is_some() || self.data.is_some()
    }

    /// A client of the place of `--url` or `--data`.
    fn one(&self) -> Done<Option<Client>> {
        if let Some(url) = &self.url {
            let token = self.token()?;
            return Ok(Some(match &self.ca {
                Some(ca) => Client::trusting(url, &token, ca)?,
                None => Client::new(url, &token)?,
            }));
        }
        Ok(match &self.data {
            Some(data) => Some(Client::from_folder(data)?),
            None => None,
        })
    }

    /// The token for `--url`. It is no option: what is written there, everybody on the machine sees.
    fn token(&self) -> Done<String> {
        let text = match &self.token_file {
            Some(file) => crate::commands::read_file(file)?,
            None => std::env::var("WAYBOOK_TOKEN").map_err(|_| {
                Fail::usage(
                    "`--url` needs a token: name its file with `--token-file FILE`, or put it \
                     into the variable WAYBOOK_TOKEN",
                )
            })?,
        };
        Ok(text.trim().to_owned())
    }

    /// A client of a place that must be told.
    pub(crate) fn client_of(&self, at: Option<&PlaceName>) -> Done<Client> {
        if at.is_none() && !self.is_one() {
            return Err(Fail::usage(
                "say which place is meant, with `--at PLACE` (`waybook tree` shows them)",
            ));
        }
        self.client(at)
    }

    /// Clients of the place meant, or of all places that run here if none is named. Of those
    /// that should run here and do not it is said that they are left out.
    pub(crate) fn clients(&self, at: Option<&PlaceName>) -> Done<Vec<Client>> {
        if at.is_some() || self.is_one() {
            return Ok(vec![self.client(at)?]);
        }
        let mut clients = Vec::new();
        let mut fails = Vec::new();
        for place in self.up()?.places {
            match of(&place) {
                Ok(client) => clients.push(client),
                Err(fail) => fails.push(fail),
            }
        }
        if clients.is_empty() {
            return Err(fails.pop().unwrap_or_else(|| self.nothing_up()));
        }
        for fail in fails {
            eprintln!("waybook: left out: {}", fail.into_message());
        }
        Ok(clients)
    }

    /// The places that `waybook up` has started, unless another one is meant.
    pub(crate) fn up_places(&self) -> Vec<PlaceName> {
        match UpState::load(&self.up_dir()) {
            Ok(Some(state)) if !self.is_one() => {
                state.places.into_iter().map(|place| place.name).collect()
            }
            _ => Vec::new(),
        }
    }

    fn up(&self) -> Done<UpState> {
        UpState::load(&self.up_dir())?.ok_or_else(|| self.nothing_up())
    }

    fn nothing_up(&self) -> Fail {
        Fail::new(
            Exit::Unreachable,
            format!(
                "no places are up in {}: start some with `waybook up TOPOLOGY`, name another \
                 folder with `--dir`, or one place's data folder with `--data`",
                self.up_dir().display()
            ),
        )
    }
}

/// A client of a place that `waybook up` has started.
fn of(place: &UpPlace) -> Done<Client> {
    // One that was killed could not take back where it is reached.
    if !place.is_alive() {
        return Err(Fail::new(
            Exit::Unreachable,
            format!(
                "{name} does not run: its process has ended, and {log} may say why; \
                 `waybook place restart {name}` starts it again",
                name = place.name,
                log = place.log.display(),
            ),
        ));
    }
    // Nor can it say where it is before it has started again.
    if Runtime::read(&place.data)?.pid != place.pid {
        let what = format!("{} is starting: try again in a moment", place.name);
        return Err(Fail::new(Exit::Unreachable, what));
    }
    Ok(Client::from_folder(&place.data)?)
}
