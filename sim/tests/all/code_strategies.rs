//! Download strategies against each other, and what a cold path costs.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use waybook_agents::DownloadStrategy;
use waybook_plan::Position;
use waybook_sim::Setting;
use waybook_sim::client::{Knows, Script, request};
use waybook_sim::setting::release;

use crate::code::{CHUNK, quiet, with_code};
use crate::scenarios::settings::{MBIT, PLENTY, film, place, quality_with};
use crate::support::{LIMIT, MS};

/// Four clients' places under one default place; the film at the root, and the code at a
/// place of another locality.
///
/// ```text
///                r
///        a               b
///   w  x   y  z        home
/// ```
fn locality(strategy: DownloadStrategy) -> Setting {
    let mut film = film(&[quality_with("hd", 1000, Position::Client, "pass@^1")]);
    film.qualities[0].demand.server = crate::scenarios::settings::demand(&[]);
    let places = [
        "r", "r/a", "r/a/w", "r/a/x", "r/a/y", "r/a/z", "r/b", "r/b/home",
    ];
    let mut setting = places
        .into_iter()
        .fold(Setting::new(), |setting, name| setting.place(name, PLENTY))
        .publish("r", film);
    setting.bandwidth = Some(8 * MBIT);
    setting.code.strategy = strategy;
    setting.timing.setup_deadline = Duration::from_secs(60);
    setting
}

/// So many clients ask at once: how many copies of the code each edge carried, and when the
/// last one had its session.
fn row(strategy: &DownloadStrategy, clients: usize, warm: bool) -> String {
    let code = Arc::new(release("pass", "1.0.0", 16 * CHUNK, "r/b/home"));
    let mut world = with_code(&locality(strategy.clone()), &[Arc::clone(&code)]);
    if warm {
        world.open(
            &place("r/a/w"),
            request("film"),
            Script::STAYS,
            Duration::ZERO,
        );
        quiet(&mut world);
    }
    let edges = [
        ("r/b/home", "r/b"),
        ("r/b", "r"),
        ("r", "r/a"),
        ("r/a/w", "r/a"),
        ("r/a", "r/a/w"),
        ("r/a", "r/a/x"),
        ("r/a", "r/a/y"),
        ("r/a", "r/a/z"),
    ];
    let carried = edges.map(|(from, to)| world.network.carried(&place(from), &place(to)));
    let leaves = ["r/a/x", "r/a/y", "r/a/z", "r/a/w"];
    let ids: Vec<_> = (0..clients)
        .map(|number| {
            let at = place(leaves[number % leaves.len()]);
            world.open(&at, request("film"), Script::STAYS, Duration::ZERO)
        })
        .collect();
    world.run_until_answered(LIMIT).unwrap();
    let mut longest = Duration::ZERO;
    for id in ids {
        match world.knows(id) {
            Knows::Session(session) => longest = longest.max(session.took),
            other => panic!("{other:?}"),
        }
    }
    quiet(&mut world);
    let mut row = format!("{:<15}{clients:>3}", strategy.to_string());
    for ((from, to), before) in edges.into_iter().zip(carried) {
        let bytes = world.network.carried(&place(from), &place(to)) - before;
        assert_eq!(bytes % code.length, 0, "{from} to {to}");
        write!(row, "{:>5}", bytes / code.length).unwrap();
    }
    writeln!(row, "{:>7}", longest.as_millis() / 10 * 10).unwrap();
    row
}

fn table(warm: bool) -> String {
    let mut table =
        "strategy     clients home   b>   >a   w<   >w   >x   >y   >z    ms\n".to_owned();
    for clients in [1, 20] {
        for (_, strategy) in DownloadStrategy::ALL {
            table += &row(&strategy, clients, warm);
        }
    }
    table
}

/// Nobody has the code but its home. For one client all strategies cost one transfer, but
/// only the default place's leaves copies for those who come later; for many at once it
/// carries the code once where the others carry it for each place.
#[test]
fn strategies_compared_when_all_is_cold() {
    let expected = "\
strategy     clients home   b>   >a   w<   >w   >x   >y   >z    ms
default-place    1    1    1    1    0    0    1    0    0   1410
direct           1    1    1    1    0    0    1    0    0   1430
nearest-holder   1    1    1    1    0    0    1    0    0   1410
default-place   20    1    1    1    0    1    1    1    1   1410
direct          20    4    4    4    0    1    1    1    1   4580
nearest-holder  20    4    4    4    0    1    1    1    1   4560
";
    assert_eq!(table(false), expected);
}

/// One place of the locality has had a client before.
#[test]
fn strategies_compared_when_a_neighbour_has_the_code() {
    let expected = "\
strategy     clients home   b>   >a   w<   >w   >x   >y   >z    ms
default-place    1    0    0    0    0    0    1    0    0   1170
direct           1    1    1    1    0    0    1    0    0   1430
nearest-holder   1    0    0    0    1    0    1    0    0   1250
default-place   20    0    0    0    0    0    1    1    1   1180
direct          20    3    3    3    0    0    1    1    1   3530
nearest-holder  20    0    0    0    3    0    1    1    1   3350
";
    assert_eq!(table(true), expected);
}

/// Five places in a line, of which only the first has the code.
fn line(at: Position) -> Setting {
    let names = ["r", "r/a", "r/a/b", "r/a/b/c", "r/a/b/c/d"];
    let mut film = film(&[quality_with("hd", 1000, at, "pass@^1")]);
    film.qualities[0].demand.server = crate::scenarios::settings::demand(&[]);
    let mut setting = names
        .into_iter()
        .fold(Setting::new(), |setting, name| setting.place(name, PLENTY))
        .publish("r", film);
    setting.bandwidth = Some(80 * MBIT);
    setting
}

/// A cold path costs one transfer, and not one for each hop, because every place passes on
/// what it has while it receives.
#[test]
fn a_cold_path_of_five_places_costs_about_one_transfer() {
    for at in [Position::Client, Position::EveryHop] {
        let code = Arc::new(release("pass", "1.0.0", 10 << 20, "r"));
        let mut world = with_code(&line(at), &[Arc::clone(&code)]);
        let client = place("r/a/b/c/d");
        let id = world.open(&client, request("film"), Script::STAYS, Duration::ZERO);
        quiet(&mut world);
        let Knows::Session(session) = world.knows(id) else {
            panic!("{:?}", world.knows(id));
        };
        let seconds = |bytes: u64| Duration::from_nanos(bytes * 8 * 1_000_000_000 / (80 * MBIT));
        let (one, chunk, hops) = (seconds(code.length), seconds(CHUNK), 4);
        let round_trip = 10 * MS;
        let starts = world.start_time + world.compile_time;
        let most = one + hops * 2 * chunk + hops * 5 * round_trip + starts;
        assert!(session.took > one, "{:?} for one of {one:?}", session.took);
        assert!(session.took <= most, "{:?}, at most {most:?}", session.took);
        for pair in [
            ("r", "r/a"),
            ("r/a", "r/a/b"),
            ("r/a/b", "r/a/b/c"),
            ("r/a/b/c", "r/a/b/c/d"),
        ] {
            let bytes = world.network.carried(&place(pair.0), &place(pair.1));
            assert_eq!(bytes, code.length, "{pair:?}");
        }
    }
}
