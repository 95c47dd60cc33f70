//! From a case to what the world is made of. Whatever is wrong in a case that was written by
//! hand is said here, with its field.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use waybook_agents::{DownloadStrategy, Message};
use waybook_location_tree::{LocationTree, PlaceName};
use waybook_place::io::OpenRequest;
use waybook_place::{CodeConfig, Limits, Strategies, Timing};
use waybook_plan::{
    Component, Demand, EdgeDemand, Position, Presentation, Quality, Release, Resource, Runtime,
    StageDemand,
};

use super::act::Act;
use super::case::{Asker, Case, Level, Noise, Part, PlaceCase};
use crate::Setting;
use crate::client::request;
use crate::network::{Bursts, EdgeModel, LinkModel, Loss, Rates};
use crate::places::{Clock, PlaceModel};
use crate::quantity::{Probability, Shift};
use crate::setting::{PlaceSetting, release_of};

pub(super) fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// What a case says, in the world's own terms.
#[derive(Debug)]
pub(super) struct Built {
    pub(super) setting: Setting,
    pub(super) places: BTreeMap<String, PlaceName>,
    pub(super) code: Vec<Arc<Release>>,
}

impl Built {
    pub(super) fn of(case: &Case) -> Result<Self, String> {
        let mut setting = Setting::new();
        setting.timing = timing(case, setting.timing);
        setting.timing.check()?;
        setting.limits = Limits {
            sessions: case.bounds.sessions,
            setups: case.bounds.setups,
            solutions: case.bounds.solutions,
            questions: case.bounds.questions,
            downloads: case.bounds.downloads,
            ..setting.limits
        };
        setting.strategy.clone_from(&case.decision_maker);
        setting.servers_per_plan = case.servers_per_plan;
        setting.bandwidth = case.bandwidth;
        let mut places = BTreeMap::new();
        for place in &case.places {
            let name = PlaceName::new(&place.name)
                .map_err(|error| format!("`places`: {}: {error}", place.name))?;
            let told = place_setting(place, &setting.code)
                .map_err(|why| format!("`places`: {name}: {why}"))?;
            setting.places.insert(name.clone(), told);
            places.insert(place.name.clone(), name);
        }
        LocationTree::new(places.values().cloned()).map_err(|e| format!("`places`: {e}"))?;
        let mut built = Self {
            setting,
            places,
            code: Vec::new(),
        };
        built.publish(case)?;
        built.release(case)?;
        let strategies = Strategies::default();
        let known = strategies.decision_maker(&case.decision_maker);
        known.map_err(|why| format!("`decision-maker`: {why}"))?;
        for client in &case.clients {
            built.place(&client.at, "clients")?;
            if let Some(wanted) = &client.decision_maker {
                let known = strategies.decision_maker(wanted);
                known.map_err(|why| format!("`clients`: `decision-maker`: {why}"))?;
            }
        }
        for timed in &case.acts {
            built.check(&timed.act, case)?;
        }
        Ok(built)
    }

    pub(super) fn place(&self, name: &str, field: &str) -> Result<&PlaceName, String> {
        let found = self.places.get(name);
        found.ok_or_else(|| format!("`{field}`: there is no place `{name}`"))
    }

    fn publish(&mut self, case: &Case) -> Result<(), String> {
        for title in &case.titles {
            let qualities: Result<_, String> = title.qualities.iter().map(quality).collect();
            let presentation = Arc::new(Presentation {
                title: title.title.clone(),
                description: String::new(),
                servers: Vec::new(),
                qualities: qualities.map_err(|why| format!("`titles`: {}: {why}", title.title))?,
                when_cut: title.when_cut(),
            });
            let sound = presentation.when_cut.check();
            sound.map_err(|why| format!("`titles`: {}: `lost-after-ms`: {why}", title.title))?;
            for server in &title.servers {
                let at = self.place(server, "titles")?.clone();
                if let Some(place) = self.setting.places.get_mut(&at) {
                    place.presentations.push(Arc::clone(&presentation));
                }
            }
        }
        Ok(())
    }

    fn release(&mut self, case: &Case) -> Result<(), String> {
        let mut seen = BTreeSet::new();
        for code in &case.code {
            let wrong = |why: String| format!("`code`: {}@{}: {why}", code.name, code.version);
            if !seen.insert((&code.name, &code.version)) {
                return Err(wrong("is there twice".to_owned()));
            }
            let version = code.version.parse();
            let version = version.map_err(|error| wrong(format!("{error}")))?;
            let home = self.place(&code.home, "code")?.clone();
            let mut release = release_of(&code.name, version, code.length, home);
            if let Some(on) = &code.depends {
                let (name, range) = on
                    .split_once('@')
                    .ok_or_else(|| wrong("`depends` must be name@range".to_owned()))?;
                let range = range.parse().map_err(|error| wrong(format!("{error}")))?;
                release.dependencies.insert(name.to_owned(), range);
            }
            if code.gpu {
                release.requires.push("gpu".to_owned());
            }
            self.code.push(Arc::new(release));
        }
        Ok(())
    }

    fn check(&self, act: &Act, case: &Case) -> Result<(), String> {
        if let Some(place) = act.place() {
            self.place(place, "acts")?;
        }
        match act {
            Act::Crash { tell, .. } | Act::Cut { tell, .. }
                if !["both", "nobody"].contains(&tell.as_str()) =>
            {
                self.place(tell, "acts")?;
            }
            Act::Message {
                kind: Some(kind), ..
            } if known_kind(kind).is_none() => {
                let known = Message::KINDS.join(", ");
                return Err(format!(
                    "`acts`: there is no message of the kind `{kind}`; there are {known}"
                ));
            }
            Act::Download { strategy, .. } => {
                let known = strategy.parse::<DownloadStrategy>();
                known.map_err(|why| format!("`acts`: {why}"))?;
            }
            Act::Cordon { resource, .. } | Act::Capacity { resource, .. } => {
                Resource::new(resource).map_err(|why| format!("`acts`: {why}"))?;
            }
            Act::Order { code, .. } | Act::Trouble { code, .. } if *code >= case.code.len() => {
                return Err(format!("`acts`: there is no code with the number {code}"));
            }
            _ => {}
        }
        Ok(())
    }
}

/// A kind of messages that an act names.
pub(super) fn known_kind(kind: &str) -> Option<&'static str> {
    Message::KINDS.into_iter().find(|known| *known == kind)
}

fn timing(case: &Case, brisk: Timing) -> Timing {
    let times = &case.times;
    let feeds = times.feeds_per_lease.max(1);
    Timing {
        setup_deadline: ms(times.setup_deadline_ms),
        setup_lease: ms(times.setup_lease_ms),
        setup_refresh: ms(times.setup_lease_ms / feeds),
        session_lease: ms(times.session_lease_ms),
        session_refresh: ms(times.session_lease_ms / feeds),
        claim: ms(times.claim_ms),
        download: ms(times.download_ms),
        ..brisk
    }
}

fn place_setting(place: &PlaceCase, code: &CodeConfig) -> Result<PlaceSetting, String> {
    let capacity = place.capacity.iter().map(|(resource, amount)| {
        let resource = Resource::new(resource).map_err(|error| error.to_string())?;
        Ok((resource, *amount))
    });
    let mut code = CodeConfig {
        strategy: place.download.parse()?,
        ..code.clone()
    };
    code.capabilities
        .extend(place.gpu.then(|| "gpu".to_owned()));
    let clock = Clock::new(
        Shift(place.clock_ms.saturating_mul(1_000_000)),
        f64::from(place.drift_ppm),
    );
    let machine = PlaceModel {
        processing: Duration::from_micros(place.processing_us).into(),
        start: ms(20).into(),
        compile: ms(50).into(),
        clock: clock.map_err(|error| error.to_string())?,
        ..PlaceModel::default()
    };
    Ok(PlaceSetting {
        capacity: capacity.collect::<Result<_, String>>()?,
        code: Some(code),
        repository: place.repository,
        disk: place.disk,
        edge: place.rate.map(|rate| Rates {
            up: None,
            down: Some(rate),
        }),
        machine: Some(Arc::new(machine)),
        ..PlaceSetting::default()
    })
}

fn quality(level: &Level) -> Result<Quality, String> {
    let demand = |kind: &'static str, amount: u64| {
        let mut demand = Demand::none();
        let resource = Resource::new(kind).map_err(|error| error.to_string())?;
        let added = demand.add(&resource, amount);
        added.map_err(|error| error.to_string()).map(|()| demand)
    };
    let components: Result<_, String> = level.components.iter().map(component).collect();
    Ok(Quality {
        name: level.name.clone(),
        demand: StageDemand {
            edge: EdgeDemand {
                to_client: level.to_client,
                to_server: level.to_server,
            },
            every_hop: demand("memory", level.hop_memory)?,
            server: demand("cpu", level.server_cpu)?,
            ..StageDemand::default()
        },
        components: components?,
    })
}

fn component(part: &Part) -> Result<(Position, Component), String> {
    let position = match part.at.as_str() {
        "client" => Position::Client,
        "default-place" => Position::DefaultPlace,
        "every-hop" => Position::EveryHop,
        "server" => Position::Server,
        other => return Err(format!("a component cannot stand at `{other}`")),
    };
    let runtime = if part.wasm {
        Runtime::Wasm
    } else {
        Runtime::Builtin
    };
    let component = Component {
        name: part.name.clone(),
        runtime,
        config: BTreeMap::new(),
    };
    Ok((position, component))
}

/// What a client asks for.
pub(super) fn open(client: &Asker) -> OpenRequest {
    let mut open = request(&client.title);
    open.key = client.key.clone().unwrap_or_default();
    open.strategy.clone_from(&client.decision_maker);
    open.deadline = client.deadline_ms.map(ms);
    open.idle = client.idle_ms.map(ms);
    open.longest = client.longest_ms.map(ms);
    open.retries = client.retries;
    open.watch = client.watch;
    open.no_trace_back = client.no_trace_back;
    open.profile.best_quality.clone_from(&client.best_quality);
    open.profile.terminal_bandwidth = client.terminal;
    open
}

/// How the edge above a place behaves with that noise.
pub(super) fn edge(
    place: &PlaceCase,
    noise: &Noise,
    idle: Duration,
    rate: Option<u64>,
) -> EdgeModel {
    let share = |thousandths: u32| f64::from(thousandths.min(1000)) / 1000.0;
    let mut model = EdgeModel::from(&LinkModel {
        latency: ms(place.latency_ms),
        jitter: ms(noise.jitter_ms),
        loss: share(noise.loss),
        duplicate: share(noise.duplicate),
        reorder: share(noise.reorder),
        late: ms(noise.late_ms),
        idle,
        bandwidth: rate,
    });
    if noise.bursts && noise.loss > 0 {
        let probability = |p: f64| Probability::new(p).unwrap_or_default();
        // As many are lost in all, some five in a row.
        let bursts = Loss::Bursts(Bursts {
            to_bad: probability(share(noise.loss) / 5.0),
            to_good: probability(0.2),
            good: probability(0.0),
            bad: probability(0.9),
        });
        model.up.loss = bursts;
        model.down.loss = bursts;
    }
    model
}
