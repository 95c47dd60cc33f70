//! The stories about code that is brought along.

use waybook_agents::RefusalReason;
use waybook_place::io::Established;
use waybook_plan::{Position, Quality, Release, SolutionNumber};
use waybook_sim::Setting;
use waybook_sim::arm::{Answer, CodeArm};
use waybook_sim::client::request;
use waybook_sim::setting::release;

use super::settings::{MBIT, code, film, place, quality, quality_with, two_localities};

/// Code for these stories: in an arm that imagines its binary it has so many bytes.
fn component(name: &str, version: &str, home: &str) -> Release {
    release(name, version, 300_000, home)
}

/// The film is at `r/b/y`, its clients at `r/a/x`.
fn served(qualities: &[Quality]) -> Setting {
    two_localities().publish("r/b/y", film(qualities))
}

fn stands(answer: Answer) -> Established {
    answer.unwrap_or_else(|refused| panic!("refused: {}", refused.why))
}

/// The components at the client's place, as its journey reports them.
fn at_the_client(session: &Established) -> Vec<&str> {
    let components = session.journey[0].components.iter();
    components.map(|c| c.name.as_str()).collect()
}

/// Code added at the root is fetched by the client's default place and from there by the
/// client's place, once. No other place fetches it, and neither does the next session.
pub(crate) fn code_reaches_the_places_that_need_it_and_stays<A: CodeArm>() {
    let with_code = quality_with("hd", 4 * MBIT, Position::Client, "pass@^1");
    let mut arm = A::set_up(&served(&[with_code]));
    let length = arm.add_code(component("pass", "1.0.0", "r"));
    let session = stands(arm.open(&place("r/a/x"), request("film")));
    assert_eq!(at_the_client(&session), ["pass@1.0.0", "relay"]);
    let fetched = |arm: &mut A| {
        ["r", "r/a", "r/a/x", "r/a/z", "r/b", "r/b/y"].map(|at| arm.bytes_fetched(&place(at)))
    };
    assert_eq!(fetched(&mut arm), [0, length, length, 0, 0, 0]);
    arm.close(&session);
    arm.wait_quiet();
    stands(arm.open(&place("r/a/x"), request("film")));
    arm.wait_quiet();
    assert_eq!(fetched(&mut arm), [0, length, length, 0, 0, 0]);
    stands(arm.open(&place("r/a/z"), request("film")));
    assert_eq!(fetched(&mut arm), [0, length, length, length, 0, 0]);
    arm.wait_quiet();
}

/// The code for the better quality requires what the client's place does not have: the
/// next solution does without, and no byte of it is fetched.
pub(crate) fn a_place_that_lacks_what_code_requires_refuses<A: CodeArm>() {
    let qualities = [
        quality_with("hd", 4 * MBIT, Position::Client, "draw@^1"),
        quality("sd", MBIT, 100),
    ];
    let setting = served(&qualities).code("r/a/z", |code| {
        code.capabilities = vec!["gpu".to_owned()];
    });
    let mut arm = A::set_up(&setting);
    let mut draw = component("draw", "1.0.0", "r");
    draw.requires = vec!["gpu".to_owned()];
    arm.add_code(draw);
    let session = stands(arm.open(&place("r/a/x"), request("film")));
    assert_eq!(session.quality, "sd");
    let refusal = &session.refused[0];
    assert_eq!(refusal.place, place("r/a/x"));
    assert_eq!(refusal.solution, SolutionNumber(1));
    assert!(refusal.to_string().contains("gpu"), "{refusal}");
    assert_eq!(arm.bytes_fetched(&place("r/a/x")), 0);
    // The place beside it has one.
    let session = stands(arm.open(&place("r/a/z"), request("film")));
    assert_eq!(session.quality, "hd");
    arm.wait_quiet();
}

/// The world that the code targets is run nowhere here.
#[allow(dead_code, reason = "not told to real places")]
pub(crate) fn a_runtime_that_no_place_has_is_refused<A: CodeArm>() {
    let with_code = quality_with("hd", 4 * MBIT, Position::Server, "future@^1");
    let mut arm = A::set_up(&served(&[with_code]).code("r/b/y", |code| {
        code.runtimes = vec!["wasi:http/proxy@0.2.3".to_owned()];
    }));
    arm.add_code(component("future", "1.0.0", "r"));
    let refused = arm.open(&place("r/a/x"), request("film")).unwrap_err();
    assert_eq!(refused.refused.len(), 1, "{}", refused.why);
    assert_eq!(refused.refused[0].place, place("r/b/y"));
    assert!(
        refused.why.contains("wasi:http/middleware@0.3.0"),
        "{}",
        refused.why
    );
    arm.wait_quiet();
}

/// Of the versions that a reference allows, the newest runs; a range that none is in is
/// named, and the solution without it is taken.
pub(crate) fn the_newest_version_in_the_range_is_taken<A: CodeArm>() {
    let qualities = [
        quality_with("uhd", 8 * MBIT, Position::Client, "pass@^3"),
        quality_with("hd", 4 * MBIT, Position::Client, "pass@^1.1"),
    ];
    let mut arm = A::set_up(&served(&qualities));
    for version in ["1.0.0", "1.1.0", "1.2.0", "2.0.0"] {
        arm.add_code(component("pass", version, "r"));
    }
    let session = stands(arm.open(&place("r/a/x"), request("film")));
    assert_eq!(session.quality, "hd");
    assert_eq!(at_the_client(&session), ["pass@1.2.0", "relay"]);
    arm.wait_quiet();
}

/// Code that another piece depends on stands right behind it, towards the server.
pub(crate) fn what_code_depends_on_stands_behind_it<A: CodeArm>() {
    let with_code = quality_with("hd", 4 * MBIT, Position::Client, "cap@^1");
    let mut arm = A::set_up(&served(&[with_code]));
    let mut cap = component("cap", "1.0.0", "r");
    cap.dependencies
        .insert("log".to_owned(), "^1".parse().unwrap());
    arm.add_code(cap);
    arm.add_code(component("log", "1.3.0", "r"));
    let session = stands(arm.open(&place("r/a/x"), request("film")));
    assert_eq!(at_the_client(&session), ["cap@1.0.0", "log@1.3.0", "relay"]);
    arm.wait_quiet();
}

/// Nobody has added what the only quality needs.
pub(crate) fn code_that_nobody_has_is_said_to_be_unknown<A: CodeArm>() {
    let with_code = quality_with("hd", 4 * MBIT, Position::Client, "pass@^1");
    let mut arm = A::set_up(&served(&[with_code]));
    let refused = arm.open(&place("r/a/x"), request("film")).unwrap_err();
    assert!(refused.why.contains("pass"), "{}", refused.why);
    arm.wait_quiet();
}

/// What was fetched is there after a crash, and used again.
pub(crate) fn code_survives_a_restart<A: CodeArm>() {
    let mut with_code = quality_with("hd", 4 * MBIT, Position::Client, "pass@^1");
    with_code
        .components
        .push((Position::Server, code("pass@^1")));
    let mut arm = A::set_up(&served(&[with_code]));
    let length = arm.add_code(component("pass", "1.0.0", "r"));
    let session = stands(arm.open(&place("r/a/x"), request("film")));
    arm.close(&session);
    arm.wait_quiet();
    for at in ["r/a/x", "r/b/y"] {
        assert_eq!(arm.bytes_fetched(&place(at)), length, "at {at}");
        arm.crash(&place(at));
        arm.restart(&place(at));
    }
    arm.wait_quiet();
    stands(arm.open(&place("r/a/x"), request("film")));
    for at in ["r/a/x", "r/b/y"] {
        assert_eq!(arm.bytes_fetched(&place(at)), 0, "at {at}");
    }
    arm.wait_quiet();
}

/// However many ask at once, each place fetches the code once.
pub(crate) fn many_sessions_bring_code_once<A: CodeArm>() {
    let with_code = quality_with("hd", MBIT, Position::Client, "pass@^1");
    let mut arm = A::set_up(&served(&[with_code]));
    let length = arm.add_code(component("pass", "1.0.0", "r"));
    let asks = ["r/a/x", "r/a/z"].into_iter().cycle().take(20);
    let requests = asks.map(|at| (place(at), request("film"))).collect();
    for answer in arm.open_all(requests) {
        stands(answer);
    }
    for at in ["r/a", "r/a/x", "r/a/z"] {
        assert_eq!(arm.bytes_fetched(&place(at)), length, "at {at}");
    }
    arm.wait_quiet();
}

/// Code that came whole, and starts nowhere: the next solution does without, and the client
/// learns where which component failed.
pub(crate) fn code_that_does_not_start_costs_its_solution<A: CodeArm>() {
    let qualities = [
        quality_with("hd", 4 * MBIT, Position::Client, "broken@^1"),
        quality("sd", MBIT, 100),
    ];
    let mut arm = A::set_up(&served(&qualities));
    let length = arm.add_code_that_fails(component("broken", "1.0.0", "r"));
    let session = stands(arm.open(&place("r/a/x"), request("film")));
    assert_eq!(session.quality, "sd");
    let refusal = &session.refused[0];
    assert_eq!(refusal.place, place("r/a/x"));
    match &refusal.reason {
        RefusalReason::ComponentFailed { component, .. } => assert_eq!(component, "broken@1.0.0"),
        other => panic!("{other}"),
    }
    assert_eq!(arm.bytes_fetched(&place("r/a/x")), length);
    arm.wait_quiet();
}
