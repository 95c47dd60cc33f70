//! One run of a scenario: users ask, terminals move, things break, and rows come out.

mod agenda;
mod live;
mod observe;
mod places;
mod summary;
mod system;
#[cfg(test)]
mod tests;
mod users;

pub(crate) use live::reason;
pub use summary::{Proportion, Summary};
pub use system::{News, System};

use std::sync::Arc;
use std::time::Duration;

use waybook_place::Instant;
use waybook_place::io::RequestId;

use crate::central::Central;
use crate::faults::{Act, Target, Timeline};
use crate::results::{End, Fate, Nowhere, Sink};
use crate::scenario::{BookingProtocol, Files, Layout, Scenario, ScenarioError};
use crate::workload::Member;
use crate::world::Checks;
use crate::{Violation, World};
use agenda::{Agenda, Doing};
use live::{Live, Lives};
use observe::Observer;
use users::Users;

/// Why a run ended before its time.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The scenario is wrong.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// A rule was broken: a place, or the simulator, is wrong.
    #[error(transparent)]
    Violation(Box<Violation>),
}

impl From<Violation> for RunError {
    fn from(violation: Violation) -> Self {
        Self::Violation(Box::new(violation))
    }
}

/// How many events there are between two looks at the progress.
const STRIDE: u64 = 10_000;

/// Runs a scenario from its beginning to its end; `progress` is told now and then how much
/// of it is done, from 0 to 1.
///
/// No transcript is written until there is something to be seen in it: if a rule was broken,
/// the run is repeated up to there, as it comes out the same.
///
/// # Errors
/// [`RunError`] if the scenario is wrong or a rule was broken.
pub fn execute(
    scenario: &Scenario,
    seed: u64,
    files: &mut Files<'_>,
    sink: &mut dyn Sink,
    mut progress: impl FnMut(f64),
) -> Result<Summary, RunError> {
    match scenario.protocol.booking {
        BookingProtocol::Central => {
            let layout = scenario.layout(seed, files)?;
            let central = Central::new(&layout, seed, Arc::clone(&scenario.strategies));
            let run = Run::over(central, scenario, layout, seed)?;
            go(run, sink, progress)
        }
        BookingProtocol::Visitor | BookingProtocol::NoTraceBack => {
            let first = Run::new(scenario, seed, files);
            match first.and_then(|run| go(run, sink, &mut progress)) {
                Err(RunError::Violation(_)) => {
                    let again = Run::with_transcript(scenario, seed, files)?;
                    go(again, &mut Nowhere, progress)
                }
                done => done,
            }
        }
    }
}

fn go<S: System>(
    mut run: Run<S>,
    sink: &mut dyn Sink,
    mut progress: impl FnMut(f64),
) -> Result<Summary, RunError> {
    while run.advance(STRIDE, sink)? {
        progress(run.progress());
    }
    run.finish(sink)
}

/// A run under way.
#[derive(Debug)]
pub struct Run<S> {
    system: S,
    layout: Layout,
    users: Vec<Users>,
    faults: Timeline,
    next_fault: Option<(Instant, Act)>,
    agenda: Agenda,
    lives: Lives,
    observer: Observer,
    start: Instant,
    end: Instant,
    interval: Duration,
    drain: bool,
    checked: bool,
    news: Vec<(RequestId, News)>,
}

impl Run<World> {
    /// Starts the places of a scenario, lets them find each other, and has the first users
    /// think of asking.
    ///
    /// # Errors
    /// [`RunError`] if the scenario is wrong or a place breaks a rule.
    pub fn new(scenario: &Scenario, seed: u64, files: &mut Files<'_>) -> Result<Self, RunError> {
        Self::begin(scenario, seed, files, false)
    }

    /// As [`Run::new`], with every input and output put into words, so that a violation shows
    /// what came before it. Takes many times as long; what happens is the same.
    ///
    /// # Errors
    /// As [`Run::new`].
    pub fn with_transcript(
        scenario: &Scenario,
        seed: u64,
        files: &mut Files<'_>,
    ) -> Result<Self, RunError> {
        Self::begin(scenario, seed, files, true)
    }

    fn begin(
        scenario: &Scenario,
        seed: u64,
        files: &mut Files<'_>,
        transcript: bool,
    ) -> Result<Self, RunError> {
        let layout = scenario.layout(seed, files)?;
        let world = places::start(scenario, &layout, seed, transcript)?;
        Self::over(world, scenario, layout, seed)
    }
}

impl<S: System> Run<S> {
    /// A run over a system of the caller's own.
    ///
    /// # Errors
    /// [`RunError`] if the scenario is wrong.
    pub fn over(
        system: S,
        scenario: &Scenario,
        layout: Layout,
        seed: u64,
    ) -> Result<Self, RunError> {
        let start = system.now();
        let spec = &scenario.run;
        let end = start + spec.duration.0;
        let mut agenda = Agenda::default();
        agenda.add(start + spec.interval.0, Doing::Interval);
        let mut users = Vec::new();
        for number in 0..scenario.users.len() {
            let mut class = Users::new(scenario, number, &layout, start, seed)?;
            for at in class.first() {
                agenda.add(at, Doing::Arrival(number));
            }
            users.push(class);
        }
        let mut faults = faults(scenario, &layout, seed)?;
        let next_fault = faults.next();
        if let Some((at, _)) = &next_fault {
            agenda.add(start + at.since(Instant::default()), Doing::Fault);
        }
        Ok(Self {
            observer: Observer::new(scenario, &layout, start, seed),
            lives: Lives::default(),
            system,
            layout,
            users,
            faults,
            next_fault,
            agenda,
            start,
            end,
            interval: spec.interval.0,
            drain: spec.drain,
            checked: spec.checks != Checks::Off,
            news: Vec::new(),
        })
    }

    /// What runs.
    pub fn system(&self) -> &S {
        &self.system
    }

    /// What runs, for whoever looks at more of it.
    pub(crate) fn system_mut(&mut self) -> &mut S {
        &mut self.system
    }

    /// When users could ask first.
    pub(crate) fn start(&self) -> Instant {
        self.start
    }

    /// When something happens next.
    pub(crate) fn next_at(&self) -> Option<Instant> {
        let next = [self.agenda.next_at(), self.system.next_at()];
        next.into_iter().flatten().min()
    }

    /// The tree that it runs on.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// How much of the time has passed, from 0 to 1.
    #[must_use]
    pub fn progress(&self) -> f64 {
        let passed = self.system.now().since(self.start).as_secs_f64();
        (passed / self.end.since(self.start).as_secs_f64()).min(1.0)
    }

    /// For how long users have been asking, the warm-up included.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.system.now().since(self.start)
    }

    /// Lets up to so many events happen. False when users no longer ask.
    ///
    /// # Errors
    /// [`RunError`] if a rule was broken.
    pub fn advance(&mut self, events: u64, sink: &mut dyn Sink) -> Result<bool, RunError> {
        for _ in 0..events {
            let mine = self.agenda.next_at();
            let Some(at) = self.next_at().filter(|at| *at <= self.end) else {
                self.system.idle_until(self.end);
                return Ok(false);
            };
            if mine == Some(at) {
                self.system.idle_until(at);
                let (_, doing) = self.agenda.pop().expect("as seen above");
                self.act(doing, sink)?;
            } else {
                self.system.step()?;
            }
            self.hear(sink)?;
        }
        Ok(true)
    }

    /// Ends the run: everybody leaves if the scenario says so, and nothing may be left; and
    /// the sessions that were counted add up, by Little's law.
    ///
    /// # Errors
    /// [`RunError`] if a rule was broken.
    pub fn finish(mut self, sink: &mut dyn Sink) -> Result<Summary, RunError> {
        self.observer.ends(self.system.now());
        let standing: Vec<_> = self.lives.iter().map(|(request, _)| request).collect();
        for request in standing {
            let mut live = self.lives.take(request).expect("as listed");
            let end = live.session().map(|_| End::Standing);
            let fate = live.fate.unwrap_or(Fate::Unanswered);
            self.observer
                .over(&mut live, fate, end, self.system.now(), &self.layout, sink);
            if self.drain {
                self.system.close(request)?;
            }
        }
        if self.drain {
            self.system.settle()?;
        }
        let summary = self.observer.summary(&self.system);
        if self.checked && !summary.little.holds {
            let what = format!("Little's law does not hold: {:?}", summary.little);
            return Err(self.system.violation(what).into());
        }
        Ok(summary)
    }

    fn act(&mut self, doing: Doing, sink: &mut dyn Sink) -> Result<(), RunError> {
        let now = self.system.now();
        match doing {
            Doing::Interval => {
                self.observer.interval(&self.system, &self.layout, sink);
                self.agenda.add(now + self.interval, Doing::Interval);
            }
            Doing::Fault => {
                if let Some((_, act)) = self.next_fault.take() {
                    self.system.suffer(&act)?;
                }
                self.next_fault = self.faults.next();
                if let Some((at, _)) = &self.next_fault {
                    let at = self.start + at.since(Instant::default());
                    self.agenda.add(at, Doing::Fault);
                }
            }
            Doing::Arrival(class) => {
                let users = &mut self.users[class];
                let wish = users.wish();
                if let Some(at) = users.next(now) {
                    self.agenda.add(at, Doing::Arrival(class));
                }
                self.ask(class, wish.place, wish.title, wish.holding, None)?;
            }
            Doing::Leave(request) => self.leave(request, End::Left, sink)?,
            Doing::Move(request) => self.moves(request)?,
        }
        Ok(())
    }

    /// A user asks at a place.
    fn ask(
        &mut self,
        class: usize,
        place: usize,
        title: String,
        holding: Duration,
        moved_from: Option<RequestId>,
    ) -> Result<(), RunError> {
        let now = self.system.now();
        let request = self.users[class].request(&title);
        let name = &self.layout.places[place].0;
        let id = self.system.open(name, request)?;
        let live = Live {
            number: self.lives.next_number(),
            class,
            place,
            title,
            asked: now,
            wanted: holding,
            fate: None,
            session: None,
            answered: None,
            refusals: 0,
            solutions: None,
            refused: None,
            moves_to: None,
            moved_from,
            moved_from_number: moved_from.and_then(|old| Some(self.lives.get(old)?.number)),
        };
        self.observer.asked(&live, &self.layout);
        self.lives.add(id, live);
        Ok(())
    }

    /// A session is closed by its user.
    fn leave(&mut self, request: RequestId, end: End, sink: &mut dyn Sink) -> Result<(), RunError> {
        let Some(mut live) = self.lives.take(request) else {
            return Ok(());
        };
        let end = if self.system.stands(request) {
            end
        } else {
            End::Cut
        };
        let now = self.system.now();
        self.observer.over(
            &mut live,
            Fate::Established,
            Some(end),
            now,
            &self.layout,
            sink,
        );
        self.system.close(request)?;
        self.system.forget(request);
        if end != End::Moved {
            self.asks_again(live.class);
        }
        Ok(())
    }

    /// A terminal comes to another place, and its user asks there for the rest.
    fn moves(&mut self, request: RequestId) -> Result<(), RunError> {
        let Some(live) = self.lives.get(request) else {
            return Ok(());
        };
        let Some(leaves) = live.leaves() else {
            return Ok(());
        };
        let now = self.system.now();
        let (class, title) = (live.class, live.title.clone());
        let Some(to) = live.moves_to else {
            return Ok(());
        };
        self.ask(class, to, title, leaves.since(now), Some(request))
    }

    /// Takes what the system has to say.
    fn hear(&mut self, sink: &mut dyn Sink) -> Result<(), RunError> {
        let mut news = std::mem::take(&mut self.news);
        self.system.take_news(&mut news);
        for (request, news) in news.drain(..) {
            self.told(request, news, sink)?;
        }
        self.news = news;
        Ok(())
    }

    fn told(
        &mut self,
        request: RequestId,
        news: News,
        sink: &mut dyn Sink,
    ) -> Result<(), RunError> {
        let now = self.system.now();
        let Some(live) = self.lives.get_mut(request) else {
            return Ok(());
        };
        let (fate, end) = match news {
            News::Established(session) => {
                let moved_from = live.establish(*session, now);
                let live = self.lives.get(request).expect("as found above");
                self.observer.established(live, &self.layout);
                let leaves = live.leaves().expect("its session stands");
                self.agenda.add(leaves, Doing::Leave(request));
                self.plan_move(request, leaves);
                // Make before break: the old session stood until now.
                if let Some(old) = moved_from {
                    self.leave(old, End::Moved, sink)?;
                }
                return Ok(());
            }
            News::Cut if live.session.is_some() => return Ok(()),
            News::Refused {
                solutions,
                refusals,
                first,
            } => {
                live.refusals = refusals;
                live.solutions = Some(solutions);
                live.refused = first;
                (Fate::Refused, None)
            }
            News::NoPlan => (Fate::NoPlan, None),
            News::Rejected => (Fate::Rejected, None),
            News::Cut => (Fate::Cut, None),
            News::Ended(why) => (Fate::Established, Some(live::end_of(&why))),
        };
        let mut live = self.lives.take(request).expect("as found above");
        live.answered.get_or_insert(now);
        let old = live.moved_from.filter(|_| fate != Fate::Established);
        self.observer
            .over(&mut live, fate, end, now, &self.layout, sink);
        self.system.forget(request);
        if old.is_none() {
            self.asks_again(live.class);
        }
        if let Some(old) = old {
            // There is nothing at the new place, and the terminal is no longer at the old.
            self.leave(old, End::Dropped, sink)?;
        }
        Ok(())
    }

    /// A user whose last request is over may ask again.
    fn asks_again(&mut self, class: usize) {
        if let Some(at) = self.users[class].again(self.system.now()) {
            self.agenda.add(at, Doing::Arrival(class));
        }
    }

    fn plan_move(&mut self, request: RequestId, leaves: Instant) {
        let Some(live) = self.lives.get_mut(request) else {
            return;
        };
        let next = self.users[live.class].next_move(live.place, self.system.now());
        if let Some((at, to)) = next.filter(|(at, _)| *at < leaves) {
            live.moves_to = Some(to);
            self.agenda.add(at, Doing::Move(request));
        }
    }
}

/// What goes wrong, counted from the beginning of the run. A fault that strikes nothing is
/// not what anybody has meant.
fn faults(scenario: &Scenario, layout: &Layout, seed: u64) -> Result<Timeline, ScenarioError> {
    let members = || {
        layout.places.iter().map(|(name, class)| Member {
            name,
            class: &layout.classes[*class].name,
        })
    };
    for (number, fault) in (1..).zip(&scenario.fault) {
        if members().any(|member| fault.strikes(member)) {
            continue;
        }
        let classes: Vec<_> = layout.classes.iter().map(|c| c.name.as_str()).collect();
        let why = match &fault.target {
            Target::Place(name) | Target::Below(name) if layout.number_of(name).is_none() => {
                format!("there is no place `{name}`")
            }
            Target::Class(class) if !classes.contains(&class.as_str()) => format!(
                "there is no class of places `{class}`; there are {}",
                classes.join(", ")
            ),
            _ => "it is of the edge above a place, and the root has none: name places below it"
                .to_owned(),
        };
        return Err(ScenarioError::new(format!("`fault` {number}: {why}")));
    }
    Ok(Timeline::new(scenario.fault.clone(), members(), seed))
}
