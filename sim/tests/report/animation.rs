//! Pages on which agents walk, in a real browser.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a browser is a process that reads files"
)]

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;
use waybook_location_tree::PlaceName;
use waybook_sim::journey::{Limits, Recording, Wanted, animation, record};
use waybook_sim::scenario::Scenario;

use crate::browser::{browser, seen_by};
use crate::support::{STAR, nothing};

fn recording(wanted: Wanted) -> Recording {
    let scenario = Scenario::from_toml(STAR).unwrap_or_else(|e| panic!("{e}"));
    let limits = Limits::default();
    record(&scenario, 1, &mut nothing, wanted, limits, |_| {}).unwrap_or_else(|e| panic!("{e}"))
}

/// Goes through the page as a person would, by its buttons and keys, and says what was seen.
const LOOK: &str = r#"<!DOCTYPE html><meta charset="utf-8"><body><iframe id="page" width="1200" height="3000"></iframe>
<script>
const page = document.getElementById('page');
page.srcdoc = TEXT;
const pause = time => new Promise(done => setTimeout(done, time));
window.onload = async () => {
  const doc = page.contentDocument;
  // A browser that makes its own time has timers in it, but no frames.
  const view = page.contentWindow;
  view.requestAnimationFrame = draw => view.setTimeout(() => draw(view.performance.now()), 16);
  view.cancelAnimationFrame = view.clearTimeout.bind(view);
  const get = id => doc.getElementById(id);
  const figure = get('animation');
  const shown = element => element.getClientRects().length > 0 && element.getBoundingClientRect().width > 20;
  const agents = () => [...doc.querySelectorAll('#agents > g:not([display])')]
    .map(g => g.querySelector('text').textContent + ' ' + g.getAttribute('transform'));
  const bars = () => [...doc.querySelectorAll('.booked, .held')].map(bar => Math.round(bar.getAttribute('width'))).join(' ');
  const marked = () => [...doc.querySelectorAll('#steps tbody tr')].findIndex(row => row.hasAttribute('aria-current'));
  const places = [...doc.querySelectorAll('#scene .place')];
  const seen = {
    wide: doc.documentElement.scrollWidth > doc.documentElement.clientWidth,
    places: places.filter(shown).map(place => place.dataset.place),
    controls: ['play', 'back', 'next', 'speed', 'time'].filter(id => shown(get(id))).length,
    rows: [...doc.querySelectorAll('#steps tbody tr')].map(row => [...row.children].map(cell => cell.textContent)),
    stepped: [],
    played: [],
  };
  const key = name => doc.body.dispatchEvent(new KeyboardEvent('keydown', {key: name, bubbles: true}));
  // Step by step to the end.
  for (let moment = -1; Number(figure.dataset.moment) !== moment;) {
    moment = Number(figure.dataset.moment);
    seen.stepped.push({moment, agents: agents(), bars: bars(), marked: marked(), says: get('now').textContent, clock: get('clock').textContent});
    if (moment % 2) key('ArrowRight'); else get('next').click();
  }
  get('back').click();
  seen.back = Number(figure.dataset.moment);
  key('ArrowLeft');
  seen.further_back = Number(figure.dataset.moment);
  get('time').value = 0;
  get('time').dispatchEvent(new Event('input'));
  seen.scrubbed = Number(figure.dataset.moment);
  get('speed').value = '4';
  key(' ');
  seen.playing = figure.dataset.playing;
  seen.button = get('play').textContent;
  for (let round = 0; round < 4000 && figure.dataset.playing === 'true'; round++) {
    await pause(20);
    seen.played.push([Number(figure.dataset.moment), agents()]);
  }
  seen.ended = [figure.dataset.playing, Number(figure.dataset.moment)];
  document.body.textContent = JSON.stringify(seen);
};
</script>"#;

/// All that is wrong with what a browser saw of a recording.
fn wrong(seen: &Value, recording: &Recording) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut should = |holds: bool, what: &str| {
        if !holds {
            wrong.push(what.to_owned());
        }
    };
    let places: Vec<_> = recording.tree.iter().map(PlaceName::as_str).collect();
    should(seen["places"] == serde_json::json!(places), "the places");
    should(seen["controls"] == 5, "the controls");
    should(seen["wide"] == false, "the page is wider than the window");
    let rows: Vec<_> = (recording.steps.iter())
        .map(|step| {
            let at = format!("{:.6}", step.at.as_secs_f64());
            let session = step.session.to_string();
            [at, session, step.place.to_string(), step.says()]
        })
        .collect();
    should(
        seen["rows"] == serde_json::json!(rows),
        "the table of events",
    );
    let stepped = seen["stepped"].as_array().unwrap();
    let last = stepped.len() as u64 - 1;
    let numbers = stepped.iter().map(|s| s["moment"].as_u64().unwrap());
    should(numbers.eq(0..=last), "the moments");
    // At every moment the steps of that moment are said, and the last one of them is marked.
    for moment in stepped {
        let marked = moment["marked"].as_u64().unwrap() as usize;
        let step = &recording.steps[marked];
        let says = moment["says"].as_str().unwrap();
        let what = step.says();
        should(says.ends_with(&format!("{}: {what}", step.place)), &what);
        let clock = moment["clock"].as_str().unwrap();
        let clock: f64 = clock.trim_end_matches(" s").parse().unwrap();
        should(clock + 1e-6 > step.at.as_secs_f64(), "the clock");
    }
    let bars: BTreeSet<_> = stepped
        .iter()
        .map(|s| s["bars"].as_str().unwrap())
        .collect();
    should(bars.len() > 1, "bookings grow and shrink");
    let walkers: BTreeSet<_> = (stepped.iter())
        .flat_map(|s| s["agents"].as_array().unwrap())
        .map(|agent| agent.as_str().unwrap().split(" translate").next().unwrap())
        .collect();
    let visits = walkers.iter().any(|walker| walker.contains("visit 1"));
    should(visits, "a plan visitor walks");
    should(seen["back"] == last - 1, "back");
    should(seen["further_back"] == last - 2, "further back");
    should(seen["scrubbed"] == 0, "the slider");
    should(
        seen["playing"] == "true" && seen["button"] == "Pause",
        "it plays",
    );
    should(
        seen["ended"] == serde_json::json!(["false", last]),
        "it plays to its end",
    );
    wrong
}

/// For each moment, in how many positions agents were seen while it played.
fn positions(seen: &Value) -> Vec<usize> {
    let mut by_moment: std::collections::BTreeMap<u64, BTreeSet<String>> = Default::default();
    for played in seen["played"].as_array().unwrap() {
        let agents = played[1].to_string();
        by_moment
            .entry(played[0].as_u64().unwrap())
            .or_default()
            .insert(agents);
    }
    by_moment.values().map(BTreeSet::len).collect()
}

#[test]
fn a_session_walks() {
    let Some(browser) = browser() else {
        return;
    };
    let recording = recording(Wanted::Session(64));
    let page = animation(&recording, 60).unwrap();
    let seen = seen_by(browser, "session", &page.html, LOOK, &[]);
    assert_eq!(wrong(&seen, &recording), Vec::<String>::new());
    assert!(
        positions(&seen).iter().any(|many| *many > 2),
        "agents move: {seen}"
    );
    // What is looked for is seen when it is not there.
    let hidden = page
        .html
        .replace("</style>", "#scene{display:none}</style>");
    let seen = seen_by(browser, "hidden", &hidden, LOOK, &[]);
    assert_eq!(wrong(&seen, &recording)[0], "the places");
}

/// Who does not want motion gets steps: agents stand still until the next moment.
#[test]
fn without_motion_it_goes_in_steps() {
    let Some(browser) = browser() else {
        return;
    };
    let recording = recording(Wanted::Session(64));
    let page = animation(&recording, 60).unwrap();
    let still = ["--force-prefers-reduced-motion"];
    let seen = seen_by(browser, "still", &page.html, LOOK, &still);
    assert_eq!(wrong(&seen, &recording), Vec::<String>::new());
    assert!(positions(&seen).iter().all(|many| *many == 1), "{seen}");
}

#[test]
fn a_stretch_of_time_walks() {
    let Some(browser) = browser() else {
        return;
    };
    let (from, until) = (Duration::from_secs(2278), Duration::from_secs(2289));
    let recording = recording(Wanted::Between(from, until));
    let page = animation(&recording, 60).unwrap();
    let seen = seen_by(browser, "stretch", &page.html, LOOK, &[]);
    assert_eq!(wrong(&seen, &recording), Vec::<String>::new());
}
