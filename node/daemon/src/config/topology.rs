//! Topology files: a whole location tree, to be brought up on one machine.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use waybook_location_tree::{LocationTree, PlaceName};
use waybook_plan::Resource;

use super::section::{Problems, Section};
use super::source::{self, Kind, Table, Value};
use super::{ConfigError, DaemonConfig, place};

/// A checked topology.
///
/// `[defaults]` holds settings as a place's file has them, for all places; each
/// `[[place]]` has a `name` and settings of its own, which go before the defaults.
/// Where data, identity and parent are is up to whoever brings the places up, so a
/// topology does not say. Bandwidths in the defaults do not concern the root.
#[derive(Debug, Clone)]
pub struct Topology {
    tree: LocationTree,
    places: Vec<TopologyPlace>,
    folder: PathBuf,
}

/// One place of a topology.
#[derive(Debug, Clone)]
pub struct TopologyPlace {
    /// Its name.
    pub name: PlaceName,
    /// The QUIC address that the file gives it, if it does.
    pub listen: Option<SocketAddr>,
    /// What the file says of its machine.
    pub machine: Machine,
    table: Table,
    origin: source::Origin,
}

/// What matters to whoever writes a place's folder for a machine of its own
/// (`[place.machine]`). Places that are all on one machine go by none of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Machine {
    /// Where the place's children reach it (`address`), `host:port`.
    pub address: Option<String>,
    /// Where its data is kept (`data-dir`); relative paths start at its configuration's folder.
    pub data_dir: Option<PathBuf>,
}

/// What a topology file does not say of a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    /// The place's data folder.
    pub data_dir: PathBuf,
    /// The folder with `place.crt`, `place.key` and `authority.crt`; none for
    /// `identity` in the data folder.
    pub identity: Option<PathBuf>,
    /// The QUIC address; none for what the file says, or any free port of loopback.
    pub listen: Option<SocketAddr>,
    /// Where the parent is; none for what the file says of the parent's `listen`.
    pub parent: Option<String>,
    /// The gateway's address; none for what the file says, or any free port of loopback.
    pub gateway: Option<SocketAddr>,
    /// Publishers that the place trusts, besides those that the file names.
    pub trust: Vec<String>,
}

impl Topology {
    /// Reads a topology file.
    ///
    /// # Errors
    /// [`ConfigError`] with everything that is wrong: in any place's settings, or with
    /// the tree.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let (text, folder) = super::read_file(path)?;
        Self::from_toml(&text, &path.display().to_string(), &folder)
    }

    /// Reads a topology from a text; as [`DaemonConfig::from_toml`].
    ///
    /// # Errors
    /// As [`Topology::load`].
    pub fn from_toml(text: &str, name: &str, folder: &Path) -> Result<Self, ConfigError> {
        let value = source::parse(name, text).map_err(ConfigError::one)?;
        let problems = Problems::default();
        let places = read_places(&value, folder, &problems);
        let tree = LocationTree::new(places.iter().map(|p| p.name.clone()));
        let tree = match tree {
            Ok(tree) => Some(tree),
            Err(error) => {
                note_tree_error(&error, &value, &places, &problems);
                None
            }
        };
        if tree.is_some() {
            check_places(&places, folder, &problems);
        }
        problems.finish()?;
        let tree = tree.ok_or_else(|| ConfigError::one(format!("{name}: no location tree")))?;
        Ok(Self {
            tree,
            places,
            folder: folder.to_owned(),
        })
    }

    /// The tree that the places form.
    #[must_use]
    pub fn tree(&self) -> &LocationTree {
        &self.tree
    }

    /// The places, parents before their children.
    #[must_use]
    pub fn places(&self) -> &[TopologyPlace] {
        &self.places
    }

    /// A place by name.
    #[must_use]
    pub fn place(&self, name: &PlaceName) -> Option<&TopologyPlace> {
        self.places.iter().find(|p| p.name == *name)
    }

    /// The configuration of one place.
    ///
    /// # Errors
    /// [`ConfigError`] if the topology has no such place, or if it has no address to
    /// reach the parent at.
    pub fn config(
        &self,
        name: &PlaceName,
        deployment: &Deployment,
    ) -> Result<DaemonConfig, ConfigError> {
        let value = self.merged(name, deployment)?;
        let problems = Problems::default();
        let config = place::read(&value, &self.folder, &problems);
        problems.finish()?;
        config.ok_or_else(|| ConfigError::one(format!("place `{name}` is not complete")))
    }

    /// The configuration of one place as the text of a file, with absolute paths.
    ///
    /// # Errors
    /// As [`Topology::config`].
    pub fn render(&self, name: &PlaceName, deployment: &Deployment) -> Result<String, ConfigError> {
        let mut value = self.merged(name, deployment)?;
        if let Kind::Table(table) = &mut value.kind {
            make_absolute(table, &self.folder);
        }
        toml::to_string_pretty(&value.to_toml())
            .map_err(|error| ConfigError::one(format!("place `{name}`: {error}")))
    }

    fn merged(&self, name: &PlaceName, deployment: &Deployment) -> Result<Value, ConfigError> {
        let place = self
            .place(name)
            .ok_or_else(|| ConfigError::one(format!("the topology has no place named `{name}`")))?;
        let parent = match name.parent() {
            None => None,
            Some(parent) => {
                let stated = self.place(&parent).and_then(|p| p.listen);
                let stated = stated.filter(|a| a.port() != 0).map(|a| a.to_string());
                let address = deployment.parent.clone().or(stated);
                Some(address.ok_or_else(|| {
                    ConfigError::one(format!(
                        "place `{name}`: where `{parent}` listens is not known; give it a `listen`"
                    ))
                })?)
            }
        };
        Ok(complete(place, deployment, parent))
    }
}

/// A place's table with what the topology leaves open.
fn complete(place: &TopologyPlace, deployment: &Deployment, parent: Option<String>) -> Value {
    let mut table = place.table.clone();
    let text = |text: String| Value::text(place.origin.clone(), text);
    let inner = |pairs: Vec<(&str, String)>| Value {
        origin: place.origin.clone(),
        kind: Kind::Table(
            pairs
                .into_iter()
                .map(|(k, v)| (k.to_owned(), text(v)))
                .collect(),
        ),
    };
    let data_dir = deployment.data_dir.display().to_string();
    table.insert("data-dir".to_owned(), text(data_dir));
    if let Some(folder) = &deployment.identity {
        let paths = super::IdentityPaths::in_folder(folder);
        let pairs = vec![
            ("certificate", paths.certificate.display().to_string()),
            ("key", paths.key.display().to_string()),
            ("authority", paths.authority.display().to_string()),
        ];
        table.insert("identity".to_owned(), inner(pairs));
    }
    if let Some(listen) = deployment.listen.or(place.listen) {
        table.insert("listen".to_owned(), text(listen.to_string()));
    }
    if let Some(address) = parent {
        table.insert("parent".to_owned(), inner(vec![("address", address)]));
    }
    if let Some(gateway) = deployment.gateway {
        let listen = ("listen".to_owned(), text(gateway.to_string()));
        let entry = table
            .entry("gateway".to_owned())
            .or_insert_with(|| inner(Vec::new()));
        if let Kind::Table(settings) = &mut entry.kind {
            settings.extend([listen]);
        }
    }
    if !deployment.trust.is_empty() {
        let entry = table
            .entry("code".to_owned())
            .or_insert_with(|| inner(Vec::new()));
        if let Kind::Table(settings) = &mut entry.kind {
            let list = settings.entry("trust".to_owned()).or_insert_with(|| Value {
                origin: place.origin.clone(),
                kind: Kind::List(Vec::new()),
            });
            if let Kind::List(list) = &mut list.kind {
                list.extend(deployment.trust.iter().cloned().map(text));
            }
        }
    }
    Value {
        origin: place.origin.clone(),
        kind: Kind::Table(table),
    }
}

fn read_places(value: &Value, folder: &Path, problems: &Problems) -> Vec<TopologyPlace> {
    let top = Section::top(value, folder, problems);
    let defaults = match top.value("defaults").map(|v| &v.kind) {
        None => Table::new(),
        Some(Kind::Table(table)) => table.clone(),
        Some(_) => {
            top.problem("defaults", "must be a table: `[defaults]`");
            Table::new()
        }
    };
    let refuse = |table: &Table, path: &str| {
        for key in ["data-dir", "identity", "parent"] {
            if let Some(value) = table.get(key) {
                let path = format!("{path}.{key}");
                let message = "does not belong in a topology: whoever brings the places up decides";
                problems.add(&value.origin, &path, message);
            }
        }
    };
    refuse(&defaults, "defaults");
    if let Some(value) = defaults.get("name") {
        problems.add(
            &value.origin,
            "defaults.name",
            "every place has its own name",
        );
    }
    let list = match top.value("place").map(|v| &v.kind) {
        Some(Kind::List(list)) if !list.is_empty() => list.as_slice(),
        _ => {
            top.problem("place", "must be a list of places: `[[place]]` for each");
            &[]
        }
    };
    let mut places: Vec<TopologyPlace> = Vec::new();
    let mut seen: BTreeMap<PlaceName, source::Origin> = BTreeMap::new();
    for value in list {
        let Kind::Table(own) = &value.kind else {
            problems.add(&value.origin, "place", "must be a table: `[[place]]`");
            continue;
        };
        refuse(own, "place");
        let name = match own.get("name").map(|v| (&v.kind, v)) {
            Some((Kind::Text(text), at)) => match PlaceName::new(text) {
                Ok(name) => name,
                Err(error) => {
                    problems.add(&at.origin, "place.name", error);
                    continue;
                }
            },
            _ => {
                problems.add(
                    &value.origin,
                    "place.name",
                    "is missing; write it like `name = \"core/bologna\"`",
                );
                continue;
            }
        };
        if seen.insert(name.clone(), value.origin.clone()).is_some() {
            let message = format!("place `{name}` is listed twice");
            problems.add(&own["name"].origin, "place.name", message);
            continue;
        }
        let listen = match own.get("listen").map(|v| &v.kind) {
            // What is no address is noted when the place is read as a whole.
            Some(Kind::Text(text)) => text.parse().ok(),
            _ => None,
        };
        let mut table = defaults.clone();
        if name.parent().is_none()
            && let Some(Kind::Table(capacity)) = table.get_mut("capacity").map(|v| &mut v.kind)
        {
            capacity.remove(Resource::DOWN);
            capacity.remove(Resource::UP);
        }
        let mut own = own.clone();
        let machine = own.remove("machine");
        let machine = machine.map_or_else(Machine::default, |value| {
            read_machine(value, folder, problems)
        });
        source::lay_over(&mut table, own);
        places.push(TopologyPlace {
            name,
            listen,
            machine,
            table,
            origin: value.origin.clone(),
        });
    }
    // In the order of names every parent comes before its children.
    places.sort_by(|a, b| a.name.cmp(&b.name));
    places
}

fn read_machine(value: Value, folder: &Path, problems: &Problems) -> Machine {
    // Read by itself, with its errors named as they stand in the file.
    let origin = value.origin.clone();
    let whole = Value {
        origin,
        kind: Kind::Table(Table::from([("machine".to_owned(), value)])),
    };
    let top = Section::top(&whole, folder, problems);
    let section = top.section("machine");
    let address =
        section.parsed(
            "address",
            "bologna.example:4710",
            |text: &str| match super::host_and_port(text) {
                true => Ok(text.to_owned()),
                false => Err(format!(
                    "`{text}` must be a host and a port, such as \"bologna.example:4710\""
                )),
            },
        );
    let data_dir = section.parsed("data-dir", "/var/lib/waybook/bologna", place::non_empty);
    Machine {
        address,
        data_dir: data_dir.map(PathBuf::from),
    }
}

/// Reads every place as its daemon will, so that errors have the topology's lines.
fn check_places(places: &[TopologyPlace], folder: &Path, problems: &Problems) {
    // Any deployment will do: what it adds is right.
    let nowhere = Deployment {
        data_dir: PathBuf::from("data"),
        identity: None,
        listen: None,
        parent: None,
        gateway: None,
        trust: Vec::new(),
    };
    let mut noted = std::collections::BTreeSet::new();
    let mut addresses: BTreeMap<SocketAddr, &PlaceName> = BTreeMap::new();
    for at in places {
        let parent = at.name.parent().map(|_| "127.0.0.1:1".to_owned());
        let value = complete(at, &nowhere, parent);
        let own = Problems::default();
        let _ = place::read(&value, folder, &own);
        if let Err(error) = own.finish() {
            // What is wrong with the defaults is wrong for every place: once is enough.
            noted.extend(error.problems.into_iter().map(|p| (at.origin.clone(), p)));
        }
        if let Some(listen) = at.listen.filter(|l| l.port() != 0)
            && let Some(other) = addresses.insert(listen, &at.name)
        {
            let message = format!("`{}` listens on {listen} as `{other}` does", at.name);
            problems.add(&at.origin, "place.listen", message);
        }
    }
    let mut once = std::collections::BTreeSet::new();
    for (origin, text) in noted {
        if once.insert(text.clone()) {
            problems.add_text(origin, text);
        }
    }
}

fn note_tree_error(
    error: &waybook_location_tree::TreeError,
    value: &Value,
    places: &[TopologyPlace],
    problems: &Problems,
) {
    use waybook_location_tree::TreeError;
    let about = match error {
        // Without places, something else has been noted.
        TreeError::Empty => return,
        TreeError::Orphan(name, _) | TreeError::TwoRoots(_, name) | TreeError::Duplicate(name) => {
            places.iter().find(|p| p.name == *name)
        }
    };
    let origin = about.map_or(&value.origin, |p| &p.origin);
    problems.add(origin, "place.name", error);
}

/// Makes the paths in a place's table absolute, as they will be read from elsewhere.
fn make_absolute(table: &mut Table, folder: &Path) {
    let join = |value: &mut Value| {
        if let Kind::Text(text) = &mut value.kind {
            *text = folder.join(&*text).display().to_string();
        }
    };
    if let Some(Kind::Table(settings)) = table.get_mut("join").map(|v| &mut v.kind) {
        settings.get_mut("authority").into_iter().for_each(join);
    }
    if let Some(Kind::Table(files)) = table.get_mut("files").map(|v| &mut v.kind)
        && let Some(Kind::List(roots)) = files.get_mut("roots").map(|v| &mut v.kind)
    {
        roots.iter_mut().for_each(join);
    }
    let Some(Kind::Table(programs)) = table.get_mut("programs").map(|v| &mut v.kind) else {
        return;
    };
    for program in programs.values_mut() {
        let Kind::Table(program) = &mut program.kind else {
            continue;
        };
        program.get_mut("working-dir").into_iter().for_each(join);
        if let Some(Kind::List(command)) = program.get_mut("command").map(|v| &mut v.kind)
            && let Some(first) = command.first_mut()
            && matches!(&first.kind, Kind::Text(text) if text.contains('/'))
        {
            join(first);
        }
    }
}
