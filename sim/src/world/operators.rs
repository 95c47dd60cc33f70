//! What operators do to places that run.

use std::sync::Arc;
use std::time::Duration;

use waybook_location_tree::PlaceName;
use waybook_place::io::Input;
use waybook_plan::Resource;

use super::World;
use super::slot::Changed;
use crate::check::Violation;

impl World {
    /// Drains a place: it takes no new sessions, and what is left after the deadline ends.
    ///
    /// # Errors
    /// [`Violation`] if a place does something that no place may.
    pub fn drain(
        &mut self,
        place: &PlaceName,
        deadline: Option<Duration>,
    ) -> Result<(), Violation> {
        // From now on there are servers that come after all others.
        self.disturb_index();
        self.operate(place, Input::Drain { deadline })
    }

    /// A place takes new sessions again.
    ///
    /// # Errors
    /// As [`World::drain`].
    pub fn undrain(&mut self, place: &PlaceName) -> Result<(), Violation> {
        self.disturb_index();
        self.operate(place, Input::Undrain)
    }

    /// Cordons a resource of a place, or no longer does.
    ///
    /// # Errors
    /// As [`World::drain`].
    pub fn cordon(
        &mut self,
        place: &PlaceName,
        resource: &Resource,
        cordoned: bool,
    ) -> Result<(), Violation> {
        let resource = resource.clone();
        self.operate(place, Input::Cordon { resource, cordoned })
    }

    /// A place has so much of a resource from now on, in later lives too. Nothing if it is
    /// down.
    ///
    /// # Errors
    /// As [`World::drain`].
    pub fn set_capacity(
        &mut self,
        place: &PlaceName,
        resource: &Resource,
        amount: u64,
    ) -> Result<(), Violation> {
        let Some(slot) = self.slots.get_mut(place) else {
            return Ok(());
        };
        let Some(running) = slot.place() else {
            return Ok(());
        };
        let mut common = running.config().common.clone();
        let told = Arc::make_mut(&mut common);
        if let Some(changed) = &slot.changed {
            // The last change may still be on its way through the machine.
            told.capacity.clone_from(&changed.capacity);
        }
        told.capacity.insert(resource.clone(), amount);
        let changed = slot.changed.get_or_insert_with(Box::<Changed>::default);
        changed.capacity.clone_from(&told.capacity);
        self.operate(place, Input::Reload(common))
    }

    fn operate(&mut self, place: &PlaceName, input: Input) -> Result<(), Violation> {
        self.changed = self.now;
        self.handle(place, input)
    }
}
