//! Streams of random numbers, all of them from the one seed of a run.
//!
//! Every purpose has a stream of its own, so that drawing more for one changes nothing
//! for another.

use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::transcript::Digest;

/// The stream for a purpose; `index` tells streams of one purpose apart.
#[must_use]
pub fn stream(seed: u64, purpose: &str, index: u64) -> StdRng {
    StdRng::from_seed(bytes(seed, purpose, index))
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

/// The finishing step of SplitMix64: every bit of the input sways every bit of the output.
fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
