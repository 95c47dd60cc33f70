//! On random trees with random capacities and titles, what is booked is the first feasible
//! solution, and a refusal says what lacked: as brute force says. Without tracing back it is
//! that solution or none.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use waybook_agents::{Refusal, RefusalReason};
use waybook_location_tree::PlaceName;
use waybook_place::io::{OpenRequest, RequestId};
use waybook_plan::{EdgeDemand, Plan, Position, Presentation, Quality, StageDemand};
use waybook_sim::client::{Knows, Script, request};
use waybook_sim::oracle::{self, Free};
use waybook_sim::{Setting, World};

use crate::scenarios::settings::{builtin, demand, place};
use crate::support::{LIMIT, SECOND};

/// A tree in which every place hangs below one that came before.
fn any_tree() -> impl Strategy<Value = Vec<PlaceName>> {
    vec(any::<prop::sample::Index>(), 1..8).prop_map(|parents| {
        let mut places = vec![place("r")];
        for (at, parent) in parents.into_iter().enumerate() {
            let parent = parent.get(&places).clone();
            places.push(parent.child(&format!("p{at}")).unwrap());
        }
        places
    })
}

fn any_quality(at: usize) -> impl Strategy<Value = Quality> {
    let cpu = || 0..5u64;
    let edge = (0..5u64, 0..3u64);
    let components = vec((0..4usize, any::<bool>()), 0..3);
    (edge, cpu(), cpu(), 0..2u64, cpu(), 0..2u64, components).prop_map(
        move |((to_client, to_server), server, client, hop, default, gpu, components)| Quality {
            name: format!("q{at}"),
            demand: StageDemand {
                edge: EdgeDemand {
                    to_client,
                    to_server,
                },
                every_hop: demand(&[("cpu", hop)]),
                server: demand(&[("cpu", server), ("gpu", gpu)]),
                client: demand(&[("cpu", client)]),
                default_place: demand(&[("cpu", default)]),
            },
            components: components
                .into_iter()
                .map(|(position, relay)| {
                    let positions = [
                        Position::Client,
                        Position::DefaultPlace,
                        Position::EveryHop,
                        Position::Server,
                    ];
                    let name = if relay { "relay" } else { "files" };
                    (positions[position], builtin(name))
                })
                .collect(),
        },
    )
}

fn any_film() -> impl Strategy<Value = Presentation> {
    (any_quality(0), any_quality(1), any_quality(2), 1..4usize).prop_map(|(a, b, c, count)| {
        Presentation {
            title: "film".to_owned(),
            description: String::new(),
            servers: Vec::new(),
            qualities: [a, b, c].into_iter().take(count).collect(),
            ..Presentation::default()
        }
    })
}

/// A setting whose places have little, and where clients ask.
fn any_setting() -> impl Strategy<Value = (Setting, Vec<(PlaceName, bool)>)> {
    let pick = any::<prop::sample::Index>;
    let capacity = || vec(0..12u64, 4);
    let films = vec((pick(), any_film()), 1..4);
    let clients = vec((pick(), any::<bool>()), 1..6);
    (any_tree(), vec(capacity(), 8), films, clients).prop_map(|(tree, rooms, films, clients)| {
        let mut setting = Setting::new();
        for (name, room) in tree.iter().zip(rooms) {
            let room: Vec<_> = ["cpu", "down", "gpu", "up"].into_iter().zip(room).collect();
            setting = setting.place(name.as_str(), &room);
        }
        let films: BTreeMap<_, _> = films
            .into_iter()
            .map(|(at, film)| (at.get(&tree).clone(), film))
            .collect();
        for (at, film) in films {
            setting = setting.publish(at.as_str(), film);
        }
        let clients = clients
            .into_iter()
            .map(|(at, best)| (at.get(&tree).clone(), best));
        (setting, clients.collect())
    })
}

/// A solution was refused where it first does not fit, for what lacks there.
fn is_well_refused(refusal: &Refusal, plan: &Plan, free: &Free) {
    let solution = plan.solution(refusal.solution).expect("a planned solution");
    let (at, lacks) = oracle::first_lack(solution, free).expect("an infeasible solution");
    assert_eq!(refusal.place, at, "{refusal}");
    match &refusal.reason {
        RefusalReason::Lacking(lack) => {
            let numbers = Some(&(lack.wanted, lack.free));
            assert_eq!(lacks.get(&lack.resource), numbers, "{refusal}");
            assert_eq!(lack.held_by_others, 0, "{refusal}");
            assert_eq!(lack.established + lack.free, lack.capacity, "{refusal}");
        }
        other => panic!("{other}"),
    }
}

/// The world when the index is known.
fn begin(setting: &Setting) -> World {
    let mut world = World::new(setting, 1).unwrap_or_else(|e| panic!("{e}"));
    world.run_for(SECOND).unwrap();
    world.index_is_known();
    world
}

/// What a client asks for who may want the best quality, however far away.
fn film_for(best_quality: bool, no_trace_back: bool) -> OpenRequest {
    OpenRequest {
        strategy: best_quality.then(|| "best-quality".to_owned()),
        no_trace_back,
        ..request("film")
    }
}

/// How often agents have traced back, at all places together.
fn traced_back(world: &World) -> u64 {
    let places = world.slots().filter_map(|(_, slot)| slot.place());
    places.map(|place| place.counters().traced_back).sum()
}

/// One client after the other asks, first for a dry run, and each gets what brute force
/// says.
fn compare(setting: &Setting, clients: &[(PlaceName, bool)], no_trace_back: bool) {
    let mut world = begin(setting);
    for (client, best_quality) in clients {
        let open = film_for(*best_quality, no_trace_back);
        let plan = oracle::plan(setting, world.strategies(), &[], client, &open).unwrap();
        let free = oracle::free(&world);
        let feasible = oracle::first_feasible(&plan, &free);
        let wanted = match no_trace_back {
            true => oracle::without_trace_back(&plan, &free),
            false => feasible.ok_or(None),
        };
        let id = world.dry_run(client, open.clone());
        world.run_until_answered(LIMIT).unwrap();
        match world.knows(id) {
            Knows::Survey(Ok(survey)) => {
                assert_eq!(survey.plan, plan, "for {client}");
                assert_eq!(survey.chosen, feasible, "for {client}");
            }
            other => panic!("{client} got {other:?}"),
        }
        let id = world.open(client, open, Script::STAYS, Duration::ZERO);
        let quiet = world.run_until_quiet(LIMIT);
        quiet.unwrap_or_else(|e| panic!("{e}"));
        let refused = match world.knows(id) {
            Knows::Session(session) => {
                assert_eq!(Ok(session.solution), wanted, "for {client}");
                let better = usize::from(session.solution.0) - 1;
                assert_eq!(session.refused.len(), better, "for {client}");
                &session.refused[..]
            }
            Knows::Refused {
                refused,
                plan: tried,
            } => {
                let untried = wanted.expect_err("a feasible solution");
                assert_eq!(*tried, plan, "for {client}");
                assert_eq!(refused.len(), plan.solutions.len(), "for {client}");
                let tried = untried.map_or(refused.len(), |n| usize::from(n.0) - 1);
                let (refused, untried) = refused.split_at(tried);
                for refusal in untried {
                    assert_eq!(refusal.reason, RefusalReason::NotTried, "{refusal}");
                    assert_eq!(refusal.place, *client, "{refusal}");
                }
                refused
            }
            other => panic!("{client} got {other:?}"),
        };
        for refusal in refused {
            is_well_refused(refusal, &plan, &free);
        }
    }
    if no_trace_back {
        assert_eq!(traced_back(&world), 0);
    }
}

/// What becomes of a client who is the only one.
fn alone(setting: &Setting, client: &PlaceName, open: OpenRequest) -> (World, RequestId) {
    let mut world = begin(setting);
    let id = world.open(client, open, Script::STAYS, Duration::ZERO);
    let quiet = world.run_until_quiet(LIMIT);
    quiet.unwrap_or_else(|e| panic!("{e}"));
    (world, id)
}

/// A client who is the only one gets the same without tracing back, unless an agent would
/// have traced back for it: then nothing.
fn compare_alone(setting: &Setting, client: &PlaceName, best_quality: bool) {
    let [with, without] = [false, true].map(|no_trace_back| {
        let (world, id) = alone(setting, client, film_for(best_quality, no_trace_back));
        let told = match world.knows(id) {
            Knows::Session(session) => (Some(session.solution), session.refused.clone()),
            Knows::Refused { refused, .. } => (None, refused.clone()),
            other => panic!("{client} got {other:?}"),
        };
        (told, traced_back(&world))
    });
    assert_eq!(without.1, 0, "for {client}");
    if with.1 == 0 {
        assert_eq!(without.0, with.0, "for {client}");
    } else {
        assert_eq!(without.0.0, None, "for {client}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_first_feasible_solution_is_booked((setting, clients) in any_setting()) {
        compare(&setting, &clients, false);
    }

    #[test]
    fn without_trace_back_it_is_the_first_feasible_if_it_can_be_reached(
        (setting, clients) in any_setting(),
    ) {
        compare(&setting, &clients, true);
    }

    #[test]
    fn without_trace_back_one_client_gets_the_same_or_nothing((setting, clients) in any_setting()) {
        let (client, best_quality) = &clients[0];
        compare_alone(&setting, client, *best_quality);
    }
}
