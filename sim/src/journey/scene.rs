//! The scene: places as cards, the edges between them, and a bar for every booking that changes.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use waybook_location_tree::PlaceName;

use super::recording::Recording;
use crate::report::text::{escape, short};

/// How wide a card is, and what lies between it and those of its children.
const CARD: f64 = 270.0;
const GAP: f64 = 130.0;
/// What a card has above its bars, and what every bar needs.
const HEAD: f64 = 30.0;
const BAR: f64 = 26.0;
/// Between the cards of places one below the other, and around all.
const BETWEEN: f64 = 16.0;
const MARGIN: f64 = 12.0;
/// Letters of a name, or of what a bar says, that fit on a card.
const NAME: usize = 24;

/// A place on the scene.
#[derive(Debug)]
struct Spot {
    place: PlaceName,
    parent: Option<usize>,
    /// The left edge of its card, and the middle of it.
    x: f64,
    y: f64,
}

/// The places of a recording with their positions.
#[derive(Debug)]
pub(super) struct Scene {
    spots: Vec<Spot>,
    /// What the bars show: places by number, with their resources.
    pub(super) bars: Vec<(usize, String)>,
    height: f64,
    card: f64,
    width: f64,
}

impl Scene {
    /// Puts the places into columns by their depth, each in the middle of those below it.
    pub(super) fn new(recording: &Recording) -> Self {
        let places = match recording.tree.as_slice() {
            [] => &recording.places,
            all => all,
        };
        let number: BTreeMap<_, _> = places.iter().enumerate().map(|(n, p)| (p, n)).collect();
        let mut bars: Vec<(usize, String)> = Vec::new();
        let mut changes: BTreeMap<(usize, &str), usize> = BTreeMap::new();
        for level in &recording.levels {
            if let Some(place) = number.get(&level.place) {
                *changes
                    .entry((*place, level.resource.as_str()))
                    .or_default() += 1;
            }
        }
        // What stays as it is needs no bar.
        for ((place, resource), times) in changes {
            if times > 1 {
                bars.push((place, resource.to_owned()));
            }
        }
        let of_one = |place| bars.iter().filter(|(at, _)| *at == place).count();
        let most = (0..places.len()).map(of_one).max().unwrap_or(0);
        let card = HEAD + BAR * most as f64;
        let top = places.first().map_or(0, PlaceName::depth);
        let mut spots: Vec<Spot> = (places.iter())
            .map(|place| Spot {
                place: place.clone(),
                parent: place.parent().and_then(|p| number.get(&p).copied()),
                x: MARGIN + (place.depth() - top) as f64 * (CARD + GAP),
                y: 0.0,
            })
            .collect();
        let mut children = vec![Vec::new(); spots.len()];
        for (number, spot) in spots.iter().enumerate() {
            if let Some(parent) = spot.parent {
                children[parent].push(number);
            }
        }
        let mut bottom = MARGIN;
        for number in 0..spots.len() {
            if children[number].is_empty() {
                spots[number].y = bottom + card / 2.0;
                bottom += card + BETWEEN;
            }
        }
        // Places come after their parents, so that from behind all children are done.
        for number in (0..spots.len()).rev() {
            if let (Some(first), Some(last)) = (children[number].first(), children[number].last()) {
                spots[number].y = f64::midpoint(spots[*first].y, spots[*last].y);
            }
        }
        let right = spots.iter().map(|spot| spot.x).fold(0.0, f64::max);
        Self {
            spots,
            bars,
            height: bottom - BETWEEN + MARGIN,
            card,
            width: right + CARD + MARGIN,
        }
    }

    /// How many places there are.
    pub(super) fn len(&self) -> usize {
        self.spots.len()
    }

    /// The number of a place.
    pub(super) fn number(&self, place: &PlaceName) -> Option<usize> {
        self.spots.iter().position(|spot| spot.place == *place)
    }

    /// The number of each place's parent.
    pub(super) fn parents(&self) -> Vec<Option<usize>> {
        self.spots.iter().map(|spot| spot.parent).collect()
    }

    /// How wide it is, for a window that is narrower.
    pub(super) fn width(&self) -> f64 {
        self.width
    }

    /// The picture, with nothing booked and nobody on the way.
    pub(super) fn svg(&self, says: &str) -> String {
        let mut out = format!(
            r##"<svg xmlns="http://www.w3.org/2000/svg" id="scene" viewBox="0 0 {:.0} {:.0}" role="img" aria-label="{}" font-family="Helvetica, Arial, 'Liberation Sans', sans-serif" font-size="13" fill="#1a1a1a">"##,
            self.width,
            self.height,
            escape(says)
        );
        out.push_str(
            r##"<defs><pattern id="hatched" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="5" height="5" fill="#fff"/><rect width="3" height="5" fill="#e69f00"/></pattern></defs>"##,
        );
        for (number, spot) in self.spots.iter().enumerate() {
            let Some(parent) = spot.parent.map(|parent| &self.spots[parent]) else {
                continue;
            };
            let (x1, y1, x2, y2) = (parent.x + CARD, parent.y, spot.x, spot.y);
            let bend = GAP / 2.0;
            let _ = write!(
                out,
                r##"<path class="edge" id="edge-{number}" d="M{x1:.1} {y1:.1}C{:.1} {y1:.1} {:.1} {y2:.1} {x2:.1} {y2:.1}" fill="none" stroke="#8a8a8a" stroke-width="1.5"/>"##,
                x1 + bend,
                x2 - bend
            );
        }
        for (number, spot) in self.spots.iter().enumerate() {
            self.card(&mut out, number, spot);
        }
        out + r#"<g id="agents"></g></svg>"#
    }

    fn card(&self, out: &mut String, number: usize, spot: &Spot) {
        let top = spot.y - self.card / 2.0;
        let name = if spot.parent.is_some() {
            spot.place.label()
        } else {
            spot.place.as_str()
        };
        let _ = write!(
            out,
            r##"<g class="place" id="place-{number}" data-place="{0}"><title>{0}</title><rect class="card" x="{1:.1}" y="{top:.1}" width="{CARD}" height="{2:.1}" rx="6" fill="#fff" stroke="#8a8a8a"/><text class="ink" x="{3:.1}" y="{4:.1}" font-weight="600">{5}</text><text class="ink stay" id="stay-{number}" x="{6:.1}" y="{4:.1}" text-anchor="end" font-size="11"></text>"##,
            escape(spot.place.as_str()),
            spot.x,
            self.card,
            spot.x + 10.0,
            top + 20.0,
            escape(&short(name, NAME)),
            spot.x + CARD - 10.0,
        );
        let own = self
            .bars
            .iter()
            .enumerate()
            .filter(|(_, (at, _))| *at == number);
        for (row, (bar, (_, resource))) in own.enumerate() {
            let (x, y) = (spot.x + 10.0, top + HEAD + BAR * row as f64);
            let width = CARD - 20.0;
            let _ = write!(
                out,
                r##"<text class="ink" id="says-{bar}" x="{x:.1}" y="{:.1}" font-size="11">{}</text><rect class="grid" x="{x:.1}" y="{y2:.1}" width="{width}" height="8" fill="#e2e2e2"/><rect class="held" id="held-{bar}" x="{x:.1}" y="{y2:.1}" width="0" height="8" fill="url(#hatched)" stroke="#a86f00" stroke-width="0.5" data-width="{width}"/><rect class="booked" id="booked-{bar}" x="{x:.1}" y="{y2:.1}" width="0" height="8" fill="#0072b2" data-width="{width}"/>"##,
                y + 8.0,
                escape(resource),
                y2 = y + 11.0,
            );
        }
        out.push_str("</g>");
    }
}
