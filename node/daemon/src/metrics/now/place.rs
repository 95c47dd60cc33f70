//! The place itself: what it has, what it has promised, what it has counted.

use waybook_location_tree::PlaceName;
use waybook_place::{BookingPhase, Counters, NeighbourView, Place, ResourceView};
use waybook_plan::Resource;

use super::{figure, of};
use crate::metrics::page::Page;

/// What the place says of itself at one moment.
#[derive(Debug)]
pub(crate) struct PlaceNow {
    name: PlaceName,
    resources: Vec<ResourceView>,
    /// Hops of sessions here, by how firm they are.
    hops: [usize; 3],
    counters: Counters,
    neighbours: Vec<NeighbourView>,
    recovering: bool,
    draining: bool,
    /// Bytes of code that are here, and pieces.
    code: (u64, usize),
}

impl PlaceNow {
    pub(crate) fn of(place: &Place) -> Self {
        let mut hops = [0; 3];
        for booking in place.bookings() {
            hops[phase(booking.phase)] += 1;
        }
        let code = place.code();
        Self {
            name: place.name().clone(),
            resources: place.resources(),
            hops,
            counters: place.counters(),
            neighbours: place.neighbours(),
            recovering: place.is_recovering(),
            draining: place.is_draining(),
            code: (code.iter().map(|code| code.bytes).sum(), code.len()),
        }
    }
}

const PHASES: [&str; 3] = ["held", "ready", "established"];

fn phase(phase: BookingPhase) -> usize {
    match phase {
        BookingPhase::Held => 0,
        BookingPhase::Ready => 1,
        BookingPhase::Established => 2,
    }
}

impl PlaceNow {
    pub(super) fn show(&self, page: &mut Page) {
        let labels = vec![
            ("name", self.name.to_string()),
            ("version", env!("CARGO_PKG_VERSION").to_owned()),
        ];
        page.gauge(
            "info",
            "The place, and the version of its daemon",
            [(labels, 1.0)],
        );
        page.one_gauge(
            "recovering",
            "Whether the place has just restarted and grants nothing new yet",
            f64::from(u8::from(self.recovering)),
        );
        page.one_gauge(
            "place_draining",
            "Whether an operator drains the place, so that it takes no new sessions",
            f64::from(u8::from(self.draining)),
        );
        self.show_resources(page);
        let hops = PHASES.iter().zip(self.hops);
        page.gauge(
            "sessions",
            "Sessions that have a booking here, by how firm it is",
            hops.map(|(phase, count)| (vec![("phase", (*phase).to_owned())], figure(count))),
        );
        let (bytes, pieces) = self.code;
        page.one_gauge(
            "code_bytes",
            "Code in the repository, parts included",
            figure(bytes),
        );
        page.one_gauge(
            "code_releases",
            "Releases in the repository, whole, in part or on their way",
            figure(pieces),
        );
        self.show_counters(page);
        self.show_neighbours(page);
    }

    fn show_resources(&self, page: &mut Page) {
        let of = |resource: &Resource| {
            let (unit, _) = unit(resource);
            vec![
                ("resource", resource.to_string()),
                ("unit", unit.to_owned()),
            ]
        };
        let amount = |resource: &Resource, amount: u64| figure(amount) / unit(resource).1;
        let all = self.resources.iter();
        let cordoned = |r: &ResourceView| {
            let labels = vec![("resource", r.resource.to_string())];
            (labels, f64::from(u8::from(r.cordoned)))
        };
        page.gauge(
            "resource_cordoned",
            "Whether an operator keeps more of a resource from being booked",
            self.resources.iter().map(cordoned),
        );
        page.gauge(
            "capacity",
            "What the place has of a resource, in the unit that is said",
            all.map(|r| (of(&r.resource), amount(&r.resource, r.capacity))),
        );
        let all = self.resources.iter().flat_map(|r| {
            [("established", r.established), ("held", r.held)].map(|(phase, booked)| {
                let mut labels = of(&r.resource);
                labels.push(("phase", phase.to_owned()));
                (labels, amount(&r.resource, booked))
            })
        });
        page.gauge(
            "booked",
            "What is booked of a resource: by established sessions, and held by set-ups",
            all,
        );
    }

    fn show_counters(&self, page: &mut Page) {
        let c = &self.counters;
        let counts = [
            (
                "opens",
                "Set-ups that clients of this place asked for",
                c.opens,
            ),
            (
                "visits",
                "Agents that arrived with a visit and were let in",
                c.visits,
            ),
            (
                "leases_expired",
                "Bookings that ended because nobody refreshed them",
                c.lapsed,
            ),
            (
                "traced_back",
                "Tracings back that started here",
                c.traced_back,
            ),
            ("fell_back", "Fallbacks that went on from here", c.fell_back),
            (
                "transfer_bytes",
                "Bytes of code that came here and were verified",
                c.fetched_bytes,
            ),
            (
                "code_evicted",
                "Pieces of code dropped to make room",
                c.evicted,
            ),
            (
                "questions_unanswered",
                "Questions to other places that were not answered in time",
                c.unanswered,
            ),
            (
                "sources_lying",
                "Sources that sent something else than the code that was asked for",
                c.lies,
            ),
        ];
        for (name, help, count) in counts {
            page.one_counter(name, help, count);
        }
        let ignored = [
            ("fenced", c.fenced),
            ("outdated", c.outdated),
            ("refused", c.refused_messages),
            ("limit", c.limited),
        ];
        page.counter(
            "messages_ignored",
            "Messages without effect: late, of an older life, not for their sender to send, or beyond a limit",
            ignored.map(|(why, count)| (vec![("reason", why.to_owned())], count)),
        );
        let transfers = [("complete", c.fetched), ("failed", c.fetch_failures)];
        page.counter(
            "transfers",
            "Transfers of code to this place, by how they ended",
            transfers.map(|(result, count)| (vec![("result", result.to_owned())], count)),
        );
    }

    fn show_neighbours(&self, page: &mut Page) {
        type Figure = fn(&NeighbourView) -> f64;
        let figures: [(&str, &str, Figure); 5] = [
            ("neighbour_up", "Whether there is a connection", |n| {
                f64::from(u8::from(n.up))
            }),
            (
                "neighbour_window",
                "Visits that may be under way to a neighbour at a time",
                |n| figure(n.visits.window),
            ),
            (
                "neighbour_under_way",
                "Visits that a neighbour has been sent and has not acknowledged",
                |n| figure(n.visits.under_way),
            ),
            (
                "neighbour_waiting",
                "Visits that wait here for their turn with a neighbour",
                |n| figure(n.visits.waiting),
            ),
            (
                "neighbour_answer_seconds",
                "About how long a neighbour takes to acknowledge a visit",
                |n| n.visits.takes.as_secs_f64(),
            ),
        ];
        for (name, help, figure) in figures {
            let all = self.neighbours.iter();
            page.gauge(name, help, all.map(|n| (of(&n.place), figure(n))));
        }
    }
}

/// The unit that a resource is shown in, and how many of the place's make one.
fn unit(resource: &Resource) -> (&'static str, f64) {
    match resource.as_str() {
        Resource::CPU => ("cores", 1000.0),
        Resource::MEMORY => ("bytes", 1.0),
        Resource::DOWN | Resource::UP => ("bits_per_second", 1.0),
        _ => ("units", 1.0),
    }
}
