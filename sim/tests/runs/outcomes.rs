//! What runs come to.

use waybook_sim::results::{End, Fate, SessionRow};

use super::{run, star};

/// The sums of all tables agree with each other and with the summary.
#[test]
fn tables_add_up() {
    let (summary, rows) = run(&star(&[]), 1);
    let counted: Vec<_> = rows.sessions.iter().filter(|row| !row.warm_up).collect();
    assert_eq!(summary.asked, counted.len() as u64);
    let stood = |row: &&&SessionRow| row.fate == Fate::Established;
    assert_eq!(
        summary.established,
        counted.iter().filter(stood).count() as u64
    );
    let asked: u64 = rows.intervals.iter().map(|row| row.asked).sum();
    assert_eq!(asked, rows.sessions.len() as u64);
    assert!(summary.little.holds, "{:?}", summary.little);
    assert!(summary.blocked.share > 0.02 && summary.fell_back.share > 0.0);
    // Nobody leaves before their time.
    for row in rows
        .sessions
        .iter()
        .filter(|row| row.end == Some(End::Left))
    {
        assert!((row.stood.unwrap() - row.wanted).abs() < 1e-6, "{row:?}");
    }
}

/// The first session of an empty tree takes four crossings of its one edge: the search and
/// its answer, the visit and its answer. Inputs take no time.
#[test]
fn a_set_up_takes_its_latencies() {
    let (_, rows) = run(&star(&[("jitter = { exponential = \"500 us\" }", "")]), 1);
    let first = rows.sessions.iter().min_by_key(|row| row.session).unwrap();
    assert!((first.setup.unwrap() - 0.020).abs() < 1e-9, "{first:?}");
}

/// Processing takes its time at every input on the way.
#[test]
fn a_slow_root_delays_set_ups() {
    let fast = run(&star(&[]), 1).0;
    let slow = run(
        &star(&[("[place.root]", "[place.root]\nprocessing = \"50 ms\"")]),
        1,
    )
    .0;
    assert!(
        slow.setup.p50 > fast.setup.p50 + 0.09,
        "{:?} {:?}",
        slow.setup,
        fast.setup
    );
}

/// The root of the baseline is asked, decides, and tells both places of the path.
#[test]
fn the_central_baseline_books_and_gives_back() {
    let central = "[protocol]\nbooking = \"central\"\n\n[edges]";
    let (summary, rows) = run(&star(&[("[edges]", central)]), 1);
    assert!(summary.established > 50 && summary.little.holds);
    assert!(summary.blocked.share > 0.02, "{:?}", summary.blocked);
    let setup = rows.sessions.iter().filter_map(|row| row.setup);
    assert!(setup.fold(f64::INFINITY, f64::min) >= 0.010);
}

/// The low quality takes less of the server here and more of the edges, of which there is
/// enough: agents who find no room for the high one have to go back to the client.
#[test]
fn tracing_back_serves_users_who_are_refused_without_it() {
    let low = "\"1 Mbit/s\" }, server = { cpu = \"100m\" }";
    let raw = "\"8 Mbit/s\" }, server = { cpu = \"25m\" }";
    let [with, without] = ["visitor", "no-trace-back"].map(|booking| {
        let booking = format!("[protocol]\nbooking = \"{booking}\"\n\n[edges]");
        let wide = ("down = \"40 Mbit/s\"", "down = \"400 Mbit/s\"");
        let odd = ("{ cpu = 4,", "{ cpu = \"3900m\",");
        run(&star(&[("[edges]", &booking), (low, raw), wide, odd]), 1)
    });
    assert_eq!(with.0.asked, without.0.asked);
    let blocked = [&with, &without].map(|(summary, _)| summary.blocked.share);
    assert!(blocked[0] < blocked[1], "{blocked:?}");
    let traced_back = [&with, &without].map(|(_, rows)| {
        let intervals = rows.intervals.iter();
        intervals.map(|row| row.traced_back).sum::<u64>()
    });
    assert!(traced_back[0] > 0 && traced_back[1] == 0, "{traced_back:?}");
    let at_the_server = |row: &&SessionRow| row.refused_at.as_deref() == Some("root");
    let refused = without.1.sessions.iter().filter(at_the_server);
    let refused: Vec<_> = refused.filter(|row| row.fate == Fate::Refused).collect();
    assert!(!refused.is_empty());
    for row in refused {
        assert_eq!((row.refusals, row.solutions), (1, Some(2)), "{row:?}");
    }
}

/// Terminals that move go on at the other place, or are dropped; every row but the first of
/// a terminal names the one before.
#[test]
fn terminals_move_from_leaf_to_leaf() {
    let moving = "holding = { exponential = \"10 min\" }\nmobility = { walk = { dwell = { exponential = \"3 min\" }, to = \"anywhere\" } }";
    let (summary, rows) = run(
        &star(&[("holding = { exponential = \"10 min\" }", moving)]),
        1,
    );
    assert!(summary.moved > 20, "{summary:?}");
    let moved = rows
        .sessions
        .iter()
        .filter(|row| row.moved_from.is_some())
        .count();
    assert!(moved as u64 >= summary.moved);
    assert!(summary.little.holds);
    // Together they used what they wanted, or a part of it where they were dropped.
    let ends = rows
        .sessions
        .iter()
        .filter(|row| row.end == Some(End::Dropped))
        .count() as u64;
    assert!(ends >= summary.dropped);
}

/// A root that crashes breaks nothing for good: users ask again and are served after it.
#[test]
fn places_crash_and_come_back() {
    let fault = "[[fault]]\nplace = \"root\"\nat = \"20 min\"\nlasts = \"1 min\"\ncrash = \"keep-disk\"\n\n[edges]";
    let (summary, rows) = run(&star(&[("[edges]", fault)]), 1);
    assert!(summary.little.holds);
    let down: u64 = rows.intervals.iter().map(|row| row.down).sum();
    assert!(down >= 1, "nobody saw it down");
    let late = rows.sessions.iter().filter(|row| row.asked > 1500.0);
    assert!(late.filter(|row| row.fate == Fate::Established).count() > 10);
}

/// A few users who each wait for their own session are never more than they are.
#[test]
fn few_users_ask_one_after_the_other() {
    let few = "population = { sources = 5, idle = { exponential = \"1 min\" } }";
    let (summary, rows) = run(&star(&[("arrivals = { poisson = \"90/h\" }", few)]), 1);
    assert!(summary.sessions <= 5.0 && summary.established > 10);
    assert!(rows.intervals.iter().all(|row| row.sessions <= 5.0));
}
