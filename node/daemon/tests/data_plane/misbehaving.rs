//! Components of every kind that misbehaves, each for a session of its own, beside one that
//! does not.

use std::time::{Duration, Instant};

use http::{Request, StatusCode};
use http_body_util::BodyExt;
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use waybook_agents::SessionId;
use waybook_daemon::data::DataConfig;
use waybook_daemon::empty_body;
use waybook_plan::Runtime;

use crate::wasm::House;
use crate::world::{Place, client, component, name, route, soon};

#[path = "../../../wasm/tests/common/guests.rs"]
mod guests;

/// What they are called, and what they are asked for.
const GUESTS: [(&str, &str); 13] = [
    ("count", "t"), // traps
    ("loop", ""),
    ("tail", ""),
    ("half", ""),
    ("grow", ""),
    ("never", ""),
    ("hoard", ""),
    ("flood", ""),
    ("endless", ""),
    ("stubborn", ""),
    ("streams3", ""),
    ("yield3", ""),
    ("behind3", ""),
];

/// What a session with one of them has booked, and the one beside them, in thousandths of a
/// processor.
const LITTLE: u64 = 50;
const ENOUGH: u64 = 500;

/// A place with a session that is in order, and the others.
struct Neighbourhood {
    house: House,
    place: Place,
    _film: TempDir,
    good: String,
    bad: Vec<String>,
}

impl Neighbourhood {
    async fn new() -> Self {
        let mut house = House::new(&["echo"], |settings| {
            settings.timeout = Duration::from_millis(500);
            settings.grace = Duration::from_millis(500);
        });
        for (guest, _) in GUESTS {
            house.add(guest, &guests::guest(guest));
        }
        let mut config = DataConfig::new(name("core"), [7; 32]);
        let film = tempfile::tempdir().unwrap();
        config.files = vec![film.path().to_owned()];
        house.configure(&mut config);
        let mut place = Place::alone(config);
        place.gateway().await;
        let echo = house.start(&mut place, "echo", &[]).await;
        let mut good = route(1, &[echo]);
        good.booked.cpu = Some(ENOUGH);
        place.plane.route(good);
        let mut all = Vec::new();
        for (number, (guest, path)) in (2..).zip(GUESTS) {
            let files = component(Runtime::Builtin, "files", &[("root", ".")]);
            let files = place.start(files).await;
            let guest = house.start(&mut place, guest, &[]).await;
            let mut bad = route(number, &[guest, files]);
            bad.booked.cpu = Some(LITTLE);
            bad.booked.memory = Some(16 << 20);
            place.plane.route(bad);
            all.push((SessionId(number), path));
        }
        let url = |session| place.plane.session_url(session).path_url;
        let good = format!("{}hello", url(SessionId(1)));
        let bad = all
            .iter()
            .map(|(session, path)| format!("{}{path}", url(*session)));
        let bad = bad.collect();
        Self {
            house,
            place,
            _film: film,
            good,
            bad,
        }
    }

    /// Asks each of the others for something, again and again, by two clients at a time.
    fn misbehave(&self) -> (CancellationToken, JoinSet<u64>) {
        let (enough, mut clients) = (CancellationToken::new(), JoinSet::new());
        for url in self.bad.iter().chain(&self.bad) {
            let (url, enough) = (url.clone(), enough.clone());
            clients.spawn(async move {
                let mut asked = 0;
                while !enough.is_cancelled() {
                    asked += 1;
                    let asks = async {
                        let request = Request::get(&url).body(empty_body()).unwrap();
                        let mut body = client().request(request).await?.into_body();
                        // Some never end.
                        for _ in 0..20 {
                            let Some(Ok(_)) = body.frame().await else {
                                break;
                            };
                        }
                        Ok::<_, hyper_util::client::legacy::Error>(())
                    };
                    let _ = enough.run_until_cancelled(asks).await;
                }
                asked
            });
        }
        (enough, clients)
    }

    /// Asks the one that is in order so often, one after the other; how long each took.
    async fn ask(&self, times: usize) -> Vec<Duration> {
        let client = client();
        let mut took = Vec::new();
        for _ in 0..times {
            let begun = Instant::now();
            let request = Request::get(&self.good).body(empty_body()).unwrap();
            let response = soon("a response", client.request(request)).await.unwrap();
            assert_eq!(response.status(), StatusCode::OK);
            let body = soon("a body", response.into_body().collect())
                .await
                .unwrap();
            assert!(!body.to_bytes().is_empty());
            took.push(begun.elapsed());
        }
        took
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_others_are_served_while_components_misbehave() {
    let all = Neighbourhood::new().await;
    let (enough, clients) = all.misbehave();
    let mut asked = 0;
    // Until it has come to the worst that they do.
    let counters = || all.house.wasm.engine.counters();
    while asked < 100 || counters().traps == 0 || counters().timeouts == 0 {
        asked += all.ask(10).await.len();
        assert!(asked < 100_000, "{:?}", counters());
    }
    enough.cancel();
    for asked in clients.join_all().await {
        assert!(asked > 0);
    }
    // Nor has any of them left anything behind that is in the way.
    all.ask(10).await;
    drop(all.place);
}

/// `cargo test --release -p waybook-daemon --test data_plane -- --ignored --nocapture misbehaving`
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement, to be made in release mode on a machine with nothing else to do"]
async fn how_much_later_others_are_served() {
    const TIMES: usize = 1000;
    let all = Neighbourhood::new().await;
    let show = |what: &str, mut took: Vec<Duration>| {
        took.sort();
        let at = |percent| took[took.len() * percent / 100];
        println!(
            "{what}: p50 {:.2?}, p99 {:.2?}, greatest {:.2?}",
            at(50),
            at(99),
            took[took.len() - 1]
        );
    };
    all.ask(50).await;
    show("alone", all.ask(TIMES).await);
    let (enough, clients) = all.misbehave();
    all.ask(50).await;
    let during = all.ask(TIMES).await;
    enough.cancel();
    let asked: u64 = clients.join_all().await.iter().sum();
    show(&format!("beside {} that misbehave", GUESTS.len()), during);
    println!(
        "requests to those: {asked}; {:?}",
        all.house.wasm.engine.counters()
    );
    drop(all.place);
}
