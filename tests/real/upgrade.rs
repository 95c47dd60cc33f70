//! A tree whose places become those of this build one by one, with sessions through it. The
//! older build is the `waybook` that `WAYBOOK_OLD` names; `scripts/upgrade-test` builds one.

use std::path::PathBuf;

use rustix::process::Signal;

use crate::places::{Build, Kind, Places};
use crate::sessions::{self, Session};

fn older_build() -> Option<Build> {
    let Some(path) = std::env::var_os("WAYBOOK_OLD") else {
        eprintln!("SKIPPED: WAYBOOK_OLD names no older build; scripts/upgrade-test makes one");
        return None;
    };
    Some(Build::Other(PathBuf::from(path)))
}

fn open(places: &Places) -> Vec<Session> {
    let all = [(3, "film"), (5, "program"), (6, "film"), (0, "film")];
    let open = |(at, title)| sessions::open(places, at, title);
    all.map(open).into_iter().collect()
}

fn all_well(places: &Places, all: &[Session]) {
    sessions::stand(places, all);
    sessions::work(all);
}

/// The places of the older build are stopped, or killed, and go on as places of this one.
fn upgrade(old: impl Fn(&str) -> bool) {
    let Some(older) = older_build() else { return };
    let kind = Kind {
        walls: false,
        code: false,
    };
    let mut places = Places::up(kind, |name| match old(name) {
        true => older.clone(),
        false => Build::This,
    });
    let mut all = open(&places);
    all_well(&places, &all);
    let layout = |places: &Places, number: usize| {
        let file = places.all()[number].data().join("version");
        std::fs::read_to_string(file).unwrap()
    };
    for number in 0..places.len() {
        if !old(places.all()[number].name.as_str()) {
            continue;
        }
        assert_eq!(layout(&places, number), "1\n");
        places.signal(number, [Signal::TERM, Signal::KILL][number % 2]);
        places.wait_for_end(number);
        places.change(number, Build::This);
        places.start(number);
        places.wait_joined();
        assert_eq!(layout(&places, number), "2\n");
        all_well(&places, &all);
    }
    // New sessions, and old ones that end, in the migrated folders: they neither go with a
    // start nor come back with one.
    all.extend(open(&places));
    for ended in all.drain(..3) {
        sessions::close(&places, &ended);
    }
    all_well(&places, &all);
    for number in 0..places.len() {
        places.signal(number, Signal::KILL);
        places.wait_for_end(number);
        places.start(number);
    }
    places.wait_joined();
    all_well(&places, &all);

    // Nobody goes back without being told.
    places.signal(0, Signal::TERM);
    places.wait_for_end(0);
    places.change(0, older);
    let (status, said) = places.try_start(0).expect("an older build must refuse");
    assert!(!status.success(), "{status}");
    let wanted = "the data folder has layout 2, and this build reads layout 1";
    assert!(said.contains(wanted), "{said}");
    places.change(0, Build::This);
    places.start(0);
    places.wait_joined();
    all_well(&places, &all);
    sessions::end(&places, all);
}

#[test]
fn parents_of_an_older_build_become_those_of_this_one() {
    upgrade(|name| ["r", "r/a", "r/b"].contains(&name));
}

#[test]
fn children_of_an_older_build_become_those_of_this_one() {
    upgrade(|name| ["r/a/x", "r/a/z", "r/b/y", "r/b/w"].contains(&name));
}

#[test]
fn a_whole_tree_of_an_older_build_becomes_one_of_this() {
    upgrade(|_| true);
}
