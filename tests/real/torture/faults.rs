//! What is done to places and the edges between them, and how it is mended.

use std::fmt;
use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;
use rustix::process::Signal;

use crate::places::Places;
use crate::places::{disk, network};

/// The longest that a fault lasts: past the connections' idle time, far below a session's lease.
const LONGEST: u64 = 7_000;

/// How often more than one thing breaks at a time.
const SEVERAL: f64 = 0.25;

/// One thing that breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// The process is killed and started again.
    Kill,
    /// The process is stopped in order and started again.
    Stop,
    /// The process stands still and goes on.
    Halt,
    /// The disk is full for a while.
    Full,
    /// The disk is full, and the process is killed and started then.
    FullAtStart,
    /// The process is killed, and its disk read-only when it starts.
    ReadOnlyAtStart,
    /// Nothing arrives from the parent.
    CutDown,
    /// Nothing arrives at the parent.
    CutUp,
    /// Nothing passes between the place and its parent.
    Cut,
    /// As that, several times in a row.
    Flicker,
    /// The place's cable is pulled.
    Unplug,
}

const ANYWHERE: [Fault; 3] = [Fault::Kill, Fault::Stop, Fault::Halt];

const BEHIND_WALLS: [Fault; 12] = [
    // What promises most is tried most.
    Fault::Kill,
    Fault::Kill,
    Fault::Stop,
    Fault::Halt,
    Fault::Full,
    Fault::FullAtStart,
    Fault::ReadOnlyAtStart,
    Fault::CutDown,
    Fault::CutUp,
    Fault::Cut,
    Fault::Flicker,
    Fault::Unplug,
];

/// What breaks at the same time, and for how long.
pub(super) struct Round {
    faults: Vec<(Fault, usize, String)>,
    length: Duration,
}

impl Round {
    pub(super) fn draw(dice: &mut StdRng, places: &Places) -> Self {
        let wanted = match dice.random_bool(SEVERAL) {
            true => dice.random_range(2..=3),
            false => 1,
        };
        let mut faults: Vec<(Fault, usize, String)> = Vec::new();
        while faults.len() < wanted {
            let fault = match places.kind.walls {
                true => BEHIND_WALLS[dice.random_range(0..BEHIND_WALLS.len())],
                false => ANYWHERE[dice.random_range(0..ANYWHERE.len())],
            };
            let place = dice.random_range(0..places.len());
            let of_edge = matches!(
                fault,
                Fault::CutDown | Fault::CutUp | Fault::Cut | Fault::Flicker
            );
            let taken = faults.iter().any(|(_, other, _)| *other == place);
            let is_nothing = of_edge && places.parent(place).is_none();
            if !taken && !is_nothing {
                let name = places.all()[place].name.to_string();
                faults.push((fault, place, name));
            }
        }
        let length = Duration::from_millis(dice.random_range(0..LONGEST));
        Self { faults, length }
    }

    /// Whether one thing breaks, which no settled session may notice for long.
    pub(super) fn is_single(&self) -> bool {
        self.faults.len() == 1
    }

    /// Breaks it all, lets it last, and mends it.
    pub(super) fn happen(&self, places: &mut Places, dice: &mut StdRng) {
        for (fault, place, _) in &self.faults {
            fault.strike(*place, places);
        }
        let flickering = self.faults.iter().find(|(f, ..)| *f == Fault::Flicker);
        match flickering {
            Some((_, place, _)) => {
                let parent = places.parent(*place).expect("edges have two ends");
                for _ in 0..dice.random_range(2..6) {
                    lasts(self.length / 5);
                    network::open(*place);
                    network::open(parent);
                    lasts(Duration::from_millis(dice.random_range(0..1_500)));
                    network::cut(parent, *place);
                    network::cut(*place, parent);
                }
            }
            None => lasts(self.length),
        }
        for (fault, place, _) in &self.faults {
            fault.mend(*place, places);
        }
    }
}

/// A fault lasts. Nothing waits for anything here: what comes of it is asked for afterwards.
fn lasts(time: Duration) {
    std::thread::sleep(time);
}

impl Fault {
    fn strike(self, place: usize, places: &mut Places) {
        let parent = places.parent(place);
        let edge = || parent.expect("edges have two ends");
        let disk = places.all()[place].disk.clone();
        match self {
            Self::Kill => kill(place, places),
            Self::Stop => {
                places.signal(place, Signal::TERM);
                places.wait_for_end(place);
            }
            Self::Halt => places.signal(place, Signal::STOP),
            Self::Full => disk::fill(&disk),
            Self::FullAtStart => {
                disk::fill(&disk);
                kill(place, places);
                // It starts, or it says why not.
                if let Some((status, said)) = places.try_start(place) {
                    assert!(!status.success() && status.code().is_some(), "{status}");
                    assert!(said.contains("No space left"), "{said}");
                }
            }
            Self::ReadOnlyAtStart => {
                kill(place, places);
                disk::protect(&disk, true);
                let ended = places.try_start(place);
                let (status, said) = ended.expect("no place can live on a read-only disk");
                assert!(!status.success() && status.code().is_some(), "{status}");
                assert!(said.contains("Read-only file system"), "{said}");
            }
            Self::CutDown => network::cut(edge(), place),
            Self::CutUp => network::cut(place, edge()),
            Self::Cut | Self::Flicker => {
                network::cut(edge(), place);
                network::cut(place, edge());
            }
            Self::Unplug => network::plug(place, false),
        }
    }

    fn mend(self, place: usize, places: &mut Places) {
        let disk = places.all()[place].disk.clone();
        match self {
            Self::Kill | Self::Stop => places.start(place),
            Self::Halt => places.signal(place, Signal::CONT),
            Self::Full => disk::empty(&disk),
            Self::FullAtStart => {
                disk::empty(&disk);
                if !places.all()[place].runs() {
                    places.start(place);
                }
            }
            Self::ReadOnlyAtStart => {
                disk::protect(&disk, false);
                places.start(place);
            }
            Self::CutDown | Self::CutUp | Self::Cut | Self::Flicker => {
                network::open(place);
                network::open(places.parent(place).expect("edges have two ends"));
            }
            Self::Unplug => network::plug(place, true),
        }
    }
}

fn kill(place: usize, places: &mut Places) {
    places.signal(place, Signal::KILL);
    places.wait_for_end(place);
}

impl fmt::Display for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (fault, _, name) in &self.faults {
            write!(f, "{fault:?} {name}, ")?;
        }
        write!(f, "for {} ms", self.length.as_millis())
    }
}
