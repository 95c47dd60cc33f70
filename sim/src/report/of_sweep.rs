//! The report of a sweep: every figure over the parameters, and values compared.

use std::collections::{BTreeMap, BTreeSet};

use super::axis::Axis;
use super::bars::{Bars, Category};
use super::chart::{Chart, Point, Series, Shape};
use super::figures::{CONFIDENCE, FIGURES, Figure};
use super::grid::{Grid, Observation, Parameter};
use super::of_run::drawn;
use super::page::{Page, Report};
use super::pairs::pairs;
use super::plot::Plot;
use super::style::LOOKS;
use super::text::{count, number, rough};
use crate::statistics::{Interval, Moments};
use crate::sweep::Merged;

/// From so great a factor between numbers on, the axis has equal steps for equal factors.
const WIDE: f64 = 50.0;

/// The report of a sweep; `name` is what its folder is called.
#[must_use]
pub fn of_sweep(name: &str, merged: &Merged) -> Report {
    let runs: Vec<_> = observations(merged).collect();
    let mut page = Page::new(format!("Sweep: {name}"));
    about(&mut page, &runs);
    let grid = Grid::new(runs);
    plots(&mut page, &grid);
    points(&mut page, &grid);
    page.section("Comparisons");
    let mut named = grid
        .varied
        .iter()
        .filter(|p| p.numbers.is_none())
        .peekable();
    if named.peek().is_none() {
        page.paragraph("Every parameter is a number: there are no two ways to compare.");
    }
    for parameter in named {
        pairs(&mut page, &grid, parameter);
    }
    page.finish()
}

/// The runs of a sweep.
pub(super) fn observations(merged: &Merged) -> impl Iterator<Item = Observation> + '_ {
    merged.runs().map(|kept| Observation {
        values: kept.values.clone(),
        summary: kept.summary.clone(),
    })
}

/// What the runs have in common, and what makes them doubtful.
pub(super) fn about(page: &mut Page, runs: &[Observation]) {
    page.section("Figures");
    let seeds: BTreeSet<_> = runs.iter().map(|run| run.summary.seed).collect();
    let (Some(first), Some(least), Some(most)) = (runs.first(), seeds.first(), seeds.last()) else {
        page.paragraph("There are no runs.");
        return;
    };
    page.made_from("scenario", &first.summary.scenario);
    page.made_from("seeds", format!("{}, from {least} to {most}", seeds.len()));
    page.made_from("runs", count(runs.len() as u64));
    page.made_from("Waybook", &first.summary.version);
    let short = runs
        .iter()
        .filter(|r| !r.summary.warm_up.suffices())
        .count();
    if short > 0 {
        page.careful(&format!(
            "in {short} of {} runs the warm-up may be too short, by the check MSER-5.",
            runs.len()
        ));
    }
    let broken = runs.iter().filter(|r| !r.summary.little.holds).count();
    if broken > 0 {
        page.careful(&format!(
            "in {broken} of {} runs Little’s law does not hold.",
            runs.len()
        ));
    }
    if runs
        .iter()
        .any(|r| r.summary.version != first.summary.version)
    {
        page.careful("the runs are of different versions of Waybook.");
    }
}

/// Every figure over the first parameter that is a number, or as bars.
pub(super) fn plots(page: &mut Page, grid: &Grid) {
    for figure in &FIGURES {
        page.heading(figure.title);
        match grid.numeric() {
            Some(parameter) => lines(page, grid, parameter, figure),
            None => bars(page, grid, figure),
        }
    }
}

/// The axis of a parameter.
pub(super) fn over(label: &str, numbers: &BTreeMap<String, f64>) -> Axis {
    let least = numbers.values().copied().fold(f64::INFINITY, f64::min);
    let most = numbers.values().copied().fold(f64::NEG_INFINITY, f64::max);
    Axis {
        logarithmic: least > 0.0 && most / least >= WIDE,
        ..Axis::new(label)
    }
}

const INTERVALS: &str = "Means over the runs with Student’s 95% intervals.";

/// A figure over the runs of one point.
fn mean<'a>(
    runs: impl IntoIterator<Item = &'a &'a Observation>,
    figure: &Figure,
) -> (f64, Option<f64>) {
    let values = runs.into_iter().map(|run| figure.of(&run.summary));
    let moments: Moments = values.collect();
    let interval = Interval::student(&moments, CONFIDENCE);
    (moments.mean, interval.map(|i| i.half_width))
}

fn lines(page: &mut Page, grid: &Grid, parameter: &Parameter, figure: &Figure) {
    let Some((label, numbers)) = &parameter.numbers else {
        return;
    };
    let series = grid.by_others(&[&parameter.name]).into_iter();
    let series = series.map(|(name, runs)| {
        let points = parameter.values.iter().filter_map(|value| {
            let here: Vec<_> = (runs.iter().copied())
                .filter(|run| run.value(&parameter.name) == value)
                .collect();
            let (mean, half) = mean(&here, figure);
            (!here.is_empty()).then(|| Point::within(numbers[value], mean, half))
        });
        Series {
            name,
            shape: Shape::Bars,
            points: points.collect(),
        }
    });
    let caption = format!("{} over {label}. {INTERVALS}", capital(figure.label));
    drawn(page, figure.file, &caption, "", series.collect(), || {
        Chart {
            x: over(label, numbers),
            y: figure.axis(),
            ..Chart::default()
        }
    });
}

/// Without a number: a category for each value of the first parameter, a bar in it for each
/// combination of the others.
fn bars(page: &mut Page, grid: &Grid, figure: &Figure) {
    let first = grid.varied.first();
    let name = first.map(|p| p.name.as_str());
    let series = grid.by_others(name.as_slice());
    let values = first.map_or(vec![String::new()], |p| p.values.clone());
    let over = name.map_or(String::new(), |name| format!(" by {name}"));
    for (part, series) in series.chunks(LOOKS.len()).enumerate() {
        let categories = values.iter().map(|value| {
            let bars = series.iter().map(|(_, runs)| {
                let here: Vec<_> = (runs.iter().copied())
                    .filter(|run| name.is_none_or(|name| run.value(name) == value))
                    .collect();
                (!here.is_empty()).then(|| mean(&here, figure))
            });
            Category {
                name: value.clone(),
                bars: bars.collect(),
            }
        });
        let plot = Bars {
            value: figure.axis(),
            series: series.iter().map(|(name, _)| name.clone()).collect(),
            categories: categories.collect(),
        };
        let file = match part {
            0 => figure.file.to_owned(),
            _ => format!("{}-{}", figure.file, part + 1),
        };
        let caption = format!("{}{over}. {INTERVALS}", capital(figure.label));
        page.figure(&Plot::Bars(plot), &file, &caption);
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}

/// Every point, with every figure.
pub(super) fn points(page: &mut Page, grid: &Grid) {
    page.section("Points");
    let mut by_point: BTreeMap<Vec<usize>, Vec<&Observation>> = BTreeMap::new();
    for run in &grid.runs {
        let ranks = grid.varied.iter().map(|parameter| {
            let value = run.value(&parameter.name);
            parameter.values.iter().position(|known| known == value)
        });
        let ranks = ranks.map(|rank| rank.unwrap_or(usize::MAX)).collect();
        by_point.entry(ranks).or_default().push(run);
    }
    let mut headings: Vec<&str> = grid.varied.iter().map(Parameter::heading).collect();
    headings.push("runs");
    headings.extend(FIGURES.iter().map(|figure| figure.label));
    let rows = by_point.into_values().map(|runs| {
        let values = grid.varied.iter().map(|p| p.shown(runs[0].value(&p.name)));
        let mut row: Vec<_> = values.collect();
        row.push(runs.len().to_string());
        row.extend(FIGURES.iter().map(|figure| {
            let (mean, half) = mean(&runs, figure);
            let half = half.map(|half| format!(" ± {}", rough(half)));
            format!("{}{}", number(mean), half.unwrap_or_default())
        }));
        row
    });
    page.table(
        &format!("Every point. {INTERVALS}"),
        &headings,
        &rows.collect::<Vec<_>>(),
    );
}
