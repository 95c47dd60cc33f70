//! What is recorded as it happens.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::time::Duration;

use prometheus_client::encoding::text::encode_registry;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use waybook_agents::{Message, Refusal, RefusalReason};
use waybook_place::io::{EndReason, Outcome};
use waybook_plan::{NoPlan, Resource, Runtime};

use super::traffic::Traffic;

/// Upper ends of the intervals that times are counted in, in seconds: from what a hop takes within
/// a machine to the longest set-up that most allow.
const TIMES: [f64; 17] = [
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0, 30.0,
];

/// Why requests of the control API are refused for who asks: there is no token with them, or one that
/// does not count; or it counts, but not for that.
const DENIED: [&str; 5] = ["missing", "wrong", "expired", "revoked", "right"];

/// From where profiles of users of other places came.
const PROFILES: [&str; 4] = ["home", "copy", "stale", "refused"];

type Labels = [(&'static str, String); 1];
type Counts = Family<Labels, Counter>;
type Times = Family<Labels, Histogram, fn() -> Histogram>;

/// A part of a set-up's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// From the agent's arrival, or the client's request, until it went on or, at the end of the
    /// path, had booked: planning, booking, and waiting for its turn.
    Hold,
    /// From when it went on until the next place answered: all that happens beyond.
    Forward,
    /// Until code had come.
    Download,
    /// Until a component answered.
    Start,
    /// From the agent's arrival until the hop was ready, all of the above included.
    Ready,
}

impl Phase {
    const ALL: [(Self, &'static str); 5] = [
        (Self::Hold, "hold"),
        (Self::Forward, "forward"),
        (Self::Download, "download"),
        (Self::Start, "start"),
        (Self::Ready, "ready"),
    ];
}

/// Which way something went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    In,
    Out,
}

/// Counts and times of what has happened at a place since the daemon started.
pub struct Recorded {
    registry: Registry,
    setups: Counts,
    setup_time: Histogram,
    phases: [Histogram; Phase::ALL.len()],
    refusals: Family<[(&'static str, String); 2], Counter>,
    ends: Counts,
    messages: [[Counter; Message::KINDS.len()]; 2],
    starts: Family<[(&'static str, String); 2], Counter>,
    traffic: Traffic,
    /// Requests of the control API that were refused for who asked.
    denied: Counts,
    /// Profiles of users of other places that were needed here.
    profiles: Counts,
    /// Spans that a collector has taken, and those that it has not got.
    spans: [Counter; 2],
    /// The resources that have figures of their own. What others say lacks may have any name.
    resources: BTreeSet<Resource>,
}

impl std::fmt::Debug for Recorded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorded").finish_non_exhaustive()
    }
}

/// Times, from none.
pub(super) fn times() -> Histogram {
    Histogram::new(TIMES)
}

impl Default for Recorded {
    /// For a place that has nothing.
    fn default() -> Self {
        Self::new(BTreeSet::new())
    }
}

impl Recorded {
    /// Nothing yet; for a place that has these resources.
    #[must_use]
    pub fn new(resources: BTreeSet<Resource>) -> Self {
        let mut registry = Registry::with_prefix("waybook");
        let setups = Counts::default();
        registry.register(
            "setups",
            "Set-ups that clients of this place asked for, by what became of them",
            setups.clone(),
        );
        let setup_time = times();
        registry.register_with_unit(
            "setup_duration",
            "Time of the set-ups that were established, from the client's request",
            Unit::Seconds,
            setup_time.clone(),
        );
        let by_phase = Times::new_with_constructor(times);
        registry.register_with_unit(
            "setup_phase_duration",
            "Time of parts of set-ups at this place",
            Unit::Seconds,
            by_phase.clone(),
        );
        let phases = Phase::ALL.map(|(_, phase)| {
            let labels = [("phase", phase.to_owned())];
            by_phase.get_or_create(&labels).clone()
        });
        let refusals = Family::default();
        registry.register(
            "solutions_refused",
            "Solutions of this place's clients that were refused anywhere, by why, and which resource lacked",
            refusals.clone(),
        );
        let ends = Counts::default();
        registry.register(
            "sessions_ended",
            "Established sessions of this place's clients that are over, by why",
            ends.clone(),
        );
        let by_kind = Family::<[(&'static str, String); 2], Counter>::default();
        registry.register(
            "messages",
            "Messages of the protocol, by kind and direction; visits and downloads are agents that migrate",
            by_kind.clone(),
        );
        let messages = ["in", "out"].map(|direction| {
            Message::KINDS.map(|kind| {
                let labels = [
                    ("kind", kind.to_owned()),
                    ("direction", direction.to_owned()),
                ];
                by_kind.get_or_create(&labels).clone()
            })
        });
        let starts = Family::default();
        registry.register(
            "component_starts",
            "Components that were to be started here, by runtime and what became of them",
            starts.clone(),
        );
        let by_result = Counts::default();
        registry.register(
            "trace_spans",
            "Spans for the collector of traces, by whether it has got them",
            by_result.clone(),
        );
        let spans = ["sent", "dropped"].map(|result| {
            let labels = [("result", result.to_owned())];
            by_result.get_or_create(&labels).clone()
        });
        let denied = Counts::default();
        registry.register(
            "api_denied",
            "Requests of the control API that were refused for who asked, by why",
            denied.clone(),
        );
        for reason in DENIED {
            // Shown from the beginning on.
            let _ = denied.get_or_create(&[("reason", reason.to_owned())]);
        }
        let profiles = Counts::default();
        registry.register(
            "profiles",
            "Profiles of users of other places that were needed here, by where they came from",
            profiles.clone(),
        );
        for source in PROFILES {
            let _ = profiles.get_or_create(&[("source", source.to_owned())]);
        }
        let traffic = Traffic::default();
        traffic.register(&mut registry);
        Self {
            registry,
            setups,
            setup_time,
            phases,
            refusals,
            ends,
            messages,
            starts,
            denied,
            profiles,
            traffic,
            spans,
            resources,
        }
    }

    /// What sessions' requests bring.
    pub(crate) fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// A request was refused for who asked; why is one of [`DENIED`].
    pub(crate) fn denied(&self, why: &'static str) {
        debug_assert!(DENIED.contains(&why), "{why}");
        self.denied
            .get_or_create(&[("reason", why.to_owned())])
            .inc();
    }

    /// The profile of a user of another place was needed; where it came from is one of [`PROFILES`].
    pub(crate) fn profile(&self, source: &'static str) {
        debug_assert!(PROFILES.contains(&source), "{source}");
        self.profiles
            .get_or_create(&[("source", source.to_owned())])
            .inc();
    }

    /// So many spans have come to a collector, or have not.
    pub(crate) fn spans(&self, sent: bool, many: u64) {
        self.spans[usize::from(!sent)].inc_by(many);
    }

    pub(super) fn write(&self, text: &mut impl Write) {
        // Texts take whatever is written to them.
        let _ = encode_registry(text, &self.registry);
    }

    pub(super) fn phase(&self, phase: Phase, took: Duration) {
        let at = Phase::ALL.iter().position(|(known, _)| *known == phase);
        if let Some(at) = at {
            self.phases[at].observe(took.as_secs_f64());
        }
    }

    pub(super) fn message(&self, way: Way, message: &Message) {
        let kind = message.kind();
        if let Some(at) = Message::KINDS.iter().position(|known| *known == kind) {
            let way = match way {
                Way::In => 0,
                Way::Out => 1,
            };
            self.messages[way][at].inc();
        }
    }

    /// What became of a client's request.
    pub(super) fn opened(&self, outcome: &Outcome) {
        let result = match outcome {
            Outcome::Established(established) => {
                self.setup_time.observe(established.took.as_secs_f64());
                self.refused(&established.refused);
                "established"
            }
            Outcome::Refused { refused, .. } => {
                self.refused(refused);
                "refused"
            }
            Outcome::NoPlan(NoPlan::Unanswered { .. }) => "unanswered",
            Outcome::NoPlan(_) => "no-plan",
            Outcome::Rejected { .. } => "rejected",
            Outcome::Closed => "closed",
        };
        let labels = [("result", result.to_owned())];
        self.setups.get_or_create(&labels).inc();
    }

    fn refused(&self, refused: &[Refusal]) {
        for refusal in refused {
            let lacking = match &refusal.reason {
                RefusalReason::Lacking(lack) if self.resources.contains(&lack.resource) => {
                    lack.resource.as_str()
                }
                RefusalReason::Cordoned { resource } if self.resources.contains(resource) => {
                    resource.as_str()
                }
                RefusalReason::Lacking(_) | RefusalReason::Cordoned { .. } => "other",
                _ => "",
            };
            let labels = [
                ("reason", word(&refusal.reason).to_owned()),
                ("resource", lacking.to_owned()),
            ];
            self.refusals.get_or_create(&labels).inc();
        }
    }

    pub(super) fn ended(&self, why: &EndReason) {
        let why = match why {
            EndReason::Closed => "closed",
            EndReason::Unclaimed => "unclaimed",
            EndReason::Idle => "idle",
            EndReason::Expired => "expired",
            EndReason::Replaced => "replaced",
            EndReason::Reconciled => "reconciled",
            EndReason::Drained(_) => "drained",
            EndReason::Broken(_) => "broken",
        };
        let labels = [("reason", why.to_owned())];
        self.ends.get_or_create(&labels).inc();
    }

    pub(super) fn started(&self, runtime: Runtime, result: &str) {
        let runtime = match runtime {
            Runtime::Builtin => "builtin",
            Runtime::Process => "process",
            Runtime::Wasm => "wasm",
        };
        let labels = [
            ("runtime", runtime.to_owned()),
            ("result", result.to_owned()),
        ];
        self.starts.get_or_create(&labels).inc();
    }
}

/// A word for it.
fn word(reason: &RefusalReason) -> &'static str {
    match reason {
        RefusalReason::Lacking(_) => "lacking",
        RefusalReason::ComponentUnavailable { .. } => "component-unavailable",
        RefusalReason::ComponentFailed { .. } => "component-failed",
        RefusalReason::Unreachable { .. } => "unreachable",
        RefusalReason::NoAnswer { .. } => "no-answer",
        RefusalReason::Lost { .. } => "lost",
        RefusalReason::Deadline => "deadline",
        RefusalReason::Restarting => "restarting",
        RefusalReason::Limit { .. } => "limit",
        RefusalReason::Protocol { .. } => "protocol",
        RefusalReason::Released => "released",
        RefusalReason::NotTried => "not-tried",
        RefusalReason::Drained => "drained",
        RefusalReason::Cordoned { .. } => "cordoned",
    }
}
