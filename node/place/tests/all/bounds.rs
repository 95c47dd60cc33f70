//! What a neighbour tells is bounded: one that lies without end takes up its share, is known for
//! it, and leaves room for the others.

use std::sync::Arc;
use std::time::Duration;

use waybook_agents::{
    Download, DownloadId, DownloadStrategy, Edition, Envelope, Feed, Holding, Incarnation,
    IndexEntry, Message, PlaceSummary, SessionId, Withheld,
};
use waybook_place::io::{EndReason, Input, OpenRequest, Outcome, Output, RecordKey, RequestId};
use waybook_place::{Config, Limits, NeighbourView};
use waybook_plan::{Load, Presentation, SolutionNumber};

use crate::code::{release, runs};
use crate::neighbours::{Letter, Neighbours, config, name};

const NOTE: &str = "title = \"note\"\n[[quality]]\nname = \"only\"\n[quality.demand.server]\n\
                    cpu = \"1m\"\n";

/// A root with two children, and these limits.
fn three(limits: impl FnOnce(&mut Limits)) -> Neighbours {
    let mut root = runs("r");
    limits(&mut root.limits);
    Neighbours::join(vec![root, runs("r/a"), runs("r/b")])
}

fn say(all: &mut Neighbours, from: &str, to: &str, message: Message) {
    let envelope = Envelope {
        from: Incarnation(1),
        to: Incarnation(1),
        message,
    };
    let (from, to) = (name(from), name(to));
    all.give(Letter { from, to, envelope });
    all.settle();
}

/// What the root has counted of a neighbour.
fn seen(all: &Neighbours, neighbour: &str) -> NeighbourView {
    let views = all.places[&name("r")].neighbours();
    views
        .into_iter()
        .find(|v| v.place == name(neighbour))
        .unwrap()
}

fn titled(title: &str) -> Presentation {
    Presentation::from_toml(&NOTE.replace("note", title)).unwrap()
}

fn index(server: &str, titles: std::ops::Range<u32>, withdrawn: std::ops::Range<u32>) -> Message {
    let edition = Edition(Incarnation(1), 1);
    let entry = |number| IndexEntry {
        server: name(server),
        edition,
        presentation: Arc::new(titled(&format!("of {number}"))),
    };
    let gone = |number| (format!("of {number}"), name(server), edition);
    Message::Index {
        complete: false,
        entries: titles.map(entry).collect(),
        withdrawn: withdrawn.map(gone).collect(),
    }
}

/// Nine of ten entries were one child's, and no other's film was known any more.
#[test]
fn a_child_has_its_share_of_the_index() {
    let mut all = three(|limits| limits.index = 10);
    say(&mut all, "r/a", "r", index("r/a", 0..9, 0..0));
    let known = |all: &Neighbours| all.places[&name("r")].presentations().count();
    assert_eq!(known(&all), 5);
    let blame = seen(&all, "r/a").refusals;
    assert_eq!((blame.limited, blame.refused), (4, 0));
    all.publish("r/b", NOTE);
    all.publish("r", NOTE);
    assert_eq!(known(&all), 7);
    assert_eq!(seen(&all, "r/b").refusals.limited, 0);
    // What is there may have a new edition; what goes makes room.
    say(&mut all, "r/a", "r", index("r/a", 20..29, 0..2));
    assert_eq!((known(&all), seen(&all, "r/a").refusals.limited), (7, 11));
    // With the child all of it goes, and its share is free.
    all.cut("r/a", "r");
    all.pass(Duration::from_secs(60));
    assert_eq!(known(&all), 2);
    all.reconnect("r/a");
    say(&mut all, "r/a", "r", index("r/a", 0..9, 0..0));
    assert_eq!(known(&all), 7);
}

#[test]
fn a_child_has_its_share_of_the_index_of_code() {
    let mut all = three(|limits| limits.holdings = 16);
    let held = |place: &str, number: u32, added| Holding {
        place: name(place),
        edition: Edition(Incarnation(1), 9),
        release: Arc::new(release(&format!("cap@1.0.{number}"), "r/a")),
        added,
    };
    let told = |held| Message::Holdings {
        complete: false,
        held,
        dropped: Vec::new(),
    };
    let copies = (0..10).map(|number| held("r/a", number, false));
    say(&mut all, "r/a", "r", told(copies.collect()));
    // Of its eight, a quarter is for what is added.
    assert_eq!(all.places[&name("r")].holdings().len(), 6);
    let added = (20..30).map(|number| held("r/a", number, true));
    say(&mut all, "r/a", "r", told(added.collect()));
    assert_eq!(all.places[&name("r")].holdings().len(), 8);
    assert_eq!(seen(&all, "r/a").refusals.limited, 4 + 8);
    all.add(&release("dog@1.0.0", "r/b"));
    assert_eq!(all.places[&name("r")].holdings().len(), 9);
}

#[test]
fn a_child_has_its_share_of_what_is_known_of_places() {
    let mut all = three(|limits| limits.summaries = 8);
    let summary = |number| PlaceSummary {
        place: name(&format!("r/a/p{number}")),
        edition: Edition(Incarnation(1), 0),
        age: Duration::ZERO,
        load: Load(0),
        resources: Vec::new(),
        sessions: 0,
        withheld: Withheld::NOTHING,
    };
    let told = |places: std::ops::Range<u32>, gone: std::ops::Range<u32>| Message::Summaries {
        places: places.map(summary).collect(),
        gone: gone.map(|n| name(&format!("r/a/p{n}"))).collect(),
    };
    // It has told of itself already.
    all.pass(Duration::from_secs(5));
    let known = |all: &Neighbours| all.places[&name("r")].summaries(all.now).len();
    assert_eq!(known(&all), 3);
    say(&mut all, "r/a", "r", told(0..9, 0..0));
    assert_eq!((known(&all), seen(&all, "r/a").refusals.limited), (6, 6));
    say(&mut all, "r/a", "r", told(20..29, 0..2));
    assert_eq!((known(&all), seen(&all, "r/a").refusals.limited), (6, 13));
}

/// A refresh, a confirmation or a word of a cut from who has nothing to do with a session was
/// of no effect, and of no consequence either.
#[test]
fn who_speaks_of_others_sessions_is_counted() {
    let mut all = three(|_| {});
    all.publish("r", NOTE);
    let request = all.open("r/b", "note");
    all.settle();
    let Some(Outcome::Established(established)) = all.outcome(request) else {
        panic!("{:?}", all.outcome(request))
    };
    let feed = Feed {
        session: established.session,
        number: SolutionNumber(1),
    };
    let none = Feed {
        session: SessionId(1),
        number: SolutionNumber(1),
    };
    let session = established.session;
    all.put(&name("r/b"), Input::Claim { session });
    let before = all.bookings();
    for (wanted, message) in [
        (1, Message::Confirm(feed)),
        (
            2,
            Message::Refresh {
                setups: vec![feed],
                established: vec![feed],
            },
        ),
        (
            1,
            Message::Cut {
                sessions: vec![feed],
                cut: true,
            },
        ),
        // Nobody has it: that may be old news.
        (0, Message::Confirm(none)),
    ] {
        let refused = seen(&all, "r/a").refusals.refused;
        say(&mut all, "r/a", "r", message.clone());
        let now = seen(&all, "r/a").refusals.refused;
        assert_eq!(now - refused, wanted, "{message:?}");
    }
    assert_eq!(all.bookings(), before);
    all.pass(Duration::from_secs(300));
    assert_eq!(seen(&all, "r/b").refusals, Default::default());
    assert_eq!(all.bookings(), before);
}

/// Each neighbour answers for what it has sent itself, over all its connections.
#[test]
fn what_is_refused_is_put_down_to_whom_it_is_from() {
    let mut all = three(|_| {});
    let lie = || index("r/b", 0..3, 0..0);
    say(&mut all, "r/a", "r", lie());
    all.cut("r/a", "r");
    assert!(!seen(&all, "r/a").up);
    all.reconnect("r/a");
    say(&mut all, "r/a", "r", lie());
    let view = seen(&all, "r/a");
    assert!(view.up);
    assert_eq!((view.refusals.refused, view.refusals.fenced), (6, 0));
    assert_eq!(seen(&all, "r/b").refusals, Default::default());
    assert_eq!(all.places[&name("r")].counters().refused_messages, 6);
}

/// Agents of as many places as a neighbour thinks of took up all downloads.
#[test]
fn a_neighbour_has_its_share_of_the_downloads() {
    let mut all = three(|limits| limits.downloads = 1);
    let agent = |number: u64| {
        let id = DownloadId {
            origin: name(&format!("r/a/p{number}")),
            life: Incarnation(1),
            number: 1,
        };
        let code = Arc::new(release(&format!("cap@1.0.{number}"), "r/b"));
        let strategy = DownloadStrategy::DefaultPlace;
        let mut agent = Download::new(id, code, strategy, [].into(), Duration::from_secs(10));
        agent.trail = vec![name("r/a")];
        agent
    };
    // With that strategy they wait at their default place, so they come from there only by a lie
    // or by code that the default place looks for itself.
    let own = |number: u64| {
        let mut own = agent(number);
        own.id.origin = name("r/a");
        own.id.number = number;
        own.trail = Vec::new();
        own
    };
    for number in 0..20 {
        say(&mut all, "r/a", "r", Message::Download(own(number)));
        say(&mut all, "r/a", "r", Message::Download(agent(number)));
    }
    assert!(all.places[&name("r")].code().len() <= 4);
    assert!(seen(&all, "r/a").refusals.limited >= 16);
    // The other child's is let in.
    let before = all.places[&name("r")].code().len();
    let mut honest = own(99);
    honest.id.origin = name("r/b");
    say(&mut all, "r/b", "r", Message::Download(honest));
    assert_eq!(all.places[&name("r")].code().len(), before + 1);
}

/// Children that came once stayed for ever, in memory and on disk.
#[test]
fn children_that_are_gone_are_remembered_to_a_bound() {
    let mut all = three(|limits| limits.children = 2);
    all.publish("r", NOTE);
    let request = all.open("r/b", "note");
    all.settle();
    assert!(matches!(
        all.outcome(request),
        Some(Outcome::Established(_))
    ));
    let link = |all: &mut Neighbours, child: &str| {
        let up = Input::LinkUp {
            neighbour: name(child),
            incarnation: Incarnation(1),
            version: waybook_agents::wire::VERSION,
        };
        all.put(&name("r"), up);
    };
    let down = |all: &mut Neighbours, child: &str| {
        let neighbour = name(child);
        all.put(&name("r"), Input::LinkDown { neighbour });
    };
    all.cut("r/a", "r");
    all.cut("r/b", "r");
    for number in 0..9 {
        let child = format!("r/c{number}");
        link(&mut all, &child);
        let envelope = Envelope {
            from: Incarnation(1),
            to: Incarnation(1),
            message: index(&child, 0..1, 0..0),
        };
        let from = name(&child);
        all.put(&name("r"), Input::Received { from, envelope });
        // There is nobody to take an answer.
        all.letters.clear();
        down(&mut all, &child);
    }
    let known = all.places[&name("r")].neighbours();
    assert_eq!(known.len(), 4, "{known:?}");
    // Something leads through that one.
    assert!(known.iter().any(|v| v.place == name("r/b")));
    let records = &all.records[&name("r")];
    let children = records.keys().filter(|k| matches!(k, RecordKey::Child(_)));
    assert_eq!(children.count(), 4);
    assert_eq!(all.places[&name("r")].presentations().count(), 1 + 3);
    // A next life knows no more.
    let mut root = runs("r");
    root.limits.children = 2;
    all.restart(root);
    for number in 20..29 {
        let child = format!("r/c{number}");
        link(&mut all, &child);
        down(&mut all, &child);
    }
    let known = all.places[&name("r")].neighbours();
    assert_eq!(known.len(), 4, "{known:?}");
}

fn lasting(root: &Config) -> Neighbours {
    let mut all = Neighbours::join(vec![root.clone()]);
    all.publish("r", NOTE);
    let open = OpenRequest {
        request: RequestId(1),
        idle: Some(Duration::from_secs(10_000)),
        longest: Some(Duration::from_secs(100)),
        ..OpenRequest::new("key", "note")
    };
    all.put(&name("r"), Input::Open(open));
    all.settle();
    all
}

/// A session's greatest duration began anew with every life of its place.
#[test]
fn a_greatest_duration_counts_through_a_restart() {
    let root = config("r", 1000);
    for away in [None, Some(30), Some(99), Some(500)] {
        let mut all = lasting(&root);
        let sessions = all.places[&name("r")].sessions(all.now);
        let session = sessions[0].hop.session;
        all.put(&name("r"), Input::Claim { session });
        all.pass(Duration::from_secs(20));
        all.restart(root.clone());
        if let Some(away) = away {
            let away = Duration::from_secs(away);
            all.put(&name("r"), Input::Away { session, away });
        }
        let left = away.map_or(100, |away: u64| 100_u64.saturating_sub(away));
        let ended = |all: &Neighbours| {
            all.done.iter().any(|(_, output)| {
                matches!(output, Output::Ended { session: s, why: EndReason::Expired } if *s == session)
            })
        };
        if left > 0 {
            all.pass(Duration::from_secs(left) - Duration::from_millis(1));
            assert!(!ended(&all), "{away:?}");
        }
        all.pass(Duration::from_millis(2));
        assert!(ended(&all), "{away:?}");
    }
}
