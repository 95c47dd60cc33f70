//! What a scenario is told to: the simulator here, or real daemons elsewhere.
//!
//! A scenario that is written against [`Arm`] is told once and runs on both. It knows no
//! virtual time: it opens, closes, crashes, and waits for quiet.

use std::sync::Arc;
use std::time::Duration;

use waybook_agents::{Refusal, SessionId};
use waybook_location_tree::PlaceName;
use waybook_place::io::{EndReason, Established, OpenRequest};
use waybook_place::{BookingView, Place};
use waybook_plan::{Release, Resource};

use crate::client::{Knows, Script};
use crate::world::{Behaviour, Tell};
use crate::{Setting, Violation, World};

/// What became of an open.
pub type Answer = Result<Established, Refused>;

/// An open that gave no session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// For each solution that was tried, where and why it was refused.
    pub refused: Vec<Refusal>,
    /// The answer in words.
    pub why: String,
}

/// Places that scenarios run on. Whatever goes wrong that no scenario expects ends it
/// with a panic that says what and how to see it again.
pub trait Arm: Sized {
    /// Starts all places, and waits until each knows what the others serve.
    fn set_up(setting: &Setting) -> Self;

    /// Asks for several sessions at the same time, each at its place, and claims those
    /// that are given. The answers come in the order of the requests.
    fn open_all(&mut self, requests: Vec<(PlaceName, OpenRequest)>) -> Vec<Answer>;

    /// Asks for one session and claims it.
    fn open(&mut self, place: &PlaceName, request: OpenRequest) -> Answer {
        let mut answers = self.open_all(vec![(place.clone(), request)]);
        answers.pop().expect("an answer for each request")
    }

    /// Closes a session at its client's place.
    fn close(&mut self, session: &Established);

    /// What is booked at a place.
    fn bookings(&mut self, place: &PlaceName) -> Vec<BookingView>;

    /// Stops a place without letting it say goodbye.
    fn crash(&mut self, place: &PlaceName);

    /// Starts a place that crashed, with what it had kept.
    fn restart(&mut self, place: &PlaceName);

    /// Drains a place, as its operator does: it takes no new sessions, and what is left after
    /// the deadline ends.
    fn drain(&mut self, place: &PlaceName, deadline: Option<Duration>);

    /// Lets a place take new sessions again.
    fn undrain(&mut self, place: &PlaceName);

    /// Cordons a resource of a place, or no longer does.
    fn cordon(&mut self, place: &PlaceName, resource: &Resource, cordoned: bool);

    /// A place has so much of a resource from now on, in its configuration as well.
    fn set_capacity(&mut self, place: &PlaceName, resource: &Resource, amount: u64);

    /// Waits until a session is over; why, as its client is told.
    fn wait_for_end(&mut self, session: &Established) -> EndReason;

    /// Waits until no set-up is under way and all that is to be released or to lapse has
    /// been; sees that every session that stands is booked as it should be, and nothing
    /// else is.
    fn wait_quiet(&mut self);
}

/// An arm whose places take code that is brought along.
pub trait CodeArm: Arm {
    /// Adds code of that name and version, with those needs, at its home, as an operator
    /// does; how many bytes its binary has. It is in a binary of the arm's own: neither
    /// digest nor length are the given ones.
    fn add_code(&mut self, release: Release) -> u64;

    /// As [`CodeArm::add_code`]; but nowhere does that code start.
    fn add_code_that_fails(&mut self, release: Release) -> u64;

    /// How many bytes of code transfers have brought to a place in its present life.
    fn bytes_fetched(&mut self, place: &PlaceName) -> u64;
}

/// The simulator as an arm.
#[derive(Debug)]
pub struct Simulated {
    /// The run. A scenario for this arm alone may use it as it likes.
    pub world: World,
}

/// In virtual time, and so generous.
const LIMIT: Duration = Duration::from_secs(3600);

impl Simulated {
    /// As [`Arm::set_up`], with a seed.
    ///
    /// # Panics
    /// If a place breaks a rule.
    #[must_use]
    pub fn with_seed(setting: &Setting, seed: u64) -> Self {
        let mut world = sound(World::new(setting, seed));
        sound(world.run_for(Duration::from_secs(1)));
        world.index_is_known();
        Self { world }
    }
}

fn sound<T>(result: Result<T, Violation>) -> T {
    result.unwrap_or_else(|violation| panic!("{violation}"))
}

/// What a client was told, as the answer to its open.
fn answer(knows: &Knows) -> Answer {
    let why = match knows {
        Knows::Session(session) => return Ok((**session).clone()),
        Knows::Refused { refused, .. } => {
            let reasons: Vec<_> = refused.iter().map(ToString::to_string).collect();
            return Err(Refused {
                refused: refused.clone(),
                why: reasons.join("; "),
            });
        }
        Knows::NoPlan(none) => none.to_string(),
        Knows::Rejected(why) => why.clone(),
        other => format!("{other:?}"),
    };
    Err(Refused {
        refused: Vec::new(),
        why,
    })
}

impl Arm for Simulated {
    fn set_up(setting: &Setting) -> Self {
        Self::with_seed(setting, 1)
    }

    fn open_all(&mut self, requests: Vec<(PlaceName, OpenRequest)>) -> Vec<Answer> {
        let mut ids = Vec::new();
        for (place, request) in requests {
            let id = self
                .world
                .open(&place, request, Script::STAYS, Duration::ZERO);
            ids.push(id);
        }
        sound(self.world.run_until_answered(LIMIT));
        ids.into_iter()
            .map(|id| answer(self.world.knows(id)))
            .collect()
    }

    fn close(&mut self, session: &Established) {
        let id = client_of(&self.world, session.session);
        self.world.close(id, Duration::ZERO);
    }

    fn bookings(&mut self, place: &PlaceName) -> Vec<BookingView> {
        let place = self.world.place(place);
        place.into_iter().flat_map(Place::bookings).collect()
    }

    fn crash(&mut self, place: &PlaceName) {
        self.world.crash(place, &Tell::Both);
    }

    fn restart(&mut self, place: &PlaceName) {
        sound(self.world.restart(place, true));
    }

    fn drain(&mut self, place: &PlaceName, deadline: Option<Duration>) {
        sound(self.world.drain(place, deadline));
    }

    fn undrain(&mut self, place: &PlaceName) {
        sound(self.world.undrain(place));
    }

    fn cordon(&mut self, place: &PlaceName, resource: &Resource, cordoned: bool) {
        sound(self.world.cordon(place, resource, cordoned));
    }

    fn set_capacity(&mut self, place: &PlaceName, resource: &Resource, amount: u64) {
        sound(self.world.set_capacity(place, resource, amount));
    }

    fn wait_for_end(&mut self, session: &Established) -> EndReason {
        let id = client_of(&self.world, session.session);
        let until = self.world.now() + LIMIT;
        while self.world.now() < until {
            if let Knows::Ended(_, why) = self.world.knows(id) {
                return why.clone();
            }
            sound(self.world.run_for(Duration::from_millis(100)));
        }
        panic!("the session does not end: {:?}", self.world.knows(id));
    }

    fn wait_quiet(&mut self) {
        sound(self.world.run_until_quiet(LIMIT));
    }
}

impl CodeArm for Simulated {
    fn add_code(&mut self, release: Release) -> u64 {
        let (release, home) = (Arc::new(release.clone()), release.home);
        let answer = sound(self.world.add_code(&home, &release));
        answer.unwrap_or_else(|why| panic!("{why}"));
        // What a parent is told travels as fast as anything.
        sound(self.world.run_for(Duration::from_secs(1)));
        self.world.index_is_known();
        release.length
    }

    fn add_code_that_fails(&mut self, release: Release) -> u64 {
        let fails = Behaviour::Fails(Duration::ZERO, "it is broken".to_owned());
        self.world.behave(None, &release.reference(), fails);
        self.add_code(release)
    }

    fn bytes_fetched(&mut self, place: &PlaceName) -> u64 {
        let place = self.world.place(place);
        place.map_or(0, |place| place.counters().fetched_bytes)
    }
}

fn client_of(world: &World, session: SessionId) -> waybook_place::io::RequestId {
    let mut clients = world.clients().iter();
    let owner = clients.find(|(_, c)| c.session().is_some_and(|s| s.session == session));
    owner.expect("a session that stands").0
}
