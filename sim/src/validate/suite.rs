//! The experiments that come with the simulator.

use crate::theory::OutOfRange;
use crate::theory::availability::Part;
use crate::theory::fallback::Fallback;
use crate::theory::kaufman_roberts::Rate;
use crate::theory::tree::{Tree, TreeRoute};

use super::{Experiment, Service, Subject};

/// Every kind of subject, small enough to be simulated to a hundredth in little time: loads are such
/// that what is measured is neither rare nor nearly certain.
///
/// # Errors
/// Never, unless a formula refuses what is written here.
pub fn suite() -> Result<Vec<Experiment>, OutOfRange> {
    let mut all = vec![
        experiment(
            "one unit",
            Subject::ErlangB {
                servers: 1,
                load: 0.5,
            },
        ),
        experiment(
            "ten units",
            Subject::ErlangB {
                servers: 10,
                load: 8.0,
            },
        ),
        experiment(
            "hundred units",
            Subject::ErlangB {
                servers: 100,
                load: 95.0,
            },
        ),
        experiment(
            "overload",
            Subject::ErlangB {
                servers: 5,
                load: 12.0,
            },
        ),
        experiment(
            "few sources",
            Subject::Engset {
                sources: 12,
                servers: 6,
                idle_load: 0.8,
            },
        ),
    ];
    all.extend(rates());
    all.extend(trees()?);
    all.extend(fallbacks()?);
    all.extend(queues());
    all.extend(faults()?);
    all.push(experiment(
        "filling",
        Subject::Filling {
            servers: 10,
            arrivals: 12.0,
            holding: 1.0,
            counted: (0.5, 2.0),
        },
    ));
    Ok(all)
}

fn experiment(name: &'static str, subject: Subject) -> Experiment {
    Experiment { name, subject }
}

fn rates() -> Vec<Experiment> {
    let rate = |load, units| Rate { load, units };
    vec![
        experiment(
            "two rates",
            Subject::KaufmanRoberts {
                capacity: 20,
                rates: vec![rate(8.0, 1), rate(2.5, 4)],
            },
        ),
        experiment(
            "three rates",
            Subject::KaufmanRoberts {
                capacity: 60,
                rates: vec![rate(20.0, 1), rate(6.0, 3), rate(2.0, 10)],
            },
        ),
    ]
}

fn route(from: usize, to: Option<usize>, load: f64, units: u32) -> TreeRoute {
    TreeRoute {
        from,
        to,
        load,
        units,
    }
}

fn trees() -> Result<Vec<Experiment>, OutOfRange> {
    // Places are numbered from the root on; what ends nowhere books the root itself.
    let star = Tree::star(
        Some(12),
        &[4, 6, 9],
        vec![
            route(1, None, 3.0, 1),
            route(2, None, 4.0, 1),
            route(3, None, 5.0, 1),
        ],
    )?;
    let three_levels = Tree::new(
        &[
            (None, Some(24)),
            (Some(0), Some(14)),
            (Some(0), Some(8)),
            (Some(1), Some(8)),
            (Some(1), Some(10)),
            (Some(2), Some(9)),
        ],
        vec![
            route(3, None, 4.0, 1),
            route(3, None, 1.0, 3),
            route(4, None, 6.0, 1),
            route(4, Some(1), 1.5, 2),
            route(5, None, 4.0, 1),
            route(5, None, 0.8, 3),
        ],
    )?;
    let turning = Tree::new(
        &[
            (None, None),
            (Some(0), Some(6)),
            (Some(0), Some(7)),
            (Some(1), Some(5)),
            (Some(2), Some(6)),
        ],
        vec![
            route(3, Some(4), 2.0, 1),
            route(3, Some(0), 2.0, 1),
            route(4, Some(2), 3.0, 1),
            route(1, Some(2), 1.0, 2),
        ],
    )?;
    Ok(vec![
        experiment("star", Subject::Tree(star)),
        experiment("three levels, two rates", Subject::Tree(three_levels)),
        experiment("paths that turn", Subject::Tree(turning)),
    ])
}

fn fallbacks() -> Result<Vec<Experiment>, OutOfRange> {
    let place = Fallback::place(13, 5.0, 1.0, &[3, 1])?;
    let star = Fallback::star(&[5, 7], 11, &[2.0, 3.0], 1.0, &[(2, 2), (1, 1)])?;
    Ok(vec![
        experiment("fallback at a place", Subject::Fallback(place)),
        experiment("fallback in a star", Subject::Fallback(star)),
    ])
}

fn queues() -> Vec<Experiment> {
    let single = |name, service| {
        let subject = Subject::SingleServer {
            arrivals: 0.6,
            service,
        };
        experiment(name, subject)
    };
    vec![
        experiment(
            "three processors",
            Subject::Waiting {
                servers: 3,
                arrivals: 2.1,
                service: 1.0,
            },
        ),
        single("constant times", Service::Constant { time: 1.0 }),
        single("exponential times", Service::Exponential { mean: 1.0 }),
        single(
            "short and long times",
            Service::Either {
                short: 0.5,
                long: 3.0,
                chance: 0.2,
            },
        ),
    ]
}

fn faults() -> Result<Vec<Experiment>, OutOfRange> {
    let path = vec![
        Part::new(300.0, 30.0)?,
        Part::new(500.0, 20.0)?,
        Part::new(200.0, 10.0)?,
    ];
    let set_up = |hops, loss| Subject::SetUp {
        hops,
        latency: 0.01,
        loss,
        refresh: 1.0,
    };
    Ok(vec![
        experiment("crash and repair", Subject::Availability { path }),
        experiment("loss on one hop", set_up(1, 0.1)),
        experiment("loss on three hops", set_up(3, 0.1)),
        experiment("heavy loss", set_up(2, 0.2)),
    ])
}
