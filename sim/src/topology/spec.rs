//! The topology of a scenario: its `[topology]` table.
//!
//! | what | keys |
//! |---|---|
//! | a tree file | `file` |
//! | places, written out | `list` |
//! | a regular tree | `generate = "regular"`, `degree`, `depth` |
//! | a random recursive tree | `generate = "recursive"`, `places`, `seed` |
//! | a preferential tree | `generate = "preferential"`, `places`, `exponent`, `offset`, `seed` |
//! | nested names | `names`, `columns`, `root`, `duplicates` |
//! | a graph | `import`, `format`, `rule`, `root`, `unconnected`, `duplicates`, `naming`, `speed`, `missing-latency`, `latency`, `latency-unit`, `bandwidth`, `bandwidth-unit` |
//!
//! and `classes` with each of them. Paths are as the scenario gives them; whoever builds the topology
//! reads the files.

use std::time::Duration;

use serde::Deserialize;
use waybook_location_tree::{LocationTree, PlaceName};
use waybook_plan::{parse_bandwidth, parse_duration};

use super::classes::Classes;
use super::error::{TopologyError, quote};
use super::format::Format;
use super::generate::{Preference, preferential, recursive, regular};
use super::graph::Graph;
use super::mapping::import;
use super::names::{NamesRule, Repeated, from_names};
use super::quantities::{Named, Quantities};
use super::report::Report;
use super::rule::{Duplicates, Measure, Naming, Root, Rule, Unconnected};
use super::sketch::Sketch;
use super::tree::{Edge, Topology};

/// Where the topology of a scenario comes from.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "Table")]
pub enum TopologySpec {
    /// A tree file.
    File {
        /// Its path.
        path: String,
        /// The classes of places that have none in it.
        classes: Classes,
    },
    /// Places, written out. All of them: nothing is added.
    List {
        /// Their names.
        names: Vec<PlaceName>,
        /// Their classes.
        classes: Classes,
    },
    /// A regular tree; see [`regular`].
    Regular {
        /// How many children a place has.
        degree: u32,
        /// How many hops the leaves are below the root.
        depth: u32,
        /// The classes of the places.
        classes: Classes,
    },
    /// A random recursive tree; see [`recursive`].
    Recursive {
        /// How many places there are.
        places: u32,
        /// The seed; none for that of the run.
        seed: Option<u64>,
        /// The classes of the places.
        classes: Classes,
    },
    /// A preferential tree; see [`preferential`].
    Preferential {
        /// How many places there are.
        places: u32,
        /// How parents are weighed.
        preference: Preference,
        /// The seed; none for that of the run.
        seed: Option<u64>,
        /// The classes of the places.
        classes: Classes,
    },
    /// A list of nested names; see [`from_names`].
    Names {
        /// Its path.
        path: String,
        /// How it becomes a tree.
        rule: NamesRule,
    },
    /// A graph; see [`import`].
    Import {
        /// Its path.
        path: String,
        /// Its format; none to tell by its name or content.
        format: Option<Format>,
        /// Which attributes say what.
        quantities: Quantities,
        /// How it becomes a tree.
        rule: Box<Rule>,
    },
}

/// A topology, with what a person should know of how it came about.
#[derive(Debug, Clone, PartialEq)]
pub struct Built {
    /// The topology.
    pub topology: Topology,
    /// What became of the graph, if it was one.
    pub report: Option<Report>,
    /// What else a person should know.
    pub notes: Vec<String>,
}

impl TopologySpec {
    /// The file that it needs, if it needs one.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        match self {
            Self::File { path, .. } | Self::Names { path, .. } | Self::Import { path, .. } => {
                Some(path)
            }
            Self::List { .. }
            | Self::Regular { .. }
            | Self::Recursive { .. }
            | Self::Preferential { .. } => None,
        }
    }

    /// Makes the topology. `seed` is the run's, for trees that are drawn and have no seed of their
    /// own; `read` gives the content of a file, or says why it cannot.
    ///
    /// # Errors
    /// [`TopologyError`] names the file and the place in it, or the key that is wrong.
    pub fn build(
        &self,
        seed: u64,
        read: &mut dyn FnMut(&str) -> Result<String, String>,
    ) -> Result<Built, TopologyError> {
        let text = match self.path() {
            Some(path) => read(path).map_err(|e| TopologyError::at(path, e))?,
            None => String::new(),
        };
        let built = self.make(seed, &text);
        match self.path() {
            Some(path) => built.map_err(|e| e.within(path)),
            None => built,
        }
    }

    fn make(&self, seed: u64, text: &str) -> Result<Built, TopologyError> {
        let topology = match self {
            Self::File { classes, .. } => Topology::from_csv(text, classes)?,
            Self::List { names, classes } => Topology::from_list(names, classes)?,
            Self::Regular {
                degree,
                depth,
                classes,
            } => regular(*degree, *depth, classes)?,
            Self::Recursive {
                places,
                seed: own,
                classes,
            } => recursive(*places, own.unwrap_or(seed), classes)?,
            Self::Preferential {
                places,
                preference,
                seed: own,
                classes,
            } => preferential(*places, *preference, own.unwrap_or(seed), classes)?,
            Self::Names { rule, .. } => {
                let (topology, notes) = from_names(text, rule)?;
                return Ok(Built {
                    topology,
                    report: None,
                    notes,
                });
            }
            Self::Import {
                path,
                format,
                quantities,
                rule,
            } => {
                let format = format.or_else(|| Format::of(path, text)).ok_or_else(|| {
                    TopologyError::whole(
                        "neither the name nor the content tells the format; give `format`: json, graphml, \
                         gml or brite",
                    )
                })?;
                let graph = Graph::read(text, format, quantities)?;
                let (topology, report) = import(graph, rule)?;
                return Ok(Built {
                    topology,
                    report: Some(report),
                    notes: Vec::new(),
                });
            }
        };
        Ok(Built {
            topology,
            report: None,
            notes: Vec::new(),
        })
    }
}

impl Topology {
    /// The topology of these places, in any order; nothing is known of its edges.
    ///
    /// # Errors
    /// [`TopologyError`] if they do not form a tree.
    pub fn from_list(names: &[PlaceName], classes: &Classes) -> Result<Self, TopologyError> {
        let tree = LocationTree::new(names.iter().cloned())
            .map_err(|e| TopologyError::at("`list`", e.to_string()))?;
        let mut sketch = Sketch::default();
        let mut open: Vec<(u32, &PlaceName)> = Vec::new();
        for name in tree.places() {
            while open.last().is_some_and(|(_, above)| !above.contains(name)) {
                open.pop();
            }
            let parent = open.last().map_or(0, |(place, _)| *place);
            open.push((sketch.add(parent, name.label(), Edge::default())?, name));
        }
        sketch.finish(classes)
    }
}

/// The table as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Table {
    file: Option<String>,
    list: Option<Vec<PlaceName>>,
    generate: Option<Generator>,
    names: Option<String>,
    import: Option<String>,
    classes: Option<Classes>,
    degree: Option<u32>,
    depth: Option<u32>,
    places: Option<u32>,
    exponent: Option<f64>,
    offset: Option<f64>,
    seed: Option<u64>,
    columns: Option<Vec<String>>,
    root: Option<String>,
    duplicates: Option<String>,
    format: Option<Format>,
    rule: Option<Measure>,
    unconnected: Option<Unconnected>,
    naming: Option<Naming>,
    speed: Option<String>,
    missing_latency: Option<String>,
    latency: Option<String>,
    latency_unit: Option<String>,
    bandwidth: Option<String>,
    bandwidth_unit: Option<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Generator {
    Regular,
    Recursive,
    Preferential,
}

impl Table {
    /// The keys that are given, without those that choose a source, and without `classes`.
    fn given(&self) -> Vec<&'static str> {
        [
            ("degree", self.degree.is_some()),
            ("depth", self.depth.is_some()),
            ("places", self.places.is_some()),
            ("exponent", self.exponent.is_some()),
            ("offset", self.offset.is_some()),
            ("seed", self.seed.is_some()),
            ("columns", self.columns.is_some()),
            ("root", self.root.is_some()),
            ("duplicates", self.duplicates.is_some()),
            ("format", self.format.is_some()),
            ("rule", self.rule.is_some()),
            ("unconnected", self.unconnected.is_some()),
            ("naming", self.naming.is_some()),
            ("speed", self.speed.is_some()),
            ("missing-latency", self.missing_latency.is_some()),
            ("latency", self.latency.is_some()),
            ("latency-unit", self.latency_unit.is_some()),
            ("bandwidth", self.bandwidth.is_some()),
            ("bandwidth-unit", self.bandwidth_unit.is_some()),
        ]
        .into_iter()
        .filter_map(|(key, given)| given.then_some(key))
        .collect()
    }

    /// Refuses keys that say nothing of this source.
    fn only(&self, source: &str, keys: &[&str]) -> Result<(), String> {
        match self.given().iter().find(|key| !keys.contains(key)) {
            None => Ok(()),
            Some(key) => Err(format!(
                "`{key}` says nothing of a topology with {source}; {}",
                match keys {
                    [] => "remove it".to_owned(),
                    keys => format!("what may be given with it is `{}`", keys.join("`, `")),
                }
            )),
        }
    }
}

impl TryFrom<Table> for TopologySpec {
    type Error = String;

    fn try_from(table: Table) -> Result<Self, String> {
        let sources = [
            ("file", table.file.is_some()),
            ("list", table.list.is_some()),
            ("generate", table.generate.is_some()),
            ("names", table.names.is_some()),
            ("import", table.import.is_some()),
        ];
        let given: Vec<_> = sources.iter().filter(|(_, given)| *given).collect();
        if let [(a, _), (b, _), ..] = given.as_slice() {
            return Err(format!(
                "a topology has one source, and here are `{a}` and `{b}`; keep one"
            ));
        }
        let classes = table.classes.clone().unwrap_or_default();
        if let (Classes::Attribute(_), None) = (&classes, &table.import) {
            return Err(
                "`classes = \"attribute:...\"` is for `import`: only graphs have attributes"
                    .to_owned(),
            );
        }
        if let Some(path) = table.file.clone() {
            table.only("`file`", &[])?;
            return Ok(Self::File { path, classes });
        }
        if table.list.is_some() {
            table.only("`list`", &[])?;
            let names = table.list.unwrap_or_default();
            return Ok(Self::List { names, classes });
        }
        match (table.generate, &table.names, &table.import) {
            (Some(generator), ..) => generated(&table, generator, classes),
            (_, Some(path), _) => nested(&table, path.clone(), classes),
            (_, _, Some(path)) => imported(&table, path.clone(), classes),
            _ => Err(
                "a topology needs a source: `file` (a tree file), `list`, `generate`, `names` (nested \
                 names) or `import` (a graph)"
                    .to_owned(),
            ),
        }
    }
}

fn generated(
    table: &Table,
    generator: Generator,
    classes: Classes,
) -> Result<TopologySpec, String> {
    let need = |key: &str, value: Option<u32>| {
        value.ok_or_else(|| format!("`generate` needs `{key}` here, a whole number"))
    };
    match generator {
        Generator::Regular => {
            table.only("`generate = \"regular\"`", &["degree", "depth"])?;
            Ok(TopologySpec::Regular {
                degree: need("degree", table.degree)?,
                depth: need("depth", table.depth)?,
                classes,
            })
        }
        Generator::Recursive => {
            table.only("`generate = \"recursive\"`", &["places", "seed"])?;
            Ok(TopologySpec::Recursive {
                places: need("places", table.places)?,
                seed: table.seed,
                classes,
            })
        }
        Generator::Preferential => {
            let keys = ["places", "exponent", "offset", "seed"];
            table.only("`generate = \"preferential\"`", &keys)?;
            let usual = Preference::default();
            Ok(TopologySpec::Preferential {
                places: need("places", table.places)?,
                preference: Preference {
                    exponent: table.exponent.unwrap_or(usual.exponent),
                    offset: table.offset.unwrap_or(usual.offset),
                },
                seed: table.seed,
                classes,
            })
        }
    }
}

fn nested(table: &Table, path: String, classes: Classes) -> Result<TopologySpec, String> {
    table.only("`names`", &["columns", "root", "duplicates"])?;
    let duplicates = match table.duplicates.as_deref() {
        None | Some("merge") => Repeated::Merge,
        Some("number") => Repeated::Number,
        Some("refuse") => Repeated::Refuse,
        Some(other) => {
            return Err(format!(
                "`duplicates` is {}; with `names` write `merge`, `number` or `refuse`",
                quote(other)
            ));
        }
    };
    if table.columns.as_ref().is_some_and(Vec::is_empty) {
        return Err(
            "`columns` is empty; name the columns of the CSV, such as [\"country\", \"city\"], or \
             leave it out"
                .to_owned(),
        );
    }
    Ok(TopologySpec::Names {
        path,
        rule: NamesRule {
            columns: table.columns.clone().unwrap_or_default(),
            root: table.root.clone(),
            duplicates,
            classes,
        },
    })
}

fn imported(table: &Table, path: String, classes: Classes) -> Result<TopologySpec, String> {
    table.only(
        "`import`",
        &[
            "format",
            "rule",
            "root",
            "unconnected",
            "duplicates",
            "naming",
            "speed",
            "missing-latency",
            "latency",
            "latency-unit",
            "bandwidth",
            "bandwidth-unit",
        ],
    )?;
    let duplicates = match table.duplicates.as_deref() {
        None | Some("number") => Duplicates::Number,
        Some("refuse") => Duplicates::Refuse,
        Some(other) => {
            return Err(format!(
                "`duplicates` is {}; with `import` write `number` or `refuse`",
                quote(other)
            ));
        }
    };
    let usual = Rule::default();
    let missing_latency = match &table.missing_latency {
        Some(text) => Some(missing(text)?),
        None => None,
    };
    let nanoseconds = |unit: &str| {
        let one = parse_duration(&format!("1 {unit}"));
        one.map(|d| d.as_nanos() as f64).map_err(|e| e.to_string())
    };
    let bits = |unit: &str| {
        let one = parse_bandwidth(&format!("1 {unit}"));
        one.map(|b| b as f64).map_err(|e| e.to_string())
    };
    Ok(TopologySpec::Import {
        path,
        format: table.format,
        quantities: Quantities {
            latency: named(
                "latency",
                table.latency.as_deref(),
                table.latency_unit.as_deref(),
                "ms",
                nanoseconds,
            )?,
            bandwidth: named(
                "bandwidth",
                table.bandwidth.as_deref(),
                table.bandwidth_unit.as_deref(),
                "Mbit/s",
                bits,
            )?,
        },
        rule: Box::new(Rule {
            measure: table.rule.unwrap_or_default(),
            root: table.root.as_deref().map_or(usual.root, Root::parse),
            unconnected: table.unconnected.unwrap_or_default(),
            duplicates,
            naming: table.naming.unwrap_or_default(),
            classes,
            speed: match &table.speed {
                Some(text) => speed(text)?,
                None => usual.speed,
            },
            missing_latency,
        }),
    })
}

fn missing(text: &str) -> Result<Duration, String> {
    let latency = parse_duration(text).map_err(|e| format!("`missing-latency`: {e}"))?;
    match latency <= super::limits::MOST_LATENCY {
        true => Ok(latency),
        false => Err("`missing-latency` is longer than an hour".to_owned()),
    }
}

/// An attribute that a person named, and its unit.
fn named(
    key: &str,
    attribute: Option<&str>,
    unit: Option<&str>,
    usual: &str,
    worth: impl Fn(&str) -> Result<f64, String>,
) -> Result<Option<Named>, String> {
    match (attribute, unit) {
        (None, None) => Ok(None),
        (None, Some(_)) => Err(format!(
            "`{key}-unit` is the unit of the attribute that `{key}` names; name it"
        )),
        (Some(attribute), unit) => Ok(Some(Named {
            attribute: attribute.to_owned(),
            worth: worth(unit.unwrap_or(usual)).map_err(|e| format!("`{key}-unit`: {e}"))?,
        })),
    }
}

/// A speed in kilometres a second, or `none`.
fn speed(text: &str) -> Result<Option<f64>, String> {
    if text.trim() == "none" {
        return Ok(None);
    }
    let number = text.trim().strip_suffix("km/s").map(str::trim);
    number
        .and_then(|n| n.parse().ok())
        .filter(|s: &f64| (1.0..=299_792.458).contains(s))
        .map(Some)
        .ok_or_else(|| {
            format!(
                "`speed` is {}; write a speed up to that of light such as `200000 km/s`, or `none` for no \
                 latency by distance",
                quote(text)
            )
        })
}
