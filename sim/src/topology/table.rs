//! The `[topology]` table as it is written, and what it must be to mean a [`TopologySpec`].

use std::time::Duration;

use serde::Deserialize;
use waybook_location_tree::PlaceName;
use waybook_plan::{parse_bandwidth, parse_duration};

use super::classes::Classes;
use super::error::quote;
use super::format::Format;
use super::generate::Preference;
use super::limits::MOST_LATENCY;
use super::names::{NamesRule, Repeated};
use super::quantities::{Named, Quantities};
use super::rule::{Duplicates, Measure, Naming, Root, Rule, Unconnected};
use super::spec::TopologySpec;

/// The table as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Table {
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
    match latency <= MOST_LATENCY {
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
