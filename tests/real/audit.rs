//! What was changed at real places is written down, whatever happens then.

use rustix::process::Signal;
use waybook_client::model::{AuditInfo, AuditResult};
use waybook_client::{AuditQuery, Error};

use crate::daemons::until;
use crate::places::{Build, Kind, Places, disk};
use crate::torture::alone::{Alone, alone};

/// The place that is changed.
const PLACE: usize = 5;

fn log(places: &Places) -> Vec<AuditInfo> {
    let client = places.client(PLACE).unwrap();
    let log = places.ask(client.audit(AuditQuery::default())).unwrap();
    for pair in log.windows(2) {
        assert_eq!(pair[0].number + 1, pair[1].number, "one is missing");
        assert!(pair[0].at <= pair[1].at, "{pair:?}");
    }
    log
}

fn up(walls: bool) -> Places {
    Places::up(Kind { walls, code: false }, |_| Build::This)
}

/// An answer without its line on disk would be a change that nobody made.
#[test]
fn what_was_answered_is_in_the_log_of_the_next_life() {
    let mut places = up(false);
    let client = places.client(PLACE).unwrap();
    for word in ["debug", "info", "warn", "info"] {
        places.ask(client.set_log(word)).unwrap();
    }
    places.signal(PLACE, Signal::KILL);
    places.wait_for_end(PLACE);
    places.start(PLACE);
    places.wait_joined();
    let entries = log(&places);
    let of = |what: &str| {
        let found = entries.iter().filter(|entry| entry.what == what);
        found.collect::<Vec<_>>()
    };
    assert_eq!(of("start").len(), 2, "{entries:?}");
    let words = of("log")
        .into_iter()
        .filter_map(|entry| entry.on.as_deref());
    assert!(words.eq(["debug", "info", "warn", "info"]), "{entries:?}");
    let from = &of("log")[0].from;
    assert!(from.starts_with("127.0.0.1:"), "{from}");

    places.signal(PLACE, Signal::HUP);
    let reload = until("a reload by a signal is not in the log", || {
        let entries = log(&places);
        let mut found = entries.into_iter().filter(|entry| entry.what == "reload");
        found.next().ok_or_else(String::new)
    });
    assert_eq!((&*reload.token, &*reload.from), ("system", "SIGHUP"));
    assert_eq!(reload.result, AuditResult::Done);
}

#[test]
fn nothing_is_changed_that_cannot_be_written_down() {
    match alone("audit::nothing_is_changed_that_cannot_be_written_down") {
        Alone::Done => {}
        Alone::Inside => full_disk(),
        // Said aloud; disks of one's own are all that this is about.
        Alone::Impossible => {}
    }
}

fn full_disk() {
    let places = up(true);
    disk::fill(&places.all()[PLACE].disk);
    // Something has been taken ahead, so that a disk that is full can be seen to.
    let client = places.client(PLACE).unwrap();
    let mut done = Vec::new();
    let words = || ["info", "warn"].iter().cycle();
    for word in words().take(2000) {
        match places.ask(client.set_log(word)) {
            Ok(_) => done.push((*word).to_owned()),
            Err(Error::Problem(problem)) => {
                assert!(problem.is("no-room"), "{problem:?}");
                let said = &problem.detail;
                assert!(said.starts_with("nothing was changed"), "{said}");
                assert!(said.contains("No space left"), "{said}");
                break;
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert!((20..2000).contains(&done.len()), "{}", done.len());
    // It was not, as it says.
    let filter = places.ask(client.log()).unwrap().filter;
    assert_eq!(Some(&filter), done.last());
    let written: Vec<_> = log(&places)
        .into_iter()
        .filter(|entry| entry.what == "log")
        .map(|entry| entry.on.unwrap_or_default())
        .collect();
    assert_eq!(written, done[done.len().saturating_sub(written.len())..]);

    disk::empty(&places.all()[PLACE].disk);
    places.ask(client.set_log("error")).unwrap();
    let last = log(&places).pop().unwrap();
    assert_eq!((&*last.what, last.on.as_deref()), ("log", Some("error")));
}
