//! How series are told apart: by colour, and by dashes, markers and hatches for those who do
//! not see the colour or print without.

use std::fmt::Write as _;

/// How one series looks.
pub(super) struct Look {
    pub(super) colour: &'static str,
    pub(super) dashes: &'static str,
    /// Around the origin.
    marker: &'static str,
    /// Degrees of the hatch in bars, and whether it is crossed by another; none is plain.
    hatch: Option<(u16, bool)>,
}

/// The colours of M. Okabe and K. Ito, "Color Universal Design", 2008, without the yellow, which is
/// too pale for lines on paper. Black is last: on a dark screen it becomes light.
pub(super) const LOOKS: [Look; 7] = [
    look(
        "#0072b2",
        "",
        "M-3.6 0a3.6 3.6 0 1 0 7.2 0a3.6 3.6 0 1 0-7.2 0z",
        None,
    ),
    look(
        "#d55e00",
        "7 3",
        "M-3.3-3.3h6.6v6.6h-6.6z",
        Some((45, false)),
    ),
    look("#009e73", "2 3", "M0-4.4L4.2 3.2H-4.2z", Some((135, false))),
    look(
        "#e69f00",
        "9 3 2 3",
        "M0-4.8L4.2 0 0 4.8-4.2 0z",
        Some((0, false)),
    ),
    look("#cc79a7", "12 4", "M0 4.4L4.2-3.2H-4.2z", Some((90, false))),
    look(
        "#56b4e9",
        "9 3 2 3 2 3",
        "M-1.2-4.2h2.4v3h3v2.4h-3v3h-2.4v-3h-3v-2.4h3z",
        Some((45, true)),
    ),
    look(
        "#000000",
        "4 2",
        "M-3.6-2.4l1.2-1.2L0-1.2l2.4-2.4 1.2 1.2L1.2 0l2.4 2.4-1.2 1.2L0 1.2l-2.4 2.4-1.2-1.2L-1.2 0z",
        Some((0, true)),
    ),
];

const fn look(
    colour: &'static str,
    dashes: &'static str,
    marker: &'static str,
    hatch: Option<(u16, bool)>,
) -> Look {
    Look {
        colour,
        dashes,
        marker,
        hatch,
    }
}

/// The look of a series by its number; a plot has no more series than there are looks.
pub(super) fn of(number: usize) -> &'static Look {
    &LOOKS[number % LOOKS.len()]
}

/// A marker at a point.
pub(super) fn marker(out: &mut String, number: usize, x: f64, y: f64) {
    let Look { colour, marker, .. } = of(number);
    let _ = write!(
        out,
        r#"<path class="f{number}" transform="translate({x:.1} {y:.1})" d="{marker}" fill="{colour}"/>"#
    );
}

/// The hatches that bars of so many series need.
pub(super) fn hatches(id: &str, series: usize) -> String {
    let mut out = "<defs>".to_owned();
    for (number, look) in LOOKS.iter().enumerate().take(series) {
        if let Some((degrees, crossed)) = look.hatch {
            let crossing = if crossed { "M3 0V6" } else { "" };
            let _ = write!(
                out,
                r##"<pattern id="{id}-h{number}" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate({degrees})"><path class="hatch" d="M0 3H6{crossing}" stroke="#fff" stroke-width="1.4"/></pattern>"##
            );
        }
    }
    out + "</defs>"
}

/// A filled box in the look of a series.
pub(super) fn filled(out: &mut String, id: &str, number: usize, [x, y, width, height]: [f64; 4]) {
    let Look { colour, hatch, .. } = of(number);
    let size = format!(r#"x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}""#);
    let _ = write!(
        out,
        r#"<rect class="f{number} bar" {size} fill="{colour}"/>"#
    );
    if hatch.is_some() {
        let _ = write!(out, r##"<rect {size} fill="url(#{id}-h{number})"/>"##);
    }
}
