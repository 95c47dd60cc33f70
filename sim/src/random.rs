//! Streams of random numbers, all of them from the one seed of a run.
//!
//! Every purpose has a stream of its own, so that drawing more for one changes nothing
//! for another. Where there are too many streams to keep (one for each purpose and each
//! direction of a million edges), [`Draws`] makes them from a number when they are needed
//! instead: what is drawn for the nth message is the same whatever was drawn for others.

use rand::SeedableRng;
use rand::rngs::{StdRng, Xoshiro256PlusPlus};

use crate::transcript::Digest;

/// A fast generator with a small state (Blackman and Vigna, *Scrambled Linear
/// Pseudorandom Number Generators*, 2021). Unlike `SmallRng` it is the same everywhere.
pub type Small = Xoshiro256PlusPlus;

/// The stream for a purpose; `index` tells streams of one purpose apart.
#[must_use]
pub fn stream(seed: u64, purpose: &str, index: u64) -> StdRng {
    StdRng::from_seed(bytes(seed, purpose, index))
}

/// As [`stream`], from the fast generator.
#[must_use]
pub fn small(seed: u64, purpose: &str, index: u64) -> Small {
    Small::from_seed(bytes(seed, purpose, index))
}

/// A seed for one purpose, to hand on.
#[must_use]
pub fn bytes(seed: u64, purpose: &str, index: u64) -> [u8; 32] {
    let mut digest = Digest::new();
    digest.add(purpose.as_bytes());
    let mut state = digest.value() ^ seed.rotate_left(17) ^ index.wrapping_mul(0x9e37_79b9);
    let mut bytes = [0; 32];
    for (word, part) in [seed, index, 1, 2].into_iter().zip(bytes.chunks_mut(8)) {
        state = mix(state.wrapping_add(word));
        part.copy_from_slice(&state.to_le_bytes());
    }
    bytes
}

/// Draws by number, without a state to keep: eight bytes for all streams of one thing.
///
/// This is the counter-based way (Salmon et al., *Parallel Random Numbers: As Easy as
/// 1, 2, 3*, SC 2011): the generator for a purpose and a number follows from the key
/// and these two alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Draws(u64);

impl Draws {
    /// The draws of one thing, by its name.
    #[must_use]
    pub fn new(seed: u64, name: &str, index: u64) -> Self {
        let mut digest = Digest::new();
        digest.add(name.as_bytes());
        Self(mix(mix(mix(seed) ^ digest.value()) ^ index))
    }

    /// The generator for the nth time that something is drawn for a purpose.
    #[must_use]
    pub fn nth(self, purpose: u64, n: u64) -> Small {
        let key = mix(self.0 ^ purpose.wrapping_mul(0xd6e8_feb8_6659_fd93));
        Small::seed_from_u64(mix(key ^ n))
    }
}

/// The finishing step of SplitMix64: every bit of the input sways every bit of the output.
fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
