//! Reads what a place is told of code that is brought along.

use std::time::Duration;

use waybook_agents::DownloadStrategy;
use waybook_place::{CodeConfig, Limits, Trust};
use waybook_plan::{Resource, parse_amount, parse_bandwidth};

use super::RepositoryConfig;
use super::section::Section;

/// The slowest rate that transfers may be held to. At a lower one a chunk takes so long
/// that sources seem to stall.
const SLOWEST: u64 = 64_000;

/// All of `[code]`.
pub(super) struct Code {
    pub(super) place: CodeConfig,
    pub(super) repository: RepositoryConfig,
}

/// Reads the section; the bounds that the place keeps to are set in `limits`.
pub(super) fn read(section: &Section<'_>, limits: &mut Limits) -> Code {
    let bytes = |key: &str, default: u64| {
        let read = |text: &str| match parse_amount(&Resource::memory(), text) {
            Ok(0) => Err("must be more than nothing".to_owned()),
            Ok(bytes) => Ok(bytes),
            Err(error) => Err(error.to_string()),
        };
        section.amount(key, "1 GiB", read).unwrap_or(default)
    };
    limits.repository = bytes("repository", limits.repository);
    limits.component = bytes("greatest-component", limits.component);
    limits.downloads = section.count("downloads", limits.downloads, 100_000);
    limits.holdings = section.count("holdings", limits.holdings, 100_000_000);
    if limits.component > limits.repository {
        section.problem(
            "greatest-component",
            "must not be more than `repository`, which holds it",
        );
    }
    let d = RepositoryConfig::default();
    let repository = RepositoryConfig {
        rate: section.amount("rate", "50 Mbit/s", rate),
        stall: section.duration("stall", d.stall),
        least_rate: section
            .amount("least-rate", "64 kbit/s", parse_bandwidth)
            .unwrap_or(d.least_rate),
        serve: section.count("serve", d.serve, 100_000),
        serve_per_neighbour: section.count("serve-per-neighbour", d.serve_per_neighbour, 100_000),
        reader_stall: section.duration("reader-stall", d.reader_stall),
        parts: bytes("parts", d.parts),
        parts_age: section.duration("parts-age", d.parts_age),
    };
    for (key, time) in [
        ("stall", repository.stall),
        ("reader-stall", repository.reader_stall),
    ] {
        if time < Duration::from_millis(100) || time > Duration::from_secs(3600) {
            section.problem(key, "must be from \"100 ms\" to \"1 h\"");
        }
    }
    let strategies = DownloadStrategy::ALL;
    let place = CodeConfig {
        // What the build can run is not the operator's to say.
        runtimes: waybook_wasm::WORLDS.map(str::to_owned).to_vec(),
        capabilities: section.texts("capabilities", "gpu"),
        trust: Trust {
            publishers: publishers(section),
            unsigned: section.flag("unsigned", false),
        },
        strategy: section.choice("strategy", DownloadStrategy::default(), &strategies),
    };
    Code { place, repository }
}

fn rate(text: &str) -> Result<u64, String> {
    match parse_bandwidth(text) {
        Ok(rate) if rate >= SLOWEST => Ok(rate),
        Ok(_) => Err(format!(
            "`{text}` must be 64 kbit/s at least, or left out for no limit"
        )),
        Err(error) => Err(error.to_string()),
    }
}

/// Public keys, as `ed25519:` and 64 hexadecimal digits.
fn publishers(section: &Section<'_>) -> Vec<[u8; 32]> {
    let example = format!("ed25519:{}", "0a".repeat(32));
    let mut keys = Vec::new();
    for text in section.texts("trust", &example) {
        let digits = text.strip_prefix("ed25519:");
        match digits.and_then(crate::files::unhex) {
            Some(key) => keys.push(key),
            None => section.problem(
                "trust",
                format!("`{text}` must be a public key: `ed25519:` and 64 hexadecimal digits"),
            ),
        }
    }
    keys
}
