//! Messages of older lives, heard again: what no connection of ours lets through, and what
//! places must be proof against all the same.

use std::time::Duration;

use rand::RngExt;
use waybook_agents::{Envelope, Incarnation};
use waybook_place::io::Input;

use super::queue::Event;
use super::{PlaceIndex, World};
use crate::check::Violation;
use crate::random::{self, Small};

/// The latest at which a message is heard again.
const LATEST: Duration = Duration::from_secs(30);

/// Which messages are heard again.
#[derive(Debug)]
pub(super) struct Ghosts {
    /// In thousandths.
    share: u32,
    rng: Small,
}

impl World {
    /// Lets so many thousandths of all messages be heard again up to half a minute later, if
    /// their sender or receiver has begun another life by then; none with 0. Such a message
    /// must be counted and have no effect, and the world objects if it has.
    pub fn haunt(&mut self, share: u32) {
        self.ghosts = (share > 0).then(|| Ghosts {
            share,
            rng: random::small(self.seed, "ghosts", 0),
        });
    }

    /// Draws whether a message that is sent now is heard again.
    pub(super) fn draw_ghost(&mut self, from: PlaceIndex, to: PlaceIndex, envelope: &Envelope) {
        let Some(ghosts) = &mut self.ghosts else {
            return;
        };
        if ghosts.rng.random_range(0..1000) >= ghosts.share {
            return;
        }
        let latest = u32::try_from(LATEST.as_millis()).unwrap_or(u32::MAX);
        let after = Duration::from_millis(ghosts.rng.random_range(0..latest).into());
        let lives = (self.slots.at(from).life, self.slots.at(to).life);
        let event = Event::Ghost {
            from,
            to,
            lives,
            envelope: Box::new(envelope.clone()),
        };
        self.schedule(after, event);
    }

    /// A message is heard again.
    pub(super) fn ghost(
        &mut self,
        from: PlaceIndex,
        to: PlaceIndex,
        lives: (u64, u64),
        envelope: Envelope,
    ) -> Result<(), Violation> {
        if lives == (self.slots.at(from).life, self.slots.at(to).life) {
            return Ok(());
        }
        let name = self.slots.name(from).clone();
        let Some(place) = self.slots.at(to).place() else {
            return Ok(());
        };
        // As long as nobody has told it of the new life, the old one is the present one to it.
        let believed = place.links().find(|(known, _)| **known == name);
        let meant = [place.incarnation(), Incarnation::UNKNOWN].contains(&envelope.to);
        if meant && believed.is_none_or(|(_, life)| life == envelope.from) {
            return Ok(());
        }
        // What is due is done first, so that what is seen then is the message's doing.
        self.work(to, Input::Tick)?;
        let seen = |world: &Self| {
            let place = world.slots.at(to).place()?;
            let counters = place.counters();
            let refused = counters.outdated + counters.refused_messages;
            Some((refused, place.bookings_edition()))
        };
        let before = seen(self);
        let kind = envelope.message.kind();
        let from = name;
        self.work(to, Input::Received { from, envelope })?;
        if let (Some(before), Some(after)) = (before, seen(self))
            && (before.0 + 1, before.1) != after
        {
            let name = self.slots.name(to);
            let what = format!("{name}: takes a {kind} of an older life");
            return Err(self.violation(what));
        }
        Ok(())
    }
}
