//! How much of a run is looked at.

use serde::Deserialize;

/// How much a [`World`](super::World) looks at what it runs. What happens is the same
/// whatever is chosen, unless a place without a disk crashes: every place gets the same inputs at the same times. The default is
/// everything, which is what tests want; a run for figures wants [`Options::lean`], or
/// the checks as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Whether every input and output is written into the
    /// [transcript](crate::transcript::Transcript). Without, nothing is put into words, the digest of
    /// the run is that of nothing, and a violation shows no lines: run it again with the
    /// transcript to see them.
    pub transcript: bool,
    /// When the [checkers](crate::check) look.
    pub checks: Checks,
    /// How messages travel.
    pub wire: Wire,
    /// Whether places have disks. Without, nothing is kept of sessions for a next life, as if
    /// [`World::durable`](super::World::durable) were false from the start, and a place does
    /// not even write it down: for runs in which none crashes, or all that crash lose their
    /// disks.
    pub disk: bool,
}

/// When the [checkers](crate::check) look. That no place does what no driver could carry
/// out (sends to a place that is no neighbour, answers twice, starts an instance twice) is
/// always seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Checks {
    /// After every input, at what changed at the place that took it; and at everything in
    /// quiet.
    EveryStep,
    /// Only in quiet, at everything.
    AtQuiet,
    /// Never.
    Off,
}

/// How messages travel from place to place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    /// Every message is encoded when it is sent, and decoded when it arrives, as between
    /// daemons: what does not survive that shows.
    Decoded,
    /// A message is handed over as it is, and encoded only where its bytes matter: for the
    /// transcript, and for the limit on frames if the checkers look at every step. No place
    /// can tell, because what decodes is equal to what was encoded; that it is, the other
    /// mode shows in the tests.
    Sized,
}

impl Default for Options {
    /// Everything.
    fn default() -> Self {
        Self {
            transcript: true,
            checks: Checks::EveryStep,
            wire: Wire::Decoded,
            disk: true,
        }
    }
}

impl Options {
    /// Nothing but the places themselves: as fast as it gets.
    #[must_use]
    pub fn lean() -> Self {
        Self {
            transcript: false,
            checks: Checks::Off,
            wire: Wire::Sized,
            disk: false,
        }
    }

    /// Whether the checkers look after every input.
    pub(super) fn every_step(&self) -> bool {
        self.checks == Checks::EveryStep
    }
}
