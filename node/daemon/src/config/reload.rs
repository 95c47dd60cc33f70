//! What of a configuration that is read again can change while the place runs.
//!
//! What the place alone goes by does. What other rooms were made with, or neighbours and agents
//! under way count on, needs a start: sockets, files, times, and limits that the connections, the
//! repository or the data plane keep to.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use waybook_place::Limits;
use waybook_plan::{Resource, format_amount, format_duration};

use super::{DaemonConfig, JoinConfig};

/// A setting that has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its name, as in the file: `capacity.cpu`.
    pub setting: String,
    /// What it was.
    pub before: String,
    /// What it is.
    pub now: String,
}

/// The sockets as they are. A file may say port 0, or since then which port that came to be.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Bound {
    pub(crate) listen: Option<SocketAddr>,
    pub(crate) gateway: Option<SocketAddr>,
    pub(crate) api: Option<SocketAddr>,
}

/// Takes up what has been read into what runs, as far as it can change: what has, and the names
/// of the settings that need a start.
pub(crate) fn take_up(
    running: &mut DaemonConfig,
    read: &DaemonConfig,
    bound: Bound,
) -> (Vec<Change>, Vec<String>) {
    let mut changes = capacity(running, read);
    let place = &mut running.place;
    let mut restart = Vec::new();
    for limit in LIMITS {
        let (before, now) = ((limit.of)(&place.limits), (limit.of)(&read.place.limits));
        if before == now {
            continue;
        }
        match limit.set {
            Some(set) => {
                set(&mut place.limits, &read.place.limits);
                changes.push(change(limit.setting, &before, &now));
            }
            None => restart.push(limit.setting.to_owned()),
        }
    }
    if place.strategy != read.place.strategy {
        changes.push(change("strategy", &place.strategy, &read.place.strategy));
        place.strategy.clone_from(&read.place.strategy);
    }
    let (before, now) = (place.servers_per_plan, read.place.servers_per_plan);
    if before != now {
        changes.push(change("servers-per-plan", &before, &now));
        place.servers_per_plan = now;
    }
    changes.extend(join(&mut running.join, &read.join));
    restart.extend(others(running, read, bound));
    (changes, restart)
}

/// How others join below the place.
fn join(running: &mut JoinConfig, read: &JoinConfig) -> Vec<Change> {
    let now = JoinConfig {
        // These are what the place was started with.
        invitations: running.invitations,
        connections: running.connections,
        ..read.clone()
    };
    let both = shown(running).into_iter().zip(shown(&now));
    let changes = both
        .filter(|(before, now)| before != now)
        .map(|((setting, before), (_, now))| change(setting, &before, &now))
        .collect();
    *running = now;
    changes
}

/// The settings of how others join that a reload takes up, with what they are.
fn shown(join: &JoinConfig) -> [(&'static str, String); 4] {
    let none = || "none".to_owned();
    let authority = join.authority.as_ref();
    let authority = authority.map_or_else(none, |folder| folder.display().to_string());
    let addresses = match &join.addresses[..] {
        [] => none(),
        addresses => addresses.join(", "),
    };
    [
        ("join.authority", authority),
        ("join.addresses", addresses),
        ("join.validity", format_duration(join.validity)),
        ("join.attempts", join.attempts.to_string()),
    ]
}

fn change(setting: &str, before: &impl ToString, now: &impl ToString) -> Change {
    Change {
        setting: setting.to_owned(),
        before: before.to_string(),
        now: now.to_string(),
    }
}

fn capacity(running: &mut DaemonConfig, read: &DaemonConfig) -> Vec<Change> {
    let (before, now) = (&running.place.capacity, &read.place.capacity);
    let kinds: BTreeSet<&Resource> = before.keys().chain(now.keys()).collect();
    let changed = kinds
        .into_iter()
        .filter(|kind| before.get(*kind) != now.get(*kind));
    let amount = |kind, amount: Option<&u64>| match amount {
        Some(amount) => format_amount(kind, *amount),
        None => "none".to_owned(),
    };
    let changes = changed.map(|kind| Change {
        setting: format!("capacity.{kind}"),
        before: amount(kind, before.get(kind)),
        now: amount(kind, now.get(kind)),
    });
    let changes = changes.collect();
    running.place.capacity.clone_from(now);
    changes
}

/// A limit of the place.
struct Limit {
    setting: &'static str,
    of: fn(&Limits) -> u64,
    /// Takes it over; none if it needs a start.
    set: Option<fn(&mut Limits, &Limits)>,
}

macro_rules! limit {
    ($setting:literal, $field:ident) => {
        Limit {
            set: Some(|to, from| to.$field = from.$field),
            ..limit!($setting, $field, at start)
        }
    };
    ($setting:literal, $field:ident, at start) => {
        Limit {
            setting: $setting,
            of: |limits| limits.$field as u64,
            set: None,
        }
    };
}

const LIMITS: [Limit; 14] = [
    limit!("limits.sessions", sessions),
    limit!("limits.setups", setups),
    // The control API and the data plane keep to it as well.
    limit!("limits.neighbour-share", neighbour_share, at start),
    limit!("limits.user-share", user_share),
    // The connections keep to it.
    limit!("limits.children", children, at start),
    limit!("limits.solutions", solutions),
    limit!("limits.index", index),
    limit!("limits.summaries", summaries),
    limit!("limits.presentations", presentations),
    limit!("limits.questions", questions),
    limit!("code.repository", repository),
    // The repository and the engine keep to it.
    limit!("code.greatest-component", component, at start),
    limit!("code.downloads", downloads),
    limit!("code.holdings", holdings),
];

/// What else is different.
fn others(running: &DaemonConfig, read: &DaemonConfig, bound: Bound) -> Vec<String> {
    let socket = |was: SocketAddr, is: SocketAddr, bound| was != is && bound != Some(is);
    let gateway = |config: &DaemonConfig| {
        let gateway = &config.gateway;
        let mut limits = gateway.limits.clone();
        // Said by their own names.
        limits.neighbour_share = 0;
        limits.programs = 0;
        (
            gateway.public_url.clone(),
            gateway.host_suffix.clone(),
            limits,
        )
    };
    let api = |config: &DaemonConfig| {
        let mut limits = config.api.limits;
        limits.neighbour_share = 0;
        let tls = config.api.tls.clone();
        (
            config.api.remote.clone(),
            config.api.origins.clone(),
            tls,
            limits,
        )
    };
    let profiles = |config: &DaemonConfig| {
        let mut profiles = config.profiles;
        profiles.neighbour_share = 0;
        profiles
    };
    let (was, is) = (running, read);
    let different = [
        ("name", was.place.name != is.place.name),
        ("data-dir", was.data_dir != is.data_dir),
        ("listen", socket(was.listen, is.listen, bound.listen)),
        ("identity", was.identity != is.identity),
        ("parent", was.parent != is.parent),
        (
            "join.invitations",
            was.join.invitations != is.join.invitations,
        ),
        (
            "join.connections",
            was.join.connections != is.join.connections,
        ),
        ("timing", was.place.timing != is.place.timing),
        ("transport", was.transport != is.transport),
        (
            "gateway.listen",
            socket(was.gateway.listen, is.gateway.listen, bound.gateway),
        ),
        ("gateway", gateway(was) != gateway(is)),
        (
            "limits.programs",
            was.gateway.limits.programs != is.gateway.limits.programs,
        ),
        (
            "api.listen",
            socket(was.api.listen, is.api.listen, bound.api),
        ),
        ("api", api(was) != api(is)),
        ("profiles", profiles(was) != profiles(is)),
        ("audit", was.audit != is.audit),
        ("metrics", was.metrics != is.metrics),
        ("programs", was.programs != is.programs),
        ("cgroup", was.cgroup != is.cgroup),
        ("files", was.file_roots != is.file_roots),
        ("upstream", was.upstreams != is.upstreams),
        (
            "code",
            was.repository != is.repository || was.place.code != is.place.code,
        ),
        ("wasm", was.wasm != is.wasm),
        ("log", was.log != is.log),
        ("trace", was.trace != is.trace),
    ];
    let different = different.into_iter().filter(|(_, is)| *is);
    different.map(|(setting, _)| setting.to_owned()).collect()
}
