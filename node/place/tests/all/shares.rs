//! No neighbour and no user may take all the room that a place has.

use waybook_place::io::{Established, Input, Outcome, RequestId};
use waybook_place::{Config, Limits};

use crate::neighbours::{Neighbours, config, name};

const SMALL: &str = r#"
title = "note"
[[quality]]
name = "only"
[quality.demand.server]
cpu = "1m"
"#;

/// A root with room for six sessions.
fn root(neighbour_share: u8, user_share: u8) -> Config {
    let limits = Limits {
        sessions: 6,
        neighbour_share,
        user_share,
        ..Limits::default()
    };
    Config {
        limits,
        ..config("r", 1000)
    }
}

/// It has two leaves with clients, and a server's place.
fn crowded(neighbour_share: u8, user_share: u8) -> Neighbours {
    let root = root(neighbour_share, user_share);
    let leaves = ["r/a", "r/b", "r/m"].map(|leaf| config(leaf, 1000));
    let mut all = Neighbours::join([root].into_iter().chain(leaves).collect());
    all.publish("r/m", SMALL);
    all
}

fn ask(all: &mut Neighbours, at: &str, user: &str) -> RequestId {
    let request = all.open_as(at, "note", user);
    all.settle();
    request
}

fn established(all: &Neighbours, request: RequestId) -> Option<&Established> {
    match all.outcome(request) {
        Some(Outcome::Established(established)) => Some(established),
        _ => None,
    }
}

/// Six sessions from one leaf kept everybody else out.
#[test]
fn a_neighbour_may_fill_its_share_and_no_more() {
    let mut all = crowded(50, 100);
    let mine: Vec<_> = (0..3).map(|_| ask(&mut all, "r/a", "anna")).collect();
    let fourth = ask(&mut all, "r/a", "anna");
    let Some(Outcome::Refused { refused, .. }) = all.outcome(fourth) else {
        panic!("{:?}", all.outcome(fourth))
    };
    let said: Vec<_> = refused.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        ["solution 1 at r: limit `neighbour-share of sessions` = 3 is reached"]
    );
    // There is room for others, and what was there goes on.
    let other = ask(&mut all, "r/b", "anna");
    assert!(established(&all, other).is_some());
    let first = established(&all, mine[0]).unwrap().session;
    assert!(mine.iter().all(|m| established(&all, *m).is_some()));

    all.put(&name("r/a"), Input::Close { session: first });
    all.settle();
    let fifth = ask(&mut all, "r/a", "anna");
    assert!(established(&all, fifth).is_some());
}

/// A share counts what a restarted place has found again.
#[test]
fn a_share_is_counted_after_a_restart_too() {
    let mut all = crowded(50, 50);
    for _ in 0..2 {
        ask(&mut all, "r/a", "anna");
    }
    for _ in 0..2 {
        ask(&mut all, "r", "anna");
    }
    all.restart(root(50, 50));
    all.reconnect("r");
    let third = ask(&mut all, "r/a", "anna");
    let outcome = all.outcome(third);
    assert!(established(&all, third).is_some(), "{outcome:?}");
    let fourth = ask(&mut all, "r/a", "anna");
    assert!(established(&all, fourth).is_none());
    let third = ask(&mut all, "r", "anna");
    assert!(established(&all, third).is_some());
    let fourth = ask(&mut all, "r", "anna");
    assert!(matches!(
        all.outcome(fourth),
        Some(Outcome::Rejected { .. })
    ));
}

#[test]
fn a_user_may_fill_their_share_and_no_more() {
    let mut all = crowded(100, 50);
    let mine: Vec<_> = (0..3).map(|_| ask(&mut all, "r", "anna")).collect();
    let fourth = ask(&mut all, "r", "anna");
    let Some(Outcome::Rejected { why }) = all.outcome(fourth) else {
        panic!("{:?}", all.outcome(fourth))
    };
    assert_eq!(
        why,
        "limit `user-share` = 50 % of `sessions` = 3 is reached by user `anna`"
    );
    let other = ask(&mut all, "r", "ben");
    assert!(established(&all, other).is_some());

    let first = established(&all, mine[0]).unwrap().session;
    all.put(&name("r"), Input::Close { session: first });
    all.settle();
    let fifth = ask(&mut all, "r", "anna");
    assert!(established(&all, fifth).is_some());
}

/// Set-ups that come to nothing leave nothing of a share.
#[test]
fn what_is_refused_counts_no_longer() {
    let mut all = crowded(50, 50);
    for _ in 0..20 {
        let request = all.open_as("r/a", "nothing", "anna");
        all.settle();
        assert!(matches!(all.outcome(request), Some(Outcome::NoPlan(_))));
    }
    // The server has cpu for none of these.
    all.publish("r/b", &SMALL.replace("note", "book").replace("1m", "2000m"));
    for _ in 0..20 {
        for at in ["r", "r/a"] {
            let request = all.open_as(at, "book", "anna");
            all.settle();
            let refused = matches!(all.outcome(request), Some(Outcome::Refused { .. }));
            assert!(refused, "{:?}", all.outcome(request));
        }
    }
    for at in ["r", "r/a"] {
        let request = ask(&mut all, at, "anna");
        assert!(established(&all, request).is_some(), "{at}");
    }
}
