//! Lines over a numeric axis: means with error bars, courses over time with bands, empirical
//! distributions.

use std::fmt::Write as _;

use super::axis::{Axis, Scale};
use super::plot::{Frame, Key, WIDTH, legend, line, text};
use super::style::{self, Look};
use super::text::width;

/// The height of the box that values are drawn in.
const HEIGHT: f64 = 300.0;
/// Lines with more points have markers at some only.
const MARKED: usize = 24;

/// Lines over an axis.
#[derive(Debug, Clone, Default)]
pub(super) struct Chart {
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) series: Vec<Series>,
    /// A part of the x axis that is set apart, with what it says.
    pub(super) shaded: Option<(f64, f64, String)>,
    /// A height at which a line is drawn.
    pub(super) level: Option<f64>,
}

/// One line.
#[derive(Debug, Clone)]
pub(super) struct Series {
    pub(super) name: String,
    pub(super) shape: Shape,
    pub(super) points: Vec<Point>,
}

/// How points are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Straight, with error bars.
    Bars,
    /// Straight, with a band.
    Band,
    /// In steps, each up at its point.
    Steps,
}

/// One point. What is no number is not drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Point {
    pub(super) x: f64,
    pub(super) y: f64,
    /// The interval around y.
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Point {
    /// One without an interval.
    pub(super) fn new(x: f64, y: f64) -> Self {
        Self {
            x,
            y,
            low: f64::NAN,
            high: f64::NAN,
        }
    }

    /// One with so much to either side, if that is known.
    pub(super) fn within(x: f64, y: f64, half: Option<f64>) -> Self {
        let half = half.unwrap_or(f64::NAN);
        Self {
            x,
            y,
            low: y - half,
            high: y + half,
        }
    }
}

/// Where points are in the picture.
struct Placed<'a> {
    frame: Frame,
    x: &'a Scale,
    y: &'a Scale,
    /// Aside, so that error bars do not hide each other.
    aside: f64,
}

impl Placed<'_> {
    fn x(&self, value: f64) -> f64 {
        self.frame.x(self.x.at(value)) + self.aside
    }

    fn y(&self, value: f64) -> f64 {
        self.frame.y(self.y.at(value))
    }
}

impl Chart {
    /// Its height, and what is inside.
    pub(super) fn draw(&self) -> (f64, String) {
        let points = || self.series.iter().flat_map(|series| &series.points);
        let shaded = self.shaded.iter().flat_map(|(from, to, _)| [*from, *to]);
        let x = self.x.over(points().map(|p| p.x).chain(shaded));
        let reach = points().flat_map(|p| [p.y, p.low, p.high]);
        // An interval may reach below what can be; the axis need not.
        let reach = reach.map(|y| if self.y.from_zero { y.max(0.0) } else { y });
        let y = self.y.over(reach.chain(self.level));
        let widest = y
            .ticks
            .iter()
            .map(|(_, said)| width(said))
            .fold(0.0, f64::max);
        let error_bars = self.series.iter().any(|s| s.shape == Shape::Bars);
        let frame = Frame {
            left: 34.0 + widest,
            right: WIDTH - 18.0,
            top: 10.0,
            bottom: 10.0 + HEIGHT,
            inset: if error_bars { 16.0 } else { 0.0 },
        };
        let mut out = String::new();
        if let Some((from, to, says)) = &self.shaded {
            let (from, to) = (frame.x(x.at(*from)), frame.x(x.at(*to)));
            let _ = write!(
                out,
                r##"<rect class="shade" x="{from:.1}" y="{:.1}" width="{:.1}" height="{HEIGHT}" fill="#ececec"/>"##,
                frame.top,
                (to - from).max(0.0)
            );
            frame.beside(&mut out, &y, &self.y.label);
            frame.below(&mut out, &x, &self.x.label);
            text(&mut out, from + 5.0, frame.top + 15.0, "start", says);
        } else {
            frame.beside(&mut out, &y, &self.y.label);
            frame.below(&mut out, &x, &self.x.label);
        }
        if let Some(level) = self.level {
            let at = frame.y(y.at(level));
            line(&mut out, "axis", [frame.left, at, frame.right, at], "#444");
        }
        let many = self.series.len() as f64;
        for (number, series) in self.series.iter().enumerate() {
            let aside = match series.shape {
                Shape::Bars => (number as f64 - (many - 1.0) / 2.0) * 2.5,
                Shape::Band | Shape::Steps => 0.0,
            };
            let placed = Placed {
                frame,
                x: &x,
                y: &y,
                aside,
            };
            series.draw(&mut out, number, &placed);
        }
        frame.edges(&mut out);
        let names: Vec<_> = self.series.iter().map(|s| s.name.as_str()).collect();
        let height = legend(&mut out, &names, Key::Line, frame, frame.bottom + 66.0);
        (height, out)
    }
}

impl Series {
    fn draw(&self, out: &mut String, number: usize, placed: &Placed<'_>) {
        let Look { colour, dashes, .. } = style::of(number);
        match self.shape {
            Shape::Band => self.band(out, number, placed),
            Shape::Bars => self.bars(out, number, placed),
            Shape::Steps => {}
        }
        let _ = write!(
            out,
            r#"<path class="s{number} series" d="{}" fill="none" stroke="{colour}" stroke-width="1.8" stroke-linejoin="round" stroke-dasharray="{dashes}"/>"#,
            self.path(placed)
        );
        let every = self.points.len().div_ceil(MARKED / 2).max(1);
        let every = if self.points.len() <= MARKED {
            1
        } else {
            every
        };
        // Each series begins elsewhere, so that markers do not hide each other.
        let first = (number * every / 3) % every;
        for point in self.points.iter().skip(first).step_by(every) {
            if point.y.is_finite() {
                style::marker(out, number, placed.x(point.x), placed.y(point.y));
            }
        }
    }

    /// The line; it has gaps where there is no number.
    fn path(&self, placed: &Placed<'_>) -> String {
        let mut path = String::new();
        let mut joined = false;
        for point in &self.points {
            if !point.y.is_finite() {
                joined = false;
                continue;
            }
            let (x, y) = (placed.x(point.x), placed.y(point.y));
            let _ = match (joined, self.shape) {
                (false, Shape::Steps) => {
                    write!(path, "M{x:.1} {:.1}V{y:.1}", placed.frame.bottom)
                }
                (false, _) => write!(path, "M{x:.1} {y:.1}"),
                (true, Shape::Steps) => write!(path, "H{x:.1}V{y:.1}"),
                (true, _) => write!(path, "L{x:.1} {y:.1}"),
            };
            joined = true;
        }
        path
    }

    fn band(&self, out: &mut String, number: usize, placed: &Placed<'_>) {
        let known = |point: &&Point| point.low.is_finite() && point.high.is_finite();
        for part in self.points.chunk_by(|a, b| known(&a) == known(&b)) {
            if part.len() < 2 || !known(&&part[0]) {
                continue;
            }
            let mut path = String::new();
            for point in part {
                let joint = if path.is_empty() { 'M' } else { 'L' };
                let (x, y) = (placed.x(point.x), placed.y(point.high));
                let _ = write!(path, "{joint}{x:.1} {:.1}", y.max(placed.frame.top));
            }
            for point in part.iter().rev() {
                let (x, y) = (placed.x(point.x), placed.y(point.low));
                let _ = write!(path, "L{x:.1} {:.1}", y.min(placed.frame.bottom));
            }
            let _ = write!(
                out,
                r#"<path class="f{number} band" d="{path}z" fill="{}" fill-opacity="0.18"/>"#,
                style::of(number).colour
            );
        }
    }

    fn bars(&self, out: &mut String, number: usize, placed: &Placed<'_>) {
        let mut path = String::new();
        for point in self.points.iter().filter(|p| p.low.is_finite()) {
            let x = placed.x(point.x);
            let low = placed.y(point.low).min(placed.frame.bottom);
            let high = placed.y(point.high).max(placed.frame.top);
            let (left, right) = (x - 4.0, x + 4.0);
            let _ = write!(
                path,
                "M{left:.1} {low:.1}H{right:.1}M{x:.1} {low:.1}V{high:.1}M{left:.1} {high:.1}H{right:.1}"
            );
        }
        if !path.is_empty() {
            let _ = write!(
                out,
                r#"<path class="s{number} error" d="{path}" fill="none" stroke="{}" stroke-width="1.3"/>"#,
                style::of(number).colour
            );
        }
    }
}
