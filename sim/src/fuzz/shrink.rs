//! Making a failing case smaller.
//!
//! Whatever can be left out is left out, large parts first (Zeller and Hildebrandt, *Simplifying
//! and Isolating Failure-Inducing Input*, 2002, for lists of acts and clients), then what is left
//! is made plainer. A candidate is kept if it fails in the same way. What is left out never makes a
//! case rougher than its kind says, so that what was promised to the greater case is promised to
//! the smaller one.

use super::act::Act;
use super::case::{Asker, Bounds, Case, Noise};
use super::execute::execute;

/// A smaller case.
#[derive(Debug)]
pub struct Shrunk {
    /// The case.
    pub case: Case,
    /// How many cases were run to find it.
    pub runs: usize,
}

/// Makes a case smaller that fails with failures of that kind, by at most so many runs.
#[must_use]
pub fn shrink(case: &Case, kind: &str, most: usize) -> Shrunk {
    let mut search = Search {
        best: case.clone(),
        kind,
        left: most,
    };
    loop {
        let before = search.best.clone();
        search.acts();
        search.clients();
        search.places();
        search.serves();
        search.quieter();
        search.sooner();
        if search.best == before || search.left == 0 {
            break;
        }
    }
    Shrunk {
        case: search.best,
        runs: most - search.left,
    }
}

struct Search<'a> {
    best: Case,
    kind: &'a str,
    left: usize,
}

impl Search<'_> {
    /// Keeps a case that is smaller, if it fails alike.
    fn keep(&mut self, case: Case) -> bool {
        if self.left == 0 || case == self.best {
            return false;
        }
        self.left -= 1;
        let fails = execute(&case, false).is_ok_and(|run| {
            run.failure
                .is_some_and(|failure| failure.kind() == self.kind)
        });
        if fails {
            self.best = case;
        }
        fails
    }

    fn change(&mut self, change: impl FnOnce(&mut Case)) -> bool {
        let mut case = self.best.clone();
        change(&mut case);
        self.keep(case)
    }

    /// Leaves out parts of a list, halves first, then smaller ones.
    fn drop_some(&mut self, count: fn(&Case) -> usize, drop: fn(&mut Case, usize, usize)) {
        let mut size = count(&self.best).div_ceil(2);
        while size > 0 && self.left > 0 {
            let mut from = 0;
            while from < count(&self.best) && self.left > 0 {
                let to = (from + size).min(count(&self.best));
                if !self.change(|case| drop(case, from, to)) {
                    from = to;
                }
            }
            size /= 2;
        }
    }

    fn acts(&mut self) {
        self.drop_some(
            |case| case.acts.len(),
            |case, from, to| drop(case.acts.drain(from..to)),
        );
    }

    fn clients(&mut self) {
        self.drop_some(
            |case| case.clients.len(),
            |case, from, to| drop(case.clients.drain(from..to)),
        );
    }

    /// Leaves out places with all below them.
    fn places(&mut self) {
        let names: Vec<_> = self.best.places.iter().map(|p| p.name.clone()).collect();
        for name in names.iter().skip(1) {
            self.change(|case| without(case, name));
        }
    }

    /// Leaves out titles, levels, components and code.
    fn serves(&mut self) {
        for title in (0..self.best.titles.len()).rev() {
            let name = self.best.titles[title].title.clone();
            let asked = |c: &Asker| c.title == name;
            if self.best.clients.iter().any(asked) {
                self.plainer(title);
            } else {
                self.change(|case| {
                    case.titles.remove(title);
                    case.acts.retain(
                        |timed| !matches!(&timed.act, Act::Withdraw { title, .. } if *title == name),
                    );
                });
            }
        }
        for code in (0..self.best.code.len()).rev() {
            self.change(|case| {
                case.code.remove(code);
                case.acts.retain_mut(|timed| match &mut timed.act {
                    Act::Order { code: at, .. } | Act::Trouble { code: at, .. } => {
                        let kept = *at != code;
                        *at -= usize::from(*at > code);
                        kept
                    }
                    _ => true,
                });
            });
        }
    }

    fn plainer(&mut self, title: usize) {
        for server in (0..self.best.titles[title].servers.len()).rev() {
            if self.best.titles[title].servers.len() > 1 {
                self.change(|case| drop(case.titles[title].servers.remove(server)));
            }
        }
        for level in (0..self.best.titles[title].qualities.len()).rev() {
            if self.best.titles[title].qualities.len() > 1 {
                self.change(|case| drop(case.titles[title].qualities.remove(level)));
            }
        }
        for level in 0..self.best.titles[title].qualities.len() {
            let parts = self.best.titles[title].qualities[level].components.len();
            for part in (0..parts).rev() {
                self.change(|case| {
                    let level = &mut case.titles[title].qualities[level];
                    level.components.remove(part);
                });
            }
        }
    }

    /// Takes away noise, limits and what is odd about places and clients.
    fn quieter(&mut self) {
        self.change(|case| case.noise = Noise::default());
        self.change(|case| case.noise.loss = 0);
        self.change(|case| case.noise.bursts = false);
        self.change(|case| case.noise.duplicate = 0);
        self.change(|case| case.noise.reorder = 0);
        self.change(|case| case.noise.ghosts = 0);
        self.change(|case| case.noise.jitter_ms = 0);
        self.change(|case| {
            case.bounds = Bounds {
                sessions: 200_000,
                setups: 20_000,
                solutions: 64,
                questions: 10_000,
                downloads: 64,
            };
        });
        for place in 0..self.best.places.len() {
            self.change(|case| {
                let place = &mut case.places[place];
                (place.processing_us, place.clock_ms, place.drift_ppm) = (0, 0, 0);
                (place.repository, place.disk, place.rate) = (None, None, None);
                place.latency_ms = 5;
            });
        }
        for client in 0..self.best.clients.len() {
            self.change(|case| {
                let client = &mut case.clients[client];
                (client.deadline_ms, client.idle_ms, client.longest_ms) = (None, None, None);
                (client.best_quality, client.terminal) = (None, None);
                (client.retries, client.watch) = (0, false);
                (client.decision_maker, client.key) = (None, None);
            });
            self.change(|case| case.clients[client].hang_up_ms = None);
            self.change(|case| case.clients[client].close_ms = None);
        }
    }

    /// Makes times shorter, and rounder.
    fn sooner(&mut self) {
        let last = |case: &Case| {
            let acts = case
                .acts
                .iter()
                .map(|t| t.at_ms + t.act.lasts().unwrap_or(0));
            let asks = case
                .clients
                .iter()
                .map(|c| c.after_ms + c.close_ms.unwrap_or(0));
            acts.chain(asks).max().unwrap_or(0)
        };
        let length_ms = last(&self.best) + 1000;
        if length_ms < self.best.length_ms {
            self.change(|case| case.length_ms = length_ms);
        }
        for act in 0..self.best.acts.len() {
            for part in [8, 2] {
                self.change(|case| halve_act(&mut case.acts[act].act, part));
            }
        }
        for client in 0..self.best.clients.len() {
            self.change(|case| case.clients[client].after_ms = 0);
            self.change(|case| {
                let client = &mut case.clients[client];
                client.claim_ms = client.claim_ms.map(|_| 0);
                client.close_ms = client.close_ms.map(|ms| ms / 2);
            });
        }
    }
}

fn halve_act(act: &mut Act, part: u64) {
    match act {
        Act::Crash { for_ms, .. }
        | Act::Cut { for_ms, .. }
        | Act::Mute { for_ms, .. }
        | Act::Slow { for_ms, .. }
        | Act::Withdraw { for_ms, .. }
        | Act::Drain { for_ms, .. }
        | Act::Cordon { for_ms, .. }
        | Act::Capacity { for_ms, .. } => *for_ms /= part,
        Act::Message { by_ms, .. } => *by_ms = (*by_ms / part).max(1),
        _ => {}
    }
}

/// Takes out a place, all below it, and whatever is there.
fn without(case: &mut Case, name: &str) {
    let below = format!("{name}/");
    let gone = |place: &str| place == name || place.starts_with(&below);
    if case.code.iter().any(|code| gone(&code.home)) {
        return;
    }
    case.places.retain(|place| !gone(&place.name));
    case.clients.retain(|client| !gone(&client.at));
    for title in &mut case.titles {
        title.servers.retain(|server| !gone(server));
    }
    case.acts.retain(|timed| {
        let told = match &timed.act {
            Act::Crash { tell, .. } | Act::Cut { tell, .. } => gone(tell),
            _ => false,
        };
        !told && timed.act.place().is_none_or(|place| !gone(place))
    });
}
