//! What ends a run besides what places do.

use super::*;

const SMALL: &str = r#"
    name = "small"
    run = { duration = "20 min", warm-up = "5 min" }
    topology = { generate = "regular", degree = 2, depth = 1 }
    places.capacity = { down = "4 Mbit/s", up = "4 Mbit/s" }
    [[presentation]]
    title = "film"
    at = "root"
    quality = [{ name = "hd", demand = { edge = { to-client = "2 Mbit/s" } } }]
    [[users]]
    name = "viewers"
    arrivals = { poisson = "1/min" }
    holding = { exponential = "3 min" }
"#;

fn over() -> Run<World> {
    let scenario = Scenario::from_toml(SMALL).unwrap_or_else(|e| panic!("{e}"));
    let mut files = |name: &str| Err(format!("there is no {name}"));
    let mut run = Run::new(&scenario, 1, &mut files).unwrap_or_else(|e| panic!("{e}"));
    while run.advance(STRIDE, &mut Nowhere).unwrap() {}
    run
}

/// A session is counted that was never there.
#[test]
fn sessions_that_do_not_add_up() {
    assert!(over().finish(&mut Nowhere).is_ok_and(|s| s.little.holds));
    let mut run = over();
    let now = run.system.now();
    run.observer.tally.little.arrives(now);
    match run.finish(&mut Nowhere) {
        Err(RunError::Violation(violation)) => {
            assert!(violation.what.contains("Little's law"), "{violation}");
        }
        other => panic!("{other:?}"),
    }
}
