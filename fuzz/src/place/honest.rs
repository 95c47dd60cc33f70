//! The places' settings, and what honest ones say to each other.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use waybook_agents::{Incarnation, Message, wire};
use waybook_place::io::{Input, OpenRequest, Outcome, Output, RequestId};
use waybook_place::{CodeConfig, Config, Instant, Limits, Place, Timing};
use waybook_plan::{Presentation, Resource};

use super::{HERE, NEIGHBOURS, name};

const FILM: &str = include_str!("../film.toml");

pub(super) fn config(place: &str) -> Config {
    let capacity = [
        (Resource::cpu(), 1000),
        (Resource::down(), 10_000_000),
        (Resource::up(), 10_000_000),
    ];
    let seconds = Duration::from_secs;
    Config {
        name: name(place),
        capacity: BTreeMap::from(capacity),
        programs: Vec::new(),
        limits: Limits {
            sessions: 64,
            setups: 16,
            ..Limits::default()
        },
        timing: Timing {
            setup_deadline: seconds(10),
            setup_lease: seconds(8),
            setup_refresh: seconds(1),
            session_lease: seconds(14),
            session_refresh: seconds(2),
            claim: seconds(5),
            idle: seconds(20),
            ..Timing::default()
        },
        strategy: "nearest".to_owned(),
        servers_per_plan: 3,
        code: CodeConfig::default(),
    }
}

/// What honest neighbours say to the place in sessions from above, from below and from here:
/// made once, by letting honest places do it.
pub(super) fn honest() -> &'static [(usize, Message)] {
    static HONEST: OnceLock<Vec<(usize, Message)>> = OnceLock::new();
    HONEST.get_or_init(|| {
        let names = ["r", HERE, "r/a/x", "r/a/y", "r/b"];
        let now = Instant(1);
        let mut places = BTreeMap::new();
        let mut letters = std::collections::VecDeque::new();
        let mut said = Vec::new();
        let mut put = |places: &mut BTreeMap<&str, Place>,
                       letters: &mut std::collections::VecDeque<_>,
                       at: &'static str,
                       now: Instant,
                       input: Input| {
            let mut inputs = vec![input];
            while let Some(input) = inputs.pop() {
                let mut out = Vec::new();
                let place = places.get_mut(at).expect("it is there");
                place.handle(now, input, &mut out);
                for output in out {
                    match output {
                        Output::Send { to, envelope } => {
                            let to = names.iter().find(|n| to.as_str() == **n).expect("known");
                            let from = NEIGHBOURS.iter().position(|n| *n == at);
                            if let Some(from) = from.filter(|_| *to == HERE) {
                                said.push((from, envelope.message.clone()));
                            }
                            letters.push_back((at, *to, envelope));
                        }
                        Output::Start { instance, .. } => {
                            let endpoint = String::new();
                            inputs.push(Input::ComponentUp { instance, endpoint });
                        }
                        Output::Opened {
                            outcome: Outcome::Established(e),
                            ..
                        } => inputs.push(Input::Claim { session: e.session }),
                        _ => {}
                    }
                }
            }
        };
        for (at, place) in names.iter().enumerate() {
            let seed = [u8::try_from(at).expect("few"); 32];
            let mut out = Vec::new();
            let new = Place::new(
                config(place),
                Incarnation(1),
                seed,
                Vec::new(),
                now,
                &mut out,
            );
            places.insert(*place, new.expect("sound settings"));
        }
        for at in names {
            for neighbour in names.map(name) {
                if neighbour.is_neighbour_of(&name(at)) {
                    let input = Input::LinkUp {
                        neighbour,
                        incarnation: Incarnation(1),
                        version: wire::VERSION,
                    };
                    put(&mut places, &mut letters, at, now, input);
                }
            }
        }
        for (at, title) in [("r/a/y", "film"), ("r", "show")] {
            let presentation = presentation(title);
            put(
                &mut places,
                &mut letters,
                at,
                now,
                Input::Publish { presentation },
            );
        }
        let mut moment = now;
        for round in 0..40_u64 {
            let opens = match round {
                1 => Some("r/a/x"),
                3 | 9 => Some(HERE),
                5 => Some("r/b"),
                _ => None,
            };
            if let Some(at) = opens {
                put(
                    &mut places,
                    &mut letters,
                    at,
                    moment,
                    Input::Open(request(round)),
                );
            }
            for at in names {
                put(&mut places, &mut letters, at, moment, Input::Tick);
            }
            while let Some((from, to, envelope)) = letters.pop_front() {
                let input = Input::Received {
                    from: name(from),
                    envelope,
                };
                put(&mut places, &mut letters, to, moment, input);
            }
            moment = moment + Duration::from_secs(1);
        }
        // Repeated ones are no more use.
        let mut all: Vec<(usize, Message)> = Vec::new();
        for one in said {
            if !all.contains(&one) {
                all.push(one);
            }
        }
        all
    })
}

pub(super) fn presentation(title: &str) -> Arc<Presentation> {
    let file = FILM.replace("title = \"film\"", &format!("title = \"{title}\""));
    Arc::new(Presentation::from_toml(&file).expect("a sound presentation"))
}

pub(super) fn request(number: u64) -> OpenRequest {
    let title = if number % 4 == 3 { "show" } else { "film" };
    OpenRequest {
        request: RequestId(number),
        retries: u32::from(number % 3 == 2),
        watch: number.is_multiple_of(2),
        no_trace_back: number % 5 == 4,
        ..OpenRequest::new(format!("key {number}"), title)
    }
}
