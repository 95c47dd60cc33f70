//! Sessions through a tree of real places, and whether they stand.

use waybook_client::model::OpenForm;

use crate::daemons::until;
use crate::places::{Places, runtime, served};
use crate::promises;

/// A session as its client knows it.
pub(crate) struct Session {
    /// The number of the client's place.
    pub(crate) at: usize,
    pub(crate) id: String,
    pub(crate) url: String,
}

/// Opens a session with a title, from the nth place.
pub(crate) fn open(places: &Places, at: usize, title: &str) -> Session {
    let form = OpenForm {
        title: title.to_owned(),
        ..OpenForm::default()
    };
    let client = places.client(at).unwrap();
    let session = places.ask(client.open_quietly(&form));
    let session = session.unwrap_or_else(|error| panic!("{title} at {at}: {error}"));
    places.ask(client.claim(&session.session)).unwrap();
    Session {
        at,
        id: session.session,
        url: session.urls.expect("it stands").path,
    }
}

pub(crate) fn close(places: &Places, session: &Session) {
    let client = places.client(session.at).unwrap();
    places.ask(client.close(&session.id)).unwrap();
}

/// These sessions stand, each at every hop, and no others do.
pub(crate) fn stand(places: &Places, all: &[Session]) {
    until("the sessions do not stand", || {
        promises::agreed(places, |at, session| {
            let mut known = all.iter();
            match known.any(|one| (one.at, &one.id) == (at, &session.session)) {
                true => Ok(()),
                false => Err(format!("{session:?} is of nobody")),
            }
        })
    });
    for one in all {
        let listed = places.ask(places.client(one.at).unwrap().sessions());
        let mut listed = listed.unwrap().into_iter();
        assert!(listed.any(|s| s.session == one.id), "{} is lost", one.id);
    }
}

/// These sessions bring what they should, every file.
pub(crate) fn work(all: &[Session]) {
    let runtime = runtime();
    for one in all {
        for file in 0..served::FILES {
            until("a URL does not work", || {
                runtime.block_on(served::fetch(&one.url, file))
            });
        }
    }
}

/// Closes all, and waits until nothing is left of them.
pub(crate) fn end(places: &Places, all: Vec<Session>) {
    for session in &all {
        close(places, session);
    }
    let past: Vec<_> = all.into_iter().map(|one| (one.id, one.url)).collect();
    let ports = promises::belongings(places);
    promises::quiet_and_empty(places, &past, &ports);
}
