//! What collectors read is what has happened.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;

use waybook_client::model::OpenForm;
use waybook_client::{Event, Runtime};
use waybook_sim::arm::Arm;
use waybook_sim::client::request;

use crate::daemons::{Daemons, until};
use crate::places::{Build, Kind, Places, runtime, served};
use crate::scenarios::settings::{MBIT, film, place, quality, two_localities, with};
use crate::sessions;

/// The figures of a text in the form of OpenMetrics, by name and labels.
struct Figures(BTreeMap<String, f64>);

impl Figures {
    /// Every figure belongs to a metric that says what it is.
    fn read(text: &str) -> Self {
        let mut figures = BTreeMap::new();
        let (mut known, mut kind) = (String::new(), String::new());
        let body = text
            .strip_suffix("# EOF\n")
            .expect("it ends where it should");
        for line in body.lines() {
            if let Some(described) = line.strip_prefix("# ") {
                let mut words = described.splitn(3, ' ');
                let (what, name) = (words.next().unwrap(), words.next().unwrap());
                let text = words.next().unwrap_or_default();
                assert!(["HELP", "TYPE", "UNIT"].contains(&what), "{line}");
                assert!(!text.is_empty(), "{line}");
                if what == "TYPE" {
                    (known, kind) = (name.to_owned(), text.to_owned());
                }
                continue;
            }
            let (name, figure) = line.rsplit_once(' ').unwrap();
            let metric = name.split('{').next().unwrap();
            let rest = metric
                .strip_prefix(&known)
                .unwrap_or_else(|| panic!("{line} after {known}"));
            let endings: &[&str] = match kind.as_str() {
                "counter" => &["_total"],
                "gauge" => &[""],
                "histogram" => &["_bucket", "_sum", "_count"],
                other => panic!("{known} is a {other}"),
            };
            assert!(endings.contains(&rest), "{line}: a {kind}");
            let figure = figure.parse().unwrap_or_else(|_| panic!("{line}"));
            let other = figures.insert(name.to_owned(), figure);
            assert!(other.is_none(), "{line} is there twice");
        }
        Self(figures)
    }

    fn of(&self, name: &str) -> f64 {
        let names = || {
            self.0
                .keys()
                .map(String::as_str)
                .collect::<Vec<_>>()
                .join("\n")
        };
        *self
            .0
            .get(name)
            .unwrap_or_else(|| panic!("no {name} in\n{}", names()))
    }
}

#[test]
fn the_figures_are_those_of_what_has_happened() {
    // Room for one session and all but one unit of another.
    let setting = with(two_localities(), "r/b/y", "cpu", 999);
    let film = film(&[quality("hd", 4 * MBIT, 500)]);
    let mut arm = Daemons::set_up(&setting.publish("r/b/y", film));
    let session = arm.open(&place("r/a/x"), request("film")).unwrap();
    arm.wait_quiet();
    arm.open(&place("r/a/x"), request("film")).unwrap_err();
    arm.open(&place("r/a/x"), request("nothing")).unwrap_err();
    arm.wait_quiet();
    let at = |arm: &Daemons, name: &str| {
        let client = arm.client(&place(name)).unwrap();
        Figures::read(&arm.runtime.block_on(client.metrics()).unwrap())
    };

    let client = at(&arm, "r/a/x");
    for (result, count) in [("established", 1.0), ("refused", 1.0), ("no-plan", 1.0)] {
        let name = format!("waybook_setups_total{{result=\"{result}\"}}");
        assert_eq!(client.of(&name), count, "{result}");
    }
    assert_eq!(client.of("waybook_opens_total"), 3.0);
    assert_eq!(client.of("waybook_setup_duration_seconds_count"), 1.0);
    let took = client.of("waybook_setup_duration_seconds_sum");
    // The API says it in whole milliseconds.
    assert!((took - session.took.as_secs_f64()).abs() < 1e-3, "{took}");
    let lacking = "waybook_solutions_refused_total{reason=\"lacking\",resource=\"cpu\"}";
    assert_eq!(client.of(lacking), 1.0);

    // Two visits passed here, and one was answered by a path.
    let phase = |figures: &Figures, phase: &str| {
        figures.of(&format!(
            "waybook_setup_phase_duration_seconds_count{{phase=\"{phase}\"}}"
        ))
    };
    let middle = at(&arm, "r/b");
    assert_eq!(middle.of("waybook_visits_total"), 2.0);
    for direction in ["in", "out"] {
        let name = format!("waybook_messages_total{{kind=\"visit\",direction=\"{direction}\"}}");
        assert_eq!(middle.of(&name), 2.0, "{direction}");
    }
    assert_eq!(
        (phase(&middle, "hold"), phase(&middle, "forward")),
        (2.0, 2.0)
    );
    assert_eq!(
        (phase(&middle, "ready"), phase(&middle, "start")),
        (1.0, 0.0)
    );
    assert_eq!(middle.of("waybook_neighbour_up{neighbour=\"r/b/y\"}"), 1.0);

    let server = at(&arm, "r/b/y");
    assert_eq!(
        (phase(&server, "hold"), phase(&server, "start")),
        (1.0, 1.0)
    );
    let up = "waybook_component_starts_total{runtime=\"builtin\",result=\"up\"}";
    assert_eq!(server.of(up), 1.0);
    let cpu = "resource=\"cpu\",unit=\"cores\"";
    assert_eq!(server.of(&format!("waybook_capacity{{{cpu}}}")), 0.999);
    let booked =
        |figures: &Figures| figures.of(&format!("waybook_booked{{{cpu},phase=\"established\"}}"));
    assert_eq!(booked(&server), 0.5);
    assert_eq!(server.of("waybook_sessions{phase=\"established\"}"), 1.0);
    assert!(server.of("process_resident_memory_bytes") > 1e6);

    arm.close(&session);
    arm.wait_quiet();
    assert_eq!(booked(&at(&arm, "r/b/y")), 0.0);
    let ended = "waybook_sessions_ended_total{reason=\"closed\"}";
    assert_eq!(at(&arm, "r/a/x").of(ended), 1.0);
}

/// What clients fetch is counted at every place on its way.
#[test]
fn the_bytes_are_those_that_were_fetched() {
    let kind = Kind {
        walls: false,
        code: false,
    };
    let places = Places::up(kind, |_| Build::This);
    let session = sessions::open(&places, 3, "film");
    let read = |number: usize| {
        let client = places.client(number).unwrap();
        Figures::read(&places.ask(client.metrics()).unwrap())
    };
    assert_eq!(read(3).of("waybook_to_client_bytes_total"), 0.0);
    let mut bytes = 0;
    for file in 0..served::FILES {
        let fetched = runtime().block_on(served::fetch(&session.url, file));
        assert_eq!(fetched, Ok(served::content(file).len()));
        bytes += served::content(file).len();
    }
    // The film is served in the same locality, and nobody else is on the way.
    for (number, passed) in [(3, true), (1, true), (4, true), (0, false), (5, false)] {
        let (files, bytes) = match passed {
            true => (served::FILES as f64, bytes as f64),
            false => (0.0, 0.0),
        };
        let figures = read(number);
        assert_eq!(
            figures.of("waybook_to_client_bytes_total"),
            bytes,
            "{number}"
        );
        assert_eq!(
            figures.of("waybook_request_wait_seconds_count"),
            files,
            "{number}"
        );
        assert_eq!(
            figures.of("waybook_requests_total{status=\"2xx\"}"),
            files,
            "{number}"
        );
    }
    let of_files = "waybook_component_requests_total{component=\"files\",status=\"2xx\"}";
    let waits = "waybook_component_wait_seconds_count{component=\"files\"}";
    let server = read(4);
    let files = served::FILES as f64;
    assert_eq!((server.of(of_files), server.of(waits)), (files, files));
    sessions::end(&places, vec![session]);
    // With a component go its figures.
    until("a component that has gone has figures", || {
        let left = read(4)
            .0
            .into_keys()
            .filter(|name| name.contains("component=\"files\""));
        let left: Vec<_> = left.collect();
        left.is_empty().then_some(()).ok_or_else(|| left.join(" "))
    });
}

/// What a plain client gets.
pub(crate) fn get(address: std::net::SocketAddr, path: &str, token: Option<&str>) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let token = token.map(|token| format!("authorization: Bearer {token}\r\n"));
    let token = token.unwrap_or_default();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{token}\r\n"
    )
    .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

/// A collector runs as another user, and cannot read the token.
#[test]
fn a_collector_needs_no_token_where_it_is_let_in() {
    let kind = Kind {
        walls: false,
        code: false,
    };
    let mut places = Places::up(kind, |_| Build::This);
    places.set(3, "[metrics]", "listen = \"127.0.0.1:0\"");
    places.signal(3, rustix::process::Signal::KILL);
    places.wait_for_end(3);
    places.start(3);
    places.wait_joined();
    let data = places.all()[3].data().to_owned();
    let runtime = until("it does not run", || {
        Runtime::read(&data).map_err(|e| e.to_string())
    });
    let (open, api) = (runtime.metrics.unwrap(), runtime.api.unwrap());

    let said = get(open, "/metrics", None);
    let (head, text) = said.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert!(
        head.contains("content-type: application/openmetrics-text"),
        "{head}"
    );
    let own = Figures::read(text);
    assert_eq!(own.of("waybook_neighbour_up{neighbour=\"r/a\"}"), 1.0);
    // Nothing else is there.
    for path in ["/api/v1/place", "/api/v1/metrics", "/"] {
        let said = get(open, path, None);
        assert!(said.starts_with("HTTP/1.1 404 "), "{path}: {said}");
    }
    assert!(get(api, "/metrics", None).starts_with("HTTP/1.1 401 "));
    // Whoever watches over the place needs none either.
    for (at, path) in [(open, "/healthz"), (open, "/readyz"), (api, "/readyz")] {
        let said = get(at, path, None);
        assert!(said.starts_with("HTTP/1.1 200 "), "{path}: {said}");
        assert!(said.ends_with("{\"ok\":true}"), "{path}: {said}");
    }
    let token = std::fs::read_to_string(data.join("token")).unwrap();
    assert!(get(api, "/metrics", Some(token.trim())).starts_with("HTTP/1.1 200 "));
}

/// New sessions are not sent to a place that can do nothing for them; and nobody restarts it for that.
#[test]
fn a_place_without_its_parent_is_well_and_not_ready() {
    let kind = Kind {
        walls: false,
        code: false,
    };
    let places = Places::up(kind, |_| Build::This);
    let api = Runtime::read(places.all()[3].data()).unwrap().api.unwrap();
    assert!(get(api, "/readyz", None).starts_with("HTTP/1.1 200 "));
    places.signal(1, rustix::process::Signal::KILL);
    let said = until("it is ready without its parent", || {
        let said = get(api, "/readyz", None);
        match said.starts_with("HTTP/1.1 503 ") {
            true => Ok(said),
            false => Err(said),
        }
    });
    assert!(
        said.contains("there is no connection to its parent r/a"),
        "{said}"
    );
    assert!(get(api, "/healthz", None).starts_with("HTTP/1.1 200 "));
}

/// Every request of a client made a connection of its own.
#[test]
fn requests_of_a_client_share_connections() {
    let kind = Kind {
        walls: false,
        code: false,
    };
    let places = Places::up(kind, |_| Build::This);
    let client = places.client(3).unwrap();
    let form = OpenForm {
        title: "film".to_owned(),
        ..OpenForm::default()
    };
    let accepted = |text: String| {
        Figures::read(&text).of("waybook_client_connections_accepted_total{door=\"api\"}")
    };
    let more = places.ask(async {
        let before = accepted(client.metrics().await?);
        for _ in 0..10 {
            // What is left of the news of the one is read, and all of the answer of the other.
            let mut events = client.open(&form).await?;
            let session = loop {
                match events.next().await? {
                    Some(Event::Established(established)) => break established.session,
                    Some(Event::Progress(_)) => {}
                    other => panic!("{other:?}"),
                }
            };
            client.close(&session).await?;
        }
        Ok(accepted(client.metrics().await?) - before)
    });
    // One may be made while another is just being left.
    let more = more.unwrap();
    assert!(more < 10.0, "{more} for 21 requests");
}

/// To see more of what goes wrong just now, nobody has to restart the place where it does.
#[test]
fn a_daemon_logs_more_when_it_is_told_to() {
    let kind = Kind {
        walls: false,
        code: false,
    };
    let places = Places::up(kind, |_| Build::This);
    let client = places.client(3).unwrap();
    let logged = |what: &str| places.log(3).matches(what).count();
    assert_eq!(logged("DEBUG"), 0);
    let log = places
        .ask(client.set_log("info,waybook_daemon=debug"))
        .unwrap();
    assert_eq!(log.filter, "info,waybook_daemon=debug");
    places.signal(1, rustix::process::Signal::KILL);
    until("it does not log more", || match logged("DEBUG") {
        0 => Err("nothing".to_owned()),
        _ => Ok(()),
    });
    for wrong in ["loud", "info,waybook_daemon=loud", ""] {
        match places.ask(client.set_log(wrong)) {
            Err(waybook_client::Error::Problem(problem)) => {
                assert!(problem.is("invalid"), "{problem:?}");
                let said = format!("`{wrong}` is no filter for the log");
                assert!(problem.detail.contains(&said), "{problem:?}");
            }
            other => panic!("{wrong:?}: {other:?}"),
        }
    }
    let log = places.ask(client.log()).unwrap();
    assert_eq!(log.filter, "info,waybook_daemon=debug");
}
