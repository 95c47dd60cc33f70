//! What the tests of the faults share: scenarios as values, and how to run them.

use std::sync::Arc;
use std::time::Duration;

use waybook_agents::DownloadStrategy;
use waybook_location_tree::PlaceName;
use waybook_place::CodeConfig;
use waybook_place::io::RequestId;
use waybook_plan::{Position, Presentation, Release};
use waybook_sim::client::{Knows, Script, request};
use waybook_sim::setting::release;
use waybook_sim::transfer::Trouble;
use waybook_sim::world::Behaviour;
use waybook_sim::{Setting, Violation, World};

use crate::scenarios::settings::{
    MBIT, builtin, film, place, quality, quality_with, two_localities, with,
};

pub(crate) const MS: Duration = Duration::from_millis(1);
pub(crate) const SECOND: Duration = Duration::from_secs(1);
/// In virtual time, and so generous.
pub(crate) const LIMIT: Duration = Duration::from_secs(1000);

/// A setting, a client's place and what must come out if nothing goes wrong.
#[derive(Clone)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) setting: Setting,
    pub(crate) client: PlaceName,
    pub(crate) solution: Option<u16>,
    /// A component that fails at the client's place, and after how long: when the agent is
    /// some hops on.
    pub(crate) fails: Option<(&'static str, Duration)>,
    /// Whether the set-up gives up where it would have to trace back.
    pub(crate) no_trace_back: bool,
    /// Code that was added at its home before the client asks.
    pub(crate) code: Vec<Arc<Release>>,
    /// Where that code does not come as it should.
    pub(crate) troubles: Vec<(&'static str, Trouble)>,
}

/// One scenario for each way through the protocol: straight on, falling back, tracing
/// back all the way or a part of it, replacing visits that are still under way, being
/// refused, and giving up rather than trace back.
pub(crate) fn scenarios() -> Vec<Scenario> {
    let both = [quality("hd", 4 * MBIT, 500), quality("sd", MBIT, 200)];
    let raw = [
        quality("packed", 2 * MBIT, 500),
        quality("raw", 8 * MBIT, 100),
    ];
    let narrow = || with(two_localities(), "r/b/y", "cpu", 300);
    let near_and_far = film(&both[..1]);
    let scenario = |name, setting: Setting, solution| Scenario {
        name,
        setting,
        client: place("r/a/x"),
        solution,
        fails: None,
        no_trace_back: false,
        code: Vec::new(),
        troubles: Vec::new(),
    };
    let mut by_another_program = both.clone();
    by_another_program[0].components[0].1 = builtin("upstream");
    vec![
        scenario(
            "straight on",
            two_localities().publish("r/b/y", film(&both)),
            Some(1),
        ),
        scenario("fall back", narrow().publish("r/b/y", film(&both)), Some(2)),
        scenario("trace back", narrow().publish("r/b/y", film(&raw)), Some(2)),
        scenario(
            "trace back halfway",
            with(two_localities(), "r/a/z", "cpu", 300)
                .publish("r/a/z", near_and_far.clone())
                .publish("r/b/y", near_and_far),
            Some(2),
        ),
        Scenario {
            fails: Some(("upstream", 22 * MS)),
            ..scenario(
                "replace",
                two_localities().publish("r/b/y", film(&by_another_program)),
                Some(2),
            )
        },
        Scenario {
            fails: Some(("upstream", 38 * MS)),
            ..scenario(
                "replace elsewhere",
                two_localities()
                    .publish("r/a/z", film(&by_another_program[..1]))
                    .publish("r/b/y", film(&both[1..])),
                Some(2),
            )
        },
        scenario(
            "refused",
            with(two_localities(), "r/b/y", "cpu", 100).publish("r/b/y", film(&both)),
            None,
        ),
        Scenario {
            no_trace_back: true,
            ..scenario(
                "give up where tracing back would be next",
                narrow().publish("r/b/y", film(&[&both[..1], &raw].concat())),
                None,
            )
        },
    ]
}

/// One scenario for each way in which code comes, or does not.
pub(crate) fn code_scenarios() -> Vec<Scenario> {
    let served = |at, code: CodeConfig| {
        let qualities = [
            quality_with("hd", 2 * MBIT, at, "pass@^1"),
            quality("sd", MBIT, 200),
        ];
        let mut setting = two_localities().publish("r/b/y", film(&qualities));
        setting.bandwidth = Some(8 * MBIT);
        setting.code = code;
        setting
    };
    let by = |strategy| CodeConfig {
        strategy,
        ..Setting::new().code
    };
    let scenario = |name, setting, home| Scenario {
        name,
        setting,
        client: place("r/a/x"),
        solution: Some(1),
        fails: None,
        no_trace_back: false,
        code: vec![Arc::new(release("pass", "1.0.0", 3 << 16, home))],
        troubles: Vec::new(),
    };
    let default_place = by(DownloadStrategy::DefaultPlace);
    vec![
        scenario(
            "code comes",
            served(Position::Client, default_place.clone()),
            "r",
        ),
        scenario(
            "code comes to every hop",
            served(Position::EveryHop, by(DownloadStrategy::NearestHolder)),
            "r/b/w",
        ),
        scenario(
            "code comes straight from home",
            served(Position::Client, by(DownloadStrategy::Direct)),
            "r/b/y",
        ),
        Scenario {
            troubles: vec![("r/a", Trouble::Corrupt(1))],
            ..scenario(
                "code comes from the next source",
                served(Position::Client, default_place.clone()),
                "r",
            )
        },
        Scenario {
            solution: Some(2),
            troubles: vec![("r/a/x", Trouble::DiskFull(1))],
            ..scenario(
                "code does not come",
                served(Position::Client, default_place),
                "r",
            )
        },
    ]
}

impl Scenario {
    /// The world when the index is known, just before the client asks.
    pub(crate) fn begin(&self, seed: u64) -> Result<World, Violation> {
        let mut world = World::new(&self.setting, seed)?;
        for release in &self.code {
            let added = world.add_code(&release.home, release)?;
            assert_eq!(added, Ok(vec![Arc::clone(release)]));
            for (at, trouble) in &self.troubles {
                world.trouble(&place(at), &release.digest, *trouble);
            }
        }
        world.run_for(SECOND)?;
        world.index_is_known();
        if let Some((component, after)) = self.fails {
            let failure = Behaviour::Fails(after, "no such host".to_owned());
            world.behave(Some(&self.client), component, failure);
        }
        Ok(world)
    }

    /// Lets the client ask, with a set-up time of three seconds.
    pub(crate) fn ask(&self, world: &mut World, script: Script) -> RequestId {
        let mut open = request("film");
        open.deadline = Some(3 * SECOND);
        open.no_trace_back = self.no_trace_back;
        world.open(&self.client, open, script, Duration::ZERO)
    }

    /// How many messages are sent, and how many steps there are, from the request until
    /// the session stands everywhere and a refresh or two have passed.
    pub(crate) fn length(&self, script: Script) -> (u64, u64) {
        let mut world = self.begin(1).unwrap();
        let id = self.ask(&mut world, script);
        let (sent, steps) = (world.network.sent(), world.steps());
        world.run_for(4 * SECOND).unwrap();
        let got = match world.knows(id) {
            Knows::Session(session) | Knows::Ended(session, _) => Some(session.solution.0),
            _ => None,
        };
        if script == Script::STAYS {
            assert_eq!(got, self.solution, "{}", self.name);
        }
        (world.network.sent() - sent, world.steps() - steps)
    }
}

/// The client has had an answer that says what it must: a session, or why there is none.
pub(crate) fn is_answered(world: &World, id: RequestId) -> Result<(), Violation> {
    let expected = world.clients().get(id).and_then(|c| c.expected.as_ref());
    match world.knows(id) {
        Knows::Nothing => Err(world.violation("the client has no answer".to_owned())),
        Knows::Refused { refused, plan } => {
            let told = |n| refused.iter().any(|r| r.solution == n);
            if let Some(untold) = plan.solutions.iter().find(|s| !told(s.number)) {
                let what = format!("nothing is said of solution {}", untold.number);
                return Err(world.violation(what));
            }
            if expected.is_some_and(|expected| expected != plan) {
                return Err(world.violation("another plan was tried".to_owned()));
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Gathers what went wrong in many runs, and shows the first few.
#[derive(Default)]
pub(crate) struct Findings {
    runs: u32,
    wrong: Vec<String>,
}

impl Findings {
    pub(crate) fn add(&mut self, run: &str, result: Result<(), Violation>) {
        self.runs += 1;
        if let Err(violation) = result {
            self.wrong.push(format!("=== {run}: {violation}"));
        }
    }

    pub(crate) fn none(self) {
        assert!(self.runs > 0);
        let first: Vec<_> = self.wrong.iter().take(2).map(String::as_str).collect();
        let names: Vec<_> = self.wrong.iter().filter_map(|w| w.lines().next()).collect();
        assert!(
            self.wrong.is_empty(),
            "{} of {} runs went wrong:\n{}\n{}",
            self.wrong.len(),
            self.runs,
            names.join("\n"),
            first.join("\n")
        );
    }
}

/// A title of its own, with the qualities of another.
pub(crate) fn titled(title: &str, like: &Presentation) -> Presentation {
    Presentation {
        title: title.to_owned(),
        ..like.clone()
    }
}

/// So many seeds to try. A person may ask for one of them with `WAYBOOK_SEED`, to see a
/// failure again, or for more of them with `WAYBOOK_SEEDS`.
pub(crate) fn seeds(count: u64) -> Vec<u64> {
    match (wish("WAYBOOK_SEED"), wish("WAYBOOK_SEEDS")) {
        (Some(seed), _) => vec![seed],
        (None, more) => (1..=more.unwrap_or(count)).collect(),
    }
}

#[allow(clippy::disallowed_methods, reason = "asks a person's wish, in a test")]
fn wish(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}
