//! What is explored: who asks for what where, how much there is, and how many faults there
//! may be.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use waybook_plan::{Presentation, Resource};

use super::world::{Faults, name};
use crate::{CodeConfig, Config, Limits, Timing};

/// One moment of the model. Half a period to one and a half, in which places draw, is one of
/// these whatever is drawn; so what the check sees does not depend on the draw.
const MOMENT: Duration = Duration::from_nanos(1);

const fn moments(count: u64) -> Duration {
    Duration::from_nanos(MOMENT.as_nanos() as u64 * count)
}

/// A message that stayed behind arrives no later than that: the transport's idle time-out.
pub(super) const LATE: Duration = moments(2);
/// A place or a connection may be away for that long without a session being lost: the
/// session lease less one refresh that was about to be sent.
pub(super) const SURVIVED: Duration = moments(6);
/// After the last fault everything is in order after that long at the latest: the longest
/// set-up, and then one lease.
const REST: Duration = moments(18);
/// What never comes.
const NEVER: Duration = moments(1_000_000_000);

/// The relations are those of the default times: leases are longer than six periods, set-ups
/// may take longer than a lease.
pub(super) fn timing() -> Timing {
    Timing {
        setup_deadline: moments(10),
        setup_margin: moments(1),
        setup_lease: moments(7),
        setup_refresh: MOMENT,
        lag: MOMENT,
        turn: moments(2),
        session_lease: moments(8),
        session_refresh: MOMENT,
        claim: NEVER,
        idle: NEVER,
        question: moments(3),
        search_age: Duration::ZERO,
        transport_idle: LATE,
        index_grace: moments(4),
        summary: MOMENT,
        download: moments(4),
        resume: MOMENT,
    }
}

#[derive(Debug, Clone)]
pub(super) struct Scenario {
    /// Which place serves what.
    pub(super) served: Vec<(usize, &'static str)>,
    /// Where each client asks, and for what.
    pub(super) clients: [(usize, &'static str); 2],
    /// Thousandths of a processor, by place.
    pub(super) cpu: [u64; 3],
    /// Mbit/s in each direction of a leaf's edge.
    pub(super) bandwidth: u64,
    /// How many of the clients ask at all.
    pub(super) asking: usize,
    /// Whether clients may leave by themselves.
    pub(super) leave: bool,
    pub(super) faults: Faults,
    /// How long it may take after the last fault until everything is in order.
    pub(super) rest: Duration,
}

impl Scenario {
    /// Two clients at one leaf want the same film of the other leaf, which can serve it only
    /// once in its best quality: whoever comes second falls back there, and shrinks what the
    /// places before hold.
    pub(super) fn sharing() -> Self {
        Self {
            served: vec![(2, "film")],
            clients: [(1, "film"); 2],
            cpu: [1000, 1000, 500],
            bandwidth: 10,
            asking: 2,
            leave: true,
            faults: Faults::default(),
            rest: REST,
        }
    }

    /// Two clients at opposite leaves want what the other leaf has, and the edges carry one
    /// of them: each holds what the other one needs.
    pub(super) fn crossing() -> Self {
        Self {
            served: vec![(1, "show"), (2, "film")],
            clients: [(1, "film"), (2, "show")],
            cpu: [1000; 3],
            bandwidth: 4,
            asking: 2,
            leave: true,
            faults: Faults::default(),
            rest: REST,
        }
    }

    /// The root serves it, too, and is nearer, but has little: the best quality fails there,
    /// the second one succeeds once; the second session goes to the other leaf, for more
    /// than its first place has held for it, so that it traces back.
    pub(super) fn detour() -> Self {
        Self {
            served: vec![(0, "film"), (2, "film")],
            clients: [(1, "film"); 2],
            cpu: [150, 1000, 500],
            bandwidth: 10,
            asking: 2,
            leave: true,
            faults: Faults::default(),
            rest: REST,
        }
    }

    pub(super) fn with(mut self, faults: Faults) -> Self {
        self.faults = faults;
        self
    }

    /// Everything is in order that soon: what finds out without waiting for leases works.
    pub(super) fn resting(mut self, count: u64) -> Self {
        self.rest = moments(count);
        self
    }

    pub(super) fn config(&self, place: usize) -> Config {
        let mut capacity = BTreeMap::from([(Resource::cpu(), self.cpu[place])]);
        if place > 0 {
            // A little more for requests.
            let bandwidth = self.bandwidth * 1_000_000 + 50_000;
            capacity.insert(Resource::down(), bandwidth);
            capacity.insert(Resource::up(), bandwidth);
        }
        Config {
            name: name(place),
            capacity,
            programs: Vec::new(),
            limits: Limits {
                // Load is told now and then; no promise depends on it.
                summaries: 0,
                ..Limits::default()
            },
            timing: timing(),
            strategy: "nearest".to_owned(),
            servers_per_plan: 3,
            code: CodeConfig::default(),
        }
    }
}

/// Two qualities, of which the second one needs a quarter.
pub(super) fn presentation(title: &str) -> Arc<Presentation> {
    let quality = |name: &str, bandwidth: u32, cpu: u32| {
        format!(
            r#"
[[quality]]
name = "{name}"
[quality.demand.edge]
to-client = "{bandwidth} Mbit/s"
to-server = "100 kbit/s"
[quality.demand.server]
cpu = "{cpu}m"
[[quality.component]]
at = "server"
name = "files"
runtime = "builtin"
config = {{ root = "{title}" }}
"#
        )
    };
    let (high, low) = (quality("high", 4, 400), quality("low", 1, 100));
    let text = format!("title = \"{title}\"\n{high}{low}");
    Arc::new(Presentation::from_toml(&text).expect("a sound presentation"))
}
