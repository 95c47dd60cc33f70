//! One place that is told whatever comes to anybody's mind.
//!
//! The bytes are a list of steps: time passes, neighbours come and go and say what honest ones
//! say, out of order and changed, or what the bytes say; clients open and leave; components and
//! transfers answer; the place restarts. After each step what it shows must add up and be
//! within its capacity, and in the end, when nobody says anything more, nothing may be left.
//!
//! `steps` reads the list, `driver` carries out what the place wants and looks at it, `honest`
//! has the settings and what is said by honest neighbours.

mod driver;
mod honest;
mod steps;

use std::collections::BTreeMap;
use std::time::Duration;

use waybook_location_tree::PlaceName;
use waybook_place::Instant;
use waybook_place::io::RecordKey;

use driver::Driver;
use steps::Bytes;

/// The place, between its neighbours.
const HERE: &str = "r/a";
const NEIGHBOURS: [&str; 3] = ["r", "r/a/x", "r/a/y"];
/// Nothing is kept for longer than that after the last word, by the times below.
const ALL_OVER: Duration = Duration::from_secs(120);
/// Steps beyond that find nothing new.
const MOST_STEPS: usize = 200;

fn name(text: &str) -> PlaceName {
    PlaceName::new(text).expect("a name")
}

/// Does what the bytes say, lets time pass until all must be over, and looks at what is left.
pub(crate) fn handle(bytes: &[u8]) {
    let mut driver = Driver::begin(Instant(1), 1, BTreeMap::new());
    for neighbour in 0..NEIGHBOURS.len() {
        driver.link_up(neighbour);
    }
    let mut bytes = Bytes(bytes);
    for _ in 0..MOST_STEPS {
        if bytes.0.is_empty() {
            break;
        }
        let _ = driver.step(&mut bytes);
    }
    driver.pass(driver.now + ALL_OVER);
    let left: Vec<_> = driver.place.bookings().collect();
    assert!(left.is_empty(), "left at the end: {left:?}");
    let left = driver.place.sessions(driver.now);
    assert!(left.is_empty(), "left at the end: {left:?}");
    assert!(
        driver.started.is_empty(),
        "left running: {:?}",
        driver.started
    );
    let stored = |key: &RecordKey| matches!(key, RecordKey::Session(_));
    assert!(
        !driver.records.keys().any(stored),
        "a session is stored that is over"
    );
}
