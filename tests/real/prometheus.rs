//! What is shipped for Prometheus reads what real places say.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::Signal;
use serde_json::Value;
use waybook_client::Runtime;
use waybook_client::model::OpenForm;

use crate::daemons::until;
use crate::places::{Build, Kind, Places};
use crate::sessions;

/// Without it the test is skipped, and says so.
fn there_is_prometheus() -> bool {
    let there = Command::new("prometheus")
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok();
    if !there {
        assert!(
            std::env::var_os("WAYBOOK_REQUIRE_ALL").is_none(),
            "WAYBOOK_REQUIRE_ALL is set, and there is no Prometheus"
        );
        eprintln!("SKIPPED: there is no `prometheus` (Debian has it in the package of that name)");
    }
    there
}

fn shipped(name: &str) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/configs/observability");
    std::fs::read_to_string(Path::new(folder).join(name)).unwrap()
}

/// A Prometheus of its own, until it is dropped.
struct Prometheus {
    child: Child,
    at: SocketAddr,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Prometheus {
    /// What is shipped, but for the places, and asking much more often.
    fn start(folder: &Path, places: &[(String, SocketAddr)]) -> Self {
        let often = shipped("prometheus.yml").replace("15s", "300ms");
        std::fs::write(folder.join("prometheus.yml"), often).unwrap();
        let rules = shipped("waybook.rules.yml");
        std::fs::write(folder.join("waybook.rules.yml"), rules).unwrap();
        let targets = places
            .iter()
            .map(|(place, at)| format!("- targets: [\"{at}\"]\n  labels: {{ place: {place} }}\n"));
        std::fs::write(folder.join("places.yml"), targets.collect::<String>()).unwrap();
        let at = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let child = Command::new("prometheus")
            .arg(format!(
                "--config.file={}",
                folder.join("prometheus.yml").display()
            ))
            .arg(format!(
                "--storage.tsdb.path={}",
                folder.join("data").display()
            ))
            .arg(format!("--web.listen-address={at}"))
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(folder.join("log")).unwrap())
            .spawn()
            .unwrap();
        Self { child, at }
    }

    fn get(&self, path: &str) -> Result<Value, String> {
        let mut stream = TcpStream::connect(self.at).map_err(|e| e.to_string())?;
        // Of the older version, so that what it answers is not in chunks.
        write!(stream, "GET {path} HTTP/1.0\r\n\r\n").map_err(|e| e.to_string())?;
        let mut answer = String::new();
        let read = stream.read_to_string(&mut answer);
        read.map_err(|e| e.to_string())?;
        let (head, body) = answer.split_once("\r\n\r\n").ok_or("it says nothing")?;
        let answer: Value = serde_json::from_str(body).map_err(|e| format!("{e}: {head}"))?;
        match answer["status"] == "success" {
            true => Ok(answer["data"].clone()),
            false => Err(format!("{path}: {answer}")),
        }
    }

    /// The series that a query gives.
    fn query(&self, query: &str) -> Result<Vec<Value>, String> {
        let escaped: String = query.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let answer = self.get(&format!("/api/v1/query?query={escaped}"))?;
        Ok(answer["result"].as_array().cloned().unwrap_or_default())
    }
}

/// The queries of the dashboard, as Grafana sends them.
fn dashboard() -> Vec<String> {
    let dashboard: Value = serde_json::from_str(&shipped("dashboard.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels
        .iter()
        .filter_map(|panel| panel["targets"].as_array());
    let queries = targets
        .flatten()
        .map(|target| target["expr"].as_str().unwrap());
    let queries = queries.map(|query| {
        query
            .replace("$__rate_interval", "1m")
            .replace("$place", ".*")
    });
    queries.collect()
}

#[test]
fn prometheus_reads_what_the_dashboard_shows() {
    if !there_is_prometheus() {
        return;
    }
    let kind = Kind {
        walls: false,
        code: true,
    };
    let mut places = Places::up(kind, |_| Build::This);
    let all = 0..places.all().len();
    for number in all.clone() {
        places.set(number, "[metrics]", "listen = \"127.0.0.1:0\"");
        places.signal(number, Signal::KILL);
        places.wait_for_end(number);
        places.start(number);
    }
    places.wait_joined();
    let listens = all.clone().map(|number| {
        let place = &places.all()[number];
        let runtime = Runtime::read(place.data()).unwrap();
        (runtime.name, runtime.metrics.unwrap())
    });
    let listens: Vec<_> = listens.collect();
    let folder = tempfile::tempdir().unwrap();
    let prometheus = Prometheus::start(folder.path(), &listens);

    // Something of everything that is shown happens: code comes, files are fetched, nothing is left
    // for one more, and a session ends.
    let mut open = vec![sessions::open(&places, 3, "brought")];
    sessions::work(&open);
    let client = places.client(3).unwrap();
    let refused = until("a place has room for ever", || {
        let form = OpenForm {
            title: "film".to_owned(),
            ..OpenForm::default()
        };
        match places.ask(client.open_quietly(&form)) {
            Ok(_) => Err("there was room".to_owned()),
            Err(refused) => Ok(refused),
        }
    });
    assert!(refused.to_string().contains("could be booked"), "{refused}");
    sessions::close(&places, &open.pop().unwrap());

    let up = || {
        let up = prometheus.query("up{job=\"waybook\"} == 1")?;
        match up.len() == listens.len() {
            true => Ok(()),
            false => Err(format!("{} of {} are up", up.len(), listens.len())),
        }
    };
    until("Prometheus does not reach the places", up);
    for query in dashboard() {
        until("a panel stays empty", || {
            match prometheus.query(&query)?.is_empty() {
                true => Err(query.clone()),
                false => Ok(()),
            }
        });
    }

    // Nothing that an alert is about is unknown, and none of them is about what is well.
    let metadata = prometheus.get("/api/v1/metadata").unwrap();
    let known: BTreeSet<&str> = metadata
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let text = shipped("waybook.rules.yml") + &shipped("dashboard.json");
    let named = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    for name in named.filter(|word| word.starts_with("waybook_")) {
        let family = ["_total", "_bucket"]
            .iter()
            .find_map(|end| name.strip_suffix(end));
        let is = known.contains(name) || family.is_some_and(|family| known.contains(family));
        assert!(is, "{name} is no figure of a place; there are {known:?}");
    }
    let rules = prometheus.get("/api/v1/rules").unwrap();
    for rule in rules["groups"][0]["rules"].as_array().unwrap() {
        assert_eq!(rule["health"], "ok", "{rule}");
    }
    let firing = prometheus.get("/api/v1/alerts").unwrap();
    let firing = firing["alerts"].as_array().unwrap();
    assert!(
        firing.iter().all(|alert| alert["state"] != "firing"),
        "{firing:?}"
    );

    // And one that is not well is told of.
    places.signal(6, Signal::KILL);
    places.wait_for_end(6);
    until("nobody is told of a place that is down", || {
        let alerts = prometheus.get("/api/v1/alerts")?;
        let alerts = alerts["alerts"].as_array().cloned().unwrap_or_default();
        let told = alerts.iter().any(|alert| {
            alert["labels"]["alertname"] == "WaybookPlaceDown"
                && alert["labels"]["place"] == "r/b/w"
        });
        told.then_some(()).ok_or(format!("{alerts:?}"))
    });
}

/// What the documentation lists is what there is.
#[test]
fn every_figure_is_explained() {
    let kind = Kind {
        walls: false,
        code: false,
    };
    let places = Places::up(kind, |_| Build::This);
    let client = places.client(1).unwrap();
    let text = places.ask(client.metrics()).unwrap();
    let documented = include_str!("../../docs/METRICS.md");
    for line in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, kind) = line.split_once(' ').unwrap();
        let name = match kind {
            "counter" => format!("{name}_total"),
            _ => name.to_owned(),
        };
        // Some rows say only how several names end.
        let short = name
            .rsplit_once("connections_")
            .map(|(_, end)| format!("`…_{end}`"));
        let told = documented.contains(&format!("`{name}`"))
            || short.is_some_and(|short| documented.contains(&short));
        assert!(told, "docs/METRICS.md does not explain {name}");
    }
}
