//! `waybook topology`: the folders of a tree's machines, from one file.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;
use waybook_daemon::Existing;
use waybook_daemon::config::{Deployment, Topology as File, TopologyPlace};
use waybook_daemon::identity::{Authority, DEFAULT_VALIDITY};
use waybook_location_tree::PlaceName;
use waybook_plan::PublisherKey;

use super::component::publisher;
use super::up::{authority, private_folder};
use crate::fail::{Done, Fail};
use crate::find::Global;
use crate::show;

/// A place's configuration, in its folder.
const CONFIG: &str = "place.toml";

/// Topology files.
#[derive(Subcommand)]
pub(crate) enum Topology {
    /// Write each machine's configuration and certificate
    Render(Render),
}

/// Writes each machine's configuration and certificate.
#[derive(Args)]
#[command(after_help = "\
Examples:
  waybook topology render tree.toml --out machines
  waybook topology render tree.toml --out machines --ca /safe/ca --replace

For each place a folder with `place.toml` and `identity`, to be copied to its machine as it is and
started there with `waybook place run --config FOLDER/place.toml`; and, unless `--ca` names another,
the authority of the tree in `ca`, which is to be copied nowhere. `[place.machine]` in the file says
where a place is reached and where its data is to be:

  [[place]]
  name = \"core/bologna\"
  machine.address = \"bologna.example:4710\"
  machine.data-dir = \"/var/lib/waybook/bologna\"

Given again, it adds what is new. Keys and certificates that are there stay in any case, and so do
configurations, unless `--replace` is given.")]
pub(crate) struct Render {
    /// The topology file
    topology: PathBuf,
    /// The folder to write to
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The authority's folder, made if it is not there [default: `ca` in the folder of `--out`]
    #[arg(long, value_name = "DIR")]
    ca: Option<PathBuf>,
    /// Write configurations anew that the file has changed
    #[arg(long)]
    replace: bool,
    /// A publisher whose components may run at every place: the key as `waybook component
    /// keygen` printed it, or the file that it wrote. May be given several times
    #[arg(long, value_name = "KEY|FILE", value_parser = publisher)]
    trust: Vec<PublisherKey>,
}

impl Topology {
    /// Does it.
    pub(crate) fn run(&self, global: &Global) -> Done {
        match self {
            Self::Render(render) => render.run(global),
        }
    }
}

/// What becomes of a place's folder.
struct Planned<'a> {
    name: &'a PlaceName,
    folder: PathBuf,
    text: String,
    /// The configuration that is there, if there is one.
    there: Option<String>,
}

impl Planned<'_> {
    fn is_new(&self) -> bool {
        self.there.is_none()
    }

    fn differs(&self) -> bool {
        self.there.as_ref().is_some_and(|there| *there != self.text)
    }

    fn has_key(&self) -> bool {
        self.folder.join("identity/place.key").exists()
    }
}

impl Render {
    fn run(&self, global: &Global) -> Done {
        let file = File::load(&self.topology).map_err(Fail::usage)?;
        // All that can be wrong is found before anything is written.
        let mut planned = Vec::new();
        for place in file.places() {
            planned.push(self.plan(&file, place)?);
        }
        let changed: Vec<_> = planned.iter().filter(|one| one.differs()).collect();
        if !changed.is_empty() && !self.replace {
            let files: Vec<_> = changed.iter().map(|one| one.name.to_string()).collect();
            return Err(Fail::failed(format!(
                "the configurations of {} are there already and would become others; `--replace` \
                 writes them anew (keys and certificates stay), another `--out` leaves them alone",
                files.join(", ")
            )));
        }
        private_folder(&self.out)?;
        let ca = self.ca.clone().unwrap_or_else(|| self.out.join("ca"));
        let authority = authority(&ca, "Waybook")?;
        let mut rows = Vec::new();
        for one in &planned {
            let done = self.write(one, &authority)?;
            rows.push((one, done));
        }
        let gone = self.gone(&planned)?;
        if global.json {
            let places = rows.iter().map(
                |(one, done)| json!({ "place": one.name, "folder": one.folder, "done": done }),
            );
            let places: Vec<_> = places.collect();
            return show::json(&json!({ "places": places, "ca": ca, "gone": gone }));
        }
        let rows: Vec<_> = rows
            .iter()
            .map(|(one, done)| {
                let folder = one.folder.display().to_string();
                vec![one.name.to_string(), (*done).to_owned(), folder]
            })
            .collect();
        show::table(&["PLACE", "IS", "FOLDER"], &rows, "no places")?;
        for folder in gone {
            show::line(&format!(
                "{} is of no place in the file; it was left alone",
                folder.display()
            ))?;
        }
        show::line(&format!(
            "the authority is in {}: it can certify any place, so keep it off their machines",
            ca.display()
        ))
    }

    fn plan<'a>(&self, file: &File, place: &'a TopologyPlace) -> Done<Planned<'a>> {
        let name = &place.name;
        let parent = name.parent().and_then(|parent| file.place(&parent));
        let reached = parent.map(reached).transpose()?;
        let deployment = Deployment {
            // Beside the file, so that the folder may lie anywhere.
            data_dir: place
                .machine
                .data_dir
                .clone()
                .unwrap_or_else(|| "data".into()),
            identity: Some("identity".into()),
            listen: listen(place, reached.as_deref()),
            parent: reached,
            gateway: None,
            trust: self.trust.iter().map(ToString::to_string).collect(),
        };
        let text = file.render(name, &deployment).map_err(Fail::usage)?;
        // Labels have no dots, so that no two places share a folder.
        let folder = self.out.join(name.as_str().replace('/', "."));
        let path = folder.join(CONFIG);
        let there = match std::fs::read_to_string(&path) {
            Ok(there) => Some(there),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(Fail::failed(format!("{}: {error}", path.display()))),
        };
        Ok(Planned {
            name,
            folder,
            text,
            there,
        })
    }

    /// Writes what is not there, and says what that was.
    fn write(&self, one: &Planned<'_>, authority: &Authority) -> Done<&'static str> {
        private_folder(&one.folder)?;
        let certified = !one.has_key();
        if certified {
            let identity = one.folder.join("identity");
            authority
                .issue(one.name, &identity, DEFAULT_VALIDITY, Existing::Keep)
                .map_err(Fail::failed)?;
        }
        if one.is_new() || one.differs() {
            let path = one.folder.join(CONFIG);
            std::fs::write(&path, &one.text)
                .map_err(|error| Fail::failed(format!("{}: {error}", path.display())))?;
        }
        Ok(match (one.is_new(), one.differs(), certified) {
            (true, ..) => "new",
            (false, true, _) => "changed",
            (false, false, true) => "certified",
            (false, false, false) => "as it was",
        })
    }

    /// Folders of places that are not in the file any more.
    fn gone(&self, planned: &[Planned<'_>]) -> Done<Vec<PathBuf>> {
        let fail = |error| Fail::failed(format!("{}: {error}", self.out.display()));
        let known: BTreeSet<&Path> = planned.iter().map(|p| p.folder.as_path()).collect();
        let mut gone = Vec::new();
        for entry in std::fs::read_dir(&self.out).map_err(fail)? {
            let path = entry.map_err(fail)?.path();
            if path.join(CONFIG).exists() && !known.contains(path.as_path()) {
                gone.push(path);
            }
        }
        gone.sort();
        Ok(gone)
    }
}

/// Where the children of a place reach it.
fn reached(parent: &TopologyPlace) -> Done<String> {
    if let Some(address) = &parent.machine.address {
        return Ok(address.clone());
    }
    let stated = parent
        .listen
        .filter(|at| at.port() != 0 && !at.ip().is_unspecified());
    stated.map(|at| at.to_string()).ok_or_else(|| {
        Fail::usage(format!(
            "place `{}`: where its children reach it is not known; say so with `machine.address = \
             \"HOST:PORT\"` in its `[[place]]`, or give it a `listen` with an address and a port",
            parent.name
        ))
    })
}

/// Where a place listens whose `listen` the file leaves open: where it is said to be reached, or at
/// any port if that is nowhere.
fn listen(place: &TopologyPlace, parent: Option<&str>) -> Option<SocketAddr> {
    if place.listen.is_some() {
        return None;
    }
    let any = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port);
    if let Some(address) = &place.machine.address {
        let port = address
            .rsplit_once(':')
            .and_then(|(_, port)| port.parse().ok());
        return match address.parse::<SocketAddr>() {
            Ok(at) if at.ip().is_loopback() => Some(at),
            _ => port.map(any),
        };
    }
    // From loopback only loopback is reached.
    let near = parent.and_then(|parent| parent.parse::<SocketAddr>().ok());
    match near {
        Some(at) if at.ip().is_loopback() => None,
        _ => parent.map(|_| any(0)),
    }
}
