//! What a driver keeps for one place.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use waybook_agents::SessionId;
use waybook_location_tree::PlaceName;
use waybook_place::io::{Input, InstanceId, RecordKey, Route};
use waybook_place::{Instant, Place, code_record, part_record};
use waybook_plan::{Component, Digest as CodeDigest, Release, Resource};

use crate::check::Books;
use crate::network::EdgeId;
use crate::places::{Desk, PlaceModel};
use crate::random::{Draws, Small};
use crate::repository::Repository;

/// A component that a place has started and not stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    /// What it is.
    pub component: Component,
    /// Whether it has answered its probe.
    pub up: bool,
    /// The code that it runs, if that was brought along.
    pub release: Option<Arc<Release>>,
}

impl Running {
    /// Whether it runs that code.
    #[must_use]
    pub fn runs(&self, digest: &CodeDigest) -> bool {
        self.release.as_ref().is_some_and(|r| r.digest == *digest)
    }
}

/// What a place runs on, where that takes time or its clock is not exact.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) model: PlaceModel,
    pub(super) desk: Desk,
    draws: Draws,
    /// How often each purpose has been drawn for.
    drawn: [u64; 3],
}

/// What is drawn for a machine. Each has draws of its own, so that to change one of its
/// times changes no other.
#[derive(Clone, Copy)]
enum Purpose {
    Processing,
    Start,
    Compile,
}

/// Keeps the draws of machines apart from those of edges of the same name.
const MACHINES: u64 = 0x6d61_6368_696e_6573;

impl Machine {
    pub(super) fn new(model: PlaceModel, seed: u64, place: &PlaceName) -> Self {
        Self {
            model,
            desk: Desk::default(),
            draws: Draws::new(seed ^ MACHINES, place.as_str(), 0),
            drawn: [0; 3],
        }
    }

    fn next(&mut self, purpose: Purpose) -> Small {
        let drawn = &mut self.drawn[purpose as usize];
        *drawn += 1;
        self.draws.nth(purpose as u64, *drawn)
    }
}

/// A place with the model of its machine.
#[derive(Debug, Default)]
pub struct Slot {
    place: Option<Box<Place>>,
    /// The number of the present life, or of the last one.
    pub(super) life: u64,
    /// What survives a crash.
    pub(super) disk: BTreeMap<RecordKey, Vec<u8>>,
    pub(crate) repository: Repository,
    /// Code that an operator has added here, and not removed.
    pub(crate) added: BTreeSet<CodeDigest>,
    /// Code that an operator has pinned here.
    pub(crate) pinned: BTreeSet<CodeDigest>,
    pub(crate) components: BTreeMap<InstanceId, Running>,
    pub(crate) routes: BTreeMap<SessionId, Box<Route>>,
    /// How its machine behaves; none for one that takes no time and has an exact clock.
    pub(super) machine: Option<Box<Machine>>,
    /// The earliest tick that is scheduled.
    pub(super) tick: Option<Instant>,
    /// The edge to the parent; the root has one to nowhere.
    pub(super) edge: EdgeId,
    /// The place's [edition of bookings](Place::bookings_edition) when it was last looked at.
    bookings: u64,
    /// What it has in place of what its setting says, since that was changed.
    pub(super) changed: Option<Box<Changed>>,
    /// What the checkers have seen of the bookings; nothing while there are none.
    pub(crate) books: Option<Box<Books>>,
}

/// A capacity that was changed while the place ran.
#[derive(Debug, Default)]
pub(super) struct Changed {
    /// What there is now; kept in a next life, as the place's file would be.
    pub(super) capacity: BTreeMap<Resource, u64>,
    /// How much may be booked: what was when there came to be less, and never more again.
    most: BTreeMap<Resource, u64>,
}

impl Slot {
    /// How much of a resource may be booked beside what there is, because there was more.
    pub(crate) fn most(&self, resource: &Resource) -> u64 {
        let most = self.changed.as_ref().map(|changed| &changed.most);
        most.and_then(|most| most.get(resource))
            .copied()
            .unwrap_or(0)
    }

    /// What is booked now may stay, whatever there is from now on.
    pub(super) fn capacity_changed(&mut self) {
        let (Some(place), Some(changed)) = (self.place.as_deref(), self.changed.as_deref_mut())
        else {
            return;
        };
        let booked = |view: waybook_place::ResourceView| {
            (view.resource, view.established.saturating_add(view.held))
        };
        changed.most = place.resources().into_iter().map(booked).collect();
    }

    /// What has been given back since is not to be booked again above the capacity.
    pub(crate) fn capacity_is_seen(&mut self) {
        let (Some(place), Some(changed)) = (self.place.as_deref(), self.changed.as_deref_mut())
        else {
            return;
        };
        for view in place.resources() {
            if let Some(most) = changed.most.get_mut(&view.resource) {
                *most = (*most).min(view.established.saturating_add(view.held));
            }
        }
    }

    /// The place; nothing while it is down.
    #[must_use]
    pub fn place(&self) -> Option<&Place> {
        self.place.as_deref()
    }

    pub(crate) fn place_mut(&mut self) -> Option<&mut Place> {
        self.place.as_deref_mut()
    }

    /// What survives a crash.
    #[must_use]
    pub fn disk(&self) -> &BTreeMap<RecordKey, Vec<u8>> {
        &self.disk
    }

    /// The code on its disk.
    #[must_use]
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// The components that have been started and not stopped.
    #[must_use]
    pub fn components(&self) -> &BTreeMap<InstanceId, Running> {
        &self.components
    }

    /// How requests are let through, by session.
    #[must_use]
    pub fn routes(&self) -> &BTreeMap<SessionId, Box<Route>> {
        &self.routes
    }

    /// What a new life is told of the former ones: every record, but of code that which the
    /// disk has, whole; if the record was lost, one as good as can be made; and what came of
    /// other code.
    pub(super) fn records(&self, here: &PlaceName) -> Vec<(RecordKey, Vec<u8>)> {
        let kept = self.disk.iter().filter(|(key, _)| match key {
            RecordKey::Code(digest) => self.repository.holds(digest),
            _ => true,
        });
        let mut records: BTreeMap<_, _> = kept.map(|(k, v)| (k.clone(), v.clone())).collect();
        for (digest, file) in self.repository.iter().filter(|(_, file)| file.is_whole()) {
            let (release, key) = (&file.release, RecordKey::Code(*digest));
            let lost = || code_record(release, release.home == *here, false, 0);
            records.entry(key).or_insert_with(lost);
        }
        for (digest, file) in self.repository.iter().filter(|(_, file)| !file.is_whole()) {
            let part = part_record(&file.release, file.bytes);
            records.insert(RecordKey::Part(*digest), part);
        }
        records.into_iter().collect()
    }

    pub(super) fn run(&mut self, place: Place) {
        self.place = Some(Box::new(place));
        self.tick = None;
    }

    pub(crate) fn crash(&mut self) {
        self.place = None;
        self.tick = None;
        self.books = None;
        self.components.clear();
        self.routes.clear();
        if let Some(machine) = &mut self.machine {
            machine.desk.clear();
        }
    }

    /// What the place's clock shows.
    pub(super) fn local(&self, now: Instant) -> Instant {
        self.machine
            .as_ref()
            .map_or(now, |m| m.model.clock.local(now))
    }

    /// When the machine is done with an input that comes now, so that the place decides;
    /// none if that is at once.
    pub(super) fn works_until(&mut self, now: Instant, input: &Input) -> Option<Instant> {
        let machine = self.machine.as_mut()?;
        // A tick is the place's own, and nothing that it would have to read first.
        if machine.model.is_immediate() || *input == Input::Tick {
            return None;
        }
        let mut draw = machine.next(Purpose::Processing);
        let time = machine.model.processing_time(&mut draw);
        Some(machine.desk.take(now, machine.model.servers, time).end)
    }

    /// When its machine has done all that has come to it so far; none if that takes no time.
    pub(super) fn works_off(&self) -> Option<Instant> {
        self.machine.as_ref()?.desk.done()
    }

    /// How long a component takes to answer here; none if nobody has said.
    pub(super) fn start_time(&mut self) -> Option<Duration> {
        let machine = self.machine.as_mut()?;
        let mut draw = machine.next(Purpose::Start);
        Some(machine.model.start_time(&mut draw))
    }

    /// How long code takes to compile here; none if nobody has said.
    pub(super) fn compile_time(&mut self) -> Option<Duration> {
        let machine = self.machine.as_mut()?;
        let mut draw = machine.next(Purpose::Compile);
        Some(machine.model.compile_time(&mut draw))
    }

    /// The disk is lost.
    pub(super) fn lose_disk(&mut self) {
        self.disk.clear();
        self.repository.clear();
        self.added.clear();
        self.pinned.clear();
    }

    /// Whether the place wants a tick now.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        let wanted = self.place().and_then(Place::next_timeout);
        wanted.is_some_and(|at| at <= self.local(now))
    }

    /// When a tick must be scheduled, if none is that early.
    pub(super) fn next_tick(&self) -> Option<Instant> {
        let wanted = self.place()?.next_timeout()?;
        let wanted = match &self.machine {
            Some(machine) => machine.model.clock.global(wanted),
            None => wanted,
        };
        match self.tick {
            Some(planned) if planned <= wanted => None,
            _ => Some(wanted),
        }
    }

    /// Whether the bookings may be others than at the last call.
    pub(super) fn bookings_changed(&mut self) -> bool {
        let now = self.place().map_or(0, Place::bookings_edition);
        let before = std::mem::replace(&mut self.bookings, now);
        before != now
    }
}
