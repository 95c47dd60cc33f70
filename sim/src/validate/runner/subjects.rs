//! How each subject becomes places, presentations and users.

use std::time::Duration;

use super::sketch::{Askers, Choice, Class, Site, Sketch, alone, exponential, span};
use super::{Amount, LEAVES};
use crate::theory::fallback::{self, Fallback};
use crate::theory::tree::{Tree, TreeRoute};
use crate::validate::{Service, Subject};

/// The mean holding time in seconds where a subject leaves that open: against it a latency of
/// a microsecond is nothing.
const HOLDING: f64 = 10.0;

/// After how many mean holding times it counts: far longer than a loss system takes to forget
/// that it was empty.
const WARM_UP: f64 = 10.0;

/// What has no limit has this much.
const PLENTY: u64 = 1_000_000_000;

/// What is booked at places, where it is not an edge.
fn unit() -> String {
    "unit".to_owned()
}

impl Subject {
    /// Whether the latency of edges has a part in it: whether any request leaves its place.
    #[must_use]
    pub fn feels_latency(&self) -> bool {
        match self {
            Self::KaufmanRoberts { .. } | Self::Tree(_) => true,
            Self::Fallback(fallback) => is_star(fallback),
            _ => false,
        }
    }

    /// How many thousand requests it takes, found by trial: for the quantity that needs
    /// most, the variance of a replication's figure times its length, over the square of what is
    /// allowed.
    pub(super) fn thousands(&self) -> u64 {
        match self {
            Self::ErlangB { servers: 0..10, .. } => 800,
            Self::ErlangB {
                servers: 10..50, ..
            } => 1_500,
            Self::ErlangB { .. } => 3_000,
            Self::Engset { .. } => 1_800,
            // More classes share them, and the largest of more is blocked in longer spells.
            Self::KaufmanRoberts { rates, .. } => {
                let classes = rates.len() as u64;
                1_000 * classes * (classes - 1).max(1)
            }
            Self::Tree(tree) => 1_200 * tree.routes().len() as u64,
            Self::Fallback(fallback) if is_star(fallback) => 4_000,
            Self::Fallback(_) => 1_500,
            Self::Waiting { .. } => 34_000,
            Self::SingleServer { service, .. } => match service {
                Service::Constant { .. } => 6_000,
                Service::Exponential { .. } => 13_000,
                Service::Either { .. } => 11_000,
            },
            Self::Availability { .. } => 300,
            Self::SetUp { hops: 1, .. } => 1_000,
            Self::SetUp { .. } => 700,
            Self::Filling { .. } => 3_000,
        }
    }

    pub(super) fn sketch(&self, amount: Amount, latency: Duration) -> Sketch {
        let requests = amount.requests as f64;
        match self {
            Self::ErlangB { servers, load } => {
                let askers = Askers::Poisson(load / HOLDING);
                let class = at_one_place(askers, any(*servers), &[1]);
                loss(vec![root(*servers)], vec![class], requests, latency)
            }
            Self::Engset {
                sources,
                servers,
                idle_load,
            } => {
                let idle = exponential(HOLDING / idle_load);
                let askers = Askers::Few(*sources, idle);
                let class = at_one_place(askers, exponential(HOLDING), &[1]);
                let mut sketch = loss(vec![root(*servers)], vec![class], 0.0, latency);
                let cycle = HOLDING + HOLDING / idle_load;
                sketch.duration += requests * cycle / f64::from(*sources);
                sketch
            }
            Self::KaufmanRoberts { capacity, rates } => {
                // All users are at one place, and what they want is above its edge.
                let mut below = edge(Some(*capacity));
                below.parent = Some(0);
                let classes = rates.iter().map(|rate| Class {
                    from: alone(1),
                    server: alone(0),
                    askers: Askers::Poisson(rate.load / HOLDING),
                    holding: any(*capacity),
                    choices: vec![Choice {
                        edge: rate.units,
                        server: Vec::new(),
                    }],
                });
                let sites = vec![Site::default(), below];
                loss(sites, classes.collect(), requests, latency)
            }
            Self::Tree(tree) => self::tree(tree, requests, latency),
            Self::Fallback(fallback) if is_star(fallback) => star(fallback, requests, latency),
            Self::Fallback(fallback) => kinds(fallback, requests, latency),
            Self::Waiting {
                servers,
                arrivals,
                service,
            } => {
                let processing = exponential(*service);
                queue(*servers, *arrivals, &processing, requests, latency)
            }
            Self::SingleServer { arrivals, service } => {
                queue(1, *arrivals, &processing(service), requests, latency)
            }
            Self::Availability { path } => {
                let means: Vec<_> = path.iter().map(|part| (part.up(), part.down())).collect();
                availability(&means, requests, latency)
            }
            Self::SetUp {
                hops,
                latency,
                loss,
                refresh,
            } => set_up(*hops, *latency, *loss, *refresh, requests),
            Self::Filling {
                servers,
                arrivals,
                holding,
                counted: (from, to),
            } => {
                // Many places at a time that have nothing to do with each other.
                let leaf = Site {
                    alike: Some("leaf"),
                    parent: Some(0),
                    ..root(*servers)
                };
                let mut sites = vec![leaf; LEAVES + 1];
                sites[0] = Site::default();
                let askers = Askers::Poisson(arrivals * LEAVES as f64);
                let class = Class {
                    from: "leaf".to_owned(),
                    server: "leaf".to_owned(),
                    ..at_one_place(askers, exponential(*holding), &[1])
                };
                Sketch {
                    warm_up: *from,
                    duration: *to,
                    ..loss(sites, vec![class], 0.0, latency)
                }
            }
        }
    }
}

/// Always that time.
fn constant(time: f64) -> String {
    format!("{{ constant = \"{}\" }}", span(time))
}

/// Holding times for what depends on their mean alone. Constant ones need the fewest requests,
/// because the load varies least; small systems need few anyway, and have spread ones.
fn any(units: u32) -> String {
    let mean = span(HOLDING);
    match units {
        0..10 => format!("{{ log-normal = {{ mean = \"{mean}\", deviation = \"{mean}\" }} }}"),
        _ => constant(HOLDING),
    }
}

fn root(units: u32) -> Site {
    Site {
        capacity: vec![(unit(), units.into())],
        ..Site::default()
    }
}

/// A place whose edge to the parent has that capacity, in both directions.
fn edge(capacity: Option<u32>) -> Site {
    let capacity = capacity.map_or(PLENTY, u64::from);
    Site {
        capacity: vec![("down".to_owned(), capacity), ("up".to_owned(), capacity)],
        ..Site::default()
    }
}

fn at_one_place(askers: Askers, holding: String, choices: &[u32]) -> Class {
    let choice = |units: &u32| Choice {
        edge: 0,
        server: vec![(unit(), (*units).into())],
    };
    Class {
        from: alone(0),
        server: alone(0),
        askers,
        holding,
        choices: choices.iter().map(choice).collect(),
    }
}

/// Users who come at random and stay for ten seconds on the average, until so many have come.
fn loss(sites: Vec<Site>, classes: Vec<Class>, requests: f64, latency: Duration) -> Sketch {
    let rate = |class: &Class| match class.askers {
        Askers::Poisson(rate) => rate,
        Askers::Few(..) => 0.0,
    };
    let rate: f64 = classes.iter().map(rate).sum();
    let warm_up = WARM_UP * HOLDING;
    let counted = if requests > 0.0 { requests / rate } else { 0.0 };
    Sketch {
        sites,
        classes,
        latency,
        warm_up,
        duration: warm_up + counted,
        refresh: 1.0,
        more: String::new(),
    }
}

/// The link above each place of the theory's tree is both directions of the edge above the
/// place, and every session takes as much of either, so that they are one resource. The
/// root's link is something that only sessions with a server there take.
fn tree(tree: &Tree, requests: f64, latency: Duration) -> Sketch {
    let site = |(parent, capacity): (Option<usize>, Option<u32>)| match parent {
        None => root(capacity.unwrap_or(u32::MAX)),
        Some(_) => Site {
            parent,
            ..edge(capacity)
        },
    };
    let class = |route: &TreeRoute| {
        let at_root = (unit(), u64::from(route.units));
        Class {
            from: alone(route.from),
            server: alone(route.to.unwrap_or(0)),
            askers: Askers::Poisson(route.load / HOLDING),
            holding: constant(HOLDING),
            choices: vec![Choice {
                edge: route.units,
                server: route.to.map_or(vec![at_root], |_| Vec::new()),
            }],
        }
    };
    let sites = tree.places().map(site).collect();
    let classes = tree.routes().iter().map(class).collect();
    loss(sites, classes, requests, latency)
}

/// Whether every class has an edge of its own, and all of them share one resource more.
fn is_star(fallback: &Fallback) -> bool {
    let classes = fallback.classes();
    let hub = fallback.capacity().len() - 1;
    let own = |(leaf, class): (usize, &fallback::Class)| {
        let mut taken = class
            .choices
            .iter()
            .flat_map(|demand| demand.iter().enumerate());
        taken.all(|(at, units)| *units == 0 || at == leaf || at == hub)
    };
    hub == classes.len() && classes.iter().enumerate().all(own)
}

/// Leaves with users, and servers at the hub.
fn star(fallback: &Fallback, requests: f64, latency: Duration) -> Sketch {
    let (hub, edges) = fallback.capacity().split_last().expect("a star has a hub");
    let mut sites = vec![root(*hub)];
    sites.extend(edges.iter().map(|capacity| Site {
        parent: Some(0),
        ..edge(Some(*capacity))
    }));
    let class = |(leaf, class): (usize, &fallback::Class)| Class {
        from: alone(leaf + 1),
        server: alone(0),
        choices: (class.choices.iter())
            .map(|demand| Choice {
                edge: demand[leaf],
                server: vec![(unit(), demand[edges.len()].into())],
            })
            .collect(),
        ..who_falls_back(fallback, class)
    };
    let classes = fallback.classes().iter().enumerate().map(class).collect();
    loss(sites, classes, requests, latency)
}

/// One place with resources of several kinds.
fn kinds(fallback: &Fallback, requests: f64, latency: Duration) -> Sketch {
    let kind = |(at, units): (usize, &u32)| (format!("unit-{at}"), u64::from(*units));
    let site = Site {
        capacity: fallback.capacity().iter().enumerate().map(kind).collect(),
        ..Site::default()
    };
    let class = |class: &fallback::Class| Class {
        choices: (class.choices.iter())
            .map(|demand| Choice {
                edge: 0,
                server: demand.iter().enumerate().map(kind).collect(),
            })
            .collect(),
        ..who_falls_back(fallback, class)
    };
    let classes = fallback.classes().iter().map(class).collect();
    loss(vec![site], classes, requests, latency)
}

/// When the users of a class ask, and how long they stay: all times so that the first class
/// stays as long as others elsewhere.
fn who_falls_back(fallback: &Fallback, class: &fallback::Class) -> Class {
    let slower = HOLDING / fallback.classes()[0].holding;
    let askers = Askers::Poisson(class.arrivals / slower);
    at_one_place(askers, exponential(class.holding * slower), &[])
}

/// Requests that take a processor's time and are refused then: there is nothing to be had, so that
/// no session's end is work as well.
fn queue(
    servers: u32,
    arrivals: f64,
    processing: &str,
    requests: f64,
    latency: Duration,
) -> Sketch {
    let askers = Askers::Poisson(arrivals);
    let class = at_one_place(askers, exponential(HOLDING), &[1]);
    let site = Site {
        more: format!("processing = {processing}\nservers = {servers}\n"),
        ..root(0)
    };
    let warm_up = 400.0 / arrivals;
    Sketch {
        warm_up,
        duration: warm_up + requests / arrivals,
        ..loss(vec![site], vec![class], 0.0, latency)
    }
}

fn processing(service: &Service) -> String {
    match *service {
        Service::Constant { time } => self::constant(time),
        Service::Exponential { mean } => exponential(mean),
        Service::Either {
            short,
            long,
            chance,
        } => {
            // In thousandths at most, of which as few as will do.
            let (mut of, mut longs) = (1000, (chance * 1000.0).round() as usize);
            for divisor in [2, 5] {
                while of % divisor == 0 && longs % divisor == 0 {
                    (of, longs) = (of / divisor, longs / divisor);
                }
            }
            let time = |at| if at < longs { long } else { short };
            let times = (0..of).map(|at| format!("\"{}\"", span(time(at))));
            let times: Vec<_> = times.collect();
            format!("{{ empirical = [{}] }}", times.join(", "))
        }
    }
}

/// A line of places, each below the one before it.
fn line(places: usize) -> Vec<Site> {
    let site = |at: usize| Site {
        parent: at.checked_sub(1),
        ..edge(None)
    };
    (0..places).map(site).collect()
}

/// Users at one end, the server at the other: short sessions that ask at random whether the path
/// works.
fn availability(path: &[(f64, f64)], requests: f64, latency: Duration) -> Sketch {
    let rate = 0.1;
    let class = Class {
        from: alone(path.len() - 1),
        ..at_one_place(Askers::Poisson(rate), short(), &[0])
    };
    let crashes = path.iter().enumerate().map(|(at, (up, down))| {
        format!(
            "\n[[fault]]\nclass = \"p{at}\"\nto-failure = {}\nto-repair = {}\ncrash = \"keep-disk\"\n",
            exponential(*up),
            exponential(*down)
        )
    });
    let slowest = path.iter().map(|(up, down)| up * down / (up + down));
    let warm_up = 30.0 * slowest.fold(0.0, f64::max);
    Sketch {
        warm_up,
        duration: warm_up + requests / rate,
        more: crashes.collect(),
        ..loss(line(path.len()), vec![class], 0.0, latency)
    }
}

/// The user is at the root, which needs to search for nothing, and the server is below. Messages
/// are lost from when the places have found each other.
fn set_up(hops: u32, latency: f64, loss: f64, refresh: f64, requests: f64) -> Sketch {
    let sites = line(hops as usize + 1);
    // Long enough for all that is left of a session to be gone.
    let pause = 100.0 * refresh;
    let class = Class {
        server: alone(hops as usize),
        ..at_one_place(Askers::Few(1, constant(pause)), short(), &[0])
    };
    Sketch {
        warm_up: pause / 2.0,
        duration: pause / 2.0 + requests * pause,
        refresh,
        more: format!("\n[[fault]]\nat = \"0 s\"\nmessages = {{ loss = {loss} }}\n"),
        ..self::loss(sites, vec![class], 0.0, Duration::from_secs_f64(latency))
    }
}

/// The holding time of users who only want to see whether they are served.
fn short() -> String {
    constant(0.001)
}
