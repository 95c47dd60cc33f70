//! The page on which agents walk: one file, with everything in it and a script that plays it.
//!
//! Pauses are cut short, because a session stands for minutes and is set up in milliseconds:
//! the page goes from moment to moment, each stretch as long as its order of magnitude.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use serde_json::json;
use waybook_agents::State;

use super::recording::{Recording, Wanted};
use super::scene::Scene;
use super::step::{Step, What};
use crate::report::page::Page;
use crate::report::text::{count, escape};

/// What plays the page, and how that looks.
const PLAYER: &str = include_str!("player.js");
const STYLE: &str = include_str!("player.css");

/// The shortest and the longest stretch between two moments at normal speed, in seconds; and
/// what a tenfold time adds.
const SHORTEST: f64 = 0.35;
const LONGEST: f64 = 1.6;
const TENFOLD: f64 = 0.22;
/// How long the whole may play at normal speed, in seconds.
const WHOLE: f64 = 150.0;

/// How far apart two moments are that are both called the same by a table of microseconds.
const MICRO: f64 = 1e-6;

/// A page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Animation {
    /// What it is called.
    pub title: String,
    /// The page.
    pub html: String,
    /// How many places it shows.
    pub places: usize,
    /// How many moments it goes through.
    pub moments: usize,
}

/// Why there is no page.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unshowable {
    /// Nothing happened.
    #[error("nothing happens in that time: there is nothing to show")]
    Nothing,
    /// The tree would not fit on a page.
    #[error("{places} places are concerned, and a page shows at most {most}")]
    TooManyPlaces {
        /// How many would have to be shown.
        places: usize,
        /// The limit.
        most: usize,
    },
}

/// Makes the page of a recording, with at most so many places.
///
/// # Errors
/// [`Unshowable`].
pub fn animation(recording: &Recording, most: usize) -> Result<Animation, Unshowable> {
    if recording.steps.is_empty() {
        return Err(Unshowable::Nothing);
    }
    let scene = Scene::new(recording);
    if scene.len() > most {
        return Err(Unshowable::TooManyPlaces {
            places: scene.len(),
            most,
        });
    }
    let title = title(recording);
    let mut page = Page::new(title.as_str());
    page.made_from("scenario", recording.scenario.as_str());
    page.made_from("seed", recording.seed.to_string());
    page.made_from("Waybook", env!("CARGO_PKG_VERSION"));
    if let Some(row) = &recording.row {
        page.made_from("asked at", row.place.as_str());
        page.made_from("title", row.title.as_str());
        page.made_from("fate", row.fate.word());
        if let Some(quality) = &row.quality {
            page.made_from("quality", quality.as_str());
        }
        if let Some(end) = row.end {
            page.made_from("end", end.word());
        }
    }
    let moments = moments(recording);
    page.alive(PLAYER, STYLE);
    page.section("Animation");
    page.paragraph(&introduction(recording, &scene));
    page.html(&stage(&scene, &title, moments.len()));
    page.section("Events");
    let rows: Vec<_> = recording.steps.iter().map(row).collect();
    page.html(r#"<div id="steps">"#);
    page.table(
        "What the animation shows, step by step. Times are seconds since users could ask.",
        &["time (s)", "session", "place", "what happens"],
        &rows,
    );
    page.html("</div>");
    if recording.routine > 0 {
        page.paragraph(&format!(
            "Not shown: {} messages that said only that all is as it was (refresh, working).",
            count(recording.routine)
        ));
    }
    // In HTML, a script's text ends at the first `</`, whatever it is.
    let data = data(recording, &scene, &moments).to_string();
    let data = data.replace('<', "\\u003c");
    page.html(&format!(
        r#"<script type="application/json" id="recording">{data}</script>"#
    ));
    Ok(Animation {
        html: page.finish().html,
        title,
        places: scene.len(),
        moments: moments.len(),
    })
}

fn title(recording: &Recording) -> String {
    match recording.wanted {
        Wanted::Session(number) => format!("Session {number} of {}", recording.scenario),
        Wanted::Between(from, until) => format!(
            "{}, {} s to {} s",
            recording.scenario,
            from.as_secs_f64(),
            until.as_secs_f64()
        ),
    }
}

fn introduction(recording: &Recording, scene: &Scene) -> String {
    let shown = if scene.len() == recording.of_places {
        String::new()
    } else {
        format!(
            " Of {} places, the {} that are concerned are shown.",
            count(recording.of_places as u64),
            scene.len()
        )
    };
    format!(
        "Places are cards, with a bar for each resource whose bookings change: full for \
         established sessions, hatched for set-ups under way. Agents and messages walk along the \
         edges. Time runs unevenly: pauses are cut short, and what takes microseconds is \
         stretched.{shown}"
    )
}

/// A row of the table.
fn row(step: &Step) -> Vec<String> {
    vec![
        format!("{:.6}", step.at.as_secs_f64()),
        step.session.to_string(),
        step.place.to_string(),
        step.says(),
    ]
}

/// The shapes of what walks: the class, how it is drawn around the origin, and what it is.
const WALKERS: [(&str, &str, &str); 6] = [
    (
        "visit",
        "M-8 0a8 8 0 1 0 16 0a8 8 0 1 0-16 0z",
        "plan visitor",
    ),
    ("ready", "M0-9L8 6H-8z", "ready"),
    (
        "refuse",
        "M-8-5l3-3L0-3l5-5 3 3L3 0l5 5-3 3L0 3l-5 5-3-3L-3 0z",
        "refused, or given up",
    ),
    ("confirm", "M-7-7h14v14h-14z", "confirmed"),
    ("download", "M0-9L8 0 0 9-8 0z", "download agent"),
    (
        "question",
        "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z",
        "questions, answers and acknowledgements",
    ),
];

/// Which of these a message is.
fn walker(kind: &str) -> usize {
    let class = match kind {
        "visit" | "ready" | "confirm" | "download" => kind,
        "refuse" | "release" | "gone" => "refuse",
        _ => "question",
    };
    let known = WALKERS.iter().position(|(known, ..)| *known == class);
    known.unwrap_or(WALKERS.len() - 1)
}

/// The picture with what plays it. Without scripts the picture and the table remain.
fn stage(scene: &Scene, title: &str, moments: usize) -> String {
    let mut legend = String::new();
    for (class, shape, says) in WALKERS {
        let _ = write!(
            legend,
            r#"<li><svg class="key" viewBox="-11 -11 22 22" aria-hidden="true"><path class="agent {class}" d="{shape}"/></svg> {says}</li>"#
        );
    }
    format!(
        r#"<figure id="animation" aria-label="Animation">
<div class="controls" role="group" aria-label="Play" hidden>
<button type="button" id="play">Play</button>
<button type="button" id="back">Previous</button>
<button type="button" id="next">Next</button>
<label>Speed <select id="speed"><option value="0.25">¼</option><option value="0.5">½</option><option value="1" selected>1</option><option value="2">2</option><option value="4">4</option><option value="16">16</option></select></label>
<label class="time">Time <input type="range" id="time" min="0" max="{}" value="0" step="any"></label>
<output id="clock" for="time"></output>
</div>
<p class="keys" hidden>Space plays and pauses; the arrow keys go from moment to moment.</p>
<p id="now" role="status" aria-live="polite"></p>
<div class="wide" tabindex="0" role="group" aria-label="The tree"><div style="min-width:{:.0}px">{}</div></div>
<figcaption><ul class="legend">{legend}</ul></figcaption>
</figure>"#,
        moments.saturating_sub(1),
        (scene.width() * 0.75).min(1400.0),
        scene.svg(&format!(
            "The tree of {}; the table below says what happens",
            escape(title)
        ))
    )
}

/// The times at which something changes, in order: seconds, and where they are on the page's own
/// clock.
fn moments(recording: &Recording) -> Vec<(f64, f64)> {
    let mut times: BTreeSet<Duration> = BTreeSet::new();
    for step in &recording.steps {
        times.insert(step.at);
        if let What::Sends { arrives, again, .. } = &step.what {
            times.extend(arrives.iter().chain(again));
        }
    }
    let mut moments: Vec<(f64, f64)> = Vec::with_capacity(times.len());
    for time in times {
        let time = time.as_secs_f64();
        let shown = match moments.last() {
            None => 0.0,
            Some((before, shown)) => {
                let passed = (time - before).max(MICRO);
                let long = SHORTEST + TENFOLD * (passed / MICRO).log10();
                shown + long.min(LONGEST)
            }
        };
        moments.push((time, shown));
    }
    let whole = moments.last().map_or(0.0, |(_, shown)| *shown);
    if whole > WHOLE {
        for (_, shown) in &mut moments {
            *shown *= WHOLE / whole;
        }
    }
    moments
}

/// What the script plays. Times are the numbers of moments.
fn data(recording: &Recording, scene: &Scene, moments: &[(f64, f64)]) -> serde_json::Value {
    // The first moment that is not before a time.
    let moment = |at: Duration| {
        let at = at.as_secs_f64();
        moments.partition_point(|(time, _)| *time < at)
    };
    let place = |name| scene.number(name);
    let mut walks = Vec::new();
    let mut stays = Vec::new();
    for (at, session, state) in &recording.present {
        let state = match state {
            State::Arrived | State::Waiting => "held",
            State::Ready => "ready",
            State::Established => "established",
            State::Ended => continue,
        };
        if let Some(here) = place(at) {
            stays.push(json!([0, here, session, state]));
        }
    }
    for step in &recording.steps {
        let at = moment(step.at);
        let Some(here) = place(&step.place) else {
            continue;
        };
        let mut stay = |state: &str| stays.push(json!([at, here, step.session, state]));
        match &step.what {
            What::Holds { .. } | What::FallsBack { .. } => stay("held"),
            What::IsReady { .. } => stay("ready"),
            What::Establishes { .. } | What::Restores { .. } => stay("established"),
            What::GivesBack { .. } | What::Crashes => stay(""),
            What::Refuses { .. } => stay("refused"),
            What::Sends {
                to,
                message,
                arrives,
                again,
                received,
            } => {
                let Some(there) = place(to) else {
                    continue;
                };
                // What is lost walks half way, as long as the stretch after it.
                let lost = received.is_none();
                let label = match message.visit {
                    Some(visit) => format!("{} {visit}", message.kind),
                    None => message.kind.to_owned(),
                };
                let last = moments.len() - 1;
                let until = arrives.map_or((at + 1).min(last), moment);
                let kind = walker(message.kind);
                let session = step.session;
                walks.push(json!([here, there, at, until, kind, session, label, lost]));
                if let Some(again) = again {
                    let until = moment(*again);
                    walks.push(json!([here, there, at, until, kind, session, label, lost]));
                }
            }
            _ => {}
        }
    }
    let bars: BTreeMap<_, _> = (scene.bars.iter().enumerate())
        .map(|(number, (place, resource))| ((*place, resource.as_str()), number))
        .collect();
    let mut levels = Vec::new();
    for level in &recording.levels {
        let bar = place(&level.place).and_then(|at| bars.get(&(at, level.resource.as_str())));
        if let Some(bar) = bar {
            let share = |amount: u64| (amount as f64 / level.capacity.max(1) as f64).min(1.0);
            let (booked, held) = (share(level.established), share(level.held));
            let at = moment(level.at).min(moments.len() - 1);
            levels.push(json!([at, bar, booked, held, level.says()]));
        }
    }
    let steps = recording.steps.iter().map(|step| moment(step.at));
    let several = matches!(recording.wanted, Wanted::Between(..));
    json!({
        "moments": moments,
        "steps": steps.collect::<Vec<_>>(),
        "walks": walks,
        "stays": stays,
        "levels": levels,
        "parents": scene.parents(),
        "walkers": WALKERS.map(|(class, shape, _)| (class, shape)),
        "several": several,
    })
}
