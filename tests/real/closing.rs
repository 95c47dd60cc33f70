//! What a client was told is over stays over, whatever happens then.

use std::path::Path;

use rustix::process::Signal;
use waybook_client::model::Problem;
use waybook_client::{Error, Runtime};
use waybook_sim::Setting;
use waybook_sim::arm::Arm;
use waybook_sim::client::request;

use crate::daemons::{Daemons, until};
use crate::figures::get;
use crate::places::served::presentation;
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
    let publish = |places: &Places, toml: &str| {
        let client = places.client(SERVER).unwrap();
        match places.ask(client.publish(toml)) {
            Err(Error::Problem(problem)) => Some(problem),
            Ok(_) => None,
            Err(error) => panic!("{error}"),
        }
    };
    let kept = open(&places, SERVER, "film");
    // What is small finds room in the file for ever. What is large does not for long, and then it
    // waits, and nothing is written without it: whoever is told has to be told that.
    let mut published = 0;
    let over = until("a place whose disk is full writes", || {
        disk::fill(&places.all()[SERVER].disk);
        let large = publish(&places, &large(published));
        published += 1;
        // The database gives room back when it is opened again.
        disk::fill(&places.all()[SERVER].disk);
        let session = open(&places, SERVER, "film");
        let closed = told(&places, &session.id);
        let again = told(&places, &session.id).filter(|problem| !problem.is("ended"));
        let waited = wait(&places, &session.id);
        for problem in [&closed, &again, &waited].into_iter().flatten() {
            says_that_it_may_come_back(problem);
        }
        match [large, closed, again, waited].iter().all(Option::is_some) {
            true => Ok(session),
            false => Err("there was room".to_owned()),
        }
    });
    let api = Runtime::read(places.all()[SERVER].data()).unwrap().api;
    let ready = get(api.unwrap(), "/readyz", None);
    assert!(ready.starts_with("HTTP/1.1 503 "), "{ready}");
    assert!(ready.contains("its records cannot be written"), "{ready}");
    // It is over all the same.
    stand(&places, std::slice::from_ref(&kept));

    disk::empty(&places.all()[SERVER].disk);
    for number in 0..published {
        let client = places.client(SERVER).unwrap();
        places
            .ask(client.withdraw(&format!("large-{number}")))
            .unwrap();
    }
    let problem = told(&places, &over.id).expect("it is over");
    assert!(problem.is("ended"), "{problem:?}");
    places.signal(SERVER, Signal::KILL);
    places.wait_for_end(SERVER);
    places.start(SERVER);
    places.wait_joined();
    stand(&places, std::slice::from_ref(&kept));
    end(&places, vec![kept]);
}

/// A presentation of some hundred kilobytes.
fn large(number: u32) -> String {
    let component = format!(
        "[[quality.component]]\nat = \"server\"\nname = \"large\"\nruntime = \"process\"\n\
         config = {{ text = \"{}\" }}\n",
        "x".repeat(4000)
    );
    presentation(
        &format!("large-{number}"),
        &component.repeat(16),
        Path::new(""),
    )
}

fn says_that_it_may_come_back(problem: &Problem) {
    assert!(problem.is("failed"), "{problem:?}");
    assert!(problem.detail.contains("could not write"), "{problem:?}");
    assert!(problem.detail.contains("No space left"), "{problem:?}");
    let end = problem.end.as_ref().expect("it is over");
    assert_eq!(end.kind, "closed");
}
