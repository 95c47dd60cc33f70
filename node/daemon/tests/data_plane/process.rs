//! Process components: real programs, started, restarted, and ended with all their own.

use std::time::Duration;

use http::StatusCode;
use http_body_util::BodyExt;
use rustix::process::{Pid, Signal, kill_process};
use waybook_agents::SessionId;
use waybook_daemon::ProcessStat;
use waybook_daemon::data::{DataConfig, Program, Readiness};
use waybook_place::io::{Input, InstanceId};
use waybook_plan::{Component, Runtime};

use crate::origin::{Origin, pattern_digest};
use crate::program::program;
use crate::world::{
    PATIENCE, PLACES, Path, Place, assert_problem, component, get, name, route, soon, text,
};

/// A place that allows the program under the name `server`.
fn place(program: Program) -> Place {
    let mut config = DataConfig::new(name("core"), [0; 32]);
    config.programs.insert("server".to_owned(), program);
    Place::alone(config)
}

fn server() -> Component {
    let config = [("greeting", "hello"), ("with-dash.x", "1")];
    component(Runtime::Process, "server", &config)
}

/// Starts the server and a session that ends at it; the session's URL.
async fn serving(place: &mut Place) -> (InstanceId, String) {
    let instance = place.start(server()).await;
    place.plane.route(route(1, &[instance]));
    place.gateway().await;
    (instance, place.plane.session_url(SessionId(1)).path_url)
}

async fn ask(url: &str, path: &str) -> String {
    text(get(&format!("{url}{path}")).await).await
}

fn pid(text: &str) -> Pid {
    Pid::from_raw(text.parse().unwrap()).unwrap()
}

/// Looks again and again: who ends a process that is not our child cannot be waited for.
async fn gone(pid: Pid) {
    let gone = async {
        while is_alive(pid) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    soon("the end of the process", gone).await;
}

/// Orphans may have nobody who reaps them where tests run.
fn is_alive(pid: Pid) -> bool {
    let stat = ProcessStat::of(pid.as_raw_nonzero().get().try_into().unwrap());
    stat.is_some_and(|stat| stat.state != 'Z')
}

#[tokio::test]
async fn a_program_gets_its_settings_and_nothing_of_the_daemon() {
    let mut program = program("serve");
    program.readiness = Readiness::Http("/pid".to_owned());
    let mut place = place(program);
    let (_, url) = serving(&mut place).await;
    assert_eq!(ask(&url, "env/WAYBOOK_CONFIG_GREETING").await, "hello");
    assert_eq!(ask(&url, "env/WAYBOOK_CONFIG_WITH_DASH_X").await, "1");
    assert!(ask(&url, "env/NEXT").await.starts_with("http://127.0.0.1:"));
    // Cargo sets this one for the tests.
    assert!(std::env::var("CARGO_MANIFEST_DIR").is_ok());
    assert_eq!(ask(&url, "env/CARGO_MANIFEST_DIR").await, "(unset)");
    place.plane.stop_all().await;
}

#[tokio::test]
async fn a_program_in_the_middle_of_the_path_reaches_what_comes_next() {
    let (origin, mut aborts) = Origin::listen().await;
    let mut path = Path::to(origin).await;
    let mut config = DataConfig::new(name(PLACES[2]), [7; 32]);
    config
        .programs
        .insert("server".to_owned(), program("serve"));
    // The place in the middle comes back with a program in the chain.
    let neighbours = path.neighbours.clone();
    let mut middle = Place::new(config, &neighbours);
    let relay = middle
        .start(component(Runtime::Builtin, "relay", &[]))
        .await;
    let instance = middle.start(server()).await;
    let mut session = route(crate::world::SESSION, &[relay, instance, relay]);
    session.previous = Some(name(PLACES[1]));
    session.next = Some(name(PLACES[3]));
    middle.plane.route(session);
    std::mem::swap(&mut path.places[2], &mut middle);

    let seen = ask(&path.url, "x?y").await;
    assert!(seen.starts_with("GET /x?y\n"), "{seen}");
    assert!(seen.contains("x-passed: by the program\n"), "{seen}");
    let mut silent = get(&format!("{}silent", path.url)).await.into_body();
    let first = soon("the first bytes", silent.frame()).await.unwrap();
    assert_eq!(first.unwrap().into_data().unwrap(), "first");
    drop(silent);
    assert_eq!(soon("the abort", aborts.recv()).await, Some("body"));

    let length = 4 << 20;
    let response = get(&format!("{}pattern?{length}", path.url)).await;
    let got = crate::origin::digest(response.into_body());
    assert_eq!(
        soon("the download", got).await,
        (length, pattern_digest(length).await)
    );
    path.places[2].plane.stop_all().await;
}

#[tokio::test]
async fn next_leads_nowhere_while_sessions_share_the_program() {
    let mut place = place(program("serve"));
    let (instance, url) = serving(&mut place).await;
    let status = StatusCode::BAD_GATEWAY;
    let end = get(&format!("{url}x")).await;
    assert_problem(end, status, "no-next-hop", "core").await;
    place.plane.route(route(2, &[instance]));
    let shared: serde_json::Value = serde_json::from_str(&ask(&url, "x").await).unwrap();
    let detail = shared["detail"].as_str().unwrap();
    assert!(detail.contains("several sessions"), "{detail}");
    place.plane.stop_all().await;
}

#[tokio::test]
async fn nothing_is_left_of_a_stopped_program() {
    let mut place = place(program("serve"));
    let (instance, url) = serving(&mut place).await;
    let server = pid(&ask(&url, "pid").await);
    let child = pid(&ask(&url, "child").await);
    assert!(is_alive(child));
    place.plane.stop(instance);
    gone(server).await;
    gone(child).await;
    let response = get(&format!("{url}pid")).await;
    let status = StatusCode::SERVICE_UNAVAILABLE;
    assert_problem(response, status, "component-unavailable", "core").await;
}

#[tokio::test]
async fn a_program_that_does_not_end_is_killed() {
    let mut program = program("stubborn");
    program.stop_grace = Duration::from_millis(50);
    let mut place = place(program);
    place.start(server()).await;
    soon("the end", place.plane.stop_all()).await;
}

#[tokio::test]
async fn a_killed_program_comes_back_at_the_same_address() {
    let mut place = place(program("serve"));
    let (_, url) = serving(&mut place).await;
    let port = ask(&url, "env/PORT").await;
    let first = pid(&ask(&url, "pid").await);
    let child = pid(&ask(&url, "child").await);
    kill_process(first, Signal::KILL).unwrap();
    let back = async {
        loop {
            let response = get(&format!("{url}pid")).await;
            if response.status() == StatusCode::OK {
                let second = text(response).await;
                if pid(&second) != first {
                    return;
                }
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    soon("the restart", back).await;
    assert_eq!(ask(&url, "env/PORT").await, port);
    // What the first one had started is gone with it.
    gone(child).await;
    assert!(
        place
            .reported()
            .iter()
            .all(|input| matches!(input, Input::Active { .. }))
    );
    place.plane.stop_all().await;
}

#[tokio::test]
async fn a_program_that_ends_too_often_has_failed() {
    let mut program = program("serve");
    program.restarts.most = 0;
    let mut place = place(program);
    let (instance, url) = serving(&mut place).await;
    let response = get(&format!("{url}exit")).await;
    assert_problem(
        response,
        StatusCode::BAD_GATEWAY,
        "component-failed",
        "core",
    )
    .await;
    let failed = loop {
        match place.report().await {
            Input::ComponentFailed { instance, why } => break (instance, why),
            Input::Active { .. } => {}
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(failed.0, instance);
    assert!(failed.1.contains("exit status: 1"), "{}", failed.1);
    let response = get(&format!("{url}pid")).await;
    let status = StatusCode::SERVICE_UNAVAILABLE;
    assert_problem(response, status, "component-unavailable", "core").await;
}

#[tokio::test]
async fn a_crash_within_a_response_is_no_complete_response() {
    let mut place = place(program("serve"));
    let (_, url) = serving(&mut place).await;
    let server = pid(&ask(&url, "pid").await);
    let mut body = get(&format!("{url}unfinished")).await.into_body();
    assert!(soon("the first bytes", body.frame()).await.unwrap().is_ok());
    kill_process(server, Signal::KILL).unwrap();
    assert!(soon("the cut", body.frame()).await.unwrap().is_err());
    place.plane.stop_all().await;
}

#[tokio::test]
async fn programs_that_never_are_ready_are_told_of() {
    let mut exits = program("exit");
    exits.restarts.most = 1;
    exits.restarts.first_wait = Duration::from_millis(1);
    let why = place(exits).try_start(server()).await.unwrap_err();
    assert!(
        why.contains("before it was ready") && why.contains('3'),
        "{why}"
    );

    let mut hangs = program("hang");
    hangs.ready_timeout = Duration::from_millis(50);
    let why = place(hangs).try_start(server()).await.unwrap_err();
    assert!(why.contains("was not ready within"), "{why}");

    let absent = Program::new("/absent/program");
    let why = place(absent).try_start(server()).await.unwrap_err();
    assert!(why.contains("cannot be run"), "{why}");
}

#[tokio::test]
async fn a_start_can_be_given_up() {
    let mut hangs = program("hang");
    hangs.ready_timeout = PATIENCE;
    let mut place = place(hangs);
    let instance = place.launch(server());
    place.plane.stop(instance);
    // Waits for all tasks, so the program is gone as well; and nothing was reported.
    soon("the end", place.plane.stop_all()).await;
    assert!(place.reported().is_empty());
}

/// A daemon that is killed cannot end its programs; they once stayed for ever.
#[tokio::test]
async fn what_a_killed_daemon_left_is_ended_by_the_next() {
    use std::os::unix::process::CommandExt;

    let folder = tempfile::tempdir().unwrap();
    let sleeper = || {
        let mut command = std::process::Command::new("sleep");
        command.arg("1000").process_group(0).spawn().unwrap()
    };
    let (mut left, mut other) = (sleeper(), sleeper());
    let note = |child: &std::process::Child, began: u64| {
        std::fs::write(
            folder.path().join(child.id().to_string()),
            began.to_string(),
        )
        .unwrap();
    };
    let began = ProcessStat::of(left.id()).unwrap().began;
    note(&left, began);
    // Another process has got the number of one that was noted.
    note(&other, began + 1_000_000);

    let mut config = DataConfig::new(name("core"), [0; 32]);
    config.notes = Some(folder.path().to_owned());
    let mut program = program("serve");
    program.readiness = Readiness::Tcp;
    config.programs.insert("server".to_owned(), program);
    let mut place = Place::alone(config);
    left.wait().unwrap();
    assert!(other.try_wait().unwrap().is_none());
    other.kill().unwrap();
    other.wait().unwrap();

    // What runs is noted, and no longer when it is stopped.
    let noted = || std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(noted(), 0);
    let (instance, _) = serving(&mut place).await;
    assert_eq!(noted(), 1);
    place.plane.stop(instance);
    place.plane.stop_all().await;
    assert_eq!(noted(), 0);
}
