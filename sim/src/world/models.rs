//! What befalls the machines of places: how long they take, and how their clocks go.

use waybook_location_tree::PlaceName;

use super::slot::Machine;
use super::{PlaceIndex, World};
use crate::faults::Way;
use crate::places::{PlaceModel, Waits};
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
    pub fn slow(&mut self, place: &PlaceName, factor: Factor) {
        self.machine(place).model.slowness = factor;
    }

    /// How long inputs have waited at a place until its machine turned to them; none if
    /// nobody has said that it takes time.
    #[must_use]
    pub fn waits(&self, place: PlaceIndex) -> Option<Waits> {
        let machine = self.slots.at(place).machine.as_ref();
        machine.map(|machine| machine.desk.waits())
    }

    /// Sets the clock of a place forwards or backwards.
    pub fn step_clock(&mut self, place: &PlaceName, by: Shift) {
        let machine = self.machine(place);
        machine.model.clock = machine.model.clock.stepped(by);
        if let Some(at) = self.slots.find(place) {
            if by.0 < 0 {
                self.letters.confuse(at);
            } else {
                // What the place remembers of visits that are over is over at once.
                self.walks.forget();
            }
            // What was planned by the old clock is planned anew.
            self.slots.at_mut(at).tick = None;
            self.plan_tick(at);
        }
    }

    /// The machine of a place, an ideal one if nobody has said how it behaves.
    fn machine(&mut self, place: &PlaceName) -> &mut Machine {
        let ideal = PlaceModel {
            start: self.start_time.into(),
            compile: self.compile_time.into(),
            ..PlaceModel::default()
        };
        let seed = self.seed;
        let slot = self.slots.get_mut(place).expect("a place of this run");
        slot.machine
            .get_or_insert_with(|| Box::new(Machine::new(ideal, seed, place)))
    }
}
