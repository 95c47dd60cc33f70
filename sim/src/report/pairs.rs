//! Values of a parameter compared two by two over common random numbers.

use std::collections::BTreeMap;

use super::axis::Axis;
use super::chart::{Chart, Point, Series, Shape};
use super::figures::{CONFIDENCE, FIGURES, Figure};
use super::grid::{Grid, Observation, Parameter};
use super::of_run::drawn;
use super::of_sweep::over;
use super::page::Page;
use super::text::{number, probability};
use crate::statistics::paired::{Comparison, compare};

/// One comparison of two values where all else is the same.
struct Pair<'a> {
    /// Where: what the other parameters are.
    at: String,
    /// The same without the parameter that is the axis, and its number.
    line: String,
    number: f64,
    first: &'a str,
    second: &'a str,
    /// How many seeds both have.
    runs: usize,
    comparison: Option<Comparison>,
    /// Student's probability with allowance for all comparisons of the table.
    adjusted: f64,
}

/// What a comparison says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    First,
    Second,
    Same,
    Unclear,
    TooFew,
}

/// Compares every two values of a parameter, figure by figure.
pub(super) fn pairs(page: &mut Page, grid: &Grid, parameter: &Parameter) {
    page.paragraph(&format!(
        "Values of {} are compared over runs with equal seeds, which draw the same numbers \
         (common random numbers). A difference is that of the first less the second, with \
         Student’s 95% interval. Each p is the probability of a difference at least so far from \
         zero if there is none in truth: by Student’s t, by Wilcoxon’s signed ranks, and by \
         Student’s t with Holm’s allowance for there being several comparisons in a table. The \
         finding goes by the last, at 5%. Variance saved is by how much less the differences vary \
         than they would with independent random numbers.",
        parameter.name
    ));
    for figure in &FIGURES {
        let mut pairs = every(grid, parameter, figure);
        holm(&mut pairs);
        page.heading(&format!("{} by {}", figure.title, parameter.name));
        for sentence in sentences(&pairs) {
            page.paragraph(&sentence);
        }
        differences(page, grid, parameter, figure, &pairs);
        let rows: Vec<_> = pairs.iter().map(Pair::row).collect();
        page.table(
            &format!("Differences of {}.", figure.label),
            &[
                "at",
                "first",
                "second",
                "runs",
                "difference",
                "95% interval",
                "p, Student",
                "p, ranks",
                "p, Holm",
                "variance saved",
                "finding",
            ],
            &rows,
        );
    }
}

fn every<'a>(grid: &Grid, parameter: &'a Parameter, figure: &Figure) -> Vec<Pair<'a>> {
    let axis = axis(grid, parameter);
    let mut but = vec![parameter.name.as_str()];
    let found = grid.by_others(&but);
    but.extend(axis.map(|axis| axis.name.as_str()));
    let mut pairs = Vec::new();
    for (at, runs) in found {
        let number = axis.and_then(|axis| {
            let (_, numbers) = axis.numbers.as_ref()?;
            numbers.get(runs[0].value(&axis.name)).copied()
        });
        for (rank, first) in parameter.values.iter().enumerate() {
            for second in &parameter.values[rank + 1..] {
                let (mine, theirs) = common(&runs, parameter, [first, second], figure);
                pairs.push(Pair {
                    at: at.clone(),
                    line: grid.describe(runs[0], &but),
                    number: number.unwrap_or(f64::NAN),
                    first,
                    second,
                    runs: mine.len(),
                    adjusted: 1.0,
                    comparison: compare(&mine, &theirs, CONFIDENCE),
                });
            }
        }
    }
    pairs
}

/// The parameter that differences are drawn over, if there is one.
fn axis<'a>(grid: &'a Grid, parameter: &Parameter) -> Option<&'a Parameter> {
    grid.numeric().filter(|axis| axis.name != parameter.name)
}

/// Differences with their intervals over the first parameter that is a number.
fn differences(
    page: &mut Page,
    grid: &Grid,
    parameter: &Parameter,
    figure: &Figure,
    pairs: &[Pair<'_>],
) {
    let numbers = axis(grid, parameter).and_then(|axis| axis.numbers.as_ref());
    let Some((label, numbers)) = numbers else {
        return;
    };
    if pairs.iter().all(|pair| pair.verdict() == Verdict::Same) {
        return;
    }
    let several = pairs.iter().any(|pair| pair.line != pairs[0].line);
    let mut lines: BTreeMap<String, Vec<Point>> = BTreeMap::new();
    for pair in pairs {
        let at = match several {
            true => format!(", {}", pair.line),
            false => String::new(),
        };
        let line = lines.entry(format!("{} − {}{at}", pair.first, pair.second));
        let found = pair.comparison.map(|found| found.difference);
        let mean = found.map_or(f64::NAN, |difference| difference.mean);
        let half = found.map(|difference| difference.half_width);
        let point = Point::within(pair.number, mean, half);
        line.or_default().push(point);
    }
    let series = lines.into_iter().map(|(name, mut points)| {
        points.sort_by(|a, b| a.x.total_cmp(&b.x));
        Series {
            name,
            shape: Shape::Bars,
            points,
        }
    });
    let caption = format!(
        "Differences of {} over {label}, with Student’s 95% intervals over runs with equal seeds.",
        figure.label
    );
    let file = format!("{}-difference", figure.file);
    drawn(page, &file, &caption, "", series.collect(), || Chart {
        x: over(label, numbers),
        y: Axis::new(format!("difference of {}", figure.label)),
        level: Some(0.0),
        ..Chart::default()
    });
}

/// A figure of both values, seed by seed, where both have the seed.
fn common(
    runs: &[&Observation],
    parameter: &Parameter,
    values: [&str; 2],
    figure: &Figure,
) -> (Vec<f64>, Vec<f64>) {
    let [first, second] = values.map(|value| -> BTreeMap<u64, f64> {
        let mine = runs
            .iter()
            .filter(|run| run.value(&parameter.name) == value);
        mine.map(|run| (run.summary.seed, figure.of(&run.summary)))
            .collect()
    });
    let both = first
        .iter()
        .filter_map(|(seed, mine)| Some((*mine, *second.get(seed)?)));
    both.unzip()
}

/// Allows for there being many comparisons: S. Holm, "A simple sequentially rejective multiple test
/// procedure", Scandinavian Journal of Statistics 6, 1979.
fn holm(pairs: &mut [Pair<'_>]) {
    let student = |pair: &Pair<'_>| pair.comparison.map(|c| c.p_student);
    let mut order: Vec<usize> = (0..pairs.len())
        .filter(|at| student(&pairs[*at]).is_some())
        .collect();
    order.sort_by(|a, b| {
        student(&pairs[*a])
            .partial_cmp(&student(&pairs[*b]))
            .expect("numbers")
    });
    let many = order.len();
    let mut least = 0.0_f64;
    for (rank, at) in order.into_iter().enumerate() {
        let p = student(&pairs[at]).unwrap_or(1.0) * (many - rank) as f64;
        least = least.max(p.min(1.0));
        pairs[at].adjusted = least;
    }
}

impl Pair<'_> {
    fn verdict(&self) -> Verdict {
        let Some(comparison) = &self.comparison else {
            return Verdict::TooFew;
        };
        let Comparison { difference, .. } = comparison;
        if difference.mean == 0.0 && difference.half_width == 0.0 {
            Verdict::Same
        } else if self.adjusted >= 1.0 - CONFIDENCE {
            Verdict::Unclear
        } else if difference.mean < 0.0 {
            Verdict::First
        } else {
            Verdict::Second
        }
    }

    fn row(&self) -> Vec<String> {
        let said = match self.verdict() {
            Verdict::First => format!("{} is lower", self.first),
            Verdict::Second => format!("{} is lower", self.second),
            Verdict::Same => "the same in every run".to_owned(),
            Verdict::Unclear => "nothing can be said".to_owned(),
            Verdict::TooFew => "fewer than two equal seeds".to_owned(),
        };
        let mut row = [&self.at, self.first, self.second]
            .map(str::to_owned)
            .to_vec();
        row.push(self.runs.to_string());
        match &self.comparison {
            None => row.extend(std::iter::repeat_n("–".to_owned(), 6)),
            Some(found) => row.extend([
                number(found.difference.mean),
                format!(
                    "{} to {}",
                    number(found.difference.low()),
                    number(found.difference.high())
                ),
                probability(found.p_student),
                probability(found.p_signed_rank),
                probability(self.adjusted),
                match found.gained.is_finite() {
                    true => super::text::minus(&format!("{:.0}%", found.gained * 100.0)),
                    false => "–".to_owned(),
                },
            ]),
        }
        row.push(said);
        row
    }
}

/// What can be said of every two values over all points, in plain words.
fn sentences(pairs: &[Pair<'_>]) -> Vec<String> {
    let mut counts: BTreeMap<(&str, &str), BTreeMap<u8, usize>> = BTreeMap::new();
    for pair in pairs {
        let counts = counts.entry((pair.first, pair.second)).or_default();
        *counts.entry(pair.verdict() as u8).or_default() += 1;
    }
    let sentence = |((first, second), counts): ((&str, &str), BTreeMap<u8, usize>)| {
        let of = |verdict: Verdict| counts.get(&(verdict as u8)).copied().unwrap_or(0);
        let all: usize = counts.values().sum();
        let points = |many: usize| match (many, all) {
            (1, 1) => String::new(),
            (1, _) => " at 1 point".to_owned(),
            _ => format!(" at {many} points"),
        };
        let said = [
            (Verdict::First, format!("{first} is lower")),
            (Verdict::Second, format!("{second} is lower")),
            (Verdict::Same, "both are the same in every run".to_owned()),
            (Verdict::Unclear, "nothing can be said".to_owned()),
            (
                Verdict::TooFew,
                "there are fewer than two runs with equal seeds".to_owned(),
            ),
        ];
        let said = said.into_iter().filter(|(verdict, _)| of(*verdict) > 0);
        let said: Vec<_> = said
            .map(|(v, text)| format!("{text}{}", points(of(v))))
            .collect();
        format!("{first} and {second}: {}.", said.join("; "))
    };
    counts.into_iter().map(sentence).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::Interval;

    fn pair(mean: f64, p: f64) -> Pair<'static> {
        let difference = Interval {
            mean,
            half_width: 0.1,
            confidence: CONFIDENCE,
            samples: 5,
        };
        Pair {
            at: "here".into(),
            line: String::new(),
            number: 0.0,
            first: "a",
            second: "b",
            runs: 5,
            comparison: Some(Comparison {
                difference,
                p_student: p,
                p_signed_rank: p,
                gained: 0.5,
            }),
            adjusted: 1.0,
        }
    }

    /// Holm's own way: the least times three, the next times two, and never less than before.
    #[test]
    fn many_comparisons_are_allowed_for() {
        let mut pairs = vec![pair(1.0, 0.03), pair(-1.0, 0.01), pair(1.0, 0.02)];
        holm(&mut pairs);
        let adjusted: Vec<_> = pairs
            .iter()
            .map(|p| (p.adjusted * 1e6).round() / 1e6)
            .collect();
        assert_eq!(adjusted, [0.04, 0.03, 0.04]);
        assert_eq!(pairs[0].verdict(), Verdict::Second);
        assert_eq!(pairs[1].verdict(), Verdict::First);
        let mut many = vec![pair(1.0, 0.03), pair(-1.0, 0.03)];
        holm(&mut many);
        assert!(many.iter().all(|pair| pair.verdict() == Verdict::Unclear));
        assert_eq!(
            sentences(&many),
            ["a and b: nothing can be said at 2 points."]
        );
    }
}
