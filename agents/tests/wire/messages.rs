//! Messages to encode: one of each by hand.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use waybook_agents::*;
use waybook_location_tree::PlaceName;
use waybook_plan::*;

pub(crate) fn place(text: &str) -> PlaceName {
    PlaceName::new(text).unwrap()
}

pub(crate) fn demand(amounts: &[(&str, u64)]) -> Demand {
    let mut demand = Demand::none();
    for (resource, amount) in amounts {
        demand
            .add(&Resource::new(resource).unwrap(), *amount)
            .unwrap();
    }
    demand
}

fn component() -> Component {
    Component {
        name: "files".into(),
        runtime: Runtime::Builtin,
        config: BTreeMap::from([("root".into(), "/srv".into())]),
    }
}

pub(crate) fn release() -> Arc<Release> {
    Arc::new(Release {
        name: "cache".into(),
        version: semver::Version::new(1, 2, 3),
        description: "Keeps".into(),
        runtime: "wasi:http/middleware@0.3.0".into(),
        requires: vec!["gpu".into()],
        dependencies: BTreeMap::from([("log".into(), semver::VersionReq::STAR)]),
        digest: Digest([1; 32]),
        length: 70_000,
        root: [2; 32],
        home: place("r"),
        signature: Some(Signature {
            key: [3; 32],
            bytes: vec![4; 64],
        }),
    })
}

/// A plan of one solution from `r/a` to `r`.
pub(crate) fn plan() -> Plan {
    let stage = |at: &str, demand, components| Stage {
        place: place(at),
        demand,
        components,
    };
    Plan {
        title: "film".into(),
        solutions: vec![Arc::new(Solution {
            number: SolutionNumber(1),
            quality: "hd".into(),
            stages: vec![
                stage("r/a", demand(&[("down", 4_000_000)]), vec![]),
                stage("r", demand(&[("cpu", 250)]), vec![component()]),
            ],
            when_cut: WhenCut::default(),
        })],
        releases: Arc::default(),
    }
}

/// The same plan with a component at the client's place that is brought along.
pub(crate) fn plan_with_code() -> Plan {
    let mut plan = plan();
    let solution = Arc::make_mut(&mut plan.solutions[0]);
    solution.stages[0].components.push(Component {
        name: release().reference(),
        runtime: Runtime::Wasm,
        config: BTreeMap::new(),
    });
    plan.releases = Arc::new([release()].into_iter().collect());
    plan
}

pub(crate) fn visit_with_code() -> Message {
    Message::Visit(Visit {
        agent: PlanVisitor::new(feed().session, plan_with_code(), false),
        remaining: Duration::from_millis(59_800),
    })
}

pub(crate) fn visitor_without_trace_back() -> PlanVisitor {
    let mut agent = visitor();
    agent.set_no_trace_back(true);
    agent
}

pub(crate) fn visitor_in_a_trace() -> PlanVisitor {
    let mut agent = visitor();
    agent.set_trace(Some(TraceContext {
        trace: 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c,
        parent: 0xb7ad_6b71_6920_3331,
        sampled: true,
    }));
    agent
}

/// What messages say since there is something to say about sessions that are cut.
pub(crate) fn since_when_cut() -> Vec<Message> {
    let when_cut = WhenCut {
        lost_after: Some(Duration::from_mins(10)),
        reconcile: Reconcile::Original,
    };
    let film = Arc::new(Presentation {
        when_cut,
        ..(*presentation()).clone()
    });
    let mut all: Vec<_> = one_of_each()
        .into_iter()
        .filter(|m| matches!(m.kind(), "visit" | "index" | "found"))
        .collect();
    for message in &mut all {
        match message {
            Message::Visit(visit) => visit.agent.set_when_cut(SolutionNumber(1), when_cut),
            Message::Index { entries, .. } => entries[0].presentation = Arc::clone(&film),
            Message::Found { servers, .. } => servers[0].presentation = Arc::clone(&film),
            _ => {}
        }
    }
    all
}

/// What kinds of messages of version 1 can say since version 2.
pub(crate) fn since_version_2() -> Vec<Message> {
    let code = &plan_with_code().solutions[0].stages[0];
    let survey = Message::Survey {
        id: 70_000,
        origin: place("r/a"),
        target: place("r"),
        stages: vec![SurveyStage {
            solution: SolutionNumber(1),
            demand: demand(&[]),
            components: code.components.clone(),
            next: None,
        }],
        releases: plan_with_code().releases,
    };
    let progress = Message::Progress(Progress {
        session: feed().session,
        place: place("r"),
        solution: feed().number,
        step: Step::Downloading(Transferred {
            component: release().reference(),
            from: Some(place("r/b")),
            bytes: 40_000,
            length: 70_000,
            before: 100,
        }),
    });
    vec![visit_with_code(), survey, progress]
}

pub(crate) fn feed() -> Feed {
    Feed {
        session: SessionId(0x0123_4567_89ab_cdef),
        number: SolutionNumber(2),
    }
}

fn hop() -> HopReport {
    HopReport {
        place: place("r"),
        booked: demand(&[("cpu", 250)]),
        components: vec![ComponentReport {
            name: "files".into(),
            endpoint: "127.0.0.1:8080".into(),
            shared: true,
            took: Duration::ZERO,
        }],
        took: Duration::from_millis(30),
    }
}

fn refusal() -> Refusal {
    Refusal {
        solution: SolutionNumber(1),
        place: place("r"),
        reason: RefusalReason::Lacking(Lack {
            resource: Resource::memory(),
            wanted: 64 << 20,
            free: 1 << 20,
            capacity: 128 << 20,
            established: 127 << 20,
            held_by_others: 0,
        }),
    }
}

fn presentation() -> Arc<Presentation> {
    Arc::new(Presentation {
        title: "film".into(),
        description: String::new(),
        servers: vec![place("r")],
        qualities: vec![Quality {
            name: "hd".into(),
            demand: StageDemand {
                edge: EdgeDemand {
                    to_client: 4_000_000,
                    to_server: 1000,
                },
                ..StageDemand::default()
            },
            components: vec![(Position::Server, component())],
        }],
        ..Presentation::default()
    })
}

/// One message of every kind. A new kind does not compile until it is put here: the
/// `match` has no wildcard, and names the kind that follows.
pub(crate) fn one_of_each() -> Vec<Message> {
    fn after(message: &Message) -> Option<Message> {
        let feed = feed();
        Some(match message {
            Message::Visit(_) => Message::VisitAck(feed),
            Message::VisitAck(_) => Message::Ready(Ready {
                session: feed.session,
                number: feed.number,
                solution: SolutionNumber(3),
                journey: vec![hop()],
                refused: vec![refusal()],
            }),
            Message::Ready(_) => Message::Refuse(Refuse {
                session: feed.session,
                number: feed.number,
                next: Some(SolutionNumber(3)),
                refused: vec![refusal()],
            }),
            Message::Refuse(_) => Message::Release(feed),
            Message::Release(_) => Message::ReleaseAck(feed),
            Message::ReleaseAck(_) => Message::Confirm(feed),
            Message::Confirm(_) => Message::ConfirmAck(feed),
            Message::ConfirmAck(_) => Message::Refresh {
                setups: vec![feed],
                established: vec![feed, feed],
            },
            Message::Refresh { .. } => Message::Working(vec![feed]),
            Message::Working(_) => Message::Gone(feed),
            Message::Gone(_) => Message::Resync {
                sessions: vec![feed],
                first: true,
                last: false,
            },
            Message::Resync { .. } => Message::Progress(Progress {
                session: feed.session,
                place: place("r"),
                solution: feed.number,
                step: Step::Ready(hop()),
            }),
            Message::Progress(_) => Message::Index {
                complete: true,
                entries: vec![IndexEntry {
                    server: place("r/a"),
                    edition: Edition(Incarnation(7), 3),
                    presentation: presentation(),
                }],
                withdrawn: vec![("old".into(), place("r/b"), Edition(Incarnation(6), 1))],
            },
            Message::Index { .. } => Message::Summaries {
                places: vec![PlaceSummary {
                    place: place("r/a"),
                    edition: Edition(Incarnation(7), 3),
                    age: Duration::from_secs(2),
                    load: Load(500),
                    resources: vec![(Resource::cpu(), 4000, 2000)],
                    sessions: 3,
                    withheld: Withheld::NOTHING,
                }],
                gone: vec![place("r/b")],
            },
            Message::Summaries { .. } => Message::Search {
                id: 300,
                origin: place("r/a"),
                title: "film".into(),
                most: 3,
            },
            Message::Search { .. } => Message::Found {
                id: 300,
                origin: place("r/a"),
                servers: vec![KnownServer {
                    place: place("r/b"),
                    presentation: presentation(),
                    load: Some(Load(70)),
                }],
            },
            Message::Found { .. } => Message::Survey {
                id: 70_000,
                origin: place("r/a"),
                target: place("r"),
                stages: vec![SurveyStage {
                    solution: SolutionNumber(1),
                    demand: demand(&[("cpu", 1)]),
                    components: vec![component()],
                    next: Some(place("r/b")),
                }],
                releases: Arc::default(),
            },
            Message::Survey { .. } => Message::Surveyed {
                id: 70_000,
                origin: place("r/a"),
                place: place("r"),
                answers: vec![(SolutionNumber(1), None)],
            },
            Message::Surveyed { .. } => Message::Holdings {
                complete: true,
                held: vec![Holding {
                    place: place("r/b"),
                    edition: Edition(Incarnation(7), 4),
                    release: release(),
                    added: true,
                }],
                dropped: vec![(Digest([9; 32]), place("r/b"), Edition(Incarnation(6), 1))],
            },
            Message::Holdings { .. } => Message::Resolve {
                id: 300,
                origin: place("r/a"),
                wanted: vec!["cache@^1".into()],
                found: vec![release()],
            },
            Message::Resolve { .. } => Message::Resolved {
                id: 300,
                origin: place("r/a"),
                found: vec![release()],
            },
            Message::Resolved { .. } => Message::Download(Download {
                id: DownloadId {
                    origin: place("r/a"),
                    life: Incarnation(5),
                    number: 2,
                },
                release: release(),
                strategy: DownloadStrategy::NearestHolder,
                trail: vec![place("r")],
                avoid: [place("r/b")].into(),
                remaining: Duration::from_secs(9),
                found: Some(Ok(Found { source: place("r") })),
            }),
            Message::Download(_) => Message::Cut {
                sessions: vec![feed],
                cut: true,
            },
            Message::Cut { .. } => return None,
        })
    }
    std::iter::successors(Some(visit()), after).collect()
}

pub(crate) fn visitor() -> PlanVisitor {
    PlanVisitor::new(feed().session, plan(), false)
}

fn visit() -> Message {
    Message::Visit(Visit {
        agent: visitor(),
        remaining: Duration::from_millis(59_800),
    })
}

pub(crate) fn envelope(message: Message) -> Envelope {
    Envelope {
        from: Incarnation(1_700_000_000),
        to: Incarnation::UNKNOWN,
        message,
    }
}
