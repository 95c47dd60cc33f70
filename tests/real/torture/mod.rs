//! Real places under faults drawn from a seed, while sessions are opened, used and closed: they
//! are killed, stopped, started on full and read-only disks, and cut off one way and both
//! ways. When all is mended, the promises are checked through the control API.
//!
//! `WAYBOOK_TORTURE_SEED` repeats a sequence of faults, `WAYBOOK_TORTURE_SECONDS` says for
//! how long new rounds begin. What the workers do meanwhile depends on the machine.

pub(crate) mod alone;
mod faults;
mod traffic;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rand::RngExt;
use rand::rngs::StdRng;
use rustix::process::Signal;
use waybook_client::Error;
use waybook_sim::random::stream;

use crate::daemons::until;
use crate::places::{self, Build, Kind, Places, served};
use crate::promises;
use alone::Alone;
use faults::Round;

use traffic::Traffic;

/// For how long new rounds begin unless it is said otherwise.
const SECONDS: u64 = 60;

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
    give_up(&mut places, &traffic, &mut dice);
    let done = traffic.end(&places);
    promises::quiet_and_empty(&places, &done.past, &before);
    println!("{number} rounds in {} s; {done}", began.elapsed().as_secs());
    done.was_not_idle();
}

/// A place does not come back: what led over it towards a server is given back everywhere behind
/// it when the lease has run out. Clients before it may wait for as long as they like; when it
/// does come back, they are told that their sessions are over.
fn give_up(places: &mut Places, traffic: &Traffic, dice: &mut StdRng) {
    let _paused = traffic.pause();
    let lost = dice.random_range(0..3);
    let name = places.all()[lost].name.to_string();
    println!("{name} is lost for long");
    places.signal(lost, Signal::KILL);
    places.wait_for_end(lost);
    until("what is lost is not given back", || {
        promises::agreed(places, |_, _| Ok(()))
    });
    places.start(lost);
    places.wait_joined();
    quiet(places, traffic);
    survivors(places, traffic, false);
}

/// Waits until every place books exactly what the established sessions need of it. What came of
/// requests that were not answered is closed, and where a close was not answered, or could not be
/// written, it is asked for again until the session is over for good.
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
        let client = places.client(place).unwrap();
        for id in std::mem::take(&mut ledger.closing) {
            until(&format!("{id} is not over for good"), || {
                match places.ask(client.close(&id)) {
                    Err(Error::Problem(problem)) if problem.status < 500 => Ok(()),
                    Err(error) => Err(error.to_string()),
                    Ok(()) => Ok(()),
                }
            });
        }
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
