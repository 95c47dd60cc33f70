//! What those hear who watch a place.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::body::Body;
use http::{Request, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::net::{Net, name};
use super::open::next_event;
use super::{TREE, request};
use crate::api::ControlApi;
use crate::api::events::BEHIND;

/// One who watches, with what has been told so far put together.
struct Watcher {
    body: Body,
    buffer: String,
    places: BTreeSet<String>,
    sessions: Vec<Value>,
    refusals: Vec<Value>,
    walks: Vec<Value>,
    snapshots: usize,
}

impl Watcher {
    async fn new(net: &Net, from: &str, uri: &str) -> Self {
        let response = net.raw(from, request("GET", uri, Body::empty())).await;
        assert_eq!(response.status(), StatusCode::OK);
        Self {
            body: response.into_body(),
            buffer: String::new(),
            places: BTreeSet::new(),
            sessions: Vec::new(),
            refusals: Vec::new(),
            walks: Vec::new(),
            snapshots: 0,
        }
    }

    /// Takes the next event in.
    async fn hear(&mut self) -> Value {
        let (event, news) = next_event(&mut self.body, &mut self.buffer).await.unwrap();
        let list = |key: &str| news[key].as_array().cloned().unwrap_or_default();
        if event == "snapshot" {
            self.snapshots += 1;
            self.sessions.clear();
            self.refusals.clear();
            self.walks.clear();
        } else {
            assert_eq!(event, "change");
        }
        let named = list("tree").into_iter().map(|one| one["place"].to_string());
        self.places.extend(named);
        for hop in list("hops") {
            self.sessions
                .retain(|known| known["session"] != hop["session"]);
            self.sessions.push(hop);
        }
        let left = list("left");
        self.sessions
            .retain(|known| !left.contains(&known["session"]));
        self.refusals.extend(list("refusals"));
        self.walks.extend(list("walks"));
        news
    }

    async fn until(&mut self, what: impl Fn(&Self) -> bool) {
        while !what(self) {
            self.hear().await;
        }
    }
}

/// Without what passes with time.
fn timeless(list: &[Value]) -> Vec<Value> {
    let mut list = list.to_vec();
    for one in &mut list {
        for key in ["age", "lease"] {
            one[key] = Value::Null;
        }
    }
    list
}

async fn open(net: &Net, title: &str) -> (StatusCode, Value) {
    let form = json!({"title": title, "profile": {"user": "ann"}}).to_string();
    net.send("core/a/lab", request("POST", "/sessions", form))
        .await
}

#[tokio::test(start_paused = true)]
async fn whoever_watches_hears_what_the_api_says() {
    let net = Net::start(&TREE);
    net.publish("core/b", "/presentations").await;
    let mut here = Watcher::new(&net, "core", "/events").await;
    // From elsewhere in the tree, too, and without the places below.
    let mut far = Watcher::new(&net, "core/b", "/events?at=core/a/lab&tree=false").await;
    let first = here.hear().await;
    assert_eq!(first["place"]["name"], "core");
    // Places below say how they do as soon as they can.
    here.until(|w| w.places.len() == 4).await;
    let first = far.hear().await;
    assert_eq!(first["place"]["name"], "core/a/lab");
    assert_eq!(first["tree"], Value::Null);

    let mut ids = Vec::new();
    for _ in 0..2 {
        let (status, session) = open(&net, "film").await;
        assert_eq!(status, StatusCode::CREATED, "{session}");
        ids.push(session["session"].clone());
    }
    // The edges have room for two of the better quality and two of the other.
    open(&net, "film").await;
    open(&net, "film").await;
    let (status, _) = open(&net, "film").await;
    assert_eq!(status, StatusCode::CONFLICT);
    let (status, _) = open(&net, "nothing").await;
    assert_ne!(status, StatusCode::CREATED);
    for (watcher, at) in [(&mut here, "core"), (&mut far, "core/a/lab")] {
        let stands = |one: &Value| one["phase"] == "established";
        watcher
            .until(|w| w.sessions.len() == 4 && w.sessions.iter().all(stands))
            .await;
        let (_, hops) = net.get("core", &format!("/hops?at={at}")).await;
        let mut heard = timeless(&watcher.sessions);
        let mut said = timeless(hops.as_array().unwrap());
        let by_session = |one: &Value| one["session"].to_string();
        heard.sort_by_key(by_session);
        said.sort_by_key(by_session);
        assert_eq!(heard, said, "{at}");
    }
    far.until(|w| w.refusals.len() == 2).await;
    let (_, refusals) = net.get("core", "/refusals?at=core/a/lab").await;
    assert_eq!(
        timeless(&far.refusals),
        timeless(refusals.as_array().unwrap())
    );
    assert_eq!(refusals[0]["kind"], "refused");
    assert_eq!(refusals[0]["user"], "ann");
    assert_eq!(refusals[0]["refused"][0]["kind"], "lacking", "{refusals}");
    assert_eq!(refusals[1]["kind"], "no-plan");
    assert_eq!(refusals[1]["title"], "nothing");
    let (_, walks) = net.get("core", "/walks").await;
    let walks = walks.as_array().unwrap();
    here.until(|w| w.walks.len() >= walks.len()).await;
    assert_eq!(timeless(&here.walks), timeless(walks));
    let of_first = walks.iter().filter(|walk| walk["whose"] == ids[0]);
    let of_first: Vec<_> = of_first
        .map(|w| json!([w["kind"], w["from"], w["to"]]))
        .collect();
    let way = json!([
        ["visit", "core/a", "core"],
        ["visit", "core", "core/b"],
        ["ready", "core/b", "core"],
        ["ready", "core", "core/a"],
    ]);
    assert_eq!(json!(of_first), way);

    // They end.
    let id = ids[0].as_str().unwrap();
    let close = request("DELETE", &format!("/sessions/{id}"), Body::empty());
    assert_eq!(
        net.send("core/a/lab", close).await.0,
        StatusCode::NO_CONTENT
    );
    here.until(|w| w.sessions.iter().all(|one| one["session"] != id))
        .await;
    far.until(|w| w.sessions.iter().all(|one| one["session"] != id))
        .await;
    assert_eq!((here.snapshots, far.snapshots), (1, 1));
    let (_, newest) = net.get("core", "/hops?most=1").await;
    assert_eq!(newest.as_array().unwrap().len(), 1);

    // And so do streams, when the daemon stops.
    net.api("core").stop();
    while next_event(&mut here.body, &mut here.buffer).await.is_some() {}
}

/// Also of those that are served below, and of nothing else.
#[tokio::test(start_paused = true)]
async fn whoever_watches_is_told_that_there_are_other_presentations() {
    let net = Net::start(&TREE);
    let mut watcher = Watcher::new(&net, "core", "/events").await;
    assert_eq!(watcher.hear().await["presentations"], true);
    watcher.until(|w| w.places.len() == 4).await;
    let titles = async || {
        let (_, list) = net.get("core", "/presentations").await;
        list.as_array().unwrap().len()
    };
    let other = async |watcher: &mut Watcher| {
        let heard = async { while watcher.hear().await["presentations"] != true {} };
        let heard = tokio::time::timeout(Duration::from_secs(60), heard).await;
        heard.expect("nobody is told of other presentations");
    };
    net.publish("core/b", "/presentations").await;
    other(&mut watcher).await;
    assert_eq!(titles().await, 1);
    // A session is no reason to ask for them again.
    let (status, session) = open(&net, "film").await;
    assert_eq!(status, StatusCode::CREATED, "{session}");
    while watcher.sessions.is_empty() {
        assert_eq!(watcher.hear().await["presentations"], Value::Null);
    }
    let withdraw = request("DELETE", "/presentations/film", Body::empty());
    net.send("core/b", withdraw).await;
    other(&mut watcher).await;
    assert_eq!(titles().await, 0);
}

/// What is refused on the way is told where it was.
#[tokio::test(start_paused = true)]
async fn a_place_says_what_it_refused_to_those_who_came_by() {
    let net = Net::start(&TREE);
    net.publish("core/b", "/presentations").await;
    for from in ["core/a/lab", "core/a/lab", "core"] {
        let form = json!({"title": "film"}).to_string();
        net.send(from, request("POST", "/sessions", form)).await;
    }
    let (_, refusals) = net.get("core/b", "/refusals").await;
    let one = &refusals[0];
    assert_eq!(one["kind"], "passing", "{refusals}");
    assert_eq!(one["title"], "film");
    assert_eq!(one["client"], "core");
    assert_eq!(one["refused"][0]["lack"]["resource"], "up", "{one}");
    assert_eq!(refusals.as_array().unwrap().len(), 1);
}

/// One who does not take what is told costs no more than that, and begins anew.
#[tokio::test(start_paused = true)]
async fn one_who_is_slow_is_told_all_of_it_anew() {
    let net = Net::start(&["core", "core/b"]);
    net.publish("core", "/presentations").await;
    let mut watcher = Watcher::new(&net, "core", "/events").await;
    watcher.hear().await;
    for _ in 0..2 * BEHIND {
        let form = json!({"title": "film"}).to_string();
        let (status, session) = net.send("core", request("POST", "/sessions", form)).await;
        assert_eq!(status, StatusCode::CREATED, "{session}");
        tokio::time::sleep(Duration::from_millis(600)).await;
        let id = session["session"].as_str().unwrap();
        let close = request("DELETE", &format!("/sessions/{id}"), Body::empty());
        net.send("core", close).await;
        tokio::time::sleep(Duration::from_millis(600)).await;
    }
    watcher.until(|w| w.snapshots == 2).await;
    assert_eq!(watcher.sessions, Vec::<Value>::new());
}

#[tokio::test]
async fn streams_are_bounded_and_a_neighbour_has_its_share() {
    let net = Net::start_with(&["core", "core/b"], |limits| limits.event_streams = 3);
    let get = || request("GET", "/events", Body::empty());
    let by = || request("GET", "/events?at=core", Body::empty());
    let neighbours = net.raw("core/b", by()).await;
    assert_eq!(neighbours.status(), StatusCode::OK);
    let (status, problem) = net.send("core/b", by()).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("`api.event-streams` = 1"), "{detail}");
    let own = [net.raw("core", get()).await, net.raw("core", get()).await];
    let (status, problem) = net.send("core", get()).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    let detail = problem["detail"].as_str().unwrap();
    assert!(
        detail.contains("`api.event-streams` = 3 is reached"),
        "{detail}"
    );
    drop(own);
    assert_eq!(net.raw("core", get()).await.status(), StatusCode::OK);
}

/// The page is the same for everybody, and may ask nobody but its own place.
#[tokio::test]
async fn the_page_needs_no_token_and_says_nothing() {
    let net = Net::start(&["core"]);
    let api: ControlApi = net.api("core");
    let get = |path: &str, tag: Option<&header::HeaderValue>| {
        let mut asked = Request::get(path).body(Body::empty()).unwrap();
        if let Some(tag) = tag {
            asked
                .headers_mut()
                .insert(header::IF_NONE_MATCH, tag.clone());
        }
        api.router().oneshot(asked)
    };
    let page = get("/", None).await.unwrap();
    let tag = page.headers()[header::ETAG].clone();
    let policy = page.headers()[header::CONTENT_SECURITY_POLICY]
        .to_str()
        .unwrap();
    assert!(
        policy.starts_with("default-src 'none'; script-src 'self';"),
        "{policy}"
    );
    assert_eq!(page.headers()[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
    let text = page.into_body().collect().await.unwrap().to_bytes();
    let text = std::str::from_utf8(&text).unwrap();
    assert!(!text.contains(name("core").as_str()), "{text}");
    assert_eq!(
        get("/", Some(&tag)).await.unwrap().status(),
        StatusCode::NOT_MODIFIED
    );
    // Everything that the files name is there.
    let mut named = vec!["page.css".to_owned(), "main.js".to_owned()];
    let mut at = 0;
    while let Some(file) = named.get(at).cloned() {
        at += 1;
        let answer = get(&format!("/page/{file}"), None).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{file}");
        let text = answer.into_body().collect().await.unwrap().to_bytes();
        let text = std::str::from_utf8(&text).unwrap();
        assert!(
            !text.contains("http://") || text.contains("http://www.w3.org/2000/svg"),
            "{file}"
        );
        for rest in text.split("from './").skip(1) {
            let name = rest.split('\'').next().unwrap().to_owned();
            if !named.contains(&name) {
                named.push(name);
            }
        }
    }
    assert!(named.len() > 10, "{named:?}");
    assert_eq!(
        get("/page/none.js", None).await.unwrap().status(),
        StatusCode::UNAUTHORIZED
    );
}
