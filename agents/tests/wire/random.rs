//! Any message at random.

use std::sync::Arc;
use std::time::Duration;

use proptest::collection::{btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use waybook_agents::*;
use waybook_location_tree::PlaceName;
use waybook_plan::*;

use crate::messages::place;

fn any_place() -> impl Strategy<Value = PlaceName> {
    "[a-z]{1,3}(/[a-z0-9]{1,4}){0,3}".prop_map(|text| place(&text))
}

fn any_resource() -> impl Strategy<Value = Resource> {
    "[a-z][a-z0-9._-]{0,6}".prop_map(|name| Resource::new(&name).unwrap())
}

fn any_demand() -> impl Strategy<Value = Demand> {
    vec((any_resource(), 0..u64::MAX / 8), 0..4).prop_map(|amounts| {
        let mut demand = Demand::none();
        for (resource, amount) in amounts {
            demand.add(&resource, amount).unwrap();
        }
        demand
    })
}

fn any_number() -> impl Strategy<Value = SolutionNumber> {
    any::<u16>().prop_map(SolutionNumber)
}

fn any_duration() -> impl Strategy<Value = Duration> {
    (any::<u64>(), 0..1_000_000_000u32).prop_map(|(s, n)| Duration::new(s, n))
}

fn any_feed() -> impl Strategy<Value = Feed> {
    (any::<u128>(), any_number()).prop_map(|(session, number)| Feed {
        session: SessionId(session),
        number,
    })
}

fn any_component() -> impl Strategy<Value = Component> {
    let config = proptest::collection::btree_map(".{0,4}", ".{0,8}", 0..3);
    let runtime = prop_oneof![
        Just(Runtime::Builtin),
        Just(Runtime::Process),
        Just(Runtime::Wasm),
    ];
    (".{0,8}", runtime, config).prop_map(|(name, runtime, config)| Component {
        name,
        runtime,
        config,
    })
}

fn any_range() -> impl Strategy<Value = semver::VersionReq> {
    ("\\^|~|=|>=", any::<[u8; 2]>()).prop_map(|(operator, [major, minor])| {
        format!("{operator}{major}.{minor}").parse().unwrap()
    })
}

/// Any release as releases are.
pub(crate) fn any_release() -> impl Strategy<Value = Arc<Release>> {
    let named = ("[a-z][a-z0-9_.-]{0,6}", any::<(u8, u8, u8)>(), "[ -~]{0,9}");
    let needs = (
        "wasi:http/proxy@0\\.[0-9]\\.[1-9][0-9]",
        vec("[a-z]{1,5}", 0..3),
        proptest::collection::btree_map("[A-Z]{0}x[a-z0-9]{1,6}", any_range(), 0..3),
    );
    let bytes = (any::<[u8; 32]>(), 1..u64::MAX, any::<[u8; 32]>());
    let signature = option::of((any::<[u8; 32]>(), vec(any::<u8>(), 64)));
    (named, needs, bytes, any_place(), signature).prop_map(
        |((name, version, description), needs, (digest, length, root), home, signature)| {
            let (runtime, requires, mut dependencies) = needs;
            dependencies.remove(&name);
            let (major, minor, patch) = version;
            Arc::new(Release {
                name,
                version: semver::Version::new(major.into(), minor.into(), patch.into()),
                description,
                runtime,
                requires,
                dependencies,
                digest: Digest(digest),
                length,
                root,
                home,
                signature: signature.map(|(key, bytes)| Signature { key, bytes }),
            })
        },
    )
}

fn any_download() -> impl Strategy<Value = Download> {
    let strategy = prop_oneof![
        Just(DownloadStrategy::DefaultPlace),
        Just(DownloadStrategy::Direct),
        Just(DownloadStrategy::NearestHolder),
        "[a-z]{1,8}-own".prop_map(DownloadStrategy::Own),
    ];
    let id = (any_place(), any::<(u64, u64)>()).prop_map(|(origin, (life, number))| DownloadId {
        origin,
        life: Incarnation(life),
        number,
    });
    let found = prop_oneof![
        any_place().prop_map(|source| Ok(Found { source })),
        ".{0,8}".prop_map(|why| Err(Nowhere { why })),
    ];
    let places = (
        vec(any_place(), 0..4),
        proptest::collection::btree_set(any_place(), 0..4),
    );
    (
        id,
        any_release(),
        strategy,
        places,
        any_duration(),
        option::of(found),
    )
        .prop_map(
            |(id, release, strategy, (trail, avoid), remaining, found)| Download {
                id,
                release,
                strategy,
                trail,
                avoid,
                remaining,
                found,
            },
        )
}

fn any_hop() -> impl Strategy<Value = HopReport> {
    let component = (".{0,8}", ".{0,8}", any::<bool>(), any_duration()).prop_map(
        |(name, endpoint, shared, took)| ComponentReport {
            name,
            endpoint,
            shared,
            took,
        },
    );
    (
        any_place(),
        any_demand(),
        vec(component, 0..3),
        any_duration(),
    )
        .prop_map(|(place, booked, components, took)| HopReport {
            place,
            booked,
            components,
            took,
        })
}

fn any_reason() -> impl Strategy<Value = RefusalReason> {
    let lack = (any_resource(), any::<[u64; 5]>()).prop_map(|(resource, n)| {
        RefusalReason::Lacking(Lack {
            resource,
            wanted: n[0],
            free: n[1],
            capacity: n[2],
            established: n[3],
            held_by_others: n[4],
        })
    });
    prop_oneof![
        lack,
        (".{0,8}", ".{0,8}")
            .prop_map(|(component, why)| RefusalReason::ComponentUnavailable { component, why }),
        (".{0,8}", ".{0,8}")
            .prop_map(|(component, why)| RefusalReason::ComponentFailed { component, why }),
        any_place().prop_map(|next| RefusalReason::Unreachable { next }),
        any_place().prop_map(|next| RefusalReason::NoAnswer { next }),
        any_place().prop_map(|next| RefusalReason::Lost { next }),
        Just(RefusalReason::Deadline),
        Just(RefusalReason::Restarting),
        (".{0,8}", any::<u64>()).prop_map(|(limit, value)| RefusalReason::Limit { limit, value }),
        ".{0,8}".prop_map(|what| RefusalReason::Protocol { what }),
        Just(RefusalReason::Released),
        Just(RefusalReason::Drained),
        any_resource().prop_map(|resource| RefusalReason::Cordoned { resource }),
    ]
}

fn any_refusal() -> impl Strategy<Value = Refusal> {
    (any_number(), any_place(), any_reason()).prop_map(|(solution, place, reason)| Refusal {
        solution,
        place,
        reason,
    })
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        any_demand().prop_map(Step::Held),
        any_refusal().prop_map(Step::Refused),
        Just(Step::TracedBack),
        any_hop().prop_map(Step::Ready),
        (".{0,8}", option::of(any_place()), any::<[u64; 3]>()).prop_map(
            |(component, from, [bytes, length, before])| Step::Downloading(Transferred {
                component,
                from,
                bytes,
                length,
                before,
            })
        ),
    ]
}

fn any_presentation() -> impl Strategy<Value = Arc<Presentation>> {
    let position = prop_oneof![
        Just(Position::Server),
        Just(Position::Client),
        Just(Position::DefaultPlace),
        Just(Position::EveryHop),
    ];
    let stage = (any::<[u64; 2]>(), vec(any_demand(), 4)).prop_map(|(edge, mut demands)| {
        let mut next = || demands.pop().unwrap();
        StageDemand {
            edge: EdgeDemand {
                to_client: edge[0],
                to_server: edge[1],
            },
            every_hop: next(),
            server: next(),
            client: next(),
            default_place: next(),
        }
    });
    let quality = (".{0,8}", stage, vec((position, any_component()), 0..3)).prop_map(
        |(name, demand, components)| Quality {
            name,
            demand,
            components,
        },
    );
    (
        ".{0,8}",
        ".{0,8}",
        vec(any_place(), 0..3),
        vec(quality, 0..3),
        any_when_cut(),
    )
        .prop_map(|(title, description, servers, qualities, when_cut)| {
            Arc::new(Presentation {
                title,
                description,
                servers,
                qualities,
                when_cut,
            })
        })
}

fn any_when_cut() -> impl Strategy<Value = WhenCut> {
    let longest = WhenCut::MAX_LOST_AFTER.as_secs();
    let reconcile = prop_oneof![Just(Reconcile::Replacement), Just(Reconcile::Original)];
    (option::of(1..=longest), reconcile).prop_map(|(lost_after, reconcile)| WhenCut {
        lost_after: lost_after.map(Duration::from_secs),
        reconcile,
    })
}

fn any_edition() -> impl Strategy<Value = Edition> {
    any::<(u64, u64)>().prop_map(|(life, count)| Edition(Incarnation(life), count))
}

fn any_summary() -> impl Strategy<Value = PlaceSummary> {
    let resources = vec((any_resource(), any::<u64>(), any::<u64>()), 0..4);
    let numbers = (any::<u16>(), any::<u32>());
    let withheld = (any::<bool>(), btree_set(any_resource(), 0..3));
    let withheld = withheld.prop_map(|(draining, cordoned)| Withheld { draining, cordoned });
    (
        any_place(),
        any_edition(),
        any_duration(),
        numbers,
        resources,
        withheld,
    )
        .prop_map(
            |(place, edition, age, (load, sessions), resources, withheld)| PlaceSummary {
                place,
                edition,
                age,
                load: Load(load),
                resources,
                sessions,
                withheld,
            },
        )
}

/// Any message but a visit, whose agent is made by hand.
pub(crate) fn any_message() -> impl Strategy<Value = Message> {
    let told = || (any_feed(), vec(any_refusal(), 0..4));
    let ready = (told(), any_number(), vec(any_hop(), 0..4)).prop_map(
        |((feed, refused), solution, journey)| {
            Message::Ready(Ready {
                session: feed.session,
                number: feed.number,
                solution,
                journey,
                refused,
            })
        },
    );
    let refuse = (told(), option::of(any_number())).prop_map(|((feed, refused), next)| {
        Message::Refuse(Refuse {
            session: feed.session,
            number: feed.number,
            next,
            refused,
        })
    });
    let progress = (any_feed(), any_place(), any_step()).prop_map(|(feed, place, step)| {
        Message::Progress(Progress {
            session: feed.session,
            place,
            solution: feed.number,
            step,
        })
    });
    let entry = (any_place(), any_edition(), any_presentation()).prop_map(
        |(server, edition, presentation)| IndexEntry {
            server,
            edition,
            presentation,
        },
    );
    let withdrawn = vec((".{0,8}", any_place(), any_edition()), 0..3);
    let known = (any_place(), any_presentation(), option::of(any::<u16>())).prop_map(
        |(place, presentation, load)| KnownServer {
            place,
            presentation,
            load: load.map(Load),
        },
    );
    let holding = (any_place(), any_edition(), any_release(), any::<bool>()).prop_map(
        |(place, edition, release, added)| Holding {
            place,
            edition,
            release,
            added,
        },
    );
    let digest = any::<[u8; 32]>().prop_map(Digest);
    let dropped = vec((digest, any_place(), any_edition()), 0..3);
    let components = vec(any_component(), 0..3);
    let stage = (
        any_number(),
        any_demand(),
        components,
        option::of(any_place()),
    )
        .prop_map(|(solution, demand, components, next)| SurveyStage {
            solution,
            demand,
            components,
            next,
        });
    let feeds = || vec(any_feed(), 0..6);
    prop_oneof![
        prop_oneof![
            any_feed().prop_map(Message::VisitAck),
            any_feed().prop_map(Message::Release),
            any_feed().prop_map(Message::ReleaseAck),
            any_feed().prop_map(Message::Confirm),
            any_feed().prop_map(Message::ConfirmAck),
            any_feed().prop_map(Message::Gone),
        ],
        ready,
        refuse,
        progress,
        (feeds(), feeds()).prop_map(|(setups, established)| Message::Refresh {
            setups,
            established
        }),
        feeds().prop_map(Message::Working),
        (feeds(), any::<(bool, bool)>()).prop_map(|(sessions, (first, last))| Message::Resync {
            sessions,
            first,
            last
        }),
        (any::<bool>(), vec(entry, 0..3), withdrawn).prop_map(|(complete, entries, withdrawn)| {
            Message::Index {
                complete,
                entries,
                withdrawn,
            }
        }),
        (vec(any_summary(), 0..3), vec(any_place(), 0..3))
            .prop_map(|(places, gone)| Message::Summaries { places, gone }),
        (any::<(u64, u16)>(), any_place(), ".{0,8}").prop_map(|((id, most), origin, title)| {
            Message::Search {
                id,
                origin,
                title,
                most,
            }
        }),
        (any::<u64>(), any_place(), vec(known, 0..3)).prop_map(|(id, origin, servers)| {
            Message::Found {
                id,
                origin,
                servers,
            }
        }),
        (
            any::<u64>(),
            any_place(),
            any_place(),
            vec(stage, 0..3),
            vec(any_release(), 1..4)
        )
            .prop_map(|(id, origin, target, mut stages, releases)| {
                let components = stages.iter_mut().flat_map(|stage| &mut stage.components);
                for (component, release) in components.zip(releases.iter().cycle()) {
                    component.name = release.reference();
                }
                Message::Survey {
                    id,
                    origin,
                    target,
                    stages,
                    releases: Arc::new(releases.into_iter().collect()),
                }
            }),
        (
            any::<u64>(),
            any_place(),
            any_place(),
            vec((any_number(), option::of(any_reason())), 0..4)
        )
            .prop_map(|(id, origin, place, answers)| Message::Surveyed {
                id,
                origin,
                place,
                answers
            }),
        (any::<bool>(), vec(holding, 0..3), dropped).prop_map(|(complete, held, dropped)| {
            Message::Holdings {
                complete,
                held,
                dropped,
            }
        }),
        (
            any::<u64>(),
            any_place(),
            vec(".{0,8}", 0..3),
            vec(any_release(), 0..3)
        )
            .prop_map(|(id, origin, wanted, found)| Message::Resolve {
                id,
                origin,
                wanted,
                found
            }),
        (any::<u64>(), any_place(), vec(any_release(), 0..3))
            .prop_map(|(id, origin, found)| Message::Resolved { id, origin, found }),
        any_download().prop_map(Message::Download),
    ]
}

pub(crate) fn any_envelope() -> impl Strategy<Value = Envelope> {
    (any::<(u64, u64)>(), any_message()).prop_map(|((from, to), message)| Envelope {
        from: Incarnation(from),
        to: Incarnation(to),
        message,
    })
}
