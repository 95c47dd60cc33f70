//! Plots as SVG: what lines and bars have in common.
//!
//! Colours stand in attributes, so that a plot that is taken out of its page is whole; the
//! page's style has the last word on a dark screen.

use std::fmt::Write as _;

use super::axis::Scale;
use super::bars::Bars;
use super::chart::Chart;
use super::style;
use super::text::{escape, in_url, width};

/// The width of every plot; a page scales it.
pub(super) const WIDTH: f64 = 720.0;
/// Between the rows of a legend.
const ROW: f64 = 20.0;

/// A plot.
#[derive(Debug, Clone)]
pub(super) enum Plot {
    Chart(Chart),
    Bars(Bars),
}

impl Plot {
    /// Its picture; `id` is used by nothing else in the page, `says` is for those who do not
    /// see it.
    pub(super) fn svg(&self, id: &str, says: &str) -> String {
        let (height, inside) = match self {
            Self::Chart(chart) => chart.draw(),
            Self::Bars(bars) => bars.draw(id),
        };
        format!(
            r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:.0} {height:.0}" role="img" aria-label="{}" font-family="Helvetica, Arial, 'Liberation Sans', sans-serif" font-size="13" fill="#1a1a1a">{inside}</svg>"##,
            escape(says)
        )
    }
}

/// A link that saves a picture by itself.
pub(super) fn link(svg: &str, file: &str) -> String {
    format!(
        r#"<a download="{}.svg" href="data:image/svg+xml,{}">save as SVG</a>"#,
        escape(file),
        in_url(svg)
    )
}

/// The box that values are drawn in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) top: f64,
    pub(super) bottom: f64,
    /// Left free at both sides, so that what is at the ends does not touch the edges.
    pub(super) inset: f64,
}

impl Frame {
    /// Where a share of the width is.
    pub(super) fn x(&self, share: f64) -> f64 {
        self.left + self.inset + share * (self.right - self.left - 2.0 * self.inset)
    }

    /// Where a share of the height is, from below.
    pub(super) fn y(&self, share: f64) -> f64 {
        self.bottom - share * (self.bottom - self.top)
    }

    /// The ticks and label below, with lines through the frame.
    pub(super) fn below(&self, out: &mut String, scale: &Scale, label: &str) {
        for (value, said) in &scale.ticks {
            let x = self.x(scale.at(*value));
            line(out, "grid", [x, self.top, x, self.bottom], "#e2e2e2");
            line(out, "axis", [x, self.bottom, x, self.bottom + 5.0], "#444");
            text(out, x, self.bottom + 19.0, "middle", said);
        }
        let middle = (self.left + self.right) / 2.0;
        text(out, middle, self.bottom + 40.0, "middle", label);
    }

    /// The ticks and label at the left, with lines through the frame.
    pub(super) fn beside(&self, out: &mut String, scale: &Scale, label: &str) {
        for (value, said) in &scale.ticks {
            let y = self.y(scale.at(*value));
            line(out, "grid", [self.left, y, self.right, y], "#e2e2e2");
            line(out, "axis", [self.left - 5.0, y, self.left, y], "#444");
            text(out, self.left - 8.0, y + 4.5, "end", said);
        }
        let middle = (self.top + self.bottom) / 2.0;
        let _ = write!(
            out,
            r#"<text class="ink" transform="translate(15 {middle:.1}) rotate(-90)" text-anchor="middle">{}</text>"#,
            escape(label)
        );
    }

    /// The two lines that values stand on.
    pub(super) fn edges(&self, out: &mut String) {
        line(
            out,
            "axis",
            [self.left, self.bottom, self.right, self.bottom],
            "#444",
        );
        line(
            out,
            "axis",
            [self.left, self.top, self.left, self.bottom],
            "#444",
        );
    }
}

pub(super) fn line(out: &mut String, class: &str, [x1, y1, x2, y2]: [f64; 4], colour: &str) {
    let _ = write!(
        out,
        r#"<path class="{class}" d="M{x1:.1} {y1:.1}L{x2:.1} {y2:.1}" stroke="{colour}"/>"#
    );
}

pub(super) fn text(out: &mut String, x: f64, y: f64, anchor: &str, said: &str) {
    let _ = write!(
        out,
        r#"<text class="ink" x="{x:.1}" y="{y:.1}" text-anchor="{anchor}">{}</text>"#,
        escape(said)
    );
}

/// How a legend shows a series.
#[derive(Clone, Copy)]
pub(super) enum Key<'a> {
    Line,
    /// With the id of the plot.
    Box(&'a str),
}

/// A legend between two margins, from some height on; gives the height where it ends.
pub(super) fn legend(
    out: &mut String,
    names: &[&str],
    key: Key<'_>,
    frame: Frame,
    top: f64,
) -> f64 {
    let (mut x, mut y) = (frame.left, top);
    for (number, name) in names.iter().enumerate() {
        let wide = 40.0 + width(name) + 18.0;
        if x > frame.left && x + wide > WIDTH {
            (x, y) = (frame.left, y + ROW);
        }
        match key {
            Key::Line => {
                let style::Look { colour, dashes, .. } = style::of(number);
                let _ = write!(
                    out,
                    r#"<path class="s{number}" d="M{x:.1} {y:.1}h32" fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dashes}"/>"#
                );
                style::marker(out, number, x + 16.0, y);
            }
            Key::Box(id) => style::filled(out, id, number, [x + 6.0, y - 6.0, 22.0, 12.0]),
        }
        text(out, x + 40.0, y + 4.5, "start", name);
        x += wide;
    }
    y + ROW
}
