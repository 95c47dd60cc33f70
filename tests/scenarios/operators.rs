//! Stories of operators who change places that run.

use std::time::Duration;

use waybook_agents::{Refusal, RefusalReason};
use waybook_place::io::{EndReason, Established};
use waybook_plan::{Quality, Resource};
use waybook_sim::arm::{Answer, Arm};
use waybook_sim::client::request;

use super::settings::{MBIT, demand, film, place, quality, two_localities, with};

fn stands(answer: Answer) -> Established {
    answer.unwrap_or_else(|refused| panic!("refused: {}", refused.why))
}

fn refused(answer: Answer) -> Vec<Refusal> {
    let refused = answer.expect_err("it was to be refused");
    assert!(!refused.refused.is_empty(), "{}", refused.why);
    refused.refused
}

/// Every solution was refused there, for that reason.
fn refused_at(answer: Answer, at: &str, reason: &RefusalReason) {
    for refusal in refused(answer) {
        assert_eq!((&refusal.place, &refusal.reason), (&place(at), reason));
    }
}

fn films() -> [Quality; 2] {
    [quality("hd", 4 * MBIT, 500), quality("sd", MBIT, 200)]
}

const PATH: [&str; 5] = ["r/a/x", "r/a", "r", "r/b", "r/b/y"];

/// A drained place keeps the session that it has, and takes no other: as the client's place, in
/// the middle, or as the server's. Afterwards it does.
pub(crate) fn a_drained_place_keeps_its_sessions_and_takes_no_others<A: Arm>() {
    let mut arm = A::set_up(&two_localities().publish("r/b/y", film(&films())));
    let (client, mut standing) = (place("r/a/x"), 0);
    for at in PATH {
        stands(arm.open(&client, request("film")));
        standing += 1;
        arm.drain(&place(at), None);
        refused_at(
            arm.open(&client, request("film")),
            at,
            &RefusalReason::Drained,
        );
        arm.wait_quiet();
        assert_eq!(arm.bookings(&place("r/a/x")).len(), standing);
        arm.undrain(&place(at));
    }
    stands(arm.open(&client, request("film")));
    arm.wait_quiet();
}

/// The nearest server is drained, or a place on the way to it: the next one serves, until it is
/// undrained.
pub(crate) fn another_server_serves_while_one_is_drained<A: Arm>() {
    let film = film(&films());
    let setting = two_localities()
        .publish("r/a/z", film.clone())
        .publish("r/b/y", film);
    let mut arm = A::set_up(&setting);
    let client = place("r/a/x");
    let server = |session: &Established| session.journey.last().unwrap().place.clone();
    let near = stands(arm.open(&client, request("film")));
    assert_eq!(server(&near), place("r/a/z"));
    arm.drain(&place("r/a/z"), None);
    let far = stands(arm.open(&client, request("film")));
    assert_eq!((server(&far), far.quality.as_str()), (place("r/b/y"), "hd"));
    arm.wait_quiet();
    arm.undrain(&place("r/a/z"));
    let near = stands(arm.open(&client, request("film")));
    assert_eq!(server(&near), place("r/a/z"));
    arm.wait_quiet();
}

/// When the time is over, what is left ends, wherever on its path the drained place is; and its
/// client is told which place it was.
pub(crate) fn a_drained_place_is_empty_after_its_deadline<A: Arm>() {
    for at in ["r/a/x", "r", "r/b/y"] {
        let mut arm = A::set_up(&two_localities().publish("r/b/y", film(&films())));
        let session = stands(arm.open(&place("r/a/x"), request("film")));
        arm.wait_quiet();
        arm.drain(&place(at), Some(Duration::from_millis(200)));
        assert_eq!(arm.wait_for_end(&session), EndReason::Drained(place(at)));
        arm.wait_quiet();
        for at in PATH {
            assert_eq!(arm.bookings(&place(at)), [], "at {at}");
        }
    }
}

/// Draining outlasts a restart, and so does what stood.
pub(crate) fn a_drained_place_that_restarts_is_drained<A: Arm>() {
    let mut arm = A::set_up(&two_localities().publish("r/b/y", film(&films())));
    let client = place("r/a/x");
    stands(arm.open(&client, request("film")));
    arm.wait_quiet();
    arm.drain(&place("r/b"), None);
    arm.crash(&place("r/b"));
    arm.restart(&place("r/b"));
    arm.wait_quiet();
    refused_at(
        arm.open(&client, request("film")),
        "r/b",
        &RefusalReason::Drained,
    );
    assert_eq!(arm.bookings(&place("r/b")).len(), 1);
    arm.undrain(&place("r/b"));
    stands(arm.open(&client, request("film")));
    arm.wait_quiet();
}

/// What needs a cordoned resource is refused, and what does not is booked; what was booked stays,
/// and a restart changes nothing.
pub(crate) fn a_cordoned_resource_is_booked_no_more<A: Arm>() {
    let mut films = films();
    films[0].demand.server = demand(&[("cpu", 500), ("gpu", 3)]);
    let mut arm = A::set_up(&two_localities().publish("r/b/y", film(&films)));
    let client = place("r/a/x");
    let gpu = Resource::new("gpu").unwrap();
    let first = stands(arm.open(&client, request("film")));
    assert_eq!(first.quality, "hd");
    arm.wait_quiet();
    arm.cordon(&place("r/b/y"), &gpu, true);
    arm.crash(&place("r/b/y"));
    arm.restart(&place("r/b/y"));
    arm.wait_quiet();
    let second = stands(arm.open(&client, request("film")));
    assert_eq!(second.quality, "sd");
    let cordoned = RefusalReason::Cordoned {
        resource: gpu.clone(),
    };
    let refused: Vec<_> = second
        .refused
        .iter()
        .map(|r| (&r.place, &r.reason))
        .collect();
    assert_eq!(refused, [(&place("r/b/y"), &cordoned)]);
    arm.wait_quiet();
    let booked = arm.bookings(&place("r/b/y"));
    assert_eq!(booked.iter().map(|b| b.demand.of("gpu")).sum::<u64>(), 3);
    arm.cordon(&place("r/b/y"), &gpu, false);
    let third = stands(arm.open(&client, request("film")));
    assert_eq!(third.quality, "hd");
    arm.wait_quiet();
}

/// There is less than is booked: what is booked stays, also through a restart, and nothing more
/// is granted before it is less. There is more: it is granted.
pub(crate) fn a_capacity_changes_under_sessions<A: Arm>() {
    let film = film(&[quality("hd", 4 * MBIT, 500)]);
    let setting = with(two_localities(), "r/b/y", "cpu", 1000).publish("r/b/y", film);
    let mut arm = A::set_up(&setting);
    let (client, server) = (place("r/a/x"), place("r/b/y"));
    let first = stands(arm.open(&client, request("film")));
    let second = stands(arm.open(&client, request("film")));
    arm.wait_quiet();
    arm.set_capacity(&server, &Resource::cpu(), 600);
    arm.wait_quiet();
    let lacks = |answer: Answer, capacity, established| {
        let refused = refused(answer);
        let RefusalReason::Lacking(lack) = &refused[0].reason else {
            panic!("refused for another reason: {}", refused[0].reason);
        };
        assert_eq!((lack.capacity, lack.established), (capacity, established));
    };
    lacks(arm.open(&client, request("film")), 600, 1000);
    arm.crash(&server);
    arm.restart(&server);
    arm.wait_quiet();
    assert_eq!(arm.bookings(&server).len(), 2);
    lacks(arm.open(&client, request("film")), 600, 1000);
    arm.close(&first);
    arm.wait_quiet();
    // 500 are booked of 600: not enough for one more.
    lacks(arm.open(&client, request("film")), 600, 500);
    arm.set_capacity(&server, &Resource::cpu(), 1500);
    stands(arm.open(&client, request("film")));
    stands(arm.open(&client, request("film")));
    arm.wait_quiet();
    lacks(arm.open(&client, request("film")), 1500, 1500);
    arm.close(&second);
    arm.wait_quiet();
}
