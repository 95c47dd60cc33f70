//! Shares: of what a place has room for, no neighbour and no user may take all.

use waybook_location_tree::PlaceName;

use super::Place;
use crate::Limits;
use crate::by_neighbour::ByNeighbour;

/// What there is for the sake of one neighbour or one user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Share {
    /// Sessions, those being set up among them.
    pub(super) sessions: usize,
    /// Those being set up.
    pub(super) setups: usize,
}

impl Share {
    /// A session is being set up.
    pub(super) fn begun(&mut self) {
        self.sessions += 1;
        self.setups += 1;
    }

    /// A session that was being set up stands.
    pub(super) fn established(&mut self) {
        self.setups = self.setups.saturating_sub(1);
    }

    /// A session is over, or its set-up.
    pub(super) fn ended(&mut self, established: bool) {
        self.sessions = self.sessions.saturating_sub(1);
        if !established {
            self.established();
        }
    }

    /// The bound that is reached, if one is, where this may have so many hundredths of each.
    fn reached(self, limits: &Limits, percent: u8) -> Option<(Bound, usize)> {
        let sessions = part(limits.sessions, percent);
        let setups = part(limits.setups, percent);
        if self.sessions >= sessions {
            Some((Bound::Sessions, sessions))
        } else if self.setups >= setups {
            Some((Bound::Setups, setups))
        } else {
            None
        }
    }
}

/// A bound that there are shares of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bound {
    Sessions,
    Setups,
}

impl Bound {
    fn name(self) -> &'static str {
        match self {
            Self::Sessions => "sessions",
            Self::Setups => "setups",
        }
    }
}

/// How many there are of something for the sake of each neighbour.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally(ByNeighbour<usize>);

impl Tally {
    /// Nothing.
    pub(super) const fn new() -> Self {
        Self(ByNeighbour::new())
    }

    pub(super) fn of(&self, neighbour: &PlaceName) -> usize {
        self.0.get(neighbour).copied().unwrap_or(0)
    }

    pub(super) fn one_more(&mut self, neighbour: &PlaceName) {
        *self.0.entry(neighbour) += 1;
    }

    pub(super) fn one_less(&mut self, neighbour: &PlaceName) {
        if let Some(count) = self.0.get_mut(neighbour) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.0.remove(neighbour);
            }
        }
    }
}

/// So many hundredths, and at least one.
pub(super) fn part(of: usize, percent: u8) -> usize {
    (of.saturating_mul(usize::from(percent)) / 100).max(1)
}

impl Place {
    /// How much of that one neighbour may have.
    pub(super) fn neighbour_part(&self, of: usize) -> usize {
        part(of, self.config.limits.neighbour_share)
    }

    /// The bound on what one neighbour brings that keeps its next set-up out, if one does.
    pub(super) fn neighbour_limit(&self, brought: Share) -> Option<(&'static str, usize)> {
        let limits = &self.config.limits;
        let (bound, most) = brought.reached(limits, limits.neighbour_share)?;
        let name = match bound {
            Bound::Sessions => "neighbour-share of sessions",
            Bound::Setups => "neighbour-share of setups",
        };
        Some((name, most))
    }

    /// Why a user may open no more sessions here, if that is so.
    pub(super) fn user_limit(&self, user: &str, has: Share) -> Result<(), String> {
        let limits = &self.config.limits;
        let Some((bound, most)) = has.reached(limits, limits.user_share) else {
            return Ok(());
        };
        Err(format!(
            "limit `user-share` = {} % of `{}` = {most} is reached by user `{user}`",
            limits.user_share,
            bound.name(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_a_part_of_each_bound_and_never_nothing() {
        let limits = Limits {
            sessions: 10,
            setups: 4,
            ..Limits::default()
        };
        let mut share = Share::default();
        share.begun();
        assert_eq!(share.reached(&limits, 50), None);
        share.begun();
        assert_eq!(share.reached(&limits, 50), Some((Bound::Setups, 2)));
        share.established();
        assert_eq!(share.reached(&limits, 50), None);
        assert_eq!(share.reached(&limits, 20), Some((Bound::Sessions, 2)));
        assert_eq!(share.reached(&limits, 100), None);
        share.ended(true);
        share.ended(false);
        assert_eq!(share, Share::default());
        assert_eq!((part(3, 1), part(200_000, 50)), (1, 100_000));
    }
}
