//! Certificates change under sessions that play.

use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::Signal;

use crate::daemons::until;
use crate::places::{Build, Kind, Places, runtime, served};
use crate::sessions;

fn places() -> Places {
    let kind = Kind {
        walls: false,
        code: false,
    };
    Places::up(kind, |_| Build::This)
}

/// Ends what plays, also if what is done meanwhile fails.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Plays while something is done: no request may fail.
fn playing(url: &str, meanwhile: impl FnOnce()) {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let runtime = runtime();
            let mut files = 0;
            while files < served::FILES || !stop.load(Ordering::Relaxed) {
                let fetched = runtime.block_on(served::fetch(url, files % served::FILES));
                fetched.unwrap_or_else(|why| panic!("request {files}: {why}"));
                files += 1;
            }
        });
        let _stop = Stop(&stop);
        meanwhile();
    });
}

#[test]
fn every_place_is_certified_again_under_a_session_that_plays() {
    let places = places();
    let all = vec![sessions::open(&places, 3, "film")];
    let lives = |number| places.info(number).unwrap().links;
    let before: Vec<_> = (0..places.len()).map(lives).collect();
    playing(&all[0].url, || {
        for number in 0..places.len() {
            let ends = || places.info(number).unwrap().certificate.unwrap().expires;
            let was = ends();
            let identity = places.all()[number].data().join("identity");
            let out = identity.display().to_string();
            places.authority(number, "renew", &["--out", &out, "--validity", "90 d"]);
            // One way, and the other.
            if number % 2 == 0 {
                places.signal(number, Signal::HUP);
                until("the new certificate is not taken up", || {
                    match ends() < was {
                        true => Ok(()),
                        false => Err(places.log(number)),
                    }
                });
            } else {
                let client = places.client(number).unwrap();
                let reloaded = places.ask(client.reload()).unwrap();
                // The place may have looked by itself a moment ago.
                for change in &reloaded.changed {
                    assert_eq!(change.setting, "identity.certificate");
                }
                assert!(ends() < was);
            }
            // A reload with half a pair says so, and changes nothing.
            let key = identity.join("place.key");
            let whole = std::fs::read(&key).unwrap();
            std::fs::write(&key, &whole[..whole.len() / 2]).unwrap();
            let client = places.client(number).unwrap();
            let refused = places.ask(client.reload()).unwrap_err().to_string();
            assert!(refused.contains("place.key"), "{refused}");
            std::fs::write(&key, whole).unwrap();
            let reloaded = places.ask(client.reload()).unwrap();
            assert_eq!(reloaded.changed.len(), 0);
            let info = places.info(number).unwrap();
            assert_eq!(info.certificate.unwrap().problem, None);
        }
    });
    let after: Vec<_> = (0..places.len()).map(lives).collect();
    assert_eq!(after, before);
    sessions::stand(&places, &all);
    sessions::end(&places, all);
}

#[test]
fn a_revoked_place_is_cut_off_and_others_play_on() {
    let places = places();
    let lost = sessions::open(&places, 3, "film");
    let all = vec![sessions::open(&places, 4, "film")];
    places.authority(3, "revoke", &[]);
    places.tell_revoked(1);
    playing(&all[0].url, || {
        let client = places.client(1).unwrap();
        let reloaded = places.ask(client.reload()).unwrap();
        // The place may have looked by itself a moment ago.
        for change in &reloaded.changed {
            assert_eq!(change.setting, "identity.revoked");
            assert_eq!(change.now, "1 revoked");
        }
        until("the revoked place is still connected", || {
            let links = places.info(1)?.links;
            match links.iter().any(|link| link.place == "r/a/x") {
                true => Err(format!("{links:?}")),
                false => Ok(()),
            }
        });
        until("the revoked place is not refused", || {
            let links = places.ask(places.client(1)?.links());
            let links = links.map_err(|error| error.to_string())?;
            let child = links.neighbours.iter().find(|n| n.place == "r/a/x");
            match child.is_some_and(|child| child.refused_connections > 0) {
                true => Ok(()),
                false => Err(format!("{links:?}")),
            }
        });
    });
    // Its session is lost with the lease, and all that it had booked beyond the cut.
    until("what the revoked place had is still booked", || {
        let booked = places.ask(places.client(1)?.bookings());
        let booked = booked.map_err(|error| error.to_string())?;
        match booked.iter().any(|b| b.session == lost.id) {
            true => Err(format!("{booked:?}")),
            false => Ok(()),
        }
    });
    sessions::work(&all);
}
