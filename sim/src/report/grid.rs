//! The points of sweeps: which parameters are numbers, and what the runs at a point say.

use std::collections::{BTreeMap, BTreeSet};

use waybook_plan::{parse_bandwidth, parse_duration};

use super::axis::time_unit;
use super::text::plain;
use crate::run::Summary;

/// One run at a point.
#[derive(Debug, Clone)]
pub(super) struct Observation {
    pub(super) values: BTreeMap<String, String>,
    pub(super) summary: Summary,
}

/// A parameter that takes more than one value.
#[derive(Debug, Clone)]
pub(super) struct Parameter {
    pub(super) name: String,
    /// In order: of their numbers, or of their first run.
    pub(super) values: Vec<String>,
    /// What an axis says, and the number of each value; none if they are no numbers.
    pub(super) numbers: Option<(String, BTreeMap<String, f64>)>,
}

/// All runs of a sweep.
#[derive(Debug, Clone)]
pub(super) struct Grid {
    pub(super) varied: Vec<Parameter>,
    pub(super) runs: Vec<Observation>,
}

/// What stands for a parameter that a run does not have.
const ABSENT: &str = "–";

impl Parameter {
    /// A value as tables have it: the number alone, if all of them are numbers.
    pub(super) fn shown(&self, value: &str) -> String {
        let number = self
            .numbers
            .as_ref()
            .and_then(|(_, numbers)| numbers.get(value));
        number.map_or_else(|| value.to_owned(), |number| plain(*number))
    }

    /// What a table's column of it says, with the unit of numbers.
    pub(super) fn heading(&self) -> &str {
        (self.numbers.as_ref()).map_or(&self.name, |(label, _)| label)
    }
}

impl Observation {
    pub(super) fn value(&self, parameter: &str) -> &str {
        self.values.get(parameter).map_or(ABSENT, String::as_str)
    }
}

impl Grid {
    pub(super) fn new(runs: Vec<Observation>) -> Self {
        let names: BTreeSet<&String> = runs.iter().flat_map(|run| run.values.keys()).collect();
        let parameters = names.into_iter().map(|name| {
            let mut values: Vec<String> = Vec::new();
            for run in &runs {
                let value = run.value(name);
                if !values.iter().any(|known| known == value) {
                    values.push(value.to_owned());
                }
            }
            let numbers = numbers(name, &values);
            if let Some((_, numbers)) = &numbers {
                values.sort_by(|a, b| numbers[a].total_cmp(&numbers[b]));
            }
            Parameter {
                name: name.clone(),
                values,
                numbers,
            }
        });
        Self {
            varied: parameters.filter(|p| p.values.len() > 1).collect(),
            runs,
        }
    }

    /// The first parameter that is a number.
    pub(super) fn numeric(&self) -> Option<&Parameter> {
        self.varied.iter().find(|p| p.numbers.is_some())
    }

    /// The runs by what the varied parameters but some are, in the order of values.
    pub(super) fn by_others(&self, but: &[&str]) -> Vec<(String, Vec<&Observation>)> {
        let others: Vec<_> = (self.varied.iter())
            .filter(|p| !but.contains(&p.name.as_str()))
            .collect();
        let mut found: BTreeMap<Vec<usize>, Vec<&Observation>> = BTreeMap::new();
        for run in &self.runs {
            let ranks = others.iter().map(|parameter| {
                let value = run.value(&parameter.name);
                let rank = parameter.values.iter().position(|known| known == value);
                rank.unwrap_or(usize::MAX)
            });
            found.entry(ranks.collect()).or_default().push(run);
        }
        let named = found.into_values().map(|runs| {
            let name = self.describe(runs[0], but);
            (name, runs)
        });
        named.collect()
    }

    /// What the varied parameters but some are in a run.
    pub(super) fn describe(&self, run: &Observation, but: &[&str]) -> String {
        let others: Vec<_> = (self.varied.iter())
            .filter(|p| !but.contains(&p.name.as_str()))
            .collect();
        let parts = others.iter().map(|parameter| {
            let value = parameter.shown(run.value(&parameter.name));
            match (others.len(), &parameter.numbers) {
                (1, None) => value,
                _ => format!("{} = {value}", last_step(&parameter.name)),
            }
        });
        match others.len() {
            0 => "all runs".to_owned(),
            _ => parts.collect::<Vec<_>>().join(", "),
        }
    }
}

/// The end of a way such as `users.viewers.holding`.
fn last_step(way: &str) -> &str {
    way.rsplit('.').next().unwrap_or(way)
}

/// The values of a parameter as numbers of one unit.
fn numbers(name: &str, values: &[String]) -> Option<(String, BTreeMap<String, f64>)> {
    let parts: Option<Vec<_>> = values.iter().map(|value| numeral(value)).collect();
    let parts = parts?;
    let (before, _, after) = parts.first()?;
    let alike = parts
        .iter()
        .all(|part| (part.0, part.2) == (*before, *after));
    let each = |number: &dyn Fn(usize) -> f64| {
        let numbers = values.iter().enumerate();
        numbers
            .map(|(at, value)| (value.clone(), number(at)))
            .collect()
    };
    if alike {
        return Some((label(name, before, after), each(&|at| parts[at].1)));
    }
    let durations = values.iter().map(|value| parse_duration(value).ok());
    if let Some(durations) = durations.collect::<Option<Vec<_>>>() {
        let longest = durations.iter().max()?.as_secs_f64();
        let (unit, length) = time_unit(longest);
        let numbers = each(&|at| durations[at].as_secs_f64() / length);
        return Some((format!("{name} ({unit})"), numbers));
    }
    let bandwidths = values.iter().map(|value| parse_bandwidth(value).ok());
    let bandwidths = bandwidths.collect::<Option<Vec<_>>>()?;
    let numbers = each(&|at| bandwidths[at] as f64 / 1e6);
    Some((format!("{name} (Mbit/s)"), numbers))
}

/// What an axis says of a parameter, with what is before and after the number in its values.
fn label(name: &str, before: &str, after: &str) -> String {
    // `{ poisson = "` and `/h" }` say: poisson, per h.
    let inner = before.strip_prefix('{').zip(after.strip_suffix('}'));
    let inner = inner.and_then(|(before, after)| {
        let key = before
            .trim_end_matches(['"', ' '])
            .strip_suffix('=')?
            .trim();
        let plain = !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || c == '-');
        plain.then(|| (format!("{name}, {key}"), after.trim_matches(['"', ' '])))
    });
    let (name, unit) = match inner {
        Some(found) => found,
        None if before.is_empty() => (name.to_owned(), after.trim()),
        None => return format!("{name} ({before}…{after})"),
    };
    match unit.strip_prefix('/') {
        Some(per) => format!("{name} (per {per})"),
        None if unit.is_empty() => name,
        None => format!("{name} ({unit})"),
    }
}

/// The one number in a text, with what is before and after it; none if there are several, or it is
/// part of a word.
fn numeral(text: &str) -> Option<(&str, f64, &str)> {
    let first = text.find(|c: char| c.is_ascii_digit())?;
    let rest = &text[first..];
    let inside = |c: char| c.is_ascii_digit() || matches!(c, '.' | '_');
    let mut end = rest.find(|c: char| !inside(c)).unwrap_or(rest.len());
    if let Some(exponent) = rest[end..].strip_prefix(['e', 'E']) {
        let digits = exponent.trim_start_matches(['+', '-']);
        let many = digits
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(digits.len());
        if many > 0 {
            end = rest.len() - digits.len() + many;
        }
    }
    let (mut start, end) = (first, first + end);
    if text[..start].ends_with('-') {
        start -= 1;
    }
    let (before, after) = (&text[..start], &text[end..]);
    let word = before.ends_with(|c: char| c.is_alphanumeric() || c == '_');
    if word || after.contains(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let number = text[start..end].replace('_', "").parse::<f64>().ok()?;
    number.is_finite().then_some((before, number, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(values: &[&str]) -> Option<(String, Vec<f64>)> {
        let values: Vec<_> = values.iter().map(|v| (*v).to_owned()).collect();
        let (label, numbers) = numbers("a.rate", &values)?;
        Some((label, values.iter().map(|value| numbers[value]).collect()))
    }

    #[test]
    fn numbers_with_and_without_units() {
        assert_eq!(
            found(&["1", "2.5", "-1e3"]),
            Some(("a.rate".into(), vec![1.0, 2.5, -1000.0]))
        );
        assert_eq!(
            found(&["60/h", "90/h"]),
            Some(("a.rate (per h)".into(), vec![60.0, 90.0]))
        );
        assert_eq!(
            found(&["{ poisson = \"60/h\" }", "{ poisson = \"9/h\" }"]),
            Some(("a.rate, poisson (per h)".into(), vec![60.0, 9.0]))
        );
        assert_eq!(
            found(&["500 us", "2 ms"]),
            Some(("a.rate (ms)".into(), vec![0.5, 2.0]))
        );
        assert_eq!(
            found(&["500 kbit/s", "2 Mbit/s"]),
            Some(("a.rate (Mbit/s)".into(), vec![0.5, 2.0]))
        );
        assert_eq!(found(&["visitor", "central"]), None);
        assert_eq!(found(&["h264", "h265"]), None);
        assert_eq!(found(&["2 of 3", "1 of 3"]), None);
        assert_eq!(found(&["5 ms", "visitor"]), None);
        assert_eq!(found(&[]), None);
    }
}
