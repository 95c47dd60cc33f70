//! Running a case: its acts in their time, then all is mended, and everything must come to
//! rest and be as promised.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use waybook_agents::DownloadStrategy;
use waybook_location_tree::PlaceName;
use waybook_place::io::{CodeOrder, Input, RequestId};
use waybook_plan::Resource;

use super::act::{Act, Conduct, Defect, Errand, Mishap};
use super::build::{Built, edge, known_kind, ms, open};
use super::case::{Case, Noise};
use super::promises;
use super::tally::Tally;
use crate::check::Violation;
use crate::client::Script;
use crate::faults::Way;
use crate::network::{self, Fault};
use crate::quantity::{Factor, Shift};
use crate::transfer::Trouble;
use crate::world::{Behaviour, Options, Tell};
use crate::{Instant, World};

/// Lines of the transcript that a failure keeps.
const LINES: usize = 100_000;

/// After how long a component that never answers is given up.
const SILENCE: Duration = Duration::from_secs(16);

/// What became of a case.
#[derive(Debug)]
pub struct Run {
    /// What it exercised.
    pub tally: Tally,
    /// What went wrong, if anything did.
    pub failure: Option<Failure>,
}

/// Something that must not be.
#[derive(Debug, Clone)]
pub struct Failure {
    /// What, and when.
    pub violation: Violation,
    /// All that happened, if it was written down.
    pub transcript: String,
}

impl Failure {
    /// What kind of failure it is: its words without names and numbers, by which failures of a
    /// case and of a smaller one are held to be the same.
    #[must_use]
    pub fn kind(&self) -> String {
        let told = self.violation.what.lines().next().unwrap_or_default();
        let plain =
            |word: &&str| !word.contains(|c: char| c.is_ascii_digit() || "/\"'`".contains(c));
        // The place that objects comes first.
        let words = told.split_once(": ").map_or(told, |(_, rest)| rest);
        words
            .split_whitespace()
            .filter(plain)
            .collect::<Vec<_>>()
            .join(" ")
    }
}

/// Runs a case. With `transcript`, a failure says all that happened; without, it takes a
/// third of the time.
///
/// # Errors
/// What is wrong with the case itself, if it was written by hand.
pub fn execute(case: &Case, transcript: bool) -> Result<Run, String> {
    let built = Built::of(case)?;
    let options = Options {
        transcript,
        ..Options::default()
    };
    let mut world = match World::with_options(built.setting.clone(), case.seed, options) {
        Ok(world) => world,
        Err(violation) => {
            let failure = Some(Failure {
                violation,
                transcript: String::new(),
            });
            return Ok(Run {
                tally: Tally::default(),
                failure,
            });
        }
    };
    world.keep_lines(if transcript { LINES } else { 0 });
    let mut course = Course {
        case,
        built: &built,
        world,
        start: Instant::default(),
        down: BTreeMap::new(),
        mute: BTreeSet::new(),
        clients: Vec::new(),
        tally: Tally::default(),
        lapsed: 0,
    };
    // A place that panics is a place that is down for good: as bad as anything.
    let result = catch_unwind(AssertUnwindSafe(|| course.run()));
    let result = result.unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<String>().map(String::as_str);
        let said = said.or_else(|| panic.downcast_ref::<&str>().copied());
        let what = format!("panic: {}", said.unwrap_or("without a word"));
        Err(course.world.violation(what))
    });
    let failure = result.err().map(|violation| Failure {
        violation,
        transcript: course.world.transcript().tail(LINES),
    });
    Ok(Run {
        tally: course.tally,
        failure,
    })
}

/// A case that is being run.
pub(super) struct Course<'a> {
    pub(super) case: &'a Case,
    built: &'a Built,
    pub(super) world: World,
    start: Instant,
    /// The places that are down, and whether their disks survive.
    down: BTreeMap<PlaceName, bool>,
    /// The edges that are mute, by the place below.
    mute: BTreeSet<PlaceName>,
    /// The requests of the case's clients, in their order.
    pub(super) clients: Vec<RequestId>,
    pub(super) tally: Tally,
    /// Leases that lapsed in lives that are over.
    pub(super) lapsed: u64,
}

impl Course<'_> {
    fn run(&mut self) -> Result<(), Violation> {
        self.noise(&Noise {
            jitter_ms: 0,
            ..Noise::default()
        });
        self.world.run_for(Duration::from_secs(1))?;
        for release in &self.built.code {
            // A place without room for it may refuse it.
            let added = self.world.add_code(&release.home, release)?;
            self.tally.add("code added", u64::from(added.is_ok()));
        }
        self.world.run_for(Duration::from_secs(1))?;
        self.start = self.world.now();
        self.noise(&self.case.noise);
        self.world.haunt(self.case.noise.ghosts);
        self.ask();
        // What lasts ends by itself, no sooner than a moment later.
        let mut agenda: BTreeMap<(u64, bool, usize), &Act> = BTreeMap::new();
        for (number, timed) in self.case.acts.iter().enumerate() {
            agenda.insert((timed.at_ms, true, number), &timed.act);
            if let Some(for_ms) = timed.act.lasts() {
                let end = timed
                    .at_ms
                    .saturating_add(for_ms.max(1))
                    .min(self.case.length_ms);
                agenda.insert((end, false, number), &timed.act);
            }
        }
        let mut struck = BTreeSet::new();
        for ((at, begins, number), act) in agenda {
            self.world.run_until(self.start + ms(at))?;
            if begins {
                if self.begin(act)? {
                    struck.insert(number);
                    self.tally.add(name_of(act), 1);
                }
            } else if struck.contains(&number) {
                self.end(act)?;
            }
        }
        self.world.run_until(self.start + ms(self.case.length_ms))?;
        self.mend()?;
        self.rest()
    }

    /// Lets every client ask in its time.
    fn ask(&mut self) {
        for client in &self.case.clients {
            let at = &self.built.places[&client.at];
            if client.dry {
                let id = self.world.dry_run(at, open(client));
                self.clients.push(id);
                continue;
            }
            let script = Script {
                claim: client.claim_ms.map(ms),
                close: client.close_ms.map(ms),
            };
            let after = ms(client.after_ms);
            let id = self.world.open(at, open(client), script, after);
            if let Some(patience) = client.hang_up_ms {
                self.world.hang_up(id, after + ms(patience));
            }
            self.clients.push(id);
        }
    }

    fn noise(&mut self, noise: &Noise) {
        let idle = self.built.setting.timing.transport_idle;
        for place in &self.case.places {
            let model = edge(place, noise, idle, self.case.bandwidth);
            let name = &self.built.places[&place.name];
            self.world.network.model_edge(name, Some(Arc::new(model)));
        }
    }

    fn tell(&self, tell: &str) -> Tell {
        match tell {
            "both" => Tell::Both,
            "nobody" => Tell::Nobody,
            place => Tell::Only(self.built.places[place].clone()),
        }
    }

    /// Begins an act; false if it cannot be, such as a crash of a place that is down.
    fn begin(&mut self, act: &Act) -> Result<bool, Violation> {
        let place = act.place().map(|name| self.built.places[name].clone());
        let up = place
            .as_ref()
            .is_none_or(|place| self.world.place(place).is_some());
        if !up {
            return Ok(false);
        }
        let Some(place) = place else {
            return Ok(self.everywhere(act));
        };
        match act {
            Act::Crash { disk, tell, .. } => {
                self.crash(&place, *disk, &self.tell(tell));
            }
            Act::Cut { tell, .. } => {
                let Some(above) = place.parent() else {
                    return Ok(false);
                };
                if !self.world.network.stands(&place, &above) {
                    return Ok(false);
                }
                self.world.cut(&place, &above, &self.tell(tell));
            }
            Act::Mute { way, .. } => {
                if place.parent().is_none() || !self.mute.insert(place.clone()) {
                    return Ok(false);
                }
                self.world.mute_edge(&place, *way, true);
            }
            Act::Slow { factor, .. } => {
                let factor = Factor::new(f64::from(*factor)).unwrap_or_default();
                self.world.slow(&place, factor);
            }
            Act::Step { by_ms, .. } => {
                self.world
                    .step_clock(&place, Shift(by_ms.saturating_mul(1_000_000)));
            }
            Act::Order { order, code, .. } => return self.order(&place, *order, *code),
            Act::Download { strategy, .. } => {
                self.world
                    .change_strategy(&place, DownloadStrategy::named(strategy))?;
            }
            Act::Trouble {
                code, how, chunk, ..
            } => {
                let digest = self.built.code[*code].digest;
                self.world.trouble(&place, &digest, trouble(*how, *chunk));
            }
            Act::Withdraw { title, .. } => {
                let title = title.clone();
                self.world.inject(&place, Input::Withdraw { title })?;
            }
            Act::Drain { deadline_ms, .. } => {
                self.world.drain(&place, deadline_ms.map(ms))?;
            }
            Act::Cordon { resource, .. } => self.world.cordon(&place, &kind(resource), true)?,
            Act::Capacity {
                resource, percent, ..
            } => {
                let amount = self.capacity(&place, resource);
                let amount = amount.saturating_mul(u64::from(*percent)) / 100;
                self.world.set_capacity(&place, &kind(resource), amount)?;
            }
            Act::Component { .. } => return Ok(self.everywhere(act)),
            Act::Message { .. } => {}
        }
        Ok(true)
    }

    /// What strikes no place alone.
    fn everywhere(&mut self, act: &Act) -> bool {
        match act {
            Act::Message {
                nth,
                kind,
                how,
                by_ms,
            } => {
                let kind = kind.as_deref().and_then(known_kind);
                let by = ms(*by_ms);
                self.world.network.arm(Fault {
                    nth: *nth,
                    kind,
                    act: match how {
                        Mishap::Drop => network::Act::Drop,
                        Mishap::Duplicate => network::Act::Duplicate(by),
                        Mishap::Stall => network::Act::Stall(by),
                        Mishap::Postpone => network::Act::Postpone(by),
                    },
                });
            }
            Act::Component {
                place,
                name,
                how,
                after_ms,
            } => {
                let behaviour = match how {
                    Conduct::Starts => Behaviour::Starts(ms(*after_ms)),
                    Conduct::Fails => Behaviour::Fails(ms(*after_ms), "failed".to_owned()),
                    // Drivers say in the end what became of every component.
                    Conduct::Silent => Behaviour::Fails(SILENCE, "silent".to_owned()),
                };
                let place = place.as_ref().map(|name| &self.built.places[name]);
                self.world.behave(place, name, behaviour);
            }
            _ => return false,
        }
        true
    }

    fn crash(&mut self, place: &PlaceName, disk: bool, tell: &Tell) {
        if self.world.is_setting_up() {
            self.tally.add("crashes during set-ups", 1);
        }
        self.life_of(place);
        self.world.crash(place, tell);
        self.down.insert(place.clone(), disk);
    }

    /// A life is over, or all is: what it has counted is kept.
    fn life_of(&mut self, place: &PlaceName) {
        let at = self.world.index_of(place);
        if let Some(counters) = at.and_then(|at| self.world.counters(at)) {
            self.tally.life(&counters);
            self.lapsed += counters.lapsed;
        }
    }

    fn order(&mut self, place: &PlaceName, order: Errand, code: usize) -> Result<bool, Violation> {
        let release = Arc::clone(&self.built.code[code]);
        let order = match order {
            Errand::Add => {
                let home = release.home.clone();
                if self.world.place(&home).is_none() {
                    return Ok(false);
                }
                return self.world.add_code(&home, &release).map(|_| true);
            }
            Errand::Remove => CodeOrder::Remove(release.digest),
            Errand::Pin => CodeOrder::Pin(release.digest, true),
            Errand::Unpin => CodeOrder::Pin(release.digest, false),
            Errand::Prefetch => CodeOrder::Prefetch(release.reference()),
            Errand::Collect => CodeOrder::Collect,
        };
        self.world.order(place, order).map(|_| true)
    }

    fn end(&mut self, act: &Act) -> Result<(), Violation> {
        let Some(place) = act.place().map(|name| self.built.places[name].clone()) else {
            return Ok(());
        };
        match act {
            Act::Crash { .. } => {
                if let Some(disk) = self.down.remove(&place) {
                    self.world.restart(&place, disk)?;
                }
            }
            Act::Cut { tell, .. } => {
                let heal = if tell == "nobody" {
                    Tell::Nobody
                } else {
                    Tell::Both
                };
                self.heal(&place, &heal);
            }
            Act::Mute { .. } => {
                self.mute.remove(&place);
                self.world.mute_edge(&place, Way::Both, false);
            }
            Act::Slow { .. } => self.world.slow(&place, Factor::default()),
            Act::Withdraw { title, .. } => self.publish(&place, title)?,
            Act::Drain { .. } | Act::Cordon { .. } | Act::Capacity { .. } => {
                self.as_before(&place, act)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// The operator wants a place to be as the case says again. Nothing if it is down.
    fn as_before(&mut self, place: &PlaceName, act: &Act) -> Result<(), Violation> {
        match act {
            Act::Drain { .. } => self.world.undrain(place),
            Act::Cordon { resource, .. } => self.world.cordon(place, &kind(resource), false),
            Act::Capacity { resource, .. } => {
                let amount = self.capacity(place, resource);
                self.world.set_capacity(place, &kind(resource), amount)
            }
            _ => Ok(()),
        }
    }

    /// How much of a resource the case says that a place has.
    fn capacity(&self, place: &PlaceName, resource: &str) -> u64 {
        let capacity = &self.built.setting.places[place].capacity;
        capacity.get(&kind(resource)).copied().unwrap_or(0)
    }

    fn publish(&mut self, place: &PlaceName, title: &str) -> Result<(), Violation> {
        let served = &self.built.setting.places[place].presentations;
        let Some(served) = served.iter().find(|p| p.title == title) else {
            return Ok(());
        };
        let presentation = Arc::clone(served);
        self.world.inject(place, Input::Publish { presentation })
    }

    /// Connects a place with its parent, if both run and are not.
    fn heal(&mut self, place: &PlaceName, tell: &Tell) {
        let Some(above) = place.parent() else { return };
        let up = |name| self.world.place(name).is_some();
        if up(place) && up(&above) && !self.world.network.stands(place, &above) {
            self.world.heal(place, &above, tell);
        }
    }

    /// From now on nothing goes wrong any more.
    fn mend(&mut self) -> Result<(), Violation> {
        self.noise(&Noise::default());
        self.world.haunt(0);
        self.world.network.disarm();
        for (place, disk) in std::mem::take(&mut self.down) {
            self.world.restart(&place, disk)?;
        }
        let names: Vec<_> = self.built.places.values().cloned().collect();
        for name in &names {
            self.world.mute_edge(name, Way::Both, false);
            self.world.slow(name, Factor::default());
            self.world.no_trouble(name);
            self.heal(name, &Tell::Both);
        }
        for timed in &self.case.acts {
            if let Act::Component { name, .. } = &timed.act {
                self.world.behave(None, name, Behaviour::Starts(ms(20)));
            }
            if let Act::Withdraw { place, title, .. } = &timed.act {
                let place = self.built.places[place].clone();
                self.publish(&place, title)?;
            }
            // Whoever was down when it was to end is drained still.
            if let Some(place) = timed.act.place() {
                let place = self.built.places[place].clone();
                self.as_before(&place, &timed.act)?;
            }
        }
        Ok(())
    }

    /// Everything comes to rest within its time, and is then as promised.
    fn rest(&mut self) -> Result<(), Violation> {
        // What came to a slow machine is worked off as slowly; its time is none of the protocol's.
        self.world.run_until(self.world.machines_done())?;
        let mended = self.world.now();
        self.world.run_for(self.case.ends_by_itself())?;
        self.world.run_until_quiet(self.case.patience())?;
        let rest = self.world.now().since(mended);
        self.tally.came_to_rest(rest);
        for name in self.built.places.values() {
            self.life_of(name);
        }
        self.tally.clients(&self.world);
        self.tally.run(&self.world, self.start);
        promises::hold(self)
    }
}

impl Case {
    /// How long sessions may go on that end by themselves: unclaimed, idle or for long enough; by
    /// a clock that was set back, for so much longer.
    pub(super) fn ends_by_itself(&self) -> Duration {
        let own = self.clients.iter().flat_map(|c| [c.idle_ms, c.longest_ms]);
        let longest = own.flatten().max().unwrap_or(0);
        ms(self.times.claim_ms + longest).max(SILENCE) + self.set_back()
    }

    /// By how much clocks are set at most.
    fn set_back(&self) -> Duration {
        let by = self.acts.iter().map(|timed| match timed.act {
            Act::Step { by_ms, .. } => by_ms.unsigned_abs(),
            _ => 0,
        });
        ms(by.sum())
    }

    /// Within what time everything must be at rest when all is well again: as long as set-ups
    /// with all their retries may take, and twice as long as anything is remembered or leased.
    /// A clock that was set back makes it longer by as much.
    #[must_use]
    pub fn patience(&self) -> Duration {
        let times = &self.times;
        let tries = self.clients.iter().map(|c| c.retries).max().unwrap_or(0);
        let setup = times.setup_deadline_ms + 2 * 3000 + times.download_ms + 300;
        let cut = self.titles.iter().filter_map(|t| t.lost_after_ms).max();
        let leased = times.session_lease_ms.max(cut.unwrap_or(0));
        let remembered = leased.max(times.setup_deadline_ms + 6000);
        ms(setup * (u64::from(tries) + 1) + 3 * remembered) + self.set_back()
    }
}

/// A kind of resource; the case has been checked.
fn kind(resource: &str) -> Resource {
    Resource::new(resource).unwrap_or_else(|_| Resource::cpu())
}

fn trouble(how: Defect, chunk: u64) -> Trouble {
    match how {
        Defect::Corrupt => Trouble::Corrupt(chunk),
        Defect::Stops => Trouble::Stops(chunk),
        Defect::Short => Trouble::Short(chunk),
        Defect::Drips => Trouble::Drips(ms(100 * (chunk + 1))),
        Defect::DiskFull => Trouble::DiskFull(chunk),
    }
}

fn name_of(act: &Act) -> &'static str {
    match act {
        Act::Crash { disk: true, .. } => "faults: crash",
        Act::Crash { .. } => "faults: crash without its disk",
        Act::Cut { .. } => "faults: cut",
        Act::Mute { .. } => "faults: mute",
        Act::Slow { .. } => "faults: slow",
        Act::Step { .. } => "faults: clock set",
        Act::Message { .. } => "faults: message",
        Act::Component { .. } => "faults: component",
        Act::Order { .. } => "orders about code",
        Act::Download { .. } => "orders about code",
        Act::Trouble { .. } => "faults: transfer",
        Act::Withdraw { .. } => "titles withdrawn",
        Act::Drain { .. } => "places drained",
        Act::Cordon { .. } => "resources cordoned",
        Act::Capacity { .. } => "capacities changed",
    }
}
