//! `waybook sim topology`: graphs become location trees.

use std::fs;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;
use waybook_sim::topology::{Built, TopologySpec};

use super::files::cannot;
use super::run::beside;
use crate::commands::read_file;
use crate::fail::{Done, Fail};
use crate::find::Global;
use crate::show;

/// Makes location trees.
#[derive(Subcommand)]
pub(crate) enum Topology {
    /// Make the location tree of a graph: NetworkX node-link JSON, GraphML, GML or BRITE
    Import(Import),
    /// Make a location tree by a rule
    Generate(Generate),
}

/// Makes the location tree of a graph.
#[derive(Args)]
#[command(after_help = "\
The tree is that of the shortest paths from the root, by latency or by hops. What does not
fit a tree, such as a graph in several parts, is refused with the reason. The result is a
CSV file with a row per place, which a scenario takes by `topology = { file = \"...\" }`.
What is lost on the way (edges that are not in the tree, longer ways) is told; on standard
error if the tree itself goes to standard output.

Examples:
  waybook sim topology import abilene.graphml --out abilene.csv
  waybook sim topology import geant.json --root London --rule hops --out geant.csv
  waybook sim topology import roads.txt --set format=gml --set latency=delay --set latency-unit=us")]
pub(crate) struct Import {
    /// The graph
    #[arg(value_name = "FILE")]
    graph: PathBuf,

    /// Write the tree to this file [default: standard output]
    #[arg(long, value_name = "FILE.csv")]
    out: Option<PathBuf>,

    /// The root, by id or label; `center` and `centroid` choose it
    #[arg(long, default_value = "center")]
    root: String,

    /// What the shortest paths are short in: `latency` or `hops`
    #[arg(long, default_value = "latency")]
    rule: String,

    /// A further key of a scenario's `[topology]` table; may be given several times
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
}

/// Makes a location tree by a rule.
#[derive(Args)]
#[command(after_help = "\
regular        every inner place has `degree` children, down to `depth`
recursive      each of `places` is put below one that is there, all alike likely
preferential   the same, by the children that one has already: `places`, `exponent`, `offset`

Examples:
  waybook sim topology generate regular --set degree=4 --set depth=3 --out tree.csv
  waybook sim topology generate preferential --set places=1000 --seed 7 --out tree.csv")]
pub(crate) struct Generate {
    /// `regular`, `recursive` or `preferential`
    #[arg(value_name = "RULE")]
    rule: String,

    /// A key of a scenario's `[topology]` table; may be given several times
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,

    /// The seed of what is drawn
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// Write the tree to this file [default: standard output]
    #[arg(long, value_name = "FILE.csv")]
    out: Option<PathBuf>,
}

impl Topology {
    /// Does it.
    pub(crate) fn run(&self, global: &Global) -> Done {
        match self {
            Self::Import(import) => import.run(global),
            Self::Generate(generate) => generate.run(global),
        }
    }
}

impl Import {
    fn run(&self, global: &Global) -> Done {
        // Told early and with its name; read again as a scenario would.
        read_file(&self.graph)?;
        let name = self.graph.file_name().map(|name| name.to_string_lossy());
        let name = name.ok_or_else(|| Fail::usage("the graph has no file name"))?;
        let mut keys = toml::Table::new();
        keys.insert("import".to_owned(), name.into_owned().into());
        keys.insert("root".to_owned(), self.root.clone().into());
        keys.insert("rule".to_owned(), self.rule.clone().into());
        let spec = spec(keys, &self.set)?;
        let built = spec
            .build(1, &mut beside(&self.graph))
            .map_err(Fail::usage)?;
        give(&built, self.out.as_ref(), global)
    }
}

impl Generate {
    fn run(&self, global: &Global) -> Done {
        let mut keys = toml::Table::new();
        keys.insert("generate".to_owned(), self.rule.clone().into());
        let spec = spec(keys, &self.set)?;
        let mut nothing = |name: &str| Err(format!("{name} is not wanted here"));
        let built = spec.build(self.seed, &mut nothing).map_err(Fail::usage)?;
        give(&built, self.out.as_ref(), global)
    }
}

/// A topology as a scenario would write it.
fn spec(mut keys: toml::Table, set: &[String]) -> Done<TopologySpec> {
    for pair in set {
        let Some((key, value)) = pair.split_once('=') else {
            return Err(Fail::usage(format!("`{pair}`: write KEY=VALUE")));
        };
        // A value that is not TOML by itself is a string without its quotation marks.
        let value = format!("v = {value}")
            .parse::<toml::Table>()
            .ok()
            .and_then(|mut table| table.remove("v"))
            .unwrap_or_else(|| value.into());
        keys.insert(key.to_owned(), value);
    }
    keys.try_into()
        // The key that it is about is on a line of its own.
        .map_err(|error: toml::de::Error| {
            Fail::usage(error.to_string().trim_end().replace('\n', ", "))
        })
}

/// Writes a tree, and says what a person should know of it.
fn give(built: &Built, out: Option<&PathBuf>, global: &Global) -> Done {
    let text = built.topology.to_csv();
    if let Some(out) = out {
        fs::write(out, &text).map_err(|error| cannot(out, &error))?;
    }
    let report = built.report.as_ref().map(ToString::to_string);
    if global.json {
        return show::json(&json!({
            "file": out,
            "csv": out.is_none().then_some(text),
            "places": built.topology.len(),
            "height": built.topology.height(),
            "classes": built.topology.classes(),
            "report": report,
            "notes": built.notes,
        }));
    }
    let Some(out) = out else {
        show::line(text.trim_end())?;
        for note in report.iter().chain(&built.notes) {
            eprintln!("{}", note.trim_end());
        }
        return Ok(());
    };
    show::line(&format!(
        "{}: {} places, {} levels below the root",
        out.display(),
        built.topology.len(),
        built.topology.height()
    ))?;
    for note in report.iter().chain(&built.notes) {
        show::line(note)?;
    }
    Ok(())
}
