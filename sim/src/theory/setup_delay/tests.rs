use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rand::RngExt;
use rand::rngs::StdRng;

use super::super::close;
use super::*;
use crate::random;

#[test]
fn an_exchange_by_hand() {
    // Two hops at a loss of a half: one attempt in sixteen succeeds.
    let exchange = Exchange::new(2, 0.1, 0.5, 1.0).unwrap();
    assert!(close(exchange.mean(), 0.4 + 15.0, 1e-12));
    assert_eq!(exchange.at_most(0.3), 0.0);
    assert!(close(exchange.at_most(0.5), 1.0 / 16.0, 1e-12));
    assert!(close(
        exchange.at_most(1.5),
        1.0 - (15.0f64 / 16.0).powi(2),
        1e-12
    ));
    let certain = Exchange::new(3, 0.1, 0.0, 1.0).unwrap();
    assert!(close(certain.mean(), 0.6, 1e-12) && certain.at_most(0.61) == 1.0);
    assert!(Exchange::new(2, 0.1, 1.0, 1.0).is_err());
    assert!(Exchange::new(2, 0.3, 0.1, 1.0).is_err());
    // The mean is the area above the distribution.
    let area: f64 = (0..400_000)
        .map(|at| 1.0 - exchange.at_most((f64::from(at) + 0.5) / 1000.0))
        .sum();
    assert!(close(area / 1000.0, exchange.mean(), 1e-4));
}

#[test]
fn without_loss_it_is_there_and_back() {
    for (hops, latency) in [(0, 0.01), (1, 0.005), (4, 0.0123)] {
        let delay = HopByHop::new(hops, latency, 0.0, 0.5, 1.5)
            .unwrap()
            .delay()
            .unwrap();
        assert!((delay.mean() - 2.0 * f64::from(hops) * latency).abs() < 1e-12);
        assert!(close(delay.mass.iter().sum(), 1.0, 1e-12));
    }
}

#[test]
fn one_hop_is_in_closed_form() {
    for (latency, loss) in [(0.0, 0.1), (0.005, 0.02), (0.1, 0.3), (0.01, 0.5)] {
        let model = HopByHop::new(1, latency, loss, 0.5, 1.5).unwrap();
        let delay = model.delay().unwrap();
        assert!(
            close(delay.mean(), model.mean_of_last_hop(), 1e-7),
            "{latency} {loss}"
        );
        assert!(close(delay.mass.iter().sum(), 1.0, 1e-9));
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    assert!(HopByHop::new(1, 0.01, 0.7, 0.5, 1.5).is_err());
    assert!(HopByHop::new(65, 0.01, 0.1, 0.5, 1.5).is_err());
    assert!(HopByHop::new(1, 0.3, 0.1, 0.5, 1.5).is_err());
    assert!(HopByHop::new(1, 0.01, 0.1, 0.5, 0.5).is_err());
}

/// What the grid blurs is far below what can be measured.
#[test]
fn a_finer_grid_changes_little() {
    for (hops, latency, loss) in [(2, 0.013, 0.1), (3, 0.2, 0.3)] {
        let model = HopByHop::new(hops, latency, loss, 0.5, 1.5).unwrap();
        let coarse = model.on_grid(100.0).unwrap();
        let fine = model.on_grid(STEPS).unwrap();
        let added = fine.mean() - 2.0 * f64::from(hops) * latency;
        let off = (coarse.mean() - fine.mean()).abs() / added;
        // The coarse grid is off by about four times what the fine one is.
        assert!(off < 1e-3, "{model:?}: {off}");
    }
}

#[test]
fn more_loss_and_more_hops_take_longer() {
    let mean = |hops, loss| {
        HopByHop::new(hops, 0.01, loss, 0.5, 1.5)
            .unwrap()
            .delay()
            .unwrap()
            .mean()
    };
    assert!(mean(2, 0.1) > mean(1, 0.1) && mean(3, 0.1) > mean(2, 0.1));
    assert!(mean(3, 0.2) > mean(3, 0.1));
    // Asking overlaps what goes on further down: several hops take less than their sum.
    assert!(mean(3, 0.2) < 3.0 * mean(1, 0.2));
}

/// What is under way between two places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Letter {
    Visit,
    Ack,
    Ready,
    Refresh,
}

/// The protocol as it is told, letter by letter: no renewal theory in it.
struct Told {
    model: HopByHop,
    rng: StdRng,
    /// Letters by arrival, and timers with no letter: (time in ns, place, letter).
    queue: BinaryHeap<Reverse<(u64, u32, Option<Letter>)>>,
    has_visit: Vec<bool>,
    ready: Vec<bool>,
    /// Whether the place has heard of the visit that it sent on.
    heard: Vec<bool>,
}

impl Told {
    fn send(&mut self, now: u64, to: u32, letter: Letter) {
        if !self.rng.random_bool(self.model.loss) {
            let at = now + (self.model.latency * 1e9) as u64;
            self.queue.push(Reverse((at, to, Some(letter))));
        }
    }

    fn pause(&mut self, now: u64, place: u32) {
        let pause = self
            .rng
            .random_range(self.model.shortest..self.model.longest);
        self.queue
            .push(Reverse((now + (pause * 1e9) as u64, place, None)));
    }

    /// Sets up one session and says after how many seconds it stands.
    fn once(model: HopByHop, seed: u64) -> f64 {
        let places = model.hops as usize + 1;
        let mut told = Self {
            model,
            rng: random::stream(seed, "told", 0),
            queue: BinaryHeap::new(),
            has_visit: vec![false; places],
            ready: vec![false; places],
            heard: vec![false; places],
        };
        // As if from outside, to the client's place.
        told.queue.push(Reverse((0, 0, Some(Letter::Visit))));
        while let Some(Reverse((now, place, letter))) = told.queue.pop() {
            told.step(now, place, letter);
            if told.ready[0] {
                return now as f64 / 1e9;
            }
        }
        unreachable!("it is repeated for ever")
    }

    fn step(&mut self, now: u64, place: u32, letter: Option<Letter>) {
        let at = place as usize;
        let last = self.model.hops;
        match letter {
            // Timers run on whatever was heard; a new one is set when the acknowledgement
            // comes, and the old one is then of no use.
            None if self.ready[at] => {}
            None if self.heard[at] => {
                self.send(now, place + 1, Letter::Refresh);
                self.pause(now, place);
            }
            None => {
                self.send(now, place + 1, Letter::Visit);
                self.pause(now, place);
            }
            Some(Letter::Visit) => {
                let first = !std::mem::replace(&mut self.has_visit[at], true);
                if first && place < last {
                    self.send(now, place + 1, Letter::Visit);
                    self.pause(now, place);
                }
                if place == last {
                    self.ready[at] = true;
                }
                if place > 0 {
                    let answer = if self.ready[at] {
                        Letter::Ready
                    } else {
                        Letter::Ack
                    };
                    self.send(now, place - 1, answer);
                }
            }
            Some(Letter::Ack) => {
                if !self.heard[at] && !self.ready[at] {
                    self.heard[at] = true;
                    // The pause before the first refresh begins now; the one before the next
                    // visit is forgotten.
                    self.queue
                        .retain(|Reverse((_, to, letter))| *to != place || letter.is_some());
                    self.pause(now, place);
                }
            }
            Some(Letter::Ready) => {
                if !std::mem::replace(&mut self.ready[at], true) && place > 0 {
                    self.send(now, place - 1, Letter::Ready);
                }
            }
            Some(Letter::Refresh) => {
                if self.ready[at] {
                    self.send(now, place - 1, Letter::Ready);
                }
            }
        }
    }
}

#[test]
fn as_the_protocol_is_told() {
    for (hops, latency, loss) in [
        (1, 0.005, 0.1),
        // So slow that it matters from when on pauses are counted.
        (2, 0.24, 0.2),
        (3, 0.005, 0.1),
        (4, 0.1, 0.3),
    ] {
        let model = HopByHop::new(hops, latency, loss, 0.5, 1.5).unwrap();
        let delay = model.delay().unwrap();
        let runs = 50_000;
        let times: Vec<f64> = (0..runs).map(|seed| Told::once(model, seed)).collect();
        let mean = times.iter().sum::<f64>() / runs as f64;
        // Five standard errors.
        let margin = 5.0 * delay.deviation() / (runs as f64).sqrt();
        assert!(
            (mean - delay.mean()).abs() < margin,
            "{model:?}: {mean} {}",
            delay.mean()
        );
        for time in [0.3, 1.2, 2.0, 4.0] {
            let share = times.iter().filter(|t| **t <= time).count() as f64 / runs as f64;
            assert!(
                (share - delay.at_most(time)).abs() < 0.011,
                "{model:?} {time}: {share}"
            );
        }
    }
}
