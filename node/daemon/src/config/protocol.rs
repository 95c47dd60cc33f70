//! Reads what the place itself goes by: what it has, its bounds, its times.

use std::collections::BTreeMap;

use waybook_location_tree::PlaceName;
use waybook_place::{CodeConfig, Config, Limits, Timing};
use waybook_plan::{Resource, builtin_decision_makers, parse_amount};

use super::section::Section;
use super::{ProgramConfig, TransportConfig};

pub(super) fn read(
    top: &Section<'_>,
    name: Option<&PlaceName>,
    programs: &BTreeMap<String, ProgramConfig>,
    transport: &TransportConfig,
    limits: Limits,
    code: CodeConfig,
) -> Option<Config> {
    let makers = builtin_decision_makers();
    let known: Vec<_> = makers.iter().map(|m| m.name().to_owned()).collect();
    let strategy = top.parsed("strategy", &known[0], |text| {
        let found = known.iter().find(|k| *k == text).cloned();
        found.ok_or_else(|| {
            let known: Vec<_> = known.iter().map(|k| format!("`{k}`")).collect();
            format!("`{text}` must be one of {}", known.join(", "))
        })
    });
    let servers_per_plan = top.number("servers-per-plan", 3_u16, 1, 64);
    let capacity = capacity(&top.section("capacity"), name);
    let timing = timing(top, transport);
    Some(Config {
        name: name?.clone(),
        capacity,
        programs: programs.keys().cloned().collect(),
        limits,
        timing,
        strategy: strategy.unwrap_or_else(|| known[0].clone()),
        servers_per_plan: usize::from(servers_per_plan),
        code,
    })
}

fn capacity(section: &Section<'_>, name: Option<&PlaceName>) -> BTreeMap<Resource, u64> {
    let mut capacity = BTreeMap::new();
    for key in section.names() {
        let resource = match Resource::new(key) {
            Ok(resource) => resource,
            Err(error) => {
                section.value(key);
                section.problem(key, error);
                continue;
            }
        };
        let example = match key.as_str() {
            Resource::CPU => "2",
            Resource::MEMORY => "1 GiB",
            Resource::DOWN | Resource::UP => "100 Mbit/s",
            _ => "10",
        };
        let amount = section.amount(key, example, |text| parse_amount(&resource, text));
        let of_edge = matches!(key.as_str(), Resource::DOWN | Resource::UP);
        if of_edge && name.is_some_and(|n| n.parent().is_none()) {
            section.problem(
                key,
                "is the bandwidth of the edge to the parent, and a root has no parent; remove it",
            );
        }
        capacity.extend(amount.map(|a| (resource, a)));
    }
    capacity
}

pub(super) fn limits(section: &Section<'_>) -> Limits {
    let default = Limits::default();
    let whole = |default: usize| u32::try_from(default).unwrap_or(u32::MAX);
    let percent = |key, default: u8| {
        let read = section.number(key, u32::from(default), 1, 100);
        u8::try_from(read).unwrap_or(default)
    };
    Limits {
        sessions: section.count("sessions", default.sessions, 100_000_000),
        setups: section.count("setups", default.setups, 100_000_000),
        neighbour_share: percent("neighbour-share", default.neighbour_share),
        user_share: percent("user-share", default.user_share),
        children: section.count("children", default.children, 1_000_000),
        solutions: section.count("solutions", default.solutions, 65_535),
        index: section.count("index", default.index, 100_000_000),
        summaries: section.number("summaries", whole(default.summaries), 0, 100_000_000) as usize,
        presentations: section.count("presentations", default.presentations, 100_000_000),
        questions: section.count("questions", default.questions, 100_000_000),
        ..default
    }
}

fn timing(top: &Section<'_>, transport: &TransportConfig) -> Timing {
    let section = top.section("timing");
    let d = Timing::default();
    let timing = Timing {
        setup_deadline: section.duration("setup-deadline", d.setup_deadline),
        setup_margin: section.duration("setup-margin", d.setup_margin),
        setup_lease: section.duration("setup-lease", d.setup_lease),
        setup_refresh: section.duration("setup-refresh", d.setup_refresh),
        lag: section.duration("lag", d.lag),
        turn: section.duration("turn", d.turn),
        session_lease: section.duration("session-lease", d.session_lease),
        session_refresh: section.duration("session-refresh", d.session_refresh),
        claim: section.duration("claim", d.claim),
        idle: section.duration("idle", d.idle),
        question: section.duration("question", d.question),
        search_age: section.duration("search-age", d.search_age),
        // One truth: what the transport keeps to is what the place counts on.
        transport_idle: transport.idle_timeout,
        index_grace: section.duration("index-grace", d.index_grace),
        summary: section.duration("summary", d.summary),
        download: section.duration("download", d.download),
        resume: section.duration("resume", d.resume),
    };
    if let Err(problem) = timing.check() {
        top.problem("timing", problem);
    }
    timing
}
