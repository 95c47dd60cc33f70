//! What is asked for: titles by how popular they are.

use rand::Rng;
use rand_distr::{Distribution as _, Zipf};
use serde::Deserialize;
use serde::de::{Deserializer, Error};

use crate::quantity::Invalid;

/// At most so many titles: their weights are summed up once.
pub const MAX_TITLES: u32 = 10_000_000;

/// Titles from the most popular on: the probability of the one of rank `k`, counted from
/// 1, is proportional to `k^-exponent` (Zipf's law; for films Breslau et al., *Web
/// Caching and Zipf-like Distributions*, INFOCOM 1999, find 0.6 to 0.9).
///
/// In scenarios: `{ count = 1000, exponent = 0.8 }`; exponent 0 makes all alike.
#[derive(Debug, Clone, PartialEq)]
pub struct Titles {
    count: u32,
    exponent: f64,
    drawn: Zipf<f64>,
    /// The sum of all `k^-exponent`.
    sum: f64,
}

impl Titles {
    /// So many titles with that exponent.
    ///
    /// # Errors
    /// If there is none or are more than [`MAX_TITLES`], or the exponent is negative or not finite.
    pub fn new(count: u32, exponent: f64) -> Result<Self, Invalid> {
        if !(1..=MAX_TITLES).contains(&count) {
            let why = format!("must be at least 1 and at most {MAX_TITLES}");
            return Err(Invalid::new("count", why));
        }
        if !(exponent >= 0.0 && exponent.is_finite()) {
            return Err(Invalid::new(
                "exponent",
                "must be a finite number of at least 0",
            ));
        }
        let drawn = Zipf::new(f64::from(count), exponent)
            .map_err(|e| Invalid::new("exponent", format!("is out of range: {e}")))?;
        // The smallest first, so that little is lost in rounding.
        let sum = (1..=count).rev().map(|k| weight(k, exponent)).sum();
        Ok(Self {
            count,
            exponent,
            drawn,
            sum,
        })
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Draws a title: 0 is the most popular.
    pub fn sample<R: Rng + ?Sized>(&self, rng: &mut R) -> u32 {
        let rank = self.drawn.sample(rng) as u32;
        rank.clamp(1, self.count) - 1
    }

    /// How likely a title is drawn; 0 is the most popular.
    #[must_use]
    pub fn probability(&self, title: u32) -> f64 {
        if title < self.count {
            weight(title + 1, self.exponent) / self.sum
        } else {
            0.0
        }
    }
}

fn weight(rank: u32, exponent: f64) -> f64 {
    libm::pow(f64::from(rank), -exponent)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    count: u32,
    exponent: f64,
}

impl<'de> Deserialize<'de> for Titles {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Fields { count, exponent } = Fields::deserialize(deserializer)?;
        Self::new(count, exponent).map_err(D::Error::custom)
    }
}
