//! A set-up over a path that loses messages takes as long as theory says, with the very places
//! that daemons run.

use std::time::Duration;

use waybook_location_tree::PlaceName;
use waybook_place::Timing;
use waybook_plan::{EdgeDemand, Presentation, Quality, StageDemand};
use waybook_sim::client::{Knows, Script, request};
use waybook_sim::statistics::{Interval, Moments};
use waybook_sim::theory::setup_delay::HopByHop;
use waybook_sim::{Setting, World};

/// A line of places below the root, where the client is, so that nobody has to be asked where
/// the server is; that is at the other end. Nothing has to be started.
fn line(hops: u32) -> (Setting, PlaceName) {
    let mut setting = Setting::new();
    // Nobody gives a set-up up, however unlucky it is.
    setting.timing = Timing {
        setup_deadline: Duration::from_secs(600),
        setup_lease: Duration::from_secs(60),
        ..Timing::default()
    };
    let mut name = "r".to_owned();
    let capacity = [("cpu", 100), ("down", 100), ("up", 100)];
    setting = setting.place(&name, &capacity);
    for hop in 0..hops {
        name = format!("{name}/p{hop}");
        setting = setting.place(&name, &capacity);
    }
    let demand = StageDemand {
        edge: EdgeDemand {
            to_client: 1,
            to_server: 1,
        },
        ..StageDemand::default()
    };
    let film = Presentation {
        title: "film".to_owned(),
        description: "a film".to_owned(),
        servers: Vec::new(),
        qualities: vec![Quality {
            name: "only".to_owned(),
            demand,
            components: Vec::new(),
        }],
        ..Presentation::default()
    };
    let setting = setting.publish(&name, film);
    (setting, PlaceName::new("r").unwrap())
}

/// How long set-ups take, in seconds: one at a time, each in a world of its own.
fn delays(hops: u32, latency: Duration, loss: f64, sessions: u64) -> Moments {
    let (setting, root) = line(hops);
    let delay = |seed| {
        let mut world = World::new(&setting, seed).unwrap();
        world.network.model.latency = latency;
        world.run_for(Duration::from_secs(1)).unwrap();
        world.network.model.loss = loss;
        let asked = world.now();
        let id = world.open(&root, request("film"), Script::STAYS, Duration::ZERO);
        world.run_until_answered(Duration::from_secs(600)).unwrap();
        let knows = world.knows(id);
        assert!(matches!(knows, Knows::Session(_)), "{knows:?}");
        world.now().since(asked).as_secs_f64()
    };
    (0..sessions).map(delay).collect()
}

fn agrees(hops: u32, loss: f64, sessions: u64) {
    let latency = Duration::from_millis(10);
    // `setup-refresh` is a second; places draw pauses from half to one and a half times that.
    let model = HopByHop::new(hops, latency.as_secs_f64(), loss, 0.5, 1.5).unwrap();
    let exact = model.delay().unwrap();
    let measured = delays(hops, latency, loss, sessions);
    let interval = Interval::student(&measured, 0.999).unwrap();
    assert!(
        interval.covers(exact.mean()),
        "{hops} {loss}: {} {interval:?}",
        exact.mean()
    );
    let deviation = measured.variance().unwrap().sqrt();
    let off = deviation / exact.deviation();
    assert!(
        loss == 0.0 || (off - 1.0).abs() < 0.1,
        "{hops} {loss}: {off}"
    );
}

#[test]
fn one_hop() {
    agrees(1, 0.1, 4_000);
}

#[test]
fn three_hops() {
    agrees(3, 0.1, 3_000);
}

#[test]
fn heavy_loss() {
    agrees(2, 0.3, 3_000);
}

#[test]
fn without_loss_it_is_there_and_back() {
    let measured = delays(4, Duration::from_millis(10), 0.0, 2);
    assert!((measured.mean - 0.08).abs() < 1e-9, "{measured:?}");
}
