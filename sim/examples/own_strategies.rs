//! Strategies of your own, compared with those that come with Waybook.
//!
//!     cargo run --release -p waybook-sim --example own_strategies
//!
//! The question: users watch films that need a decoder, and a decoder is a piece of code of
//! 4 MiB, of which a leaf can keep only one at a time. What does it buy
//!
//! - to have a Decision Maker try the *cheapest* quality first, so that more users fit,
//! - to have code fetched by way of the *root*, which then has it for everybody?
//!
//! Neither comes with Waybook. A project of your own that has the crates `waybook-sim`,
//! `waybook-plan`, `waybook-agents` and `waybook-location-tree` among its dependencies needs
//! nothing more than what is in this file.

use std::fmt::Write as _;
use std::sync::Arc;

use waybook_agents::{
    Download, DownloadRule, DownloadStep, DownloadStrategy, Found, Site, Standing,
};
use waybook_location_tree::PlaceName;
use waybook_plan::{BestQuality, DecisionMaker, NoPlan, Plan, Question, SolutionNumber};
use waybook_sim::Strategies;
use waybook_sim::results::Nowhere;
use waybook_sim::run::RunError;
use waybook_sim::statistics::paired;
use waybook_sim::sweep::{Merged, Shard, Sweep};

/// A Decision Maker: the qualities from the worst up, so that a user takes as little as will
/// do.
struct CheapestFirst;

impl DecisionMaker for CheapestFirst {
    /// What scenarios choose it by: `decision-maker = "cheapest-first"`.
    fn name(&self) -> &'static str {
        "cheapest-first"
    }

    /// A plan lists solutions in the order in which they are to be tried. `question` has all
    /// that may be considered: the servers with their loads, the code, the user's profile.
    /// Here the work is left to a shipped Decision Maker, and its order is turned round. One
    /// that makes its own solutions gets their stages from [`Question::offer`].
    fn decide(&self, question: &Question<'_>) -> Result<Plan, NoPlan> {
        let mut plan = BestQuality.decide(question)?;
        plan.solutions.reverse();
        // Solutions are numbered from 1 in the order of preference.
        for (number, solution) in (1..).map(SolutionNumber).zip(&mut plan.solutions) {
            Arc::make_mut(solution).number = number;
        }
        Ok(plan)
    }
}

/// A download strategy: agents climb to the root, which gets the code for itself, and
/// keeps it for the next one who asks. Elsewhere this is known as an origin shield.
struct ByTheRoot;

impl DownloadRule for ByTheRoot {
    /// What scenarios choose it by: `download = "by-the-root"`.
    fn strategy(&self) -> DownloadStrategy {
        DownloadStrategy::named("by-the-root")
    }

    /// What an agent does at the place that it is at, which `site` shows it.
    fn step(&self, agent: &mut Download, site: &dyn Site) -> DownloadStep {
        let here = site.here();
        let at_its_origin = *here == agent.id.origin;
        match here.parent() {
            // Up, as long as there is a connection.
            Some(above) if site.reaches(&above) => DownloadStep::Go(above),
            Some(above) => {
                DownloadStep::Return(agent.home_or(&format!("there is no connection to {above}")))
            }
            // Whoever asks at the root itself reads where the code was added.
            None if at_its_origin => DownloadStep::Return(agent.home_or("no place is above")),
            // The root has it, or is getting it: read there. Else wait until it is.
            None => match site.standing(&agent.release) {
                Standing::Held | Standing::Coming => DownloadStep::Return(Ok(Found::at(here))),
                Standing::Absent => DownloadStep::Obtain,
            },
        }
    }

    /// Places refuse agents that come from where their rule would not have led them: these
    /// are never anywhere but above their origin.
    fn may_be_at(&self, agent: &Download, place: &PlaceName) -> bool {
        place.contains(&agent.id.origin)
    }
}

/// What is simulated; `configs/simulations/scenario.toml` shows what else can be said.
const SCENARIO: &str = r#"
    name = "decoders"

    [run]
    duration = "40 min"
    warm-up = "10 min"

    [topology]              # a root, three places below it, and three leaves below each
    generate = "regular"
    degree = 3
    depth = 2

    [places]
    capacity = { cpu = 8, memory = "4 GiB", down = "12 Mbit/s", up = "12 Mbit/s" }
    repository = "64 MiB"

    [place.leaf]
    repository = "5 MiB"    # one decoder, and no second one
    capacity = { cpu = 8, memory = "4 GiB", down = "8 Mbit/s", up = "8 Mbit/s" }

    [edges]
    latency = "5 ms"
    bandwidth = "40 Mbit/s"

    [[release]]
    name = "decoder-a"
    version = "1.0.0"
    size = "4 MiB"
    at = "root/0"           # where its operator has added it

    [[release]]
    name = "decoder-b"
    version = "1.0.0"
    size = "4 MiB"
    at = "root/1"

    [[presentation]]
    title = "drama"
    at = "root"
    [[presentation.quality]]
    name = "high"
    demand = { edge = { to-client = "3 Mbit/s" } }
    component = [{ at = "client", name = "decoder-a@^1", runtime = "wasm" }]
    [[presentation.quality]]
    name = "low"
    demand = { edge = { to-client = "1 Mbit/s" } }
    component = [{ at = "client", name = "decoder-a@^1", runtime = "wasm" }]

    [[presentation]]
    title = "comedy"
    at = "root"
    [[presentation.quality]]
    name = "high"
    demand = { edge = { to-client = "3 Mbit/s" } }
    component = [{ at = "client", name = "decoder-b@^1", runtime = "wasm" }]
    [[presentation.quality]]
    name = "low"
    demand = { edge = { to-client = "1 Mbit/s" } }
    component = [{ at = "client", name = "decoder-b@^1", runtime = "wasm" }]

    [[users]]
    name = "viewers"
    arrivals = { poisson = "2/min" }
    holding = { exponential = "5 min" }
"#;

/// What is varied: every Decision Maker with every download strategy. Every point is run with
/// the same seeds, so users ask for the same at the same moments whatever is chosen.
const SWEEP: &str = r#"
    name = "own strategies"
    scenario = "decoders.toml"

    [parameters]
    "protocol.decision-maker" = ["best-quality", "cheapest-first"]
    "protocol.download" = ["nearest-holder", "by-the-root"]
"#;

/// The figures of [`Summary::figures`](waybook_sim::run::Summary::figures) that are of
/// interest here, with a heading each.
const FIGURES: [(&str, &str); 3] = [
    ("blocked", "refused"),
    ("fell_back", "fell back"),
    ("setup_mean_s", "set-up (s)"),
];

/// Confidence of all intervals.
const CONFIDENCE: f64 = 0.95;

/// Runs every point so many times: a table of the points with intervals over the
/// replications, and each strategy of our own compared with the shipped one.
pub(crate) fn study(replications: u64) -> Result<String, RunError> {
    // What scenarios can choose from: all that comes with Waybook, and ours.
    let strategies = Strategies::default()
        .with_decision_maker(CheapestFirst)
        .with_download_rule(ByTheRoot);

    // A sweep names the file of its scenario; where that comes from is ours to say.
    let read = |_: &str| Ok(SCENARIO.to_owned());
    let mut sweep = Sweep::with_strategies(SWEEP, read, Arc::new(strategies))?;
    sweep.spec.replications = replications;

    // Runs know nothing of each other: a larger study spreads them over threads here. The
    // rows of every session go to a sink, and nobody looks at them now.
    let mut merged = Merged::default();
    let mut no_files = |name: &str| Err(format!("there is no {name}"));
    for run in sweep.runs(Shard::ALL) {
        let kept = sweep.execute(&run, &mut no_files, &mut Nowhere)?;
        merged.add(kept).expect("every run once");
    }

    let mut text = table(&merged);
    for (parameter, shipped, own) in [
        ("protocol.decision-maker", "best-quality", "cheapest-first"),
        ("protocol.download", "nearest-holder", "by-the-root"),
    ] {
        text += &comparison(&merged, parameter, shipped, own);
    }
    Ok(text)
}

/// Every point with its figures: the mean over the replications and half the width of
/// Student's interval.
fn table(merged: &Merged) -> String {
    let mut text = format!("{:<32}", "");
    for (_, heading) in FIGURES {
        let _ = write!(text, "{heading:>20}");
    }
    for point in merged.points() {
        let values: Vec<_> = point.values.values().map(String::as_str).collect();
        let _ = write!(text, "\n{:<32}", values.join(", "));
        for (name, _) in FIGURES {
            let figure = point.figures[name];
            let half_width = figure.half_width.unwrap_or(f64::NAN);
            let _ = write!(text, "{:>11.4} ± {half_width:.4}", figure.mean);
        }
    }
    text + "\n"
}

/// Two values of a parameter over common random numbers: replication by replication the
/// difference of our own to the shipped one, at each value of the other parameter.
fn comparison(merged: &Merged, parameter: &str, shipped: &str, own: &str) -> String {
    let mut text = format!("\n{own} less {shipped}, over equal seeds\n");
    let points = merged.points();
    let of = |value: &str| {
        let wanted = value.to_owned();
        points.iter().filter(move |p| p.values[parameter] == wanted)
    };
    // The grid lists both in the same order of all else.
    for (first, second) in of(own).zip(of(shipped)) {
        let others = first.values.iter().filter(|(name, _)| *name != parameter);
        let others: Vec<_> = others.map(|(_, value)| value.as_str()).collect();
        for (name, heading) in FIGURES {
            let [ours, theirs] = [first, second].map(|point| merged.figure(point.point, name));
            let Some(compared) = paired::compare(&ours, &theirs, CONFIDENCE) else {
                continue; // one replication has no spread
            };
            let _ = writeln!(
                text,
                "  with {:<16}{heading:<12}{:>+9.4} ± {:.4}   p = {:.3}",
                others.join(", "),
                compared.difference.mean,
                compared.difference.half_width,
                compared.p_student,
            );
        }
    }
    text
}

#[allow(
    clippy::disallowed_macros,
    dead_code,
    reason = "a program may print, and the test that runs the study does not"
)]
fn main() -> Result<(), RunError> {
    println!("{}", study(10)?);
    Ok(())
}
