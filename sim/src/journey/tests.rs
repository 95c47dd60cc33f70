//! What is taken down of runs, and that taking it down changes nothing.

use std::collections::BTreeMap;
use std::mem::discriminant;
use std::time::Duration;

use waybook_location_tree::PlaceName;

use super::record::record_into;
use super::{
    Limits, Recording, Step, Unrecorded, Unshowable, Wanted, Watch, What, animation, drawing,
    record,
};
use crate::World;
use crate::client::{Script, request};
use crate::results::{Fate, Rows, SessionRow};
use crate::run::execute;
use crate::scenario::Scenario;

const STAR: &str = include_str!("../../../configs/simulations/star.toml");

/// The shipped scenario, cut short, with some of its words replaced.
fn star(changes: &[(&str, &str)]) -> Scenario {
    let mut text = STAR
        .replace("\"3 h\"", "\"1 h\"")
        .replace("\"30 min\"", "\"10 min\"");
    for (from, to) in changes {
        assert!(text.contains(from), "{from} is not in the scenario");
        text = text.replace(from, to);
    }
    Scenario::from_toml(&text).unwrap_or_else(|e| panic!("{e}"))
}

fn none(name: &str) -> Result<String, String> {
    Err(format!("there is no {name}"))
}

fn try_record(scenario: &Scenario, wanted: Wanted) -> Result<Recording, Unrecorded> {
    record(scenario, 1, &mut none, wanted, Limits::default(), |_| {})
}

fn session(scenario: &Scenario, number: u64) -> Recording {
    try_record(scenario, Wanted::Session(number)).unwrap_or_else(|e| panic!("{number}: {e}"))
}

fn rows(scenario: &Scenario) -> Vec<SessionRow> {
    let mut kept = Rows::default();
    execute(scenario, 1, &mut none, &mut kept, |_| {}).unwrap_or_else(|e| panic!("{e}"));
    kept.sessions
}

/// The sessions of a run that are wanted, each with its recording.
fn sessions(scenario: &Scenario, of: impl Fn(&SessionRow) -> bool) -> Vec<Recording> {
    let rows = rows(scenario);
    let numbers = rows.iter().filter(|row| of(row)).map(|row| row.session);
    let all: Vec<_> = numbers.map(|number| session(scenario, number)).collect();
    assert!(!all.is_empty(), "there is none of them");
    all
}

fn said(recording: &Recording) -> Vec<String> {
    let steps = recording.steps.iter();
    steps
        .map(|step| format!("{} {}", step.place, step.says()))
        .collect()
}

fn position(steps: &[Step], of: impl Fn(&Step) -> bool) -> usize {
    let found = steps.iter().position(of);
    found.unwrap_or_else(|| panic!("there is no such step: {steps:#?}"))
}

/// Every place gets the same inputs and does the same, bit by bit, whether somebody follows its
/// sessions or not.
#[test]
fn who_follows_changes_nothing() {
    let scenario = star(&[]);
    let digest = |follows: bool| {
        let layout = scenario.layout(1, &mut none).unwrap();
        let mut world = World::new(&layout.setting, 1).unwrap();
        world.run_for(Duration::from_secs(10)).unwrap();
        if follows {
            let watch = Watch::new(None, world.now(), 10_000);
            world.watch = Some(Box::new(watch));
            world.watch.as_mut().unwrap().turn(true);
        }
        let leaves = ["root/0", "root/1", "root/2", "root/3"].map(|n| PlaceName::new(n).unwrap());
        for (number, leaf) in leaves.iter().cycle().take(24).enumerate() {
            let after = Duration::from_secs(number as u64);
            let script = Script::closes(Duration::from_secs(60));
            world.open(leaf, request("film"), script, after);
        }
        world.run_for(Duration::from_secs(120)).unwrap();
        if let Some(watch) = world.watch.take() {
            assert!(watch.steps().len() > 500, "nobody looked");
        }
        (world.transcript().digest(), world.transcript().count())
    };
    assert_eq!(digest(false), digest(true));

    // And a whole run comes to the same rows.
    let mut seen = Vec::new();
    let whole = Wanted::Between(Duration::ZERO, scenario.run.duration.0);
    let mut look = |row: &SessionRow| seen.push(row.clone());
    let limits = Limits::default();
    record_into(&scenario, 1, &mut none, whole, limits, |_| {}, &mut look).unwrap();
    assert!(seen.len() > 50);
    assert_eq!(seen, rows(&scenario)[..seen.len()]);
}

#[test]
fn a_refused_session_is_told_hop_by_hop() {
    let scenario = star(&[]);
    let rows = rows(&scenario);
    let row = rows.iter().find(|row| row.fate == Fate::Refused).unwrap();
    let recording = session(&scenario, row.session);
    assert_eq!(recording.row.as_ref(), Some(row));
    let place = &row.place;
    let lacks = |number, wanted, lacks| {
        format!(
            "root refuses solution {number}: cpu lacks {lacks}m: {wanted}m wanted, 50m free of 4 \
             (3.95 established, 0m held by other set-ups)"
        )
    };
    let told = [
        format!("{place} the user asks for `film`"),
        format!("{place} to root: who serves `film`?"),
        format!("root from {place}: who serves `film`?"),
        format!("root to {place}: served by root"),
        format!("{place} from root: served by root"),
        format!("{place} plans 1 high: {place} → root; 2 low: {place} → root"),
        format!("{place} holds down 6 Mbit/s for solution 1 (high)"),
        format!("{place} to root: plan visitor with solution 1, and one more to try"),
        format!("root from {place}: plan visitor with solution 1, and one more to try"),
        lacks(1, 250, 200),
        lacks(2, 100, 50),
        format!("root to {place}: refused; nothing is left to try"),
        format!("{place} from root: refused; nothing is left to try"),
        format!("{place} gives back down 6 Mbit/s"),
        format!("{place} the user is refused: all 2 solutions were"),
    ];
    assert_eq!(said(&recording), told);
    let label = place.rsplit('/').next().unwrap();
    let drawn = format!(
        "root  × server; refused solutions 1, 2\n\
         └─ {label}  ○ client; held down 6 Mbit/s for a while\n"
    );
    assert_eq!(drawing(&recording), drawn);
    // What is held is seen to be held, and then no longer.
    let down = recording
        .levels
        .iter()
        .filter(|l| l.place.as_str() == *place);
    let held: Vec<_> = down
        .filter(|l| l.resource.as_str() == "down")
        .map(|l| l.held)
        .collect();
    assert_eq!(held, [0, 6_000_000, 0]);
}

#[test]
fn an_established_session_is_told_to_its_end() {
    let scenario = star(&[]);
    for recording in sessions(&scenario, |row| row.session % 16 == 4) {
        let row = recording.row.as_ref().unwrap();
        if row.fate != Fate::Established {
            continue;
        }
        let steps = &recording.steps;
        let answered = position(steps, |s| matches!(s.what, What::Answered { .. }));
        assert!((steps[answered].at.as_secs_f64() - row.asked - row.setup.unwrap()).abs() < 1e-9);
        let established = |place: &str| {
            position(steps, |s| {
                s.place.as_str() == place && matches!(s.what, What::Establishes { .. })
            })
        };
        assert!(
            established(&row.place) < established("root"),
            "the client's place is first"
        );
        let over = |s: &Step| matches!(s.what, What::Ends { .. });
        let gone = steps
            .iter()
            .filter(|s| matches!(s.what, What::GivesBack { .. }));
        match row.end.unwrap().word() {
            "standing" => assert_eq!(
                (steps.iter().filter(|s| over(s)).count(), gone.count()),
                (0, 0)
            ),
            _ => assert_eq!(
                (steps.iter().filter(|s| over(s)).count(), gone.count()),
                (1, 2)
            ),
        }
        // Refreshes are counted, and are no steps.
        if row.stood.unwrap() > 300.0 {
            assert!(recording.routine > 10);
        }
    }
}

/// The client's place has no room for the best quality and takes the next one.
#[test]
fn a_place_that_falls_back_says_what_it_refused() {
    let scenario = star(&[]);
    let second = |row: &SessionRow| row.solution == Some(2);
    for recording in sessions(&scenario, second) {
        let steps = &recording.steps;
        let refused = position(steps, |s| {
            matches!(s.what, What::Refuses { solution: 1, .. })
        });
        let held = position(steps, |s| {
            s.place == steps[refused].place
                && match &s.what {
                    What::Holds { solution, .. } | What::FallsBack { solution, .. } => {
                        *solution == 2
                    }
                    _ => false,
                }
        });
        assert!(refused < held);
        assert_eq!(steps[refused].at, steps[held].at);
        let place = steps[refused].place.as_str();
        assert_eq!(Some(place), recording.row.unwrap().refused_at.as_deref());
    }
}

/// The second solution needs more of the client's place than the first one held there.
#[test]
fn tracing_back_is_seen_at_both_ends() {
    let scenario = star(&[
        (
            "to-client = \"6 Mbit/s\" }, server = { cpu = \"250m\" }",
            "to-client = \"1 Mbit/s\" }, server = { cpu = \"3\" }",
        ),
        (
            "to-client = \"1 Mbit/s\" }, server = { cpu = \"100m\" }",
            "to-client = \"6 Mbit/s\" }, server = { cpu = \"100m\" }",
        ),
    ]);
    let second = |row: &SessionRow| row.solution == Some(2) && row.session < 20;
    for recording in sessions(&scenario, second) {
        let steps = &recording.steps;
        let refused = position(steps, |s| {
            s.place.as_str() == "root" && matches!(s.what, What::Refuses { solution: 1, .. })
        });
        let back = position(steps, |s| match &s.what {
            What::Receives { message, .. } => {
                message.says == "refused; traces back, solution 2 is next"
            }
            _ => false,
        });
        let falls = position(steps, |s| {
            matches!(
                s.what,
                What::FallsBack {
                    from: 1,
                    solution: 2,
                    ..
                }
            )
        });
        assert!(refused < back && back < falls, "{:#?}", said(&recording));
        assert_eq!(steps[back].place, steps[falls].place);
    }
}

/// What is lost is never read, and everything else is read when it arrives or later.
#[test]
fn messages_are_lost_doubled_and_read() {
    let scenario = star(&[(
        "latency = \"5 ms\"",
        "latency = \"5 ms\"\nloss = 0.2\nduplicate = 0.1",
    )]);
    let (mut lost, mut twice, mut late) = (0, 0, 0);
    for recording in sessions(&scenario, |row| row.session <= 40) {
        for step in &recording.steps {
            match &step.what {
                What::Sends {
                    arrives: None,
                    received,
                    ..
                } => {
                    lost += 1;
                    assert_eq!(*received, None);
                    assert!(step.says().ends_with("(lost on the way)"));
                }
                What::Sends {
                    arrives: Some(arrives),
                    again,
                    received,
                    ..
                } => {
                    twice += usize::from(again.is_some());
                    assert!(received.unwrap() >= *arrives, "{}", step.says());
                }
                What::Receives { late: true, .. } => late += 1,
                _ => {}
            }
        }
    }
    assert!(lost > 20 && twice > 10 && late > 5, "{lost} {twice} {late}");
}

#[test]
fn a_session_that_nobody_can_refresh_lapses() {
    let fault = "[[fault]]\nplace = \"root/1\"\nat = \"20 min\"\nlasts = \"30 min\"\npartition = \"both\"\n\n[edges]";
    let scenario = star(&[("[edges]", fault)]);
    let cut = |row: &SessionRow| {
        let stands = row.stood.is_some_and(|stood| row.asked + stood > 1260.0);
        row.place == "root/1" && row.asked < 1200.0 && stands
    };
    let lapsed = sessions(&scenario, cut);
    let lapse = |s: &Step| {
        s.place.as_str() == "root" && matches!(s.what, What::GivesBack { lapsed: true, .. })
    };
    for recording in lapsed {
        let at = recording.steps[position(&recording.steps, lapse)].at;
        assert!((1200..1500).contains(&at.as_secs()), "{at:?}");
    }
}

#[test]
fn a_crash_and_what_the_disk_kept_are_told() {
    let fault = "[[fault]]\nplace = \"root/1\"\nat = \"20 min\"\nlasts = \"2 s\"\ncrash = \"keep-disk\"\n\n[edges]";
    let scenario = star(&[("[edges]", fault)]);
    let over = |row: &SessionRow| {
        let stands = row.stood.is_some_and(|stood| row.asked + stood > 1260.0);
        row.place == "root/1" && row.asked < 1199.0 && stands
    };
    for recording in sessions(&scenario, over) {
        let steps = &recording.steps;
        let crash = position(steps, |s| s.what == What::Crashes);
        let restart = position(steps, |s| s.what == What::Restarts);
        let found = position(steps, |s| matches!(s.what, What::Restores { .. }));
        let lost = position(steps, |s| matches!(s.what, What::LosesNeighbour { .. }));
        assert!(crash < lost && lost < restart && restart < found);
        assert_eq!(steps[lost].place.as_str(), "root");
    }
}

/// The first session at a place waits for code, and a later one finds it there.
#[test]
fn downloads_are_part_of_the_journey() {
    let code = "[[release]]\nname = \"cap\"\nversion = \"1.0.0\"\nsize = \"1 MiB\"\nat = \"root\"\n\n[[users]]";
    let component = "name = \"high\"\ncomponent = [{ name = \"cap@^1\", runtime = \"wasm\", at = \"client\" }]\n";
    let scenario = star(&[
        ("[[users]]", code),
        ("name = \"high\"\n", component),
        ("[edges]", "[edges]\nbandwidth = \"100 Mbit/s\""),
    ]);
    let first = session(&scenario, 1);
    let steps = &first.steps;
    let waits = position(steps, |s| {
        matches!(
            s.what,
            What::AwaitsCode {
                bytes: 1_048_576,
                ..
            }
        )
    });
    let agent = position(steps, |s| match &s.what {
        What::Receives { message, .. } => message.kind == "download",
        _ => false,
    });
    let fetches = position(steps, |s| matches!(s.what, What::Fetches { .. }));
    let fetched = position(steps, |s| matches!(s.what, What::Fetched { .. }));
    let starts = position(steps, |s| matches!(s.what, What::Starts { .. }));
    let answers = position(steps, |s| matches!(s.what, What::Answers { .. }));
    let order = [waits, agent, fetches, fetched, starts, answers];
    assert!(order.is_sorted(), "{:#?}", said(&first));
    // A mebibyte at 100 Mbit/s.
    let took = steps[fetched].at - steps[fetches].at;
    assert!(took > Duration::from_millis(80), "{took:?}");
}

/// All that a session does within a time is in what is recorded of the time, and the other way
/// round.
#[test]
fn a_stretch_of_time_has_the_steps_of_its_sessions() {
    let scenario = star(&[]);
    let (from, until) = (Duration::from_secs(2200), Duration::from_secs(2320));
    let all = try_record(&scenario, Wanted::Between(from, until)).unwrap();
    let mut by_session: BTreeMap<u64, Vec<&Step>> = BTreeMap::new();
    for step in &all.steps {
        assert!((from..=until).contains(&step.at));
        by_session.entry(step.session).or_default().push(step);
    }
    assert!(by_session.len() > 3);
    for (number, seen) in by_session {
        let alone = session(&scenario, number);
        let within = alone
            .steps
            .iter()
            .filter(|s| (from..=until).contains(&s.at));
        let what = |step: &Step| (step.at, step.place.clone(), discriminant(&step.what));
        let within: Vec<_> = within.map(what).collect();
        let seen: Vec<_> = seen.into_iter().map(what).collect();
        assert_eq!(seen, within, "session {number}");
    }
    // So do the agents that are there already.
    let at_root = all.present.iter().filter(|(at, ..)| at.as_str() == "root");
    let standing = rows(&scenario).into_iter().filter(|row| {
        let since = row.asked + row.setup.unwrap_or(0.0);
        row.stood
            .is_some_and(|stood| since < 2200.0 && since + stood > 2200.0)
    });
    let mut standing: Vec<_> = standing.map(|row| row.session).collect();
    let mut at_root: Vec<_> = at_root.map(|(_, session, _)| *session).collect();
    standing.sort_unstable();
    at_root.sort_unstable();
    assert!(
        at_root.len() > 5 && at_root == standing,
        "{at_root:?} {standing:?}"
    );
    // The bookings begin as they were: nobody starts from an empty place.
    let cpu = all
        .levels
        .iter()
        .find(|l| l.place.as_str() == "root" && l.resource.as_str() == "cpu");
    assert!(cpu.unwrap().established > 1000);
}

#[test]
fn what_cannot_be_recorded_is_said() {
    let scenario = star(&[]);
    let wrong = |wanted| try_record(&scenario, wanted).unwrap_err().to_string();
    let asked = rows(&scenario).iter().map(|row| row.session).max().unwrap();
    assert_eq!(
        wrong(Wanted::Session(100_000)),
        format!("there is no session 100000: the run has sessions 1 to {asked}")
    );
    assert!(wrong(Wanted::Session(0)).contains("no session 0"));
    let seconds = Duration::from_secs;
    assert!(wrong(Wanted::Between(seconds(2), seconds(1))).contains("no time of this run"));
    assert!(wrong(Wanted::Between(seconds(9999), seconds(10_000))).contains("no time"));
    let central = star(&[("[edges]", "[protocol]\nbooking = \"central\"\n\n[edges]")]);
    let central = try_record(&central, Wanted::Session(1)).unwrap_err();
    assert!(central.to_string().contains("no agents"), "{central}");
    let few = Limits {
        steps: 100,
        ..Limits::default()
    };
    let whole = Wanted::Between(seconds(0), seconds(3600));
    let much = record(&scenario, 1, &mut none, whole, few, |_| {}).unwrap_err();
    assert!(
        much.to_string().contains("more happens than 100 steps"),
        "{much}"
    );
}

#[test]
fn pages_show_what_is_concerned_and_say_when_that_is_too_much() {
    let deep = star(&[("depth = 1", "depth = 4"), ("degree = 4", "degree = 3")]);
    let recording = session(&deep, 1);
    assert_eq!((recording.of_places, recording.tree.len()), (121, 0));
    let page = animation(&recording, 60).unwrap();
    assert_eq!(page.places, 5, "from a leaf to the root");
    assert!(
        page.html
            .contains("Of 121 places, the 5 that are concerned are shown.")
    );
    let wrong = animation(&recording, 4).unwrap_err();
    assert_eq!(wrong, Unshowable::TooManyPlaces { places: 5, most: 4 });
    let quiet = Wanted::Between(Duration::from_micros(1), Duration::from_micros(2));
    let quiet = try_record(&deep, quiet).unwrap();
    assert_eq!(animation(&quiet, 60).unwrap_err(), Unshowable::Nothing);
}

/// A title can be anything: it is text on the page, and in the data for the script.
#[test]
fn hostile_titles_are_text() {
    let hostile = "</script><script>alert('1')</script>&amp;";
    let scenario = star(&[("title = \"film\"", &format!("title = \"{hostile}\""))]);
    let page = animation(&session(&scenario, 1), 60).unwrap().html;
    assert!(page.contains("&lt;/script&gt;&lt;script&gt;"));
    assert_eq!(
        page.matches("<script").count(),
        2,
        "the data and the player"
    );
    assert_eq!(page.matches("</script").count(), 2);
    assert_eq!(
        page.matches("http:").count(),
        page.matches("http://www.w3.org/2000/svg").count()
    );
    for foreign in ["https:", "<link", "@import", "<iframe", "<img", "src="] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    assert!(page.contains("default-src 'none'"));
    assert!(page.contains("prefers-reduced-motion") && page.contains("prefers-color-scheme:dark"));
}
