//! Drawing a case from a seed.
//!
//! Every case is small, so that thousands run in a minute, and scarce in something, so that
//! most of them go other ways than straight on. The shares here were set by looking at what a
//! campaign [counts](super::Tally): most requests get a session, one in three or four is refused
//! for lack of something, and every kind of fault strikes in a good part of the cases.

mod acts;

use std::collections::{BTreeMap, BTreeSet};

use rand::RngExt;
use rand::rngs::StdRng;

use super::act::{Act, Timed};
use super::case::{Asker, Bounds, Case, Code, Kind, Level, Noise, Part, PlaceCase, Times, Title};
use crate::random;

const MBIT: u64 = 1_000_000;
const CHUNK: u64 = 64 << 10;
const STRATEGIES: [&str; 3] = ["nearest", "best-quality", "least-loaded"];
const DOWNLOADS: [&str; 3] = ["default-place", "direct", "nearest-holder"];
const REFERENCES: [&str; 5] = ["pass@^1", "cap", "log@^1", "pass@=1.0.0", "draw@2"];

/// Draws the case of a seed.
#[must_use]
pub fn draw(seed: u64) -> Case {
    let mut rng = random::stream(seed, "fuzz", 0);
    let kind = match rng.random_range(0..100) {
        0..20 => Kind::Calm,
        20..50 => Kind::Gentle,
        _ => Kind::Rough,
    };
    let mut dice = Dice { rng, kind };
    let mut case = dice.case(seed);
    dice.rng = random::stream(seed, "fuzz when cut", 0);
    for title in &mut case.titles {
        // In gentle cases nothing is away for as long as a lease, and nothing may be lost.
        let lease = case.times.session_lease_ms;
        let least = if kind == Kind::Gentle {
            lease
        } else {
            lease / 4
        };
        title.lost_after_ms = dice.maybe(40, |dice| dice.between(least, 4 * lease));
        title.original = dice.chance(50);
    }
    if kind == Kind::Rough && dice.chance(80) {
        dice.ask_again(&mut case);
    }
    case
}

struct Dice {
    rng: StdRng,
    kind: Kind,
}

impl Dice {
    fn chance(&mut self, percent: u32) -> bool {
        self.rng.random_range(0..100) < percent
    }

    fn maybe<T>(&mut self, percent: u32, what: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.chance(percent).then(|| what(self))
    }

    fn up_to(&mut self, most: u64) -> u64 {
        self.rng.random_range(0..=most)
    }

    fn between(&mut self, from: u64, to: u64) -> u64 {
        self.rng.random_range(from..=to)
    }

    fn pick<'a, T: ?Sized>(&mut self, all: &[&'a T]) -> &'a T {
        all[self.rng.random_range(0..all.len())]
    }

    fn one<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.rng.random_range(0..all.len())].clone()
    }

    /// Mostly short, sometimes long: times at which things cross are found near each other.
    fn pause(&mut self, most: u64) -> u64 {
        match self.rng.random_range(0..4) {
            0 => self.up_to(most.min(60)),
            1 => self.up_to(most.min(600)),
            _ => self.up_to(most),
        }
    }

    fn case(&mut self, seed: u64) -> Case {
        let times = self.times();
        let names = self.names();
        let code = self.code(&names);
        let titles = self.titles(&names, !code.is_empty());
        let bounds = self.bounds();
        let scarce = self.rng.random_range(0..4);
        let places: Vec<_> = names.iter().map(|n| self.place(n, scarce)).collect();
        let asking = if self.kind == Kind::Gentle {
            6000
        } else {
            25_000
        };
        let clients = self.clients(&names, &titles, asking);
        let length_ms = match self.kind {
            Kind::Gentle => 70_000,
            Kind::Calm => 30_000,
            Kind::Rough => 40_000,
        };
        let mut case = Case {
            seed,
            kind: self.kind,
            length_ms,
            decision_maker: self.pick(&STRATEGIES).to_owned(),
            servers_per_plan: self.rng.random_range(1..=4),
            bandwidth: self.maybe(80, |dice| dice.between(1, 40) * MBIT),
            times,
            bounds,
            noise: self.noise(times),
            places,
            titles,
            code,
            clients,
            acts: Vec::new(),
        };
        case.acts = self.acts(&names, &case);
        case.acts.sort_by_key(|timed| timed.at_ms);
        case
    }

    fn times(&mut self) -> Times {
        let setup_lease_ms = self.one(&[3000, 4000, 6000]);
        Times {
            setup_lease_ms,
            session_lease_ms: self.one(&[10_000, 20_000]),
            feeds_per_lease: self.between(7, 9),
            setup_deadline_ms: self.one(&[6000, 12_000, 15_000]),
            claim_ms: self.one(&[5000, 10_000]),
            download_ms: self.one(&[3000, 5000]),
        }
    }

    /// A tree, in the order of names. Names are of different lengths, and a part of one may
    /// begin like another.
    fn names(&mut self) -> Vec<String> {
        let count = match self.rng.random_range(0..10) {
            0 => 2,
            1..7 => self.rng.random_range(3..=9),
            7..9 => self.rng.random_range(8..=16),
            _ => self.rng.random_range(16..=40),
        };
        // How likely the next place goes below the last one: trees are long or bushy.
        let deep = self.one(&[10, 40, 75]);
        let mut names = vec![self.pick(&["r", "root", "0"]).to_owned()];
        while names.len() < count {
            let last = names.len() - 1;
            let above = if self.chance(deep) {
                last
            } else {
                self.rng.random_range(0..=last)
            };
            let above = names[above].clone();
            if above.split('/').count() > 8 {
                continue;
            }
            let part = match self.rng.random_range(0..4) {
                0 => format!("a-{}", names.len()),
                1 => format!("a{}", names.len()),
                2 => format!("bologna-{}", names.len()),
                _ => names.len().to_string(),
            };
            names.push(format!("{above}/{part}"));
        }
        names
    }

    fn place(&mut self, name: &str, scarce: u32) -> PlaceCase {
        let rough = self.kind == Kind::Rough;
        let edge = |dice: &mut Self| match scarce {
            0 => dice.between(2, 8) * MBIT,
            1 => dice.between(6, 20) * MBIT,
            _ => dice.between(10, 60) * MBIT,
        };
        let mut capacity = BTreeMap::from([
            ("down".to_owned(), edge(self)),
            ("up".to_owned(), edge(self)),
        ]);
        let cpu = match scarce {
            2 => self.between(100, 900),
            _ => self.between(600, 5000),
        };
        let memory = match scarce {
            3 => self.between(20, 120),
            _ => self.between(100, 1000),
        };
        capacity.insert("cpu".to_owned(), cpu);
        capacity.insert("memory".to_owned(), memory);
        PlaceCase {
            name: name.to_owned(),
            latency_ms: self.one(&[1, 5, 5, 12, 40]),
            processing_us: if rough && self.chance(10) {
                self.between(100, 5000)
            } else {
                0
            },
            clock_ms: if self.chance(10) {
                i64::try_from(self.up_to(100_000)).unwrap_or(0)
            } else {
                0
            },
            drift_ppm: if self.chance(10) {
                self.rng.random_range(-500..=500)
            } else {
                0
            },
            download: self.pick(&DOWNLOADS).to_owned(),
            gpu: self.chance(80),
            repository: self.maybe(15, |dice| dice.between(4, 20) * CHUNK),
            disk: match rough {
                true => self.maybe(8, |dice| dice.between(4, 20) * CHUNK),
                false => None,
            },
            rate: self.chance(10).then_some(2 * MBIT),
            capacity,
        }
    }

    fn code(&mut self, names: &[String]) -> Vec<Code> {
        let mut all = Vec::new();
        if self.chance(55) {
            return all;
        }
        for (number, name) in ["pass", "cap", "log", "draw"].into_iter().enumerate() {
            for version in ["1.0.0", "1.1.0", "2.0.0"] {
                if self.chance(50) {
                    all.push(Code {
                        name: name.to_owned(),
                        version: version.to_owned(),
                        length: self.between(1, 6 * CHUNK),
                        home: self.one(names),
                        depends: (number < 2 && self.chance(25)).then(|| "log@^1".to_owned()),
                        gpu: self.chance(8),
                    });
                }
            }
        }
        all
    }

    /// A client that stays is cut off from some of the tree, and asks again under its key.
    fn ask_again(&mut self, case: &mut Case) {
        let at = self.rng.random_range(0..case.clients.len());
        let first = &mut case.clients[at];
        let Some(below) = first.at.find('/') else {
            return;
        };
        let labels = first.at[below + 1..].matches('/').count() as u64;
        let up = self.up_to(labels);
        let edge = (0..up).fold(&first.at[..], |place, _| {
            place.rsplit_once('/').map_or(place, |(parent, _)| parent)
        });
        let wait = case.times.setup_lease_ms + self.up_to(3000);
        let cut = Act::Cut {
            place: edge.to_owned(),
            for_ms: wait + self.between(500, 15_000),
            tell: "both".to_owned(),
        };
        let stays = Asker {
            key: Some("again".to_owned()),
            claim_ms: Some(0),
            close_ms: None,
            hang_up_ms: None,
            idle_ms: None,
            longest_ms: None,
            dry: false,
            ..first.clone()
        };
        let cut_at = stays.after_ms + self.between(500, 4000);
        let again = Asker {
            after_ms: cut_at + wait,
            ..stays.clone()
        };
        *first = stays;
        case.clients.push(again);
        let at = case.acts.partition_point(|timed| timed.at_ms <= cut_at);
        let timed = Timed {
            at_ms: cut_at,
            act: cut,
        };
        case.acts.insert(at, timed);
    }

    fn titles(&mut self, names: &[String], with_code: bool) -> Vec<Title> {
        let count = self.rng.random_range(1..=3);
        let mut titles = Vec::new();
        for number in 0..count {
            let servers: BTreeSet<_> = (0..self.rng.random_range(1..=3))
                .map(|_| self.one(names))
                .collect();
            let levels = self.rng.random_range(1..=4);
            let qualities = (0..levels).map(|l| self.level(l, with_code)).collect();
            titles.push(Title {
                title: format!("film-{number}"),
                servers: servers.into_iter().collect(),
                qualities,
                lost_after_ms: None,
                original: false,
            });
        }
        titles
    }

    /// A level; those further down mostly need less.
    fn level(&mut self, number: u64, with_code: bool) -> Level {
        let most = if self.chance(80) { 6 >> number } else { 6 };
        let to_client = self.between(1, most.max(1)) * MBIT;
        let mut components = Vec::new();
        if with_code && self.chance(60) {
            let at = self.pick(&["client", "default-place", "every-hop", "server"]);
            components.push(Part {
                at: at.to_owned(),
                name: self.pick(&REFERENCES).to_owned(),
                wasm: true,
            });
        }
        if self.chance(40) {
            let at = self.pick(&["client", "every-hop", "default-place"]);
            components.push(Part {
                at: at.to_owned(),
                name: "relay".to_owned(),
                wasm: false,
            });
        }
        components.push(Part {
            at: "server".to_owned(),
            name: self.pick(&["files", "files", "upstream"]).to_owned(),
            wasm: false,
        });
        // From the client's side to the server's.
        let rank = |part: &Part| match part.at.as_str() {
            "client" => 0,
            "default-place" => 1,
            "every-hop" => 2,
            _ => 3,
        };
        components.sort_by_key(rank);
        Level {
            name: format!("level-{number}"),
            to_client,
            to_server: if self.chance(70) { to_client / 50 } else { 0 },
            server_cpu: self.up_to(400 >> number),
            hop_memory: if self.chance(30) {
                self.between(1, 30)
            } else {
                0
            },
            components,
        }
    }

    fn bounds(&mut self) -> Bounds {
        let plenty = Bounds {
            sessions: 200_000,
            setups: 20_000,
            solutions: 64,
            questions: 10_000,
            downloads: 64,
        };
        if !self.chance(15) {
            return Bounds {
                downloads: self.one(&[1, 2, 4, 64]),
                ..plenty
            };
        }
        Bounds {
            sessions: self.one(&[2, 5, 200_000]),
            setups: self.one(&[1, 3, 20_000]),
            solutions: self.one(&[2, 4, 64]),
            questions: self.one(&[1, 3, 10_000]),
            downloads: self.one(&[1, 2, 64]),
        }
    }

    fn clients(&mut self, names: &[String], titles: &[Title], within: u64) -> Vec<Asker> {
        let count = match self.rng.random_range(0..10) {
            0 => self.rng.random_range(18..=40),
            _ => self.rng.random_range(2..=18),
        };
        (0..count)
            .map(|_| {
                let title = self.one(titles);
                self.client(names, &title, within)
            })
            .collect()
    }

    fn client(&mut self, names: &[String], title: &Title, within: u64) -> Asker {
        let (claim_ms, close_ms) = match self.rng.random_range(0..10) {
            0 => (None, None),
            1..4 => (Some(self.pause(3000)), Some(self.pause(25_000))),
            4 => (Some(0), Some(self.pause(200))),
            _ => (Some(self.pause(1000)), None),
        };
        let unusual = self.chance(20);
        Asker {
            at: self.one(names),
            after_ms: if self.chance(40) {
                self.up_to(300)
            } else {
                self.up_to(within)
            },
            title: if self.chance(97) {
                title.title.clone()
            } else {
                "nothing".to_owned()
            },
            key: self.maybe(10, |dice| format!("shared-{}", dice.up_to(2))),
            claim_ms,
            close_ms,
            hang_up_ms: self.maybe(6, |dice| dice.pause(2000)),
            deadline_ms: unusual.then(|| self.between(50, 6000)),
            idle_ms: self.maybe(8, |dice| dice.between(1000, 20_000)),
            longest_ms: self.maybe(8, |dice| dice.between(100, 20_000)),
            retries: u32::from(self.chance(40)) * self.rng.random_range(1..4),
            watch: self.chance(30),
            no_trace_back: self.chance(10),
            decision_maker: self.maybe(30, |dice| dice.pick(&STRATEGIES).to_owned()),
            best_quality: self.maybe(10, |dice| dice.one(&title.qualities).name),
            terminal: self.maybe(8, |dice| dice.between(1, 6) * MBIT),
            dry: self.chance(3),
        }
    }

    fn noise(&mut self, times: Times) -> Noise {
        if self.kind != Kind::Rough {
            return Noise {
                jitter_ms: self.one(&[0, 3, 20]),
                ..Noise::default()
            };
        }
        if self.chance(25) {
            return Noise {
                jitter_ms: self.one(&[0, 3, 20]),
                ghosts: self.one(&[0, 300, 1000]),
                ..Noise::default()
            };
        }
        let share = self.one(&[5, 20, 60, 150]);
        Noise {
            loss: if self.chance(75) { share } else { 0 },
            bursts: self.chance(30),
            duplicate: if self.chance(60) { share } else { 0 },
            reorder: if self.chance(60) { share } else { 0 },
            late_ms: self.one(&[100, 1000, 3000]).min(times.session_lease_ms),
            jitter_ms: self.one(&[0, 3, 20]),
            ghosts: self.one(&[0, 100, 500]),
        }
    }
}
