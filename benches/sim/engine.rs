//! Our simulator at the work of `README.md`: the shipped places and agents, with all of
//! their protocol.

mod work;

use std::sync::Arc;
use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;
use waybook_place::Timing;
use waybook_plan::{Demand, Presentation, Quality, Resource, StageDemand};
use waybook_sim::client::{Knows, Script, request};
use waybook_sim::setting::PlaceSetting;
use waybook_sim::world::{Checks, Options, PlaceIndex, Wire};
use waybook_sim::{Setting, World, random};

use waybook_location_tree::PlaceName;
use work::{
    Clock, ERLANGS, FIRST, FIRST_ROOM, HOLDING, LATENCY, SECOND, SECOND_ROOM, WARM_UP, argument,
    first_leaf, memory, parent, report, word,
};

/// The tree with what its servers have, and its leaves.
fn setting(places: usize) -> (Setting, Vec<PlaceName>) {
    let seat = Resource::new("seat").expect("a resource");
    let mut one = Demand::none();
    one.add(&seat, 1).expect("one fits");
    let film = Arc::new(Presentation {
        title: "film".to_owned(),
        description: String::new(),
        servers: Vec::new(),
        qualities: vec![Quality {
            name: "only".to_owned(),
            demand: StageDemand {
                server: one,
                ..StageDemand::default()
            },
            components: Vec::new(),
        }],
        ..Presentation::default()
    });
    let mut setting = Setting::new();
    setting.timing = Timing::default();
    setting.limits.summaries = 0;
    setting.servers_per_plan = 2;
    setting.code.runtimes = Vec::new();
    let mut names = vec![PlaceName::new("r").expect("a name")];
    for place in 1..places {
        let label = ((place - 1) % work::ARITY).to_string();
        let name = names[parent(place)].child(&label).expect("a name");
        names.push(name);
    }
    // All at once, so that the map is as dense as it can be.
    let settled = names.iter().map(|name| {
        let mut place = PlaceSetting::default();
        let room = match name.depth() {
            FIRST => Some(FIRST_ROOM),
            SECOND => Some(SECOND_ROOM),
            _ => None,
        };
        if let Some(room) = room {
            place.capacity.insert(seat.clone(), room);
            place.presentations.push(Arc::clone(&film));
        }
        (name.clone(), place)
    });
    setting.places = settled.collect();
    let leaves = names.split_off(first_leaf(places));
    (setting, leaves)
}

/// Clients, one after the other.
struct Arrivals {
    rng: StdRng,
    leaves: Vec<PlaceName>,
    asked: u64,
    refused: u64,
}

impl Arrivals {
    fn exponential(&mut self, mean: Duration) -> Duration {
        let uniform: f64 = self.rng.random_range(f64::MIN_POSITIVE..1.0);
        mean.mul_f64(-uniform.ln())
    }

    /// The next client comes, and all that happens until then.
    fn next(&mut self, world: &mut World) {
        let pause = self.exponential(HOLDING.div_f64(ERLANGS));
        let holds = self.exponential(HOLDING);
        sound(world.run_for(pause));
        let leaf = &self.leaves[self.rng.random_range(0..self.leaves.len())];
        world.open(leaf, request("film"), Script::closes(holds), Duration::ZERO);
        self.asked += 1;
        for (_, client) in world.take_finished() {
            self.refused += u64::from(matches!(client.knows, Knows::Refused { .. }));
        }
    }
}

fn sound<T>(result: Result<T, waybook_sim::Violation>) -> T {
    result.unwrap_or_else(|violation| panic!("{violation}"))
}

fn main() {
    let places = argument("--places", 1_000);
    let events = argument("--events", 1_000_000) as u64;
    let mode = word("--mode", "lean");
    let options = match mode.as_str() {
        "lean" => Options::lean(),
        "checked" => Options {
            checks: Checks::EveryStep,
            ..Options::lean()
        },
        "decoded" => Options {
            wire: Wire::Decoded,
            ..Options::lean()
        },
        "full" => Options::default(),
        other => panic!("--mode {other}: use lean, checked, decoded or full"),
    };
    let options = Options {
        disk: word("--disk", "off") == "on",
        ..options
    };
    let clock = Clock::start();
    let before = memory();
    let (setting, leaves) = setting(places);
    let mut world = sound(World::with_options(setting, 1, options));
    world.network.model.latency = LATENCY;
    sound(world.run_for(Duration::from_secs(3)));
    let idle: Vec<PlaceIndex> = world.indices().collect();
    let bytes = (memory() - before) / idle.len() as u64;
    let set_up = clock.seconds();
    let mut arrivals = Arrivals {
        rng: random::stream(1, "arrivals", 0),
        leaves,
        asked: 0,
        refused: 0,
    };
    let end = world.now() + WARM_UP;
    while world.now() < end {
        arrivals.next(&mut world);
    }
    (arrivals.asked, arrivals.refused) = (0, 0);
    let (clock, begun) = (Clock::start(), world.handled());
    while world.handled() - begun < events {
        arrivals.next(&mut world);
    }
    let seconds = clock.seconds();
    let blocked = arrivals.refused as f64 / arrivals.asked as f64;
    report(world.handled() - begun, seconds, bytes, blocked, set_up);
}
