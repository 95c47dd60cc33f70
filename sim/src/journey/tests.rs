use super::record::record_into;
use super::*;
use crate::results::Kept;
use crate::run::execute;
use crate::scenario::Scenario;

const STAR: &str = include_str!("../../../configs/simulations/star.toml");

fn star(changes: &[(&str, &str)]) -> Scenario {
    let mut text = STAR
        .replace("\"3 h\"", "\"1 h\"")
        .replace("\"30 min\"", "\"10 min\"");
    for (from, to) in changes {
        assert!(text.contains(from), "{from} is not in the scenario");
        text = text.replace(from, to);
    }
    Scenario::from_toml(&text).unwrap_or_else(|e| panic!("{e}"))
}

fn none(name: &str) -> Result<String, String> {
    Err(format!("there is no {name}"))
}

#[test]
fn look() {
    let scenario = star(&[]);
    for n in [1, 60, 61, 62, 63, 64, 65] {
        let r = record(&scenario, 1, &mut none, Wanted::Session(n), Limits::default(), |_| {}).unwrap();
        println!("{:?}", r.row);
        for step in &r.steps {
            println!("{:>14.6} {:<8} {}", step.at.as_secs_f64(), step.place.as_str(), step.says());
        }
        println!("{}routine {}", drawing(&r), r.routine);
        let a = animation(&r, 60).unwrap();
        std::fs::write(format!("/tmp/anim-{n}.html"), a.html).unwrap();
    }
}
