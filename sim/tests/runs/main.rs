//! Scenarios as researchers write them.

use waybook_sim::results::Kept;
use waybook_sim::run::execute;
use waybook_sim::scenario::Scenario;

#[test]
fn smoke() {
    let text = include_str!("../../../configs/simulations/star.toml");

    let scenario = Scenario::from_toml(text).unwrap_or_else(|e| panic!("{e}"));
    let mut kept = Kept::default();
    let begin = std::time::Instant::now();
    let summary = execute(
        &scenario,
        1,
        &mut |name| Err(format!("there is no {name}")),
        &mut kept,
        |_| {},
    )
    .unwrap_or_else(|e| panic!("{e}"));
    println!("{summary:#?} {:?}", begin.elapsed());
    for row in kept.sessions.iter().take(5) {
        println!("{row:?}");
    }
    for row in kept.intervals.iter().take(5) {
        println!("{row:?}");
    }
    for row in kept.resources.iter().take(5) {
        println!("{row:?}");
    }
}
