//! What befalls the machines of places: how long they take, and how their clocks go.

use waybook_location_tree::PlaceName;

use super::World;
use crate::faults::Way;
use crate::quantity::{Factor, Shift};

impl World {
    /// Lets nothing more, or everything again, pass the edge above a place, without any end
    /// being told.
    pub fn mute_edge(&mut self, place: &PlaceName, way: Way, mute: bool) {
        let Some(above) = place.parent() else {
            return;
        };
        if way != Way::Down {
            self.network.mute(place, &above, mute);
        }
        if way != Way::Up {
            self.network.mute(&above, place, mute);
        }
    }

    /// Lets everything that takes time at a place take so many times as long.
    pub fn slow(&mut self, _place: &PlaceName, _factor: Factor) {}

    /// Sets the clock of a place forwards or backwards.
    pub fn step_clock(&mut self, _place: &PlaceName, _by: Shift) {}
}
