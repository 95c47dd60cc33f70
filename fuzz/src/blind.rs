//! The corpora changed at random, without looking at what is reached: far less than libFuzzer
//! does, but on any machine, and of the targets whose instrumented build takes long.
//!
//!     BLIND_SECONDS=60 BLIND_TARGETS=gateway,control cargo test --lib blind -- --ignored --nocapture

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use super::{TARGETS, Target};

/// Changes of one input at most.
const MOST_CHANGES: u64 = 6;

/// Numbers that look random, the same for a seed (splitmix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, most: usize) -> usize {
        usize::try_from(self.next() % most.max(1) as u64).expect("it is below")
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }

    /// An input with something changed, left out, said twice, or taken from another one.
    fn change(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        let mut input = seeds[self.below(seeds.len())].clone();
        for _ in 0..=self.next() % MOST_CHANGES {
            let at = self.below(input.len() + 1);
            let end = at + self.below((input.len() - at).min(64) + 1);
            match self.next() % 8 {
                0 | 1 => {
                    if let Some(byte) = input.get_mut(at) {
                        *byte ^= 1 << (self.next() % 8);
                    }
                }
                2 => {
                    if let Some(byte) = input.get_mut(at) {
                        *byte = self.byte();
                    }
                }
                3 => input.insert(at, self.byte()),
                4 => drop(input.drain(at..end)),
                5 => {
                    let part = input[at..end].to_vec();
                    input.splice(at..at, part);
                }
                6 => {
                    let other = &seeds[self.below(seeds.len())];
                    let from = self.below(other.len() + 1);
                    let to = from + self.below((other.len() - from).min(256) + 1);
                    input.splice(at..end, other[from..to].iter().copied());
                }
                _ => input.truncate(at.max(input.len() / 2)),
            }
        }
        input
    }
}

/// How many inputs were tried in that time; the one that found something is kept.
fn look(name: &str, target: Target, within: Duration) -> u64 {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let corpus = fs::read_dir(here.join("corpus").join(name)).expect("there is a corpus");
    let read = |entry: std::io::Result<fs::DirEntry>| fs::read(entry?.path());
    let seeds: Result<Vec<_>, _> = corpus.map(read).collect();
    let seeds = seeds.expect("a corpus can be read");
    let began = Instant::now();
    let mut numbers = Numbers(u64::from(std::process::id()));
    let mut tried = 0;
    while began.elapsed() < within {
        let input = numbers.change(&seeds);
        if catch_unwind(AssertUnwindSafe(|| target(&input))).is_err() {
            let folder = here.join("artifacts").join(name);
            let path = folder.join(format!("blind-{:016x}", numbers.next()));
            let kept = fs::create_dir_all(&folder).and_then(|()| fs::write(&path, &input));
            kept.expect("an input can be kept");
            panic!("{name} has found {}", path.display());
        }
        tried += 1;
    }
    tried
}

#[test]
#[ignore = "takes as long as it is told to, and is another one each time"]
fn the_corpora_changed_at_random_find_nothing() {
    let seconds = std::env::var("BLIND_SECONDS").map(|text| text.parse());
    let seconds = seconds.unwrap_or(Ok(10)).expect("a number of seconds");
    let named = std::env::var("BLIND_TARGETS").unwrap_or_default();
    for (name, target) in TARGETS {
        if named.is_empty() || named.split(',').any(|known| known == *name) {
            let tried = look(name, *target, Duration::from_secs(seconds));
            println!("{name}: {tried} inputs in {seconds} s found nothing");
        }
    }
}
