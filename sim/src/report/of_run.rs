//! The report of one run, or of several runs of one scenario with different seeds.

use super::axis::{Axis, time_steps, time_unit};
use super::bars::{Bars, Category};
use super::chart::{Chart, Point, Series, Shape};
use super::figures::CONFIDENCE;
use super::overview::{doubts, made_from, summary};
use super::page::{Page, Report};
use super::plot::Plot;
use super::runs::{Course, Runs, seconds};
use super::style::LOOKS;
use super::text::{count, number};
use crate::statistics::{Interval, Moments};

/// Courses have about so many points, and shares over time so many.
const POINTS: usize = 240;
const SHARES: usize = 40;
/// Distributions are drawn in so many steps.
const STEPS: usize = 400;
/// So many reasons of refusals are drawn.
const REASONS: usize = 10;

/// The report of runs of one scenario.
#[must_use]
pub fn of_run(runs: &Runs) -> Report {
    let name = runs
        .summaries
        .first()
        .map_or(runs.name.as_str(), |run| &run.scenario);
    let mut page = Page::new(format!("Simulation: {name}"));
    made_from(&mut page, runs);
    page.section("Summary");
    doubts(&mut page, runs);
    summary(&mut page, runs);
    in_time(&mut page, &[runs]);
    setups(&mut page, &[runs]);
    refusals(&mut page, runs);
    outcomes(&mut page, runs);
    scenario(&mut page, runs);
    page.finish()
}

/// A name with the folder's, where there are several.
fn named(all: &[&Runs], runs: &Runs, name: &str) -> String {
    match all.len() {
        1 => name.to_owned(),
        _ => format!("{}: {name}", runs.name),
    }
}

/// Sessions, blocking and bookings in the course of time.
pub(super) fn in_time(page: &mut Page, all: &[&Runs]) {
    page.section("In the course of time");
    let last = |course: &Course| course.values().next_back().map_or(0, |(end, _)| *end);
    let courses = all.iter().flat_map(|runs| runs.sessions.values());
    let longest = courses.map(last).max().unwrap_or(0);
    let (unit, length) = time_unit(seconds(longest));
    let warm_up = all.iter().map(|runs| runs.warm_up()).fold(0.0, f64::max) / length;
    let shaded = (warm_up > 0.0).then(|| (0.0, warm_up, "warm-up".to_owned()));
    let several = all.iter().any(|runs| runs.summaries.len() > 1);
    let band = match several {
        true => " Bands are Student’s 95% intervals over the runs.",
        false => "",
    };
    let chart = |y: Axis| Chart {
        x: Axis {
            tight: true,
            steps: time_steps(unit),
            also: vec![0.0, seconds(longest) / length],
            ..Axis::new(format!("virtual time ({unit})"))
        },
        y,
        shaded: shaded.clone(),
        ..Chart::default()
    };
    let mut sessions = Vec::new();
    let mut blocking = Vec::new();
    let mut booked = Vec::new();
    for runs in all {
        for (class, of) in &runs.sessions {
            sessions.push(course(named(all, runs, class), of, length));
        }
        for (class, answers) in &runs.answers {
            let answers: Vec<_> = answers.iter().collect();
            let together = answers.len().div_ceil(SHARES).max(1);
            let points = answers.chunks(together).map(|part| {
                let established: f64 = part.iter().map(|(_, a)| a.established).sum();
                let refused: f64 = part.iter().map(|(_, a)| a.refused).sum();
                let (from, to) = (*part[0].0, part[part.len() - 1].1.end);
                let middle = (seconds(from) + seconds(to)) / 2.0 / length;
                // Nothing was answered: there is no share.
                Point::new(middle, refused / (established + refused))
            });
            blocking.push(Series {
                name: named(all, runs, class),
                shape: Shape::Band,
                points: points.collect(),
            });
        }
        for ((class, resource), of) in &runs.booked {
            let name = named(all, runs, &format!("{class}, {resource}"));
            booked.push(course(name, &of.share, length));
        }
    }
    drawn(
        page,
        "sessions",
        "Sessions at a time by the class of their client’s place.",
        band,
        sessions,
        || chart(Axis::from_zero("sessions")),
    );
    let blocked = "Requests that got no session, of those answered, by the class of the client’s place. Each point is a part of the time; a line stops where nothing was answered.";
    drawn(page, "blocking", blocked, "", blocking, || {
        chart(Axis::of_shares("blocked (share)"))
    });
    let shares = "What is booked or held of the capacity of each class of places and resource, at the ends of intervals.";
    drawn(page, "booked", shares, band, booked, || {
        chart(Axis::of_shares("booked (share)"))
    });
    resources(page, all);
}

/// As many plots as it takes to tell the series apart.
pub(super) fn drawn(
    page: &mut Page,
    file: &str,
    caption: &str,
    more: &str,
    series: Vec<Series>,
    chart: impl Fn() -> Chart,
) {
    let has_values = |series: &Series| series.points.iter().any(|point| point.y.is_finite());
    let (series, without): (Vec<_>, Vec<_>) = series.into_iter().partition(has_values);
    let mut more = more.to_owned();
    let mut instead = |why: &str, series: Vec<Series>| {
        if !series.is_empty() {
            let names: Vec<_> = series.into_iter().map(|series| series.name).collect();
            more += &format!(" {why}: {}.", names.join("; "));
        }
    };
    instead("Without a value", without);
    // Courses that lie on the axis would hide each other and say little.
    let lies = |series: &Series| {
        series.shape == Shape::Band && series.points.iter().all(|p| p.y == 0.0 || p.y.is_nan())
    };
    let (low, mut series): (Vec<_>, Vec<_>) = series.into_iter().partition(lies);
    if series.is_empty() {
        series = low;
    } else {
        instead("Always 0", low);
    }
    if series.is_empty() {
        page.paragraph(&format!("{caption}{more} There is nothing to draw."));
        return;
    }
    let parts = series.len().div_ceil(LOOKS.len());
    for (number, part) in series.chunks(LOOKS.len()).enumerate() {
        let plot = Chart {
            series: part.to_vec(),
            ..chart()
        };
        let (file, of) = match parts {
            1 => (file.to_owned(), String::new()),
            _ => (
                format!("{file}-{}", number + 1),
                format!(" Part {} of {parts}.", number + 1),
            ),
        };
        page.figure(&Plot::Chart(plot), &file, &format!("{caption}{more}{of}"));
    }
}

/// A course with its interval where there are several runs, in few enough points.
fn course(name: String, course: &Course, length: f64) -> Series {
    let rows: Vec<_> = course.iter().collect();
    let together = rows.len().div_ceil(POINTS).max(1);
    let points = rows.chunks(together).map(|part| {
        let runs = part
            .iter()
            .map(|(_, (_, runs))| runs.len())
            .min()
            .unwrap_or(0);
        let mean = |run: usize| {
            part.iter().map(|(_, (_, runs))| runs[run]).sum::<f64>() / part.len() as f64
        };
        let moments: Moments = (0..runs).map(mean).collect();
        let half = Interval::student(&moments, CONFIDENCE).map(|i| i.half_width);
        let (from, to) = (*part[0].0, part[part.len() - 1].1.0);
        let middle = (seconds(from) + seconds(to)) / 2.0 / length;
        Point::within(middle, moments.mean, half)
    });
    Series {
        name,
        shape: Shape::Band,
        points: points.collect(),
    }
}

fn resources(page: &mut Page, all: &[&Runs]) {
    let mut rows = Vec::new();
    for runs in all {
        let warm_up = runs.warm_up();
        for ((class, resource), of) in &runs.booked {
            let after = |course: &Course| -> Moments {
                let late = course.iter().filter(|(at, _)| seconds(**at) > warm_up);
                late.flat_map(|(_, (_, runs))| runs.iter().copied())
                    .collect()
            };
            let (share, fullest) = (after(&of.share), after(&of.fullest));
            rows.push(vec![
                named(all, runs, class),
                resource.clone(),
                count(of.capacity as u64),
                number(share.mean),
                number(share.greatest.max(0.0)),
                number(fullest.greatest.max(0.0)),
            ]);
        }
    }
    page.table(
        "Bookings at the ends of the intervals after the warm-up. The capacity is that of all places of the class together; the fullest is the greatest share at any one of them.",
        &["class", "resource", "capacity", "booked, mean", "booked, most", "fullest place"],
        &rows,
    );
}

/// How set-up times are distributed.
pub(super) fn setups(page: &mut Page, all: &[&Runs]) {
    page.section("Set-up times");
    let times = || all.iter().flat_map(|runs| runs.setups.values());
    let longest = times()
        .filter_map(|times| times.last())
        .copied()
        .fold(0.0, f64::max);
    let shortest = times().filter_map(|times| times.first()).copied();
    let shortest = shortest.fold(f64::INFINITY, f64::min);
    let (unit, length) = time_unit(longest);
    let mut series = Vec::new();
    let mut rows = Vec::new();
    for runs in all {
        for (quality, times) in &runs.setups {
            let name = named(all, runs, quality);
            series.push(distribution(name.clone(), times, length));
            let mut row = vec![name, count(times.len() as u64)];
            let ranks = [0.5, 0.9, 0.95, 0.99, 1.0].map(|share| {
                let rank = (share * times.len() as f64).ceil() as usize;
                times[rank.clamp(1, times.len()) - 1]
            });
            row.extend(ranks.map(|time| number(time * 1e3)));
            rows.push(row);
        }
    }
    // A long tail would press all else against the axis.
    let logarithmic = shortest > 0.0 && longest / shortest > 30.0;
    let caption = "Empirical distribution of the set-up times of sessions asked for after the warm-up, by quality level.";
    drawn(page, "setup-times", caption, "", series, || Chart {
        x: Axis {
            logarithmic,
            tight: true,
            ..Axis::new(format!("set-up time ({unit})"))
        },
        y: Axis::from_zero("share of sessions that took no longer"),
        ..Chart::default()
    });
    page.table(
        "Quantiles of the set-up times in milliseconds, exact, over all runs together.",
        &["quality", "sessions", "50%", "90%", "95%", "99%", "longest"],
        &rows,
    );
}

fn distribution(name: String, times: &[f64], length: f64) -> Series {
    let many = times.len();
    let steps = many.min(STEPS);
    let ranks = (1..=steps).map(|step| step * many / steps);
    let points = ranks.map(|rank| Point::new(times[rank - 1] / length, rank as f64 / many as f64));
    Series {
        name,
        shape: Shape::Steps,
        points: points.collect(),
    }
}

fn bars(value: &str, categories: impl Iterator<Item = (String, u64)>) -> Plot {
    let categories = categories.map(|(name, many)| Category {
        name,
        bars: vec![Some((many as f64, None))],
    });
    Plot::Bars(Bars {
        value: Axis::from_zero(value),
        series: Vec::new(),
        categories: categories.collect(),
    })
}

/// Where and why requests were refused first.
fn refusals(page: &mut Page, runs: &Runs) {
    page.section("Refusals");
    let mut ranked: Vec<_> = runs.refusals.iter().collect();
    ranked.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    let most = ranked.iter().take(REASONS);
    let named = most.map(|((place, reason), many)| (format!("{place}: {reason}"), **many));
    if !ranked.is_empty() {
        let caption = format!(
            "The places that refused first, and why, or what they lacked: the {} most frequent of {}, of all requests after the warm-up that were refused anything, those that fell back included.",
            REASONS.min(ranked.len()),
            ranked.len()
        );
        page.figure(&bars("requests", named), "refusals", &caption);
    }
    let rows: Vec<_> = (ranked.iter())
        .map(|((place, reason), many)| vec![place.clone(), reason.clone(), count(**many)])
        .collect();
    page.table(
        "First refusals by place and reason, all of them.",
        &["place", "for", "requests"],
        &rows,
    );
}

/// What became of requests and sessions, and how long their paths were.
fn outcomes(page: &mut Page, runs: &Runs) {
    page.section("Outcomes");
    let all: u64 = runs.fates.values().sum();
    let share = |many: u64, of: u64| number(many as f64 / of.max(1) as f64);
    let row = |name: &str, many: u64, of: u64| vec![name.to_owned(), count(many), share(many, of)];
    let fates = runs.fates.iter().map(|(fate, many)| row(fate, *many, all));
    page.table(
        "What became of the requests after the warm-up.",
        &["fate", "requests", "share"],
        &fates.collect::<Vec<_>>(),
    );
    let ended = runs.ends.values().sum();
    let ends = runs.ends.iter().map(|(end, many)| row(end, *many, ended));
    page.table(
        "How the sessions ended.",
        &["end", "sessions", "share"],
        &ends.collect::<Vec<_>>(),
    );
    let hops = runs
        .hops
        .iter()
        .map(|(hops, many)| (hops.to_string(), *many));
    if !runs.hops.is_empty() {
        let plot = bars("sessions", hops.clone());
        page.figure(
            &plot,
            "hops",
            "Sessions by the number of tree edges of their service path.",
        );
    }
    let sessions = runs.hops.values().sum();
    let rows: Vec<_> = hops
        .map(|(hops, many)| row(&hops, many, sessions))
        .collect();
    page.table(
        "Tree edges of the service paths.",
        &["edges", "sessions", "share"],
        &rows,
    );
}

pub(super) fn scenario(page: &mut Page, runs: &Runs) {
    if let Some(text) = &runs.scenario {
        page.section("Scenario");
        page.folded("The scenario as it was run", text);
    }
}
