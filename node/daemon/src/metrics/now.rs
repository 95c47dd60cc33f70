//! What is looked at when somebody asks: the place, its neighbours, its doors.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::UNIX_EPOCH;

use waybook_location_tree::PlaceName;
use waybook_place::{BookingPhase, Counters, NeighbourView, Place, ResourceView};
use waybook_plan::Resource;

use super::page::Page;
use super::process;
use crate::join::JoinCounters;
use crate::link::{LinkCounters, NeighbourCounters};
use crate::{CertificateStatus, DoorCounters};

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

/// Everything that is looked at.
#[derive(Debug)]
pub(crate) struct Now {
    pub(crate) place: PlaceNow,
    pub(crate) links: LinkCounters,
    pub(crate) neighbours: BTreeMap<PlaceName, NeighbourCounters>,
    pub(crate) gateway: DoorCounters,
    pub(crate) api: DoorCounters,
    pub(crate) wasm: waybook_wasm::Snapshot,
    pub(crate) certificate: Option<CertificateStatus>,
    pub(crate) newcomers: JoinCounters,
}

impl Now {
    pub(super) fn write(&self, text: &mut impl Write) {
        let mut page = Page::new();
        self.place.show(&mut page);
        self.show_links(&mut page);
        self.show_neighbours(&mut page);
        self.show_doors(&mut page);
        self.show_wasm(&mut page);
        self.show_certificate(&mut page);
        page.write(text);
        process::write(text);
    }

    fn show_certificate(&self, page: &mut Page) {
        let Some(certificate) = &self.certificate else {
            return;
        };
        let end = certificate.not_after.duration_since(UNIX_EPOCH);
        page.one_gauge(
            "certificate_expiry_timestamp_seconds",
            "When the place's certificate ends, in seconds since 1970",
            end.unwrap_or_default().as_secs_f64(),
        );
        page.one_gauge(
            "certificate_files_rejected",
            "Whether the identity's files have changed and are not taken up, because of what is wrong with them",
            f64::from(u8::from(certificate.problem.is_some())),
        );
    }

    fn show_wasm(&self, page: &mut Page) {
        let wasm = &self.wasm;
        page.one_counter(
            "wasm_requests",
            "Requests given to WebAssembly components",
            wasm.requests,
        );
        let failed = [
            ("trap", wasm.traps),
            ("timeout", wasm.timeouts),
            ("limit", wasm.refused),
            ("backed-off", wasm.backed_off),
        ];
        page.counter(
            "wasm_failures",
            "Requests that WebAssembly components failed, by why",
            failed.map(|(why, count)| (vec![("reason", why.to_owned())], count)),
        );
        let outgoing = [
            ("sent", wasm.outgoing),
            ("host-not-allowed", wasm.denied_hosts),
            ("limit", wasm.outgoing_refused),
        ];
        page.counter(
            "wasm_outgoing_requests",
            "Requests that WebAssembly components wanted to send, by what became of them",
            outgoing.map(|(result, count)| (vec![("result", result.to_owned())], count)),
        );
        page.one_counter(
            "wasm_memory_refused",
            "Growths of WebAssembly components' memory that were refused",
            wasm.memory_refused,
        );
        page.one_gauge(
            "wasm_instances",
            "Instances of WebAssembly components that live",
            figure(wasm.instances_live),
        );
        page.one_gauge(
            "wasm_memory_bytes",
            "Memory of WebAssembly components' instances",
            figure(wasm.memory_bytes),
        );
    }

    fn show_links(&self, page: &mut Page) {
        let links = &self.links;
        let refused = [
            ("hello", links.refused),
            ("handshake", links.failed_handshakes),
        ];
        page.counter(
            "connections_refused",
            "Connections of places that were refused, strangers' included, by why",
            refused.map(|(why, count)| (vec![("reason", why.to_owned())], count)),
        );
        let lost = [
            ("no-connection", links.unsent),
            ("too-long", links.too_long),
        ];
        page.counter(
            "messages_unsent",
            "Messages that could not be sent, by why; the protocol says again what matters",
            lost.map(|(why, count)| (vec![("reason", why.to_owned())], count)),
        );
        page.one_counter(
            "connection_overflows",
            "Connections closed because too much waited to be sent",
            links.overflows,
        );
        let newcomers = [
            ("joined", self.newcomers.joined),
            ("refused", self.newcomers.refused),
            ("turned-away", self.newcomers.turned_away),
            ("failed", self.newcomers.failed),
        ];
        page.counter(
            "newcomers",
            "Machines that wanted to join with a token, by what came of it",
            newcomers.map(|(result, count)| (vec![("result", result.to_owned())], count)),
        );
    }

    fn show_neighbours(&self, page: &mut Page) {
        type Count = fn(&NeighbourCounters) -> u64;
        let counts: [(&str, &str, Count); 5] = [
            (
                "neighbour_connections",
                "Connections with a neighbour that came to stand; all but the first are reconnections",
                |n| n.connections,
            ),
            (
                "neighbour_received",
                "Messages received from a neighbour",
                |n| n.received,
            ),
            ("neighbour_sent", "Messages sent to a neighbour", |n| n.sent),
            (
                "neighbour_undecodable",
                "Frames of a neighbour that are no message",
                |n| n.garbage,
            ),
            (
                "neighbour_streams_refused",
                "Streams of a neighbour that were refused: of unknown kind, or silent",
                |n| n.refused_streams,
            ),
        ];
        for (name, help, count) in counts {
            let figures = self.neighbours.iter();
            page.counter(
                name,
                help,
                figures.map(|(neighbour, counters)| (of(neighbour), count(counters))),
            );
        }
    }

    fn show_doors(&self, page: &mut Page) {
        let doors = [("gateway", &self.gateway), ("api", &self.api)];
        let at = |door: &str| vec![("door", door.to_owned())];
        page.gauge(
            "client_connections",
            "Connections of clients",
            doors.map(|(door, counters)| (at(door), figure(counters.connections))),
        );
        page.gauge(
            "client_requests",
            "Requests of clients under way, and those that come through neighbours",
            doors.map(|(door, counters)| (at(door), figure(counters.requests))),
        );
        type Count = fn(&DoorCounters) -> u64;
        let counts: [(&str, &str, Count); 4] = [
            (
                "client_connections_accepted",
                "Connections of clients that were let in",
                |d| d.accepted,
            ),
            (
                "client_connections_displaced",
                "Connections without a request that had to make room for others",
                |d| d.displaced,
            ),
            (
                "client_connections_refused",
                "Connections of clients that there was no room for",
                |d| d.refused,
            ),
            (
                "client_requests_refused",
                "Requests that there was no room for",
                |d| d.refused_requests,
            ),
        ];
        for (name, help, count) in counts {
            let figures = doors.map(|(door, counters)| (at(door), count(counters)));
            page.counter(name, help, figures);
        }
    }
}

impl PlaceNow {
    fn show(&self, page: &mut Page) {
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

fn of(neighbour: &PlaceName) -> Vec<(&'static str, String)> {
    vec![("neighbour", neighbour.to_string())]
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

#[allow(
    clippy::cast_precision_loss,
    reason = "53 bits are enough for anything here"
)]
fn figure(count: impl TryInto<u64>) -> f64 {
    count.try_into().unwrap_or(u64::MAX) as f64
}
