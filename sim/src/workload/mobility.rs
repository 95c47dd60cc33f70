//! How terminals move from leaf to leaf.
//!
//! In scenarios:
//!
//! | written | what it is |
//! |---|---|
//! | `{ walk = { dwell = { exponential = "10 min" }, to = "near" } }` | to a leaf next to it: see [`Leaves::around`] |
//! | `{ walk = { dwell = { exponential = "10 min" }, to = "anywhere" } }` | to any other leaf |
//! | `{ trace = [{ at = "10 s", place = "core/bologna/lab" }] }` | there at these times |

use rand::{Rng, RngExt};
use serde::Deserialize;
use waybook_location_tree::PlaceName;
use waybook_place::Instant;

use super::Leaves;
use crate::distribution::Distribution;
use crate::quantity::{Invalid, Span};

/// How a terminal moves.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "Written")]
pub enum Mobility {
    /// It stays at a leaf for a time that is drawn, then goes to another.
    Walk {
        /// How long it stays.
        dwell: Distribution,
        /// Where it goes.
        to: Reach,
    },
    /// It is at these leaves from these times after the start of the run on, in order.
    Trace(Vec<(Instant, PlaceName)>),
}

/// How far a terminal goes in one move. All leaves in reach are alike likely.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reach {
    /// To another leaf of the smallest locality that has one: a sibling, if there is one.
    Near,
    /// To any other leaf.
    Anywhere,
}

impl Mobility {
    /// Whether it can be carried out on this tree.
    ///
    /// # Errors
    /// If a trace goes where no leaf is.
    pub fn check(&self, leaves: &Leaves) -> Result<(), Invalid> {
        let Self::Trace(moves) = self else {
            return Ok(());
        };
        match moves.iter().find(|(_, to)| leaves.number(to).is_none()) {
            Some((_, to)) => Err(Invalid::new(
                "trace",
                format!("goes to `{to}`, which is no leaf of the tree"),
            )),
            None => Ok(()),
        }
    }

    /// When a terminal moves next that has been at a leaf since now, and to which; never, if
    /// there is nowhere to go.
    ///
    /// # Panics
    /// If there is no leaf of that number.
    pub fn next<R: Rng + ?Sized>(
        &self,
        leaves: &Leaves,
        leaf: usize,
        now: Instant,
        rng: &mut R,
    ) -> Option<(Instant, usize)> {
        match self {
            Self::Walk { dwell, to } => {
                let reach = match to {
                    Reach::Near => leaves.around(leaf),
                    Reach::Anywhere => 0..leaves.names().len(),
                };
                if reach.len() < 2 {
                    return None;
                }
                let at = now + dwell.sample(rng);
                let other = rng.random_range(reach.start..reach.end - 1);
                Some((at, other + usize::from(other >= leaf)))
            }
            Self::Trace(moves) => {
                let next = moves.partition_point(|(at, _)| *at <= now);
                let (at, to) = moves.get(next)?;
                Some((*at, leaves.number(to)?))
            }
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Written {
    Walk(Walk),
    Trace(Vec<Move>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Walk {
    dwell: Distribution,
    to: Reach,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Move {
    at: Span,
    place: PlaceName,
}

impl TryFrom<Written> for Mobility {
    type Error = Invalid;

    fn try_from(written: Written) -> Result<Self, Invalid> {
        let moves = match written {
            Written::Walk(Walk { dwell, to }) => return Ok(Self::Walk { dwell, to }),
            Written::Trace(moves) => moves,
        };
        let moves: Vec<_> = moves
            .into_iter()
            .map(|Move { at, place }| (Instant::default() + at.0, place))
            .collect();
        if !moves.is_sorted_by(|a, b| a.0 < b.0) {
            return Err(Invalid::new(
                "at",
                "must be later in each move of a trace than in the one before it",
            ));
        }
        Ok(Self::Trace(moves))
    }
}
