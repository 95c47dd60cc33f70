//! Sessions whose path is cut: how long both sides keep them, what the client's place learns of
//! it, and which session goes on when another one has taken the place of one.

use std::time::Duration;

use waybook_place::io::{EndReason, RequestId};
use waybook_place::{BookingPhase, Place};
use waybook_plan::{Presentation, Reconcile, WhenCut};
use waybook_sim::client::{Knows, Script, request};
use waybook_sim::world::Tell;
use waybook_sim::{Setting, World};

use crate::scenarios::settings::{MBIT, film, place, quality, two_localities, with};
use crate::support::{LIMIT, MS, SECOND};

/// From the client to the server of the better quality.
const PATH: [&str; 5] = ["r/a/x", "r/a", "r", "r/b", "r/b/y"];
/// The hops on the far side of the edge that is cut.
const BEYOND: [&str; 3] = ["r", "r/b", "r/b/y"];

fn served(when_cut: WhenCut) -> Setting {
    let qualities = [quality("hd", 4 * MBIT, 500), quality("sd", MBIT, 200)];
    let film = Presentation {
        when_cut,
        ..film(&qualities)
    };
    with(two_localities(), "r/a/z", "cpu", 300)
        .publish("r/a/z", film.clone())
        .publish("r/b/y", film)
}

fn kept(lost_after: Duration) -> WhenCut {
    WhenCut {
        lost_after: Some(lost_after),
        ..WhenCut::default()
    }
}

fn lease() -> Duration {
    Setting::new().timing.session_lease
}

/// A world in which a client has the better quality from beyond the edge that will be cut.
struct Story {
    world: World,
    first: RequestId,
}

impl Story {
    fn begin(when_cut: WhenCut) -> Self {
        let mut world = World::new(&served(when_cut), 1).unwrap();
        world.run_for(SECOND).unwrap();
        let mut story = Self {
            world,
            first: RequestId(0),
        };
        story.first = story.ask();
        story.quiet();
        assert_eq!(story.quality(story.first), "hd");
        story
    }

    /// The client asks, under the one key that it has.
    fn ask(&mut self) -> RequestId {
        let mut open = request("film");
        open.key = "mine".to_owned();
        open.strategy = Some("best-quality".to_owned());
        let at = place("r/a/x");
        self.world.open(&at, open, Script::STAYS, Duration::ZERO)
    }

    fn cut(&mut self) {
        (self.world).cut(&place("r/a"), &place("r"), &Tell::Both);
    }

    fn heal(&mut self) {
        (self.world).heal(&place("r/a"), &place("r"), &Tell::Both);
    }

    fn pass(&mut self, time: Duration) {
        (self.world).run_for(time).unwrap_or_else(|e| panic!("{e}"));
    }

    fn quiet(&mut self) {
        let quiet = self.world.run_until_quiet(LIMIT * 100);
        quiet.unwrap_or_else(|e| panic!("{e}"));
    }

    fn quality(&self, request: RequestId) -> &str {
        match self.world.knows(request) {
            Knows::Session(session) => &session.quality,
            other => panic!("no session: {other:?}"),
        }
    }

    fn end(&self, request: RequestId) -> &EndReason {
        match self.world.knows(request) {
            Knows::Ended(_, why) => why,
            other => panic!("not over: {other:?}"),
        }
    }

    /// At how many of these places something is booked.
    fn booked(&self, at: &[&str]) -> usize {
        let is_booked = |name: &&&str| {
            let here = self.world.place(&place(name)).into_iter();
            here.flat_map(Place::bookings)
                .any(|b| b.phase == BookingPhase::Established)
        };
        at.iter().filter(is_booked).count()
    }

    /// For how long the client's place has known that a path is cut, by session.
    fn cuts(&self) -> Vec<Option<Duration>> {
        let here = self.world.place(&place("r/a/x")).unwrap();
        let sessions = here.sessions(self.world.now());
        sessions.iter().map(|s| s.hop.cut).collect()
    }
}

/// A session was kept at its client's place for as long as nobody reconnected, although beyond
/// the cut nothing had been left of it for long.
#[test]
fn both_sides_give_up_a_session_that_is_cut_for_the_lease() {
    let mut story = Story::begin(WhenCut::default());
    story.cut();
    story.pass(lease() - SECOND);
    assert_eq!(story.booked(&PATH), 5);
    story.pass(2 * SECOND);
    assert_eq!(story.booked(&PATH), 0);
    let EndReason::Broken(refused) = story.end(story.first) else {
        panic!("{:?}", story.end(story.first))
    };
    assert_eq!(refused[0].place, place("r/a"));
    story.heal();
    story.quiet();
}

/// A cut that was longer than the session lease cost every session over it.
#[test]
fn a_presentation_may_have_its_sessions_kept_for_longer() {
    let mut story = Story::begin(kept(10 * lease()));
    story.cut();
    story.pass(9 * lease());
    assert_eq!(story.booked(&PATH), 5);
    story.heal();
    story.quiet();
    assert_eq!(story.booked(&PATH), 5);
    assert_eq!(story.quality(story.first), "hd");
}

#[test]
fn a_presentation_may_have_its_sessions_kept_for_less() {
    let mut story = Story::begin(kept(lease() / 4));
    story.cut();
    story.pass(lease() / 4 - SECOND);
    assert_eq!(story.booked(&PATH), 5);
    story.pass(2 * SECOND);
    assert_eq!(story.booked(&PATH), 0);
    story.heal();
    story.quiet();
}

#[test]
fn time_is_counted_anew_for_every_cut() {
    let mut story = Story::begin(kept(3 * lease()));
    for _ in 0..4 {
        story.cut();
        story.pass(2 * lease());
        story.heal();
        story.pass(lease());
    }
    assert_eq!(story.booked(&PATH), 5);
    story.quiet();
}

#[test]
fn a_place_that_restarts_keeps_what_is_cut_as_long_as_others_do() {
    let mut story = Story::begin(kept(10 * lease()));
    story.cut();
    story.pass(lease());
    story.world.crash(&place("r"), &Tell::Both);
    story.pass(SECOND);
    story.world.restart(&place("r"), true).unwrap();
    story.pass(8 * lease());
    assert_eq!(story.booked(&PATH), 5);
    story.heal();
    story.quiet();
    assert_eq!(story.quality(story.first), "hd");
}

#[test]
fn the_clients_place_knows_that_a_path_is_cut_far_away() {
    let mut story = Story::begin(kept(10 * lease()));
    assert_eq!(story.cuts(), [None]);
    story.cut();
    story.pass(SECOND);
    let [Some(since)] = story.cuts()[..] else {
        panic!("{:?}", story.cuts())
    };
    assert!(since > 900 * MS);
    // What is said again does not begin anew, and that it is whole is said at once.
    story.pass(5 * lease());
    assert!(story.cuts()[0].is_some_and(|since| since > 5 * lease()));
    story.heal();
    story.pass(SECOND);
    assert_eq!(story.cuts(), [None]);
}

/// If the word that the path is whole again is lost, it is enough that nobody says any more
/// that it is cut.
#[test]
fn a_cut_that_nobody_speaks_of_any_more_is_over() {
    let mut story = Story::begin(kept(10 * lease()));
    story.cut();
    story.pass(SECOND);
    (story.world.network).mute(&place("r/a"), &place("r/a/x"), true);
    story.heal();
    story.pass(SECOND);
    assert!(story.cuts()[0].is_some());
    (story.world.network).mute(&place("r/a"), &place("r/a/x"), false);
    story.pass(lease());
    assert_eq!(story.cuts(), [None]);
    story.quiet();
}

#[test]
fn a_client_that_asks_again_gets_what_there_is_on_its_side() {
    let mut story = Story::begin(kept(10 * lease()));
    story.cut();
    story.pass(60 * SECOND);
    let second = story.ask();
    story.pass(SECOND);
    assert_eq!(story.quality(second), "sd");
    // The first is given up, here at once, and beyond when word of it gets there.
    assert_eq!(story.end(story.first), &EndReason::Replaced);
    assert_eq!(story.booked(&BEYOND), 3);
    story.heal();
    story.quiet();
    assert_eq!(story.booked(&BEYOND), 0);
    assert_eq!(story.quality(second), "sd");
}

fn original() -> WhenCut {
    WhenCut {
        reconcile: Reconcile::Original,
        ..kept(10 * lease())
    }
}

#[test]
fn a_presentation_may_have_the_original_go_on() {
    let mut story = Story::begin(original());
    story.cut();
    story.pass(60 * SECOND);
    let second = story.ask();
    story.pass(60 * SECOND);
    assert_eq!(story.quality(second), "sd");
    assert_eq!(story.quality(story.first), "hd");
    story.heal();
    story.quiet();
    assert_eq!(story.end(second), &EndReason::Reconciled);
    assert_eq!(story.booked(&PATH), 5);
    assert_eq!(story.booked(&["r/a/z"]), 0);
    // And the key stands for it.
    let third = story.ask();
    story.pass(SECOND);
    assert_eq!(story.quality(third), "hd");
}

#[test]
fn an_original_that_is_lost_leaves_the_key_to_what_replaced_it() {
    let mut story = Story::begin(original());
    story.cut();
    story.pass(60 * SECOND);
    let second = story.ask();
    story.pass(10 * lease());
    assert!(matches!(story.end(story.first), EndReason::Broken(_)));
    story.heal();
    story.quiet();
    assert_eq!(story.quality(second), "sd");
    let third = story.ask();
    story.pass(SECOND);
    assert_eq!(story.quality(third), "sd");
}

#[test]
fn a_replacement_that_ends_gives_the_key_back() {
    let mut story = Story::begin(original());
    story.cut();
    story.pass(60 * SECOND);
    let second = story.ask();
    story.pass(SECOND);
    story.world.close_now(second).unwrap();
    story.heal();
    story.quiet();
    let third = story.ask();
    story.pass(SECOND);
    assert_eq!(story.quality(third), "hd");
}

#[test]
fn a_restarted_place_still_knows_which_of_two_is_the_original() {
    let mut story = Story::begin(original());
    story.cut();
    story.pass(60 * SECOND);
    story.ask();
    story.pass(SECOND);
    story.world.crash(&place("r/a/x"), &Tell::Both);
    story.pass(SECOND);
    story.world.restart(&place("r/a/x"), true).unwrap();
    story.pass(SECOND);
    assert_eq!(story.cuts().len(), 2);
    story.heal();
    story.quiet();
    assert_eq!(story.cuts(), [None]);
    let third = story.ask();
    story.pass(SECOND);
    assert_eq!(story.quality(third), "hd");
}

#[test]
fn where_nothing_can_replace_it_the_client_is_given_what_is_cut() {
    let mut story = Story::begin(kept(10 * lease()));
    story.world.crash(&place("r/a/z"), &Tell::Both);
    story.cut();
    story.pass(60 * SECOND);
    let second = story.ask();
    story.pass(60 * SECOND);
    assert_eq!(story.quality(second), "hd");
    story.heal();
    story.world.restart(&place("r/a/z"), true).unwrap();
    story.quiet();
    assert_eq!(story.booked(&PATH), 5);
}

/// At every step of setting up what is to take its place, the path becomes whole again.
#[test]
fn a_path_may_be_whole_again_before_anything_has_replaced_it() {
    for when_cut in [kept(10 * lease()), original()] {
        for steps in 0..60 {
            let mut story = Story::begin(when_cut);
            story.cut();
            story.pass(60 * SECOND);
            let second = story.ask();
            for _ in 0..steps {
                story.world.step().unwrap_or_else(|e| panic!("{e}"));
            }
            story.heal();
            story.quiet();
            let ended = matches!(story.world.knows(second), Knows::Ended(..));
            let first_ended = matches!(story.world.knows(story.first), Knows::Ended(..));
            assert!(!(ended && first_ended), "both are over after {steps} steps");
            let third = story.ask();
            story.pass(SECOND);
            let expected = if first_ended { "sd" } else { "hd" };
            assert_eq!(story.quality(third), expected, "after {steps} steps");
        }
    }
}

/// A moment without a connection, as when a place restarts, replaces nothing.
#[test]
fn a_client_that_asks_again_at_once_gets_the_same_session() {
    let mut story = Story::begin(kept(10 * lease()));
    story.cut();
    story.pass(SECOND);
    let second = story.ask();
    story.pass(SECOND);
    assert_eq!(story.quality(second), "hd");
    story.heal();
    story.quiet();
    assert_eq!(story.booked(&PATH), 5);
}
