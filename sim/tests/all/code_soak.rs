//! Many clients, much code, little room, every strategy, and everything going wrong:
//! whatever happens, quiet is clean.

use std::sync::Arc;
use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;
use waybook_agents::DownloadStrategy;
use waybook_location_tree::PlaceName;
use waybook_place::io::CodeOrder;
use waybook_plan::{Position, Release};
use waybook_sim::client::{Script, request};
use waybook_sim::network::Rates;
use waybook_sim::setting::release;
use waybook_sim::transfer::Trouble;
use waybook_sim::{Setting, Violation, World, random};

use crate::code::CHUNK;
use crate::scenarios::settings::{MBIT, film, place, quality, quality_with, two_localities};
use crate::soak::{make_noise, ms, names, pick, trouble, with_seeds};
use crate::support::{LIMIT, SECOND, titled};

const TITLES: [&str; 4] = ["one", "two", "three", "four"];

/// Pieces of code that the films need, at homes here and there.
fn releases(rng: &mut StdRng) -> Vec<Arc<Release>> {
    let homes = ["r", "r/a", "r/a/z", "r/b", "r/b/w"];
    let mut all = Vec::new();
    for (number, name) in ["pass", "cap", "log", "draw"].into_iter().enumerate() {
        for version in ["1.0.0", "1.1.0", "2.0.0"] {
            if rng.random_bool(0.6) {
                let length = rng.random_range(1..8 * CHUNK);
                let home: &&str = pick(rng, &homes);
                let mut release = release(name, version, length, home);
                if number < 2 && rng.random_bool(0.3) {
                    release
                        .dependencies
                        .insert("log".to_owned(), "^1".parse().unwrap());
                }
                if rng.random_bool(0.1) {
                    release.requires.push("gpu".to_owned());
                }
                all.push(Arc::new(release));
            }
        }
    }
    all
}

fn setting(rng: &mut StdRng) -> Setting {
    let mut setting = two_localities();
    let positions = [
        Position::Client,
        Position::DefaultPlace,
        Position::EveryHop,
        Position::Server,
    ];
    let references = ["pass@^1", "cap", "log@^1", "draw@2", "pass@=1.0.0"];
    for title in TITLES {
        for server in ["r/b/y", "r/a/z", "r/a"] {
            if rng.random_bool(0.5) {
                continue;
            }
            let mut one = || {
                let (at, reference) = (*pick(rng, &positions), *pick(rng, &references));
                quality_with("", 1000, at, reference)
            };
            let mut qualities = [one(), one(), quality("ld", 1000, 100)];
            qualities[0].name = "hd".to_owned();
            qualities[1].name = "sd".to_owned();
            setting = setting.publish(server, titled(title, &film(&qualities)));
        }
    }
    setting.bandwidth = Some(rng.random_range(1..40) * MBIT);
    for name in ["r/a/x", "r/a", "r/b/y"] {
        let settings = setting.places.get_mut(&place(name)).unwrap();
        if rng.random_bool(0.5) {
            settings.repository = Some(rng.random_range(4 * CHUNK..20 * CHUNK));
        }
        if rng.random_bool(0.2) {
            settings.disk = Some(rng.random_range(4 * CHUNK..20 * CHUNK));
        }
        if rng.random_bool(0.2) {
            settings.edge = Some(Rates {
                up: None,
                down: Some(2 * MBIT),
            });
        }
    }
    setting.limits.downloads = rng.random_range(1..5);
    for name in ["r", "r/a", "r/a/x", "r/a/z", "r/b", "r/b/y", "r/b/w"] {
        let strategy = pick(rng, &DownloadStrategy::ALL).1.clone();
        let gpu = rng.random_bool(0.5);
        setting = setting.code(name, |code| {
            code.strategy = strategy;
            code.capabilities.extend(gpu.then(|| "gpu".to_owned()));
        });
    }
    setting
}

fn ask(world: &mut World, rng: &mut StdRng, count: usize) {
    let places = names(world);
    for _ in 0..count {
        let title: &&str = pick(rng, &TITLES);
        let mut open = request(title);
        open.retries = rng.random_range(0..3);
        open.watch = rng.random_bool(0.3);
        let script = match rng.random_range(0..4) {
            0 => Script::VANISHES,
            1 => Script::closes(ms(rng, 40_000)),
            2 => Script::closes(ms(rng, 2000)),
            _ => Script::STAYS,
        };
        let after = ms(rng, 60_000);
        let id = world.open(pick(rng, &places), open, script, after);
        if rng.random_bool(0.1) {
            let patience = ms(rng, 2000);
            world.hang_up(id, after + patience);
        }
    }
}

/// Something about code: an order, a fault, or another strategy.
fn meddle(world: &mut World, rng: &mut StdRng, code: &[Arc<Release>]) -> Result<(), Violation> {
    let at: PlaceName = pick(rng, &names(world)).clone();
    if world.place(&at).is_none() || code.is_empty() {
        return Ok(());
    }
    let release = pick(rng, code);
    let digest = release.digest;
    match rng.random_range(0..9) {
        0 => world
            .order(&at, CodeOrder::Pin(digest, rng.random_bool(0.5)))
            .map(drop),
        1 => world.order(&at, CodeOrder::Remove(digest)).map(drop),
        2 => world.order(&at, CodeOrder::Collect).map(drop),
        3 => world
            .order(&at, CodeOrder::Prefetch(release.reference()))
            .map(drop),
        4 if world.place(&release.home).is_some() => {
            world.add_code(&release.home, release).map(drop)
        }
        5 => {
            let strategy = pick(rng, &DownloadStrategy::ALL).1.clone();
            world.change_strategy(&at, strategy)
        }
        6 => {
            world.no_trouble(&at);
            Ok(())
        }
        _ => {
            let chunk = rng.random_range(0..8);
            let troubles = [
                Trouble::Corrupt(chunk),
                Trouble::Stops(chunk),
                Trouble::Short(chunk),
                Trouble::Drips(ms(rng, 4000)),
                Trouble::DiskFull(chunk),
            ];
            world.trouble(&at, &digest, *pick(rng, &troubles));
            Ok(())
        }
    }
}

fn soak(seed: u64, noise: f64, troubles: usize) -> Result<(), Violation> {
    let mut rng = random::stream(seed, "soak of code", 0);
    let setting = setting(&mut rng);
    let code = releases(&mut rng);
    let mut world = World::new(&setting, seed)?;
    world.run_for(SECOND)?;
    for release in &code {
        // A place without room for it may refuse it.
        world.add_code(&release.home, release)?.ok();
    }
    world.run_for(SECOND)?;
    make_noise(&mut world, noise);
    ask(&mut world, &mut rng, 40);
    for _ in 0..troubles {
        for _ in 0..6 {
            let pause = ms(&mut rng, 4000);
            world.run_for(pause)?;
            meddle(&mut world, &mut rng, &code)?;
        }
        if noise > 0.0 {
            trouble(&mut world, &mut rng)?;
        }
    }
    world.run_for(60 * SECOND)?;
    for at in names(&world) {
        world.no_trouble(&at);
    }
    make_noise(&mut world, 0.0);
    world.run_until_quiet(LIMIT)
}

#[test]
fn many_clients_need_much_code() {
    with_seeds(100, |seed| soak(seed, 0.0, 0));
}

#[test]
fn many_clients_need_code_that_operators_and_faults_meddle_with() {
    with_seeds(100, |seed| soak(seed, 0.0, 6));
}

#[test]
fn many_clients_need_code_with_everything_going_wrong() {
    with_seeds(100, |seed| soak(seed, 0.05, 6));
}

#[test]
fn a_soak_is_the_same_when_run_again() {
    let run = || {
        let mut rng = random::stream(3, "soak of code", 0);
        let setting = setting(&mut rng);
        let mut world = World::new(&setting, 3).unwrap();
        for release in releases(&mut rng) {
            world.add_code(&release.home, &release).unwrap().ok();
        }
        ask(&mut world, &mut rng, 20);
        world.run_for(Duration::from_secs(90)).unwrap();
        (world.transcript().digest(), world.transcript().count())
    };
    assert_eq!(run(), run());
}
