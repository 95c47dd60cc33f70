//! Real places under faults drawn from a seed, while sessions are opened, used and closed: they
//! are killed, stopped, started on full and read-only disks, and cut off one way and both
//! ways. When all is mended, the promises are checked through the control API.
//!
//! `WAYBOOK_TORTURE_SEED` repeats a sequence of faults, `WAYBOOK_TORTURE_SECONDS` says for
//! how long new rounds begin. What the workers do meanwhile depends on the machine.

mod alone;
mod faults;
mod traffic;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use waybook_sim::random::stream;

use crate::daemons::until;
use crate::places::{self, Build, Kind, Places, served};
use crate::promises;
use alone::Alone;
use faults::Round;

use traffic::Traffic;

/// For how long new rounds begin unless it is said otherwise.
const SECONDS: u64 = 75;

fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} must be a whole number")),
    )
}

#[test]
fn nothing_leaks_and_nothing_is_lost() {
    match alone::alone("torture::nothing_leaks_and_nothing_is_lost") {
        Alone::Done => {}
        Alone::Inside => torture(true),
        Alone::Impossible => torture(false),
    }
}

/// Not a test, but the program of a component, where the variable is set.
#[test]
fn program() {
    served::be_the_program();
}

fn torture(walls: bool) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let seed = setting("WAYBOOK_TORTURE_SEED").unwrap_or(u64::from(now.subsec_nanos()));
    let seconds = Duration::from_secs(setting("WAYBOOK_TORTURE_SECONDS").unwrap_or(SECONDS));
    println!("WAYBOOK_TORTURE_SEED={seed} gives these faults again");
    let mut dice = stream(seed, "faults", 0);
    let mut places = Places::up(Kind { walls, code: true }, |_| Build::This);
    let before = promises::belongings(&places);
    let traffic = Traffic::start(&places, seed);
    let began = Instant::now();
    let mut number = 0;
    while began.elapsed() < seconds {
        number += 1;
        let round = Round::draw(&mut dice, &places);
        println!(
            "{:>4} s  round {number}: {round}",
            began.elapsed().as_secs()
        );
        let outage = Instant::now();
        round.happen(&mut places, &mut dice);
        places.wait_joined();
        let outage = outage.elapsed();
        let _paused = traffic.pause();
        quiet(&places, &traffic);
        // Whoever was away for longer may have lost sessions. That is a slow machine, no bug.
        let must_survive = round.is_single() && outage < places::SESSION_LEASE / 2;
        survivors(&places, &traffic, must_survive);
        traffic.grow_old();
    }
    let done = traffic.end(&places);
    promises::quiet_and_empty(&places, &done.past, &before);
    println!("{number} rounds in {} s; {done}", began.elapsed().as_secs());
    done.was_not_idle();
}

/// Waits until every place books exactly what the established sessions need of it. What came of
/// requests that were not answered is closed.
fn quiet(places: &Places, traffic: &Traffic) {
    until("it does not become quiet", || {
        promises::agreed(places, |number, session| {
            let ledger = traffic.ledger(number);
            let id = &session.session;
            if ledger.standing.contains_key(id) {
                return Ok(());
            }
            assert!(
                ledger.unsure.contains(&session.key) || ledger.closing.contains(id),
                "{session:?}: nobody has opened it, or all have been told that it is over"
            );
            let closed = places.ask(places.client(number)?.close(id));
            Err(format!("{id} was left over: {closed:?}"))
        })
    });
    for place in 0..places.len() {
        let mut ledger = traffic.ledger(place);
        ledger.unsure.clear();
        ledger.closing.clear();
    }
}

/// What was established before the last round still is, and its URL works, if it `must`; what is
/// not is struck off.
fn survivors(places: &Places, traffic: &Traffic, must: bool) {
    let runtime = places::runtime();
    for number in 0..places.len() {
        let name = &places.all()[number].name;
        let client = places.client(number).unwrap();
        let listed = places.ask(client.sessions()).unwrap();
        let mut ledger = traffic.ledger(number);
        ledger.standing.retain(|id, session| {
            let stands = listed.iter().any(|one| one.session == *id);
            // What was opened in the round before may not have been on every disk in time.
            if !stands && must && session.rounds >= 2 {
                let why = places.ask(client.wait_for_end(id));
                panic!("{id} of {name} is lost: {why:?}");
            }
            stands
        });
        for (id, session) in &ledger.standing {
            let mut file = 0;
            until(&format!("{id} of {name} does not work again"), || {
                file = (file + 1) % served::FILES;
                runtime
                    .block_on(served::fetch(&session.url, file))
                    .map(drop)
            });
        }
    }
}
