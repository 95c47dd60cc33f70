//! What must hold when all is mended, asked through the control API and the kernel.

use std::collections::BTreeMap;
use std::fs;

use waybook_client::model::{Phase, PlaceInfo, SessionInfo};
use waybook_location_tree::PlaceName;

use crate::daemons::until;
use crate::places::served::{Amounts, amounts, demands, fetch};
use crate::places::{Place, Places, runtime};

/// What each place books for which session.
type Booked = BTreeMap<PlaceName, BTreeMap<String, Amounts>>;

/// Whether every place that runs books exactly what the established sessions need of it, as far as
/// they lead from their client's place over places that run. `known` says what
/// is wrong about a session of the nth place, if anything is.
pub(crate) fn agreed(
    places: &Places,
    known: impl Fn(usize, &SessionInfo) -> Result<(), String>,
) -> Result<(), String> {
    let mut due = Booked::new();
    for (number, place) in places.all().iter().enumerate() {
        if !place.runs() {
            continue;
        }
        let sessions = places.ask(places.client(number)?.sessions());
        for session in sessions.map_err(|error| error.to_string())? {
            known(number, &session)?;
            if session.phase != Phase::Established {
                return Err(format!("{session:?} is not established"));
            }
            // Beyond a place that is gone nobody feeds the session any more.
            let fed = demands(&session).into_iter();
            let fed = fed.take_while(|(name, _)| {
                let mut gone = places.all().iter().filter(|place| !place.runs());
                gone.all(|place| place.name != *name)
            });
            for (place, amounts) in fed {
                let at_place = due.entry(place).or_default();
                at_place.insert(session.session.clone(), amounts);
            }
        }
    }
    exact(places, due)
}

/// Whether bookings are those, and gauges their sums.
fn exact(places: &Places, mut due: Booked) -> Result<(), String> {
    for (number, place) in places.all().iter().enumerate() {
        if !place.runs() {
            continue;
        }
        let mut due = due.remove(&place.name).unwrap_or_default();
        let sums = sums(due.values());
        let client = places.client(number)?;
        let bookings = places.ask(client.bookings());
        for booking in bookings.map_err(|error| error.to_string())? {
            let wanted = due.remove(&booking.session);
            let booked = amounts(&booking.booked);
            if booking.phase != Phase::Established || wanted.as_ref() != Some(&booked) {
                return Err(format!(
                    "{} books {booking:?} where {wanted:?} is due",
                    place.name
                ));
            }
        }
        if !due.is_empty() {
            return Err(format!("{} lacks the bookings {due:?}", place.name));
        }
        gauges(&places.info(number)?, &sums)?;
    }
    Ok(())
}

fn sums<'a>(all: impl Iterator<Item = &'a Amounts>) -> Amounts {
    let mut sums = Amounts::new();
    for (kind, amount) in all.flatten() {
        *sums.entry(kind.clone()).or_default() += amount;
    }
    sums
}

fn gauges(info: &PlaceInfo, sums: &Amounts) -> Result<(), String> {
    for gauge in &info.resources {
        let sum = sums.get(&gauge.resource).copied().unwrap_or_default();
        let (capacity, free) = (gauge.capacity.amount, gauge.free.amount);
        if gauge.established.amount != sum || gauge.held.amount != 0 || free != capacity - sum {
            return Err(format!("{}: {gauge:?} where {sum} is booked", info.name));
        }
    }
    Ok(())
}

/// How many sockets a place has on which somebody may call.
pub(crate) fn belongings(places: &Places) -> Vec<usize> {
    places.all().iter().map(open_ports).collect()
}

/// The sockets of a process that listen, or that take datagrams from anybody.
fn open_ports(place: &Place) -> usize {
    let proc = format!("/proc/{}", place.pid());
    let mut inodes = Vec::new();
    for (file, state) in [("tcp", "0A"), ("tcp6", "0A"), ("udp", "07"), ("udp6", "07")] {
        let table = fs::read_to_string(format!("{proc}/net/{file}")).unwrap_or_default();
        for line in table.lines().skip(1) {
            let words: Vec<_> = line.split_whitespace().collect();
            if words[3] == state {
                inodes.push(format!("socket:[{}]", words[9]));
            }
        }
    }
    let files = fs::read_dir(format!("{proc}/fd")).unwrap();
    let links = files.filter_map(|file| fs::read_link(file.ok()?.path()).ok());
    links
        .filter(|link| inodes.iter().any(|inode| link.as_os_str() == &**inode))
        .count()
}

/// The processes that a place has started.
fn children(place: &Place) -> Vec<String> {
    let parent = place.pid().to_string();
    let processes = fs::read_dir("/proc").unwrap();
    let stats =
        processes.filter_map(|process| fs::read_to_string(process.ok()?.path().join("stat")).ok());
    // After the name in brackets: the state, then the parent.
    let is_child = |stat: &String| {
        let words = stat.rsplit_once(") ").map(|(_, rest)| rest.split(' '));
        words.is_some_and(|mut words| words.nth(1) == Some(&parent))
    };
    stats.filter(is_child).collect()
}

/// Behind walls there is nobody but places and those who test: all that else lives was left
/// behind by a life of a place.
fn orphans(places: &Places) -> Vec<String> {
    let known: Vec<u32> = places.all().iter().map(Place::pid).collect();
    let this = std::process::id();
    let processes = fs::read_dir("/proc").unwrap();
    let pids = processes.filter_map(|p| p.ok()?.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| *pid != this && !known.contains(pid))
        .filter_map(|pid| fs::read_to_string(format!("/proc/{pid}/stat")).ok())
        // Nobody reaps what has lost its parent here, but it has ended.
        .filter(|stat| !stat.contains(") Z "))
        .collect()
}

/// Waits until nothing is left of all sessions that ever were: of those with these URLs.
pub(crate) fn quiet_and_empty(places: &Places, past: &[(String, String)], before: &[usize]) {
    until("something is left", || {
        exact(places, Booked::new())?;
        for (number, place) in places.all().iter().enumerate() {
            empty(places, number, before[number])?;
            let children = children(place);
            if !children.is_empty() {
                return Err(format!("{} still runs {children:?}", place.name));
            }
        }
        match places.kind.walls.then(|| orphans(places)) {
            Some(orphans) if !orphans.is_empty() => Err(format!("left behind: {orphans:?}")),
            _ => Ok(()),
        }
    });
    let runtime = runtime();
    for (id, url) in past {
        let answer = runtime.block_on(fetch(url, 0));
        let refused = matches!(&answer, Err(why) if why.starts_with("status 404"));
        assert!(refused, "{id} is over, and its URL answers {answer:?}");
    }
}

fn empty(places: &Places, number: usize, ports: usize) -> Result<(), String> {
    let place = &places.all()[number];
    let client = places.client(number)?;
    let failed = |error: waybook_client::Error| error.to_string();
    let sessions = places.ask(client.sessions()).map_err(failed)?;
    if !sessions.is_empty() {
        return Err(format!("{} has {sessions:?}", place.name));
    }
    for code in places.ask(client.components(false)).map_err(failed)? {
        let here = code.here.as_ref();
        if here.is_some_and(|here| here.instances > 0 || !here.whole) {
            return Err(format!("{} uses or fetches {code:?}", place.name));
        }
    }
    for below in places.ask(client.tree()).map_err(failed)? {
        if below.sessions > 0 || below.booked.iter().any(|booked| booked.amount > 0) {
            return Err(format!("{} thinks {below:?}", place.name));
        }
    }
    let now = open_ports(place);
    match now == ports {
        true => Ok(()),
        false => Err(format!("{} has {now} open ports, not {ports}", place.name)),
    }
}
