//! The stories. Each sets up places, lets clients ask, and says what must come out. That
//! every booking is exact, and nothing is left over, is seen in every quiet.

use waybook_agents::{Lack, Refusal, RefusalReason};
use waybook_place::BookingPhase;
use waybook_place::io::Established;
use waybook_plan::{Presentation, Quality, Resource, SolutionNumber};
use waybook_sim::Setting;
use waybook_sim::arm::{Answer, Arm};
use waybook_sim::client::request;

use super::settings::{MBIT, demand, film, place, quality, two_localities, with};

/// The client is at `r/a/x`, the film at `r/b/y`: up over `r/a` to `r`, down over `r/b`.
fn served_far_away(setting: Setting, qualities: &[Quality]) -> Setting {
    setting.publish("r/b/y", film(qualities))
}

fn stands(answer: Answer) -> Established {
    answer.unwrap_or_else(|refused| panic!("refused: {}", refused.why))
}

fn lack(refusal: &Refusal) -> &Lack {
    match &refusal.reason {
        RefusalReason::Lacking(lack) => lack,
        other => panic!("refused for another reason: {other}"),
    }
}

fn booked<A: Arm>(arm: &mut A, at: &str) -> Vec<(BookingPhase, String)> {
    let bookings = arm.bookings(&place(at)).into_iter();
    bookings.map(|b| (b.phase, b.demand.to_string())).collect()
}

fn nothing_is_booked<A: Arm>(arm: &mut A) {
    for name in ["r", "r/a", "r/a/x", "r/a/z", "r/b", "r/b/y", "r/b/w"] {
        assert_eq!(booked(arm, name), [], "at {name}");
    }
}

/// With room everywhere the best quality is booked, at every hop what it needs there.
pub(crate) fn the_best_is_booked_where_there_is_room<A: Arm>() {
    let film = [quality("hd", 4 * MBIT, 500), quality("sd", MBIT, 200)];
    let mut arm = A::set_up(&served_far_away(two_localities(), &film));
    let session = stands(arm.open(&place("r/a/x"), request("film")));
    assert_eq!((session.quality.as_str(), session.solution.0), ("hd", 1));
    assert_eq!(session.refused, []);
    let journey: Vec<_> = session
        .journey
        .iter()
        .map(|hop| hop.place.as_str())
        .collect();
    assert_eq!(journey, ["r/a/x", "r/a", "r", "r/b", "r/b/y"]);
    arm.wait_quiet();
    let (big, small) = (4 * MBIT, 4 * MBIT / 100);
    for (at, wanted) in [
        ("r/a/x", demand(&[("down", big), ("up", small)])),
        ("r/a", demand(&[("down", big), ("up", small)])),
        ("r/b", demand(&[("down", small), ("up", big)])),
        (
            "r/b/y",
            demand(&[("cpu", 500), ("down", small), ("up", big)]),
        ),
    ] {
        let all = arm.bookings(&place(at));
        assert_eq!(all.len(), 1, "at {at}");
        assert_eq!(all[0].demand, wanted, "at {at}");
        assert_eq!(all[0].phase, BookingPhase::Established);
    }
    arm.close(&session);
    arm.wait_quiet();
    nothing_is_booked(&mut arm);
}

/// The server lacks processor time for the better quality; the worse one needs no more
/// anywhere before it, so the agent goes on from where it is, and those before shrink.
pub(crate) fn falls_back_at_the_same_hop<A: Arm>() {
    let film = [quality("hd", 4 * MBIT, 500), quality("sd", MBIT, 200)];
    let setting = with(two_localities(), "r/b/y", "cpu", 300);
    let mut arm = A::set_up(&served_far_away(setting, &film));
    let session = stands(arm.open(&place("r/a/x"), request("film")));
    assert_eq!((session.quality.as_str(), session.solution.0), ("sd", 2));
    assert_eq!(session.refused.len(), 1, "{:?}", session.refused);
    assert_eq!(session.refused[0].place, place("r/b/y"));
    assert_eq!(session.refused[0].solution, SolutionNumber(1));
    assert_eq!(
        *lack(&session.refused[0]),
        Lack {
            resource: Resource::cpu(),
            wanted: 500,
            free: 300,
            capacity: 300,
            established: 0,
            held_by_others: 0,
        }
    );
    arm.wait_quiet();
    for at in ["r/a/x", "r/a"] {
        let all = arm.bookings(&place(at));
        let wanted = demand(&[("down", MBIT), ("up", MBIT / 100)]);
        assert_eq!(all[0].demand, wanted, "{at} has not shrunk");
    }
}

/// What the server could do with less processor time needs more bandwidth: no hop before
/// holds enough, so the agent goes all the way back.
pub(crate) fn traces_back_to_the_client<A: Arm>() {
    let film = [
        quality("packed", 2 * MBIT, 500),
        quality("raw", 8 * MBIT, 100),
    ];
    let setting = with(two_localities(), "r/b/y", "cpu", 300);
    let mut arm = A::set_up(&served_far_away(setting, &film));
    let session = stands(arm.open(&place("r/a/x"), request("film")));
    assert_eq!(session.quality, "raw");
    assert_eq!(session.refused[0].place, place("r/b/y"));
    arm.wait_quiet();
    let held = arm.bookings(&place("r/a"));
    assert_eq!(held[0].demand.of("down"), 8 * MBIT);
}

/// The near server lacks; the path to the far one leaves that to the near one at `r/a`, so
/// the agent goes back just there.
pub(crate) fn traces_back_to_where_the_paths_part<A: Arm>() {
    let film = film(&[quality("hd", 4 * MBIT, 500)]);
    let setting = with(two_localities(), "r/a/z", "cpu", 300)
        .publish("r/a/z", film.clone())
        .publish("r/b/y", film);
    let mut arm = A::set_up(&setting);
    let session = stands(arm.open(&place("r/a/x"), request("film")));
    assert_eq!(session.journey.len(), 5);
    assert_eq!(session.refused.len(), 1);
    assert_eq!(session.refused[0].place, place("r/a/z"));
    arm.wait_quiet();
    assert_eq!(booked(&mut arm, "r/a/z"), []);
}

/// The client's own place serves the title: a path of one place.
pub(crate) fn a_client_at_the_server_needs_no_edge<A: Arm>() {
    let setting = two_localities().publish("r/a/x", film(&[quality("hd", 4 * MBIT, 500)]));
    let mut arm = A::set_up(&setting);
    let session = stands(arm.open(&place("r/a/x"), request("film")));
    assert_eq!(session.journey.len(), 1);
    assert_eq!(session.journey[0].booked, demand(&[("cpu", 500)]));
    arm.wait_quiet();
}

/// Each kind of resource, lacking at one hop, is named with exact numbers: what an
/// established session has there counts as such.
pub(crate) fn a_refusal_says_which_hop_lacked_what<A: Arm>() {
    let custom = |mut q: Quality| {
        q.demand.server = demand(&[("cpu", 500), ("gpu", 3), ("memory", 600)]);
        q
    };
    let film = [custom(quality("hd", 4 * MBIT, 500))];
    for (at, resource, wanted) in [
        ("r/b/y", "cpu", 500),
        ("r/b/y", "memory", 600),
        ("r/b/y", "gpu", 3),
        ("r/b/y", "up", 4 * MBIT),
        ("r/b/y", "down", 4 * MBIT / 100),
        ("r/b", "up", 4 * MBIT),
        ("r/a", "down", 4 * MBIT),
        ("r/a", "up", 4 * MBIT / 100),
        ("r/a/x", "down", 4 * MBIT),
    ] {
        // Room for one session and all but one unit of another.
        let capacity = 2 * wanted - 1;
        let setting = with(two_localities(), at, resource, capacity);
        let mut arm = A::set_up(&served_far_away(setting, &film));
        stands(arm.open(&place("r/a/x"), request("film")));
        arm.wait_quiet();
        let refused = arm.open(&place("r/a/x"), request("film")).unwrap_err();
        assert_eq!(refused.refused.len(), 1, "{}", refused.why);
        assert_eq!(refused.refused[0].place, place(at), "{}", refused.why);
        assert_eq!(
            *lack(&refused.refused[0]),
            Lack {
                resource: Resource::new(resource).unwrap(),
                wanted,
                free: wanted - 1,
                capacity,
                established: wanted,
                held_by_others: 0,
            }
        );
        arm.wait_quiet();
        assert_eq!(booked(&mut arm, at).len(), 1);
    }
}

/// A place that has nothing of a resource refuses, and every solution is answered for.
pub(crate) fn a_refusal_answers_for_every_solution<A: Arm>() {
    let film = [
        quality("hd", 4 * MBIT, 500),
        quality("sd", 2 * MBIT, 200),
        quality("ld", MBIT, 100),
    ];
    let setting = two_localities().place("r/b/y", &[("down", MBIT), ("up", 100 * MBIT)]);
    let mut arm = A::set_up(&served_far_away(setting, &film));
    let refused = arm.open(&place("r/a/x"), request("film")).unwrap_err();
    let numbers: Vec<_> = refused.refused.iter().map(|r| r.solution.0).collect();
    assert_eq!(numbers, [1, 2, 3], "{}", refused.why);
    arm.wait_quiet();
    nothing_is_booked(&mut arm);
}

/// A title that nobody holds.
pub(crate) fn an_unknown_title_is_said_to_be_unknown<A: Arm>() {
    let mut arm = A::set_up(&two_localities());
    let refused = arm.open(&place("r/a/x"), request("film")).unwrap_err();
    assert!(refused.why.contains("film"), "{}", refused.why);
    arm.wait_quiet();
}

/// Two clients of different places want the last of what the server has.
pub(crate) fn two_race_for_the_last_unit<A: Arm>() {
    let film = [quality("hd", 4 * MBIT, 500)];
    let setting = with(two_localities(), "r/b/y", "cpu", 999);
    let mut arm = A::set_up(&served_far_away(setting, &film));
    let racers = vec![
        (place("r/a/x"), request("film")),
        (place("r/a/z"), request("film")),
    ];
    let answers = arm.open_all(racers);
    let won = answers.iter().filter(|answer| answer.is_ok()).count();
    assert_eq!(won, 1, "{answers:?}");
    let lost = answers.into_iter().find_map(Result::err).unwrap();
    assert_eq!(lost.refused[0].place, place("r/b/y"));
    assert_eq!(lack(&lost.refused[0]).missing(), 1);
    arm.wait_quiet();
    assert_eq!(booked(&mut arm, "r/b/y").len(), 1);
}

/// Two set-ups hold what the other needs next. One may win, or none; nobody waits.
pub(crate) fn two_that_cross_do_not_wait_for_each_other<A: Arm>() {
    let titled = |title: &str| Presentation {
        title: title.to_owned(),
        ..film(&[quality("hd", 4 * MBIT, 500)])
    };
    let mut setting = two_localities()
        .publish("r/b/y", titled("east"))
        .publish("r/a/x", titled("west"));
    // Each client's edge and each server's edge has room for one of the two.
    for at in ["r/a/x", "r/b/y"] {
        let room = 4 * MBIT + 4 * MBIT / 100 - 1;
        setting = setting.place(at, &[("cpu", 8000), ("down", room), ("up", room)]);
    }
    let mut arm = A::set_up(&setting);
    let crossing = vec![
        (place("r/a/x"), request("east")),
        (place("r/b/y"), request("west")),
    ];
    let answers = arm.open_all(crossing);
    let won = answers.iter().filter(|answer| answer.is_ok()).count();
    assert!(won <= 1, "there is room for one");
    for lost in answers.iter().filter_map(|answer| answer.as_ref().err()) {
        assert_eq!(lost.refused.len(), 1, "{}", lost.why);
        assert!(lack(&lost.refused[0]).missing() > 0);
    }
    arm.wait_quiet();
    assert_eq!(booked(&mut arm, "r").len(), won);
}

/// The same key is the same session; once that is closed it makes a new one.
pub(crate) fn a_key_stands_for_one_session<A: Arm>() {
    let film = [quality("hd", 4 * MBIT, 500)];
    let mut arm = A::set_up(&served_far_away(two_localities(), &film));
    let mut keyed = request("film");
    keyed.key = "mine".to_owned();
    let at = place("r/a/x");
    let twice = vec![(at.clone(), keyed.clone()), (at.clone(), keyed.clone())];
    let sessions: Vec<_> = arm.open_all(twice).into_iter().map(stands).collect();
    assert_eq!(sessions[0].session, sessions[1].session);
    let later = stands(arm.open(&at, keyed.clone()));
    assert_eq!(later.session, sessions[0].session);
    arm.wait_quiet();
    assert_eq!(booked(&mut arm, "r/b/y").len(), 1);
    arm.close(&later);
    arm.wait_quiet();
    let new = stands(arm.open(&at, keyed));
    assert_ne!(new.session, later.session);
    arm.wait_quiet();
}

/// Any place of the path crashes and comes back with its disk: the session that stood
/// is booked again everywhere, or over everywhere. The place serves new sessions then.
pub(crate) fn a_place_that_restarts_agrees_with_its_neighbours<A: Arm>() {
    let film = [quality("hd", 4 * MBIT, 500)];
    for at in ["r/a/x", "r/a", "r", "r/b", "r/b/y"] {
        let mut arm = A::set_up(&served_far_away(two_localities(), &film));
        stands(arm.open(&place("r/a/x"), request("film")));
        arm.wait_quiet();
        arm.crash(&place(at));
        arm.restart(&place(at));
        arm.wait_quiet();
        let left = booked(&mut arm, "r/b/y").len();
        stands(arm.open(&place("r/a/x"), request("film")));
        arm.wait_quiet();
        assert_eq!(booked(&mut arm, "r/b/y").len(), left + 1);
    }
}
