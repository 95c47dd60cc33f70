//! Sweeps: shares, kept runs, merging.

use waybook_sim::results::Nowhere;
use waybook_sim::sweep::{Kept, Merged, RunId, Shard, Sweep};

use super::{STAR, no_files};

const LOAD: &str = include_str!("../../../configs/simulations/load.toml");

fn sweep() -> Sweep {
    let short = STAR
        .replace("\"3 h\"", "\"30 min\"")
        .replace("\"30 min\"     #", "\"5 min\" #");
    let two = LOAD
        .replace("replications = 5", "replications = 2")
        .replace(", \"90/h\"", "");
    Sweep::from_toml(&two, |name| {
        assert_eq!(name, "star.toml");
        Ok(short)
    })
    .unwrap_or_else(|e| panic!("{e}"))
}

fn keep(sweep: &Sweep, run: &RunId) -> Kept {
    let kept = sweep.execute(run, &mut no_files, &mut Nowhere);
    kept.unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn shares_are_all_of_it_once() {
    let sweep = sweep();
    assert_eq!(sweep.points(), 4);
    let all: Vec<_> = sweep.runs(Shard::ALL).collect();
    assert_eq!(all.len(), 8);
    let mut shared = Vec::new();
    for share in 1..=5 {
        shared.extend(sweep.runs(format!("{share}/5").parse().unwrap()));
    }
    shared.sort();
    let mut all = all;
    all.sort();
    assert_eq!(shared, all);
    for wrong in ["0/5", "6/5", "5", "a/b", "1/0"] {
        assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
    }
}

/// Runs that are read back in another order, some of them twice, merge to what one go gives.
#[test]
fn kept_runs_merge_to_what_one_go_gives() {
    let sweep = sweep();
    let mut one_go = Merged::default();
    let mut texts = Vec::new();
    for run in sweep.runs(Shard::ALL).filter(|run| run.point % 2 == 1) {
        let kept = keep(&sweep, &run);
        texts.push(serde_json::to_string(&kept).unwrap());
        one_go.add(kept).unwrap();
    }
    let mut merged = Merged::default();
    for text in texts.iter().rev().chain(&texts[..2]) {
        merged.add(serde_json::from_str(text).unwrap()).unwrap();
    }
    assert_eq!(merged, one_go);
    assert_eq!(merged.points(), one_go.points());
    assert_eq!(merged.points()[0].replications, 2);

    let mut other = one_go.runs().next().unwrap().clone();
    other.summary.asked += 1;
    assert!(merged.add(other).unwrap_err().contains("twice"));
}

#[test]
fn a_way_that_leads_nowhere_is_named() {
    for (from, to, word) in [
        ("users.viewers", "users.nobody", "nobody"),
        (
            "protocol.booking\" = [\"visitor\"",
            "protocol.booking\" = [\"vistor\"",
            "vistor",
        ),
        ("arrivals.poisson", "arrivals.poison", "users.arrivals"),
        ("replications = 5", "replications = 0", "replications"),
    ] {
        assert!(LOAD.contains(from), "{from}");
        let error = Sweep::from_toml(&LOAD.replace(from, to), |_| Ok(STAR.to_owned()));
        let error = error.expect_err("a sweep that is wrong").to_string();
        assert!(error.contains(word), "{error}");
    }
}
