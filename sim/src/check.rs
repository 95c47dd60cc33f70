//! Checkers: what must hold at every step, and what must hold in quiet.
//!
//! They look at places from outside, by what these show and what they have told their
//! drivers to do, and share no code with what they check.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use waybook_agents::{HopReport, SessionId};
use waybook_location_tree::PlaceName;
use waybook_place::io::{Established, InstanceId, Route};
use waybook_place::{BookingPhase, BookingView, Instant, PaceView, Place, ResourceView};
use waybook_plan::{Demand, Plan, Resource};

mod books;
mod code;
mod letters;
#[cfg(test)]
mod tests;
mod walks;
mod withheld;

pub(crate) use books::Books;
pub use code::evict;
pub(crate) use code::start;
pub(crate) use letters::{FORGETFUL, Letters};
pub(crate) use walks::Walks;

use crate::World;
use crate::client::Knows;
use crate::transcript::short;
use crate::world::Slot;

/// Something happened that must not, with all that is needed to see it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The seed of the run.
    pub seed: u64,
    /// When it was noticed.
    pub at: Instant,
    /// What must not be.
    pub what: String,
    /// The last lines of the transcript.
    pub tail: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "at {:?} with seed {}: {}\n{}",
            self.at, self.seed, self.what, self.tail
        )
    }
}

impl std::error::Error for Violation {}

/// Checks one place after a step: it has booked no more than it has, its gauges say what
/// its bookings add up to, and it holds the code that it runs, and no more than it may.
///
/// # Errors
/// What is wrong.
pub fn place(slot: &Slot) -> Result<(), String> {
    code::place(slot)?;
    match slot.place() {
        Some(place) => ledger(
            &place.config().capacity,
            |resource| slot.most(resource),
            place.bookings(),
            &place.resources(),
        ),
        None => Ok(()),
    }
}

/// As [`place`], after a step, and only of what changed with it. `changed` says whether the
/// place's bookings may be others than before.
///
/// # Errors
/// What is wrong.
pub(crate) fn step(slot: &mut Slot, changed: bool) -> Result<(), String> {
    code::step(slot)?;
    if !changed {
        if let Some(place) = slot.place_mut() {
            place.forget_acted();
        }
        return Ok(());
    }
    let began = slot.books.is_none();
    let mut books = slot.books.take().unwrap_or_default();
    let Some(acted) = slot.place_mut().map(Place::take_acted) else {
        return Ok(());
    };
    let Some(seen) = slot.place() else {
        return Ok(());
    };
    for session in acted {
        let now = seen.booking(session);
        if !began {
            withheld::granted(seen, books.booked(session), now.as_ref())?;
        }
        books.see(session, now);
    }
    if !books.agree_with(seen) {
        place(slot)?;
        *books = Books::of(seen);
    }
    slot.books = Some(books);
    slot.capacity_is_seen();
    Ok(())
}

/// `most` is how much may be booked beside the capacity, because there was once more of it.
fn ledger(
    capacity: &BTreeMap<Resource, u64>,
    most: impl Fn(&Resource) -> u64,
    bookings: impl Iterator<Item = BookingView>,
    shown: &[ResourceView],
) -> Result<(), String> {
    let mut booked: BTreeMap<Resource, (u64, u64)> = BTreeMap::new();
    for booking in bookings {
        for (resource, amount) in booking.demand.iter() {
            let sums = booked.entry(resource.clone()).or_default();
            let sum = match booking.phase {
                BookingPhase::Established => &mut sums.0,
                BookingPhase::Held | BookingPhase::Ready => &mut sums.1,
            };
            *sum = sum.saturating_add(amount);
        }
    }
    for (resource, (established, held)) in &booked {
        let capacity = capacity.get(resource).copied().unwrap_or(0);
        if established.saturating_add(*held) > capacity.max(most(resource)) {
            return Err(format!(
                "{resource} is overbooked: {established} established and {held} held of {capacity}"
            ));
        }
    }
    for view in shown {
        let (established, held) = booked.remove(&view.resource).unwrap_or_default();
        if (view.established, view.held) != (established, held) {
            return Err(format!(
                "{} is said to have {} established and {} held, its bookings say {established} \
                 and {held}",
                view.resource, view.established, view.held
            ));
        }
        if capacity.get(&view.resource) != Some(&view.capacity) {
            return Err(format!("{} has another capacity than said", view.resource));
        }
    }
    match booked.pop_first() {
        Some((resource, _)) => Err(format!("{resource} is booked but not shown")),
        None => Ok(()),
    }
}

/// Checks a world in quiet: every session that a client has is booked, routed and running at
/// every hop exactly as chosen, and nothing else is left anywhere.
///
/// # Errors
/// What is wrong.
pub fn quiet(world: &World) -> Result<(), String> {
    let mut live: BTreeMap<SessionId, BTreeSet<PlaceName>> = BTreeMap::new();
    for (_, client) in world.clients().iter() {
        let session = match &client.knows {
            Knows::Session(session) => session,
            // Its place crashed: whether it found the session again is the place's to say.
            Knows::Cut(Some(session)) if holds(world, &client.place, session.session) => session,
            _ => continue,
        };
        let name = short(session.session);
        let shown = |what: String| format!("session {name}: {what}");
        let first = session.journey.first().map(|hop| &hop.place);
        if first != Some(&client.place) {
            return Err(shown(format!("its journey begins at {first:?}")));
        }
        if let Some(plan) = &client.expected {
            as_planned(session, plan).map_err(shown)?;
        }
        for at in 0..session.journey.len() {
            hop(world, session, at)
                .map_err(|what| shown(format!("at {}: {what}", session.journey[at].place)))?;
        }
        let places = session.journey.iter().map(|hop| hop.place.clone());
        live.entry(session.session).or_default().extend(places);
    }
    for (name, slot) in world.slots() {
        place(slot).map_err(|what| format!("{name}: {what}"))?;
        leftovers(name, slot, &live).map_err(|what| format!("{name}: {what}"))?;
        nobody_waits(slot).map_err(|what| format!("{name}: {what}"))?;
    }
    code::quiet(world)
}

/// No neighbour owes an answer that nobody waits for: it would be asked less for ever.
fn nobody_waits(slot: &Slot) -> Result<(), String> {
    let neighbours = slot.place().map(Place::neighbours).unwrap_or_default();
    for neighbour in neighbours {
        for (what, pace) in [
            ("visits", neighbour.visits),
            ("questions", neighbour.questions),
        ] {
            if pace.under_way + pace.waiting > 0 {
                let PaceView {
                    under_way, waiting, ..
                } = pace;
                let place = neighbour.place;
                return Err(format!(
                    "{under_way} {what} are under way to {place} for ever, and {waiting} wait"
                ));
            }
        }
    }
    Ok(())
}

fn holds(world: &World, client: &PlaceName, session: SessionId) -> bool {
    let hop = world
        .place(client)
        .and_then(|p| p.hop(session, world.now()));
    hop.is_some_and(|hop| hop.phase == BookingPhase::Established)
}

/// The session is a solution of the plan, stage by stage.
fn as_planned(session: &Established, plan: &Plan) -> Result<(), String> {
    let number = session.solution;
    let solution = plan
        .solution(number)
        .ok_or_else(|| format!("solution {number} is not in its plan"))?;
    if solution.quality != session.quality {
        return Err(format!("solution {number} has another quality"));
    }
    if solution.stages.len() != session.journey.len() {
        return Err(format!("solution {number} has another path"));
    }
    for (stage, hop) in solution.stages.iter().zip(&session.journey) {
        if stage.place != hop.place {
            return Err(format!("{} is not on the path", hop.place));
        }
        if stage.demand != hop.booked {
            return Err(format!(
                "{} reports {} booked, the stage says {}",
                hop.place, hop.booked, stage.demand
            ));
        }
        let planned = stage.components.iter().map(|c| &c.name);
        if !planned.eq(hop.components.iter().map(|c| &c.name)) {
            return Err(format!("{} reports other components", hop.place));
        }
    }
    Ok(())
}

/// One hop of a session is as its journey says.
fn hop(world: &World, session: &Established, at: usize) -> Result<(), String> {
    let journey = &session.journey;
    let report = &journey[at];
    let slot = world.slot(&report.place);
    let place = slot.place().ok_or("the place is down")?;
    booking(place, session.session, report)?;
    let route = slot.routes().get(&session.session).ok_or("no route")?;
    let previous = at.checked_sub(1).map(|before| &journey[before].place);
    let next = journey.get(at + 1).map(|after| &after.place);
    if (route.previous.as_ref(), route.next.as_ref()) != (previous, next) {
        return Err(format!(
            "the route comes from {:?} and goes to {:?}",
            route.previous, route.next
        ));
    }
    bandwidth(&report.place, previous, next, &report.booked, route)?;
    let mut names = Vec::new();
    for instance in &route.chain {
        let running = slot.components().get(instance);
        let running = running.ok_or_else(|| format!("{instance:?} does not run"))?;
        if !running.up {
            return Err(format!("{} has not answered", running.component));
        }
        names.push(&running.component.name);
    }
    if !names
        .into_iter()
        .eq(report.components.iter().map(|c| &c.name))
    {
        return Err("the route passes through other components".to_owned());
    }
    Ok(())
}

fn booking(place: &Place, session: SessionId, report: &HopReport) -> Result<(), String> {
    match place.bookings().find(|b| b.session == session) {
        Some(b) if b.phase != BookingPhase::Established => {
            Err(format!("the booking is only {:?}", b.phase))
        }
        Some(b) if b.demand != report.booked => Err(format!(
            "{} is booked in place of {}",
            b.demand, report.booked
        )),
        None if !report.booked.is_empty() => Err("nothing is booked".to_owned()),
        _ => Ok(()),
    }
}

/// The route enforces what is booked on the place's own edge, if the path uses that.
fn bandwidth(
    place: &PlaceName,
    previous: Option<&PlaceName>,
    next: Option<&PlaceName>,
    booked: &Demand,
    route: &Route,
) -> Result<(), String> {
    let parent = place.parent();
    let (down, up) = (booked.of(Resource::DOWN), booked.of(Resource::UP));
    let (to_client, to_server) = if parent.is_some() && parent.as_ref() == next {
        (down, up)
    } else if parent.is_some() && parent.as_ref() == previous {
        (up, down)
    } else {
        (0, 0)
    };
    let wanted = [to_client, to_server].map(|amount| (amount > 0).then_some(amount));
    if [route.to_client, route.to_server] == wanted {
        Ok(())
    } else {
        Err(format!(
            "the route lets {:?} and {:?} through; {wanted:?} is booked",
            route.to_client, route.to_server
        ))
    }
}

/// A place has nothing but what the live sessions need.
fn leftovers(
    name: &PlaceName,
    slot: &Slot,
    live: &BTreeMap<SessionId, BTreeSet<PlaceName>>,
) -> Result<(), String> {
    let lives = |session: &SessionId| {
        live.get(session)
            .is_some_and(|places| places.contains(name))
    };
    for booking in slot.place().into_iter().flat_map(Place::bookings) {
        if !lives(&booking.session) {
            return Err(format!(
                "a booking is left of {}: {:?} {}",
                short(booking.session),
                booking.phase,
                booking.demand
            ));
        }
    }
    let mut used: BTreeSet<InstanceId> = BTreeSet::new();
    for (session, route) in slot.routes() {
        if !lives(session) {
            return Err(format!("a route is left of {}", short(*session)));
        }
        used.extend(&route.chain);
    }
    match slot.components().iter().find(|(id, _)| !used.contains(id)) {
        Some((id, running)) => Err(format!("{} runs on as {}", running.component, id.0)),
        None => Ok(()),
    }
}
