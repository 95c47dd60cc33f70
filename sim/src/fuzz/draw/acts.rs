//! What goes wrong in a case, and what else is done to it, each at its time.

use rand::RngExt;

use super::super::act::{Act, Conduct, Defect, Errand, Mishap, Timed};
use super::super::case::{Case, Kind};
use super::{DOWNLOADS, Dice};
use crate::faults::Way;

/// The messages that faults strike by kind: those of which sessions are made.
const KINDS: [&str; 17] = [
    "visit",
    "visit-ack",
    "ready",
    "refuse",
    "release",
    "release-ack",
    "confirm",
    "confirm-ack",
    "refresh",
    "working",
    "gone",
    "resync",
    "search",
    "found",
    "resolved",
    "download",
    "cut",
];

impl Dice {
    pub(super) fn acts(&mut self, names: &[String], case: &Case) -> Vec<Timed> {
        match self.kind {
            Kind::Calm => self.calm_acts(names, case),
            Kind::Gentle => self.gentle_acts(names, case),
            Kind::Rough => self.rough_acts(names, case),
        }
    }

    /// What is no fault of the network or of a place: components that fail, and orders.
    fn calm_acts(&mut self, names: &[String], case: &Case) -> Vec<Timed> {
        let mut acts = Vec::new();
        if self.chance(35) {
            for _ in 0..self.rng.random_range(1..=2) {
                let act = self.component(names);
                acts.push(self.at(case.length_ms / 2, act));
            }
        }
        if !case.code.is_empty() {
            for _ in 0..self.rng.random_range(0..=4) {
                let act = self.order(names, case);
                acts.push(self.at(case.length_ms, act));
            }
        }
        acts
    }

    /// Single messages from the beginning; then, when all set-ups are over, short outages far
    /// enough apart that all is as before when the next one comes.
    fn gentle_acts(&mut self, names: &[String], case: &Case) -> Vec<Timed> {
        let mut acts = Vec::new();
        for _ in 0..self.rng.random_range(0..=3) {
            let act = self.message(case.times.setup_lease_ms / 8);
            acts.push(self.at(8000, act));
        }
        let lease = case.times.session_lease_ms;
        let mut at = 24_000;
        while at + lease < case.length_ms {
            let for_ms = self.pause(lease / 4);
            let place = self.one(names);
            let act = if self.chance(50) || !place.contains('/') {
                let tell = self.tell(&place, names, 60);
                Act::Crash {
                    place,
                    for_ms,
                    disk: true,
                    tell,
                }
            } else if self.chance(60) {
                let tell = self.one(&["both".to_owned(), "nobody".to_owned(), place.clone()]);
                Act::Cut {
                    place,
                    for_ms,
                    tell,
                }
            } else {
                let way = self.one(&[Way::Up, Way::Down, Way::Both]);
                Act::Mute { place, way, for_ms }
            };
            acts.push(Timed { at_ms: at, act });
            at += lease + self.up_to(lease);
        }
        acts
    }

    fn rough_acts(&mut self, names: &[String], case: &Case) -> Vec<Timed> {
        let mut acts = self.calm_acts(names, case);
        for _ in 0..self.rng.random_range(0..=7) {
            let act = self.rough_act(names, case);
            // Many set-ups begin at once: that is when faults find most.
            let within = if self.chance(40) { 600 } else { case.length_ms };
            acts.push(self.at(within, act));
        }
        if self.chance(25) {
            acts.extend(self.unheard_close(case));
        }
        if self.chance(25) {
            acts.extend(self.crossing_visits());
        }
        if self.chance(35) {
            for _ in 0..self.rng.random_range(1..=3) {
                let act = self.operator(names);
                let within = if self.chance(40) { 600 } else { case.length_ms };
                acts.push(self.at(within, act));
            }
        }
        acts
    }

    /// What an operator does to a place that runs.
    fn operator(&mut self, names: &[String]) -> Act {
        let place = self.one(names);
        let for_ms = self.pause(20_000);
        let resource = self.pick(&["cpu", "down", "up", "memory"]).to_owned();
        match self.rng.random_range(0..5) {
            0..2 => Act::Drain {
                place,
                for_ms,
                deadline_ms: self.maybe(60, |dice| dice.pause(8000)),
            },
            2 => Act::Cordon {
                place,
                resource,
                for_ms,
            },
            _ => Act::Capacity {
                place,
                resource,
                percent: self.one(&[0, 10, 50, 90, 150]),
                for_ms,
            },
        }
    }

    /// Components fail while agents are some hops on, so that newer visits replace older ones; and
    /// some of the older ones come late, or once more.
    fn crossing_visits(&mut self) -> Vec<Timed> {
        let fails = Act::Component {
            place: None,
            name: self.pick(&["relay", "upstream", "files"]).to_owned(),
            how: Conduct::Fails,
            after_ms: self.between(5, 120),
        };
        let mut acts = vec![Timed {
            at_ms: 0,
            act: fails,
        }];
        for _ in 0..self.rng.random_range(1..=4) {
            let late = Act::Message {
                nth: self.up_to(6),
                kind: Some("visit".to_owned()),
                how: self.one(&[Mishap::Duplicate, Mishap::Duplicate, Mishap::Postpone]),
                by_ms: self.between(10, 400),
            };
            acts.push(self.at(300, late));
        }
        acts
    }

    /// A client closes while an edge of its way is silent, for longer than any lease, and nobody
    /// learns of it: only leases can end what lies beyond.
    fn unheard_close(&mut self, case: &Case) -> Option<Timed> {
        let closes = case.clients.iter().filter(|c| c.at.contains('/'));
        let closes: Vec<_> = closes
            .filter_map(|c| Some((c.at.clone(), c.after_ms + c.close_ms?)))
            .filter(|(_, close)| *close > 2000)
            .collect();
        if closes.is_empty() {
            return None;
        }
        let (place, close) = self.one(&closes);
        let act = Act::Mute {
            place,
            way: Way::Both,
            for_ms: 2 * case.times.session_lease_ms,
        };
        let at_ms = close - self.up_to(1500);
        Some(Timed { at_ms, act })
    }

    fn rough_act(&mut self, names: &[String], case: &Case) -> Act {
        let place = self.one(names);
        let below = if names.len() > 1 {
            self.one(&names[1..])
        } else {
            place.clone()
        };
        let for_ms = if self.chance(50) {
            self.pause(500)
        } else {
            self.pause(30_000)
        };
        match self.rng.random_range(0..20) {
            0..6 => Act::Crash {
                tell: self.tell(&place, names, 50),
                place,
                for_ms,
                disk: self.chance(65),
            },
            6..10 => Act::Cut {
                tell: self.tell(&below, names, 40),
                place: below,
                for_ms,
            },
            10..12 => Act::Mute {
                place: below,
                way: self.one(&[Way::Up, Way::Down, Way::Both]),
                for_ms,
            },
            12 => Act::Slow {
                place,
                factor: self.one(&[3, 30, 300]),
                for_ms,
            },
            13 => Act::Step {
                place,
                by_ms: self.rng.random_range(-20_000..=40_000),
            },
            14..17 => self.message(5000),
            17 => self.component(names),
            18 => {
                let title = self.one(&case.titles);
                Act::Withdraw {
                    place: self.one(&title.servers),
                    title: title.title,
                    for_ms,
                }
            }
            _ if case.code.is_empty() => self.message(5000),
            _ => Act::Trouble {
                place,
                code: self.rng.random_range(0..case.code.len()),
                how: self.one(&[
                    Defect::Corrupt,
                    Defect::Stops,
                    Defect::Short,
                    Defect::Drips,
                    Defect::DiskFull,
                ]),
                chunk: self.up_to(4),
            },
        }
    }

    fn at(&mut self, within: u64, act: Act) -> Timed {
        Timed {
            at_ms: self.up_to(within),
            act,
        }
    }

    /// Who learns that connections broke.
    fn tell(&mut self, place: &str, names: &[String], both: u32) -> String {
        if self.chance(both) {
            "both".to_owned()
        } else if self.chance(60) {
            "nobody".to_owned()
        } else {
            let above = place.rsplit_once('/').map(|(above, _)| above.to_owned());
            let below = names
                .iter()
                .find(|n| n.rsplit_once('/').is_some_and(|(a, _)| a == place));
            let told: Vec<_> = above.into_iter().chain(below.cloned()).collect();
            if told.is_empty() {
                "both".to_owned()
            } else {
                self.one(&told)
            }
        }
    }

    fn message(&mut self, by: u64) -> Act {
        Act::Message {
            nth: self.up_to(12),
            kind: self.maybe(80, |dice| dice.pick(&KINDS).to_owned()),
            how: self.one(&[
                Mishap::Drop,
                Mishap::Drop,
                Mishap::Duplicate,
                Mishap::Stall,
                Mishap::Postpone,
            ]),
            by_ms: self.between(1, by),
        }
    }

    fn component(&mut self, names: &[String]) -> Act {
        Act::Component {
            place: self.maybe(60, |dice| dice.one(names)),
            name: self
                .pick(&["files", "relay", "upstream", "pass@1.0.0", "cap@1.1.0"])
                .to_owned(),
            how: self.one(&[
                Conduct::Starts,
                Conduct::Fails,
                Conduct::Fails,
                Conduct::Silent,
            ]),
            after_ms: self.pause(3000),
        }
    }

    fn order(&mut self, names: &[String], case: &Case) -> Act {
        let order = self.one(&[
            Errand::Add,
            Errand::Remove,
            Errand::Pin,
            Errand::Unpin,
            Errand::Prefetch,
            Errand::Collect,
        ]);
        if self.chance(15) {
            return Act::Download {
                place: self.one(names),
                strategy: self.pick(&DOWNLOADS).to_owned(),
            };
        }
        Act::Order {
            place: self.one(names),
            order,
            code: self.rng.random_range(0..case.code.len()),
        }
    }
}
