//! What a client was told is over stays over, whatever happens then.

use std::collections::BTreeSet;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rustix::process::Signal;
use waybook_client::Error;
use waybook_client::model::Problem;
use waybook_sim::Setting;
use waybook_sim::arm::Arm;
use waybook_sim::client::request;

use crate::daemons::{Daemons, until};
use crate::places::{Build, Kind, Places, disk};
use crate::scenarios::settings::{MBIT, PLENTY, film, place, quality};
use crate::sessions::{end, open, stand};
use crate::torture::alone::{Alone, alone};

/// A close was answered before it was on disk. Killed then, a place found the session again; and
/// where it was the whole path, there was nobody to say that it was over.
#[test]
fn what_was_closed_does_not_come_back() {
    let setting = Setting::new()
        .place("r", PLENTY)
        .place("r/a", PLENTY)
        .publish("r", film(&[quality("hd", MBIT, 100)]));
    let mut arm = Daemons::set_up(&setting);
    // Its own client's place is the whole path, or there is one before.
    for at in ["r", "r/a", "r", "r/a", "r"] {
        let at = place(at);
        let requests = vec![(at.clone(), request("film")); 6];
        let sessions = arm.open_all(requests).into_iter().map(Result::unwrap);
        let sessions: Vec<_> = sessions.collect();
        arm.wait_quiet();
        for session in &sessions {
            arm.close(session);
        }
        arm.crash(&at);
        arm.restart(&at);
        let client = arm.client(&at).unwrap();
        let listed = arm.runtime.block_on(client.sessions()).unwrap();
        assert!(listed.is_empty(), "back at {at}: {listed:?}");
        arm.wait_quiet();
    }
}

#[test]
fn a_full_disk_is_told_to_those_who_close() {
    match alone("closing::a_full_disk_is_told_to_those_who_close") {
        Alone::Done => {}
        Alone::Inside => full_disk(),
        // Said aloud; disks of one's own are all that this is about.
        Alone::Impossible => {}
    }
}

/// The place that serves `film` nearest to itself.
const SERVER: usize = 5;

fn full_disk() {
    let kind = Kind {
        walls: true,
        code: false,
    };
    let mut places = Places::up(kind, |_| Build::This);
    let told = |places: &Places, id: &str| {
        let client = places.client(SERVER).unwrap();
        match places.ask(client.close(id)) {
            Err(Error::Problem(problem)) => Some(problem),
            Ok(()) => None,
            Err(error) => panic!("{error}"),
        }
    };
    let wait = |places: &Places, id: &str| {
        let client = places.client(SERVER).unwrap();
        match places.ask(client.wait_for_end(id)) {
            Err(Error::Problem(problem)) => Some(problem),
            Ok(_) => None,
            Err(error) => panic!("{error}"),
        }
    };
    let kept = open(&places, SERVER, "film");
    // A small change may still find room in the file: what comes next does not for long. Nor
    // does it always stay so: the database gives room back when it is opened again after that,
    // and the next change may find it. So what is asked when the room is gone is left to chance:
    // asked always the same in the same order, one of them may find room every time.
    disk::fill(&places.all()[SERVER].disk);
    let mut dice = StdRng::seed_from_u64(5);
    let mut silent = BTreeSet::from(["who closes", "who closes again", "who waits for the end"]);
    let over = until("someone is not told that the disk is full", || {
        let session = open(&places, SERVER, "film");
        let mut asked = vec![("who closes", told(&places, &session.id))];
        for _ in 0..dice.random_range(0..4) {
            asked.push(match dice.random() {
                true => ("who closes again", told(&places, &session.id)),
                false => ("who waits for the end", wait(&places, &session.id)),
            });
        }
        for (who, problem) in asked {
            if let Some(problem) = problem.filter(|problem| !problem.is("ended")) {
                says_that_it_may_come_back(&problem);
                silent.remove(who);
            }
        }
        match silent.is_empty() {
            true => Ok(session),
            false => Err(format!("{silent:?}")),
        }
    });
    // It is over all the same.
    stand(&places, std::slice::from_ref(&kept));

    disk::empty(&places.all()[SERVER].disk);
    let problem = told(&places, &over.id).expect("it is over");
    assert!(problem.is("ended"), "{problem:?}");
    places.signal(SERVER, Signal::KILL);
    places.wait_for_end(SERVER);
    places.start(SERVER);
    places.wait_joined();
    stand(&places, std::slice::from_ref(&kept));
    end(&places, vec![kept]);
}

fn says_that_it_may_come_back(problem: &Problem) {
    assert!(problem.is("failed"), "{problem:?}");
    assert!(problem.detail.contains("could not write"), "{problem:?}");
    assert!(problem.detail.contains("No space left"), "{problem:?}");
    let end = problem.end.as_ref().expect("it is over");
    assert_eq!(end.kind, "closed");
}
