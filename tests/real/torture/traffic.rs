//! Clients at every place, which open, use and close sessions all the time.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock, RwLockWriteGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;
use waybook_client::model::OpenForm;
use waybook_client::{Client, Error};
use waybook_sim::random::stream;

use crate::places::served;
use crate::places::{Places, answered, runtime};

/// Sessions of each place that are kept until the end.
const KEPT: usize = 3;

/// Sessions of each place at most.
const MOST: usize = 7;

/// What clients of one place know of their sessions.
#[derive(Default)]
pub(super) struct Ledger {
    /// Those that stand, as far as they were told.
    pub(super) standing: BTreeMap<String, Session>,
    /// Keys whose request was not answered: a session may have come of it.
    pub(super) unsure: BTreeSet<String>,
    /// Sessions that were closed, maybe in vain: nobody has said that they are over for good.
    pub(super) closing: BTreeSet<String>,
    /// The URLs of all that ever stood.
    pub(super) past: Vec<(String, String)>,
}

/// A session as its client knows it.
#[derive(Clone)]
pub(super) struct Session {
    pub(super) url: String,
    /// Whether it is closed only at the end.
    kept: bool,
    /// How many rounds it has seen the end of.
    pub(super) rounds: u32,
}

#[derive(Default)]
struct Counts {
    opened: AtomicU64,
    refused: AtomicU64,
    closed: AtomicU64,
    files: AtomicU64,
    bytes: AtomicU64,
    failed: AtomicU64,
}

struct Shared {
    ledgers: Vec<Mutex<Ledger>>,
    counts: Counts,
    /// Held for reading by whoever does something.
    gate: RwLock<()>,
    over: AtomicBool,
}

pub(super) struct Traffic {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
}

/// What was done in all.
pub(super) struct Done {
    /// Session and URL of all that ever stood.
    pub(super) past: Vec<(String, String)>,
    counts: [u64; 6],
}

impl Traffic {
    /// Clients begin at every place.
    pub(super) fn start(places: &Places, seed: u64) -> Self {
        let shared = Arc::new(Shared {
            ledgers: (0..places.len()).map(|_| Mutex::default()).collect(),
            counts: Counts::default(),
            gate: RwLock::default(),
            over: AtomicBool::default(),
        });
        let worker = |place: usize| {
            let worker = Worker {
                folder: places.all()[place].data().to_owned(),
                place,
                dice: stream(seed, "worker", place as u64),
                keys: 0,
                shared: shared.clone(),
            };
            std::thread::spawn(move || worker.work())
        };
        let workers = (0..places.len()).map(worker).collect();
        Self { shared, workers }
    }

    /// Waits until nobody does anything; nobody does until what is returned is dropped.
    pub(super) fn pause(&self) -> RwLockWriteGuard<'_, ()> {
        self.shared.gate.write().expect("a worker has failed")
    }

    /// What the clients of a place know.
    pub(super) fn ledger(&self, place: usize) -> std::sync::MutexGuard<'_, Ledger> {
        self.shared.ledgers[place].lock().unwrap()
    }

    /// A round is over.
    pub(super) fn grow_old(&self) {
        for ledger in &self.shared.ledgers {
            for session in ledger.lock().unwrap().standing.values_mut() {
                session.rounds += 1;
            }
        }
    }

    /// Ends the clients, and closes what they have left.
    pub(super) fn end(mut self, places: &Places) -> Done {
        self.shared.over.store(true, Ordering::Relaxed);
        for worker in self.workers.drain(..) {
            worker.join().expect("a worker has failed");
        }
        let mut past = Vec::new();
        for place in 0..places.len() {
            let mut ledger = self.ledger(place);
            for id in std::mem::take(&mut ledger.standing).into_keys() {
                let client = places.client(place).unwrap();
                let closed = places.ask(client.close(&id));
                closed.unwrap_or_else(|error| panic!("{id} at {place}: {error}"));
                add(&self.shared.counts.closed, 1);
            }
            past.append(&mut ledger.past);
        }
        let counts = &self.shared.counts;
        let all = [
            &counts.opened,
            &counts.refused,
            &counts.closed,
            &counts.files,
            &counts.bytes,
            &counts.failed,
        ];
        Done {
            past,
            counts: all.map(|count| count.load(Ordering::Relaxed)),
        }
    }
}

fn add(count: &AtomicU64, more: u64) {
    count.fetch_add(more, Ordering::Relaxed);
}

impl Done {
    /// A test in which nothing passes tests nothing.
    pub(super) fn was_not_idle(&self) {
        let [opened, _, closed, files, ..] = self.counts;
        assert!(opened > 20 && closed > 20 && files > 20, "{self}");
    }
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [opened, refused, closed, files, bytes, failed] = self.counts;
        write!(
            f,
            "{opened} sessions opened, {refused} refused, {closed} closed; {files} files of \
             {bytes} bytes in all were right, {failed} requests failed"
        )
    }
}

/// The clients of one place.
struct Worker {
    folder: std::path::PathBuf,
    place: usize,
    dice: StdRng,
    keys: u64,
    shared: Arc<Shared>,
}

impl Worker {
    fn work(mut self) {
        let runtime = runtime();
        let shared = self.shared.clone();
        loop {
            {
                let _going = shared.gate.read().unwrap();
                if shared.over.load(Ordering::Relaxed) {
                    return;
                }
                runtime.block_on(self.step());
            }
            // People take their time.
            std::thread::sleep(Duration::from_millis(self.dice.random_range(0..60)));
        }
    }

    fn ledger(&self) -> std::sync::MutexGuard<'_, Ledger> {
        self.shared.ledgers[self.place].lock().unwrap()
    }

    async fn step(&mut self) {
        let (all, kept) = {
            let ledger = self.ledger();
            let kept = ledger.standing.values().filter(|session| session.kept);
            (ledger.standing.len(), kept.count())
        };
        let what = self.dice.random_range(0..10);
        if kept < KEPT || (what < 3 && all < MOST) {
            self.open(kept < KEPT).await;
        } else if what < 8 {
            self.fetch().await;
        } else {
            self.close().await;
        }
    }

    /// One of the standing sessions.
    fn one(&mut self, suits: impl Fn(&Session) -> bool) -> Option<(String, Session)> {
        let ledger = self.shared.ledgers[self.place].lock().unwrap();
        let mut all = ledger.standing.iter().filter(|(_, session)| suits(session));
        let count = all.clone().count();
        let nth = (count > 0).then(|| self.dice.random_range(0..count))?;
        let (id, session) = all.nth(nth)?;
        Some((id.clone(), session.clone()))
    }

    async fn open(&mut self, kept: bool) {
        let title = served::TITLES[self.dice.random_range(0..served::TITLES.len())].0;
        self.keys += 1;
        let form = OpenForm {
            title: title.to_owned(),
            key: Some(format!("{}-{}", self.place, self.keys)),
            ..OpenForm::default()
        };
        let key = form.key.clone().unwrap_or_default();
        let counts = &self.shared.counts;
        let Ok(client) = Client::from_folder(&self.folder) else {
            return add(&counts.failed, 1);
        };
        let session = match answered(client.open_quietly(&form)).await {
            Ok(session) => session,
            Err(Error::Problem(_)) => return add(&counts.refused, 1),
            Err(_) => {
                add(&counts.failed, 1);
                self.ledger().unsure.insert(key);
                return;
            }
        };
        let url = session.urls.expect("it stands").path;
        let claimed = answered(client.claim(&session.session)).await;
        let mut ledger = self.ledger();
        ledger.past.push((session.session.clone(), url.clone()));
        if claimed.is_err() {
            add(&counts.failed, 1);
            ledger.unsure.insert(key);
            return;
        }
        add(&counts.opened, 1);
        let new = Session {
            url,
            kept,
            rounds: 0,
        };
        ledger.standing.insert(session.session, new);
    }

    async fn fetch(&mut self) {
        let Some((_, session)) = self.one(|_| true) else {
            return;
        };
        let file = self.dice.random_range(0..served::FILES);
        let counts = &self.shared.counts;
        match served::fetch(&session.url, file).await {
            Ok(bytes) => {
                add(&counts.files, 1);
                add(&counts.bytes, bytes as u64);
            }
            Err(_) => add(&counts.failed, 1),
        }
    }

    async fn close(&mut self) {
        let Some((id, _)) = self.one(|session| !session.kept) else {
            return;
        };
        {
            let mut ledger = self.ledger();
            ledger.standing.remove(&id);
            ledger.closing.insert(id.clone());
        }
        let closed = match Client::from_folder(&self.folder) {
            Ok(client) => answered(client.close(&id)).await,
            Err(error) => Err(error),
        };
        match closed {
            Ok(()) => {
                add(&self.shared.counts.closed, 1);
                self.ledger().closing.remove(&id);
            }
            Err(_) => add(&self.shared.counts.failed, 1),
        }
    }
}
