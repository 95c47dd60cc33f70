//! The place itself.

use waybook_agents::{Incarnation, SessionId};
use waybook_location_tree::PlaceName;

use crate::io::{Input, Output, RecordKey};
use crate::{BookingView, Config, Counters, HopView, Instant, ResourceView, SessionView};
use waybook_agents::{IndexEntry, PlaceSummary};

/// A place. See the [module](crate) for the contract.
#[derive(Debug)]
pub struct Place {
    config: Config,
    incarnation: Incarnation,
}

impl Place {
    /// A place at the start of a life: with the records that earlier lives stored, and
    /// a seed for all it draws. The outputs restore what the records say.
    ///
    /// # Errors
    /// A sentence on the setting that is wrong.
    pub fn new(
        config: Config,
        incarnation: Incarnation,
        _seed: [u8; 32],
        _records: Vec<(RecordKey, Vec<u8>)>,
        _now: Instant,
        _out: &mut Vec<Output>,
    ) -> Result<Self, String> {
        config.timing.check()?;
        Ok(Self {
            config,
            incarnation,
        })
    }

    /// Takes one input; what is to be done about it is appended to `out`.
    pub fn handle(&mut self, _now: Instant, _input: Input, _out: &mut Vec<Output>) {}

    /// When the place wants a [`Input::Tick`] at the latest.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Instant> {
        None
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &PlaceName {
        &self.config.name
    }

    /// This life.
    #[must_use]
    pub fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The neighbours with a connection, with their lives.
    pub fn links(&self) -> impl Iterator<Item = (&PlaceName, Incarnation)> {
        std::iter::empty()
    }

    /// All bookings.
    pub fn bookings(&self) -> impl Iterator<Item = BookingView> {
        std::iter::empty()
    }

    /// All resources.
    #[must_use]
    pub fn resources(&self) -> Vec<ResourceView> {
        Vec::new()
    }

    /// The sessions whose client's place this is.
    #[must_use]
    pub fn sessions(&self, _now: Instant) -> Vec<SessionView> {
        Vec::new()
    }

    /// A session that this place is a hop of.
    #[must_use]
    pub fn hop(&self, _session: SessionId, _now: Instant) -> Option<HopView> {
        None
    }

    /// The presentations known in this place's locality.
    pub fn presentations(&self) -> impl Iterator<Item = &IndexEntry> {
        std::iter::empty()
    }

    /// This place and all below it, as far as they have said how they do.
    #[must_use]
    pub fn summaries(&self, _now: Instant) -> Vec<PlaceSummary> {
        Vec::new()
    }

    /// What has been counted.
    #[must_use]
    pub fn counters(&self) -> Counters {
        Counters::default()
    }
}
