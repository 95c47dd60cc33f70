//! Trees, presentations and requests that the stories share.

use std::collections::BTreeMap;

use waybook_location_tree::PlaceName;
use waybook_plan::{
    Component, Demand, EdgeDemand, Position, Presentation, Quality, Resource, Runtime, StageDemand,
};
use waybook_sim::Setting;

/// One megabit per second.
pub(crate) const MBIT: u64 = 1_000_000;

/// The place of that name.
pub(crate) fn place(name: &str) -> PlaceName {
    PlaceName::new(name).unwrap()
}

/// The demand for those amounts.
pub(crate) fn demand(amounts: &[(&str, u64)]) -> Demand {
    let mut demand = Demand::none();
    for (resource, amount) in amounts {
        let resource = Resource::new(resource).unwrap();
        demand.add(&resource, *amount).unwrap();
    }
    demand
}

/// A component that every place has.
pub(crate) fn builtin(name: &str) -> Component {
    Component {
        name: name.to_owned(),
        runtime: Runtime::Builtin,
        config: BTreeMap::new(),
    }
}

/// Code that is brought along, by reference.
pub(crate) fn code(reference: &str) -> Component {
    Component {
        name: reference.to_owned(),
        runtime: Runtime::Wasm,
        config: BTreeMap::new(),
    }
}

/// A quality as [`quality`] makes it, with code at that position before all else.
pub(crate) fn quality_with(name: &str, to_client: u64, at: Position, reference: &str) -> Quality {
    let mut quality = quality(name, to_client, 100);
    quality.components.insert(0, (at, code(reference)));
    quality
}

/// A film of those qualities, best first.
pub(crate) fn film(qualities: &[Quality]) -> Presentation {
    Presentation {
        title: "film".to_owned(),
        description: "a film".to_owned(),
        servers: Vec::new(),
        qualities: qualities.to_vec(),
        ..Presentation::default()
    }
}

/// A quality of a film: that much bandwidth towards the client on every edge, and that much of
/// a processor at the server. A file server stands at the server's place, a relay at the
/// client's.
pub(crate) fn quality(name: &str, to_client: u64, server_cpu: u64) -> Quality {
    let edge = EdgeDemand {
        to_client,
        to_server: to_client / 100,
    };
    Quality {
        name: name.to_owned(),
        demand: StageDemand {
            edge,
            server: demand(&[("cpu", server_cpu)]),
            ..StageDemand::default()
        },
        components: vec![
            (Position::Client, builtin("relay")),
            (Position::Server, builtin("files")),
        ],
    }
}

/// A capacity that none of the stories exhausts.
pub(crate) const PLENTY: &[(&str, u64)] = &[
    ("cpu", 8000),
    ("down", 100 * MBIT),
    ("gpu", 40),
    ("memory", 1 << 30),
    ("up", 100 * MBIT),
];

/// Two localities under one root, a client's place and a server's place in each; nothing
/// is published yet.
///
/// ```text
///            r
///        a       b
///      x   z   y   w
/// ```
pub(crate) fn two_localities() -> Setting {
    ["r", "r/a", "r/a/x", "r/a/z", "r/b", "r/b/y", "r/b/w"]
        .into_iter()
        .fold(Setting::new(), |setting, name| setting.place(name, PLENTY))
}

/// The place has so much, and of everything else plenty.
pub(crate) fn with(setting: Setting, name: &str, resource: &str, amount: u64) -> Setting {
    let mut capacity: BTreeMap<&str, u64> = PLENTY.iter().copied().collect();
    capacity.insert(resource, amount);
    let capacity: Vec<_> = capacity.into_iter().collect();
    setting.place(name, &capacity)
}
