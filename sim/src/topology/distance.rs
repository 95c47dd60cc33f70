//! Latency from distance, where a file gives lengths or positions and no latency.

use std::time::Duration;

use super::graph::{Graph, Position};
use super::quantities::nanoseconds;

/// How fast a signal goes in fibre, in kilometres a second: two thirds of the speed of light.
pub const FIBRE: f64 = 299_792.458 * 2.0 / 3.0;

/// The mean radius of the earth in kilometres (IUGG 1980).
const EARTH: f64 = 6371.0088;

/// The latency of so many kilometres at a speed in kilometres a second, to the microsecond:
/// what is finer would depend on how a machine computes sines.
fn latency(kilometres: f64, speed: f64) -> Option<Duration> {
    nanoseconds((kilometres / speed * 1e6).round() * 1e3)
}

impl Graph {
    /// Gives links without a latency that of their length, or else of the straight line
    /// between their ends (on the globe, the great circle), at `speed` kilometres a second.
    /// Says how many took theirs from a length, and how many from positions.
    ///
    /// Fibre is never laid straight; a smaller speed makes up for that.
    pub fn latency_from_distance(&mut self, speed: f64) -> (usize, usize) {
        let (mut lengths, mut positions) = (0, 0);
        for link in &mut self.links {
            if link.latency.is_some() {
                continue;
            }
            // TopoHub writes a length of 0 where it knows none.
            let length = link.length.filter(|km| *km > 0.0);
            if let Some(time) = length.and_then(|km| latency(km, speed)) {
                link.latency = Some(time);
                lengths += 1;
                continue;
            }
            let ends = (self.nodes[link.from].position).zip(self.nodes[link.to].position);
            let between = ends.and_then(|(a, b)| distance(a, b));
            if let Some(time) = between.and_then(|km| latency(km, speed)) {
                link.latency = Some(time);
                positions += 1;
            }
        }
        (lengths, positions)
    }
}

/// The distance in kilometres; none between a globe and a plane.
#[must_use]
pub fn distance(a: Position, b: Position) -> Option<f64> {
    match (a, b) {
        (
            Position::Globe {
                latitude: lat_a,
                longitude: lon_a,
            },
            Position::Globe {
                latitude: lat_b,
                longitude: lon_b,
            },
        ) => {
            // The haversine formula: precise for near points too.
            let half = |from: f64, to: f64| ((to - from).to_radians() / 2.0).sin().powi(2);
            let across = lat_a.to_radians().cos() * lat_b.to_radians().cos();
            let chord = half(lat_a, lat_b) + across * half(lon_a, lon_b);
            Some(2.0 * EARTH * chord.clamp(0.0, 1.0).sqrt().asin())
        }
        (Position::Plane { x: xa, y: ya }, Position::Plane { x: xb, y: yb }) => {
            Some((xa - xb).hypot(ya - yb))
        }
        _ => None,
    }
}
