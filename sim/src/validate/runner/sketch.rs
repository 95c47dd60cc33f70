//! What is simulated, in few words, and the scenario that says so.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use waybook_plan::format_duration;

use crate::scenario::{Files, Scenario, ScenarioError};

/// The name by which a scenario calls its tree.
const TREE: &str = "tree.csv";

/// A scenario as text, with its tree: what `waybook sim run` takes as well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The scenario.
    pub scenario: String,
    /// The tree file that it calls `tree.csv`.
    pub tree: String,
}

impl Told {
    /// Reads the scenario.
    ///
    /// # Errors
    /// [`ScenarioError`] if it was changed into something wrong.
    pub fn read(&self) -> Result<Scenario, ScenarioError> {
        Scenario::from_toml(&self.scenario)
    }

    /// Gives the tree to whoever asks for it.
    pub(super) fn files(&self) -> Box<Files<'_>> {
        Box::new(|name| match name {
            TREE => Ok(self.tree.clone()),
            _ => Err(format!("there is no `{name}`")),
        })
    }
}

/// A place.
#[derive(Debug, Clone, Default)]
pub(super) struct Site {
    /// What places that are alike are called together; none for one by itself.
    pub(super) alike: Option<&'static str>,
    pub(super) parent: Option<usize>,
    /// How much there is of each resource.
    pub(super) capacity: Vec<(String, u64)>,
    /// More lines about it.
    pub(super) more: String,
}

/// A quality level.
#[derive(Debug, Clone, Default)]
pub(super) struct Choice {
    /// What it takes of both directions of every edge.
    pub(super) edge: u32,
    /// What it takes at the server's place.
    pub(super) server: Vec<(String, u64)>,
}

/// Who asks, and when.
#[derive(Debug, Clone)]
pub(super) enum Askers {
    /// So many a second.
    Poisson(f64),
    /// Few, each idle for a time of that distribution.
    Few(u32, String),
}

/// Users with a presentation of their own.
#[derive(Debug, Clone)]
pub(super) struct Class {
    /// The class of places where they are.
    pub(super) from: String,
    /// The class of places that serve them.
    pub(super) server: String,
    pub(super) askers: Askers,
    /// The distribution of holding times.
    pub(super) holding: String,
    pub(super) choices: Vec<Choice>,
}

/// All of it. Times are in seconds.
#[derive(Debug, Clone)]
pub(super) struct Sketch {
    pub(super) sites: Vec<Site>,
    pub(super) classes: Vec<Class>,
    pub(super) latency: Duration,
    pub(super) warm_up: f64,
    pub(super) duration: f64,
    /// The mean pause before something is repeated in a set-up.
    pub(super) refresh: f64,
    /// More lines, after all tables.
    pub(super) more: String,
}

/// How users, presentations and their quality levels are called, counted from 1.
pub(super) fn numbered(word: &str, at: usize) -> String {
    format!("{word}{}", at + 1)
}

/// A duration as scenarios write it.
pub(super) fn span(seconds: f64) -> String {
    format_duration(Duration::from_secs_f64(seconds))
}

/// An exponential distribution as scenarios write it.
pub(super) fn exponential(mean: f64) -> String {
    format!("{{ exponential = \"{}\" }}", span(mean))
}

/// What a place by itself, and so its class, is called.
pub(super) fn alone(at: usize) -> String {
    format!("p{at}")
}

impl Site {
    fn class(&self, at: usize) -> String {
        self.alike.map_or_else(|| alone(at), str::to_owned)
    }
}

impl Sketch {
    pub(super) fn tell(&self, name: &str) -> Told {
        Told {
            scenario: self.scenario(name),
            tree: self.tree(),
        }
    }

    fn tree(&self) -> String {
        let mut tree = "place,class\n".to_owned();
        for at in 0..self.sites.len() {
            let mut path = format!("p{at}");
            let mut above = self.sites[at].parent;
            while let Some(place) = above {
                path = format!("p{place}/{path}");
                above = self.sites[place].parent;
            }
            let class = self.sites[at].class(at);
            write(&mut tree, format_args!("{path},{class}\n"));
        }
        tree
    }

    fn scenario(&self, name: &str) -> String {
        let duration = span(self.duration);
        let mut text = format!(
            "name = \"{name}\"

[run]
duration = \"{duration}\"
warm-up = \"{}\"
interval = \"{duration}\"
batches = 2
checks = \"at-quiet\"

[topology]
file = \"{TREE}\"

[edges]
latency = \"{}\"

# Times so long that refreshes and give-ups play no part.
[protocol]
servers-per-plan = 1
setup-refresh = \"{}\"
setup-lease = \"{}\"
setup-deadline = \"{}\"
session-refresh = \"1000 s\"
session-lease = \"7000 s\"
transport-idle = \"1 s\"
summary = \"1 h\"
",
            span(self.warm_up),
            format_duration(self.latency),
            span(self.refresh),
            span(60.0 * self.refresh),
            span(120.0 * self.refresh),
        );
        let mut told = BTreeSet::new();
        for (at, site) in self.sites.iter().enumerate() {
            let class = site.class(at);
            if !told.insert(class.clone()) {
                continue;
            }
            let capacity = amounts(&site.capacity);
            let more = &site.more;
            write(
                &mut text,
                format_args!("\n[place.{class}]\ncapacity = {capacity}\n{more}"),
            );
        }
        for (at, class) in self.classes.iter().enumerate() {
            class.tell(at, &mut text);
        }
        text.push_str(&self.more);
        text
    }
}

impl Class {
    fn tell(&self, at: usize, text: &mut String) {
        let title = numbered("title-", at);
        write(
            text,
            format_args!(
                "\n[[presentation]]\ntitle = \"{title}\"\nat = \"{}\"\n",
                self.server
            ),
        );
        for (number, choice) in self.choices.iter().enumerate() {
            let quality = numbered("choice-", number);
            let server = amounts(&choice.server);
            let edge = choice.edge;
            write(
                text,
                format_args!(
                    "[[presentation.quality]]\nname = \"{quality}\"\n\
                     demand = {{ edge = {{ to-client = \"{edge} bit/s\", \
                     to-server = \"{edge} bit/s\" }}, server = {server} }}\n"
                ),
            );
        }
        let asks = match &self.askers {
            Askers::Poisson(rate) => format!("arrivals = {{ poisson = \"{rate}/s\" }}"),
            Askers::Few(sources, idle) => {
                format!("population = {{ sources = {sources}, idle = {idle} }}")
            }
        };
        write(
            text,
            format_args!(
                "\n[[users]]\nname = \"{}\"\nat = \"{}\"\ntitles = [\"{title}\"]\n{asks}\n\
                 holding = {}\n",
                numbered("users-", at),
                self.from,
                self.holding
            ),
        );
    }
}

fn amounts(amounts: &[(String, u64)]) -> String {
    let each = amounts.iter().map(|(resource, amount)| {
        let unit = match resource.as_str() {
            "down" | "up" => " bit/s",
            _ => "",
        };
        format!("{resource} = \"{amount}{unit}\"")
    });
    format!("{{ {} }}", each.collect::<Vec<_>>().join(", "))
}

fn write(text: &mut String, what: std::fmt::Arguments<'_>) {
    text.write_fmt(what).expect("a text takes all");
}
