//! A scenario's tree with everything on it, for one seed.

use std::sync::Arc;

use rand::seq::index;
use waybook_location_tree::PlaceName;
use waybook_place::{CodeConfig, Limits, Trust};
use waybook_plan::Release;

use super::{Files, PlaceSpec, PresentationSpec, Scenario, ScenarioError, Selection};
use crate::network::EdgeModel;
use crate::setting::{self, PlaceSetting, RUNTIMES};
use crate::topology::Edge;
use crate::{Setting, random};

/// The places of a class.
#[derive(Debug, Clone)]
pub struct Class {
    /// Its name.
    pub name: String,
    /// What they are like.
    pub spec: PlaceSpec,
    /// How many there are.
    pub places: usize,
}

/// The tree of a scenario and a seed.
#[derive(Debug, Clone)]
pub struct Layout {
    /// The classes, in the order of the topology.
    pub classes: Vec<Class>,
    /// Every place with its class, in the order of names.
    pub places: Vec<(PlaceName, usize)>,
    /// What the world is made from.
    pub setting: Setting,
    /// The titles of each `[[presentation]]`, in the order of the scenario.
    pub titles: Vec<Vec<String>>,
    /// The code that is added first.
    pub releases: Vec<Arc<Release>>,
}

impl Layout {
    /// The number of a place in `places`; none if there is no such place.
    #[must_use]
    pub fn number_of(&self, name: &PlaceName) -> Option<usize> {
        let by_name = |(place, _): &(PlaceName, usize)| place.cmp(name);
        self.places.binary_search_by(by_name).ok()
    }

    /// The places of a selection, as numbers in `places`.
    ///
    /// # Errors
    /// A sentence, if it names neither a class nor a place, or has no place.
    pub fn select(&self, selection: &Selection, field: &str) -> Result<Vec<usize>, ScenarioError> {
        let words = match selection {
            Selection::One(word) => std::slice::from_ref(word),
            Selection::Several(words) => words,
        };
        let mut chosen = Vec::new();
        for word in words {
            if let Some(class) = self.classes.iter().position(|c| c.name == *word) {
                let of_class = self.places.iter().enumerate();
                chosen.extend(of_class.filter(|(_, (_, c))| *c == class).map(|(n, _)| n));
                continue;
            }
            let place = PlaceName::new(word).ok();
            let Some(number) = place.and_then(|name| self.number_of(&name)) else {
                let names: Vec<_> = self.classes.iter().map(|c| c.name.as_str()).collect();
                return Err(ScenarioError::new(format!(
                    "{field}: `{word}` is neither a place nor a class of places; the classes are {}",
                    names.join(", ")
                )));
            };
            chosen.push(number);
        }
        chosen.sort_unstable();
        chosen.dedup();
        if chosen.is_empty() {
            return Err(ScenarioError::new(format!("{field}: selects no place")));
        }
        Ok(chosen)
    }
}

impl Scenario {
    /// Makes the tree of a seed, with what stands on it.
    ///
    /// # Errors
    /// [`ScenarioError`], if a file is missing or wrong, or the parts do not fit together.
    pub fn layout(&self, seed: u64, files: &mut Files<'_>) -> Result<Layout, ScenarioError> {
        let topology = self
            .topology
            .build(seed, files)
            .map_err(|e| ScenarioError::new(format!("`topology`: {e}")))?;
        let topology = topology.topology;
        let classes = self.classes(topology.classes())?;
        let mut layout = Layout {
            places: Vec::with_capacity(topology.len()),
            classes,
            setting: self.empty_setting(),
            titles: Vec::new(),
            releases: Vec::new(),
        };
        layout.setting.link = Some(Arc::new(self.link("", &Edge::default())));
        // What is shared is kept once, whatever the number of places.
        let link = |class: &Class| {
            let own = self.edge.contains_key(&class.name);
            own.then(|| Arc::new(self.link(&class.name, &Edge::default())))
        };
        let links: Vec<_> = layout.classes.iter().map(link).collect();
        let machine = |class: &Class| {
            let model = class.spec.model();
            (model != PlaceSpec::default().model()).then(|| Arc::new(model))
        };
        let machines: Vec<_> = layout.classes.iter().map(machine).collect();
        let mut settled = Vec::with_capacity(topology.len());
        for place in topology.places() {
            let class = topology.class(place);
            let number = layout.classes.iter().position(|c| c.name == class);
            let number = number.expect("a class of this topology");
            layout.classes[number].places += 1;
            layout.places.push((place.name.clone(), number));
            let spec = &layout.classes[number].spec;
            let mut settings = place_setting(spec, &layout.setting.code);
            settings.link = match place.edge {
                edge if edge != Edge::default() => Some(Arc::new(self.link(class, &edge))),
                _ => links[number].clone(),
            };
            settings.machine = machines[number].clone();
            settled.push((place.name.clone(), settings));
        }
        // Made of all at once, a map is as dense as it can be.
        layout.setting.places = settled.into_iter().collect();
        layout.places.sort_unstable();
        for (number, presentation) in self.presentation.iter().enumerate() {
            let titles = serve(&mut layout, presentation, number, seed)?;
            layout.titles.push(titles);
        }
        layout.releases = self.releases(&layout)?;
        Ok(layout)
    }

    fn classes(&self, names: &[String]) -> Result<Vec<Class>, ScenarioError> {
        let tables = self.place.keys().map(|k| ("place", k));
        let tables = tables.chain(self.edge.keys().map(|k| ("edge", k)));
        for (table, class) in tables {
            if !names.contains(class) {
                return Err(ScenarioError::new(format!(
                    "`{table}.{class}`: the topology has no class `{class}`; it has {}",
                    names.join(", ")
                )));
            }
        }
        let class = |name: &String| Class {
            spec: (self.place.get(name)).map_or(self.places.clone(), |s| s.over(&self.places)),
            name: name.clone(),
            places: 0,
        };
        Ok(names.iter().map(class).collect())
    }

    /// How the edge above a place of a class behaves: what the topology knows of it goes
    /// before what the scenario says.
    fn link(&self, class: &str, edge: &Edge) -> EdgeModel {
        let mut link = self.edge.get(class).unwrap_or(&self.edges).clone();
        if let Some(latency) = edge.latency {
            link.up.latency = latency.into();
            link.down.latency = latency.into();
        }
        link.up.bandwidth = edge.up.or(link.up.bandwidth);
        link.down.bandwidth = edge.down.or(link.down.bandwidth);
        link.up.idle = self.protocol.transport_idle.0;
        link.down.idle = self.protocol.transport_idle.0;
        link
    }

    fn empty_setting(&self) -> Setting {
        let protocol = &self.protocol;
        Setting {
            timing: protocol.timing(),
            limits: Limits::default(),
            strategy: protocol.decision_maker.clone(),
            servers_per_plan: protocol.servers_per_plan,
            code: CodeConfig {
                runtimes: RUNTIMES.map(str::to_owned).to_vec(),
                trust: Trust {
                    unsigned: true,
                    ..Trust::default()
                },
                strategy: protocol.download_strategy(),
                ..CodeConfig::default()
            },
            ..Setting::new()
        }
    }

    fn releases(&self, layout: &Layout) -> Result<Vec<Arc<Release>>, ScenarioError> {
        let mut releases = Vec::new();
        for spec in &self.release {
            let field = format!("release `{}`", spec.name);
            let at = layout.select(&Selection::One(spec.at.clone()), &field)?;
            if at.len() != 1 {
                return Err(ScenarioError::new(format!(
                    "`{field}`: `at` must be one place, and `{}` is {}",
                    spec.at,
                    at.len()
                )));
            }
            let version = spec.version.parse().map_err(|_| {
                ScenarioError::new(format!(
                    "`{field}`: `{}` is not a version such as 1.0.0",
                    spec.version
                ))
            })?;
            let home = layout.places[at[0]].0.clone();
            let release = setting::release_of(&spec.name, version, spec.size.0, home);
            releases.push(Arc::new(release));
        }
        Ok(releases)
    }
}

/// What the world is told about a place of a class.
fn place_setting(spec: &PlaceSpec, code: &CodeConfig) -> PlaceSetting {
    let own_code = (spec.runtimes.is_some() || spec.capabilities.is_some()).then(|| CodeConfig {
        runtimes: spec
            .runtimes
            .clone()
            .unwrap_or_else(|| code.runtimes.clone()),
        capabilities: spec.capabilities.clone().unwrap_or_default(),
        ..code.clone()
    });
    PlaceSetting {
        capacity: spec.capacity.clone().unwrap_or_default(),
        code: own_code,
        repository: spec.repository.map(|bytes| bytes.0),
        disk: spec.disk.map(|bytes| bytes.0),
        ..PlaceSetting::default()
    }
}

/// Puts every title of a presentation where it is served.
fn serve(
    layout: &mut Layout,
    spec: &PresentationSpec,
    number: usize,
    seed: u64,
) -> Result<Vec<String>, ScenarioError> {
    let field = format!("presentation `{}`: at", spec.title);
    let holders = layout.select(&spec.at, &field)?;
    let copies = spec.copies.unwrap_or(holders.len());
    if copies > holders.len() {
        return Err(ScenarioError::new(format!(
            "`presentation` `{}`: {copies} copies do not fit on {} places",
            spec.title,
            holders.len()
        )));
    }
    let mut rng = random::stream(seed, "copies", number as u64);
    let mut titles = Vec::new();
    for title in spec.titles() {
        let presentation = spec.presentation(title.clone());
        presentation
            .check()
            .map_err(|e| ScenarioError::new(format!("`presentation` `{}`: {e}", spec.title)))?;
        let presentation = Arc::new(presentation);
        for chosen in index::sample(&mut rng, holders.len(), copies) {
            let (name, _) = &layout.places[holders[chosen]];
            let place = layout.setting.places.get_mut(name).expect("as laid out");
            place.presentations.push(presentation.clone());
        }
        titles.push(title);
    }
    Ok(titles)
}
