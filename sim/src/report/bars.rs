//! Bars for what has names instead of numbers, lying so that long names can be read.

use super::axis::Axis;
use super::plot::{Frame, Key, WIDTH, legend, line, text};
use super::style;
use super::text::{amount, short, width};

/// The thickness of a bar, and what is between those of two categories.
const THICK: f64 = 15.0;
const APART: f64 = 12.0;
/// Names beside the bars are cut after so many letters; the table has all of them.
const NAME: usize = 48;

/// Bars of a few series for each of many categories.
#[derive(Debug, Clone)]
pub(super) struct Bars {
    pub(super) value: Axis,
    /// The names of the series; a single one needs none.
    pub(super) series: Vec<String>,
    pub(super) categories: Vec<Category>,
}

/// The bars of one category.
#[derive(Debug, Clone)]
pub(super) struct Category {
    pub(super) name: String,
    /// One per series: the value, if there is one, and half the width of its interval.
    pub(super) bars: Vec<Option<(f64, Option<f64>)>>,
}

impl Bars {
    /// Its height, and what is inside.
    pub(super) fn draw(&self, id: &str) -> (f64, String) {
        let bars = || self.categories.iter().flat_map(|c| c.bars.iter().flatten());
        let reach = bars().map(|(value, half)| value + half.unwrap_or(0.0));
        let scale = self.value.over(reach.chain([0.0]));
        let names = self.categories.iter().map(|c| short(&c.name, NAME));
        let names: Vec<_> = names.collect();
        let widest = names.iter().map(|name| width(name)).fold(0.0, f64::max);
        let each = self.series.len().max(1) as f64 * THICK + APART;
        let frame = Frame {
            left: 14.0 + widest,
            // Room for the number at the end of the longest bar.
            right: WIDTH - 64.0,
            top: 6.0,
            inset: 0.0,
            bottom: 6.0 + APART / 2.0 + each * self.categories.len() as f64,
        };
        let mut out = style::hatches(id, self.series.len().max(1));
        frame.below(&mut out, &scale, &self.value.label);
        for (number, category) in self.categories.iter().enumerate() {
            let top = frame.top + APART / 2.0 + each * number as f64;
            let middle = top + (each - APART) / 2.0;
            text(
                &mut out,
                frame.left - 8.0,
                middle + 4.5,
                "end",
                &names[number],
            );
            for (series, bar) in category.bars.iter().enumerate() {
                if let Some((value, half)) = bar {
                    let y = top + THICK * series as f64;
                    let end = frame.x(scale.at(*value));
                    draw(&mut out, id, series, frame, y, end);
                    let mut to = end;
                    if let Some(half) = half.filter(|half| half.is_finite()) {
                        let low = frame.x(scale.at((value - half).max(0.0)));
                        let high = frame.x(scale.at(value + half));
                        let y = y + THICK / 2.0 - 0.5;
                        line(&mut out, "axis", [low, y, high, y], "#222");
                        line(&mut out, "axis", [low, y - 4.0, low, y + 4.0], "#222");
                        line(&mut out, "axis", [high, y - 4.0, high, y + 4.0], "#222");
                        to = high;
                    }
                    text(
                        &mut out,
                        to + 5.0,
                        y + THICK / 2.0 + 4.0,
                        "start",
                        &amount(*value),
                    );
                }
            }
        }
        line(
            &mut out,
            "axis",
            [frame.left, frame.top, frame.left, frame.bottom],
            "#444",
        );
        let series: Vec<_> = self.series.iter().map(String::as_str).collect();
        let top = frame.bottom + 66.0;
        let height = match series.len() {
            ..=1 => top - 18.0,
            _ => legend(&mut out, &series, Key::Box(id), frame, top),
        };
        (height, out)
    }
}

fn draw(out: &mut String, id: &str, series: usize, frame: Frame, y: f64, end: f64) {
    let size = [
        frame.left,
        y + 0.5,
        (end - frame.left).max(0.0),
        THICK - 2.0,
    ];
    style::filled(out, id, series, size);
}
