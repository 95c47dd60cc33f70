//! What is looked at when somebody asks: the place, its neighbours, its doors.

mod place;

pub(crate) use place::PlaceNow;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::{Duration, UNIX_EPOCH};

use waybook_location_tree::PlaceName;

use super::page::Page;
use super::process;
use crate::join::JoinCounters;
use crate::link::{LinkCounters, NeighbourCounters};
use crate::{CertificateStatus, DoorCounters, Enforcement, ProgramCounters};

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
    /// None where no programs run.
    pub(crate) enforcement: Option<Enforcement>,
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
        self.show_programs(&mut page);
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

    fn show_programs(&self, page: &mut Page) {
        let Some(enforcement) = &self.enforcement else {
            return;
        };
        let (enforced, counters) = match enforcement {
            Enforcement::On(groups) => (1.0, groups.counters()),
            Enforcement::Off(_) => (0.0, ProgramCounters::default()),
        };
        page.one_gauge(
            "programs_enforced",
            "Whether programs are held to the processor time and memory that are booked for them",
            enforced,
        );
        page.one_counter(
            "program_memory_kills",
            "Times that a program was killed because it wanted more memory than is booked for it",
            counters.memory_kills,
        );
        page.one_time(
            "program_throttled",
            "Time that programs waited because they had used up the processor time that is booked for them",
            Duration::from_micros(counters.throttled),
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

fn of(neighbour: &PlaceName) -> Vec<(&'static str, String)> {
    vec![("neighbour", neighbour.to_string())]
}

#[allow(
    clippy::cast_precision_loss,
    reason = "53 bits are enough for anything here"
)]
fn figure(count: impl TryInto<u64>) -> f64 {
    count.try_into().unwrap_or(u64::MAX) as f64
}
