//! What stories say, in the forms of files and of the control API, and back.

use std::fmt::Write as _;
use std::time::Duration;

use waybook_agents::{ComponentReport, HopReport, Lack, Refusal, RefusalReason};
use waybook_client::model::{
    Amount, BookingInfo, EndInfo, EstablishedInfo, HopReportInfo, LackInfo, OpenForm, Phase,
    RefusalInfo, SpanForm,
};
use waybook_location_tree::PlaceName;
use waybook_place::io::{EndReason, Established, OpenRequest};
use waybook_place::{BookingPhase, BookingView, CodeConfig, Timing};
use waybook_plan::{
    Component, Demand, Position, Presentation, Release, Resource, Runtime, SolutionNumber,
    format_duration,
};
use waybook_sim::Setting;

/// A topology file of a setting's places. Each listens where it is told, so that it is
/// found again after a restart.
pub(crate) fn topology(setting: &Setting, listen: impl Fn(&PlaceName) -> String) -> String {
    let mut text = format!(
        "[defaults]\nstrategy = \"{}\"\nservers-per-plan = {}\n[defaults.files]\nroots = [\".\"]\n",
        setting.strategy, setting.servers_per_plan
    );
    timing(&setting.timing, &mut text);
    for (name, place) in &setting.places {
        assert!(place.programs.is_empty(), "no story runs a program");
        let listen = listen(name);
        let _ = write!(
            text,
            "[[place]]\nname = \"{name}\"\nlisten = \"{listen}\"\n[place.capacity]\n"
        );
        for (resource, amount) in &place.capacity {
            let of_edge = matches!(resource.as_str(), Resource::DOWN | Resource::UP);
            if name.parent().is_some() || !of_edge {
                let _ = writeln!(text, "{resource} = {}", exactly(resource, *amount));
            }
        }
        code(place.code.as_ref().unwrap_or(&setting.code), &mut text);
    }
    text
}

/// What a place is told about code. Its runtimes are those of its build.
fn code(code: &CodeConfig, text: &mut String) {
    assert!(code.trust.publishers.is_empty(), "no story signs its code");
    let _ = writeln!(
        text,
        "[place.code]\nunsigned = {}\nstrategy = \"{}\"\ncapabilities = {:?}",
        code.trust.unsigned, code.strategy, code.capabilities
    );
}

fn timing(timing: &Timing, text: &mut String) {
    text.push_str("[defaults.timing]\n");
    for (key, time) in [
        ("setup-deadline", timing.setup_deadline),
        ("setup-margin", timing.setup_margin),
        ("setup-lease", timing.setup_lease),
        ("setup-refresh", timing.setup_refresh),
        ("session-lease", timing.session_lease),
        ("session-refresh", timing.session_refresh),
        ("claim", timing.claim),
        ("idle", timing.idle),
        ("question", timing.question),
        ("index-grace", timing.index_grace),
    ] {
        let _ = writeln!(text, "{key} = \"{}\"", format_duration(time));
    }
    let idle = format_duration(timing.transport_idle);
    let _ = writeln!(text, "[defaults.transport]\nidle-timeout = \"{idle}\"");
}

/// An amount as a file has it, not rounded.
pub(crate) fn exactly(resource: &Resource, amount: u64) -> String {
    match resource.as_str() {
        Resource::CPU => format!("\"{amount}m\""),
        Resource::MEMORY => format!("\"{amount} B\""),
        Resource::DOWN | Resource::UP => format!("\"{amount} bit/s\""),
        _ => format!("\"{amount}\""),
    }
}

/// A presentation file.
pub(crate) fn presentation(presentation: &Presentation) -> String {
    let mut text = format!("title = \"{}\"\n", presentation.title);
    for quality in &presentation.qualities {
        let edge = quality.demand.edge;
        let _ = write!(
            text,
            "[[quality]]\nname = \"{}\"\n[quality.demand.edge]\nto-client = \"{} bit/s\"\n\
             to-server = \"{} bit/s\"\n",
            quality.name, edge.to_client, edge.to_server
        );
        for (stage, demand) in [
            ("every-hop", &quality.demand.every_hop),
            ("server", &quality.demand.server),
            ("client", &quality.demand.client),
            ("default-place", &quality.demand.default_place),
        ] {
            let _ = writeln!(text, "[quality.demand.{stage}]");
            for (resource, amount) in demand.iter() {
                let _ = writeln!(text, "{resource} = {}", exactly(resource, amount));
            }
        }
        for (position, one) in &quality.components {
            component(*position, one, &mut text);
        }
    }
    text
}

fn component(position: Position, component: &Component, text: &mut String) {
    let at = match position {
        Position::Server => "server",
        Position::Client => "client",
        Position::DefaultPlace => "default-place",
        Position::EveryHop => "every-hop",
    };
    let runtime = match component.runtime {
        Runtime::Builtin => "builtin",
        Runtime::Wasm => "wasm",
        Runtime::Process => panic!("no story runs a program"),
    };
    let mut config = component.config.clone();
    if component.name == "files" {
        // A real file server must be told what to serve.
        config
            .entry("root".to_owned())
            .or_insert_with(|| ".".to_owned());
    }
    let config: Vec<_> = config
        .iter()
        .map(|(k, v)| format!("{k} = \"{v}\""))
        .collect();
    let _ = write!(
        text,
        "[[quality.component]]\nat = \"{at}\"\nname = \"{}\"\nruntime = \"{runtime}\"\n\
         config = {{ {} }}\n",
        component.name,
        config.join(", ")
    );
}

pub(crate) fn open(request: &OpenRequest) -> OpenForm {
    let span = |time: Option<Duration>| time.map(|t| SpanForm::Text(format_duration(t)));
    OpenForm {
        title: request.title.clone(),
        key: (!request.key.is_empty()).then(|| request.key.clone()),
        strategy: request.strategy.clone(),
        deadline: span(request.deadline),
        retries: request.retries,
        idle: span(request.idle),
        longest: span(request.longest),
        ..OpenForm::default()
    }
}

pub(crate) fn established(info: &EstablishedInfo) -> Established {
    Established {
        session: info.session.parse().unwrap(),
        title: info.title.clone(),
        quality: info.quality.clone(),
        solution: SolutionNumber(info.solution),
        solutions: info.solutions,
        journey: info.journey.iter().map(hop).collect(),
        refused: info.refused.iter().map(refusal).collect(),
        took: Duration::from_micros(info.took.micros),
    }
}

fn hop(info: &HopReportInfo) -> HopReport {
    let component = |c: &waybook_client::model::ComponentInfo| ComponentReport {
        name: c.name.clone(),
        endpoint: c.endpoint.clone(),
        shared: c.shared,
        took: Duration::from_micros(c.took.micros),
    };
    HopReport {
        place: PlaceName::new(&info.place).unwrap(),
        booked: demand(&info.booked),
        components: info.components.iter().map(component).collect(),
        took: Duration::from_micros(info.took.micros),
    }
}

fn demand(amounts: &[Amount]) -> Demand {
    let mut demand = Demand::none();
    for amount in amounts {
        let resource = Resource::new(&amount.resource).unwrap();
        demand.add(&resource, amount.amount).unwrap();
    }
    demand
}

pub(crate) fn refusal(info: &RefusalInfo) -> Refusal {
    let next = || PlaceName::new(info.next.as_deref().unwrap_or_default()).unwrap();
    let reason = match (info.kind.as_str(), &info.lack) {
        ("lacking", Some(lack)) => RefusalReason::Lacking(lacking(lack)),
        ("unreachable", _) => RefusalReason::Unreachable { next: next() },
        ("no-answer", _) => RefusalReason::NoAnswer { next: next() },
        ("lost", _) => RefusalReason::Lost { next: next() },
        ("deadline", _) => RefusalReason::Deadline,
        ("restarting", _) => RefusalReason::Restarting,
        ("component-unavailable", _) => RefusalReason::ComponentUnavailable {
            component: info.component.clone().unwrap_or_default(),
            why: info.text.clone(),
        },
        ("component-failed", _) => RefusalReason::ComponentFailed {
            component: info.component.clone().unwrap_or_default(),
            why: info.text.clone(),
        },
        ("drained", _) => RefusalReason::Drained,
        ("cordoned", _) => RefusalReason::Cordoned {
            resource: Resource::new(first_word(&info.text)).unwrap(),
        },
        (kind, _) => panic!("no story meets the refusal `{kind}`: {}", info.text),
    };
    Refusal {
        solution: SolutionNumber(info.solution),
        place: PlaceName::new(&info.place).unwrap(),
        reason,
    }
}

/// The reason of an end that operators bring about.
pub(crate) fn end(info: &EndInfo) -> EndReason {
    assert_eq!(info.kind, "drained", "{}", info.text);
    EndReason::Drained(PlaceName::new(first_word(&info.text)).unwrap())
}

fn first_word(text: &str) -> &str {
    text.split(' ').next().unwrap()
}

fn lacking(info: &LackInfo) -> Lack {
    Lack {
        resource: Resource::new(&info.resource).unwrap(),
        wanted: info.wanted.amount,
        free: info.free.amount,
        capacity: info.capacity.amount,
        established: info.established.amount,
        held_by_others: info.held_by_others.amount,
    }
}

pub(crate) fn booking(info: &BookingInfo) -> BookingView {
    BookingView {
        session: info.session.parse().unwrap(),
        phase: match info.phase {
            Phase::Held => BookingPhase::Held,
            Phase::Ready => BookingPhase::Ready,
            Phase::Established => BookingPhase::Established,
        },
        demand: demand(&info.booked),
    }
}

/// The `component.toml` of a release.
pub(crate) fn manifest(release: &Release) -> String {
    let mut text = format!(
        "name = \"{}\"\nversion = \"{}\"\ndescription = {:?}\nruntime = \"{}\"\nrequires = {:?}\n\
         [dependencies]\n",
        release.name, release.version, release.description, release.runtime, release.requires
    );
    for (name, range) in &release.dependencies {
        let _ = writeln!(text, "{name} = \"{range}\"");
    }
    text
}
